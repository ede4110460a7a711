//! Notes for the journal: refusals, cameras that come and go, and every step of a case that others may want to hear of.
//!
//! One at a time, behind what is on its way to `cases.db`, so that no camera waits for them. What fails is tried again.
//! Bounds: [`NOTES_MAX`] notes of the intake, beyond it they are left out; [`CHANGES_MAX`] of cases (each stands in `cases.db` all the
//! same), beyond it they are left out and counted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::cases::ports::{Keeper, Keeping};
use crate::model::case::{Case, CaseWrite, Step, StepKind};
use crate::model::intake::{CameraLink, Refused};
use crate::model::journal::{Note, Stream};
use crate::model::link::LinkState;
use crate::model::time::{Anchor, BootMs};

/// Notes of the intake that may wait.
const NOTES_MAX: usize = 128;
/// Notes of cases that may wait.
const CHANGES_MAX: usize = 2_048;
/// Refused payloads noted within a window; the rest is counted by the intake.
const REFUSALS_MAX: u32 = 30;
const REFUSALS_WITHIN_MS: i64 = 60_000;
/// Pause after one that failed.
const RETRY: Duration = Duration::from_secs(1);

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Notes {
    waiting: VecDeque<Note>,
    away: Option<Note>,
    retry_at: Option<Instant>,
    /// Begin of the present window, and refusals in it.
    refusals: (Option<BootMs>, u32),
    left_out: u64,
}

impl Notes {
    /// Nothing waits and none is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.away.is_none()
    }

    /// When to try again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at.filter(|_| self.away.is_none())
    }

    fn push(&mut self, kind: String, subject: &str, facts: serde_json::Value) {
        self.waiting.push_back(Note { stream: Stream::Event, kind, subject: subject.to_owned(), facts });
    }

    fn push_intake(&mut self, kind: &str, subject: &str, facts: serde_json::Value) {
        if self.waiting.len() < NOTES_MAX {
            self.push(kind.to_owned(), subject, facts);
        }
    }

    /// What the intake did not take is noted for people; in a flood only counted.
    pub(super) fn refused(&mut self, refused: &Refused, now: &Anchor) {
        if self.refusals.0.is_none_or(|at| now.boot.since(at) >= REFUSALS_WITHIN_MS) {
            self.refusals = (Some(now.boot), 0);
        }
        self.refusals.1 += 1;
        if self.refusals.1 > REFUSALS_MAX {
            return;
        }
        let head = String::from_utf8_lossy(&refused.head);
        let head: String = head.chars().filter(|c| !c.is_control()).take(200).collect();
        let facts = serde_json::json!({
            "why": refused.why.word(), "detail": refused.detail, "from": refused.from, "head": head,
        });
        self.push_intake("event_refused", &refused.camera, facts);
    }

    /// A camera came or went.
    pub(super) fn link(&mut self, link: &CameraLink) {
        let kind = match link.state {
            LinkState::Up => "camera_up",
            LinkState::Down | LinkState::Quarantined => "camera_down",
            LinkState::Initial => return,
        };
        self.push_intake(kind, &link.camera, serde_json::json!({ "reason": link.reason }));
    }

    /// What has just reached the disk, for those who follow cases elsewhere.
    pub(super) fn changes(&mut self, write: &CaseWrite) {
        for step in &write.steps {
            // The case as it stood when this was written; the step says which change it was.
            if let Some(case) = write.cases.iter().find(|c| c.no == step.case) {
                self.change(case, step);
            }
        }
    }

    /// One step of a case.
    pub(super) fn change(&mut self, case: &Case, step: &Step) {
        let told = matches!(
            step.kind,
            StepKind::Detected
                | StepKind::Reviewing
                | StepKind::Confirmed
                | StepKind::Rejected
                | StepKind::Dispatched
                | StepKind::Closed
                | StepKind::Ended
                | StepKind::Held
                | StepKind::Released
                | StepKind::Evicted
        );
        if !told {
            return;
        }
        if self.waiting.len() >= CHANGES_MAX {
            self.left_out += 1;
            tracing::warn!(case = case.no.0, left_out = self.left_out, "a step of a case is not noted in the journal");
            return;
        }
        let facts = serde_json::json!({ "case": case, "step": step, "alarm": case.no.key() });
        self.push(format!("case_{}", step.kind.word()), &case.no.key(), facts);
    }

    /// The next to be entered, if one may go now.
    pub(super) fn launch(&mut self, keeper: &Arc<dyn Keeper>) -> Option<Keeping> {
        if self.away.is_some() || self.retry_at.is_some_and(|at| at > Instant::now()) {
            return None;
        }
        self.retry_at = None;
        let note = self.waiting.pop_front()?;
        self.away = Some(note.clone());
        Some(keeper.note(note))
    }

    /// How it went.
    pub(super) fn landed(&mut self, done: Result<(), String>) {
        let note = self.away.take();
        if let (Err(why), Some(note)) = (done, note) {
            tracing::warn!(why, kind = note.kind, "a note cannot be entered at present; trying again");
            self.waiting.push_front(note);
            self.retry_at = Some(Instant::now() + RETRY);
        }
    }
}
