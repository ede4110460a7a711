//! A look into the data folder from a second process: readings only, beside a running gateway or without one.
//!
//! Takes no lock, starts no thread, makes, moves and deletes nothing; damage is passed over, and left for the gateway to
//! find. What it sees is the moment of opening: what is folded or evicted later may be missing or ask for another try.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::model::journal::Epoch;
use crate::model::stored::{Heads, StoreStatus};
use crate::model::time::Anchor;
use crate::store::files::{self, Header};
use crate::store::reader::StoreReader;
use crate::store::shared::{DayInfo, Folded, SegmentInfo, Shared};
use crate::store::{VisitError, history, segment, sqlite, state};

/// Newest days that are asked how far the outbox has been folded; the historian writes the mark with every day it touches.
const MARKS_MAX: usize = 4;

/// See [`crate::store::visit`].
pub(crate) fn visit(dir: &Path, clock: Arc<dyn Clock>) -> Result<StoreReader, VisitError> {
    if !dir.join("log").is_dir() {
        return Err(VisitError::Nothing(dir.to_owned()));
    }
    // A folder of somebody else lists as empty; that is not the same as having nothing.
    std::fs::read_dir(dir.join("log")).map_err(|e| VisitError::Folder { path: dir.to_owned(), why: e.to_string() })?;
    let (segments, epoch) = segments(dir);
    let (days, folded) = days(dir, epoch);
    let heads = Heads { telemetry: segments.last().map_or(0, |s| s.seq_last), ..Heads::default() };
    let shared = Shared {
        dir: dir.to_owned(),
        clock,
        boot: 0,
        heads: watch::Sender::new(heads),
        status: Mutex::new(StoreStatus::default()),
        segments: RwLock::new(segments),
        days: RwLock::new(days),
        folded: RwLock::new(folded),
        cursors: RwLock::new(HashMap::new()),
        anchors: RwLock::new(anchors(dir)),
        state_generation: AtomicU64::new(0),
        journal_epoch: AtomicU64::new(0),
        telemetry_epoch: AtomicU64::new(epoch.0),
        volatile: None,
    };
    // No writer stands behind it: what would be reported to one is dropped.
    let (nobody, _) = mpsc::channel(1);
    Ok(StoreReader::new(Arc::new(shared), nobody.downgrade()))
}

/// The files of the outbox that belong to its newest life, in order.
fn segments(dir: &Path) -> (Vec<SegmentInfo>, Epoch) {
    let numbers = files::numbers(&dir.join("log")).into_iter().filter_map(|n| u64::try_from(n).ok());
    let found: Vec<(SegmentInfo, Epoch)> = numbers.filter_map(|no| look(dir, no).ok().flatten()).collect();
    let epoch = found.last().map_or(Epoch(0), |f| f.1);
    let ours = found.into_iter().filter(|f| f.1 == epoch && f.0.seq_last > 0).map(|f| f.0);
    (ours.collect(), epoch)
}

fn look(dir: &Path, no: u64) -> rusqlite::Result<Option<(SegmentInfo, Epoch)>> {
    let path = files::segment_path(dir, no);
    let header = files::header(&path);
    if matches!(header, Header::Foreign | Header::Empty) {
        return Ok(None);
    }
    let sealed = header == Header::Plain;
    let (epoch, seq_first, seq_last) = segment::extent(&sqlite::open_reader(&path, sealed)?)?;
    Ok(Some((SegmentInfo { no, seq_first, seq_last, sealed, bytes: files::bytes_of(&path) }, epoch)))
}

fn days(dir: &Path, epoch: Epoch) -> (Vec<DayInfo>, Folded) {
    let is_ours = |day: &i64| matches!(files::header(&files::day_path(dir, *day)), Header::Wal | Header::Plain);
    let days: Vec<i64> = files::numbers(&dir.join("history")).into_iter().filter(is_ours).collect();
    let folded = days.iter().rev().take(MARKS_MAX).filter_map(|day| {
        let conn = sqlite::open_reader(&files::day_path(dir, *day), false).ok()?;
        history::read_folded(&conn, epoch).ok().flatten()
    });
    let folded = folded.max_by_key(|f| f.build).unwrap_or_default();
    (days.into_iter().map(|day| DayInfo { day, bytes: 0 }).collect(), folded)
}

/// Clock pairings of the boots; without them, readings of a boot whose clock was set late keep the time of then.
fn anchors(dir: &Path) -> Vec<(u64, Anchor)> {
    let conn = sqlite::open_reader(&dir.join("state.db"), false);
    conn.and_then(|conn| state::anchors(&conn)).unwrap_or_default()
}
