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
