//! What the case desk needs from the rest of gatehouse, as narrow as can be: the composition root implements it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::model::case::{Act, ActError, Acted, Case, CaseNo, CaseWrite, Judgement};
use crate::model::desk::Reply;
use crate::model::journal::Note;
use crate::model::sight::Sighting;
use crate::model::text::Text;

/// Physics: what a track says. Must return within a millisecond.
pub trait Judge: Send + Sync + fmt::Debug {
    /// Judges one sighting.
    fn judge(&self, seen: &Sighting) -> Judgement;
}

/// Nothing is known but what the camera claims: for sites without calibration and for kinds without a track.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoJudge;

impl Judge for NoJudge {
    fn judge(&self, seen: &Sighting) -> Judgement {
        let mut judgement = Judgement::unknown(seen.floor);
        judgement.score = seen.confidence.filter(|c| c.is_finite()).map_or(0.5, |c| c.clamp(0.0, 1.0));
        judgement
    }
}

/// What a camera handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// As declared, `image/jpeg`.
    pub media_type: String,
    /// The bytes, within the fetcher's cap.
    pub bytes: Vec<u8>,
}

/// A fetch on its way.
pub type Fetching = Pin<Box<dyn Future<Output = Result<Fetched, Text>> + Send>>;

/// Pictures and clips by reference, from the camera's own host and no other. A deadline is the caller's.
pub trait Footage: Send + Sync + fmt::Debug {
    /// Fetches one; the error is in words, without credentials.
    fn fetch(&self, camera: &str, reference: &str, clip: bool) -> Fetching;
}

/// A site without a fetcher.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoFootage;

impl Footage for NoFootage {
    fn fetch(&self, _camera: &str, _reference: &str, _clip: bool) -> Fetching {
        Box::pin(std::future::ready(Err(Text::new("未设置取图", "fetching of pictures is not set up"))))
    }
}

/// A write on its way.
pub type Keeping = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// The disk.
pub trait Keeper: Send + Sync + fmt::Debug {
    /// Completes after the synced commit.
    fn keep(&self, write: CaseWrite) -> Keeping;

    /// Enters a note in the journal; nobody waits for it longer than the write beside it.
    fn note(&self, note: Note) -> Keeping;

    /// A case as it lies on disk; an error means that nobody can tell at present. Blocks: called on the blocking pool only.
    fn case(&self, no: CaseNo) -> Result<Option<Case>, String>;

    /// Which of these cases are not on disk. Blocks: called on the blocking pool only.
    fn missing(&self, open: &[CaseNo]) -> Result<Vec<CaseNo>, String>;

    /// The case an event of a camera went into, by one of its keys; an error means that nobody can tell at present. Blocks:
    /// called on the blocking pool only.
    fn known(&self, camera: &str, keys: &[String]) -> Result<Option<CaseNo>, String>;

    /// Shows closed cases that may be deleted, lowest number first, with the number of all closed ones, until told to stop.
    /// Blocks: called on the blocking pool only.
    fn closed(&self, look: &mut dyn FnMut(u64, &Case) -> bool) -> Result<(), String>;
}

/// What a person asks.
#[derive(Debug)]
pub struct Request {
    /// Which case.
    pub case: CaseNo,
    /// The case as it lies on disk, for one that is no longer open.
    pub stored: Option<Case>,
    /// What.
    pub act: Act,
    /// Name given.
    pub by: String,
    /// Comment, may be empty.
    pub note: String,
    /// Answered when the step is on disk; a deadline is the asker's.
    pub reply: Reply<Result<Acted, ActError>>,
}

/// Everything that others implement.
#[derive(Debug, Clone)]
pub struct Hands {
    /// Physics.
    pub judge: Arc<dyn Judge>,
    /// Pictures.
    pub footage: Arc<dyn Footage>,
    /// Disk.
    pub keeper: Arc<dyn Keeper>,
}
