//! Owns the way back: from the first seen point to the height of release, as a distribution.
//!
//! For every rung of the fit and every plausible time `b` between release and first sight, the state at the first point leads
//! back to a height and a speed of release (the volume of states is kept along the way, so no further factor appears); the
//! belief about speeds of release (let go, gently, hard, upwards) and about `b` weighs it. Heights beyond the roof or below the
//! ground are impossible.
//!
//! Refuses to know pixels and classes. Invariant: `low ≤ high`, both within ground and roof edge.

use super::drag;
use super::fit::{Fit, HEIGHT, SPEED};

/// Share of belief outside the stated range, both sides together.
const OUTSIDE: f64 = 0.10;
const BINS: usize = 320;
/// Rungs and times with less than this share are skipped.
const SHARE_MIN: f64 = 0.005;

/// How the track began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    /// The first point is at the edge of the picture: released out of sight.
    pub(super) at_edge: bool,
    /// Time between frames, seconds.
    pub(super) frame_s: f64,
    /// Highest place a thing can be let go from, metres.
    pub(super) top_m: f64,
    /// Height at which the picture ends above the first point, metres.
    pub(super) sight_m: f64,
    /// Error of the calibration here, metres.
    pub(super) error_m: f64,
    /// Factor on all errors for what the model leaves out.
    pub(super) widen: f64,
}

/// Release heights, metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Release {
    pub(super) low_m: f64,
    pub(super) high_m: f64,
    /// Lower end where the upper one is open: all of the doubt is on this side.
    pub(super) one_sided_low_m: f64,
    pub(super) median_m: f64,
    /// Belief that it was released above the picture.
    pub(super) above_sight: f64,
}

/// The range of release heights.
pub(super) fn range(fit: &Fit, shares: &[f64], beginning: Beginning) -> Option<Release> {
    let histogram = Histogram::of(fit, shares, beginning)?;
    let (low, high) = (histogram.quantile(OUTSIDE / 2.0), histogram.quantile(1.0 - OUTSIDE / 2.0));
    let above_sight = 1.0 - histogram.below(beginning.sight_m);
    Some(Release {
        low_m: low,
        high_m: high,
        one_sided_low_m: histogram.quantile(OUTSIDE),
        median_m: histogram.quantile(0.5),
        above_sight,
    })
}

struct Histogram {
    from_m: f64,
    width_m: f64,
    bins: Vec<f64>,
    sum: f64,
}

/// Nodes and weights of the normal distribution in five points (Gauss-Hermite).
const NODES: [(f64, f64); 5] =
    [(-2.857, 0.01126), (-1.3556, 0.22208), (0.0, 0.53333), (1.3556, 0.22208), (2.857, 0.01126)];
/// Times back that are tried.
const STEPS: u8 = 22;

impl Histogram {
    fn of(fit: &Fit, shares: &[f64], beginning: Beginning) -> Option<Self> {
        let from_m = -2.0;
        let width_m = (beginning.top_m - from_m) / BINS as f64;
        let mut histogram = Self { from_m, width_m, bins: vec![0.0; BINS], sum: 0.0 };
        for (rung, share) in fit.rungs.iter().zip(shares).filter(|(_, share)| **share >= SHARE_MIN) {
            let speed_error = rung.cov[SPEED][SPEED].max(0.0).sqrt() * beginning.widen;
            let height_error = rung.cov[HEIGHT][HEIGHT].max(0.0).sqrt() * beginning.widen;
            let tie = rung.cov[HEIGHT][SPEED] / rung.cov[SPEED][SPEED].max(1e-12);
            let tied = (tie * speed_error).abs().min(height_error);
            let own_error = (height_error * height_error - tied * tied).max(0.0).sqrt().hypot(beginning.error_m);
            for (node, weight) in NODES {
                let speed = rung.params[SPEED] + node * speed_error;
                let height = rung.params[HEIGHT] + tie * node * speed_error;
                let state = State { height, speed, terminal: rung.terminal_ms, error: own_error };
                histogram.add_way_back(state, share * weight, beginning);
            }
        }
        (histogram.sum > 0.0).then_some(histogram)
    }

    /// All times back from one state.
    fn add_way_back(&mut self, state: State, share: f64, beginning: Beginning) {
        // Finer near the first point, where most releases are: b = s² grows from a fraction of a frame.
        let longest = BACK_MAX_S;
        let steps = f64::from(STEPS);
        let mut ways = [(0.0, 0.0); STEPS as usize];
        let mut sum = 0.0;
        for (index, way) in ways.iter_mut().enumerate() {
            let share = (index as f64 + 0.5) / steps;
            let back = longest * share * share;
            let width = longest * 2.0 * share / steps;
            let Some((above, then)) = drag::before(state.speed, state.terminal, back) else { break };
            let height = state.height + above;
            if height > beginning.top_m {
                break;
            }
            let belief = width * release_speed(then) * time_unseen(back, beginning);
            let impossible = height < 0.2 || (beginning.at_edge && height < beginning.sight_m - SIGHT_SLACK_M);
            *way = (height, if impossible { 0.0 } else { belief });
            sum += way.1;
        }
        if sum <= 0.0 {
            return;
        }
        for (height, belief) in ways {
            if belief > SHARE_MIN * sum {
                self.add(height, state.error, share * belief);
            }
        }
    }

    fn add(&mut self, height: f64, error: f64, share: f64) {
        for (node, weight) in NODES {
            let bin = ((height + node * error - self.from_m) / self.width_m).clamp(0.0, BINS as f64 - 1.0);
            self.bins[whole(bin)] += share * weight;
        }
        self.sum += share;
    }

    fn quantile(&self, part: f64) -> f64 {
        let total: f64 = self.bins.iter().sum();
        let wanted = part * total;
        let mut sum = 0.0;
        for (index, bin) in self.bins.iter().enumerate() {
            if sum + bin >= wanted && *bin > 0.0 {
                return self.from_m + self.width_m * (index as f64 + (wanted - sum) / bin);
            }
            sum += bin;
        }
        self.from_m + self.width_m * BINS as f64
    }

    fn below(&self, height: f64) -> f64 {
        let total: f64 = self.bins.iter().sum();
        let end = whole(((height - self.from_m) / self.width_m).clamp(0.0, BINS as f64));
        self.bins[..end].iter().sum::<f64>() / total
    }
}

/// A number known to lie within `0..=BINS`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(number: f64) -> usize {
    number as usize
}

struct State {
    height: f64,
    speed: f64,
    terminal: f64,
    error: f64,
}

/// What enters the picture was released above its edge, give or take the size of the thing, metres.
const SIGHT_SLACK_M: f64 = 0.5;
/// Nothing falls longer unseen before its first point, seconds (44 m in free fall, 60 m of facade with light things).
const BACK_MAX_S: f64 = 3.6;

/// Belief per m/s about the vertical speed of release, downwards positive: let go or pushed level, gently, hard down, up.
fn release_speed(down_ms: f64) -> f64 {
    let bell = |mean: f64, spread: f64| (-0.5 * ((down_ms - mean) / spread).powi(2)).exp() / (2.507 * spread);
    0.45 * bell(0.0, 0.3) + 0.3 * bell(0.0, 1.2) + 0.13 * bell(3.0, 3.0) + 0.12 * bell(-4.0, 2.2)
}

/// Belief per second about the time between release and the first point.
fn time_unseen(back_s: f64, beginning: Beginning) -> f64 {
    if beginning.at_edge {
        return 1.0;
    }
    let frame = beginning.frame_s.max(0.01);
    let at_once = if back_s < 1.5 * frame { 1.0 / (1.5 * frame) } else { 0.0 };
    let tail = |mean: f64| (-back_s / mean).exp() / mean;
    0.5 * at_once + 0.35 * tail(0.3) + 0.15 * tail(1.0)
}
