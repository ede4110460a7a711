//! Owns the learnt weights of [`class`](super), against "nothing falls": regularised maximum likelihood (ridge 3) over
//! simulated tracks of the training seed 1000; the figures stand in the documentation of [`falling`](crate::falling).

use super::QUANTITIES;

pub(super) const DENSE: [f64; QUANTITIES] = [
    1.993, 0.572, 1.005, 0.189, -1.004, -0.068, -1.240, -0.478, -1.977, 0.155, 0.121, 0.063, -0.787, -1.057, -0.844,
    -0.225, -0.276, 0.350, -0.080, 0.626,
];
pub(super) const LIGHT: [f64; QUANTITIES] = [
    2.859, 0.210, 0.571, -0.133, -0.168, 0.027, 0.121, -0.002, -1.710, 0.062, 0.329, 0.090, -2.102, -0.488, -1.340,
    -0.380, 0.963, 0.766, -0.525, -0.221,
];
