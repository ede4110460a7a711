//! Vision profiles: how a vendor's event is read, as data. Pure.
//!
//! A payload of any form (JSON, XML, event-stream text) is first a tree; every field of an event is found in it by
//! pointers. Nothing of any vendor stands in the program: names, words, units and addresses are all in the profile.

use crate::model::sight::{SightAction, SightKind};
use crate::model::text::Text;

/// JSON pointers (RFC 6901); the first that leads to something counts. Besides the standard, a token that is no index
/// passes through a list to its first element: XML does not say whether one element is a list.
pub type Pointers = Vec<String>;

/// A vision profile.
#[derive(Debug, Clone, PartialEq)]
pub struct VisionProfile {
    /// Id, the name of the file.
    pub id: String,
    /// Counts up with each change.
    pub revision: u32,
    /// Name.
    pub name: Text,
    /// Public sources of the format.
    pub source: Vec<String>,
    /// `documented` or `tested`.
    pub evidence: String,
    /// Settings of the camera, traps.
    pub note: Text,
    /// Where the fields are.
    pub event: EventMap,
    /// The vendor's words for kinds of event, compared without regard to case.
    pub kinds: Vec<(String, Meaning)>,
    /// The vendor's words for begin and end.
    pub actions: Vec<(String, SightAction)>,
    /// The endless stream of events that the camera serves, if it does.
    pub stream: Option<StreamMap>,
    /// Golden vectors.
    pub tests: Vec<VisionTest>,
}

/// What a vendor's word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// An event of ours.
    Kind(SightKind),
    /// Known, and nothing to us: heartbeats, plain motion.
    Ignore,
}

/// Where the fields of an event are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventMap {
    /// List of events, if one payload can hold several.
    pub each: Pointers,
    /// The event's own id.
    pub id: Pointers,
    /// When it happened.
    pub time: Pointers,
    /// The vendor's word for the kind.
    pub kind: Pointers,
    /// The kind when the payload names none.
    pub kind_default: Option<SightKind>,
    /// The vendor's word for begin and end.
    pub action: Pointers,
    /// Rule and channel: all that are there, joined.
    pub source: Pointers,
    /// Class of object.
    pub object: Pointers,
    /// Confidence.
    pub confidence: Pointers,
    /// What full confidence is: 1, or 100.
    pub confidence_full: f64,
    /// Frames per second.
    pub fps: Pointers,
    /// Width of the picture that coordinates refer to.
    pub width: Pointers,
    /// Its height.
    pub height: Pointers,
    /// Floor.
    pub floor: Pointers,
    /// How many pictures follow as parts of their own.
    pub pictures_follow: Pointers,
    /// The track.
    pub track: Option<TrackMap>,
    /// A box or several, when there is no track.
    pub boxes: Option<TrackMap>,
    /// Pictures and clips.
    pub footage: Vec<FootageMap>,
}

/// A list of points or boxes.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackMap {
    /// The list, or a single one.
    pub at: Pointers,
    /// Time, relative to a point. A list without times is no track: only its first point is kept, as a box.
    pub t: Option<String>,
    /// Seconds in one unit of `t`.
    pub t_unit_s: f64,
    /// Column, relative to a point.
    pub x: String,
    /// Row.
    pub y: String,
    /// Width (or right edge).
    pub w: Option<String>,
    /// Height (or lower edge).
    pub h: Option<String>,
    /// What the four say.
    pub shape: Shape,
    /// The coordinate at the picture's far edge (1, 1000, 8192); `None` for pixels.
    pub full: Option<f64>,
    /// Rows count from the bottom.
    pub from_bottom: bool,
}

/// What the coordinates of a box say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `x`, `y` are the centre, `w`, `h` the size.
    Centre,
    /// `x`, `y` are the upper left corner, `w`, `h` the size.
    Corner,
    /// `x`, `y` are the upper left corner, `w`, `h` the lower right one.
    Corners,
}

/// A picture or clip.
#[derive(Debug, Clone, PartialEq)]
pub struct FootageMap {
    /// Where its reference is.
    pub at: Pointers,
    /// What it is.
    pub what: FootageKind,
}

/// What a field about footage holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FootageKind {
    /// The address of a picture.
    Picture,
    /// The address of a clip.
    Clip,
    /// The picture itself, in base64.
    Inline,
}

/// An endless stream of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamMap {
    /// Path and query on the camera.
    pub path: String,
    /// Words in a part that is only a sign of life; a part that starts with one is not read.
    pub heartbeats: Vec<String>,
}

/// A golden vector: a payload and what must come of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VisionTest {
    /// The payload.
    pub payload: String,
    /// Size of the picture that the site configured.
    pub frame: Option<(u32, u32)>,
    /// Which of the payload's events, from 0.
    pub event: usize,
    /// `falling_object`, ..., or `ignore`, `unknown`, or a class of refusal.
    pub outcome: String,
    /// Facts by name that must hold: see `southbound::vision::golden`.
    pub facts: Vec<(String, String)>,
}
