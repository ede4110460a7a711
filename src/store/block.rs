//! One point's hour: gathered in a few bytes a reading, then packed with its summary. Pure.
//!
//! Gathering holds zigzag varints (second difference of time, difference of mantissa), about 2 to 3 bytes a reading, so that a
//! whole hour of hundreds of points fits in a small budget. Body of a packed block:
//! ```text
//! version=1 · scale · n · tags (tag, run)*
//! times: own=1 · first minus hour (zigzag) · ints differences   |   own=0 (same as the block named beside)
//! numbers: ints first mantissa and differences | floats
//! ```

use crate::store::codec::{
    SCALE_RAW, Take, from_mantissa, mantissa, put_floats, put_ints, put_varint, scale_of, take_floats, take_ints,
    unzigzag, zigzag,
};
use crate::store::columns::{KIND_NUMBER, kind, put_tags, take_tags};

const VERSION: u8 = 1;
/// Most readings in one block: an hour at 20 Hz; what is beyond becomes another part.
pub(crate) const BLOCK_MAX: usize = 72_000;
const NEW_TAG: u64 = 1;
const NEW_SCALE: u64 = 2;

/// Readings of one point and hour being gathered.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    bytes: Vec<u8>,
    n: usize,
    time: i64,
    step: i64,
    tag: u16,
    scale: u8,
    mantissa: i64,
}

impl Gather {
    /// Adds a reading; returns by how much the memory grew.
    pub(crate) fn push(&mut self, at: i64, tag: u16, number: f64) -> usize {
        let before = self.bytes.capacity();
        if self.bytes.capacity() - self.bytes.len() < 32 {
            self.bytes.reserve_exact(self.bytes.len() / 4 + 64);
        }
        let step = at.wrapping_sub(self.time);
        let is_number = kind(tag) == KIND_NUMBER;
        let scale = if is_number && self.scale != SCALE_RAW && mantissa(number, self.scale).is_none() {
            scale_of(&std::iter::once(number), self.scale)
        } else {
            self.scale
        };
        let mut head = zigzag(step.wrapping_sub(self.step)) << 2;
        head |= if tag == self.tag { 0 } else { NEW_TAG };
        head |= if scale == self.scale { 0 } else { NEW_SCALE };
        put_varint(&mut self.bytes, head);
        if tag != self.tag {
            put_varint(&mut self.bytes, u64::from(tag));
        }
        if scale != self.scale {
            self.bytes.push(scale);
            self.mantissa = 0;
        }
        if is_number {
            match mantissa(number, scale).filter(|_| scale != SCALE_RAW) {
                Some(m) => {
                    put_varint(&mut self.bytes, zigzag(m.wrapping_sub(self.mantissa)));
                    self.mantissa = m;
                }
                None => self.bytes.extend_from_slice(&number.to_le_bytes()),
            }
        }
        (self.time, self.step, self.tag, self.scale) = (at, step, tag, scale);
        self.n += 1;
        self.bytes.capacity() - before
    }

    pub(crate) fn len(&self) -> usize {
        self.n
    }

    /// Bytes held.
    pub(crate) fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// The readings again.
    pub(crate) fn samples(&self) -> Samples {
        let mut all = Samples::default();
        let mut from = Take(&self.bytes);
        let mut at = Gather::default();
        for _ in 0..self.n {
            let Some((t, tag, number)) = at.next(&mut from) else { break };
            all.at.push(t);
            all.tags.push(tag);
            all.numbers.push(number);
        }
        all
    }

    fn next(&mut self, from: &mut Take<'_>) -> Option<(i64, u16, f64)> {
        let head = from.varint()?;
        self.step = self.step.wrapping_add(unzigzag(head >> 2));
        self.time = self.time.wrapping_add(self.step);
        if head & NEW_TAG != 0 {
            self.tag = u16::try_from(from.varint()?).ok()?;
        }
        if head & NEW_SCALE != 0 {
            self.scale = from.byte()?;
            self.mantissa = 0;
        }
        let number = match (kind(self.tag), self.scale) {
            (KIND_NUMBER, SCALE_RAW) => from.float()?,
            (KIND_NUMBER, scale) => {
                self.mantissa = self.mantissa.wrapping_add(unzigzag(from.varint()?));
                from_mantissa(self.mantissa, scale)
            }
            _ => f64::NAN,
        };
        Some((self.time, self.tag, number))
    }
}

/// Readings of one point in time order of arrival.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Samples {
    /// Wall time, UTC milliseconds.
    pub(crate) at: Vec<i64>,
    pub(crate) tags: Vec<u16>,
    /// NaN where there is none.
    pub(crate) numbers: Vec<f64>,
}

/// What remains of an hour when its readings are thinned out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) sum: f64,
    pub(crate) last: f64,
    pub(crate) last_at: i64,
    pub(crate) count: u64,
    pub(crate) bad: u64,
}

impl Default for Summary {
    fn default() -> Self {
        Self { min: f64::INFINITY, max: f64::NEG_INFINITY, sum: 0.0, last: 0.0, last_at: i64::MIN, count: 0, bad: 0 }
    }
}

impl Summary {
    /// Counts one reading.
    pub(crate) fn add(&mut self, at: i64, number: Option<f64>) {
        let Some(v) = number else {
            self.bad += 1;
            return;
        };
        self.count += 1;
        self.min = self.min.min(v);
        self.max = self.max.max(v);
        self.sum += v;
        if at >= self.last_at {
            (self.last, self.last_at) = (v, at);
        }
    }

    /// Adds another summary.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.bad += other.bad;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        if other.count > 0 && other.last_at >= self.last_at {
            (self.last, self.last_at) = (other.last, other.last_at);
        }
    }
}

impl Samples {
    pub(crate) fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for (at, number) in self.at.iter().zip(&self.numbers) {
            summary.add(*at, (!number.is_nan()).then_some(*number));
        }
        summary
    }

    /// Packs; times are left out when the caller has found them in another block (`own_times` false).
    pub(crate) fn pack(&self, hour_ms: i64, own_times: bool, level: usize) -> Vec<u8> {
        let numbers = || self.numbers.iter().copied().filter(|v| !v.is_nan());
        let scale = scale_of(&numbers(), 0);
        let mut out = vec![VERSION, scale];
        put_varint(&mut out, self.at.len() as u64);
        put_tags(&mut out, self.tags.iter().copied());
        out.push(u8::from(own_times));
        if own_times {
            put_varint(&mut out, zigzag(self.at.first().map_or(0, |t| t - hour_ms)));
            let steps: Vec<i64> = self.at.windows(2).map(|w| w[1] - w[0]).collect();
            put_ints(&mut out, &steps, level);
        }
        if scale == SCALE_RAW {
            put_floats(&mut out, &numbers().collect::<Vec<_>>(), level);
        } else {
            let mut before = 0;
            let steps = numbers().filter_map(|v| mantissa(v, scale)).map(|m| m - std::mem::replace(&mut before, m));
            put_ints(&mut out, &steps.collect::<Vec<_>>(), level);
        }
        out
    }

    /// Unpacks; `times` are those of the block named beside, needed when this one has none of its own.
    pub(crate) fn unpack(body: &[u8], hour_ms: i64, times: Option<&[i64]>) -> Option<Self> {
        let mut from = Take(body);
        if from.byte()? != VERSION {
            return None;
        }
        let scale = from.byte()?;
        let n = from.count().filter(|n| *n <= BLOCK_MAX)?;
        let mut all = Self::default();
        take_tags(&mut from, n, &mut all.tags)?;
        let mut ints = Vec::new();
        if from.byte()? == 1 {
            let mut t = hour_ms.wrapping_add(unzigzag(from.varint()?));
            take_ints(&mut from, n.saturating_sub(1), &mut ints)?;
            all.at.extend((n > 0).then_some(t));
            for step in &ints {
                t = t.wrapping_add(*step);
                all.at.push(t);
            }
        } else {
            all.at = times.filter(|t| t.len() == n)?.to_vec();
        }
        let with = all.tags.iter().filter(|t| kind(**t) == KIND_NUMBER).count();
        let mut floats = Vec::new();
        if scale == SCALE_RAW {
            take_floats(&mut from, with, &mut floats)?;
        } else {
            take_ints(&mut from, with, &mut ints)?;
            let mut m = 0i64;
            floats.extend(ints.iter().map(|step| {
                m = m.wrapping_add(*step);
                from_mantissa(m, scale)
            }));
        }
        let mut floats = floats.into_iter();
        for tag in &all.tags {
            all.numbers.push(if kind(*tag) == KIND_NUMBER { floats.next()? } else { f64::NAN });
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_hour_comes_back(readings in proptest::collection::vec(
            (0i64..5_000, prop_oneof![
                (-500i64..500).prop_map(|v| Some(v as f64 / 10.0)),
                (-500i64..500).prop_map(|v| Some(v as f64)),
                any::<f64>().prop_filter("no NaN", |v| !v.is_nan()).prop_map(Some),
                Just(None),
            ]), 0..300), level in 0usize..9)
        {
            let (mut gather, mut truth, mut at) = (Gather::default(), Samples::default(), 3_600_000);
            for (step, number) in readings {
                at += step;
                let tag = if number.is_some() { KIND_NUMBER } else { 32 << 3 };
                gather.push(at, tag, number.unwrap_or(f64::NAN));
                truth.at.push(at);
                truth.tags.push(tag);
                truth.numbers.push(number.unwrap_or(f64::NAN));
            }
            let same = |a: &Samples, b: &Samples| {
                let bits = |s: &Samples| s.numbers.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                a.at == b.at && a.tags == b.tags && bits(a) == bits(b)
            };
            prop_assert!(same(&gather.samples(), &truth));
            let own = Samples::unpack(&truth.pack(3_600_000, true, level), 3_600_000, None).unwrap();
            prop_assert!(same(&own, &truth));
            let shared = Samples::unpack(&truth.pack(3_600_000, false, level), 3_600_000, Some(&truth.at)).unwrap();
            prop_assert!(same(&shared, &truth));
        }
    }
}
