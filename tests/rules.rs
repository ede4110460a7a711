//! Rules and alarms together, from the declarative form of a profile to what people are told.

#![allow(clippy::unwrap_used)] // a test may fail there

use std::time::Duration;

use gatehouse::alarms::{AlarmDef, Desk};
use gatehouse::model::alarm::{AlarmEvent, AlarmText, Level};
use gatehouse::model::id::{Id, PointIx};
use gatehouse::model::quality::Quality;
use gatehouse::model::reading::{Reading, Value};
use gatehouse::model::site::Site;
use gatehouse::model::time::{Anchor, BootMs, Trust, WallMs};
use gatehouse::profile::{Condition, Setting, Side};
use gatehouse::rules::expr::VarKind;
use gatehouse::rules::{Engine, Names, RuleDef, RuleFault, define};

/// A pump: 0 `running`, 1 `current`, 2 `pressure`; parameter `rated_current` = 10.
struct Pump;

const RUNNING: u32 = 0;
const CURRENT: u32 = 1;
const PRESSURE: u32 = 2;

impl Names for Pump {
    fn point(&self, name: &str) -> Option<(PointIx, VarKind)> {
        match name {
            "running" => Some((PointIx(RUNNING), VarKind::Switch)),
            "current" => Some((PointIx(CURRENT), VarKind::Number)),
            "pressure" => Some((PointIx(PRESSURE), VarKind::Number)),
            _ => None,
        }
    }

    fn param(&self, name: &str) -> Option<f64> {
        (name == "rated_current").then_some(10.0)
    }
}

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// The alarms of a pump profile, with on-delay and off-delay in seconds.
fn profile() -> Vec<(&'static str, Condition, u64, u64)> {
    let number = Setting::Number;
    vec![
        ("dry_run", Condition::When("running && current < 0.6 * rated_current".into()), 10, 5),
        (
            "overload",
            Condition::Limit {
                point: "current".into(),
                side: Side::Above,
                limit: Setting::Param(Id::new("rated_current").unwrap()),
                hysteresis: number(0.5),
            },
            5,
            0,
        ),
        (
            "short_cycling",
            Condition::Count { point: "running".into(), count: number(4.0), window: seconds(3600) },
            0,
            0,
        ),
        ("silent", Condition::Absence { point: "pressure".into(), after: seconds(30) }, 0, 0),
    ]
}

fn rules() -> Vec<RuleDef> {
    let define = |(key, condition, on, off): (&str, Condition, u64, u64)| {
        define(&format!("pump.{key}"), &condition, seconds(on), seconds(off), &Pump).unwrap()
    };
    profile().into_iter().map(define).collect()
}

fn alarm(rule: &RuleDef) -> AlarmDef {
    AlarmDef {
        key: std::sync::Arc::clone(&rule.key),
        device: None,
        level: Level::Major,
        text: AlarmText::default(),
        shadow: false,
        latched: false,
        loss_of_sight: rule.test.is_loss_of_sight(),
        what: String::new(),
        unit: None,
        snapshot: rule.test.points(),
    }
}

/// Plays `(second, point, value)`; a NaN is "no answer". Tells `second key:change`, with a timer tick each second.
fn play(script: &[(i64, u32, f64)], until_s: i64) -> Vec<String> {
    let rules = rules();
    let mut engine = Engine::new(&rules, 3, BootMs(0), &|_| false);
    let anchor = |s: i64| Anchor { boot: BootMs(s * 1000), wall: WallMs(s * 1000), trust: Trust::Synced };
    let alarms = rules.iter().map(alarm).collect();
    let (mut desk, _) = Desk::new(1, alarms, &Site::default(), &[], vec![], &anchor(0));
    let (mut changes, mut events, mut told) = (Vec::new(), Vec::<AlarmEvent>::new(), Vec::new());
    for s in 0..=until_s {
        for (_, point, value) in script.iter().filter(|(at, ..)| *at == s) {
            let (quality, value) = if value.is_nan() {
                (Quality::BadTimeout, Value::None)
            } else {
                (Quality::Good, Value::Number(*value))
            };
            let reading = Reading { point: PointIx(*point), quality, at: BootMs(s * 1000), source_ms: None, value };
            engine.step(&[reading], &mut changes);
        }
        engine.tick(BootMs(s * 1000), &mut changes);
        for change in changes.drain(..) {
            desk.condition(&change, &anchor(s), &|_| vec![], &mut events);
        }
        told.extend(events.drain(..).map(|e| format!("{s} {}:{}", e.alarm.key, e.change.word())));
    }
    told
}

fn check(script: &[(i64, u32, f64)], until_s: i64, wanted: &[&str]) {
    // Silence has its own test.
    let heard: Vec<(i64, u32, f64)> = (0..=until_s).map(|s| (s, PRESSURE, 0.4)).chain(script.iter().copied()).collect();
    assert_eq!(play(&heard, until_s), wanted, "{script:?}");
}

#[test]
fn a_pump_runs_dry() {
    let script = [(1, RUNNING, 1.0), (1, CURRENT, 5.0), (20, CURRENT, 9.0), (40, CURRENT, 9.5)];
    check(&script, 60, &["11 pump.dry_run:raised", "25 pump.dry_run:cleared"]);
    // Stopped: whatever the current is, and even if nobody knows it.
    check(&[(1, RUNNING, 0.0), (1, CURRENT, f64::NAN)], 60, &[]);
    // Nobody knows the current for a while: the delay starts anew.
    let blind = [(1, RUNNING, 1.0), (1, CURRENT, 5.0), (6, CURRENT, f64::NAN), (8, CURRENT, 5.0)];
    check(&blind, 30, &["18 pump.dry_run:raised"]);
}

#[test]
fn a_parameter_is_a_limit() {
    let script = [(0, RUNNING, 0.0), (1, CURRENT, 10.5), (20, CURRENT, 9.6), (30, CURRENT, 9.4)];
    check(&script, 40, &["6 pump.overload:raised", "30 pump.overload:cleared"]);
}

#[test]
fn four_starts_in_an_hour() {
    let script: Vec<(i64, u32, f64)> = (0..8).map(|n| (n * 60, RUNNING, (n % 2) as f64)).collect();
    check(&script, 4100, &["420 pump.short_cycling:raised", "3660 pump.short_cycling:cleared"]);
}

#[test]
fn silence_rings_by_itself() {
    assert_eq!(play(&[(5, PRESSURE, 0.4), (20, PRESSURE, f64::NAN)], 60), ["35 pump.silent:raised"]);
    assert_eq!(play(&[], 60), ["30 pump.silent:raised"]);
}

#[test]
fn what_cannot_become_a_rule_says_why() {
    let refuse = |condition: &Condition| define("pump.x", condition, seconds(0), seconds(0), &Pump).unwrap_err();
    let state = |point: &str| Condition::State { point: point.into(), values: vec![1.0] };
    assert_eq!(refuse(&state("flow")), RuleFault::UnknownPoint("flow".into()));
    let count = |n| Condition::Count { point: "running".into(), count: Setting::Number(n), window: seconds(60) };
    for n in [0.0, 1.5, 1025.0, f64::NAN] {
        assert_eq!(refuse(&count(n)), RuleFault::Count, "{n}");
    }
    assert_eq!(refuse(&Condition::When("rated_current > 5".into())), RuleFault::Constant);
    assert!(matches!(refuse(&Condition::When("current + 1".into())), RuleFault::Expr(_)));
    assert!(matches!(refuse(&Condition::When("flow > 1".into())), RuleFault::Expr(_)));
    let absence = Condition::Absence { point: "pressure".into(), after: Duration::ZERO };
    assert_eq!(refuse(&absence), RuleFault::Window);
}
