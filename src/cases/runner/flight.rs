//! What is on its way to the disk: the next write with everybody who waits for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::cases::evidence::{Evidence, Origin};
use crate::cases::ports::Keeper;
use crate::cases::runner::pictures::Fetch;
use crate::model::case::{ActError, Acted, CaseNo, CaseWrite};
use crate::model::desk::Reply;
use crate::model::reading::Receipt;
use crate::model::text::Text;

/// Who waits for a write.
#[derive(Debug)]
pub(super) enum Waiter {
    Camera(Receipt),
    Person(Reply<Result<Acted, ActError>>, Box<Acted>),
}

/// A file to keep with the next write.
#[derive(Debug)]
pub(super) struct Paper {
    pub(super) case: CaseNo,
    pub(super) bytes: Arc<[u8]>,
    pub(super) origin: Origin,
}

/// What waits for the disk.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) write: CaseWrite,
    pub(super) papers: Vec<Paper>,
    pub(super) waiters: Vec<Waiter>,
    /// To be fetched once the event is on disk.
    pub(super) fetches: Vec<Fetch>,
}

pub(super) struct Landed {
    pub(super) pending: Pending,
    pub(super) done: Result<(), String>,
    /// Files that could not be kept.
    pub(super) lost: Vec<(CaseNo, Text)>,
}

pub(super) type Flight = Pin<Box<dyn Future<Output = Landed> + Send>>;

/// Sightings, and people and cameras that wait for an answer, before no more are taken.
const PENDING_MAX: usize = 256;
/// Bytes of events and pictures that wait, before no more are taken: a disk that hangs must not fill the memory.
const PENDING_BYTES_MAX: usize = 48 << 20;

impl Pending {
    /// More may be taken.
    pub(super) fn has_room(&self) -> bool {
        let bytes: usize = self.papers.iter().map(|paper| paper.bytes.len()).sum();
        self.write.sightings.len() < PENDING_MAX && self.waiters.len() < PENDING_MAX && bytes < PENDING_BYTES_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.write.is_empty() && self.papers.is_empty() && self.waiters.is_empty()
    }
}

impl Waiter {
    pub(super) fn tell(self) {
        match self {
            Self::Camera(receipt) => receipt.committed(),
            Self::Person(reply, acted) => reply.send(Ok(*acted)),
        }
    }
}

/// Waits for the flight; for ever when there is none. Dropping the future loses nothing.
pub(super) async fn flown(flight: &mut Option<Flight>) -> Landed {
    match flight {
        Some(flight) => flight.await,
        None => std::future::pending().await,
    }
}

/// Files first, then the tables that speak of them.
pub(super) async fn fly(mut pending: Pending, evidence: Evidence, keeper: Arc<dyn Keeper>) -> Landed {
    let papers = std::mem::take(&mut pending.papers);
    let work = move || {
        let lost = papers.iter().filter_map(|paper| {
            let kept = evidence.keep(paper.case, &paper.bytes, paper.origin.clone());
            kept.err().map(|why| (paper.case, why.text()))
        });
        lost.collect::<Vec<_>>()
    };
    let lost = tokio::task::spawn_blocking(work).await.unwrap_or_default();
    let done = keeper.keep(pending.write.clone()).await;
    Landed { pending, done, lost }
}

pub(super) fn media_type(raw: &[u8]) -> &'static str {
    match raw.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'{' | b'[') => "application/json",
        Some(b'<') => "application/xml",
        _ => "application/octet-stream",
    }
}
