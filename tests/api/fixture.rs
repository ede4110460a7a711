//! A made-up community behind the real server: a journal in memory, a desk that decides at once, things that happened.

// A test's helper fails the test by panicking.
#![allow(clippy::unwrap_used, clippy::clone_on_ref_ptr)]

#[path = "book.rs"]
mod book;
#[path = "site.rs"]
mod site;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use gatehouse::api::{
    Archive, Desk, DeskFuture, Health, HealthPart, LimitLine, Ports, Refusal, RelearnFuture, StreamStatus, SyncView,
    UpstreamStatus, serve,
};
use gatehouse::clock::{Clock, SystemClock};
use gatehouse::model::alarm::{
    Acknowledged, AlarmChange, AlarmEvent, AlarmRecord, AlarmState, AlarmText, Level, Snapshot, Trigger,
};
use gatehouse::model::desk::{DeskError, Handled};
use gatehouse::model::far::FarKind;
use gatehouse::model::health::HealthEntry;
use gatehouse::model::journal::{Cursor, Epoch, Stream};
use gatehouse::model::link::{LinkChange, LinkOf, LinkState};
use gatehouse::model::live::{Live, LiveEvent};
use gatehouse::model::quality::Quality;
use gatehouse::model::reading::{Reading, Value};
use gatehouse::model::site::{DeviceInfo, Site};
use gatehouse::model::stored::{AlarmFilter, History, HistoryBucket, JournalRow, ReadError, StoreStatus};
use gatehouse::model::text::Text;
use gatehouse::model::time::WallMs;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

const EPOCH: Epoch = Epoch(0x00c0_ffee);

/// What the fakes share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) site: Arc<Site>,
    pub(crate) live: Arc<Live>,
    pub(crate) events: broadcast::Sender<LiveEvent>,
    journal: Mutex<Vec<JournalRow>>,
    records: Mutex<BTreeMap<String, AlarmRecord>>,
    pub(crate) cloud_up: std::sync::atomic::AtomicBool,
    health: Arc<book::FakeBook>,
}

fn now() -> i64 {
    SystemClock.anchor().wall.0
}

impl World {
    /// Writes a change to the journal; `announce` also tells the listeners.
    pub(crate) fn change(&self, change: AlarmChange, alarm: AlarmRecord, by: Option<&str>, announce: bool) -> u64 {
        let event = AlarmEvent {
            change,
            at: SystemClock.boot(),
            wall_ms: alarm.changed_wall_ms,
            by: by.map(str::to_owned),
            note: alarm.acknowledged.as_ref().filter(|_| by.is_some()).map(|k| k.note.clone()),
            alarm,
        };
        let mut journal = self.journal.lock().unwrap();
        let seq = journal.len() as u64 + 1;
        journal.push(JournalRow {
            stream: Stream::Alarm,
            epoch: EPOCH,
            seq,
            boot: 1,
            at: event.at,
            wall_ms: event.wall_ms,
            body: serde_json::to_string(&event).unwrap(),
        });
        self.records.lock().unwrap().insert(event.alarm.id.to_string(), event.alarm.clone());
        let event = Arc::new(event);
        self.live.alarm(&event.alarm);
        drop(journal);
        if announce {
            // Nobody may be listening yet.
            let _nobody = self.events.send(LiveEvent::Alarm { seq: Some(seq), durable: true, event });
        }
        seq
    }

    pub(crate) fn raise(
        &self,
        device: &str,
        name: &str,
        level: Level,
        text: AlarmText,
        trigger: Option<Trigger>,
    ) -> AlarmRecord {
        self.raise_at(now(), device, name, level, text, trigger)
    }

    pub(crate) fn raise_at(
        &self,
        at: i64,
        device: &str,
        name: &str,
        level: Level,
        text: AlarmText,
        trigger: Option<Trigger>,
    ) -> AlarmRecord {
        let info = self.site.device(device).map(|ix| &self.site.devices[ix.ix()]);
        let count = self.journal.lock().unwrap().len();
        let snapshot = info.into_iter().flat_map(DeviceInfo::points).filter_map(|p| {
            let (info, live) = (&self.site.points[p.ix()], self.live.point(p)?);
            Some(Snapshot {
                point: info.key.clone(),
                value: live.value.number(),
                unit: info.unit.map(|u| u.code().to_owned()),
                quality: live.quality.word().to_owned(),
            })
        });
        let alarm = AlarmRecord {
            id: format!("{device}.{name}@1-{count}").into(),
            key: format!("{device}.{name}").into(),
            device: device.to_owned(),
            device_name: info.map(|i| i.name.clone()).unwrap_or_default(),
            at: info.map(|i| i.at.clone()).unwrap_or_default(),
            level,
            text,
            state: AlarmState::Unacknowledged,
            condition: true,
            latched: false,
            boot: 1,
            raised_at: SystemClock.boot(),
            raised_wall_ms: at,
            changed_wall_ms: at,
            cleared_wall_ms: None,
            acknowledged: None,
            trigger,
            explanation: None,
            snapshot: snapshot.collect(),
            children: 0,
        };
        self.change(AlarmChange::Raised, alarm.clone(), None, true);
        alarm
    }

    pub(crate) fn answer(&self, id: &str, by: &str, note: &str, at: i64) -> Result<Handled, DeskError> {
        let found = self.records.lock().unwrap().get(id).cloned();
        let mut alarm = found.filter(|a| a.state != AlarmState::Normal).ok_or(DeskError::NotOpen(id.to_owned()))?;
        if let Some(first) = alarm.acknowledged.clone() {
            return Ok(Handled { alarm, already: Some(first) });
        }
        alarm.acknowledged = Some(Acknowledged { by: by.to_owned(), note: note.to_owned(), wall_ms: at });
        alarm.changed_wall_ms = at;
        alarm.state = if alarm.condition { AlarmState::Acknowledged } else { AlarmState::Normal };
        self.change(AlarmChange::Acknowledged, alarm.clone(), Some(by), true);
        Ok(Handled { alarm, already: None })
    }

    /// The condition goes away.
    pub(crate) fn clear(&self, id: &str, at: i64) {
        let found = self.records.lock().unwrap().get(id).cloned();
        let Some(mut alarm) = found.filter(|a| a.condition) else { return };
        alarm.condition = false;
        alarm.cleared_wall_ms = Some(at);
        alarm.changed_wall_ms = at;
        let done = alarm.acknowledged.is_some();
        alarm.state = if done { AlarmState::Normal } else { AlarmState::ReturnedUnacknowledged };
        self.change(AlarmChange::Cleared, alarm.clone(), None, true);
        if done {
            self.change(AlarmChange::Closed, alarm, None, true);
        }
    }
}

#[derive(Debug)]
struct FakeArchive(Arc<World>);

impl Archive for FakeArchive {
    fn head(&self) -> Result<Cursor, ReadError> {
        Ok(Cursor { epoch: EPOCH, seq: self.0.journal.lock().unwrap().len() as u64 })
    }

    fn alarms(&self, filter: &AlarmFilter) -> Result<Vec<AlarmRecord>, ReadError> {
        let mut all: Vec<_> = self.0.records.lock().unwrap().values().cloned().collect();
        all.retain(|a| filter.device.as_ref().is_none_or(|d| *d == a.device));
        all.retain(|a| filter.before_wall_ms.is_none_or(|b| a.raised_wall_ms < b));
        all.sort_by_key(|a| std::cmp::Reverse(a.raised_wall_ms));
        all.truncate(filter.limit);
        Ok(all)
    }

    fn alarm(&self, id: &str) -> Result<Option<(AlarmRecord, Vec<AlarmEvent>)>, ReadError> {
        let Some(record) = self.0.records.lock().unwrap().get(id).cloned() else { return Ok(None) };
        let rows = self.0.journal.lock().unwrap();
        let events = rows.iter().map(|row| serde_json::from_str::<AlarmEvent>(&row.body).unwrap());
        Ok(Some((record, events.filter(|e| *e.alarm.id == *id).collect())))
    }

    fn alarm_rows(&self, after: u64, max: usize) -> Result<Vec<JournalRow>, ReadError> {
        Ok(self.0.journal.lock().unwrap().iter().filter(|r| r.seq > after).take(max).cloned().collect())
    }

    fn history(&self, key: &str, from: WallMs, to: WallMs, max: usize) -> Result<History, ReadError> {
        let step_ms = ((to.0 - from.0) / i64::try_from(max).unwrap()).max(1);
        let step = |i: i64| {
            let x = i as f64;
            let mean = match key {
                k if k.ends_with("running") => f64::from(u8::from((i / 40) % 2 == 0)),
                k if k.ends_with("pressure") && i > 270 => 0.42 - (x - 270.0) * 0.022,
                _ => 0.42 + 0.03 * (x / 17.0).sin() + 0.01 * (x / 3.1).cos(),
            };
            let wide = if i == 120 { 0.06 } else { 0.008 + 0.004 * (x / 5.0).sin() };
            HistoryBucket {
                t: from.0 + i * step_ms,
                min: Some(mean - wide),
                max: Some(mean + wide),
                mean: Some(mean),
                last: Some(mean),
                count: 60,
                bad: 0,
            }
        };
        let steps = i64::try_from(max).unwrap();
        Ok(History { step_ms, buckets: (0..steps).filter(|i| !(180..198).contains(i)).map(step).collect() })
    }

    fn health_entries(&self, device: &str, max: usize) -> Result<Vec<HealthEntry>, ReadError> {
        let all = self.0.health.entries.lock().unwrap();
        Ok(all.iter().filter(|e| e.device == device).take(max).cloned().collect())
    }

    fn status(&self) -> StoreStatus {
        StoreStatus {
            readings_committed: 1_284_031,
            readings_waiting: 312,
            commit_ms_last: 9,
            commit_ms_max: 46,
            log_bytes: 412 << 20,
            history_bytes: 96 << 20,
            state_bytes: 3 << 20,
            bytes_max: 4 << 30,
            ..StoreStatus::default()
        }
    }
}

#[derive(Debug)]
struct FakeDesk(Arc<World>);

impl Desk for FakeDesk {
    fn acknowledge(&self, id: String, by: String, note: String) -> DeskFuture<'_> {
        let answer = self.0.answer(&id, &by, &note, now()).map_err(Refusal::Desk);
        Box::pin(std::future::ready(answer))
    }

    fn reset(&self, id: String, _by: String, _note: String) -> DeskFuture<'_> {
        let known = self.0.records.lock().unwrap().contains_key(&id);
        let error = if known { DeskError::StillActive } else { DeskError::NotOpen(id) };
        Box::pin(std::future::ready(Err(Refusal::Desk(error))))
    }

    fn relearn(&self, key: String, _by: String) -> RelearnFuture<'_> {
        let answer = if key == "pump_1" { Ok(2) } else { Err(Refusal::Desk(DeskError::NotLearning(key))) };
        Box::pin(std::future::ready(answer))
    }
}

#[derive(Debug)]
struct FakeSync(Arc<World>);

impl SyncView for FakeSync {
    fn upstreams(&self) -> Vec<UpstreamStatus> {
        let up = self.0.cloud_up.load(std::sync::atomic::Ordering::Relaxed);
        let row = |stream, backlog, age: i64, per_second| StreamStatus {
            stream,
            backlog: if up { 0 } else { backlog },
            oldest_age_ms: Some(age),
            sent: 48_210,
            per_second: if up { per_second } else { 0.0 },
            rejected: 0,
        };
        vec![UpstreamStatus {
            kind: FarKind::Upstream,
            id: "cloud".into(),
            url: "https://cloud.example.com/ingest".into(),
            up,
            since_wall_ms: Some(now() - 754_000),
            last_ok_wall_ms: Some(now() - if up { 1200 } else { 754_000 }),
            last_error: (!up).then(|| Text::new("连接被拒绝", "connection refused")),
            retry_wall_ms: (!up).then(|| now() + 21_000),
            streams: vec![
                row(Stream::Alarm, 3, 731_000, 0.1),
                row(Stream::Event, 7, 750_000, 0.3),
                row(Stream::Telemetry, 37_412, 752_000, 498.2),
            ],
        }]
    }
}

/// The second pump dies.
pub(crate) fn kill_pump(world: &World) {
    let ix = world.site.device("b3_pump_2").unwrap();
    let boot = SystemClock.boot();
    let change = LinkChange {
        of: LinkOf::Device(ix),
        state: LinkState::Quarantined,
        quality: Quality::BadQuarantine,
        reason: Text::new("从站 2 连续 3 次没有应答", "unit 2 did not answer 3 times in a row"),
        at: boot.plus(-95_000),
    };
    world.live.link(&change);
    let bad = world.site.devices[ix.ix()].points().map(|point| Reading {
        point,
        quality: Quality::BadQuarantine,
        at: boot.plus(-4_000),
        source_ms: None,
        value: Value::None,
    });
    world.live.enter(&bad.collect::<Vec<_>>());
    // Nobody may be listening yet.
    let _nobody = world.events.send(LiveEvent::Link(Arc::new(change)));
}

pub(crate) fn text(title: (&str, &str), cause: (&str, &str), harm: (&str, &str), action: &[(&str, &str)]) -> AlarmText {
    let t = |(zh, en): (&str, &str)| Text::new(zh, en);
    AlarmText { title: t(title), cause: t(cause), harm: t(harm), action: action.iter().map(|a| t(*a)).collect() }
}

pub(crate) fn smoke() -> AlarmText {
    text(
        ("烟雾报警", "Smoke detected"),
        ("室内起火、烹饪油烟或探测器受潮", "Fire, cooking fumes or a damp detector"),
        ("火势蔓延，危及住户生命", "The fire spreads; residents are in danger"),
        &[
            ("立即派人到现场查看，同时电话联系住户", "Send someone at once and phone the resident"),
            ("确认起火：拨打 119，组织疏散，切断该层电源", "If it burns: call 119, evacuate, cut the floor's power"),
            ("误报：通风后复位探测器，并记录原因", "If false: air the room, reset the detector, note the cause"),
        ],
    )
}

pub(crate) fn dry_run() -> AlarmText {
    text(
        ("水泵干转", "Pump running dry"),
        ("水箱空或进水阀关闭", "Tank empty or inlet valve shut"),
        ("数分钟内烧毁机械密封", "The seal burns out within minutes"),
        &[
            ("停泵", "Stop the pump"),
            ("查看水箱液位和进水阀", "Check tank level and inlet valve"),
            ("切换到备用泵", "Switch to the standby pump"),
        ],
    )
}

fn silent() -> AlarmText {
    text(
        ("设备无应答", "Device does not answer"),
        ("断电、断线或地址冲突", "Power off, cable broken or address clash"),
        ("看不到该设备的数据和告警", "Its values and alarms cannot be seen"),
        &[("检查设备供电和通信线", "Check its power and cable")],
    )
}

pub(crate) fn trigger(what: &str, value: f64, limit: f64, unit: &str) -> Trigger {
    Trigger { what: what.into(), words: None, value: Some(value), limit: Some(limit), unit: Some(unit.into()) }
}

/// A world in which nothing has happened.
pub(crate) fn quiet() -> Arc<World> {
    let site = Arc::new(site::site());
    let live = Arc::new(Live::new(site.points.len(), site.devices.len(), site.lines.len(), SystemClock.boot()));
    site::fill(&site, &live);
    let health = book::book(&site);
    Arc::new(World {
        health,
        site,
        live,
        events: broadcast::channel(64).0,
        journal: Mutex::default(),
        records: Mutex::default(),
        cloud_up: true.into(),
    })
}

/// A night with a few things going on and a few over.
pub(crate) fn busy() -> Arc<World> {
    let world = quiet();
    let ago = |minutes: i64| now() - minutes * 60_000;
    for (minutes, device, name, level) in [
        (1700, "b3_lift_2", "door_held", Level::Minor),
        (640, "smoke_3_1202", "smoke", Level::Life),
        (300, "b3_pump_1", "dry_run", Level::Critical),
    ] {
        let words = match name {
            "smoke" => smoke(),
            "dry_run" => dry_run(),
            _ => text(("电梯门长时间未关", "Lift door held open"), ("", ""), ("", ""), &[]),
        };
        let alarm = world.raise_at(ago(minutes), device, name, level, words, None);
        world.answer(&alarm.id, "李师傅", "已到现场，排除", ago(minutes - 2)).unwrap();
        world.clear(&alarm.id, ago(minutes - 14));
    }
    kill_pump(&world);
    let dead = world.raise_at(ago(2), "b3_pump_2", "silent", Level::Major, silent(), None);
    world.answer(&dead.id, "张工", "正在前往", ago(1)).unwrap();
    world.raise_at(
        ago(1),
        "b3_pump_1",
        "dry_run",
        Level::Critical,
        dry_run(),
        Some(trigger("b3_pump_1.pressure", 0.03, 0.05, "MPa")),
    );
    let warm = text(("配电房温度偏高", "Switch room too warm"), ("空调停机", "Air conditioning off"), ("", ""), &[]);
    world.raise_at(
        ago(37),
        "plant_env",
        "warm",
        Level::Minor,
        warm,
        Some(trigger("plant_env.temperature", 31.6, 30.0, "Cel")),
    );
    world
}

/// Everything the server wants.
pub(crate) fn ports(world: &Arc<World>) -> Ports {
    let pressure = world.site.point("b3_pump_1.pressure").unwrap();
    let limit = LimitLine { value: 0.05, level: Level::Critical, title: Text::new("干转", "Dry run") };
    let high = LimitLine { value: 0.55, level: Level::Major, title: Text::new("压力过高", "Pressure high") };
    Ports {
        site: Arc::clone(&world.site),
        live: Arc::clone(&world.live),
        clock: Arc::new(SystemClock),
        archive: Arc::new(FakeArchive(Arc::clone(world))),
        desk: Arc::new(FakeDesk(Arc::clone(world))),
        sync: Arc::new(FakeSync(Arc::clone(world))),
        events: world.events.clone(),
        health: Arc::new(|| Health {
            ok: true,
            started: SystemClock.boot(),
            parts: vec![HealthPart { name: "writer".into(), ok: true, note: String::new() }],
        }),
        limits: Arc::new([(pressure, vec![limit, high])].into()),
        cases: None,
        records: Arc::clone(&world.health) as Arc<dyn gatehouse::api::HealthBook>,
    }
}

/// Serves a world on a free port until dropped.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) base: String,
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) async fn start(world: &Arc<World>) -> Served {
    start_at(world, 0).await
}

pub(crate) async fn start_at(world: &Arc<World>, port: u16) -> Served {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = serve(listener, ports(world), stop.clone());
    #[allow(clippy::disallowed_methods)] // a test's own server task; it ends with `stop`
    tokio::spawn(async move { serving.await.unwrap() });
    Served { base: format!("http://{address}"), address, stop }
}
