//! What goes into `state.db`: journal entries, each in its own synced transaction, tried once more after a repair; and the
//! lease of numbers without which no reading is committed.

use std::sync::Arc;

use super::{LEASE_MIN, Writer};
use crate::model::alarm::AlarmEvent;
use crate::model::journal::{Note, Stream};
use crate::model::stored::StoreError;
use crate::store::state::{Entry, Marks};

impl Writer {
    pub(super) fn alarm(&mut self, event: &AlarmEvent) -> Result<u64, StoreError> {
        let body = serde_json::to_string(event).map_err(|e| StoreError::Entry(e.to_string()))?;
        let subject = Arc::clone(&event.alarm.id);
        let entry = Entry { stream: Stream::Alarm, at: event.at, wall_ms: event.wall_ms, subject, body };
        self.enter(&entry, Some(event))
    }

    pub(super) fn note(&mut self, note: &Note) -> Result<u64, StoreError> {
        if !matches!(note.stream, Stream::Event | Stream::Audit | Stream::Command) {
            return Err(StoreError::Entry(format!("a note cannot go to stream {}", note.stream.word())));
        }
        let body = serde_json::to_string(note).map_err(|e| StoreError::Entry(e.to_string()))?;
        let anchor = self.shared.clock.anchor();
        let entry =
            Entry { stream: note.stream, at: anchor.boot, wall_ms: anchor.wall.0, subject: Arc::from(""), body };
        self.enter(&entry, None)
    }

    /// One journal row in its own synced transaction.
    fn enter(&mut self, entry: &Entry, alarm: Option<&AlarmEvent>) -> Result<u64, StoreError> {
        let mut seq = self.heads.get(entry.stream) + 1;
        let first = self.state.as_mut().map(|s| s.enter(seq, entry, alarm));
        if !matches!(first, Some(Ok(()))) {
            let error = first.and_then(Result::err).unwrap_or(rusqlite::Error::InvalidQuery);
            tracing::error!(%error, stream = entry.stream.word(), "journal entry failed; trying once more");
            self.repair_state(&error);
            // The repair counted what is on disk: the entry may be there, or the journal may have a new life.
            if self.heads.get(entry.stream) < seq {
                seq = self.heads.get(entry.stream) + 1;
                let again = self.state.as_mut().map(|s| s.enter(seq, entry, alarm));
                if !matches!(again, Some(Ok(()))) {
                    let why = again.and_then(Result::err).map(|e| e.to_string());
                    return Err(self.journal_failed(why.unwrap_or_else(|| "state.db cannot be opened".to_owned())));
                }
            }
        }
        if std::mem::take(&mut self.work.journal_fails) {
            self.well_again();
        }
        self.heads.set(entry.stream, seq);
        self.shared.heads.send_replace(self.heads);
        Ok(seq)
    }

    /// People are told of it by the store's own alarm, which is shown even when it cannot be kept.
    fn journal_failed(&mut self, why: String) -> StoreError {
        self.work.journal_fails = true;
        self.shared.with_status(|s| s.degraded = Some(format!("the journal takes no entries: {why}")));
        StoreError::Disk(why)
    }

    /// Nothing to complain of any more, unless something else still fails.
    pub(super) fn well_again(&mut self) {
        if self.work.retry.is_none() && !self.work.journal_fails {
            self.shared.with_status(|s| s.degraded = None);
        }
    }

    /// Makes sure that no number of the next row is above the lease. A failure is that of `state.db`, which has been seen
    /// to by then; it must not be taken for the outbox's, whose good file would be put aside.
    pub(super) fn lease_numbers(&mut self) -> rusqlite::Result<()> {
        let waiting = self.pending.len() as u64;
        let last = self.heads.telemetry + self.pending.shed + waiting;
        if waiting == 0 || last <= self.lease {
            return Ok(());
        }
        let lease = last + waiting * 64 + LEASE_MIN;
        let (epoch, head) = (self.log.epoch, self.heads.telemetry);
        let marks = Marks { epoch, head, lease, good_wall_ms: None, clean: false, cursors: &[] };
        self.with_state(|state| state.mark(&marks)).map_err(|error| {
            let code = rusqlite::ffi::Error { code: rusqlite::ErrorCode::CannotOpen, extended_code: 14 };
            rusqlite::Error::SqliteFailure(code, Some(format!("state.db: {error}")))
        })?;
        self.lease = lease;
        Ok(())
    }
}
