//! Owns the points that lie off the path alone: a box that jumped onto a curtain for one frame.
//!
//! Near a steep camera no simple curve describes a whole path, so a point is compared with its neighbours first. What is left
//! for the comparison with the common curve ([`track`](super)) are runs of wild points.

use super::super::TrackPoint;

/// Fewer points have no neighbours to speak of.
const POINTS_MIN: usize = 7;
/// Off the line between its neighbours by more than this is never noise, pixels,
const OFF_PX: f64 = 25.0;
/// nor by more than this many times what is usual on this track: paths bend, most of all near the camera.
const OFF_USUAL: f64 = 8.0;
/// At most one point in so many goes.
const ONE_IN: usize = 5;

/// Takes out single wild points; the points are in order of time.
pub(super) fn drop_single(points: &mut Vec<TrackPoint>) {
    if points.len() < POINTS_MIN {
        return;
    }
    let mut offs: Vec<f64> = (0..points.len()).map(|index| off_px(points, index)).collect();
    let usual = super::median(&mut offs.clone()).unwrap_or(0.0);
    let limit = OFF_PX.max(OFF_USUAL * usual);
    for _ in 0..points.len() / ONE_IN {
        let Some((worst, off)) = offs.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)) else { return };
        if off <= limit || points.len() < POINTS_MIN {
            return;
        }
        points.remove(worst);
        offs.remove(worst);
        let near = worst.saturating_sub(2)..(worst + 2).min(points.len());
        for (off, index) in offs[near.clone()].iter_mut().zip(near) {
            *off = off_px(points, index);
        }
    }
}

/// Distance from the line through the two nearest points, at its own time; at the ends, where the line is drawn on, half of
/// it.
fn off_px(points: &[TrackPoint], index: usize) -> f64 {
    let last = points.len() - 1;
    let (one, other, share) = match index {
        0 => (1, 2, 0.5),
        _ if index == last => (last - 1, last - 2, 0.5),
        _ => (index - 1, index + 1, 1.0),
    };
    let (here, one, other) = (points[index], points[one], points[other]);
    let span = other.t - one.t;
    if span.abs() < super::SAME_FRAME_S {
        return 0.0;
    }
    let part = (here.t - one.t) / span;
    let at = |one: f64, other: f64| one + (other - one) * part;
    share * (here.x - at(one.x, other.x)).hypot(here.y - at(one.y, other.y))
}
