//! Journal entries: each in its own synced transaction, tried once more after a repair.

use std::sync::Arc;

use super::Writer;
use crate::model::alarm::AlarmEvent;
use crate::model::journal::{Note, Stream};
use crate::model::stored::StoreError;
use crate::store::state::Entry;

/// What does not work at present, in words.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    pub(super) log: Option<String>,
    pub(super) journal: Option<String>,
    pub(super) room: Option<String>,
}

impl Troubles {
    /// What people are told.
    pub(super) fn first(&self) -> Option<String> {
        self.log.as_ref().or(self.journal.as_ref()).or(self.room.as_ref()).cloned()
    }
}

impl Writer {
    /// Notes whether `state.db` takes entries at present.
    pub(super) fn journal_went<T>(&mut self, done: rusqlite::Result<T>) -> Result<T, StoreError> {
        let done = done.map_err(|error| match error {
            rusqlite::Error::InvalidQuery => "state.db cannot be opened".to_owned(),
            error => error.to_string(),
        });
        self.work.troubles.journal = done.as_ref().err().cloned();
        done.map_err(StoreError::Disk)
    }

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
                self.journal_went(again.unwrap_or(Err(rusqlite::Error::InvalidQuery)))?;
            }
        }
        self.work.troubles.journal = None;
        self.heads.set(entry.stream, seq);
        self.shared.heads.send_replace(self.heads);
        Ok(seq)
    }
}
