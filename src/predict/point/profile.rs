//! What is usual at this hour of this weekday.
//!
//! Twenty-four levels, one per hour of the day, run through all days; after two weeks each of the 168 hours of the week
//! adds its own deviation from them. Steps are clipped by the caller, so one bad Monday does not spoil Mondays. Between
//! the middles of two hours the level is interpolated: a rhythm has no steps at full hours.

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
/// Deviations are kept as whole numbers of this share of the point's spread: 128 spreads either way.
const PER_SPREAD: f64 = 256.0;

/// Levels by hour, in the point's unit, relative to a value of the caller's choice.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Profile {
    hours: [f32; 24],
    seen: [u8; 24],
    week: Vec<i16>,
    /// One step of `week`, in the point's unit; fixed once the spread is known.
    unit: f64,
    since_ms: Option<i64>,
    last_ms: i64,
    holiday: bool,
}

impl Profile {
    /// A holiday behaves as a Sunday.
    pub(super) fn set_holiday(&mut self, holiday: bool) {
        self.holiday = holiday;
    }

    fn place(&self, local_ms: i64) -> (usize, usize, usize, f64) {
        let hours = local_ms.rem_euclid(DAY_MS) as f64 / HOUR_MS as f64;
        let hour = usize::try_from(local_ms.rem_euclid(DAY_MS) / HOUR_MS).unwrap_or(0);
        // 1970-01-01 was a Thursday; Monday is day 0.
        let weekday = if self.holiday {
            6
        } else {
            usize::try_from((local_ms.div_euclid(DAY_MS) + 3).rem_euclid(7)).unwrap_or(0)
        };
        let part = hours.fract();
        let (a, b, share) =
            if part >= 0.5 { (hour, (hour + 1) % 24, part - 0.5) } else { ((hour + 23) % 24, hour, part + 0.5) };
        let now = weekday * 24 + hour;
        (now, a, b, share)
    }

    /// Level expected at `local_ms`; `otherwise` where an hour has never been seen.
    pub(super) fn expected(&self, local_ms: i64, otherwise: f64) -> f64 {
        let (now, a, b, share) = self.place(local_ms);
        let known = |hour: usize| if self.seen[hour] > 0 { f64::from(self.hours[hour]) } else { otherwise };
        let pooled = known(a) * (1.0 - share) + known(b) * share;
        let weeks = self.since_ms.is_some_and(|since| local_ms.saturating_sub(since) >= POOLED_DAYS * DAY_MS);
        let own = if weeks { self.week.get(now).map_or(0.0, |w| f64::from(*w) * self.unit) } else { 0.0 };
        pooled + own
    }

    /// Learns `value`, which lay `clipped` from what was expected.
    #[allow(clippy::cast_possible_truncation)] // Levels are kept short on purpose; whole numbers are clamped first.
    pub(super) fn learn(&mut self, local_ms: i64, value: f64, clipped: f64, spread: f64) {
        let since_ms = *self.since_ms.get_or_insert(local_ms);
        let (now, ..) = self.place(local_ms);
        let hour = now % 24;
        self.seen[hour] = (self.seen[hour] + 1).min(HOUR_MEMORY);
        if self.seen[hour] == 1 {
            self.hours[hour] = value as f32;
        } else {
            self.hours[hour] += (clipped as f32) / f32::from(self.seen[hour]);
        }
        if self.week.is_empty() {
            // Days differ by chance until levels have settled.
            if spread > 0.0 && local_ms.saturating_sub(since_ms) >= 2 * DAY_MS {
                self.unit = spread / PER_SPREAD;
                self.week = vec![0; 168];
                self.last_ms = local_ms;
            }
            return;
        }
        let own = f64::from(self.week[now]);
        let pooled = value - f64::from(self.hours[hour]);
        let clip = WEEK_CLIP * PER_SPREAD;
        let hours = (local_ms.saturating_sub(self.last_ms) as f64 / HOUR_MS as f64).min(1.0);
        self.last_ms = local_ms;
        let step = (pooled / self.unit - own).clamp(-clip, clip) * WEEK_PACE * hours;
        // Below one unit the step would round to nothing; the sign keeps a small drift alive.
        let step = if step.abs() < 1.0 { step.signum() } else { step };
        self.week[now] = (own + step).clamp(-32_000.0, 32_000.0).round() as i16;
    }

    /// Bytes beside the struct itself.
    pub(super) fn heap(&self) -> usize {
        self.week.capacity() * size_of::<i16>()
    }
}
