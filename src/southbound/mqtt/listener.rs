//! gatehouse's own intake: devices publish straight to the box, and PUBACK means "on disk".
//!
//! Not a broker: nothing is passed from device to device, nothing is kept for later. MQTT 3.1.1 and 5.0 on one port, the
//! version is taken from CONNECT.
//!
//! Owns: accepting, TLS, caps before authentication, credentials and topic rights, one task per connection in a set of
//! its own. Refuses to know: what a reading means, files, where credentials come from.
//!
//! What a device may expect, beyond the standard's text:
//! - PUBACK and PUBREC come after the synced commit, in order. At most 20 messages wait for one; then the socket is not
//!   read until there is room (v5: receive maximum 20).
//! - QoS 2: v5 clients are told that 1 is the most; v3.1.1 clients get the whole handshake.
//! - Sessions end with the connection ("session present" is always 0). Commands are sent at QoS 0 to whoever is
//!   connected and subscribed; whether they worked is read back, not assumed.
//! - Keep-alive above 120 s, or none, counts as 120 s. v5 clients are told so; a v3.1.1 client that stays silent for
//!   180 s is disconnected.
//! - A will is published at once (no will delay), but not when the same client has come back, nor for devices that have
//!   been heard over another connection since.
//! - A retained publish is taken as a live message; nothing is retained.

mod access;
mod connection;
mod door;
mod frame;
mod packet;
mod session;

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::annex::Annex;
use super::backoff::Backoff;
use super::limits::{CONNECT_WAIT, PAYLOAD_BYTES_MAX};
use super::{DeviceLogin, Outlet, Router, Wiring, topic};
use crate::model::link::LinkState;
use crate::model::text::Text;
use crate::southbound::LinePath;
use access::Access;
use door::{Command, Door, Guest};

/// Certificate chain and private key of the listener, both PEM. `Debug` shows neither.
#[derive(Clone)]
pub struct TlsPem {
    /// Chain, the listener's own certificate first.
    pub certificates: Vec<u8>,
    /// Key.
    pub key: Vec<u8>,
}

impl fmt::Debug for TlsPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsPem")
    }
}

/// Settings that no retry can cure, and binding, which [`MqttListenLine::run`] retries by itself.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Give up: the line is of another kind.
    #[error("this line is not an MQTT listener")]
    NotAListener,
    /// Give up: anybody on the network could feed readings.
    #[error(
        "no device on this line has a credential: anonymous clients are accepted on a loopback address only, not on {0}"
    )]
    OpenToAll(SocketAddr),
    /// Give up: `tls = true` without certificate and key.
    #[error("TLS is asked for, but certificate and key are missing")]
    NoCertificate,
    /// Give up: certificate or key cannot be used.
    #[error("certificate or key cannot be used: {0}")]
    BadCertificate(String),
    /// Retry: the address is in use or not there yet.
    #[error("cannot listen on {0}: {1}")]
    Bind(SocketAddr, std::io::Error),
}

/// What the line's tasks share.
#[derive(Debug)]
struct Shared {
    outlet: Outlet,
    router: Mutex<Router>,
    access: Access,
    /// Topics that are no device's.
    annex: Option<Annex>,
    stop: CancellationToken,
    foreign: AtomicU64,
    strangers: AtomicU64,
}

impl Shared {
    /// A client tried a topic that is not its own.
    fn count_foreign(&self, what: &str) {
        self.foreign.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(line = self.outlet.line.0, topic = what, "MQTT client refused: the topic is not its own");
    }

    /// A connection ended before it was authenticated.
    fn count_stranger(&self, reason: &str) {
        self.strangers.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(line = self.outlet.line.0, reason, "MQTT connection ended before authentication");
    }
}

/// Counters of a listener since start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListenStats {
    /// Authenticated clients now.
    pub clients: usize,
    /// Connections refused for their number.
    pub refused: u64,
    /// Connections that ended without authentication.
    pub strangers: u64,
    /// Publishes, subscriptions and wills outside the client's own topics.
    pub foreign: u64,
}

/// The line. See the module documentation.
#[derive(Debug)]
pub struct MqttListenLine {
    shared: Arc<Shared>,
    door: Door,
    bind: SocketAddr,
    tls: Option<Tls>,
    listener: Option<TcpListener>,
}

#[derive(Clone)]
struct Tls(TlsAcceptor);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Sends commands to devices that are connected to the listener.
#[derive(Debug, Clone)]
pub struct Downlink(Door);

/// Why a command was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DownError {
    /// Give up: the topic or the payload is not allowed.
    #[error("a command needs a topic without wildcards and at most 64 KiB of payload")]
    Bad,
    /// Retry later: nobody is there to take it.
    #[error("no connected device has subscribed to this topic")]
    Nobody,
}

impl Downlink {
    /// Hands a command (QoS 0) to the devices that subscribed to `topic`; how many were connected. Does not wait: a
    /// device whose queue of 16 is full is disconnected.
    pub fn send(&self, topic: &str, payload: impl Into<Bytes>) -> Result<usize, DownError> {
        let payload = payload.into();
        if !topic::is_name(topic) || payload.len() > PAYLOAD_BYTES_MAX {
            return Err(DownError::Bad);
        }
        match self.0.send(&Command { topic: topic.to_owned(), payload }) {
            0 => Err(DownError::Nobody),
            taken => Ok(taken),
        }
    }
}

impl MqttListenLine {
    /// Builds the line. Without any login everybody is let in, which only a loopback address permits.
    pub fn new(wiring: Wiring, logins: Vec<DeviceLogin>, tls_pem: Option<TlsPem>) -> Result<Self, ListenError> {
        let Wiring { line, config, router, clock, out, live, stop } = wiring;
        let LinePath::MqttListen { bind, tls, clients_max } = config.path else {
            return Err(ListenError::NotAListener);
        };
        if logins.is_empty() && !bind.ip().is_loopback() {
            return Err(ListenError::OpenToAll(bind));
        }
        let tls = match (tls, tls_pem) {
            (false, _) => None,
            (true, None) => return Err(ListenError::NoCertificate),
            (true, Some(pem)) => Some(acceptor(&pem)?),
        };
        let access = Access::new(logins, router.prefixes().iter().map(|(_, topic)| topic.clone()));
        let door = Door::new(clients_max, access.len());
        let outlet = Outlet { line, clock, out, live, heartbeat: Arc::default() };
        let shared = Shared {
            outlet,
            router: Mutex::new(router),
            access,
            annex: None,
            stop,
            foreign: AtomicU64::new(0),
            strangers: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared), door, bind, tls, listener: None })
    }

    /// Hands messages on these topics on, instead of reading them as a device's. Before [`MqttListenLine::run`].
    #[must_use]
    pub fn with_annex(mut self, annex: Option<Annex>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.annex = annex;
        }
        self
    }

    /// Opens the port and says which one it is (the configuration may say 0). [`MqttListenLine::run`] does it otherwise.
    pub async fn bind(&mut self) -> Result<SocketAddr, ListenError> {
        let bind = self.bind;
        let listener = TcpListener::bind(bind).await.map_err(|error| ListenError::Bind(bind, error))?;
        let address = listener.local_addr().map_err(|error| ListenError::Bind(bind, error))?;
        self.listener = Some(listener);
        Ok(address)
    }

    /// The way for commands.
    #[must_use]
    pub fn downlink(&self) -> Downlink {
        Downlink(self.door.clone())
    }

    /// Counts up about once a second while the line's task lives.
    #[must_use]
    pub fn heartbeat(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.shared.outlet.heartbeat)
    }

    /// A way to read the counters while the line runs.
    pub fn stats(&self) -> impl Fn() -> ListenStats + Send + Sync + 'static {
        let (shared, door) = (Arc::clone(&self.shared), self.door.clone());
        move || {
            let (clients, refused) = door.counts();
            let strangers = shared.strangers.load(Ordering::Relaxed);
            ListenStats { clients, refused, strangers, foreign: shared.foreign.load(Ordering::Relaxed) }
        }
    }

    /// Runs until stopped, then closes every connection.
    pub async fn run(mut self) {
        let Some(listener) = self.open().await else { return };
        let at = listener.local_addr().map_or_else(|_| self.bind.to_string(), |at| at.to_string());
        let shared = Arc::clone(&self.shared);
        shared.router.lock().unwrap_or_else(PoisonError::into_inner).line_up(shared.outlet.clock.boot());
        shared.outlet.line(LinkState::Up, Text::new(&format!("正在监听 {at}"), &format!("listening on {at}"))).await;
        let mut connections = JoinSet::new();
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = shared.stop.cancelled() => break,
                _ = tick.tick() => {
                    let links = shared.outlet.tick(&mut shared.router.lock().unwrap_or_else(PoisonError::into_inner));
                    shared.outlet.emit_all(links, Vec::new()).await;
                }
                Some(ended) = connections.join_next() => report(ended),
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => {
                        if let Some(guest) = self.door.enter(from.ip()) {
                            connections.spawn(receive(stream, guest, Arc::clone(&shared), self.tls.clone()));
                        }
                    }
                    Err(error) => {
                        // Out of file descriptors, most likely: connections that end give some back.
                        tracing::error!(%error, "cannot accept MQTT connections");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                },
            }
        }
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    }

    /// The open port, tried again and again; `None` when stopped before.
    async fn open(&mut self) -> Option<TcpListener> {
        let mut backoff = Backoff::default();
        loop {
            if let Some(listener) = self.listener.take() {
                return Some(listener);
            }
            if let Err(error) = self.bind().await {
                self.shared.outlet.line(LinkState::Down, Text::same(&error.to_string())).await;
                self.shared.outlet.heartbeat.fetch_add(1, Ordering::Relaxed);
                tokio::select! {
                    () = self.shared.stop.cancelled() => return None,
                    () = tokio::time::sleep(backoff.pause(fastrand::f64())) => {}
                }
            }
        }
    }
}

async fn receive(stream: TcpStream, guest: Guest, shared: Arc<Shared>, tls: Option<Tls>) {
    let by = Instant::now() + CONNECT_WAIT;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot switch off delayed sending");
    }
    match tls {
        None => connection::serve(stream, guest, &shared, by).await,
        Some(Tls(acceptor)) => match timeout_at(by, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => connection::serve(stream, guest, &shared, by).await,
            Ok(Err(error)) => shared.count_stranger(&error.to_string()),
            Err(_) => shared.count_stranger("no TLS handshake in time"),
        },
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "an MQTT connection ended in a panic; the others go on");
    }
}

/// The server side of TLS, for other listeners of the field side.
pub(crate) fn tls_acceptor(pem: &TlsPem) -> Result<TlsAcceptor, ListenError> {
    acceptor(pem).map(|tls| tls.0)
}

fn acceptor(pem: &TlsPem) -> Result<Tls, ListenError> {
    let bad = |error: &dyn fmt::Display| ListenError::BadCertificate(error.to_string());
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&pem.certificates).collect::<Result<_, _>>().map_err(|e| bad(&e))?;
    let key = PrivateKeyDer::from_pem_slice(&pem.key).map_err(|e| bad(&e))?;
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| bad(&e))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| bad(&e))?;
    Ok(Tls(TlsAcceptor::from(Arc::new(config))))
}
