//! Public labelled streams through the detector of single points: which labelled windows it finds by its own alarm.
//!
//! The streams are three of the Numenta Anomaly Benchmark (MIT; the notice lies beside them), unchanged. A made-up daily
//! rhythm with one day that jumps up, and two servers: steps of the level, and a band that narrows. The detector is not
//! tuned to these three, so a change that loses one of their windows wants a reason.

use gatehouse::predict::point::{PointModel, PointSettings};

/// One stream: local times in milliseconds, values.
fn stream(name: &str) -> Vec<(i64, f64)> {
    let path = format!("{}/tests/predict/nab/{name}.csv", env!("CARGO_MANIFEST_DIR"));
    let mut rows = csv::Reader::from_path(&path).expect("stream of the package");
    rows.records()
        .map(|row| {
            let row = row.expect("a row");
            (ms(&row[0]), row[1].parse().expect("a number"))
        })
        .collect()
}

fn ms(text: &str) -> i64 {
    let time: jiff::civil::DateTime = text.parse().expect("a time");
    time.to_zoned(jiff::tz::TimeZone::UTC).expect("a time in range").timestamp().as_millisecond()
}

/// The first 15 % are learnt from. `windows` must each see an alarm raised inside; at most `false_max` come elsewhere.
fn check(name: &str, windows: &[(&str, &str)], false_max: usize) {
    let rows = stream(name);
    let learn = rows.len() * 15 / 100;
    let mut model = PointModel::new(PointSettings::default());
    let (mut raised, mut stood) = (Vec::new(), false);
    for (i, (at_ms, value)) in rows.iter().enumerate() {
        let verdict = model.step(*at_ms, *value, i < learn);
        if verdict.alarm && !stood {
            raised.push(*at_ms);
        }
        stood = verdict.alarm;
    }
    let windows: Vec<(i64, i64)> = windows.iter().map(|(from, to)| (ms(from), ms(to))).collect();
    for (from, to) in &windows {
        assert!(
            raised.iter().any(|at| (from..=to).contains(&at)),
            "{name}: nothing raised in {from}..{to}: {raised:?}"
        );
    }
    let outside = raised.iter().filter(|at| !windows.iter().any(|(from, to)| (from..=to).contains(at))).count();
    assert!(outside <= false_max, "{name}: {outside} raised outside the windows: {raised:?}");
}

#[test]
fn a_day_that_jumps_up_is_found() {
    check("art_daily_jumpsup", &[("2014-04-10 16:15:00", "2014-04-12 01:45:00")], 0);
}

#[test]
fn steps_of_the_level_are_found() {
    let windows = [("2014-04-12 22:32:00", "2014-04-13 15:12:00"), ("2014-04-18 15:07:00", "2014-04-19 07:47:00")];
    check("rds_cpu_utilization_e47b3b", &windows, 1);
}

#[test]
fn a_band_that_narrows_is_found() {
    let windows = [("2014-02-18 16:02:00", "2014-02-19 08:42:00"), ("2014-02-24 10:17:00", "2014-02-25 02:57:00")];
    check("ec2_cpu_utilization_5f5533", &windows, 0);
}
