//! The health record of every device: hours, starts, trips, door cycles, energy, alarms, services and a score.
//!
//! Owns the counting, the forecast of services, hot spots of faults, the sharing of work among siblings, and the score with
//! its reasons. Knows nothing of clocks, tasks, profiles, files or SQL: time is an argument, a [`Plan`] says which
//! points count as what, a record goes to and from a text that somebody else keeps.
//!
//! [`Book`] is fed by the pipeline and read by the page; one lock, held for a handful of additions or for the copy of one
//! record. A reading costs an index into a dense table; nothing is allocated until a machine starts or an alarm comes.
//!
//! Semantics:
//! - Time runs on the boot clock while a running switch is good and true; a bad reading stops it, since nobody can say what
//!   happened in between. An edge from a known 0 to a known 1 is a start, also across a gap.
//! - A total that the device keeps is preferred: what it grew by while gatehouse was away counts too. One that became
//!   smaller (a new device) starts again; use so far is kept.
//! - Days and hours of the week are local. While the wall clock is unset, totals grow and days do not.
//! - After a restart the record goes on from the text kept last; the gateway keeps it every two minutes, at an orderly stop,
//!   and at once with an entry of a person. So a lost power supply costs at most two minutes of what gatehouse counts
//!   itself, and nothing of what the device counts.
//!
//! Limits: [`DAYS_MAX`] days, nine weeks of faults, 128 starts in an hour. A device exchanged for one with a larger total
//! counts the difference as use until somebody enters the service.
//!
//! The score is a rubric of this project, not of a standard: 100 less the points of [`report`]'s table.

mod book;
mod record;
mod report;
mod spots;
#[cfg(test)]
mod tests;

pub use book::Book;
pub use record::{DAYS_MAX, Record, Today};

use std::sync::Arc;

use crate::model::health::Measure;
use crate::model::id::PointIx;
use crate::model::text::Text;

/// What a point counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Switch: the machine works.
    Running,
    /// Switch: the door is not shut.
    Door,
    /// The device's own total.
    Total(Measure),
}

/// A service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Id.
    pub id: String,
    /// What is done.
    pub name: Text,
    /// Counted in.
    pub measure: Measure,
    /// Interval.
    pub every: f64,
}

/// What counts for one device.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DevicePlan {
    /// Device id.
    pub id: Arc<str>,
    /// Kind, for hot spots of all devices of a kind.
    pub kind: String,
    /// Roles of its points.
    pub roles: Vec<(PointIx, Role)>,
    /// Starts in an hour that it bears.
    pub starts_per_hour_max: Option<f64>,
    /// Services.
    pub services: Vec<Service>,
    /// Devices that share work carry the same number.
    pub duty: Option<u32>,
}

impl DevicePlan {
    /// Whether anything counts this measure.
    #[must_use]
    pub fn counts(&self, measure: Measure) -> bool {
        self.roles.iter().any(|(_, role)| match role {
            Role::Running => matches!(measure, Measure::Hours | Measure::Starts),
            Role::Door => measure == Measure::DoorCycles,
            Role::Total(of) => *of == measure,
        })
    }
}

/// What counts for a site; devices by `DeviceIx`.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Number of points of the site.
    pub points: usize,
    /// Devices.
    pub devices: Vec<DevicePlan>,
    /// IANA zone; an unknown one reads as UTC.
    pub time_zone: String,
}
