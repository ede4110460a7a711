//! Facades and the cameras that look at them, as the case desk and the page know them.

use serde::Serialize;

/// A side of a building.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facade {
    /// Id.
    pub id: String,
    /// What people call it (`3号楼东立面`).
    pub name: String,
    /// Storeys above the ground; floor 1 stands on it.
    pub storeys: i32,
    /// Height of a storey in metres.
    pub storey_m: f64,
    /// Width in metres, if known.
    pub width_m: Option<f64>,
}

/// A camera.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraPlace {
    /// Id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The facade it looks at.
    pub facade: Option<String>,
    /// Its serial number or what else stands on its plate; goes into the evidence.
    pub serial: String,
    /// Size of its picture in pixels, for tracks that bring none.
    pub frame: Option<(u32, u32)>,
    /// Parts of that picture in which movement is nothing.
    pub shields: Vec<ShieldZone>,
}

/// A part of a camera's picture, by its corners in pixels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShieldZone {
    /// What is there.
    pub name: String,
    /// Corners `(x, y)`.
    pub polygon: Vec<(f64, f64)>,
}

/// All that is watched.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Watched {
    /// Facades.
    pub facades: Vec<Facade>,
    /// Cameras.
    pub cameras: Vec<CameraPlace>,
}

impl Watched {
    /// A camera by id.
    #[must_use]
    pub fn camera(&self, id: &str) -> Option<&CameraPlace> {
        self.cameras.iter().find(|c| c.id == id)
    }

    /// A facade by id.
    #[must_use]
    pub fn facade(&self, id: &str) -> Option<&Facade> {
        self.facades.iter().find(|f| f.id == id)
    }
}
