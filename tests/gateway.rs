//! The composed gateway: what one part's trouble does to the others.

#![allow(clippy::unwrap_used)] // a test may fail there

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

fn gateway(dir: &Path, listen: u16) -> Gateway {
    let site = format!(
        r#"
version = 1
[site]
id = "test"
name = "测试"
time_zone = "Asia/Shanghai"
[api]
bind = "127.0.0.1:0"
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

/// Waits for an event.
async fn heard(events: &mut broadcast::Receiver<LiveEvent>, what: &str, is_it: impl Fn(&LiveEvent) -> bool) {
    let wait = async { while !is_it(&events.recv().await.unwrap()) {} };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect(what);
}

#[test]
fn an_address_that_is_taken_is_one_lines_trouble_and_cures_itself() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (tell, told) = oneshot::channel();
    let ready = |running: &gatehouse::gateway::Running| {
        assert_eq!(running.lines, [None]);
        tell.send(running.events.subscribe()).unwrap();
    };
    let end = gateway(dir.path(), port).run(ready, async move {
        let mut events = told.await.unwrap();
        let raised = |e: &LiveEvent| match e {
            LiveEvent::Alarm { event, .. } => {
                &*event.alarm.key == "line.field.down" && event.change == AlarmChange::Raised
            }
            LiveEvent::Link(_) => false,
        };
        heard(&mut events, "the alarm", raised).await;
        drop(taken);
        heard(&mut events, "the line", |e| matches!(e, LiveEvent::Link(l) if l.state == LinkState::Up)).await;
    });
    assert_eq!(end.unwrap(), End::Asked);
}
