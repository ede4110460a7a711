//! A mock cloud: takes what gateways send, checks it, de-duplicates it, and tells what is missing.

use std::io;
use std::net::SocketAddr;

/// The server, bound but not yet running.
#[derive(Debug)]
pub struct MockCloud {
    addr: SocketAddr,
    handle: CloudHandle,
}

/// A view into a running mock cloud, and the switch for its moods. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CloudHandle {}

impl MockCloud {
    /// Listens at `addr` (port 0: any).
    pub async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(addr).await?;
        Ok(Self { addr: listener.local_addr()?, handle: CloudHandle::default() })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A handle.
    #[must_use]
    pub fn handle(&self) -> CloudHandle {
        self.handle.clone()
    }

    /// Serves until dropped.
    pub async fn run(self) {
        std::future::pending::<()>().await;
    }
}
