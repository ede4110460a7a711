//! Pictures and clips by reference: what is to be had, what is on its way, and what a stop left behind.
//!
//! Each is promised on disk in the commit of its event and taken off there when it has come or is given up, so that a stop or
//! a power cut does not lose it: after the start it is fetched, up to [`PROMISE_KEPT_MS`] after the event; what is older the
//! case is told. Bounds: [`FETCHES_MAX`] wait, [`AT_ONCE`] are under way; past it one is given up, which is a step in the case.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::cases::evidence::{Evidence, Origin};
use crate::cases::ports::Footage;
use crate::clock::Clock;
use crate::model::case::{CaseNo, Promised};
use crate::model::text::Text;
use crate::model::time::{Anchor, Trust};

/// Pictures and clips that may wait to be fetched.
const FETCHES_MAX: usize = 256;
/// Fetches at once.
const AT_ONCE: usize = 4;
/// Tries for one picture: a recorder needs a moment until it has written it.
const TRIES: u32 = 3;
const TRY_PAUSE: Duration = Duration::from_secs(3);
/// Deadline of one try.
const PICTURE_WITHIN: Duration = Duration::from_secs(15);
const CLIP_WITHIN: Duration = Duration::from_mins(2);
/// A clip reaches 20 s beyond the event: it cannot be had before.
const CLIP_AFTER: Duration = Duration::from_secs(25);
/// So long after its event a picture is still asked for; recorders of a community keep them for weeks, cameras for hours (a
/// default of ours).
pub(super) const PROMISE_KEPT_MS: i64 = 24 * 3_600_000;

/// A picture to be had.
#[derive(Debug, Clone)]
pub(super) struct Fetch {
    pub(super) case: CaseNo,
    pub(super) reference: String,
    pub(super) clip: bool,
    pub(super) origin: Origin,
}

impl Fetch {
    /// For the disk.
    pub(super) fn promise(&self) -> Promised {
        Promised {
            case: self.case,
            reference: self.reference.clone(),
            clip: self.clip,
            wall_ms: self.origin.kept_wall_ms,
            origin: serde_json::to_string(&self.origin).unwrap_or_default(),
        }
    }

    /// From the disk; otherwise why it is given up.
    pub(super) fn again(promised: &Promised, now: &Anchor) -> Result<Self, Text> {
        let late_ms = now.wall.0.saturating_sub(promised.wall_ms);
        if now.trust != Trust::Unset && late_ms > PROMISE_KEPT_MS {
            let hours = late_ms / 3_600_000;
            let zh = format!("网关停机，错过 {hours} 小时");
            return Err(Text::new(&zh, &format!("missed: gatehouse was stopped, {hours} h late")));
        }
        let origin = serde_json::from_str(&promised.origin)
            .map_err(|_| Text::new("记录无法读取", "the promise on disk cannot be read"))?;
        Ok(Self { case: promised.case, reference: promised.reference.clone(), clip: promised.clip, origin })
    }
}

/// What waits and how many are under way.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    waiting: VecDeque<Fetch>,
    away: usize,
}

impl Pictures {
    /// Takes one in; gives it back when there is no room.
    pub(super) fn push(&mut self, fetch: Fetch) -> Option<Fetch> {
        if self.waiting.len() >= FETCHES_MAX {
            return Some(fetch);
        }
        self.waiting.push_back(fetch);
        None
    }

    /// The next, if one may go now.
    pub(super) fn launch(&mut self) -> Option<Fetch> {
        let next = (self.away < AT_ONCE).then(|| self.waiting.pop_front()).flatten()?;
        self.away += 1;
        Some(next)
    }

    /// One has ended, however.
    pub(super) fn landed(&mut self) {
        self.away = self.away.saturating_sub(1);
    }
}

/// Fetches one and keeps it; the file's name.
pub(super) async fn obtain(
    fetch: Fetch,
    footage: Arc<dyn Footage>,
    evidence: Evidence,
    clock: Arc<dyn Clock>,
) -> Result<String, Text> {
    if fetch.clip {
        tokio::time::sleep(CLIP_AFTER).await;
    }
    let within = if fetch.clip { CLIP_WITHIN } else { PICTURE_WITHIN };
    let mut why = Text::default();
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
                let entry = kept.map_err(|e| Text::same(&e.to_string()))?.map_err(|e| e.text())?;
                return Ok(entry.file);
            }
            Ok(Err(error)) => why = error,
            Err(_) => {
                let s = within.as_secs();
                why = Text::new(&format!("{s} 秒内无应答"), &format!("no answer within {s} s"));
            }
        }
    }
    Err(why)
}
