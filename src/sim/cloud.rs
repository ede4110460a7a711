//! A mock cloud: takes what gateways send, checks it strictly, de-duplicates it, and tells what is missing.
//!
//! The receiver of `gatehouse mock-cloud`, of the demo and of the tests. It shares nothing with the sender but the
//! published contract (`config/schemas/`). It can be told to misbehave in the ways of real clouds ([`Mood`]).
//! Memory is bounded: see `ledger`. Bodies: 16 MiB as sent, 64 MiB unpacked.
//!
//! `POST /v1/telemetry`, `POST /v1/events` as in the contract; `GET /` tells what has arrived, as JSON.

mod check;
mod intake;
mod ledger;
mod line;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::model::journal::Stream;
use crate::sim::cloud::ledger::Ledger;
use crate::sim::cloud::line::CuttableListener;

pub use self::ledger::{Arrival, Hole, StreamSummary};

/// How the cloud treats the next requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mood {
    /// Checks, keeps, confirms.
    #[default]
    Normal,
    /// Keeps, and confirms with a plain 204 without a body.
    Terse,
    /// Keeps nothing and answers so.
    Status {
        /// HTTP status.
        code: u16,
        /// `Retry-After` in seconds.
        retry_after: Option<u64>,
    },
    /// Keeps, but the connection breaks before the reply.
    DropReply,
    /// Answers after this long.
    Slow(Duration),
    /// Keeps, and replies with this many bytes of JSON.
    HugeReply(usize),
    /// Keeps and confirms only the first rows of a request.
    Partial(u64),
    /// Keeps, but confirms another epoch.
    WrongEpoch,
}

/// What has arrived, in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Requests, of any outcome.
    pub requests: u64,
    /// Different readings.
    pub readings: u64,
    /// Different alarm changes.
    pub alarms: u64,
    /// Rows and readings that came again.
    pub repeated: u64,
    /// Points seen.
    pub points: usize,
    /// Things that must not be: bodies against the contract, a retry with other bytes, a changed type.
    pub faults: u64,
    /// The streams.
    pub streams: Vec<StreamSummary>,
    /// What is missing.
    pub holes: Vec<Hole>,
    /// The last faults, in words.
    pub last_faults: Vec<String>,
}

impl fmt::Display for Summary {
    /// A few lines for the terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, readings, alarms, repeated, points, .. } = self;
        writeln!(
            f,
            "{requests} requests: {readings} readings of {points} points, {alarms} alarm changes, {repeated} came again"
        )?;
        for s in &self.streams {
            let (word, epoch) = (s.stream.word(), s.epoch);
            write!(f, "  {word:<9} {} epoch {epoch}: {} received, last {}", s.gateway, s.received, s.last)?;
            writeln!(f, ", {} again, {} declared missing", s.repeated, s.declared_missing)?;
        }
        for h in self.holes.iter().take(20) {
            writeln!(f, "  MISSING   {} {} epoch {}: {} to {}", h.gateway, h.stream.word(), h.epoch, h.from, h.to)?;
        }
        for fault in self.last_faults.iter().rev().take(20) {
            writeln!(f, "  FAULT     {fault}")?;
        }
        let verdict = if self.holes.is_empty() && self.faults == 0 { "complete" } else { "NOT complete" };
        write!(f, "{verdict}: {} holes, {} faults", self.holes.len(), self.faults)
    }
}

#[derive(Debug, Default)]
struct State {
    ledger: Ledger,
    mood: Mood,
    /// How many requests the mood still holds for; `None` for all.
    mood_left: Option<u32>,
    poison: BTreeSet<(Stream, u64)>,
    token: Option<String>,
}

/// A view into a mock cloud, and the switch for its moods. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CloudHandle {
    state: Arc<Mutex<State>>,
    changes: watch::Sender<u64>,
    up: watch::Sender<bool>,
    cut: Arc<Mutex<CancellationToken>>,
}

impl CloudHandle {
    fn new() -> Self {
        Self {
            state: Arc::default(),
            changes: watch::Sender::new(0),
            up: watch::Sender::new(true),
            cut: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The figures.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let state = self.lock();
        let streams = state.ledger.streams();
        let received = |stream| streams.iter().filter(|s| s.stream == stream).map(|s| s.received).sum();
        Summary {
            requests: state.ledger.requests,
            readings: received(Stream::Telemetry),
            alarms: received(Stream::Alarm),
            repeated: streams.iter().map(|s| s.repeated).sum(),
            points: state.ledger.point_count(),
            faults: state.ledger.fault_count,
            holes: state.ledger.holes(),
            last_faults: state.ledger.faults(),
            streams,
        }
    }

    /// Different readings received.
    #[must_use]
    pub fn received_telemetry(&self) -> u64 {
        self.summary().readings
    }

    /// Numbers that are missing and not declared as missing.
    #[must_use]
    pub fn holes(&self) -> Vec<Hole> {
        self.lock().ledger.holes()
    }

    /// The last alarm events, as received, without repetitions.
    #[must_use]
    pub fn alarms(&self) -> Vec<serde_json::Value> {
        self.events(Stream::Alarm)
    }

    /// The last events of a stream, gap records among them, as received.
    #[must_use]
    pub fn events(&self, stream: Stream) -> Vec<serde_json::Value> {
        self.lock().ledger.events(stream)
    }

    /// The last requests, in order of arrival.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.lock().ledger.arrivals()
    }

    /// The last things that must not be.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.lock().ledger.faults()
    }

    /// Different readings by `device.point`.
    #[must_use]
    pub fn points(&self) -> std::collections::BTreeMap<String, u64> {
        self.lock().ledger.points()
    }

    /// Changes after every request; to wait for a condition.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits until the figures satisfy `enough`. The caller brings the deadline.
    pub async fn until(&self, enough: impl Fn(&Summary) -> bool) -> Summary {
        let mut changes = self.watch();
        loop {
            changes.borrow_and_update();
            let summary = self.summary();
            if enough(&summary) {
                return summary;
            }
            if changes.changed().await.is_err() {
                return summary;
            }
        }
    }

    /// From now on.
    pub fn set_mood(&self, mood: Mood) {
        let mut state = self.lock();
        state.mood = mood;
        state.mood_left = None;
    }

    /// For the next `requests`, then [`Mood::Normal`].
    pub fn set_mood_for(&self, mood: Mood, requests: u32) {
        let mut state = self.lock();
        state.mood = mood;
        state.mood_left = Some(requests);
    }

    /// Gateways come with a past that another cloud has: what lies below the first number of a stream is not missed.
    pub fn join_late(&self) {
        self.lock().ledger.joined_late = true;
    }

    /// Away (connections refused, open ones cut) or back.
    pub fn set_up(&self, up: bool) {
        self.up.send_replace(up);
        if !up {
            self.cut_connections();
        }
    }

    /// Answers 400 to every body with this number in it.
    pub fn poison(&self, stream: Stream, seq: u64) {
        self.lock().poison.insert((stream, seq));
    }

    /// Answers 401 unless this bearer token comes with a request.
    pub fn require_token(&self, token: Option<&str>) {
        self.lock().token = token.map(str::to_owned);
    }

    fn cut_token(&self) -> CancellationToken {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn cut_connections(&self) {
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        cut.cancel();
        *cut = CancellationToken::new();
    }
}

/// The server, bound but not yet running.
#[derive(Debug)]
pub struct MockCloud {
    addr: SocketAddr,
    first: TcpListener,
    handle: CloudHandle,
}

impl MockCloud {
    /// Listens at `addr` (port 0: any).
    pub async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let first = TcpListener::bind(addr).await?;
        Ok(Self { addr: first.local_addr()?, first, handle: CloudHandle::new() })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What belongs into `upstream.*.http.url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// A handle.
    #[must_use]
    pub fn handle(&self) -> CloudHandle {
        self.handle.clone()
    }

    /// Serves until dropped.
    pub async fn run(self) -> io::Result<()> {
        let Self { addr, first, handle } = self;
        let mut up = handle.up.subscribe();
        let mut listener = Some(first);
        loop {
            if up.wait_for(|up| *up).await.is_err() {
                return Ok(());
            }
            let listener = match listener.take() {
                Some(listener) => listener,
                None => rebind(addr).await?,
            };
            let mut down = handle.up.subscribe();
            axum::serve(CuttableListener { listener, handle: handle.clone() }, intake::routes(handle.clone()))
                .with_graceful_shutdown(async move {
                    if down.wait_for(|up| !*up).await.is_err() {
                        std::future::pending::<()>().await;
                    }
                })
                .await?;
        }
    }
}

/// Takes the port again; somebody else may sit on it for a moment.
async fn rebind(addr: SocketAddr) -> io::Result<TcpListener> {
    let mut left = 100;
    loop {
        match TcpListener::bind(addr).await {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse && left > 0 => left -= 1,
            other => return other,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
