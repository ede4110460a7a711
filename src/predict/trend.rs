//! Will this point cross its limit, and when: one number with a band, or nothing.
//!
//! Owns two views of the same point, a quick one on the readings themselves and a slow one on means of 32 of them, and
//! picks one answer. Each view ([`bank`]) fits "steady value plus exponential rise" for fourteen rates of growth at once,
//! from near-straight to steep, beside a straight line over the recent past. Knows no unit, no limit but the two it is
//! given, and no sampling period: time is counted in periods, and the period is learnt from the stamps.
//!
//! Invariants: scaling and shifting values together with the limits changes nothing; stamps that stand still or run
//! backward, and values that are not finite, are passed over; the same readings give the same answers.
//!
//! Limits: a rise that lasts fewer than about two hundred readings after a long calm is foretold too early: the time told is
//! a quarter (straight) to six tenths (exponential) of the truth. A shorter line and a middle of line and growth were tried:
//! what they gain on straight rises they lose on growing ones, which then come out up to four times too late. Nor is there
//! a Theil-Sen slope over hourly means: 168 of them are 672 bytes, half of what a point may take, and the slow view looks
//! back as far in 192. Silence until the rise stands out of the noise ([`SIGNIFICANT`]) in [`HOLD`] readings in a row; a rise faster
//! than about four readings is the business of the limit alarm itself.

pub mod agree;
mod bank;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use bank::{Bank, Forecast, short};

/// Rise over its own standard error before anything is said. A lone test would ask for 2; this one is repeated at
/// every reading and for fourteen rates.
pub const SIGNIFICANT: f64 = 2.2;
/// Readings in a row that must agree before anything is said.
pub const HOLD: u8 = 3;
/// Gaps between readings from which the period is taken (their median).
const GAPS: usize = 5;
/// Readings in one mean of the slow view: 1 s readings then look back nine hours, 1 min readings three weeks.
const SLOW: u8 = 32;
/// Growth time of the slow view, as a place on its ladder, up to which the rise is a matter of a few of its means (23, or
/// 720 readings): a rise after a long calm looks steeper to it than it is, and to the quick view flatter. Measured on rises
/// of 400 to 1600 readings after 5000 calm ones, straight, square and exponential: seen from half way, the slow view alone
/// is off by 2.0 times (mean of logarithms) and at worst 5.9; the middle of both by 1.5 and 2.4.
const BRIEF: u8 = 5;
/// Values beyond this, in any unit, are no measurement; their squares would drown all others for good.
const VALUE_MAX: f64 = 1e15;
/// Share of a new estimate in the one that is told; the rest is the old one, counted down.
const SMOOTHING: f64 = 0.5;

/// When a limit will be reached.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimeToLimit {
    /// Seconds from this reading to the crossing; 0 when the smoothed value is there already.
    pub eta_s: f64,
    /// Eight of ten crossings should come after this many seconds and before `high_s`, if the rise goes on as it is.
    pub low_s: f64,
    /// See `low_s`; `f64::INFINITY` when the rise may as well fade out.
    pub high_s: f64,
    /// The lower limit is meant, not the upper.
    pub falling: bool,
    /// The straight line was the better forecast lately, not the growing rise.
    pub straight: bool,
    /// Rise over its standard error.
    pub significance: f64,
}

/// First number of a written state; another layout has another one, and none is 0 or 1, with which the first layout began.
const FORM: u8 = 2;

/// State of the trend of one point.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Trend {
    /// Limits; the flags below say which there are.
    high: f64,
    low: f64,
    /// First value; sums are taken of the differences from it.
    anchor: f64,
    last_ms: i64,
    quick: Bank,
    slow: Bank,
    period_ms: f32,
    gaps_ms: [f32; GAPS],
    /// Mean of the readings for the slow view so far, and the time they span.
    mean: f32,
    mean_ms: f32,
    told_s: f32,
    mean_n: u8,
    gaps: u8,
    agreed: u8,
    has_high: bool,
    has_low: bool,
    /// Growth times that explain most: of the quick and of the slow view.
    best: [u8; 2],
}

/// A state as it is written down: its form first.
#[derive(Serialize, Deserialize)]
struct Written(u8, [Option<f64>; 2], f64, i64, Bank, Bank, [f32; GAPS], [f32; 4], [u8; 5]);

/// The text is not a state of this form; learning begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a trend state of this form")]
pub struct NotAState;

impl From<Trend> for Written {
    fn from(t: Trend) -> Self {
        let (high, low) = t.limits();
        let short = [t.period_ms, t.mean, t.mean_ms, t.told_s];
        let counts = [t.mean_n, t.gaps, t.agreed, t.best[0], t.best[1]];
        Self(FORM, [high, low], t.anchor, t.last_ms, t.quick, t.slow, t.gaps_ms, short, counts)
    }
}

impl TryFrom<Written> for Trend {
    type Error = NotAState;

    fn try_from(w: Written) -> Result<Self, NotAState> {
        let Written(form, [high, low], anchor, last_ms, quick, slow, gaps_ms, short, counts) = w;
        if form != FORM {
            return Err(NotAState);
        }
        let ([period_ms, mean, mean_ms, told_s], [mean_n, gaps, agreed, b0, b1]) = (short, counts);
        let new = Self::new(high, low);
        Ok(Self {
            anchor,
            last_ms,
            quick,
            slow,
            period_ms,
            gaps_ms,
            mean,
            mean_ms,
            told_s,
            mean_n,
            gaps,
            agreed,
            best: [b0, b1],
            ..new
        })
    }
}

impl Trend {
    /// A point of which nothing is known but its limits, in the unit of its values.
    pub fn new(limit_high: Option<f64>, limit_low: Option<f64>) -> Self {
        Self {
            high: limit_high.unwrap_or(0.0),
            low: limit_low.unwrap_or(0.0),
            anchor: 0.0,
            last_ms: i64::MIN,
            quick: Bank::default(),
            slow: Bank::default(),
            period_ms: 0.0,
            gaps_ms: [0.0; GAPS],
            mean: 0.0,
            mean_ms: 0.0,
            told_s: 0.0,
            mean_n: 0,
            gaps: 0,
            agreed: 0,
            has_high: limit_high.is_some(),
            has_low: limit_low.is_some(),
            best: [0; 2],
        }
    }

    /// Upper and lower limit, in the unit of the values.
    pub fn limits(&self) -> (Option<f64>, Option<f64>) {
        (self.has_high.then_some(self.high), self.has_low.then_some(self.low))
    }

    /// One reading of good quality; `at_ms` rises. While `learning`, nothing is told.
    pub fn step(&mut self, at_ms: i64, value: f64, learning: bool) -> Option<TimeToLimit> {
        if !value.is_finite() || (self.last_ms != i64::MIN && at_ms <= self.last_ms) {
            return None;
        }
        if self.last_ms == i64::MIN {
            if value.abs() > VALUE_MAX {
                return None;
            }
            self.anchor = value;
        }
        let y = value - self.anchor;
        if y.abs() > VALUE_MAX {
            return None;
        }
        let gap_ms = if self.last_ms == i64::MIN { 0.0 } else { at_ms.saturating_sub(self.last_ms) as f64 };
        self.last_ms = at_ms;
        self.learn_period(gap_ms);
        let gap = if self.period_ms > 0.0 { gap_ms / f64::from(self.period_ms) } else { 0.0 };
        self.best[0] = self.quick.step(gap, y, self.best[0]);
        self.average(gap_ms, y);
        if learning {
            return None;
        }
        let found = self.forecast();
        self.tell(found, gap_ms / 1000.0)
    }

    /// The period is the first gap until [`GAPS`] gaps are known, then their median for good. If the first gap was not
    /// typical, what was summed up with it is dropped.
    fn learn_period(&mut self, gap_ms: f64) {
        if gap_ms <= 0.0 || usize::from(self.gaps) >= GAPS {
            return;
        }
        // Single precision holds gaps to a millisecond up to four hours, and to a ten-millionth beyond.
        let gap_ms = short(gap_ms);
        if self.period_ms == 0.0 {
            self.period_ms = gap_ms;
        }
        self.gaps_ms[usize::from(self.gaps)] = gap_ms;
        self.gaps += 1;
        if usize::from(self.gaps) == GAPS {
            self.gaps_ms.sort_unstable_by(f32::total_cmp);
            let median = self.gaps_ms[GAPS / 2];
            if !(0.67..1.5).contains(&(median / self.period_ms)) {
                self.quick = Bank::default();
                self.slow = Bank::default();
            }
            self.period_ms = median;
        }
    }

    fn average(&mut self, gap_ms: f64, y: f64) {
        self.mean_n += 1;
        self.mean_ms += short(gap_ms);
        self.mean = short(f64::from(self.mean) + (y - f64::from(self.mean)) / f64::from(self.mean_n));
        if self.mean_n < SLOW {
            return;
        }
        let gap = f64::from(self.mean_ms) / (f64::from(self.period_ms).max(1.0) * f64::from(SLOW));
        self.best[1] = self.slow.step(gap, f64::from(self.mean), self.best[1]);
        (self.mean, self.mean_n, self.mean_ms) = (0.0, 0, 0.0);
    }

    /// The better founded of the two views, in seconds.
    fn forecast(&self) -> Option<TimeToLimit> {
        let period_s = f64::from(self.period_ms) / 1000.0;
        let mut best: Option<TimeToLimit> = None;
        let (high, low) = self.limits();
        let limits = [(high, 1.0), (low, -1.0)];
        for (limit, sign) in limits.into_iter().filter_map(|(limit, sign)| limit.map(|l| (l, sign))) {
            let quick = self.quick.forecast(limit - self.anchor, sign, self.best[0]).map(|f| (f, period_s));
            let slow =
                self.slow.forecast(limit - self.anchor, sign, self.best[1]).map(|f| (f, period_s * f64::from(SLOW)));
            // The slow view has seen more, so it speaks unless the quick one is surer: a sudden rise is news to it only.
            let found = match (quick, slow) {
                (Some(q), Some(s)) if q.0.significance > s.0.significance => Some(q),
                (Some(q), Some(s)) if self.best[1] <= BRIEF => Some((between(&q.0, &s.0), period_s)),
                (q, s) => s.or(q),
            };
            if let Some((f, unit_s)) = found {
                let answer = seconds(f, unit_s, sign < 0.0);
                if best.is_none_or(|b| answer.eta_s < b.eta_s) {
                    best = Some(answer);
                }
            }
        }
        best
    }

    fn tell(&mut self, found: Option<TimeToLimit>, gap_s: f64) -> Option<TimeToLimit> {
        let Some(mut found) = found else {
            self.agreed = 0;
            return None;
        };
        let floor_s = f64::from(self.period_ms) / 2000.0;
        if self.agreed > 0 {
            let old_s = (f64::from(self.told_s) - gap_s).max(floor_s);
            let new_s = found.eta_s.max(floor_s);
            let told_s = old_s * (new_s / old_s).powf(SMOOTHING);
            let shift = told_s / new_s;
            (found.low_s, found.high_s) = (found.low_s * shift, found.high_s * shift);
            self.told_s = short(told_s);
        } else {
            self.told_s = short(found.eta_s.max(floor_s));
        }
        if found.eta_s > 0.0 {
            found.eta_s = f64::from(self.told_s);
        }
        self.agreed = (self.agreed + 1).min(HOLD);
        (self.agreed >= HOLD).then_some(found)
    }
}

/// The middle of the quick and the slow view's forecasts, on the quick one's periods: half way between their logarithms.
fn between(quick: &Forecast, slow: &Forecast) -> Forecast {
    let unit = f64::from(SLOW);
    Forecast {
        eta: (quick.eta * slow.eta * unit).sqrt(),
        low: quick.low.min(slow.low * unit),
        high: quick.high.max(slow.high * unit),
        ..*slow
    }
}

fn seconds(f: Forecast, unit_s: f64, falling: bool) -> TimeToLimit {
    TimeToLimit {
        eta_s: f.eta * unit_s,
        low_s: f.low * unit_s,
        high_s: f.high * unit_s,
        falling,
        straight: f.straight,
        significance: f.significance,
    }
}
