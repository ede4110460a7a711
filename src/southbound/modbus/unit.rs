//! Health of one unit behind a line: up, suspect, quarantined. Pure; time is an argument.
//!
//! A time-out makes a unit *suspect*: its requests rest, and one short read (a probe) must be answered before they go on.
//! On RTU the probe also flushes: its shape differs from every unanswered request, so that no late answer can stand for
//! it. After [`TIMEOUTS_MAX`] time-outs in a row the unit is *quarantined*: probed with a pause that doubles up to
//! [`PAUSE_MS_MAX`].
//!
//! Probes wait for less than requests: three times what the line usually needs, at least [`PROBE_MS_MIN`]. A unit that
//! shows itself alive (a late answer) and every [`FULL_EVERY`]th probe get the whole time-out, so that a slow unit is
//! never shut out by its fast siblings.

use crate::model::time::BootMs;

/// Time-outs in a row that lead into quarantine.
pub const TIMEOUTS_MAX: u32 = 3;

/// Longest pause between probes.
pub const PAUSE_MS_MAX: i64 = 60_000;

/// Shortest wait for a probe's answer.
pub const PROBE_MS_MIN: i64 = 100;

/// Which probes wait for the whole time-out.
pub const FULL_EVERY: u32 = 16;

/// How a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Never asked.
    Fresh,
    /// Answers.
    Up,
    /// Missed its last answer, or more.
    Suspect,
    /// Missed [`TIMEOUTS_MAX`] answers in a row.
    Quarantined,
}

/// What an outcome changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing.
    Same,
    /// First answer ever, or first after a quarantine: tell the world, all requests are due.
    Up,
    /// Answered its probe as a suspect: all requests are due.
    Cleared,
    /// First time-out: the points of the request are bad, its requests rest.
    Suspected,
    /// Another time-out: all its points are bad.
    StillSilent,
    /// Into quarantine: tell the world.
    Quarantined,
}

/// The state of one unit.
#[derive(Debug, Clone)]
pub struct UnitHealth {
    health: Health,
    timeouts: u32,
    /// Least period of its points: the first pause.
    period_ms: i64,
    pause_ms: i64,
    probe_at: BootMs,
    probes: u32,
    slow: bool,
    /// Has had its probe for being slow.
    patient: bool,
    /// Has answered since it was last in quarantine.
    known: bool,
    /// Spreads the probes of look-alike units.
    salt: u32,
}

impl UnitHealth {
    /// A unit that nobody has asked yet.
    #[must_use]
    pub fn new(period_ms: i64, salt: u32) -> Self {
        let period_ms = period_ms.clamp(100, PAUSE_MS_MAX);
        let (health, timeouts, probes) = (Health::Fresh, 0, 0);
        let (pause_ms, probe_at) = (period_ms, BootMs(0));
        let (slow, patient, known) = (false, false, false);
        Self { health, timeouts, period_ms, pause_ms, probe_at, probes, slow, patient, known, salt }
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health
    }

    /// Its requests rest.
    #[must_use]
    pub fn rests(&self) -> bool {
        matches!(self.health, Health::Suspect | Health::Quarantined)
    }

    /// When the next probe is wanted; meaningful while it rests.
    #[must_use]
    pub fn probe_at(&self) -> BootMs {
        self.probe_at
    }

    /// From when the probe goes even if it delays others. The first probe of a unit that has answered before goes at
    /// once: most likely one packet was lost.
    #[must_use]
    pub fn force_at(&self) -> BootMs {
        let at_once = self.is_urgent() || self.timeouts == 1 && self.known;
        if at_once { self.probe_at } else { self.probe_at.plus(self.pause_ms) }
    }

    /// Its probes are paid from the line's budget for silent units.
    #[must_use]
    pub fn on_budget(&self) -> bool {
        self.health == Health::Quarantined && !self.is_urgent()
    }

    /// Number of probes sent; picks the shape of the next one.
    #[must_use]
    pub fn probes(&self) -> u32 {
        self.probes
    }

    /// How long the next probe waits, where the line usually needs `usual_ms` (0: not known) and a request may take
    /// `timeout_ms`.
    #[must_use]
    pub fn probe_timeout_ms(&self, usual_ms: i64, timeout_ms: i64) -> i64 {
        let whole = self.slow || usual_ms == 0 || self.probes % FULL_EVERY == FULL_EVERY - 1;
        if whole { timeout_ms } else { (3 * usual_ms).max(PROBE_MS_MIN).min(timeout_ms) }
    }

    /// It answered (an exception is an answer, too).
    pub fn answered(&mut self) -> Turn {
        let was = self.health;
        self.health = Health::Up;
        self.timeouts = 0;
        self.pause_ms = self.period_ms;
        self.slow = false;
        self.patient = false;
        self.known = true;
        self.probes = 0;
        match was {
            Health::Up => Turn::Same,
            Health::Suspect => Turn::Cleared,
            Health::Fresh | Health::Quarantined => Turn::Up,
        }
    }

    /// It did not answer in time; `probe` tells whether the request was one.
    pub fn silent(&mut self, now: BootMs, probe: bool) -> Turn {
        if probe {
            self.probes = self.probes.saturating_add(1);
            self.patient |= self.slow;
            self.slow = false;
        }
        self.timeouts = self.timeouts.saturating_add(1);
        match self.timeouts {
            1 => {
                self.health = Health::Suspect;
                self.probe_at = now;
                Turn::Suspected
            }
            n if n < TIMEOUTS_MAX => {
                self.probe_at = now.plus(self.spread(self.period_ms));
                Turn::StillSilent
            }
            n => {
                self.probe_at = now.plus(self.spread(self.pause_ms));
                self.pause_ms = (self.pause_ms * 2).min(PAUSE_MS_MAX);
                self.health = Health::Quarantined;
                self.known = false;
                if n == TIMEOUTS_MAX { Turn::Quarantined } else { Turn::Same }
            }
        }
    }

    /// A late answer of this unit came by: it lives, and needs more time. Probed at once, but only once: a unit that is
    /// always later than the time-out would fill the line with patient probes.
    pub fn seen_late(&mut self, now: BootMs) {
        self.slow = true;
        if !self.patient {
            self.probe_at = self.probe_at.min(now);
        }
    }

    /// A patient probe is owed.
    fn is_urgent(&self) -> bool {
        self.slow && !self.patient
    }

    /// The line came back: probe it now, the pause starts anew.
    pub fn line_up(&mut self, now: BootMs) {
        self.probe_at = now;
        self.pause_ms = self.period_ms;
    }

    /// ±10 %, the same in every run.
    fn spread(&self, ms: i64) -> i64 {
        let step = i64::from(self.salt.wrapping_mul(37).wrapping_add(self.probes.wrapping_mul(53)) % 21) - 10;
        ms + ms * step / 100
    }
}

/// What a line usually needs for an answer: a histogram by powers of two that forgets by halves.
#[derive(Debug, Clone, Default)]
pub struct Usual {
    buckets: [u32; 32],
    total: u32,
}

impl Usual {
    /// Fewer answers than this say nothing. Few are enough: until they are there every probe waits for a whole time-out,
    /// which the siblings of a unit that is dead from the start pay for; and a unit that was judged too strictly shows
    /// itself by its late answer.
    const ENOUGH: u32 = 5;
    /// Halved at so many.
    const FULL: u32 = 2048;

    /// An answer took this long.
    pub fn enter(&mut self, us: u64) {
        let bucket = usize::try_from(64 - us.leading_zeros()).unwrap_or(0).min(31);
        self.buckets[bucket] += 1;
        self.total += 1;
        if self.total >= Self::FULL {
            self.buckets.iter_mut().for_each(|b| *b /= 2);
            self.total = self.buckets.iter().sum();
        }
    }

    /// 99 of 100 answers took at most this long; 0 while not known, at least 1 otherwise.
    #[must_use]
    pub fn p99_ms(&self) -> i64 {
        if self.total < Self::ENOUGH {
            return 0;
        }
        let mut above = self.total / 100;
        for (bucket, count) in self.buckets.iter().enumerate().rev() {
            if *count > above {
                return ((1i64 << bucket) / 1000).max(1);
            }
            above -= count;
        }
        1
    }
}

/// The share of a line's time that silent units may cost, as a purse that fills with time.
#[derive(Debug, Clone)]
pub struct Budget {
    ms: i64,
    last: BootMs,
    rest: i64,
}

impl Budget {
    /// One twentieth of the time.
    const SHARE: i64 = 20;

    /// With enough for one whole time-out.
    #[must_use]
    pub fn new(now: BootMs, timeout_ms: i64) -> Self {
        Self { ms: timeout_ms, last: now, rest: 0 }
    }

    /// Whether `cost_ms` can be spent. The purse holds at most two whole time-outs.
    pub fn allows(&mut self, now: BootMs, cost_ms: i64, timeout_ms: i64) -> bool {
        let gone = now.since(self.last) + self.rest;
        self.last = now;
        self.rest = gone % Self::SHARE;
        self.ms = (self.ms + gone / Self::SHARE).min(4 * timeout_ms);
        self.ms >= cost_ms
    }

    /// Spends; may go below zero.
    pub fn spend(&mut self, cost_ms: i64) {
        self.ms -= cost_ms;
    }

    /// From when `cost_ms` will be allowed.
    #[must_use]
    pub fn allowed_at(&self, cost_ms: i64) -> BootMs {
        self.last.plus((cost_ms - self.ms).max(0) * Self::SHARE)
    }
}

#[cfg(test)]
mod tests;
