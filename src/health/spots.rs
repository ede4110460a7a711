//! Hot spots: hours and days of the week with more faults than chance explains. Pure.
//!
//! Faults of the last eight weeks and this one are counted by hour of the week. A spot is one with at least
//! [`FAULTS_MIN`] faults in [`WEEKS_MIN`] different weeks that, its busiest week left out, still has more than the mean of all
//! spots plus three sigma, sigma being the square root of the mean (rare events that come by chance are Poisson
//! distributed).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::health::record::Today;
use crate::model::health::Spot;

/// Weeks before this one that count.
const WEEKS: i32 = 8;
/// Fewer faults than this are an anecdote. Our default.
const FAULTS_MIN: u32 = 4;
/// A storm of one day is no pattern of the week. Our default.
const WEEKS_MIN: usize = 3;
const SIGMAS: f64 = 3.0;

/// Faults of one hour of one week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cell {
    /// Weeks since the Monday before 1970-01-01.
    pub(crate) week: i32,
    pub(crate) hour: u8,
    pub(crate) faults: u32,
}

/// Week of a local day: 1970-01-01 was a Thursday.
pub(crate) fn week(day: i32) -> i32 {
    day.saturating_add(3).div_euclid(7)
}

impl Cell {
    /// Counts a fault and forgets what is too old.
    pub(crate) fn count(cells: &mut Vec<Self>, today: &Today) {
        let (week, hour) = (week(today.day), today.week_hour);
        cells.retain(|cell| cell.week >= week - WEEKS);
        match cells.iter_mut().find(|cell| cell.week == week && cell.hour == hour) {
            Some(cell) => cell.faults = cell.faults.saturating_add(1),
            None => cells.push(Self { week, hour, faults: 1 }),
        }
    }
}

/// The spots, days before hours, most faults first.
pub(crate) fn spots<'a>(cells: impl Iterator<Item = &'a Cell> + Clone, today: i32) -> Vec<Spot> {
    let this_week = week(today);
    let recent = cells.filter(move |c| c.week >= this_week - WEEKS && c.week <= this_week && c.hour < 168);
    let all: u32 = recent.clone().map(|c| c.faults).sum();
    let mut found = Vec::new();
    let mut look = |places: u8, weekday: fn(u8) -> u8, hour: fn(u8) -> Option<u8>| {
        let expected = f64::from(all) / f64::from(places);
        let mut spots = Vec::new();
        for place in 0..places {
            let here = recent.clone().filter(|c| if places == 7 { c.hour / 24 == place } else { c.hour == place });
            let faults: u32 = here.clone().map(|c| c.faults).sum();
            let mut weeks: BTreeMap<i32, u32> = BTreeMap::new();
            here.for_each(|c| *weeks.entry(c.week).or_default() += c.faults);
            // Without its busiest week: one storm on a day that has its usual fault is no pattern either.
            let steady = faults - weeks.values().max().copied().unwrap_or(0);
            let many = f64::from(steady) > expected + SIGMAS * expected.sqrt();
            if faults >= FAULTS_MIN && weeks.len() >= WEEKS_MIN && many {
                spots.push(Spot { weekday: weekday(place), hour: hour(place), faults, expected });
            }
        }
        spots.sort_by_key(|spot| std::cmp::Reverse(spot.faults));
        found.append(&mut spots);
    };
    look(7, |place| place, |_| None);
    look(168, |place| place / 24, |place| Some(place % 24));
    found
}
