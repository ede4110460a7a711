//! One point by itself: does it behave unlike itself, and when will it reach its limit.

use serde::{Deserialize, Serialize};

use super::trend::{TimeToLimit, Trend};

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
    trend: Option<Box<Trend>>,
}

/// What one reading told.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PointVerdict {
    /// 0..1, rising with surprise; keeps its order in the tail.
    pub score: f64,
    /// An alarm stands.
    pub alarm: bool,
    /// When a limit will be reached, if the trend is significant.
    pub trend: Option<TimeToLimit>,
}

impl PointModel {
    /// A point that knows nothing yet.
    pub fn new(settings: PointSettings) -> Self {
        let trend = (settings.limit_high.is_some() || settings.limit_low.is_some())
            .then(|| Box::new(Trend::new(settings.limit_high, settings.limit_low)));
        Self { trend }
    }

    /// One reading of good quality. `local_ms` is wall time in the site's zone, in milliseconds since 1970, rising.
    pub fn step(&mut self, local_ms: i64, value: f64, learning: bool) -> PointVerdict {
        let trend = self.trend.as_mut().and_then(|t| t.step(local_ms, value, learning));
        PointVerdict { trend, ..PointVerdict::default() }
    }
}
