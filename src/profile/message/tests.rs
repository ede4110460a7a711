//! Payloads as tables.

use std::time::Duration;

use super::*;
use crate::model::id::Id;
use crate::model::text::Text;
use crate::profile::{Availability, Deadband, ModbusLimits, PointSpec};

fn point(id: &str, kind: PointKind, pointer: &str, topic: Option<usize>, words: &[(&str, f64)]) -> PointSpec {
    let words = words.iter().map(|(word, value)| ((*word).to_owned(), *value)).collect();
    PointSpec {
        id: Id::new(id).unwrap(),
        name: Text::same(id),
        source: PointSource::Message { pointer: pointer.to_owned(), topic, words },
        kind,
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
    }
}

fn profile(time: Option<(&str, TimeFormat)>, points: Vec<PointSpec>) -> Profile {
    Profile {
        id: "smoke/test".to_owned(),
        revision: 1,
        kind: "smoke".to_owned(),
        name: Text::same("test"),
        source: Vec::new(),
        evidence: "documented".to_owned(),
        note: Text::default(),
        read_only: true,
        modbus: ModbusLimits { pause: Duration::ZERO, ..ModbusLimits::default() },
        mqtt: Some(MqttMapping {
            topics: vec![String::new(), "/state".to_owned()],
            time: time.map(|(pointer, _)| pointer.to_owned()),
            time_format: time.map_or(TimeFormat::Rfc3339, |(_, format)| format),
            dedup: Some("/id".to_owned()),
            availability: Some(Availability {
                topic: "/availability".to_owned(),
                pointer: "/state".to_owned(),
                online: "online".to_owned(),
                offline: "offline".to_owned(),
            }),
        }),
        params: Vec::new(),
        points,
        alarms: Vec::new(),
        health: crate::profile::health::HealthSpec::default(),
        tests: Vec::new(),
    }
}

/// One point read from one payload; `None` when it is not part of the scan.
fn one(kind: PointKind, pointer: &str, words: &[(&str, f64)], payload: &str) -> Option<Raw> {
    let map = MessageMap::new(&profile(None, vec![point("a", kind, pointer, None, words)])).unwrap();
    map.read(0, payload.as_bytes()).unwrap().samples.pop().map(|(_, raw)| raw)
}

#[test]
fn values() {
    let number = |pointer, payload| one(PointKind::Number, pointer, &[("ON", 1.0), ("OFF", 0.0)], payload);
    let bad = |quality| Some(Raw::Bad(quality));
    for (pointer, payload, expect) in [
        ("/t", r#"{"t":21.5}"#, Some(Raw::Number(21.5))),
        ("/t", r#"{"t":0.1}"#, Some(Raw::Number(0.1))),
        ("/t", r#"{"t":true}"#, Some(Raw::Number(1.0))),
        ("/t", r#"{"t":"OFF"}"#, Some(Raw::Number(0.0))),
        ("/t", r#"{"t":" -3.5 "}"#, Some(Raw::Number(-3.5))),
        ("/t", r#"{"t":"off"}"#, bad(Quality::BadProtocol)),
        ("/t", r#"{"t":"NaN"}"#, bad(Quality::BadProtocol)),
        ("/t", r#"{"t":[1]}"#, bad(Quality::BadProtocol)),
        ("/t", r#"{"t":{}}"#, bad(Quality::BadProtocol)),
        ("/t", r#"{"t":null}"#, bad(Quality::BadSentinel)),
        ("/t", r#"{"t":9007199254740993}"#, bad(Quality::BadPrecision)),
        ("/t", r#"{"t":-9007199254740993}"#, bad(Quality::BadPrecision)),
        ("/t", r#"{"t":9007199254740992}"#, Some(Raw::Number(9_007_199_254_740_992.0))),
        ("/t", r#"{"u":1}"#, None),
        ("/t/u", r#"{"t":1}"#, None),
        ("/object/a~1b/1/c~0d", r#"{"object":{"a/b":[0,{"c~d":7}]}}"#, Some(Raw::Number(7.0))),
        ("/a/01", r#"{"a":[0,1]}"#, None),
        ("/a/-", r#"{"a":[0,1]}"#, None),
        ("/烟", r#"{"烟":1}"#, Some(Raw::Number(1.0))),
    ] {
        assert_eq!(number(pointer, payload), expect, "{pointer} {payload}");
    }
}

#[test]
fn texts() {
    let text = |payload| one(PointKind::Text, "/t", &[], payload);
    assert_eq!(text(r#"{"t":"v1.2"}"#), Some(Raw::Text(Arc::from("v1.2"))));
    assert_eq!(text(r#"{"t":12}"#), Some(Raw::Text(Arc::from("12"))));
    assert_eq!(text(&format!(r#"{{"t":"{}"}}"#, "x".repeat(1025))), Some(Raw::Bad(Quality::BadProtocol)));
}

#[test]
fn bare_payloads() {
    let bare = |payload: &[u8]| {
        let mut profile = profile(None, vec![point("a", PointKind::Switch, "", None, &[("ON", 1.0)])]);
        if let Some(mapping) = &mut profile.mqtt {
            mapping.dedup = None;
        }
        MessageMap::new(&profile).unwrap().read(0, payload).map(|mut m| m.samples.pop().map(|(_, raw)| raw))
    };
    assert_eq!(bare(b"ON"), Ok(Some(Raw::Number(1.0))));
    assert_eq!(bare(b"\"ON\""), Ok(Some(Raw::Number(1.0))));
    assert_eq!(bare(b"12.5\n"), Ok(Some(Raw::Number(12.5))));
    assert_eq!(bare(b"true"), Ok(Some(Raw::Number(1.0))));
    assert_eq!(bare(b"OFF"), Ok(Some(Raw::Bad(Quality::BadProtocol))));
    assert!(matches!(bare(b"\xFF"), Err(MessageError::NotJson(_))));
}

#[test]
fn topics_select_fields() {
    let a = point("a", PointKind::Number, "/v", Some(0), &[]);
    let b = point("b", PointKind::Number, "/v", Some(1), &[]);
    let map = MessageMap::new(&profile(None, vec![a, b])).unwrap();
    assert_eq!(map.read(1, br#"{"v":3}"#).unwrap().samples, [(1, Raw::Number(3.0))]);
    assert_eq!(map.read(0, br#"{"v":3}"#).unwrap().samples, [(0, Raw::Number(3.0))]);
}

#[test]
fn relative_topics() {
    for (filter, topic, expect) in [
        ("", "", true),
        ("", "/x", false),
        ("/state", "/state", true),
        ("/+/up", "/event/up", true),
        ("/+/up", "/up", false),
        ("/#", "", true),
        ("/#", "/a/b", true),
        ("/a/#", "/a", true),
    ] {
        assert_eq!(fits(filter, topic), expect, "{filter} {topic}");
    }
}

#[test]
fn time_stamps() {
    let time = |format, payload: &str| {
        let map = MessageMap::new(&profile(Some(("/at", format)), Vec::new())).unwrap();
        map.read(0, payload.as_bytes()).unwrap().source_ms
    };
    let second = 1_767_225_600_000;
    for (format, payload, expect) in [
        (TimeFormat::Rfc3339, r#"{"at":"2026-01-01T08:00:00+08:00"}"#, Some(second)),
        (TimeFormat::Rfc3339, r#"{"at":"2026-01-01T00:00:00.123456789Z"}"#, Some(second + 123)),
        (TimeFormat::Rfc3339, r#"{"at":"2026-01-01T00:00:00"}"#, None),
        (TimeFormat::Rfc3339, r#"{"at":5}"#, None),
        (TimeFormat::UnixSeconds, r#"{"at":1767225600}"#, Some(second)),
        (TimeFormat::UnixSeconds, r#"{"at":1767225600.5}"#, Some(second + 500)),
        (TimeFormat::UnixMillis, r#"{"at":"1767225600000"}"#, Some(second)),
        (TimeFormat::UnixMillis, r#"{"at":-1}"#, None),
        (TimeFormat::UnixMillis, r#"{"at":1e300}"#, None),
        (TimeFormat::UnixMillis, r"{}", None),
    ] {
        assert_eq!(time(format, payload), expect, "{format:?} {payload}");
    }
}

#[test]
fn duplicates_and_availability() {
    let map = MessageMap::new(&profile(None, Vec::new())).unwrap();
    let key = |payload: &str| map.read(0, payload.as_bytes()).unwrap().dedup;
    assert_eq!(key(r#"{"id":"3ac7"}"#).as_deref(), Some("3ac7"));
    assert_eq!(key(r#"{"id":17}"#).as_deref(), Some("17"));
    assert_eq!(key(r"{}"), None);
    assert_eq!(map.availability(br#"{"state":"online"}"#), Ok(Some(true)));
    assert_eq!(map.availability(br#"{"state":"offline"}"#), Ok(Some(false)));
    assert_eq!(map.availability(br#"{"state":"sleeping"}"#), Ok(None));
    assert!(map.availability(b"online").is_err());
}

#[test]
fn limits() {
    let map = MessageMap::new(&profile(None, Vec::new())).unwrap();
    let nested = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
    assert!(map.read(0, &nested(DEPTH_MAX)).is_ok());
    assert_eq!(map.read(0, &nested(DEPTH_MAX + 1)), Err(MessageError::TooDeep));
    assert_eq!(map.read(0, &vec![b' '; PAYLOAD_BYTES_MAX + 1]), Err(MessageError::TooLong(PAYLOAD_BYTES_MAX + 1)));
    assert!(map.read(0, br#"["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"{{"]"#).is_ok());
    for broken in ["", "{", r#"{"a":}"#, "ON", "1e400", "\u{0}"] {
        assert!(matches!(map.read(0, broken.as_bytes()), Err(MessageError::NotJson(_))), "{broken}");
    }
}
