//! Figures over many cases: for the property, per camera, and without anything that points at a household.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::case::Case;
use crate::model::sight::SightKind;

/// Floors in one band of the figures: a band never points at one flat.
pub const BAND_FLOORS: i32 = 5;
/// In the notice for tenants a figure below this is not told, since it could point at somebody.
pub const NOTICE_LEAST: u32 = 5;

/// The band a floor lies in, as its lowest floor (`1`, `6`, `11`, ...).
#[must_use]
pub fn band_of(floor: i32) -> i32 {
    (floor - 1).div_euclid(BAND_FLOORS) * BAND_FLOORS + 1
}

/// The floor in the middle of the stated range.
#[must_use]
pub fn middle(case: &Case) -> Option<i32> {
    let j = &case.judgement;
    let low = j.floor_low?;
    Some(j.floor_high.map_or(low, |high| low.midpoint(high)))
}

/// Length of the time in which cases count alike: hours begin with one in every zone there is.
pub const QUARTER_MS: i64 = 15 * 60_000;

/// All that the figures need to know of a case. Cases that have it in common are counted together; it is what stays of those
/// that are deleted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tally {
    /// Begin of the quarter of an hour in which it happened, UTC milliseconds.
    pub quarter_wall_ms: i64,
    /// What it is about.
    pub kind: SightKind,
    /// Where.
    pub facade: String,
    /// Band of floors; 0 where the floor is unknown.
    pub band: i32,
    /// It was confirmed.
    pub confirmed: bool,
    /// It was rejected.
    pub rejected: bool,
    /// Cameras that saw it.
    pub cameras: Vec<String>,
}

impl Tally {
    /// Of a case.
    #[must_use]
    pub fn of(case: &Case) -> Self {
        Self {
            quarter_wall_ms: quarter(case.happened_wall_ms),
            kind: case.kind,
            facade: case.facade.clone(),
            band: middle(case).map_or(0, band_of),
            confirmed: case.confirmed,
            rejected: case.rejected.is_some(),
            cameras: case.cameras.clone(),
        }
    }
}

/// Begin of the quarter of an hour.
#[must_use]
pub fn quarter(wall_ms: i64) -> i64 {
    wall_ms.div_euclid(QUARTER_MS).saturating_mul(QUARTER_MS)
}

/// Figures of a time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Statistics {
    /// First moment, UTC milliseconds.
    pub from_wall_ms: i64,
    /// Falling-object cases, rejected ones left out.
    pub cases: u32,
    /// Of these, confirmed.
    pub confirmed: u32,
    /// Cases that were rejected.
    pub rejected: u32,
    /// By facade, then lowest floor of the band; band 0 holds those of unknown floor.
    pub floors: BTreeMap<String, BTreeMap<i32, u32>>,
    /// By hour of the site's day.
    pub hours: [u32; 24],
    /// By weekday, Monday first.
    pub weekdays: [u32; 7],
    /// Cameras.
    pub cameras: Vec<CameraRate>,
    /// Cases of the other kinds by their word.
    pub others: BTreeMap<&'static str, u32>,
}

/// How a camera does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraRate {
    /// Camera id.
    pub camera: String,
    /// Cases in which it took part.
    pub cases: u32,
    /// Of these, decided.
    pub decided: u32,
    /// Of these, rejected.
    pub rejected: u32,
    /// Zones in its picture in which nearly everything was rejected.
    pub zones: Vec<Zone>,
}

impl CameraRate {
    /// Share of rejected among decided ones, percent; none before the first decision.
    #[must_use]
    pub fn false_percent(&self) -> Option<f64> {
        (self.decided > 0).then(|| f64::from(self.rejected) * 100.0 / f64::from(self.decided))
    }
}

/// Part of a picture, in pixels, that could be shielded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Zone {
    /// Left.
    pub x0: f64,
    /// Upper.
    pub y0: f64,
    /// Right.
    pub x1: f64,
    /// Lower.
    pub y1: f64,
    /// Rejected tracks that passed through.
    pub tracks: u32,
}
