//! Telemetry bodies: series form, number spelling, determinism.

use serde_json::Value as Json;

use super::*;
use crate::model::id::{DeviceIx, Id, LineIx, PointIx};
use crate::model::journal::Epoch;
use crate::model::site::{DeviceInfo, PointInfo};
use crate::model::stored::Columns;
use crate::model::text::Text;
use crate::model::time::{Anchor, BootMs, WallMs};
use crate::model::unit::Unit;

const WALL: i64 = 1_793_491_200_000;

fn identity() -> Identity {
    Identity { gateway_id: "0123456789abcdef0123456789abcdef".to_owned(), site_id: "sunshine_3".to_owned() }
}

fn point(device: &str, id: &str, kind: PointKind, unit: Option<&str>) -> PointInfo {
    PointInfo {
        device: DeviceIx(0),
        id: Id::new(id).unwrap(),
        key: format!("{device}.{id}").into(),
        name: Text::same(id),
        unit: unit.and_then(Unit::new),
        kind,
        labels: Vec::new(),
        valid: None,
        every_ms: 1000,
    }
}

pub(super) fn site() -> Arc<Site> {
    Arc::new(Site {
        id: "sunshine_3".to_owned(),
        devices: vec![DeviceInfo {
            id: Id::new("b3_pump_1").unwrap(),
            name: "3号楼生活水泵 1#".to_owned(),
            at: "3号楼/地下一层/水泵房".to_owned(),
            kind: "pump".to_owned(),
            profile: "pump/vfd_generic".to_owned(),
            line: LineIx(0),
            address: "3".to_owned(),
            first_point: PointIx(0),
            point_count: 4,
        }],
        points: vec![
            point("b3_pump_1", "pressure", PointKind::Number, Some("bar")),
            point("b3_pump_1", "running", PointKind::Switch, None),
            point("b3_pump_1", "state", PointKind::Enumeration, None),
            point("b3_pump_1", "serial", PointKind::Text, None),
        ],
        ..Site::default()
    })
}

fn batch(rows: &[(u32, i64, Quality, Value, Option<i64>)]) -> TelemetryBatch {
    let keys: Vec<Arc<str>> =
        ["pressure", "running", "state", "serial", "gone"].iter().map(|p| format!("b3_pump_1.{p}").into()).collect();
    TelemetryBatch {
        epoch: Epoch(0xfeed),
        seq_first: 101,
        count: u32::try_from(rows.len()).unwrap(),
        boot: 7,
        anchor: Anchor { boot: BootMs(1000), wall: WallMs(WALL), trust: Trust::Synced },
        keys: keys.into(),
        columns: Columns {
            point: rows.iter().map(|r| r.0).collect(),
            at: rows.iter().map(|r| BootMs(r.1)).collect(),
            quality: rows.iter().map(|r| r.2).collect(),
            value: rows.iter().map(|r| r.3.clone()).collect(),
            source_ms: if rows.iter().any(|r| r.4.is_some()) { rows.iter().map(|r| r.4).collect() } else { vec![] },
        },
    }
}

fn sample() -> TelemetryBatch {
    use Quality::{BadTimeout, Good, UncertainOld};
    batch(&[
        (0, 1000, Good, Value::Number(10.0), None),
        (0, 2000, BadTimeout, Value::None, None),
        (0, 3000, Good, Value::Number(0.1 + 0.2), None),
        (1, 1000, Good, Value::Number(1.0), None),
        (1, 2500, UncertainOld, Value::Number(0.0), Some(WALL - 5)),
        (2, 1000, Good, Value::Number(3.0), None),
        (3, 1000, Good, Value::Text("A\"1\n号".into()), None),
    ])
}

fn encode(batch: &TelemetryBatch, skip: usize, take: usize) -> String {
    let mut encoder = TelemetryEncoder::new(&identity(), site());
    String::from_utf8(encoder.encode(batch, skip, take)).unwrap()
}

#[test]
fn a_row_in_full() {
    let expected = concat!(
        r#"{"schema":"gatehouse.telemetry/1","gateway":"0123456789abcdef0123456789abcdef","site":"sunshine_3","#,
        r#""stream":"telemetry","epoch":"000000000000feed","boot":7,"seq":101,"count":7,"#,
        r#""clock":{"trust":"synced","boot_ms":1000,"wall_ms":1793491200000},"series":["#,
        r#"{"device":"b3_pump_1","point":"pressure","unit":"bar","type":"number","samples":["#,
        r#"[1793491200000,10.0],[1793491201000,null,"bad_timeout"],[1793491202000,0.30000000000000004]]},"#,
        r#"{"device":"b3_pump_1","point":"running","type":"switch","samples":["#,
        r#"[1793491200000,true],[1793491201500,false,"uncertain_old",1793491199995]]},"#,
        r#"{"device":"b3_pump_1","point":"state","type":"enumeration","samples":[[1793491200000,3]]},"#,
        r#"{"device":"b3_pump_1","point":"serial","type":"text","samples":[[1793491200000,"A\"1\n号"]]}]}"#,
    );
    assert_eq!(encode(&sample(), 0, usize::MAX), expected);
}

#[test]
fn parts_are_cut_in_the_order_of_the_body_and_add_up() {
    let whole: Json = serde_json::from_str(&encode(&sample(), 0, usize::MAX)).unwrap();
    let flat = |body: &Json| -> Vec<String> {
        let series = body["series"].as_array().unwrap().iter();
        series
            .flat_map(|s| s["samples"].as_array().unwrap().iter().map(|v| format!("{}{v}", s["point"])))
            .collect::<Vec<_>>()
    };
    for cut in 0..=7 {
        let left: Json = serde_json::from_str(&encode(&sample(), 0, cut)).unwrap();
        let right: Json = serde_json::from_str(&encode(&sample(), cut, 100)).unwrap();
        assert_eq!([flat(&left), flat(&right)].concat(), flat(&whole), "cut at {cut}");
        assert_eq!((&left["seq"], &left["count"]), (&101.into(), &cut.into()));
        assert_eq!((&right["seq"], &right["count"]), (&(101 + cut).into(), &(7 - cut).into()));
    }
}

#[test]
fn the_same_bytes_from_a_used_and_a_new_encoder() {
    let mut used = TelemetryEncoder::new(&identity(), site());
    used.encode(&batch(&[(3, 5, Quality::Good, Value::Text("x".into()), None)]), 0, 1);
    used.encode(&sample(), 0, 3);
    assert_eq!(used.encode(&sample(), 0, 7), encode(&sample(), 0, 7).as_bytes());
}

#[test]
fn the_type_of_a_point_never_changes() {
    let good = Quality::Good;
    let cases: [(u32, Value, &str); 10] = [
        (0, Value::Number(3.0), "3.0"),
        (0, Value::Number(-0.0), "-0.0"),
        (0, Value::Number(1e300), "1e+300"),
        (0, Value::Number(f64::INFINITY), r#"null,"bad_input""#),
        (0, Value::Text("3".into()), r#"null,"bad_input""#),
        (1, Value::Number(5.0), "true"),
        (2, Value::Number(-2.0), "-2"),
        (2, Value::Number(0.5), r#"null,"bad_input""#),
        (3, Value::Number(1.0), r#"null,"bad_input""#),
        (4, Value::Number(1.0), "1.0"),
    ];
    for (point, value, expected) in cases {
        let body = encode(&batch(&[(point, 1000, good, value.clone(), None)]), 0, 1);
        let shown = body.split_once("\"samples\":[[1793491200000,").unwrap().1.strip_suffix("]]}]}").unwrap();
        assert_eq!(shown, expected, "{value:?}");
    }
}

#[test]
fn nothing_to_send_is_still_a_body() {
    let body: Json = serde_json::from_str(&encode(&batch(&[]), 0, 10)).unwrap();
    assert_eq!(body["series"], Json::Array(vec![]));
}
