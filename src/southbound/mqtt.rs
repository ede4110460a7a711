//! MQTT in: client of a broker that is already there, and the listener for devices that publish straight to the box.
//!
//! ```text
//! broker ──▶ client (rumqttc) ──┐
//!                               ├─▶ route (pure): topic + payload → Scan, LinkChange ──▶ FieldEvent
//! device ──▶ listener ──────────┘         ▲
//!                 PUBACK ◀── Receipt told by the store after its synced commit
//! ```
//!
//! Owns: which message belongs to which device, duplicate and flood control, acknowledgement after commit, who may log in
//! at the listener and what topics that opens. Refuses to know: the store, the rules, files, the time of day.
//!
//! Invariants: a QoS 1 or 2 message is acknowledged only after its [`Receipt`](crate::model::reading::Receipt) says
//! "on disk"; acknowledgements go out in order of arrival (MQTT 3.1.1, 4.6); a message that was refused is never
//! acknowledged, the connection is dropped instead so that the peer sends again. All bounds stand in [`limits`].

pub mod annex;
pub mod backoff;
pub mod client;
pub mod limits;
pub mod listener;
pub mod rate;
pub mod route;
pub mod topic;
mod unacked;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use client::MqttClientLine;
pub use listener::{Downlink, MqttListenLine, TlsPem};
pub use route::{RouteDevice, Router};

use super::LineConfig;
use crate::clock::Clock;
use crate::model::id::{DeviceIx, LineIx};
use crate::model::link::{FieldEvent, LinkChange, LinkOf, LinkState, LinkStats};
use crate::model::live::Live;
use crate::model::quality::Quality;
use crate::model::reading::Scan;
use crate::model::text::Text;

/// User name and password, already read from its credential. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

impl Login {
    /// Reads `user:password`; the password may contain colons, surrounding white space is not part of it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (user, password) = text.trim().split_once(':')?;
        if user.is_empty() || password.is_empty() {
            return None;
        }
        Some(Self { user: user.to_owned(), password: password.to_owned() })
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Who may log in at the listener, and what that opens.
#[derive(Debug, Clone)]
pub struct DeviceLogin {
    /// The devices behind this credential; a field gateway may carry several.
    pub devices: Vec<DeviceIx>,
    /// User name and password.
    pub login: Login,
    /// Topic prefixes of those devices, without wildcards: publish at or below, subscribe to commands below.
    pub topics: Vec<String>,
}

/// What both kinds of MQTT line are built from.
#[derive(Debug)]
pub struct Wiring {
    /// Which line.
    pub line: LineIx,
    /// Its settings; the path must be of the kind that the line serves.
    pub config: LineConfig,
    /// The devices on it.
    pub router: Router,
    /// Boot clock, for stamps.
    pub clock: Arc<dyn Clock>,
    /// Where events go.
    pub out: mpsc::Sender<FieldEvent>,
    /// Where counters go.
    pub live: Arc<Live>,
    /// Ends the line.
    pub stop: CancellationToken,
}

/// The outward side of a line, shared by its tasks: events, counters, heartbeat.
#[derive(Debug, Clone)]
struct Outlet {
    line: LineIx,
    clock: Arc<dyn Clock>,
    out: mpsc::Sender<FieldEvent>,
    live: Arc<Live>,
    heartbeat: Arc<AtomicU64>,
}

impl Outlet {
    /// Hands over an event. One that the pipeline does not take in time is dropped, which tells its receipt "send again".
    async fn emit(&self, event: FieldEvent) {
        match tokio::time::timeout(limits::PIPELINE_WAIT, self.out.send(event)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::debug!("the pipeline has ended; event dropped"),
            Err(_) => tracing::error!(line = self.line.0, "the pipeline takes no events; event dropped"),
        }
    }

    async fn emit_all(&self, links: Vec<LinkChange>, scans: Vec<Scan>) {
        for link in links {
            self.emit(FieldEvent::Link(link)).await;
        }
        for scan in scans {
            self.emit(FieldEvent::Scan(scan)).await;
        }
    }

    async fn line(&self, state: LinkState, reason: Text) {
        let quality = if state == LinkState::Up { Quality::Good } else { Quality::BadLink };
        let at = self.clock.boot();
        self.emit(FieldEvent::Link(LinkChange { of: LinkOf::Line(self.line), state, quality, reason, at })).await;
    }

    /// Once a second: silence, counters, heartbeat. Returns devices that fell silent, to be emitted.
    fn tick(&self, router: &mut Router) -> Vec<LinkChange> {
        self.heartbeat.fetch_add(1, Ordering::Relaxed);
        for (device, stats) in router.take_stats() {
            self.live.stats(LinkOf::Device(device), stats);
        }
        self.live.stats(LinkOf::Line(self.line), line_stats(router));
        router.tick(self.clock.boot())
    }
}

fn line_stats(router: &Router) -> LinkStats {
    let stats = router.stats();
    LinkStats {
        polls: stats.messages,
        answers: stats.routed,
        missed: stats.throttled,
        rejects: stats.rejected + stats.duplicates + stats.unmatched,
        ..LinkStats::default()
    }
}
