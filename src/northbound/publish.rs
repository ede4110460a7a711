//! Alarms and cases on a broker: every change as the very CloudEvent that a webhook gets, published at QoS 1.
//!
//! The journal on disk is the queue (see [`follow`](super::follow)): alarm changes and the case desk's notes (`case_*`) each with
//! a cursor of their own, alarms first. One message at a time is on its way; it counts as sent when the broker acknowledges
//! it within [`TAKEN_WITHIN`]. Otherwise the connection is dropped, and it is sent again on a new one after a pause that grows:
//! at least once, in order per stream; `source` + `id` name an event for ever.
//!
//! Bounds: [`BEHIND_MAX`] alarm changes and [`NOTES_BEHIND_MAX`] notes; older ones are passed over, logged and entered as dead
//! letters, as is one larger than a message may be. Reads the journal only: no alarm ever waits for a broker.
//!
//! How a broker is reached is a port, [`Broker`]; the composition root implements it with the client of the `mqtt` lines.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::model::case::KEY_PREFIX;
use crate::model::far::{FarEnd, FarKind};
use crate::model::id::Id;
use crate::model::journal::Stream;
use crate::model::stored::JournalRow;
use crate::model::text::Text;
use crate::northbound::backoff::{Backoff, Trouble};
use crate::northbound::follow::Follow;
use crate::northbound::sender::{SenderParts, Tally};
use crate::northbound::{Identity, Outbox, events};

/// Deadline of one message, from sending to the broker's acknowledgement.
pub const TAKEN_WITHIN: Duration = Duration::from_secs(5);
/// Alarm changes that may wait.
pub const BEHIND_MAX: u64 = 1_000;
/// Notes that may wait; most are none of a case and cost nothing.
pub const NOTES_BEHIND_MAX: u64 = 20_000;
/// The journal is looked at again after this, also when nobody says that it grew.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// A checked `[publish.*]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishConfig {
    /// Its id.
    pub id: Id,
    /// `mqtt://host:port` or `mqtts://host:port`.
    pub url: String,
    /// Name of the credential `user:password`.
    pub credential: Option<String>,
    /// Name of the credential with the CA certificate (PEM).
    pub ca: Option<String>,
    /// Client id; made from the gateway's id otherwise.
    pub client_id: Option<String>,
    /// The topic of every message.
    pub topic: String,
    /// What is published.
    pub what: What,
}

/// What is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum What {
    /// Every change of an alarm, and of a case.
    #[default]
    All,
    /// Cases and their alarms only.
    Cases,
}

/// A connection on its way.
pub type Connecting = Pin<Box<dyn Future<Output = Result<Box<dyn Connection>, Text>> + Send>>;
/// The next sign of a broker: `true` acknowledges the message on its way.
pub type Hearing<'a> = Pin<Box<dyn Future<Output = Result<bool, Text>> + Send + 'a>>;

/// Where to publish.
pub trait Broker: Send + Sync + fmt::Debug {
    /// Connects within a deadline of its own; an error is in words, without secrets.
    fn connect(&self) -> Connecting;
}

/// An open connection.
pub trait Connection: Send {
    /// Hands a message over, QoS 1. An error says why it can never go.
    fn send(&mut self, topic: &str, payload: Vec<u8>) -> Result<(), String>;

    /// To be awaited all the time; dropping the future loses nothing. An error is the connection's end.
    fn heard(&mut self) -> Hearing<'_>;
}

/// The task of one `[publish.*]`.
#[derive(Debug)]
pub struct Publisher {
    name: String,
    topic: String,
    what: What,
    broker: Arc<dyn Broker>,
    identity: Identity,
    outbox: Arc<dyn Outbox>,
    follows: [Follow; 2],
    tally: Tally,
    stop: CancellationToken,
}

impl Publisher {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new(config: &PublishConfig, broker: Arc<dyn Broker>, parts: SenderParts) -> Self {
        let name = FarEnd::new(FarKind::Publish, &config.id).to_string();
        let tally = Tally::new(&parts);
        let SenderParts { identity, outbox, stop, .. } = parts;
        let alarms = Follow::new(&name, Stream::Alarm, BEHIND_MAX, Arc::clone(&outbox));
        let notes = Follow::new(&name, Stream::Event, NOTES_BEHIND_MAX, Arc::clone(&outbox));
        let (topic, what) = (config.topic.clone(), config.what);
        Self { name, topic, what, broker, identity, outbox, follows: [alarms, notes], tally, stop }
    }

    /// Runs until stopped.
    pub async fn run(self) {
        let (mut backoff, mut told) = (Backoff::default(), None);
        loop {
            let ended = tokio::select! {
                ended = self.connected(&mut backoff) => ended,
                () = self.stop.cancelled() => return,
            };
            // The same trouble again and again is one message.
            if told.as_ref() != Some(&ended) {
                tracing::warn!(sender = self.name, why = &*ended.en, "the broker for alarms is lost; trying again");
            }
            let pause = backoff.next(Trouble::Offline { local: false }, fastrand::f64());
            self.tally.failed(false, ended.clone(), backoff.failures(), pause);
            told = Some(ended);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One connection, to its end; says why it ended.
    async fn connected(&self, backoff: &mut Backoff) -> Text {
        // From here on nothing is overlooked; before the first connection the cursor must stand.
        let mut heads = self.outbox.watch();
        for follow in &self.follows {
            match follow.waiting().await {
                Ok((cursor, rows)) => self.tally.looked(follow.stream(), cursor, rows.first()),
                Err(why) => return why,
            }
        }
        let mut link = match self.broker.connect().await {
            Ok(link) => link,
            Err(why) => return why,
        };
        loop {
            heads.borrow_and_update();
            if let Err(why) = self.drain(link.as_mut(), backoff).await {
                return why;
            }
            self.tally.idle(true);
            let idle = async {
                loop {
                    if let Err(why) = link.heard().await {
                        break why;
                    }
                }
            };
            tokio::select! {
                why = idle => return why,
                changed = heads.changed() => if changed.is_err() { return Text::same("the journal has ended") },
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Sends what waits, alarms first.
    async fn drain(&self, link: &mut dyn Connection, backoff: &mut Backoff) -> Result<(), Text> {
        loop {
            let mut sent = false;
            for follow in &self.follows {
                let (cursor, rows) = follow.waiting().await?;
                self.tally.looked(follow.stream(), cursor, rows.first());
                let Some(last) = rows.last() else { continue };
                for row in rows.iter().filter(|row| wanted(self.what, row)) {
                    self.send(link, follow, row).await?;
                    backoff.reset();
                    follow.done(row).await?;
                }
                if !wanted(self.what, last) {
                    follow.done(last).await?;
                }
                sent = true;
                // What came meanwhile may be an alarm.
                break;
            }
            if !sent {
                return Ok(());
            }
        }
    }

    async fn send(&self, link: &mut dyn Connection, follow: &Follow, row: &JournalRow) -> Result<(), Text> {
        let payload = events::encode_one(&self.identity, row);
        if let Err(why) = link.send(&self.topic, payload) {
            tracing::error!(sender = self.name, seq = row.seq, why, "an event cannot be published and is passed over");
            self.tally.given_up(row.stream);
            return follow.give_up(row, why).await;
        }
        let taken = async {
            while !link.heard().await? {}
            Ok::<_, Text>(())
        };
        let s = TAKEN_WITHIN.as_secs();
        let late = |_| Text::new(&format!("{s} 秒内没有确认"), &format!("no acknowledgement within {s} s"));
        timeout(TAKEN_WITHIN, taken).await.map_err(late)??;
        self.tally.taken(row);
        Ok(())
    }
}

/// Whether a row is to be published.
fn wanted(what: What, row: &JournalRow) -> bool {
    let Some((kind, subject)) = events::head(row) else { return false };
    match row.stream {
        Stream::Alarm => what == What::All || subject.replacen('/', ".", 1).starts_with(KEY_PREFIX),
        _ => kind.starts_with("case_"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::journal::Epoch;
    use crate::model::time::BootMs;

    #[test]
    fn cases_and_their_alarms_are_wanted_always_and_other_alarms_on_request() {
        let check = |stream, body: &str, all: bool, cases: bool| {
            let body = body.to_owned();
            let row = JournalRow { stream, epoch: Epoch(1), seq: 1, boot: 1, at: BootMs(0), wall_ms: 0, body };
            assert_eq!((wanted(What::All, &row), wanted(What::Cases, &row)), (all, cases), "{}", row.body);
        };
        let alarm = |key: &str| format!(r#"{{"change":"raised","alarm":{{"key":"{key}"}}}}"#);
        check(Stream::Alarm, &alarm("case.17"), true, true);
        check(Stream::Alarm, &alarm("b3_pump_1.dry_run"), true, false);
        check(Stream::Alarm, &alarm("casein_tank.level"), true, false);
        check(Stream::Alarm, "not json", false, false);
        check(Stream::Event, r#"{"kind":"case_confirmed","subject":"case.17"}"#, true, true);
        check(Stream::Event, r#"{"kind":"link_down","subject":"rs485_1"}"#, false, false);
    }
}
