//! What a profile says of the health record of its devices: which points count wear, and which services fall due when.
//!
//! Owns the declaration only; the record itself is kept elsewhere. An interval without a public source is our default and
//! the profile says so beside it.

use crate::model::id::Id;
use crate::model::text::Text;
use crate::profile::Setting;

/// Roles of points in the health record, and services. Every part may be missing: what is not declared is not counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HealthSpec {
    /// Switch: the machine works. Its hours and starts are counted.
    pub running: Option<Id>,
    /// The device's own total of hours; preferred over counted ones.
    pub hours: Option<Id>,
    /// The device's own total of starts; preferred over counted ones.
    pub starts: Option<Id>,
    /// The device's own total of trips.
    pub trips: Option<Id>,
    /// Switch: the door is not shut. Its openings are counted.
    pub door: Option<Id>,
    /// The device's own total of door cycles; preferred over counted ones.
    pub door_cycles: Option<Id>,
    /// Total of energy, kWh.
    pub energy: Option<Id>,
    /// Starts in an hour that the machine bears.
    pub starts_per_hour_max: Option<Setting>,
    /// A running machine takes turns with its siblings (same profile, same place): hours should be alike.
    pub duty: bool,
    /// Services.
    pub services: Vec<ServiceSpec>,
}

/// A service that falls due again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceSpec {
    /// Id inside the profile.
    pub id: Id,
    /// What is done.
    pub name: Text,
    /// How often.
    pub every: Interval,
}

/// What an interval is measured in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Interval {
    /// Hours run.
    Hours(f64),
    /// Starts.
    Starts(f64),
    /// Trips of a lift.
    Trips(f64),
    /// Openings of a door.
    DoorCycles(f64),
    /// Days by the calendar.
    Days(f64),
}
