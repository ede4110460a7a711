//! What the detectors say, put into findings over point numbers. Pure.

use super::TrendTo;
use crate::model::condition::Tri;
use crate::model::finding::{Ahead, Finding, FindingKind, SuspectPoint};
use crate::model::id::PointIx;
use crate::predict::baseline::Against;
use crate::predict::device::{DeviceVerdict, Shape};
use crate::predict::peer;
use crate::predict::point::{Oddity, PointVerdict};
use crate::predict::trend::TimeToLimit;

pub(super) fn ahead(t: &TimeToLimit, limit: f64) -> Ahead {
    Ahead { limit, eta_s: t.eta_s, low_s: t.low_s, high_s: Some(t.high_s).filter(|s| s.is_finite()) }
}

pub(super) fn one(kind: FindingKind, confidence: f64, suspect: SuspectPoint) -> Finding {
    Finding { kind, for_ms: 0, confidence, suspects: vec![suspect], ahead: None }
}

pub(super) fn baseline_finding(point: PointIx, told: &Against, deviation: f64) -> Finding {
    let (low, high) = (told.usual * (1.0 - deviation), told.usual * (1.0 + deviation));
    let suspect = SuspectPoint { point, expected_low: low, expected_high: high, seen: told.seen, share: 1.0 };
    // At the border as likely as not; twice as far off as asked for, sure.
    let beyond = (told.deviation().abs() / deviation.max(f64::MIN_POSITIVE) - 1.0).clamp(0.0, 1.0);
    one(FindingKind::Level, 0.5 + beyond / 2.0, suspect)
}

pub(super) fn change_finding(point: PointIx, value: f64, liveliness: f64) -> Finding {
    let suspect = SuspectPoint { point, expected_low: value, expected_high: value, seen: value, share: 1.0 };
    one(FindingKind::Sudden, 1.0 - 1.0 / (1.0 + liveliness), suspect)
}

pub(super) fn peer_judgement(points: &[PointIx], values: &[f64], deviations: f64) -> (Tri, Option<Finding>) {
    let (Some((point, _)), Some((value, others))) = (points.split_first(), values.split_first()) else {
        return (Tri::Unknown, None);
    };
    let Some(standing) = peer::compare(*value, others) else { return (Tri::Unknown, None) };
    let apart = standing.deviations.abs();
    let reach = deviations * standing.spread;
    let suspect = SuspectPoint {
        point: *point,
        expected_low: standing.median - reach,
        expected_high: standing.median + reach,
        seen: *value,
        share: 1.0,
    };
    let odd = apart > deviations;
    (Tri::from(odd), odd.then(|| one(FindingKind::Level, 1.0 - 1.0 / (1.0 + apart * apart), suspect)))
}

impl TrendTo {
    pub(super) fn finding(&self, point: PointIx, value: f64, clock_ms: i64, t: &TimeToLimit) -> Finding {
        let (expected_low, expected_high) = self.usual.band().unwrap_or((value, value));
        let suspect = SuspectPoint { point, expected_low, expected_high, seen: value, share: 1.0 };
        Finding {
            kind: FindingKind::Trend,
            for_ms: self.since_ms.map_or(0, |since| clock_ms.saturating_sub(since)),
            // Chebyshev's bound on so many standard errors: no form of the noise is assumed.
            confidence: 1.0 - 1.0 / (1.0 + t.significance * t.significance),
            suspects: vec![suspect],
            ahead: Some(ahead(t, self.limit)),
        }
    }
}

pub(super) fn point_finding(point: PointIx, value: f64, clock_ms: i64, v: &PointVerdict) -> Finding {
    let suspect =
        SuspectPoint { point, expected_low: v.expected_low, expected_high: v.expected_high, seen: value, share: 1.0 };
    Finding {
        kind: match v.oddity {
            Oddity::Spike => FindingKind::Spike,
            Oddity::Level => FindingKind::Level,
            Oddity::Rhythm => FindingKind::Rhythm,
            Oddity::Shape => FindingKind::Shape,
            Oddity::Flat => FindingKind::Flat,
        },
        for_ms: v.since_ms.map_or(0, |since| clock_ms.saturating_sub(since)),
        confidence: v.confidence,
        suspects: vec![suspect],
        ahead: None,
    }
}

pub(super) fn device_finding(points: &[PointIx], clock_ms: i64, v: &DeviceVerdict) -> Finding {
    let named = v.suspects.iter().flatten();
    let kind = match named.clone().next().map(|s| (s.apart, s.shape)) {
        Some((true, _)) => FindingKind::Apart,
        Some((false, Shape::Lasting)) => FindingKind::Lasting,
        Some((false, Shape::Drift)) => FindingKind::Drift,
        Some((false, Shape::Sudden)) | None => FindingKind::Sudden,
    };
    let suspects = named.filter_map(|s| {
        let point = *points.get(s.point)?;
        Some(SuspectPoint { point, expected_low: s.expected, expected_high: s.expected, seen: s.seen, share: s.share })
    });
    Finding {
        kind,
        for_ms: v.since_ms.map_or(0, |since| clock_ms.saturating_sub(since)),
        confidence: v.confidence,
        suspects: suspects.collect(),
        ahead: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::device::{SUSPECTS, Suspect};

    fn check(apart: bool, shape: Shape, kind: FindingKind) {
        let first = Suspect { point: 1, share: 0.8, expected: 3.2, seen: 2.4, shape, apart };
        let mut suspects = [None; SUSPECTS];
        suspects[0] = Some(first);
        let verdict =
            DeviceVerdict { score: 0.9, alarm: true, since_ms: Some(60_000), confidence: 0.9, progress: 1.0, suspects };
        let finding = device_finding(&[PointIx(4), PointIx(7)], 90_000, &verdict);
        assert_eq!((finding.kind, finding.for_ms, finding.suspects[0].point), (kind, 30_000, PointIx(7)));
    }

    #[test]
    fn a_point_that_left_the_others_is_called_so_whatever_its_shape() {
        check(true, Shape::Lasting, FindingKind::Apart);
        check(false, Shape::Lasting, FindingKind::Lasting);
        check(false, Shape::Drift, FindingKind::Drift);
        check(false, Shape::Sudden, FindingKind::Sudden);
    }
}
