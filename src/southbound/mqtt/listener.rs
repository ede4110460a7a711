//! gatehouse's own intake for devices that publish straight to the box.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{DeviceLogin, Outlet, Router, Wiring};

/// Certificate chain and key of the listener, PEM.
#[derive(Clone)]
pub struct TlsPem {
    /// Chain.
    pub certificates: Vec<u8>,
    /// Key.
    pub key: Vec<u8>,
}
impl std::fmt::Debug for TlsPem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsPem")
    }
}

/// Sends commands.
#[derive(Debug, Clone)]
pub struct Downlink;

/// The line.
#[derive(Debug)]
pub struct MqttListenLine {
    outlet: Outlet,
    router: Router,
    logins: Vec<DeviceLogin>,
    tls: Option<TlsPem>,
}

/// Errors.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// x
    #[error("x")]
    X,
}

impl MqttListenLine {
    /// New.
    pub fn new(wiring: Wiring, logins: Vec<DeviceLogin>, tls: Option<TlsPem>) -> Result<Self, ListenError> {
        let Wiring { line, router, clock, out, live, .. } = wiring;
        Ok(Self { outlet: Outlet { line, clock, out, live, heartbeat: Arc::default() }, router, logins, tls })
    }
    /// Bind.
    pub async fn bind(&mut self) -> Result<SocketAddr, ListenError> {
        Err(ListenError::X)
    }
    /// Downlink.
    pub fn downlink(&self) -> Downlink {
        Downlink
    }
    /// Beat.
    pub fn heartbeat(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.outlet.heartbeat)
    }
    /// Run.
    pub async fn run(self) {}
}
