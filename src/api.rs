//! `/api/v1`, the event stream, `/metrics` and the page.

use std::net::SocketAddr;

/// Checked settings of the local interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// Where to listen. Loopback only until there is authentication.
    pub bind: SocketAddr,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self { bind: SocketAddr::from(([127, 0, 0, 1], 8080)) }
    }
}
