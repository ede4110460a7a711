//! What a device model must do on data made for it, and what nothing may make it do.

#![expect(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "small counts"
)]

pub(super) use crate::predict::noise::even as noise;
use proptest::prelude::*;

use super::{DeviceModel, DeviceVerdict, POINTS_MAX, Shape};

const LEARN: u64 = 600;

/// Snapshot `i` of a healthy device: noise of different sizes, one point on a slow wave.
fn healthy(points: usize, i: u64) -> Vec<f64> {
    let wave = (i as f64 / 40.0).sin();
    (0..points).map(|p| 50.0 + (p + 1) as f64 * (noise(p as u64, i) + if p == 2 { wave } else { 0.0 })).collect()
}

/// Runs `points` points for `n` snapshots a second apart; `change` may alter each snapshot.
fn run(points: usize, n: u64, change: impl Fn(u64, &mut Vec<f64>)) -> Vec<DeviceVerdict> {
    let mut model = DeviceModel::new(points);
    (0..n)
        .map(|i| {
            let mut values = healthy(points, i);
            change(i, &mut values);
            model.step(i as i64 * 1000, &values, i < LEARN)
        })
        .collect()
}

/// First and last snapshot of each alarm.
pub(super) fn alarms(verdicts: &[DeviceVerdict]) -> Vec<(u64, u64)> {
    let mut out: Vec<(u64, u64)> = Vec::new();
    for (i, v) in verdicts.iter().enumerate() {
        let i = i as u64;
        match out.last_mut() {
            Some(last) if v.alarm && last.1 + 1 == i => last.1 = i,
            _ if v.alarm => out.push((i, i)),
            _ => {}
        }
    }
    out
}

#[test]
fn a_healthy_device_raises_nothing() {
    assert_eq!(alarms(&run(8, 12_000, |_, _| {})), []);
}

/// One fault from 1000 to 1300: raised once within `late` snapshots, cleared within `after`, first suspect and shape.
fn check(name: &str, late: u64, after: u64, point: usize, shape: Shape, change: impl Fn(u64, &mut Vec<f64>)) {
    let verdicts = run(8, 2500, |i, values| {
        if (1000..1300).contains(&i) {
            change(i, values);
        }
    });
    let alarms = alarms(&verdicts);
    assert_eq!(alarms.len(), 1, "{name}: {alarms:?}");
    let (from, to) = alarms[0];
    assert!((1000..=1000 + late).contains(&from), "{name}: raised at {from}");
    assert!((1290..=1300 + after).contains(&to), "{name}: cleared at {to}");
    let verdict = &verdicts[from as usize];
    let first = verdict.suspects[0].expect("an alarm has a suspect");
    assert_eq!((first.point, first.shape), (point, shape), "{name}");
    assert!((first.expected - 50.0).abs() < (first.seen - 50.0).abs(), "{name}: {first:?}");
    let shares: f64 = verdict.suspects.iter().flatten().map(|s| s.share).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{name}: shares {shares}");
    let since = verdict.since_ms.expect("an alarm has a beginning");
    assert!((999_000..=from as i64 * 1000).contains(&since), "{name}: since {since}");
    assert!(verdict.confidence > 0.5 && verdict.confidence < 1.0 && verdict.score > 0.5, "{name}: {verdict:?}");
}

#[test]
fn faults_are_raised_once_and_named() {
    check("a jump of one point", 20, 20, 4, Shape::Sudden, |_, v| v[4] += 60.0);
    check("two points agree", 30, 20, 5, Shape::Sudden, |_, v| {
        v[5] -= 30.0;
        v[1] += 5.0;
    });
    check("a small shift within the noise", 80, 60, 6, Shape::Drift, |_, v| v[6] += 7.0);
}

#[test]
fn a_spike_is_no_fault_of_the_device() {
    for length in 1..=4 {
        let verdicts = run(8, 1500, |i, v| {
            if (1000..1000 + length).contains(&i) {
                v[4] += 200.0;
            }
        });
        assert_eq!(alarms(&verdicts), [], "{length} snapshots");
    }
}

#[test]
fn slow_harmless_drift_is_followed_and_fast_wear_is_not() {
    let slow = run(8, 20_000, |i, v| v[3] += i as f64 * 2e-4);
    assert_eq!(alarms(&slow), []);
    let fast = run(8, 1600, |i, v| v[3] += i.saturating_sub(1000) as f64 * 0.05);
    let alarms = alarms(&fast);
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert!(fast[1599].alarm, "stands while the wear goes on");
}

#[test]
fn bursts_seen_in_commissioning_are_no_news() {
    let burst = |i: u64, v: &mut Vec<f64>| {
        if i % 97 < 12 {
            v[0] += 25.0;
        }
    };
    assert_eq!(alarms(&run(8, 6000, burst)), []);
}

#[test]
fn a_lasting_new_state_becomes_usual() {
    let verdicts = run(8, 9000, |i, v| {
        if i >= 1000 {
            v[4] += 40.0;
        }
    });
    assert!(verdicts[1100].alarm);
    assert!(!verdicts[8999].alarm);
}

#[test]
fn a_new_beginning_after_maintenance() {
    let mut model = DeviceModel::new(3);
    for i in 0..700 {
        model.step(i * 1000, &healthy(3, i as u64), true);
    }
    assert!((model.step(700_000, &healthy(3, 700), true).progress - 1.0).abs() < 1e-12);
    model.relearn();
    assert_eq!(model, DeviceModel::new(3));
    assert!(model.step(701_000, &healthy(3, 701), true).progress < 0.01);
}

#[test]
fn after_a_long_pause_another_state_is_not_held_against_it() {
    let verdicts = (0..1).flat_map(|_| {
        let mut model = DeviceModel::new(4);
        (0..2000_u64)
            .map(|i| {
                let mut values = healthy(4, i);
                let pause = if i >= 1000 { 3_600_000 } else { 0 };
                if i >= 1000 {
                    for v in &mut values {
                        *v += 100.0;
                    }
                }
                model.step(i as i64 * 1000 + pause, &values, i < LEARN)
            })
            .collect::<Vec<_>>()
    });
    assert_eq!(alarms(&verdicts.collect::<Vec<_>>()), []);
}

#[test]
fn nothing_does_harm() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1e308, 0.0, f64::MIN_POSITIVE];
    let mut model = DeviceModel::new(5);
    for i in 0..4000_u64 {
        let mut values = healthy(5, i);
        if i % 7 == 0 {
            values[(i % 5) as usize] = odd[(i / 7 % 7) as usize];
        }
        let stamp = match i % 50 {
            10..20 => 5000,
            20 => -1000,
            30 => i64::MAX,
            31 => i64::MIN,
            _ => i as i64 * 1000,
        };
        let v = model.step(stamp, if i % 100 == 3 { &[] } else { &values }, i < LEARN);
        assert!((0.0..1.0).contains(&v.score) && (0.0..1.0).contains(&v.confidence), "{i}: {v:?}");
    }
    let mut silent = DeviceModel::new(0);
    assert_eq!(silent.step(0, &[], false).suspects, [None; 3]);
}

#[test]
fn constant_and_missing_points_change_nothing_for_the_others() {
    let bare = run(4, 1500, |i, v| v[1] += if i >= 1000 { 40.0 } else { 0.0 });
    let more = run(6, 1500, |i, v| {
        v[1] += if i >= 1000 { 40.0 } else { 0.0 };
        v[4] = 7.0;
        v[5] = f64::NAN;
    });
    assert!(bare[1020].alarm && more[1020].alarm);
    assert_eq!(more[1020].suspects[0].map(|s| s.point), Some(1));
    let status = run(4, 3000, |i, v| v[3] = f64::from(u8::from(i >= 2000)));
    assert_eq!(alarms(&status), [], "a point that never moved raises nothing alone");
}

#[test]
fn small_when_written_down_and_refused_when_damaged() {
    let mut model = DeviceModel::new(16);
    for i in 0..2000 {
        model.step(i * 1000, &healthy(16, i as u64), i < 600);
    }
    let text = serde_json::to_string(&model).expect("numbers only");
    assert!(text.len() <= 8192, "{} bytes", text.len());
    assert_eq!(serde_json::from_str::<DeviceModel>(&text).expect("what was written"), model);
    assert!(model.bytes() <= 8192, "{} bytes", model.bytes());
    for bad in [
        String::new(),
        text.chars().skip(1).take(39).collect(),
        "!".repeat(40),
        text.chars().skip(1).take(text.len() - 6).collect(),
    ] {
        assert!(serde_json::from_str::<DeviceModel>(&format!("\"{bad}\"")).is_err());
    }
    let many = DeviceModel::new(200);
    assert_eq!(many.points.len(), POINTS_MAX);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn taken_up_again_it_goes_on_the_same(cut in 1_u64..1500, jump in 900_u64..1400) {
        let values = |i: u64| {
            let mut v = healthy(5, i);
            v[2] += if i >= jump { 30.0 } else { 0.0 };
            v[(i % 5) as usize] = if i.is_multiple_of(11) { f64::NAN } else { v[(i % 5) as usize] };
            v
        };
        let mut whole = DeviceModel::new(5);
        let mut parted = DeviceModel::new(5);
        for i in 0..1500 {
            if i == cut {
                let text = serde_json::to_string(&parted).expect("numbers only");
                parted = serde_json::from_str(&text).expect("what was written");
            }
            let (a, b) = (whole.step(i as i64 * 1000, &values(i), i < LEARN), parted.step(i as i64 * 1000, &values(i), i < LEARN));
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn scale_and_shift_of_each_point_change_no_alarm(
        scale in prop::array::uniform5(prop_oneof![0.001_f64..1000.0, -1000.0..-0.001]),
        shift in prop::array::uniform5(-1e4_f64..1e4),
    ) {
        let change = |i: u64, v: &mut Vec<f64>| {
            v[3] += if (1000..1200).contains(&i) { 25.0 } else { 0.0 };
        };
        let plain = run(5, 1500, change);
        let other = run(5, 1500, |i, v| {
            change(i, v);
            v.iter_mut().enumerate().for_each(|(p, x)| *x = *x * scale[p] + shift[p]);
        });
        prop_assert_eq!(alarms(&plain), alarms(&other));
        for (a, b) in plain.iter().zip(&other) {
            prop_assert!((a.score - b.score).abs() < 1e-3, "{} {}", a.score, b.score);
        }
    }
}
