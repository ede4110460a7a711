//! One row of the outbox as bytes: readings to columns and back. Pure.
//!
//! Readings are grouped by point (in file-local numbers), each group keeps its time order. Body, all integers varint:
//! ```text
//! version=1 · n readings · g groups · base time (zigzag ms)
//! ints[g] point number minus the one before · ints[g] readings · ints[g] scale · ints[g] "times equal the group before"
//! tags: (tag, run)* until n          tag = quality code << 3 | source << 2 | kind (0 none, 1 number, 2 text)
//! times of groups that have their own: ints firsts minus base · ints differences
//! scaled numbers: ints firsts · ints differences;  raw numbers: floats
//! source times of rows that have one: ints differences from the one before
//! texts: (length, UTF-8)*
//! ```
//! Points of one device are polled together, so their times are stored once; registers are whole numbers under a decimal
//! scale, so their differences are a few bits. A row needs no other row to be read.

use std::sync::Arc;

use crate::model::quality::Quality;
use crate::model::reading::{Reading, Value};
use crate::model::stored::Columns;
use crate::model::time::BootMs;
use crate::store::codec::{
    SCALE_RAW, Take, from_mantissa, mantissa, put_floats, put_ints, put_varint, scale_of, take_floats, take_ints,
    unzigzag, zigzag,
};

const VERSION: u8 = 1;
/// The row has no value.
pub(crate) const KIND_NONE: u16 = 0;
/// The row has a number.
pub(crate) const KIND_NUMBER: u16 = 1;
/// The row has a text.
pub(crate) const KIND_TEXT: u16 = 2;
const SOURCE: u16 = 4;
/// Most readings in one row; bounds what a reader must hold.
pub(crate) const ROW_MAX: usize = 16_384;

/// Kind bits of a tag.
pub(crate) fn kind(tag: u16) -> u16 {
    tag & 3
}

/// Quality of a tag.
pub(crate) fn quality(tag: u16) -> Option<Quality> {
    u8::try_from(tag >> 3).ok().and_then(Quality::from_code)
}

fn tag_of(reading: &Reading) -> u16 {
    let kind = match reading.value {
        Value::Number(v) if !v.is_nan() => KIND_NUMBER,
        Value::Text(_) => KIND_TEXT,
        Value::Number(_) | Value::None => KIND_NONE,
    };
    u16::from(reading.quality.code()) << 3 | if reading.source_ms.is_some() { SOURCE } else { 0 } | kind
}

/// A row ready to be stored.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    pub(crate) body: Vec<u8>,
    pub(crate) count: u32,
    pub(crate) t_min: i64,
    pub(crate) t_max: i64,
}

/// Makes rows; keeps the scale last seen of every point and its work space.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    scales: Vec<u8>,
    starts: Vec<u32>,
}

/// The columns being gathered.
#[derive(Default)]
struct Work {
    ids: Vec<i64>,
    counts: Vec<i64>,
    scales: Vec<i64>,
    same: Vec<i64>,
    time_first: Vec<i64>,
    time_step: Vec<i64>,
    num_first: Vec<i64>,
    num_step: Vec<i64>,
    raw: Vec<f64>,
}

impl Encoder {
    /// Encodes `readings`; `ids` gives the file's number of each point. Readings of unknown points must have been left out.
    pub(crate) fn encode(&mut self, readings: &[&Reading], ids: &[u32], level: usize) -> Encoded {
        let sorted = self.by_point(readings, ids);
        let t_min = sorted.iter().map(|r| r.at.0).min().unwrap_or(0);
        let t_max = sorted.iter().map(|r| r.at.0).max().unwrap_or(0);
        let mut work = Work::default();
        let mut before: Option<(u32, &[&Reading])> = None;
        for group in sorted.chunk_by(|a, b| a.point == b.point) {
            let id = ids[group[0].point.ix()];
            work.ids.push(i64::from(id) - before.map_or(0, |(b, _)| i64::from(b)));
            work.counts.push(i64::try_from(group.len()).unwrap_or(i64::MAX));
            let same =
                before.is_some_and(|(_, b)| b.len() == group.len() && b.iter().zip(group).all(|(x, y)| x.at == y.at));
            work.same.push(i64::from(same));
            if !same {
                work.time_first.push(group[0].at.0 - t_min);
                work.time_step.extend(group.windows(2).map(|w| w[1].at.0 - w[0].at.0));
            }
            self.numbers(&mut work, id, group);
            before = Some((id, group));
        }
        let mut body = vec![VERSION];
        put_varint(&mut body, sorted.len() as u64);
        put_varint(&mut body, work.ids.len() as u64);
        put_varint(&mut body, zigzag(t_min));
        for column in [&work.ids, &work.counts, &work.scales, &work.same] {
            put_ints(&mut body, column, level);
        }
        put_tags(&mut body, sorted.iter().map(|r| tag_of(r)));
        for column in [&work.time_first, &work.time_step, &work.num_first, &work.num_step] {
            put_ints(&mut body, column, level);
        }
        put_floats(&mut body, &work.raw, level);
        put_extras(&mut body, &sorted, level);
        Encoded { body, count: u32::try_from(sorted.len()).unwrap_or(u32::MAX), t_min, t_max }
    }

    fn numbers(&mut self, work: &mut Work, id: u32, group: &[&Reading]) {
        let slot = id as usize;
        if self.scales.len() <= slot {
            self.scales.resize(slot + 1, 0);
        }
        let numbers = group.iter().filter_map(|r| r.value.number()).filter(|v| !v.is_nan());
        let scale = scale_of(&numbers, self.scales[slot]);
        self.scales[slot] = if scale == SCALE_RAW { 0 } else { scale };
        work.scales.push(i64::from(scale));
        if scale == SCALE_RAW {
            work.raw.extend(numbers);
            return;
        }
        let mut before = None;
        for m in numbers.filter_map(|v| mantissa(v, scale)) {
            match before {
                None => work.num_first.push(m),
                Some(b) => work.num_step.push(m.wrapping_sub(b)),
            }
            before = Some(m);
        }
    }

    /// Stable counting sort by file number.
    fn by_point<'a>(&mut self, readings: &[&'a Reading], ids: &[u32]) -> Vec<&'a Reading> {
        if readings.windows(2).all(|w| ids[w[0].point.ix()] <= ids[w[1].point.ix()]) {
            return readings.to_vec();
        }
        let top = readings.iter().map(|r| ids[r.point.ix()] as usize).max().unwrap_or(0);
        self.starts.clear();
        self.starts.resize(top + 2, 0);
        for r in readings {
            self.starts[ids[r.point.ix()] as usize + 1] += 1;
        }
        for i in 1..self.starts.len() {
            self.starts[i] += self.starts[i - 1];
        }
        let mut sorted = readings.to_vec();
        for r in readings {
            let start = &mut self.starts[ids[r.point.ix()] as usize];
            sorted[*start as usize] = r;
            *start += 1;
        }
        sorted
    }
}

/// Appends tags as runs.
pub(crate) fn put_tags(out: &mut Vec<u8>, tags: impl Iterator<Item = u16>) {
    let mut run: Option<(u16, u64)> = None;
    for tag in tags {
        match &mut run {
            Some((t, n)) if *t == tag => *n += 1,
            _ => {
                if let Some((t, n)) = run.replace((tag, 1)) {
                    put_varint(out, u64::from(t));
                    put_varint(out, n);
                }
            }
        }
    }
    if let Some((t, n)) = run {
        put_varint(out, u64::from(t));
        put_varint(out, n);
    }
}

/// Reads `n` tags.
pub(crate) fn take_tags(from: &mut Take<'_>, n: usize, into: &mut Vec<u16>) -> Option<()> {
    into.clear();
    while into.len() < n {
        let tag = u16::try_from(from.varint()?).ok()?;
        let run = from.count()?;
        if run == 0 || run > n - into.len() {
            return None;
        }
        into.resize(into.len() + run, tag);
    }
    Some(())
}

fn put_extras(out: &mut Vec<u8>, sorted: &[&Reading], level: usize) {
    let mut before = 0;
    let source: Vec<i64> = sorted
        .iter()
        .filter_map(|r| r.source_ms)
        .map(|s| {
            let step = s.wrapping_sub(before);
            before = s;
            step
        })
        .collect();
    put_ints(out, &source, level);
    for r in sorted {
        if let Value::Text(text) = &r.value {
            put_varint(out, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// A row read back, in the form that both the uploader and the historian can use. Reusable.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// `(point number, first position, readings)`, ascending.
    pub(crate) groups: Vec<(u32, u32, u32)>,
    /// Boot-clock milliseconds.
    pub(crate) at: Vec<i64>,
    /// See [`kind`] and [`quality`].
    pub(crate) tags: Vec<u16>,
    /// The number, NaN where there is none.
    pub(crate) numbers: Vec<f64>,
    source: Vec<i64>,
    texts: Vec<Arc<str>>,
    ints: [Vec<i64>; 4],
}

impl Rows {
    /// Reads a body; `None` if it is not one.
    pub(crate) fn decode(&mut self, body: &[u8]) -> Option<()> {
        let mut from = Take(body);
        if from.byte()? != VERSION {
            return None;
        }
        let n = from.count().filter(|n| *n <= ROW_MAX)?;
        let g = from.count().filter(|g| *g <= n)?;
        let base = unzigzag(from.varint()?);
        let mut ints = std::mem::take(&mut self.ints);
        for column in &mut ints {
            take_ints(&mut from, g, column)?;
        }
        self.directory(&ints, n)?;
        take_tags(&mut from, n, &mut self.tags)?;
        self.times(&mut from, &ints[3], base)?;
        self.values(&mut from, &ints[2])?;
        self.extras(&mut from)?;
        self.ints = ints;
        Some(())
    }

    fn directory(&mut self, ints: &[Vec<i64>; 4], n: usize) -> Option<()> {
        self.groups.clear();
        let (mut id, mut first) = (0i64, 0usize);
        for (step, count) in ints[0].iter().zip(&ints[1]) {
            id = id.checked_add(*step)?;
            let count = usize::try_from(*count).ok().filter(|c| *c > 0 && *c <= n - first)?;
            self.groups.push((u32::try_from(id).ok()?, u32::try_from(first).ok()?, u32::try_from(count).ok()?));
            first += count;
        }
        (first == n).then_some(())
    }

    fn times(&mut self, from: &mut Take<'_>, same: &[i64], base: i64) -> Option<()> {
        let own = self.groups.iter().zip(same).filter(|(_, s)| **s == 0);
        let (firsts, total) = own.fold((0, 0usize), |(f, t), ((_, _, c), _)| (f + 1, t + *c as usize));
        let (mut first, mut step) = (Vec::new(), Vec::new());
        take_ints(from, firsts, &mut first)?;
        take_ints(from, total - firsts, &mut step)?;
        let (mut first, mut step) = (first.into_iter(), step.into_iter());
        self.at.clear();
        for ((_, start, count), same) in self.groups.iter().zip(same) {
            let (start, count) = (*start as usize, *count as usize);
            if *same != 0 {
                // Equal times imply an equal count.
                self.at.extend_from_within(start.checked_sub(count)?..start);
                continue;
            }
            let mut t = base.wrapping_add(first.next()?);
            self.at.push(t);
            for _ in 1..count {
                t = t.wrapping_add(step.next()?);
                self.at.push(t);
            }
        }
        Some(())
    }

    fn values(&mut self, from: &mut Take<'_>, scales: &[i64]) -> Option<()> {
        let (mut firsts, mut steps, mut raws) = (0, 0, 0);
        let count = |tags: &[u16]| tags.iter().filter(|t| kind(**t) == KIND_NUMBER).count();
        for ((_, start, len), scale) in self.groups.iter().zip(scales) {
            let numbers = count(self.tags.get(*start as usize..(*start + *len) as usize)?);
            if *scale == i64::from(SCALE_RAW) {
                raws += numbers;
            } else if numbers > 0 {
                firsts += 1;
                steps += numbers - 1;
            }
        }
        let (mut first, mut step, mut raw) = (Vec::new(), Vec::new(), Vec::new());
        take_ints(from, firsts, &mut first)?;
        take_ints(from, steps, &mut step)?;
        take_floats(from, raws, &mut raw)?;
        let (mut first, mut step, mut raw) = (first.into_iter(), step.into_iter(), raw.into_iter());
        self.numbers.clear();
        for ((_, start, len), scale) in self.groups.iter().zip(scales) {
            let scale = u8::try_from(*scale).ok()?;
            let mut before = None;
            for tag in self.tags.get(*start as usize..(*start + *len) as usize)? {
                let number = match (kind(*tag), scale, before) {
                    (KIND_NUMBER, SCALE_RAW, _) => raw.next()?,
                    (KIND_NUMBER, _, b) => {
                        let m: i64 = b.map_or_else(|| first.next(), |b: i64| Some(b.wrapping_add(step.next()?)))?;
                        before = Some(m);
                        from_mantissa(m, scale)
                    }
                    _ => f64::NAN,
                };
                self.numbers.push(number);
            }
        }
        Some(())
    }

    fn extras(&mut self, from: &mut Take<'_>) -> Option<()> {
        let with_source = self.tags.iter().filter(|t| **t & SOURCE != 0).count();
        take_ints(from, with_source, &mut self.source)?;
        let mut before = 0i64;
        for s in &mut self.source {
            before = before.wrapping_add(*s);
            *s = before;
        }
        self.texts.clear();
        for _ in self.tags.iter().filter(|t| kind(**t) == KIND_TEXT) {
            let len = from.count()?;
            self.texts.push(Arc::from(std::str::from_utf8(from.bytes(len)?).ok()?));
        }
        Some(())
    }

    /// As columns for others; `None` if a quality is unknown.
    pub(crate) fn columns(&self) -> Option<Columns> {
        let mut columns = Columns::default();
        for (id, _, count) in &self.groups {
            columns.point.resize(columns.point.len() + *count as usize, *id);
        }
        columns.at = self.at.iter().copied().map(BootMs).collect();
        let mut texts = self.texts.iter();
        for (tag, number) in self.tags.iter().zip(&self.numbers) {
            columns.quality.push(quality(*tag)?);
            columns.value.push(match kind(*tag) {
                KIND_NUMBER => Value::Number(*number),
                KIND_TEXT => Value::Text(Arc::clone(texts.next()?)),
                _ => Value::None,
            });
        }
        if !self.source.is_empty() {
            let mut source = self.source.iter();
            columns.source_ms =
                self.tags.iter().map(|t| if t & SOURCE == 0 { None } else { source.next().copied() }).collect();
        }
        Some(columns)
    }
}

#[cfg(test)]
mod tests;
