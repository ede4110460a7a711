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
    Compress, Identity, Outbox, SyncStatus, Upstream, UpstreamConfig, UpstreamError, UpstreamParts, UpstreamState,
};
use gatehouse::sim::cloud::{Arrival, CloudHandle, MockCloud, Mood};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

#[path = "support/memory_outbox.rs"]
mod memory_outbox;
#[path = "northbound/senders.rs"]
mod senders;
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
        self.start_trusting(token, None)
    }

    fn start_trusting(&mut self, token: Option<&str>, ca: Option<&[u8]>) -> (SyncStatus, CancellationToken) {
        let (upstream, stop) = self.make(token, ca).unwrap();
        let status = upstream.status();
        self.tasks.spawn(upstream.run());
        (status, stop)
    }

    fn make(&self, token: Option<&str>, ca: Option<&[u8]>) -> Result<(Upstream, CancellationToken), UpstreamError> {
        let stop = CancellationToken::new();
        let parts = UpstreamParts {
            identity: Identity { gateway_id: "00ff".to_owned(), site_id: "sunshine_3".to_owned() },
            site: Arc::new(Site::default()),
            outbox: Arc::clone(&self.outbox) as Arc<dyn Outbox>,
            clock: Arc::new(SystemClock),
            stop: stop.clone(),
        };
        Ok((Upstream::new(&self.config, token, ca, &parts)?, stop))
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
    // An attempt of the telemetry lane may still be under way; the next ones are all of the urgent lane.
    let requests = status.read().requests;
    wait_for(10, || status.read().requests >= requests + 2).await;
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
    let why = report.last_error.as_ref().unwrap();
    assert!(why.en.contains("check its token") && why.zh.contains("请检查令牌"), "{report:?}");
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
    wait_for(5, || status.read().last_error.is_some_and(|e| e.en.contains("was not sent"))).await;
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

/// A far end that speaks TLS with a certificate of its own making; gives its PEM and the heads of requests.
async fn tls_far_end(tasks: &mut JoinSet<()>) -> (String, Vec<u8>, tokio::sync::mpsc::Receiver<String>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/ingest", listener.local_addr().unwrap().port());
    let (heads, seen) = tokio::sync::mpsc::channel(8);
    tasks.spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let Ok(mut tls) = acceptor.accept(tcp).await else { continue };
            let mut bytes = vec![0; 64 << 10];
            // Head and body of so small a request come in one or two reads; the answer may come early.
            let n = tls.read(&mut bytes).await.unwrap();
            heads.send(String::from_utf8_lossy(&bytes[..n]).into_owned()).await.unwrap();
            tls.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.unwrap();
            tls.shutdown().await.unwrap();
        }
    });
    (url, made.cert.pem().into_bytes(), seen)
}

#[tokio::test]
async fn tls_trusts_the_given_authority_and_no_other() {
    let mut rig = Rig::new(Compress::Gzip).await;
    let (url, ca, mut seen) = tls_far_end(&mut rig.tasks).await;
    rig.config.url = url;
    rig.outbox.add_alarm("smoke_1.smoke");
    let foreign = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (status, stop) = rig.start_trusting(None, Some(foreign.cert.pem().as_bytes()));
    wait_for(5, || status.read().state == UpstreamState::Waiting).await;
    assert!(status.read().last_error.unwrap().en.contains("certificate"), "{:?}", status.read().last_error);
    stop.cancel();
    let (status, _stop) = rig.start_trusting(Some("a secret"), Some(&ca));
    let head = within(5, seen.recv()).await.unwrap();
    assert!(head.starts_with("POST /ingest/v1/events HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer a secret\r\n"), "{head}");
    wait_for(5, || status.read().state == UpstreamState::Up).await;
}

#[tokio::test]
async fn what_cannot_work_is_said_at_once() {
    let mut rig = Rig::new(Compress::None).await;
    for url in ["ftp://cloud", "cloud.example.com", "http://", ""] {
        rig.config.url = url.to_owned();
        assert!(matches!(rig.make(None, None), Err(UpstreamError::Url { .. })), "{url}");
    }
    rig.config.url = "https://cloud.example.com".to_owned();
    assert!(matches!(rig.make(Some("a\nb"), Some(b"")), Err(UpstreamError::Token { .. })));
}
