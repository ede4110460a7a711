//! What holds for every track, however broken: no panic, probabilities that are ones, ranges the right way round, and no
//! weight on the order or the repetition of points.

use std::sync::LazyLock;

use gatehouse::falling::{Calibration, Class, Event, TrackPoint, Verdict, judge};
use proptest::prelude::*;

use crate::camera;

static CAMERA: LazyLock<Calibration> = LazyLock::new(|| camera().1);

/// Mostly what a picture holds, now and then anything a float can be.
fn coordinate() -> impl Strategy<Value = f64> {
    prop_oneof![
        12 => -200.0..2200.0,
        1 => any::<f64>(),
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(1e300), Just(-1e300), Just(0.0)],
    ]
}

fn point() -> impl Strategy<Value = TrackPoint> {
    let clock = prop_oneof![12 => 0.0..6.0, 1 => 1.7e9..1.8e9, 1 => any::<f64>()];
    let size = || prop_oneof![Just(None), coordinate().prop_map(Some)];
    (clock, coordinate(), coordinate(), size(), size()).prop_map(|(t, x, y, w, h)| TrackPoint { t, x, y, w, h })
}

/// A fall, a rise or a line with noise: near enough to physics to pass the cleaning.
fn path() -> impl Strategy<Value = Vec<TrackPoint>> {
    let motion = (5_u32..60, 0.01..0.15, -300.0..300.0, -200.0..700.0, -400.0..600.0, 0.0..8.0);
    motion.prop_map(|(count, step, across, down, pull, noise)| {
        (0..count)
            .map(|n| {
                let t = f64::from(n) * step;
                // Chance enough for noise, and the same every time.
                let jitter = |salt: f64| noise * (f64::from(n) * salt).sin();
                let (x, y) = (900.0 + across * t + jitter(12.9), 200.0 + down * t + 0.5 * pull * t * t + jitter(78.2));
                TrackPoint { t, x, y, w: Some(9.0), h: Some(9.0) }
            })
            .collect()
    })
}

fn sane(verdict: &Verdict) {
    assert!((0.0..=1.0).contains(&verdict.probability), "{verdict:?}");
    if let Some(odds) = verdict.odds {
        let all = [odds.dense, odds.light, odds.other];
        assert!(all.iter().all(|share| (0.0..=1.0).contains(share)), "{verdict:?}");
        assert!((all.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{verdict:?}");
    }
    let metres = [verdict.release_low_m, verdict.release_median_m, verdict.release_high_m];
    let known: Vec<f64> = metres.into_iter().flatten().collect();
    assert!(known.iter().all(|height| height.is_finite()) && known.is_sorted(), "{verdict:?}");
    if let (Some(low), Some(high)) = (verdict.floor_low, verdict.floor_high) {
        assert!(1 <= low && low <= high, "{verdict:?}");
    }
    assert!(!verdict.at_or_above || verdict.release_high_m.is_none(), "{verdict:?}");
    for number in [verdict.impact_speed_ms, verdict.impact_t] {
        assert!(number.is_none_or(f64::is_finite), "{verdict:?}");
    }
}

proptest! {
    #[test]
    fn any_points_end_in_a_sane_verdict(track in prop::collection::vec(point(), 0..150)) {
        sane(&judge(&CAMERA, &Event { track }));
    }

    #[test]
    fn any_path_ends_in_a_sane_verdict_whatever_its_order(
        track in path(), broken in prop::collection::vec(point(), 0..4), swaps in prop::collection::vec(any::<u16>(), 64),
    ) {
        let mut track = [track, broken].concat();
        let verdict = judge(&CAMERA, &Event { track: track.clone() });
        sane(&verdict);
        let count = track.len();
        for (index, swap) in swaps.into_iter().enumerate() {
            track.swap(index % count, usize::from(swap) % count);
        }
        prop_assert_eq!(judge(&CAMERA, &Event { track }), verdict);
    }

    #[test]
    fn repeated_points_decide_nothing(
        track in prop::collection::vec(point(), 1..5), times in 2_usize..30, shift in prop_oneof![Just(0.0), -2.0..2.0],
    ) {
        let mut repeated = track.clone();
        for _ in 1..times {
            repeated.extend(track.iter().map(|point| TrackPoint { x: point.x + shift, ..*point }));
        }
        prop_assert_eq!(judge(&CAMERA, &Event { track: repeated }).class, Class::Undecidable);
    }
}
