//! The client of a camera's endless event stream: one connection, parts as they come, back again when it breaks.
//!
//! Which path, and which parts are only signs of life, the vision profile says. An event goes to the desk at once, unless it
//! announces pictures as parts of their own: then they are waited for, at most [`PICTURES_WITHIN`].
//!
//! Nothing can be asked for again here. So an event that the desk does not take is offered until it does, and the stream is
//! not read meanwhile: the camera feels a slow network. A part that cannot be read is told and passed over; a stream that is
//! no multipart, or whose parts are beyond all caps, is closed and opened anew. Without a byte for the configured silence
//! it counts as dead. Limit: an event that is on its way when gatehouse stops is lost unless the camera tells it again.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, Url};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::host::{CameraHost, HostError, HostParts, Miss, words};
use super::limits::{OFFER_AGAIN, PICTURE_BYTES_MAX, PICTURES_WITHIN};
use super::multipart::{Multipart, Part};
use super::outlet::{Door, Draft, Outlet, Verdict};
use super::{StreamConfig, Way};
use crate::model::link::LinkState;
use crate::model::sight::Footage;
use crate::model::text::Text;
use crate::southbound::mqtt::Login;
use crate::southbound::mqtt::backoff::Backoff;

/// A body without declared length that has paused for so long is looked at whether it is complete.
const RIPE_AFTER: Duration = Duration::from_millis(300);
/// The answer's head must be there within this; after it the silence counts.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// A stream that lasted this long was a good one: the pause before the next is short again.
const GOOD_AFTER: Duration = Duration::from_secs(30);

/// The client of one camera.
#[derive(Debug)]
pub struct StreamClient {
    outlet: Arc<Outlet>,
    door: Arc<Door>,
    host: CameraHost,
    url: Url,
    silence: Duration,
    from: String,
    stop: CancellationToken,
}

impl StreamClient {
    /// For a camera whose way is a stream; `None` for any other.
    pub fn new(
        outlet: &Arc<Outlet>,
        camera: &str,
        (login, ca): (Option<&Login>, Option<&[u8]>),
        stop: CancellationToken,
    ) -> Result<Option<Self>, HostError> {
        let Some(door) = outlet.door(camera) else { return Ok(None) };
        let Way::Stream(StreamConfig { url, silence, .. }) = &door.source.way else { return Ok(None) };
        let host = CameraHost::new(HostParts { urls: std::slice::from_ref(url), login, ca })?;
        let base = host.urls.first().ok_or_else(|| HostError::Address(url.clone()))?;
        let written = base.path() != "/" || base.query().is_some();
        let path = door.source.profile.stream.as_ref().map(|stream| stream.path.as_str()).filter(|_| !written);
        let full = path.map_or_else(|| Ok(base.clone()), |path| base.join(path));
        // A profile must not lead elsewhere either.
        let full = full.ok().filter(|full| full.origin() == base.origin());
        let full = full.ok_or_else(|| HostError::Address(format!("{url}{}", path.unwrap_or_default())))?;
        let from = full.authority().to_owned();
        Ok(Some(Self {
            outlet: Arc::clone(outlet),
            door: Arc::clone(door),
            host,
            url: full,
            silence: *silence,
            from,
            stop,
        }))
    }

    /// Reads until told to stop.
    pub async fn run(self) {
        let mut backoff = Backoff::default();
        let mut told: Option<Text> = None;
        loop {
            let started = Instant::now();
            let why = tokio::select! {
                why = self.once(&mut told) => why,
                () = self.stop.cancelled() => return,
            };
            if started.elapsed() >= GOOD_AFTER {
                backoff.worked();
            }
            // The same trouble again and again is one message.
            if told.as_ref() != Some(&why) {
                tracing::warn!(camera = %self.door.source.camera, why = &*why.en, "the event stream of a camera is down");
                self.outlet.link(&self.door, LinkState::Down, why.clone()).await;
                told = Some(why);
            }
            tokio::select! {
                () = sleep(backoff.pause(fastrand::f64())) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// One connection, to its end; says why it ended.
    async fn once(&self, told: &mut Option<Text>) -> Text {
        let response = match tokio::time::timeout(ANSWER_WITHIN, self.host.get(&self.url)).await {
            Err(_) => {
                let s = ANSWER_WITHIN.as_secs();
                return Text::new(&format!("{s} 秒内没有应答"), &format!("no answer within {s} s"));
            }
            Ok(Err(Miss::Credential(status))) => {
                return Text::new(
                    &format!("摄像机拒绝用户名或密码（{status}），请改正凭据和摄像机上的用户"),
                    &format!("the camera refuses the credential ({status}): correct it and the camera's user"),
                );
            }
            Ok(Err(Miss::Status(status))) => {
                return Text::new(
                    &format!("摄像机应答 {status}，请检查视觉模板是否选对"),
                    &format!("the camera answers {status}: is the profile the right one?"),
                );
            }
            Ok(Err(Miss::Link(why))) => return why,
            Ok(Ok(response)) => response,
        };
        let kind = response.headers().get(CONTENT_TYPE).and_then(|line| line.to_str().ok()).unwrap_or_default();
        let Some(multipart) = Multipart::new(kind, PICTURE_BYTES_MAX) else {
            return Text::new(
                "摄像机的应答不是事件流，请检查视觉模板是否选对",
                "the camera's answer is no event stream: is the profile the right one?",
            );
        };
        *told = None;
        self.outlet.link(&self.door, LinkState::Up, Text::new("事件流已打开", "the event stream is open")).await;
        Reading { client: self, response, multipart, waiting: None }.run().await
    }
}

/// An open stream.
struct Reading<'a> {
    client: &'a StreamClient,
    response: Response,
    multipart: Multipart,
    /// An event whose pictures are on their way, how many are missing, and until when they are waited for.
    waiting: Option<(Draft, usize, Instant)>,
}

impl Reading<'_> {
    async fn run(mut self) -> Text {
        let end = self.read().await;
        if let Some((draft, ..)) = self.waiting.take() {
            self.client.offer(draft).await;
        }
        end
    }

    async fn read(&mut self) -> Text {
        let (mut heard, mut asked) = (Instant::now(), false);
        loop {
            let silent = heard + self.client.silence;
            let pictures = self.waiting.as_ref().map_or(silent, |(_, _, by)| *by);
            let ripe = if self.multipart.may_ripen() && !asked { heard + RIPE_AFTER } else { silent };
            let by = silent.min(pictures).min(ripe);
            match timeout_at(by, self.response.chunk()).await {
                Ok(Ok(Some(piece))) => {
                    (heard, asked) = (Instant::now(), false);
                    self.multipart.feed(&piece);
                }
                Ok(Ok(None)) => return Text::new("摄像机关闭了事件流", "the camera closed the event stream"),
                Ok(Err(error)) => return words(&error),
                Err(_) if Instant::now() >= silent => {
                    let s = self.client.silence.as_secs();
                    return Text::new(&format!("{s} 秒没有任何数据"), &format!("nothing heard for {s} s"));
                }
                Err(_) => {
                    if Instant::now() >= ripe {
                        asked = true;
                        if let Some(part) = self.multipart.ripe() {
                            self.part(part).await;
                        }
                    }
                    if self.waiting.as_ref().is_some_and(|(_, _, by)| Instant::now() >= *by) {
                        self.send().await;
                    }
                    continue;
                }
            }
            loop {
                match self.multipart.take_part() {
                    Ok(Some(part)) => self.part(part).await,
                    Ok(None) => break,
                    Err(fault) => {
                        self.client.outlet.refuse(&self.client.door, &fault, b"", &self.client.from);
                        let zh = format!("事件流无法解析（{}）：{fault}", fault.why.text().zh);
                        return Text::new(&zh, &format!("the event stream cannot be read: {fault}"));
                    }
                }
            }
            if self.multipart.is_over() {
                return Text::new("摄像机结束了事件流", "the camera ended the event stream");
            }
        }
    }

    async fn part(&mut self, part: Part) {
        if part.media_type.starts_with("image/") {
            return self.picture(part).await;
        }
        // Whatever pictures were announced: they do not come after the next event.
        self.send().await;
        let StreamClient { outlet, door, from, .. } = self.client;
        let text = part.body.trim_ascii();
        let heartbeats = door.source.profile.stream.iter().flat_map(|stream| &stream.heartbeats);
        if text.is_empty() || heartbeats.into_iter().any(|beat| text.starts_with(beat.as_bytes())) {
            door.gate().hear(outlet.now());
            return;
        }
        // A refusal has been told by the outlet.
        if let Ok(draft) = outlet.draft(door, &part.body, from) {
            let follow = draft.follow;
            self.waiting = Some((draft, follow, Instant::now() + PICTURES_WITHIN));
            if follow == 0 {
                self.send().await;
            }
        }
    }

    async fn picture(&mut self, part: Part) {
        let Some((draft, missing, _)) = &mut self.waiting else {
            self.client.door.gate().counts_mut().pictures_dropped += 1;
            return;
        };
        let footage = Footage::Inline { media_type: part.media_type, bytes: Arc::from(part.body.as_ref()) };
        if !draft.add(footage) {
            self.client.door.gate().counts_mut().pictures_dropped += 1;
        }
        *missing = missing.saturating_sub(1);
        if *missing == 0 {
            self.send().await;
        }
    }

    async fn send(&mut self) {
        if let Some((draft, ..)) = self.waiting.take() {
            self.client.offer(draft).await;
        }
    }
}

impl StreamClient {
    /// Offers an event until the desk has it.
    async fn offer(&self, draft: Draft) {
        while self.outlet.deliver(&self.door, draft.clone()).await == Verdict::Busy {
            tracing::warn!(camera = %self.door.source.camera, "the case desk does not take an event; offered again");
            sleep(OFFER_AGAIN).await;
        }
    }
}
