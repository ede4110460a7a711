//! With programs that are not ours: mosquitto as broker, mosquitto_pub and paho as devices.

use std::collections::BTreeSet;
use std::process::Output;

use gatehouse::model::link::LinkState;
use gatehouse::southbound::mqtt::{Login, TlsPem};

use crate::mosquitto::{Mosquitto, broker_is_there};
use crate::need::{peer, python};
use crate::rig::{Rig, client, listen, logins, value};

fn login(password: &str) -> Option<Login> {
    Some(Login { user: "gatehouse".to_owned(), password: password.to_owned() })
}

fn values(range: std::ops::RangeInclusive<u32>) -> impl Iterator<Item = String> {
    range.map(|v| format!("{{\"v\":{v}}}"))
}

/// Commits scans until every value of `want` was seen; how many came.
async fn commit_until(rig: &mut Rig, mut want: BTreeSet<u32>) -> usize {
    let mut count = 0;
    while !want.is_empty() {
        let (_, v) = rig.committed().await;
        want.retain(|w| f64::from(*w) != v);
        count += 1;
    }
    count
}

#[tokio::test]
async fn peer_nothing_acknowledged_before_its_receipt_and_nothing_lost_over_a_broker_restart() {
    if !broker_is_there() {
        return;
    }
    let mut broker = Mosquitto::start(None).await;
    let mut rig = client(broker.url(), login("secret"), None);
    assert_eq!(rig.line().await.0, LinkState::Up);

    broker.publish("site/a/up", values(1..=300)).await;
    let mut held = Vec::new();
    for want in 1..=20 {
        let scan = rig.scan().await;
        assert_eq!(value(&scan), (0, f64::from(want)));
        held.push(scan);
    }
    let more = tokio::time::timeout(std::time::Duration::from_millis(300), rig.events.recv()).await;
    assert!(more.is_err(), "mosquitto keeps 20 under way: a 21st means that one was acknowledged");
    for scan in held {
        scan.receipt.unwrap().committed();
    }
    commit_until(&mut rig, (21..=100).collect()).await;

    broker.stop();
    let (state, reason) = rig.line().await;
    assert_eq!(state, LinkState::Down, "{reason}");
    broker.run().await;
    loop {
        let (state, reason) = rig.line().await;
        println!("{state:?}: {reason}");
        if state == LinkState::Up {
            break;
        }
    }
    broker.publish("site/b/up", values(301..=400)).await;
    let count = commit_until(&mut rig, (301..=400).collect()).await;
    println!("{count} messages after the restart");
}

#[tokio::test]
async fn peer_all_of_300_across_restarts_of_broker_and_line() {
    if !broker_is_there() {
        return;
    }
    let mut broker = Mosquitto::start(None).await;
    let mut want: BTreeSet<u32> = (1..=300).collect();
    let mut rig = client(broker.url(), login("secret"), None);
    assert_eq!(rig.line().await.0, LinkState::Up);
    broker.publish("site/a/up", values(1..=150)).await;
    for _ in 0..50 {
        let (_, v) = rig.committed().await;
        want.retain(|w| f64::from(*w) != v);
    }
    broker.stop();
    broker.run().await;
    for _ in 0..30 {
        let (_, v) = rig.committed().await;
        want.retain(|w| f64::from(*w) != v);
    }
    // The line goes away with messages in hand; the broker keeps them and what comes meanwhile.
    drop(rig.scan().await);
    drop(rig);
    broker.publish("site/a/x/up", values(151..=300)).await;
    let mut rig = client(broker.url(), login("secret"), None);
    let count = commit_until(&mut rig, want.clone()).await;
    println!("{count} messages for the {} that were missing", want.len());
}

#[tokio::test]
async fn peer_what_could_not_be_stored_comes_again() {
    if !broker_is_there() {
        return;
    }
    let broker = Mosquitto::start(None).await;
    let mut rig = client(broker.url(), login("secret"), None);
    assert_eq!(rig.line().await.0, LinkState::Up);
    broker.publish("site/a/up", values(1..=3)).await;
    drop(rig.scan().await);
    let (state, reason) = rig.line().await;
    assert!(state == LinkState::Down && reason.contains("could not be stored"), "{reason}");
    assert_eq!(rig.line().await.0, LinkState::Up);
    broker.publish("site/a/up", values(4..=4)).await;
    commit_until(&mut rig, [4].into()).await;
}

#[tokio::test]
async fn peer_retained_is_old_and_wrong_password_is_said() {
    if !broker_is_there() {
        return;
    }
    let broker = Mosquitto::start(None).await;
    let port = broker.port.to_string();
    let retained =
        ["-p", &port, "-u", "device", "-P", "secret", "-r", "-q", "1", "-t", "site/c/up", "-m", r#"{"v":7}"#];
    assert!(run("mosquitto_pub", &retained).await.status.success());
    let mut rig = client(broker.url(), login("secret"), None);
    let scan = rig.scan().await;
    assert_eq!((value(&scan), scan.old), ((2, 7.0), true));
    let mut rig = client(broker.url(), login("wrong"), None);
    let (state, reason) = rig.line().await;
    assert!(state == LinkState::Down && reason.contains("user name or password"), "{reason}");
    let mut rig = client("mqtt://127.0.0.1:1".to_owned(), None, None);
    let (state, reason) = rig.line().await;
    assert!(state == LinkState::Down && reason.contains("127.0.0.1:1"), "{reason}");
}

#[tokio::test]
async fn peer_broker_over_tls() {
    if !broker_is_there() {
        return;
    }
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let stranger = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let broker = Mosquitto::start(Some((&own.cert.pem(), &own.signing_key.serialize_pem()))).await;
    let url = format!("mqtts://localhost:{}", broker.port);
    let mut rig = client(url.clone(), login("secret"), Some(own.cert.pem().as_bytes()));
    let (state, reason) = rig.line().await;
    assert_eq!(state, LinkState::Up, "{reason}");
    let mut rig = client(url, login("secret"), Some(stranger.cert.pem().as_bytes()));
    let (state, reason) = rig.line().await;
    assert!(state == LinkState::Down && reason.contains("certificate"), "{reason}");
}

async fn run(program: &str, arguments: &[&str]) -> Output {
    let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
    let program = program.to_owned();
    let run = move || std::process::Command::new(program).args(arguments).output().unwrap();
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn peer_mosquitto_pub_to_the_listener() {
    if !peer("mosquitto_pub", &["--help"]) {
        return;
    }
    let mut on = listen(logins(), None).await;
    let port = on.at.port().to_string();
    for (version, qos) in [("311", "0"), ("311", "1"), ("311", "2"), ("5", "0"), ("5", "1")] {
        let arguments = [
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-V",
            version,
            "-u",
            "a",
            "-P",
            "pw-a",
            "-q",
            qos,
            "-t",
            "site/a/up",
            "-m",
            r#"{"v":12.5}"#,
        ];
        let publish = run("mosquitto_pub", &arguments);
        let (output, seen) = tokio::join!(publish, on.rig.committed());
        assert_eq!(seen, (0, 12.5));
        assert!(output.status.success(), "-V {version} -q {qos}: {output:?}");
    }
    for version in ["311", "5"] {
        let wrong = ["-p", &port, "-V", version, "-u", "a", "-P", "wrong", "-t", "site/a/up", "-m", "1"];
        let output = run("mosquitto_pub", &wrong).await;
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(!output.status.success() && said.contains("not authori"), "-V {version}: {said}");
    }
    let foreign = ["-p", &port, "-V", "5", "-u", "a", "-P", "pw-a", "-q", "1", "-t", "site/b/up", "-m", "1"];
    let output = run("mosquitto_pub", &foreign).await;
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(said.contains("not authori") || !output.status.success(), "{output:?}");
    assert_eq!((on.stats)().foreign, 1);
}

#[tokio::test]
async fn peer_listener_over_tls() {
    if !peer("mosquitto_pub", &["--help"]) {
        return;
    }
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, own.cert.pem()).unwrap();
    let key = own.signing_key.serialize_pem().into_bytes();
    let mut on = listen(logins(), Some(TlsPem { certificates: own.cert.pem().into_bytes(), key })).await;
    let port = on.at.port().to_string();
    let ca = ca.display().to_string();
    let own = ["-u", "a", "-P", "pw-a", "-q", "1", "-t", "site/a/up", "-m", r#"{"v":3}"#];
    let arguments = [&["-h", "localhost", "-p", &port, "--cafile", &ca][..], &own].concat();
    let (output, seen) = tokio::join!(run("mosquitto_pub", &arguments), on.rig.committed());
    assert_eq!(seen, (0, 3.0));
    assert!(output.status.success(), "{output:?}");
    let plain = [&["-h", "localhost", "-p", &port][..], &own].concat();
    assert!(!run("mosquitto_pub", &plain).await.status.success(), "no talk without TLS");
}

/// Publishes 50 messages at each QoS, waits for every acknowledgement, sees a command come back.
const PAHO: &str = r#"
import sys, threading
import paho.mqtt.client as mqtt
port, version, qos_max = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
protocol = mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="paho-" + version, protocol=protocol)
client.username_pw_set("a", "pw-a")
client.will_set("site/a/status", "offline")
up, subscribed, command = threading.Event(), threading.Event(), threading.Event()
client.on_connect = lambda c, u, f, reason, p: up.set() if not reason.is_failure else print(reason)
client.on_subscribe = lambda c, u, m, reasons, p: subscribed.set() if not reasons[0].is_failure else print(reasons)
client.on_message = lambda c, u, message: command.set()
client.connect("127.0.0.1", port, keepalive=10)
client.loop_start()
assert up.wait(10), "no CONNACK"
client.subscribe("site/a/down/#", 1)
assert subscribed.wait(10), "no SUBACK"
sent = [client.publish("site/a/up", '{"v":%d}' % (qos * 1000 + n), qos) for qos in range(qos_max + 1) for n in range(50)]
for info in sent:
    info.wait_for_publish(20)
    assert info.is_published()
print("published", flush=True)
assert command.wait(10), "no command"
client.disconnect()
client.loop_stop()
"#;

#[tokio::test]
async fn peer_paho_to_the_listener() {
    let Some(python) = python(&["paho.mqtt.client"]) else { return };
    for (version, qos_max) in [("311", 2), ("5", 1)] {
        let mut on = listen(logins(), None).await;
        let port = on.at.port().to_string();
        let qos = qos_max.to_string();
        let arguments = ["-c", PAHO, &port, version, &qos];
        let script = run(&python, &arguments);
        let mut want: BTreeSet<u32> = (0..=qos_max).flat_map(|q| (0..50).map(move |n| q * 1000 + n)).collect();
        let store = async {
            while !want.is_empty() {
                let (device, v) = on.rig.committed().await;
                assert_eq!(device, 0);
                assert!(want.iter().any(|w| f64::from(*w) == v), "{v} came twice");
                want.retain(|w| f64::from(*w) != v);
            }
            assert_eq!(on.down.send("site/a/down/x", "1"), Ok(1));
        };
        let (output, ()) = tokio::join!(script, store);
        assert!(output.status.success(), "{version}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
