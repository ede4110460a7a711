//! Whose clock is how wrong: the difference between a camera's clock and ours, from the fastest of its last events.
//!
//! An event's arrival is later than its camera time by the clocks' difference plus the way; the smallest of several is
//! nearest to the difference alone. Cameras with wrong clocks are put right by it, and two cameras that saw the same thing agree.

use std::collections::{BTreeMap, VecDeque};

use crate::model::time::WallMs;

/// Events of a camera that are remembered.
const LAST: usize = 16;
/// A difference that moves by more than this is a clock that was set: what was known of it is forgotten.
const STEP_MS: i64 = 60_000;
/// A clock that is wrong by more than a century is no clock: its time is left out.
const ABSURD_MS: u64 = 100 * 366 * 24 * 3_600_000;
/// Cameras remembered; the configuration is far smaller.
const CAMERAS_MAX: usize = 4_096;

/// Differences by camera.
#[derive(Debug, Default)]
pub struct Clocks(BTreeMap<String, VecDeque<i64>>);

impl Clocks {
    /// Enters an event; returns when it happened by our clock, and what was added to the camera's time.
    pub fn happened(&mut self, camera: &str, camera_time: Option<WallMs>, arrived: WallMs) -> (i64, Option<i64>) {
        let Some(told) = camera_time else { return (arrived.0, None) };
        if !self.0.contains_key(camera) && self.0.len() >= CAMERAS_MAX {
            return (arrived.0, None);
        }
        let seen = self.0.entry(camera.to_owned()).or_default();
        let late = arrived.0.saturating_sub(told.0);
        if late.unsigned_abs() > ABSURD_MS {
            return (arrived.0, None);
        }
        if seen.iter().min().is_some_and(|known| late.saturating_sub(*known).abs() > STEP_MS) {
            seen.clear();
        }
        if seen.len() == LAST {
            seen.pop_front();
        }
        seen.push_back(late);
        let offset = seen.iter().min().copied().unwrap_or(late);
        (told.0.saturating_add(offset), Some(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_event_tells_the_difference_and_a_set_clock_starts_anew() {
        let mut clocks = Clocks::default();
        let mut check = |told: Option<i64>, arrived: i64, happened: i64| {
            let (at, _) = clocks.happened("a", told.map(WallMs), WallMs(arrived));
            assert_eq!(at, happened, "{told:?} {arrived}");
        };
        check(None, 500, 500);
        check(Some(1_000_000), 1_003_000, 1_003_000);
        // Faster on its way: the difference is smaller than was thought.
        check(Some(1_010_000), 1_010_400, 1_010_400);
        // Held up by the recorder: not taken for its true time.
        check(Some(1_020_000), 1_029_000, 1_020_400);
        // The camera's clock jumped by an hour.
        check(Some(4_630_000), 1_031_000, 1_031_000);
        check(Some(i64::MIN), i64::MAX, i64::MAX);
    }
}
