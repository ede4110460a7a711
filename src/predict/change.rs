//! Something just changed: an edge, said early and without weight.
//!
//! The short mean of a point's surprise against its own long run: ten numbers, no memory of shapes or hours. Good at the
//! moment of a change, far too lively to be an alarm by itself; it dates what another detector has found, and marks the
//! start of a new way of running.
//!
//! Invariants: scale and shift change nothing; the same readings give the same answers; bad numbers are passed over.

use serde::{Deserialize, Serialize};

/// Readings of the level, of the short and of the long mean.
const LEVEL_MEMORY: f64 = 12.5;
const SHORT_MEMORY: f64 = 8.0;
const LONG_MEMORY: f64 = 2_000.0;
const SIZE_MEMORY: f64 = 400.0;
/// Residuals beyond so many usual sizes are all alike.
const SIZES_MAX: f64 = 20.0;
/// Spread of the surprise is taken as at least so many usual sizes.
const SPREAD_MIN: f64 = 0.1;
/// Share of the spread of single surprises that is left in their short mean, neighbours being alike.
const SPREAD_OF_MEAN: f64 = 0.6;
/// Readings before the first answer.
const READINGS_MIN: f64 = 30.0;

/// State of one point.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Change {
    seen: f64,
    level: f64,
    size: f64,
    short: f64,
    mean: f64,
    variance: f64,
}

impl Change {
    /// How many of its own spreads the point is livelier than usual just now; 0 while little is known or all is calm.
    /// Three is worth a look, five a change.
    pub fn step(&mut self, value: f64) -> f64 {
        if !value.is_finite() {
            return 0.0;
        }
        if self.seen == 0.0 {
            (self.seen, self.level) = (1.0, value);
            return 0.0;
        }
        self.seen += 1.0;
        let residual = (value - self.level).abs().min(f64::MAX / 4.0);
        let z = match (residual > 0.0, self.size > 0.0) {
            (false, _) => 0.0,
            (true, false) => SIZES_MAX,
            (true, true) => (residual / self.size).min(SIZES_MAX),
        };
        self.short += (z - self.short) / SHORT_MEMORY;
        let spread = self.variance.sqrt();
        let off = self.short - self.mean;
        let told =
            if self.seen > READINGS_MIN { (off / (spread.max(SPREAD_MIN) * SPREAD_OF_MEAN)).max(0.0) } else { 0.0 };
        let pace = (1.0 / self.seen).max(1.0 / LONG_MEMORY);
        let clip = 4.0 * spread + 0.5;
        let step = off.clamp(-clip, clip);
        self.mean += pace * step;
        self.variance += pace * (step * step - self.variance);
        self.level += (value - self.level) / LEVEL_MEMORY;
        let cap = if self.seen > READINGS_MIN && self.size > 0.0 { 5.0 * self.size } else { residual };
        self.size += (residual.min(cap) - self.size) * (1.0 / self.seen).max(1.0 / SIZE_MEMORY);
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::noise::even;

    fn noise(i: u32) -> f64 {
        even(0, u64::from(i))
    }

    fn told(scale: f64, shift: f64) -> Vec<f64> {
        let mut change = Change::default();
        (0..1_200).map(|i| change.step((noise(i) + if i >= 1_000 { 8.0 } else { 0.0 }) * scale + shift)).collect()
    }

    #[test]
    fn a_step_is_told_within_ten_readings_and_calm_is_not() {
        let told = told(1.0, 0.0);
        assert!(
            told[..1_000].iter().all(|t| *t < 5.0),
            "calm: {:?}",
            told[..1_000].iter().copied().fold(0.0, f64::max)
        );
        assert!(told[1_000..1_010].iter().any(|t| *t >= 5.0), "step: {:?}", &told[1_000..1_010]);
    }

    #[test]
    fn scale_and_shift_change_nothing() {
        for (a, b) in told(1.0, 0.0).iter().zip(told(3.7, -120.0)) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }

    #[test]
    fn bad_numbers_are_passed_over() {
        let mut change = Change::default();
        for i in 0..200 {
            change.step(noise(i));
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                assert!(change.step(bad) == 0.0);
            }
        }
        assert!(change.step(1e308).is_finite() && change.step(-1e308).is_finite() && change.step(0.0).is_finite());
    }
}
