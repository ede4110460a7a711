//! A plain webhook: every change of an alarm as one CloudEvent, posted as soon as it is on disk.
//!
//! The journal on disk is its queue and the cursor `webhook.<id>` its place in it, so nothing is lost over a restart or
//! while the far end is away. Each event goes alone, in order, within [`POST_WITHIN`]; what fails is tried again with growing
//! pauses. Any 2xx confirms. How it does is in its [`SyncStatus`](super::SyncStatus), as an upstream's is.
//!
//! Bounds: at most [`BEHIND_MAX`] events behind; older ones are passed over, logged and entered as dead letters, as is one
//! that the far end refuses for good (4xx other than 401, 403, 404, 408, 429) after [`REFUSALS_MAX`] tries. Begins with what
//! happens after it was configured, not with the past.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use tokio_util::sync::CancellationToken;

use crate::model::far::{FarEnd, FarKind};
use crate::model::id::Id;
use crate::model::journal::Stream;
use crate::model::stored::JournalRow;
use crate::model::text::{Text, io_zh};
use crate::northbound::backoff::{Backoff, Trouble};
use crate::northbound::follow::Follow;
use crate::northbound::sender::{SenderParts, Tally};
use crate::northbound::{Identity, Outbox, UpstreamError, events};

/// Deadline of one post, connection included.
pub const POST_WITHIN: Duration = Duration::from_secs(5);
/// Events that may wait; a chat robot that was away for a day must not be flooded.
pub const BEHIND_MAX: u64 = 1_000;
/// Tries of an event that the far end refuses.
const REFUSALS_MAX: u32 = 3;
/// The journal is looked at again after this, also when nobody says that it grew.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// A checked webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Its id.
    pub id: Id,
    /// Where to post.
    pub url: String,
    /// Name of the credential sent as bearer token.
    pub credential: Option<String>,
}

/// The task of one webhook.
#[derive(Debug)]
pub struct Webhook {
    name: String,
    url: reqwest::Url,
    client: reqwest::Client,
    identity: Identity,
    outbox: Arc<dyn Outbox>,
    follow: Follow,
    tally: Tally,
    stop: CancellationToken,
}

/// How a post went.
enum Answer {
    Taken,
    Refused(u16),
    Later(Trouble, Text),
}

impl Webhook {
    /// Builds the client; nothing is sent yet.
    pub fn new(config: &WebhookConfig, token: Option<&str>, parts: SenderParts) -> Result<Self, UpstreamError> {
        let id = || config.id.as_str().to_owned();
        let bad_url = || UpstreamError::Url { id: id(), url: config.url.clone() };
        let url = reqwest::Url::parse(&config.url).map_err(|_| bad_url())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(bad_url());
        }
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.trim()));
            let mut value = value.map_err(|_| UpstreamError::Token { id: id() })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("gatehouse/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(POST_WITHIN)
            .timeout(POST_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy();
        if url.scheme() == "http" {
            // Plain HTTP needs no roots.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|source| UpstreamError::Client { id: id(), source })?;
        let name = FarEnd::new(FarKind::Webhook, &config.id).to_string();
        let tally = Tally::new(&parts);
        let SenderParts { identity, outbox, stop, .. } = parts;
        let follow = Follow::new(&name, Stream::Alarm, BEHIND_MAX, Arc::clone(&outbox));
        Ok(Self { name, url, client, identity, outbox, follow, tally, stop })
    }

    /// Runs until stopped.
    pub async fn run(self) {
        let mut heads = self.outbox.watch();
        let (mut backoff, mut refusals) = (Backoff::default(), 0);
        loop {
            let pause = match self.round(&mut backoff, &mut refusals).await {
                Ok(()) => LOOK_EVERY,
                Err((trouble, why)) => {
                    tracing::warn!(webhook = self.name, why = &*why.en, "an alarm could not be posted; trying again");
                    let pause = backoff.next(trouble, fastrand::f64());
                    self.tally.failed(trouble == Trouble::Refused, why, backoff.failures(), pause);
                    pause
                }
            };
            let rested = pause < LOOK_EVERY;
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
                changed = heads.changed(), if !rested => if changed.is_err() { return },
            }
        }
    }

    /// Sends what waits.
    async fn round(&self, backoff: &mut Backoff, refusals: &mut u32) -> Result<(), (Trouble, Text)> {
        loop {
            let later = |why| (Trouble::Busy { retry_after: None }, why);
            let (cursor, rows) = self.follow.waiting().await.map_err(later)?;
            self.tally.looked(self.follow.stream(), cursor, rows.first());
            if rows.is_empty() {
                self.tally.idle(false);
                return Ok(());
            }
            for row in rows {
                match self.post(&row).await {
                    Answer::Taken => self.tally.taken(&row),
                    Answer::Refused(status) if *refusals + 1 >= REFUSALS_MAX => {
                        self.follow.give_up(&row, format!("answered {status}")).await.map_err(later)?;
                        self.tally.given_up(row.stream);
                    }
                    Answer::Refused(status) => {
                        *refusals += 1;
                        return Err(later(answered(status)));
                    }
                    Answer::Later(trouble, why) => return Err((trouble, why)),
                }
                (*refusals, *backoff) = (0, Backoff::default());
                self.follow.done(&row).await.map_err(later)?;
            }
        }
    }

    async fn post(&self, row: &JournalRow) -> Answer {
        let body = events::encode_one(&self.identity, row);
        let key = format!("{}:{}:{}", row.stream.word(), row.epoch, row.seq);
        let sent = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/cloudevents+json; charset=utf-8")
            .header(HeaderName::from_static("idempotency-key"), key)
            .body(body)
            .send()
            .await;
        match sent {
            Ok(reply) if reply.status().is_success() => Answer::Taken,
            Ok(reply) => match reply.status().as_u16() {
                status @ (401 | 403 | 404) => Answer::Later(Trouble::Refused, answered(status)),
                status @ 400..=499 if !matches!(status, 408 | 429) => Answer::Refused(status),
                status => Answer::Later(Trouble::Busy { retry_after: None }, answered(status)),
            },
            Err(error) => Answer::Later(Trouble::Offline { local: false }, words(&error)),
        }
    }
}

/// An answer that takes nothing.
fn answered(status: u16) -> Text {
    let (zh, en) = match status {
        401 | 403 => ("，请检查凭据", ", check its credential"),
        404 => ("，请检查网址", ", check the url"),
        _ => ("", ""),
    };
    Text::new(&format!("对端应答 HTTP {status}{zh}"), &format!("the far end answers HTTP {status}{en}"))
}

/// What went wrong, without the address, which may carry a secret.
fn words(error: &reqwest::Error) -> Text {
    let mut root: &dyn std::error::Error = error;
    while let Some(deeper) = root.source() {
        root = deeper;
    }
    if error.is_timeout() {
        let s = POST_WITHIN.as_secs();
        return Text::new(&format!("{s} 秒内没有应答"), &format!("no answer within {s} s"));
    }
    let zh = root.downcast_ref().map_or_else(|| root.to_string(), io_zh);
    Text::new(&zh, &root.to_string())
}
