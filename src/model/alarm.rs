//! Alarms as data: level, state, what happened to one, and the record that is kept.
//!
//! A *condition* is the test (see [`crate::rules`]); an *alarm* is its managed state (see [`crate::alarms`]). A cleared
//! alarm never becomes active again: a new one is born, with a new id.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::finding::Explanation;
use crate::model::text::Text;
use crate::model::time::BootMs;

/// How bad. Order: worst first, so that sorting ascending puts life on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Lives are in danger: smoke, gas, SOS, entrapment. Never shelved, delayed, grouped or throttled.
    Life,
    /// Act now.
    Critical,
    /// Act this shift.
    Major,
    /// Act this day.
    Minor,
    /// To know.
    Info,
}

impl Level {
    /// All levels, worst first.
    pub const ALL: [Self; 5] = [Self::Life, Self::Critical, Self::Major, Self::Minor, Self::Info];

    /// The word in config files and payloads.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Life => "life",
            Self::Critical => "critical",
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Info => "info",
        }
    }

    /// What people read.
    #[must_use]
    pub fn text(self) -> Text {
        match self {
            Self::Life => Text::new("危及生命", "Life"),
            Self::Critical => Text::new("紧急", "Critical"),
            Self::Major => Text::new("重要", "Major"),
            Self::Minor => Text::new("一般", "Minor"),
            Self::Info => Text::new("提示", "Info"),
        }
    }
}

/// The four base states of ISA-18.2 (clause 5.6 of the standard's state diagram) for one alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// No alarm. A record in this state is history.
    Normal,
    /// Active, nobody has answered.
    Unacknowledged,
    /// Active, somebody has answered.
    Acknowledged,
    /// The condition is gone (or latched and waiting for reset), nobody has answered.
    ReturnedUnacknowledged,
}

impl AlarmState {
    /// The word in payloads.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Unacknowledged => "unacknowledged",
            Self::Acknowledged => "acknowledged",
            Self::ReturnedUnacknowledged => "returned_unacknowledged",
        }
    }

    /// What people read.
    #[must_use]
    pub fn text(self) -> Text {
        match self {
            Self::Normal => Text::new("已恢复", "Cleared"),
            Self::Unacknowledged => Text::new("未确认", "Unacknowledged"),
            Self::Acknowledged => Text::new("已确认", "Acknowledged"),
            Self::ReturnedUnacknowledged => Text::new("已恢复，未确认", "Returned, unacknowledged"),
        }
    }
}

/// The fixed texts of an alarm: what stands in the profile or the rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmText {
    /// One line: what happened.
    pub title: Text,
    /// Likely cause.
    pub cause: Text,
    /// What happens if ignored.
    pub harm: Text,
    /// Numbered steps.
    pub action: Vec<Text>,
}

/// A value as it was when the alarm was born; frozen with the alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// `device.point`.
    pub point: Arc<str>,
    /// The value; `None` if there was none.
    pub value: Option<f64>,
    /// Unit code.
    pub unit: Option<String>,
    /// Quality word.
    pub quality: String,
}

/// One alarm, whole. Every change stores and sends this record as it then stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmRecord {
    /// `device.alarm@boot-onset`: the same for a crash between act and commit, so it is never raised twice.
    pub id: Arc<str>,
    /// `device.alarm` or `rule.name`: what it is an alarm of. At most one active record per key.
    pub key: Arc<str>,
    /// Device id; empty for a rule over several devices or the gateway itself.
    pub device: String,
    /// The site's name for the device.
    pub device_name: String,
    /// Place path.
    pub at: String,
    /// Level.
    pub level: Level,
    /// Texts.
    pub text: AlarmText,
    /// State.
    pub state: AlarmState,
    /// The condition holds at present. A latched alarm can be active while the condition is gone.
    pub condition: bool,
    /// The alarm stays until reset even when the condition is gone.
    pub latched: bool,
    /// Boot during which it was born.
    pub boot: u64,
    /// Birth, boot clock of `boot`.
    pub raised_at: BootMs,
    /// Birth, wall time as then known, UTC milliseconds.
    pub raised_wall_ms: i64,
    /// Last change, wall time as then known.
    pub changed_wall_ms: i64,
    /// When the condition went away, wall time.
    pub cleared_wall_ms: Option<i64>,
    /// When and by whom it was acknowledged.
    pub acknowledged: Option<Acknowledged>,
    /// What triggered it: limit and measured value for `value 0.03 < limit 0.05`.
    pub trigger: Option<Trigger>,
    /// Why, for alarms of detectors that learn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Box<Explanation>>,
    /// Values at birth.
    pub snapshot: Vec<Snapshot>,
    /// Devices hidden behind it (a dead line counts its devices here instead of ringing for each).
    pub children: u32,
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Name given.
    pub by: String,
    /// Comment, may be empty.
    pub note: String,
    /// When, UTC milliseconds.
    pub wall_ms: i64,
}

/// The numbers behind an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// `device.point`, the rule's expression, or what a driver says, in English.
    pub what: String,
    /// What a driver or another part of gatehouse says, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Text>,
    /// Value seen.
    pub value: Option<f64>,
    /// Limit crossed.
    pub limit: Option<f64>,
    /// Unit code.
    pub unit: Option<String>,
}

/// What happened to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmChange {
    /// Born.
    Raised,
    /// Somebody answered.
    Acknowledged,
    /// The condition went away (recorded once per alarm, at the moment that it does).
    Cleared,
    /// A latched alarm was reset by a person or at the source.
    Reset,
    /// Left the list: condition gone and acknowledged.
    Closed,
}

impl AlarmChange {
    /// The word in payloads (`alarm.raised`).
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Acknowledged => "acknowledged",
            Self::Cleared => "cleared",
            Self::Reset => "reset",
            Self::Closed => "closed",
        }
    }
}

/// One change of one alarm: goes to the journal, then to the page and the cloud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmEvent {
    /// What happened.
    pub change: AlarmChange,
    /// When, boot clock.
    pub at: BootMs,
    /// When, wall time as known, UTC milliseconds.
    pub wall_ms: i64,
    /// Who did it, for acknowledge and reset.
    pub by: Option<String>,
    /// Their comment.
    pub note: Option<String>,
    /// The alarm after the change.
    pub alarm: AlarmRecord,
}
