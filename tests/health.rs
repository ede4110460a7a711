//! Health records: kept by the store, counted by a whole gateway across a restart, read and written over the API and the page.

// A test's helper fails the test by panicking.
#![allow(clippy::unwrap_used)]

#[path = "api/fixture.rs"]
#[allow(dead_code, reason = "the made-up community is also that of other tests")]
mod fixture;
#[path = "health/gateway.rs"]
mod gateway;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::clock::SystemClock;
use gatehouse::model::health::{EntryKind, HealthEntry, HealthWrite, Measure};
use gatehouse::store::{Store, StoreConfig};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

pub(crate) fn client() -> Client {
    // The library leaves the choice to the program; a second installation is refused, which is as well.
    let _already = rustls::crypto::ring::default_provider().install_default();
    Client::builder().timeout(Duration::from_secs(20)).build().unwrap()
}

pub(crate) async fn get(url: &str) -> (StatusCode, String) {
    let reply = client().get(url).send().await.unwrap();
    (reply.status(), reply.text().await.unwrap())
}

pub(crate) async fn json_at(url: &str) -> Value {
    let (status, text) = get(url).await;
    assert_eq!(status, StatusCode::OK, "{url}: {text}");
    serde_json::from_str(&text).unwrap()
}

pub(crate) async fn post(url: &str, body: Value) -> (StatusCode, Value) {
    let request = client().post(url).header("content-type", "application/json").body(body.to_string());
    let reply = request.send().await.unwrap();
    (reply.status(), serde_json::from_str(&reply.text().await.unwrap()).unwrap())
}

fn open(dir: &Path) -> Store {
    let config = StoreConfig { path: dir.to_owned(), ..StoreConfig::default() };
    gatehouse::store::open(&config, Vec::new(), Arc::new(SystemClock)).unwrap()
}

fn entry(device: &str, at_ms: i64, kind: EntryKind) -> HealthEntry {
    HealthEntry {
        device: device.into(),
        at_ms,
        by: "王工".into(),
        kind,
        service: (kind == EntryKind::Service).then(|| "grease".into()),
        text: "换轴承 6308".into(),
        relearn: false,
        used: BTreeMap::from([(Measure::Hours, 12.5)]),
    }
}

#[tokio::test]
async fn what_the_store_was_given_is_there_again_and_entries_are_never_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let records =
        |n: i32| vec![("pump_1".to_owned(), format!("{{\"n\":{n}}}")), ("pump_2".to_owned(), "{}".to_owned())];
    let entries = [
        entry("pump_1", 1, EntryKind::Note),
        entry("pump_1", 2, EntryKind::Service),
        entry("pump_2", 3, EntryKind::Part),
    ];
    let store = open(dir.path());
    for n in 1..=2 {
        let write = HealthWrite { records: records(n), entries: entries.to_vec() };
        store.handle.keep_health(write).await.unwrap();
    }
    store.handle.close().await;
    let store = open(dir.path());
    assert_eq!(store.reader.health_records().unwrap(), records(2));
    assert_eq!(store.reader.health_entries("pump_1", 10).unwrap(), [entries[1].clone(), entries[0].clone()]);
    assert_eq!(store.reader.health_entries("pump_1", 1).unwrap(), [entries[1].clone()]);
    assert_eq!(store.reader.services_done().unwrap(), [entries[1].clone()]);
    store.handle.close().await;
}

#[tokio::test]
async fn a_file_of_an_earlier_release_gets_its_tables_and_a_damaged_record_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).handle.close().await;
    let file = || rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
    file().execute_batch("DROP TABLE health; DROP TABLE health_entries;").unwrap();
    let store = open(dir.path());
    let records = vec![("a".to_owned(), "{}".to_owned()), ("b".to_owned(), "{}".to_owned())];
    store.handle.keep_health(HealthWrite { records, entries: vec![entry("a", 1, EntryKind::Note)] }).await.unwrap();
    store.handle.close().await;
    file()
        .execute_batch("UPDATE health SET body = '{ }' WHERE device = 'a'; UPDATE health_entries SET crc = 7;")
        .unwrap();
    let store = open(dir.path());
    assert_eq!(store.reader.health_records().unwrap(), [("b".to_owned(), "{}".to_owned())]);
    assert!(store.reader.health_entries("a", 10).unwrap().is_empty());
    store.handle.close().await;
}

#[tokio::test]
async fn the_api_tells_the_record_and_takes_entries() {
    let world = fixture::busy();
    let served = fixture::start(&world).await;
    let at = |path: &str| format!("{}/api/v1/devices/b3_pump_1/health{path}", served.base);
    let file = json_at(&at("")).await;
    assert_eq!(file["device"], "b3_pump_1");
    let hours = file["totals"].as_array().unwrap().iter().find(|t| t["measure"] == "hours").unwrap();
    assert!((hours["value"].as_f64().unwrap() - 1.5).abs() < 0.1, "{hours}");
    // A critical alarm is open: forty points.
    assert_eq!((file["score"].as_u64(), &file["reasons"][0]["code"]), (Some(60), &json!("alarms_open")));
    assert_eq!(file["services"][0]["id"], "grease");
    let refused = [
        (json!({ "by": "", "text": "x" }), "by"),
        (json!({ "by": "王工", "text": "" }), "text"),
        (json!({ "by": "王工", "kind": "service", "service": "paint" }), "service"),
        (json!({ "by": "王工", "kind": "note", "service": "grease", "text": "x" }), "service"),
    ];
    for (body, about) in refused {
        let (status, answer) = post(&at("/entries"), body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer["message"].as_str().unwrap().contains(about), "{body}: {answer}");
    }
    let done = json!({ "by": "王工", "kind": "service", "service": "grease", "note": "加脂 20 g", "relearn": true });
    let (status, answer) = post(&at("/entries"), done).await;
    assert_eq!((status, &answer["kind"]), (StatusCode::OK, &json!("service")), "{answer}");
    let file = json_at(&at("")).await;
    assert_eq!(file["entries"][0]["text"], "加脂 20 g");
    assert!(file["services"][0]["done_ms"].as_i64().unwrap() > 0);
    let all = json_at(&format!("{}/api/v1/health/devices", served.base)).await;
    let scores: Vec<u64> = all.as_array().unwrap().iter().map(|r| r["score"].as_u64().unwrap()).collect();
    assert!(scores.is_sorted() && scores.len() == world.site.devices.len(), "{scores:?}");
    let (status, _) = get(&format!("{}/api/v1/devices/nobody/health", served.base)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn tables_open_in_a_spreadsheet_and_disarm_what_people_typed() {
    let served = fixture::start(&fixture::busy()).await;
    let entries = format!("{}/api/v1/devices/b3_pump_1/health/entries", served.base);
    post(&entries, json!({ "by": "=cmd", "kind": "part", "text": "@SUM(1)" })).await;
    let (status, table) = get(&format!("{}/api/v1/devices/b3_pump_1/health.csv?lang=en", served.base)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(table.starts_with('\u{feff}') && table.contains("'@SUM(1)") && table.contains("'=cmd"), "{table}");
    assert!(table.contains("Grease the bearings") && table.contains("service_due"), "{table}");
    let (status, table) = get(&format!("{}/health.csv?lang=zh-CN", served.base)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(table.contains("3号楼生活水泵 1#") && table.contains("运行小时"), "{table}");
}

#[tokio::test]
async fn the_pages_show_score_reasons_and_services_in_both_languages() {
    let served = fixture::start(&fixture::busy()).await;
    let words = [
        ("zh-CN", "设备健康档案", "轴承加脂", "设备健康"),
        ("en", "Health record", "Grease the bearings", "Device health"),
    ];
    for (lang, title, service, list) in words {
        let (status, page) = get(&format!("{}/devices/b3_pump_1?lang={lang}", served.base)).await;
        assert_eq!(status, StatusCode::OK);
        for wanted in [title, service, "−40", "health.csv", "qr.svg", "/health/entries"] {
            assert!(page.contains(wanted), "{lang}: {wanted}");
        }
        let (status, page) = get(&format!("{}/health?lang={lang}", served.base)).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains(list) && page.contains("/devices/b3_lift_1#health") && page.contains("/health.csv"));
        let place = |id: &str| page.find(&format!("/devices/{id}#health")).unwrap();
        assert!(place("b3_pump_1") < place("b5_gate_1"), "worst first");
    }
}

#[tokio::test]
async fn the_qr_code_is_a_picture_that_leads_to_the_device() {
    let served = fixture::start(&fixture::quiet()).await;
    let (status, picture) = get(&format!("{}/devices/b3_pump_1/qr.svg", served.base)).await;
    assert_eq!(status, StatusCode::OK);
    // 33 modules hold the address at medium correction; 4 of border on each side.
    assert!(picture.starts_with("<svg") && picture.contains("viewBox=\"0 0 "), "{picture}");
    assert_eq!(get(&format!("{}/devices/nobody/qr.svg", served.base)).await.0, StatusCode::NOT_FOUND);
}
