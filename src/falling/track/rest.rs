//! Owns the end of a track that is no fall any more: trackers go on sending the thing that lies on the ground.
//!
//! Refuses to cut anything that stops higher up: what comes to rest in the air is no stone, and that it does is the best
//! evidence there is.

use super::super::TrackPoint;
use super::super::camera::Calibration;

/// Lying still, the box wavers by no more than this, pixels: the largest plausible detector noise, three times.
const WAVER_PX: f64 = 12.0;
/// Had it gone on as before, it would be this many times further.
const FURTHER: f64 = 3.0;
/// So many points at least lie still, and so many are left.
const RESTING_MIN: usize = 3;
const MOVING_MIN: usize = 5;
/// Points that tell how fast it was.
const BEFORE: usize = 4;
/// Canopies, vans and hedges end a fall up to this height, metres.
const REST_BELOW_M: f64 = 6.0;

/// How many of the points, in order of time, belong to the motion.
pub(super) fn moving(calibration: &Calibration, points: &[TrackPoint]) -> usize {
    let count = points.len();
    if count < RESTING_MIN + MOVING_MIN {
        return count;
    }
    let (col, row) = middle(&points[count - RESTING_MIN..]);
    let rests = |index: usize| (points[index].x - col).hypot(points[index].y - row) <= WAVER_PX;
    let mut begin = count;
    // A single wild point is passed over.
    while let Some(back) = (1..=2).find(|back| begin >= back + MOVING_MIN && rests(begin - back)) {
        begin -= back;
    }
    let is_rest = count - begin >= RESTING_MIN && stopped(&points[begin - BEFORE..begin], points[count - 1].t);
    let is_low = || calibration.place(col, row).is_some_and(|place| place.height_m < REST_BELOW_M);
    if is_rest && is_low() { begin } else { count }
}

/// Whether it would have gone far by then at the speed that it had.
fn stopped(before: &[TrackPoint], until: f64) -> bool {
    let [first, .., last] = before else { return false };
    let span_s = last.t - first.t;
    let gone_px = (last.x - first.x).hypot(last.y - first.y) * (until - last.t) / span_s;
    span_s > 0.0 && gone_px >= FURTHER * WAVER_PX
}

/// Median place.
fn middle(points: &[TrackPoint]) -> (f64, f64) {
    let median = |value: fn(&TrackPoint) -> f64| {
        let mut values: Vec<f64> = points.iter().map(value).collect();
        super::median(&mut values).unwrap_or(f64::NAN)
    };
    (median(|point| point.x), median(|point| point.y))
}
