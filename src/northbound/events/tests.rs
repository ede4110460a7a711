//! CloudEvents bodies against the published contract.

use serde_json::{Value as Json, json};

use super::*;
use crate::model::journal::{Epoch, GapReason};
use crate::model::time::BootMs;

fn identity() -> Identity {
    Identity { gateway_id: "00ff".to_owned(), site_id: "sunshine_3".to_owned() }
}

fn row(stream: Stream, seq: u64, body: &str) -> JournalRow {
    let wall_ms = 1_793_491_200_123;
    JournalRow { stream, epoch: Epoch(0xab), seq, boot: 3, at: BootMs(9), wall_ms, body: body.to_owned() }
}

fn one(row: JournalRow) -> Json {
    let batch: Json = serde_json::from_slice(&encode_rows(&identity(), &[row])).unwrap();
    batch[0].clone()
}

#[test]
fn an_alarm_in_full() {
    let body =
        r#"{"change":"raised","at":9,"wall_ms":1,"alarm":{"id":"x","key":"smoke_3_1201.smoke","title":{"zh":"烟"}}}"#;
    assert_eq!(
        one(row(Stream::Alarm, 12, body)),
        json!({
            "specversion": "1.0",
            "id": "alarm:00000000000000ab:12",
            "source": "/gateway/00ff",
            "type": "gatehouse.alarm.raised",
            "subject": "smoke_3_1201/smoke",
            "site": "sunshine_3",
            "datacontenttype": "application/json",
            "time": "2026-11-01T00:00:00.123Z",
            "boot": "3",
            "data": serde_json::from_str::<Json>(body).unwrap(),
        })
    );
}

#[test]
fn notes_take_their_kind_and_subject() {
    let event = one(row(Stream::Event, 1, r#"{"stream":"event","kind":"link_down","subject":"plant","facts":{}}"#));
    assert_eq!((&event["type"], &event["subject"]), (&"gatehouse.event.link_down".into(), &"plant".into()));
    let start = one(row(Stream::Event, 2, r#"{"stream":"event","kind":"start","subject":"","facts":{}}"#));
    assert_eq!(start["subject"], "gateway");
}

#[test]
fn an_unreadable_record_goes_out_as_text() {
    for bad in ["{\"change\":", "not json", "[]", "{\"change\":\"raised\"} trailing"] {
        let event = one(row(Stream::Alarm, 5, bad));
        assert_eq!((&event["type"], &event["data"]["text"]), (&"gatehouse.alarm.unreadable".into(), &bad.into()));
    }
}

#[test]
fn a_gap_names_its_range() {
    let gap = Gap { stream: Stream::Telemetry, epoch: Epoch(1), from: 5, to: 9, reason: GapReason::Evicted };
    let batch: Json = serde_json::from_slice(&encode_gap(&identity(), &gap)).unwrap();
    assert_eq!(batch[0]["id"], "telemetry:0000000000000001:5-9");
    assert_eq!(batch[0]["type"], "gatehouse.gap");
    let data = json!({"stream": "telemetry", "epoch": "0000000000000001", "from": 5, "to": 9, "reason": "evicted"});
    assert_eq!(batch[0]["data"], data);
}

#[test]
fn times_outside_the_calendar_do_not_fail() {
    assert_eq!(rfc3339(i64::MIN), "1970-01-01T00:00:00.000Z");
    assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
}
