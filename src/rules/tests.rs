//! Tables of rules: what is heard and when, and what must come of it.

use proptest::prelude::*;

use super::expr::{Binding, Expr, Program, VarKind};
use super::hour::{LocalHour, SETTLE_MS};
use super::*;
use crate::model::condition::{ConditionChange, Tri};
use crate::model::id::{PointIx, RuleIx};
use crate::model::quality::Quality;
use crate::model::reading::{Reading, Value};
use crate::model::time::{Anchor, BootMs, Trust, WallMs};
use crate::profile::Side;

use Heard::{Bad, Old, Tick, V};
use Tri::{False, True, Unknown};

/// What happens at a second.
#[derive(Debug, Clone, Copy)]
enum Heard {
    /// A good value of point 0.
    V(f64),
    /// A retained value.
    Old(f64),
    /// No answer.
    Bad,
    /// Nothing: a timer.
    Tick,
}

fn reading(point: u32, at_s: f64, heard: Heard) -> Option<Reading> {
    let (quality, value) = match heard {
        V(v) => (Quality::Good, Value::Number(v)),
        Old(v) => (Quality::UncertainOld, Value::Number(v)),
        Bad => (Quality::BadTimeout, Value::None),
        Tick => return None,
    };
    Some(Reading { point: PointIx(point), quality, at: at(at_s), source_ms: None, value })
}

#[allow(clippy::cast_possible_truncation)]
fn at(s: f64) -> BootMs {
    BootMs((s * 1000.0) as i64)
}

fn rule(test: Test, on_s: f64, off_s: f64) -> RuleDef {
    RuleDef { key: "r".into(), test, on_delay_ms: at(on_s).0, off_delay_ms: at(off_s).0 }
}

fn above(limit: f64, hysteresis: f64) -> Test {
    Test::Limit { point: PointIx(0), side: Side::Above, limit, hysteresis }
}

/// Plays a script, ticking every 100 ms between its lines, and tells what came of it.
fn play(def: &RuleDef, open: bool, script: &[(f64, Heard)]) -> Vec<ConditionChange> {
    let mut engine = Engine::new(std::slice::from_ref(def), 4, BootMs(0), &|_| open);
    let mut out = Vec::new();
    let mut now = BootMs(0);
    for (s, heard) in script {
        while engine.next_wake().is_some_and(|wake| wake < at(*s)) {
            now = engine.next_wake().unwrap().max(now);
            engine.tick(now, &mut out);
        }
        now = at(*s);
        if let Some(reading) = reading(0, *s, *heard) {
            engine.step(&[reading], &mut out);
        }
        engine.tick(now, &mut out);
    }
    out
}

fn check_from(open: bool, def: &RuleDef, script: &[(f64, Heard)], wanted: &[(f64, Tri)]) {
    let told: Vec<(f64, Tri)> = play(def, open, script).iter().map(|c| (c.at.0 as f64 / 1000.0, c.to)).collect();
    assert_eq!(told, wanted, "{def:?} {script:?}");
}

fn check(test: Test, delays: (f64, f64), script: &[(f64, Heard)], wanted: &[(f64, Tri)]) {
    check_from(false, &rule(test, delays.0, delays.1), script, wanted);
}

#[test]
fn limits_with_hysteresis() {
    let now = (0.0, 0.0);
    check(above(10.0, 2.0), now, &[(1.0, V(10.0)), (2.0, V(10.1))], &[(1.0, False), (2.0, True)]);
    check(above(10.0, 2.0), now, &[(1.0, V(11.0)), (2.0, V(8.1)), (3.0, V(8.0))], &[(1.0, True), (3.0, False)]);
    let below = Test::Limit { point: PointIx(0), side: Side::Below, limit: 0.05, hysteresis: 0.01 };
    check(below, now, &[(1.0, V(0.03)), (2.0, V(0.055)), (3.0, V(0.061))], &[(1.0, True), (3.0, False)]);
    // Inside the band after blindness it is what it was before.
    check(
        above(10.0, 2.0),
        now,
        &[(1.0, V(11.0)), (2.0, Bad), (3.0, V(9.0))],
        &[(1.0, True), (2.0, Unknown), (3.0, True)],
    );
    check(
        above(10.0, 2.0),
        now,
        &[(1.0, V(9.0)), (2.0, Bad), (3.0, V(9.0))],
        &[(1.0, False), (2.0, Unknown), (3.0, False)],
    );
}

#[test]
fn delays_hold_and_are_cancelled() {
    let script = [(1.0, V(11.0)), (3.0, V(12.0)), (6.0, V(12.0)), (7.0, V(0.0)), (8.0, V(0.0)), (12.0, Tick)];
    check(above(10.0, 0.0), (5.0, 3.0), &script, &[(6.0, True), (10.0, False)]);
    // Gone before the delay is over.
    check(above(10.0, 0.0), (5.0, 0.0), &[(1.0, V(11.0)), (5.9, V(1.0)), (9.0, Tick)], &[(5.9, False)]);
    // Gone exactly when the delay ends: it held so long.
    check(above(10.0, 0.0), (5.0, 0.0), &[(1.0, V(11.0)), (6.0, V(1.0))], &[(6.0, True), (6.0, False)]);
    // Blindness starts the delay anew.
    let blind = [(1.0, V(11.0)), (3.0, Bad), (4.0, V(11.0)), (8.0, Tick), (9.0, Tick)];
    check(above(10.0, 0.0), (5.0, 0.0), &blind, &[(9.0, True)]);
}

#[test]
fn blindness_neither_raises_nor_clears() {
    let script = [(1.0, V(11.0)), (2.0, Bad), (60.0, Tick), (61.0, V(11.0))];
    check(above(10.0, 0.0), (0.0, 0.0), &script, &[(1.0, True), (2.0, Unknown), (61.0, True)]);
}

#[test]
fn a_retained_value_raises_but_does_not_clear() {
    let state = Test::State { point: PointIx(0), values: vec![1.0, 3.0] };
    check(state.clone(), (0.0, 0.0), &[(1.0, Old(1.0))], &[(1.0, True)]);
    check(
        state.clone(),
        (0.0, 0.0),
        &[(1.0, V(3.0)), (2.0, Old(0.0)), (3.0, V(0.0))],
        &[(1.0, True), (2.0, Unknown), (3.0, False)],
    );
    // The same number again, now certain.
    check(
        state,
        (0.0, 0.0),
        &[(1.0, V(1.0)), (2.0, Old(2.0)), (3.0, V(2.0))],
        &[(1.0, True), (2.0, Unknown), (3.0, False)],
    );
}

#[test]
fn after_a_restart() {
    let def = rule(above(10.0, 2.0), 0.0, 0.0);
    // True at boot raises; an alarm that was open stays, also inside the band; only a fresh value clears it.
    check_from(false, &def, &[(1.0, V(11.0))], &[(1.0, True)]);
    check_from(true, &def, &[(1.0, V(9.0))], &[(1.0, True)]);
    check_from(true, &def, &[(1.0, Bad), (60.0, Tick)], &[]);
    check_from(true, &def, &[(1.0, V(5.0))], &[(1.0, False)]);
    check_from(true, &rule(above(10.0, 2.0), 0.0, 4.0), &[(1.0, V(5.0)), (6.0, Tick)], &[(5.0, False)]);
}

#[test]
fn slopes() {
    let rising = |per_minute| Test::Rate { point: PointIx(0), side: Side::Above, per_minute, window_ms: 60_000 };
    let ramp = |per_second: f64| -> Vec<(f64, Heard)> {
        (0..=120).map(|s| (f64::from(s), V(f64::from(s) * per_second))).collect()
    };
    check(rising(5.0), (0.0, 0.0), &ramp(0.1), &[(30.0, True)]);
    check(rising(7.0), (0.0, 0.0), &ramp(0.1), &[(30.0, False)]);
    let falling = Test::Rate { point: PointIx(0), side: Side::Below, per_minute: -5.0, window_ms: 60_000 };
    let told = play(&rule(falling, 0.0, 0.0), false, &ramp(-0.1));
    assert_eq!((told[0].to, told[0].limit), (True, Some(-5.0)));
    assert!((told[0].value.unwrap() + 6.0).abs() < 1e-9, "{told:?}");
    // Ten readings a second are thinned and give the same slope.
    let dense: Vec<_> = (0..=1200).map(|n| (f64::from(n) / 10.0, V(f64::from(n) / 100.0))).collect();
    check(rising(5.9), (0.0, 0.0), &dense, &[(30.0, True)]);
    // Blind within the window: what was seen before still counts when it sees again.
    let blind = [(0.0, V(0.0)), (20.0, V(2.0)), (25.0, Bad), (40.0, V(4.0))];
    check(rising(5.0), (0.0, 0.0), &blind, &[(40.0, True)]);
}

#[test]
fn counts_in_a_window() {
    let starts = |count| Test::Count { point: PointIx(0), any_change: false, count, window_ms: 10_000 };
    let flips =
        [(0.0, V(0.0)), (1.0, V(1.0)), (2.0, V(0.0)), (3.0, V(1.0)), (4.0, V(0.0)), (5.0, V(2.0)), (20.0, Tick)];
    check(starts(3), (0.0, 0.0), &flips, &[(0.0, False), (5.0, True), (11.0, False)]);
    check(starts(4), (0.0, 0.0), &flips, &[(0.0, False)]);
    // Running at boot is no start.
    check(starts(1), (0.0, 0.0), &[(0.0, V(1.0)), (1.0, V(1.0))], &[(0.0, False)]);
    let changes = Test::Count { point: PointIx(0), any_change: true, count: 2, window_ms: 10_000 };
    check(changes, (0.0, 0.0), &[(0.0, V(5.0)), (1.0, V(6.0)), (2.0, V(5.0))], &[(0.0, False), (2.0, True)]);
}

#[test]
fn silence_is_a_condition_of_its_own() {
    let silent = Test::Absence { point: PointIx(0), after_ms: 5_000 };
    check(silent.clone(), (0.0, 0.0), &[(4.9, Tick), (7.0, Tick)], &[(5.0, True)]);
    let script = [(1.0, V(0.0)), (3.0, Bad), (5.0, Bad), (7.0, Bad), (8.0, V(1.0)), (14.0, Tick)];
    check(silent.clone(), (0.0, 0.0), &script, &[(1.0, False), (6.0, True), (8.0, False), (13.0, True)]);
    // A retained message is no sign of life.
    check(silent.clone(), (0.0, 0.0), &[(4.0, Old(1.0)), (6.0, Tick)], &[(5.0, True)]);
    check(silent, (2.0, 0.0), &[(6.0, Tick), (8.0, Tick)], &[(7.0, True)]);
}

#[test]
fn standing_still_is_not_silence() {
    let def = rule(Test::Absence { point: PointIx(0), after_ms: 5_000 }, 0.0, 0.0);
    let mut engine = Engine::new(&[def], 1, BootMs(0), &|_| false);
    let mut out = Vec::new();
    engine.step(&[reading(0, 1.0, V(1.0)).unwrap()], &mut out);
    engine.resumed(60_000);
    engine.tick(at(64.0), &mut out);
    assert_eq!(out.len(), 1, "{out:?}");
    engine.tick(at(66.0), &mut out);
    assert_eq!((out[1].to, out[1].at), (True, at(66.0)));
}

fn program(text: &str) -> Program {
    let names = ["a", "b"];
    let expr = Expr::condition(text, &mut |n| names.contains(&n).then_some(VarKind::Number)).unwrap();
    expr.bind(&mut |n| Some(Binding::Slot(u32::from(n == "b")))).unwrap()
}

#[test]
fn expressions_over_several_points() {
    let def = rule(Test::When(program("a > 5 && b < 1")), 0.0, 0.0);
    let mut engine = Engine::new(&[def], 2, BootMs(0), &|_| false);
    let mut out = Vec::new();
    engine.step(&[reading(0, 1.0, V(6.0)).unwrap()], &mut out);
    assert_eq!(out, vec![], "b is not known yet");
    engine.step(&[reading(1, 2.0, V(0.5)).unwrap()], &mut out);
    assert_eq!(out.last().map(|c| c.to), Some(True));
    engine.step(&[reading(1, 3.0, Bad).unwrap()], &mut out);
    assert_eq!(out.last().map(|c| c.to), Some(Unknown));
    engine.step(&[reading(0, 4.0, V(4.0)).unwrap()], &mut out);
    assert_eq!(out.last().map(|c| c.to), Some(False), "false whatever b is");
    assert_eq!(engine.raw(RuleIx(0)), False);
}

#[test]
fn the_hour_is_an_input() {
    let def = rule(Test::When(program("a > 5 && hour() < 5")), 0.0, 0.0);
    let mut engine = Engine::new(&[def], 2, BootMs(0), &|_| false);
    let mut out = Vec::new();
    engine.step(&[reading(0, 1.0, V(6.0)).unwrap()], &mut out);
    engine.set_hour(Some(3), at(2.0), &mut out);
    engine.set_hour(None, at(3.0), &mut out);
    engine.set_hour(Some(5), at(4.0), &mut out);
    let told: Vec<Tri> = out.iter().map(|c| c.to).collect();
    assert_eq!(told, vec![True, Unknown, False]);
}

#[test]
fn a_step_of_the_wall_clock_is_not_believed_at_once() {
    // 2026-11-22T03:30:00+08:00.
    let night = 1_795_289_400_000;
    let mut local = LocalHour::new("Asia/Shanghai");
    let anchor = |boot: i64, wall: i64| Anchor { boot: BootMs(boot), wall: WallMs(wall), trust: Trust::Synced };
    assert_eq!(local.at(&Anchor { trust: Trust::Unset, ..anchor(0, 0) }), None);
    assert_eq!(local.at(&anchor(1_000, night)), Some(3));
    assert_eq!(local.at(&anchor(3_601_000, night + 3_600_000)), Some(4));
    // Ten years ahead and back.
    let far = night + 315_360_000_000;
    assert_eq!(local.at(&anchor(3_602_000, far)), None);
    assert_eq!(local.at(&anchor(3_603_000, night + 3_602_000)), Some(4));
    // An hour back, for good.
    assert_eq!(local.at(&anchor(3_604_000, night + 3_000)), None);
    assert_eq!(local.at(&anchor(3_604_000 + SETTLE_MS - 1, night + 3_000 + SETTLE_MS - 1)), None);
    assert_eq!(local.at(&anchor(3_604_000 + SETTLE_MS, night + 3_000 + SETTLE_MS)), Some(3));
}

proptest! {
    #[test]
    fn hysteresis_cannot_chatter_inside_its_band(
        values in prop::collection::vec(0.0f64..20.0, 1..200),
    ) {
        // Each return to normal lies at or below 8, each rise above 10: between them is a swing through the band.
        let script: Vec<(f64, Heard)> = values.iter().enumerate().map(|(n, v)| (n as f64, V(*v))).collect();
        let told = play(&rule(above(10.0, 2.0), 0.0, 0.0), false, &script);
        for (n, change) in told.iter().enumerate() {
            let value = change.value.unwrap();
            match change.to {
                True => prop_assert!(value > 10.0),
                _ => prop_assert!(n == 0 || value <= 8.0),
            }
        }
    }

    #[test]
    fn the_same_record_gives_the_same_changes(
        script in prop::collection::vec((0u8..3, -5.0f64..15.0), 1..100), on in 0.0f64..5.0, off in 0.0f64..5.0,
    ) {
        let script: Vec<(f64, Heard)> = script.iter().enumerate()
            .map(|(n, (kind, v))| (n as f64, match kind { 0 => Bad, 1 => Old(*v), _ => V(*v) })).collect();
        let def = rule(above(10.0, 1.0), on, off);
        let once = play(&def, false, &script);
        prop_assert_eq!(&once, &play(&def, false, &script));
        // Never the same truth twice in a row, and never time running backwards.
        for pair in once.windows(2) {
            prop_assert_ne!(pair[0].to, pair[1].to);
            prop_assert!(pair[0].at <= pair[1].at);
        }
    }
}
