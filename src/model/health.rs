//! The health record of a device as it is shown, kept and written to: counts, services, reasons, notes.
//!
//! Field names are a promise to readers of `/api/v1/devices/{id}/health`. Times are UTC milliseconds; units last.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::alarm::Level;
use crate::model::text::Text;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Hours run.
    Hours,
    /// Starts.
    Starts,
    /// Trips of a lift.
    Trips,
    /// Openings of a door.
    DoorCycles,
    /// Energy, kWh.
    Energy,
    /// Days by the calendar.
    Days,
}

impl Measure {
    /// The word in payloads.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Hours => "hours",
            Self::Starts => "starts",
            Self::Trips => "trips",
            Self::DoorCycles => "door_cycles",
            Self::Energy => "energy",
            Self::Days => "days",
        }
    }
}

/// What a record does not know itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Around {
    /// Levels of the device's open alarms.
    pub open: Vec<Level>,
    /// The device answers.
    pub seen: bool,
    /// What is predicted of its points.
    pub ahead: Vec<TimeToLimit>,
}

/// A device's record at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HealthReport {
    /// Device id.
    pub device: String,
    /// 0 to 100; a rubric of this project, not of a standard (see the reasons).
    pub score: u8,
    /// What lowers the score, most points first.
    pub reasons: Vec<Reason>,
    /// Since when the record is kept.
    pub since_ms: Option<i64>,
    /// Totals.
    pub totals: Vec<TotalNow>,
    /// Starts, where they are counted.
    pub starts: Option<StartsNow>,
    /// Alarms since the record is kept, by level: life, critical, major, minor, info.
    pub alarms: [u64; 5],
    /// Alarms of the last 30 days, by level.
    pub alarms_30_days: [u64; 5],
    /// Services, next one first.
    pub services: Vec<ServiceDue>,
    /// Time until a point is expected to reach its limit, soonest first; empty where nothing is predicted.
    pub ahead: Vec<TimeToLimit>,
    /// How the work is shared with siblings.
    pub duty: Option<Duty>,
    /// Times of the week with many faults.
    pub spots: Vec<Spot>,
}

/// A reason for a lower score.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reason {
    /// A word that does not change.
    pub code: &'static str,
    /// Points lost.
    pub points: u8,
    /// In words.
    #[schema(value_type = Object)]
    pub text: Text,
}

/// A total.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TotalNow {
    /// What.
    pub measure: Measure,
    /// The total: the device's own where it has one, else as counted since the record is kept.
    pub value: f64,
    /// It is the device's own.
    pub own: bool,
    /// Mean use per day, last 28 days; `None` before a day is full.
    pub per_day: Option<f64>,
}

/// Starts of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct StartsNow {
    /// In the last hour.
    pub last_hour: u32,
    /// Most in any hour of the last 7 days.
    pub peak_7_days: u32,
    /// Most that the machine bears, where the profile says so.
    pub max: Option<f64>,
}

/// A service and when it is due.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ServiceDue {
    /// Id in the profile.
    pub id: String,
    /// What is done.
    #[schema(value_type = Object)]
    pub name: Text,
    /// The interval is counted in this.
    pub measure: Measure,
    /// Interval.
    pub every: f64,
    /// Used of it since the last service, or since the record is kept.
    pub used: f64,
    /// The interval is used up.
    pub overdue: bool,
    /// When it is used up at the rate of the last 28 days; `None` before a day is known or when nothing moves.
    pub due_ms: Option<i64>,
    /// When it was last done; `None` if nobody has said.
    pub done_ms: Option<i64>,
}

/// When a point is expected to reach its limit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TimeToLimit {
    /// Point id inside the device.
    pub point: String,
    /// Its name.
    #[serde(skip)]
    #[schema(ignore)]
    pub name: Text,
    /// Not before, hours.
    pub low_h: f64,
    /// Most likely, hours.
    pub eta_h: f64,
    /// Not after, hours; `None` if it may never.
    pub high_h: Option<f64>,
}

impl TimeToLimit {
    /// The likeliest time in words: minutes are not promised, and beyond two days hours are not either.
    pub fn words(&self) -> Text {
        let (zh, en) = match self.eta_h {
            h if h < 1.0 => ("不到 1 小时".to_owned(), "less than an hour".to_owned()),
            h if h < 48.0 => (format!("{h:.0} 小时"), format!("{h:.0} h")),
            h => (format!("{:.0} 天", h / 24.0), format!("{:.0} days", h / 24.0)),
        };
        Text::new(&zh, &en)
    }
}

/// How siblings share the work: same profile, same place.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Duty {
    /// Hours of this device, last 28 days.
    pub hours: f64,
    /// Mean of all siblings.
    pub mean_hours: f64,
    /// Most against least, in percent of the most.
    pub spread_percent: f64,
    /// Siblings with this one.
    pub of: u32,
}

/// A time of the week with more faults than chance explains.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Spot {
    /// 0 is Monday.
    pub weekday: u8,
    /// Local hour; `None` for the whole day.
    pub hour: Option<u8>,
    /// Faults there in the last 8 weeks and this one.
    pub faults: u32,
    /// Expected if they were spread evenly.
    pub expected: f64,
}

/// What kind of entry a person makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A remark.
    Note,
    /// A part was replaced.
    Part,
    /// A service was done.
    Service,
}

impl EntryKind {
    /// The word in payloads.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Part => "part",
            Self::Service => "service",
        }
    }
}

/// An entry that a person made. Entries are only ever added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthEntry {
    /// Device id.
    pub device: String,
    /// When it was entered.
    pub at_ms: i64,
    /// By whom.
    pub by: String,
    /// What kind.
    pub kind: EntryKind,
    /// Which service, for [`EntryKind::Service`].
    pub service: Option<String>,
    /// What was done or replaced.
    pub text: String,
    /// The device behaves differently from now on: what was learnt of it is to be learnt again.
    pub relearn: bool,
    /// Use so far at that time, by measure; intervals are counted on from here.
    pub used: BTreeMap<Measure, f64>,
}

/// What the store is asked to keep in one synced commit.
#[derive(Debug, Clone, Default)]
pub struct HealthWrite {
    /// `(device, record)`, each replacing the earlier one.
    pub records: Vec<(String, String)>,
    /// Entries to add.
    pub entries: Vec<HealthEntry>,
}
