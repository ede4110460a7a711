//! Things that last: a blocked fire lane rings after five minutes and louder after fifteen. Pure.
//!
//! A camera says `start` and `stop`, or only pulses: then the lane counts as blocked while pulses keep coming.

use crate::model::alarm::Level;
use crate::model::sight::SightAction;
use crate::model::time::BootMs;

/// Standing so long rings at level `minor` (a default of ours).
pub const MINOR_AFTER_MS: i64 = 5 * 60_000;
/// ... and so long at level `major` (a default of ours).
pub const MAJOR_AFTER_MS: i64 = 15 * 60_000;
/// With pulses alone, silence of this length means that the lane is free again (a default of ours).
pub const PULSE_GAP_MS: i64 = 2 * 60_000;

/// One thing that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lasting {
    since: BootMs,
    last: BootMs,
    /// A `start` came: only a `stop` ends it.
    started: bool,
    ended: bool,
}

impl Lasting {
    /// The first event.
    #[must_use]
    pub fn new(at: BootMs, action: SightAction) -> Self {
        Self { since: at, last: at, started: action == SightAction::Start, ended: action == SightAction::Stop }
    }

    /// It began `ms` before `now` (after a restart); `started` says that only a `stop` ends it.
    #[must_use]
    pub fn since(now: BootMs, ms: i64, started: bool) -> Self {
        Self { since: now.plus(-ms.max(0)), last: now, started, ended: false }
    }

    /// Another event.
    pub fn hear(&mut self, at: BootMs, action: SightAction) {
        self.last = self.last.max(at);
        match action {
            SightAction::Start => self.started = true,
            SightAction::Stop => self.ended = true,
            SightAction::Pulse => {}
        }
    }

    /// It is over.
    #[must_use]
    pub fn is_over(&self, now: BootMs) -> bool {
        self.ended || (!self.started && now.since(self.last) >= PULSE_GAP_MS)
    }

    /// How loud it rings.
    #[must_use]
    pub fn level(&self, now: BootMs) -> Option<Level> {
        match now.since(self.since) {
            MAJOR_AFTER_MS.. => Some(Level::Major),
            MINOR_AFTER_MS.. => Some(Level::Minor),
            _ => None,
        }
    }

    /// When time alone changes something.
    #[must_use]
    pub fn wake(&self, now: BootMs) -> BootMs {
        let stages = [self.since.plus(MINOR_AFTER_MS), self.since.plus(MAJOR_AFTER_MS)];
        let silence = (!self.started).then(|| self.last.plus(PULSE_GAP_MS));
        let next = stages.into_iter().chain(silence).filter(|at| *at > now).min();
        next.unwrap_or(now.plus(MAJOR_AFTER_MS))
    }

    /// How long it has lasted.
    #[must_use]
    pub fn lasted_ms(&self, now: BootMs) -> i64 {
        now.since(self.since)
    }
}
