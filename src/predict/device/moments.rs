//! How much points play, and how much of it they play together: a covariance that forgets.
//!
//! Knows numbers only; the caller says from what the deviations are taken. Single precision, lower triangle: 544 bytes for
//! 16 points.

use super::band::single;
use super::together::TOGETHER_MAX;

/// Snapshots over which it is forgotten: two weeks at one a minute.
const MEMORY: f64 = 20_000.0;

/// Snapshots before deviations are clipped.
const WARM: f32 = 30.0;

/// A covariance of at most [`TOGETHER_MAX`] points around zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Snapshots learnt from.
    pub learnt: f32,
    /// Lower triangle by rows.
    pub products: Vec<f32>,
}

fn place(i: usize, j: usize) -> usize {
    let (row, column) = (i.max(j), i.min(j));
    row * (row + 1) / 2 + column
}

impl Moments {
    /// Nothing is known of `points` points yet.
    pub fn new(points: usize) -> Self {
        Self { learnt: 0.0, products: vec![0.0; points * (points + 1) / 2] }
    }

    /// Takes the deviations of one snapshot, each clipped at `clip` spreads. Those that are not known are zero.
    pub fn learn(&mut self, deviations: &[f64], clip: f64) {
        self.learnt = (self.learnt + 1.0).min(1e6);
        let pace = (1.0 / f64::from(self.learnt)).max(1.0 / MEMORY);
        let mut clipped = [0.0; TOGETHER_MAX];
        for (i, (to, from)) in clipped.iter_mut().zip(deviations).enumerate() {
            let spread = self.spread(i);
            let most = if self.learnt > WARM && spread > 0.0 { clip * spread } else { f64::INFINITY };
            *to = from.clamp(-most, most);
        }
        let mut products = self.products.iter_mut();
        for i in 0..deviations.len().min(TOGETHER_MAX) {
            for (j, product) in (0..=i).zip(&mut products) {
                *product += single(pace * (clipped[i] * clipped[j] - f64::from(*product)));
            }
        }
    }

    /// Covariance of two points.
    pub fn product(&self, i: usize, j: usize) -> f64 {
        f64::from(self.products[place(i, j)])
    }

    /// Standard deviation of a point.
    pub fn spread(&self, i: usize) -> f64 {
        self.product(i, i).sqrt()
    }
}
