//! What conditioning needs to know of one point, taken from its profile once at start.

use std::time::Duration;

use crate::model::id::{Id, PointIx};
use crate::model::reading::PointKind;
use crate::profile::{Deadband, PointSource, PointSpec, Profile, ScaleFrom};

/// An unchanged value is repeated after so many scan periods ...
const REPEAT_SCANS: u64 = 60;
/// ... and at the latest after this long, so that a gap in a trend always means a gap.
const REPEAT_MAX_MS: i64 = 600_000;
/// A polled point is stale after so many scan periods of silence unless its profile says otherwise.
const STALE_SCANS: u64 = 3;

/// The treatment of one point.
#[derive(Debug, Clone, PartialEq)]
pub struct PointRule {
    /// What the number stands for.
    pub kind: PointKind,
    /// Engineering value = raw × scale + offset.
    pub scale: f64,
    /// See `scale`.
    pub offset: f64,
    /// Raw values that mean "not available".
    pub sentinel: Vec<f64>,
    /// 0 and 1 exchanged on the wire.
    pub invert: bool,
    /// Raw values at or above it are `negative_from - raw`.
    pub negative_from: Option<f64>,
    /// The point whose value holds the scale.
    pub scale_from: Option<(PointIx, ScaleFrom)>,
    /// The point whose value is a unit code, with the factor for each code.
    pub unit_from: Option<(PointIx, Vec<(i64, f64)>)>,
    /// Raw value at which a counter wraps; 0 for one that does not; `None` for no counter.
    pub wraps_at: Option<f64>,
    /// Accepted engineering values.
    pub valid: Option<(f64, f64)>,
    /// Reporting deadband.
    pub deadband: Deadband,
    /// An unchanged value is reported again after this long.
    pub repeat_ms: i64,
    /// Longest silence; `None` for points that speak only when something happens.
    pub stale_ms: Option<i64>,
}

impl PointRule {
    /// A number passed on as it comes.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            kind: PointKind::Number,
            scale: 1.0,
            offset: 0.0,
            sentinel: Vec::new(),
            invert: false,
            negative_from: None,
            scale_from: None,
            unit_from: None,
            wraps_at: None,
            valid: None,
            deadband: Deadband::None,
            repeat_ms: REPEAT_MAX_MS,
            stale_ms: None,
        }
    }

    /// The rules of all points of a device whose first point is `first`, in the profile's order. `every` is the
    /// line's scan period for points that name none.
    #[must_use]
    pub fn of_device(profile: &Profile, first: PointIx, every: Duration) -> Vec<Self> {
        let place = |id: &Id| {
            let at = profile.points.iter().position(|p| p.id == *id).and_then(|at| u32::try_from(at).ok());
            // A point that is not there keeps its dependents bad: better no number than one without its scale.
            at.map_or(PointIx(u32::MAX), |at| PointIx(first.0 + at))
        };
        profile.points.iter().map(|spec| Self::of_point(spec, &place, every)).collect()
    }

    fn of_point(spec: &PointSpec, place: &dyn Fn(&Id) -> PointIx, every: Duration) -> Self {
        let every = match &spec.source {
            PointSource::Register(_) => Some(spec.every.unwrap_or(every)),
            PointSource::Message { .. } | PointSource::Derived(_) => spec.every,
        };
        let scans = |n: u64| every.map(|e| ms(e).saturating_mul(i64::try_from(n).unwrap_or(i64::MAX)));
        let stale_ms = match (&spec.source, spec.stale_after) {
            (_, Some(after)) => Some(ms(after)),
            // A derived point is as stale as its inputs, which are watched themselves.
            (PointSource::Derived(_), None) => None,
            _ => scans(STALE_SCANS),
        };
        Self {
            kind: spec.kind,
            scale: spec.scale,
            offset: spec.offset,
            sentinel: spec.sentinel.clone(),
            invert: spec.invert,
            negative_from: spec.negative_from,
            scale_from: spec.scale_from.as_ref().map(|(id, how)| (place(id), *how)),
            unit_from: spec.unit_from.as_ref().map(|(id, codes)| (place(id), codes.clone())),
            wraps_at: spec.counter.map(|c| c.wraps_at),
            valid: spec.valid,
            deadband: spec.deadband,
            repeat_ms: scans(REPEAT_SCANS).map_or(REPEAT_MAX_MS, |r| r.min(REPEAT_MAX_MS)),
            stale_ms: stale_ms.filter(|after| *after > 0),
        }
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
