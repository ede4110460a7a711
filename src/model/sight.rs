//! What a camera (or a recorder in its place) reported, after a profile's mapping and the caps of intake.
//!
//! A sighting is a claim of a camera, not yet an alarm: the case desk judges it, merges it with others and raises. Pixels
//! count from the upper left corner; times of a track are seconds on the camera's own clock.

use std::sync::Arc;

use crate::model::time::{BootMs, WallMs};

/// Most points of a track that are kept; intake refuses longer ones.
pub const TRACK_POINTS_MAX: usize = 2_000;
/// Most pictures of one sighting; the rest is dropped and counted.
pub const PICTURES_MAX: usize = 4;

/// What kind of event the camera claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SightKind {
    /// 高空抛物: something falls from a building.
    FallingObject,
    /// An electric bicycle enters a lift.
    EbikeInLift,
    /// Something stands on the fire lane.
    FireLaneBlocked,
    /// Somebody crosses the perimeter.
    Perimeter,
}

/// Whether the event is a moment or has a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SightAction {
    /// A moment.
    Pulse,
    /// It begins.
    Start,
    /// It has ended.
    Stop,
}

/// One point of a track: the centre of the object's box.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TrackPoint {
    /// Seconds on the camera's clock.
    pub t: f64,
    /// Column in pixels.
    pub x: f64,
    /// Row in pixels, downwards.
    pub y: f64,
    /// Width of the box in pixels; 0 when not given.
    #[serde(default)]
    pub w: f64,
    /// Height of the box in pixels; 0 when not given.
    #[serde(default)]
    pub h: f64,
}

/// A picture or clip that belongs to a sighting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Footage {
    /// Came with the event: media type and bytes, within intake's caps.
    Inline {
        /// As declared, `image/jpeg`.
        media_type: String,
        /// The bytes as they came.
        bytes: Arc<[u8]>,
    },
    /// To be fetched from the camera's own host; the fetcher refuses any other.
    Remote {
        /// Path and query on the camera's host, or an absolute address that must lie on it.
        reference: String,
        /// A moving picture.
        clip: bool,
    },
}

/// One event of one camera.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// Camera id of the configuration.
    pub camera: Arc<str>,
    /// The event's own id at the camera, or one made from its content: the same event sent twice has the same.
    pub event_id: Arc<str>,
    /// What.
    pub kind: SightKind,
    /// Moment or length.
    pub action: SightAction,
    /// When it came, on the boot clock.
    pub received: BootMs,
    /// When it happened by the camera's clock.
    pub camera_time: Option<WallMs>,
    /// The vendor's rule or channel in its own words, for people.
    pub source: String,
    /// The vendor's class of object, in its words.
    pub object: Option<String>,
    /// The vendor's confidence, 0..1.
    pub confidence: Option<f64>,
    /// Frames per second, if the event says so; else the camera's configuration counts.
    pub fps: Option<f64>,
    /// Size of the picture the track is drawn in, pixels; else the camera's configuration counts.
    pub frame: Option<(u32, u32)>,
    /// The track, in the order it came; empty when the camera sends none.
    pub track: Vec<TrackPoint>,
    /// The floor the camera claims.
    pub floor: Option<i32>,
    /// Pictures and clips.
    pub footage: Vec<Footage>,
    /// The payload as it came (pictures cut out), kept as evidence.
    pub raw: Arc<[u8]>,
}
