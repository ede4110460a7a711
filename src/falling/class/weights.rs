//! Owns the learnt weights of [`class`](super), against "nothing falls"; regularised maximum likelihood.

use super::QUANTITIES;

pub(super) const DENSE: [f64; QUANTITIES] =
    [-1.0, 1.0, 0.0, 0.5, -0.2, -1.0, -1.0, -0.5, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
pub(super) const LIGHT: [f64; QUANTITIES] =
    [-1.0, 0.0, 1.0, -0.2, 0.5, -1.0, -1.0, -0.5, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
