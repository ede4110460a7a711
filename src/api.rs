//! `/api/v1`, the event stream, `/metrics` and the page.
//!
//! Owns routes, shapes of JSON, the words and the looks of the page, and the guard in front of them. Knows nothing of
//! SQL, registers or tasks of other parts: it sees the rest of gatehouse through [`Ports`] alone. Runs on the office
//! runtime, so that a slow reader never delays an alarm; every disk read goes to the blocking pool, at most
//! [`READS_MAX`] at once, each within [`READ_WITHIN`].
//!
//! There is no login yet, so [`serve`] refuses any address but loopback.

mod cameras;
mod cases;
pub mod dto;
pub mod error;
mod events;
pub mod guard;
mod health;
mod journal;
pub mod lang;
mod learning;
mod metrics;
mod openapi;
mod page;
pub mod ports;
mod routes;
pub mod server;
mod stall;
mod view;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::api::error::{ApiError, Code};
pub use crate::api::ports::{
    ActFuture, Archive, CaseBook, CaseFileInfo, Desk, Health, HealthPart, LimitLine, Ports, Refusal, SyncView,
};
pub use crate::api::ports::{DeskFuture, RelearnFuture, StreamStatus, UpstreamStatus};
pub use crate::api::ports::{EntryFuture, EntryRefusal, HealthBook};
pub use crate::api::server::ServeError;
use crate::model::stored::ReadError;

/// Disk reads at once; more wait their turn.
pub const READS_MAX: usize = 4;
/// A disk read that takes longer is given up (its thread finishes by itself).
pub const READ_WITHIN: Duration = Duration::from_secs(10);
/// Event streams at once; they must not use up the connections of pages.
pub const STREAMS_MAX: usize = 32;

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

impl ApiConfig {
    /// Whether the address may be used while there is no login.
    pub fn check(&self) -> Result<(), ServeError> {
        if self.bind.ip().is_loopback() { Ok(()) } else { Err(ServeError::NotLoopback(self.bind)) }
    }
}

/// What all handlers share.
#[derive(Debug)]
pub(crate) struct App {
    ports: Ports,
    zone: TimeZone,
    bound: SocketAddr,
    reads: Semaphore,
    streams: Arc<Semaphore>,
    stop: CancellationToken,
}

impl App {
    /// Reads the archive on the blocking pool.
    async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Archive) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let archive = Arc::clone(&self.ports.archive);
        let work = async {
            let _turn = self.reads.acquire().await.map_err(|e| ApiError::inside(Code::Busy, &e))?;
            let done = tokio::task::spawn_blocking(move || ask(archive.as_ref())).await;
            let read = done.map_err(|e| ApiError::inside(Code::Internal, &e))?;
            read.map_err(|e| ApiError::inside(Code::Busy, &e))
        };
        match tokio::time::timeout(READ_WITHIN, work).await {
            Ok(result) => result,
            Err(e) => Err(ApiError::inside(Code::Busy, &e)),
        }
    }
}

/// Serves page and API on `listener` until `stop`, then lets open requests finish. Refuses a listener that is open to
/// the network.
pub async fn serve(listener: TcpListener, ports: Ports, stop: CancellationToken) -> Result<(), ServeError> {
    let bound = listener.local_addr().map_err(ServeError::Listener)?;
    ApiConfig { bind: bound }.check()?;
    let zone = TimeZone::get(&ports.site.time_zone).map_err(|_| ServeError::TimeZone(ports.site.time_zone.clone()))?;
    let app = Arc::new(App {
        ports,
        zone,
        bound,
        reads: Semaphore::new(READS_MAX),
        streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        stop: stop.clone(),
    });
    server::run(listener, routes::router(&app), stop).await;
    Ok(())
}
