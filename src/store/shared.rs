//! What the writer publishes and readers look at: heads, status, cursors, anchors, the list of segments.
//!
//! Plain data behind short locks; nobody holds one across a wait or a disk access.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::watch;

use crate::clock::Clock;
use crate::model::journal::{Cursor, Epoch, Stream};
use crate::model::stored::{Heads, StoreStatus};
use crate::model::time::Anchor;

/// One file of the outbox as its readers need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentInfo {
    /// Number in the file name.
    pub(crate) no: u64,
    /// First reading in it; 0 while empty.
    pub(crate) seq_first: u64,
    /// Last committed reading in it; 0 while empty.
    pub(crate) seq_last: u64,
    /// No more writes: plain file, read-only.
    pub(crate) sealed: bool,
    /// Bytes on disk with companions.
    pub(crate) bytes: u64,
}

/// One day file of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DayInfo {
    /// UTC day, days since 1970-01-01.
    pub(crate) day: i64,
    /// Bytes on disk with companions.
    pub(crate) bytes: u64,
}

/// How far the outbox has been folded into the history. See [`crate::store::history`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Folded {
    /// Rows up to this number have been looked at.
    pub(crate) seq: u64,
    /// From this number on, rows hold readings that are not in the history yet.
    pub(crate) tail_from: u64,
    /// In rows `tail_from ..= seq`, readings before this wall time are in the history already.
    pub(crate) cut_ms: i64,
    /// Builds so far. Blocks carry the number of their build; those of an unfinished one are not looked at.
    pub(crate) build: u64,
}

impl Default for Folded {
    fn default() -> Self {
        Self { seq: 0, tail_from: 1, cut_ms: i64::MIN, build: 0 }
    }
}

/// Shared by writer, historian, handles and readers.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) boot: u64,
    pub(crate) heads: watch::Sender<Heads>,
    pub(crate) status: Mutex<StoreStatus>,
    pub(crate) segments: RwLock<Vec<SegmentInfo>>,
    pub(crate) days: RwLock<Vec<DayInfo>>,
    pub(crate) folded: RwLock<Folded>,
    pub(crate) cursors: RwLock<HashMap<(String, Stream), Cursor>>,
    pub(crate) anchors: RwLock<Vec<(u64, Anchor)>>,
    /// Counts new makings of `state.db`, so that readers open the new one.
    pub(crate) state_generation: AtomicU64,
    pub(crate) journal_epoch: AtomicU64,
    pub(crate) telemetry_epoch: AtomicU64,
    /// Why nothing of this outlives a power cut, if so: as long as it runs, the store is in trouble.
    pub(crate) volatile: Option<String>,
}

impl Shared {
    pub(crate) fn status(&self) -> StoreStatus {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner).clone();
        status.heads = *self.heads.borrow();
        status.degraded = status.degraded.or_else(|| self.volatile.clone());
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        status.telemetry_first = segments.iter().map(|s| s.seq_first).find(|s| *s > 0).unwrap_or(0);
        status.log_bytes = segments.iter().map(|s| s.bytes).sum();
        status.segments = segments.len() as u64;
        status.history_bytes = self.days.read().unwrap_or_else(PoisonError::into_inner).iter().map(|d| d.bytes).sum();
        status
    }

    pub(crate) fn with_status(&self, change: impl FnOnce(&mut StoreStatus)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn epoch(&self, stream: Stream) -> Epoch {
        let of = if stream == Stream::Telemetry { &self.telemetry_epoch } else { &self.journal_epoch };
        Epoch(of.load(Ordering::Acquire))
    }

    pub(crate) fn cursor(&self, upstream: &str, stream: Stream) -> Option<Cursor> {
        let cursors = self.cursors.read().unwrap_or_else(PoisonError::into_inner);
        cursors.get(&(upstream.to_owned(), stream)).copied()
    }

    pub(crate) fn segments(&self) -> Vec<SegmentInfo> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn days(&self) -> Vec<DayInfo> {
        self.days.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn folded(&self) -> Folded {
        *self.folded.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_folded(&self, folded: Folded) {
        *self.folded.write().unwrap_or_else(PoisonError::into_inner) = folded;
    }

    /// Best pairing of the clocks known for a boot: the most trusted, among equals the latest.
    pub(crate) fn anchor(&self, boot: u64) -> Option<Anchor> {
        let anchors = self.anchors.read().unwrap_or_else(PoisonError::into_inner);
        anchors.iter().filter(|(b, _)| *b == boot).map(|(_, a)| *a).max_by_key(|a| (a.trust, a.boot))
    }

    /// The pairing of this boot that was recorded last.
    pub(crate) fn last_anchor(&self) -> Option<Anchor> {
        let anchors = self.anchors.read().unwrap_or_else(PoisonError::into_inner);
        anchors.iter().rev().find(|(b, _)| *b == self.boot).map(|(_, a)| *a)
    }

    pub(crate) fn add_anchor(&self, anchor: Anchor) {
        self.anchors.write().unwrap_or_else(PoisonError::into_inner).push((self.boot, anchor));
    }

    /// A new `state.db` has taken the place of the old one.
    pub(crate) fn renew_state(&self, epoch: Epoch) {
        self.journal_epoch.store(epoch.0, Ordering::Release);
        self.state_generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Last reading that every one of `upstreams` has confirmed; `None` without upstreams.
    pub(crate) fn confirmed(&self, upstreams: &[String]) -> Option<u64> {
        let epoch = self.epoch(Stream::Telemetry);
        let one = |u: &String| self.cursor(u, Stream::Telemetry).filter(|c| c.epoch == epoch).map_or(0, |c| c.seq);
        upstreams.iter().map(one).min()
    }

    pub(crate) fn forget_day(&self, day: i64) {
        self.days.write().unwrap_or_else(PoisonError::into_inner).retain(|d| d.day != day);
    }

    /// A day of the history was written.
    pub(crate) fn day_grown(&self, day: i64, bytes: u64) {
        let mut days = self.days.write().unwrap_or_else(PoisonError::into_inner);
        days.retain(|d| d.day != day);
        days.push(DayInfo { day, bytes });
        days.sort_unstable_by_key(|d| d.day);
    }
}
