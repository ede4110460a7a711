//! What webhooks and publishers share: what they are built from, and how they say how they do.
//!
//! A sender counts as up when its far end took the last event, or was reached and nothing waits; it counts as away from
//! the first event that was not taken until one is. An event given up is no delivery: the sender stays away until the next
//! one is taken. Nothing here waits or sends.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::far::{FarEnd, FarKind};
use crate::model::journal::{Cursor, Stream};
use crate::model::stored::{Heads, JournalRow};
use crate::model::text::Text;
use crate::northbound::status::{Lane, LaneTrouble};
use crate::northbound::{Identity, Outbox, PublishConfig, SyncStatus, WebhookConfig};

/// What a sender is built from.
#[derive(Debug, Clone)]
pub struct SenderParts {
    /// Stands in every event.
    pub identity: Identity,
    /// The journal.
    pub outbox: Arc<dyn Outbox>,
    /// For the times in the figures.
    pub clock: Arc<dyn Clock>,
    /// The figures; they outlive the task, which may be built anew.
    pub status: SyncStatus,
    /// Its end.
    pub stop: CancellationToken,
}

/// The figures of a webhook. Of its address only the host is shown: robots carry their secret in path or query.
#[must_use]
pub fn webhook_status(config: &WebhookConfig, heads: tokio::sync::watch::Receiver<Heads>) -> SyncStatus {
    let url = reqwest::Url::parse(&config.url).ok();
    let host = url.as_ref().and_then(|url| {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("{}://{}{port}/…", url.scheme(), url.host_str()?))
    });
    let far = FarEnd::new(FarKind::Webhook, &config.id);
    SyncStatus::new(&far, &host.unwrap_or_default(), &[Stream::Alarm], heads)
}

/// The figures of a publisher.
#[must_use]
pub fn publish_status(config: &PublishConfig, heads: tokio::sync::watch::Receiver<Heads>) -> SyncStatus {
    let far = FarEnd::new(FarKind::Publish, &config.id);
    SyncStatus::new(&far, &config.url, &[Stream::Alarm, Stream::Event], heads)
}

/// Keeps the figures of a sender.
#[derive(Debug)]
pub(crate) struct Tally {
    status: SyncStatus,
    clock: Arc<dyn Clock>,
}

impl Tally {
    pub(crate) fn new(parts: &SenderParts) -> Self {
        Self { status: parts.status.clone(), clock: Arc::clone(&parts.clock) }
    }

    /// It stands at `cursor`; `next` is what comes next.
    pub(crate) fn looked(&self, stream: Stream, cursor: Cursor, next: Option<&JournalRow>) {
        self.status.looked(stream, cursor, next.map(|row| row.wall_ms));
    }

    /// The far end has this one.
    pub(crate) fn taken(&self, row: &JournalRow) {
        self.status.confirmed(row.stream, Cursor { epoch: row.epoch, seq: row.seq }, 1);
        self.status.succeeded(Lane::Urgent, self.clock.boot());
    }

    /// The far end will never take this one.
    pub(crate) fn given_up(&self, stream: Stream) {
        self.status.stream(stream, |s| s.dead_letters += 1);
    }

    /// Nothing waits; `reached` tells that the far end is known to be there.
    pub(crate) fn idle(&self, reached: bool) {
        self.status.idle(Lane::Urgent, reached, self.clock.boot());
    }

    /// Something was not taken; the next try comes after `pause`.
    pub(crate) fn failed(&self, refused: bool, why: Text, failures: u32, pause: Duration) {
        let at = self.clock.boot();
        let retry_at = at.plus(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
        self.status.failed(Lane::Urgent, LaneTrouble { refused, why, at, retry_at, failures });
    }
}
