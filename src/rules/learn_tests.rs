//! The rules that learn, through the engine: commissioning, findings, restarts in the middle, and forgetting.

use std::sync::Arc;

use super::*;
use crate::model::calendar::Calendar;
use crate::model::condition::{ConditionChange, Tri};
use crate::model::finding::FindingKind;
use crate::model::id::{PointIx, RuleIx};
use crate::model::quality::Quality;
use crate::model::reading::{Reading, Value};
use crate::model::time::BootMs;
use crate::profile::Side;

const POINTS: usize = 8;
/// 2026-11-22 00:00 in the site's zone.
const LOCAL_MS: i64 = 1_795_305_600_000;

fn engine(test: &Test) -> Engine {
    let def = RuleDef { key: "pump.odd".into(), test: test.clone(), on_delay_ms: 0, off_delay_ms: 0 };
    let mut engine = Engine::new(&[def], POINTS, BootMs(0), &|_| false);
    engine.set_local(Some(LOCAL_MS));
    engine
}

/// Noise without a generator: the golden ratio's fractional parts, in -0.5..0.5.
fn noise(n: i64, salt: f64) -> f64 {
    (n as f64 * 0.618_033_988_749_895 + salt).fract() - 0.5
}

fn feed(engine: &mut Engine, at_s: i64, values: &[f64], out: &mut Vec<ConditionChange>) {
    let at = BootMs(at_s * 1000);
    let reading = |(point, v): (u32, &f64)| Reading {
        point: PointIx(point),
        quality: Quality::Good,
        at,
        source_ms: None,
        value: Value::Number(*v),
    };
    let readings: Vec<Reading> = (0..).zip(values).map(reading).collect();
    engine.step(&readings, out);
    engine.tick(at, out);
}

fn raised(out: &[ConditionChange]) -> Option<&ConditionChange> {
    out.iter().find(|c| c.to == Tri::True)
}

fn trend() -> Test {
    Test::Trend { point: PointIx(0), side: Side::Above, limit: 90.0, within_ms: 600_000, learn_ms: 60_000 }
}

/// A bearing: steady at 48 degrees, from second 300 on warming by a tenth of a degree a second.
fn bearing(s: i64) -> f64 {
    48.0 + noise(s, 0.1) * 0.4 + (s - 300).max(0) as f64 * 0.1
}

#[test]
fn a_warming_bearing_is_told_before_the_limit_with_the_time_left() {
    let (mut engine, mut out) = (engine(&trend()), Vec::new());
    // 42 degrees to go at a tenth a second.
    let crossing_s = 300 + 420;
    let mut half_way = None;
    for s in 0..crossing_s {
        feed(&mut engine, s, &[bearing(s)], &mut out);
        if s == 300 + 210 {
            half_way = engine.outlooks(&|_| Some(Arc::from("pump.odd")))[0].ahead;
        }
    }
    let told = raised(&out).expect("announced");
    let finding = told.finding.as_deref().expect("explained");
    assert_eq!(finding.kind, FindingKind::Trend);
    assert!(told.at.0 > 300_000 && told.at.0 < crossing_s * 1000 - 60_000, "{told:?}");
    assert!(finding.suspects[0].expected_high < 49.0 && finding.suspects[0].seen > 48.0, "{finding:?}");
    let left_s = half_way.expect("told at half way").eta_s;
    assert!((left_s / 210.0 - 1.0).abs() < 0.3, "{left_s} s told, 210 s true");
    // Nothing while it learnt, nothing while it was steady.
    assert!(out.iter().all(|c| c.to != Tri::True || c.at.0 > 300_000), "{out:?}");
}

#[test]
fn a_restart_in_the_middle_changes_nothing() {
    let device = Test::DeviceAnomaly { points: (0..4).map(PointIx).collect(), every_ms: 1_000, learn_ms: 200_000 };
    let anomaly = Test::Anomaly { point: PointIx(0), every_ms: 2_000, learn_ms: 200_000 };
    let change = Test::Change { point: PointIx(0), learn_ms: 200_000 };
    for test in [trend(), device, anomaly, change] {
        let values = |s: i64| -> Vec<f64> {
            let fault = if s > 800 { 6.0 } else { 0.0 };
            (0..4).map(|p| bearing(s.min(299)) + fault + noise(s, f64::from(p)) * 0.3).collect()
        };
        let (mut whole, mut told) = (engine(&test), Vec::new());
        let (mut parted, mut told_parted) = (engine(&test), Vec::new());
        for s in 0..1_200 {
            feed(&mut whole, s, &values(s), &mut told);
            if s % 97 == 50 {
                let states = parted.learned(&|_| Some(Arc::from("pump.odd")));
                // A new process of the same boot, with the condition as it was known.
                let held = parted.holds(RuleIx(0)) == Tri::True;
                let def = RuleDef { key: "pump.odd".into(), test: test.clone(), on_delay_ms: 0, off_delay_ms: 0 };
                parted = Engine::new(&[def], POINTS, BootMs((s - 1) * 1000), &|_| held);
                parted.set_local(Some(LOCAL_MS));
                assert!(parted.take_up(RuleIx(0), &states[0].1), "{test:?}");
            }
            feed(&mut parted, s, &values(s), &mut told_parted);
        }
        let known = |told: &[ConditionChange]| -> Vec<(i64, Tri)> {
            // A restart tells again what still holds.
            let mut all: Vec<_> = told.iter().filter(|c| c.to != Tri::Unknown).map(|c| (c.at.0, c.to)).collect();
            all.dedup_by_key(|c| c.1);
            all
        };
        assert_eq!(known(&told), known(&told_parted), "{test:?}");
        assert!(!known(&told).is_empty(), "{test:?}");
    }
}

#[test]
fn a_device_names_its_suspect_and_learns_anew_when_told() {
    let test = Test::DeviceAnomaly { points: (0..4).map(PointIx).collect(), every_ms: 1_000, learn_ms: 600_000 };
    let (mut engine, mut out) = (engine(&test), Vec::new());
    let values = |s: i64, shift: f64| -> Vec<f64> {
        (0..4u32).map(|p| 10.0 * f64::from(p + 1) + noise(s, f64::from(p)) + if p == 2 { shift } else { 0.0 }).collect()
    };
    (0..700).for_each(|s| feed(&mut engine, s, &values(s, 0.0), &mut out));
    assert_eq!(raised(&out), None, "healthy");
    (700..800).for_each(|s| feed(&mut engine, s, &values(s, 8.0), &mut out));
    let finding = raised(&out).expect("raised").finding.clone().expect("explained");
    assert_eq!(finding.suspects[0].point, PointIx(2), "{finding:?}");
    assert!(finding.suspects[0].share > 0.5 && finding.confidence > 0.5, "{finding:?}");
    assert!(engine.relearn(RuleIx(0)));
    out.clear();
    (800..1_300).for_each(|s| feed(&mut engine, s, &values(s, 8.0), &mut out));
    assert!(out.iter().all(|c| c.to != Tri::True), "it learns: {out:?}");
    assert!(engine.outlooks(&|_| Some(Arc::from("x")))[0].progress < 1.0);
}

#[test]
fn one_of_five_pumps_that_differs_is_told_and_too_few_peers_say_nothing() {
    let peers = |count: u32| Test::Peer { points: (0..=count).map(PointIx).collect(), deviations: 5.0 };
    for (count, wanted) in [(4, true), (2, false)] {
        let (mut engine, mut out) = (engine(&peers(count)), Vec::new());
        (0..300).for_each(|s| feed(&mut engine, s, &[15.0, 10.0, 10.2, 9.9, 10.1], &mut out));
        assert_eq!(raised(&out).is_some(), wanted, "{count} peers");
    }
}

#[test]
fn a_day_of_much_use_is_told_the_day_after() {
    let test = Test::Baseline { point: PointIx(0), night: false, deviation: 0.15 };
    let (mut engine, mut out) = (engine(&test), Vec::new());
    let mut counter = 0.0;
    for quarter in 0..(35 * 96_i64) {
        let day = quarter / 96;
        counter += if day == 30 { 1.3 } else { 1.0 } + noise(quarter, 0.0) * 0.01;
        feed(&mut engine, quarter * 900, &[counter], &mut out);
    }
    let told: Vec<(i64, Tri)> = out.iter().map(|c| (c.at.0 / 86_400_000, c.to)).collect();
    assert_eq!(told, [(0, Tri::False), (31, Tri::True), (32, Tri::False)]);
}

/// A site that rests on its holidays: by the calendar nothing is odd about that, without it the day is told.
#[test]
fn a_holiday_is_compared_with_sundays() {
    let day_ms = 86_400_000;
    let first = LOCAL_MS.div_euclid(day_ms);
    // LOCAL_MS is a Sunday; day 52 is a Wednesday.
    let holiday = (first + 52, first + 52);
    for (calendar, told) in [(Calendar::new(&[holiday], &[]), false), (Calendar::default(), true)] {
        let test = Test::Baseline { point: PointIx(0), night: false, deviation: 0.15 };
        let (mut engine, mut out) = (engine(&test), Vec::new());
        engine.set_calendar(calendar);
        let mut counter = 0.0;
        for quarter in 0..(56 * 96_i64) {
            let day = quarter / 96;
            counter += if day % 7 == 0 || day == 52 { 0.3 } else { 1.0 };
            feed(&mut engine, quarter * 900, &[counter], &mut out);
        }
        assert_eq!(raised(&out).is_some(), told, "{out:?}");
    }
}

#[test]
fn a_point_expects_on_a_holiday_what_it_sees_on_sundays() {
    let day_ms = 86_400_000;
    let first = LOCAL_MS.div_euclid(day_ms);
    let holiday = 52;
    for (calendar, told) in
        [(Calendar::new(&[(first + holiday, first + holiday)], &[]), false), (Calendar::default(), true)]
    {
        let test = Test::Anomaly { point: PointIx(0), every_ms: 0, learn_ms: 35 * day_ms };
        let (mut engine, mut out) = (engine(&test), Vec::new());
        engine.set_calendar(calendar);
        for ten in 0..((holiday + 1) * 144) {
            let day = ten / 144;
            let level = if day % 7 == 0 || day == holiday { 10.0 } else { 40.0 };
            feed(&mut engine, ten * 600, &[level + noise(ten, 0.0)], &mut out);
        }
        let told_then = out.iter().any(|c| c.to == Tri::True && c.at.0 / day_ms == holiday);
        assert_eq!(told_then, told, "{out:?}");
    }
}
