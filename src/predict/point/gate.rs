//! From surprise to an alarm: raise once, hold, clear, and ask for more from a point that keeps crying.

use serde::{Deserialize, Serialize};

use super::surprise::PEAK_AGAIN;

/// Nats at which an alarm is raised: a little more than the repeat of the largest residual lately.
const RAISE: f64 = PEAK_AGAIN + 0.1;
/// Readings that an event and its alarm last after the surprise is over.
const HOLD: u16 = 24;
/// Within an event, only a surprise larger by so much is told again.
const AGAIN: f64 = 1.0;
/// A point may raise two alarms in about 3,000 readings for nothing; each further one asks for this much more surprise.
const FREE: f32 = 2.0;
const DEARER: f32 = 1.0;
const FORGETS: f32 = 3_000.0;

/// State of the alarm of one point.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Gate {
    event: f32,
    event_left: u16,
    alarm_left: u16,
    raised: f32,
    since_ms: i64,
}

impl Gate {
    /// Surprise that is worth telling, and when the standing alarm was raised.
    pub(super) fn step(&mut self, at_ms: i64, nats: f64) -> (f64, Option<i64>) {
        self.event_left = self.event_left.saturating_sub(1);
        if self.event_left == 0 {
            self.event = 0.0;
        }
        let fresh = nats > PEAK_AGAIN && (self.event_left == 0 || nats > f64::from(self.event) + AGAIN);
        let told = if fresh { nats } else { nats.min(PEAK_AGAIN) / 2.0 };
        self.raised -= self.raised / FORGETS;
        if fresh {
            self.note(nats);
            let price = (self.raised - FREE).max(0.0) * DEARER;
            self.raised += 1.0;
            if nats >= RAISE + f64::from(price) {
                if self.alarm_left == 0 {
                    self.since_ms = at_ms;
                }
                self.alarm_left = HOLD + 1;
            }
        }
        self.alarm_left = self.alarm_left.saturating_sub(1);
        (told, self.standing())
    }

    #[allow(clippy::cast_possible_truncation)] // Seven digits of a surprise are plenty.
    fn note(&mut self, nats: f64) {
        (self.event, self.event_left) = (nats as f32, HOLD);
    }

    /// When the alarm that stands was raised.
    pub(super) fn standing(&self) -> Option<i64> {
        (self.alarm_left > 0).then_some(self.since_ms)
    }
}
