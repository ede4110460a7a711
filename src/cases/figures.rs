//! Figures over many cases, and the notice for tenants. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cases::zones;
use crate::model::case::KeptSighting;
use crate::model::casebook::{CameraRate, NOTICE_LEAST, Statistics, Tally, quarter};
use crate::model::casewords::kind_word;
use crate::model::sight::SightKind;

/// Counts cases (those since `from_wall_ms`, so many of each tally); `tracks` are the sightings of decided cases with their tracks, for zones.
#[must_use]
pub fn statistics(
    counted: &[(Tally, u32)],
    tracks: &[(bool, KeptSighting)],
    from_wall_ms: i64,
    zone: &TimeZone,
) -> Statistics {
    let mut all = Statistics { from_wall_ms, ..Statistics::default() };
    let mut cameras: BTreeMap<&str, (u32, u32, u32)> = BTreeMap::new();
    for (tally, n) in counted.iter().filter(|(t, _)| t.quarter_wall_ms >= quarter(from_wall_ms)) {
        for camera in &tally.cameras {
            let rate = cameras.entry(camera).or_default();
            rate.0 += n;
            rate.1 += n * u32::from(tally.rejected || tally.confirmed);
            rate.2 += n * u32::from(tally.rejected);
        }
        if tally.rejected {
            all.rejected += n;
        } else if tally.kind == SightKind::FallingObject {
            count(&mut all, tally, *n, zone);
        } else {
            *all.others.entry(kind_word(tally.kind)).or_default() += n;
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

fn count(all: &mut Statistics, tally: &Tally, n: u32, zone: &TimeZone) {
    all.cases += n;
    all.confirmed += n * u32::from(tally.confirmed);
    *all.floors.entry(tally.facade.clone()).or_default().entry(tally.band).or_default() += n;
    let at = Timestamp::from_millisecond(tally.quarter_wall_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let at = at.to_zoned(zone.clone());
    if let Some(hour) = all.hours.get_mut(usize::try_from(at.hour()).unwrap_or(0)) {
        *hour += n;
    }
    if let Some(day) = all.weekdays.get_mut(usize::try_from(at.weekday().to_monday_zero_offset()).unwrap_or(0)) {
        *day += n;
    }
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
        cases: enough(all.cases),
        confirmed: enough(all.confirmed),
        rejected: 0,
        floors,
        hours: all.hours.map(enough),
        weekdays: all.weekdays.map(enough),
        cameras: Vec::new(),
        others: BTreeMap::new(),
    }
}
