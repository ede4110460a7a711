//! The loop that accepts, and HTTP/1.1 on what was accepted. Knows nothing of routes.
//!
//! Deadlines: a request's head must be complete in time, which bounds an idle kept-alive connection too; after the stop open
//! requests may go on for a while, then they are cut off.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Entry, Guests, Limits, Pass};

/// Pause after a failed accept (out of descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How a listener is run.
#[derive(Debug, Clone)]
pub struct House {
    /// Who calls there, for the log.
    pub guests: &'static str,
    /// How many.
    pub limits: Limits,
    /// How long open requests may go on after `stop`; who is cut off was not answered and asks again.
    pub drain_within: Duration,
    /// Ends it.
    pub stop: CancellationToken,
}

/// Accepts until told to stop, each connection in a task of its own; then lets open requests finish.
pub async fn run<F, T>(listener: TcpListener, house: House, serve: F)
where
    F: Fn(TcpStream, SocketAddr, Pass) -> T,
    T: Future<Output = ()> + Send + 'static,
{
    let mut guests = Guests::new(house.limits);
    let mut connections: JoinSet<u64> = JoinSet::new();
    loop {
        tokio::select! {
            () = house.stop.cancelled() => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                if let Ok(id) = ended {
                    guests.leave(id);
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => match guests.enter(peer.ip()) {
                    Entry::Admitted(id, pass) => {
                        if let Err(error) = socket.set_nodelay(true) {
                            tracing::debug!(%error, "no TCP_NODELAY");
                        }
                        let one = serve(socket, peer, pass);
                        connections.spawn(async move { one.await; id });
                    }
                    Entry::Full => turn_away(&socket),
                },
                Err(error) => {
                    tracing::warn!(%error, guests = house.guests, "cannot accept a connection; trying again");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(house.drain_within, drained).await.is_err() {
        tracing::warn!(left = connections.len(), guests = house.guests, "open requests were cut off");
        connections.shutdown().await;
    }
}

/// One attempt to say why, without waiting for the peer.
fn turn_away(socket: &TcpStream) {
    const FULL: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    if let Err(error) = socket.try_write(FULL) {
        tracing::debug!(%error, "could not tell somebody why he was turned away");
    }
}

/// Bounds of a request's head.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// It must be complete within this.
    pub within: Duration,
    /// More bytes: 431.
    pub bytes_max: usize,
}

/// HTTP/1.1 on one connection, to its end, to `leave`, or after `stop` to the end of the request under way.
pub async fn http<S>(stream: S, router: Router, head: Head, leave: CancellationToken, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head.within)
        .max_buf_size(head.bytes_max)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
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
        tracing::debug!(%error, "a connection ended");
    }
}
