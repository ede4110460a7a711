//! The operators that remember: slope over a window, edges in a window. Pure and bounded.

use std::collections::VecDeque;

use crate::model::time::BootMs;

/// Most samples of a rate window; denser ones are thinned.
pub(super) const SAMPLES_MAX: usize = 64;
/// Gaps between that many samples.
const GAPS_MAX: i64 = 63;
/// Most edges that a count can ask for.
pub(super) const COUNT_MAX: u32 = 1024;

/// Least-squares slope over a window.
///
/// Samples nearer than window ÷ 63 to the one before the last replace the last, so that the newest value always counts
/// and the window is always covered.
#[derive(Debug, Clone)]
pub(super) struct Slope {
    window_ms: i64,
    samples: VecDeque<(BootMs, f64)>,
}

impl Slope {
    pub(super) fn new(window_ms: i64) -> Self {
        Self { window_ms, samples: VecDeque::new() }
    }

    /// Takes a sample and tells the slope in units per minute, once half the window is covered.
    pub(super) fn push(&mut self, at: BootMs, value: f64) -> Option<f64> {
        while self.samples.front().is_some_and(|(t, _)| at.since(*t) > self.window_ms) {
            self.samples.pop_front();
        }
        let gap_min = self.window_ms / GAPS_MAX;
        if self.replaces_last(at, gap_min) {
            self.samples.pop_back();
        }
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back((at, value));
        self.per_minute(at)
    }

    fn replaces_last(&self, at: BootMs, gap_min: i64) -> bool {
        let n = self.samples.len();
        let last_too_late = self.samples.back().is_some_and(|(t, _)| at <= *t);
        let before = n.checked_sub(2).and_then(|i| self.samples.get(i));
        last_too_late || before.is_some_and(|(t, _)| at.since(*t) < gap_min)
    }

    fn per_minute(&self, now: BootMs) -> Option<f64> {
        let first = self.samples.front()?.0;
        if self.samples.len() < 2 || now.since(first).saturating_mul(2) < self.window_ms {
            return None;
        }
        let n = self.samples.len() as f64;
        let minutes = |t: BootMs| t.since(first) as f64 / 60_000.0;
        let mean_t = self.samples.iter().map(|(t, _)| minutes(*t)).sum::<f64>() / n;
        let mean_v = self.samples.iter().map(|(_, v)| *v).sum::<f64>() / n;
        let (mut tv, mut tt) = (0.0, 0.0);
        for (t, v) in &self.samples {
            let dt = minutes(*t) - mean_t;
            tv += dt * (v - mean_v);
            tt += dt * dt;
        }
        Some(tv / tt).filter(|slope| slope.is_finite())
    }
}

/// The last edges of a point.
#[derive(Debug, Clone)]
pub(super) struct Edges {
    count: u32,
    window_ms: i64,
    any_change: bool,
    last: f64,
    times: VecDeque<BootMs>,
}

impl Edges {
    pub(super) fn new(count: u32, window_ms: i64, any_change: bool) -> Self {
        Self { count: count.clamp(1, COUNT_MAX), window_ms, any_change, last: f64::NAN, times: VecDeque::new() }
    }

    /// Takes a good value. The first one is no edge; one that rose while nobody could see counts when it is seen.
    #[allow(clippy::float_cmp)] // a change is any change
    pub(super) fn push(&mut self, at: BootMs, value: f64) {
        let edge = if self.any_change { self.last != value } else { self.last == 0.0 && value != 0.0 };
        if edge && !self.last.is_nan() {
            if self.times.len() == self.count as usize {
                self.times.pop_front();
            }
            self.times.push_back(at);
        }
        self.last = value;
    }

    /// How many edges are in the window at `now`; forgets older ones.
    pub(super) fn seen(&mut self, now: BootMs) -> u32 {
        while self.times.front().is_some_and(|t| now.since(*t) >= self.window_ms) {
            self.times.pop_front();
        }
        u32::try_from(self.times.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn wanted(&self) -> u32 {
        self.count
    }

    /// When the oldest edge leaves the window.
    pub(super) fn expires(&self) -> Option<BootMs> {
        self.times.front().map(|t| t.plus(self.window_ms))
    }
}
