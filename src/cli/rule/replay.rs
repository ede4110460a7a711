//! Past readings through the live rules engine, once per setting, side by side. Pure: time is that of the readings.
//!
//! The boot clock of the replay is the wall clock of the record, so durations run as they were recorded. Timers end at
//! their very moment. What differs from live, and is told to the reader:
//! - Readings inside a deadband were never stored: the last stored value is held and repeated at the point's own period,
//!   for as long as the box would have repeated it itself.
//! - A time in which the gateway was off is a restart: delays begin anew, open conditions stay, what was learnt is kept.
//! - Rules that learn begin with nothing; the record before the asked range serves as their commissioning.

mod tally;

use std::sync::Arc;

use crate::model::calendar::Calendar;
use crate::model::id::{PointIx, RuleIx};
use crate::model::reading::{Reading, Value};
use crate::model::stored::PastReading;
use crate::model::time::{Anchor, BootMs, Trust, WallMs};
use crate::rules::hour::LocalHour;
use crate::rules::{Engine, RuleDef, Test};

pub(super) use tally::{Episode, Tally};

/// Local time changes its distance from UTC, and hours begin, at quarters of an hour.
const QUARTER_MS: i64 = 900_000;
/// Beyond its longest usual silence by this much, a point counts as not recorded at all.
const SLACK_MS: i64 = 30_000;
/// Gaps kept for the report; all are counted.
const GAPS_MAX: usize = 10;
const RULE: RuleIx = RuleIx(0);

/// A point that the rule looks at.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    /// Its number in the site.
    pub(super) point: PointIx,
    /// Its period; 0 for one that speaks when something happens.
    pub(super) every_ms: i64,
    /// The longest time between two stored readings while the gateway runs and the point is well.
    pub(super) repeat_ms: i64,
    /// A running gateway stores something of it at least that often: silence means that it did not run.
    pub(super) speaks: bool,
    /// Only changes beyond a deadband were stored.
    pub(super) thinned: bool,
}

/// The range asked for, UTC milliseconds, and the zone and the calendar of the site.
#[derive(Debug, Clone)]
pub(super) struct Span {
    /// Firings are counted from here.
    pub(super) from_ms: i64,
    /// ... until here.
    pub(super) to_ms: i64,
    /// IANA name.
    pub(super) zone: String,
    pub(super) calendar: Calendar,
}

/// What the record holds and lacks, in the range asked for unless said otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Coverage {
    /// First reading of all, also before the range.
    pub(super) first_ms: Option<i64>,
    /// Stored readings.
    pub(super) readings: u64,
    /// Of these, without a value.
    pub(super) bad: u64,
    /// Time in which at least one point had no value.
    pub(super) bad_ms: i64,
    /// Readings repeated because only changes were stored.
    pub(super) held: u64,
    /// Readings older than what had been replayed already (the wall clock was set back); passed over.
    pub(super) late: u64,
    /// Times without any reading: the gateway was off, or its record is lost. The first few.
    pub(super) gaps: Vec<(i64, i64)>,
    /// Number of all of them.
    pub(super) gap_count: u64,
    /// Their length together.
    pub(super) gap_ms: i64,
}

/// One setting of the rule on its way through the record.
#[derive(Debug)]
struct Run {
    def: RuleDef,
    /// Size of the site's table.
    points: usize,
    engine: Engine,
    local: LocalHour,
    calendar: Calendar,
    next_quarter: i64,
    tally: Tally,
    changes: Vec<crate::model::condition::ConditionChange>,
}

/// The record on its way through all settings.
#[derive(Debug)]
pub(super) struct Replay {
    watched: Vec<Watched>,
    last: Vec<Option<Last>>,
    span: Span,
    runs: Vec<Run>,
    now_ms: Option<i64>,
    hold: bool,
    coverage: Coverage,
}

/// What a point said last.
#[derive(Debug, Clone, Copy)]
struct Last {
    stored: PastReading,
    /// Its latest reading, stored or held.
    at_ms: i64,
}

impl Replay {
    /// `defs`: the same rule in its settings. `watched` are all points that any of them looks at, in the order in which
    /// readings name them; `points` is the size of the site's table.
    pub(super) fn new(defs: Vec<RuleDef>, watched: Vec<Watched>, points: usize, span: Span) -> Self {
        let hold = defs.iter().any(|def| needs_every_reading(&def.test));
        let runs = defs.into_iter().map(|def| Run::new(def, points, &span)).collect();
        let last = vec![None; watched.len()];
        Self { watched, last, span, runs, now_ms: None, hold, coverage: Coverage::default() }
    }

    /// The next stored reading.
    pub(super) fn reading(&mut self, r: &PastReading) {
        let Some(now_ms) = self.now_ms else {
            self.coverage.first_ms = Some(r.wall_ms);
            self.now_ms = Some(r.wall_ms);
            self.runs.iter_mut().for_each(|run| run.start(r.wall_ms));
            return self.take(r);
        };
        if r.wall_ms < now_ms {
            self.coverage.late += 1;
            return;
        }
        match self.silent_until(r.wall_ms) {
            Some(since_ms) => {
                self.gap(since_ms, r.wall_ms);
                self.runs.iter_mut().for_each(|run| run.restart(r.wall_ms));
            }
            None => self.pass(r.wall_ms),
        }
        self.take(r);
    }

    /// The end of the record: timers run on to the end of the range, unless the gateway was off.
    pub(super) fn finish(mut self) -> (Coverage, Vec<Tally>) {
        let to_ms = self.span.to_ms;
        let mut end_ms = to_ms;
        if self.now_ms.is_some() {
            match self.silent_until(to_ms) {
                Some(since_ms) => {
                    end_ms = since_ms;
                    self.gap(since_ms, to_ms);
                }
                None => self.pass(to_ms),
            }
        }
        self.coverage.bad_ms += self.bad_since(end_ms);
        let runs = self.runs.into_iter().map(|run| run.tally.finish(end_ms)).collect();
        (self.coverage, runs)
    }

    /// Since when nothing was recorded, if `to_ms` lies beyond what a running gateway leaves unsaid.
    fn silent_until(&self, to_ms: i64) -> Option<i64> {
        let since_ms = self.last.iter().flatten().map(|l| l.stored.wall_ms).max()?;
        let seen = || self.watched.iter().zip(&self.last).filter_map(|(w, l)| l.map(|l| (w, l)));
        let alive = seen().any(|(w, l)| w.speaks && !l.stored.quality.is_bad());
        let usual_ms = seen().map(|(w, _)| w.repeat_ms).max()? + SLACK_MS;
        (alive && to_ms.saturating_sub(since_ms) > usual_ms).then_some(since_ms)
    }

    fn gap(&mut self, from_ms: i64, to_ms: i64) {
        self.coverage.bad_ms += self.bad_since(from_ms);
        let (from, to) = (from_ms.max(self.span.from_ms), to_ms.min(self.span.to_ms));
        self.now_ms = Some(to_ms);
        self.last.fill(None);
        if to <= from {
            return;
        }
        self.coverage.gap_count += 1;
        self.coverage.gap_ms += to - from;
        if self.coverage.gaps.len() < GAPS_MAX {
            self.coverage.gaps.push((from, to));
        }
    }

    /// Bad time between the present and a later moment, inside the range.
    fn bad_since(&self, to_ms: i64) -> i64 {
        let blind = self.last.iter().flatten().any(|l| l.stored.quality.is_bad());
        let from = self.now_ms.unwrap_or(to_ms).max(self.span.from_ms);
        if blind { (to_ms.min(self.span.to_ms) - from).max(0) } else { 0 }
    }

    /// Time passes: what was not stored because it had hardly changed is said again, timers end.
    fn pass(&mut self, to_ms: i64) {
        self.coverage.bad_ms += self.bad_since(to_ms);
        while let Some((at_ms, place)) = self.next_held(to_ms) {
            let Some(last) = self.last.get_mut(place).and_then(Option::as_mut) else { break };
            last.at_ms = at_ms;
            let held = PastReading { wall_ms: at_ms, ..last.stored };
            self.coverage.held += u64::from(at_ms >= self.span.from_ms);
            self.feed(&held);
        }
        self.runs.iter_mut().for_each(|run| run.advance(to_ms));
        self.now_ms = Some(to_ms);
    }

    /// The next reading to be repeated before `to_ms`.
    fn next_held(&self, to_ms: i64) -> Option<(i64, usize)> {
        if !self.hold {
            return None;
        }
        let all = self.watched.iter().zip(&self.last).enumerate();
        let due = all.filter_map(|(place, (w, last))| {
            let last = last.filter(|_| w.thinned && w.every_ms > 0)?;
            let at_ms = last.at_ms + w.every_ms;
            let usable = !last.stored.quality.is_bad() && at_ms <= last.stored.wall_ms + w.repeat_ms;
            (usable && at_ms < to_ms).then_some((at_ms, place))
        });
        due.min()
    }

    fn take(&mut self, r: &PastReading) {
        if r.wall_ms >= self.span.from_ms {
            self.coverage.readings += 1;
            self.coverage.bad += u64::from(r.value.is_none());
        }
        if let Some(last) = self.last.get_mut(r.point) {
            *last = Some(Last { stored: *r, at_ms: r.wall_ms });
        }
        self.feed(r);
    }

    fn feed(&mut self, r: &PastReading) {
        let Some(watched) = self.watched.get(r.point) else { return };
        let reading = Reading {
            point: watched.point,
            quality: r.quality,
            at: BootMs(r.wall_ms),
            source_ms: None,
            value: r.value.map_or(Value::None, Value::Number),
        };
        self.runs.iter_mut().for_each(|run| run.reading(&reading));
    }
}

/// Repeated values matter: silence, slopes, and what learns from every reading. Snapshots and limits see the last value.
fn needs_every_reading(test: &Test) -> bool {
    match test {
        Test::Rate { .. }
        | Test::Absence { .. }
        | Test::Trend { .. }
        | Test::Anomaly { .. }
        | Test::Baseline { .. }
        | Test::Change { .. } => true,
        Test::Limit { .. }
        | Test::State { .. }
        | Test::Count { .. }
        | Test::DeviceAnomaly { .. }
        | Test::Peer { .. }
        | Test::When(_) => false,
    }
}

impl Run {
    fn new(def: RuleDef, points: usize, span: &Span) -> Self {
        let engine = Engine::new(std::slice::from_ref(&def), points, BootMs(span.from_ms), &|_| false);
        let tally = Tally::new(&def.test, span);
        let local = LocalHour::new(&span.zone);
        let calendar = span.calendar.clone();
        Self { def, points, engine, local, calendar, next_quarter: 0, tally, changes: Vec::new() }
    }

    fn start(&mut self, at_ms: i64) {
        let held = self.tally.is_open();
        self.engine = Engine::new(std::slice::from_ref(&self.def), self.points, BootMs(at_ms), &|_| held);
        self.engine.set_calendar(self.calendar.clone());
        self.look_at_clock(at_ms);
    }

    /// As the gateway does: open conditions stay in silence, what was learnt is taken up.
    fn restart(&mut self, at_ms: i64) {
        let learned = self.engine.learned(&|_| Some(Arc::clone(&self.def.key)));
        self.start(at_ms);
        for (_, bytes) in learned {
            self.engine.take_up(RULE, &bytes);
        }
    }

    fn look_at_clock(&mut self, at_ms: i64) {
        let anchor = Anchor { boot: BootMs(at_ms), wall: WallMs(at_ms), trust: Trust::Synced };
        let hour = self.local.at(&anchor);
        self.engine.set_hour(hour, anchor.boot, &mut self.changes);
        self.engine.set_local(self.local.offset_ms(&anchor));
        self.next_quarter = (at_ms.div_euclid(QUARTER_MS) + 1) * QUARTER_MS;
        self.drain();
        if !self.tally.judges() && self.def.test.learns() {
            let progress = self.engine.standings().next().map_or(0.0, |standing| standing.progress);
            self.tally.learnt(at_ms, progress);
        }
    }

    /// Timers and hours until `to_ms`, each at its moment.
    fn advance(&mut self, to_ms: i64) {
        loop {
            let wake = self.engine.next_wake().map_or(i64::MAX, |at| at.0);
            if wake.min(self.next_quarter) > to_ms {
                return;
            }
            if self.next_quarter <= wake {
                self.look_at_clock(self.next_quarter);
            } else {
                self.engine.tick(BootMs(wake), &mut self.changes);
                self.drain();
            }
        }
    }

    fn reading(&mut self, reading: &Reading) {
        self.advance(reading.at.0);
        self.tally.value(reading.value.number());
        self.engine.step(std::slice::from_ref(reading), &mut self.changes);
        self.drain();
        self.tally.peak();
    }

    fn drain(&mut self) {
        for change in self.changes.drain(..) {
            self.tally.change(&change);
        }
    }
}

#[cfg(test)]
mod tests;
