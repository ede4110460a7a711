//! Owns how far the beliefs of [`release`](super::release) can be trusted: which of their quantiles bound the range that is
//! stated.
//!
//! The beliefs follow from physics, with throws, gusts and detectors as somebody imagined them. Whoever states the middle 90 %
//! of them is right in 93 of 100 cases for things that are let go and in 75 for paper. So the levels are learnt: from the
//! quantities of the class and a few about the fall, the level below which the truth lay in 5, and the one above which it lay
//! in 5 of 100 simulated cases (quantile regression, `tests/falling/learn.rs`), in several simulators that share no law of
//! motion. What is learnt is a level of belief, never a height: a wrong level makes a range wider or narrower, not absurd.
//!
//! Refuses to know heights. Invariant: `below < 0.5 < above`.

use super::class;
use super::fit::{HEIGHT, Rung, SPEED};
use super::release::{Beginning, Spread};

mod weights;

/// How many quantities are looked at.
pub const QUANTITIES: usize = class::QUANTITIES + OWN;
/// Of them, those about the release.
const OWN: usize = 12;

/// Levels of belief that bound the stated range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Levels {
    /// Of the lower and upper end of a closed range.
    pub(super) below: f64,
    pub(super) above: f64,
    /// Of the lower end where the upper one is open: all of the doubt is on this side.
    pub(super) below_open: f64,
}

/// The levels for these quantities.
pub(super) fn levels(quantities: &[f64; QUANTITIES]) -> Levels {
    let [below, above, below_open] = weights::NET.scores(quantities).map(|score| 1.0 / (1.0 + (-score).exp()));
    Levels { below: below.min(HALF), above: above.max(1.0 - HALF), below_open: below_open.min(HALF) }
}

/// The median always lies within.
const HALF: f64 = 0.45;

/// The quantities, in the order of the weights.
pub(super) fn quantities(
    class: &[f64; class::QUANTITIES],
    odds: class::Odds,
    best: &Rung,
    (spread, beginning): (&Spread, &Beginning),
) -> [f64; QUANTITIES] {
    let (low, middle, high) = (spread.quantile(0.1), spread.quantile(0.5), spread.quantile(0.9));
    let first = best.params[HEIGHT];
    let own = [
        odds.dense,
        odds.light,
        (high - middle).max(0.05).ln(),
        (middle - low).max(0.05).ln(),
        1.0 - spread.below(beginning.sight_m),
        if beginning.through_top { 1.0 } else { 0.0 },
        best.cov[SPEED][SPEED].max(1e-4).ln() / 2.0,
        best.cov[HEIGHT][HEIGHT].max(1e-6).ln() / 2.0,
        ((middle - first) / 3.0).clamp(-1.0, 4.0),
        ((beginning.top_m - middle) / 10.0).clamp(0.0, 3.0),
        (middle / 10.0).clamp(0.0, 3.0),
        (best.params[SPEED] / best.terminal_ms).clamp(-1.0, 1.5),
    ];
    let mut all = [0.0; QUANTITIES];
    all[..class::QUANTITIES].copy_from_slice(class);
    all[class::QUANTITIES..].copy_from_slice(&own);
    all
}
