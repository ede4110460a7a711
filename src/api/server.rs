//! The listening side: connections, their number and their deadlines. Knows nothing of routes.
//!
//! Limits: [`CONNECTIONS_MAX`] at once, [`PER_ADDRESS_MAX`] from one address (loopback excepted), [`HEADER_WITHIN`] for a
//! request's head (also bounds an idle kept-alive connection), [`WRITE_STALL`] for a reader that takes nothing.
//! Policy when full: that of [`crate::guests`]; a connection has shown itself with the head of a request.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::api::stall::Stall;
use crate::guests::accept::{self, Head, House};
use crate::guests::{Limits, Pass};

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

/// Serves `router` on `listener` until `stop`, then lets open requests finish.
pub(super) async fn run(listener: TcpListener, router: Router, stop: CancellationToken) {
    let limits = Limits { all: CONNECTIONS_MAX, per_address: PER_ADDRESS_MAX };
    let house = House { guests: "readers", limits, drain_within: DRAIN_WITHIN, stop: stop.clone() };
    accept::run(listener, house, |socket, _, pass| connection(socket, router.clone(), pass, stop.clone())).await;
}

async fn connection(socket: TcpStream, router: Router, pass: Pass, stop: CancellationToken) {
    let Pass { known, leave } = pass;
    let router = router.layer(axum::middleware::from_fn(
        move |request: axum::extract::Request, next: axum::middleware::Next| {
            known.store(true, Ordering::Relaxed);
            next.run(request)
        },
    ));
    let head = Head { within: HEADER_WITHIN, bytes_max: HEAD_BYTES_MAX };
    accept::http(Stall::new(socket, WRITE_STALL), router, head, leave, stop).await;
}
