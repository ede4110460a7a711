//! Tables and properties of conditioning.

use proptest::prelude::*;

use super::*;
use crate::model::id::DeviceIx;
use crate::model::reading::{PointKind, Sample};
use crate::profile::{Deadband, ScaleFrom};

/// A conditioner with what came of each step.
struct Bench {
    conditioner: Conditioner,
    out: Output,
}

impl Bench {
    fn new(rules: Vec<PointRule>) -> Self {
        Self { conditioner: Conditioner::new(rules), out: Output::default() }
    }

    fn scan_of(at: i64, old: bool, samples: Vec<(u32, Raw)>) -> Scan {
        let samples = samples.into_iter().map(|(p, raw)| Sample { point: PointIx(p), raw }).collect();
        Scan { device: DeviceIx(0), at: BootMs(at), source_ms: None, old, samples, receipt: None }
    }

    /// Scans, and returns `(quality, number, reported)` of every reading that came.
    fn scan(&mut self, at: i64, samples: Vec<(u32, Raw)>) -> Vec<(Quality, Option<f64>, bool)> {
        self.out.clear();
        self.conditioner.scan(&Self::scan_of(at, false, samples), &mut self.out);
        self.seen()
    }

    fn seen(&self) -> Vec<(Quality, Option<f64>, bool)> {
        let told = self.out.report.iter().map(|r| (r, true));
        let quiet = self.out.quiet.iter().map(|r| (r, false));
        told.chain(quiet).map(|(r, told)| (r.quality, r.value.number(), told)).collect()
    }
}

/// One point, one raw value, one result.
fn check(rule: PointRule, raw: Raw, expect: Result<f64, Quality>) {
    let what = format!("{rule:?} {raw:?}");
    let seen = Bench::new(vec![rule]).scan(0, vec![(0, raw)]);
    let expect = match expect {
        Ok(v) => (Quality::Good, Some(v), true),
        Err(quality) => (quality, None, true),
    };
    assert_eq!(seen, [expect], "{what}");
}

fn number(v: f64) -> Raw {
    Raw::Number(v)
}

#[test]
fn steps_of_one_value() {
    let plain = PointRule::plain;
    check(PointRule { scale: 0.1, ..plain() }, number(42.0), Ok(4.2));
    check(PointRule { scale: 0.1, offset: -50.0, ..plain() }, number(731.0), Ok(23.1));
    check(PointRule { sentinel: vec![65535.0], ..plain() }, number(65535.0), Err(Quality::BadSentinel));
    check(PointRule { sentinel: vec![0.0], ..plain() }, number(-0.0), Err(Quality::BadSentinel));
    check(PointRule { invert: true, kind: PointKind::Switch, ..plain() }, number(0.0), Ok(1.0));
    check(PointRule { invert: true, kind: PointKind::Switch, ..plain() }, number(1.0), Ok(0.0));
    check(PointRule { kind: PointKind::Switch, ..plain() }, number(255.0), Ok(1.0));
    let kincony = PointRule { negative_from: Some(10000.0), scale: 0.1, ..plain() };
    check(kincony.clone(), number(10125.0), Ok(-12.5));
    check(kincony, number(253.0), Ok(25.3));
    let valid = PointRule { valid: Some((0.0, 2.5)), scale: 0.001, ..plain() };
    check(valid.clone(), number(2500.0), Ok(2.5));
    check(valid, number(2501.0), Err(Quality::BadRange));
    check(plain(), number(f64::NAN), Err(Quality::BadProtocol));
    check(plain(), number(f64::INFINITY), Err(Quality::BadRange));
    check(PointRule { kind: PointKind::Enumeration, ..plain() }, number(3.0), Ok(3.0));
    check(PointRule { kind: PointKind::Enumeration, ..plain() }, number(1.5), Err(Quality::BadProtocol));
    check(plain(), Raw::Text(Arc::from("12")), Err(Quality::BadProtocol));
    check(PointRule { kind: PointKind::Text, ..plain() }, number(1.0), Err(Quality::BadProtocol));
    check(plain(), Raw::Bad(Quality::BadTimeout), Err(Quality::BadTimeout));
}

#[test]
fn a_scale_register_may_come_before_or_after_its_values() {
    let rules = || {
        let scaled = PointRule { scale_from: Some((PointIx(1), ScaleFrom::PowerOfTen)), ..PointRule::plain() };
        vec![scaled, PointRule::plain()]
    };
    let mut bench = Bench::new(rules());
    assert_eq!(bench.scan(0, vec![(0, number(1234.0))]), [(Quality::BadInput, None, true)]);
    let both = bench.scan(1, vec![(0, number(1234.0)), (1, number(-2.0))]);
    assert_eq!(both[0], (Quality::Good, Some(12.34), true));
    assert_eq!(bench.scan(2, vec![(0, number(99.0))])[0].1, Some(0.99));
    // A poll of the scale register that failed leaves it known, a refused one does not.
    bench.scan(3, vec![(1, Raw::Bad(Quality::BadTimeout))]);
    assert_eq!(bench.scan(4, vec![(0, number(99.0))])[0].1, Some(0.99));
    bench.scan(5, vec![(1, number(-32768.0))]);
    assert_eq!(bench.scan(6, vec![(0, number(99.0))])[0].0, Quality::BadInput);
    bench.scan(7, vec![(1, number(0.0))]);
    bench.conditioner.device_down(PointIx(0), 2, Quality::BadLink, BootMs(8), &mut bench.out);
    assert_eq!(bench.scan(9, vec![(0, number(99.0))])[0].0, Quality::BadInput);
}

#[test]
fn factors_and_units_of_other_registers() {
    let ratio = PointRule { scale_from: Some((PointIx(2), ScaleFrom::Factor)), scale: 0.01, ..PointRule::plain() };
    let coded = PointRule { unit_from: Some((PointIx(3), vec![(5, 1.0), (8, 0.001)])), ..PointRule::plain() };
    let mut bench = Bench::new(vec![ratio, coded, PointRule::plain(), PointRule::plain()]);
    let all = |code: f64| vec![(0, number(250.0)), (1, number(7.0)), (2, number(40.0)), (3, number(code))];
    let seen = bench.scan(0, all(8.0));
    assert_eq!((seen[0].1, seen[1].1), (Some(100.0), Some(0.007)));
    assert_eq!(bench.scan(1, all(9.0))[1].0, Quality::BadInput);
    // A name that leads nowhere never yields a number.
    let lost = PointRule { scale_from: Some((PointIx(u32::MAX), ScaleFrom::Factor)), ..PointRule::plain() };
    check(lost, number(1.0), Err(Quality::BadInput));
}

#[test]
fn counters_wrap_restart_and_go_on() {
    let rule = || PointRule { wraps_at: Some(65536.0), scale: 0.01, ..PointRule::plain() };
    let mut bench = Bench::new(vec![rule()]);
    assert_eq!(bench.scan(0, vec![(0, number(65500.0))])[0].1, Some(655.0));
    assert_eq!(bench.scan(1, vec![(0, number(64.0))])[0].1, Some(656.0));
    assert_eq!(bench.scan(2, vec![(0, number(30000.0))])[0].1, Some(955.36));
    assert_eq!(bench.scan(3, vec![(0, number(10.0))])[0], (Quality::BadRange, None, true));
    assert!(bench.out.restarts.is_empty());
    assert_eq!(bench.scan(4, vec![(0, number(11.0))])[0].1, Some(0.11));
    assert_eq!(bench.out.restarts, [PointIx(0)]);
    let mut again = Bench::new(vec![rule()]);
    again.conditioner.seed_counter(PointIx(0), 955.36);
    assert_eq!(again.scan(0, vec![(0, number(30001.0))])[0].1, Some(955.37));
}

#[test]
fn deadband_sorts_and_hides_nothing_else() {
    let rule = PointRule { deadband: Deadband::Absolute(0.5), repeat_ms: 60_000, ..PointRule::plain() };
    let mut bench = Bench::new(vec![rule]);
    let told = |bench: &mut Bench, at, raw| bench.scan(at, vec![(0, raw)])[0].2;
    assert!(told(&mut bench, 0, number(10.0)));
    assert!(!told(&mut bench, 1, number(10.4)));
    assert!(told(&mut bench, 2, number(10.5)));
    assert!(told(&mut bench, 3, Raw::Bad(Quality::BadTimeout)));
    assert!(!told(&mut bench, 4, Raw::Bad(Quality::BadTimeout)));
    assert!(told(&mut bench, 5, Raw::Bad(Quality::BadRefused)));
    assert!(told(&mut bench, 6, number(10.5)));
    assert!(!told(&mut bench, 7, number(10.5)));
    assert!(told(&mut bench, 60_006, number(10.5)));
    let percent = PointRule { deadband: Deadband::Percent(1.0), valid: Some((0.0, 200.0)), ..PointRule::plain() };
    let mut bench = Bench::new(vec![percent]);
    assert!(told(&mut bench, 0, number(100.0)));
    assert!(!told(&mut bench, 1, number(101.9)));
    assert!(told(&mut bench, 2, number(102.0)));
    let on_change = PointRule { deadband: Deadband::Absolute(0.0), ..PointRule::plain() };
    let mut bench = Bench::new(vec![on_change, PointRule::plain()]);
    assert!(told(&mut bench, 0, number(1.0)));
    assert!(!told(&mut bench, 1, number(1.0)));
    assert!(bench.scan(2, vec![(1, number(1.0))])[0].2);
    assert!(bench.scan(3, vec![(1, number(1.0))])[0].2);
}

#[test]
fn texts_are_reported_when_they_change() {
    let mut bench = Bench::new(vec![PointRule { kind: PointKind::Text, ..PointRule::plain() }]);
    let text = |t: &str| vec![(0, Raw::Text(Arc::from(t)))];
    assert!(bench.scan(0, text("v1"))[0].2);
    assert!(!bench.scan(1, text("v1"))[0].2);
    assert!(bench.scan(2, text("v2"))[0].2);
}

#[test]
fn silence_becomes_stale_once() {
    let rule = PointRule { stale_ms: Some(3000), ..PointRule::plain() };
    let mut bench = Bench::new(vec![rule, PointRule::plain()]);
    assert_eq!(bench.conditioner.next_wake(), None);
    bench.scan(1000, vec![(0, number(1.0)), (1, number(1.0))]);
    assert_eq!(bench.conditioner.next_wake(), Some(BootMs(4000)));
    bench.scan(2000, vec![(0, number(1.0))]);
    bench.out.clear();
    bench.conditioner.tick(BootMs(4000), &mut bench.out);
    assert_eq!((bench.seen().len(), bench.conditioner.next_wake()), (0, Some(BootMs(5000))));
    bench.conditioner.tick(BootMs(5000), &mut bench.out);
    assert_eq!(bench.seen(), [(Quality::BadStale, None, true)]);
    assert_eq!(bench.conditioner.next_wake(), None);
    assert!(bench.scan(6000, vec![(0, number(1.0))])[0].2);
    assert_eq!(bench.conditioner.next_wake(), Some(BootMs(9000)));
    // A bad point keeps its own reason.
    bench.scan(7000, vec![(0, Raw::Bad(Quality::BadSentinel))]);
    bench.out.clear();
    bench.conditioner.tick(BootMs(99_000), &mut bench.out);
    assert!(bench.seen().is_empty());
}

#[test]
fn a_device_that_is_gone_is_marked_once() {
    let mut bench = Bench::new(vec![PointRule::plain(); 3]);
    bench.scan(0, vec![(0, number(1.0)), (1, Raw::Bad(Quality::BadUnsupported)), (2, number(2.0))]);
    bench.out.clear();
    bench.conditioner.device_down(PointIx(0), 3, Quality::BadLink, BootMs(1), &mut bench.out);
    assert_eq!(bench.seen(), [(Quality::BadLink, None, true); 2]);
    bench.out.clear();
    bench.conditioner.device_down(PointIx(0), 9, Quality::BadLink, BootMs(2), &mut bench.out);
    assert!(bench.seen().is_empty());
}

#[test]
fn retained_values_are_marked_old() {
    let mut bench = Bench::new(vec![PointRule::plain()]);
    bench.conditioner.scan(&Bench::scan_of(0, true, vec![(0, number(1.0))]), &mut bench.out);
    assert_eq!(bench.seen(), [(Quality::UncertainOld, Some(1.0), true)]);
    bench.out.clear();
    bench.conditioner.scan(&Bench::scan_of(1, true, vec![(0, Raw::Bad(Quality::BadSentinel))]), &mut bench.out);
    assert_eq!(bench.seen(), [(Quality::BadSentinel, None, true)]);
}

#[test]
fn derived_points_are_checked_like_others() {
    let rule = PointRule { valid: Some((0.0, 100.0)), ..PointRule::plain() };
    let mut bench = Bench::new(vec![rule]);
    let mut derived = |value| {
        bench.out.clear();
        bench.conditioner.derived(PointIx(0), value, BootMs(0), &mut bench.out);
        bench.seen()
    };
    assert_eq!(derived(Ok(50.0)), [(Quality::Good, Some(50.0), true)]);
    assert_eq!(derived(Ok(150.0)), [(Quality::BadRange, None, true)]);
    assert_eq!(derived(Ok(f64::NAN)), [(Quality::BadProtocol, None, true)]);
    assert_eq!(derived(Ok(1.0)), [(Quality::Good, Some(1.0), true)]);
    assert_eq!(derived(Err(Quality::BadInput)), [(Quality::BadInput, None, true)]);
}

fn raws() -> impl Strategy<Value = Raw> {
    let bad = prop::sample::select(crate::model::quality::ALL.to_vec());
    prop_oneof![
        6 => (-50.0..150.0_f64).prop_map(Raw::Number),
        2 => any::<f64>().prop_map(Raw::Number),
        1 => Just(Raw::Number(f64::NAN)),
        1 => Just(Raw::Text(Arc::from("x"))),
        1 => bad.prop_map(Raw::Bad),
    ]
}

fn rules() -> impl Strategy<Value = PointRule> {
    let kind = prop::sample::select(vec![
        PointKind::Number,
        PointKind::Number,
        PointKind::Switch,
        PointKind::Enumeration,
        PointKind::Text,
    ]);
    let deadband = prop_oneof![
        Just(Deadband::None),
        (0.0..5.0).prop_map(Deadband::Absolute),
        (0.0..5.0).prop_map(Deadband::Percent)
    ];
    let optional = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (kind, any::<f64>(), -100.0..100.0, deadband, optional).prop_map(|(kind, scale, offset, deadband, flags)| {
        PointRule {
            kind,
            scale,
            offset,
            deadband,
            invert: flags.0,
            valid: flags.1.then_some((0.0, 100.0)),
            wraps_at: flags.2.then_some(120.0),
            negative_from: flags.3.then_some(100.0),
            stale_ms: Some(50),
            ..PointRule::plain()
        }
    })
}

proptest! {
    #[test]
    fn a_value_is_there_exactly_when_the_quality_is_not_bad(rule in rules(), raws in prop::collection::vec(raws(), 1..40)) {
        let mut bench = Bench::new(vec![rule]);
        for (at, raw) in (0_i64..).zip(raws) {
            bench.scan(at * 20, vec![(0, raw)]);
            bench.conditioner.tick(BootMs(at * 20 + 5), &mut bench.out);
            prop_assert!(bench.out.all().count() >= 1);
            for reading in bench.out.all() {
                prop_assert_eq!(reading.value == Value::None, reading.quality.is_bad());
                prop_assert!(reading.value.number().is_none_or(f64::is_finite));
            }
        }
    }

    #[test]
    fn the_deadband_never_hides_more_than_its_band(band in 0.0..5.0_f64, raws in prop::collection::vec(raws(), 1..80)) {
        let mut bench = Bench::new(vec![PointRule { deadband: Deadband::Absolute(band), ..PointRule::plain() }]);
        let mut stored = (Quality::BadInitial, None);
        for (at, raw) in (0_i64..).zip(raws) {
            let seen = bench.scan(at, vec![(0, raw)])[0];
            if seen.2 {
                stored = (seen.0, seen.1);
            }
            let (quality, value) = stored;
            prop_assert_eq!(quality, seen.0);
            if let (Some(told), Some(true_value)) = (value, seen.1) {
                prop_assert!((told - true_value).abs() <= band);
            }
        }
    }
}
