//! How often the list rings: the counts of EEMUA 191, over the boot clock.

use std::collections::VecDeque;

use crate::model::time::BootMs;

/// Births remembered; beyond it the hour's count stands still, and ten minutes' does so only in a flood of thousands.
const BIRTHS_MAX: usize = 4096;
/// More new alarms than this in ten minutes are a flood.
pub(super) const FLOOD_ABOVE: u32 = 10;
const TEN_MINUTES_MS: i64 = 600_000;
const HOUR_MS: i64 = 3_600_000;

/// Moments of birth within the last hour.
#[derive(Debug, Default)]
pub(super) struct Births(VecDeque<BootMs>);

impl Births {
    pub(super) fn add(&mut self, at: BootMs) {
        self.forget(at);
        if self.0.len() == BIRTHS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(at);
    }

    fn forget(&mut self, now: BootMs) {
        while self.0.front().is_some_and(|t| now.since(*t) > HOUR_MS) {
            self.0.pop_front();
        }
    }

    /// `(last ten minutes, last hour)`.
    pub(super) fn counts(&mut self, now: BootMs) -> (u32, u32) {
        self.forget(now);
        let recent = self.0.iter().rev().take_while(|t| now.since(**t) <= TEN_MINUTES_MS).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        (count(recent), count(self.0.len()))
    }
}
