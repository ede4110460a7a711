//! What is usual at this hour of this weekday.
//!
//! Twenty-four levels, one per hour of the day, run through all days; after two weeks each of the 168 hours of the week
//! adds its own deviation from them. Steps are clipped by the caller, so one bad Monday does not spoil Mondays. Between
//! the middles of two hours the level is interpolated: a rhythm has no steps at full hours.
//!
//! The deviations are kept in one byte each, fine near nothing and coarse far out; the hour that runs is kept in full and
//! written back when it is over.

use serde::{Deserialize, Serialize};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Days that are seen before weekdays are told apart: every one of them twice.
const POOLED_DAYS: i64 = 14;
/// Readings after which an hour's level follows with a fixed pace: a week of five-minute readings.
const HOUR_MEMORY: u8 = 84;
/// Share of what an hour of the week shows that its deviation takes on, per week.
const WEEK_PACE: f64 = 0.35;
/// Clip of one step, in spreads: a Sunday may differ a lot, but not all at once.
const WEEK_CLIP: f64 = 16.0;
/// A deviation is the square of its byte, with the byte's sign, in this share of the point's spread: steps of 1/128 spread
/// at nothing, of a sixth at one spread, and 126 spreads at most.
const PER_SPREAD: f64 = 128.0;
/// The largest byte; the smallest is its opposite.
const BYTE_MAX: f64 = 127.0;
/// Where between two bytes a deviation is rounded up moves on from week to week by this (the golden section): so what is
/// lost in one week is gained in another, and a slow change gets through.
const ROUNDING_STEP: f64 = 0.618_033_988_749_895;

/// Levels by hour, in the point's unit, relative to a value of the caller's choice.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Profile {
    hours: [f32; 24],
    seen: [u8; 24],
    week: [[i8; 24]; 7],
    /// The hour of the week that runs, its day counted from Monday, and its deviation.
    now: Option<(u8, u8)>,
    own: f32,
    /// What a deviation of byte 1 means, in the point's unit; 0 until days are told apart, fixed then.
    unit: f32,
    since_ms: Option<i64>,
    /// The weekday that today counts as, if not what it is.
    counts_as: Option<u8>,
}

/// Where in the rhythm a moment lies.
struct Place {
    /// Day counted from Monday, hour.
    now: (u8, u8),
    /// Hours whose middles lie around the moment, and the share of the second.
    around: (usize, usize),
    share: f64,
}

impl Profile {
    /// Monday 0; a number that is no weekday says nothing.
    pub(super) fn set_weekday(&mut self, counts_as: Option<u8>) {
        self.counts_as = counts_as.filter(|day| *day < 7);
    }

    fn place(&self, local_ms: i64) -> Place {
        let hours = local_ms.rem_euclid(DAY_MS) as f64 / HOUR_MS as f64;
        let hour = usize::try_from(local_ms.rem_euclid(DAY_MS) / HOUR_MS).unwrap_or(0);
        // 1970-01-01 was a Thursday; Monday is day 0.
        let weekday = (local_ms.div_euclid(DAY_MS) + 3).rem_euclid(7);
        let part = hours.fract();
        let (around, share) =
            if part >= 0.5 { ((hour, (hour + 1) % 24), part - 0.5) } else { (((hour + 23) % 24, hour), part + 0.5) };
        let byte = |n: usize| u8::try_from(n).unwrap_or(0);
        let weekday = self.counts_as.unwrap_or(u8::try_from(weekday).unwrap_or(0));
        Place { now: (weekday, byte(hour)), around, share }
    }

    /// Level expected at `local_ms`; `otherwise` where an hour has never been seen.
    pub(super) fn expected(&self, local_ms: i64, otherwise: f64) -> f64 {
        let Place { now, around: (a, b), share } = self.place(local_ms);
        let known = |hour: usize| if self.seen[hour] > 0 { f64::from(self.hours[hour]) } else { otherwise };
        let pooled = known(a) * (1.0 - share) + known(b) * share;
        let weeks = self.since_ms.is_some_and(|since| local_ms.saturating_sub(since) >= POOLED_DAYS * DAY_MS);
        pooled + if weeks { f64::from(self.deviation(now)) * f64::from(self.unit) } else { 0.0 }
    }

    /// Of an hour of the week, in units.
    fn deviation(&self, at: (u8, u8)) -> f32 {
        let known = self.week.get(usize::from(at.0)).and_then(|day| day.get(usize::from(at.1)));
        if self.now == Some(at) { self.own } else { known.map_or(0.0, |byte| unpacked(*byte)) }
    }

    /// Learns `value`, which came `gap_ms` after the last one and lay `clipped` from what was expected.
    #[allow(clippy::cast_possible_truncation)] // Levels are kept short on purpose.
    pub(super) fn learn(&mut self, local_ms: i64, gap_ms: i64, value: f64, clipped: f64, spread: f64) {
        let since_ms = *self.since_ms.get_or_insert(local_ms);
        let now = self.place(local_ms).now;
        let hour = usize::from(now.1);
        self.seen[hour] = (self.seen[hour] + 1).min(HOUR_MEMORY);
        if self.seen[hour] == 1 {
            self.hours[hour] = value as f32;
        } else {
            self.hours[hour] += (clipped as f32) / f32::from(self.seen[hour]);
        }
        if self.unit == 0.0 {
            // Days differ by chance until levels have settled.
            if local_ms.saturating_sub(since_ms) >= 2 * DAY_MS {
                self.unit = (spread / PER_SPREAD) as f32;
            }
            return;
        }
        if self.now != Some(now) {
            let weeks = local_ms.saturating_sub(since_ms) / (7 * DAY_MS);
            self.turn(now, (weeks as f64 * ROUNDING_STEP).fract());
        }
        let pooled = value - f64::from(self.hours[hour]);
        let clip = WEEK_CLIP * PER_SPREAD;
        let hours = (gap_ms as f64 / HOUR_MS as f64).min(1.0);
        let step = (pooled / f64::from(self.unit) - f64::from(self.own)).clamp(-clip, clip) * WEEK_PACE * hours;
        self.own += step as f32;
    }

    /// Puts the hour that is over away, rounded up from `rounding` on, and takes out the one that begins.
    fn turn(&mut self, next: (u8, u8), rounding: f64) {
        let over = self.now.and_then(|(day, hour)| self.week.get_mut(usize::from(day))?.get_mut(usize::from(hour)));
        if let Some(byte) = over {
            *byte = packed(f64::from(self.own), rounding);
        }
        self.now = None;
        self.own = self.deviation(next);
        self.now = Some(next);
    }
}

/// Units that a byte means.
fn unpacked(byte: i8) -> f32 {
    f32::from(byte) * f32::from(byte.unsigned_abs())
}

/// One of the two bytes around `units`: the upper one from the share `1 - rounding` of the way to it on.
#[allow(clippy::cast_possible_truncation)] // Clamped first.
fn packed(units: f64, rounding: f64) -> i8 {
    let below = (units.abs().sqrt() * units.signum()).floor().clamp(-BYTE_MAX, BYTE_MAX - 1.0) as i8;
    let (low, high) = (f64::from(unpacked(below)), f64::from(unpacked(below + 1)));
    if (units - low) / (high - low) + rounding >= 1.0 { below + 1 } else { below }
}
