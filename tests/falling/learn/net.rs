//! A small model that learns: a linear part and inner units, by Adam with a rate that fades, over any loss whose slope with
//! the scores is known. The weights of the last tenth of the steps are averaged.

use crate::dice::Dice;

/// How it learns.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) units: usize,
    pub(crate) epochs: usize,
    /// Pull of every weight towards zero.
    pub(crate) decay: f32,
}

const RATE: f32 = 3e-3;
const BATCH: usize = 256;

/// Inner weights (units × quantities), outer (scores × units), plain (scores × quantities), one after the other.
pub(crate) struct Net<const Q: usize, const K: usize> {
    pub(crate) units: usize,
    pub(crate) weights: Vec<f32>,
}

impl<const Q: usize, const K: usize> Net<Q, K> {
    fn new(units: usize) -> Self {
        let mut dice = Dice::new(1);
        let mut weights = vec![0.0; units * Q + K * units + K * Q];
        for weight in &mut weights[..units * Q + K * units] {
            *weight = dice.within(-0.2, 0.2) as f32;
        }
        Self { units, weights }
    }

    /// Inner, outer, plain.
    pub(crate) fn parts(&self) -> (&[f32], &[f32], &[f32]) {
        let (inner, rest) = self.weights.split_at(self.units * Q);
        let (outer, plain) = rest.split_at(K * self.units);
        (inner, outer, plain)
    }

    /// Scores; `inner` is left with the values of the inner units.
    fn look(&self, quantities: &[f32; Q], inner: &mut [f32]) -> [f32; K] {
        let (within, outer, plain) = self.parts();
        for (value, weights) in inner.iter_mut().zip(within.chunks_exact(Q)) {
            *value = sum(weights, quantities).tanh();
        }
        std::array::from_fn(|score| {
            sum(&plain[score * Q..][..Q], quantities) + sum(&outer[score * self.units..][..self.units], inner)
        })
    }

    pub(crate) fn scores(&self, quantities: &[f32; Q]) -> [f32; K] {
        self.look(quantities, &mut vec![0.0; self.units])
    }

    /// Adds to `slopes` what one row says: `by_score` is the slope of its loss with each score.
    fn blame(&self, slopes: &mut [f32], quantities: &[f32; Q], inner: &[f32], by_score: [f32; K]) {
        let outer = self.units * Q;
        let plain = outer + K * self.units;
        for (score, slope) in by_score.into_iter().enumerate() {
            add(&mut slopes[plain + score * Q..][..Q], quantities, slope);
            add(&mut slopes[outer + score * self.units..][..self.units], inner, slope);
        }
        for (unit, value) in inner.iter().enumerate() {
            let slope: f32 =
                (0..K).map(|score| by_score[score] * self.weights[outer + score * self.units + unit]).sum();
            add(&mut slopes[unit * Q..][..Q], quantities, slope * (1.0 - value * value));
        }
    }

    /// Learns from rows: `slope` is the slope of a row's loss with each of its scores.
    pub(crate) fn learn<R>(
        rows: &[R],
        pace: Pace,
        quantities: impl Fn(&R) -> &[f32; Q],
        slope: impl Fn(&R, [f32; K]) -> [f32; K],
    ) -> Self {
        let (mean, spread) = sizes(rows.iter().map(&quantities));
        let rows: Vec<([f32; Q], &R)> = rows
            .iter()
            .map(|row| {
                let raw = quantities(row);
                (std::array::from_fn(|index| (raw[index] - mean[index]) / spread[index]), row)
            })
            .collect();
        let mut net = Self::new(pace.units);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let mut dice = Dice::new(8);
        let mut adam = Adam::new(net.weights.len(), pace.epochs * (rows.len() / BATCH));
        let mut inner = vec![0.0; pace.units];
        for _ in 0..pace.epochs {
            dice.shuffle(&mut order);
            for batch in order.chunks_exact(BATCH) {
                let mut slopes = vec![0.0; net.weights.len()];
                for (quantities, row) in batch.iter().map(|index| &rows[*index]) {
                    let scores = net.look(quantities, &mut inner);
                    net.blame(&mut slopes, quantities, &inner, slope(row, scores));
                }
                for (slope, weight) in slopes.iter_mut().zip(&net.weights) {
                    *slope = *slope / BATCH as f32 + pace.decay * weight;
                }
                adam.step(&mut net.weights, &slopes);
            }
        }
        net.weights = adam.mean();
        net.unscale(&mean, &spread);
        net
    }

    /// From weights of scaled quantities to those of the quantities as they are. The first is 1 and takes what is left.
    fn unscale(&mut self, mean: &[f32; Q], spread: &[f32; Q]) {
        let plain = self.units * Q + K * self.units;
        let (inner, rest) = self.weights.split_at_mut(self.units * Q);
        for weights in inner.chunks_exact_mut(Q).chain(rest[plain - self.units * Q..].chunks_exact_mut(Q)) {
            for index in 1..Q {
                weights[index] /= spread[index];
                weights[0] -= weights[index] * mean[index];
            }
        }
    }
}

/// Mean and spread of every quantity but the first, which is 1: learning goes faster where all are of one size.
fn sizes<'a, const Q: usize>(rows: impl Iterator<Item = &'a [f32; Q]>) -> ([f32; Q], [f32; Q]) {
    let (mut sums, mut squares, mut count) = ([0.0_f64; Q], [0.0_f64; Q], 0.0_f64);
    for row in rows {
        count += 1.0;
        for (index, value) in row.iter().enumerate() {
            sums[index] += f64::from(*value);
            squares[index] += f64::from(*value).powi(2);
        }
    }
    let (mut mean, mut spread) = ([0.0; Q], [1.0; Q]);
    for index in 1..Q {
        let middle = sums[index] / count;
        mean[index] = middle as f32;
        spread[index] = (squares[index] / count - middle * middle).max(1e-6).sqrt().max(0.02) as f32;
    }
    (mean, spread)
}

/// Adam (Kingma and Ba, 2015) with a rate along half a cosine.
struct Adam {
    first: Vec<f32>,
    second: Vec<f32>,
    late: Vec<f32>,
    lates: f32,
    step: usize,
    steps: usize,
}

impl Adam {
    fn new(weights: usize, steps: usize) -> Self {
        Self {
            first: vec![0.0; weights],
            second: vec![0.0; weights],
            late: vec![0.0; weights],
            lates: 0.0,
            step: 0,
            steps: steps.max(1),
        }
    }

    fn step(&mut self, weights: &mut [f32], slopes: &[f32]) {
        const FADE: (f32, f32) = (0.9, 0.999);
        self.step += 1;
        let part = self.step as f32 / self.steps as f32;
        let rate = RATE * 0.5 * (1.0 + (std::f32::consts::PI * part).cos()) + 1e-5;
        let unbiased = |fade: f32| 1.0 - fade.powf(self.step as f32);
        let (first_share, second_share) = (unbiased(FADE.0), unbiased(FADE.1));
        for (index, slope) in slopes.iter().enumerate() {
            let (first, second) = (&mut self.first[index], &mut self.second[index]);
            *first = FADE.0 * *first + (1.0 - FADE.0) * slope;
            *second = FADE.1 * *second + (1.0 - FADE.1) * slope * slope;
            weights[index] -= rate * (*first / first_share) / ((*second / second_share).sqrt() + 1e-8);
        }
        if part > 0.9 {
            self.lates += 1.0;
            add(&mut self.late, weights, 1.0);
        }
    }

    fn mean(&self) -> Vec<f32> {
        self.late.iter().map(|sum| sum / self.lates.max(1.0)).collect()
    }
}

fn sum(weights: &[f32], values: &[f32]) -> f32 {
    weights.iter().zip(values).map(|(weight, value)| weight * value).sum()
}

fn add(to: &mut [f32], values: &[f32], factor: f32) {
    for (to, value) in to.iter_mut().zip(values) {
        *to += factor * value;
    }
}
