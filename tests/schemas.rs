//! The published schemas accept what gatehouse sends and refuse what it must never send.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::Path;
use std::sync::Arc;

use gatehouse::alarms::{AlarmDef, Desk};
use gatehouse::model::alarm::{AlarmText, Level, Snapshot};
use gatehouse::model::id::PointIx;
use gatehouse::model::journal::{Epoch, Gap, GapReason, Stream};
use gatehouse::model::quality::{ALL, Quality};
use gatehouse::model::reading::{Reading, Value};
use gatehouse::model::site::Site;
use gatehouse::model::stored::{Columns, JournalRow, TelemetryBatch};
use gatehouse::model::time::{Anchor, BootMs, Trust, WallMs};
use gatehouse::northbound::telemetry::TelemetryEncoder;
use gatehouse::northbound::{Identity, events};
use gatehouse::profile::Side;
use gatehouse::rules::{Engine, RuleDef, Test};
use serde_json::{Value as Json, json};

fn schema(name: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/schemas").join(name);
    let text = std::fs::read_to_string(path).expect("the schema file is there");
    let schema: Json = serde_json::from_str(&text).expect("a schema is JSON");
    jsonschema::draft7::new(&schema).expect("a schema of draft 7")
}

#[track_caller]
fn accepts(schema: &jsonschema::Validator, body: &Json) {
    let faults: Vec<String> = schema.iter_errors(body).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:#?}\n{body}");
}

fn identity() -> Identity {
    Identity { gateway_id: "00ff".to_owned(), site_id: "sunshine_3".to_owned() }
}

/// A body with a reading of every quality, a text, and a device's own time.
fn telemetry() -> Json {
    let keys: Arc<[Arc<str>]> = vec!["pump_1.pressure".into(), "lift_1.serial".into()].into();
    let mut columns = Columns::default();
    let mut push = |point, quality, value| {
        columns.point.push(point);
        columns.at.push(BootMs(i64::try_from(columns.at.len()).unwrap()));
        columns.quality.push(quality);
        columns.value.push(value);
        columns.source_ms.push((columns.source_ms.len() % 2 == 0).then_some(1_793_491_200_000));
    };
    for quality in ALL {
        push(0, quality, if quality.is_bad() { Value::None } else { Value::Number(0.5) });
    }
    push(1, Quality::Good, Value::Text("A1".into()));
    let batch = TelemetryBatch {
        epoch: Epoch(1),
        seq_first: 1,
        count: u32::try_from(columns.point.len()).unwrap(),
        boot: 1,
        anchor: Anchor { boot: BootMs(0), wall: WallMs(0), trust: Trust::Unset },
        keys,
        columns,
    };
    let mut encoder = TelemetryEncoder::new(&identity(), Arc::new(Site::default()));
    serde_json::from_slice(&encoder.encode(&batch, 0, usize::MAX)).unwrap()
}

fn row(stream: Stream, body: &Json) -> Json {
    let row = JournalRow {
        stream,
        epoch: Epoch(1),
        seq: 9,
        boot: 2,
        at: BootMs(5),
        wall_ms: 1_793_491_200_000,
        body: body.to_string(),
    };
    serde_json::from_slice(&events::encode_rows(&identity(), &[row])).unwrap()
}

fn alarm() -> Json {
    let words = json!({"zh": "烟雾报警", "en": "Smoke"});
    row(
        Stream::Alarm,
        &json!({
            "change": "raised", "at": 5, "wall_ms": 1, "by": null, "note": null,
            "alarm": {
                "id": "smoke_1.smoke@1-5", "key": "smoke_1.smoke", "device": "smoke_1", "device_name": "烟感", "at": "3号楼",
                "level": "life", "state": "unacknowledged", "condition": true, "latched": true, "boot": 1, "raised_at": 5,
                "text": {"title": words, "cause": words, "harm": words, "action": [words]},
                "trigger": null, "snapshot": [], "children": 0
            }
        }),
    )
}

#[test]
fn what_is_sent_is_accepted() {
    accepts(&schema("telemetry-1.schema.json"), &telemetry());
    let events_schema = schema("events-1.schema.json");
    accepts(&events_schema, &alarm());
    for stream in [Stream::Command, Stream::Audit, Stream::Event] {
        let note = json!({"stream": stream.word(), "kind": "link_down", "subject": "", "facts": {"reason": "x"}});
        accepts(&events_schema, &row(stream, &note));
        accepts(&events_schema, &row(stream, &json!("unreadable")));
    }
    for reason in [GapReason::Evicted, GapReason::Corrupt, GapReason::PowerLoss, GapReason::Rejected] {
        let gap = Gap { stream: Stream::Telemetry, epoch: Epoch(1), from: 3, to: 8, reason };
        accepts(&events_schema, &serde_json::from_slice(&events::encode_gap(&identity(), &gap)).unwrap());
    }
    let reply = json!({"accepted_through": {"stream": "alarm", "epoch": "0000000000000001", "seq": 0}});
    accepts(&schema("reply-1.schema.json"), &reply);
}

/// The event of a rule that learns as the gateway sends it: readings through the rule and the alarm desk.
fn predictive(test: Test, value: impl Fn(i64) -> f64) -> Json {
    let key: Arc<str> = "rule.odd".into();
    let def = RuleDef { key: Arc::clone(&key), test, on_delay_ms: 0, off_delay_ms: 0 };
    let alarm = AlarmDef {
        key,
        device: None,
        level: Level::Minor,
        text: AlarmText::default(),
        latched: false,
        shadow: false,
        loss_of_sight: false,
        what: "pump_1.bearing".to_owned(),
        unit: None,
        snapshot: vec![PointIx(0)],
    };
    let anchor = |at| Anchor { boot: at, wall: WallMs(1_793_491_200_000 + at.0), trust: Trust::Synced };
    let look = |points: &[PointIx]| -> Vec<Snapshot> {
        let named = |p: &PointIx| Snapshot {
            point: format!("pump_1.p{}", p.0).into(),
            value: Some(1.0),
            unit: Some("Cel".to_owned()),
            quality: "good".to_owned(),
        };
        points.iter().map(named).collect()
    };
    let mut engine = Engine::new(&[def], 4, BootMs(0), &|_| false);
    let (mut desk, mut told) = Desk::new(1, vec![alarm], &Site::default(), &[], Vec::new(), &anchor(BootMs(0)));
    let mut changes = Vec::new();
    for s in 0..1_200 {
        let at = BootMs(s * 1_000);
        let reading = |point: u32| Reading {
            point: PointIx(point),
            quality: Quality::Good,
            at,
            source_ms: None,
            value: Value::Number(value(s + i64::from(point) * 31) + f64::from(point)),
        };
        engine.step(&(0..4).map(reading).collect::<Vec<_>>(), &mut changes);
        engine.tick(at, &mut changes);
        for change in changes.drain(..) {
            desk.condition(&change, &anchor(at), &look, &mut told);
        }
    }
    let event = told.first().expect("raised");
    row(Stream::Alarm, &serde_json::to_value(event).expect("as the journal has it"))
}

#[test]
fn an_alarm_that_explains_itself_is_accepted_and_its_words_are_held_to() {
    let events_schema = schema("events-1.schema.json");
    let noise = |s: i64| (s as f64 * 0.618_033_988_749_895).fract() * 0.4;
    let warming = |s: i64| 48.0 + noise(s) + (s - 300).max(0) as f64 * 0.05;
    let jump = |s: i64| 48.0 + noise(s) + if s > 900 { 9.0 } else { 0.0 };
    let points: Vec<PointIx> = (0..4).map(PointIx).collect();
    let learn_ms = 200_000;
    let trend = Test::Trend { point: PointIx(0), side: Side::Above, limit: 90.0, within_ms: 600_000, learn_ms };
    let trend = predictive(trend, warming);
    let others = [
        predictive(Test::Anomaly { point: PointIx(0), every_ms: 0, learn_ms }, jump),
        predictive(Test::DeviceAnomaly { points, every_ms: 1_000, learn_ms }, jump),
        predictive(Test::Change { point: PointIx(0), learn_ms }, jump),
    ];
    assert_eq!(trend.pointer("/0/data/alarm/explanation/kind"), Some(&json!("trend")));
    assert!(trend.pointer("/0/data/alarm/explanation/ahead/eta_s").is_some_and(Json::is_number), "{trend}");
    for event in others.iter().chain([&trend]) {
        assert!(event.pointer("/0/data/alarm/explanation/suspects/0/seen").is_some(), "{event}");
        accepts(&events_schema, event);
    }
    // Open for what later versions add, strict in what there is.
    let changed = |pointer: &str, key: &str, value: Json| {
        let mut event = trend.clone();
        event.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}"))[key] = value;
        event
    };
    let why = "/0/data/alarm/explanation";
    accepts(&events_schema, &changed(why, "kind", json!("new_kind")));
    accepts(&events_schema, &changed(why, "season", json!({"a": 1})));
    accepts(&events_schema, &changed(&format!("{why}/suspects/0"), "more", json!(true)));
    for (pointer, key, value) in [
        (why.to_owned(), "confidence", json!(1.5)),
        (why.to_owned(), "kind", json!("Trend!")),
        (why.to_owned(), "suspects", json!({})),
        (format!("{why}/suspects/0"), "seen", Json::Null),
        (format!("{why}/suspects/0"), "point", json!(7)),
        (format!("{why}/ahead"), "eta_s", json!("soon")),
    ] {
        assert!(!events_schema.is_valid(&changed(&pointer, key, value)), "{pointer}/{key} was let through");
    }
    // The example that readers of the schema see.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/schemas/events-1.schema.json");
    let text: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let example = text.pointer("/definitions/explanation/examples/0").expect("an example").clone();
    accepts(&events_schema, &changed("/0/data/alarm", "explanation", example));
}

#[test]
fn what_must_never_be_sent_is_refused() {
    let telemetry_schema = schema("telemetry-1.schema.json");
    let events_schema = schema("events-1.schema.json");
    let refuses = |schema: &jsonschema::Validator, body: Json, pointer: &str, value: Json| {
        let mut body = body;
        *body.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        assert!(!schema.is_valid(&body), "{pointer} was let through: {body}");
    };
    for (pointer, value) in [
        ("/schema", json!("gatehouse.telemetry/2")),
        ("/seq", json!(0)),
        ("/epoch", json!("xyz")),
        ("/series", json!([])),
        ("/series/0/type", json!("switch")),
        ("/series/0/samples/0/1", json!("0.5")),
        ("/series/0/samples/0/1", Json::Null),
        ("/series/0/samples/0/2", json!("bad_timeout")),
        ("/series/0/samples/4/1", json!(3.0)),
        ("/series/0/samples/4/2", json!("bad_weather")),
        ("/series/1/samples/0/1", json!(5)),
        ("/clock/trust", json!("maybe")),
    ] {
        refuses(&telemetry_schema, telemetry(), pointer, value);
    }
    for (pointer, value) in [
        ("/0/specversion", json!("0.3")),
        ("/0/id", json!("alarm:9")),
        ("/0/source", json!("gateway")),
        ("/0/type", json!("gatehouse.alarm.exploded")),
        ("/0/data/alarm/level", json!("bad")),
        ("/0/data/alarm/text", json!({})),
        ("", json!([])),
    ] {
        refuses(&events_schema, alarm(), pointer, value);
    }
}
