//! A value that stands still: suspicious only where it never did so long before.

use serde::{Deserialize, Serialize};

use super::surprise::PEAK_AGAIN;

/// Equal readings in a row before a stand-still is looked at.
const RUN_MIN: u32 = 36;
/// So many times the longest stand-still seen before.
const LONGER: u32 = 6;

/// Stand-stills of one point.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Flat {
    last: f64,
    run: u32,
    longest: u32,
    moved: bool,
}

impl Flat {
    /// Nats of surprise at the present stand-still.
    pub(super) fn step(&mut self, x: f64, learning: bool) -> f64 {
        let same = x.total_cmp(&self.last).is_eq();
        self.last = x;
        if !same {
            self.longest = self.longest.max(self.run);
            (self.run, self.moved) = (1, true);
            return 0.0;
        }
        self.run = self.run.saturating_add(1);
        if learning {
            self.longest = self.longest.max(self.run);
        }
        let long = RUN_MIN.max(self.longest.saturating_mul(LONGER));
        // A point that never moved is a constant, not a dead sensor.
        if self.moved && self.run >= long { PEAK_AGAIN + 1.0 + f64::from(self.run / long).ln() } else { 0.0 }
    }
}
