//! Cameras that publish to gatehouse's own MQTT listener: PUBACK means that the event is on disk.
//!
//! The listener checks login and topic and hands over the bytes; here they are read and mapped as from any other source. What is
//! refused is acknowledged too, being the same when it comes again; what the desk does not take is not, and the client sends
//! it again on a new connection. A camera above its rate waits, and so does its client, whose messages are not
//! acknowledged meanwhile. Payloads are bounded as for devices ([`crate::southbound::mqtt::limits`]): events with tracks fit,
//! pictures do not.
//!
//! Bounds: [`WAITING_MAX`] messages wait, [`AT_ONCE`] are under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::limits::{COMMIT_WITHIN, RATE_PER_S};
use super::outlet::{Outlet, Verdict};
use crate::southbound::mqtt::annex::Posted;

/// Messages that may wait; beyond, the listener tells clients to send again.
pub const WAITING_MAX: usize = 64;
/// Messages under way to the desk at once.
const AT_ONCE: usize = 32;
/// How the source is named where something is refused.
const FROM: &str = "mqtt";

/// Takes what the listener hands over until told to stop, or until there is no listener any more.
pub async fn run(outlet: Arc<Outlet>, posts: &mut mpsc::Receiver<Posted>, stop: CancellationToken) {
    let mut under_way = JoinSet::new();
    loop {
        let room = under_way.len() < AT_ONCE;
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
            post = posts.recv(), if room => match post {
                Some(post) => drop(under_way.spawn(take(Arc::clone(&outlet), post))),
                // No listener takes events of cameras any more.
                None => stop.cancelled().await,
            },
        }
    }
    // Each has a deadline of its own.
    while under_way.join_next().await.is_some() {}
}

async fn take(outlet: Arc<Outlet>, post: Posted) {
    let Posted { owner, payload, receipt } = post;
    let Some(door) = outlet.door(&owner).cloned() else { return };
    let by = Instant::now() + COMMIT_WITHIN;
    loop {
        let may = door.gate().may_ask(outlet.now());
        if may {
            break;
        }
        if Instant::now() >= by {
            door.gate().counts_mut().busy += 1;
            return;
        }
        sleep(Duration::from_secs_f64(1.0 / RATE_PER_S)).await;
    }
    let done = match outlet.draft(&door, &payload, FROM) {
        Ok(draft) => outlet.deliver(&door, draft).await,
        // It has been told by the outlet.
        Err(fault) => Verdict::Refused(fault),
    };
    if done != Verdict::Busy {
        receipt.committed();
    }
}
