//! A finding of a detector, with the names that people know, as it is kept with the alarm.

use crate::alarms::desk::Look;
use crate::model::finding::{Explanation, Finding, Suspect, SuspectPoint};
use crate::model::time::{Anchor, BootMs};

/// `at` is the moment of the change that brought the finding.
pub(super) fn explain(finding: &Finding, at: BootMs, now: &Anchor, look: Look<'_>) -> Explanation {
    Explanation {
        kind: finding.kind,
        since_wall_ms: now.wall_at(at.plus(-finding.for_ms)).0,
        confidence: finding.confidence,
        suspects: finding.suspects.iter().filter_map(|s| suspect(s, look)).collect(),
        ahead: finding.ahead,
    }
}

fn suspect(s: &SuspectPoint, look: Look<'_>) -> Option<Suspect> {
    // The record is kept as JSON, which knows no infinity: a number that is none would make it unreadable.
    if ![s.expected_low, s.expected_high, s.seen, s.share].iter().all(|number| number.is_finite()) {
        return None;
    }
    let named = look(&[s.point]).into_iter().next()?;
    Some(Suspect {
        point: named.point,
        unit: named.unit,
        expected_low: s.expected_low,
        expected_high: s.expected_high,
        seen: s.seen,
        share: s.share,
    })
}
