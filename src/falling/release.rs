//! Owns the way back: from the first seen point to the height of release, as a distribution.
//!
//! For every rung of the fit, every speed near the fitted one and every plausible speed of release, the time and height
//! between the two are known in closed form; beliefs about throws and about the time a thing falls unseen weigh them. A thing
//! at its terminal speed forgets when it was released: there the time is free and its belief alone decides. Heights beyond
//! the roof or below the ground are impossible.
//!
//! Refuses to know pixels and classes, and how far its beliefs can be trusted ([`trust`](super::trust)). Invariant: quantiles
//! rise with their level and lie within ground and roof edge.

use super::drag;
use super::fit::{DENSE_RUNGS, Fit, HEIGHT, SPEED};

const BINS: usize = 320;
/// Rungs and times with less than this share are skipped.
const SHARE_MIN: f64 = 0.01;

/// How the track began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    /// The first point is at the edge of the picture: released out of sight.
    pub(super) at_edge: bool,
    /// It came through the top of the picture.
    pub(super) through_top: bool,
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

/// What seems to come through the top was released in the picture after all this much less often than its motion says: it
/// was noticed late, or thrown up just below the edge.
const BELOW_SHARE: f64 = 0.12;

/// Belief in what the fits leave out: spread over so many metres either way, and over all heights.
const NEAR: f64 = 0.02;
const NEAR_M: f64 = 6.0;
const FAR: f64 = 0.005;

impl Beginning {
    /// Share of belief that releases below the edge keep.
    fn below_share(&self) -> f64 {
        if self.through_top { BELOW_SHARE } else { 1.0 }
    }
}

/// Belief about the height of release, metres.
pub(super) struct Spread {
    from_m: f64,
    width_m: f64,
    bins: Vec<f64>,
    /// Beliefs of the rung at hand, before it is given its share.
    fresh: Vec<f64>,
    sum: f64,
}

/// Speeds of release, downwards positive, each with its share of belief: let go or pushed level (0 ± 0.3 m/s), gently
/// (0 ± 1.2), hard down (to 10), upwards (to 10).
const THROWS: [(f64, f64); 22] = [
    (-0.42, 0.05),
    (-0.16, 0.05),
    (0.0, 0.05),
    (0.16, 0.05),
    (0.42, 0.05),
    (-1.7, 0.05),
    (-0.65, 0.05),
    (0.05, 0.05),
    (0.65, 0.05),
    (1.7, 0.05),
    (0.5, 0.03),
    (2.2, 0.03),
    (3.8, 0.03),
    (6.0, 0.03),
    (9.0, 0.02),
    (-1.0, 0.05),
    (-2.2, 0.05),
    (-3.4, 0.05),
    (-4.6, 0.05),
    (-5.8, 0.05),
    (-7.4, 0.05),
    (-9.5, 0.03),
];
/// Speeds around the fitted one that are tried on either side, and how far apart they are, in standard errors.
const NODES: i32 = 3;
const NODE_STEP: f64 = 0.75;
/// Nodes and weights of the normal distribution for the spread of one height.
const NORMAL: [(f64, f64); 5] = [(-2.0, 0.067), (-1.0, 0.2459), (0.0, 0.3742), (1.0, 0.2459), (2.0, 0.067)];
/// Gusts move a dense thing and a light one by about this much, m/s.
const GUST_DENSE: f64 = 0.1;
const GUST_LIGHT: f64 = 0.7;
/// What gusts and sailing do to the height of a light thing on its way, metres.
const SAIL_M: f64 = 1.2;
/// From this share of the terminal speed on, how long it has been falling cannot be read from the speed.
const STEADY_FROM: f64 = 0.965;

impl Spread {
    /// The belief; `None` where no release is possible.
    pub(super) fn of(fit: &Fit, shares: &[f64], beginning: Beginning) -> Option<Self> {
        let from_m = -2.0;
        let width_m = (beginning.top_m - from_m) / BINS as f64;
        let mut spread = Self { from_m, width_m, bins: vec![0.0; BINS], fresh: vec![0.0; BINS], sum: 0.0 };
        for (index, (rung, share)) in fit.rungs.iter().zip(shares).enumerate() {
            if *share < SHARE_MIN {
                continue;
            }
            let gust = if index < DENSE_RUNGS { GUST_DENSE } else { GUST_LIGHT };
            let stated = rung.cov[SPEED][SPEED].max(1e-12).sqrt() * beginning.widen;
            let speed_error = stated.hypot(gust);
            let height_error = rung.cov[HEIGHT][HEIGHT].max(0.0).sqrt() * beginning.widen;
            let tied = rung.cov[HEIGHT][SPEED] / rung.cov[SPEED][SPEED].max(1e-12) * (stated / speed_error).powi(2);
            let sail = if index < DENSE_RUNGS { 0.0 } else { SAIL_M };
            let own = (height_error.powi(2) - (tied * speed_error).powi(2))
                .max(0.0)
                .sqrt()
                .hypot(beginning.error_m)
                .hypot(sail);
            let terminal = rung.terminal_ms;
            let drop =
                Drop { terminal, error: own, releases: THROWS.map(|(speed, _)| drag::since_apex(speed, terminal)) };
            let mut nodes = 0.0;
            for step in -NODES..=NODES {
                nodes += (-0.5 * (NODE_STEP * f64::from(step)).powi(2)).exp();
            }
            let before = spread.sum;
            for step in -NODES..=NODES {
                let sigmas = NODE_STEP * f64::from(step);
                let speed = rung.params[SPEED] + sigmas * speed_error;
                let height = rung.params[HEIGHT] + tied * sigmas * speed_error;
                let weight = (-0.5 * sigmas * sigmas).exp() / nodes;
                spread.add_throws(&drop, height, speed, weight, beginning);
            }
            let sigmas = (rung.terminal_ms - rung.params[SPEED]) / speed_error;
            let density = (-0.5 * sigmas * sigmas).exp() / (2.507 * speed_error);
            spread.add_steady(&drop, rung.params[HEIGHT], density, beginning);
            spread.settle(before, *share);
        }
        spread.admit_doubt();
        (spread.sum > 0.0).then_some(spread)
    }

    /// Every speed of release that leads to the state at the first point.
    fn add_throws(&mut self, drop: &Drop, height: f64, speed: f64, weight: f64, beginning: Beginning) {
        let q = speed / drop.terminal;
        if q.abs() > STEADY_FROM && q > 0.0 && q < 1.0 / STEADY_FROM {
            return;
        }
        let (now_s, below_m) = drag::since_apex(speed, drop.terminal);
        let braking = (1.0 - q * q.abs()).abs().max(0.05) * drag::GRAVITY;
        if !beginning.at_edge {
            // Seen with the first frame or two: the speed of release is the one that is seen, less what a frame adds.
            for frames in [0.25, 0.75, 1.25] {
                let back = frames * beginning.frame_s;
                let release = speed - (1.0 - q * q.abs()) * drag::GRAVITY * back;
                let belief = weight * AT_ONCE / 3.0 * thrown_with(release);
                self.add(height + f64::midpoint(speed, release) * back, drop.error, belief, beginning);
            }
        }
        for ((release, belief), (then_s, then_m)) in THROWS.into_iter().zip(drop.releases) {
            // A throw faster than the terminal speed is braked down to it, never below.
            if (release > drop.terminal) != (q > 1.0) {
                continue;
            }
            let back = now_s - then_s;
            if back >= 0.0 {
                let belief = weight * belief * time_unseen(back, beginning) / braking;
                self.add(height + below_m - then_m, drop.error, belief, beginning);
            }
        }
    }

    /// Falling at the terminal speed already: any time back fits.
    fn add_steady(&mut self, drop: &Drop, height: f64, density: f64, beginning: Beginning) {
        let unit_s = drop.terminal / drag::GRAVITY;
        if density < 1e-6 || drop.terminal > 60.0 {
            return;
        }
        let lost_m = drop.terminal * unit_s * std::f64::consts::LN_2;
        let steps = 16;
        for step in 0..steps {
            let share = (f64::from(step) + 0.5) / f64::from(steps);
            let back = 2.0 * unit_s + BACK_MAX_S * share * share;
            let width = 2.0 * BACK_MAX_S * share / f64::from(steps);
            let error = drop.error.hypot(0.4 * width * drop.terminal);
            let belief = density * time_unseen(back, beginning) * width;
            self.add(height + drop.terminal * back - lost_m, error, belief, beginning);
        }
    }

    /// Scales what was added since `before` to the rung's share.
    fn settle(&mut self, before: f64, share: f64) {
        let added = self.sum - before;
        if added > 0.0 {
            for (bin, fresh) in self.bins.iter_mut().zip(&mut self.fresh) {
                *bin += *fresh * share / added;
                *fresh = 0.0;
            }
            self.sum = before + share;
        }
    }

    fn add(&mut self, height: f64, error: f64, belief: f64, beginning: Beginning) {
        let hidden = beginning.at_edge && height < beginning.sight_m - SIGHT_SLACK_M;
        let belief = if hidden { belief * beginning.below_share() } else { belief };
        if height < 0.2 || height > beginning.top_m || belief <= 0.0 {
            return;
        }
        if error < 0.3 * self.width_m {
            let bin = ((height - self.from_m) / self.width_m).clamp(0.0, BINS as f64 - 1.0);
            self.fresh[whole(bin)] += belief;
            self.sum += belief;
            return;
        }
        for (node, weight) in NORMAL {
            let bin = ((height + node * error - self.from_m) / self.width_m).clamp(0.0, BINS as f64 - 1.0);
            self.fresh[whole(bin)] += belief * weight;
        }
        self.sum += belief;
    }

    /// Some belief in heights that no fall of the ladder leads to: near by, for what the fits leave out, and anywhere.
    fn admit_doubt(&mut self) {
        let reach = whole(NEAR_M / self.width_m).min(BINS - 1);
        let mut sums = vec![0.0; BINS + 1];
        for (index, bin) in self.bins.iter().enumerate() {
            sums[index + 1] = sums[index] + bin;
        }
        let (near, far) = (NEAR * self.sum / (2 * reach + 1) as f64, FAR * self.sum / BINS as f64);
        let share = 1.0 - NEAR - FAR;
        for (index, bin) in self.bins.iter_mut().enumerate() {
            let around = sums[(index + reach + 1).min(BINS)] - sums[index.saturating_sub(reach)];
            *bin = share * *bin + near * around / self.sum + far;
        }
    }

    /// Height below which this part of the belief lies, metres.
    pub(super) fn quantile(&self, part: f64) -> f64 {
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

    /// Belief that it was released below this height.
    pub(super) fn below(&self, height: f64) -> f64 {
        let total: f64 = self.bins.iter().sum();
        let at = ((height - self.from_m) / self.width_m).clamp(0.0, BINS as f64);
        let end = whole(at).min(BINS - 1);
        (self.bins[..end].iter().sum::<f64>() + self.bins[end] * (at - end as f64)) / total
    }
}

/// A number known to lie within `0..=BINS`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(number: f64) -> usize {
    number as usize
}

struct Drop {
    terminal: f64,
    error: f64,
    /// Seconds since the highest point and metres below it for every speed of [`THROWS`].
    releases: [(f64, f64); THROWS.len()],
}

/// What enters the picture was released above its edge, give or take the size of the thing, metres.
const SIGHT_SLACK_M: f64 = 0.5;
/// A steady fall is followed back so far, seconds: 60 m at 5 m/s.
const BACK_MAX_S: f64 = 12.0;

/// Belief that a thing is seen with the first frames after its release, where the picture shows the place of release.
const AT_ONCE: f64 = 0.4;

/// Belief per m/s about the speed of release: the distributions behind [`THROWS`].
fn thrown_with(speed: f64) -> f64 {
    const PARTS: [(f64, f64, f64); 4] = [(0.25, 0.0, 0.3), (0.25, 0.0, 1.2), (0.15, 3.0, 3.2), (0.35, -4.2, 2.8)];
    let part = |(share, mean, spread): (f64, f64, f64)| {
        share / (2.507 * spread) * (-0.5 * ((speed - mean) / spread).powi(2)).exp()
    };
    PARTS.into_iter().map(part).sum()
}

/// Belief per second about the time between release and the first point, beyond the first frames.
fn time_unseen(back_s: f64, beginning: Beginning) -> f64 {
    if beginning.at_edge {
        // Just above the picture as likely as the whole second before.
        return 0.1 + (-back_s / 0.8).exp();
    }
    // Means of 5, 1 and 1/3 seconds, from one exponential.
    let slow = (-back_s / 5.0).exp();
    let middle = slow.powi(5);
    0.05 / 5.0 * slow + 0.15 * middle + 0.4 * 3.0 * middle.powi(3)
}
