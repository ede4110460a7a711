//! A device with several points: does it behave unlike a healthy one, and which points show it.

use serde::{Deserialize, Serialize};

/// State of one device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeviceModel {
    points: usize,
}

/// What one snapshot told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeviceVerdict {
    /// 0..1, rising with surprise; keeps its order in the tail.
    pub score: f64,
    /// An alarm stands.
    pub alarm: bool,
}

impl DeviceModel {
    /// A device of `points` points that knows nothing yet.
    pub fn new(points: usize) -> Self {
        Self { points }
    }

    /// One snapshot: `values[i]` is `NaN` where the point gave nothing at this instant.
    pub fn step(&mut self, _local_ms: i64, values: &[f64], _learning: bool) -> DeviceVerdict {
        debug_assert_eq!(values.len(), self.points, "one value per point");
        DeviceVerdict::default()
    }
}
