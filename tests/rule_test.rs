//! `gatehouse rule test` through the binary: a store filled with a known record, counts exact, beside an open store.

#![allow(clippy::unwrap_used)] // a test may fail there

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use gatehouse::clock::{Clock, ManualClock, SystemClock};
use gatehouse::model::id::PointIx;
use gatehouse::model::quality::Quality;
use gatehouse::model::reading::{Reading, Value};
use gatehouse::model::time::{Anchor, BootMs, Trust, WallMs};
use gatehouse::store::{Store, StoreConfig, open};
use serde_json::Value as Json;

const PROFILE: &str = r#"
[profile]
id = "level/test"
revision = 1
kind = "level"
name = "Tank"
source = ["made up for this test"]
read_only = true
[param.full]
name = "Full"
unit = "%"
default = 90.0
range = [0.0, 100.0]
[point.level]
name = "Level"
read = "input:0x0001"
scale = 0.1
unit = "%"
valid = [0.0, 100.0]
[alarm.overflow]
limit = { point = "level", above = "full", hysteresis = 5 }
for = "60s"
level = "major"
title = { zh = "水箱溢流", en = "Tank overflows" }
cause = "The float valve"
harm = "Water runs over"
action.zh = ["查看浮球阀"]
action.en = ["Look at the float valve"]
"#;

const SITE: &str = r#"
version = 1
[site]
id = "test"
name = "Test"
time_zone = "Asia/Shanghai"
lang = "en"
[api]
bind = "127.0.0.1:0"
[line.plant]
tcp = { host = "127.0.0.1", port = 1502 }
every = "10s"
[device.tank]
name = "Tank 1"
at = "B1"
profile = "level/test"
line = "plant"
unit = 1
[rule.dry]
limit = { point = "tank.level", below = 10.0 }
level = "minor"
title = "Tank is dry"
cause = "No water comes in"
harm = "The pumps run dry"
action = { zh = ["查看进水阀"], en = ["Look at the inlet valve"] }
"#;

/// The record: ten seconds between readings, so many of them.
const EVERY_MS: i64 = 10_000;
const READINGS: i64 = 4 * 360;

/// Level by reading: two overflows of 20 and 30 minutes, one of 30 seconds, one time dry for 5 minutes.
fn level(n: i64) -> f64 {
    match n {
        100..220 => 95.0,
        300..303 => 97.0,
        600..780 => 99.5,
        1_000..1_030 => 4.0,
        _ => 50.0,
    }
}

struct Site {
    dir: tempfile::TempDir,
    /// Wall time of the first reading.
    begin_ms: i64,
}

impl Site {
    /// A site file, a profile, and an hour-old end of a four hours' record.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("site.toml"), SITE).unwrap();
        std::fs::create_dir_all(dir.path().join("profiles/level")).unwrap();
        std::fs::write(dir.path().join("profiles/level/test.toml"), PROFILE).unwrap();
        let begin_ms = SystemClock.anchor().wall.0 - 5 * 3_600_000;
        Self { dir, begin_ms }
    }

    fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    /// The store with the record in it, still open.
    async fn fill(&self) -> Store {
        let anchor = Anchor { boot: BootMs(0), wall: WallMs(self.begin_ms), trust: Trust::Synced };
        let config = StoreConfig { path: self.data(), ..StoreConfig::default() };
        let store = open(&config, vec![Arc::from("tank.level")], Arc::new(ManualClock::new(anchor))).unwrap();
        let reading = |n: i64| Reading {
            point: PointIx(0),
            quality: Quality::Good,
            at: BootMs(n * EVERY_MS),
            source_ms: None,
            value: Value::Number(level(n)),
        };
        for hour in 0..READINGS / 360 {
            store.handle.append((hour * 360..(hour + 1) * 360).map(reading).collect(), vec![]).await;
            store.handle.flush().await.unwrap();
        }
        store
    }

    fn test(&self, args: &[&str]) -> Output {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
        command.args(["rule", "test"]).args(args).args(["--config", &path("site.toml"), "--data", &path("data")]);
        command.args(["--profiles", &path("profiles")]).output().unwrap()
    }

    fn json(&self, args: &[&str]) -> Json {
        let out = self.test(&[args, &["--format", "json"]].concat());
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).unwrap()
    }
}

/// Files below a folder with their bytes, without what every look at a database touches (its index of the WAL).
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if !path.to_string_lossy().ends_with("-shm") {
            all.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn counts_are_those_of_the_record_beside_a_running_store() {
    let site = Site::new();
    let store = site.fill().await;
    let before = files(&site.data());
    let answer = site.json(&["tank.overflow", "--from", "1d", "--set", "full=98", "--set", "for=5m"]);
    let (present, changed) = (&answer["present"], &answer["changed"]);
    // 60 s after the first high reading, until the first low one.
    let minute = 60_000;
    assert_eq!(present["fired"], 2);
    assert_eq!(present["alarm_ms"], 19 * minute + 29 * minute);
    let first = &present["first"][0];
    assert_eq!(first["begin_ms"], site.begin_ms + 100 * EVERY_MS + minute);
    assert_eq!(first["end_ms"], site.begin_ms + 220 * EVERY_MS);
    assert_eq!(first["peak"], 95.0);
    assert_eq!((&changed["fired"], &changed["alarm_ms"]), (&Json::from(1), &Json::from(25 * minute)));
    assert_eq!(answer["difference"]["fired"], -1);
    assert_eq!(answer["difference"]["alarm_ms"], (25 - 48) * minute);
    assert_eq!(answer["record"]["readings"], READINGS);
    assert_eq!(answer["record"]["gap_count"], 1, "from the end of the record until now");
    assert_eq!(files(&site.data()), before, "nothing was written");
    store.handle.close().await;

    let dry = site.json(&["dry", "--from", "1d"]);
    assert_eq!((&dry["rule"], &dry["present"]["fired"]), (&Json::from("rule.dry"), &Json::from(1)));
    assert_eq!(dry["present"]["alarm_ms"], 300_000);
    assert_eq!(dry["present"]["first"][0]["peak"], 4.0);
    assert_eq!(dry["changed"], Json::Null);
}

#[tokio::test]
async fn text_is_in_the_asked_language() {
    let site = Site::new();
    site.fill().await.handle.close().await;
    let english = text(&site.test(&["dry", "--from", "1d", "--set", "below=60"]).stdout);
    for part in ["rule.dry", "Tank is dry", "Present setting: fired 1 times, 5 m in alarm", "With below=60: ", "peak 4"]
    {
        assert!(english.contains(part), "`{part}` is missing:\n{english}");
    }
    let chinese = text(&site.test(&["tank.overflow", "--from", "1d", "--lang", "zh-CN"]).stdout);
    for part in ["水箱溢流", "触发 2 次，告警总时长 48 分", "极值 95", "无记录 1 段"] {
        assert!(chinese.contains(part), "`{part}` is missing:\n{chinese}");
    }
}

#[tokio::test]
async fn wrong_names_and_settings_are_told_with_a_hint() {
    let site = Site::new();
    site.fill().await.handle.close().await;
    for (args, code, part) in [
        (&["tank.overflw"][..], 64, "did you mean `tank.overflow`?"),
        (&["rule.dri"], 64, "did you mean `rule.dry`?"),
        (&["dry", "--set", "belwo=3"], 64, "did you mean `below`?"),
        (&["dry", "--set", "below"], 64, "must be name=value"),
        (&["dry", "--set", "below=low"], 64, "`low` is not a number"),
        (&["dry", "--set", "for=5"], 64, "is not a duration"),
        (&["dry", "--from", "soon"], 64, "is not a duration"),
        (&["dry", "--from", "1m"], 1, "there is no reading of tank.level"),
    ] {
        let out = site.test(args);
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(part), "{args:?}: {said}");
    }
    let empty = Site::new();
    let out = empty.test(&["dry"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("there are no readings in"), "{}", text(&out.stderr));
}
