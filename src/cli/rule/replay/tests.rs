//! A known record through the replay: every count and moment is worked out by hand.

use super::*;
use crate::model::quality::Quality;
use crate::profile::Side;

/// 2026-11-22T00:00:00Z
const T0: i64 = 1_795_305_600_000;
const S: i64 = 1_000;
const H: i64 = 3_600_000;

fn watched(thinned: bool) -> Watched {
    Watched { point: PointIx(0), every_ms: 10 * S, repeat_ms: 60 * S, speaks: true, thinned }
}

fn at(s: i64, value: f64) -> PastReading {
    PastReading { point: 0, wall_ms: T0 + s * S, quality: Quality::Good, value: Some(value) }
}

fn bad(s: i64) -> PastReading {
    PastReading { point: 0, wall_ms: T0 + s * S, quality: Quality::BadTimeout, value: None }
}

fn def(test: Test, on_delay_ms: i64) -> RuleDef {
    RuleDef { key: Arc::from("rule.t"), test, on_delay_ms, off_delay_ms: 0 }
}

fn above(limit: f64) -> Test {
    Test::Limit { point: PointIx(0), side: Side::Above, limit, hysteresis: 0.0 }
}

/// Runs one rule over a record whose range begins at second `from` and ends at second `to`.
fn run(def: RuleDef, watched: Watched, (from, to): (i64, i64), readings: &[PastReading]) -> (Coverage, Tally) {
    let span = Span {
        from_ms: T0 + from * S,
        to_ms: T0 + to * S,
        zone: "Asia/Shanghai".to_owned(),
        calendar: Calendar::default(),
    };
    let mut replay = Replay::new(vec![def], vec![watched], 1, span);
    for reading in readings {
        replay.reading(reading);
    }
    let (coverage, mut tallies) = replay.finish();
    (coverage, tallies.remove(0))
}

/// Every ten seconds, `high` in the given ranges of seconds and 1 elsewhere.
fn wave(to: i64, high: &[(i64, i64)]) -> Vec<PastReading> {
    let value = |s: i64| if high.iter().any(|(a, b)| (*a..*b).contains(&s)) { 9.0 } else { 1.0 };
    (0..to / 10).map(|n| at(n * 10, value(n * 10))).collect()
}

#[test]
fn delays_and_durations_are_those_of_the_record() {
    let readings = wave(1_000, &[(100, 130), (300, 420), (700, 720)]);
    let (coverage, tally) = run(def(above(5.0), 25 * S), watched(false), (0, 1_000), &readings);
    assert_eq!((tally.fired, tally.alarm_ms), (2, 5 * S + 95 * S));
    let first = Episode { begin_ms: T0 + 125 * S, end_ms: Some(T0 + 130 * S), duration_ms: 5 * S, peak: Some(9.0) };
    assert_eq!(tally.first.first(), Some(&first));
    assert_eq!((coverage.readings, coverage.bad, coverage.gap_count), (100, 0, 0));
}

#[test]
fn what_stood_before_the_range_is_told_and_not_counted() {
    let readings = wave(1_000, &[(100, 400), (900, 1_000)]);
    let (_, tally) = run(def(above(5.0), 0), watched(false), (200, 1_000), &readings);
    assert_eq!((tally.fired, tally.open_at_begin, tally.open_at_end), (1, true, true));
    assert_eq!(tally.alarm_ms, (200 + 100) * S);
    assert_eq!(tally.first.last().map(|e| e.end_ms), Some(None));
}

#[test]
fn a_gap_is_a_restart_not_a_silence() {
    let mut readings = wave(300, &[(200, 300)]);
    readings.extend([at(5_000, 9.0), at(5_010, 9.0), at(5_020, 1.0)]);
    let (coverage, tally) = run(def(above(5.0), 0), watched(false), (0, 5_060), &readings);
    assert_eq!((coverage.gap_count, coverage.gaps.clone()), (1, vec![(T0 + 290 * S, T0 + 5_000 * S)]));
    // Open before it, open in silence, cleared by a fresh value.
    assert_eq!((tally.fired, tally.alarm_ms), (1, (5_020 - 200) * S));
    let absence = Test::Absence { point: PointIx(0), after_ms: 100 * S };
    let (_, tally) = run(def(absence, 0), watched(false), (0, 5_060), &readings);
    assert_eq!(tally.fired, 0, "nobody listened, so nobody was silent");
}

#[test]
fn a_bad_reading_neither_raises_nor_clears() {
    let readings = [at(0, 1.0), at(10, 9.0), bad(20), at(620, 9.0), at(630, 1.0)];
    let (coverage, tally) = run(def(above(5.0), 0), watched(false), (0, 640), &readings);
    assert_eq!((tally.fired, tally.alarm_ms), (1, 620 * S));
    assert_eq!((coverage.bad, coverage.bad_ms, coverage.gap_count), (1, 600 * S, 0));
}

#[test]
fn values_inside_a_deadband_are_said_again() {
    // Stored at 0 and 60 s only: the box would have repeated it in between.
    let readings = [at(0, 1.0), at(60, 1.0)];
    let absence = || def(Test::Absence { point: PointIx(0), after_ms: 30 * S }, 0);
    let (coverage, tally) = run(absence(), watched(true), (0, 100), &readings);
    assert_eq!((tally.fired, coverage.held), (0, 5 + 3));
    let (_, tally) = run(absence(), watched(false), (0, 100), &readings);
    assert_eq!(tally.fired, 2, "without a deadband, silence is silence");
}

#[test]
fn the_hour_is_that_of_the_site() {
    use crate::rules::expr::{Binding, Expr, VarKind};
    let expr = Expr::condition("p > 5.0 && hour() == 9", &mut |_| Some(VarKind::Number)).expect("compiles");
    let program = expr.bind(&mut |_| Some(Binding::Slot(0))).expect("bound");
    // 00:00 UTC is 08:00 in Shanghai.
    let readings: Vec<PastReading> = (0..=3 * 60).map(|m| at(m * 60, 9.0)).collect();
    let (_, tally) = run(def(Test::When(program), 0), watched(false), (0, 3 * 3600), &readings);
    let expected = Episode { begin_ms: T0 + H, end_ms: Some(T0 + 2 * H), duration_ms: H, peak: Some(9.0) };
    assert_eq!((tally.fired, tally.first), (1, vec![expected]));
}

#[test]
fn the_first_and_last_ten_are_kept() {
    let high: Vec<(i64, i64)> = (0..35).map(|n| (n * 100 + 50, n * 100 + 60)).collect();
    let (_, tally) = run(def(above(5.0), 0), watched(false), (0, 3_500), &wave(3_500, &high));
    assert_eq!((tally.fired, tally.first.len(), tally.last.len()), (35, 10, 10));
    assert_eq!(tally.last.back().map(|e| e.begin_ms), Some(T0 + 3_450 * S));
}
