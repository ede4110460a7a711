//! Streams of known shape: what must be found, what must stay quiet, and what must change nothing.

use super::*;
use crate::predict::noise::normal as noise;

const MINUTE_MS: i64 = 60_000;
const LEARN: i64 = 600;

/// A value with a daily rhythm, read every five minutes.
fn daily(i: i64) -> f64 {
    50.0 + 20.0 * (i as f64 / 288.0 * std::f64::consts::TAU).sin() + noise(i)
}

fn at_ms(i: i64) -> i64 {
    1_700_000_000_000 + i * 5 * MINUTE_MS
}

fn run(model: &mut PointModel, from: i64, to: i64, value: impl Fn(i64) -> f64) -> Vec<PointVerdict> {
    (from..to).map(|i| model.step(at_ms(i), value(i), i < LEARN)).collect()
}

/// Readings at which an alarm was raised.
fn raised(verdicts: &[PointVerdict]) -> Vec<i64> {
    (1..).zip(verdicts.windows(2)).filter(|(_, w)| w[1].alarm && !w[0].alarm).map(|(i, _)| i).collect()
}

fn check(what: &str, at: i64, within: i64, kinds: &[Oddity], value: impl Fn(i64) -> f64) {
    let verdicts = run(&mut PointModel::new(PointSettings::default()), 0, at + 300, value);
    let times = raised(&verdicts);
    let hit = times.iter().find(|t| (at..at + within).contains(*t)).copied();
    let hit = hit.unwrap_or_else(|| panic!("{what}: raised at {times:?}, not soon after {at}"));
    assert!(times.iter().filter(|t| **t < at).count() <= 1, "{what}: raised at {times:?}");
    let verdict = verdicts[usize::try_from(hit).expect("an index")];
    assert!(kinds.contains(&verdict.oddity), "{what}: {verdict:?}");
    assert_eq!(verdict.since_ms, Some(at_ms(hit)), "{what}");
    assert!(verdict.confidence > 0.8 && verdict.score > 0.3 && verdict.score < 1.0, "{what}: {verdict:?}");
    assert!(verdict.expected_low < verdict.expected_high, "{what}: {verdict:?}");
}

#[test]
fn faults_of_every_kind_are_found() {
    use Oddity::{Flat, Level, Rhythm, Shape, Spike};
    let any = [Spike, Level, Rhythm, Shape];
    let quiet = |i: i64| 20.0 + noise(i);
    check("spike", 2_000, 3, &any, |i| quiet(i) + if i == 2_000 { 15.0 } else { 0.0 });
    check("level", 2_000, 12, &any, |i| quiet(i) + if i >= 2_000 { 6.0 } else { 0.0 });
    check("night use", 3_650, 24, &any, |i| daily(i) + if (3_650..3_700).contains(&i) { 30.0 } else { 0.0 });
    check("stuck", 2_000, 60, &[Flat], |i| if i < 2_000 { quiet(i) } else { 20.5 });
}

#[test]
fn a_point_that_behaves_raises_next_to_nothing() {
    type Stream = fn(i64) -> f64;
    let table: [(&str, Stream); 5] = [
        ("constant", |_| 7.0),
        ("noise", noise),
        ("rhythm", daily),
        ("pump on and off", |i| f64::from(u8::from(i % 40 < 12))),
        ("steps of a counter", |i| (noise(i) * 3.0).round() / 10.0),
    ];
    for (what, value) in table {
        let times = raised(&run(&mut PointModel::new(PointSettings::default()), 0, 6_000, value));
        assert!(times.len() <= 4, "{what}: raised at {times:?} in three weeks");
    }
}

#[test]
fn scale_and_shift_change_no_alarm() {
    let odd = |i: i64| daily(i) + if i % 1_700 == 900 { 60.0 } else { 0.0 };
    let plain = run(&mut PointModel::new(PointSettings::default()), 0, 5_000, odd);
    for (scale, shift) in [(3.7, -120.0), (1e-3, 0.0), (1e6, 1e6)] {
        let other = run(&mut PointModel::new(PointSettings::default()), 0, 5_000, |i| odd(i) * scale + shift);
        assert_eq!(raised(&plain), raised(&other), "times {scale} plus {shift}");
    }
    assert!(!raised(&plain).is_empty(), "something was there to be found");
}

#[test]
fn a_restart_in_the_middle_changes_nothing() {
    let odd = |i: i64| daily(i) + if i % 1_700 == 900 { 60.0 } else { 0.0 };
    let settings = PointSettings { limit_high: Some(80.0), limit_low: None };
    let expected = run(&mut PointModel::new(settings), 0, 5_000, odd);
    for cut in [0, 1, 40, 599, 600, 910, 4_100] {
        let mut before = PointModel::new(settings);
        run(&mut before, 0, cut, odd);
        let text = serde_json::to_string(&before).expect("numbers are finite");
        let mut after: PointModel = serde_json::from_str(&text).expect("what was written");
        let rest = run(&mut after, cut, 5_000, odd);
        assert_eq!(rest, expected[usize::try_from(cut).expect("small")..], "cut at {cut}");
    }
}

#[test]
fn bad_numbers_and_bad_stamps_change_nothing() {
    let mut plain = PointModel::new(PointSettings::default());
    let mut dirty = plain.clone();
    for i in 0..2_000 {
        let expected = plain.step(at_ms(i), daily(i), i < LEARN);
        assert_eq!(dirty.step(at_ms(i), daily(i), i < LEARN), expected, "{i}");
        for (ms, value) in [(at_ms(i), 1e9), (0, 5.0), (at_ms(i) + 1, f64::NAN), (at_ms(i) + 1, f64::NEG_INFINITY)] {
            assert_eq!(dirty.step(ms, value, i < LEARN).alarm, expected.alarm, "{i}");
        }
    }
    for value in [0.0, 1e308, -1e308, f64::MIN_POSITIVE] {
        let mut model = PointModel::new(PointSettings { limit_high: Some(1e308), limit_low: Some(-1e308) });
        for i in 0..2_000 {
            let verdict = model.step(at_ms(i), if i % 3 == 0 { value } else { -value }, i < LEARN);
            assert!((0.0..1.0).contains(&verdict.score), "{verdict:?}");
        }
    }
}

#[test]
fn maintenance_begins_anew_and_holidays_are_sundays() {
    let mut model = PointModel::new(PointSettings::default());
    run(&mut model, 0, 100, daily);
    model.relearn();
    assert_eq!(model.seen(), 0);
    // Five weeks in which Sundays are quiet; then a Wednesday that is quiet because it is a holiday.
    let week = 7 * 288;
    let sunday = |i: i64| (at_ms(i).div_euclid(86_400_000) + 3).rem_euclid(7) == 6;
    let wednesday =
        (5 * week..6 * week).find(|i| (at_ms(*i).div_euclid(86_400_000) + 3).rem_euclid(7) == 2).expect("one a week");
    let value = |i: i64| if sunday(i) || i >= wednesday { 10.0 } else { 40.0 } + noise(i);
    run(&mut model, 0, wednesday, value);
    let mut told = model.clone();
    told.set_weekday(Some(6));
    let width = |v: PointVerdict| v.expected_low.min(v.expected_high);
    let (plain, holiday) = (model.step(at_ms(wednesday), 10.0, false), told.step(at_ms(wednesday), 10.0, false));
    assert!(width(holiday) < width(plain) - 10.0, "{plain:?} {holiday:?}");
}

/// Both detectors of one point together, as two rules of a point with a limit have them.
#[test]
fn the_state_stays_small() {
    let limited = PointSettings { limit_high: Some(80.0), limit_low: None };
    let mut model = PointModel::new(limited);
    run(&mut model, 0, 5_000, daily);
    assert_eq!(model.bytes(), size_of::<PointModel>() + size_of::<Trend>(), "nothing lies elsewhere");
    let (point, trend) = (size_of::<PointModel>(), size_of::<Trend>());
    assert!(point <= 900, "a point against itself: {point} B");
    assert!(point + trend <= 1_500, "with its trend: {point} + {trend} B");
    let written = postcard::to_allocvec(&model).expect("numbers are finite").len();
    assert!(written <= 1_500, "written down: {written} B");
}

/// Weekdays are told apart by a byte an hour: after eight weeks each is known to a fraction of the noise, and a weekday
/// that goes up a little every week is followed.
#[test]
fn weekdays_are_known_in_one_byte_each() {
    let weekday = |i: i64| (at_ms(i).div_euclid(86_400_000) + 3).rem_euclid(7);
    let week = 7 * 288;
    let level = |i: i64| [3.0, 0.0, 1.0, -0.5, 0.0, -8.0, -20.0][usize::try_from(weekday(i)).expect("of seven")];
    let rising = |i: i64| if weekday(i) == 2 { (i / week) as f64 * 0.3 } else { 0.0 };
    let mut model = PointModel::new(PointSettings::default());
    let weeks = 12;
    run(&mut model, 0, weeks * week, |i| 40.0 + level(i) + rising(i) + noise(i));
    let (mut off, mut count) = ([0.0; 7], 0.0);
    for i in (weeks * week..(weeks + 1) * week).step_by(6) {
        let verdict = model.clone().step(at_ms(i), 40.0, false);
        let expected = f64::midpoint(verdict.expected_low, verdict.expected_high);
        off[usize::try_from(weekday(i)).expect("of seven")] += expected - 40.0 - level(i) - rising(i);
        count += 1.0 / 7.0;
    }
    for (day, sum) in off.iter().enumerate() {
        assert!((sum / count).abs() < 1.0, "weekday {day} is off by {}", sum / count);
    }
}
