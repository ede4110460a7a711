//! How large the moves of one point are on one time scale, and how surprising a given move is.
//!
//! Owns the usual size, the share of moves that go beyond it and the weight of their tail. Knows neither time nor points.
//! Scale-free: everything beyond `size` is a ratio, so scaling a point changes nothing. What a move is worth is judged
//! before it is learnt from, and a long excursion is learnt from only when it is over.

/// A move of more than this many usual sizes (mean absolute moves) is an excursion. For Gaussian noise that is 3.2 standard
/// deviations: rare, yet seen often enough in commissioning to learn how the tail behaves.
pub const ODD: f64 = 4.0;

/// Share of excursions assumed before any is counted (Gaussian noise: 0.0014), worth [`SHARE_WEIGHT`] snapshots.
const SHARE: f32 = 0.002;
const SHARE_WEIGHT: f64 = 500.0;

/// Tail weight assumed before any excursion is seen, and the least ever believed: the chance of a move twice as large is
/// 2^(1/0.25) = 16 times smaller. Lighter tails are not to be trusted beyond what was seen.
pub const TAIL: f32 = 0.25;
const TAIL_WEIGHT: f64 = 5.0;

/// Snapshots over which sizes and shares are forgotten: two weeks at one a minute.
const MEMORY: f64 = 20_000.0;
const TAIL_MEMORY: f64 = 500.0;

/// Largest logarithm of an excursion that one excursion may teach: a real fault in commissioning must not teach that
/// everything is usual.
const TAUGHT_MOST: f64 = 1.4;

/// Snapshots on this scale before sizes are clipped and excursions counted.
const WARM: f64 = 20.0;

/// Statistics of one scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Mean absolute move, learnt with clipped steps.
    pub size: f32,
    /// The size that is believed: `size` and what the faster scales foretell.
    pub believed: f32,
    /// Share of snapshots within excursions.
    pub share: f32,
    /// Mean logarithm of the peak of an excursion over [`ODD`] (Hill's estimate of the tail).
    pub tail: f32,
    /// Excursions seen.
    pub runs: f32,
    /// Peak of the present excursion; 0 outside.
    pub peak: f32,
    /// Length of the present excursion, in snapshots.
    pub length: f32,
}

impl Default for Band {
    fn default() -> Self {
        Self { size: 0.0, believed: 0.0, share: SHARE, tail: TAIL, runs: 0.0, peak: 0.0, length: 0.0 }
    }
}

impl Band {
    /// Minus the decimal logarithm of the chance of a move of `ratio` usual sizes; no tail lighter than `least` is
    /// believed, and `doubt` makes it heavier.
    pub fn surprise(&self, ratio: f64, least: f32, doubt: f64) -> f64 {
        let base = -f64::from(self.share.max(1e-6)).log10();
        if ratio <= ODD {
            return base * (ratio / ODD) * (ratio / ODD);
        }
        base + (ratio / ODD).log10() / (f64::from(self.tail.max(least)) + doubt)
    }

    /// Learns from a move of `size`; `seen` snapshots were seen on this scale, `patience` is the longest excursion that
    /// may still be a fault.
    pub fn learn(&mut self, size: f64, seen: f64, patience: f64) {
        let usual = f64::from(self.size);
        let ratio = self.ratio(size);
        let odd = ratio > ODD && seen >= WARM;
        let clip = if odd { 2.0 } else { 5.0 };
        let step = if seen > WARM && usual > 0.0 { size.min(clip * usual) } else { size };
        self.size += single((1.0 / seen).max(1.0 / MEMORY) * (step - usual));
        if self.believed <= 0.0 || seen < WARM {
            return;
        }
        if odd {
            self.peak = self.peak.max(single(ratio));
            self.length += 1.0;
            if f64::from(self.length) < patience {
                return;
            }
        }
        let share = single((1.0 / (seen + SHARE_WEIGHT)).max(1.0 / MEMORY));
        self.share -= share * self.share;
        if self.peak > 0.0 {
            self.share = (self.share + share * self.length * (1.0 - self.share)).min(0.5);
            self.runs += 1.0;
            let excess = (f64::from(self.peak) / ODD).ln().min(TAUGHT_MOST);
            let weight = (1.0 / (f64::from(self.runs) + TAIL_WEIGHT)).max(1.0 / TAIL_MEMORY);
            self.tail += single(weight * (excess - f64::from(self.tail)));
            self.peak = 0.0;
            self.length = 0.0;
        }
    }

    /// 1 for the lightest tail that is believed, less for heavier ones.
    pub fn lightness(&self) -> f64 {
        f64::from(TAIL / self.tail.max(TAIL))
    }

    /// `size` in believed sizes; 0 while nothing is known.
    pub fn ratio(&self, size: f64) -> f64 {
        if self.believed > 0.0 { size / f64::from(self.believed) } else { 0.0 }
    }
}

/// A statistic as it is kept: single precision, seven digits are more than readings can teach.
#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is asked for")]
pub fn single(value: f64) -> f32 {
    value as f32
}
