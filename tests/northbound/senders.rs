//! Publishers against a broker of the test's own: what they say of it, as an upstream says it of its cloud.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatehouse::clock::SystemClock;
use gatehouse::model::far::FarKind;
use gatehouse::model::id::Id;
use gatehouse::model::journal::Stream;
use gatehouse::model::text::Text;
use gatehouse::northbound::publish::{Broker, Connecting, Connection, Hearing, What};
use gatehouse::northbound::{
    Identity, Outbox, PublishConfig, Publisher, SenderParts, SyncReport, UpstreamState, publish_status,
};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::memory_outbox::MemoryOutbox;

/// What the broker does with the next connection or message.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Away,
    Deaf,
    Well,
}

#[derive(Debug)]
struct Fake {
    mood: watch::Receiver<Mood>,
    taken: Arc<AtomicUsize>,
}

struct Link(watch::Receiver<Mood>, Arc<AtomicUsize>, usize);

impl Broker for Fake {
    fn connect(&self) -> Connecting {
        let (mood, taken) = (self.mood.clone(), Arc::clone(&self.taken));
        Box::pin(async move {
            if *mood.borrow() == Mood::Away {
                return Err(Text::new("对端拒绝连接", "connection refused"));
            }
            Ok(Box::new(Link(mood, taken, 0)) as Box<dyn Connection>)
        })
    }
}

impl Connection for Link {
    fn send(&mut self, _: &str, _: Vec<u8>) -> Result<(), String> {
        self.2 += 1;
        Ok(())
    }

    fn heard(&mut self) -> Hearing<'_> {
        Box::pin(async move {
            loop {
                match *self.0.borrow_and_update() {
                    Mood::Away => return Err(Text::new("连接中断", "connection lost")),
                    Mood::Well if self.2 > 0 => {
                        self.2 -= 1;
                        self.1.fetch_add(1, Ordering::Relaxed);
                        return Ok(true);
                    }
                    _ => {}
                }
                if self.0.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_stays_away_is_told_like_any_other_far_end() {
    let outbox = MemoryOutbox::new(&[]);
    outbox.add_alarm("before.start");
    let config = PublishConfig {
        id: Id::new("duty").unwrap(),
        url: "mqtt://10.0.8.5:1883".into(),
        credential: None,
        ca: None,
        client_id: None,
        topic: "site/alarms".into(),
        what: What::All,
    };
    let (mood, seen) = watch::channel(Mood::Well);
    let taken = Arc::new(AtomicUsize::new(0));
    let status = publish_status(&config, outbox.watch());
    let parts = SenderParts {
        identity: Identity { gateway_id: "00ff".into(), site_id: "sunshine_3".into() },
        outbox: outbox.clone(),
        clock: Arc::new(SystemClock),
        status: status.clone(),
        stop: CancellationToken::new(),
    };
    let stop = parts.stop.clone();
    let broker = Arc::new(Fake { mood: seen, taken: Arc::clone(&taken) });
    let mut tasks = JoinSet::new();
    tasks.spawn(Publisher::new(&config, broker, parts).run());
    let until = async |what: &str, is_it: &dyn Fn(&SyncReport) -> bool| {
        let wait = async {
            while !is_it(&status.read()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let met = tokio::time::timeout(Duration::from_mins(5), wait).await;
        met.unwrap_or_else(|_| panic!("{what}: {:?}", status.read()));
        status.read()
    };

    // Reached, and nothing waits.
    let up = until("up", &|r| r.state == UpstreamState::Up).await;
    assert_eq!((up.kind, &*up.upstream, up.last_success_at), (FarKind::Publish, "publish.duty", None));
    assert_eq!(up.streams.iter().map(|s| s.stream).collect::<Vec<_>>(), [Stream::Alarm, Stream::Event]);

    // Away, though nothing is to be sent: it is known at once, and in both languages.
    mood.send_replace(Mood::Away);
    let away = until("away", &|r| r.failures > 1).await;
    let why = away.last_error.unwrap();
    assert_eq!((away.state, &*why.zh, &*why.en), (UpstreamState::Waiting, "对端拒绝连接", "connection refused"));

    // There again and deaf: as long as it takes nothing it is as good as away, and for how long is not forgotten.
    outbox.add_alarm("pump.dry");
    mood.send_replace(Mood::Deaf);
    let deaf = until("deaf", &|r| r.last_error.as_ref().is_some_and(|e| e.en.contains("no acknowledgement"))).await;
    assert_eq!((deaf.state, deaf.since, deaf.streams[0].backlog), (UpstreamState::Waiting, away.since, 1));

    mood.send_replace(Mood::Well);
    let well = until("well", &|r| r.state == UpstreamState::Up).await;
    assert_eq!((well.last_error, well.streams[0].backlog, well.streams[0].confirmed), (None, 0, 1));
    assert!(well.last_success_at.is_some() && taken.load(Ordering::Relaxed) >= 1, "{:?}", well.last_success_at);
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), tasks.join_all()).await.unwrap();
}
