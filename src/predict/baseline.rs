//! Use against use: a day's total against the same weekdays before it, and the least flow of the night.
//!
//! Owns the last four totals of each weekday and the last twenty-eight night flows of one meter. A day is told once, when
//! the first reading of the next one comes. Knows no unit and no tariff; the meter's counter turns and exchanges are made
//! good before (a falling reading counts as no use).
//!
//! The two figures of trade practice that it is meant for: a day that differs by more than 15 % from its baseline is
//! worth a look (energy management), and a night flow well above its median is a leak until shown otherwise (water).
//!
//! Limits: no answer before two same weekdays, or seven nights, are known; a day that was seen for less than 20 hours
//! is neither told nor learnt.

use serde::{Deserialize, Serialize};

use super::peer::median;

/// Deviation that is worth a look, as a share of the baseline.
pub const DEVIATION: f64 = 0.15;
/// The least flow of the night is looked for between these hours, local time.
pub const NIGHT_HOURS: (i64, i64) = (2, 5);
const WEEKS: usize = 4;
const WEEKS_MIN: usize = 2;
const NIGHTS: usize = 28;
const NIGHTS_MIN: usize = 7;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// A day must be seen so long to count.
const DAY_SEEN_MS: i64 = 20 * HOUR_MS;
/// Use between readings further apart than this belongs to no hour.
const GAP_MAX_MS: i64 = 2 * HOUR_MS;
/// The night's hour must be seen so long to count.
const HOUR_SEEN_MS: i64 = 50 * 60_000;

/// A figure beside what was expected of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// What was measured: use per day, or flow per hour.
    pub seen: f64,
    /// Median of the like figures before it.
    pub usual: f64,
}

impl Against {
    /// Deviation as a share of what is usual; infinite for use where there never was any.
    pub fn deviation(&self) -> f64 {
        let off = self.seen - self.usual;
        // Nothing where nothing is usual deviates by nothing.
        if off.abs() > 0.0 { off / self.usual.abs() } else { 0.0 }
    }
}

/// What a finished day told.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Day {
    /// Use of the day against the same weekday.
    pub total: Option<Against>,
    /// Least hour of the night against the nights before, in use per hour.
    pub night: Option<Against>,
}

/// The last figures of one kind, oldest overwritten.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Ring<const N: usize> {
    #[serde(with = "slots")]
    figures: [f64; N],
    count: usize,
}

/// Any number of slots written as a plain list.
mod slots {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer, const N: usize>(figures: &[f64; N], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(figures)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>, const N: usize>(from: D) -> Result<[f64; N], D::Error> {
        Vec::<f64>::deserialize(from)?.try_into().map_err(|_| D::Error::custom("wrong number of figures"))
    }
}

impl<const N: usize> Ring<N> {
    const EMPTY: Self = Self { figures: [0.0; N], count: 0 };

    fn usual(&self, at_least: usize) -> Option<f64> {
        let known = self.count.min(N);
        let mut figures = self.figures;
        (known >= at_least.max(1)).then(|| median(&mut figures[..known]))
    }

    fn push(&mut self, figure: f64) {
        self.figures[self.count % N] = figure;
        // Counts on by rings, so that the place of the next figure stays right for ever.
        self.count = if self.count >= 2 * N { N + (self.count + 1) % N } else { self.count + 1 };
    }

    /// What `seen` is against the figures before it, and remembers it.
    fn against(&mut self, seen: f64, at_least: usize) -> Option<Against> {
        let usual = self.usual(at_least);
        self.push(seen);
        usual.map(|usual| Against { seen, usual })
    }
}

/// Ten-minute parts of the night: the least hour may begin at any of them.
const PART_MS: i64 = 600_000;
const PARTS: usize = 18;
const PARTS_PER_HOUR: usize = 6;

/// Baselines of one meter, fed with its counter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Baseline {
    weekdays: [Ring<WEEKS>; 7],
    nights: Ring<NIGHTS>,
    last: Option<(i64, f64)>,
    day: i64,
    seen_ms: i64,
    total: f64,
    parts: [f64; PARTS],
    parts_seen_ms: [i64; PARTS],
    /// The weekday that the day counts as, if not what it is.
    counts_as: Option<u8>,
}

impl Default for Baseline {
    fn default() -> Self {
        Self {
            weekdays: [Ring::EMPTY; 7],
            nights: Ring::EMPTY,
            last: None,
            day: i64::MIN,
            seen_ms: 0,
            total: 0.0,
            parts: [0.0; PARTS],
            parts_seen_ms: [0; PARTS],
            counts_as: None,
        }
    }
}

impl Baseline {
    /// One reading of the counter, at local wall time. The day that ended with it, if one did. A day counts as
    /// the weekday (Monday 0) that was ever told in it, as what it is otherwise. Use between two readings is spread evenly over the time between them.
    pub fn step(&mut self, local_ms: i64, counter: f64, counts_as: Option<u8>) -> Option<Day> {
        if !counter.is_finite() || self.last.is_some_and(|(last_ms, _)| local_ms <= last_ms) {
            return None;
        }
        let day = local_ms.div_euclid(DAY_MS);
        let Some((last_ms, last)) = self.last.replace((local_ms, counter)) else {
            (self.day, self.counts_as) = (day, counts_as);
            return None;
        };
        let rate = (counter - last).max(0.0) / (local_ms - last_ms) as f64;
        let known = local_ms - last_ms <= GAP_MAX_MS;
        let midnight_ms = (self.day + 1).saturating_mul(DAY_MS);
        self.add(last_ms, local_ms.min(midnight_ms), rate, known);
        if day == self.day {
            self.counts_as = counts_as.or(self.counts_as);
        }
        if day == self.day {
            return None;
        }
        let told = self.close();
        (self.day, self.counts_as) = (day, counts_as);
        self.add(last_ms.max(day.saturating_mul(DAY_MS)), local_ms, rate, known);
        Some(told)
    }

    fn add(&mut self, from_ms: i64, to_ms: i64, rate: f64, known: bool) {
        if !known {
            return;
        }
        let span_ms = (to_ms - from_ms).max(0);
        self.seen_ms += span_ms;
        self.total += rate * span_ms as f64;
        let night_ms = self.day.saturating_mul(DAY_MS).saturating_add(NIGHT_HOURS.0 * HOUR_MS);
        let mut start_ms = night_ms;
        for (part, seen_ms) in self.parts.iter_mut().zip(&mut self.parts_seen_ms) {
            let overlap_ms = (to_ms.min(start_ms + PART_MS) - from_ms.max(start_ms)).max(0);
            *part += rate * overlap_ms as f64;
            *seen_ms += overlap_ms;
            start_ms += PART_MS;
        }
    }

    fn close(&mut self) -> Day {
        let mut told = Day::default();
        if self.seen_ms >= DAY_SEEN_MS {
            // 1970-01-01 was a Thursday; Monday is day 0.
            let weekday = usize::try_from((self.day + 3).rem_euclid(7)).unwrap_or(0);
            let weekday = self.counts_as.map_or(weekday, |day| usize::from(day % 7));
            told.total = self.weekdays[weekday].against(self.total, WEEKS_MIN);
        }
        let hours = self.parts.windows(PARTS_PER_HOUR).zip(self.parts_seen_ms.windows(PARTS_PER_HOUR));
        let least = hours
            .filter(|(_, seen_ms)| seen_ms.iter().sum::<i64>() >= HOUR_SEEN_MS)
            .map(|(parts, _)| parts.iter().sum::<f64>())
            .min_by(f64::total_cmp);
        if let Some(least) = least {
            told.night = self.nights.against(least, NIGHTS_MIN);
        }
        (self.seen_ms, self.total) = (0, 0.0);
        (self.parts, self.parts_seen_ms) = ([0.0; PARTS], [0; PARTS]);
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A meter read every ten minutes: 1 an hour by day, 0.1 an hour from 01:00 to 05:00, half as much on Sundays.
    fn days(count: i64, leak_from: i64, leak: f64) -> Vec<Day> {
        let (mut meter, mut counter, mut told) = (Baseline::default(), 0.0, Vec::new());
        for i in 0..=count * 144 {
            let (day, hour) = (i / 144, i % 144 / 6);
            told.extend(meter.step(i * PART_MS, counter, None));
            let sunday = if (day + 3) % 7 == 6 { 0.5 } else { 1.0 };
            let flow = if (1..5).contains(&hour) { 0.1 } else { sunday };
            counter += (flow + if day >= leak_from { leak } else { 0.0 }) / 6.0;
        }
        told
    }

    #[test]
    fn usual_days_deviate_by_nothing_and_sundays_are_compared_with_sundays() {
        let told = days(60, 99, 0.0);
        assert_eq!(told.len(), 60);
        assert!(told[..7].iter().all(|d| d.total.is_none() && d.night.is_none()), "nothing is usual yet");
        for day in &told[21..] {
            let (total, night) = (day.total.expect("four weeks"), day.night.expect("four weeks"));
            assert!(total.deviation().abs() < 1e-6 && night.deviation().abs() < 1e-6, "{day:?}");
        }
    }

    #[test]
    fn a_leak_shows_by_night_first() {
        let told = days(40, 35, 0.1);
        let first = told[35];
        assert!(
            first.night.is_some_and(|n| (n.deviation() - 1.0).abs() < 1e-6 && (n.usual - 0.1).abs() < 1e-6),
            "{first:?}"
        );
        assert!(first.total.is_some_and(|t| t.deviation() > 0.05 && t.deviation() < DEVIATION), "{first:?}");
    }

    #[test]
    fn gaps_falling_counters_and_bad_stamps_do_no_harm() {
        let mut meter = Baseline::default();
        for (local_ms, counter) in [(0, 5.0), (HOUR_MS, f64::NAN), (HOUR_MS, 6.0), (HOUR_MS, 900.0), (0, 900.0)] {
            assert_eq!(meter.step(local_ms, counter, None), None);
        }
        assert_eq!(meter.step(2 * HOUR_MS, 1.0, None), None, "an exchanged meter is no use");
        assert_eq!(meter.step(40 * DAY_MS, 90.0, None).map(|d| d.night.is_some()), Some(false));
    }

    #[test]
    fn a_restart_changes_nothing() {
        let mut meter = Baseline::default();
        for i in 0..9_000 {
            meter.step(i * PART_MS, i as f64, (i % 700 == 0).then_some(6));
        }
        let text = serde_json::to_string(&meter).expect("numbers are finite");
        let mut again: Baseline = serde_json::from_str(&text).expect("what was written");
        for i in 9_000..12_000 {
            assert_eq!(meter.step(i * PART_MS, i as f64 * 1.1, None), again.step(i * PART_MS, i as f64 * 1.1, None));
        }
    }
}
