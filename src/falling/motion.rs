//! Owns the descriptions of a track that know nothing of falling: polynomials in time with plausible sizes of speed,
//! acceleration and jerk, for one axis each, with the evidence (probability of the data) in closed form; and the estimate of
//! the detector's noise, which every other comparison leans on.
//!
//! Refuses to know drag and gravity. All linear, so nothing can fail to converge.

#![allow(clippy::needless_range_loop)] // formulas over rows and columns read best with indices

use super::linear::{self, Square};
use super::track::Sample;

/// Position, speed, acceleration, jerk.
pub(super) const ORDER: usize = 4;
/// Detector noise believed before the track is seen, pixels, and how many points that belief counts.
const NOISE_PX: f64 = 1.5;
const NOISE_POINTS: f64 = 4.0;
/// The facade and the object's own centre are not known better than this, metres.
pub(super) const MODEL_ERROR_M: f64 = 0.03;

/// Weighted moments of one axis over the basis `1, t, t²/2, t³/6`.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    gram: Square<ORDER>,
    right: [f64; ORDER],
    square: f64,
    /// Value that was taken off before.
    pub(super) offset: f64,
}

/// A fitted polynomial.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fitted {
    /// Position (less offset), speed, acceleration, jerk at time 0.
    pub(super) terms: [f64; ORDER],
    low: Square<ORDER>,
    /// Squared misfit, prior included.
    pub(super) chi_squared: f64,
    /// The part of -2 ln evidence that does not depend on the data.
    pub(super) occam: f64,
}

/// One axis: `(t, value, weight)` per point.
pub(super) fn moments(points: impl Iterator<Item = (f64, f64, f64)> + Clone) -> Moments {
    moments_over(points.map(|(t, value, weight)| ([1.0, t, t * t / 2.0, t * t * t / 6.0], value, weight)))
}

/// One axis over functions of another choice, the first of them 1: their values, the value and the weight per point.
pub(super) fn moments_over(points: impl Iterator<Item = ([f64; ORDER], f64, f64)> + Clone) -> Moments {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (_, value, weight) in points.clone() {
        sum += value * weight;
        weights += weight;
    }
    let offset = sum / weights;
    let mut gram = [[0.0; ORDER]; ORDER];
    let mut right = [0.0; ORDER];
    let mut square = 0.0;
    for (basis, value, weight) in points {
        let value = value - offset;
        for row in 0..ORDER {
            right[row] += weight * basis[row] * value;
            for col in 0..=row {
                gram[row][col] += weight * basis[row] * basis[col];
            }
        }
        square += weight * value * value;
    }
    for row in 0..ORDER {
        for col in row + 1..ORDER {
            gram[row][col] = gram[col][row];
        }
    }
    Moments { gram, right, square, offset }
}

impl Moments {
    /// Best terms under the belief that each is zero within `spread`.
    pub(super) fn fit(&self, spread: &[f64; ORDER]) -> Option<Fitted> {
        let mut information = self.gram;
        let mut occam = 0.0;
        for (index, error) in spread.iter().enumerate() {
            information[index][index] += error.powi(-2);
            occam += 2.0 * error.ln();
        }
        let low = linear::cholesky(&information)?;
        let terms = linear::solve(&low, &self.right);
        let explained: f64 = terms.iter().zip(&self.right).map(|(term, right)| term * right).sum();
        Some(Fitted {
            terms,
            chi_squared: (self.square - explained).max(0.0),
            occam: occam + linear::ln_det(&low),
            low,
        })
    }
}

impl Fitted {
    /// Standard error of the acceleration.
    pub(super) fn acceleration_error(&self) -> f64 {
        linear::solve(&self.low, &[0.0, 0.0, 1.0, 0.0])[2].max(0.0).sqrt()
    }

    pub(super) fn at(&self, t: f64) -> f64 {
        let [place, speed, acceleration, jerk] = self.terms;
        place + t * (speed + t * (acceleration / 2.0 + t * jerk / 6.0))
    }
}

/// Detector noise of a track and how rough its motion is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    /// Standard deviation of one coordinate, pixels.
    pub(super) pixels: f64,
    /// How much worse a cubic describes the track than its own smoothness would allow: 1 for smooth motion, large for
    /// swinging and jerking.
    pub(super) structure: f64,
}

impl Noise {
    /// Weights of a sample's height and along coordinate, 1/m².
    pub(super) fn weights(&self, sample: &Sample) -> (f64, f64) {
        let weight = |pixel_m: f64| 1.0 / ((self.pixels * pixel_m).powi(2) + MODEL_ERROR_M * MODEL_ERROR_M);
        (weight(sample.pixel_m.0), weight(sample.pixel_m.1))
    }
}

/// Estimates the noise: what is left of a cubic, once as it is and once against its neighbours.
pub(super) fn noise(samples: &[Sample]) -> Option<Noise> {
    let start = samples.first()?.t;
    let wide = [1e3, 1e3, 1e3, 1e3];
    let plain = |sample: &Sample| 1.0 / (sample.pixel_m.0 * sample.pixel_m.0);
    let aside = |sample: &Sample| 1.0 / (sample.pixel_m.1 * sample.pixel_m.1);
    let up = moments(samples.iter().map(|s| (s.t - start, s.height_m, plain(s))));
    let along = moments(samples.iter().map(|s| (s.t - start, s.along_m, aside(s))));
    let (up_fit, along_fit) = (up.fit(&wide)?, along.fit(&wide)?);
    let left: Vec<(f64, f64)> = samples
        .iter()
        .map(|s| {
            let t = s.t - start;
            let high = (s.height_m - up.offset - up_fit.at(t)) / s.pixel_m.0;
            (high, (s.along_m - along.offset - along_fit.at(t)) / s.pixel_m.1)
        })
        .collect();
    let count = samples.len() as f64;
    let free = 2.0 * count - 8.0;
    let whole: f64 = left.iter().map(|(high, side)| high * high + side * side).sum();
    let mut local = 0.0;
    for three in left.windows(3) {
        // The middle against the mean of its neighbours has 1.5 times the variance of one.
        local += (three[1].0 - f64::midpoint(three[0].0, three[2].0)).powi(2) / 1.5;
        local += (three[1].1 - f64::midpoint(three[0].1, three[2].1)).powi(2) / 1.5;
    }
    let local_points = 2.0 * (count - 2.0);
    let belief = NOISE_POINTS * NOISE_PX * NOISE_PX;
    // Half the local points: neighbouring triples share their points.
    let local_variance = (belief + 0.6 * local * free / local_points) / (NOISE_POINTS + 0.6 * free);
    let whole_variance = (belief + whole) / (NOISE_POINTS + free);
    let variance = local_variance.min(whole_variance).max(0.04);
    Some(Noise { pixels: variance.sqrt(), structure: (whole_variance / variance).sqrt() })
}
