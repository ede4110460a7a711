//! What goes into the desk and comes out of it, and its small memories.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::case::{Case, CaseNo, CaseWrite, Promised};
use crate::model::desk::Report;
use crate::model::time::BootMs;

/// Length of the windows of the budgets.
const MINUTE_MS: i64 = 60_000;

/// Figures that a site may want otherwise. All are defaults of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Events of one thing lie within this.
    pub merge_window_ms: i64,
    /// So many cases on the same facade and floors ...
    pub repeat_count: usize,
    /// ... in so many days are a suspicion of repetition.
    pub repeat_days: i64,
    /// Events a minute that are kept whole; the rest is kept in short form.
    pub whole_per_minute: usize,
    /// Events of one case that are kept whole.
    pub whole_per_case: u32,
    /// New cases a minute and facade that are not dense; the rest joins the newest.
    pub cases_per_minute: usize,
    /// New cases a minute and facade that are dense.
    pub dense_per_minute: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            merge_window_ms: 10_000,
            repeat_count: 3,
            repeat_days: 30,
            whole_per_minute: 60,
            whole_per_case: 12,
            cases_per_minute: 6,
            dense_per_minute: 30,
        }
    }
}

/// What follows from an input.
#[derive(Debug, Default, PartialEq)]
pub struct Effects {
    /// To the disk, together.
    pub write: CaseWrite,
    /// To the alarm desk, at once.
    pub reports: Vec<Report>,
}

/// What became of a sighting.
#[derive(Debug, PartialEq)]
pub struct Taken {
    /// Its case.
    pub case: CaseNo,
    /// The case is new.
    pub is_new: bool,
    /// It had come before: nothing changed.
    pub is_known: bool,
    /// Kept in short form: fetch no pictures.
    pub brief: bool,
    /// What follows.
    pub effects: Effects,
}

/// What was kept of earlier runs.
#[derive(Debug, Default)]
pub struct Restored {
    /// Cases not closed.
    pub open: Vec<Case>,
    /// Falling-object cases of the last days, for repetition: facade, floors, time.
    pub past: Vec<Case>,
    /// `(camera, key of the event, case)` of the last events.
    pub seen: Vec<(String, String, CaseNo)>,
    /// Footage that was promised before and has not come.
    pub promised: Vec<Promised>,
    /// Highest number given so far.
    pub last: u64,
}

/// Counts what happened within the last minute.
#[derive(Debug, Default)]
pub(super) struct Minute(VecDeque<BootMs>);

impl Minute {
    /// Enters one if fewer than `most` have been; says whether it was.
    pub(super) fn take(&mut self, now: BootMs, most: usize) -> bool {
        while self.0.front().is_some_and(|at| now.since(*at) >= MINUTE_MS) {
            self.0.pop_front();
        }
        let room = self.0.len() < most;
        if room {
            self.0.push_back(now);
        }
        room
    }

    /// Nothing happened within the last minute.
    pub(super) fn is_over(&self, now: BootMs) -> bool {
        self.0.back().is_none_or(|at| now.since(*at) >= MINUTE_MS)
    }
}

#[derive(Debug)]
pub(super) struct Past {
    pub(super) facade: String,
    pub(super) floors: Option<(i32, i32)>,
    pub(super) wall_ms: i64,
    pub(super) case: CaseNo,
}

/// When an event was, by its camera's own clock.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) case: CaseNo,
    pub(super) camera: Arc<str>,
    pub(super) wall_ms: i64,
}
