//! Owns the cleaning of a track: from whatever a camera sent to sorted, distinct, plausible points on the facade plane.
//!
//! Refuses to know physics beyond "a thing does not jump". Invariants: what comes out is finite, rises in time, holds at
//! most [`POINTS_MAX`] points. Single wild points are found by their neighbours, others by the quadratic curve through three
//! points that most others agree with, so one wild point among five is found too.

use super::camera::Calibration;
use super::{Event, TrackPoint};

mod rest;
mod wild;

/// Points looked at; a longer track is thinned evenly between its ends. Past about forty points the error is the building's, not ours.
pub const POINTS_MAX: usize = 40;
/// Points at either end that are always kept: they say whether the thing came through the edge.
const ENDS: usize = 4;
/// Fewer distinct points carry no acceleration with an error: five, by the field rule that a shorter track is "suspected".
pub const DISTINCT_MIN: usize = 5;
/// Two points closer in time than this are the same frame, seconds.
const SAME_FRAME_S: f64 = 0.0005;
/// A track longer than this is no fall; the rest is cut off, seconds. 100 m take 4.6 s, paper from there a minute.
const LENGTH_MAX_S: f64 = 90.0;
/// Disagreement with the common curve that is always forgiven, pixels: the largest plausible detector noise, twice.
const FORGIVEN_PX: f64 = 8.0;
/// Candidate curves; with one point in ten wild, the chance that none is clean is below 1e-9.
const CURVES: usize = 24;

/// One cleaned point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Seconds on the camera's clock.
    pub t: f64,
    /// Box centre, pixels.
    pub col: f64,
    /// Box centre, pixels, down.
    pub row: f64,
    /// Metres along the facade.
    pub along_m: f64,
    /// Metres above the ground.
    pub height_m: f64,
    /// Metres per pixel, up and along.
    pub pixel_m: (f64, f64),
}

/// Edges of the picture.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Edges {
    /// The upper one.
    pub top: bool,
    /// One of the two beside.
    pub side: bool,
    /// The lower one.
    pub bottom: bool,
}

/// A cleaned track.
#[derive(Debug, Clone, PartialEq)]
pub struct Cleaned {
    /// Points in order of time.
    pub samples: Vec<Sample>,
    /// The edges it came in through: the first box touches one, or lies within one step and a half of motion from it. Through
    /// the top its release was above the picture; beside it, at any height; through the bottom it was thrown up from below,
    /// by a window or from the ground.
    pub entered: Edges,
    /// It left the picture downwards or sideways, or came near the ground: a stone does not stop in the air.
    pub ends_at_edge: bool,
    /// Median time between points, seconds.
    pub step_s: f64,
}

/// Cleans a track. `None`: fewer than [`DISTINCT_MIN`] usable points.
pub fn clean(calibration: &Calibration, event: &Event) -> Option<Cleaned> {
    let mut points = distinct(event);
    let step_s = usual_step_s(&points)?;
    wild::drop_single(&mut points);
    let moving = rest::moving(calibration, &points).min(inside(&points, calibration.frame()));
    let rested = moving < points.len();
    points.truncate(moving);
    let points = thin(points);
    if points.len() < DISTINCT_MIN {
        return None;
    }
    let size = usual_size(&points, calibration.frame());
    let samples: Vec<Sample> = points.iter().filter_map(|point| place(calibration, point, size)).collect();
    let kept = drop_wild(&samples);
    let instants = 1 + kept.windows(2).filter(|pair| pair[1].t - pair[0].t > SAME_FRAME_S).count();
    if kept.is_empty() || instants < DISTINCT_MIN {
        return None;
    }
    let first = points.iter().find(|point| near(point.t, kept[0].t))?;
    let step_s = if calibration.fps() > 0.0 { step_s.max(1.0 / calibration.fps()) } else { step_s };
    let frame = calibration.frame();
    // A wild point first hides where the track began.
    let unread_s = (kept[0].t - points[0].t).clamp(0.0, 2.0 * step_s);
    let touches = touches_edge(first, frame);
    let enters = enters(&kept, frame, STEPS_BEFORE * step_s + unread_s);
    Some(Cleaned {
        entered: Edges {
            top: touches.top || enters.top,
            side: touches.side || enters.side,
            bottom: touches.bottom || enters.bottom,
        },
        ends_at_edge: rested || ends(&kept, frame, step_s),
        step_s,
        samples: kept,
    })
}

/// How many of the points lie within the picture; trackers follow a thing that is gone along its border.
fn inside(points: &[TrackPoint], frame: (f64, f64)) -> usize {
    let gone = |point: &TrackPoint| {
        let room = point.x.min(frame.0 - point.x).min(point.y).min(frame.1 - point.y);
        room < BORDER_PX
    };
    let left = points.iter().rev().take_while(|point| gone(point)).count();
    if points.len() - left > DISTINCT_MIN { points.len() - left } else { points.len() }
}

/// A box has its middle no nearer to the border, pixels.
const BORDER_PX: f64 = 1.5;

/// Median time between points as they were sent; `None` where all have the same time.
fn usual_step_s(points: &[TrackPoint]) -> Option<f64> {
    let mut steps: Vec<f64> =
        points.windows(2).map(|pair| pair[1].t - pair[0].t).filter(|step| *step > SAME_FRAME_S).collect();
    median(&mut steps)
}

/// The middle one, of an even number the upper of the two in the middle; `None` of none.
fn median(values: &mut [f64]) -> Option<f64> {
    let half = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(half, f64::total_cmp).1)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= SAME_FRAME_S
}

/// Finite, sorted, without doubles and frozen frames.
fn distinct(event: &Event) -> Vec<TrackPoint> {
    let sane = |value: f64| value.is_finite() && value.abs() < 1e6;
    let mut points: Vec<TrackPoint> = event
        .track
        .iter()
        .filter(|point| point.t.is_finite() && point.t.abs() < 1e12 && sane(point.x) && sane(point.y))
        .copied()
        .collect();
    // By everything, so that the order of arrival cannot matter.
    let box_of = |point: &TrackPoint| (point.w.unwrap_or(-1.0), point.h.unwrap_or(-1.0));
    points.sort_by(|a, b| {
        let (of_a, of_b) = (box_of(a), box_of(b));
        a.t.total_cmp(&b.t)
            .then(a.y.total_cmp(&b.y))
            .then(a.x.total_cmp(&b.x))
            .then(of_a.0.total_cmp(&of_b.0))
            .then(of_a.1.total_cmp(&of_b.1))
    });
    // A frame sent twice has the same place to the last digit, with the same time or the next.
    points.dedup_by(|later, kept| {
        (later.x - kept.x).abs() < 1e-9 && (later.y - kept.y).abs() < 1e-9 && later.t - kept.t < 1.0
    });
    if let Some(start) = points.get(points.len() / 2).map(|point| point.t) {
        points.retain(|point| (point.t - start).abs() < LENGTH_MAX_S);
    }
    points
}

fn thin(points: Vec<TrackPoint>) -> Vec<TrackPoint> {
    if points.len() <= POINTS_MAX {
        return points;
    }
    let between = &points[ENDS..points.len() - ENDS];
    let wanted = POINTS_MAX - 2 * ENDS;
    let mut thinned = points[..ENDS].to_vec();
    // The middle one of every stretch.
    thinned.extend((0..wanted).map(|index| between[(2 * index + 1) * between.len() / (2 * wanted)]));
    thinned.extend_from_slice(&points[points.len() - ENDS..]);
    thinned
}

/// Steps of motion before the first point in which the edge must lie: one, and half a one for noise and jitter.
const STEPS_BEFORE: f64 = 1.5;

/// Whether it was outside of the picture shortly before its first point, by its own first speed.
fn enters(samples: &[Sample], frame: (f64, f64), before_s: f64) -> Edges {
    let [first, .., last] = &samples[..samples.len().min(4)] else { return Edges::default() };
    let span = last.t - first.t;
    if span <= 0.0 {
        return Edges::default();
    }
    let before = before_s / span;
    let (across, down) = ((last.col - first.col) * before, (last.row - first.row) * before);
    let slack = EDGE_SHARE * frame.1;
    Edges {
        top: down > 0.0 && first.row - down < slack,
        side: across > slack && first.col - across < slack || across < -slack && first.col - across > frame.0 - slack,
        bottom: down < 0.0 && first.row - down > frame.1 - slack,
    }
}

/// Whether it would have left the picture shortly after its last point, or was about to touch the ground.
fn ends(samples: &[Sample], frame: (f64, f64), step_s: f64) -> bool {
    let [first, .., last] = &samples[samples.len().saturating_sub(4)..] else { return false };
    let span = last.t - first.t;
    if span <= 0.0 {
        return false;
    }
    let after = 2.0 * step_s / span;
    let (col, row) = (last.col + (last.col - first.col) * after, last.row + (last.row - first.row) * after);
    let slack = EDGE_SHARE * frame.1;
    row > frame.1 - slack || col < slack || col > frame.0 - slack || last.height_m < GROUND_M
}

/// Cars and hedges hide the last stretch, metres.
const GROUND_M: f64 = 3.0;

/// The edges its box touches.
fn touches_edge(point: &TrackPoint, frame: (f64, f64)) -> Edges {
    let margin = EDGE_PX.max(EDGE_SHARE * frame.1);
    let (half_w, half_h) = (half(point.w), half(point.h));
    Edges {
        top: point.y - half_h <= margin,
        side: point.x - half_w <= margin || point.x + half_w >= frame.0 - margin,
        bottom: point.y + half_h >= frame.1 - margin,
    }
}

/// A box this close to the border counts as touching it: the larger of pixels and share of the height.
const EDGE_PX: f64 = 3.0;
const EDGE_SHARE: f64 = 0.01;

fn half(size: Option<f64>) -> f64 {
    size.filter(|size| size.is_finite() && *size > 0.0 && *size < 1e4).map_or(0.0, |size| size / 2.0)
}

/// Median box of those that do not touch the border; `None` where boxes are unknown.
fn usual_size(points: &[TrackPoint], frame: (f64, f64)) -> Option<(f64, f64)> {
    let free = |point: &&TrackPoint| {
        let (w, h) = (half(point.w), half(point.h));
        w > 0.0 && h > 0.0 && point.y - h > 1.0 && point.y + h < frame.1 - 1.0 && point.x - w > 1.0
    };
    let mut widths: Vec<f64> = points.iter().filter(free).map(|point| 2.0 * half(point.w)).collect();
    let mut heights: Vec<f64> = points.iter().filter(free).map(|point| 2.0 * half(point.h)).collect();
    if widths.len() < 3 {
        return None;
    }
    median(&mut widths).zip(median(&mut heights))
}

/// Maps a point to the facade. A box cut by the border has its centre in the wrong place: taken from the free side.
fn place(calibration: &Calibration, point: &TrackPoint, size: Option<(f64, f64)>) -> Option<Sample> {
    let frame = calibration.frame();
    let (mut col, mut row) = (point.x, point.y);
    let (half_w, half_h) = (half(point.w), half(point.h));
    if let Some((width, height)) = size.filter(|_| half_w > 0.0 && half_h > 0.0) {
        if row - half_h <= 1.0 && half_h * 2.0 < height {
            row = row + half_h - height / 2.0;
        } else if row + half_h >= frame.1 - 1.0 && half_h * 2.0 < height {
            row = row - half_h + height / 2.0;
        }
        if col - half_w <= 1.0 && half_w * 2.0 < width {
            col = col + half_w - width / 2.0;
        } else if col + half_w >= frame.0 - 1.0 && half_w * 2.0 < width {
            col = col - half_w + width / 2.0;
        }
    }
    let place = calibration.place(col, row)?;
    Some(Sample {
        t: point.t,
        col,
        row,
        along_m: place.along_m,
        height_m: place.height_m,
        pixel_m: (place.metres_per_row.max(1e-5), place.metres_per_col.max(1e-5)),
    })
}

/// The points that agree with the curve most points agree with.
fn drop_wild(samples: &[Sample]) -> Vec<Sample> {
    let count = samples.len();
    if count < DISTINCT_MIN {
        return Vec::new();
    }
    let mut best: Option<(f64, Vec<(f64, f64)>)> = None;
    for turn in 0..CURVES {
        let Some(curve) = Curve::through(samples, triple(turn, count)) else { continue };
        let misses: Vec<(f64, f64)> = samples.iter().map(|sample| curve.miss_px(sample)).collect();
        let mut sorted: Vec<f64> = misses.iter().map(|miss| miss.0 * miss.0 + miss.1 * miss.1).collect();
        // Three points agree by construction; the 60 % point leaves room for wild ones.
        let rank = (count * 3 / 5).clamp(3, count - 1);
        let (_, typical, _) = sorted.select_nth_unstable_by(rank, f64::total_cmp);
        if best.as_ref().is_none_or(|(known, _)| *typical < *known) {
            best = Some((*typical, misses));
        }
    }
    let Some((typical, misses)) = best else { return samples.to_vec() };
    let limit = FORGIVEN_PX.max(7.0 * typical.sqrt());
    let keeps = |index: &usize| misses[*index].0.hypot(misses[*index].1) <= limit || follows(&misses, *index, limit);
    (0..count).filter(keeps).map(|index| samples[index]).collect()
}

/// Whether a point off the common curve goes on where its neighbours were going: a bag that comes to its steady speed
/// leaves the curve with all its points, a wild one alone.
fn follows(misses: &[(f64, f64)], index: usize, limit: f64) -> bool {
    let at = |offset: isize| index.checked_add_signed(offset).and_then(|index| misses.get(index));
    let near = |one: isize, other: isize, reach: f64| {
        let (Some(one), Some(other)) = (at(one), at(other)) else { return false };
        let on = |one: f64, other: f64| one + (one - other) * reach;
        (misses[index].0 - on(one.0, other.0)).hypot(misses[index].1 - on(one.1, other.1)) <= limit
    };
    near(-1, 1, -0.5) || near(1, 2, 1.0) || near(-1, -2, 1.0)
}

/// Three indices, well apart, different for every turn.
fn triple(turn: usize, count: usize) -> [usize; 3] {
    // Steps of the golden ratio visit every third evenly without chance.
    let third = |part: usize, salt: usize| {
        let (from, to) = (part * count / 3, (part + 1) * count / 3);
        from + (turn * salt + turn / 3) % (to - from).max(1)
    };
    [third(0, 5), third(1, 7), third(2, 3).min(count - 1)]
}

/// Quadratic in time through three points, in height and along.
struct Curve {
    t: [f64; 3],
    height: [f64; 3],
    along: [f64; 3],
}

impl Curve {
    fn through(samples: &[Sample], chosen: [usize; 3]) -> Option<Self> {
        let [a, b, c] = chosen.map(|index| samples[index]);
        if b.t - a.t < SAME_FRAME_S || c.t - b.t < SAME_FRAME_S {
            return None;
        }
        Some(Self {
            t: [a.t, b.t, c.t],
            height: [a.height_m, b.height_m, c.height_m],
            along: [a.along_m, b.along_m, c.along_m],
        })
    }

    /// Upwards and along.
    fn miss_px(&self, sample: &Sample) -> (f64, f64) {
        let [a, b, c] = self.t;
        let t = sample.t;
        let share = [
            (t - b) * (t - c) / ((a - b) * (a - c)),
            (t - a) * (t - c) / ((b - a) * (b - c)),
            (t - a) * (t - b) / ((c - a) * (c - b)),
        ];
        let at = |values: &[f64; 3]| share[0] * values[0] + share[1] * values[1] + share[2] * values[2];
        let up = (at(&self.height) - sample.height_m) / sample.pixel_m.0;
        let along = (at(&self.along) - sample.along_m) / sample.pixel_m.1;
        (up, along)
    }
}
