//! Tables of topics, payloads and times against one small site.

use super::*;
use crate::model::id::{Id, PointIx};
use crate::model::link::{LinkOf, LinkState};
use crate::model::quality::Quality;
use crate::model::reading::{PointKind, Raw};
use crate::model::text::Text;
use crate::profile::{Availability, Deadband, ModbusLimits, MqttMapping, PointSpec, TimeFormat};

fn mapping(topics: &[&str]) -> MqttMapping {
    MqttMapping {
        topics: topics.iter().map(|t| (*t).to_owned()).collect(),
        time: None,
        time_format: TimeFormat::Rfc3339,
        dedup: None,
        availability: None,
    }
}

/// A profile of number points read from messages: `(id, pointer, topic)`.
fn profile(mapping: MqttMapping, points: &[(&str, &str, Option<usize>)]) -> Arc<Profile> {
    let points = points.iter().map(|(id, pointer, topic)| PointSpec {
        id: Id::new(id).unwrap(),
        name: Text::same(id),
        source: PointSource::Message { pointer: (*pointer).to_owned(), topic: *topic, words: Vec::new() },
        kind: PointKind::Number,
        unit: None,
        scale: 1.0,
        offset: 0.0,
        scale_from: None,
        unit_from: None,
        negative_from: None,
        valid: None,
        sentinel: Vec::new(),
        invert: false,
        deadband: Deadband::None,
        every: None,
        stale_after: None,
        counter: None,
        labels: Vec::new(),
        write: None,
    });
    Arc::new(Profile {
        id: "env/test".to_owned(),
        revision: 1,
        kind: "env".to_owned(),
        name: Text::same("test"),
        source: Vec::new(),
        evidence: "documented".to_owned(),
        note: Text::default(),
        read_only: true,
        modbus: ModbusLimits::default(),
        mqtt: Some(mapping),
        params: Vec::new(),
        points: points.collect(),
        alarms: Vec::new(),
        health: crate::profile::health::HealthSpec::default(),
        tests: Vec::new(),
    })
}

fn device(ix: u32, first: u32, topic: &str, profile: Arc<Profile>) -> RouteDevice {
    RouteDevice { device: DeviceIx(ix), first_point: PointIx(first), topic: topic.to_owned(), profile, silence: None }
}

fn live<'a>(topic: &'a str, payload: &'a str) -> Incoming<'a> {
    let payload = payload.as_bytes();
    Incoming { topic, payload, retained: false, packet_id: None, dup: false, will: false, source: 1 }
}

fn values(routed: &Routed) -> Vec<(u32, u32, Raw)> {
    let scans = routed.scans.iter();
    scans.flat_map(|s| s.samples.iter().map(move |p| (s.device.0, p.point.0, p.raw.clone()))).collect()
}

/// Three devices of different shape on one line.
fn site() -> Router {
    let mut lora = mapping(&["/event/up"]);
    lora.dedup = Some("/deduplicationId".to_owned());
    lora.time = Some("/time".to_owned());
    let mut zigbee = mapping(&[""]);
    zigbee.availability = Some(Availability {
        topic: "/availability".to_owned(),
        pointer: "/state".to_owned(),
        online: "online".to_owned(),
        offline: "offline".to_owned(),
    });
    let zigbee = profile(zigbee, &[("smoke", "/smoke", None), ("battery", "/battery", None)]);
    let lora = profile(lora, &[("level", "/object/level", None)]);
    let gate = mapping(&["/+/up", "/bare", "/#"]);
    let gate = profile(gate, &[("open", "/open", Some(0)), ("bare", "", Some(1))]);
    let devices = vec![
        device(0, 0, "zigbee2mqtt/烟感1201", zigbee),
        device(1, 2, "application/a/device/ff", lora),
        device(2, 3, "gate/3", gate),
    ];
    Router::new(devices, Flood::Delay).unwrap()
}

#[test]
fn one_message_one_scan_however_many_filters_match() {
    let shape = profile(mapping(&["/b", "/+", "/#"]), &[("x", "/v", None), ("y", "/v", Some(1))]);
    let mut router = Router::new(vec![device(0, 0, "a", shape)], Flood::Delay).unwrap();
    let routed = router.route(&Incoming { packet_id: Some(9), dup: true, ..live("a/b", r#"{"v":3}"#) }, BootMs(0));
    assert_eq!(values(&routed), [(0, 0, Raw::Number(3.0)), (0, 1, Raw::Number(3.0))]);
    assert_eq!(routed.scans.len(), 1);
}

#[test]
fn topics_find_their_devices() {
    let num = Raw::Number;
    for (topic, payload, want) in [
        ("zigbee2mqtt/烟感1201", r#"{"smoke":true,"battery":97}"#, vec![(0, 0, num(1.0)), (0, 1, num(97.0))]),
        ("zigbee2mqtt/烟感1201", r#"{"battery":96.5}"#, vec![(0, 1, num(96.5))]),
        ("zigbee2mqtt/烟感1202", r#"{"smoke":true}"#, vec![]),
        ("application/a/device/ff/event/up", r#"{"object":{"level":12}}"#, vec![(1, 2, num(12.0))]),
        ("application/a/device/ff/event/join", "{}", vec![]),
        ("gate/3/left/up", r#"{"open":1}"#, vec![(2, 3, num(1.0))]),
        ("gate/3/bare", "7.5", vec![(2, 4, num(7.5))]),
        ("gate/3/x/y/z", r#"{"open":1}"#, vec![]),
        ("gate/33/left/up", r#"{"open":1}"#, vec![]),
        (
            "zigbee2mqtt/烟感1201",
            "{broken",
            vec![(0, 0, Raw::Bad(Quality::BadProtocol)), (0, 1, Raw::Bad(Quality::BadProtocol))],
        ),
    ] {
        let routed = site().route(&live(topic, payload), BootMs(1000));
        assert_eq!(values(&routed), want, "{topic} {payload}");
    }
}

#[test]
fn a_device_whose_subscription_was_refused_is_told_as_back_when_it_is_heard() {
    let mut router = site();
    let message = live("zigbee2mqtt/烟感1201", r#"{"smoke":false}"#);
    assert_eq!(router.route(&message, BootMs(0)).links[0].state, LinkState::Up);
    let refused = router.refuse(DeviceIx(0), &Text::same("check the broker's ACL"), BootMs(1)).unwrap();
    assert_eq!((refused.state, refused.quality), (LinkState::Down, Quality::BadRefused));
    assert!(router.refuse(DeviceIx(0), &Text::same("check the broker's ACL"), BootMs(2)).is_none());
    assert_eq!(router.route(&message, BootMs(3)).links[0].state, LinkState::Up);
}

#[test]
fn device_time_retained_and_own_stamp() {
    let mut router = site();
    let payload = r#"{"object":{"level":12},"time":"2026-11-22T01:00:00Z","deduplicationId":"a"}"#;
    let routed =
        router.route(&Incoming { retained: true, ..live("application/a/device/ff/event/up", payload) }, BootMs(5));
    let scan = &routed.scans[0];
    assert_eq!((scan.old, scan.at, scan.source_ms), (true, BootMs(5), Some(1_795_309_200_000)));
    assert!(routed.links.is_empty(), "a retained message does not prove that its device lives");
    let routed = router.route(&live("application/a/device/ff/event/up", "{}"), BootMs(6));
    assert_eq!(routed.links[0].state, LinkState::Up);
}

#[test]
fn duplicates_by_key() {
    let mut router = site();
    let topic = "application/a/device/ff/event/up";
    let first = r#"{"object":{"level":1},"deduplicationId":"k1"}"#;
    let again = r#"{"object":{"level":2},"deduplicationId":"k1"}"#;
    let other = r#"{"object":{"level":2},"deduplicationId":"k2"}"#;
    let routed = router.route(&live(topic, first), BootMs(0));
    assert_eq!(router.route(&live(topic, again), BootMs(1)).outcome, Outcome::Duplicate);
    assert_eq!(router.route(&live(topic, other), BootMs(2)).outcome, Outcome::Routed);
    router.forget(&routed.keys);
    assert_eq!(router.route(&live(topic, again), BootMs(3)).outcome, Outcome::Routed, "not stored, so new");
    let late = BootMs(4 + super::super::limits::KEY_WINDOW_MS);
    assert_eq!(router.route(&live(topic, again), late).outcome, Outcome::Routed, "a counter that started again");
}

#[test]
fn duplicates_by_dup_flag() {
    let mut router = site();
    let topic = "gate/3/bare";
    let at = |id, dup| Incoming { packet_id: Some(id), dup, ..live(topic, "1") };
    assert_eq!(router.route(&at(1, false), BootMs(0)).outcome, Outcome::Routed);
    assert_eq!(router.route(&at(1, false), BootMs(1)).outcome, Outcome::Routed, "a device may repeat itself");
    assert_eq!(router.route(&at(1, true), BootMs(2)).outcome, Outcome::Duplicate);
    assert_eq!(router.route(&at(2, true), BootMs(3)).outcome, Outcome::Routed, "its first copy never came");
}

#[test]
fn memory_of_deliveries_is_bounded() {
    let mut router = site();
    for id in 0..5000_u16 {
        router.route(&Incoming { packet_id: Some(id), ..live("gate/3/bare", "1") }, BootMs(i64::from(id) * 20));
    }
    assert!(router.slots[2].remembered() <= super::super::limits::DEDUP_MAX);
}

#[test]
fn availability_will_and_loss() {
    let mut router = site();
    let topic = "zigbee2mqtt/烟感1201/availability";
    let states = |routed: &Routed| routed.links.iter().map(|l| (l.of, l.state, l.quality)).collect::<Vec<_>>();
    let of = LinkOf::Device(DeviceIx(0));
    let up = vec![(of, LinkState::Up, Quality::Good)];
    let down = vec![(of, LinkState::Down, Quality::BadOffline)];
    assert_eq!(states(&router.route(&live(topic, r#"{"state":"online"}"#), BootMs(0))), up);
    assert_eq!(states(&router.route(&live(topic, r#"{"state":"online"}"#), BootMs(1))), []);
    assert_eq!(states(&router.route(&live(topic, r#"{"state":"offline"}"#), BootMs(2))), down);
    assert_eq!(states(&router.route(&live("zigbee2mqtt/烟感1201", r#"{"smoke":false}"#), BootMs(3))), up);
    // The device came back over connection 2: the will of connection 1 is stale news.
    router.route(&Incoming { source: 2, ..live("zigbee2mqtt/烟感1201", r#"{"smoke":false}"#) }, BootMs(4));
    let will = Incoming { will: true, ..live(topic, r#"{"state":"offline"}"#) };
    assert_eq!(states(&router.route(&will, BootMs(5))), []);
    assert!(router.lost(1, &Text::same("connection lost"), BootMs(6)).is_empty());
    let lost = router.lost(2, &Text::same("connection lost"), BootMs(7));
    assert_eq!((lost.len(), lost[0].state, &*lost[0].reason.en), (1, LinkState::Down, "connection lost"));
}

#[test]
fn silence() {
    let mut quiet = device(0, 0, "a", profile(mapping(&[""]), &[("x", "", None)]));
    quiet.silence = Some(Duration::from_mins(1));
    let mut router = Router::new(vec![quiet], Flood::Delay).unwrap();
    assert!(router.tick(BootMs(0)).is_empty());
    assert!(router.tick(BootMs(59_999)).is_empty());
    assert_eq!(router.tick(BootMs(60_000))[0].quality, Quality::BadOffline);
    assert!(router.tick(BootMs(70_000)).is_empty(), "said once");
    assert_eq!(router.route(&live("a", "1"), BootMs(80_000)).links[0].state, LinkState::Up);
    router.line_up(BootMs(130_000));
    assert!(router.tick(BootMs(150_000)).is_empty(), "the line was down, not the device");
    assert_eq!(router.tick(BootMs(190_000)).len(), 1);
}

#[test]
fn floods() {
    let mut router = site();
    let taken =
        (0..500).filter(|_| router.route(&live("gate/3/bare", "1"), BootMs(0)).outcome == Outcome::Routed).count();
    assert_eq!(taken, 100);
    assert!(router.wait_ms("gate/3/bare", BootMs(0)) > 0);
    assert_eq!(router.wait_ms("zigbee2mqtt/烟感1201", BootMs(0)), 0, "the neighbour is not held up");
    assert_eq!(router.stats().throttled, 400);
    let taken =
        (0..500).filter(|_| router.route(&live("gate/3/bare", "1"), BootMs(1000)).outcome == Outcome::Routed).count();
    assert_eq!(taken, 50, "per second");
}

#[test]
fn too_large_or_no_topic() {
    let mut router = site();
    let large = "1".repeat(64 * 1024 + 1);
    let long = format!("gate/3/{}", "x".repeat(250));
    for (topic, payload) in [("gate/3/bare", large.as_str()), ("gate/3/+", "1"), ("", "1"), (long.as_str(), "1")] {
        assert_eq!(router.route(&live(topic, payload), BootMs(0)).outcome, Outcome::Rejected, "{topic}");
    }
}

#[test]
fn mistakes_are_named() {
    let check = |topic: &str, topics: &[&str], point: Option<usize>| {
        let shape = profile(mapping(topics), &[("x", "", point)]);
        Router::new(vec![device(0, 0, topic, shape)], Flood::Drop).unwrap_err()
    };
    assert_eq!(check("a/+", &[""], None), RouteError::WildTopic("a/+".to_owned()));
    assert_eq!(check("a", &["/#/x"], None), RouteError::BadFilter("a/#/x".to_owned()));
    assert_eq!(check("a", &[""], Some(1)), RouteError::NoSuchTopic("env/test".to_owned(), 1));
    let mut modbus = Profile::clone(&profile(mapping(&[""]), &[]));
    modbus.mqtt = None;
    let none = Router::new(vec![device(0, 0, "a", Arc::new(modbus))], Flood::Drop).unwrap_err();
    assert_eq!(none, RouteError::NoMessages("env/test".to_owned()));
}

#[test]
fn wanted_filters_are_whole_and_unique() {
    let shape = profile(mapping(&["/up"]), &[("x", "/v", None)]);
    let shared = |ix| device(ix, ix, "gw/7", Arc::clone(&shape));
    let mut router = Router::new(vec![shared(0), shared(1)], Flood::Drop).unwrap();
    let want = Wanted { filter: "gw/7/up".to_owned(), devices: vec![DeviceIx(0), DeviceIx(1)] };
    assert_eq!(router.wanted(), [want]);
    assert_eq!(router.route(&live("gw/7/up", r#"{"v":3}"#), BootMs(0)).scans.len(), 2, "one message, two devices");
}

#[test]
fn retained_never_replaces_what_came_live_over_the_same_connection() {
    let mut router =
        Router::new(vec![device(0, 0, "a", profile(mapping(&["", "/b"]), &[("v", "/v", None)]))], Flood::Drop);
    let router = router.as_mut().unwrap();
    let mut check = |topic, retained, source, outcome| {
        let incoming = Incoming { retained, source, ..live(topic, r#"{"v":1}"#) };
        assert_eq!(router.route(&incoming, BootMs(5)).outcome, outcome, "{topic} {retained} {source}");
    };
    check("a", true, 1, Outcome::Routed);
    check("a", false, 1, Outcome::Routed);
    check("a", true, 1, Outcome::Duplicate);
    check("a/b", true, 1, Outcome::Routed);
    // A new connection: what the broker queued for us comes before what it retains.
    check("a", true, 2, Outcome::Routed);
    check("a", false, 2, Outcome::Routed);
    check("a", true, 2, Outcome::Duplicate);
}
