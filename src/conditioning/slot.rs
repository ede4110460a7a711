//! One point: from a raw value to quality and value, and whether that is worth reporting.
//!
//! The plain number (scale, range, deadband) runs on the fields of [`Slot`] alone; everything rarer hangs behind one
//! pointer, so that a table of 20,000 points stays small.

use std::sync::Arc;

use super::counter::{Turn, Turns};
use super::linear::Linear;
use super::rule::PointRule;
use super::{Output, numbered, refused, worded};
use crate::model::id::PointIx;
use crate::model::quality::Quality;
use crate::model::reading::{PointKind, Raw, Reading, Value};
use crate::model::time::BootMs;
use crate::profile::{Deadband, ScaleFrom};

/// A change of exactly the deadband is reported; this much of it is granted to rounding.
const BAND_GRACE: f64 = 1.0 - 1e-9;

/// Treatment and state of one point.
#[derive(Debug)]
pub(super) struct Slot {
    linear: Linear,
    min: f64,
    max: f64,
    /// Changes smaller than this are quiet; negative: everything is reported.
    band: f64,
    /// Last number reported.
    last: f64,
    heard: BootMs,
    reported: BootMs,
    repeat_ms: i64,
    stale_ms: Option<i64>,
    /// What the point has now.
    pub(super) quality: Quality,
    /// Quality of the last report.
    told: Quality,
    kind: PointKind,
    /// Other points need this one's value.
    pub(super) is_source: bool,
    rare: Option<Box<Rare>>,
}

/// What few points have.
#[derive(Debug, Default)]
struct Rare {
    sentinel: Vec<f64>,
    invert: bool,
    negative_from: Option<f64>,
    scale_from: Option<(PointIx, ScaleFrom)>,
    unit_from: Option<(PointIx, Vec<(i64, Linear)>)>,
    counter: Option<Turns>,
    restarted: bool,
    /// Factor and offset, to turn a stored total back into a raw one.
    scale: f64,
    offset: f64,
    /// Last text reported.
    text: Option<Arc<str>>,
}

impl Slot {
    pub(super) fn new(rule: PointRule) -> Self {
        let (min, max) = rule.valid.unwrap_or((f64::MIN, f64::MAX));
        let band = match rule.deadband {
            Deadband::Absolute(band) => band,
            Deadband::Percent(percent) if rule.valid.is_some() => (max - min) * percent / 100.0,
            Deadband::None | Deadband::Percent(_) => -1.0,
        };
        let rare = Rare {
            invert: rule.invert,
            negative_from: rule.negative_from,
            scale_from: rule.scale_from,
            unit_from: rule.unit_from.map(|(point, codes)| {
                (point, codes.into_iter().map(|(code, factor)| (code, Linear::new(factor, 0.0))).collect())
            }),
            counter: rule.wraps_at.map(Turns::new),
            sentinel: rule.sentinel,
            restarted: false,
            scale: rule.scale,
            offset: rule.offset,
            text: None,
        };
        Self {
            linear: Linear::new(rule.scale, rule.offset),
            min,
            max,
            band: if band > 0.0 { band * BAND_GRACE } else { band },
            last: 0.0,
            heard: BootMs(0),
            reported: BootMs(0),
            repeat_ms: rule.repeat_ms,
            stale_ms: rule.stale_ms,
            quality: Quality::BadInitial,
            told: Quality::BadInitial,
            kind: rule.kind,
            is_source: false,
            rare: (rare.is_needed() || rule.kind == PointKind::Text).then(|| Box::new(rare)),
        }
    }

    /// The points whose values this one needs.
    pub(super) fn needs(&self) -> impl Iterator<Item = PointIx> + use<> {
        let scale = self.rare.as_ref().and_then(|r| r.scale_from).map(|(point, _)| point);
        let unit = self.rare.as_ref().and_then(|r| r.unit_from.as_ref()).map(|(point, _)| *point);
        scale.into_iter().chain(unit)
    }

    /// Steps 3 to 8.
    #[inline]
    pub(super) fn convert(&mut self, raw: &Raw, sources: &[Option<f64>]) -> (Quality, Value) {
        match raw {
            Raw::Number(v) => match &mut self.rare {
                None => self.check(self.linear.apply(*v)),
                Some(rare) => match rare.engineering(*v, self.linear, sources) {
                    Ok(v) => self.check(v),
                    Err(quality) => refused(quality),
                },
            },
            Raw::Text(text) if self.kind == PointKind::Text => worded(text),
            Raw::Text(_) => refused(Quality::BadProtocol),
            Raw::Bad(quality) => refused(if quality.is_bad() { *quality } else { Quality::BadProtocol }),
        }
    }

    /// Step 8, and what the kind of point permits.
    #[inline]
    pub(super) fn check(&self, value: f64) -> (Quality, Value) {
        // Written so that NaN falls through to the refusal.
        let inside = value >= self.min && value <= self.max;
        match self.kind {
            PointKind::Number if inside => numbered(value),
            PointKind::Switch if value.is_finite() => numbered(f64::from(u8::from(value != 0.0))),
            PointKind::Enumeration if inside && value.fract() == 0.0 => numbered(value),
            PointKind::Number | PointKind::Switch if value.is_nan() => refused(Quality::BadProtocol),
            PointKind::Number => refused(Quality::BadRange),
            PointKind::Enumeration if value.fract() == 0.0 => refused(Quality::BadRange),
            PointKind::Switch | PointKind::Enumeration | PointKind::Text => refused(Quality::BadProtocol),
        }
    }

    /// The value of a scale or unit register: its own factor, no further dependence.
    pub(super) fn source_value(&self, raw: f64) -> Option<f64> {
        let is_sentinel = self.rare.as_ref().is_some_and(|r| r.is_sentinel(raw));
        if is_sentinel { None } else { self.check(self.linear.apply(raw)).1.number() }
    }

    /// Whether a counter has started again since last asked.
    pub(super) fn take_restart(&mut self) -> bool {
        self.rare.as_mut().is_some_and(|rare| std::mem::take(&mut rare.restarted))
    }

    pub(super) fn seed(&mut self, total: f64) {
        if let Some(rare) = &mut self.rare
            && rare.scale_from.is_none()
            && rare.unit_from.is_none()
        {
            let raw = (total - rare.offset) / rare.scale;
            if let (Some(counter), true) = (&mut rare.counter, raw.is_finite()) {
                counter.seed(raw.round());
            }
        }
    }

    /// Notes a sign of life. Returns when the point becomes stale, if that watch has just begun.
    #[inline]
    pub(super) fn heard(&mut self, at: BootMs, quality: Quality) -> Option<BootMs> {
        let watched = !self.quality.is_bad();
        self.heard = at;
        if quality.is_bad() || watched { None } else { self.stale_ms.map(|ms| at.plus(ms)) }
    }

    /// When the point becomes stale if nothing comes.
    pub(super) fn stale_at(&self) -> Option<BootMs> {
        if self.quality.is_bad() { None } else { self.stale_ms.map(|ms| self.heard.plus(ms)) }
    }

    /// The point has no value from now on.
    pub(super) fn bad(&mut self, point: PointIx, quality: Quality, at: BootMs, out: &mut Output) {
        self.pass(Reading { point, quality, at, source_ms: None, value: Value::None }, out);
    }

    /// Sorts a reading into reported and quiet.
    #[inline]
    pub(super) fn pass(&mut self, reading: Reading, out: &mut Output) {
        self.quality = reading.quality;
        let told = reading.quality != self.told || reading.at.since(self.reported) >= self.repeat_ms || {
            match &reading.value {
                Value::Number(v) => self.is_change(*v),
                Value::Text(text) => self.rare.as_ref().is_none_or(|r| r.text.as_ref() != Some(text)),
                Value::None => false,
            }
        };
        if !told {
            out.quiet.push(reading);
            return;
        }
        match &reading.value {
            Value::Number(v) => self.last = *v,
            Value::Text(text) => {
                if let Some(rare) = &mut self.rare {
                    rare.text = Some(Arc::clone(text));
                }
            }
            Value::None => {}
        }
        self.told = reading.quality;
        self.reported = reading.at;
        out.report.push(reading);
    }

    /// Whether a number of unchanged quality is worth a report.
    #[inline]
    fn is_change(&self, value: f64) -> bool {
        if self.band < 0.0 {
            return true;
        }
        let change = (value - self.last).abs();
        change > 0.0 && change >= self.band
    }
}

impl Rare {
    fn is_needed(&self) -> bool {
        !self.sentinel.is_empty()
            || self.invert
            || self.negative_from.is_some()
            || self.scale_from.is_some()
            || self.unit_from.is_some()
            || self.counter.is_some()
    }

    fn is_sentinel(&self, raw: f64) -> bool {
        self.sentinel.iter().any(|s| (s + 0.0).total_cmp(&(raw + 0.0)).is_eq())
    }

    /// Steps 3 to 7.
    fn engineering(&mut self, raw: f64, linear: Linear, sources: &[Option<f64>]) -> Result<f64, Quality> {
        if raw.is_nan() {
            return Err(Quality::BadProtocol);
        }
        if self.is_sentinel(raw) {
            return Err(Quality::BadSentinel);
        }
        let mut value = if self.invert { f64::from(u8::from(raw == 0.0)) } else { raw };
        if let Some(from) = self.negative_from.filter(|from| value >= *from) {
            value = from - value;
        }
        if let Some(turns) = &mut self.counter {
            value = match turns.next(value) {
                Turn::Total(total) => total,
                Turn::Restart(total) => {
                    self.restarted = true;
                    total
                }
                Turn::Doubt => return Err(Quality::BadRange),
            };
        }
        Ok(linear.apply(self.foreign_factor(value, sources)?))
    }

    /// Step 5: what other registers say about scale and unit.
    fn foreign_factor(&self, mut value: f64, sources: &[Option<f64>]) -> Result<f64, Quality> {
        let known = |point: PointIx| sources.get(point.ix()).copied().flatten().ok_or(Quality::BadInput);
        if let Some((point, how)) = self.scale_from {
            let scale = known(point)?;
            value = match how {
                ScaleFrom::PowerOfTen => Linear::power_of_ten(scale).ok_or(Quality::BadInput)?.apply(value),
                ScaleFrom::Factor => value * scale,
            };
        }
        if let Some((point, codes)) = &self.unit_from {
            let code = known(*point)?;
            let named = |(listed, _): &&(i64, Linear)| (*listed as f64).total_cmp(&(code + 0.0)).is_eq();
            value = codes.iter().find(named).ok_or(Quality::BadInput)?.1.apply(value);
        }
        Ok(value)
    }
}
