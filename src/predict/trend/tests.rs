//! Rises of known shape, and what must not disturb an estimate.

use super::*;
use crate::predict::noise::normal as noise;

const HOUR_MS: i64 = 3_600_000;

fn run(trend: &mut Trend, period_ms: i64, from: i64, to: i64, value: impl Fn(i64) -> f64) -> Vec<Option<TimeToLimit>> {
    (from..to).map(|i| trend.step(i * period_ms, value(i), i < 50)).collect()
}

fn check(what: &str, limit: f64, until: i64, crossing: f64, within: f64, value: impl Fn(i64) -> f64 + Copy) {
    for period_ms in [1_000, 60_000, HOUR_MS] {
        let (high, low) = if limit > value(0) { (Some(limit), None) } else { (None, Some(limit)) };
        let mut trend = Trend::new(high, low);
        let found = run(&mut trend, period_ms, 0, until, value).pop().flatten();
        let found = found.unwrap_or_else(|| panic!("{what}, every {period_ms} ms: no estimate"));
        let truth = (crossing - (until - 1) as f64) * period_ms as f64 / 1000.0;
        assert!((found.eta_s / truth - 1.0).abs() <= within, "{what}, every {period_ms} ms: {found:?}, truth {truth}");
        assert!(found.low_s <= found.eta_s && found.eta_s <= found.high_s, "{what}: {found:?}");
        assert_eq!(found.falling, low.is_some(), "{what}");
    }
}

#[test]
fn half_way_the_time_to_the_limit_is_right_within_a_third() {
    let ramp = |i: i64| 40.0 + 0.1 * (i - 100).max(0) as f64 + 0.05 * noise(i);
    check("straight rise", 60.0, 200, 300.0, 0.3, ramp);
    check("straight fall", 20.0, 200, 300.0, 0.3, move |i| 80.0 - ramp(i));
    let wear = |i: i64| 40.0 + (i as f64 / 50.0).exp() + 0.3 * noise(i);
    check("growing rise", 40.0 + 4.0_f64.exp(), 151, 200.0, 0.3, wear);
}

#[test]
fn a_steady_point_is_told_nothing() {
    let mut trend = Trend::new(Some(60.0), Some(20.0));
    let told = run(&mut trend, HOUR_MS, 0, 2_000, |i| 40.0 + noise(i));
    let near = told.iter().flatten().filter(|t| t.eta_s < 48.0 * 3600.0).count();
    assert_eq!(near, 0, "no crossing is near");
}

#[test]
fn scale_and_shift_change_nothing() {
    let wear = |i: i64| (i as f64 / 50.0).exp() + noise(i);
    let mut plain = Trend::new(Some(60.0), None);
    let mut other = Trend::new(Some(60.0 * 3.7 - 120.0), None);
    for i in 0..250 {
        let a = plain.step(i * HOUR_MS, wear(i), i < 30);
        let b = other.step(i * HOUR_MS, wear(i) * 3.7 - 120.0, i < 30);
        match (a, b) {
            (Some(a), Some(b)) => assert!((a.eta_s - b.eta_s).abs() <= 1e-4 * a.eta_s.max(1.0), "{i}: {a:?} {b:?}"),
            (a, b) => assert_eq!(a.is_some(), b.is_some(), "{i}"),
        }
    }
}

#[test]
fn a_restart_in_the_middle_changes_nothing() {
    let wear = |i: i64| (i as f64 / 50.0).exp() + noise(i);
    for cut in [1, 5, 20, 31, 90, 180] {
        let mut whole = Trend::new(Some(60.0), None);
        let mut before = Trend::new(Some(60.0), None);
        let expected = run(&mut whole, 1_000, 0, 220, wear);
        run(&mut before, 1_000, 0, cut, wear);
        let text = serde_json::to_string(&before).expect("numbers are finite");
        let mut after: Trend = serde_json::from_str(&text).expect("what was written");
        assert_eq!(
            run(&mut after, 1_000, cut, 220, wear),
            expected[usize::try_from(cut).expect("small")..],
            "cut at {cut}"
        );
    }
}

#[test]
fn bad_numbers_and_bad_stamps_are_passed_over() {
    let wear = |i: i64| (i as f64 / 50.0).exp() + noise(i);
    let mut plain = Trend::new(Some(60.0), None);
    let mut dirty = plain.clone();
    for i in 0..220 {
        let a = plain.step(i * 1_000, wear(i), i < 30);
        let b = dirty.step(i * 1_000, wear(i), i < 30);
        assert_eq!(a, b, "{i}");
        for (at_ms, value) in [(i * 1_000, 1e9), (0, 5.0), (i * 1_000 + 1, f64::NAN), (i * 1_000 + 1, f64::INFINITY)] {
            assert_eq!(dirty.step(at_ms, value, false), None);
        }
    }
    // One absurd value is forgotten at once.
    assert_eq!(dirty.step(i64::MAX - 1, 1e200, false), None);
    for value in [0.0, 1e300, -1e300, f64::MIN_POSITIVE] {
        let mut trend = Trend::new(Some(1e308), Some(-1e308));
        for i in 0..300 {
            let told = trend.step(i * 1_000, value * if i % 2 == 0 { 1.0 } else { -1.0 }, false);
            assert!(told.is_none_or(|t| t.eta_s >= 0.0), "{told:?}");
        }
    }
}

#[test]
fn the_state_stays_small() {
    assert!(size_of::<Trend>() <= 450, "{} B", size_of::<Trend>());
}
