//! The operators that learn what is usual: time to a limit, a point against itself, a device against itself.
//!
//! Wraps the detectors of [`crate::predict`] with what they do not know: commissioning (so much time seen with good
//! quality), a local time that never runs backward, and their place among the rules. Same readings, same findings.
//!
//! Time: detectors live on local wall time (rhythms of the week), but a step of the wall clock must not look like a
//! change of the device. So the time handed to them advances with the boot clock; it is set to local time at the first
//! reading after a start and follows a jump *forward* of more than five minutes (a clock that was unset and is right
//! now). A jump backward is taken over at the next start.

mod findings;

use serde::{Deserialize, Serialize};

use findings::{ahead, baseline_finding, change_finding, device_finding, peer_judgement, point_finding};

use crate::model::calendar::Calendar;
use crate::model::condition::Tri;
use crate::model::finding::{Ahead, Finding};
use crate::model::id::PointIx;
use crate::model::time::BootMs;
use crate::predict::baseline::Baseline;
use crate::predict::change::Change;
use crate::predict::device::DeviceModel;
use crate::predict::point::{PointModel, PointSettings};
use crate::predict::trend::Trend;
use crate::profile::Side;
use crate::rules::define::Test;

/// Local time follows a jump forward of at least this much.
const JUMP_MS: i64 = 300_000;
/// A pause counts for at most this much of commissioning: nothing was seen in it.
const PAUSE_MS: i64 = 3_600_000;
/// Peers are compared so often.
const PEERS_EVERY_MS: i64 = 60_000;
/// Liveliness from which a point counts as changed; see [`Change::step`].
const CHANGED: f64 = 5.0;
/// Form of a written state; another number is not read, the model learns anew. A point against itself has a form of its
/// own since its memory was drawn together (3: numbers of one to four bytes); what was written before is not read.
const FORM: u8 = 2;
const POINT_FORM: u8 = 3;

/// Local time as the engine knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local<'a> {
    /// Local time minus boot time, while it is believed.
    pub(super) offset_ms: Option<i64>,
    /// What days count as.
    pub(super) calendar: &'a Calendar,
}

/// A detector and what it has seen.
#[derive(Debug)]
pub(super) struct Learn {
    points: Box<[PointIx]>,
    commissioning_ms: i64,
    kind: Kind,
    /// For what is judged by snapshots of several points, not by readings of one.
    sampler: Option<Sampler>,
    /// Time with good values so far.
    learned_ms: i64,
    /// The detector's clock: local milliseconds since 1970.
    clock_ms: i64,
    last: Option<BootMs>,
    last_finding: Option<Box<Finding>>,
    ahead: Option<Ahead>,
}

#[derive(Debug)]
enum Kind {
    Trend(Box<TrendTo>),
    Point { model: Box<PointModel>, mean: Mean },
    Device(Box<DeviceModel>),
    Baseline { model: Box<Baseline>, night: bool, deviation: f64, off: bool },
    Change(Box<Change>),
    Peer { deviations: f64 },
}

impl Kind {
    /// Form in which its state is written.
    fn form(&self) -> u8 {
        if matches!(self, Kind::Point { .. }) { POINT_FORM } else { FORM }
    }
}

/// A mean over a time: the detector remembers a number of steps, and a second is too short a step for days.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    every_ms: i64,
    sum: MeanSum,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct MeanSum {
    began_ms: i64,
    sum: f64,
    count: f64,
}

impl Mean {
    /// Takes a value; tells the mean once its time is over.
    fn push(&mut self, clock_ms: i64, value: f64) -> Option<f64> {
        let sum = &mut self.sum;
        if sum.count == 0.0 {
            sum.began_ms = clock_ms;
        }
        sum.sum += value;
        sum.count += 1.0;
        let over = clock_ms.saturating_sub(sum.began_ms) >= self.every_ms;
        over.then(|| {
            let mean = sum.sum / sum.count;
            *sum = MeanSum::default();
            mean
        })
    }
}

/// When the next snapshot is due, and the values of the last.
#[derive(Debug)]
struct Sampler {
    every_ms: i64,
    next: BootMs,
    values: Box<[f64]>,
}

#[derive(Debug)]
struct TrendTo {
    model: Trend,
    limit: f64,
    within_s: f64,
    usual: Usual,
    /// Since when there is something to tell, on the detector's clock.
    since_ms: Option<i64>,
    alarm: bool,
}

/// Mean and spread in commissioning (Welford's sums).
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Usual {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Usual {
    fn push(&mut self, value: f64) {
        self.count += 1.0;
        let off = value - self.mean;
        self.mean += off / self.count;
        self.squares += off * (value - self.mean);
    }

    /// Where nearly all values were: three standard deviations to either side.
    fn band(&self) -> Option<(f64, f64)> {
        let spread = 3.0 * (self.squares / (self.count - 1.0).max(1.0)).sqrt();
        (self.count >= 1.0).then_some((self.mean - spread, self.mean + spread))
    }
}

/// What is written down.
#[derive(Serialize, Deserialize)]
struct Written<M> {
    form: u8,
    learned_ms: i64,
    clock_ms: i64,
    model: M,
}

impl Learn {
    /// The detector of a test; none for tests that do not learn.
    pub(super) fn of(test: &Test, start: BootMs) -> Option<Self> {
        let mut sampled_ms = None;
        let (points, commissioning_ms, kind) = match test {
            Test::Trend { point, side, limit, within_ms, learn_ms } => {
                let (high, low) = match side {
                    Side::Above => (Some(*limit), None),
                    Side::Below => (None, Some(*limit)),
                };
                let trend = TrendTo {
                    model: Trend::new(high, low),
                    limit: *limit,
                    within_s: *within_ms as f64 / 1000.0,
                    usual: Usual::default(),
                    since_ms: None,
                    alarm: false,
                };
                (vec![*point], *learn_ms, Kind::Trend(Box::new(trend)))
            }
            Test::Anomaly { point, every_ms, learn_ms } => {
                let mean = Mean { every_ms: *every_ms, sum: MeanSum::default() };
                let model = Box::new(PointModel::new(PointSettings::default()));
                (vec![*point], *learn_ms, Kind::Point { model, mean })
            }
            Test::DeviceAnomaly { points, every_ms, learn_ms } => {
                sampled_ms = Some(*every_ms);
                (points.clone(), *learn_ms, Kind::Device(Box::new(DeviceModel::new(points.len()))))
            }
            Test::Baseline { point, night, deviation } => {
                let model = Box::new(Baseline::default());
                (vec![*point], 0, Kind::Baseline { model, night: *night, deviation: *deviation, off: false })
            }
            Test::Change { point, learn_ms } => (vec![*point], *learn_ms, Kind::Change(Box::default())),
            Test::Peer { points, deviations } => {
                sampled_ms = Some(PEERS_EVERY_MS);
                (points.clone(), 0, Kind::Peer { deviations: *deviations })
            }
            _ => return None,
        };
        let values = vec![f64::NAN; points.len()].into_boxed_slice();
        let sampler = sampled_ms.map(|every_ms| Sampler { every_ms, next: start.plus(every_ms), values });
        let points = points.into_boxed_slice();
        Some(Self {
            points,
            commissioning_ms,
            kind,
            sampler,
            learned_ms: 0,
            clock_ms: 0,
            last: None,
            last_finding: None,
            ahead: None,
        })
    }

    /// A good value of the point it looks at; `before` is the judgement that stands until there is another.
    pub(super) fn reading(&mut self, at: BootMs, value: f64, local: Local<'_>, before: Tri) -> Tri {
        let (clock_ms, learning) = self.turn(at, local.offset_ms);
        let point = self.points.first().copied().unwrap_or(PointIx(0));
        match &mut self.kind {
            Kind::Trend(trend) => {
                let found = trend.model.step(clock_ms, value, learning);
                self.ahead = found.map(|t| ahead(&t, trend.limit));
                if learning {
                    trend.usual.push(value);
                    return Tri::Unknown;
                }
                trend.since_ms = found.and(trend.since_ms.or(Some(clock_ms)));
                // Once told it stands until the way to the limit is clearly longer: the estimate breathes.
                let reach_s = if trend.alarm { trend.within_s * 1.5 } else { trend.within_s };
                trend.alarm = found.is_some_and(|t| t.eta_s <= reach_s);
                self.last_finding = found.map(|t| Box::new(trend.finding(point, value, clock_ms, &t)));
                Tri::from(trend.alarm)
            }
            Kind::Point { model, mean } => {
                let Some(value) = mean.push(clock_ms, value) else { return before };
                model.set_weekday(local.calendar.counts_as(clock_ms));
                let verdict = model.step(clock_ms, value, learning);
                if learning {
                    return Tri::Unknown;
                }
                self.last_finding = verdict.alarm.then(|| Box::new(point_finding(point, value, clock_ms, &verdict)));
                Tri::from(verdict.alarm)
            }
            Kind::Baseline { model, night, deviation, off } => {
                let day = model.step(clock_ms, value, local.calendar.counts_as(clock_ms));
                if let Some(told) = day.and_then(|d| if *night { d.night } else { d.total }) {
                    let share = told.deviation();
                    *off = if *night { share > *deviation } else { share.abs() > *deviation };
                    self.last_finding = off.then(|| Box::new(baseline_finding(point, &told, *deviation)));
                }
                Tri::from(*off)
            }
            Kind::Change(model) => {
                let liveliness = model.step(value);
                if learning {
                    return Tri::Unknown;
                }
                let changed = liveliness >= CHANGED;
                self.last_finding = changed.then(|| Box::new(change_finding(point, value, liveliness)));
                Tri::from(changed)
            }
            Kind::Device(_) | Kind::Peer { .. } => Tri::Unknown,
        }
    }

    /// When the next snapshot of the device is to be taken: a moment after its time, when all readings with that stamp are in.
    /// Those of one answer carry one stamp, and a snapshot must not hold half of them.
    pub(super) fn due(&self) -> Option<BootMs> {
        self.sampler.as_ref().map(|sampler| sampler.next.plus(1))
    }

    /// Takes a snapshot of the device if one is due; `table` holds the site's present values, NaN where unknown.
    pub(super) fn sample(&mut self, now: BootMs, table: &[f64], local: Local<'_>) -> Option<(BootMs, Tri)> {
        let Sampler { every_ms, next, values } = self.sampler.as_mut()?;
        if *next > now {
            return None;
        }
        let at = *next;
        // What was slept through is not sampled late: those values are of now.
        *next = if now.since(at) > *every_ms { now.plus(*every_ms) } else { at.plus(*every_ms) };
        for (slot, point) in values.iter_mut().zip(&self.points) {
            *slot = table.get(point.ix()).copied().unwrap_or(f64::NAN);
        }
        if values.iter().all(|v| v.is_nan()) {
            // Nothing is known of the device: neither learnt from nor judged.
            return Some((at, Tri::Unknown));
        }
        let (clock_ms, learning) = self.turn(at, local.offset_ms);
        let values = &self.sampler.as_ref()?.values;
        let (raw, finding) = match &mut self.kind {
            Kind::Device(model) => {
                let verdict = model.step(clock_ms, values, learning);
                let finding = verdict.alarm.then(|| device_finding(&self.points, clock_ms, &verdict));
                (if learning { Tri::Unknown } else { Tri::from(verdict.alarm) }, finding)
            }
            Kind::Peer { deviations } => peer_judgement(&self.points, values, *deviations),
            _ => return None,
        };
        self.last_finding = finding.map(Box::new);
        Some((at, raw))
    }

    /// The process stood still: snapshots of that time are not made up.
    pub(super) fn resumed(&mut self, gap_ms: i64) {
        if let Some(sampler) = &mut self.sampler {
            sampler.next = sampler.next.plus(gap_ms);
        }
    }

    /// Why, as of the last judgement that found something.
    pub(super) fn finding(&self) -> Option<Box<Finding>> {
        self.last_finding.clone()
    }

    /// Number to show with the alarm, and what it is held against: hours to the limit and the hours asked for.
    pub(super) fn figures(&self) -> (Option<f64>, Option<f64>) {
        match &self.kind {
            Kind::Trend(trend) => (self.ahead.map(|a| a.eta_s / 3600.0), Some(trend.within_s / 3600.0)),
            _ => (None, None),
        }
    }

    /// Time to the limit as of the last reading.
    pub(super) fn ahead(&self) -> Option<Ahead> {
        self.ahead
    }

    pub(super) fn points(&self) -> &[PointIx] {
        &self.points
    }

    /// Share of commissioning done.
    pub(super) fn progress(&self) -> f64 {
        if self.commissioning_ms <= 0 { 1.0 } else { (self.learned_ms as f64 / self.commissioning_ms as f64).min(1.0) }
    }

    /// Forgets everything: after maintenance the device is a new one.
    pub(super) fn relearn(&mut self) {
        self.learned_ms = 0;
        self.last_finding = None;
        self.ahead = None;
        match &mut self.kind {
            Kind::Trend(trend) => {
                let (high, low) = trend.model.limits();
                trend.model = Trend::new(high, low);
                (trend.usual, trend.since_ms, trend.alarm) = (Usual::default(), None, false);
            }
            Kind::Point { model, mean } => {
                **model = PointModel::new(PointSettings::default());
                mean.sum = MeanSum::default();
            }
            Kind::Device(model) => model.relearn(),
            Kind::Baseline { model, off, .. } => (**model, *off) = (Baseline::default(), false),
            Kind::Change(model) => **model = Change::default(),
            Kind::Peer { .. } => {}
        }
    }

    /// The state, written down.
    pub(super) fn write(&self) -> Option<Vec<u8>> {
        fn pack<M: Serialize>(learn: &Learn, model: M) -> Option<Vec<u8>> {
            let written =
                Written { form: learn.kind.form(), learned_ms: learn.learned_ms, clock_ms: learn.clock_ms, model };
            postcard::to_allocvec(&written).ok()
        }
        match &self.kind {
            Kind::Trend(trend) => pack(self, (&trend.model, trend.usual, trend.since_ms, trend.alarm)),
            Kind::Point { model, mean } => pack(self, (model, mean.sum)),
            Kind::Device(model) => pack(self, model),
            Kind::Baseline { model, off, .. } => pack(self, (model, off)),
            Kind::Change(model) => pack(self, model),
            // Peers are compared at one instant: nothing is learnt.
            Kind::Peer { .. } => None,
        }
    }

    /// Takes up a written state; false when it is not of this kind, then it learns anew.
    pub(super) fn take_up(&mut self, bytes: &[u8]) -> bool {
        fn read<M: for<'a> Deserialize<'a>>(bytes: &[u8], form: u8) -> Option<Written<M>> {
            // The form is the first byte: a state of another one is not even looked at.
            (bytes.first() == Some(&form)).then(|| postcard::from_bytes(bytes).ok()).flatten()
        }
        let form = self.kind.form();
        let taken = match &mut self.kind {
            Kind::Trend(trend) => read::<(Trend, Usual, Option<i64>, bool)>(bytes, form)
                // Another limit is another question: it learns anew.
                .filter(|w| w.model.0.limits() == trend.model.limits())
                .map(|w| {
                    (trend.model, trend.usual, trend.since_ms, trend.alarm) = w.model;
                    (w.learned_ms, w.clock_ms)
                }),
            Kind::Point { model, mean } => read::<(PointModel, MeanSum)>(bytes, form).map(|w| {
                (**model, mean.sum) = w.model;
                (w.learned_ms, w.clock_ms)
            }),
            Kind::Device(model) => read::<DeviceModel>(bytes, form).filter(|w| w.model.len() == model.len()).map(|w| {
                **model = w.model;
                (w.learned_ms, w.clock_ms)
            }),
            Kind::Baseline { model, off, .. } => read::<(Baseline, bool)>(bytes, form).map(|w| {
                (**model, *off) = w.model;
                (w.learned_ms, w.clock_ms)
            }),
            Kind::Change(model) => read::<Change>(bytes, form).map(|w| {
                **model = w.model;
                (w.learned_ms, w.clock_ms)
            }),
            Kind::Peer { .. } => None,
        };
        let Some((learned_ms, clock_ms)) = taken else { return false };
        (self.learned_ms, self.clock_ms, self.last) = (learned_ms, clock_ms, None);
        true
    }

    /// Moves the detector's clock to `at`; tells it and whether commissioning goes on.
    fn turn(&mut self, at: BootMs, local_offset_ms: Option<i64>) -> (i64, bool) {
        let local_ms = local_offset_ms.map(|offset| at.0.saturating_add(offset));
        let step_ms = match self.last {
            Some(last) => at.since(last),
            None => local_ms.map_or(1, |local| local.saturating_sub(self.clock_ms)).max(1),
        };
        let first = self.last.is_none() && self.clock_ms == 0;
        self.clock_ms = self.clock_ms.saturating_add(step_ms);
        if let Some(local) = local_ms.filter(|local| *local > self.clock_ms.saturating_add(JUMP_MS)) {
            self.clock_ms = local;
        }
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        let learning = self.learned_ms < self.commissioning_ms;
        if learning && !first {
            self.learned_ms = self.learned_ms.saturating_add(step_ms.min(PAUSE_MS));
        }
        (self.clock_ms, learning)
    }
}
