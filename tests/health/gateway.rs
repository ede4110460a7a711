//! A whole gateway counts what a lift publishes, and goes on after a restart.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::cli::judge::Cel;
use gatehouse::clock::SystemClock;
use gatehouse::config::credential::Credentials;
use gatehouse::config::load;
use gatehouse::config::shipped::SHIPPED;
use gatehouse::gateway::{End, Gateway, Running};
use rumqttc::{AsyncClient, MqttOptions, QoS};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{json_at, post};

const SITE: &str = r#"
version = 1
[site]
id = "test"
name = "测试"
time_zone = "Asia/Shanghai"
[api]
bind = "127.0.0.1:0"
[line.field]
mqtt_listen = { bind = "127.0.0.1:0" }
[device.lift]
name = "1号楼 1# 电梯"
at = "1号楼"
profile = "lift/terminal_mqtt"
line = "field"
topic = "lift"
"#;

fn gateway(dir: &Path) -> Gateway {
    let file = dir.join("gatehouse.toml");
    std::fs::write(&file, SITE).unwrap();
    let loaded = load(&file, &[], &SHIPPED, &Cel);
    let mut config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    config.store.path = dir.join("data");
    Gateway::open(config, &Credentials::beside(&file), Arc::new(SystemClock)).unwrap()
}

/// Runs a gateway while `act` works with its page and its listener.
fn live<F: Future<Output = ()>>(dir: &Path, act: impl FnOnce(String, u16) -> F) {
    let (tell, told) = oneshot::channel();
    let ready = |running: &Running| tell.send((running.api, running.lines[0].unwrap().port())).unwrap();
    let end = gateway(dir).run(ready, async move {
        let (api, port) = told.await.unwrap();
        act(format!("http://{api}"), port).await;
    });
    assert_eq!(end.unwrap(), End::Asked);
}

/// Publishes these messages one after the other; each has been acknowledged, so it is on disk, before the next is sent.
async fn publish(port: u16, messages: &[&str]) {
    let mut options = MqttOptions::new("lift", "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(30));
    let (client, mut events) = AsyncClient::new(options, 16);
    for message in messages {
        client.publish("lift", QoS::AtLeastOnce, false, *message).await.unwrap();
        let acknowledged = async {
            loop {
                if let rumqttc::Event::Incoming(rumqttc::Packet::PubAck(_)) = events.poll().await.unwrap() {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), acknowledged).await.expect("no acknowledgement");
    }
}

async fn record(base: &str) -> Value {
    json_at(&format!("{base}/api/v1/devices/lift/health")).await
}

fn total(record: &Value, measure: &str) -> (f64, bool) {
    let totals = record["totals"].as_array().unwrap();
    let found = totals.iter().find(|t| t["measure"] == measure).unwrap();
    (found["value"].as_f64().unwrap(), found["own"].as_bool().unwrap())
}

#[test]
fn a_lift_is_counted_across_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    live(dir.path(), |base, port| async move {
        publish(
            port,
            &[
                r#"{"moving":false,"door":"closed","trips":100,"alarm_button":false}"#,
                r#"{"moving":true,"trips":101}"#,
                r#"{"moving":false,"door":"open","trips":103}"#,
                r#"{"moving":true,"door":"closed","alarm_button":true}"#,
            ],
        )
        .await;
        let record = record(&base).await;
        assert_eq!(total(&record, "trips"), (103.0, true), "{record}");
        assert_eq!(total(&record, "starts"), (2.0, false), "{record}");
        assert_eq!(total(&record, "door_cycles"), (1.0, false), "{record}");
        assert_eq!(record["alarms"][0], 1, "the help button is an alarm of level life: {record}");
        let entries = format!("{base}/api/v1/devices/lift/health/entries");
        let done = json!({ "by": "王工", "kind": "service", "service": "ropes", "text": "换绳" });
        assert!(post(&entries, done).await.0.is_success());
    });
    live(dir.path(), |base, port| async move {
        publish(port, &[r#"{"moving":false,"door":"open","trips":110}"#]).await;
        let record = record(&base).await;
        assert_eq!(total(&record, "trips"), (110.0, true), "{record}");
        assert_eq!(total(&record, "starts"), (2.0, false), "{record}");
        // It was shut when the gateway stopped and is open now.
        assert_eq!(total(&record, "door_cycles"), (2.0, false), "{record}");
        assert_eq!((&record["alarms"][0], &record["entries"][0]["text"]), (&json!(1), &json!("换绳")), "{record}");
        let services = record["services"].as_array().unwrap();
        let ropes = services.iter().find(|s| s["id"] == "ropes").unwrap();
        assert!(ropes["done_ms"].as_i64().is_some() && ropes["used"] == 7.0, "trips since the service: {ropes}");
    });
}
