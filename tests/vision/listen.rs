//! A camera that publishes straight to gatehouse, by the hand of mosquitto_pub. Named `peer_*`: see tests/mqtt.rs.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use gatehouse::clock::SystemClock;
use gatehouse::gateway::{End, Running};
use gatehouse::model::intake::Why;
use gatehouse::model::reading::Receipt;
use gatehouse::southbound::mqtt::annex::Posted;
use gatehouse::southbound::vision::{Way, posts};
use gatehouse::store::CaseReader;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::need::peer;
use crate::rig::{LIMIT, Rig, source};
use crate::whole::{FACADE, credential, open_at};

/// Publishes one event at QoS 1; whether it was acknowledged.
async fn publish(at: SocketAddr, login: &str, topic: &str, payload: &str) -> bool {
    let (user, password) = login.split_once(':').unwrap();
    let mut publish = Command::new("mosquitto_pub");
    publish
        .args(["-h", "127.0.0.1", "-p", &at.port().to_string(), "-u", user, "-P", password, "-q", "1"])
        .args(["-t", topic, "-m", payload])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    tokio::task::spawn_blocking(move || publish.status().unwrap().success()).await.unwrap()
}

async fn campaign(running: &Running, disk: &CaseReader) {
    let at = running.lines[0].unwrap();
    let on_disk = || -> Vec<String> {
        let kept = disk.sightings(10).unwrap();
        kept.into_iter().map(|s| format!("{} {}", s.camera, s.event_id)).collect()
    };
    // The moment the acknowledgement is there the event is on disk.
    assert!(publish(at, "user:secret", "site/cam", r#"{"id":"one","kind":"perimeter"}"#).await);
    assert_eq!(on_disk(), ["cam one"]);
    assert!(publish(at, "user:secret", "site/cam", r#"{"id":"one","kind":"perimeter"}"#).await, "sent again");
    assert_eq!(on_disk(), ["cam one"]);
    // Its own topic only, with its own password only.
    assert!(!publish(at, "user:wrong", "site/cam", r#"{"id":"two","kind":"perimeter"}"#).await);
    assert!(!publish(at, "user:secret", "site/other", r#"{"id":"two","kind":"perimeter"}"#).await);
    assert!(!publish(at, "other:secret", "site/cam", r#"{"id":"two","kind":"perimeter"}"#).await);
    assert_eq!(on_disk(), ["cam one"]);
    // What cannot be read would be the same again: acknowledged, counted, told.
    assert!(publish(at, "user:secret", "site/cam", "{\"id\":").await);
    assert!(publish(at, "other:secret", "site/other", r#"{"id":"three","kind":"ebike_in_lift"}"#).await);
    assert_eq!(on_disk(), ["other three", "cam one"]);
}

#[test]
fn peer_a_camera_that_publishes_here_is_acknowledged_when_its_event_is_on_disk() {
    if !peer("mosquitto_pub", &["--help"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    credential(dir.path(), "other", "other:secret\n");
    let camera = |id: &str, topic: &str, login: &str| {
        format!(
            "[camera.{id}]\nname = '{id}'\nat = 'x'\nprofile = 'generic_json'\n\
             mqtt = {{ line = 'field', topic = '{topic}', credential = '{login}' }}\n"
        )
    };
    let site = format!(
        "{FACADE}[line.field]\nmqtt_listen = {{ bind = '127.0.0.1:0' }}\n{}{}",
        camera("cam", "site/cam", "cam"),
        camera("other", "site/other", "other")
    );
    let site = format!(
        "{site}[camera.push]\nname = 'p'\nat = 'x'\nprofile = 'generic_json'\npush = {{ credential = 'cam' }}\n"
    );
    let gateway = open_at(dir.path(), &site, Arc::new(SystemClock));
    let disk = CaseReader::at(&dir.path().join("data"));
    let (tell, told) = oneshot::channel();
    let end = gateway.run(|running| assert!(tell.send(running.clone()).is_ok()), async move {
        campaign(&told.await.unwrap(), &disk).await;
    });
    assert_eq!(end.unwrap(), End::Asked);
}

#[tokio::test]
async fn what_the_desk_does_not_store_is_not_acknowledged() {
    let way = Way::Mqtt { line: "field".into(), topic: "site/cam".into(), credential: None };
    let mut rig = Rig::new(&[source("cam", "generic_json", way)], 8);
    let (posted, mut posts) = mpsc::channel(8);
    let (outlet, stop) = (Arc::clone(&rig.outlet), rig.stop.clone());
    rig.tasks.spawn(async move { posts::run(outlet, &mut posts, stop).await });
    let send = |payload: &'static str| {
        let (tell, told) = oneshot::channel();
        let receipt = Receipt::new(move |done| tell.send(done).unwrap());
        posted.try_send(Posted { owner: "cam".into(), payload: payload.into(), receipt }).unwrap();
        told
    };
    let told = send(r#"{"id":"one"}"#);
    rig.sighting(false).await;
    assert!(!timeout(LIMIT, told).await.unwrap().unwrap(), "not on disk, so: send it again");
    let told = send(r#"{"id":"one"}"#);
    rig.sighting(true).await;
    assert!(timeout(LIMIT, told).await.unwrap().unwrap());
    let told = send("{");
    assert_eq!(rig.refused().await.why, Why::Malformed);
    assert!(timeout(LIMIT, told).await.unwrap().unwrap(), "it would be the same again");
}
