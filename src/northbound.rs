//! Towards the cloud: reads the outbox by cursor, sends, confirms, retries.
//!
//! Pull, at least once, in order per stream. What is sent is what is committed on disk, never anything else; a cursor
//! moves only after the far end has confirmed. Two senders run side by side, so that an alarm never waits behind a big
//! body of readings:
//!
//! ```text
//!  store ──▶ Outbox ─┬─▶ urgent lane: alarm > command > audit > event ──▶ POST <url>/v1/events     ─┐
//!    ▲               └─▶ telemetry lane: one log row per request      ──▶ POST <url>/v1/telemetry  ─┤ far end
//!    └── confirm(cursor) ◀── verdict (accepted_through · wait · refused · rejected → bisect) ◀──────┘
//! ```
//!
//! The telemetry lane starts no request while an urgent row waits; after an outage it therefore follows the alarms. It
//! stands back for at most [`STAND_BACK_MAX`] when the far end keeps answering with errors, since one broken route must
//! not stop the other.
//!
//! The wire format is published in `config/schemas/` (JSON Schema and the contract in `README.md` there).
//! Knows nothing of SQL, registers, or what a reading means.
//!
//! Pure: [`telemetry`], [`events`], [`compress`], [`reply`], [`backoff`], [`portion`]. I/O: `http`; tasks: `sync`, `lane`, [`webhook`], [`publish`].

pub mod backoff;
pub mod compress;
mod digits;
pub mod events;
mod find;
mod follow;
mod http;
mod lane;
mod outbox;
mod pack;
pub mod portion;
pub mod publish;
pub mod reply;
mod sender;
mod status;
mod sync;
pub mod telemetry;
pub mod webhook;

use std::time::Duration;

use crate::model::id::Id;

pub use self::outbox::Outbox;
pub use self::publish::{PublishConfig, Publisher};
pub use self::sender::{SenderParts, publish_status, webhook_status};
pub use self::status::{StreamStatus, SyncReport, SyncStatus, UpstreamState};
pub use self::sync::{Upstream, UpstreamError, UpstreamParts};
pub use self::webhook::{Webhook, WebhookConfig};

/// How long telemetry stands back behind an urgent lane that the far end answers with errors.
pub const STAND_BACK_MAX: Duration = Duration::from_mins(1);

/// A checked upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamConfig {
    /// Its id.
    pub id: Id,
    /// Where batches are posted.
    pub url: String,
    /// Name of the credential sent as bearer token.
    pub credential: Option<String>,
    /// Name of the credential with the CA certificate (PEM); the system's roots otherwise.
    pub ca: Option<String>,
    /// Body compression.
    pub compress: Compress,
}

/// Body compression of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compress {
    /// `Content-Encoding: zstd`.
    #[default]
    Zstd,
    /// `Content-Encoding: gzip`, for receivers that know no zstd.
    Gzip,
    /// Plain.
    None,
}

/// Who sends: stands in every body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Random 128 bits made at the first boot, as 32 hex digits.
    pub gateway_id: String,
    /// `site.id`.
    pub site_id: String,
}
