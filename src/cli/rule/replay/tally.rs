//! What one setting would have done: how often, how long, and the first and last few times. Pure.

use std::collections::VecDeque;

use serde::Serialize;

use super::Span;
use crate::model::condition::{ConditionChange, Tri};
use crate::profile::Side;
use crate::rules::Test;

/// Episodes kept from the beginning, and as many from the end.
const SHOWN_MAX: usize = 10;

/// One time that the condition held.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Episode {
    /// When it was raised, UTC milliseconds.
    pub(crate) begin_ms: i64,
    /// When it was gone; `None` if it still stood at the end of the record.
    pub(crate) end_ms: Option<i64>,
    /// From begin to end, or to the end of the record.
    pub(crate) duration_ms: i64,
    /// The value farthest to the bad side while it held; none for rules over several points.
    pub(crate) peak: Option<f64>,
}

/// The count of one setting.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    from_ms: i64,
    to_ms: i64,
    /// The bad side; `None` for rules over several points.
    side: Option<Side>,
    now: Option<f64>,
    open: Option<Episode>,
    /// How often it fired in the range.
    pub(crate) fired: u64,
    /// Time in alarm in the range, also of what was raised before it.
    pub(crate) alarm_ms: i64,
    /// It stood already when the range began.
    pub(crate) open_at_begin: bool,
    /// It still stood at the end.
    pub(crate) open_at_end: bool,
    /// The first few times.
    pub(crate) first: Vec<Episode>,
    /// The last few that are not among the first.
    pub(crate) last: VecDeque<Episode>,
    /// Of a rule that learns: the share of commissioning done.
    pub(crate) learnt: Option<f64>,
    /// Of a rule that learns: since when it has judged, within a quarter of an hour.
    pub(crate) judges_from_ms: Option<i64>,
}

impl Tally {
    pub(super) fn new(test: &Test, span: &Span) -> Self {
        let side = match test {
            Test::Limit { side, .. } | Test::Rate { side, .. } | Test::Trend { side, .. } => Some(*side),
            other if other.points().len() == 1 => Some(Side::Above),
            _ => None,
        };
        Self {
            from_ms: span.from_ms,
            to_ms: span.to_ms,
            side,
            now: None,
            open: None,
            fired: 0,
            alarm_ms: 0,
            open_at_begin: false,
            open_at_end: false,
            first: Vec::new(),
            last: VecDeque::new(),
            learnt: test.learns().then_some(0.0),
            judges_from_ms: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub(super) fn judges(&self) -> bool {
        self.judges_from_ms.is_some()
    }

    pub(super) fn learnt(&mut self, at_ms: i64, progress: f64) {
        self.learnt = Some(progress);
        if progress >= 1.0 {
            self.judges_from_ms = Some(at_ms);
        }
    }

    /// A reading, before it is judged. A bad one leaves the last value.
    pub(super) fn value(&mut self, value: Option<f64>) {
        self.now = value.filter(|v| v.is_finite()).or(self.now);
    }

    /// After a reading has been judged.
    pub(super) fn peak(&mut self) {
        let (Some(side), Some(now), Some(open)) = (self.side, self.now, &mut self.open) else { return };
        open.peak = Some(match (open.peak, side) {
            (None, _) => now,
            (Some(peak), Side::Above) => peak.max(now),
            (Some(peak), Side::Below) => peak.min(now),
        });
    }

    /// Unknown neither raises nor clears.
    pub(super) fn change(&mut self, change: &ConditionChange) {
        match (change.to, self.open.take()) {
            (Tri::True, None) => {
                let peak = self.side.and(self.now);
                self.open = Some(Episode { begin_ms: change.at.0, end_ms: None, duration_ms: 0, peak });
            }
            (Tri::False, Some(episode)) => self.close(episode, change.at.0, true),
            (_, open) => self.open = open,
        }
    }

    fn close(&mut self, mut episode: Episode, end_ms: i64, gone: bool) {
        let begin_ms = episode.begin_ms;
        self.alarm_ms += (end_ms.min(self.to_ms) - begin_ms.max(self.from_ms)).max(0);
        if begin_ms >= self.to_ms || end_ms < self.from_ms {
            return;
        }
        if begin_ms < self.from_ms {
            self.open_at_begin = true;
        } else {
            self.fired += 1;
        }
        episode.end_ms = gone.then_some(end_ms);
        episode.duration_ms = (end_ms - begin_ms).max(0);
        if self.first.len() < SHOWN_MAX {
            self.first.push(episode);
            return;
        }
        if self.last.len() == SHOWN_MAX {
            self.last.pop_front();
        }
        self.last.push_back(episode);
    }

    pub(super) fn finish(mut self, end_ms: i64) -> Self {
        if let Some(open) = self.open.take() {
            self.open_at_end = true;
            self.close(open, end_ms.max(open.begin_ms), false);
        }
        self
    }
}
