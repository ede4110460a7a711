//! What the store hands out: batches of readings, journal rows, buckets of a trend, and how the store is doing.
//!
//! Plain data, so that northbound and the page can name it without knowing the store. Knows nothing of SQL or files.
//! Times inside a batch are boot-clock times; [`TelemetryBatch::wall_ms`] makes wall times of them, always the same ones
//! for the same row, because the row carries the [`Anchor`] that was known when it was committed.

use std::sync::Arc;

use serde::Serialize;

use crate::model::alarm::AlarmRecord;
use crate::model::journal::{Epoch, Gap, Stream};
use crate::model::quality::Quality;
use crate::model::reading::Value;
use crate::model::time::{Anchor, BootMs};

/// One committed row of the outbox: readings `seq_first .. seq_first + count`, grouped by point, each point in time order.
#[derive(Debug, Clone, PartialEq)]
pub struct TelemetryBatch {
    /// Life of the outbox.
    pub epoch: Epoch,
    /// Number of the first reading.
    pub seq_first: u64,
    /// Number of readings; equals the length of every column.
    pub count: u32,
    /// Boot during which they were measured.
    pub boot: u64,
    /// The clocks as known at commit.
    pub anchor: Anchor,
    /// `device.point` by the numbers in [`Columns::point`].
    pub keys: Arc<[Arc<str>]>,
    /// The readings.
    pub columns: Columns,
}

/// Readings as columns of equal length, in seq order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// Position in [`TelemetryBatch::keys`]; equal points stand together, ascending.
    pub point: Vec<u32>,
    /// When measured.
    pub at: Vec<BootMs>,
    /// Grade and reason.
    pub quality: Vec<Quality>,
    /// The values; `Value::None` where the quality is bad.
    pub value: Vec<Value>,
    /// The device's own time stamps, UTC milliseconds; empty if no reading of the batch has one.
    pub source_ms: Vec<Option<i64>>,
}

/// One reading of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoredReading<'a> {
    /// Number in the telemetry stream.
    pub seq: u64,
    /// `device.point`.
    pub key: &'a Arc<str>,
    /// When measured, boot clock.
    pub at: BootMs,
    /// The device's own time stamp.
    pub source_ms: Option<i64>,
    /// Grade and reason.
    pub quality: Quality,
    /// The value.
    pub value: &'a Value,
}

impl TelemetryBatch {
    /// Number of the last reading.
    #[must_use]
    pub fn seq_last(&self) -> u64 {
        self.seq_first + u64::from(self.count).saturating_sub(1)
    }

    /// Wall time of a moment of this batch, UTC milliseconds.
    #[must_use]
    pub fn wall_ms(&self, at: BootMs) -> i64 {
        self.anchor.wall_at(at).0
    }

    /// The readings one by one, in seq order.
    pub fn readings(&self) -> impl Iterator<Item = StoredReading<'_>> {
        let c = &self.columns;
        (0..c.point.len()).filter_map(move |i| {
            Some(StoredReading {
                seq: self.seq_first + i as u64,
                key: self.keys.get(*c.point.get(i)? as usize)?,
                at: *c.at.get(i)?,
                source_ms: c.source_ms.get(i).copied().flatten(),
                quality: *c.quality.get(i)?,
                value: c.value.get(i)?,
            })
        })
    }
}

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalRow {
    /// Stream.
    pub stream: Stream,
    /// Life of the journal.
    pub epoch: Epoch,
    /// Number in the stream.
    pub seq: u64,
    /// Boot during which it happened.
    pub boot: u64,
    /// When it happened, boot clock.
    pub at: BootMs,
    /// When it happened, wall time as then known, UTC milliseconds.
    pub wall_ms: i64,
    /// An [`crate::model::alarm::AlarmEvent`] in stream `alarm`, a [`crate::model::journal::Note`] in the others, as JSON.
    pub body: String,
}

/// Last committed number of every stream; 0 for none yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Heads {
    /// Alarm changes.
    pub alarm: u64,
    /// Results of commands.
    pub command: u64,
    /// Who did what.
    pub audit: u64,
    /// Events.
    pub event: u64,
    /// Readings.
    pub telemetry: u64,
}

impl Heads {
    /// The number of one stream.
    #[must_use]
    pub fn get(&self, stream: Stream) -> u64 {
        match stream {
            Stream::Alarm => self.alarm,
            Stream::Command => self.command,
            Stream::Audit => self.audit,
            Stream::Event => self.event,
            Stream::Telemetry => self.telemetry,
        }
    }

    /// Sets the number of one stream.
    pub fn set(&mut self, stream: Stream, seq: u64) {
        match stream {
            Stream::Alarm => self.alarm = seq,
            Stream::Command => self.command = seq,
            Stream::Audit => self.audit = seq,
            Stream::Event => self.event = seq,
            Stream::Telemetry => self.telemetry = seq,
        }
    }
}

/// One step of a trend. A step without any reading is left out by the store: the page draws a hole.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HistoryBucket {
    /// Begin of the step, wall time, UTC milliseconds.
    pub t: i64,
    /// Least value; `None` if all readings in the step were bad.
    pub min: Option<f64>,
    /// Greatest value.
    pub max: Option<f64>,
    /// Mean of the values (each reading weighs the same).
    pub mean: Option<f64>,
    /// Last value.
    pub last: Option<f64>,
    /// Readings with a value.
    pub count: u64,
    /// Readings without a value (bad quality).
    pub bad: u64,
}

/// A trend of one point.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct History {
    /// Width of a step in milliseconds.
    pub step_ms: i64,
    /// Steps in which something was read, in time order.
    pub buckets: Vec<HistoryBucket>,
}

/// Which alarms to list, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlarmFilter {
    /// Only those not closed.
    pub open_only: bool,
    /// Only of this device.
    pub device: Option<String>,
    /// At most so many; 0 means 100, more than 1,000 is taken as 1,000.
    pub limit: usize,
    /// Only those raised before this wall time (for paging).
    pub before_wall_ms: Option<i64>,
}

/// What was found when the store was opened.
#[derive(Debug, Clone, Default)]
pub struct OpenReport {
    /// Number of this boot: counts starts of the store.
    pub boot: u64,
    /// Alarms that were not closed.
    pub open_alarms: Vec<AlarmRecord>,
    /// Learned unsupported registers: `(device id, point id)`.
    pub unsupported: Vec<(String, String)>,
    /// What rules had learnt, by rule key.
    pub learned: Vec<(String, Vec<u8>)>,
    /// Holes found now.
    pub gaps: Vec<Gap>,
    /// Files put aside now, by name.
    pub quarantined: Vec<String>,
    /// The last run ended in good order.
    pub clean_shutdown: bool,
    /// This is the first start on this data folder.
    pub first_start: bool,
    /// Last wall time known to be good, UTC milliseconds: no true time is before it.
    pub good_wall_ms: Option<i64>,
}

/// How the store is doing; cheap to get.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StoreStatus {
    /// Last committed numbers.
    pub heads: Heads,
    /// First reading still on disk; 0 if none.
    pub telemetry_first: u64,
    /// Readings committed since start.
    pub readings_committed: u64,
    /// Readings given up since start because the disk did not take them.
    pub readings_dropped: u64,
    /// Readings waiting for the next commit.
    pub readings_waiting: u64,
    /// Commits of readings since start.
    pub commits: u64,
    /// Duration of the last commit, milliseconds.
    pub commit_ms_last: u64,
    /// Longest commit since start, milliseconds.
    pub commit_ms_max: u64,
    /// Boot-clock milliseconds of the writer's last turn: stands still when the writer hangs.
    pub heartbeat_ms: i64,
    /// Why nothing can be written at present, in words; `None` when all is well.
    pub degraded: Option<String>,
    /// Bytes in `log/`.
    pub log_bytes: u64,
    /// Bytes in `history/`.
    pub history_bytes: u64,
    /// Bytes of `state.db` and its companions.
    pub state_bytes: u64,
    /// Bytes the store may use in all.
    pub bytes_max: u64,
    /// Segments in `log/`.
    pub segments: u64,
    /// Files put aside since start.
    pub quarantined: u64,
}

/// Why the store could not take or keep something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk does not take writes at present; nothing was kept. Try again later.
    #[error("the disk does not take writes at present ({0}); try again later")]
    Disk(String),
    /// The store has been closed or its writer has ended; give up.
    #[error("the store is closed")]
    Closed,
    /// What was handed in cannot be written as JSON; give up.
    #[error("the entry cannot be written: {0}")]
    Entry(String),
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The file was busy or the disk failed for now; try again later.
    #[error("the store cannot be read at present ({0}); try again later")]
    Retry(String),
    /// A file is damaged; it has been reported and will be put aside. Asking again goes past it.
    #[error("a file of the store is damaged ({0}); it is being put aside")]
    Damaged(String),
}
