//! Alarms and cases on a real broker. Named `peer_*`: see tests/mqtt.rs.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gatehouse::gateway::{End, Running};
use gatehouse::model::alarm::AlarmChange;
use gatehouse::model::live::LiveEvent;
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::timeout;

use crate::mosquitto::{Mosquitto, broker_is_there};
use crate::rig::{BASIC, LIMIT, post};
use crate::whole::{FACADE, camera, credential, open, stone};

/// mosquitto_sub with a session that the broker keeps; every message as JSON.
struct Subscriber {
    child: Child,
    heard: mpsc::Receiver<Value>,
}

impl Subscriber {
    fn start(port: u16, ca: &Path, topic: &str) -> Self {
        let mut child = Command::new("mosquitto_sub")
            .args(["-h", "localhost", "-p", &port.to_string(), "-u", "device", "-P", "secret", "--cafile"])
            .arg(ca)
            .args(["-q", "1", "-i", "duty", "-c", "-t", topic])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, heard) = mpsc::channel(256);
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if tell.blocking_send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, heard }
    }

    /// The next message of this type and case.
    async fn next(&mut self, kind: &str, case: &str) -> Value {
        let wait = async {
            loop {
                let event = self.heard.recv().await.expect("mosquitto_sub lives");
                if event["type"] == kind && event.to_string().contains(case) {
                    return event;
                }
            }
        };
        timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("no {kind} of {case}"))
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if self.child.kill().is_err() || self.child.wait().is_err() {
            println!("mosquitto_sub had ended already");
        }
    }
}

async fn raised(events: &mut broadcast::Receiver<LiveEvent>, key: &str) {
    let wait = async {
        loop {
            if let LiveEvent::Alarm { event, .. } = events.recv().await.unwrap()
                && event.change == AlarmChange::Raised
                && *event.alarm.key == *key
            {
                return;
            }
        }
    };
    timeout(Duration::from_secs(2), wait).await.expect("the alarm does not wait for the broker");
}

async fn watched(running: &Running, mut broker: Mosquitto, mut duty: Subscriber) {
    let vision = running.vision.unwrap();
    let mut events = running.events.subscribe();
    let headers = [("Authorization", BASIC), ("Content-Type", "application/json")];
    assert_eq!(post(vision, "/vision/cam", &headers, stone("e1", "/1.jpg").as_bytes()).await.status, 200);
    raised(&mut events, "case.1").await;
    let alarm = duty.next("gatehouse.alarm.raised", "case.1").await;
    // The document is a webhook's: a CloudEvent with the record as it lies on disk.
    assert_eq!(
        (&alarm["specversion"], &alarm["site"], &alarm["subject"]),
        (&"1.0".into(), &"test".into(), &"case/1".into())
    );
    assert!(
        alarm["id"].as_str().unwrap().starts_with("alarm:") && alarm["data"]["alarm"]["level"] == "critical",
        "{alarm}"
    );
    let case = duty.next("gatehouse.event.case_detected", "case.1").await;
    let facts = &case["data"]["facts"];
    assert_eq!((&facts["case"]["facade"], &facts["step"]["kind"]), (&"south".into(), &"detected".into()), "{case}");

    // A step of a person is a change of the case.
    let step = br#"{"act":"review","by":"Wang Gong"}"#;
    let told = post(running.api, "/api/v1/cases/1/steps", &[("Content-Type", "application/json")], step).await;
    assert_eq!(told.status, 421, "the page knows its own name only");
    let url = format!("http://{}/api/v1/cases/1/steps", running.api);
    let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build().unwrap();
    let asked = client.post(url).header("content-type", "application/json").body(&step[..]).send().await.unwrap();
    assert!(asked.status().is_success(), "{asked:?}");
    let change = duty.next("gatehouse.event.case_reviewing", "case.1").await;
    assert_eq!(change["data"]["facts"]["step"]["by"], "Wang Gong", "{change}");

    // Without the broker alarms are as fast as with it; what it missed follows when it is back.
    broker.stop();
    assert_eq!(post(vision, "/vision/cam", &headers, br#"{"id":"e2","kind":"ebike_in_lift"}"#).await.status, 200);
    raised(&mut events, "case.2").await;
    broker.run().await;
    duty.next("gatehouse.alarm.raised", "case.2").await;
    duty.next("gatehouse.event.case_detected", "case.2").await;
}

#[test]
fn peer_alarms_and_cases_are_published_over_tls_and_a_dead_broker_delays_nothing() {
    if !broker_is_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    credential(dir.path(), "broker", "gatehouse:secret\n");
    credential(dir.path(), "broker_ca", &own.cert.pem());
    let first = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let broker = first.block_on(Mosquitto::start(Some((&own.cert.pem(), &own.signing_key.serialize_pem()))));
    let ca = dir.path().join("credentials/broker_ca");
    let duty = Subscriber::start(broker.port, &ca, "site/alarms");
    let port = broker.port;
    let gateway = open(
        dir.path(),
        &format!(
            "[publish.duty]\nurl = 'mqtts://localhost:{port}'\ntopic = 'site/alarms'\ncredential = 'broker'\nca = 'broker_ca'\n\
             what = 'cases'\n{FACADE}{}",
            camera("cam", "http://127.0.0.1:9")
        ),
    );
    let (tell, told) = oneshot::channel();
    let end = gateway.run(|running| assert!(tell.send(running.clone()).is_ok()), async move {
        let running = told.await.unwrap();
        watched(&running, broker, duty).await;
    });
    assert_eq!(end.unwrap(), End::Asked);
}
