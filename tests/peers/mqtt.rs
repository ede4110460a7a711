//! mosquitto as broker, mosquitto_pub and paho as devices: nothing that was promised is lost, whoever is restarted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::clock::SystemClock;
use gatehouse::model::quality::Quality;
use gatehouse::store::{StoreConfig, open};
use serde_json::json;

use crate::mosquitto::{Mosquitto, broker_is_there};
use crate::need::{peer, python};
use crate::rig::{Process, Site, free_port, until};

const NUMBERED: &str = "meter/numbered";

/// All good numbers in the data of a stopped gateway, by point.
fn stored(data: &Path) -> BTreeMap<String, Vec<f64>> {
    let config = StoreConfig { path: data.to_owned(), ..StoreConfig::default() };
    let store = open(&config, Vec::new(), Arc::new(SystemClock)).unwrap();
    let (mut seq, mut values) = (0, BTreeMap::<_, Vec<f64>>::new());
    while let Some(batch) = store.reader.telemetry_after(seq).unwrap() {
        seq = batch.seq_last();
        let columns = &batch.columns;
        for ((point, quality), value) in columns.point.iter().zip(&columns.quality).zip(&columns.value) {
            let key = &batch.keys[usize::try_from(*point).unwrap()];
            if let (Quality::Good, Some(number)) = (*quality, value.number()) {
                values.entry(key.to_string()).or_default().push(number);
            }
        }
    }
    values
}

fn numbered(site: &Site) {
    site.profile(
        NUMBERED,
        "[profile]\nid = \"meter/numbered\"\nrevision = 1\nkind = \"meter\"\nname = { zh = \"数\", en = \"numbers\" }\n\
         source = [\"none\"]\n[mqtt]\ntopics = [\"\"]\n[point.v]\nname = { zh = \"值\", en = \"value\" }\njson = \"/v\"\n",
    );
}

fn device(id: &str, profile: &str, topic: &str, credential: &str) -> String {
    format!(
        "[device.{id}]\nname = \"{id}\"\nat = \"lab\"\nprofile = \"{profile}\"\nline = \"field\"\ntopic = \"{topic}\"\n{credential}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_zigbee_bridge_behind_a_mosquitto_that_is_restarted() {
    if !broker_is_there() {
        return;
    }
    let mut broker = Mosquitto::start(None).await;
    let devices = device("s1", "smoke/zigbee2mqtt", "site/s1", "") + &device("s2", "smoke/zigbee2mqtt", "site/s2", "");
    let site = Site::new(&format!(
        "[store]\ncommit_every = \"500ms\"\n[line.field]\nmqtt = {{ url = \"{}\", credential = \"broker\" }}\n{devices}",
        broker.url()
    ));
    site.credential("broker", "gatehouse:secret");
    let port = broker.port.to_string();
    let publish = |topic: &str, payload: &str, more: &[&str]| {
        let login = ["-p", &port, "-u", "device", "-P", "secret", "-q", "1", "-t", topic, "-m", payload];
        assert!(Command::new("mosquitto_pub").args(login).args(more).status().unwrap().success());
    };
    publish("site/s1", r#"{"smoke":false,"battery":55,"linkquality":100}"#, &["-r"]);
    let gateway = site.run();
    gateway.until_point("s1.battery", &json!(55.0), Quality::UncertainOld.word());
    gateway.until_point("s1.smoke", &json!(0.0), Quality::UncertainOld.word());
    publish("site/s1", r#"{"smoke":false,"battery":54,"linkquality":90}"#, &[]);
    gateway.until_point("s1.battery", &json!(54.0), "good");
    publish("site/s2", r#"{"smoke":true,"battery":150}"#, &[]);
    gateway.until_point("s2.smoke", &json!(1.0), "good");
    gateway.until_point("s2.battery", &json!(null), "bad_range");

    // Quarters, so that 400 different values fit into a percentage.
    let quarters = |range: std::ops::RangeInclusive<u32>| {
        range.map(|n| format!("{{\"smoke\":false,\"battery\":{}}}", f64::from(n) / 4.0))
    };
    broker.publish("site/s1", quarters(1..=200)).await;
    broker.stop();
    let reason = until(Duration::from_secs(10), || match gateway.line("field") {
        (state, reason) if state == "down" => Ok(reason),
        (state, _) => Err(state),
    });
    println!("broker gone: {reason}");
    broker.run().await;
    broker.publish("site/s1", quarters(201..=400)).await;
    gateway.until_point("s1.battery", &json!(100.0), "good");
    publish("site/s1/availability", r#"{"state":"offline"}"#, &[]);
    gateway.until_point("s1.smoke", &json!(null), Quality::BadOffline.word());
    publish("site/s1/availability", r#"{"state":"online"}"#, &[]);
    publish("site/s1", r#"{"smoke":false,"battery":12}"#, &[]);
    gateway.until_point("s1.battery", &json!(12.0), "good");
    gateway.stop();
    let kept = &stored(&site.path("data"))["s1.battery"];
    let missing: Vec<_> =
        (1..=400).map(|n| f64::from(n) / 4.0).filter(|v| !kept.iter().any(|k| k.total_cmp(v).is_eq())).collect();
    println!("{} readings stored of 400 published across the restart", kept.len());
    assert!(missing.is_empty(), "{missing:?}");
}

/// Whole numbers of a file or of readings.
fn whole(values: impl Iterator<Item = f64>) -> BTreeSet<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "the devices count")]
    values.map(|v| v as i64).collect()
}

fn acknowledged(path: &Path) -> BTreeSet<i64> {
    // The last line may be half written.
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole_lines = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
    whole(whole_lines.lines().filter_map(|l| l.parse().ok()))
}

/// Everything was acknowledged to `mosquitto_pub`, which waits for it.
fn publish_all(port: u16, version: &str, user: &str, range: std::ops::RangeInclusive<u32>, folder: &Path) {
    let lines: String = range.map(|n| format!("{{\"v\":{n}}}\n")).collect();
    let file = folder.join(format!("lines-{version}"));
    fs::write(&file, lines).unwrap();
    let port = port.to_string();
    let topic = format!("lab/{user}");
    let mut command = Command::new("mosquitto_pub");
    command.args(["-p", &port, "-V", version, "-u", user, "-P", "pw", "-q", "1", "-t", &topic, "-l"]);
    assert!(command.stdin(fs::File::open(file).unwrap()).status().unwrap().success());
}

#[test]
fn what_the_listener_acknowledged_survives_a_kill() {
    if !peer("mosquitto_pub", &["--help"]) {
        return;
    }
    let Some(python) = python(&["paho.mqtt.client"]) else { return };
    let port = free_port();
    // Nothing but the promise to the devices brings a commit forward.
    let mut text = format!(
        "[store]\ncommit_every = \"60s\"\ncommit_count = 100000\n[line.field]\nmqtt_listen = {{ bind = \"127.0.0.1:{port}\" }}\n"
    );
    let users = ["paho4", "paho5", "pub4", "pub5"];
    for user in users {
        text += &device(user, NUMBERED, &format!("lab/{user}"), &format!("credential = \"{user}\""));
    }
    let site = Site::new(&text);
    numbered(&site);
    for user in users {
        site.credential(user, &format!("{user}:pw"));
    }
    let gateway = site.run();
    let load = |version: &str, user: &str| {
        let mut command = Command::new(&python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/paho_load.py"));
        command.args([&port.to_string(), version, user, "pw", &format!("lab/{user}")]).arg(site.path(user));
        Process::start(&mut command)
    };
    let loads = [load("311", "paho4"), load("5", "paho5")];
    publish_all(port, "311", "pub4", 1..=60, &site.path(""));
    publish_all(port, "5", "pub5", 1..=60, &site.path(""));
    until(Duration::from_secs(20), || {
        let counts = ["paho4", "paho5"].map(|user| acknowledged(&site.path(user)).len());
        if counts.iter().all(|n| *n >= 150) { Ok(()) } else { Err(format!("acknowledged: {counts:?}")) }
    });
    gateway.kill();
    for load in loads {
        assert!(load.wait(), "paho failed");
    }
    let gateway = site.run();
    let kept = gateway.get("/api/v1/history?point=pub5.v");
    assert!(kept["buckets"].as_array().is_some_and(|b| !b.is_empty()), "{kept}");
    gateway.stop();
    let stored = stored(&site.path("data"));
    for user in users {
        let kept = whole(stored[&format!("{user}.v")].iter().copied());
        let promised = match user {
            "pub4" | "pub5" => (1..=60).collect(),
            _ => acknowledged(&site.path(user)),
        };
        println!("{user}: {} acknowledged before the kill, {} stored", promised.len(), kept.len());
        assert!(promised.is_subset(&kept), "{user} lost {:?}", promised.difference(&kept).collect::<Vec<_>>());
    }
}
