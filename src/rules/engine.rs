//! The engine: an index from point to rules, the table of values, and one timer per rule.
//!
//! Hot path: a reading of a point without rules costs one look at an 8-byte entry; an unchanged reading of a point
//! whose rules need no history costs a comparison more.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::calendar::Calendar;
use crate::model::condition::{ConditionChange, Tri};
use crate::model::id::{PointIx, RuleIx};
use crate::model::quality::Quality;
use crate::model::reading::{Reading, Value};
use crate::model::time::BootMs;
use crate::profile::Side;
use crate::rules::define::{RuleDef, Test};
use crate::rules::expr::Program;
use crate::rules::learn::{Learn, Local};
use crate::rules::operator::{Edges, Slope};

/// All rules of a site and what they remember.
#[derive(Debug)]
pub struct Engine {
    /// Last known number by point; NaN when unknown. Only kept for points that a rule looks at.
    values: Vec<f64>,
    watch: Vec<Watch>,
    /// Rules by point, one run per point.
    watchers: Vec<RuleIx>,
    rules: Vec<Rule>,
    timers: BinaryHeap<Reverse<(BootMs, RuleIx)>>,
    hour: Option<u8>,
    /// Local time minus boot time, while it is believed.
    local_offset_ms: Option<i64>,
    calendar: Calendar,
}

/// The run of [`Engine::watchers`] that belongs to a point.
#[derive(Debug, Clone, Copy, Default)]
struct Watch {
    first: u32,
    count: u16,
    /// Some rule needs every reading, not only changes.
    every: bool,
    /// The last reading was uncertain.
    weak: bool,
}

#[derive(Debug)]
struct Rule {
    op: Op,
    on_delay_ms: i64,
    off_delay_ms: i64,
    /// The test at its last evaluation, before delays.
    raw: Tri,
    /// The condition after delays; unknown only before the first evaluation.
    active: Tri,
    /// What was last passed on.
    told: Tri,
    /// A delay that runs: towards what, and when it ends.
    pending: Option<(bool, BootMs)>,
    /// The entry in the timers that counts; older ones are ignored.
    queued: Option<BootMs>,
    /// For the trigger text.
    value: f64,
}

#[derive(Debug)]
pub(super) enum Op {
    Limit { above: bool, limit: f64, release: f64 },
    State(Box<[f64]>),
    Rate { above: bool, limit: f64, slope: Box<Slope> },
    Count(Box<Edges>),
    Absence { after_ms: i64, last: BootMs },
    When(Box<Program>),
    Learn(Box<Learn>),
}

/// One reading as rules see it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// NaN when unknown.
    value: f64,
    at: BootMs,
    weak: bool,
    /// Proof that the point is alive now, whatever it says.
    alive: bool,
}

impl Engine {
    /// `points` is the size of the site's table; `open` says which keys have an alarm whose condition held when it was
    /// last known, before the restart.
    #[must_use]
    pub fn new(defs: &[RuleDef], points: usize, start: BootMs, open: &dyn Fn(&str) -> bool) -> Self {
        let mut engine = Self {
            values: vec![f64::NAN; points],
            watch: vec![Watch::default(); points],
            watchers: Vec::new(),
            rules: defs.iter().map(|def| Rule::new(def, start, open(&def.key))).collect(),
            timers: BinaryHeap::new(),
            hour: None,
            local_offset_ms: None,
            calendar: Calendar::default(),
        };
        engine.index(defs);
        for ix in 0..engine.rules.len() {
            engine.schedule(RuleIx::at(ix));
        }
        engine
    }

    fn index(&mut self, defs: &[RuleDef]) {
        let mut pairs: Vec<(PointIx, RuleIx, bool)> = Vec::new();
        for (ix, def) in defs.iter().enumerate() {
            let every = !matches!(def.test, Test::Limit { .. } | Test::State { .. } | Test::When(_));
            pairs.extend(def.test.points().into_iter().map(|point| (point, RuleIx::at(ix), every)));
        }
        pairs.sort_by_key(|(point, rule, _)| (*point, *rule));
        for (point, rule, every) in pairs {
            let Some(watch) = self.watch.get_mut(point.ix()) else { continue };
            if watch.count == 0 {
                watch.first = u32::try_from(self.watchers.len()).expect("fewer than 2^32 rules");
            }
            watch.count = watch.count.saturating_add(1);
            watch.every |= every;
            self.watchers.push(rule);
        }
    }

    /// Takes readings in order. Delays that end before a reading was measured are settled before it; call
    /// [`Engine::tick`] when the queue of readings is empty.
    pub fn step(&mut self, readings: &[Reading], out: &mut Vec<ConditionChange>) {
        for reading in readings {
            let Some(watch) = self.watch.get_mut(reading.point.ix()) else { continue };
            if watch.count == 0 {
                continue;
            }
            let seen = Seen::of(reading);
            let Some(slot) = self.values.get_mut(reading.point.ix()) else { continue };
            let same = slot.to_bits() == seen.value.to_bits() && watch.weak == seen.weak;
            // First what was due until now, with the values of then.
            if self.timers.peek().is_some_and(|Reverse((at, _))| *at <= seen.at) {
                self.settle_due(seen.at, out);
            }
            let Some(slot) = self.values.get_mut(reading.point.ix()) else { continue };
            *slot = seen.value;
            let Some(watch) = self.watch.get_mut(reading.point.ix()) else { continue };
            watch.weak = seen.weak;
            let watch = *watch;
            if same && !watch.every {
                continue;
            }
            for n in watch.first..watch.first + u32::from(watch.count) {
                if let Some(rule) = self.watchers.get(n as usize).copied() {
                    self.evaluate(rule, seen, out);
                }
            }
        }
    }

    /// Settles what is due at `now` without a reading: delays, windows, silence.
    pub fn tick(&mut self, now: BootMs, out: &mut Vec<ConditionChange>) {
        self.settle_due(now, out);
    }

    /// When [`Engine::tick`] has something to do at the latest; may be a little early.
    #[must_use]
    pub fn next_wake(&self) -> Option<BootMs> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// Tells the local hour; rules with `hour()` are evaluated when it changes. `None` while the clock is not trusted.
    pub fn set_hour(&mut self, hour: Option<u8>, now: BootMs, out: &mut Vec<ConditionChange>) {
        if hour == self.hour {
            return;
        }
        self.hour = hour;
        for ix in 0..self.rules.len() {
            let asks = self.rules.get(ix).is_some_and(|r| matches!(&r.op, Op::When(p) if p.uses_hour()));
            if asks {
                self.evaluate(RuleIx::at(ix), Seen { value: f64::NAN, at: now, weak: false, alive: false }, out);
            }
        }
    }

    /// Tells local time, for what learns the rhythm of the week. `None` while the clock is not trusted.
    pub fn set_local(&mut self, offset_ms: Option<i64>) {
        self.local_offset_ms = offset_ms.or(self.local_offset_ms);
    }

    /// Tells the site's holidays, for what learns the rhythm of the week.
    pub fn set_calendar(&mut self, calendar: Calendar) {
        self.calendar = calendar;
    }

    /// The process stood still (stopped, suspended) for `gap_ms`: nobody could be heard in that time, so silence and
    /// running delays are not counted through it.
    pub fn resumed(&mut self, gap_ms: i64) {
        for rule in &mut self.rules {
            if let Op::Absence { last, .. } = &mut rule.op {
                *last = last.plus(gap_ms);
            }
            if let Op::Learn(learn) = &mut rule.op {
                learn.resumed(gap_ms);
            }
            if let Some((_, due)) = &mut rule.pending {
                *due = due.plus(gap_ms);
            }
        }
    }

    /// The test of a rule at its last evaluation, delays ignored.
    #[must_use]
    pub fn raw(&self, rule: RuleIx) -> Tri {
        self.rules.get(rule.ix()).map_or(Tri::Unknown, |r| r.raw)
    }

    /// The condition of a rule, delays applied.
    #[must_use]
    pub fn holds(&self, rule: RuleIx) -> Tri {
        self.rules.get(rule.ix()).map_or(Tri::Unknown, |r| r.told)
    }

    pub(super) fn learning(&self) -> impl Iterator<Item = (RuleIx, &Learn)> {
        let numbered = self.rules.iter().enumerate().map(|(ix, rule)| (RuleIx::at(ix), &rule.op));
        numbered.filter_map(|(ix, op)| match op {
            Op::Learn(learn) => Some((ix, &**learn)),
            _ => None,
        })
    }

    pub(super) fn rule_mut(&mut self, ix: RuleIx) -> Option<&mut Op> {
        self.rules.get_mut(ix.ix()).map(|rule| &mut rule.op)
    }

    fn evaluate(&mut self, ix: RuleIx, seen: Seen, out: &mut Vec<ConditionChange>) {
        let local = Local { offset_ms: self.local_offset_ms, calendar: &self.calendar };
        let Some(rule) = self.rules.get_mut(ix.ix()) else { return };
        let raw = rule.test(&self.values, self.hour, local, seen);
        // True once, of unknown age: good enough for a warning, not for an all-clear.
        let sight = matches!(rule.op, Op::Absence { .. });
        let raw = if seen.weak && raw == Tri::False && !sight { Tri::Unknown } else { raw };
        rule.settle(ix, raw, seen.at, out);
        if rule.due().is_some() {
            self.schedule(ix);
        }
    }

    fn settle_due(&mut self, now: BootMs, out: &mut Vec<ConditionChange>) {
        while let Some(Reverse((at, ix))) = self.timers.peek().copied() {
            if at > now {
                return;
            }
            self.timers.pop();
            let Some(rule) = self.rules.get_mut(ix.ix()) else { continue };
            if rule.queued != Some(at) {
                continue;
            }
            rule.queued = None;
            let local = Local { offset_ms: self.local_offset_ms, calendar: &self.calendar };
            rule.wake(ix, now, (&self.values, local), out);
            self.schedule(ix);
        }
    }

    /// Makes sure that the rule is woken in time; an entry that is early enough serves.
    fn schedule(&mut self, ix: RuleIx) {
        let Some(rule) = self.rules.get_mut(ix.ix()) else { return };
        let Some(due) = rule.due() else { return };
        if rule.queued.is_none_or(|queued| due < queued) {
            rule.queued = Some(due);
            self.timers.push(Reverse((due, ix)));
        }
    }
}

impl Seen {
    fn of(reading: &Reading) -> Self {
        let value = match &reading.value {
            Value::Number(v) if !reading.quality.is_bad() => *v,
            _ => f64::NAN,
        };
        Self {
            value,
            at: reading.at,
            weak: !reading.quality.is_good() && !reading.quality.is_bad(),
            alive: !reading.quality.is_bad() && reading.quality != Quality::UncertainOld,
        }
    }
}

impl Rule {
    fn new(def: &RuleDef, start: BootMs, open: bool) -> Self {
        let op = match &def.test {
            Test::Limit { side: Side::Above, limit, hysteresis, .. } => {
                Op::Limit { above: true, limit: *limit, release: limit - hysteresis }
            }
            Test::Limit { side: Side::Below, limit, hysteresis, .. } => {
                Op::Limit { above: false, limit: *limit, release: limit + hysteresis }
            }
            Test::State { values, .. } => Op::State(values.clone().into_boxed_slice()),
            Test::Rate { side, per_minute, window_ms, .. } => {
                let slope = Box::new(Slope::new(*window_ms));
                Op::Rate { above: *side == Side::Above, limit: *per_minute, slope }
            }
            Test::Count { any_change, count, window_ms, .. } => {
                Op::Count(Box::new(Edges::new(*count, *window_ms, *any_change)))
            }
            Test::Absence { after_ms, .. } => Op::Absence { after_ms: *after_ms, last: start },
            Test::When(program) => Op::When(Box::new(program.clone())),
            learns @ (Test::Trend { .. }
            | Test::Anomaly { .. }
            | Test::DeviceAnomaly { .. }
            | Test::Baseline { .. }
            | Test::Change { .. }
            | Test::Peer { .. }) => Op::Learn(Box::new(Learn::of(learns, start).expect("exactly these learn"))),
        };
        // Open before the restart: goes on inside the hysteresis, and only a fresh value can say otherwise.
        let before = if open { Tri::True } else { Tri::Unknown };
        Self {
            op,
            on_delay_ms: def.on_delay_ms,
            off_delay_ms: def.off_delay_ms,
            raw: before,
            active: before,
            told: Tri::Unknown,
            pending: None,
            queued: None,
            value: f64::NAN,
        }
    }

    #[allow(clippy::float_cmp)] // a state is exactly one of its values
    fn test(&mut self, values: &[f64], hour: Option<u8>, local: Local<'_>, seen: Seen) -> Tri {
        let v = seen.value;
        if !matches!(self.op, Op::When(_) | Op::Absence { .. }) {
            if v.is_nan() {
                return Tri::Unknown;
            }
            self.value = v;
        }
        match &mut self.op {
            Op::Limit { above, limit, release } => {
                // Inside the band the condition stays what it was; after blindness, what it was before.
                let edge = if self.raw == Tri::True || (self.raw == Tri::Unknown && self.active == Tri::True) {
                    *release
                } else {
                    *limit
                };
                Tri::from(if *above { v > edge } else { v < edge })
            }
            Op::State(states) => Tri::from(states.contains(&v)),
            Op::Rate { above, limit, slope } => match slope.push(seen.at, v) {
                Some(per_minute) => {
                    self.value = per_minute;
                    Tri::from(if *above { per_minute > *limit } else { per_minute < *limit })
                }
                None => Tri::Unknown,
            },
            Op::Count(edges) => {
                edges.push(seen.at, v);
                let count = edges.seen(seen.at);
                self.value = f64::from(count);
                Tri::from(count >= edges.wanted())
            }
            Op::Absence { last, .. } => {
                if seen.alive {
                    *last = (*last).max(seen.at);
                    return Tri::False;
                }
                // Not a good value, and silence is judged by the timer: everything stays as it was.
                self.raw
            }
            Op::When(program) => program.test(values, hour),
            // A device is judged by its timer.
            Op::Learn(learn) if learn.due().is_some() => self.raw,
            Op::Learn(learn) => learn.reading(seen.at, v, local, self.raw),
        }
    }

    /// Applies the delays to a fresh test result.
    fn settle(&mut self, ix: RuleIx, raw: Tri, at: BootMs, out: &mut Vec<ConditionChange>) {
        self.raw = raw;
        if raw == Tri::Unknown {
            self.pending = None;
            self.tell(ix, Tri::Unknown, at, out);
            return;
        }
        if raw == self.active {
            self.pending = None;
            self.tell(ix, raw, at, out);
            return;
        }
        let to = raw == Tri::True;
        let delay_ms = if to { self.on_delay_ms } else { self.off_delay_ms };
        // Nothing was ever raised: that nothing is wrong needs no delay.
        if delay_ms == 0 || (self.active == Tri::Unknown && !to) {
            self.pending = None;
            self.active = raw;
            self.tell(ix, raw, at, out);
        } else if self.pending.is_none_or(|(towards, _)| towards != to) {
            self.pending = Some((to, at.plus(delay_ms)));
        }
    }

    fn tell(&mut self, ix: RuleIx, to: Tri, at: BootMs, out: &mut Vec<ConditionChange>) {
        if self.told == to {
            return;
        }
        self.told = to;
        let limit = match &self.op {
            Op::Limit { limit, .. } | Op::Rate { limit, .. } => Some(*limit),
            Op::Count(edges) => Some(f64::from(edges.wanted())),
            Op::State(_) | Op::Absence { .. } | Op::When(_) | Op::Learn(_) => None,
        };
        let value = Some(self.value).filter(|v| v.is_finite());
        let (value, limit, finding) = match &self.op {
            Op::Learn(learn) => {
                let (hours, within) = learn.figures();
                (hours.or(value), within, (to == Tri::True).then(|| learn.finding()).flatten())
            }
            _ => (value, limit, None),
        };
        out.push(ConditionChange { rule: ix, to, at, value, limit, finding });
    }

    /// The next moment at which something happens without a reading.
    fn due(&self) -> Option<BootMs> {
        let own = match &self.op {
            Op::Absence { after_ms, last } if self.raw != Tri::True => Some(last.plus(*after_ms)),
            Op::Count(edges) if self.raw == Tri::True => edges.expires(),
            Op::Learn(learn) => learn.due(),
            _ => None,
        };
        match (own, self.pending.map(|(_, due)| due)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn wake(&mut self, ix: RuleIx, now: BootMs, (table, local): (&[f64], Local<'_>), out: &mut Vec<ConditionChange>) {
        match &mut self.op {
            Op::Absence { after_ms, last } => {
                let silent_at = last.plus(*after_ms);
                if self.raw != Tri::True && silent_at <= now {
                    self.settle(ix, Tri::True, silent_at, out);
                }
            }
            Op::Count(edges) if self.raw == Tri::True => {
                if let Some(at) = edges.expires().filter(|at| *at <= now) {
                    let count = edges.seen(now);
                    self.value = f64::from(count);
                    if count < edges.wanted() {
                        self.settle(ix, Tri::False, at, out);
                    }
                }
            }
            Op::Learn(learn) => {
                if let Some((at, raw)) = learn.sample(now, table, local) {
                    self.settle(ix, raw, at, out);
                }
            }
            _ => {}
        }
        if let Some((to, due)) = self.pending
            && due <= now
        {
            self.pending = None;
            self.active = Tri::from(to);
            self.tell(ix, self.active, due, out);
        }
    }
}
