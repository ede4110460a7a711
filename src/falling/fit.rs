//! Owns the description of a track as a fall: height, speed, drag, and how far in front of the facade, by Gauss-Newton for
//! each of a ladder of terminal speeds; and the comparison with motions that are no fall.
//!
//! The geometry stands in [`descent`](super::descent): an object thrown towards the camera is understood rather than refused.
//! Drag is not fitted as a number: every rung of the ladder keeps its own evidence, because early in a fall a stone and a
//! paper bag look the same and the answer must say so.
//!
//! Refuses to know classes and thresholds; it hands out evidences.

#![allow(clippy::needless_range_loop)] // formulas over rows and columns read best with indices

use super::camera::Calibration;
use super::descent::{self, Problem};
use super::drag;
use super::linear::Square;
use super::motion::{self, Fitted, Moments, Noise, ORDER};
use super::others::{self, Others};
use super::track::{Cleaned, Sample};

/// Terminal speeds tried, m/s, heavy first, each with its share of belief within its kind. A brick reaches 40 and more, a full
/// can 25, a food bag 6-14, a cigarette end 5-8, paper 1-3.
pub(super) const LADDER: [(f64, f64); 13] = [
    (drag::NO_DRAG, 0.15),
    (45.0, 0.3),
    (28.0, 0.25),
    (20.0, 0.15),
    (15.5, 0.1),
    (12.5, 0.05),
    (10.0, 0.2),
    (8.0, 0.2),
    (6.3, 0.15),
    (4.7, 0.15),
    (3.3, 0.1),
    (2.2, 0.1),
    (1.4, 0.1),
];
/// Rungs that count as dense: terminal speed above 11 m/s, between a heavy food bag and an open can.
pub(super) const DENSE_RUNGS: usize = 6;

/// Parameters of a fall at the first point: height, speed down, depth in front of the facade, speed outwards; and the air's
/// speed outwards.
pub(super) const PARAMS: usize = 5;
pub(super) const HEIGHT: usize = 0;
pub(super) const SPEED: usize = 1;
pub(super) const DEPTH: usize = 2;
pub(super) const OUTWARD: usize = 3;
pub(super) const WIND: usize = 4;

/// Beliefs about the parameters: mean and spread. Windows and balconies end within a metre or two of the plane; outward
/// speeds are those of throws, winds across the facade those of a breezy day. Height comes from the track, speed from the
/// room above it.
const MEAN: [f64; PARAMS] = [0.0, 0.0, 0.7, 1.0, 0.0];
const SPREAD: [f64; PARAMS] = [30.0, 0.0, 0.7, 3.0, 1.5];
/// A thing thrown down from the roof starts with this, m/s; from there gravity does the rest.
const THROWN_MAX_MS: f64 = 8.0;
/// Towards the wall there is no room, m/s.
pub(super) const INWARD_MAX: f64 = -0.4;
/// Steps of a search from afar, and of one from the neighbouring rung.
const ROUNDS: usize = 6;
const ROUNDS_NEAR: usize = 3;
/// From this many points on, neighbours are joined to one point for the falls,
const JOIN_FROM: usize = 20;
/// if they lie no further apart, seconds: in that time gravity shifts the mean of two points by 5 cm, all by the same.
const JOIN_MAX_S: f64 = 0.2;
/// Rungs this much less likely by their heights alone (in ln) count for nothing beside the best.
const DECIDED: f64 = 12.0;
/// Rungs this much less likely than the best (in ln) end the ladder: the next are worse still.
const HOPELESS: f64 = 25.0;

/// A fall with one terminal speed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rung {
    pub(super) terminal_ms: f64,
    pub(super) params: [f64; PARAMS],
    pub(super) cov: Square<PARAMS>,
    /// Squared misfit of the heights, beliefs included.
    pub(super) chi_squared: f64,
    pub(super) occam: f64,
    /// ln of the probability of the whole track under this rung, up to a constant shared by all descriptions.
    pub(super) ln_evidence: f64,
}

/// Everything the fit found.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    pub(super) rungs: Vec<Rung>,
    /// ln evidence of a dense fall and a light fall; and of motions that are no fall.
    pub(super) ln_dense: f64,
    pub(super) ln_light: f64,
    pub(super) others: Others,
    pub(super) noise: Noise,
    /// Squared misfit per point of the best fall.
    pub(super) misfit: f64,
    /// Free acceleration downwards at the middle of the track, m/s², and its standard error.
    pub(super) acceleration: (f64, f64),
    /// Speed along the facade, m/s.
    pub(super) along_ms: f64,
    /// Acceleration along the facade less twice its standard error, m/s²: what turns is no stone.
    pub(super) twist_ms2: f64,
    /// Time of the first point, camera clock.
    pub(super) start_t: f64,
    pub(super) duration_s: f64,
}

/// Sideways motion of a dense and of a light fall: place, speed of the throw, speed of the air, and what lift and gusts add,
/// m/s².
const ALONG_DENSE: [f64; ORDER] = [30.0, 4.5, 2.5, 0.4];
const ALONG_LIGHT: [f64; ORDER] = [30.0, 3.5, 2.5, 1.2];

/// Fits everything to a cleaned track. `None` where the numbers are degenerate.
pub(super) fn fit(calibration: &Calibration, track: &Cleaned) -> Option<Fit> {
    let samples = &track.samples;
    let noise = motion::noise(samples)?;
    let start = samples.first()?.t;
    let duration_s = samples.last()?.t - start;
    let points: Vec<Point> = samples.iter().map(|sample| Point::new(sample, start, &noise)).collect();
    let up = motion::moments(points.iter().map(|p| (p.t, p.height_m, p.weight)));
    let along = motion::moments(points.iter().map(|p| (p.t, p.along_m, p.along_weight)));
    let count = 2.0 * samples.len() as f64;
    let free = up.fit(&[30.0, 60.0, 60.0, 1e-3])?;
    let scale = scale_error(calibration, samples);
    let turn = along.fit(&[30.0, 60.0, 60.0, 1e-3])?;
    let (joined, rough) = join(&points, &up, &free);
    let others = others::weigh(calibration, samples, &noise, (&points, &joined, rough), (&up, &along))?;
    let mut rungs = climb(calibration, (&joined, rough), &up, &free, scale);
    for rung in &mut rungs {
        rung.chi_squared += rough;
    }
    let (mut along_ms, mut likeliest) = (turn.terms[1], f64::NEG_INFINITY);
    let upright = rungs.iter().map(|rung| ln_evidence(rung.chi_squared, rung.occam, count)).fold(f64::MIN, f64::max);
    let mut beside: Option<Fitted> = None;
    for (index, rung) in rungs.iter_mut().enumerate() {
        let spread = if index < DENSE_RUNGS { &ALONG_DENSE } else { &ALONG_LIGHT };
        // Where the heights have decided, the neighbouring rung's sideways motion is near enough.
        let behind = ln_evidence(rung.chi_squared, rung.occam, count) - upright;
        let side = match beside.filter(|_| behind < -DECIDED) {
            Some(side) => side,
            None => rung.sideways(calibration, &points).fit(spread)?,
        };
        beside = Some(side);
        rung.ln_evidence = ln_evidence(rung.chi_squared + side.chi_squared, rung.occam + side.occam, count);
        if rung.ln_evidence > likeliest {
            (along_ms, likeliest) = (side.terms[1], rung.ln_evidence);
        }
    }
    let mixed = |range: std::ops::Range<usize>| {
        ln_sum(range.filter_map(|index| Some(rungs.get(index)?.ln_evidence + LADDER[index].1.ln())))
    };
    let best = rungs.iter().map(|rung| rung.chi_squared).fold(f64::INFINITY, f64::min);
    let middle = duration_s / 2.0;
    Some(Fit {
        ln_dense: mixed(0..DENSE_RUNGS),
        ln_light: mixed(DENSE_RUNGS..LADDER.len()),
        others,
        noise,
        misfit: best / samples.len() as f64,
        acceleration: (-(free.terms[2] + free.terms[3] * middle), free.acceleration_error()),
        along_ms,
        twist_ms2: (turn.terms[2].abs() - 2.0 * turn.acceleration_error()).max(0.0),
        start_t: start,
        duration_s,
        rungs,
    })
}

/// Joins neighbours of long tracks, and returns what their scatter about a smooth path adds to every squared misfit.
fn join(points: &[Point], up: &Moments, free: &Fitted) -> (Vec<Point>, f64) {
    if points.len() < JOIN_FROM {
        return (points.to_vec(), 0.0);
    }
    let miss = |point: &Point| point.height_m - up.offset - free.at(point.t);
    // A track that was thinned over many seconds is no fall; it is joined all the same, for the time it costs.
    let reach_s = JOIN_MAX_S.max(1.5 * points[points.len() - 1].t / points.len() as f64);
    let mut joined = Vec::with_capacity(points.len());
    let mut rough = 0.0;
    let mut rest = points;
    while let [first, others @ ..] = rest {
        rest = others;
        let mut point = *first;
        if let [second, others @ ..] = others
            && second.t - first.t <= reach_s
        {
            rest = others;
            let weight = first.weight + second.weight;
            let mean = |a: f64, b: f64| (a * first.weight + b * second.weight) / weight;
            point.t = mean(first.t, second.t);
            point.height_m = mean(first.height_m, second.height_m);
            point.weight = weight;
            rough += first.weight * second.weight / weight * (miss(first) - miss(second)).powi(2);
        }
        joined.push(point);
    }
    (joined, rough)
}

/// One point with its weights.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    /// Seconds after the first.
    pub(super) t: f64,
    pub(super) height_m: f64,
    /// 1/m².
    pub(super) weight: f64,
    pub(super) along_m: f64,
    pub(super) along_weight: f64,
}

impl Point {
    fn new(sample: &Sample, start: f64, noise: &Noise) -> Self {
        let (weight, along_weight) = noise.weights(sample);
        Self { t: sample.t - start, height_m: sample.height_m, weight, along_m: sample.along_m, along_weight }
    }
}

/// Relative error of lengths on this track from the calibration.
fn scale_error(calibration: &Calibration, samples: &[Sample]) -> f64 {
    let high = samples.iter().max_by(|a, b| a.height_m.total_cmp(&b.height_m));
    let low = samples.iter().min_by(|a, b| a.height_m.total_cmp(&b.height_m));
    let Some((high, low)) = high.zip(low) else { return 0.0 };
    let length = (high.height_m - low.height_m).max(0.3);
    let error = calibration.difference_error_m((high.col, high.row), (low.col, low.row));
    (error / length).min(0.2)
}

/// ln of the evidence with the noise known only about as well as the points tell: heavy-tailed in the misfit.
pub(super) fn ln_evidence(chi_squared: f64, occam: f64, count: f64) -> f64 {
    const BELIEF: f64 = 4.0;
    -0.5 * (count + BELIEF) * ((chi_squared + BELIEF) / (count + BELIEF)).ln() - 0.5 * occam
}

pub(super) fn ln_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if most.is_finite() { most + terms.map(|term| (term - most).exp()).sum::<f64>().ln() } else { most }
}

/// All rungs, each started from the one before.
fn climb(
    calibration: &Calibration,
    (points, rough): (&[Point], f64),
    up: &Moments,
    free: &Fitted,
    scale: f64,
) -> Vec<Rung> {
    let lens_m = calibration.lens_height_m();
    let distance_m = calibration.distance_m();
    let mut spread = SPREAD;
    // A wrong scale looks like a wrong depth.
    spread[DEPTH] = spread[DEPTH].hypot(scale * distance_m);
    let mut mean = MEAN;
    mean[HEIGHT] = up.offset;
    let seen = up.offset + free.terms[0];
    // Nothing falls faster than from the roof.
    let room_m = (calibration.facade().roof_m() - seen).clamp(0.0, 200.0);
    let fastest = (2.0 * drag::GRAVITY * room_m + THROWN_MAX_MS * THROWN_MAX_MS).sqrt();
    (mean[SPEED], spread[SPEED]) = (0.35 * fastest, 0.4 * fastest + 1.0);
    let stretch = distance_m / (distance_m - mean[DEPTH]);
    let mut params = [
        lens_m + (seen - lens_m) / stretch,
        (-free.terms[1]).clamp(-25.0, 45.0),
        mean[DEPTH],
        mean[OUTWARD],
        mean[WIND],
    ];
    let mut rungs: Vec<Rung> = Vec::with_capacity(LADDER.len());
    let (mut best, mut before) = (f64::INFINITY, f64::INFINITY);
    let count = 2.0 * points.len() as f64;
    let mut left = LOOKS / points.len().max(1);
    for (index, (terminal, _)) in LADDER.into_iter().enumerate() {
        let problem = Problem { points, lens_m, distance_m, terminal, mean, spread };
        // Four looks for every rung to come: where it is, and a few steps.
        let mut looks = left.saturating_sub(4 * (LADDER.len() - 1 - index)).max(2);
        let given = looks;
        let Some(mut rung) = problem.descend(params, if rungs.is_empty() { ROUNDS } else { ROUNDS_NEAR }, &mut looks)
        else {
            break;
        };
        if rungs.is_empty() && rung.chi_squared > count + ASTRAY {
            // A hard throw towards a near camera looks like anything; its valley is seldom found from the usual start.
            let other = problem.descend(thrown_outward(params, -free.terms[1], lens_m, distance_m), ROUNDS, &mut looks);
            rung = other.filter(|other| other.chi_squared < rung.chi_squared).unwrap_or(rung);
        }
        left = left.saturating_sub(given - looks);
        params = rung.params;
        let misfit = rung.chi_squared;
        rungs.push(rung);
        best = best.min(misfit);
        let behind = 0.5 * count * ((misfit + rough + count) / (best + rough + count)).ln();
        if rungs.len() > RUNGS_MIN && misfit > before && behind > HOPELESS {
            break;
        }
        before = misfit;
    }
    rungs
}

/// The start of a search for a hard throw towards the camera that looks like the given start.
fn thrown_outward(usual: [f64; PARAMS], sinking: f64, lens_m: f64, distance_m: f64) -> [f64; PARAMS] {
    let gap = distance_m - usual[DEPTH];
    let above = usual[HEIGHT] - lens_m;
    let mut params = usual;
    params[OUTWARD] = OUTWARD_HARD_MS;
    params[SPEED] = (sinking * gap / distance_m + above * OUTWARD_HARD_MS / gap).clamp(-15.0, 30.0);
    params
}

/// Looks at single points that one event may cost: some 100 µs of a desk computer.
const LOOKS: usize = 1700;
/// Outward speed of a hard throw, m/s.
const OUTWARD_HARD_MS: f64 = 5.0;
/// Squared misfit beyond what the points would have by chance, from which another start is tried.
const ASTRAY: f64 = 30.0;
/// So many rungs are always climbed.
const RUNGS_MIN: usize = 3;

/// Nearer to the lens than this share of its distance from the facade nothing is followed.
pub(super) const GAP_MIN: f64 = 0.1;

impl Rung {
    /// The along coordinate as it would be seen on the plane: coming towards the camera also drives a thing apart from the
    /// lens sideways. Over place, speed at the first point, speed of the air, and a steady push.
    fn sideways(&self, calibration: &Calibration, points: &[Point]) -> Moments {
        let (lens, distance) = (calibration.lens_along_m(), calibration.distance_m());
        let [_, _, depth, outward, wind] = self.params;
        let ways = descent::ways(points, self.terminal_ms, &self.params);
        motion::moments_over(points.iter().zip(ways).map(|(point, way)| {
            let carried = point.t - way;
            let share = ((distance - depth - outward * way - wind * carried) / distance).max(GAP_MIN);
            let basis = [1.0, way, carried, point.t * point.t / 2.0];
            (basis, lens + (point.along_m - lens) * share, point.along_weight / (share * share))
        }))
    }

    /// Metres fallen since the first point.
    pub(super) fn sunk(&self, after_s: f64) -> f64 {
        drag::fallen(self.params[SPEED], self.terminal_ms, after_s).0
    }

    /// Speed towards the camera and its standard error, m/s.
    pub(super) fn outward(&self) -> (f64, f64) {
        (self.params[OUTWARD], self.cov[OUTWARD][OUTWARD].max(0.0).sqrt())
    }
}

impl Fit {
    /// The likeliest fall and the shares of all rungs among falls of the given kinds.
    pub(super) fn shares(&self, dense: f64, light: f64) -> Vec<f64> {
        let raw: Vec<f64> = self
            .rungs
            .iter()
            .enumerate()
            .map(|(index, rung)| {
                let kind = if index < DENSE_RUNGS { dense } else { light };
                let total = if index < DENSE_RUNGS { self.ln_dense } else { self.ln_light };
                kind * LADDER[index].1 * (rung.ln_evidence - total).exp()
            })
            .collect();
        let sum: f64 = raw.iter().sum();
        if sum > 0.0 { raw.into_iter().map(|share| share / sum).collect() } else { raw }
    }
}
