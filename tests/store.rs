//! The store as a whole: what was acknowledged is there after a clean end, a kill, and damage.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use gatehouse::clock::{ManualClock, SystemClock};
use gatehouse::model::alarm::{AlarmChange, AlarmEvent, AlarmRecord, AlarmState, AlarmText, Level};
use gatehouse::model::id::PointIx;
use gatehouse::model::journal::{Cursor, GapReason, Note, Stream};
use gatehouse::model::quality::Quality;
use gatehouse::model::reading::{Reading, Receipt, Value};
use gatehouse::model::stored::AlarmFilter;
use gatehouse::model::time::{Anchor, BootMs, Trust, WallMs};
use gatehouse::store::{OpenError, Store, StoreConfig, open};

#[path = "store/damage.rs"]
mod damage;
#[path = "store/kill.rs"]
mod kill;
#[path = "store/model.rs"]
mod model;

/// 2026-11-22T00:00:00Z
pub(crate) const WALL: i64 = 1_795_305_600_000;

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Anchor { boot: BootMs(1_000), wall: WallMs(WALL), trust: Trust::Synced }))
}

pub(crate) fn keys(n: usize) -> Vec<Arc<str>> {
    (0..n).map(|i| Arc::from(format!("pump_{}.p{}", i / 10, i % 10).as_str())).collect()
}

pub(crate) fn config(dir: &Path) -> StoreConfig {
    StoreConfig { path: dir.to_owned(), ..StoreConfig::default() }
}

pub(crate) fn start(dir: &Path) -> Store {
    open(&config(dir), keys(20), clock()).expect("the store opens")
}

pub(crate) fn reading(point: u32, at: i64, value: f64) -> Reading {
    Reading {
        point: PointIx(point),
        quality: Quality::Good,
        at: BootMs(at),
        source_ms: None,
        value: Value::Number(value),
    }
}

pub(crate) fn alarm_event(n: u32, change: AlarmChange, state: AlarmState) -> AlarmEvent {
    let alarm = AlarmRecord {
        id: Arc::from(format!("pump_1.dry@1-{n}").as_str()),
        key: Arc::from("pump_1.dry"),
        device: "pump_1".into(),
        device_name: "1号泵".into(),
        at: "地下一层".into(),
        level: Level::Critical,
        text: AlarmText::default(),
        state,
        condition: true,
        latched: false,
        boot: 1,
        raised_at: BootMs(i64::from(n)),
        raised_wall_ms: WALL + i64::from(n),
        changed_wall_ms: WALL + i64::from(n),
        cleared_wall_ms: None,
        acknowledged: None,
        trigger: None,
        explanation: None,
        snapshot: vec![],
        children: 0,
    };
    AlarmEvent { change, at: BootMs(5), wall_ms: WALL, by: None, note: None, alarm }
}

pub(crate) fn note(kind: &str) -> Note {
    Note { stream: Stream::Event, kind: kind.into(), subject: String::new(), facts: serde_json::json!({}) }
}

/// All readings of the outbox as `(seq, key, value)`.
pub(crate) fn all(store: &Store) -> Vec<(u64, String, Value)> {
    let (mut out, mut seq) = (Vec::new(), 0);
    while let Some(batch) = store.reader.telemetry_after(seq).expect("readable") {
        out.extend(batch.readings().map(|r| (r.seq, r.key.to_string(), r.value.clone())));
        seq = batch.seq_last();
    }
    out
}

#[tokio::test]
async fn what_is_flushed_is_read_back_and_survives() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(dir.path());
    assert!(store.opened.first_start);
    let gateway = store.gateway_id.clone();
    store.handle.append(vec![reading(3, 2_000, 1.5), reading(1, 2_000, 7.0)], vec![]).await;
    store.handle.flush().await.unwrap();
    let expected =
        vec![(1, "pump_0.p1".to_owned(), Value::Number(7.0)), (2, "pump_0.p3".to_owned(), Value::Number(1.5))];
    assert_eq!(all(&store), expected);
    let batch = store.reader.telemetry_after(1).unwrap().unwrap();
    assert_eq!((batch.seq_first, batch.count, batch.wall_ms(BootMs(2_000))), (1, 2, WALL + 1_000));
    assert_eq!(store.reader.telemetry_after(2).unwrap(), None);
    store.handle.close().await;

    let store = start(dir.path());
    assert_eq!((store.boot, store.opened.clean_shutdown, &store.gateway_id), (2, true, &gateway));
    assert_eq!(all(&store), expected);
    assert_eq!(store.opened.gaps, vec![]);
    store.handle.close().await;
}

#[tokio::test]
async fn a_second_instance_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(dir.path());
    let second = open(&config(dir.path()), keys(1), clock());
    assert!(matches!(second, Err(OpenError::InUse(_))));
    store.handle.close().await;
    start(dir.path()).handle.close().await;
}

#[tokio::test]
async fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let store = start(&path);
    store.handle.append(vec![reading(0, 1, 1.0)], vec![]).await;
    store.handle.flush().await.unwrap();
    let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    for sub in ["", "log", "history", "quarantine"] {
        assert_eq!(mode(&path.join(sub)), 0o700, "{sub}");
    }
    for file in ["state.db", "state.db-wal", "log/00000001.db", "log/00000001.db-wal", "lock", "reserve"] {
        assert_eq!(mode(&path.join(file)), 0o600, "{file}");
    }
    store.handle.close().await;
}

#[tokio::test]
async fn a_receipt_fires_after_the_commit_and_brings_it_forward() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(dir.path());
    let (tell, told) = tokio::sync::oneshot::channel();
    let receipt = Receipt::new(move |ok| tell.send(ok).unwrap());
    store.handle.append(vec![reading(0, 1, 1.0)], vec![receipt]).await;
    let ok = tokio::time::timeout(Duration::from_secs(3), told).await.expect("long before 5 s").unwrap();
    assert!(ok);
    assert_eq!(all(&store).len(), 1);
    store.handle.close().await;
}

#[tokio::test]
async fn alarms_and_notes_are_numbered_kept_and_listed() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(dir.path());
    let raised = alarm_event(1, AlarmChange::Raised, AlarmState::Unacknowledged);
    assert_eq!(store.handle.alarm(raised.clone()).await.unwrap(), 1);
    let cleared = alarm_event(1, AlarmChange::Closed, AlarmState::Normal);
    let other = alarm_event(2, AlarmChange::Raised, AlarmState::Unacknowledged);
    assert_eq!(store.handle.alarm(other.clone()).await.unwrap(), 2);
    assert_eq!(store.handle.alarm(cleared.clone()).await.unwrap(), 3);
    assert_eq!(store.handle.note(note("start")).await.unwrap(), 1);
    store.handle.learn("pump_1", &["p9".to_owned()]).await.unwrap();
    let open_only = AlarmFilter { open_only: true, ..AlarmFilter::default() };
    assert_eq!(store.reader.alarms(&open_only).unwrap(), vec![other.alarm.clone()]);
    let every = vec![other.alarm.clone(), cleared.alarm.clone()];
    assert_eq!(store.reader.alarms(&AlarmFilter::default()).unwrap(), every);
    let (record, events) = store.reader.alarm(&raised.alarm.id).unwrap().unwrap();
    assert_eq!((record, events), (cleared.alarm.clone(), vec![raised, cleared]));
    let rows = store.reader.journal_after(Stream::Alarm, 1, 10).unwrap();
    assert_eq!(rows.iter().map(|r| r.seq).collect::<Vec<_>>(), vec![2, 3]);
    let newest = store.reader.journal_before(Stream::Event, None, 1).unwrap();
    assert!(newest[0].body.contains("start"));
    store.handle.close().await;

    let store = start(dir.path());
    assert_eq!(store.opened.open_alarms, vec![other.alarm]);
    assert_eq!(store.opened.unsupported, vec![("pump_1".to_owned(), "p9".to_owned())]);
    let third = alarm_event(3, AlarmChange::Raised, AlarmState::Unacknowledged);
    assert_eq!(store.handle.alarm(third).await.unwrap(), 4);
    store.handle.close().await;
}

#[tokio::test]
async fn cursors_move_forward_and_survive_a_clean_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(dir.path());
    let epoch = store.reader.epoch(Stream::Telemetry);
    store.handle.append(vec![reading(0, 1, 1.0); 9], vec![]).await;
    store.handle.flush().await.unwrap();
    for seq in [5, 9, 7] {
        store.handle.confirm("cloud", Stream::Telemetry, Cursor { epoch, seq }).await.unwrap();
    }
    store.handle.close().await;
    let store = start(dir.path());
    assert_eq!(store.reader.cursor("cloud", Stream::Telemetry), Some(Cursor { epoch, seq: 9 }));
    store.handle.close().await;
}

#[tokio::test]
async fn points_may_change_between_runs() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&config(dir.path()), vec![Arc::from("a.x"), Arc::from("b.y")], clock()).unwrap();
    store.handle.append(vec![reading(0, 1, 1.0), reading(1, 1, 2.0)], vec![]).await;
    store.handle.close().await;
    let store = open(&config(dir.path()), vec![Arc::from("c.z"), Arc::from("b.y")], clock()).unwrap();
    store.handle.append(vec![reading(0, 1, 3.0), reading(1, 1, 4.0), reading(9, 1, 5.0)], vec![]).await;
    store.handle.flush().await.unwrap();
    let found: Vec<(String, Value)> = all(&store).into_iter().map(|(_, k, v)| (k, v)).collect();
    let expected = [("a.x", 1.0), ("b.y", 2.0), ("b.y", 4.0), ("c.z", 3.0)];
    assert_eq!(found, expected.map(|(k, v)| (k.to_owned(), Value::Number(v))));
    store.handle.close().await;
}
