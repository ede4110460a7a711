//! The demo: the first thing anybody sees of gatehouse.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::rig::{BINARY, Gateway, PATIENCE, until};

/// The first alarm shows at the latest so long after the ready line.
const FIRST_ALARM_WITHIN: Duration = Duration::from_secs(10);

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["demo", "--port", "0"]).args(arguments);
    command
}

async fn first_alarm(demo: &mut Gateway) {
    let alarm = timeout(FIRST_ALARM_WITHIN, demo.said.line("! alarm raised")).await;
    assert!(alarm.is_ok_and(|l| l.is_some()), "no alarm: {}", demo.said.text());
}

/// The last line: counts, no holes, no faults.
async fn summary(demo: &mut Gateway) {
    let status = timeout(PATIENCE, demo.child.wait()).await.expect("ends by itself").unwrap();
    let said = demo.said.line("demo ended:").await;
    let said = said.unwrap_or_else(|| panic!("no summary: {}", demo.said.text()));
    assert_eq!(status.code(), Some(0), "{}", demo.said.text());
    println!("{said}");
    let figure = |after: &str| -> u64 {
        let text: String = said.split(after).nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
        text.parse().unwrap()
    };
    assert!(figure("demo ended: ") > 0 && figure("received ") > 0, "{said}");
    assert!(said.contains(", 0 holes,") && said.ends_with(", 0 faults"), "{said}");
}

#[tokio::test]
async fn the_demo_raises_an_alarm_within_ten_seconds_and_ends_by_itself_with_a_summary() {
    let mut demo = Gateway::start(demo(&["--for", "20s"])).await;
    first_alarm(&mut demo).await;
    let devices = demo.get("/api/v1/devices").await;
    assert!(devices.as_array().unwrap().len() >= 18, "{devices}");
    summary(&mut demo).await;
}

#[tokio::test]
async fn the_demo_ends_cleanly_when_interrupted() {
    let mut demo = Gateway::start(demo(&[])).await;
    first_alarm(&mut demo).await;
    demo.signal("INT");
    summary(&mut demo).await;
}

#[tokio::test]
async fn a_killed_demo_goes_on_with_its_open_alarms() {
    let dir = tempfile::tempdir().unwrap();
    let data = |dir: &Path| dir.join("data").display().to_string();
    let mut first = Gateway::start(demo(&["--data", &data(dir.path())])).await;
    first_alarm(&mut first).await;
    let open = until("an open alarm", || async {
        let open = first.try_get("/api/v1/alarms?limit=500").await?;
        let ids: Vec<String> =
            open.as_array().into_iter().flatten().filter_map(|a| Some(a["id"].as_str()?.to_owned())).collect();
        if ids.is_empty() { Err(open.to_string()) } else { Ok(ids) }
    })
    .await;
    first.kill().await;
    let mut second = Gateway::start(demo(&["--data", &data(dir.path())])).await;
    let now = second.get("/api/v1/alarms?open=true&limit=500").await.to_string();
    for id in &open {
        assert!(now.contains(id.as_str()), "{id} is not on the list after the restart: {now}");
    }
    first_alarm(&mut second).await;
    second.signal("INT");
    summary(&mut second).await;
}

#[tokio::test]
async fn a_bearing_that_warms_up_is_told_before_its_limit_and_the_time_left_is_right_at_half_way() {
    // The script's ramp (config/demo_script.toml): 48 to 96 degrees in 60 s, so 0.8 a second; the rule's limit is 90.
    const HALF_WAY: f64 = f64::midpoint(48.0, 90.0);
    const PER_SECOND: f64 = 0.8;
    let demo = Gateway::start(demo(&[])).await;
    until("the bearing warming", || async {
        let point = demo.try_get("/api/v1/points/b3_pump_1.bearing_temperature").await?;
        if point["value"].as_f64().is_some_and(|v| v > 50.0) { Ok(()) } else { Err(point.to_string()) }
    })
    .await;
    let (told, value) = until("half way to the limit", || async {
        let point = demo.try_get("/api/v1/points/b3_pump_1.bearing_temperature").await?;
        let value = point["value"].as_f64().ok_or_else(|| point.to_string())?;
        if value < HALF_WAY {
            return Err(format!("{value} degrees"));
        }
        let outlooks = demo.try_get("/api/v1/outlooks").await?;
        let ours = outlooks.as_array().into_iter().flatten().find(|o| o["rule"] == "rule.b3_pump_1_bearing");
        let eta_s = ours.and_then(|o| o["ahead"]["eta_s"].as_f64()).ok_or_else(|| outlooks.to_string())?;
        Ok((eta_s, value))
    })
    .await;
    let left_s = (90.0 - value) / PER_SECOND;
    println!("at {value} degrees {told:.1} s told, {left_s:.1} s true");
    assert!((told / left_s - 1.0).abs() <= 0.3, "{told} s told, {left_s} s true");
    let raised = |key: &'static str| {
        let demo = &demo;
        until(key, move || async move {
            let alarms = demo.try_get("/api/v1/alarms?limit=500").await?;
            let ours = alarms.as_array().into_iter().flatten().find(|a| a["key"] == key).cloned();
            ours.ok_or_else(|| alarms.to_string())
        })
    };
    let ahead = raised("rule.b3_pump_1_bearing").await;
    let hot = raised("b3_pump_1.bearing_hot").await;
    assert!(ahead["raised_ms"].as_i64() < hot["raised_ms"].as_i64(), "{ahead} {hot}");
    let why = &ahead["explanation"];
    assert_eq!(why["kind"], "trend", "{ahead}");
    assert!(why["suspects"][0]["expected_high"].as_f64().is_some_and(|v| v < 55.0), "{ahead}");
}
