//! The pipeline as a whole, against a store that can stall and fail, in paused time.

#![allow(clippy::unwrap_used)] // a test may fail there

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatehouse::alarms::AlarmDef;
use gatehouse::clock::Clock;
use gatehouse::conditioning::PointRule;
use gatehouse::model::alarm::{AlarmChange, AlarmEvent, AlarmRecord, AlarmState, AlarmText, Level};
use gatehouse::model::desk::{DeskCommand, Reply};
use gatehouse::model::id::{DeviceIx, Id, LineIx, PointIx};
use gatehouse::model::journal::Note;
use gatehouse::model::link::{FieldEvent, LinkChange, LinkOf, LinkState};
use gatehouse::model::live::{Live, LiveEvent};
use gatehouse::model::quality::Quality;
use gatehouse::model::reading::{PointKind, Raw, Reading, Receipt, Sample, Scan};
use gatehouse::model::site::{DeviceInfo, LineInfo, PointInfo, Site};
use gatehouse::model::text::Text;
use gatehouse::model::time::{Anchor, BootMs, Trust, WallMs};
use gatehouse::pipeline::outbox::READINGS_MAX;
use gatehouse::pipeline::{DerivedPoint, Gauges, Models, Pipeline, Ports, Setup, Sink, SinkError};
use gatehouse::profile::Side;
use gatehouse::rules::expr::{Binding, Expr, VarKind};
use gatehouse::rules::{RuleDef, Test};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Both clocks follow tokio's, paused or not.
#[derive(Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn boot(&self) -> BootMs {
        BootMs(10_000 + i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }

    fn anchor(&self) -> Anchor {
        let boot = self.boot();
        Anchor { boot, wall: WallMs(1_800_000_000_000 + boot.0), trust: Trust::Synced }
    }
}

#[derive(Debug, Default)]
struct Kept {
    readings: Vec<Reading>,
    alarms: Vec<AlarmEvent>,
    notes: Vec<Note>,
    models: Vec<(Arc<str>, Vec<u8>)>,
    /// Alarms to refuse before taking one.
    refuse: u32,
}

/// A store whose two lanes can be stalled.
#[derive(Debug, Clone)]
struct FakeStore {
    kept: Arc<Mutex<Kept>>,
    log_open: watch::Receiver<bool>,
    journal_open: watch::Receiver<bool>,
}

async fn open(mut gate: watch::Receiver<bool>) {
    gate.wait_for(|open| *open).await.map(|_| ()).unwrap_or_default();
}

impl Sink for FakeStore {
    fn append(&self, readings: Vec<Reading>, receipts: Vec<Receipt>) -> impl Future<Output = ()> + Send + 'static {
        let (kept, gate) = (Arc::clone(&self.kept), self.log_open.clone());
        async move {
            open(gate).await;
            kept.lock().unwrap().readings.extend(readings);
            receipts.into_iter().for_each(Receipt::committed);
        }
    }

    fn alarm(&self, event: AlarmEvent) -> impl Future<Output = Result<u64, SinkError>> + Send + 'static {
        let (kept, gate) = (Arc::clone(&self.kept), self.journal_open.clone());
        async move {
            open(gate).await;
            let mut kept = kept.lock().unwrap();
            if kept.refuse > 0 {
                kept.refuse -= 1;
                return Err(SinkError("disk full".into()));
            }
            kept.alarms.push(event);
            Ok(kept.alarms.len() as u64)
        }
    }

    fn note(&self, note: Note) -> impl Future<Output = Result<(), SinkError>> + Send + 'static {
        self.kept.lock().unwrap().notes.push(note);
        async { Ok(()) }
    }

    fn models(&self, models: Models) -> impl Future<Output = Result<(), SinkError>> + Send + 'static {
        self.kept.lock().unwrap().models = models.to_vec();
        std::future::ready(Ok(()))
    }

    fn learn(&self, _: DeviceIx, _: Vec<PointIx>) -> impl Future<Output = Result<(), SinkError>> + Send + 'static {
        std::future::ready(Ok(()))
    }
}

fn site() -> Site {
    let point = |id: &str| PointInfo {
        device: DeviceIx(0),
        id: Id::new(id).unwrap(),
        key: format!("pump.{id}").into(),
        name: Text::same(id),
        unit: None,
        kind: PointKind::Number,
        labels: vec![],
        valid: None,
        every_ms: 1_000,
    };
    let device = DeviceInfo {
        id: Id::new("pump").unwrap(),
        name: "水泵".into(),
        at: "3号楼".into(),
        kind: "pump".into(),
        profile: String::new(),
        line: LineIx(0),
        address: "3".into(),
        first_point: PointIx(0),
        point_count: 3,
    };
    let line = LineInfo {
        id: Id::new("plant").unwrap(),
        kind: "tcp",
        target: "10.0.8.21:502".into(),
        devices: vec![DeviceIx(0)],
    };
    Site {
        time_zone: "Asia/Shanghai".into(),
        lines: vec![line],
        devices: vec![device],
        points: ["inlet", "outlet", "head"].map(point).into(),
        ..Site::default()
    }
}

fn rule(key: &str, point: u32, limit: f64, on_delay_ms: i64) -> (RuleDef, AlarmDef) {
    let test = Test::Limit { point: PointIx(point), side: Side::Above, limit, hysteresis: 0.5 };
    let alarm = AlarmDef {
        key: key.into(),
        device: Some(DeviceIx(0)),
        level: Level::Critical,
        text: AlarmText::default(),
        shadow: false,
        latched: false,
        loss_of_sight: false,
        what: "pump.outlet".into(),
        unit: None,
        snapshot: vec![PointIx(point)],
    };
    (RuleDef { key: key.into(), test, on_delay_ms, off_delay_ms: 0 }, alarm)
}

/// A running pipeline with everything around it.
struct Bench {
    field: mpsc::Sender<FieldEvent>,
    commands: mpsc::Sender<DeskCommand>,
    events: broadcast::Receiver<LiveEvent>,
    kept: Arc<Mutex<Kept>>,
    log_open: watch::Sender<bool>,
    journal_open: watch::Sender<bool>,
    live: Arc<Live>,
    clock: Arc<TokioClock>,
    gauges: Arc<Gauges>,
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl Bench {
    fn new() -> Self {
        Self::restored(vec![])
    }

    fn restored(open: Vec<AlarmRecord>) -> Self {
        let (field, field_end) = mpsc::channel(64);
        let (commands, commands_end) = mpsc::channel(16);
        let (events_in, events) = broadcast::channel(256);
        let (log_open, log_gate) = watch::channel(true);
        let (journal_open, journal_gate) = watch::channel(true);
        let kept = Arc::new(Mutex::new(Kept::default()));
        let clock = Arc::new(TokioClock(Instant::now()));
        let live = Arc::new(Live::new(3, 1, 1, clock.boot()));
        let gauges = Arc::new(Gauges::default());
        let stop = CancellationToken::new();
        let (rules, alarms) =
            [rule("pump.high", 1, 5.0, 0), rule("pump.high_long", 1, 5.0, 3_000), rule("pump.head_high", 2, 4.0, 0)]
                .into_iter()
                .unzip();
        let expr = Expr::number("outlet - inlet", &mut |_| Some(VarKind::Number)).unwrap();
        let program = expr.bind(&mut |name| Some(Binding::Slot(u32::from(name == "outlet")))).unwrap();
        let setup = Setup {
            site: Arc::new(site()),
            live: Arc::clone(&live),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            boot: 7,
            points: vec![PointRule::plain(); 3],
            rules,
            alarms,
            derived: vec![DerivedPoint { point: PointIx(2), program }],
            far_ends: vec![],
            open,
            learned: Vec::new(),
        };
        let sink = FakeStore { kept: Arc::clone(&kept), log_open: log_gate, journal_open: journal_gate };
        let ports = Ports {
            field: field_end,
            commands: commands_end,
            events: events_in,
            sink,
            gauges: Arc::clone(&gauges),
            stop: stop.clone(),
        };
        let mut task = JoinSet::new();
        task.spawn(Pipeline::new(setup, ports).run());
        Self { field, commands, events, kept, log_open, journal_open, live, clock, gauges, stop, task }
    }

    async fn scan_with(&self, inlet: f64, outlet: f64, receipt: Option<Receipt>) {
        let sample = |point, v| Sample { point: PointIx(point), raw: Raw::Number(v) };
        let scan = Scan {
            device: DeviceIx(0),
            at: self.clock.boot(),
            source_ms: None,
            old: false,
            samples: vec![sample(0, inlet), sample(1, outlet)],
            receipt,
        };
        self.field.send(FieldEvent::Scan(scan)).await.unwrap();
    }

    async fn scan(&self, inlet: f64, outlet: f64) {
        self.scan_with(inlet, outlet, None).await;
    }

    async fn link(&self, of: LinkOf, state: LinkState) {
        let reason = Text::same("connection refused");
        let change = LinkChange { of, state, quality: Quality::BadLink, reason, at: self.clock.boot() };
        self.field.send(FieldEvent::Link(change)).await.unwrap();
    }

    /// The next alarm told, within a minute: `(seq, durable, event)`.
    async fn alarm(&mut self) -> (Option<u64>, bool, Arc<AlarmEvent>) {
        let wait = async {
            loop {
                if let LiveEvent::Alarm { seq, durable, event } = self.events.recv().await.unwrap() {
                    return (seq, durable, event);
                }
            }
        };
        tokio::time::timeout(Duration::from_mins(1), wait).await.expect("an alarm within a minute")
    }

    async fn check_alarm(&mut self, key: &str, change: AlarmChange, seq: Option<u64>) -> Arc<AlarmEvent> {
        let (told_seq, durable, event) = self.alarm().await;
        assert_eq!((&*event.alarm.key, event.change, told_seq, durable), (key, change, seq, seq.is_some()));
        event
    }

    async fn acknowledge(
        &self,
        id: &str,
    ) -> Result<gatehouse::model::desk::Handled, gatehouse::model::desk::DeskError> {
        let (tell, told) = oneshot::channel();
        let reply = Reply::new(move |answer| drop(tell.send(answer)));
        let (id, by, note) = (id.to_owned(), "王工".to_owned(), String::new());
        self.commands.send(DeskCommand::Acknowledge { id, by, note, reply }).await.unwrap();
        told.await.unwrap()
    }

    /// Lets the pipeline work off what it has, without time passing to speak of.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reading_is_kept_shown_and_judged() {
    let mut bench = Bench::new();
    let sent = Instant::now();
    bench.scan(1.0, 5.5).await;
    let event = bench.check_alarm("pump.high", AlarmChange::Raised, Some(1)).await;
    assert!(sent.elapsed() <= Duration::from_millis(1), "{:?}", sent.elapsed());
    assert_eq!(event.alarm.snapshot[0].value, Some(5.5));
    assert_eq!(event.alarm.trigger.as_ref().unwrap().limit, Some(5.0));
    // The computed point rings too, and the long one after its delay, without another reading.
    let computed = bench.check_alarm("pump.head_high", AlarmChange::Raised, Some(2)).await;
    assert_eq!(computed.alarm.snapshot[0].value, Some(4.5));
    bench.check_alarm("pump.high_long", AlarmChange::Raised, Some(3)).await;
    let late = sent.elapsed();
    assert!(late >= Duration::from_secs(3) && late < Duration::from_millis(3_005), "{late:?}");
    assert_eq!(bench.kept.lock().unwrap().readings.len(), 3);
    assert_eq!(bench.live.alarms().len(), 3);
    assert_eq!(bench.live.figures().raised_10_min, 3);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_disk_does_not_silence_an_alarm() {
    let mut bench = Bench::new();
    bench.journal_open.send_replace(false);
    let sent = Instant::now();
    bench.scan(4.0, 5.5).await;
    bench.check_alarm("pump.high", AlarmChange::Raised, None).await;
    let late = sent.elapsed();
    assert!(late >= Duration::from_millis(500) && late <= Duration::from_millis(502), "{late:?}");
    assert_eq!(bench.live.alarms().len(), 1, "shown");
    bench.journal_open.send_replace(true);
    bench.check_alarm("pump.high", AlarmChange::Raised, Some(1)).await;
    assert_eq!(bench.gauges.alarms_early.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failing_journal_is_tried_again_in_order() {
    let mut bench = Bench::new();
    bench.kept.lock().unwrap().refuse = 2;
    bench.scan(4.0, 5.5).await;
    bench.check_alarm("pump.high", AlarmChange::Raised, None).await;
    bench.scan(4.0, 1.0).await;
    bench.check_alarm("pump.high", AlarmChange::Cleared, None).await;
    bench.check_alarm("pump.high", AlarmChange::Raised, Some(1)).await;
    bench.check_alarm("pump.high", AlarmChange::Cleared, Some(2)).await;
    let kept = bench.kept.lock().unwrap();
    let order: Vec<AlarmChange> = kept.alarms.iter().map(|e| e.change).collect();
    assert_eq!(order, vec![AlarmChange::Raised, AlarmChange::Cleared]);
}

#[tokio::test(start_paused = true)]
async fn readings_that_the_store_does_not_take_never_hold_up_an_alarm() {
    let mut bench = Bench::new();
    bench.log_open.send_replace(false);
    let told: Arc<Mutex<VecDeque<bool>>> = Arc::default();
    let note = Arc::clone(&told);
    bench.scan(0.0, 0.0).await;
    bench.settle().await;
    bench.scan_with(0.0, 0.1, Some(Receipt::new(move |kept| note.lock().unwrap().push_back(kept)))).await;
    for n in 0..READINGS_MAX / 2 {
        bench.scan(n as f64 / 1e6, 0.0).await;
    }
    bench.settle().await;
    assert_eq!(*told.lock().unwrap(), [false], "the publisher must send again");
    assert!(bench.gauges.dropped.load(Ordering::Relaxed) > 0);
    bench.scan(4.0, 5.5).await;
    bench.check_alarm("pump.high", AlarmChange::Raised, Some(1)).await;
    bench.log_open.send_replace(true);
    bench.settle().await;
    assert_eq!(bench.gauges.waiting.load(Ordering::Relaxed), 0);
    let (dropped, read) = (bench.gauges.dropped.load(Ordering::Relaxed), bench.gauges.readings.load(Ordering::Relaxed));
    assert_eq!(bench.kept.lock().unwrap().readings.len() as u64 + dropped, read, "kept or counted");
}

#[tokio::test(start_paused = true)]
async fn receipts_are_told_after_the_store_has_the_readings() {
    let bench = Bench::new();
    let (tell, told) = oneshot::channel();
    bench.scan_with(1.0, 1.0, Some(Receipt::new(move |kept| tell.send(kept).unwrap()))).await;
    assert_eq!(told.await, Ok(true));
    assert_eq!(bench.kept.lock().unwrap().readings.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_once_and_is_durable_when_told() {
    let mut bench = Bench::new();
    bench.scan(4.0, 5.5).await;
    let raised = bench.check_alarm("pump.high", AlarmChange::Raised, Some(1)).await;
    let handled = bench.acknowledge(&raised.alarm.id).await.unwrap();
    assert_eq!((handled.alarm.state, handled.already), (AlarmState::Acknowledged, None));
    assert_eq!(bench.kept.lock().unwrap().alarms.len(), 2, "in the journal before the answer");
    assert_eq!(bench.live.alarms()[0].state, AlarmState::Acknowledged);
    let again = bench.acknowledge(&raised.alarm.id).await.unwrap();
    assert_eq!(again.already.unwrap().by, "王工");
    assert!(bench.acknowledge("nobody@1-1").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_dead_line_shows_on_every_point_and_rings_once() {
    let mut bench = Bench::new();
    bench.scan(1.0, 1.0).await;
    bench.link(LinkOf::Device(DeviceIx(0)), LinkState::Down).await;
    bench.link(LinkOf::Line(LineIx(0)), LinkState::Down).await;
    let event = bench.check_alarm("line.plant.down", AlarmChange::Raised, Some(1)).await;
    assert_eq!(event.alarm.children, 1);
    for point in 0..3 {
        assert_eq!(bench.live.point(PointIx(point)).unwrap().quality, Quality::BadLink, "point {point}");
    }
    bench.link(LinkOf::Line(LineIx(0)), LinkState::Up).await;
    bench.link(LinkOf::Device(DeviceIx(0)), LinkState::Up).await;
    bench.check_alarm("line.plant.down", AlarmChange::Cleared, Some(2)).await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(bench.kept.lock().unwrap().alarms.len(), 2, "the device did not ring");
    let kinds: Vec<String> = bench.kept.lock().unwrap().notes.iter().map(|n| n.kind.clone()).collect();
    assert_eq!(kinds, ["link_down", "link_down", "link_up", "link_up"]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_silent_about_what_was_known() {
    let mut before = Bench::new();
    before.scan(4.0, 5.5).await;
    before.check_alarm("pump.high", AlarmChange::Raised, Some(1)).await;
    let mut after = Bench::restored(before.live.alarms());
    assert_eq!(after.live.alarms().len(), 1, "shown before the first reading");
    // Inside the hysteresis: still the same alarm. Below it: cleared.
    after.scan(4.0, 4.8).await;
    after.settle().await;
    assert_eq!(after.kept.lock().unwrap().alarms.len(), 0);
    after.scan(4.0, 4.0).await;
    after.check_alarm("pump.high", AlarmChange::Cleared, Some(1)).await;
}

#[tokio::test(start_paused = true)]
async fn stopping_leaves_nothing_behind() {
    let mut bench = Bench::new();
    bench.journal_open.send_replace(false);
    bench.scan(4.0, 5.5).await;
    bench.stop.cancel();
    bench.settle().await;
    bench.journal_open.send_replace(true);
    let ended = tokio::time::timeout(Duration::from_secs(5), bench.task.join_next()).await;
    assert!(ended.unwrap().unwrap().is_ok());
    let kept = bench.kept.lock().unwrap();
    assert_eq!((kept.readings.len(), kept.alarms.len()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn the_pulse_beats_when_nothing_happens() {
    let bench = Bench::new();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let beats = bench.gauges.pulse.load(Ordering::Relaxed);
    assert!((25..200).contains(&beats), "{beats} turns in 30 s");
}
