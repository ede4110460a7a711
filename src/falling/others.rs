//! Owns the descriptions of a track as something that was not thrown from a window: smooth motions of birds, drones, cloth
//! and insects; a steady straight line through space (rain before the lens, gliding); a path of the picture itself (a drop
//! on the glass, a shaken pole); an arc in front of the building that began near the ground (a ball).
//!
//! Each gets the same evidence as a fall, so the question is always which of two physical descriptions is likelier, not
//! which shape was seen in a training. Refuses to know drag ladders and classes.

#![allow(clippy::needless_range_loop)] // formulas over rows and columns read best with indices

use super::camera::Calibration;
use super::descent::Problem;
use super::drag;
use super::fit::{DEPTH, HEIGHT, PARAMS, Point, SPEED, ln_evidence, ln_sum};
use super::linear::{self, Square};
use super::motion::{self, Moments, Noise, ORDER};
use super::track::Sample;

/// How heavy and along motion is spread for one kind of motion: height terms, along terms, share of belief.
type Kind = ([f64; ORDER], [f64; ORDER], f64);

/// Motions that are no fall, in apparent metres: an insect at the lens covers hundreds of them a second.
const OTHERS: [Kind; 6] = [
    // Gondola, cloth, somebody at a window.
    ([30.0, 0.7, 0.7, 2.0], [30.0, 0.7, 0.7, 2.0], 0.15),
    // Birds, drones: steady or turning gently.
    ([30.0, 6.0, 1.0, 1.0], [30.0, 8.0, 1.0, 1.0], 0.25),
    ([30.0, 8.0, 4.0, 4.0], [30.0, 8.0, 4.0, 4.0], 0.25),
    // Rain and snow at the lens: steady, any speed.
    ([30.0, 30.0, 0.7, 0.7], [30.0, 15.0, 0.7, 0.7], 0.15),
    // Insects, dives, shaking: anything.
    ([30.0, 15.0, 12.0, 20.0], [30.0, 12.0, 8.0, 15.0], 0.15),
    ([30.0, 40.0, 60.0, 100.0], [30.0, 40.0, 60.0, 100.0], 0.05),
];

/// Speed, acceleration and jerk in the picture, in heights of the picture per second: a drop that slides, one that starts to.
const PICTURE: [([f64; 3], f64); 2] = [([0.6, 0.02, 0.02], 0.5), ([0.6, 0.5, 0.8], 0.5)];

/// How likely the motions that are no fall make the track: ln of the evidence, comparable to those of falls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Others {
    /// The best mixture of smooth motions on the plane.
    pub(super) ln_smooth: f64,
    /// Steady and straight in space.
    pub(super) ln_line: f64,
    /// A path of the picture.
    pub(super) ln_picture: f64,
    /// An arc before the building.
    pub(super) ln_arc: f64,
    /// How far in front of the facade that arc lies, metres, with its standard error.
    pub(super) ahead_m: (f64, f64),
}

/// Weighs all of them. Points as they are, joined, and what joining hides; moments up and along.
pub(super) fn weigh(
    calibration: &Calibration,
    samples: &[Sample],
    noise: &Noise,
    (points, joined, rough): (&[Point], &[Point], f64),
    (up, along): (&Moments, &Moments),
) -> Option<Others> {
    let count = 2.0 * points.len() as f64;
    let (ln_arc, ahead_m) = arc(calibration, joined, rough, (up, along), count)?;
    Some(Others {
        ln_smooth: smooth(up, along, count)?,
        ln_line: line(calibration, points, (up, along), count).unwrap_or(f64::NEG_INFINITY),
        ln_picture: picture(calibration, samples, noise, count)?,
        ln_arc,
        ahead_m,
    })
}

fn smooth(up: &Moments, along: &Moments, count: f64) -> Option<f64> {
    let mut found = [f64::NEG_INFINITY; OTHERS.len()];
    for (place, (high, side, belief)) in found.iter_mut().zip(&OTHERS) {
        let (high, side) = (up.fit(high)?, along.fit(side)?);
        *place = belief.ln() + ln_evidence(high.chi_squared + side.chi_squared, high.occam + side.occam, count);
    }
    Some(ln_sum(found.into_iter()))
}

/// Rows and columns as smooth functions of time.
fn picture(calibration: &Calibration, samples: &[Sample], noise: &Noise, count: f64) -> Option<f64> {
    let (start, tall) = (samples.first()?.t, calibration.frame().1);
    let axis = |value: &dyn Fn(&Sample) -> (f64, f64)| {
        let rows: Vec<(f64, f64, f64)> = samples
            .iter()
            .map(|sample| {
                let (place, pixel_m) = value(sample);
                (sample.t - start, place, 1.0 / (noise.pixels.powi(2) + (motion::MODEL_ERROR_M / pixel_m).powi(2)))
            })
            .collect();
        motion::moments(rows.into_iter())
    };
    let down = axis(&|sample| (sample.row, sample.pixel_m.0));
    let aside = axis(&|sample| (sample.col, sample.pixel_m.1));
    let mut found = [f64::NEG_INFINITY; PICTURE.len()];
    for (place, (shares, belief)) in found.iter_mut().zip(&PICTURE) {
        let spread = [tall, shares[0] * tall, shares[1] * tall, shares[2] * tall];
        // Down the glass rather than across it.
        let narrow = [tall, 0.3 * spread[1], 0.3 * spread[2], 0.3 * spread[3]];
        let (down, aside) = (down.fit(&spread)?, aside.fit(&narrow)?);
        *place = belief.ln() + ln_evidence(down.chi_squared + aside.chi_squared, down.occam + aside.occam, count);
    }
    Some(ln_sum(found.into_iter()))
}

/// What a straight line through space has: place and speed up, place and speed along, approach.
const LINE: usize = 5;
/// Beliefs: places within this of the lens' own axis, metres; apparent speeds of this size with long tails, m/s; and the
/// approach, shares of the distance a second.
const LINE_PLACE_M: f64 = 30.0;
const LINE_SPEED_MS: f64 = 6.0;
const LINE_APPROACH: f64 = 0.5;

/// Steady and straight in space: seen from the lens, place = (a + b t) / (1 + c t) with one c for both axes.
fn line(calibration: &Calibration, points: &[Point], (up, along): (&Moments, &Moments), count: f64) -> Option<f64> {
    let (lens_m, lens_along_m) = (calibration.lens_height_m(), calibration.lens_along_m());
    let wide = [60.0, 60.0, 60.0, 60.0];
    let (high, side) = (up.fit(&wide)?, along.fit(&wide)?);
    let seen = |point: &Point| (point.height_m - lens_m, point.along_m - lens_along_m);
    let (first_up, first_along) = (up.offset + high.terms[0] - lens_m, along.offset + side.terms[0] - lens_along_m);
    let mut params = [first_up, high.terms[1], first_along, side.terms[1], 0.0];
    let spread = [LINE_PLACE_M, 10.0 * LINE_SPEED_MS, LINE_PLACE_M, 10.0 * LINE_SPEED_MS, LINE_APPROACH];
    let last_s = points.last()?.t;
    let (mut chi_squared, mut low) = (f64::INFINITY, None);
    for round in 0..5 {
        let mut information: Square<LINE> = [[0.0; LINE]; LINE];
        let mut gradient = [0.0; LINE];
        let mut sum = 0.0;
        for point in points {
            let (t, far) = (point.t, 1.0 + params[4] * point.t);
            let (above, aside) = ((params[0] + params[1] * t) / far, (params[2] + params[3] * t) / far);
            let (seen_up, seen_along) = seen(point);
            // The first step takes the change with the approach from what is seen, which is nearer than a guess of none.
            let by_approach =
                if round == 0 { (-t * seen_up, -t * seen_along) } else { (-t * above / far, -t * aside / far) };
            let (miss_up, miss_along) = (above - seen_up, aside - seen_along);
            let slopes_up = [1.0 / far, t / far, 0.0, 0.0, by_approach.0];
            let slopes_along = [0.0, 0.0, 1.0 / far, t / far, by_approach.1];
            sum += point.weight * miss_up * miss_up + point.along_weight * miss_along * miss_along;
            for row in 0..LINE {
                let (weighted_up, weighted_along) =
                    (point.weight * slopes_up[row], point.along_weight * slopes_along[row]);
                gradient[row] += weighted_up * miss_up + weighted_along * miss_along;
                for col in 0..=row {
                    information[row][col] += weighted_up * slopes_up[col] + weighted_along * slopes_along[col];
                }
            }
        }
        for row in 0..LINE {
            let belief = spread[row].powi(-2);
            information[row][row] += belief;
            gradient[row] += belief * params[row];
            sum += belief * params[row] * params[row];
            for col in row + 1..LINE {
                information[row][col] = information[col][row];
            }
        }
        let factor = linear::cholesky(&information)?;
        let step = linear::solve(&factor, &gradient);
        if round > 0 && sum < chi_squared || low.is_none() {
            (chi_squared, low) = (sum, Some(factor));
        }
        for (param, step) in params.iter_mut().zip(step) {
            *param -= step;
        }
        // Neither through the lens nor from beyond the horizon.
        params[4] = params[4].clamp(-0.85 / last_s, 6.0 / last_s);
    }
    let low = low?;
    let tail = |speed: f64| -2.0 * (0.8 / LINE_SPEED_MS / (1.0 + (speed / LINE_SPEED_MS).powi(2))).ln();
    let beliefs = 4.0 * LINE_PLACE_M.ln() + tail(params[1]) + tail(params[3]) + 2.0 * LINE_APPROACH.ln();
    Some(ln_evidence(chi_squared, beliefs + linear::ln_det(&low), count))
}

/// A ball slows down like this, m/s.
const BALL_TERMINAL_MS: f64 = 25.0;
/// Balls rise so high, metres: mean and spread.
const BALL_APEX_M: (f64, f64) = (6.0, 5.0);

/// An arc somewhere before the building: evidence, and distance ahead of the facade with its error.
fn arc(
    calibration: &Calibration,
    joined: &[Point],
    rough: f64,
    (up, along): (&Moments, &Moments),
    count: f64,
) -> Option<(f64, (f64, f64))> {
    let (lens_m, distance_m) = (calibration.lens_height_m(), calibration.distance_m());
    let free = up.fit(&[30.0, 60.0, 60.0, 1e-3])?;
    let mut mean = [up.offset, 0.0, 0.3 * distance_m, 0.0, 0.0];
    let spread = [30.0, 8.0, 0.3 * distance_m, 1.5, 1.5];
    // Gravity as it is seen says how near the thing is.
    let seen = (-free.terms[2]).clamp(0.7 * drag::GRAVITY, 2.5 * drag::GRAVITY);
    let ahead = (distance_m * (1.0 - drag::GRAVITY / seen)).clamp(0.0, 0.58 * distance_m);
    let stretch = distance_m / (distance_m - ahead);
    let mut start = [0.0; PARAMS];
    start[HEIGHT] = lens_m + (up.offset + free.terms[0] - lens_m) / stretch;
    start[SPEED] = (-free.terms[1] / stretch).clamp(-25.0, 25.0);
    start[DEPTH] = ahead;
    mean[HEIGHT] = lens_m.max(3.0);
    let problem = Problem { points: joined, lens_m, distance_m, terminal: BALL_TERMINAL_MS, mean, spread };
    let rung = problem.descend(start, 5, &mut 9)?;
    let side = along.fit(&[30.0, 4.0, 1.0, 0.6])?;
    let rising = rung.params[SPEED];
    let apex_m = rung.params[HEIGHT] + rising * rising / (2.0 * drag::GRAVITY);
    let likely = -0.5 * ((apex_m - BALL_APEX_M.0) / BALL_APEX_M.1).powi(2);
    let chi_squared = rung.chi_squared + rough + side.chi_squared;
    let ln = ln_evidence(chi_squared, rung.occam + side.occam, count) + likely.max(-12.0);
    Some((ln, (rung.params[DEPTH], rung.cov[DEPTH][DEPTH].max(0.0).sqrt())))
}
