//! One point on four time scales: how surprising is what it does now, and is it back to what it did before.
//!
//! A ladder of moving averages, each four times slower than the one before; the differences between neighbours are the
//! moves of the point on that scale. A step shows on the fast ones, a slow shift of the level on the slow ones. Counts
//! snapshots, never seconds, so the sampling period need not be known.
//!
//! Owns one point's state. Knows no other point, no alarm and no clock.

use super::band::{Band, TAIL, single};

/// Number of scales.
pub const RUNGS: usize = 4;

/// Memory of the averages, in snapshots.
const MEMORY: [f64; RUNGS] = [2.0, 8.0, 32.0, 128.0];

/// Size of a scale's moves over those of the scale before, for white noise: computed from the averages' variances.
const WHITE: [f64; RUNGS] = [1.0, 0.73, 0.42, 0.5];

/// Memories of a scale that must have passed before its own size counts as much as what faster scales foretell.
const FORETOLD: f64 = 10.0;

/// Most that a size may grow from one scale to the next by foretelling: a random walk doubles.
const GROWTH: f64 = 2.0;

/// How much heavier the tail of a point that wanders may be than what little was seen of it.
const DOUBT: f64 = 1.4;

/// Snapshots before anything is judged.
const FIRST: f64 = 8.0;

/// A point that moved fewer times than this in its life may support others but raises nothing alone.
const FEW_MOVES: u16 = 20;
const FEW_MOVES_SURPRISE: f64 = 3.0;

/// What was odd for so many snapshots has become usual, by the scale it showed on: a jump that stays is another way of
/// working sooner than a level that creeps away; a point with a heavy tail jumps often, and is believed sooner.
const ACCEPT: [f64; RUNGS] = [512.0, 512.0, 512.0, 2048.0];

/// Back: this share of the way from the odd level to the one before is still missing at most, ...
const BACK: f64 = 0.5;
/// ... or the distance is no more than this many usual sizes.
const NEAR: f64 = 2.0;

/// What kind of move a suspect made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// Within a few snapshots.
    #[default]
    Sudden,
    /// To another level, and stays.
    Lasting,
    /// Little by little, or so small within the noise that nobody can tell when it began.
    Drift,
}

/// Why a point is watched: it was a suspect when the alarm was raised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// It keeps the alarm standing; otherwise it only took part.
    pub main: bool,
    /// Scale it showed on.
    pub rung: u8,
    /// How it moved.
    pub shape: Shape,
    /// Level before.
    pub usual: f64,
    /// Largest distance from it since.
    pub peak: f64,
}

impl Held {
    /// Most of the way back to the level before, or beyond it.
    fn returned(&self, now: f64) -> bool {
        let away = now - self.usual;
        (if self.peak < 0.0 { -away } else { away }) <= BACK * self.peak.abs()
    }
}

/// State of one point.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ladder {
    /// Snapshots seen in all.
    pub seen: u32,
    /// Snapshots since the averages were set anew.
    pub fresh: u32,
    /// Snapshots with a value other than the one before.
    pub moves: u16,
    /// Snapshots without a value, in a row.
    pub missing: u16,
    /// Last value.
    pub last: f64,
    /// The averages, fast to slow.
    pub level: [f64; RUNGS],
    /// The moves on each scale.
    pub bands: [Band; RUNGS],
    /// The two slow averages when things began to look odd.
    pub mark: [f64; 2],
    /// Snapshots as a suspect; counted down otherwise.
    pub odd_for: u32,
    /// Set while a suspect.
    pub held: Option<Held>,
    /// Surprise of the last value: minus the decimal logarithm of its chance.
    pub surprise: f64,
    /// Scale of the greatest surprise.
    pub top: u8,
}

impl Ladder {
    /// Takes a value; `learns` is false while something is odd.
    pub fn step(&mut self, value: f64, learns: bool) {
        if self.fresh == 0 {
            self.level = [value; RUNGS];
        }
        self.moves = self.moves.saturating_add(u16::from(self.seen > 0 && value.to_bits() != self.last.to_bits()));
        self.last = value;
        self.missing = 0;
        self.seen = self.seen.saturating_add(1);
        self.fresh = self.fresh.saturating_add(1);
        let start = 1.0 / f64::from(self.fresh);
        for (level, memory) in self.level.iter_mut().zip(MEMORY) {
            *level += start.max(1.0 / memory) * (value - *level);
        }
        self.odd_for = self.odd_for.saturating_sub(1);
        self.judge();
        if learns {
            self.learn();
        }
    }

    /// It gave values, lately too.
    pub fn known(&self) -> bool {
        self.fresh > 0 && self.missing < super::MISSING
    }

    /// The averages start anew with the next value: too much was missed.
    pub fn restart(&mut self) {
        self.fresh = 0;
        self.surprise = 0.0;
        self.held = None;
    }

    /// Remembers the slow averages: what comes may be a fault.
    pub fn mark(&mut self) {
        self.mark = [self.level[2], self.level[3]];
    }

    /// Makes the point a suspect; [`Self::mark`] said what was usual.
    pub fn hold(&mut self, main: bool) {
        let rung = self.top;
        let usual = self.mark[usize::from(rung >= 3)];
        let fast = (self.level[1] - self.level[2]).abs();
        let slow = (self.level[2] - self.level[3]).abs();
        let shape = match rung {
            0 | 1 => Shape::Sudden,
            3 if fast < 0.4 * slow => Shape::Drift,
            _ => Shape::Lasting,
        };
        self.held = Some(Held { main, rung, shape, usual, peak: self.now(rung) - usual });
    }

    /// Is the suspect back where it was, or has what was odd become usual (or does it not matter)? To be asked once a
    /// snapshot.
    pub fn back(&mut self) -> bool {
        let Some(mut held) = self.held else { return true };
        self.odd_for = self.odd_for.saturating_add(2); // one of them goes with every value
        let calm = self.level[2] - held.usual;
        if calm * held.peak > 0.0 && calm.abs() > held.peak.abs() {
            held.peak = calm;
        }
        self.held = Some(held);
        let now = self.now(held.rung);
        let near = NEAR * f64::from(self.bands[usize::from(held.rung).max(1)].believed);
        !held.main || held.returned(now) || (now - held.usual).abs() <= near || self.accepted(held.rung)
    }

    /// Odd for so long that it has become usual.
    fn accepted(&self, rung: u8) -> bool {
        let rung = usize::from(rung);
        f64::from(self.odd_for) > ACCEPT[rung] * self.bands[rung].lightness()
    }

    /// No suspect any more: the slow averages go back to the level before where the point did, else they begin anew.
    pub fn release(&mut self) {
        let Some(held) = self.held.take() else { return };
        let now = self.level[0];
        if held.returned(now) && !self.accepted(held.rung) {
            self.level.fill(held.usual);
        } else {
            self.level.fill(now);
            self.fresh = self.fresh.min(2);
            self.odd_for = 0;
        }
    }

    /// The level now: smoother for a suspect that showed on a slow scale.
    pub fn now(&self, rung: u8) -> f64 {
        self.level[usize::from(rung >= 2)]
    }

    fn size(&self, rung: usize) -> f64 {
        let faster = if rung == 0 { self.last } else { self.level[rung - 1] };
        (faster - self.level[rung]).abs()
    }

    fn judge(&mut self) {
        let seen = f64::from(self.seen);
        let (mut best, mut top) = (0.0, 0_u8);
        let (mut before, mut growth) = (0.0, 1.0_f64);
        for (name, rung) in (0_u8..).zip(0..RUNGS) {
            let size = self.size(rung);
            let band = &mut self.bands[rung];
            let own = f64::from(band.size);
            let passed = if rung == 0 { seen } else { (seen - MEMORY[rung - 1]).max(0.0) } / MEMORY[rung];
            let believed = if rung == 0 {
                own
            } else {
                let foretold = before * (WHITE[rung] * growth).clamp(WHITE[rung], GROWTH);
                (passed * own + FORETOLD * foretold) / (passed + FORETOLD)
            };
            growth = if before > 0.0 { (believed / before / WHITE[rung]).clamp(1.0, 6.0) } else { 1.0 };
            before = believed;
            band.believed = single(believed);
            // A point that wanders was seen to do so only a few times on this scale: the tail is anybody's guess.
            let doubt = DOUBT * (growth - 1.0).clamp(0.0, 1.0) / (passed + 1.0);
            let surprise = if seen < FIRST { 0.0 } else { band.surprise(band.ratio(size), TAIL, doubt) };
            if surprise > best {
                (best, top) = (surprise, name);
            }
        }
        self.top = top;
        self.surprise = if self.moves < FEW_MOVES { best.min(FEW_MOVES_SURPRISE) } else { best };
    }

    fn learn(&mut self) {
        for rung in 0..RUNGS {
            let size = self.size(rung);
            let seen = f64::from(self.seen) - if rung == 0 { 1.0 } else { MEMORY[rung - 1] };
            if seen >= 1.0 {
                self.bands[rung].learn(size, seen, 4.0 * MEMORY[rung] + 8.0);
            }
        }
    }
}
