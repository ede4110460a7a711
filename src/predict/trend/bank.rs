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

/// Sums of one view. Single precision would do for the data; the differences of sums want double.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Bank {
    n: f64,
    y: f64,
    yy: f64,
    /// Of `e = exp((t - now) / T)`: sum of e, of e squared, of e times y.
    /// Single precision: they forget faster than rounding adds up.
    e: [f32; RATES],
    ee: [f32; RATES],
    ey: [f32; RATES],
    /// Weight, t, y, t², t·y of the line, `t` counted backward from now.
    line: [f64; 5],
    age: f64,
    errors: [f64; 2],
    expected: [f64; 2],
}

/// Least-squares fit of one growth time.
#[derive(Clone, Copy, Default)]
struct Fit {
    base: f64,
    rise: f64,
    rest: f64,
    spread: f64,
}

fn growth_time(k: usize) -> f64 {
    GROWTH_MIN * std::f64::consts::SQRT_2.powf(k as f64)
}

impl Bank {
    /// `gap` periods after the last one, the value was `y`.
    pub(super) fn step(&mut self, gap: f64, y: f64) {
        if self.n >= READINGS_MIN {
            for (error, expected) in self.errors.iter_mut().zip(self.expected) {
                *error += ((y - expected).powi(2) - *error) / ERROR_MEMORY;
            }
        }
        self.age += gap;
        let keep = (-gap / MEMORY).exp();
        self.n = self.n * keep + 1.0;
        self.y = self.y * keep + y;
        self.yy = self.yy * keep + y * y;
        // The ladder's decay from one rung to the next is a square root per two rungs: two exponentials serve all.
        let mut decay = [(-gap / growth_time(0)).exp(), (-gap / growth_time(1)).exp()];
        for k in 0..RATES {
            let d = decay[k % 2];
            // What does not fit a short number is as good as infinite here; the fit passes over it.
            #[allow(clippy::cast_possible_truncation)]
            let (by, short) = ((keep * d) as f32, y as f32);
            self.e[k] = self.e[k] * by + 1.0;
            #[allow(clippy::cast_possible_truncation)]
            let twice = (keep * d * d) as f32;
            self.ee[k] = self.ee[k] * twice + 1.0;
            self.ey[k] = self.ey[k] * by + short;
            decay[k % 2] = d.sqrt();
        }
        let keep = (-gap / LINE_MEMORY).exp();
        let [w, t, v, tt, tv] = self.line;
        self.line = [
            w * keep + 1.0,
            (t - gap * w) * keep,
            v * keep + y,
            (tt - 2.0 * gap * t + gap * gap * w) * keep,
            (tv - gap * v) * keep,
        ];
        self.foresee();
    }

    fn fit(&self, k: usize) -> Fit {
        let (e, ee, ey) = (f64::from(self.e[k]), f64::from(self.ee[k]), f64::from(self.ey[k]));
        let spread = (ee - e * e / self.n).max(1e-6);
        let rise = (ey - e * self.y / self.n) / spread;
        let base = (self.y - rise * e) / self.n;
        let rest = (self.yy - self.y * self.y / self.n - rise * rise * spread).max(0.0);
        Fit { base, rise, rest, spread }
    }

    /// Level now, slope per period and the slope's variance for unit noise.
    fn straight(&self) -> Option<(f64, f64, f64)> {
        let [w, t, v, tt, tv] = self.line;
        let spread = tt - t * t / w;
        if spread < 1e-9 {
            return None;
        }
        let slope = (tv - t * v / w) / spread;
        Some(((v - slope * t) / w, slope, 1.0 / spread))
    }

    fn foresee(&mut self) {
        let mut best = Fit { rest: f64::INFINITY, ..Fit::default() };
        let mut growth = 1.0;
        for k in 0..RATES {
            let fit = self.fit(k);
            if fit.rest < best.rest {
                (best, growth) = (fit, growth_time(k));
            }
        }
        let line = self.straight().map_or(self.expected[1], |(level, slope, _)| level + slope);
        self.expected = [best.base + best.rise * (1.0 / growth).exp(), line];
    }

    /// When `limit` is reached; `sign` is 1 for an upper and -1 for a lower limit.
    pub(super) fn forecast(&self, limit: f64, sign: f64) -> Option<Forecast> {
        if self.n < READINGS_MIN {
            return None;
        }
        if self.errors[1] < LINE_BETTER * self.errors[0] {
            return self.line_forecast(limit, sign);
        }
        let fits: [Fit; RATES] = std::array::from_fn(|k| self.fit(k));
        let best = fits.iter().min_by(|a, b| a.rest.total_cmp(&b.rest))?;
        // Rounding leaves a noiseless series a rest near zero; a millionth of the variance keeps ratios finite.
        let floor = 1e-12 * (self.yy - self.y * self.y / self.n).max(f64::MIN_POSITIVE);
        let noise = best.rest.max(floor) / (self.n - 3.0);
        let significance = sign * best.rise * (best.spread / noise).sqrt();
        if significance < SIGNIFICANT {
            return None;
        }
        let (mut nodes, mut count, mut total) = ([(0.0, 0.0); 3 * RATES], 0, 0.0);
        for (k, fit) in fits.iter().enumerate() {
            let growth = growth_time(k);
            let far = (growth / (GROWTH_OF_LIFE * self.age.min(MEMORY))).ln() / GROWTH_SPREAD;
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
        let error = (variance * self.errors[1]).sqrt().max(f64::MIN_POSITIVE);
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
