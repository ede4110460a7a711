//! Owns the fit of a view to reference points: coarse search for a start, damped least squares, covariance, leverage.
//!
//! Refuses to know what the view is used for. Runs once per camera, so it is written to be sure rather than fast.

use super::{ALONG, HEIGHT, K1, LN_DISTANCE, LN_FOCAL, PARAMS, PITCH, Params, Residual, View};
use crate::falling::linear::{self, Square};
use crate::falling::site::{CameraConfig, Reference};

/// Steps of the numerical derivatives.
pub(super) const STEPS: Params = [1e-5, 1e-6, 1e-6, 1e-6, 1e-4, 1e-5, 1e-5, 1e-4];

/// Somebody reads a row off a still picture: 0.7 pixels (rounding, and the edge of a sill is not a line).
const READING_PX: f64 = 0.7;
/// Iterations of a descent; each start converges in well under twenty.
const ROUNDS_MAX: usize = 60;
/// Another form of the lens must be this much likelier (in -2 ln L) than the usual one before it is taken.
const FORM_MARGIN: f64 = 8.0;

pub(super) struct Solved {
    pub(super) view: View,
    pub(super) moved: [View; PARAMS],
    pub(super) cov: Square<PARAMS>,
    pub(super) residuals: Vec<Residual>,
    pub(super) chi_squared_per_freedom: f64,
}

/// What is believed before the points are seen: mean and standard error per parameter.
#[derive(Clone, Copy)]
struct Prior {
    mean: Params,
    error: Params,
}

struct Problem<'a> {
    points: &'a [Reference],
    centre: (f64, f64),
    mirror: f64,
    /// Weights per point, 1/m².
    weights: Vec<f64>,
    along_weights: Vec<f64>,
}

/// Whether heights fall as rows grow, by the sign of their covariance.
pub(super) fn falls_with_rows(points: &[Reference]) -> bool {
    let count = points.len().max(1) as f64;
    let row = points.iter().map(|p| p.row).sum::<f64>() / count;
    let height = points.iter().map(|p| p.height_m).sum::<f64>() / count;
    points.iter().map(|p| (p.row - row) * (p.height_m - height)).sum::<f64>() < 0.0
}

/// Residuals averaged by row, rising rows, for interpolation.
pub(super) fn left_over(residuals: &[Residual]) -> Vec<(f64, f64)> {
    let mut sorted: Vec<(f64, f64)> = residuals.iter().map(|r| (r.point.row, r.height_m)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut table: Vec<(f64, f64, f64)> = Vec::new();
    for (row, height) in sorted {
        match table.last_mut() {
            Some(last) if (last.0 - row).abs() < 8.0 => {
                last.1 += height;
                last.2 += 1.0;
            }
            _ => table.push((row, height, 1.0)),
        }
    }
    table.into_iter().map(|(row, sum, count)| (row, sum / count)).collect()
}

pub(super) fn solve(config: &CameraConfig) -> Option<Solved> {
    let points = &config.reference_rows;
    let centre = (config.width / 2.0, config.height / 2.0);
    let mut problem = Problem {
        points,
        centre,
        mirror: mirror(points, centre.0),
        weights: vec![1.0; points.len()],
        along_weights: along_weights(points, 1.0),
    };
    let prior = prior(config);
    let starts = starts(&problem, &prior);
    let mut best: Option<(f64, Params, Prior)> = None;
    for (penalty, prior) in lens_forms(config, &prior) {
        for start in &starts {
            let mut params = *start;
            params[K1] = prior.mean[K1];
            problem.weigh(config, &params);
            let Some((params, _)) = descend(&problem, &prior, params) else { continue };
            problem.weigh(config, &params);
            let Some((params, cost)) = descend(&problem, &prior, params) else { continue };
            if best.as_ref().is_none_or(|(known, ..)| cost + penalty < *known) {
                best = Some((cost + penalty, params, prior));
            }
        }
    }
    let (_, params, prior) = best?;
    problem.weigh(config, &params);
    finish(&problem, &prior, &params)
}

/// -1 where places along the facade were counted from right to left.
fn mirror(points: &[Reference], middle: f64) -> f64 {
    let known: Vec<(f64, f64)> = points.iter().filter_map(|p| Some((p.col.unwrap_or(middle), p.facade_x_m?))).collect();
    let count = known.len().max(1) as f64;
    let col = known.iter().map(|k| k.0).sum::<f64>() / count;
    let along = known.iter().map(|k| k.1).sum::<f64>() / count;
    if known.iter().map(|k| (k.0 - col) * (k.1 - along)).sum::<f64>() < 0.0 { -1.0 } else { 1.0 }
}

fn along_weights(points: &[Reference], weight: f64) -> Vec<f64> {
    points.iter().map(|p| if p.facade_x_m.is_some() && p.col.is_some() { weight } else { 0.0 }).collect()
}

/// Errors here are defaults of ours: how well people know where a camera hangs.
fn prior(config: &CameraConfig) -> Prior {
    let (height, distance, spread) = config.mount.map_or((3.0, 30.0, 0.7), |m| (m.height_m, m.distance_m, 0.05));
    let (focal, focal_error) = config.focal_px.map_or((config.width.max(config.height), 1.0), |focal| (focal, 0.01));
    // Points in one column cannot show roll or yaw; a fitter's level can.
    let (yaw, roll) = if config.is_full() { (0.5, 0.06) } else { (0.2, 0.02) };
    let mut mean = [0.0; PARAMS];
    mean[LN_FOCAL] = focal.ln();
    mean[PITCH] = 0.5;
    mean[K1] = config.k1.unwrap_or(0.0);
    mean[LN_DISTANCE] = distance.max(0.5).ln();
    mean[HEIGHT] = height;
    let mut error = [focal_error, 1.0, yaw, roll, 1e3, 0.01, spread, 0.3];
    if config.mount.is_none() {
        error[HEIGHT] = 3.0;
    }
    Prior { mean, error }
}

/// The usual form of `k1` first, then the other units and directions makers use, each with its handicap.
fn lens_forms(config: &CameraConfig, usual: &Prior) -> Vec<(f64, Prior)> {
    let mut forms = vec![(0.0, *usual)];
    let Some(k1) = config.k1.filter(|k1| k1.abs() > 1e-4) else { return forms };
    let focal = usual.mean[LN_FOCAL].exp();
    let radii = [config.width / 2.0, config.height / 2.0, config.width.hypot(config.height) / 2.0];
    let units = radii.iter().map(|radius| (focal / radius).powi(2)).chain([1.0]);
    for unit in units {
        for sign in [1.0, -1.0] {
            let mut other = *usual;
            other.mean[K1] = (sign * unit * k1).clamp(-1.0, 1.0);
            other.error[K1] = 0.02;
            forms.push((FORM_MARGIN, other));
        }
    }
    forms
}

/// The three best of a coarse grid over pitch and focal length.
fn starts(problem: &Problem<'_>, prior: &Prior) -> Vec<Params> {
    let known_focal = prior.error[LN_FOCAL] < 0.5;
    let focal_steps: i32 = if known_focal { 0 } else { 7 };
    let mut found: Vec<(f64, Params)> = Vec::new();
    for pitch_step in -6..26 {
        for focal_step in -focal_steps..=focal_steps {
            let mut params = prior.mean;
            params[PITCH] = f64::from(pitch_step) * 0.05;
            params[LN_FOCAL] += f64::from(focal_step) * 0.2;
            centre_along(problem, &mut params);
            if let Some(cost) = problem.cost(prior, &params) {
                found.push((cost, params));
            }
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.truncate(3);
    found.into_iter().map(|(_, params)| params).collect()
}

fn centre_along(problem: &Problem<'_>, params: &mut Params) {
    params[ALONG] = 0.0;
    let view = View::from_params(params, problem.centre, problem.mirror);
    let (mut sum, mut count) = (0.0, 0.0);
    for (point, weight) in problem.points.iter().zip(&problem.along_weights) {
        let Some((along, _)) = view.place(point.col.unwrap_or(problem.centre.0), point.row) else { continue };
        if let Some(known) = point.facade_x_m.filter(|_| *weight > 0.0) {
            sum += known - along;
            count += 1.0;
        }
    }
    if count > 0.0 {
        params[ALONG] = problem.mirror * sum / count;
    }
}

impl Problem<'_> {
    /// Weights from the stated error and what a pixel covers under these parameters.
    fn weigh(&mut self, config: &CameraConfig, params: &Params) {
        let view = View::from_params(params, self.centre, self.mirror);
        for (index, point) in self.points.iter().enumerate() {
            let col = point.col.unwrap_or(self.centre.0);
            let here = view.place(col, point.row);
            let above = view.place(col, point.row - 1.0);
            let per_row = here.zip(above).map_or(1.0, |(here, above)| (above.1 - here.1).abs().min(1.0));
            let variance = (config.reference_error_m.max(0.005)).powi(2) + (READING_PX * per_row).powi(2);
            self.weights[index] = 1.0 / variance;
            if self.along_weights[index] > 0.0 {
                // Nobody measures along the facade as well as heights.
                self.along_weights[index] = 1.0 / (variance + 0.15_f64.powi(2));
            }
        }
    }

    /// Height and along residuals of a point; `None` where the ray misses the plane.
    fn residual(&self, view: &View, index: usize) -> Option<(f64, f64)> {
        let point = &self.points[index];
        let (along, height) = view.place(point.col.unwrap_or(self.centre.0), point.row)?;
        Some((height - point.height_m, point.facade_x_m.map_or(0.0, |known| along - known)))
    }

    /// -2 ln of likelihood times prior, up to a constant.
    fn cost(&self, prior: &Prior, params: &Params) -> Option<f64> {
        let view = View::from_params(params, self.centre, self.mirror);
        let mut cost = 0.0;
        for index in 0..self.points.len() {
            let (height, along) = self.residual(&view, index)?;
            cost += height * height * self.weights[index] + along * along * self.along_weights[index];
        }
        for ((param, mean), error) in params.iter().zip(&prior.mean).zip(&prior.error) {
            cost += ((param - mean) / error).powi(2);
        }
        cost.is_finite().then_some(cost)
    }

    /// Information matrix and gradient of half the cost.
    fn normal(&self, prior: &Prior, params: &Params) -> Option<(Square<PARAMS>, Params)> {
        let view = View::from_params(params, self.centre, self.mirror);
        let moved = self.moved(params);
        let mut information = [[0.0; PARAMS]; PARAMS];
        let mut gradient = [0.0; PARAMS];
        for index in 0..self.points.len() {
            let (height, along) = self.residual(&view, index)?;
            let mut slopes = [(0.0, 0.0); PARAMS];
            for (param, slope) in slopes.iter_mut().enumerate() {
                let there = self.residual(&moved[param], index)?;
                *slope = ((there.0 - height) / STEPS[param], (there.1 - along) / STEPS[param]);
            }
            let (weight, along_weight) = (self.weights[index], self.along_weights[index]);
            for row in 0..PARAMS {
                gradient[row] += slopes[row].0 * height * weight + slopes[row].1 * along * along_weight;
                for col in 0..PARAMS {
                    information[row][col] +=
                        slopes[row].0 * slopes[col].0 * weight + slopes[row].1 * slopes[col].1 * along_weight;
                }
            }
        }
        for param in 0..PARAMS {
            let weight = prior.error[param].powi(-2);
            information[param][param] += weight;
            gradient[param] += (params[param] - prior.mean[param]) * weight;
        }
        Some((information, gradient))
    }

    fn moved(&self, params: &Params) -> [View; PARAMS] {
        std::array::from_fn(|param| {
            let mut moved = *params;
            moved[param] += STEPS[param];
            View::from_params(&moved, self.centre, self.mirror)
        })
    }
}

/// Damped Gauss-Newton from a start; the parameters and their cost.
fn descend(problem: &Problem<'_>, prior: &Prior, start: Params) -> Option<(Params, f64)> {
    let mut params = start;
    let mut cost = problem.cost(prior, &params)?;
    let mut damping = 1e-3;
    for _ in 0..ROUNDS_MAX {
        let (information, gradient) = problem.normal(prior, &params)?;
        let mut damped = information;
        for (param, row) in damped.iter_mut().enumerate() {
            row[param] *= 1.0 + damping;
        }
        let Some(low) = linear::cholesky(&damped) else {
            damping *= 10.0;
            continue;
        };
        let step = linear::solve(&low, &gradient);
        let mut next = params;
        for (param, value) in next.iter_mut().enumerate() {
            *value -= step[param];
        }
        match problem.cost(prior, &next) {
            Some(better) if better <= cost => {
                let gain = cost - better;
                (params, cost) = (next, better);
                damping = (damping * 0.2_f64).max(1e-9);
                if gain < 1e-7 {
                    break;
                }
            }
            _ if damping > 1e8 => break,
            _ => damping *= 6.0,
        }
    }
    Some((params, cost))
}

fn finish(problem: &Problem<'_>, prior: &Prior, params: &Params) -> Option<Solved> {
    let (information, _) = problem.normal(prior, params)?;
    let mut cov = linear::inverse(&linear::cholesky(&information)?);
    let view = View::from_params(params, problem.centre, problem.mirror);
    let moved = problem.moved(params);
    let mut residuals = Vec::with_capacity(problem.points.len());
    let (mut chi_squared, mut free) = (0.0, 0.0);
    for index in 0..problem.points.len() {
        let (height, _) = problem.residual(&view, index)?;
        let mut slopes = [0.0; PARAMS];
        for (param, slope) in slopes.iter_mut().enumerate() {
            *slope = (problem.residual(&moved[param], index)?.0 - height) / STEPS[param];
        }
        let leverage = (linear::quadratic(&cov, &slopes) * problem.weights[index]).clamp(0.0, 1.0);
        let sigmas = height * problem.weights[index].sqrt();
        chi_squared += sigmas * sigmas;
        free += 1.0 - leverage;
        residuals.push(Residual { point: problem.points[index], height_m: height, leverage, sigmas });
    }
    // Two points' worth of belief in the stated error, so that a lucky fit of few points does not look perfect.
    let misfit = (chi_squared + 2.0) / (free + 2.0);
    for row in &mut cov {
        for value in row {
            *value *= misfit.max(1.0);
        }
    }
    Some(Solved { view, moved, cov, residuals, chi_squared_per_freedom: misfit })
}
