//! How long closed cases are kept, and how many. Reads the disk: blocking.
//!
//! A case goes whole, with its sightings and steps, when it is closed and [`Retention::keep_ms`] have passed since its last
//! step, or when there are more than [`Retention::cases_max`] closed ones, lowest number first. Never one that is open or under
//! legal hold, nor one of whose evidence anything is left, be it the manifest alone; these count, and stay. Figures go on
//! counting what went.
//!
//! Limit: [`AT_ONCE`] at each look; more are looked for soon.

use crate::cases::evidence::Evidence;
use crate::cases::ports::Keeper;
use crate::model::case::{Case, CaseNo};
use crate::model::time::{Anchor, Trust};

/// Cases that go at once: a write of some hundred milliseconds, in front of which an event may have to wait.
pub const AT_ONCE: usize = 200;

/// See the module documentation. The site says so; the defaults are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// A closed case is kept so long after its last step.
    pub keep_ms: i64,
    /// Most closed cases.
    pub cases_max: u64,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY_MS: i64 = 24 * 3_600_000;
        // A case with its sightings and steps takes some 10 KiB: the number bounds all of them to some hundred MiB.
        Self { keep_ms: 3 * 365 * DAY_MS, cases_max: 20_000 }
    }
}

/// Closed cases that must go now.
#[must_use]
pub fn spent(keeper: &dyn Keeper, evidence: &Evidence, retention: Retention, now: &Anchor) -> Vec<CaseNo> {
    // Age is judged by the wall clock: never while it may be wrong.
    let horizon = (now.trust != Trust::Unset).then(|| now.wall.0.saturating_sub(retention.keep_ms));
    let mut gone = Vec::new();
    let looked = keeper.closed(&mut |all: u64, case: &Case| {
        let old = horizon.is_some_and(|from| case.changed_wall_ms < from);
        let many = all.saturating_sub(gone.len() as u64) > retention.cases_max;
        // Where the disk cannot tell, something may be there.
        let rests = || evidence.folder(case.no).try_exists().unwrap_or(true);
        if (old || many) && !case.is_open() && !case.held && !rests() {
            gone.push(case.no);
        }
        gone.len() < AT_ONCE
    });
    if let Err(why) = looked {
        tracing::warn!(why, "cases cannot be looked through at present; tried again at the next look");
    }
    gone
}
