//! What is on its way to the disk and from the cameras: the next write with everybody who waits for it, and pictures.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::cases::evidence::{Evidence, Origin};
use crate::cases::ports::{Footage, Keeper};
use crate::clock::Clock;
use crate::model::case::{ActError, Acted, CaseNo, CaseWrite};
use crate::model::desk::Reply;
use crate::model::journal::Note;
use crate::model::reading::Receipt;

/// Tries for one picture: a recorder needs a moment until it has written it.
const TRIES: u32 = 3;
const TRY_PAUSE: Duration = Duration::from_secs(3);
/// Deadline of one try.
const PICTURE_WITHIN: Duration = Duration::from_secs(15);
const CLIP_WITHIN: Duration = Duration::from_mins(2);
/// A clip reaches 20 s beyond the event: it cannot be had before.
const CLIP_AFTER: Duration = Duration::from_secs(25);

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
    pub(super) notes: Vec<Note>,
    /// To be fetched once the event is on disk.
    pub(super) fetches: Vec<Fetch>,
}

pub(super) struct Landed {
    pub(super) pending: Pending,
    pub(super) done: Result<(), String>,
    /// Files that could not be kept.
    pub(super) lost: Vec<(CaseNo, String)>,
}

pub(super) type Flight = Pin<Box<dyn Future<Output = Landed> + Send>>;

/// A picture to be had.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) case: CaseNo,
    pub(super) reference: String,
    pub(super) clip: bool,
    pub(super) origin: Origin,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.write.is_empty() && self.papers.is_empty() && self.waiters.is_empty() && self.notes.is_empty()
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
            kept.err().map(|why| (paper.case, why.to_string()))
        });
        lost.collect::<Vec<_>>()
    };
    let lost = tokio::task::spawn_blocking(work).await.unwrap_or_default();
    let done = match keeper.keep(pending.write.clone()).await {
        Ok(()) => notes(&mut pending.notes, keeper.as_ref()).await,
        failed => failed,
    };
    Landed { pending, done, lost }
}

/// Enters notes; what fails stays for the next time.
async fn notes(notes: &mut Vec<Note>, keeper: &dyn Keeper) -> Result<(), String> {
    while let Some(note) = notes.first().cloned() {
        keeper.note(note).await?;
        notes.remove(0);
    }
    Ok(())
}

/// Fetches one and keeps it; the file's name.
pub(super) async fn obtain(
    fetch: Fetch,
    footage: Arc<dyn Footage>,
    evidence: Evidence,
    clock: Arc<dyn Clock>,
) -> Result<String, String> {
    if fetch.clip {
        tokio::time::sleep(CLIP_AFTER).await;
    }
    let within = if fetch.clip { CLIP_WITHIN } else { PICTURE_WITHIN };
    let mut why = String::new();
    for round in 0..TRIES {
        if round > 0 {
            tokio::time::sleep(TRY_PAUSE).await;
        }
        let answer = footage.fetch(&fetch.origin.camera, &fetch.reference, fetch.clip);
        match tokio::time::timeout(within, answer).await {
            Ok(Ok(found)) => {
                let origin =
                    Origin { media_type: found.media_type, kept_wall_ms: clock.anchor().wall.0, ..fetch.origin };
                let case = fetch.case;
                let kept = tokio::task::spawn_blocking(move || evidence.keep(case, &found.bytes, origin)).await;
                let entry = kept.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
                return Ok(entry.file);
            }
            Ok(Err(error)) => why = error,
            Err(_) => why = format!("no answer within {} s / {0} 秒内无应答", within.as_secs()),
        }
    }
    Err(why)
}

pub(super) fn media_type(raw: &[u8]) -> &'static str {
    match raw.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'{' | b'[') => "application/json",
        Some(b'<') => "application/xml",
        _ => "application/octet-stream",
    }
}
