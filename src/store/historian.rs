//! The historian: a thread of low urgency that folds closed hours of the outbox into the history.
//!
//! An hour is never held in memory as a whole: readings are gathered in a few bytes each up to [`BUDGET`]; when that is
//! reached, the points highest in order are let go and gathered in a further pass over the same rows. So memory is
//! bounded whatever the load, and time grows with it. A build that is cut off is done again from the same mark, and
//! writes the same blocks; readers do not look at blocks of a build that is not finished.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::model::journal::Stream;
use crate::model::stored::ReadError;
use crate::model::time::{Anchor, Trust};
use crate::store::block::{BLOCK_MAX, Gather, Samples};
use crate::store::columns::{KIND_TEXT, Rows, kind};
use crate::store::files::{self, Header};
use crate::store::handle::Urgent;
use crate::store::history::{self, Block, DAY_MS, Day, HOUR_MS, block_id};
use crate::store::reader::StoreReader;
use crate::store::segment::RawRow;
use crate::store::shared::{DayInfo, Folded, Shared};
use crate::store::sqlite::{self, Fault, fault};

/// How often it looks whether an hour has closed.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// An hour is folded this long after its end, so that its last commit is in.
const SETTLE_MS: i64 = 15_000;
/// Bytes of gathered readings.
const BUDGET: usize = 4 << 20;
/// Rows whose first reading is this far beyond the hour end the search.
const SLACK_MS: i64 = 60_000;

/// The running thread.
#[derive(Debug)]
pub(crate) struct Historian {
    stop: SyncSender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Historian {
    /// Ends it; what it was building is built again later.
    pub(crate) fn end(self) {
        drop(self.stop);
        // A panic in it has been reported by the panic hook; the store ends in order all the same.
        drop(self.thread.join());
    }
}

/// Looks what days there are, then starts the thread.
pub(crate) fn start(reader: StoreReader) -> std::io::Result<Historian> {
    survey(&reader.shared);
    let (stop, stopped) = sync_channel(1);
    let thread = std::thread::Builder::new().name("historian".into()).spawn(move || run(&reader, &stopped))?;
    Ok(Historian { stop, thread })
}

fn survey(shared: &Shared) {
    let mut days = Vec::new();
    for day in files::numbers(&shared.dir.join("history")) {
        let path = files::day_path(&shared.dir, day);
        if matches!(files::header(&path), Header::Foreign | Header::Empty) {
            drop(files::quarantine(&shared.dir, &path, shared.boot));
        } else {
            days.push(DayInfo { day, bytes: files::bytes_of(&path) });
        }
    }
    let epoch = shared.epoch(Stream::Telemetry);
    let folded = days.iter().rev().take(4).filter_map(|d| {
        let conn = sqlite::open_reader(&files::day_path(&shared.dir, d.day), false).ok()?;
        history::read_folded(&conn, epoch).ok().flatten()
    });
    if let Some(folded) = folded.max_by_key(|f| f.build) {
        shared.set_folded(folded);
    }
    *shared.days.write().unwrap_or_else(PoisonError::into_inner) = days;
}

fn run(reader: &StoreReader, stopped: &Receiver<()>) {
    while matches!(stopped.recv_timeout(LOOK_EVERY), Err(RecvTimeoutError::Timeout)) {
        let Some(cut) = due(&reader.shared) else { continue };
        match Build::new(reader, cut, stopped).run() {
            Ok(()) | Err(Stop::Ended) => {}
            Err(Stop::Failed(why)) => tracing::warn!(why, "an hour cannot be folded into the history; tried again"),
        }
    }
}

/// Wall time up to which readings are to be folded now, if any.
fn due(shared: &Shared) -> Option<i64> {
    let now = shared.clock.anchor().wall.0;
    let cut = (now - SETTLE_MS).div_euclid(HOUR_MS) * HOUR_MS;
    let last = shared.folded().cut_ms;
    if last == i64::MIN || cut > last {
        Some(cut)
    } else {
        // The wall clock was set back: everything is folded as it stands, and counting begins anew.
        (now < last - HOUR_MS).then_some(i64::MAX)
    }
}

/// Wall times of a row: as known at its commit, or by a later anchor of the boot where the clock was not set then.
pub(crate) fn anchor_of(shared: &Shared, row: &RawRow) -> Anchor {
    if row.anchor.trust == Trust::Unset {
        return shared.anchor(row.boot).filter(|a| a.trust > Trust::Unset).unwrap_or(row.anchor);
    }
    row.anchor
}

/// Why a build did not finish.
enum Stop {
    Ended,
    Failed(String),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// One hour and all that was left before it.
struct Build<'a> {
    reader: &'a StoreReader,
    stopped: &'a Receiver<()>,
    from: Folded,
    to: Folded,
    /// Keys met so far; passes go through them in this order.
    keys: Vec<Arc<str>>,
    by_key: HashMap<Arc<str>, u32>,
    /// Of a segment: its point numbers to positions in `keys`.
    maps: HashMap<u64, Vec<u32>>,
    level: usize,
    /// Last row of the first pass; the others look no further, so that all points end alike.
    last: Option<u64>,
}

/// Gathered readings of a run of points, by hour.
#[derive(Default)]
struct Pass {
    first: usize,
    end: usize,
    slots: Vec<Vec<(i64, Gather)>>,
    held: usize,
}

impl Pass {
    fn push(&mut self, key: usize, at: i64, tag: u16, number: f64) {
        let Some(slot) = key.checked_sub(self.first).filter(|_| key < self.end) else { return };
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, Vec::new);
        }
        let hour = at.div_euclid(HOUR_MS);
        let hours = &mut self.slots[slot];
        let at_hour = hours.iter().rposition(|(h, g)| *h == hour && g.len() < BLOCK_MAX).unwrap_or_else(|| {
            hours.push((hour, Gather::default()));
            hours.len() - 1
        });
        self.held += hours[at_hour].1.push(at, tag, number);
        while self.held > BUDGET && self.slots.len() > 1 {
            let gone = self.slots.pop().unwrap_or_default();
            self.held -= gone.iter().map(|(_, g)| g.held()).sum::<usize>();
            self.end = self.first + self.slots.len();
        }
    }
}

impl<'a> Build<'a> {
    fn new(reader: &'a StoreReader, cut_ms: i64, stopped: &'a Receiver<()>) -> Self {
        let from = reader.shared.folded();
        let to = Folded { cut_ms, build: from.build + 1, ..from };
        let waiting = reader.heads().telemetry.saturating_sub(from.seq);
        let level = if waiting < 3_000_000 { 8 } else { 0 };
        Self {
            reader,
            stopped,
            from,
            to,
            keys: Vec::new(),
            by_key: HashMap::new(),
            maps: HashMap::new(),
            level,
            last: None,
        }
    }

    fn run(mut self) -> Result<(), Stop> {
        let mut first = 0;
        let mut newest = None;
        loop {
            let mut pass = Pass { first, end: usize::MAX, ..Pass::default() };
            self.gather(&mut pass)?;
            newest = newest.max(self.write(&mut pass)?);
            first = pass.end;
            if first >= self.keys.len() {
                break;
            }
        }
        self.finish(newest)
    }

    /// One pass over the rows.
    fn gather(&mut self, pass: &mut Pass) -> Result<(), Stop> {
        let reader = self.reader;
        let (mut rows, mut ended, mut failed) = (Rows::default(), false, None);
        let (mut seq, mut tail) = (self.from.seq, None);
        reader.scan(self.from.tail_from.saturating_sub(1), |no, row| {
            ended = !matches!(self.stopped.try_recv(), Err(TryRecvError::Empty));
            let anchor = anchor_of(&reader.shared, row);
            let wall = |boot: i64| anchor.wall.0.saturating_add(boot - anchor.boot.0);
            if ended
                || self.last.is_some_and(|l| row.seq_last() > l)
                || wall(row.t_min) >= self.to.cut_ms.saturating_add(SLACK_MS)
            {
                return false;
            }
            if wall(row.t_max) >= self.to.cut_ms && tail.is_none() {
                tail = Some(row.seq_first);
            }
            if let Err(error) = self.map(no) {
                failed = Some(error);
                return false;
            }
            let low = if row.seq_last() > self.from.seq { i64::MIN } else { self.from.cut_ms };
            if rows.decode(&row.body).is_some() {
                let map = self.maps.get(&no).map_or(&[][..], Vec::as_slice);
                take(&rows, map, pass, wall, low..self.to.cut_ms);
            }
            seq = seq.max(row.seq_last());
            true
        })?;
        if ended {
            return Err(Stop::Ended);
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        self.last = Some(seq);
        self.to.seq = seq;
        self.to.tail_from = tail.unwrap_or(seq + 1);
        Ok(())
    }

    fn map(&mut self, no: u64) -> Result<(), ReadError> {
        if self.maps.contains_key(&no) {
            return Ok(());
        }
        let (keys, by_key) = (&mut self.keys, &mut self.by_key);
        let names = self.reader.keys_of(no)?;
        let map = names.iter().map(|key| {
            *by_key.entry(Arc::clone(key)).or_insert_with(|| {
                keys.push(Arc::clone(key));
                u32::try_from(keys.len() - 1).unwrap_or(u32::MAX)
            })
        });
        self.maps.insert(no, map.collect());
        Ok(())
    }

    /// Writes what a pass has gathered, one transaction a day. Returns the newest day written.
    fn write(&self, pass: &mut Pass) -> Result<Option<i64>, Stop> {
        pass.end = pass.end.min(self.keys.len());
        let mut days: Vec<i64> = pass.slots.iter().flatten().map(|(h, _)| h.div_euclid(24)).collect();
        days.sort_unstable();
        days.dedup();
        for day in &days {
            self.write_day(pass, *day).map_err(|error| self.failed(*day, &error))?;
        }
        Ok(days.last().copied())
    }

    fn write_day(&self, pass: &Pass, day: i64) -> rusqlite::Result<()> {
        let path = files::day_path(&self.reader.shared.dir, day);
        files::touch(&path).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
        let file = Day::open(&path, day)?;
        let mut shared_times: Option<(i64, i64, Vec<i64>)> = None;
        for (slot, hours) in pass.slots.iter().enumerate() {
            let Some(key) = self.keys.get(pass.first + slot) else { continue };
            for (hour, gather) in hours.iter().filter(|(h, _)| h.div_euclid(24) == day) {
                let hour_of_day = hour.rem_euclid(24);
                let id = block_id(hour_of_day, self.to.build - 1, file.point(key)?);
                let samples: Samples = gather.samples();
                let same = shared_times.as_ref().filter(|(h, _, at)| h == hour && *at == samples.at).map(|t| t.1);
                let body = samples.pack(hour * HOUR_MS, same.is_none(), self.level);
                let block = Block { id, summary: samples.summary(), times_of: same.unwrap_or(id), body };
                file.put(hour_of_day, self.to.build - 1, &block)?;
                if same.is_none() {
                    shared_times = Some((*hour, id, samples.at));
                }
            }
        }
        file.commit()?;
        self.reader.shared.day_grown(day, files::bytes_of(&path));
        Ok(())
    }

    /// Makes the build visible.
    fn finish(mut self, newest: Option<i64>) -> Result<(), Stop> {
        if self.to.cut_ms == i64::MAX {
            self.to.cut_ms = i64::MIN;
        }
        if let Some(day) = newest {
            let path = files::day_path(&self.reader.shared.dir, day);
            let epoch = self.reader.epoch(Stream::Telemetry);
            let write = || {
                let file = Day::open(&path, day)?;
                file.folded(epoch, &self.to)?;
                file.commit()
            };
            write().map_err(|error| self.failed(day, &error))?;
        } else {
            self.to.build = self.from.build;
        }
        self.reader.shared.set_folded(self.to);
        Ok(())
    }

    fn failed(&self, day: i64, error: &rusqlite::Error) -> Stop {
        if fault(error) == Fault::Damaged {
            self.reader.report(Urgent::BadDay { day, why: error.to_string() });
        }
        Stop::Failed(error.to_string())
    }
}

fn take(rows: &Rows, map: &[u32], pass: &mut Pass, wall: impl Fn(i64) -> i64, range: std::ops::Range<i64>) {
    for (id, first, count) in &rows.groups {
        let Some(key) = map.get(*id as usize).map(|k| *k as usize) else { continue };
        if key < pass.first || key >= pass.end {
            continue;
        }
        for i in *first as usize..(*first + *count) as usize {
            let (at, tag) = (wall(rows.at[i]), rows.tags[i]);
            if range.contains(&at) && kind(tag) != KIND_TEXT {
                pass.push(key, at, tag, rows.numbers[i]);
            }
        }
    }
}

/// Milliseconds since 1970 to days.
pub(crate) fn day_of(wall_ms: i64) -> i64 {
    wall_ms.div_euclid(DAY_MS)
}

#[cfg(test)]
mod tests;
