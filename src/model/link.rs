//! How lines and devices are doing: the link's state, and the figures an integrator asks for.

use serde::Serialize;

use crate::model::id::{DeviceIx, LineIx};
use crate::model::quality::Quality;
use crate::model::text::Text;
use crate::model::time::BootMs;

/// State of a line or of a device behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Not tried yet.
    Initial,
    /// Works.
    Up,
    /// Does not work; being retried.
    Down,
    /// A device that did not answer repeatedly: probed with a growing pause, so that it cannot starve its siblings.
    Quarantined,
}

/// A change of a link's state, with the reason in the driver's words.
#[derive(Debug, Clone)]
pub struct LinkChange {
    /// Whose state.
    pub of: LinkOf,
    /// The new state.
    pub state: LinkState,
    /// The quality its points take while it is not up.
    pub quality: Quality,
    /// What happened, for people (`connection refused by 10.0.8.21:502`).
    pub reason: Text,
    /// When.
    pub at: BootMs,
}

/// A line or a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkOf {
    /// A whole line.
    Line(LineIx),
    /// One device.
    Device(DeviceIx),
}

/// Running totals of a device or line since start. Plain numbers; drivers own them, readers get copies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LinkStats {
    /// Requests sent or messages received.
    pub polls: u64,
    /// Answered properly.
    pub answers: u64,
    /// No answer in time.
    pub timeouts: u64,
    /// Refused with an exception.
    pub refusals: u64,
    /// Late, foreign or damaged frames dropped.
    pub rejects: u64,
    /// Scans that were due and could not be started within their period.
    pub missed: u64,
    /// Sum of answer times, in microseconds; divide by `answers`.
    pub answer_us_sum: u64,
    /// Longest answer time, in microseconds.
    pub answer_us_max: u64,
}

/// What southbound tells the pipeline.
#[derive(Debug)]
pub enum FieldEvent {
    /// Values came, or a poll failed (samples are then `Bad`).
    Scan(crate::model::reading::Scan),
    /// A line or device changed state.
    Link(LinkChange),
    /// A device confirmed that it lacks a register; kept across restarts.
    Unsupported {
        /// The device.
        device: DeviceIx,
        /// Its points that this concerns.
        points: Vec<crate::model::id::PointIx>,
    },
}
