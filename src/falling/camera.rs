//! Owns the calibration of one camera: pixel → place on the facade plane, with its error.
//!
//! The view is a pinhole camera over a plane, fitted to the reference points by damped least squares: focal length, pitch,
//! yaw, roll, place along the facade, distance, height and one lens coefficient. That is a projective map with the
//! plausible ones preferred: mount, focal length and `k1` of the file count as measurements with an error of their own, so
//! three rows of one column give a usable scale (height is then a Möbius function of the row) and points spread over the
//! facade free yaw and roll. Where the points contradict every such view by far more than their stated error, what is left
//! over is interpolated by row, and the error grows with it.
//!
//! Makers write `k1` in different units and directions; the points decide, with the usual form preferred.
//!
//! Refuses to know tracks and files. Invariant: a [`Calibration`] maps every reference point to a finite place.
//! Limit: an object in front of the plane is seen too high; [`Calibration::scale_at_depth`] says by how much.

mod solve;

use super::linear::{self, Square};
use super::site::{CameraConfig, Facade, Reference};

/// Parameters of a view.
pub(super) const PARAMS: usize = 8;
/// What each number of [`View::from_params`] is.
pub(super) type Params = [f64; PARAMS];
pub(super) const LN_FOCAL: usize = 0;
pub(super) const PITCH: usize = 1;
pub(super) const YAW: usize = 2;
pub(super) const ROLL: usize = 3;
pub(super) const ALONG: usize = 4;
pub(super) const K1: usize = 5;
pub(super) const LN_DISTANCE: usize = 6;
pub(super) const HEIGHT: usize = 7;

/// A pinhole view over the facade plane. Axes: along the facade, up, towards the facade.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    focal_px: f64,
    k1: f64,
    along_m: f64,
    height_m: f64,
    distance_m: f64,
    centre: (f64, f64),
    mirror: f64,
    forward: [f64; 3],
    right: [f64; 3],
    up: [f64; 3],
}

impl View {
    pub(super) fn from_params(params: &Params, centre: (f64, f64), mirror: f64) -> Self {
        let (sin_pitch, cos_pitch) = params[PITCH].sin_cos();
        let (sin_yaw, cos_yaw) = params[YAW].sin_cos();
        let (sin_roll, cos_roll) = params[ROLL].sin_cos();
        let level = [cos_yaw, 0.0, -sin_yaw];
        let above = [-sin_yaw * sin_pitch, cos_pitch, -cos_yaw * sin_pitch];
        let mut right = [0.0; 3];
        let mut up = [0.0; 3];
        for axis in 0..3 {
            right[axis] = level[axis] * cos_roll + above[axis] * sin_roll;
            up[axis] = above[axis] * cos_roll - level[axis] * sin_roll;
        }
        Self {
            focal_px: params[LN_FOCAL].exp(),
            k1: params[K1],
            along_m: params[ALONG],
            height_m: params[HEIGHT],
            distance_m: params[LN_DISTANCE].exp(),
            centre,
            mirror,
            forward: [sin_yaw * cos_pitch, sin_pitch, cos_yaw * cos_pitch],
            right,
            up,
        }
    }

    /// Place on the plane `(along, height)`; `None` for a ray that never meets it.
    pub(super) fn place(&self, col: f64, row: f64) -> Option<(f64, f64)> {
        let across = (col - self.centre.0) / self.focal_px;
        let down = (row - self.centre.1) / self.focal_px;
        let shrink = undistort(across * across + down * down, self.k1);
        let (across, down) = (across * shrink, down * shrink);
        let ray = |axis: usize| self.forward[axis] + across * self.right[axis] - down * self.up[axis];
        let towards = ray(2);
        if towards < 0.02 {
            return None;
        }
        let reach_m = self.distance_m / towards;
        Some((self.mirror * (self.along_m + reach_m * ray(0)), self.height_m + reach_m * ray(1)))
    }
}

/// Factor that takes a seen radius (squared, in focal lengths) back to the straight one: solves `s (1 + k1 s² r²) = 1`.
fn undistort(seen_squared: f64, k1: f64) -> f64 {
    if k1 == 0.0 {
        return 1.0;
    }
    let strength = k1 * seen_squared;
    // Past this the lens form folds over; the fold is as far as the picture goes.
    let strength = strength.max(-0.14);
    let mut factor = 1.0 / (1.0 + strength);
    for _ in 0..4 {
        let cube = strength * factor * factor;
        factor -= (factor * (1.0 + cube) - 1.0) / (1.0 + 3.0 * cube);
    }
    factor
}

/// A pixel's place on the facade plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Metres along the facade.
    pub along_m: f64,
    /// Metres above the ground.
    pub height_m: f64,
    /// Metres of height per pixel row here.
    pub metres_per_row: f64,
    /// Metres along the facade per pixel column here.
    pub metres_per_col: f64,
}

/// How one reference point fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// The point as given.
    pub point: Reference,
    /// Mapped height minus stated height, metres.
    pub height_m: f64,
    /// Share of this point in its own fit, 0-1: near 1 nothing checks it.
    pub leverage: f64,
    /// Residual in standard errors.
    pub sigmas: f64,
}

/// A fitted camera with the facade it looks at.
#[derive(Debug, Clone)]
pub struct Calibration {
    view: View,
    /// The view with one parameter moved by its step each: for the propagation of errors.
    moved: [View; PARAMS],
    cov: Square<PARAMS>,
    left_over: Vec<(f64, f64)>,
    facade: Facade,
    frame: (f64, f64),
    fps: f64,
    residuals: Vec<Residual>,
    chi_squared_per_freedom: f64,
}

/// Why a camera could not be calibrated.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CalibrationFault {
    /// No pinhole view comes near the points.
    #[error("no view of the facade fits the reference rows: check rows, heights and mount of camera `{0}`")]
    NoFit(String),
    /// Heights must fall when rows grow.
    #[error("camera `{0}`: reference heights do not fall from the top rows to the bottom rows")]
    UpsideDown(String),
}

impl Calibration {
    /// Fits the view to the reference points.
    ///
    /// # Errors
    /// Points that no camera can see that way.
    pub fn fit(config: &CameraConfig, facade: &Facade) -> Result<Self, CalibrationFault> {
        if !solve::falls_with_rows(&config.reference_rows) {
            return Err(CalibrationFault::UpsideDown(config.id.clone()));
        }
        let solved = solve::solve(config).ok_or_else(|| CalibrationFault::NoFit(config.id.clone()))?;
        let mut calibration = Self {
            view: solved.view,
            moved: solved.moved,
            cov: solved.cov,
            left_over: Vec::new(),
            facade: facade.clone(),
            frame: (config.width, config.height),
            fps: config.fps,
            residuals: solved.residuals,
            chi_squared_per_freedom: solved.chi_squared_per_freedom,
        };
        if solved.chi_squared_per_freedom > LEFT_OVER_FROM {
            calibration.left_over = solve::left_over(&calibration.residuals);
        }
        Ok(calibration)
    }

    /// Place of a pixel on the facade plane; `None` where the ray never meets it.
    pub fn place(&self, col: f64, row: f64) -> Option<Place> {
        let (along_m, height_m) = self.view.place(col, row)?;
        let (_, above_m) = self.view.place(col, row - 1.0)?;
        let (aside_m, _) = self.view.place(col + 1.0, row)?;
        let metres_per_row = (above_m - height_m).abs();
        let metres_per_col = (aside_m - along_m).abs();
        if !height_m.is_finite() || !along_m.is_finite() || metres_per_row > PER_ROW_MAX_M {
            return None;
        }
        Some(Place { along_m, height_m: height_m - self.correction_m(row), metres_per_row, metres_per_col })
    }

    /// Standard error of the mapped height at a pixel that comes from the calibration itself, metres.
    pub fn height_error_m(&self, col: f64, row: f64) -> f64 {
        let Some(slopes) = self.slopes(col, row) else { return f64::INFINITY };
        let unexplained = if self.left_over.is_empty() { 0.0 } else { 0.5 * self.rms_residual_m() };
        linear::quadratic(&self.cov, &slopes).max(0.0).sqrt().hypot(unexplained)
    }

    /// Standard error of the height *difference* of two pixels `(col, row)` that comes from the calibration, metres.
    pub fn difference_error_m(&self, one: (f64, f64), other: (f64, f64)) -> f64 {
        let Some((mut slopes, others)) = self.slopes(one.0, one.1).zip(self.slopes(other.0, other.1)) else {
            return f64::INFINITY;
        };
        for (slope, other) in slopes.iter_mut().zip(others) {
            *slope -= other;
        }
        linear::quadratic(&self.cov, &slopes).max(0.0).sqrt()
    }

    /// Change of the mapped height per parameter.
    fn slopes(&self, col: f64, row: f64) -> Option<Params> {
        let (_, here_m) = self.view.place(col, row)?;
        let mut slopes = [0.0; PARAMS];
        for (index, slope) in slopes.iter_mut().enumerate() {
            let (_, there_m) = self.moved[index].place(col, row)?;
            *slope = (there_m - here_m) / solve::STEPS[index];
        }
        Some(slopes)
    }

    /// Factor by which a height above the lens appears stretched for an object that far in front of the plane.
    pub fn scale_at_depth(&self, depth_m: f64) -> f64 {
        self.view.distance_m / (self.view.distance_m - depth_m).max(0.2 * self.view.distance_m)
    }

    /// Lens above the ground, metres.
    pub fn lens_height_m(&self) -> f64 {
        self.view.height_m
    }

    /// Where the lens stands along the facade, metres.
    pub fn lens_along_m(&self) -> f64 {
        self.view.mirror * self.view.along_m
    }

    /// Lens to the facade, metres.
    pub fn distance_m(&self) -> f64 {
        self.view.distance_m
    }

    /// The facade it looks at.
    pub fn facade(&self) -> &Facade {
        &self.facade
    }

    /// Picture size, pixels.
    pub fn frame(&self) -> (f64, f64) {
        self.frame
    }

    /// Frames a second; 0 where the file does not say.
    pub fn fps(&self) -> f64 {
        self.fps
    }

    /// How each reference point fits.
    pub fn residuals(&self) -> &[Residual] {
        &self.residuals
    }

    /// Squared misfit of the points in units of their stated error; about 1 when the statement is right.
    pub fn misfit(&self) -> f64 {
        self.chi_squared_per_freedom
    }

    /// Root mean square of the height residuals, metres.
    pub fn rms_residual_m(&self) -> f64 {
        let sum: f64 = self.residuals.iter().map(|residual| residual.height_m.powi(2)).sum();
        (sum / self.residuals.len().max(1) as f64).sqrt()
    }

    fn correction_m(&self, row: f64) -> f64 {
        let table = &self.left_over;
        let Some(first) = table.first() else { return 0.0 };
        let next = table.partition_point(|(at, _)| *at < row);
        if next == 0 {
            return first.1;
        }
        let below = table[next - 1];
        let Some(above) = table.get(next) else { return below.1 };
        below.1 + (above.1 - below.1) * (row - below.0) / (above.0 - below.0)
    }
}

/// Squared misfit from which the rest is interpolated by row: twice the stated error over all points.
const LEFT_OVER_FROM: f64 = 4.0;
/// A pixel that covers more than this is sky near the vanishing line: nothing can be measured there.
const PER_ROW_MAX_M: f64 = 5.0;
