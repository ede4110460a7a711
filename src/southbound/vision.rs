//! Events of cameras and of recorders in their place: pushed to us, read from their streams, and footage fetched.
//!
//! ```text
//!  camera ──POST──▶ push ───┐
//!  camera ◀──GET── stream ──┼─▶ document ─▶ mapping ─▶ Sighting ──▶ channel ──▶ case desk
//!  broker ◀─────▶ mqtt ─────┤
//!  our listener ─▶ posts ───┤   (pure)      (pure)                    │
//!                           ◀───────── "taken" only after ◀── Receipt ┘  the desk's synced commit
//!  camera ◀──GET── fetch ◀──────────────────────────────────────── case desk: a picture, please
//! ```
//!
//! Owns: who may post, what is too much, which bytes are an event of which kind, and the only way to a camera's host.
//! Refuses to know: physics, cases, the store, and every vendor: names, words and addresses stand in vision profiles.
//!
//! Invariants: what is refused is told with a reason and its first bytes; a camera hears "taken" only after its event is
//! on disk; no request ever goes to a host that the configuration does not name for that camera; nothing that a camera
//! sends becomes a path, a host or a number that is none. All bounds stand in [`limits`].

pub mod digest;
pub mod document;
pub mod fault;
pub mod fetch;
pub mod gate;
pub mod golden;
pub mod host;
pub mod limits;
pub mod mapping;
pub mod mqtt;
pub mod multipart;
pub mod outage;
pub mod outlet;
pub mod posts;
pub mod push;
pub mod reference;
pub mod silence;
pub mod stream;
mod tree;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::profile::vision::VisionProfile;

/// `[vision]` and what the cameras' tables say about the way of their events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VisionConfig {
    /// Where to listen for pushed events; nowhere when absent.
    pub listen: Option<ListenConfig>,
    /// One for each camera of the site, in file order.
    pub sources: Vec<SourceConfig>,
}

/// The listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenConfig {
    /// Address and port.
    pub bind: SocketAddr,
    /// TLS with the credentials `vision_cert` and `vision_key`.
    pub tls: bool,
    /// Largest body, bytes.
    pub body_bytes_max: usize,
}

/// How the events of one camera come, and where its footage is.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceConfig {
    /// Camera id.
    pub camera: Arc<str>,
    /// How its events are read.
    pub profile: Arc<VisionProfile>,
    /// Size of its picture, pixels, for coordinates given as shares of it.
    pub frame: Option<(u32, u32)>,
    /// The way.
    pub way: Way,
    /// Where its footage may be fetched.
    pub fetch: Option<FetchConfig>,
    /// Without anything from it for so long it counts as silent; a camera that posts only when something happens has none.
    pub silent_after: Option<Duration>,
}

/// The way of a camera's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It posts to `/vision/<camera>`.
    Push {
        /// Name of the credential: `user:password` for Basic, or a token without a colon for Bearer.
        credential: String,
    },
    /// We read its endless stream.
    Stream(StreamConfig),
    /// It publishes to the broker of an `mqtt` line of the site, or to our own listener.
    Mqtt {
        /// Line id.
        line: String,
        /// Topic.
        topic: String,
        /// Name of the credential `user:password` with which it logs in, where the line is our own listener.
        credential: Option<String>,
    },
}

/// An endless stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamConfig {
    /// The camera: scheme, host and port; the path is the profile's unless one stands here.
    pub url: String,
    /// Name of the credential `user:password`.
    pub credential: Option<String>,
    /// Name of the credential with the CA certificate (PEM), for https.
    pub ca: Option<String>,
    /// Without a byte for so long it counts as dead.
    pub silence: Duration,
}

/// Where footage may be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchConfig {
    /// Scheme, host and port that relative references are resolved against.
    pub url: String,
    /// Further hosts that absolute references may name: a recorder.
    pub also: Vec<String>,
    /// Name of the credential `user:password`.
    pub credential: Option<String>,
    /// Name of the credential with the CA certificate (PEM), for https.
    pub ca: Option<String>,
}
