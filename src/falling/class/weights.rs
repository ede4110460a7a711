//! Owns the learnt weights of [`class`](super), against "nothing falls": regularised maximum likelihood (ridge 3) over
//! simulated tracks of the training seed 1000; the figures stand in the documentation of [`falling`](crate::falling).

use super::QUANTITIES;

pub(super) const DENSE: [f64; QUANTITIES] = [
    0.709, 0.459, 0.901, 0.207, -0.541, -0.003, -1.165, -0.179, -2.139, 0.085, 0.500, 0.312, -1.002, -0.208, -1.300,
    -0.076, 0.240, 0.040, 1.812, -0.367, 0.335, -0.557, 0.209, -0.149, 0.804,
];
pub(super) const LIGHT: [f64; QUANTITIES] = [
    2.865, 0.375, 0.404, -0.093, -0.054, 0.006, 0.184, -0.148, -1.823, 0.134, 0.421, 0.321, -2.341, -0.604, -0.420,
    -0.680, 0.142, 0.117, -1.069, -1.105, -0.176, 0.879, 0.743, -0.535, -0.362,
];
