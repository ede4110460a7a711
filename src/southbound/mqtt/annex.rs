//! Topics of our listener that are no device's: what arrives there is handed on as it came, with a receipt.
//!
//! Bound: the channel; when it is full the message counts as not stored, the client is disconnected and sends again.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::model::reading::Receipt;

/// A message on one of those topics.
#[derive(Debug)]
pub struct Posted {
    /// Whose topic it is.
    pub owner: Arc<str>,
    /// The payload as it came.
    pub payload: Bytes,
    /// Told `committed` when the message is done with, on disk or refused for good; dropped means "send again". The client is
    /// acknowledged accordingly.
    pub receipt: Receipt,
}

/// The topics, and where their messages go.
#[derive(Debug, Clone)]
pub struct Annex {
    owners: HashMap<String, Arc<str>>,
    out: mpsc::Sender<Posted>,
}

impl Annex {
    /// `owners` by topic, without wildcards.
    #[must_use]
    pub fn new(owners: HashMap<String, Arc<str>>, out: mpsc::Sender<Posted>) -> Self {
        Self { owners, out }
    }

    /// Whose topic it is.
    pub(super) fn owner(&self, topic: &str) -> Option<Arc<str>> {
        self.owners.get(topic).cloned()
    }

    /// Hands a message on without waiting.
    pub(super) fn post(&self, owner: Arc<str>, payload: Bytes, receipt: Receipt) {
        // Without room the message is dropped here, and its receipt with it: that says "send again".
        if let Err(full) = self.out.try_send(Posted { owner, payload, receipt }) {
            tracing::warn!(%full, "a message of a camera finds no room; its sender is told to send it again");
        }
    }
}
