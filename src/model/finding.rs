//! Why a detector that learns says what it says: expected, seen, since when, which points, how sure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::id::PointIx;

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// On its way to a limit.
    Trend,
    /// A short excursion.
    Spike,
    /// Another level.
    Level,
    /// Not what is usual at this hour of the week.
    Rhythm,
    /// A course that was never seen.
    Shape,
    /// Does not move although it usually does.
    Flat,
    /// A device of several points: moved within a few readings.
    Sudden,
    /// A device of several points: went to another level and stays.
    Lasting,
    /// A device of several points: little by little.
    Drift,
    /// A point of the device no longer goes with the others; what they let expect stands beside what is seen, which may be
    /// in the point's usual range.
    Apart,
}

/// One point that shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SuspectPoint {
    /// The point.
    pub point: PointIx,
    /// Lowest usual value.
    pub expected_low: f64,
    /// Highest usual value.
    pub expected_high: f64,
    /// Value seen.
    pub seen: f64,
    /// Part in the finding, 0..1.
    pub share: f64,
}

/// When a limit will be reached, counted from the reading that told it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ahead {
    /// The limit, in the point's unit.
    pub limit: f64,
    /// Seconds to the limit.
    pub eta_s: f64,
    /// Eight of ten crossings should come after this many seconds ...
    pub low_s: f64,
    /// ... and before these; none when the rise may as well fade out.
    pub high_s: Option<f64>,
}

/// What a detector found, over point numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// For how long it has looked odd, in milliseconds before the change.
    pub for_ms: i64,
    /// 0..1.
    pub confidence: f64,
    /// The points, most suspect first.
    pub suspects: Vec<SuspectPoint>,
    /// Time to the limit, for a trend.
    pub ahead: Option<Ahead>,
}

/// A finding as it is kept with an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// What.
    pub kind: FindingKind,
    /// Since when it has looked odd, UTC milliseconds as then known.
    pub since_wall_ms: i64,
    /// 0..1.
    pub confidence: f64,
    /// The points, most suspect first.
    pub suspects: Vec<Suspect>,
    /// Time to the limit when it was told, for a trend.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ahead: Option<Ahead>,
}

/// One point of an [`Explanation`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suspect {
    /// `device.point`.
    pub point: Arc<str>,
    /// Unit code.
    pub unit: Option<String>,
    /// Lowest usual value.
    pub expected_low: f64,
    /// Highest usual value.
    pub expected_high: f64,
    /// Value seen.
    pub seen: f64,
    /// Part in the finding, 0..1.
    pub share: f64,
}

/// How a learning rule stands, for the page; looked at about once a second.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// Rule key.
    pub key: Arc<str>,
    /// Points it looks at.
    pub points: Vec<PointIx>,
    /// Commissioning progress, 0..1; judges from 1 on.
    pub progress: f64,
    /// Time to the limit as of the last reading, for a trend; at most a hundredth of it old.
    pub ahead: Option<Ahead>,
}

/// What changes about an [`Outlook`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Standing {
    /// See [`Outlook::progress`].
    pub progress: f64,
    /// See [`Outlook::ahead`].
    pub ahead: Option<Ahead>,
}

impl Standing {
    /// It would read otherwise on the page: by a thousandth of the commissioning, a hundredth of the time left (a second,
    /// close to the limit), or the band's ends by a twentieth.
    #[must_use]
    pub fn differs(&self, told: &Self) -> bool {
        let apart = |a: f64, b: f64, share: f64| (a - b).abs() > (share * b.abs()).max(1.0);
        let done = |s: &Self| s.progress >= 1.0;
        let ahead = match (&self.ahead, &told.ahead) {
            (None, None) => false,
            (Some(a), Some(b)) => {
                let high = match (a.high_s, b.high_s) {
                    (Some(a), Some(b)) => apart(a, b, 0.05),
                    (a, b) => a.is_some() != b.is_some(),
                };
                a.limit.total_cmp(&b.limit).is_ne()
                    || apart(a.eta_s, b.eta_s, 0.01)
                    || apart(a.low_s, b.low_s, 0.05)
                    || high
            }
            _ => true,
        };
        ahead || done(self) != done(told) || (self.progress - told.progress).abs() >= 0.001
    }
}
