//! A case: what became of one or several sightings, from the camera's event to its end, with every step anybody took.
//!
//! Plain data, kept as it stands here. A case is never deleted by its score: score and class only order the review.

mod stage;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::alarm::Level;
use crate::model::sight::{SightAction, SightKind, TrackPoint};
use crate::model::text::Text;

pub use stage::{Reason, Stage, StepKind};

/// Cameras named in one case; more are counted in [`Case::sightings`] only.
pub const CAMERAS_MAX: usize = 16;
/// Longest name of a person, characters.
pub const BY_CHARS_MAX: usize = 64;
/// Longest comment on a step, characters.
pub const NOTE_CHARS_MAX: usize = 500;
/// Begin of the key of every alarm that a case raises; the case's number follows.
pub const KEY_PREFIX: &str = "case.";

/// Number of a case, counted from 1 for the life of the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CaseNo(pub u64);

impl CaseNo {
    /// Key of the case's alarm.
    #[must_use]
    pub fn key(self) -> String {
        format!("{KEY_PREFIX}{}", self.0)
    }

    /// The case an alarm belongs to.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        key.strip_prefix(KEY_PREFIX)?.parse().ok()
    }
}

impl fmt::Display for CaseNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CaseNo {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What the physics says of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectClass {
    /// Falls as a dense thing does.
    Dense,
    /// Falls, held up by the air.
    Light,
    /// Does something else: bird, insect, rain on the lens.
    NotFalling,
    /// Too little to say.
    Undecidable,
}

impl ObjectClass {
    /// The word in payloads.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Light => "light",
            Self::NotFalling => "not_falling",
            Self::Undecidable => "undecidable",
        }
    }
}

/// What was found out about one sighting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What it is.
    pub class: ObjectClass,
    /// Probability of that class, 0..1.
    pub p: f64,
    /// Order in the review, 0..1; higher first.
    pub score: f64,
    /// Lowest floor it can have come from.
    pub floor_low: Option<i32>,
    /// Highest; open with `at_or_above`.
    pub floor_high: Option<i32>,
    /// The track began at the picture's edge.
    pub at_or_above: bool,
    /// Lowest release height above the ground.
    pub release_low_m: Option<f64>,
    /// Highest.
    pub release_high_m: Option<f64>,
    /// Where along the facade, from its left end.
    pub column_low_m: Option<f64>,
    /// ... to.
    pub column_high_m: Option<f64>,
    /// Speed at the ground.
    pub impact_speed_ms: Option<f64>,
    /// When it reached the ground, on the camera's own clock, as UTC milliseconds.
    pub impact_wall_ms: Option<i64>,
    /// Which judge, and which calibration: stands in the evidence.
    pub rule: String,
}

impl Judgement {
    /// Nothing is known but what the camera claims.
    #[must_use]
    pub fn unknown(floor: Option<i32>) -> Self {
        Self {
            class: ObjectClass::Undecidable,
            p: 0.0,
            score: 0.5,
            floor_low: floor,
            floor_high: floor,
            at_or_above: false,
            release_low_m: None,
            release_high_m: None,
            column_low_m: None,
            column_high_m: None,
            impact_speed_ms: None,
            impact_wall_ms: None,
            rule: "none".to_owned(),
        }
    }
}

/// One line of a case's story. Append-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The case.
    pub case: CaseNo,
    /// What.
    pub kind: StepKind,
    /// When, UTC milliseconds.
    pub wall_ms: i64,
    /// Who; empty for gatehouse itself.
    pub by: String,
    /// Comment of whoever did it, or a name (a file, a camera); may be empty. Records of before have here what is `why` now.
    pub note: String,
    /// Why, for a rejection.
    pub reason: Option<Reason>,
    /// The level of the alarm, where one was raised. Records of before have its word as their note: see [`Step::facts`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// What happened in gatehouse's own words: why a picture was not had, why evidence went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Text>,
}

impl Step {
    /// The level of the alarm it raised, and its note, also of records that had no field for the level.
    #[must_use]
    pub fn facts(&self) -> (Option<Level>, &str) {
        let noted = || Level::ALL.into_iter().find(|l| self.kind == StepKind::Raised && l.word() == self.note);
        match (self.level, noted()) {
            (None, Some(level)) => (Some(level), ""),
            (level, _) => (level, &self.note),
        }
    }
}

/// One case as it stands. Its flags are independent facts.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Number.
    pub no: CaseNo,
    /// What it is about.
    pub kind: SightKind,
    /// Facade id; the camera's id where it looks at none.
    pub facade: String,
    /// What people call the place (`3号楼东立面`).
    pub place: String,
    /// How far it has come.
    pub stage: Stage,
    /// It was confirmed at some time.
    pub confirmed: bool,
    /// Why it is none.
    pub rejected: Option<Reason>,
    /// Level of its alarm; none while there is none (a lane blocked for a short time).
    pub level: Option<Level>,
    /// The best judgement of all sightings; its ranges narrowed to what all agree on.
    pub judgement: Judgement,
    /// When it happened: the camera's time with the clock's difference taken out, else the arrival. UTC milliseconds.
    pub happened_wall_ms: i64,
    /// Arrival of the first event.
    pub opened_wall_ms: i64,
    /// When the last event happened.
    pub last_wall_ms: i64,
    /// Last change.
    pub changed_wall_ms: i64,
    /// Events that came.
    pub sightings: u32,
    /// Cameras that saw it, at most [`CAMERAS_MAX`].
    pub cameras: Vec<String>,
    /// Same facade and floors as several others of late.
    pub repeat: bool,
    /// Legal hold.
    pub held: bool,
    /// Its evidence is gone.
    pub evicted: bool,
    /// Every track of it lies wholly in a shield zone of its camera, of this name: it is told quietly and reviewed last.
    #[serde(default)]
    pub shielded: Option<String>,
    /// For a thing that lasts: how it ends, or that it has. Kept, so that a restart neither ends nor begins it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Lasts>,
}

/// How a thing that lasts is known to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lasts {
    /// Its camera sends signs of it; it is over when they stay away.
    Pulses,
    /// Its camera said that it began, and will say that it ended.
    Started,
    /// It is over.
    Over,
}

impl Case {
    /// Order of the review: undecided first, by level, then score, then newest.
    #[must_use]
    pub fn review_order(&self, other: &Self) -> std::cmp::Ordering {
        let group = |c: &Self| (c.confirmed || c.rejected.is_some(), c.level.unwrap_or(Level::Info));
        let score = other.judgement.score.total_cmp(&self.judgement.score);
        group(self).cmp(&group(other)).then(score).then(other.no.cmp(&self.no))
    }

    /// There is something left to do.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.stage != Stage::Closed
    }
}

/// A sighting as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptSighting {
    /// The case it went into.
    pub case: CaseNo,
    /// Camera id.
    pub camera: String,
    /// The camera's id of the event.
    pub event_id: String,
    /// What the camera claims; records of earlier releases do not say.
    #[serde(default)]
    pub kind: Option<SightKind>,
    /// Moment or length.
    pub action: SightAction,
    /// Arrival, UTC milliseconds.
    pub received_wall_ms: i64,
    /// The camera's own time.
    pub camera_wall_ms: Option<i64>,
    /// What was added to the camera's time to get ours.
    pub offset_ms: Option<i64>,
    /// The vendor's rule or channel.
    pub source: String,
    /// The vendor's class of object.
    pub object: Option<String>,
    /// The vendor's confidence.
    pub confidence: Option<f64>,
    /// Size of the picture the track is drawn in.
    pub frame: Option<(u32, u32)>,
    /// The track; empty when none came, or in short form.
    pub track: Vec<TrackPoint>,
    /// What was found out.
    pub judgement: Judgement,
    /// Over budget: kept without track, payload and pictures.
    pub brief: bool,
    /// SHA-256 of the payload, hex.
    pub payload_sha256: String,
}

impl KeptSighting {
    /// What the event is known by; see [`event_key`].
    #[must_use]
    pub fn key(&self) -> String {
        event_key(&self.event_id, self.kind, self.action, self.camera_wall_ms)
    }
}

/// What an event of a camera is known by. Its id alone will not do: cameras count from 1 again after a power cut, and name begin
/// and end of one thing by one number. Records of earlier releases are known by the id alone, which holds no line end.
#[must_use]
pub fn event_key(event_id: &str, kind: Option<SightKind>, action: SightAction, camera_wall_ms: Option<i64>) -> String {
    let at = camera_wall_ms.map(|ms| ms.to_string()).unwrap_or_default();
    format!("{event_id}\n{kind:?}\n{action:?}\n{at}")
}

/// Footage that was promised to a case and is not there yet. Kept on disk, so that a stop does not lose it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promised {
    /// The case.
    pub case: CaseNo,
    /// Where it is, as the camera said.
    pub reference: String,
    /// A moving picture.
    pub clip: bool,
    /// When it was promised, UTC milliseconds.
    pub wall_ms: i64,
    /// What goes into the manifest with it: JSON of the evidence folder's own making.
    pub origin: String,
}

/// What must reach the disk together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CaseWrite {
    /// As they stand now.
    pub cases: Vec<Case>,
    /// New.
    pub sightings: Vec<KeptSighting>,
    /// New.
    pub steps: Vec<Step>,
    /// Cases whose evidence is gone; nothing else about them changes.
    pub evicted: Vec<CaseNo>,
    /// Closed cases to be deleted, oldest first; the figures go on counting them. One that is open, held or the last by now
    /// stays.
    pub spent: Vec<CaseNo>,
    /// Footage to be had.
    pub promised: Vec<Promised>,
    /// Footage that has come, or never will: case and reference.
    pub settled: Vec<(CaseNo, String)>,
}

impl CaseWrite {
    /// Nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
            && self.sightings.is_empty()
            && self.steps.is_empty()
            && self.evicted.is_empty()
            && self.spent.is_empty()
            && self.promised.is_empty()
            && self.settled.is_empty()
    }

    /// Takes in another one; of a case that stands in both, the later state counts.
    pub fn absorb(&mut self, mut other: Self) {
        self.cases.retain(|old| other.cases.iter().all(|new| new.no != old.no));
        self.cases.append(&mut other.cases);
        self.sightings.append(&mut other.sightings);
        self.steps.append(&mut other.steps);
        self.evicted.append(&mut other.evicted);
        self.spent.append(&mut other.spent);
        self.promised.append(&mut other.promised);
        self.settled.append(&mut other.settled);
    }
}

/// Which cases to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseFilter {
    /// Only those not closed.
    pub open_only: bool,
    /// Numbered below this, for paging.
    pub before: Option<u64>,
    /// At most so many; 0 means 100, more than 1,000 is taken as 1,000.
    pub limit: usize,
}

/// A case with all that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseStory {
    /// The case.
    pub case: Case,
    /// Oldest first, at most some hundred.
    pub sightings: Vec<KeptSighting>,
    /// Oldest first.
    pub steps: Vec<Step>,
}

/// What a person does with a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Looks at it.
    Review,
    /// It happened.
    Confirm,
    /// It did not.
    Reject(Reason),
    /// Sends somebody.
    Dispatch,
    /// Is done with it.
    Close,
    /// Legal hold.
    Hold,
    /// End of the legal hold.
    Release,
    /// Saw the unmasked picture (written by the page before it is shown).
    View,
    /// Exported it.
    Export,
}

impl Act {
    /// Reads the word of a request; `reason` goes with `reject`.
    #[must_use]
    pub fn from_words(word: &str, reason: Option<Reason>) -> Option<Self> {
        Some(match word {
            "review" => Self::Review,
            "confirm" => Self::Confirm,
            "reject" => Self::Reject(reason?),
            "dispatch" => Self::Dispatch,
            "close" => Self::Close,
            "hold" => Self::Hold,
            "release" => Self::Release,
            _ => return None,
        })
    }
}

/// Why an act is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// No such case.
    #[error("there is no case {0}")]
    Unknown(CaseNo),
    /// The case is closed; nothing more can be done with it but look, export and hold.
    #[error("the case is closed; open a new one or add a legal hold")]
    Closed,
    /// Somebody must look first.
    #[error("review the case first: confirm or reject comes after looking at it")]
    ReviewFirst,
    /// Only what happened can be sent for.
    #[error("confirm the case first: nobody is sent to a case that nobody confirmed")]
    ConfirmFirst,
    /// Confirmed or rejected already.
    #[error("the case has been decided already; close it and note what was wrong")]
    Decided,
    /// Neither confirmed nor rejected.
    #[error("decide first: confirm or reject, so that the record says what it was")]
    Undecided,
    /// The disk does not take it.
    #[error("the step could not be kept: {0}")]
    Store(String),
}

/// How an act went.
#[derive(Debug, Clone, PartialEq)]
pub struct Acted {
    /// The case as it stands now.
    pub case: Case,
    /// It stood so before; nothing was changed.
    pub already: bool,
}

#[cfg(test)]
mod tests;
