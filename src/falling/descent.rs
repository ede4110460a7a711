//! Owns one search: the fall of a given terminal speed that fits the points best, by Gauss-Newton, with its evidence.
//!
//! The seen height is `h + S (z - h)` with the lens at `h`, the true height `z` from [`drag`](super::drag) and the
//! stretch `S = d / (d - depth - way out)`. Drag eats the speed outwards with every metre of the path, whatever its direction,
//! down to that of the air: `wind + (outward - wind) exp(-g path / vt²)`. Below a steep camera a wind of 2 m/s off the wall
//! moves a bottle that fell 50 m by more than a storey in the picture.
//!
//! Refuses to know which terminal speeds and which beliefs are worth a search.

#![allow(clippy::needless_range_loop)] // formulas over rows and columns read best with indices

use super::drag;
use super::fit::{DEPTH, GAP_MIN, HEIGHT, INWARD_MAX, OUTWARD, PARAMS, Point, Rung, SPEED, WIND};
use super::linear::{self, Square};
use super::track::POINTS_MAX;

/// A step that would lower the squared misfit by less changes nothing anyone can see.
const GAIN_MIN: f64 = 0.05;
/// Nor does one that lowers a large misfit by less than this share.
const GAIN_SHARE: f64 = 0.004;

/// More than a fresh breeze across the facade is not believed, m/s.
const WIND_MAX_MS: f64 = 10.0;

/// One fall to be fitted: points, lens, terminal speed and beliefs.
pub(super) struct Problem<'a> {
    pub(super) points: &'a [Point],
    pub(super) lens_m: f64,
    pub(super) distance_m: f64,
    pub(super) terminal: f64,
    pub(super) mean: [f64; PARAMS],
    pub(super) spread: [f64; PARAMS],
}

/// How far a thing has gone level at every point, per m/s of its speed outwards or along: `t` less what drag takes. Of the
/// rest of the time it goes with the air.
pub(super) fn ways(points: &[Point], terminal: f64, params: &[f64; PARAMS]) -> [f64; POINTS_MAX] {
    let mut ways = [0.0; POINTS_MAX];
    let by_path = if terminal < drag::NO_DRAG { drag::GRAVITY / (terminal * terminal) } else { 0.0 };
    let (mut then, mut fallen_then, mut share, mut way) = (0.0, 0.0, 1.0_f64, 0.0);
    for (place, point) in ways.iter_mut().zip(points) {
        if by_path == 0.0 {
            *place = point.t;
            continue;
        }
        let (fallen, _) = drag::fallen(params[SPEED], terminal, point.t);
        let span = point.t - then;
        let (down, out) = (fallen - fallen_then, params[OUTWARD] * share * span);
        let path = (down * down + out * out).sqrt();
        let kept = (-by_path * path).exp();
        way += f64::midpoint(share, share * kept) * span;
        *place = way;
        (then, fallen_then, share) = (point.t, fallen, share * kept);
    }
    ways
}

struct Normal {
    information: Square<PARAMS>,
    gradient: [f64; PARAMS],
    chi_squared: f64,
}

impl Normal {
    /// The step with one parameter going exactly so far and no further.
    fn held_at(&self, param: usize, way: f64) -> Option<[f64; PARAMS]> {
        const FIRM: f64 = 1e6;
        let (mut information, mut gradient) = (self.information, self.gradient);
        information[param][param] += FIRM;
        gradient[param] += FIRM * way;
        Some(linear::solve(&linear::cholesky(&information)?, &gradient))
    }
}

impl Problem<'_> {
    /// The best fall from a start, after at most so many steps, and looks at the points (each one is taken off). `None` where
    /// the numbers are degenerate.
    pub(super) fn descend(&self, start: [f64; PARAMS], rounds: usize, looks: &mut usize) -> Option<Rung> {
        let mut params = start;
        let ways = ways(self.points, self.terminal, &params);
        let mut normal = self.normal(&params, &ways);
        *looks = looks.saturating_sub(1);
        for _ in 0..rounds {
            let mut step = linear::solve(&linear::cholesky(&normal.information)?, &normal.gradient);
            if params[OUTWARD] - step[OUTWARD] < INWARD_MAX {
                step = normal.held_at(OUTWARD, params[OUTWARD] - INWARD_MAX)?;
            }
            let gain: f64 = step.iter().zip(&normal.gradient).map(|(step, slope)| step * slope).sum();
            if gain.abs() < GAIN_MIN.max(GAIN_SHARE * normal.chi_squared) {
                break;
            }
            let (mut share, mut better) = (1.0, false);
            // A full step that makes things worse is halved: twice is enough near a solution.
            for _ in 0..3.min(*looks) {
                *looks -= 1;
                let mut next = params;
                for (value, step) in next.iter_mut().zip(step) {
                    *value -= share * step;
                }
                self.bound(&mut next);
                let there = self.normal(&next, &ways);
                if there.chi_squared <= normal.chi_squared {
                    (params, normal) = (next, there);
                    better = true;
                    break;
                }
                share *= 0.4;
            }
            if !better {
                break;
            }
        }
        let low = linear::cholesky(&normal.information)?;
        let beliefs: f64 = self.spread.iter().map(|spread| 2.0 * spread.ln()).sum();
        Some(Rung {
            terminal_ms: self.terminal,
            params,
            cov: linear::inverse(&low),
            chi_squared: normal.chi_squared,
            occam: beliefs + linear::ln_det(&low),
            ln_evidence: f64::NEG_INFINITY,
        })
    }

    /// Keeps a step inside what the formulas cover.
    fn bound(&self, params: &mut [f64; PARAMS]) {
        params[SPEED] = params[SPEED].clamp(-40.0, 80.0);
        params[DEPTH] = params[DEPTH].clamp(-0.3 * self.distance_m, 0.7 * self.distance_m);
        params[OUTWARD] = params[OUTWARD].clamp(INWARD_MAX, 15.0);
        params[WIND] = params[WIND].clamp(-WIND_MAX_MS, WIND_MAX_MS);
    }

    fn normal(&self, params: &[f64; PARAMS], ways: &[f64; POINTS_MAX]) -> Normal {
        let mut information = [[0.0; PARAMS]; PARAMS];
        let mut gradient = [0.0; PARAMS];
        let mut chi_squared = 0.0;
        for (point, way) in self.points.iter().zip(ways) {
            let (fallen, by_speed) = drag::fallen(params[SPEED], self.terminal, point.t);
            let carried = point.t - way;
            let out = params[DEPTH] + params[OUTWARD] * way + params[WIND] * carried;
            let gap = (self.distance_m - out).max(GAP_MIN * self.distance_m);
            let stretch = self.distance_m / gap;
            let above = params[HEIGHT] - fallen - self.lens_m;
            let by_depth = above * stretch / gap;
            let slopes = [stretch, -stretch * by_speed, by_depth, by_depth * way, by_depth * carried];
            let miss = self.lens_m + stretch * above - point.height_m;
            chi_squared += point.weight * miss * miss;
            for row in 0..PARAMS {
                let weighted = point.weight * slopes[row];
                gradient[row] += weighted * miss;
                for col in 0..=row {
                    information[row][col] += weighted * slopes[col];
                }
            }
        }
        for row in 0..PARAMS {
            let weight = self.spread[row].powi(-2);
            let miss = params[row] - self.mean[row];
            information[row][row] += weight;
            gradient[row] += weight * miss;
            chi_squared += weight * miss * miss;
            for col in row + 1..PARAMS {
                information[row][col] = information[col][row];
            }
        }
        Normal { information, gradient, chi_squared }
    }
}
