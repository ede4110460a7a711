//! Owns the evaluation of the small learnt models of [`class`](super::class) and [`trust`](super::trust): a linear part, and
//! inner units for the interplay of the quantities.
//!
//! Refuses to know what the quantities mean and how the weights are found: that is `tests/falling/learn.rs`.

/// A model of `Q` quantities with `U` inner units and `K` scores.
pub(super) struct Net<const Q: usize, const U: usize, const K: usize> {
    pub(super) inner: [[f64; Q]; U],
    pub(super) outer: [[f64; U]; K],
    pub(super) plain: [[f64; Q]; K],
}

impl<const Q: usize, const U: usize, const K: usize> Net<Q, U, K> {
    /// The scores of the quantities.
    pub(super) fn scores(&self, quantities: &[f64; Q]) -> [f64; K] {
        let inner: [f64; U] = std::array::from_fn(|unit| sum(&self.inner[unit], quantities).tanh());
        std::array::from_fn(|score| sum(&self.plain[score], quantities) + sum(&self.outer[score], &inner))
    }
}

fn sum(weights: &[f64], values: &[f64]) -> f64 {
    weights.iter().zip(values).map(|(weight, value)| weight * value).sum()
}
