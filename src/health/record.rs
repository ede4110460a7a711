//! What is counted for one device, and how. Pure.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::health::spots::Cell;
use crate::model::alarm::Level;
use crate::model::health::{EntryKind, HealthEntry, Measure};
use crate::model::time::BootMs;

/// Days kept one by one; enough for the mean of 28 days and alarms of 30.
pub const DAYS_MAX: usize = 35;
/// Starts within an hour that are told apart; more in an hour would burn any motor.
const STARTS_MAX: usize = 128;
const HOUR_MS: i64 = 3_600_000;

/// The local day and hour of the week of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Today {
    /// Days since 1970-01-01, local.
    pub day: i32,
    /// Monday 0 h is 0, Sunday 23 h is 167.
    pub week_hour: u8,
    /// UTC milliseconds.
    pub wall_ms: i64,
}

/// A total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Total {
    /// The device's own total as last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) own: Option<f64>,
    /// Use since the record is kept. Never smaller than before.
    pub(crate) used: f64,
}

impl Total {
    /// What is shown.
    pub(crate) fn value(&self) -> f64 {
        self.own.unwrap_or(self.used)
    }

    /// gatehouse has counted; returns what counts as use.
    fn counted(&mut self, by: f64) -> f64 {
        if self.own.is_some() || !by.is_finite() || by <= 0.0 {
            return 0.0;
        }
        self.used += by;
        by
    }

    /// The device says its own total; returns what counts as use.
    fn said(&mut self, total: f64) -> f64 {
        let by = self.own.map_or(0.0, |before| (total - before).max(0.0));
        self.own = Some(total);
        self.used += by;
        by
    }
}

/// A switch whose time and edges count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Switch {
    /// Last known state, also across gaps.
    on: Option<bool>,
    /// Counting since.
    #[serde(skip)]
    since: Option<BootMs>,
}

impl Switch {
    /// Takes a state; `None` for a bad reading. Returns hours to add and whether it was an edge upwards.
    fn next(&mut self, state: Option<bool>, at: BootMs) -> (f64, bool) {
        let hours = self.settle(at);
        let edge = state == Some(true) && self.on == Some(false);
        self.since = (state == Some(true)).then_some(at);
        self.on = state.or(self.on);
        (hours, edge)
    }

    /// Hours since the last settlement.
    fn settle(&mut self, at: BootMs) -> f64 {
        let Some(since) = self.since else { return 0.0 };
        let ms = at.since(since);
        self.since = Some(at.max(since));
        ms as f64 / HOUR_MS as f64
    }
}

/// One local day.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Day {
    pub(crate) no: i32,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) used: BTreeMap<Measure, f64>,
    #[serde(default)]
    pub(crate) peak: u32,
    #[serde(default)]
    pub(crate) alarms: [u32; 5],
}

/// When a service was last done, and the use at that time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) at_ms: i64,
    pub(crate) used: f64,
}

/// The record of one device. Its JSON is what is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// First reading, UTC milliseconds; `None` until the wall clock is known.
    pub(crate) since_ms: Option<i64>,
    running: Switch,
    door: Switch,
    pub(crate) totals: BTreeMap<Measure, Total>,
    #[serde(skip)]
    starts: VecDeque<BootMs>,
    pub(crate) alarms: [u64; 5],
    pub(crate) days: Vec<Day>,
    pub(crate) faults: Vec<Cell>,
    pub(crate) done: BTreeMap<String, Done>,
}

impl Record {
    /// The machine runs or does not; `None` for a bad reading.
    pub(crate) fn running(&mut self, state: Option<bool>, at: BootMs, today: Option<&Today>) {
        let (hours, edge) = self.running.next(state, at);
        self.counted(Measure::Hours, hours, today);
        if edge {
            self.counted(Measure::Starts, 1.0, today);
            self.forget_starts(at);
            if self.starts.len() < STARTS_MAX {
                self.starts.push_back(at);
            }
            let now = self.starts_last_hour(at);
            if let Some(day) = self.day(today) {
                day.peak = day.peak.max(now);
            }
        }
    }

    /// The door is open or shut; `None` for a bad reading.
    pub(crate) fn door(&mut self, state: Option<bool>, at: BootMs, today: Option<&Today>) {
        if self.door.next(state, at).1 {
            self.counted(Measure::DoorCycles, 1.0, today);
        }
    }

    /// The device's own total.
    pub(crate) fn total(&mut self, measure: Measure, total: f64, today: Option<&Today>) {
        let by = self.totals.entry(measure).or_default().said(total);
        self.used_today(measure, by, today);
    }

    /// An alarm was raised. All but `info` are faults of the device.
    pub(crate) fn alarm(&mut self, level: Level, today: Option<&Today>) {
        let ix = Level::ALL.iter().position(|l| *l == level).unwrap_or(4);
        if let Some(count) = self.alarms.get_mut(ix) {
            *count += 1;
        }
        if let Some(count) = self.day(today).and_then(|day| day.alarms.get_mut(ix)) {
            *count += 1;
        }
        if let Some(today) = today.filter(|_| level != Level::Info) {
            Cell::count(&mut self.faults, today);
        }
    }

    /// Brings running time up to now. Called from time to time, so that little is lost and days get their share.
    pub(crate) fn settle(&mut self, at: BootMs, today: Option<&Today>) -> bool {
        let hours = self.running.settle(at);
        self.counted(Measure::Hours, hours, today);
        self.forget_starts(at);
        if let (None, Some(today)) = (self.since_ms, today) {
            self.since_ms = Some(today.wall_ms);
        }
        hours > 0.0
    }

    /// Starts within the last hour.
    pub(crate) fn starts_last_hour(&self, at: BootMs) -> u32 {
        let recent = self.starts.iter().filter(|start| at.since(**start) < HOUR_MS).count();
        u32::try_from(recent).unwrap_or(u32::MAX)
    }

    /// A person's entry: a service starts its interval anew. One that is known already changes nothing.
    pub(crate) fn entered(&mut self, entry: &HealthEntry, measure: Measure) {
        let (EntryKind::Service, Some(service)) = (entry.kind, &entry.service) else { return };
        if self.done.get(service).is_some_and(|known| known.at_ms >= entry.at_ms) {
            return;
        }
        let used = entry.used.get(&measure).copied().unwrap_or(0.0);
        self.done.insert(service.clone(), Done { at_ms: entry.at_ms, used });
    }

    /// Use since the record is kept.
    pub(crate) fn used(&self, measure: Measure) -> f64 {
        self.totals.get(&measure).map_or(0.0, |t| t.used)
    }

    /// Sum of a measure over the last `days` days.
    pub(crate) fn used_in(&self, measure: Measure, days: i32, today: i32) -> f64 {
        let recent = self.days.iter().filter(|d| d.no > today - days);
        // Not `sum`: that of nothing is -0.
        recent.filter_map(|d| d.used.get(&measure)).fold(0.0, |sum, v| sum + v)
    }

    fn counted(&mut self, measure: Measure, by: f64, today: Option<&Today>) {
        if by > 0.0 {
            let by = self.totals.entry(measure).or_default().counted(by);
            self.used_today(measure, by, today);
        }
    }

    fn used_today(&mut self, measure: Measure, by: f64, today: Option<&Today>) {
        if by > 0.0
            && let Some(day) = self.day(today)
        {
            *day.used.entry(measure).or_default() += by;
        }
    }

    /// The day's entry. A clock that went back finds its earlier day again, or counts for the newest.
    fn day(&mut self, today: Option<&Today>) -> Option<&mut Day> {
        let today = today?.day;
        if self.days.last().is_none_or(|last| last.no < today) {
            if self.days.len() >= DAYS_MAX {
                self.days.remove(0);
            }
            self.days.push(Day { no: today, ..Day::default() });
        }
        let at = self.days.iter().position(|d| d.no == today).unwrap_or(self.days.len().saturating_sub(1));
        self.days.get_mut(at)
    }

    fn forget_starts(&mut self, at: BootMs) {
        while self.starts.front().is_some_and(|start| at.since(*start) >= HOUR_MS) {
            self.starts.pop_front();
        }
    }
}
