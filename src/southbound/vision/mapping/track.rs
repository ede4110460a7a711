//! Points of a track, and boxes, in pixels. Pure.

use serde_json::Value as Json;

use super::UNKNOWN_SIDE;
use crate::model::intake::Why;
use crate::model::sight::{TRACK_POINTS_MAX, TrackPoint};
use crate::profile::vision::{EventMap, Shape, TrackMap};
use crate::southbound::vision::fault::Fault;
use crate::southbound::vision::limits::{COORDINATE_MAX, TRACK_TIME_MAX_S};
use crate::southbound::vision::tree::{find, first, number};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Track {
    pub(super) points: Vec<TrackPoint>,
    /// Set when shares were turned into pixels of a picture of unknown size.
    pub(super) frame: Option<(u32, u32)>,
}

/// The track, or else the box. `frame` is the size of the picture, as far as known.
pub(super) fn read(map: &EventMap, tree: &Json, frame: Option<(u32, u32)>) -> Result<Track, Fault> {
    for shape in [&map.track, &map.boxes].into_iter().flatten() {
        let track = points(shape, tree, frame)?;
        if !track.points.is_empty() {
            return Ok(track);
        }
    }
    Ok(Track::default())
}

fn points(map: &TrackMap, tree: &Json, frame: Option<(u32, u32)>) -> Result<Track, Fault> {
    let Some(found) = first(tree, &map.at) else { return Ok(Track::default()) };
    let single = std::slice::from_ref(found);
    let list = match found {
        // `[[..], [..]]` or `[{..}, {..}]`, but not the single point `[x, y, w, h]`.
        Json::Array(list) if list.iter().all(|p| p.is_array() || p.is_object()) => list.as_slice(),
        _ => single,
    };
    if list.len() > TRACK_POINTS_MAX {
        let detail = format!("a track of {} points, at most {TRACK_POINTS_MAX}", list.len());
        return Err(Fault::new(Why::TooLarge, detail));
    }
    let scale = Scale::new(map, frame)?;
    let mut track = Track { points: Vec::with_capacity(list.len()), frame: scale.made_up };
    for (ix, json) in list.iter().enumerate() {
        let Some(point) = point(map, &scale, json, ix)? else { continue };
        track.points.push(point);
        if map.t.is_none() {
            break;
        }
    }
    Ok(track)
}

/// From the vendor's coordinates to pixels.
struct Scale {
    x: f64,
    y: f64,
    /// Height of the picture in pixels, when rows count from the bottom.
    flip: Option<f64>,
    made_up: Option<(u32, u32)>,
}

impl Scale {
    fn new(map: &TrackMap, frame: Option<(u32, u32)>) -> Result<Self, Fault> {
        let made_up = (map.full.is_some() && frame.is_none()).then_some((UNKNOWN_SIDE, UNKNOWN_SIDE));
        let sides = frame.or(made_up);
        let flip = match (map.from_bottom, sides) {
            (false, _) => None,
            (true, Some((_, height))) => Some(f64::from(height)),
            (true, None) => {
                return Err(Fault::new(Why::Number, "rows count from the bottom of a picture of unknown height"));
            }
        };
        let (x, y) = match (map.full, sides) {
            (Some(full), Some((width, height))) => (f64::from(width) / full, f64::from(height) / full),
            _ => (1.0, 1.0),
        };
        Ok(Self { x, y, flip, made_up })
    }
}

/// One point; `None` for a box without coordinates.
#[expect(clippy::many_single_char_names, reason = "the fields of a point are called so")]
fn point(map: &TrackMap, scale: &Scale, json: &Json, ix: usize) -> Result<Option<TrackPoint>, Fault> {
    let at = |pointer: &str, what: &str| number(find(json, pointer), format_args!("{what} of point {}", ix + 1));
    let side = |pointer: &Option<String>, what: &str| pointer.as_deref().map_or(Ok(None), |p| at(p, what));
    let (Some(x), Some(y)) = (at(&map.x, "x")?, at(&map.y, "y")?) else {
        if map.t.is_none() {
            return Ok(None);
        }
        return Err(Fault::new(Why::Malformed, format!("point {} has no place", ix + 1)));
    };
    let t = match &map.t {
        None => 0.0,
        Some(pointer) => at(pointer, "t")?
            .map(|t| t * map.t_unit_s)
            .ok_or_else(|| Fault::new(Why::Malformed, format!("point {} has no time", ix + 1)))?,
    };
    let (w, h) = (side(&map.w, "w")?, side(&map.h, "h")?);
    let (x, y) = (x * scale.x, y * scale.y);
    let (w, h) = (w.map(|w| w * scale.x), h.map(|h| h * scale.y));
    let (x, y, w, h) = match map.shape {
        Shape::Centre => (x, y, w.unwrap_or(0.0), h.unwrap_or(0.0)),
        Shape::Corner => {
            let (w, h) = (w.unwrap_or(0.0), h.unwrap_or(0.0));
            (x + w / 2.0, if scale.flip.is_some() { y - h / 2.0 } else { y + h / 2.0 }, w, h)
        }
        Shape::Corners => {
            let (right, lower) = (w.unwrap_or(x), h.unwrap_or(y));
            (x.midpoint(right), y.midpoint(lower), right - x, lower - y)
        }
    };
    let y = scale.flip.map_or(y, |height| height - y);
    let point = TrackPoint { t, x, y, w: w.abs(), h: h.abs() };
    if [x, y, point.w, point.h].iter().any(|n| !n.is_finite() || n.abs() > COORDINATE_MAX) {
        return Err(Fault::new(Why::Number, format!("point {} lies where no picture reaches", ix + 1)));
    }
    if !t.is_finite() || t.abs() > TRACK_TIME_MAX_S {
        return Err(Fault::new(Why::Number, format!("point {} has an impossible time", ix + 1)));
    }
    Ok(Some(point))
}
