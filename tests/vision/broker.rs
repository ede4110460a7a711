//! Cameras behind a real broker. Named `peer_*`: see tests/mqtt.rs.

use std::sync::Arc;
use std::time::Duration;

use gatehouse::model::id::Id;
use gatehouse::model::intake::Intake;
use gatehouse::southbound::mqtt::Login;
use gatehouse::southbound::vision::Way;
use gatehouse::southbound::vision::mqtt::MqttCameras;
use gatehouse::southbound::{LineConfig, LinePath};

use crate::mosquitto::{Mosquitto, broker_is_there};
use crate::rig::{Rig, source};

#[tokio::test]
async fn peer_a_broker_sends_again_what_the_desk_did_not_store() {
    if !broker_is_there() {
        return;
    }
    let broker = Mosquitto::start(None).await;
    let way = Way::Mqtt { line: "field".into(), topic: "site/cam".into(), credential: None };
    let mut rig = Rig::new(&[source("cam", "generic_json", way)], 8);
    let path = LinePath::Mqtt { url: broker.url(), credential: None, ca: None, client_id: Some("vision-test".into()) };
    let second = Duration::from_secs(1);
    let line = LineConfig { id: Id::new("field").unwrap(), path, timeout: second, gap: second, every: second };
    let login = Login::parse("gatehouse:secret");
    let cameras = MqttCameras::new(&rig.outlet, &line, (login, None), rig.stop.clone()).unwrap();
    rig.tasks.spawn(cameras.run());
    let Intake::Link(link) = rig.next().await else { panic!("not subscribed") };
    assert_eq!((&*link.reason.zh, &*link.reason.en), ("已在代理上订阅", "subscribed at the broker"));
    let events = ["{\"id\":\"one\"}", "{\"id\":", "{\"id\":\"two\"}"].map(str::to_owned);
    broker.publish("site/cam", events.into_iter()).await;
    assert_eq!(&*rig.sighting(false).await.event_id, "one");
    // Not acknowledged: it comes again on a new connection, and what stood behind it after it.
    assert_eq!(&*rig.sighting(true).await.event_id, "one");
    assert_eq!(rig.refused().await.detail.split(':').next(), Some("not JSON"));
    assert_eq!(&*rig.sighting(true).await.event_id, "two");
    let counts = Arc::clone(rig.outlet.door("cam").unwrap()).counts();
    assert_eq!((counts.duplicates, counts.refused["malformed"]), (0, 1));
}
