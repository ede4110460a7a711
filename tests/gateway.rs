//! The composed gateway: what one part's trouble does to the others.

#![allow(clippy::unwrap_used)] // a test may fail there

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::clock::SystemClock;
use gatehouse::config::credential::Credentials;
use gatehouse::config::expr::Unchecked;
use gatehouse::config::load;
use gatehouse::config::shipped::SHIPPED;
use gatehouse::gateway::{End, Gateway};
use gatehouse::model::alarm::AlarmChange;
use gatehouse::model::link::LinkState;
use gatehouse::model::live::LiveEvent;
use tokio::sync::{broadcast, oneshot};

fn gateway(dir: &Path, listen: u16, nobody: u16) -> Gateway {
    let site = format!(
        r#"
version = 1
[site]
id = "test"
name = "测试"
time_zone = "Asia/Shanghai"
[api]
bind = "127.0.0.1:0"
[webhook.duty]
url = "http://127.0.0.1:{nobody}/robot?key=secret"
[line.field]
mqtt_listen = {{ bind = "127.0.0.1:{listen}" }}
[device.smoke]
name = "烟感"
at = "3号楼"
profile = "smoke/zigbee2mqtt"
line = "field"
topic = "smoke"
"#
    );
    let file = dir.join("gatehouse.toml");
    std::fs::write(&file, site).unwrap();
    let loaded = load(&file, &[], &SHIPPED, &Unchecked);
    let mut config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    config.store.path = dir.join("data");
    Gateway::open(config, &Credentials::beside(&file), Arc::new(SystemClock)).unwrap()
}

/// Until the list of far ends and the metrics say that the webhook takes nothing.
async fn a_dead_webhook_is_told(api: SocketAddr, port: u16) {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    let ask = async |path: &str| client.get(format!("http://{api}{path}")).send().await.unwrap().text().await.unwrap();
    let wait = async {
        loop {
            let all: serde_json::Value = serde_json::from_str(&ask("/api/v1/sync").await).unwrap();
            let hook = &all[0];
            assert_eq!((&hook["kind"], &hook["id"]), (&"webhook".into(), &"webhook.duty".into()), "{all}");
            assert_eq!(hook["url"], format!("http://127.0.0.1:{port}/…"), "what may be a secret is not shown");
            if hook["up"] == false {
                assert_eq!(hook["reason"]["zh"], "对端拒绝连接", "{all}");
                assert!(
                    hook["reason"]["en"].as_str().unwrap().contains("refused") && hook["since_ms"].is_i64(),
                    "{all}"
                );
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), wait).await.expect("the webhook is told to be away");
    let metrics = ask("/metrics").await;
    assert!(metrics.contains("gatehouse_upstream_up{upstream=\"webhook.duty\"} 0.0"), "{metrics}");
    let (zh, en) = (ask("/sync?lang=zh-CN").await, ask("/sync?lang=en").await);
    assert!(zh.contains("对端拒绝连接") && zh.contains("消息推送") && en.contains("Connection refused"), "{zh}");
}

/// Waits for an event.
async fn heard(events: &mut broadcast::Receiver<LiveEvent>, what: &str, is_it: impl Fn(&LiveEvent) -> bool) {
    let wait = async { while !is_it(&events.recv().await.unwrap()) {} };
    tokio::time::timeout(Duration::from_mins(1), wait).await.expect(what);
}

#[test]
fn an_address_that_is_taken_is_one_lines_trouble_and_cures_itself() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    // Nobody listens there: the webhook is another far end's trouble.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (tell, told) = oneshot::channel();
    let ready = |running: &gatehouse::gateway::Running| {
        assert_eq!(running.lines, [None]);
        tell.send((running.api, running.events.subscribe())).unwrap();
    };
    let end = gateway(dir.path(), port, closed).run(ready, async move {
        let (api, mut events) = told.await.unwrap();
        let raised = |e: &LiveEvent| match e {
            LiveEvent::Alarm { event, .. } => {
                &*event.alarm.key == "line.field.down" && event.change == AlarmChange::Raised
            }
            LiveEvent::Link(_) => false,
        };
        heard(&mut events, "the alarm", raised).await;
        a_dead_webhook_is_told(api, closed).await;
        drop(taken);
        heard(&mut events, "the line", |e| matches!(e, LiveEvent::Link(l) if l.state == LinkState::Up)).await;
    });
    assert_eq!(end.unwrap(), End::Asked);
}
