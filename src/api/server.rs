//! The listening side: connections, their number and their deadlines. Knows nothing of routes.
//!
//! Limits: [`CONNECTIONS_MAX`] at once, [`PER_ADDRESS_MAX`] from one address (loopback excepted), [`HEADER_WITHIN`] for a
//! request's head (also bounds an idle kept-alive connection), [`WRITE_STALL`] for a reader that takes nothing.
//! Policy when full: the oldest connection that has not completed a single request gives way to the newcomer, so that
//! a crowd of silent connections cannot lock the duty engineer out; if all have, the newcomer is told 503.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::stall::Stall;

/// Most connections at once.
pub const CONNECTIONS_MAX: usize = 64;
/// Most connections from one address other than loopback.
pub const PER_ADDRESS_MAX: usize = 8;
/// A request's head must be complete within this.
pub const HEADER_WITHIN: Duration = Duration::from_secs(10);
/// A reader that takes no byte for this long is dropped.
pub const WRITE_STALL: Duration = Duration::from_secs(30);
/// How long open requests may go on after `stop`.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// Bytes of request head that are read before giving up with 431.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Pause after a failed accept (out of descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is open to the network although nobody would have to log in. Change `api.bind`.
    #[error("the page may only listen on loopback until it has a login; {0} is open to the network")]
    NotLoopback(SocketAddr),
    /// The time zone of the site is unknown to the tz database. Change `site.time_zone`.
    #[error("time zone `{0}` is not known")]
    TimeZone(String),
    /// The operating system refused something. Give up and say so.
    #[error("the listener failed")]
    Listener(#[source] std::io::Error),
}

/// One connection as the gate sees it.
#[derive(Debug)]
struct Guest {
    address: IpAddr,
    /// It has completed the head of at least one request.
    spoke: Arc<AtomicBool>,
    leave: CancellationToken,
}

/// Who is connected. Pure bookkeeping; ids grow, so the first entry is the oldest.
#[derive(Debug, Default)]
struct Gate {
    guests: BTreeMap<u64, Guest>,
    next: u64,
}

/// What the gate says to a newcomer.
#[derive(Debug)]
enum Entry {
    /// Come in.
    Admitted { id: u64, spoke: Arc<AtomicBool>, leave: CancellationToken },
    /// No room.
    Full,
}

impl Gate {
    fn enter(&mut self, address: IpAddr) -> Entry {
        let same = self.guests.values().filter(|g| g.address == address).count();
        if !address.is_loopback() && same >= PER_ADDRESS_MAX {
            return Entry::Full;
        }
        if self.guests.len() >= CONNECTIONS_MAX && !self.evict_silent() {
            return Entry::Full;
        }
        let (id, spoke, leave) = (self.next, Arc::new(AtomicBool::new(false)), CancellationToken::new());
        self.next += 1;
        self.guests.insert(id, Guest { address, spoke: Arc::clone(&spoke), leave: leave.clone() });
        Entry::Admitted { id, spoke, leave }
    }

    /// Shows out the oldest guest that has said nothing; false if there is none.
    fn evict_silent(&mut self) -> bool {
        let silent = self.guests.iter().find(|(_, g)| !g.spoke.load(Ordering::Relaxed)).map(|(id, _)| *id);
        let Some(guest) = silent.and_then(|id| self.guests.remove(&id)) else { return false };
        guest.leave.cancel();
        true
    }

    fn leave(&mut self, id: u64) {
        self.guests.remove(&id);
    }
}

/// Serves `router` on `listener` until `stop`, then lets open requests finish.
pub(super) async fn run(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut gate = Gate::default();
    let mut connections: JoinSet<u64> = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                if let Ok(id) = ended {
                    gate.leave(id);
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => match gate.enter(peer.ip()) {
                    Entry::Admitted { id, spoke, leave } => {
                        let one = connection(socket, router.clone(), spoke, leave, stop.clone());
                        connections.spawn(async move { one.await; id });
                    }
                    Entry::Full => refuse(&socket),
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection; trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_WITHIN, drained).await.is_err() {
        tracing::warn!(left = connections.len(), "open requests were cut off");
        connections.shutdown().await;
    }
}

/// One attempt to say why, without waiting for the peer.
fn refuse(socket: &TcpStream) {
    const FULL: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    if let Err(error) = socket.try_write(FULL) {
        tracing::debug!(%error, "could not tell a refused client why");
    }
}

async fn connection(
    socket: TcpStream,
    router: Router,
    spoke: Arc<AtomicBool>,
    leave: CancellationToken,
    stop: CancellationToken,
) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let router = router.layer(axum::middleware::from_fn(
        move |request: axum::extract::Request, next: axum::middleware::Next| {
            spoke.store(true, Ordering::Relaxed);
            next.run(request)
        },
    ));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Stall::new(socket, WRITE_STALL)), TowerToHyperService::new(router));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = leave.cancelled() => return,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(entry: Entry) -> (u64, Arc<AtomicBool>, CancellationToken) {
        match entry {
            Entry::Admitted { id, spoke, leave } => (id, spoke, leave),
            Entry::Full => panic!("no room"),
        }
    }

    #[test]
    fn a_silent_guest_gives_way_and_a_speaking_one_does_not() {
        let mut gate = Gate::default();
        let home = IpAddr::from([127, 0, 0, 1]);
        let (_, spoke, leave) = admitted(gate.enter(home));
        spoke.store(true, Ordering::Relaxed);
        let rest: Vec<_> = (1..CONNECTIONS_MAX).map(|_| admitted(gate.enter(home))).collect();
        admitted(gate.enter(home));
        assert!(!leave.is_cancelled(), "the one that spoke stays");
        assert!(rest[0].2.is_cancelled(), "the oldest silent one goes");
        for (_, spoke, _) in &rest {
            spoke.store(true, Ordering::Relaxed);
        }
        admitted(gate.enter(home));
        for guest in gate.guests.values() {
            guest.spoke.store(true, Ordering::Relaxed);
        }
        assert!(matches!(gate.enter(home), Entry::Full));
    }

    #[test]
    fn one_address_cannot_take_all() {
        let mut gate = Gate::default();
        let far = IpAddr::from([192, 168, 1, 7]);
        let first = admitted(gate.enter(far)).0;
        for _ in 1..PER_ADDRESS_MAX {
            admitted(gate.enter(far));
        }
        assert!(matches!(gate.enter(far), Entry::Full));
        gate.leave(first);
        admitted(gate.enter(far));
    }
}
