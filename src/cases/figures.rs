//! Figures over many cases, and the notice for tenants. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cases::zones;
use crate::model::case::{Case, KeptSighting};
use crate::model::casebook::{CameraRate, NOTICE_LEAST, Statistics, band_of};
use crate::model::casewords::kind_word;
use crate::model::sight::SightKind;

/// Counts `cases` (those since `from_wall_ms`); `tracks` are the sightings of decided cases with their tracks, for zones.
#[must_use]
pub fn statistics(cases: &[Case], tracks: &[(bool, KeptSighting)], from_wall_ms: i64, zone: &TimeZone) -> Statistics {
    let mut all = Statistics { from_wall_ms, ..Statistics::default() };
    let mut cameras: BTreeMap<&str, (u32, u32, u32)> = BTreeMap::new();
    for case in cases.iter().filter(|c| c.happened_wall_ms >= from_wall_ms) {
        let rejected = case.rejected.is_some();
        for camera in &case.cameras {
            let rate = cameras.entry(camera).or_default();
            rate.0 += 1;
            rate.1 += u32::from(rejected || case.confirmed);
            rate.2 += u32::from(rejected);
        }
        if rejected {
            all.rejected += 1;
        } else if case.kind == SightKind::FallingObject {
            count(&mut all, case, zone);
        } else {
            *all.others.entry(kind_word(case.kind)).or_default() += 1;
        }
    }
    all.cameras = cameras
        .into_iter()
        .map(|(camera, (cases, decided, rejected))| CameraRate {
            camera: camera.to_owned(),
            cases,
            decided,
            rejected,
            zones: zones::suggest(tracks.iter().filter(|(_, s)| s.camera == camera).map(|(no, s)| (*no, s))),
        })
        .collect();
    all
}

fn count(all: &mut Statistics, case: &Case, zone: &TimeZone) {
    all.cases += 1;
    all.confirmed += u32::from(case.confirmed);
    let band = middle(case).map_or(0, band_of);
    *all.floors.entry(case.facade.clone()).or_default().entry(band).or_default() += 1;
    let at = Timestamp::from_millisecond(case.happened_wall_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let at = at.to_zoned(zone.clone());
    if let Some(hour) = all.hours.get_mut(usize::try_from(at.hour()).unwrap_or(0)) {
        *hour += 1;
    }
    if let Some(day) = all.weekdays.get_mut(usize::try_from(at.weekday().to_monday_zero_offset()).unwrap_or(0)) {
        *day += 1;
    }
}

/// The floor in the middle of the stated range.
#[must_use]
pub fn middle(case: &Case) -> Option<i32> {
    let j = &case.judgement;
    let low = j.floor_low?;
    Some(j.floor_high.map_or(low, |high| low.midpoint(high)))
}

/// The same for the tenants' notice board: by facade alone, and nothing below [`NOTICE_LEAST`]; no floors, no cameras.
#[must_use]
pub fn notice(all: &Statistics) -> Statistics {
    let enough = |n: u32| if n < NOTICE_LEAST { 0 } else { n };
    let floors = all
        .floors
        .iter()
        .map(|(facade, bands)| (facade.clone(), bands.values().sum::<u32>()))
        .filter(|(_, sum)| *sum >= NOTICE_LEAST)
        .map(|(facade, sum)| (facade, BTreeMap::from([(0, sum)])))
        .collect();
    Statistics {
        from_wall_ms: all.from_wall_ms,
        cases: all.cases,
        confirmed: enough(all.confirmed),
        rejected: 0,
        floors,
        hours: all.hours.map(enough),
        weekdays: all.weekdays.map(enough),
        cameras: Vec::new(),
        others: BTreeMap::new(),
    }
}
