//! The reading end: batches and journal rows by number, alarms, gaps, trends.
//!
//! Every call opens short read transactions on its own connections and blocks on the disk: use `spawn_blocking`. Rows that
//! are not committed and synced are never seen, and rows whose CRC does not fit are never handed out: they are reported
//! to the writer, which declares them as a hole, and the call goes on behind them.

mod health;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::mpsc;

use crate::model::alarm::{AlarmEvent, AlarmRecord};
use crate::model::journal::{Cursor, Epoch, Gap, GapReason, Stream};
use crate::model::stored::{
    AlarmFilter, Heads, History, JournalRow, PastGaps, PastReading, ReadError, StoreStatus, TelemetryBatch,
};
use crate::model::time::{Anchor, BootMs};
use crate::store::columns::Rows;
use crate::store::files::{self, Header};
use crate::store::handle::Urgent;
use crate::store::segment::{self, Found, RawRow};
use crate::store::shared::{SegmentInfo, Shared};
use crate::store::sqlite::{self, Fault, fault, int, uint};
use crate::store::state::{alarm_from, journal_crc, journal_id, reason_from, stream_code};
use crate::store::{past, trend};

/// Most rows one call hands out.
const ROWS_MAX: usize = 1_000;
/// Damaged rows passed over in one call.
const SKIPS_MAX: usize = 10_000;

/// The reading end of the store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoreReader {
    pub(crate) shared: Arc<Shared>,
    writer: mpsc::WeakSender<Urgent>,
    open: Arc<Mutex<Open>>,
}

/// Connections kept between calls.
#[derive(Debug, Default)]
struct Open {
    /// With the making of `state.db` that it belongs to.
    state: Option<(u64, Connection)>,
    /// A sealed segment. The one being written is opened for every call: an open reader would keep it from being sealed.
    sealed: Option<(u64, Connection)>,
    /// Keys of a segment, by number and size.
    keys: Option<(u64, Arc<[Arc<str>]>)>,
}

impl StoreReader {
    pub(crate) fn new(shared: Arc<Shared>, writer: mpsc::WeakSender<Urgent>) -> Self {
        Self { shared, writer, open: Arc::default() }
    }

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
        let Some((no, row)) = self.raw_after(seq)? else { return Ok(None) };
        let mut rows = Rows::default();
        let columns = rows.decode(&row.body).and_then(|()| rows.columns());
        let keys = self.keys_of(no)?;
        match columns {
            Some(columns) if columns.point.iter().all(|p| (*p as usize) < keys.len()) => Ok(Some(TelemetryBatch {
                epoch: self.shared.epoch(Stream::Telemetry),
                seq_first: row.seq_first,
                count: u32::try_from(row.count).unwrap_or(u32::MAX),
                boot: row.boot,
                anchor: row.anchor,
                keys,
                columns,
            })),
            _ => {
                self.bad_rows(Stream::Telemetry, row.seq_first, row.seq_last());
                Err(ReadError::Damaged(format!("batch {} of log/{no:08}.db", row.seq_first)))
            }
        }
    }

    /// As [`Self::telemetry_after`], not yet decoded, with the segment's number.
    pub(crate) fn raw_after(&self, mut seq: u64) -> Result<Option<(u64, RawRow)>, ReadError> {
        let epoch = self.shared.epoch(Stream::Telemetry);
        let head = self.heads().telemetry;
        for _ in 0..SKIPS_MAX {
            let segments = self.shared.segments();
            let Some(info) = segments.into_iter().find(|s| s.seq_last > seq) else { return Ok(None) };
            let from = seq.max(info.seq_first.saturating_sub(1));
            let found = self.with_segment(&info, |conn| {
                let found = segment::row_after(conn, epoch, from)?;
                let Some(Found::Wrong { seq_first }) = found else { return Ok((found, 0)) };
                let end = segment::next_first(conn, seq_first)?.map_or(info.seq_last, |n| n - 1);
                Ok((found, end.max(seq_first)))
            });
            match found {
                Ok((Some(Found::Whole(row)), _)) if row.seq_last() <= head => return Ok(Some((info.no, row))),
                Ok((Some(Found::Whole(_)), _)) => return Ok(None),
                Ok((Some(Found::Wrong { seq_first }), end)) => {
                    self.bad_rows(Stream::Telemetry, seq_first, end);
                    seq = end;
                }
                Ok((None, _)) => seq = info.seq_last,
                Err(error) if fault(&error) == Fault::Damaged => {
                    self.report(Urgent::BadSegment { no: info.no, why: error.to_string() });
                    seq = info.seq_last;
                }
                Err(error) => return Err(ReadError::Retry(error.to_string())),
            }
        }
        Err(ReadError::Damaged("too many damaged rows in a run".to_owned()))
    }

    /// Hands every whole row after `seq` to `visit`, until it says `false`. Damaged rows are passed over and reported.
    pub(crate) fn scan(&self, mut seq: u64, mut visit: impl FnMut(u64, &RawRow) -> bool) -> Result<(), ReadError> {
        let (epoch, head) = (self.shared.epoch(Stream::Telemetry), self.heads().telemetry);
        while let Some(info) = self.shared.segments().into_iter().find(|s| s.seq_last > seq) {
            let path = files::segment_path(&self.shared.dir, info.no);
            let opened = sqlite::open_reader(&path, files::header(&path) == Header::Plain);
            let conn = opened.map_err(|e| ReadError::Retry(e.to_string()))?;
            seq = seq.max(info.seq_first.saturating_sub(1));
            loop {
                match segment::row_after(&conn, epoch, seq) {
                    Ok(Some(Found::Whole(row))) if row.seq_last() > head => return Ok(()),
                    Ok(Some(Found::Whole(row))) => {
                        seq = row.seq_last();
                        if !visit(info.no, &row) {
                            return Ok(());
                        }
                    }
                    Ok(Some(Found::Wrong { seq_first })) => seq = seq.max(seq_first),
                    Ok(None) => break,
                    Err(error) if fault(&error) == Fault::Damaged => {
                        self.report(Urgent::BadSegment { no: info.no, why: error.to_string() });
                        break;
                    }
                    Err(error) => return Err(ReadError::Retry(error.to_string())),
                }
            }
            seq = seq.max(info.seq_last);
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_segment<T>(
        &self,
        info: &SegmentInfo,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let path = files::segment_path(&self.shared.dir, info.no);
        if !info.sealed || files::header(&path) != Header::Plain {
            return read(&sqlite::open_reader(&path, false)?);
        }
        let mut open = self.lock();
        if open.sealed.as_ref().is_none_or(|(no, _)| *no != info.no) {
            open.sealed = Some((info.no, sqlite::open_reader(&path, true)?));
        }
        match &open.sealed {
            Some((_, conn)) => read(conn),
            None => Err(rusqlite::Error::InvalidQuery),
        }
    }

    /// Keys of a segment by point number. They only grow, at start, so a kept copy of this run's is right.
    pub(crate) fn keys_of(&self, no: u64) -> Result<Arc<[Arc<str>]>, ReadError> {
        if let Some((kept, keys)) = &self.lock().keys
            && *kept == no
        {
            return Ok(Arc::clone(keys));
        }
        let info = self.shared.segments().into_iter().find(|s| s.no == no);
        let info = info.ok_or_else(|| ReadError::Retry(format!("log/{no:08}.db has just been evicted")))?;
        let keys = self.with_segment(&info, segment::keys).map_err(|error| {
            if fault(&error) == Fault::Damaged {
                self.report(Urgent::BadSegment { no, why: error.to_string() });
                ReadError::Damaged(format!("log/{no:08}.db"))
            } else {
                ReadError::Retry(error.to_string())
            }
        })?;
        let keys: Arc<[Arc<str>]> = keys.into();
        self.lock().keys = Some((no, Arc::clone(&keys)));
        Ok(keys)
    }

    fn with_state<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ReadError> {
        let generation = self.shared.state_generation.load(Ordering::Acquire);
        let mut open = self.lock();
        if open.state.as_ref().is_none_or(|(g, _)| *g != generation) {
            let conn = sqlite::open_reader(&self.shared.dir.join("state.db"), false);
            open.state = Some((generation, conn.map_err(|e| ReadError::Retry(e.to_string()))?));
        }
        let Some((_, conn)) = &open.state else { return Err(ReadError::Retry("not open".to_owned())) };
        read(conn).map_err(|error| {
            open.state = None;
            if fault(&error) == Fault::Damaged {
                self.report(Urgent::BadState(error.to_string()));
                return ReadError::Damaged("state.db".to_owned());
            }
            ReadError::Retry(error.to_string())
        })
    }

    /// Rows of a journal stream after `seq`, at most `limit`, in order.
    pub fn journal_after(&self, stream: Stream, seq: u64, limit: usize) -> Result<Vec<JournalRow>, ReadError> {
        let end = self.heads().get(stream);
        let sql =
            "SELECT id, boot, boot_ms, wall_ms, crc, body FROM journal WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3";
        self.journal(stream, sql, seq, end, limit)
    }

    /// The newest rows of a journal stream before number `before` (`None`: from the end), newest first.
    pub fn journal_before(
        &self,
        stream: Stream,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<JournalRow>, ReadError> {
        let end = before.map_or(u64::MAX, |b| b.saturating_sub(1)).min(self.heads().get(stream));
        let sql = "SELECT id, boot, boot_ms, wall_ms, crc, body FROM journal WHERE id > ?1 AND id <= ?2 ORDER BY id DESC LIMIT ?3";
        self.journal(stream, sql, 0, end, limit)
    }

    fn journal(
        &self,
        stream: Stream,
        sql: &str,
        from: u64,
        to: u64,
        limit: usize,
    ) -> Result<Vec<JournalRow>, ReadError> {
        if stream == Stream::Telemetry {
            return Ok(Vec::new());
        }
        let epoch = self.shared.epoch(stream);
        let low = journal_id(stream, 0);
        let rows = self.with_state(|conn| {
            let mut statement = conn.prepare(sql)?;
            let range = params![journal_id(stream, from), journal_id(stream, to), int(limit.min(ROWS_MAX) as u64)];
            statement.query_map(range, |r| read_journal(r, stream, epoch, low))?.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut whole = Vec::with_capacity(rows.len());
        for row in rows {
            match row {
                Ok(row) => whole.push(row),
                Err(seq) => self.bad_rows(stream, seq, seq),
            }
        }
        Ok(whole)
    }

    /// Declared holes of a stream of its current epoch that end after `seq`, in order.
    pub fn gaps_after(&self, stream: Stream, seq: u64) -> Result<Vec<Gap>, ReadError> {
        let epoch = self.shared.epoch(stream);
        self.with_state(|conn| {
            let sql = "SELECT seq_from, seq_to, reason FROM gaps WHERE stream = ?1 AND epoch = ?2 AND seq_to > ?3 ORDER BY seq_from";
            let mut statement = conn.prepare(sql)?;
            let found = statement.query_map(params![stream_code(stream), epoch.to_string(), int(seq)], |r| {
                let reason: String = r.get(2)?;
                let reason = reason_from(&reason).unwrap_or(GapReason::Corrupt);
                Ok(Gap { stream, epoch, from: uint(r, 0)?, to: uint(r, 1)?, reason })
            })?;
            found.collect()
        })
    }

    /// Alarms, newest first.
    pub fn alarms(&self, filter: &AlarmFilter) -> Result<Vec<AlarmRecord>, ReadError> {
        let limit = if filter.limit == 0 { 100 } else { filter.limit.min(ROWS_MAX) };
        let open = if filter.open_only { "open = 1 AND" } else { "" };
        let sql = format!(
            "SELECT crc, record FROM alarms WHERE {open} raised_wall < ?1 AND (?2 IS NULL OR device = ?2)
             ORDER BY raised_wall DESC, id DESC LIMIT ?3"
        );
        let before = filter.before_wall_ms.unwrap_or(i64::MAX);
        let found = self.with_state(|conn| {
            let mut statement = conn.prepare(&sql)?;
            let rows = statement.query_map(params![before, filter.device, int(limit as u64)], |r| {
                Ok(alarm_from(r.get(0)?, &r.get::<_, String>(1)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    /// One alarm with all its changes, oldest first.
    pub fn alarm(&self, id: &str) -> Result<Option<(AlarmRecord, Vec<AlarmEvent>)>, ReadError> {
        let epoch = self.shared.epoch(Stream::Alarm);
        self.with_state(|conn| {
            let record: Option<(i64, String)> = conn
                .query_row("SELECT crc, record FROM alarms WHERE id = ?1", [id], |r| Ok((r.get(0)?, r.get(1)?)))
                .optional()?;
            let Some(record) = record.and_then(|(crc, text)| alarm_from(crc, &text)) else { return Ok(None) };
            let sql = "SELECT id, boot, boot_ms, wall_ms, crc, body FROM journal
                       WHERE subject = ?1 AND id < 1152921504606846976 ORDER BY id";
            let mut statement = conn.prepare(sql)?;
            let rows = statement.query_map([id], |r| read_journal(r, Stream::Alarm, epoch, 0))?;
            let mut events = Vec::new();
            for row in rows {
                events.extend(row?.ok().and_then(|row| serde_json::from_str(&row.body).ok()));
            }
            Ok(Some((record, events)))
        })
    }

    /// Trend of a point (`device.point`) between two wall times (UTC milliseconds, end excluded) in at most `steps_max` steps.
    pub fn history(&self, key: &str, from_ms: i64, to_ms: i64, steps_max: usize) -> Result<History, ReadError> {
        trend::history(self, key, from_ms, to_ms, steps_max)
    }

    /// Readings of points (`device.point`) between two wall times (UTC milliseconds, end excluded), as they were stored:
    /// `each` gets them in portions, every portion in the order of time, `point` being the position in `keys`. A portion is
    /// earlier than the one before only where the wall clock was set back.
    pub fn past(
        &self,
        keys: &[&str],
        range: (i64, i64),
        each: &mut dyn FnMut(&[PastReading]),
    ) -> Result<PastGaps, ReadError> {
        past::past(self, keys, range, each)
    }

    fn bad_rows(&self, stream: Stream, from: u64, to: u64) {
        let epoch = self.shared.epoch(stream);
        self.report(Urgent::BadRows(Gap { stream, epoch, from, to, reason: GapReason::Corrupt }));
    }

    /// Tells the writer. A full lane is no loss: the next reader finds the same.
    pub(crate) fn report(&self, what: Urgent) {
        if let Some(writer) = self.writer.upgrade() {
            drop(writer.try_send(what));
        }
    }
}

/// A journal row, or its number if its CRC does not fit.
fn read_journal(
    r: &rusqlite::Row<'_>,
    stream: Stream,
    epoch: Epoch,
    low: i64,
) -> rusqlite::Result<Result<JournalRow, u64>> {
    let id: i64 = r.get(0)?;
    let seq = u64::try_from(id - low).unwrap_or(0);
    let (boot, at, wall_ms): (u64, i64, i64) = (uint(r, 1).unwrap_or(0), r.get(2).unwrap_or(0), r.get(3).unwrap_or(0));
    let (crc, body): (i64, String) = (r.get(4).unwrap_or(-1), r.get(5).unwrap_or_default());
    if crc != i64::from(journal_crc(epoch, id, boot, at, wall_ms, &body)) {
        return Ok(Err(seq));
    }
    Ok(Ok(JournalRow { stream, epoch, seq, boot, at: BootMs(at), wall_ms, body }))
}
