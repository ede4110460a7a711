//! One point by itself: does it behave unlike itself, and when will it reach its limit.
//!
//! Owns the residuals of one point (from its slow level, of its short mean from its long one, from its daily and weekly
//! rhythm, from every shape it remembers), their surprise, the flat line, and the alarm. Knows no unit, no name, no
//! clock and no sampling period; a limit only through [`super::trend`].
//!
//! Invariants: scaling and shifting the values changes no alarm; the verdict on a reading depends on it and earlier ones
//! only; a value that is not finite and a stamp that does not rise change nothing; a copy written down at any moment
//! goes on with the same verdicts.
//!
//! Limits: 0.9 kB (0.45 kB more for the trend of a point with a limit), no allocation after the first reading; values that
//! differ by 1e-30 to 1e30 units (beyond, they are taken as equal or as that far); memory
//! lengths are counted in readings (500 for what is usual, 1,400 for peaks), so a point that is read every second forgets
//! within the hour, and is better fed with means.

mod flat;
mod gate;
mod profile;
mod shapes;
mod surprise;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::trend::{TimeToLimit, Trend};
use flat::Flat;
use gate::Gate;
use profile::Profile;
use shapes::Shapes;
use surprise::Surprise;

/// Readings of the slow level, of the long and of the short mean, and of the mean of the rhythm's residual.
const LEVEL_MEMORY: f64 = 100.5;
const LONG_MEMORY: f64 = 500.0;
const SHORT_MEMORY: f64 = 4.0;
const RHYTHM_MEMORY: f64 = 8.0;
/// Values further from the first one than this are taken as being there: beyond it, short numbers turn into infinities.
const APART_MAX: f64 = 1e30;
/// Surprise that makes a score of one half, in nats: once in 22,000 readings.
const HALF_SCORE: f64 = 10.0;

/// What the operator fixes for a point; everything else is learnt.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct PointSettings {
    /// Upper limit in the point's unit.
    pub limit_high: Option<f64>,
    /// Lower limit in the point's unit.
    pub limit_low: Option<f64>,
}

/// What is odd about a point; the words for it belong to the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Oddity {
    /// A value far from the level of the last hundred readings: look at the sensor and at what ran then.
    #[default]
    Spike,
    /// The level itself has moved: something works otherwise since then.
    Level,
    /// Not what is usual at this hour: look at timers, schedules and use.
    Rhythm,
    /// A course that was never seen: look at the curve.
    Shape,
    /// The value has stood still far longer than ever: sensor or line, most likely.
    Flat,
}

/// State of one point.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PointModel {
    trend: Option<Box<Trend>>,
    /// First value; all others are kept as differences from it.
    anchor: f64,
    last_ms: i64,
    /// Readings learnt from; nothing else is known before the first.
    seen: u32,
    level: f64,
    long: f64,
    short: f64,
    rhythm: f64,
    /// Usual distance from the rhythm, for clipping.
    rhythm_size: f32,
    profile: Profile,
    shapes: Shapes,
    flat: Flat,
    surprises: [Surprise; 4],
    gate: Gate,
    oddity: Oddity,
    nats: f32,
}

/// What one reading told.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PointVerdict {
    /// 0..1, rising with surprise; keeps its order in the tail.
    pub score: f64,
    /// An alarm stands.
    pub alarm: bool,
    /// When the alarm that stands was raised, in the time of the readings.
    pub since_ms: Option<i64>,
    /// What the alarm that stands is about; of the largest surprise of this reading otherwise.
    pub oddity: Oddity,
    /// 0..1: how sure it is that this is not the point's usual play.
    pub confidence: f64,
    /// Lower end of what was expected of this reading, in the point's unit.
    pub expected_low: f64,
    /// Upper end.
    pub expected_high: f64,
    /// When a limit will be reached, if the trend is significant.
    pub trend: Option<TimeToLimit>,
}

impl PointModel {
    /// A point that knows nothing yet.
    pub fn new(settings: PointSettings) -> Self {
        let trend = (settings.limit_high.is_some() || settings.limit_low.is_some())
            .then(|| Box::new(Trend::new(settings.limit_high, settings.limit_low)));
        Self {
            trend,
            anchor: 0.0,
            last_ms: 0,
            seen: 0,
            level: 0.0,
            long: 0.0,
            short: 0.0,
            rhythm: 0.0,
            rhythm_size: 0.0,
            profile: Profile::default(),
            shapes: Shapes::default(),
            flat: Flat::default(),
            surprises: [Surprise::default(); 4],
            gate: Gate::default(),
            oddity: Oddity::default(),
            nats: 0.0,
        }
    }

    /// Forgets everything but the settings: after maintenance the point may behave otherwise for good.
    pub fn relearn(&mut self) {
        let (limit_high, limit_low) = self.trend.as_ref().map_or((None, None), |trend| trend.limits());
        *self = Self::new(PointSettings { limit_high, limit_low });
    }

    /// From the next reading on, days count as this weekday (Monday 0: a holiday is a Sunday, 6), or as what they are.
    pub fn set_weekday(&mut self, counts_as: Option<u8>) {
        self.profile.set_weekday(counts_as);
    }

    /// Memory of this point's state, in bytes.
    pub fn bytes(&self) -> usize {
        let trend = self.trend.as_ref().map_or(0, |_| size_of::<Trend>());
        size_of::<Self>() + trend
    }

    /// Readings learnt from so far.
    pub fn seen(&self) -> u64 {
        u64::from(self.seen)
    }

    /// One reading of good quality. `local_ms` is wall time in the site's zone, in milliseconds since 1970, rising. While
    /// `learning`, everything is taken as normal and nothing is raised.
    pub fn step(&mut self, local_ms: i64, value: f64, learning: bool) -> PointVerdict {
        if !value.is_finite() || (self.seen > 0 && local_ms <= self.last_ms) {
            let since_ms = self.gate.standing();
            return PointVerdict {
                alarm: since_ms.is_some(),
                since_ms,
                oddity: self.oddity,
                ..PointVerdict::default()
            };
        }
        let gap_ms = local_ms.saturating_sub(self.last_ms);
        self.last_ms = local_ms;
        let trend = self.trend.as_mut().and_then(|t| t.step(local_ms, value, learning));
        if self.seen == 0 {
            self.seen = 1;
            self.anchor = value;
            return PointVerdict { expected_low: value, expected_high: value, trend, ..PointVerdict::default() };
        }
        let x = (value - self.anchor).clamp(-APART_MAX, APART_MAX);
        self.seen = self.seen.saturating_add(1);
        let expected = self.profile.expected(local_ms, self.long);
        let (nats, oddity) = self.judge(x, expected, learning);
        self.follow(local_ms, gap_ms, x, x - expected);
        let (told, since_ms) = if learning { (0.0, None) } else { self.gate.step(local_ms, nats) };
        if since_ms.is_none() || nats > f64::from(self.nats) {
            self.note(oddity, nats);
        }
        let width = self.surprises[0].usual_max();
        PointVerdict {
            score: told / (told + HALF_SCORE),
            alarm: since_ms.is_some(),
            since_ms,
            oddity: self.oddity,
            confidence: 1.0 - (-f64::from(self.nats) / 3.0).exp(),
            expected_low: self.anchor + expected - width,
            expected_high: self.anchor + expected + width,
            trend,
        }
    }

    /// The largest surprise of all residuals, and whose it is.
    fn judge(&mut self, x: f64, expected: f64, learning: bool) -> (f64, Oddity) {
        let spread = self.surprises[0].size();
        self.short += (x - self.short) / SHORT_MEMORY;
        self.rhythm += (x - expected - self.rhythm) / RHYTHM_MEMORY;
        let shape = self.shapes.step(x, spread, self.level);
        let residuals = [x - self.level, self.short - self.long, self.rhythm, shape];
        // The first reading had nothing to be compared with.
        let seen = f64::from(self.seen - 1);
        let mut worst = (0.0, Oddity::Spike);
        let kinds = [Oddity::Spike, Oddity::Level, Oddity::Rhythm, Oddity::Shape];
        for ((surprise, residual), kind) in self.surprises.iter_mut().zip(residuals).zip(kinds) {
            let nats = surprise.step(residual, spread, seen, learning);
            if nats > worst.0 {
                worst = (nats, kind);
            }
        }
        let still = self.flat.step(x, learning);
        if still > worst.0 {
            worst = (still, Oddity::Flat);
        }
        worst
    }

    #[allow(clippy::cast_possible_truncation)] // Seven digits of a surprise are plenty.
    fn note(&mut self, oddity: Oddity, nats: f64) {
        (self.oddity, self.nats) = (oddity, nats as f32);
    }

    #[allow(clippy::cast_possible_truncation)] // Seven digits of a usual distance are plenty.
    fn follow(&mut self, local_ms: i64, gap_ms: i64, x: f64, off_rhythm: f64) {
        let pace = (1.0 / f64::from(self.seen)).max(1.0 / LONG_MEMORY);
        let size = f64::from(self.rhythm_size);
        let clip = |times: f64| if self.seen > 30 && size > 0.0 { times * size } else { f64::INFINITY };
        let clipped = off_rhythm.clamp(-clip(4.0), clip(4.0));
        self.profile.learn(local_ms, gap_ms, x, clipped, size);
        self.rhythm_size = (size + (off_rhythm.abs().min(clip(5.0)) - size) * pace) as f32;
        self.level += (x - self.level) / LEVEL_MEMORY;
        self.long += (x - self.long) * pace;
    }
}
