//! Cameras and the facades they look at, as the site describes them. Pure data.
//!
//! What the judge of falling objects needs to make a calibration of is here as plain numbers; the optics are its own.
//! Heights are metres above the ground at the foot of the facade, pixels count from the upper left corner.

use crate::model::id::Id;

/// Most facades of a site, and most cameras.
pub const CAMERAS_MAX: usize = 256;

/// One face of a building.
#[derive(Debug, Clone, PartialEq)]
pub struct Facade {
    /// Id.
    pub id: Id,
    /// Name for people.
    pub name: String,
    /// Number of storeys; floor 1 stands on the ground.
    pub storeys: u16,
    /// Height of a usual storey, metres.
    pub storey_m: f64,
    /// Width, metres; `None` where unknown.
    pub width_m: Option<f64>,
    /// Height of each floor's base, metres, rising, floor 1 first. Empty: floor n stands at `(n - 1) * storey_m`.
    pub floor_base_m: Vec<f64>,
}

/// Where a camera stands; taken as approximately right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mount {
    /// Lens above the ground, metres.
    pub height_m: f64,
    /// Lens to the facade, horizontally, metres.
    pub distance_m: f64,
}

/// A known point: where it is in the picture and on the facade.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReferenceRow {
    /// Pixels from the top.
    pub row: f64,
    /// Pixels from the left; the middle where unknown.
    pub col: Option<f64>,
    /// Floor whose base this is; informative.
    pub floor: Option<f64>,
    /// Metres above the ground.
    pub height_m: f64,
    /// Metres along the facade, any origin.
    pub facade_x_m: Option<f64>,
}

/// What is known about a camera's view.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct View {
    /// Frames per second.
    pub fps: Option<f64>,
    /// Width and height of the picture, pixels.
    pub frame: Option<(u32, u32)>,
    /// Where it stands.
    pub mount: Option<Mount>,
    /// Known points of the facade in the picture; none where the camera was not calibrated.
    pub reference_rows: Vec<ReferenceRow>,
    /// Standard error of the stated heights, metres.
    pub reference_error_m: f64,
    /// Radial lens distortion.
    pub k1: Option<f64>,
    /// Focal length, pixels.
    pub focal_px: Option<f64>,
    /// The points are spread over the facade and carry a turned or tilted view.
    pub full: bool,
}

/// A part of the picture in which movement is not a falling object: a tree, a flag, a road.
#[derive(Debug, Clone, PartialEq)]
pub struct Shield {
    /// Name for people.
    pub name: String,
    /// Its corners `(x, y)` in pixels, at least three.
    pub polygon: Vec<(f64, f64)>,
}

/// A camera, or a channel of a recorder.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Id; it stands in the address to which the camera posts.
    pub id: Id,
    /// Name for people.
    pub name: String,
    /// Place as a path.
    pub at: String,
    /// Serial number on its plate; empty where the site does not say. Goes into the evidence.
    pub serial: String,
    /// The facade it looks at, for falling objects.
    pub facade: Option<Id>,
    /// Its view.
    pub view: View,
    /// What to leave out of the picture.
    pub shields: Vec<Shield>,
}
