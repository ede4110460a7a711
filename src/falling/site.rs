//! Owns the shape of the cameras file and the complaints about it: facades, cameras, reference points.
//!
//! Refuses to know optics (that is [`camera`](super::camera)). Text in, checked values or *all* complaints out; no I/O.
//! Limits: 256 facades, 256 cameras, 200 storeys, 256 reference points per camera.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
pub struct CamerasFile {
    /// Building faces that cameras look at.
    pub facades: Vec<Facade>,
    /// Cameras with what is known about their view.
    pub cameras: Vec<CameraConfig>,
}

/// One face of a building. Heights are metres above the ground at its foot.
#[derive(Debug, Clone, Deserialize)]
pub struct Facade {
    /// Name that cameras and events refer to.
    pub id: String,
    /// Number of storeys; floor 1 stands on the ground.
    pub storeys: u16,
    /// Height of a usual storey, metres.
    #[serde(default = "storey_default")]
    pub storey_m: f64,
    /// Width, metres; 0 where unknown.
    #[serde(default)]
    pub width_m: f64,
    /// Height of each floor's base, metres, rising, floor 1 first. Empty: floor n stands at `(n-1) * storey_m`.
    #[serde(default)]
    pub floor_base_m: Vec<f64>,
}

/// Default of ours for a dwelling's storey, metres; measured values in the file win.
fn storey_default() -> f64 {
    3.0
}

/// One camera.
#[derive(Debug, Clone, Deserialize)]
pub struct CameraConfig {
    /// Name that events refer to.
    pub id: String,
    /// The facade it looks at.
    pub facade: String,
    /// Frames a second.
    #[serde(default)]
    pub fps: f64,
    /// Picture width, pixels.
    pub width: f64,
    /// Picture height, pixels.
    pub height: f64,
    /// Where it stands; taken as approximately right.
    #[serde(default)]
    pub mount: Option<Mount>,
    /// Known points of the facade in the picture.
    pub reference_rows: Vec<Reference>,
    /// Standard error of the stated heights, metres.
    #[serde(default = "reference_error_default")]
    pub reference_error_m: f64,
    /// Radial lens distortion; the usual form `r (1 + k1 r²)`, `r` in focal lengths.
    #[serde(default)]
    pub k1: Option<f64>,
    /// Focal length, pixels.
    #[serde(default)]
    pub focal_px: Option<f64>,
    /// `true`: the points are spread over the facade and carry a turned or tilted view. Other shapes are ignored.
    #[serde(default)]
    pub full: Option<Value>,
}

/// Default of ours: a tape measure held to a window sill.
fn reference_error_default() -> f64 {
    0.1
}

/// Place of the camera.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Mount {
    /// Lens above the ground, metres.
    pub height_m: f64,
    /// Lens to the facade, horizontally, metres.
    pub distance_m: f64,
}

/// A known point: where it is in the picture and on the facade.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Reference {
    /// Pixels from the top.
    pub row: f64,
    /// Pixels from the left; the middle where unknown.
    #[serde(default)]
    pub col: Option<f64>,
    /// Floor whose base this is; informative.
    #[serde(default)]
    pub floor: Option<f64>,
    /// Metres above the ground.
    pub height_m: f64,
    /// Metres along the facade, any origin.
    #[serde(default)]
    pub facade_x_m: Option<f64>,
}

const STOREYS_MAX: u16 = 200;
const ENTRIES_MAX: usize = 256;
/// Fewer rows cannot carry a projective scale.
pub const REFERENCES_MIN: usize = 3;

impl CamerasFile {
    /// Reads and checks the text of a cameras file.
    ///
    /// # Errors
    /// Every complaint, each naming the facade or camera and the field.
    pub fn read(text: &str) -> Result<Self, Vec<String>> {
        let mut file: Self =
            serde_json::from_str(text).map_err(|error| vec![format!("not a cameras file: {error}")])?;
        for facade in &mut file.facades {
            facade.fill();
        }
        let faults = file.faults();
        if faults.is_empty() { Ok(file) } else { Err(faults) }
    }

    /// The facade of that name.
    pub fn facade(&self, id: &str) -> Option<&Facade> {
        self.facades.iter().find(|facade| facade.id == id)
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.cameras.is_empty() {
            faults.push("cameras: none given".to_owned());
        }
        if self.facades.len() > ENTRIES_MAX || self.cameras.len() > ENTRIES_MAX {
            faults.push(format!("at most {ENTRIES_MAX} facades and {ENTRIES_MAX} cameras"));
        }
        let mut seen = BTreeSet::new();
        for facade in &self.facades {
            if !seen.insert(("facade", facade.id.as_str())) {
                faults.push(format!("facade {}: given twice", facade.id));
            }
            facade.check(&mut faults);
        }
        for camera in &self.cameras {
            if !seen.insert(("camera", camera.id.as_str())) {
                faults.push(format!("camera {}: given twice", camera.id));
            }
            if self.facade(&camera.facade).is_none() {
                faults.push(format!("camera {}: facade `{}` is not in `facades`", camera.id, camera.facade));
            }
            camera.check(&mut faults);
        }
        faults
    }
}

impl Facade {
    /// Height of the roof edge, metres.
    pub fn roof_m(&self) -> f64 {
        self.floor_base_m.last().map_or(0.0, |base| base + self.storey_m)
    }

    /// The floor at that height; 1 below the ground, the topmost above the roof.
    pub fn floor_at(&self, height_m: f64) -> u16 {
        let below = self.floor_base_m.iter().filter(|base| **base <= height_m).count();
        u16::try_from(below).unwrap_or(u16::MAX).clamp(1, self.storeys.max(1))
    }

    fn fill(&mut self) {
        if self.floor_base_m.is_empty() && self.storeys <= STOREYS_MAX {
            self.floor_base_m = (0..self.storeys).map(|floor| f64::from(floor) * self.storey_m).collect();
        }
    }

    fn check(&self, faults: &mut Vec<String>) {
        let id = &self.id;
        if self.storeys == 0 || self.storeys > STOREYS_MAX {
            faults.push(format!("facade {id}: storeys {} is not within 1-{STOREYS_MAX}", self.storeys));
        }
        if !(1.5..=20.0).contains(&self.storey_m) {
            faults.push(format!("facade {id}: storey_m {} is not within 1.5-20 m", self.storey_m));
        }
        if self.storeys <= STOREYS_MAX && self.floor_base_m.len() != usize::from(self.storeys) {
            let given = self.floor_base_m.len();
            faults.push(format!("facade {id}: floor_base_m has {given} heights for {} storeys", self.storeys));
        }
        if self.floor_base_m.windows(2).any(|pair| pair[0] >= pair[1]) {
            faults.push(format!("facade {id}: floor_base_m must rise from floor to floor"));
        }
    }
}

impl CameraConfig {
    /// Whether the file says that the points carry a turned or tilted view.
    pub fn is_full(&self) -> bool {
        matches!(self.full, Some(Value::Bool(true)))
    }

    fn check(&self, faults: &mut Vec<String>) {
        let id = &self.id;
        if !(16.0..=32_768.0).contains(&self.width) || !(16.0..=32_768.0).contains(&self.height) {
            faults.push(format!("camera {id}: width and height are pixels of the picture, within 16-32768"));
        }
        if !(0.0..=1000.0).contains(&self.fps) {
            faults.push(format!("camera {id}: fps {} is not within 0-1000", self.fps));
        }
        if !(0.0..=5.0).contains(&self.reference_error_m) {
            faults.push(format!("camera {id}: reference_error_m {} is not within 0-5 m", self.reference_error_m));
        }
        if let Some(mount) = self.mount
            && (!(0.5..=2000.0).contains(&mount.distance_m) || !(-50.0..=500.0).contains(&mount.height_m))
        {
            faults.push(format!("camera {id}: mount wants distance_m within 0.5-2000 and height_m within -50-500"));
        }
        if self.k1.is_some_and(|k1| k1.abs() > 2.0) {
            faults.push(format!("camera {id}: k1 is not within -2-2"));
        }
        if self.focal_px.is_some_and(|focal| !(10.0..=200_000.0).contains(&focal)) {
            faults.push(format!("camera {id}: focal_px is not within 10-200000 pixels"));
        }
        self.check_references(faults);
    }

    fn check_references(&self, faults: &mut Vec<String>) {
        let id = &self.id;
        let points = &self.reference_rows;
        if points.len() > ENTRIES_MAX {
            faults.push(format!("camera {id}: at most {ENTRIES_MAX} reference_rows"));
            return;
        }
        let mut rows: Vec<f64> = points.iter().map(|point| point.row).collect();
        rows.sort_by(f64::total_cmp);
        rows.dedup_by(|a, b| (*a - *b).abs() < 1.0);
        if rows.len() < REFERENCES_MIN {
            let given = rows.len();
            faults.push(format!(
                "camera {id}: {given} different reference rows; at least {REFERENCES_MIN} are needed, 5 or more are better"
            ));
        }
        for (index, point) in points.iter().enumerate() {
            if !(-50.0..=2000.0).contains(&point.height_m) {
                faults.push(format!("camera {id}: reference_rows[{index}]: height_m is not within -50-2000 m"));
            }
            let col = point.col.unwrap_or(0.0);
            if point.row.abs() > 100_000.0 || col.abs() > 100_000.0 {
                faults.push(format!("camera {id}: reference_rows[{index}]: row or col lies far outside the picture"));
            }
        }
    }
}
