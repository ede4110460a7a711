//! One upstream: its two lanes side by side until told to stop.
//!
//! The urgent lane is the probe after an outage: telemetry starts nothing while an urgent row waits (see the `Gate`). A
//! sign of life on one lane ends the other's wait, and so does a new alarm for the urgent lane, but never a wait that
//! the far end asked for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::far::{FarEnd, FarKind};
use crate::model::journal::Stream;
use crate::model::site::Site;
use crate::model::stored::Heads;
use crate::northbound::backoff::Backoff;
use crate::northbound::http::{HttpLink, Link};
use crate::northbound::lane::{Courier, Pause, Shared, Step, StreamLane};
use crate::northbound::pack::Packer;
use crate::northbound::status::{Lane, SyncStatus, UpstreamState};
use crate::northbound::{Identity, Outbox, STAND_BACK_MAX, UpstreamConfig};

/// Even good news does not cut a wait shorter than this, so that a storm of alarms is no storm of requests.
const HURRY_MIN: Duration = Duration::from_secs(1);
/// How long the urgent lane may go on after the stop, to send what the last moments brought.
const LAST_TRY: Duration = Duration::from_secs(2);

/// Why an upstream cannot be set up; a person must change the configuration.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The address cannot be used.
    #[error("upstream `{id}`: `{url}` is not an http or https address")]
    Url {
        /// Upstream.
        id: String,
        /// As written.
        url: String,
    },
    /// The CA certificate cannot be read.
    #[error("upstream `{id}`: the CA certificate cannot be used")]
    Ca {
        /// Upstream.
        id: String,
        /// Cause.
        source: reqwest::Error,
    },
    /// The token cannot stand in a header.
    #[error("upstream `{id}`: the token has characters that cannot stand in a header")]
    Token {
        /// Upstream.
        id: String,
    },
    /// The HTTP client cannot be made.
    #[error("upstream `{id}`: the HTTP client cannot be set up")]
    Client {
        /// Upstream.
        id: String,
        /// Cause.
        source: reqwest::Error,
    },
    /// The compressor cannot be made.
    #[error("upstream `{id}`: the compressor cannot be set up")]
    Compressor {
        /// Upstream.
        id: String,
        /// Cause.
        source: std::io::Error,
    },
}

/// Everything an upstream meets outside.
#[derive(Debug, Clone)]
pub struct UpstreamParts {
    /// Who sends.
    pub identity: Identity,
    /// Names, units and kinds of the points.
    pub site: Arc<Site>,
    /// What is committed.
    pub outbox: Arc<dyn Outbox>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Ends [`Upstream::run`].
    pub stop: CancellationToken,
}

/// An upstream, ready to run on the office runtime.
#[derive(Debug)]
pub struct Upstream {
    engine: Engine<HttpLink>,
}

impl Upstream {
    /// Sets up an upstream. `token` is sent as bearer token; `ca` is PEM. A rustls crypto provider must be installed.
    pub fn new(
        config: &UpstreamConfig,
        token: Option<&str>,
        ca: Option<&[u8]>,
        parts: &UpstreamParts,
    ) -> Result<Self, UpstreamError> {
        let link = HttpLink::new(config, token, ca)?;
        let engine = Engine::new(config, link, parts)
            .map_err(|source| UpstreamError::Compressor { id: config.id.as_str().to_owned(), source })?;
        Ok(Self { engine })
    }

    /// The figures, shared.
    #[must_use]
    pub fn status(&self) -> SyncStatus {
        self.engine.status.clone()
    }

    /// Sends until told to stop, then tries once more for a moment to bring the last urgent rows out.
    pub async fn run(self) {
        self.engine.run().await;
    }
}

/// Whether telemetry may start a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// Urgent rows wait.
    Urgent,
    /// Nothing urgent waits.
    Open,
    /// Urgent rows wait, but the far end has answered them with errors for [`STAND_BACK_MAX`].
    Stuck,
}

/// An upstream over any kind of link.
#[derive(Debug)]
pub(crate) struct Engine<L> {
    status: SyncStatus,
    urgent: UrgentLoop<L>,
    telemetry: TelemetryLoop<L>,
    stop: CancellationToken,
}

impl<L: Link> Engine<L> {
    pub(crate) fn new(config: &UpstreamConfig, link: L, parts: &UpstreamParts) -> std::io::Result<Self> {
        let heads = parts.outbox.watch();
        let status =
            SyncStatus::new(&FarEnd::new(FarKind::Upstream, &config.id), &config.url, &Stream::ALL, heads.clone());
        let shared = Arc::new(Shared {
            upstream: config.id.as_str().to_owned(),
            outbox: Arc::clone(&parts.outbox),
            clock: Arc::clone(&parts.clock),
            link,
            status: status.clone(),
            life: watch::Sender::new(0),
        });
        let courier = |lane, readings_of| -> std::io::Result<Courier<L>> {
            Ok(Courier {
                shared: Arc::clone(&shared),
                lane,
                packer: Arc::new(Mutex::new(Packer::new(&parts.identity, config.compress, readings_of)?)),
                backoff: Backoff::default(),
                dice: fastrand::Rng::new(),
            })
        };
        let (gate, gate_seen) = watch::channel(Gate::Urgent);
        Ok(Self {
            status,
            urgent: UrgentLoop {
                courier: courier(Lane::Urgent, None)?,
                streams: [Stream::Alarm, Stream::Command, Stream::Audit, Stream::Event].map(StreamLane::new),
                heads: heads.clone(),
                gate,
                troubled_since: None,
            },
            telemetry: TelemetryLoop {
                courier: courier(Lane::Telemetry, Some(Arc::clone(&parts.site)))?,
                stream: StreamLane::new(Stream::Telemetry),
                heads,
                gate: gate_seen,
            },
            stop: parts.stop.clone(),
        })
    }

    pub(crate) async fn run(mut self) {
        // In this order, so that the gate is shut before telemetry looks at it.
        let both = async { tokio::join!(biased; self.urgent.run(), self.telemetry.run()) };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            _ = both => {}
        }
        if self.status.read().state == UpstreamState::Up {
            let drained = tokio::time::timeout(LAST_TRY, self.urgent.drain()).await;
            tracing::debug!(in_time = drained.is_ok(), "last urgent rows");
        }
    }
}

#[derive(Debug)]
struct UrgentLoop<L> {
    courier: Courier<L>,
    streams: [StreamLane; 4],
    heads: watch::Receiver<Heads>,
    gate: watch::Sender<Gate>,
    /// Since when the far end has answered with nothing but errors.
    troubled_since: Option<Instant>,
}

impl<L: Link> UrgentLoop<L> {
    async fn run(&mut self) {
        loop {
            match self.turn().await {
                Step::Moved => {
                    self.troubled_since = None;
                    self.gate.send_replace(Gate::Urgent);
                }
                Step::Nothing => {
                    self.gate.send_replace(Gate::Open);
                    if self.heads.changed().await.is_err() {
                        // The store has closed: nothing will ever come, the stop is near.
                        std::future::pending::<()>().await;
                    }
                }
                Step::Pause(pause) => {
                    self.note_trouble(pause);
                    let alarms = self.heads.borrow_and_update().alarm;
                    let mut heads = self.heads.clone();
                    let news = async {
                        if heads.wait_for(|h| h.alarm != alarms).await.is_err() {
                            std::future::pending::<()>().await;
                        }
                    };
                    rest(pause, self.courier.shared.life.subscribe(), news).await;
                }
            }
        }
    }

    /// One request of the most urgent stream that has something.
    async fn turn(&mut self) -> Step {
        let heads = *self.heads.borrow_and_update();
        if self.streams.iter().any(|lane| lane.has_news(heads.get(lane.stream))) {
            self.gate.send_if_modified(|gate| {
                let shuts = *gate == Gate::Open;
                if shuts {
                    *gate = Gate::Urgent;
                }
                shuts
            });
        }
        for lane in &mut self.streams {
            match lane.step(&mut self.courier, heads.get(lane.stream)).await {
                Step::Nothing => {}
                other => return other,
            }
        }
        Step::Nothing
    }

    fn note_trouble(&mut self, pause: Pause) {
        let since = *self.troubled_since.get_or_insert_with(Instant::now);
        let stuck = pause.answered && since.elapsed() >= STAND_BACK_MAX;
        self.gate.send_replace(if stuck { Gate::Stuck } else { Gate::Urgent });
    }

    /// Sends until nothing is left or something fails.
    async fn drain(&mut self) {
        while self.turn().await == Step::Moved {}
    }
}

#[derive(Debug)]
struct TelemetryLoop<L> {
    courier: Courier<L>,
    stream: StreamLane,
    heads: watch::Receiver<Heads>,
    gate: watch::Receiver<Gate>,
}

impl<L: Link> TelemetryLoop<L> {
    async fn run(&mut self) {
        loop {
            if self.gate.wait_for(|g| *g != Gate::Urgent).await.is_err() {
                std::future::pending::<()>().await;
            }
            let head = self.heads.borrow_and_update().telemetry;
            match self.stream.step(&mut self.courier, head).await {
                Step::Moved => {}
                Step::Nothing => {
                    if self.heads.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                Step::Pause(pause) => {
                    rest(pause, self.courier.shared.life.subscribe(), std::future::pending()).await;
                }
            }
        }
    }
}

/// Waits out a pause, or less of it when there is good news and it may be cut short.
async fn rest(pause: Pause, mut life: watch::Receiver<u64>, news: impl Future<Output = ()>) {
    tokio::time::sleep(pause.wait.min(HURRY_MIN)).await;
    let left = pause.wait.saturating_sub(HURRY_MIN);
    if !pause.may_hurry {
        return tokio::time::sleep(left).await;
    }
    tokio::select! {
        () = tokio::time::sleep(left) => {}
        _ = life.changed() => {}
        () = news => {}
    }
}

#[cfg(test)]
mod tests;
