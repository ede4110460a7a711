//! Drawings of a case: the track in the camera's picture, and the facade with the floors it can have come from. Pure; SVG as
//! numbers for a template, without inline styles, which the content security policy forbids.

use crate::api::lang::Words;
use crate::model::case::{Judgement, KeptSighting};
use crate::model::facade::Facade;

/// Points drawn of a track; more make no better line.
const POINTS_MAX: usize = 200;
/// Height of a storey in the drawing of a facade.
const STOREY: f64 = 16.0;
/// Its width when the facade's is unknown.
const WIDTH: f64 = 200.0;
/// Left of it stand the floors' numbers.
const MARGIN: f64 = 34.0;

/// What a template draws.
#[derive(Debug)]
pub(crate) struct Drawing {
    /// `viewBox`.
    pub(crate) frame: String,
    /// `points` of the track, or nothing.
    pub(crate) line: String,
    /// Circles of the track `(x, y)`; the first is the beginning.
    pub(crate) dots: Vec<(String, String)>,
    /// Radius of the circles.
    pub(crate) radius: String,
    /// Lines of floors: `(y, number or nothing)`.
    pub(crate) floors: Vec<(String, String)>,
    /// The range: x, y, width, height.
    pub(crate) range: Option<(String, String, String, String)>,
    /// Left and right end of the facade.
    pub(crate) sides: (String, String),
    /// In words, for those who do not see it.
    pub(crate) words: String,
}

fn n(v: f64) -> String {
    format!("{v:.1}")
}

/// The track in its picture; `None` without one.
pub(crate) fn track(seen: &KeptSighting) -> Option<Drawing> {
    let sound = seen.track.iter().filter(|p| p.x.is_finite() && p.y.is_finite() && p.t.is_finite());
    let mut points: Vec<(f64, f64, f64)> = sound.map(|p| (p.t, p.x, p.y)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let step = points.len().div_ceil(POINTS_MAX).max(1);
    let points: Vec<(f64, f64)> = points.into_iter().step_by(step).map(|(_, x, y)| (x, y)).collect();
    if points.is_empty() {
        return None;
    }
    let far = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).fold(1.0, f64::max);
    let (width, height) =
        seen.frame.map_or((far(|p| p.0) * 1.1, far(|p| p.1) * 1.1), |(w, h)| (f64::from(w), f64::from(h)));
    Some(Drawing {
        frame: format!("0 0 {width:.0} {height:.0}"),
        line: points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" "),
        dots: points.iter().map(|(x, y)| (n(*x), n(*y))).collect(),
        radius: n(width.max(height) / 220.0),
        floors: Vec::new(),
        range: None,
        sides: (n(0.0), n(width)),
        words: String::new(),
    })
}

/// The facade with its storeys and the stated range.
pub(crate) fn facade(facade: &Facade, j: &Judgement, w: Words) -> Drawing {
    let storeys = facade.storeys.clamp(1, 200);
    let (left, width) = (MARGIN, WIDTH);
    let height = f64::from(storeys) * STOREY;
    // Floor 1 stands on the ground, at the lower edge.
    let top_of = |floor: i32| height - f64::from(floor.clamp(0, storeys)) * STOREY + 4.0;
    let every = if storeys > 12 { 5 } else { 1 };
    let floors = (0..=storeys)
        .map(|floor| {
            let named = floor >= 1 && (floor == 1 || floor % every == 0);
            (n(top_of(floor)), if named { floor.to_string() } else { String::new() })
        })
        .collect();
    let range = j.floor_low.map(|low| {
        let high = j.floor_high.filter(|_| !j.at_or_above).unwrap_or(storeys).clamp(1, storeys);
        let low = low.clamp(1, high);
        let across = facade.width_m.zip(j.column_low_m.zip(j.column_high_m)).filter(|(m, (a, b))| *m > 0.0 && b > a);
        let (x0, x1) = across.map_or((0.0, 1.0), |(m, (a, b))| ((a / m).clamp(0.0, 1.0), (b / m).clamp(0.0, 1.0)));
        let (x0, x1) = if x1 - x0 < 0.03 { (0.0, 1.0) } else { (x0, x1) };
        let y = top_of(high);
        (n(left + x0 * width), n(y), n((x1 - x0) * width), n(top_of(low - 1) - y))
    });
    let said = crate::model::casewords::floors(j).map(|t| t.get(w.0).to_owned()).unwrap_or_default();
    Drawing {
        frame: format!("0 0 {:.0} {:.0}", left + width + 6.0, height + 10.0),
        line: String::new(),
        dots: Vec::new(),
        radius: String::new(),
        floors,
        range,
        sides: (n(left), n(left + width)),
        words: format!("{} {said}", facade.name),
    }
}
