//! How an upstream, webhook or publisher is doing, for the page, the API and the metrics. Written by the lanes and
//! senders, read by anybody.
//!
//! Holds figures, not history: one short lock, never held over an await.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

use crate::model::far::{FarEnd, FarKind};
use crate::model::journal::{Cursor, Epoch, Stream};
use crate::model::stored::Heads;
use crate::model::text::Text;
use crate::model::time::BootMs;

/// State of the way to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamState {
    /// Nothing has been accepted since start.
    #[default]
    Connecting,
    /// The last attempt was accepted.
    Up,
    /// The last attempt failed; the next is under way by itself.
    Waiting,
    /// Credential or address are refused: a person must change something. Raises an alarm.
    Refused,
}

impl UpstreamState {
    /// The word in the API and in events.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Up => "up",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
        }
    }
}

/// Figures of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamStatus {
    /// Stream.
    pub stream: Stream,
    /// Life of the store files the cursor is in.
    pub epoch: Option<Epoch>,
    /// Last number the far end has confirmed.
    pub sent_through: u64,
    /// Rows (telemetry: readings) on disk and not yet confirmed.
    pub backlog: u64,
    /// Wall time of the oldest that waits, UTC milliseconds.
    pub oldest_wall_ms: Option<i64>,
    /// Rows (telemetry: readings) confirmed since start.
    pub confirmed: u64,
    /// Requests answered with success since start.
    pub batches: u64,
    /// Rows given up since start because the far end rejects them.
    pub dead_letters: u64,
}

impl StreamStatus {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            epoch: None,
            sent_through: 0,
            backlog: 0,
            oldest_wall_ms: None,
            confirmed: 0,
            batches: 0,
            dead_letters: 0,
        }
    }
}

/// A copy of everything, for one look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// Which kind of far end.
    pub kind: FarKind,
    /// Its name: the id of an upstream, `webhook.<id>`, `publish.<id>`.
    pub upstream: String,
    /// Where it leads.
    pub url: String,
    /// State.
    pub state: UpstreamState,
    /// Since when it takes what is sent, or does not, boot clock.
    pub since: BootMs,
    /// Next attempt, boot clock, while waiting or refused.
    pub retry_at: Option<BootMs>,
    /// What went wrong last, for people; stays after recovery until the next success of the same lane.
    pub last_error: Option<Text>,
    /// When, boot clock.
    pub last_error_at: Option<BootMs>,
    /// Last acceptance, boot clock.
    pub last_success_at: Option<BootMs>,
    /// Failures in a row of the lane that does worst.
    pub failures: u32,
    /// Bytes of bodies sent since start, as compressed.
    pub bytes_out: u64,
    /// Requests sent since start.
    pub requests: u64,
    /// Streams, most urgent first.
    pub streams: Vec<StreamStatus>,
}

/// The two concurrent senders of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// Alarms, command results, audit, events.
    Urgent,
    /// Readings.
    Telemetry,
}

/// What a lane reports about itself.
#[derive(Debug, Clone)]
pub(crate) struct LaneTrouble {
    pub(crate) refused: bool,
    pub(crate) why: Text,
    pub(crate) at: BootMs,
    pub(crate) retry_at: BootMs,
    pub(crate) failures: u32,
}

#[derive(Debug)]
struct Inner {
    report: SyncReport,
    troubles: BTreeMap<Lane, LaneTrouble>,
    /// What is committed: the backlog grows while the lanes wait.
    heads: watch::Receiver<Heads>,
}

/// Shared, cheap to clone.
#[derive(Debug, Clone)]
pub struct SyncStatus(Arc<Mutex<Inner>>);

impl SyncStatus {
    /// Nothing sent yet. `streams` are what it gets, most urgent first.
    #[must_use]
    pub fn new(far: &FarEnd, url: &str, streams: &[Stream], heads: watch::Receiver<Heads>) -> Self {
        let report = SyncReport {
            kind: far.kind,
            upstream: far.to_string(),
            url: url.to_owned(),
            state: UpstreamState::Connecting,
            since: BootMs(0),
            retry_at: None,
            last_error: None,
            last_error_at: None,
            last_success_at: None,
            failures: 0,
            bytes_out: 0,
            requests: 0,
            streams: streams.iter().copied().map(StreamStatus::new).collect(),
        };
        Self(Arc::new(Mutex::new(Inner { report, troubles: BTreeMap::new(), heads })))
    }

    /// A copy of the figures.
    #[must_use]
    pub fn read(&self) -> SyncReport {
        let inner = self.lock();
        let mut report = inner.report.clone();
        let heads = *inner.heads.borrow();
        for s in &mut report.streams {
            // Exact in the epoch that is being written; in an older one its head is not known here, and what is
            // counted is the epoch that follows.
            s.backlog = heads.get(s.stream).saturating_sub(s.sent_through);
        }
        report
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sent(&self, bytes: usize) {
        let report = &mut self.lock().report;
        report.requests += 1;
        report.bytes_out += bytes as u64;
    }

    pub(crate) fn succeeded(&self, lane: Lane, at: BootMs) {
        let mut inner = self.lock();
        inner.troubles.remove(&lane);
        inner.report.last_success_at = Some(at);
        inner.judge(at);
    }

    /// Nothing waits in this lane. Whether that ends its trouble depends on whether the far end was `reached`.
    pub(crate) fn idle(&self, lane: Lane, reached: bool, at: BootMs) {
        let mut inner = self.lock();
        if reached {
            inner.troubles.remove(&lane);
        }
        inner.judge(at);
        inner.report.retry_at = None;
    }

    pub(crate) fn failed(&self, lane: Lane, trouble: LaneTrouble) {
        let mut inner = self.lock();
        let at = trouble.at;
        inner.report.last_error = Some(trouble.why.clone());
        inner.report.last_error_at = Some(at);
        inner.troubles.insert(lane, trouble);
        inner.judge(at);
    }

    pub(crate) fn stream(&self, stream: Stream, change: impl FnOnce(&mut StreamStatus)) {
        if let Some(status) = self.lock().report.streams.iter_mut().find(|s| s.stream == stream) {
            change(status);
        }
    }

    pub(crate) fn confirmed(&self, stream: Stream, cursor: Cursor, rows: u64) {
        self.stream(stream, |s| {
            s.epoch = Some(cursor.epoch);
            s.sent_through = cursor.seq;
            s.confirmed += rows;
            s.batches += u64::from(rows > 0);
        });
    }

    /// A lane has looked after its cursor: `oldest` is the wall time of what it found there.
    pub(crate) fn looked(&self, stream: Stream, cursor: Cursor, oldest: Option<i64>) {
        self.stream(stream, |s| {
            s.epoch = Some(cursor.epoch);
            s.sent_through = cursor.seq;
            s.oldest_wall_ms = oldest;
        });
    }
}

impl Inner {
    /// The state of the whole from the troubles of the lanes.
    fn judge(&mut self, at: BootMs) {
        let report = &mut self.report;
        let state = if self.troubles.values().any(|t| t.refused) {
            UpstreamState::Refused
        } else if self.troubles.is_empty() {
            UpstreamState::Up
        } else {
            UpstreamState::Waiting
        };
        let away = |state| matches!(state, UpstreamState::Waiting | UpstreamState::Refused);
        if report.state == UpstreamState::Connecting || away(state) != away(report.state) {
            report.since = at;
        }
        report.state = state;
        report.retry_at = self.troubles.values().map(|t| t.retry_at).min();
        report.failures = self.troubles.values().map(|t| t.failures).max().unwrap_or(0);
        if state == UpstreamState::Up {
            report.last_error = None;
            report.last_error_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::Id;

    fn heads(alarm: u64) -> watch::Receiver<Heads> {
        watch::channel(Heads { alarm, ..Heads::default() }).1
    }

    fn cloud(alarm: u64) -> SyncStatus {
        let far = FarEnd::new(FarKind::Upstream, &Id::new("cloud").unwrap());
        SyncStatus::new(&far, "http://c", &Stream::ALL, heads(alarm))
    }

    fn trouble(refused: bool, at: i64) -> LaneTrouble {
        LaneTrouble {
            refused,
            why: Text::same(&format!("trouble at {at}")),
            at: BootMs(at),
            retry_at: BootMs(at + 1000),
            failures: 1,
        }
    }

    #[test]
    fn the_worst_lane_gives_the_state() {
        let status = cloud(10);
        assert_eq!(status.read().state, UpstreamState::Connecting);
        status.succeeded(Lane::Urgent, BootMs(5));
        assert_eq!(status.read().state, UpstreamState::Up);
        status.failed(Lane::Telemetry, trouble(false, 10));
        status.failed(Lane::Urgent, trouble(true, 20));
        let report = status.read();
        assert_eq!((report.state, report.since), (UpstreamState::Refused, BootMs(10)));
        assert_eq!(report.retry_at, Some(BootMs(1010)));
        status.succeeded(Lane::Urgent, BootMs(30));
        assert_eq!(status.read().state, UpstreamState::Waiting);
        status.succeeded(Lane::Telemetry, BootMs(40));
        let report = status.read();
        assert_eq!(
            (report.state, report.last_error, report.last_success_at),
            (UpstreamState::Up, None, Some(BootMs(40)))
        );
    }

    #[test]
    fn a_far_end_with_nothing_to_get_is_up_unless_it_is_known_to_be_away() {
        let status = cloud(0);
        status.idle(Lane::Urgent, false, BootMs(3));
        assert_eq!((status.read().state, status.read().since), (UpstreamState::Up, BootMs(3)));
        status.failed(Lane::Urgent, trouble(false, 10));
        status.idle(Lane::Urgent, false, BootMs(20));
        assert_eq!((status.read().state, status.read().since), (UpstreamState::Waiting, BootMs(10)));
        status.idle(Lane::Urgent, true, BootMs(30));
        assert_eq!((status.read().state, status.read().since), (UpstreamState::Up, BootMs(30)));
    }

    #[test]
    fn confirmed_rows_leave_the_backlog() {
        let status = cloud(10);
        status.confirmed(Stream::Alarm, Cursor { epoch: Epoch(1), seq: 4 }, 4);
        let alarm = &status.read().streams[0];
        assert_eq!((alarm.backlog, alarm.sent_through, alarm.confirmed), (6, 4, 4));
    }
}
