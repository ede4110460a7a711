//! Whether a track lies wholly in a shield zone of its camera. Pure.
//!
//! A shield zone is a person's word that movement there is a tree, a flag, a road. It lowers the notification and nothing
//! else: the event is judged, kept and reviewed like any other. A track with one point outside is none of it.

use crate::model::facade::CameraPlace;
use crate::model::sight::TrackPoint;

/// Name of the zone in which all points of the track lie, if there is one.
#[must_use]
pub fn shield_of<'a>(track: &[TrackPoint], frame: Option<(u32, u32)>, camera: &'a CameraPlace) -> Option<&'a str> {
    if track.is_empty() {
        return None;
    }
    // Zones are drawn in the configured picture, the track perhaps in a smaller one.
    let (sx, sy) = match (camera.frame, frame) {
        (Some((w, h)), Some((fw, fh))) if fw > 0 && fh > 0 => {
            (f64::from(w) / f64::from(fw), f64::from(h) / f64::from(fh))
        }
        _ => (1.0, 1.0),
    };
    let wholly = |polygon: &[(f64, f64)]| track.iter().all(|p| inside(polygon, p.x * sx, p.y * sy));
    camera.shields.iter().find(|zone| wholly(&zone.polygon)).map(|zone| zone.name.as_str())
}

/// Even-odd rule; a place that is no number is outside.
fn inside(polygon: &[(f64, f64)], x: f64, y: f64) -> bool {
    let mut inside = false;
    let ends = polygon.iter().cycle().skip(1);
    for ((x0, y0), (x1, y1)) in polygon.iter().zip(ends) {
        if (*y0 > y) != (*y1 > y) && x < (x1 - x0) * (y - y0) / (y1 - y0) + x0 {
            inside = !inside;
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_inside_or_outside() {
        let square = [(10.0, 10.0), (20.0, 10.0), (20.0, 20.0), (10.0, 20.0)];
        // A hollow on its left side.
        let hollow = [(0.0, 0.0), (30.0, 0.0), (30.0, 30.0), (0.0, 30.0), (15.0, 15.0)];
        let check = |polygon: &[(f64, f64)], x: f64, y: f64, is: bool| {
            assert_eq!(inside(polygon, x, y), is, "{x} {y}");
        };
        check(&square, 15.0, 15.0, true);
        check(&square, 9.9, 15.0, false);
        check(&square, 15.0, 20.1, false);
        check(&square, f64::NAN, 15.0, false);
        check(&square, 15.0, f64::NAN, false);
        check(&hollow, 5.0, 15.0, false);
        check(&hollow, 20.0, 15.0, true);
        check(&[], 0.0, 0.0, false);
    }
}
