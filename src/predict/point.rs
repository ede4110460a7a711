//! One point by itself: does it behave unlike itself, and when will it reach its limit.

use serde::{Deserialize, Serialize};

/// What the operator fixes for a point; everything else is learnt.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PointSettings {
    /// Upper limit in the point's unit.
    pub limit_high: Option<f64>,
    /// Lower limit in the point's unit.
    pub limit_low: Option<f64>,
}

/// State of one point.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PointModel {
    settings: PointSettings,
}

/// What one reading told.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PointVerdict {
    /// 0..1, rising with surprise; keeps its order in the tail.
    pub score: f64,
    /// An alarm stands.
    pub alarm: bool,
    /// Seconds until the limit is reached, when the trend is significant.
    pub eta_s: Option<f64>,
}

impl PointModel {
    /// A point that knows nothing yet.
    pub fn new(settings: PointSettings) -> Self {
        Self { settings }
    }

    /// One reading of good quality. `local_ms` is wall time in the site's zone, in milliseconds since 1970, rising.
    pub fn step(&mut self, _local_ms: i64, _value: f64, _learning: bool) -> PointVerdict {
        let _ = self.settings.limit_high;
        PointVerdict::default()
    }
}
