//! Every shipped profile: read by the strict reader, run through its golden vectors, and held to the house rules.

#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gatehouse::cli::judge::Cel;
use gatehouse::conditioning::golden;
use gatehouse::config::load::load_profile_file;
use gatehouse::config::shipped::SHIPPED;
use gatehouse::model::alarm::Level;
use gatehouse::model::text::Text;
use gatehouse::profile::{Condition, PointSource, Profile};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/profiles")
}

/// `(id, path)` of every profile on disk.
fn files() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for kind in fs::read_dir(folder()).unwrap() {
        for file in fs::read_dir(kind.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let id = path.strip_prefix(folder()).unwrap().with_extension("");
            found.push((id.to_str().unwrap().to_owned(), path));
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> Arc<Profile> {
    let loaded = load_profile_file(path, &Cel);
    let faults: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|d| format!("{}: {} ({:?})", d.place(&loaded.sources), d.message.en, d.help.as_ref().map(|h| &h.en)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    loaded.profile.unwrap()
}

#[test]
fn the_program_carries_exactly_what_lies_in_the_folder() {
    let on_disk: Vec<String> = files().into_iter().map(|(id, _)| id).collect();
    let carried: Vec<String> = SHIPPED.0.iter().map(|(id, _)| (*id).to_owned()).collect();
    assert_eq!(carried, on_disk);
    for (id, path) in files() {
        assert_eq!(SHIPPED.get(&id), Some(fs::read_to_string(path).unwrap().as_str()), "{id}");
    }
}

#[test]
fn every_profile_reads_without_a_complaint() {
    for (id, path) in files() {
        let profile = read(&path);
        assert_eq!(profile.id, id);
        assert_eq!(profile.kind, id.split('/').next().unwrap());
    }
}

#[test]
fn every_golden_vector_holds() {
    for (id, path) in files() {
        let profile = read(&path);
        assert!(!profile.tests.is_empty(), "{id} has no vector");
        for result in golden::run(&profile, &Cel) {
            let faults: Vec<&str> = result.faults.iter().map(|f| &*f.en).collect();
            assert!(faults.is_empty(), "{id}, vector {}: {}", result.vector + 1, faults.join("; "));
        }
    }
}

#[test]
fn every_point_and_every_alarm_is_in_a_vector() {
    for (id, path) in files() {
        let profile = read(&path);
        let expected: BTreeSet<&str> =
            profile.tests.iter().flat_map(|t| t.expect.iter().map(|(point, _)| point.as_str())).collect();
        // The fire panel repeats three points per detector; its first and last are enough.
        let missing = profile.points.iter().filter(|p| !expected.contains(p.id.as_str())).count();
        assert!(missing == 0 || profile.kind == "fire", "{id}: {missing} points untested");
        let raised: BTreeSet<&str> = profile.tests.iter().flat_map(|t| t.alarms.iter().map(String::as_str)).collect();
        for alarm in &profile.alarms {
            let needs_time =
                !matches!(alarm.condition, Condition::Limit { .. } | Condition::State { .. } | Condition::When(_));
            assert!(needs_time || raised.contains(alarm.id.as_str()), "{id}: alarm {} is never raised", alarm.id);
        }
    }
}

fn both_languages(text: &Text) -> bool {
    let chinese = |t: &str| t.chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c));
    chinese(&text.zh) && !chinese(&text.en) && !text.en.is_empty()
}

#[test]
fn people_find_both_languages_and_something_to_do() {
    for (id, path) in files() {
        let profile = read(&path);
        assert!(both_languages(&profile.name) && both_languages(&profile.note), "{id}: name or note");
        assert!(!profile.source.is_empty(), "{id}: no source");
        for point in &profile.points {
            assert!(both_languages(&point.name), "{id}: point {}", point.id);
            assert!(point.labels.iter().all(|(_, label)| both_languages(label)), "{id}: labels of {}", point.id);
        }
        for alarm in &profile.alarms {
            let text = &alarm.text;
            assert!([&text.title, &text.cause, &text.harm].into_iter().all(both_languages), "{id}: alarm {}", alarm.id);
            assert!(!text.action.is_empty() && text.action.iter().all(both_languages), "{id}: action of {}", alarm.id);
        }
    }
}

#[test]
fn what_must_never_be_written_says_so() {
    for (id, path) in files() {
        let profile = read(&path);
        if ["lift", "fire", "meter", "smoke"].contains(&profile.kind.as_str()) {
            assert!(profile.read_only, "{id}");
        }
        assert!(!profile.read_only || profile.points.iter().all(|p| p.write.is_none()), "{id}");
    }
}

#[test]
fn danger_to_life_is_told_at_once_and_stays_until_reset() {
    let mut seen = 0;
    for (id, path) in files() {
        let profile = read(&path);
        for alarm in profile.alarms.iter().filter(|a| a.level == Level::Life) {
            seen += 1;
            assert!(alarm.latched, "{id}: {}", alarm.id);
            // Only entrapment needs a while to be told from an ordinary stop.
            let longest = if alarm.id.as_str().starts_with("entrapment") { 120 } else { 0 };
            assert!(alarm.on_delay <= Duration::from_secs(longest), "{id}: {}", alarm.id);
        }
    }
    assert!(seen >= 10, "only {seen} life alarms");
}

#[test]
fn device_limits_are_kept() {
    let limit = |id: &str| read(&folder().join(id).with_extension("toml")).modbus.registers_max;
    assert_eq!(limit("pump/inovance_md500"), 12);
    for (id, path) in files() {
        let profile = read(&path);
        let by_register = profile.points.iter().any(|p| matches!(p.source, PointSource::Register(_)));
        assert!(!(by_register && profile.mqtt.is_some()), "{id} is neither one thing nor the other");
    }
}
