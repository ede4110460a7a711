//! How surprising a residual is for this point, learnt as it goes: the limit of every point is its own.
//!
//! A residual is measured in its usual size, and then judged twice: against the tail of what was seen (a power law
//! beyond a high quantile, its index learnt by Hill's mean of logarithms), and against the largest one lately, which
//! fades. The milder judgement counts, so the repeat of a recent peak is no news, and neither is a record that the tail
//! foretold. The result is a surprise in nats, whose order holds however far out a value lies.

use serde::{Deserialize, Serialize};

/// Share of residuals in the tail.
const TAIL: f64 = 0.03;
/// The tail never begins below this many usual sizes, so that a near-constant point has a tail at all.
const TAIL_FROM: f64 = 1.5;
/// Step of the quantile that marks the tail, as a share of itself.
const QUANTILE_STEP: f64 = 0.03;
/// Tail index (mean logarithm of the excess) before it is learnt, and how many tail readings that guess weighs.
const INDEX: f64 = 0.25;
const INDEX_WEIGHT: f64 = 8.0;
/// Tail readings after which the index follows with a fixed pace.
const INDEX_MEMORY: f64 = 100.0;
/// Readings over which the usual size is averaged.
const SIZE_MEMORY: f64 = 500.0;
/// The usual size is taken as at least this share of the point's own spread: a residual that is nearly always zero would
/// otherwise make the least step a wonder.
const SIZE_FLOOR: f64 = 0.1;
/// Residuals beyond so many usual sizes are all alike.
const SIZES_MAX: f64 = 50.0;
/// A peak is compared with at least this many usual sizes, and fades with a half-life of 1,400 readings.
const PEAK_FLOOR: f64 = 3.0;
const PEAK_KEEPS: f64 = 0.9995;
/// One event widens the peak at most so much, so that a single huge one does not blind the point for days.
const PEAK_GROWTH: f64 = 2.5;
/// Commissioning may hold faults: no peak learnt there exceeds so many usual sizes.
const PEAK_LEARNT_MAX: f64 = 20.0;
/// Surprise of a residual that just equals the largest one lately, in nats: one in four hundred.
pub(super) const PEAK_AGAIN: f64 = 6.0;

/// What is known of one residual, in short numbers: ten thousand points are kept, and seven digits of a usual size are
/// plenty. How many were seen is counted once by the point, for all its residuals.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Surprise {
    size: f32,
    tail_from: f32,
    index: f32,
    peak: f32,
}

impl Surprise {
    /// Usual size of the residual, in the point's unit.
    pub(super) fn size(&self) -> f64 {
        f64::from(self.size)
    }

    /// Where the tail begins, in the point's unit.
    pub(super) fn usual_max(&self) -> f64 {
        self.size() * f64::from(self.tail_from).max(TAIL_FROM)
    }

    /// Nats of surprise at `residual`, the `seen`th, 0 while `learning`. `spread` is the point's own, in the same unit.
    #[allow(clippy::cast_possible_truncation)] // What is kept is kept short on purpose.
    pub(super) fn step(&mut self, residual: f64, spread: f64, seen: f64, learning: bool) -> f64 {
        let residual = residual.abs();
        let usual = self.size();
        let size = usual.max(spread * SIZE_FLOOR);
        let z = match (residual > 0.0, size > 0.0) {
            (false, _) => 0.0,
            (true, false) => SIZES_MAX,
            (true, true) => (residual / size).min(SIZES_MAX),
        };
        if self.index == 0.0 {
            (self.index, self.tail_from) = (INDEX as f32, 2.0);
        }
        let from = f64::from(self.tail_from).max(TAIL_FROM);
        let index = f64::from(self.index).max(0.02);
        let mut nats = 0.0;
        if !learning && z > from {
            let tail = (z / from).ln() / index - TAIL.ln();
            let again = (z / f64::from(self.peak).max(PEAK_FLOOR)).ln() / index + PEAK_AGAIN;
            nats = tail.min(again).max(0.0);
        }
        let learnt = if learning { z.min(PEAK_LEARNT_MAX) } else { z };
        self.learn(learnt, from, seen);
        let cap = if seen > 30.0 && usual > 0.0 { 5.0 * usual } else { residual };
        self.size = (usual + (residual.min(cap) - usual) * (1.0 / seen).max(1.0 / SIZE_MEMORY)) as f32;
        nats
    }

    #[allow(clippy::cast_possible_truncation)]
    fn learn(&mut self, z: f64, from: f64, seen: f64) {
        let (tail_from, peak) = (f64::from(self.tail_from), f64::from(self.peak));
        let hurry = if seen < 100.0 { 5.0 / seen.max(5.0) } else { 0.0 };
        let step = QUANTILE_STEP * tail_from.max(0.5) + hurry;
        self.tail_from = (tail_from + if z > tail_from { step * (1.0 - TAIL) } else { -step * TAIL }) as f32;
        if z > from {
            let excess = (z / from).ln().min(2.0);
            let pace = (seen * TAIL + INDEX_WEIGHT).min(INDEX_MEMORY);
            self.index += ((excess - f64::from(self.index)) / pace) as f32;
        }
        let widest = peak.max(PEAK_FLOOR) * PEAK_GROWTH;
        self.peak = (peak * PEAK_KEEPS).max(z.min(widest)) as f32;
    }
}
