//! Tables and properties of the health record.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

use std::sync::Arc;

use proptest::prelude::*;

use crate::health::{Book, DevicePlan, Plan, Role, Service};
use crate::model::alarm::Level;
use crate::model::health::{Around, EntryKind, HealthEntry, HealthReport, Measure, TimeToLimit};
use crate::model::id::{DeviceIx, PointIx};
use crate::model::quality::Quality;
use crate::model::reading::{Reading, Value};
use crate::model::text::Text;
use crate::model::time::{Anchor, BootMs, Trust, WallMs};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Monday 2026-11-02, 00:00 in Shanghai.
const MONDAY: i64 = 1_793_548_800_000;

const RUNNING: u32 = 0;
const HOURS: u32 = 1;
const DOOR: u32 = 2;

fn well() -> Around {
    Around { seen: true, ..Around::default() }
}

fn plan(own_hours: bool) -> Plan {
    let service = |id: &str, measure, every| Service { id: id.into(), name: Text::same(id), measure, every };
    let mut roles = vec![(PointIx(RUNNING), Role::Running), (PointIx(DOOR), Role::Door)];
    if own_hours {
        roles.push((PointIx(HOURS), Role::Total(Measure::Hours)));
    }
    let device = |id: &str, roles| DevicePlan {
        id: Arc::from(id),
        kind: "pump".into(),
        roles,
        starts_per_hour_max: Some(6.0),
        services: vec![service("grease", Measure::Hours, 2000.0), service("visit", Measure::Days, 15.0)],
        duty: Some(7),
    };
    let second = vec![(PointIx(3), Role::Running)];
    Plan { points: 4, devices: vec![device("a", roles), device("b", second)], time_zone: "Asia/Shanghai".into() }
}

fn at(ms: i64) -> Anchor {
    Anchor { boot: BootMs(ms), wall: WallMs(MONDAY + ms), trust: Trust::Synced }
}

fn reading(point: u32, value: Option<f64>, ms: i64) -> Reading {
    Reading {
        point: PointIx(point),
        quality: if value.is_some() { Quality::Good } else { Quality::BadTimeout },
        at: BootMs(ms),
        source_ms: None,
        value: value.map_or(Value::None, Value::Number),
    }
}

fn say(book: &Book, point: u32, value: Option<f64>, ms: i64) {
    book.tick(&at(ms));
    book.readings(&[reading(point, value, ms)]);
}

fn show(book: &Book, ms: i64) -> HealthReport {
    // Once to bring the running time up to now, once for the day that it is now.
    book.tick(&at(ms));
    book.tick(&at(ms));
    book.report(DeviceIx(0), &well()).unwrap()
}

fn total(report: &HealthReport, measure: Measure) -> (f64, bool) {
    let total = report.totals.iter().find(|t| t.measure == measure).unwrap();
    (total.value, total.own)
}

#[test]
fn hours_and_starts_are_counted_while_they_can_be_seen() {
    let check = |steps: &[(Option<f64>, i64)], end: i64, hours: f64, starts: f64| {
        let book = Book::new(plan(false), at(0));
        for (value, ms) in steps {
            say(&book, RUNNING, *value, *ms);
        }
        let report = show(&book, end);
        assert!((total(&report, Measure::Hours).0 - hours).abs() < 1e-9, "{steps:?}: {:?}", report.totals);
        assert_eq!(total(&report, Measure::Starts), (starts, false), "{steps:?}");
    };
    let (on, off, bad) = (Some(1.0), Some(0.0), None);
    check(&[(on, 0)], 2 * HOUR, 2.0, 0.0); // it may have run for days: not a start
    check(&[(off, 0), (on, HOUR), (on, 2 * HOUR), (off, 3 * HOUR)], 9 * HOUR, 2.0, 1.0);
    check(&[(on, 0), (bad, HOUR), (on, 5 * HOUR), (off, 6 * HOUR)], 9 * HOUR, 2.0, 0.0);
    check(&[(off, 0), (bad, HOUR), (on, 5 * HOUR)], 6 * HOUR, 1.0, 1.0); // stopped before, runs now: it has started
}

#[test]
fn the_devices_own_total_is_preferred_and_grows_across_gaps() {
    let book = Book::new(plan(true), at(0));
    say(&book, HOURS, Some(8760.0), 0);
    say(&book, RUNNING, Some(1.0), 0);
    say(&book, HOURS, Some(8762.0), 2 * HOUR);
    say(&book, HOURS, None, 3 * HOUR);
    say(&book, HOURS, Some(8770.0), 10 * HOUR);
    let report = show(&book, 10 * HOUR);
    assert_eq!(total(&report, Measure::Hours), (8770.0, true));
    assert!((report.services.iter().find(|s| s.id == "grease").unwrap().used - 10.0).abs() < 1e-9);
    // A new device begins at 3: nothing is taken away.
    say(&book, HOURS, Some(3.0), 11 * HOUR);
    say(&book, HOURS, Some(4.0), 12 * HOUR);
    let report = show(&book, 12 * HOUR);
    assert_eq!(total(&report, Measure::Hours), (4.0, true));
    assert!((report.services.iter().find(|s| s.id == "grease").unwrap().used - 11.0).abs() < 1e-9);
}

#[test]
fn a_service_is_forecast_from_the_rate_of_use_and_starts_anew() {
    let book = Book::new(plan(false), at(0));
    // Twelve hours a day for ten days: 120 of 2,000 h used, 1,880 left, 156.67 days.
    for day in 0..10 {
        say(&book, RUNNING, Some(0.0), day * DAY);
        say(&book, RUNNING, Some(1.0), day * DAY + 6 * HOUR);
        say(&book, RUNNING, Some(0.0), day * DAY + 18 * HOUR);
    }
    let report = show(&book, 10 * DAY);
    let grease = report.services.iter().find(|s| s.id == "grease").unwrap();
    assert!((grease.used - 120.0).abs() < 1e-6 && !grease.overdue && grease.done_ms.is_none(), "{grease:?}");
    let days = (grease.due_ms.unwrap() - MONDAY) as f64 / DAY as f64;
    assert!((days - 166.67).abs() < 0.1, "{days}");
    let visit = report.services.iter().find(|s| s.id == "visit").unwrap();
    assert_eq!((visit.due_ms.unwrap() - MONDAY) / DAY, 15);
    let late = show(&book, 16 * DAY);
    assert!(late.services[0].id == "visit" && late.services[0].overdue);
    assert!(late.reasons.iter().any(|r| r.code == "overdue" && r.points == 10), "{:?}", late.reasons);
    enter(&book, "visit");
    let report = show(&book, 16 * DAY + HOUR);
    assert!(report.services.iter().all(|s| !s.overdue) && !report.reasons.iter().any(|r| r.code == "overdue"));
}

fn entry(service: &str) -> HealthEntry {
    HealthEntry {
        device: "a".into(),
        at_ms: 0,
        by: "王工".into(),
        kind: EntryKind::Service,
        service: Some(service.into()),
        text: "已完成".into(),
        relearn: true,
        used: std::collections::BTreeMap::new(),
    }
}

fn enter(book: &Book, service: &str) -> HealthEntry {
    let entry = book.draft(entry(service)).unwrap();
    book.entered(&entry);
    entry
}

#[test]
fn an_entry_must_fit_the_device_and_counts_once() {
    let book = Book::new(plan(false), at(0));
    assert!(book.draft(entry("paint")).is_none());
    assert!(book.draft(HealthEntry { device: "c".into(), ..entry("visit") }).is_none());
    assert!(book.draft(HealthEntry { kind: EntryKind::Note, ..entry("visit") }).is_none());
    assert!(book.draft(HealthEntry { kind: EntryKind::Part, service: None, ..entry("visit") }).is_some());
    let first = enter(&book, "visit");
    // Read back after a restart, in whatever order: the newest counts, and once.
    book.restore(&[], &[first.clone(), first.clone()]);
    let report = show(&book, DAY);
    assert_eq!(report.services.iter().find(|s| s.id == "visit").unwrap().done_ms, Some(first.at_ms));
}

#[test]
fn the_score_names_its_reasons() {
    let check = |open: &[Level], seen: bool, eta_h: Option<f64>, codes: &[&str], score: u8| {
        let book = Book::new(plan(false), at(0));
        let expected = eta_h.map(|eta_h| TimeToLimit {
            point: "vibration".into(),
            name: Text::new("振动", "vibration"),
            low_h: 1.0,
            eta_h,
            high_h: None,
        });
        let around = Around { open: open.to_vec(), seen, ahead: expected.into_iter().collect() };
        let report = book.report(DeviceIx(0), &around).unwrap();
        let found: Vec<&str> = report.reasons.iter().map(|r| r.code).collect();
        assert_eq!((found.as_slice(), report.score), (codes, score));
        let lost: u8 = report.reasons.iter().map(|r| r.points).sum();
        assert_eq!(100 - lost, report.score);
    };
    check(&[], true, None, &[], 100);
    check(&[Level::Minor], true, None, &["alarms_open"], 90);
    check(&[Level::Life, Level::Major, Level::Major], true, None, &["alarms_open"], 40);
    check(&[], false, None, &["unseen"], 85);
    check(&[Level::Info], true, Some(12.0), &["limit_ahead", "alarms_open"], 72);
    check(&[], true, Some(1000.0), &[], 100);
}

#[test]
fn too_many_starts_in_an_hour_are_a_reason() {
    let book = Book::new(plan(false), at(0));
    for start in 0..8 {
        say(&book, RUNNING, Some(0.0), start * 300_000);
        say(&book, RUNNING, Some(1.0), start * 300_000 + 60_000);
    }
    let report = show(&book, 2_400_000);
    let starts = report.starts.unwrap();
    assert_eq!((starts.last_hour, starts.peak_7_days), (8, 8));
    assert!(report.reasons.iter().any(|r| r.code == "starts"));
    let later = show(&book, 9 * DAY);
    assert_eq!((later.starts.unwrap().last_hour, later.starts.unwrap().peak_7_days), (0, 0));
}

#[test]
fn uneven_work_is_told_to_all_siblings() {
    let book = Book::new(plan(false), at(0));
    say(&book, RUNNING, Some(1.0), 0);
    say(&book, 3, Some(1.0), 0);
    say(&book, 3, Some(0.0), 15 * HOUR);
    say(&book, RUNNING, Some(0.0), 20 * HOUR);
    let report = show(&book, 21 * HOUR);
    let duty = report.duty.clone().unwrap();
    assert!((duty.spread_percent - 25.0).abs() < 0.1 && duty.of == 2, "{duty:?}");
    assert!(report.reasons.iter().any(|r| r.code == "duty"));
    assert!(book.report(DeviceIx(1), &well()).unwrap().reasons.iter().any(|r| r.code == "duty"));
}

#[test]
fn wednesday_afternoons_are_found_and_chance_is_not() {
    let book = Book::new(plan(false), at(0));
    for week in 0..6 {
        for hour in [14, 15] {
            book.tick(&at((week * 7 + 2) * DAY + hour * HOUR));
            book.alarm("a", Level::Minor);
        }
    }
    let report = show(&book, 40 * DAY);
    let first = report.spots.first().unwrap();
    assert_eq!((first.weekday, first.hour, first.faults), (2, None, 12));
    assert!(report.spots.iter().any(|s| (s.weekday, s.hour) == (2, Some(14))));
    assert!(report.reasons.iter().any(|r| r.code == "spots" && r.text.zh.contains("周三")));
    assert_eq!(book.spots_of("pump"), report.spots);
    assert!(book.spots_of("lift").is_empty());
    // One fault on each day of a week, and a storm on one day: no pattern.
    let book = Book::new(plan(false), at(0));
    for day in 0..28 {
        book.tick(&at(day * DAY + (day % 24) * HOUR));
        book.alarm("a", Level::Major);
    }
    for _ in 0..20 {
        book.alarm("a", Level::Minor);
    }
    assert!(show(&book, 28 * DAY).spots.is_empty());
}

#[test]
fn nine_weeks_later_a_fault_is_forgotten_and_the_total_is_not() {
    let book = Book::new(plan(false), at(0));
    book.alarm("a", Level::Critical);
    let report = show(&book, 80 * DAY);
    assert_eq!((report.alarms, report.alarms_30_days), ([0, 1, 0, 0, 0], [0; 5]));
}

#[test]
fn an_unset_clock_lets_totals_grow_and_days_rest() {
    let unset = |ms| Anchor { boot: BootMs(ms), wall: WallMs(ms), trust: Trust::Unset };
    let book = Book::new(plan(false), unset(0));
    book.tick(&unset(0));
    book.readings(&[reading(RUNNING, Some(1.0), 0)]);
    book.tick(&unset(2 * HOUR));
    let report = book.report(DeviceIx(0), &well()).unwrap();
    assert!((total(&report, Measure::Hours).0 - 2.0).abs() < 1e-9);
    assert!(report.since_ms.is_none() && report.services.iter().all(|s| s.due_ms.is_none()));
}

#[test]
fn a_text_that_cannot_be_read_is_named_and_nothing_else_is_lost() {
    let book = Book::new(plan(false), at(0));
    let kept = [("a".to_owned(), "{broken".to_owned()), ("gone".to_owned(), "{}".to_owned())];
    assert_eq!(book.restore(&kept, &[]), ["a"]);
}

/// What happens to a device: point, value, seconds later.
fn events() -> impl Strategy<Value = Vec<(u32, Option<f64>, i64)>> {
    let value = prop_oneof![Just(None), Just(Some(0.0)), Just(Some(1.0)), (0.0..1e6).prop_map(Some)];
    proptest::collection::vec((0..4_u32, value, 0..100_000_i64), 0..60)
}

proptest! {
    #[test]
    fn totals_never_shrink_and_a_restart_continues(events in events(), cut in 0..60_usize, own in any::<bool>()) {
        let whole = Book::new(plan(own), at(0));
        let mut parted = Book::new(plan(own), at(0));
        let (mut ms, mut before) = (0, 0.0_f64);
        for (step, (point, value, later_s)) in events.iter().enumerate() {
            ms += later_s * 1000;
            if step == cut {
                parted.tick(&at(ms));
                let kept = parted.changed();
                let next = Book::new(plan(own), at(ms));
                prop_assert!(next.restore(&kept, &[]).is_empty());
                parted = next;
                // The first reading after a restart tells what the switch is: nothing is known before.
                whole.readings(&[reading(RUNNING, None, ms), reading(DOOR, None, ms), reading(3, None, ms)]);
            }
            for book in [&whole, &parted] {
                say(book, *point, *value, ms);
            }
            let used: f64 = show(&whole, ms).services.iter().filter(|s| s.id == "grease").map(|s| s.used).sum();
            prop_assert!(used >= before && used.is_finite());
            before = used;
        }
        let (a, b) = (show(&whole, ms), show(&parted, ms));
        for (one, two) in a.totals.iter().zip(&b.totals) {
            prop_assert!((one.value - two.value).abs() < 1e-6 && one.value >= 0.0, "{one:?} {two:?}");
        }
        prop_assert_eq!(a.alarms, b.alarms);
    }
}
