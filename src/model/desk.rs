//! What people and other parts may ask of the alarm desk, and what it answers.
//!
//! The desk lives in the pipeline's task; requests travel on a bounded channel, answers come back through a [`Reply`].

use std::fmt;
use std::sync::Arc;

use crate::model::alarm::{Acknowledged, AlarmRecord, AlarmText, Level};
use crate::model::far::FarEnd;
use crate::model::text::Text;
use crate::model::time::BootMs;

/// Where an answer goes. It must not block (a oneshot sender in a closure).
pub struct Reply<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Reply<T> {
    /// `tell` is called once with the answer, or never if the pipeline has ended.
    pub fn new(tell: impl FnOnce(T) + Send + 'static) -> Self {
        Self(Box::new(tell))
    }

    /// Gives the answer.
    pub fn send(self, answer: T) {
        (self.0)(answer);
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

/// A request to the desk.
#[derive(Debug)]
pub enum DeskCommand {
    /// Somebody answers an alarm. Idempotent.
    Acknowledge {
        /// Alarm id.
        id: String,
        /// Name given.
        by: String,
        /// Comment, may be empty.
        note: String,
        /// Answered when the change is committed, or after 500 ms if the disk stalls.
        reply: Reply<Result<Handled, DeskError>>,
    },
    /// Somebody resets a latched alarm whose condition is gone.
    Reset {
        /// Alarm id.
        id: String,
        /// Name given.
        by: String,
        /// Comment, may be empty.
        note: String,
        /// Answered when the change is committed, or after 500 ms if the disk stalls.
        reply: Reply<Result<Handled, DeskError>>,
    },
    /// A rule that learns forgets what it has learnt: the device has been repaired or replaced.
    Relearn {
        /// Rule key, `device.alarm` or `rule.name`; or a device id for all rules of the device.
        key: String,
        /// Name given.
        by: String,
        /// Answered at once: how many rules learn anew.
        reply: Reply<Result<usize, DeskError>>,
    },
    /// Another part of gatehouse reports a trouble of its own, or its end. Repeating it is harmless.
    Signal {
        /// Which.
        signal: Signal,
        /// It holds.
        holds: bool,
        /// Facts for people (`disk full`), may be empty.
        reason: Text,
    },
    /// A part that keeps its own list of things to handle raises the alarm of one of them, or ends it. Repeating it is
    /// harmless.
    Report(Box<Report>),
}

/// An alarm that no rule and no device stands behind: it is reported, and ends when that is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Key of the alarm, begins with [`crate::model::case::KEY_PREFIX`] or [`crate::model::intake::CAMERA_KEY_PREFIX`].
    pub key: Arc<str>,
    /// What people call the place or thing.
    pub name: String,
    /// Place path.
    pub at: String,
    /// Level. Reported anew with a more urgent one, the alarm rings again as a new one.
    pub level: Level,
    /// Texts.
    pub text: AlarmText,
    /// The facts in one line, may be empty.
    pub what: String,
    /// It holds.
    pub holds: bool,
    /// Somebody has answered already, at the part's own place: name and comment.
    pub answered: Option<(String, String)>,
}

/// Troubles of gatehouse itself that are alarms.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// The disk fails or is full: `gateway.store_degraded`.
    StoreDegraded,
    /// The wall clock has never been set: `gateway.clock_unset`.
    ClockUnset,
    /// An upstream, webhook or broker takes nothing: `<kind>.<id>.down`, after five minutes.
    FarEndDown(FarEnd),
}

/// Answer to a request that was possible.
#[derive(Debug, Clone, PartialEq)]
pub struct Handled {
    /// The alarm as it stands now.
    pub alarm: AlarmRecord,
    /// Set when somebody had already answered: nothing was changed.
    pub already: Option<Acknowledged>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// No such alarm on the list; it may have closed.
    #[error("alarm `{0}` is not on the list (it may have closed)")]
    NotOpen(String),
    /// Reset asked of an alarm that does not latch.
    #[error("this alarm does not latch: it closes by itself once acknowledged and returned")]
    NotLatched,
    /// No learning rule of that name.
    #[error("no rule that learns is called `{0}`, and no device with such rules")]
    NotLearning(String),
    /// Reset asked while the condition holds.
    #[error("the condition still holds: remove the cause first, then reset")]
    StillActive,
}

/// How busy the alarm list keeps people (EEMUA 191: up to 1 new alarm in 10 minutes is acceptable, more than 10 a flood).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct AlarmFigures {
    /// New alarms in the last 10 minutes.
    pub raised_10_min: u32,
    /// New alarms in the last hour.
    pub raised_60_min: u32,
    /// Alarms on the list.
    pub standing: u32,
    /// Of these, not acknowledged.
    pub unacknowledged: u32,
    /// More than 10 new ones in 10 minutes.
    pub flood: bool,
    /// As of.
    pub at: BootMs,
}
