//! Northbound as a whole, over real sockets, against the mock cloud: nothing lost, nothing twice, alarms first.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::future::Future;
use std::sync::{Arc, Once};
use std::time::Duration;

use gatehouse::clock::SystemClock;
use gatehouse::model::id::Id;
use gatehouse::model::journal::{Cursor, Epoch, Gap, GapReason, Stream};
use gatehouse::model::quality::Quality;
use gatehouse::model::reading::Value;
use gatehouse::model::site::Site;
use gatehouse::model::stored::{Columns, Heads, JournalRow, ReadError, StoreError, TelemetryBatch};
use gatehouse::model::time::{Anchor, BootMs, Trust, WallMs};
use gatehouse::northbound::{
    Compress, Identity, Outbox, SyncStatus, Upstream, UpstreamConfig, UpstreamParts, UpstreamState,
};
use gatehouse::sim::cloud::{Arrival, CloudHandle, MockCloud, Mood};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

#[path = "support/memory_outbox.rs"]
mod memory_outbox;
use memory_outbox::MemoryOutbox;

const POINTS: [&str; 3] = ["pump_1.pressure", "pump_1.flow", "lift_1.floor"];

/// A cloud, an outbox and what runs between them.
struct Rig {
    outbox: Arc<MemoryOutbox>,
    cloud: CloudHandle,
    config: UpstreamConfig,
    tasks: JoinSet<()>,
}

impl Rig {
    async fn new(compress: Compress) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
        let cloud = MockCloud::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let config =
            UpstreamConfig { id: Id::new("cloud").unwrap(), url: cloud.url(), credential: None, ca: None, compress };
        let mut tasks = JoinSet::new();
        let handle = cloud.handle();
        tasks.spawn(async move { cloud.run().await.unwrap() });
        Self { outbox: MemoryOutbox::new(&POINTS), cloud: handle, config, tasks }
    }

    fn start(&mut self) -> (SyncStatus, CancellationToken) {
        self.start_with(None)
    }

    fn start_with(&mut self, token: Option<&str>) -> (SyncStatus, CancellationToken) {
        let stop = CancellationToken::new();
        let parts = UpstreamParts {
            identity: Identity { gateway_id: "00ff".to_owned(), site_id: "sunshine_3".to_owned() },
            site: Arc::new(Site::default()),
            outbox: Arc::clone(&self.outbox) as Arc<dyn Outbox>,
            clock: Arc::new(SystemClock),
            stop: stop.clone(),
        };
        let upstream = Upstream::new(&self.config, token, None, &parts).unwrap();
        let status = upstream.status();
        self.tasks.spawn(upstream.run());
        (status, stop)
    }

    /// Everything on disk has arrived.
    async fn complete(&self) {
        let heads = *self.outbox.watch().borrow();
        let sum = within(20, self.cloud.until(|s| s.readings >= heads.telemetry && s.alarms >= heads.alarm)).await;
        assert_eq!((sum.readings, sum.alarms), (heads.telemetry, heads.alarm), "more than was there");
        assert!(sum.holes.is_empty(), "{:?}", sum.holes);
    }

    fn sound(&self) {
        assert_eq!(self.cloud.faults(), Vec::<String>::new());
    }
}

async fn within<T>(seconds: u64, what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), what).await.expect("it did not come in time")
}

async fn wait_for(seconds: u64, holds: impl Fn() -> bool) {
    within(seconds, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

fn of(arrivals: &[Arrival], stream: Stream) -> Vec<(u64, u64)> {
    arrivals.iter().filter(|a| a.stream == stream).map(|a| (a.first, a.last)).collect()
}

#[tokio::test]
async fn everything_arrives_once_in_every_compression() {
    for compress in [Compress::Zstd, Compress::Gzip, Compress::None] {
        let mut rig = Rig::new(compress).await;
        rig.outbox.add_readings(10);
        rig.outbox.add_alarm("smoke_1.smoke");
        rig.outbox.add_note(Stream::Audit, "login");
        let (status, stop) = rig.start();
        rig.outbox.add_readings(4);
        rig.outbox.add_note(Stream::Event, "link_down");
        rig.complete().await;
        within(5, rig.cloud.until(|s| s.streams.len() == 4)).await;
        rig.sound();
        assert_eq!(rig.cloud.points()["pump_1.pressure"], 14);
        assert_eq!(rig.cloud.alarms()[0]["type"], "gatehouse.alarm.raised");
        wait_for(5, || rig.outbox.cursor_of("cloud", Stream::Telemetry) == Some(Cursor { epoch: Epoch(1), seq: 42 }))
            .await;
        let report = status.read();
        assert_eq!(report.state, UpstreamState::Up);
        assert!(report.streams.iter().all(|s| s.backlog == 0), "{report:?}");
        stop.cancel();
    }
}

#[tokio::test]
async fn after_an_outage_alarms_come_first_then_the_backlog_in_order() {
    let mut rig = Rig::new(Compress::Zstd).await;
    rig.outbox.add_readings(2);
    let (status, _stop) = rig.start();
    rig.complete().await;
    rig.cloud.set_up(false);
    let before = rig.cloud.arrivals().len();
    for _ in 0..40 {
        rig.outbox.add_readings(20);
    }
    wait_for(10, || status.read().state == UpstreamState::Waiting).await;
    for n in 0..250 {
        rig.outbox.add_alarm(&format!("smoke_{n}.smoke"));
    }
    rig.outbox.add_note(Stream::Event, "link_down");
    assert_eq!(status.read().streams[4].backlog, 40 * 60);
    rig.cloud.set_up(true);
    rig.complete().await;
    rig.sound();
    let arrivals = rig.cloud.arrivals().split_off(before);
    let first_telemetry = arrivals.iter().position(|a| a.stream == Stream::Telemetry).unwrap();
    let last_alarm = arrivals.iter().rposition(|a| a.stream == Stream::Alarm).unwrap();
    assert!(last_alarm < first_telemetry, "{arrivals:?}");
    let readings = of(&arrivals, Stream::Telemetry);
    assert!(readings.windows(2).all(|w| w[0].1 + 1 == w[1].0), "{readings:?}");
    assert_eq!(rig.cloud.summary().repeated, 0);
}

#[tokio::test]
async fn an_alarm_during_the_drain_does_not_wait_for_a_slow_body() {
    let mut rig = Rig::new(Compress::Zstd).await;
    rig.cloud.set_mood_for(Mood::Slow(Duration::from_secs(20)), 1);
    rig.outbox.add_readings(5);
    let (_status, _stop) = rig.start();
    wait_for(5, || rig.cloud.summary().requests == 1).await;
    rig.outbox.add_alarm("smoke_1.smoke");
    within(3, rig.cloud.until(|s| s.alarms == 1)).await;
    assert_eq!(rig.cloud.received_telemetry(), 0);
}

#[tokio::test]
async fn a_lost_reply_is_sent_again_byte_by_byte() {
    let mut rig = Rig::new(Compress::Zstd).await;
    rig.cloud.set_mood_for(Mood::DropReply, 2);
    rig.outbox.add_readings(50);
    let (_status, _stop) = rig.start();
    wait_for(10, || rig.outbox.cursor_of("cloud", Stream::Telemetry).is_some()).await;
    rig.complete().await;
    rig.sound();
    let arrivals = rig.cloud.arrivals();
    assert_eq!(arrivals.len(), 3, "{arrivals:?}");
    assert!(arrivals.iter().all(|a| a.crc == arrivals[0].crc && a.key == arrivals[0].key));
    assert_eq!(rig.cloud.summary().repeated, 300);
}

#[tokio::test]
async fn a_restart_in_the_middle_sends_the_same_bytes_again() {
    let mut rig = Rig::new(Compress::Zstd).await;
    rig.outbox.add_readings(50);
    rig.outbox.add_readings(30);
    rig.cloud.set_mood_for(Mood::DropReply, 1);
    let (_status, stop) = rig.start();
    wait_for(5, || rig.cloud.arrivals().len() == 1).await;
    stop.cancel();
    rig.cloud.set_mood(Mood::Normal);
    let (_status, _stop) = rig.start();
    rig.complete().await;
    rig.sound();
    let arrivals = rig.cloud.arrivals();
    assert_eq!((&arrivals[0].key, arrivals[0].crc), (&arrivals[1].key, arrivals[1].crc));
}

#[tokio::test]
async fn a_partial_acceptance_goes_on_behind_it() {
    let mut rig = Rig::new(Compress::Zstd).await;
    rig.cloud.set_mood(Mood::Partial(37));
    rig.outbox.add_readings(50);
    rig.outbox.add_alarm("a.b");
    let (_status, _stop) = rig.start();
    rig.complete().await;
    rig.sound();
    let expected = [(1, 150), (38, 150), (75, 150), (112, 150), (149, 150)];
    assert_eq!(of(&rig.cloud.arrivals(), Stream::Telemetry), expected);
    assert_eq!(rig.cloud.summary().repeated, 0);
    assert_eq!(rig.cloud.points().values().sum::<u64>(), 150);
}

#[tokio::test]
async fn a_poison_reading_is_found_and_the_rest_goes_on() {
    let mut rig = Rig::new(Compress::Zstd).await;
    for seq in [17, 18, 120] {
        rig.cloud.poison(Stream::Telemetry, seq);
    }
    rig.outbox.add_readings(50);
    rig.outbox.add_readings(50);
    let (status, _stop) = rig.start();
    let sum = within(20, rig.cloud.until(|s| s.readings == 297 && s.holes.is_empty())).await;
    assert_eq!(sum.streams[0].declared_missing, 3);
    rig.sound();
    let dead: Vec<_> = rig.outbox.dead().iter().map(|(g, _)| (g.from, g.to, g.reason)).collect();
    let rejected = GapReason::Rejected;
    assert_eq!(dead, [(17, 17, rejected), (18, 18, rejected), (120, 120, rejected)]);
    assert!(rig.outbox.dead()[0].1.contains("does not please"));
    wait_for(5, || rig.outbox.cursor_of("cloud", Stream::Telemetry).is_some_and(|c| c.seq == 300)).await;
    assert_eq!(status.read().streams[4].dead_letters, 3);
}

#[tokio::test]
async fn a_poison_alarm_does_not_hold_up_the_others() {
    let mut rig = Rig::new(Compress::Zstd).await;
    rig.cloud.poison(Stream::Alarm, 5);
    for n in 0..12 {
        rig.outbox.add_alarm(&format!("smoke_{n}.smoke"));
    }
    let (_status, _stop) = rig.start();
    within(20, rig.cloud.until(|s| s.alarms == 11 && s.holes.is_empty())).await;
    assert_eq!(rig.outbox.dead().len(), 1);
    rig.sound();
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let mut rig = Rig::new(Compress::Zstd).await;
    rig.cloud.set_mood_for(Mood::Status { code: 429, retry_after: Some(2) }, 1);
    rig.outbox.add_alarm("a.b");
    let begun = tokio::time::Instant::now();
    let (status, _stop) = rig.start();
    wait_for(5, || status.read().state == UpstreamState::Waiting).await;
    rig.outbox.add_alarm("a.c");
    rig.complete().await;
    assert!(begun.elapsed() >= Duration::from_secs(2), "came back too early: {:?}", begun.elapsed());
    rig.sound();
    assert_eq!(status.read().last_error, None);
}

#[tokio::test]
async fn refused_credentials_are_reported_and_nothing_is_given_up() {
    let mut rig = Rig::new(Compress::Zstd).await;
    rig.cloud.require_token(Some("right"));
    rig.outbox.add_alarm("a.b");
    let (status, stop) = rig.start_with(Some("wrong"));
    wait_for(5, || status.read().state == UpstreamState::Refused).await;
    let report = status.read();
    assert!(report.last_error.as_ref().unwrap().contains("check its token"), "{report:?}");
    assert!(report.retry_at.unwrap().since(report.since) >= 60_000);
    assert!(rig.outbox.dead().is_empty());
    stop.cancel();
    let (status, _stop) = rig.start_with(Some("right"));
    rig.complete().await;
    wait_for(5, || status.read().state == UpstreamState::Up).await;
}

#[tokio::test]
async fn replies_that_are_huge_terse_or_nonsense_do_no_harm() {
    let mut rig = Rig::new(Compress::Zstd).await;
    rig.cloud.set_mood_for(Mood::HugeReply(8 << 20), 1);
    rig.outbox.add_readings(3);
    let (status, _stop) = rig.start();
    rig.complete().await;
    rig.cloud.set_mood_for(Mood::Terse, 1);
    rig.outbox.add_readings(3);
    rig.complete().await;
    wait_for(5, || rig.outbox.cursor_of("cloud", Stream::Telemetry).is_some_and(|c| c.seq == 18)).await;
    rig.cloud.set_mood_for(Mood::WrongEpoch, 1);
    rig.outbox.add_readings(3);
    wait_for(5, || status.read().last_error.is_some_and(|e| e.contains("was not sent"))).await;
    assert_eq!(rig.outbox.cursor_of("cloud", Stream::Telemetry).unwrap().seq, 18);
    wait_for(5, || rig.outbox.cursor_of("cloud", Stream::Telemetry).unwrap().seq == 27).await;
    rig.sound();
}

#[tokio::test]
async fn what_will_never_come_is_declared_and_a_new_epoch_follows() {
    let mut rig = Rig::new(Compress::Zstd).await;
    rig.outbox.add_readings(1);
    rig.outbox.add_readings(2);
    rig.outbox.add_readings(3);
    rig.outbox.evict_oldest(true);
    rig.outbox.evict_oldest(false);
    rig.outbox.begin_epoch(Epoch(2));
    rig.outbox.add_readings(4);
    let (_status, _stop) = rig.start();
    let sum = within(10, rig.cloud.until(|s| s.readings == 9 + 12)).await;
    assert!(sum.holes.is_empty(), "{:?}", sum.holes);
    assert_eq!(sum.streams[0].declared_missing, 9);
    let arrivals = rig.cloud.arrivals();
    assert_eq!(of(&arrivals, Stream::Telemetry), [(1, 3), (4, 9), (10, 18), (1, 12)]);
    rig.sound();
    wait_for(5, || rig.outbox.cursor_of("cloud", Stream::Telemetry) == Some(Cursor { epoch: Epoch(2), seq: 12 })).await;
}
