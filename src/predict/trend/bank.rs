//! One view of a rising value: fits for many rates of growth at once, and a straight line beside them.
//!
//! Wear grows. A straight line through noisy wear puts the crossing several times too far away, and a line through the
//! logarithm of the rise throws away what lies below the noise. So every growth time `T` of a fixed ladder gets its own
//! least-squares fit of `base + rise * exp((t - now) / T)`, whose sums move from reading to reading by one multiplication
//! each; the fits are then weighed by how well each explains everything seen, and the answer is the weighted median.
//!
//! Before the data can tell the rates apart, growth times of about a third of the observed life are thought likeliest,
//! with a broad tail (a Cauchy curve over the logarithm), so that strong evidence for any other rate wins at once.
//!
//! The straight line covers what does not grow: it speaks when its forecasts of the next reading were clearly better.

use serde::{Deserialize, Serialize};

use super::SIGNIFICANT;

/// Growth times, each 1.41 times the one before.
const RATES: usize = 14;
/// Shortest growth time in periods: below it there are too few readings to fit.
const GROWTH_MIN: f64 = 4.0;
/// Periods after which a reading has lost 63 % of its weight.
const MEMORY: f64 = 1000.0;
/// The same for the straight line.
const LINE_MEMORY: f64 = 32.0;
/// Readings before the first answer.
const READINGS_MIN: f64 = 12.0;
/// Growth time thought likeliest, as a share of the observed life, and the width of that belief (natural logarithm).
const GROWTH_OF_LIFE: f64 = 1.0 / 3.0;
const GROWTH_SPREAD: f64 = 0.3;
/// Neighbouring readings share part of their noise: two of them tell as much as one independent reading.
const INDEPENDENT: f64 = 0.5;
/// The line must have forecast this much better (mean square) to be preferred.
const LINE_BETTER: f64 = 0.6;
/// Least spread of times, in squared periods, through which a line is drawn; below, it is rounding.
const SPREAD_MIN: f64 = 1e-3;
/// Memory of the forecast errors, in readings.
const ERROR_MEMORY: f64 = 16.0;

/// An answer in periods.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forecast {
    pub(super) eta: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) straight: bool,
    pub(super) significance: f64,
}

/// Sums of one view. Sums of values are differences of large numbers later on and want double; those of time alone, and
/// those that forget faster than rounding adds up, do not.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Bank {
    n: f64,
    y: f64,
    yy: f64,
    /// Of the line: y and t·y, `t` counted backward from now.
    line: [f64; 2],
    /// Of the line: weight, t and t².
    line_time: [f32; 3],
    /// Of `e = exp((t - now) / T)`: sum of e, of e times y.
    e: [f32; RATES],
    ey: [f32; RATES],
    /// Sum of e squared, of the two shortest growth times. The square of one growth time's e is the e of half that time,
    /// which stands two rungs lower.
    ee: [f32; 2],
    age: f32,
    /// Mean squares of the forecast errors, of the growing rise and of the line.
    errors: [f32; 2],
}

/// Least-squares fit of one growth time.
#[derive(Clone, Copy, Default)]
struct Fit {
    base: f64,
    rise: f64,
    rest: f64,
    spread: f64,
}

/// As it is kept: seven digits are more than readings can teach.
#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is asked for")]
pub(super) fn short(value: f64) -> f32 {
    value as f32
}

/// The ladder of growth times, in periods.
const GROWTH: [f64; RATES] = {
    let mut ladder = [GROWTH_MIN; RATES];
    let mut k = 1;
    while k < RATES {
        ladder[k] = ladder[k - 1] * std::f64::consts::SQRT_2;
        k += 1;
    }
    ladder
};

fn growth_time(k: usize) -> f64 {
    GROWTH[k.min(RATES - 1)]
}

impl Bank {
    /// `gap` periods after the last one, the value was `y`; `best` is what the last step told. Tells the growth time whose
    /// fit explains most, as a place on the ladder.
    pub(super) fn step(&mut self, gap: f64, y: f64, best: u8) -> u8 {
        if self.n >= READINGS_MIN {
            self.compare(y, usize::from(best));
        }
        self.age += short(gap);
        let keep = (-gap / MEMORY).exp();
        self.n = self.n * keep + 1.0;
        self.y = self.y * keep + y;
        self.yy = self.yy * keep + y * y;
        // The ladder's decay from one rung to the next is a square root per two rungs: two exponentials serve all.
        let mut decay = [(-gap / growth_time(0)).exp(), (-gap / growth_time(1)).exp()];
        for k in 0..RATES {
            let d = decay[k % 2];
            // What does not fit a short number is as good as infinite here; the fit passes over it.
            let by = short(keep * d);
            self.e[k] = self.e[k] * by + 1.0;
            if let Some(ee) = self.ee.get_mut(k) {
                *ee = *ee * short(keep * d * d) + 1.0;
            }
            self.ey[k] = self.ey[k] * by + short(y);
            decay[k % 2] = d.sqrt();
        }
        let keep = (-gap / LINE_MEMORY).exp();
        let ([w, t, tt], [v, tv]) = (self.line_time.map(f64::from), self.line);
        self.line = [v * keep + y, (tv - gap * v) * keep];
        self.line_time = [w * keep + 1.0, (t - gap * w) * keep, (tt - 2.0 * gap * t + gap * gap * w) * keep].map(short);
        self.best()
    }

    fn fit(&self, k: usize) -> Fit {
        let ee = if k < self.ee.len() { self.ee[k] } else { self.e[k - self.ee.len()] };
        let (e, ee, ey) = (f64::from(self.e[k]), f64::from(ee), f64::from(self.ey[k]));
        let spread = (ee - e * e / self.n).max(1e-6);
        let rise = (ey - e * self.y / self.n) / spread;
        let base = (self.y - rise * e) / self.n;
        let rest = (self.yy - self.y * self.y / self.n - rise * rise * spread).max(0.0);
        Fit { base, rise, rest, spread }
    }

    /// Level now, slope per period and the slope's variance for unit noise.
    fn straight(&self) -> Option<(f64, f64, f64)> {
        let ([w, t, tt], [v, tv]) = (self.line_time.map(f64::from), self.line);
        let spread = tt - t * t / w;
        if spread < SPREAD_MIN {
            return None;
        }
        let slope = (tv - t * v / w) / spread;
        Some(((v - slope * t) / w, slope, 1.0 / spread))
    }

    fn best(&self) -> u8 {
        let (mut best, mut rest) = (0, f64::INFINITY);
        for (name, k) in (0_u8..).zip(0..RATES) {
            let fit = self.fit(k);
            if fit.rest < rest {
                (best, rest) = (name, fit.rest);
            }
        }
        best
    }

    /// Holds the value against what was foretold one period before.
    fn compare(&mut self, y: f64, best: usize) {
        let fit = self.fit(best.min(RATES - 1));
        let grown = fit.base + fit.rise * (1.0 / growth_time(best)).exp();
        let line = self.straight().map(|(level, slope, _)| level + slope);
        for (error, expected) in self.errors.iter_mut().zip([Some(grown), line]) {
            if let Some(expected) = expected {
                let before = f64::from(*error);
                *error = short(before + ((y - expected).powi(2) - before) / ERROR_MEMORY);
            }
        }
    }

    /// When `limit` is reached; `sign` is 1 for an upper and -1 for a lower limit.
    pub(super) fn forecast(&self, limit: f64, sign: f64, best: u8) -> Option<Forecast> {
        if self.n < READINGS_MIN {
            return None;
        }
        if f64::from(self.errors[1]) < LINE_BETTER * f64::from(self.errors[0]) {
            return self.line_forecast(limit, sign);
        }
        // A number that does not come from here cannot be trusted to be a rung.
        let best = self.fit(usize::from(best).min(RATES - 1));
        // Rounding leaves a noiseless series a rest near zero; a millionth of the variance keeps ratios finite.
        let floor = 1e-12 * (self.yy - self.y * self.y / self.n).max(f64::MIN_POSITIVE);
        let noise = best.rest.max(floor) / (self.n - 3.0);
        let significance = sign * best.rise * (best.spread / noise).sqrt();
        if significance < SIGNIFICANT {
            return None;
        }
        let fits: [Fit; RATES] = std::array::from_fn(|k| self.fit(k));
        let (mut nodes, mut count, mut total) = ([(0.0, 0.0); 3 * RATES], 0, 0.0);
        for (k, fit) in fits.iter().enumerate() {
            let growth = growth_time(k);
            let far = (growth / (GROWTH_OF_LIFE * f64::from(self.age).min(MEMORY))).ln() / GROWTH_SPREAD;
            let weight = (-INDEPENDENT * (fit.rest - best.rest) / (2.0 * noise)).exp() / (1.0 + far * far);
            total += weight;
            // The rise itself is known to its standard error only: three points of a normal curve stand for it.
            let error = (noise / fit.spread / INDEPENDENT).sqrt();
            for (step, share) in [(-1.22, 0.3), (0.0, 0.4), (1.22, 0.3)] {
                let (rise, goal) = (sign * fit.rise + step * error, sign * (limit - fit.base));
                let eta = if goal <= 0.0 || rise >= goal {
                    0.0
                } else if rise <= 0.0 {
                    f64::INFINITY
                } else {
                    growth * (goal / rise).ln()
                };
                nodes[count] = (eta, weight * share);
                count += 1;
            }
        }
        nodes.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let eta = quantile(&nodes, total, 0.5);
        eta.is_finite().then(|| Forecast {
            eta,
            low: quantile(&nodes, total, 0.1),
            high: quantile(&nodes, total, 0.9),
            straight: false,
            significance,
        })
    }

    fn line_forecast(&self, limit: f64, sign: f64) -> Option<Forecast> {
        let (level, slope, variance) = self.straight()?;
        let error = (variance * f64::from(self.errors[1])).sqrt().max(f64::MIN_POSITIVE);
        let significance = sign * slope / error;
        if significance < SIGNIFICANT {
            return None;
        }
        let way = (sign * (limit - level)).max(0.0);
        let (steep, flat) = (sign * slope + 1.28 * error, sign * slope - 1.28 * error);
        Some(Forecast {
            eta: way / (sign * slope),
            low: way / steep,
            high: if flat > 0.0 { way / flat } else { f64::INFINITY },
            straight: true,
            significance,
        })
    }
}

fn quantile(nodes: &[(f64, f64)], total: f64, share: f64) -> f64 {
    let mut sum = 0.0;
    nodes
        .iter()
        .find(|(_, weight)| {
            sum += weight;
            sum >= share * total
        })
        .map_or(f64::INFINITY, |(eta, _)| *eta)
}
