//! Trends: closed blocks of the history and the open tail of the outbox, folded into steps.

use rusqlite::Connection;

use crate::model::stored::{History, HistoryBucket, ReadError};
use crate::store::block::{Samples, Summary};
use crate::store::columns::{KIND_NUMBER, KIND_TEXT, Rows, kind};
use crate::store::files;
use crate::store::handle::Urgent;
use crate::store::historian::{anchor_of, day_of};
use crate::store::history::{self, HOUR_MS, block_id};
use crate::store::reader::StoreReader;
use crate::store::shared::Folded;
use crate::store::sqlite::{self, Fault, fault};

/// Most steps of one trend.
const STEPS_MAX: usize = 10_000;

/// The steps being filled.
struct Steps {
    from: i64,
    to: i64,
    step: i64,
    slots: Vec<Summary>,
}

impl Steps {
    /// Steps of an hour or more are whole hours that begin on the hour, so that summaries of blocks can be used.
    fn new(from: i64, to: i64, most: usize) -> Self {
        let most = i64::try_from(most.clamp(1, STEPS_MAX)).unwrap_or(1);
        let span = to.saturating_sub(from).max(1);
        let mut step = (span + most - 1) / most;
        let mut begin = from;
        if step >= HOUR_MS {
            begin = from.div_euclid(HOUR_MS) * HOUR_MS;
            step = ((to - begin + most - 1) / most + HOUR_MS - 1) / HOUR_MS * HOUR_MS;
        }
        let n = usize::try_from((to - begin + step - 1) / step).unwrap_or(0).min(STEPS_MAX + 1);
        Self { from: begin, to, step, slots: vec![Summary::default(); n] }
    }

    fn slot(&mut self, at: i64) -> Option<&mut Summary> {
        if at < self.from || at >= self.to {
            return None;
        }
        self.slots.get_mut(usize::try_from((at - self.from) / self.step).ok()?)
    }

    fn add(&mut self, at: i64, number: Option<f64>) {
        if let Some(slot) = self.slot(at) {
            slot.add(at, number);
        }
    }

    /// A block can be taken as a whole when its hour lies inside one step and inside the range asked for.
    fn takes_whole(&self, hour_ms: i64) -> bool {
        self.step >= HOUR_MS && hour_ms >= self.from && hour_ms + HOUR_MS <= self.to
    }

    fn finish(self) -> History {
        let bucket = |(i, s): (i64, &Summary)| {
            let some = |v: f64| (s.count > 0).then_some(v);
            HistoryBucket {
                t: self.from + i * self.step,
                min: some(s.min),
                max: some(s.max),
                mean: some(s.sum / s.count as f64),
                last: some(s.last),
                count: s.count,
                bad: s.bad,
            }
        };
        let filled = (0i64..).zip(&self.slots).filter(|(_, s)| s.count + s.bad > 0);
        History { step_ms: self.step, buckets: filled.map(bucket).collect() }
    }
}

/// See [`StoreReader::history`].
pub(crate) fn history(
    reader: &StoreReader,
    key: &str,
    from_ms: i64,
    to_ms: i64,
    steps_max: usize,
) -> Result<History, ReadError> {
    if to_ms <= from_ms {
        return Ok(History::default());
    }
    let mut steps = Steps::new(from_ms, to_ms, steps_max);
    let folded = reader.shared.folded();
    let (first, last) = (day_of(steps.from), day_of(to_ms - 1));
    for info in reader.shared.days().into_iter().filter(|d| (first..=last).contains(&d.day)) {
        let path = files::day_path(&reader.shared.dir, info.day);
        let read = sqlite::open_reader(&path, false).and_then(|conn| day(&conn, info.day, key, &folded, &mut steps));
        match read {
            Err(error) if fault(&error) == Fault::Damaged => {
                reader.report(Urgent::BadDay { day: info.day, why: error.to_string() });
            }
            Err(error) => return Err(ReadError::Retry(error.to_string())),
            Ok(()) => {}
        }
    }
    tail(reader, key, &folded, &mut steps)?;
    Ok(steps.finish())
}

fn day(conn: &Connection, day: i64, key: &str, folded: &Folded, steps: &mut Steps) -> rusqlite::Result<()> {
    let Some(point) = history::point(conn, key)? else { return Ok(()) };
    for hour in 0..24 {
        let hour_ms = (day * 24 + hour) * HOUR_MS;
        if hour_ms + HOUR_MS <= steps.from || hour_ms >= steps.to {
            continue;
        }
        for build in history::builds(conn, hour, folded.build)? {
            let Some(block) = history::block(conn, day, block_id(hour, build, point))? else { continue };
            if steps.takes_whole(hour_ms) {
                if let Some(slot) = steps.slot(hour_ms) {
                    slot.merge(&block.summary);
                }
                continue;
            }
            let times = if block.times_of == block.id {
                None
            } else {
                let other = history::block(conn, day, block.times_of)?;
                other.and_then(|b| Samples::unpack(&b.body, hour_ms, None)).map(|s| s.at)
            };
            let Some(samples) = Samples::unpack(&block.body, hour_ms, times.as_deref()) else { continue };
            for (at, number) in samples.at.iter().zip(&samples.numbers) {
                steps.add(*at, (!number.is_nan()).then_some(*number));
            }
        }
    }
    Ok(())
}

/// What is committed but not folded yet.
fn tail(reader: &StoreReader, key: &str, folded: &Folded, steps: &mut Steps) -> Result<(), ReadError> {
    let mut rows = Rows::default();
    let (mut segment, mut point) = (None, None);
    reader.scan(folded.tail_from.saturating_sub(1), |no, row| {
        let anchor = anchor_of(&reader.shared, row);
        let wall = |boot: i64| anchor.wall.0.saturating_add(boot - anchor.boot.0);
        if wall(row.t_max) < steps.from || wall(row.t_min) >= steps.to {
            return true;
        }
        if segment != Some(no) {
            let keys = reader.keys_of(no).ok();
            point = keys.and_then(|keys| keys.iter().position(|k| &**k == key));
            segment = Some(no);
        }
        let Some(point) = point else { return true };
        let group = rows.decode(&row.body).and_then(|()| rows.groups.iter().find(|g| g.0 as usize == point).copied());
        let Some((_, first, count)) = group else { return true };
        let low = if row.seq_last() > folded.seq { i64::MIN } else { folded.cut_ms };
        for i in first as usize..(first + count) as usize {
            let at = wall(rows.at[i]);
            let number = (kind(rows.tags[i]) == KIND_NUMBER).then_some(rows.numbers[i]);
            if at >= low && kind(rows.tags[i]) != KIND_TEXT {
                steps.add(at, number);
            }
        }
        true
    })
}
