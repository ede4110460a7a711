//! When old evidence and old cases are looked for, and what is to be done about them.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::cases::evidence::{Evicted, Evidence, Standing};
use crate::cases::ports::Keeper;
use crate::cases::retention::{AT_ONCE, Retention, spent};
use crate::model::case::{Case, CaseNo};
use crate::model::time::{Anchor, Trust};

/// How often, in quiet times.
const SWEEP: Duration = Duration::from_hours(1);
/// How often while the quota is nearly used up.
const CROWDED: Duration = Duration::from_mins(1);

/// When the next look is due.
#[derive(Debug)]
pub(super) struct Upkeep {
    last: Option<Instant>,
    /// The last look left something to do.
    more: bool,
}

/// What a look has found.
#[derive(Debug, Default)]
pub(super) struct Swept {
    /// Evidence that is gone.
    pub(super) evicted: Vec<(Evicted, Case)>,
    /// Cases that must go.
    pub(super) spent: Vec<CaseNo>,
    /// Open cases that the disk has lost.
    pub(super) missing: Vec<CaseNo>,
}

impl Upkeep {
    /// The first look is at once.
    pub(super) fn new() -> Self {
        Self { last: None, more: false }
    }

    /// When.
    pub(super) fn due_at(&self, evidence: &Evidence, now: Instant) -> Instant {
        let every = if self.more || evidence.is_crowded() { CROWDED } else { SWEEP };
        self.last.map_or(now, |last| last + every)
    }

    /// A look has ended.
    pub(super) fn ended(&mut self, swept: &Swept) {
        self.more = swept.spent.len() >= AT_ONCE;
    }

    /// Whether now; then it counts as begun.
    pub(super) fn begin(&mut self, evidence: &Evidence) -> bool {
        let now = Instant::now();
        let due = now >= self.due_at(evidence, now);
        if due {
            self.last = Some(now);
        }
        due
    }
}

/// Deletes evidence that must go, and says which cases must. Blocks on the disk. What is not certainly closed and free of a hold stays: a case that cannot be read
/// at present, or that is on no list because the list was lost.
pub(super) fn sweep(
    evidence: &Evidence,
    keeper: &Arc<dyn Keeper>,
    (retention, open): (Retention, &[CaseNo]),
    now: &Anchor,
) -> Swept {
    let standing = |no| {
        let known = keeper.case(no).ok().flatten();
        Standing {
            keep: known.as_ref().is_none_or(|c| c.held || c.is_open()),
            // Age is judged by the wall clock: never while it may be wrong.
            age_ms: known
                .as_ref()
                .filter(|_| now.trust != Trust::Unset)
                .map(|c| now.wall.0.saturating_sub(c.opened_wall_ms)),
            told: known.is_some_and(|c| c.evicted),
        }
    };
    let gone = evidence.evict(&standing, now.wall.0);
    let told = gone.into_iter().filter_map(|one| Some((one.clone(), keeper.case(one.case).ok().flatten()?)));
    let evicted = told.collect();
    // One that nobody can tell of now is asked for again at the next look.
    let missing = keeper.missing(open).unwrap_or_default();
    Swept { evicted, spent: spent(&**keeper, evidence, retention, now), missing }
}
