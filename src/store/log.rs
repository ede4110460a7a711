//! The outbox as a whole: which segments there are, which one is written, what was lost between them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::journal::{Epoch, Gap, GapReason, Stream};
use crate::model::reading::Reading;
use crate::model::stored::Heads;
use crate::model::time::Anchor;
use crate::store::columns::Encoder;
use crate::store::files::{self, Header};
use crate::store::segment::{self, RawRow, Segment};
use crate::store::shared::SegmentInfo;
use crate::store::sqlite::{self, Fault, fault};
use crate::store::state::random;

/// A segment is sealed when it has grown to about this ...
const SEGMENT_BYTES_MAX: u64 = 63 << 20;
/// ... or to this part of the quota, so that evicting one does not take all there is; but not below the floor.
const SEGMENTS_MIN: u64 = 16;
const SEGMENT_BYTES_FLOOR: u64 = 1 << 20;

/// The writing side of `log/`.
#[derive(Debug)]
pub(crate) struct Log {
    dir: PathBuf,
    points: Vec<Arc<str>>,
    pub(crate) epoch: Epoch,
    active: Option<Segment>,
    active_bytes: u64,
    /// See [`SEGMENT_BYTES_MAX`].
    pub(crate) segment_bytes_max: u64,
    encoder: Encoder,
    /// Full segments that a reader had open when they were to be sealed.
    left_over: Vec<u64>,
    pub(crate) segments: Vec<SegmentInfo>,
}

/// What the marks in `state.db` say about the outbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub(crate) epoch: Option<Epoch>,
    /// Greatest number known to have been committed.
    pub(crate) mark: u64,
    /// No number above this has been given.
    pub(crate) lease: u64,
    /// Smallest number an upstream has confirmed: below it nothing is missed.
    pub(crate) confirmed: u64,
}

/// What was found in `log/`.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Last number given.
    pub(crate) head: u64,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) quarantined: Vec<String>,
    /// Journal epoch and heads as the newest row knew them.
    pub(crate) journal: Option<(Epoch, Heads)>,
}

/// What one row is committed with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) seq_first: u64,
    pub(crate) boot: u64,
    pub(crate) anchor: Anchor,
    pub(crate) journal_epoch: Epoch,
    pub(crate) heads: Heads,
}

impl Log {
    /// Opens the outbox: puts damaged files aside, seals left-overs, finds holes. `boot` names the quarantined files.
    pub(crate) fn open(
        dir: &Path,
        points: Vec<Arc<str>>,
        expected: Expected,
        boot: u64,
        bytes_max: u64,
    ) -> (Self, Survey) {
        let mut survey = Survey::default();
        let numbers: Vec<u64> =
            files::numbers(&dir.join("log")).into_iter().filter_map(|n| n.try_into().ok()).collect();
        let newest = numbers.last().copied();
        let mut found: Vec<(SegmentInfo, Epoch)> = Vec::new();
        let mut newest_lost = false;
        for no in numbers {
            if let Ok(seen) = look(dir, no, newest != Some(no)) {
                found.push(seen);
            } else {
                newest_lost |= newest == Some(no);
                survey.quarantined.extend(files::quarantine(dir, &files::segment_path(dir, no), boot));
            }
        }
        let epoch = found.last().map(|f| f.1).or(expected.epoch).unwrap_or_else(|| Epoch(random()));
        let (ours, foreign): (Vec<_>, Vec<_>) = found.into_iter().partition(|f| f.1 == epoch);
        for (info, _) in foreign {
            survey.quarantined.extend(files::quarantine(dir, &files::segment_path(dir, info.no), boot));
        }
        let segments = ours.into_iter().map(|f| f.0).collect();
        let mut log = Self {
            dir: dir.to_owned(),
            points,
            epoch,
            active: None,
            active_bytes: 0,
            segment_bytes_max: (bytes_max / SEGMENTS_MIN).clamp(SEGMENT_BYTES_FLOOR, SEGMENT_BYTES_MAX),
            encoder: Encoder::default(),
            left_over: Vec::new(),
            segments,
        };
        log.survey_tail(&mut survey, &mut newest_lost, boot);
        log.find_holes(&mut survey, expected, newest_lost);
        (log, survey)
    }

    fn survey_tail(&mut self, survey: &mut Survey, newest_lost: &mut bool, boot: u64) {
        // An empty newest file says nothing; the one before it does.
        while let Some(empty) = self.segments.pop_if(|s| s.seq_last == 0) {
            drop(files::remove(&files::segment_path(&self.dir, empty.no)));
        }
        let Some(last) = self.segments.last().cloned() else { return };
        if let Some(row) = last_row(&self.dir, &last, self.epoch) {
            survey.journal = segment::take_heads(&row.heads);
        } else {
            *newest_lost = true;
            survey.quarantined.extend(files::quarantine(&self.dir, &files::segment_path(&self.dir, last.no), boot));
            self.segments.pop();
        }
    }

    fn find_holes(&self, survey: &mut Survey, expected: Expected, newest_lost: bool) {
        let mut gap = |from: u64, to: u64, reason: GapReason| {
            if from <= to {
                survey.gaps.push(Gap { stream: Stream::Telemetry, epoch: self.epoch, from, to, reason });
            }
        };
        for pair in self.segments.windows(2) {
            gap(pair[0].seq_last + 1, pair[1].seq_first.saturating_sub(1), GapReason::Corrupt);
        }
        let head = self.segments.last().map_or(expected.confirmed, |s| s.seq_last);
        let ours = expected.epoch.is_none_or(|e| e == self.epoch);
        if newest_lost || ours && head < expected.mark {
            // Numbers up to the lease may have been given and even sent: they are never given again.
            let to = if ours { expected.lease.max(expected.mark).max(head) } else { head + (1 << 32) };
            gap(head + 1, to, if newest_lost { GapReason::Corrupt } else { GapReason::PowerLoss });
            survey.head = to;
        } else {
            survey.head = head;
        }
    }

    /// Commits one row, synced, and rolls over to a new segment when this one is full. Returns the last number.
    pub(crate) fn commit(&mut self, stamp: Stamp, readings: &[&Reading], level: usize) -> rusqlite::Result<u64> {
        if self.active.is_none() {
            self.activate()?;
        }
        let Some(active) = &self.active else { return Err(rusqlite::Error::InvalidQuery) };
        let row = self.encoder.encode(readings, &active.ids, level);
        let raw = RawRow {
            seq_first: stamp.seq_first,
            count: u64::from(row.count),
            boot: stamp.boot,
            t_min: row.t_min,
            t_max: row.t_max,
            anchor: stamp.anchor,
            heads: segment::put_heads(stamp.journal_epoch, &stamp.heads),
            body: row.body,
        };
        active.append(&raw)?;
        self.active_bytes += raw.body.len() as u64 + 600;
        let last = raw.seq_last();
        if let Some(info) = self.segments.last_mut() {
            if info.seq_first == 0 {
                info.seq_first = raw.seq_first;
            }
            info.seq_last = last;
            info.bytes = self.active_bytes;
        }
        Ok(last)
    }

    /// Opens the newest segment for writing, or makes a new one.
    fn activate(&mut self) -> rusqlite::Result<()> {
        let reuse = self.segments.last().filter(|s| !s.sealed && s.bytes < self.segment_bytes_max).map(|s| s.no);
        let highest = files::numbers(&self.dir.join("log")).last().copied().unwrap_or(0);
        let no = reuse.unwrap_or(u64::try_from(highest).unwrap_or(0) + 1);
        let path = files::segment_path(&self.dir, no);
        files::touch(&path).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
        let active = Segment::open(&path, no, self.epoch, &self.points)?;
        let (seq_first, seq_last, _) = active.tail()?;
        let info = SegmentInfo { no, seq_first, seq_last, sealed: false, bytes: files::bytes_of(&path) };
        self.active_bytes = info.bytes;
        if reuse.is_some() {
            self.segments.pop();
        }
        self.segments.push(info);
        self.active = Some(active);
        Ok(())
    }

    /// Whether the active segment is full.
    pub(crate) fn is_full(&self) -> bool {
        self.active.is_some() && self.active_bytes >= self.segment_bytes_max
    }

    /// Closes the active segment and seals it, now or when no reader has it open; the next commit makes a new one.
    pub(crate) fn roll(&mut self) {
        let Some(active) = self.active.take() else { return };
        if let Some(info) = self.segments.last_mut() {
            info.sealed = true;
        }
        let (no, path) = (active.no, active.path.clone());
        match active.seal() {
            // Rights are a help against accidents, not a condition.
            Ok(()) => drop(files::protect(&path)),
            Err(_) => self.left_over.push(no),
        }
    }

    /// Tries again to seal what could not be.
    pub(crate) fn seal_left_over(&mut self) {
        let dir = self.dir.clone();
        self.left_over.retain(|no| {
            let path = files::segment_path(&dir, *no);
            let sealed = segment::seal_left_over(&path).is_ok();
            if sealed {
                drop(files::protect(&path));
            }
            !sealed && path.exists()
        });
    }

    /// Drops the handle after a failure and looks what is on disk: the last committed number.
    pub(crate) fn reopen(&mut self) -> rusqlite::Result<u64> {
        self.active = None;
        self.activate()?;
        Ok(self.segments.iter().rev().map(|s| s.seq_last).find(|s| *s > 0).unwrap_or(0))
    }

    /// Puts a segment aside. Returns its new name and the numbers that went with it.
    pub(crate) fn quarantine(&mut self, no: u64, boot: u64) -> Option<(String, SegmentInfo)> {
        if self.active.as_ref().is_some_and(|a| a.no == no) {
            self.active = None;
        }
        let at = self.segments.iter().position(|s| s.no == no)?;
        let info = self.segments.remove(at);
        let name = files::quarantine(&self.dir, &files::segment_path(&self.dir, no), boot).ok()?;
        Some((name, info))
    }

    /// Number of the segment being written.
    pub(crate) fn active_no(&self) -> Option<u64> {
        self.active.as_ref().map(|a| a.no).or_else(|| self.segments.last().filter(|s| !s.sealed).map(|s| s.no))
    }

    /// Deletes a sealed segment; returns what was in it.
    pub(crate) fn evict(&mut self, no: u64) -> Option<SegmentInfo> {
        let at = self.segments.iter().position(|s| s.no == no && s.sealed)?;
        files::remove(&files::segment_path(&self.dir, no)).ok()?;
        Some(self.segments.remove(at))
    }

    /// Moves everything into the files, for an orderly end.
    pub(crate) fn close(&mut self) -> rusqlite::Result<()> {
        self.active.take().map_or(Ok(()), |active| active.checkpoint())
    }
}

/// Looks at one file; seals it if it is not the newest.
fn look(dir: &Path, no: u64, seal: bool) -> rusqlite::Result<(SegmentInfo, Epoch)> {
    let path = files::segment_path(dir, no);
    let mut header = files::header(&path);
    if matches!(header, Header::Foreign | Header::Empty) {
        return Err(rusqlite::Error::QueryReturnedNoRows);
    }
    if header == Header::Wal {
        if seal {
            match segment::seal_left_over(&path) {
                Ok(()) => {
                    drop(files::protect(&path));
                    header = Header::Plain;
                }
                // Another process is looking into it right now: it stays as it is, and is sealed at the next start.
                Err(error) if fault(&error) != Fault::Damaged => segment::sync_left_over(&path)?,
                Err(error) => return Err(error),
            }
        } else {
            // Rows found in the WAL may never have been synced; after this they are.
            segment::sync_left_over(&path)?;
        }
    }
    let conn = sqlite::open_reader(&path, header == Header::Plain)?;
    let (epoch, seq_first, seq_last) = segment::extent(&conn)?;
    let info =
        SegmentInfo { no, seq_first, seq_last, sealed: seal || header == Header::Plain, bytes: files::bytes_of(&path) };
    Ok((info, epoch))
}

fn last_row(dir: &Path, info: &SegmentInfo, epoch: Epoch) -> Option<RawRow> {
    let conn = sqlite::open_reader(&files::segment_path(dir, info.no), info.sealed).ok()?;
    match segment::row_after(&conn, epoch, info.seq_last.saturating_sub(1)) {
        Ok(Some(segment::Found::Whole(row))) => Some(row),
        _ => None,
    }
}
