//! The waiting, on a paused clock and over a scripted link (no sockets: a paused clock would run ahead of them).

use std::collections::VecDeque;

use super::*;
use crate::clock::ManualClock;
use crate::model::id::Id;
use crate::model::journal::{Cursor, Epoch, Gap, GapReason};
use crate::model::quality::Quality;
use crate::model::reading::Value;
use crate::model::stored::{Columns, JournalRow, ReadError, StoreError, TelemetryBatch};
use crate::model::text::Text;
use crate::model::time::{Anchor, BootMs, Trust, WallMs};
use crate::northbound::Compress;
use crate::northbound::backoff::Trouble;
use crate::northbound::http::LinkError;
use crate::northbound::pack::Parcel;
use crate::northbound::reply::Answer;

#[path = "../../../tests/support/memory_outbox.rs"]
#[allow(dead_code, reason = "shared with the whole-part tests, which use all of it")]
mod memory_outbox;
use memory_outbox::MemoryOutbox;

/// Status and `Retry-After`; `None` for no answer at all.
type Scripted = Option<(u16, Option<&'static str>)>;
/// When, stream, first and last number.
type Asked = (Duration, Stream, u64, u64);

/// A far end that answers from a list, then with 200, and notes when it was asked.
#[derive(Debug, Clone)]
struct Script {
    answers: Arc<Mutex<VecDeque<Scripted>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    begun: Instant,
    is_local: bool,
}

impl Link for Script {
    async fn post(&self, parcel: &Parcel, _sent_at_ms: i64) -> Result<Answer, LinkError> {
        self.asked.lock().unwrap().push((self.begun.elapsed(), parcel.stream, parcel.first, parcel.last));
        let next = self.answers.lock().unwrap().pop_front();
        match next {
            Some(None) => Err(LinkError(Text::same("no connection"))),
            Some(Some((status, retry_after))) => {
                Ok(Answer { status, retry_after: retry_after.map(str::to_owned), ..Answer::default() })
            }
            None => Ok(Answer { status: 204, ..Answer::default() }),
        }
    }

    fn is_local(&self) -> bool {
        self.is_local
    }
}

struct Stage {
    outbox: Arc<MemoryOutbox>,
    link: Script,
    status: SyncStatus,
    stop: CancellationToken,
    engine: Engine<Script>,
}

fn stage(answers: &[Scripted]) -> Stage {
    let outbox = MemoryOutbox::new(&["pump_1.pressure"]);
    let anchor = Anchor { boot: BootMs(0), wall: WallMs(memory_outbox::WALL), trust: Trust::Synced };
    let stop = CancellationToken::new();
    let parts = UpstreamParts {
        identity: Identity { gateway_id: "00ff".to_owned(), site_id: "s".to_owned() },
        site: Arc::default(),
        outbox: Arc::clone(&outbox) as Arc<dyn Outbox>,
        clock: Arc::new(ManualClock::new(anchor)),
        stop: stop.clone(),
    };
    let config = UpstreamConfig {
        id: Id::new("cloud").unwrap(),
        url: "http://cloud".to_owned(),
        credential: None,
        ca: None,
        compress: Compress::None,
    };
    let link = Script {
        answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
        asked: Arc::default(),
        begun: Instant::now(),
        is_local: false,
    };
    let engine = Engine::new(&config, link.clone(), &parts).unwrap();
    Stage { outbox, link, status: engine.status.clone(), stop, engine }
}

impl Stage {
    /// Runs for so long, with something done after a while.
    async fn run(self, seconds: u64, then: impl FnOnce(&MemoryOutbox)) -> Vec<Asked> {
        let Self { outbox, link, stop, engine, .. } = self;
        let story = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            then(&outbox);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            stop.cancel();
        };
        tokio::join!(engine.run(), story);
        std::mem::take(&mut *link.asked.lock().unwrap())
    }
}

fn streams(asked: &[Asked]) -> Vec<Stream> {
    asked.iter().map(|a| a.1).collect()
}

#[tokio::test(start_paused = true)]
async fn lanes_go_strictly_by_priority() {
    let stage = stage(&[]);
    stage.outbox.add_readings(2);
    for stream in [Stream::Event, Stream::Audit, Stream::Command] {
        stage.outbox.add_note(stream, "x");
    }
    stage.outbox.add_alarm("a.b");
    let asked = stage.run(1, |_| {}).await;
    assert_eq!(streams(&asked), Stream::ALL);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_out_even_when_alarms_come() {
    let stage = stage(&[Some((503, Some("120")))]);
    stage.outbox.add_alarm("a.b");
    let asked = stage.run(300, |outbox| assert_eq!(outbox.add_alarm("a.c"), 2)).await;
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!((120..122).contains(&asked[1].0.as_secs()), "{asked:?}");
    assert_eq!((asked[1].2, asked[1].3, asked[2].2), (1, 1, 2), "the parcel stays as it was first sent");
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_tried_once_a_minute() {
    let stage = stage(&[Some((401, None)), Some((401, None)), Some((403, None))]);
    stage.outbox.add_alarm("a.b");
    let asked = stage.run(600, |_| {}).await;
    let at: Vec<u64> = asked.iter().map(|a| a.0.as_secs()).collect();
    assert_eq!(at, [0, 60, 120, 180]);
}

/// A lane that has failed often: its next failure waits for 15 to 30 s.
fn tire(courier: &mut Courier<Script>) {
    for _ in 0..20 {
        courier.backoff.next(Trouble::Offline { local: false }, 0.5);
    }
    let seed = (0..1000).find(|s| fastrand::Rng::with_seed(*s).f64() > 0.5).unwrap();
    courier.dice = fastrand::Rng::with_seed(seed);
}

#[tokio::test(start_paused = true)]
async fn a_new_alarm_ends_the_wait_of_an_outage() {
    let mut stage = stage(&[None]);
    tire(&mut stage.engine.urgent.courier);
    stage.outbox.add_alarm("a.b");
    let asked = stage.run(60, |outbox| assert_eq!(outbox.add_alarm("a.c"), 2)).await;
    let at: Vec<u64> = asked.iter().map(|a| a.0.as_secs()).collect();
    assert_eq!(at, [0, 5, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_ends_the_wait_of_the_other_lane() {
    let mut stage = stage(&[None]);
    tire(&mut stage.engine.telemetry.courier);
    stage.outbox.add_readings(1);
    let asked = stage.run(60, |outbox| assert_eq!(outbox.add_alarm("a.c"), 1)).await;
    let at: Vec<(u64, Stream)> = asked.iter().map(|a| (a.0.as_secs(), a.1)).collect();
    assert_eq!(at, [(0, Stream::Telemetry), (5, Stream::Alarm), (5, Stream::Telemetry)]);
}

#[tokio::test(start_paused = true)]
async fn without_news_the_wait_is_served_in_full() {
    let mut stage = stage(&[None]);
    tire(&mut stage.engine.urgent.courier);
    stage.outbox.add_alarm("a.b");
    let asked = stage.run(60, |outbox| assert!(outbox.add_readings(1) > 0)).await;
    assert!((15..=30).contains(&asked[1].0.as_secs()), "{asked:?}");
    assert_eq!(streams(&asked), [Stream::Alarm, Stream::Alarm, Stream::Telemetry]);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_500_is_answered_calmly() {
    let stage = stage(&[Some((500, None)); 400]);
    stage.outbox.add_readings(1);
    let asked = stage.run(655, |_| {}).await;
    let late = asked.iter().filter(|a| a.0.as_secs() >= 60).count();
    assert!(late < 120, "{late} requests in ten minutes after the first");
}

#[tokio::test(start_paused = true)]
async fn telemetry_stands_back_for_a_minute_and_not_longer() {
    // The events route is broken for good; readings must still get through.
    let stage = stage(&[]);
    stage.outbox.add_alarm("a.b");
    stage.outbox.add_readings(1);
    stage.link.answers.lock().unwrap().extend(std::iter::repeat_n(Some((404, None)), 2));
    let status = stage.status.clone();
    let asked = stage.run(200, |_| {}).await;
    let at: Vec<(u64, Stream)> = asked.iter().map(|a| (a.0.as_secs(), a.1)).collect();
    assert_eq!(at[..3], [(0, Stream::Alarm), (60, Stream::Alarm), (60, Stream::Telemetry)], "{asked:?}");
    assert_eq!(status.read().streams[4].backlog, 0);
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_declared_with_its_reason() {
    let stage = stage(&[]);
    stage.outbox.add_readings(3);
    stage.outbox.add_readings(3);
    stage.outbox.evict_oldest(true);
    let outbox = Arc::clone(&stage.outbox);
    let asked = stage.run(1, |_| {}).await;
    let ranges: Vec<(u64, u64)> = asked.iter().map(|a| (a.2, a.3)).collect();
    assert_eq!(ranges, [(1, 3), (4, 6)]);
    let cursor = outbox.cursor_of("cloud", Stream::Telemetry);
    assert_eq!(cursor, Some(Cursor { epoch: Epoch(1), seq: 6 }));
}

#[tokio::test(start_paused = true)]
async fn an_epoch_ends_with_its_last_row_and_the_next_begins_at_one() {
    let stage = stage(&[]);
    stage.outbox.add_readings(3);
    stage.outbox.begin_epoch(Epoch(2));
    stage.outbox.add_readings(2);
    let outbox = Arc::clone(&stage.outbox);
    let asked = stage.run(1, |_| {}).await;
    let ranges: Vec<(u64, u64)> = asked.iter().map(|a| (a.2, a.3)).collect();
    assert_eq!(ranges, [(1, 3), (1, 2)]);
    assert!(outbox.dead().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_gate_shuts_before_the_first_urgent_answer() {
    // Both lanes are idle; then an alarm and readings come in the same moment, and the first answer takes its time.
    let stage = stage(&[Some((503, Some("30")))]);
    let asked = stage
        .run(100, |outbox| {
            outbox.add_readings(1);
            outbox.add_alarm("a.b");
        })
        .await;
    assert_eq!(streams(&asked), [Stream::Alarm, Stream::Alarm, Stream::Telemetry]);
    assert!(asked[2].0 >= Duration::from_secs(35), "{asked:?}");
}
