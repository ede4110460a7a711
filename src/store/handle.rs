//! The writing end: what other parts may ask of the writer thread, and how they wait for it.
//!
//! Two bounded lanes lead to the writer. The *urgent* lane (journal entries, cursors, control) is served before the *bulk*
//! lane (readings), so an alarm never waits behind telemetry. Policy when a lane is full: the sender waits
//! (back-pressure); the writer itself drops the oldest readings, counted and declared as a gap, when the disk fails.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::model::alarm::AlarmEvent;
use crate::model::case::CaseWrite;
use crate::model::health::HealthWrite;
use crate::model::journal::{Cursor, Gap, Note, Stream};
use crate::model::reading::{Reading, Receipt};
use crate::model::stored::{Heads, StoreError, StoreStatus};
use crate::store::learned;
use crate::store::shared::Shared;

/// Entries waiting in the urgent lane before senders wait.
pub(crate) const URGENT_MAX: usize = 64;
/// Appends waiting in the bulk lane before senders wait.
pub(crate) const BULK_MAX: usize = 64;

/// Readings on their way to the log.
#[derive(Debug, Default)]
pub(crate) struct Append {
    pub(crate) readings: Vec<Reading>,
    pub(crate) receipts: Vec<Receipt>,
}

/// Answer slot of an urgent command.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// What the urgent lane carries.
#[derive(Debug)]
pub(crate) enum Urgent {
    Alarm(Box<AlarmEvent>, Reply<Result<u64, StoreError>>),
    Note(Note, Reply<Result<u64, StoreError>>),
    Confirm {
        upstream: String,
        stream: Stream,
        cursor: Cursor,
        reply: Reply<Result<(), StoreError>>,
    },
    Learn {
        device: String,
        points: Vec<String>,
        reply: Reply<Result<(), StoreError>>,
    },
    /// Health records and entries.
    Health(Box<HealthWrite>, Reply<Result<(), StoreError>>),
    Upstreams(Vec<String>),
    /// A reader found rows that cannot be read: to be declared.
    BadRows(Gap),
    /// A reader found a file of the outbox that cannot be read: to be put aside.
    BadSegment {
        no: u64,
        why: String,
    },
    /// A reader or the historian found a day of the history that cannot be read: to be put aside.
    BadDay {
        day: i64,
        why: String,
    },
    /// A reader found `state.db` damaged.
    BadState(String),
    Cases(Box<CaseWrite>, Reply<Result<(), StoreError>>),
    /// A reader found `cases.db` damaged.
    BadCases(String),
    Flush(Reply<Result<(), StoreError>>),
    Close(Reply<()>),
}

/// The writing end of the store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoreHandle {
    pub(crate) urgent: mpsc::Sender<Urgent>,
    pub(crate) bulk: mpsc::Sender<Append>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) committed: watch::Receiver<Heads>,
}

impl StoreHandle {
    /// Hands readings over. Waits while the writer is more than 64 hand-overs behind (back-pressure). The receipts are told
    /// "committed" after the synced commit that holds the readings, "refused" if that never comes about; waiting
    /// receipts bring the commit forward to at most 250 ms. Readings of points the store was not opened with are ignored.
    pub async fn append(&self, readings: Vec<Reading>, receipts: Vec<Receipt>) {
        if readings.is_empty() && receipts.is_empty() {
            return;
        }
        // A closed channel drops the receipts, which tells their owners "refused".
        drop(self.bulk.send(Append { readings, receipts }).await);
    }

    /// Enters a change of an alarm: journal and table of alarms in one synced commit, alone. Returns its number.
    pub async fn alarm(&self, event: AlarmEvent) -> Result<u64, StoreError> {
        self.ask(|reply| Urgent::Alarm(Box::new(event), reply)).await?
    }

    /// Enters a note in the journal of its stream, synced, alone. Returns its number.
    pub async fn note(&self, note: Note) -> Result<u64, StoreError> {
        self.ask(|reply| Urgent::Note(note, reply)).await?
    }

    /// An upstream has confirmed everything up to and including `cursor`. Never moves backwards within an epoch. Cursors of
    /// telemetry reach the disk within 10 s and at close (a crash only sends again); the others at once.
    pub async fn confirm(&self, upstream: &str, stream: Stream, cursor: Cursor) -> Result<(), StoreError> {
        let upstream = upstream.to_owned();
        self.ask(|reply| Urgent::Confirm { upstream, stream, cursor, reply }).await?
    }

    /// Remembers registers that a device does not have.
    pub async fn learn(&self, device: &str, points: &[String]) -> Result<(), StoreError> {
        let (device, points) = (device.to_owned(), points.to_vec());
        self.ask(|reply| Urgent::Learn { device, points, reply }).await?
    }

    /// Keeps what rules have learnt, in place of all that was kept before. Does not wait for the writer.
    pub async fn keep_learned(&self, states: Arc<Vec<(Arc<str>, Vec<u8>)>>) -> Result<(), StoreError> {
        let dir = self.shared.dir.clone();
        let saved = tokio::task::spawn_blocking(move || learned::save(&dir, &states)).await;
        saved.map_err(|_| StoreError::Closed)?.map_err(|e| StoreError::Disk(e.to_string()))
    }

    /// Keeps health records and entries in one synced commit.
    pub async fn keep_health(&self, write: HealthWrite) -> Result<(), StoreError> {
        self.ask(|reply| Urgent::Health(Box::new(write), reply)).await?
    }

    /// Names the configured upstreams. A segment counts as acknowledged when all of them have confirmed it; with none,
    /// segments are kept by quota alone. To be called at start.
    pub async fn set_upstreams(&self, upstreams: Vec<String>) {
        // A closed store needs no upstreams.
        drop(self.urgent.send(Urgent::Upstreams(upstreams)).await);
    }

    /// Commits everything handed over before.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.ask(Urgent::Flush).await?
    }

    /// Commits everything, marks the end as orderly and ends the writer. Later calls on clones fail with `Closed`.
    pub async fn close(self) {
        // An error means that it is closed already.
        drop(self.ask(Urgent::Close).await);
    }

    /// Completes when the writer has ended, in order or not: nothing more will be kept.
    pub async fn ended(&self) {
        self.urgent.closed().await;
    }

    /// How the store is doing. Does not touch the disk.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        self.shared.status()
    }

    /// Wakes when something has been committed.
    #[must_use]
    pub fn committed(&self) -> watch::Receiver<Heads> {
        self.committed.clone()
    }

    pub(crate) async fn ask<T>(&self, make: impl FnOnce(Reply<T>) -> Urgent) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.urgent.send(make(reply)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)
    }
}
