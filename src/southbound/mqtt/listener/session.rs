//! The protocol of one authenticated client: what it says, what we answer, what goes to the pipeline. No socket, no
//! waiting; time is an argument.
//!
//! QoS 2 (v3.1.1 only; v5 clients are told that 1 is the most): PUBREC after the commit, then the packet id is kept until
//! PUBREL so that a repetition is not a second message. Sessions are not kept across connections, as "session present =
//! 0" says; a repetition on a new connection is recognised by the router for a while.
//!
//! A v3.1.1 client that publishes outside its topics is disconnected (3.3.5: there is no other "no"); a v5 client gets
//! "not authorised" for QoS 1 and is disconnected for QoS 0.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::mpsc;

use super::Shared;
use super::door::Seated;
use super::packet::{Fault, Granted, Message, Received, Reply, Taken, Version, write};
use crate::model::link::LinkChange;
use crate::model::reading::{Receipt, Scan};
use crate::southbound::mqtt::annex::Annex;
use crate::southbound::mqtt::limits::{INFLIGHT_MAX, PAYLOAD_BYTES_MAX, RELEASE_MAX};
use crate::southbound::mqtt::route::{Incoming, Key, Outcome, Router};
use crate::southbound::mqtt::topic;
use crate::southbound::mqtt::unacked::{Unacked, attach};

/// What a receipt tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    serial: u64,
    stored: bool,
}

#[derive(Debug)]
struct Open {
    id: u16,
    qos: u8,
    taken: Taken,
    keys: Vec<Key>,
}

/// What to do after a packet.
#[derive(Debug)]
pub(super) enum Step {
    /// Read on, after handing these over.
    On { links: Vec<LinkChange>, scans: Vec<Scan> },
    /// Above the device's rate: the same message again after so long, and nothing else before.
    Hold(Message, Duration),
    /// The client says good-bye; v5 clients may ask for their will.
    Goodbye { will: bool },
}

impl Step {
    fn on() -> Self {
        Self::On { links: Vec::new(), scans: Vec::new() }
    }
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Session {
    version: Version,
    unacked: Unacked<Open>,
    /// QoS 2 ids between PUBREC and PUBREL.
    release: BTreeSet<u16>,
    tell: mpsc::Sender<Told>,
}

impl Session {
    /// A session and the receipts that will come for it.
    pub(super) fn new(version: Version) -> (Self, mpsc::Receiver<Told>) {
        // One receipt per unacknowledged message.
        let (tell, told) = mpsc::channel(usize::from(INFLIGHT_MAX));
        (Self { version, unacked: Unacked::default(), release: BTreeSet::new(), tell }, told)
    }

    /// Enough is under way: read no more until something is on disk.
    pub(super) fn is_full(&self) -> bool {
        self.unacked.len() >= usize::from(INFLIGHT_MAX)
    }

    /// Takes a packet; answers are appended to `out`.
    pub(super) fn take(
        &mut self,
        received: Received,
        seat: &Seated,
        shared: &Shared,
        out: &mut BytesMut,
    ) -> Result<Step, Fault> {
        match received {
            Received::Publish(message) => return self.publish(message, seat, shared, out),
            Received::Release(id) => {
                let known = self.release.remove(&id);
                write(self.version, Reply::Complete(id, known), out);
            }
            Received::Subscribe { id, filters } => {
                let granted = filters.into_iter().map(|filter| grant(filter, seat, shared)).collect();
                write(self.version, Reply::SubAck(id, granted), out);
            }
            Received::Unsubscribe { id, filters } => {
                let known = filters.iter().map(|filter| seat.unsubscribe(filter)).collect();
                write(self.version, Reply::UnsubAck(id, known), out);
            }
            Received::Ping => write(self.version, Reply::Pong, out),
            Received::Goodbye { will } => return Ok(Step::Goodbye { will }),
        }
        Ok(Step::on())
    }

    fn publish(&mut self, message: Message, seat: &Seated, shared: &Shared, out: &mut BytesMut) -> Result<Step, Fault> {
        if !topic::is_name(&message.topic) {
            return Err(Fault::Topic);
        }
        if message.payload.len() > PAYLOAD_BYTES_MAX {
            return Err(Fault::TooLarge);
        }
        if message.qos == 2 && self.version == Version::V5 {
            return Err(Fault::Qos);
        }
        if !shared.access.may_publish(seat.who(), &message.topic) {
            shared.count_foreign(&message.topic);
            if self.version == Version::V4 || message.qos == 0 {
                return Err(Fault::NotAllowed);
            }
            self.unacked.push(Open { id: message.id, qos: 1, taken: Taken::NotAllowed, keys: Vec::new() }, true);
            self.acknowledge(out)?;
            return Ok(Step::on());
        }
        if message.qos > 0 && self.unacked.iter().any(|open| open.id == message.id) {
            // Sent again while the first copy is on its way to the disk: one answer will do for both.
            return Ok(Step::on());
        }
        if message.qos == 2 && self.release.contains(&message.id) {
            write(self.version, Reply::Received(message.id), out);
            return Ok(Step::on());
        }
        match shared.annex.as_ref().and_then(|annex| Some((annex, annex.owner(&message.topic)?))) {
            Some((annex, owner)) => {
                self.post(message, annex, owner);
                Ok(Step::on())
            }
            None => self.route(message, seat, shared, out),
        }
    }

    /// Not a device's: handed on, and acknowledged when its receipt comes.
    fn post(&mut self, message: Message, annex: &Annex, owner: Arc<str>) {
        if message.qos == 0 {
            return annex.post(owner, message.payload, Receipt::new(|_| ()));
        }
        let (serial, tell) = (self.unacked.next_serial(), self.tell.clone());
        let receipt = Receipt::new(move |stored| {
            if tell.try_send(Told { serial, stored }).is_err() {
                tracing::debug!("a receipt came after its connection had ended");
            }
        });
        let open = Open { id: message.id, qos: message.qos, taken: Taken::Stored, keys: Vec::new() };
        self.unacked.push(open, false);
        annex.post(owner, message.payload, receipt);
    }

    fn route(&mut self, message: Message, seat: &Seated, shared: &Shared, out: &mut BytesMut) -> Result<Step, Fault> {
        let now = shared.outlet.clock.boot();
        let mut router = shared.router.lock().unwrap_or_else(PoisonError::into_inner);
        let wait_ms = if message.qos > 0 { router.wait_ms(&message.topic, now) } else { 0 };
        if wait_ms > 0 {
            return Ok(Step::Hold(message, Duration::from_millis(wait_ms)));
        }
        let incoming = Incoming {
            topic: &message.topic,
            payload: &message.payload,
            // A client that publishes with the retain flag speaks now; only a broker's stock is old.
            retained: false,
            packet_id: (message.qos > 0).then_some(message.id),
            dup: message.dup,
            will: false,
            source: seat.number,
        };
        let mut routed = router.route(&incoming, now);
        drop(router);
        if message.qos > 0 {
            let serial = self.unacked.next_serial();
            let taken = if routed.outcome == Outcome::Unmatched { Taken::Nobodys } else { Taken::Stored };
            let keys = std::mem::take(&mut routed.keys);
            let open = Open { id: message.id, qos: message.qos, taken, keys };
            self.unacked.push(open, routed.scans.is_empty());
            if !routed.scans.is_empty() {
                let tell = self.tell.clone();
                attach(&mut routed.scans, move |stored| {
                    if tell.try_send(Told { serial, stored }).is_err() {
                        tracing::debug!("a receipt came after its connection had ended");
                    }
                });
            }
            self.acknowledge(out)?;
        }
        Ok(Step::On { links: routed.links, scans: routed.scans })
    }

    /// A receipt came.
    pub(super) fn settle(&mut self, told: Told, out: &mut BytesMut) -> Result<(), Fault> {
        if !told.stored {
            return Err(Fault::NotStored);
        }
        self.unacked.settle(told.serial);
        self.acknowledge(out)
    }

    fn acknowledge(&mut self, out: &mut BytesMut) -> Result<(), Fault> {
        while let Some(open) = self.unacked.pop() {
            if open.qos == 2 {
                if self.release.len() >= RELEASE_MAX {
                    return Err(Fault::TooManyOpen);
                }
                self.release.insert(open.id);
                write(self.version, Reply::Received(open.id), out);
            } else {
                write(self.version, Reply::Ack(open.id, open.taken), out);
            }
        }
        Ok(())
    }

    /// The connection is over: what is not on disk is new when it comes again.
    pub(super) fn abandon(&mut self, router: &mut Router) {
        for open in self.unacked.abandon() {
            router.forget(&open.keys);
        }
    }
}

fn grant(filter: String, seat: &Seated, shared: &Shared) -> Granted {
    if !topic::is_filter(&filter) {
        return Granted::Invalid;
    }
    if !shared.access.may_subscribe(seat.who(), &filter) {
        shared.count_foreign(&filter);
        return Granted::NotAllowed;
    }
    if seat.subscribe(filter) { Granted::Yes } else { Granted::TooMany }
}
