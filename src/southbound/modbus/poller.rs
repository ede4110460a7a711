//! What to ask next, and what an outcome means. Pure: time and bytes in, jobs and events out.
//!
//! Owns the schedule, the plans and the health of all units of one line. Knows no sockets and never waits.
//!
//! - Polls go by deadline. A unit that missed an answer rests until it answers a probe.
//! - A probe goes when it fits into the time before the next poll, or when it has been put off for a whole pause and the
//!   budget of the line allows it. So silent units cost their siblings neither period nor order. (Probes strictly before
//!   polls, the simpler rule, moved the polls behind them by the probe's time-out.)
//! - A refusal of an address (exceptions 2, 3) cuts the request at its holes, then by halves, each at once, until the
//!   register is found. It counts as lacking only after [`STRIKES`] refusals in a row while other requests of the unit
//!   bring data: a device that refuses everything (starting up, locked) loses nothing. Lacking registers are asked for
//!   again every [`RETRY_MS`].
//!
//! Events for points: a scan for what was asked. While a line is down or a unit in quarantine, the link change alone
//! says so for all its points; registers it lacks are told again after each return.

mod learn;
mod report;

use crate::model::id::LineIx;
use crate::model::link::{FieldEvent, LinkStats};
use crate::model::quality::Quality;
use crate::model::reading::Scan;
use crate::model::time::BootMs;
use crate::profile::{Area, ModbusLimits, Register};
use crate::southbound::modbus::ModbusDevice;
use crate::southbound::modbus::pdu::{Ask, Exception};
use crate::southbound::modbus::plan::{Cuts, PlanPoint, Request};
use crate::southbound::modbus::session::Rejects;
use crate::southbound::modbus::unit::{Budget, Turn, UnitHealth, Usual};
use crate::southbound::schedule::{Key, Next, Schedule};

/// Refusals in a row of a single value before the device is said to lack it.
pub const STRIKES: u32 = 3;

/// Registers that a device seems to lack are asked for again so often. A fire panel that refused its map while it was
/// starting must not stay unread for longer; ten such registers cost their line one short request in 30 s.
pub const RETRY_MS: i64 = 300_000;

/// Refusals (busy, failure) in a row before a request is asked less often.
const REFUSALS_PATIENT: u32 = 3;

/// Longest pause of a request that is refused again and again.
const REFUSED_MS_MAX: i64 = 60_000;

/// Shapes of unanswered requests that are remembered per unit.
const SHAPES: usize = 3;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask this.
    Ask(Job),
    /// Nothing before this moment.
    Wait(BootMs),
    /// Nothing at all.
    Idle,
}

/// One read to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// Unit id.
    pub unit: u8,
    /// What to ask.
    pub ask: Ask<'static>,
    /// How long to wait for the answer.
    pub timeout_ms: i64,
    /// Pause the device needs afterwards.
    pub pause: std::time::Duration,
    at: usize,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Poll(Key),
    Probe,
}

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Data bytes as they came.
    Data(&'a [u8]),
    /// Refused.
    Refused(Exception),
    /// No answer in time.
    Silence,
}

/// When a job ran.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Sent.
    pub begun: BootMs,
    /// Answered, given up, and on RTU listened out.
    pub ended: BootMs,
    /// From sending to the answer.
    pub took_us: u64,
}

impl Span {
    fn middle(&self) -> BootMs {
        self.begun.plus(i64::try_from(self.took_us / 2000).unwrap_or(0))
    }
}

#[derive(Debug)]
struct Poll {
    unit: usize,
    request: Request,
    /// The one value in it is thought to be lacking.
    lacking: bool,
    strikes: u32,
    refusals: u32,
}

#[derive(Debug)]
struct Unit {
    device: crate::model::id::DeviceIx,
    id: u8,
    limits: ModbusLimits,
    slot: u32,
    points: Vec<PlanPoint>,
    lacking: Vec<PlanPoint>,
    holes: Cuts,
    halves: Cuts,
    keys: Vec<Key>,
    health: UnitHealth,
    /// Data came since the last time it rested.
    gives_data: bool,
    /// Byte counts of requests that were never answered, newest last; an answer to a later one makes them void.
    unanswered: [u8; SHAPES],
    stats: LinkStats,
}

/// The mind of one line.
#[derive(Debug)]
pub struct Poller {
    line: LineIx,
    timeout_ms: i64,
    /// Silence costs a listening-out as long again (RTU).
    listens_out: bool,
    schedule: Schedule,
    polls: Vec<Option<Poll>>,
    units: Vec<Unit>,
    resting: Vec<usize>,
    usual: Usual,
    budget: Budget,
    silent_run: u32,
    stats: LinkStats,
    words: Vec<u16>,
}

impl Poller {
    /// Plans all devices of a line. Nothing is due before [`Poller::line_up`].
    #[must_use]
    pub fn new(line: LineIx, devices: &[ModbusDevice], timeout_ms: i64, listens_out: bool, now: BootMs) -> Self {
        let budget = Budget::new(now, timeout_ms);
        let mut poller = Self {
            line,
            timeout_ms,
            listens_out,
            schedule: Schedule::default(),
            polls: Vec::new(),
            units: Vec::new(),
            resting: Vec::new(),
            usual: Usual::default(),
            budget,
            silent_run: 0,
            stats: LinkStats::default(),
            words: Vec::with_capacity(125),
        };
        for (at, device) in devices.iter().enumerate() {
            let slot = line.0.wrapping_add(u32::try_from(at).unwrap_or(0));
            poller.units.push(Unit::new(device, slot));
            poller.replan(at, now);
        }
        poller
    }

    /// What to do at `now`. A poll that is handed out has been moved to its next due time.
    pub fn next(&mut self, now: BootMs) -> Step {
        let next = self.schedule.next(now);
        let free_ms = match next {
            Next::Due(_) => 0,
            Next::At(at) => at.since(now),
            Next::Never => i64::MAX,
        };
        let probe_again = match self.probe(now, free_ms) {
            Ok(job) => return Step::Ask(job),
            Err(again) => again,
        };
        let at = match next {
            Next::Due(key) => return Step::Ask(self.poll(key, now)),
            Next::At(at) => Some(at),
            Next::Never => None,
        };
        match at.into_iter().chain(probe_again).min() {
            Some(at) => Step::Wait(at.max(now.plus(1))),
            None => Step::Idle,
        }
    }

    fn poll(&mut self, key: Key, now: BootMs) -> Job {
        let missed = self.schedule.start(key, now);
        let poll = self.polls[key.ix()].as_ref().expect("a key in the schedule has its poll");
        let unit = &mut self.units[poll.unit];
        unit.stats.missed += missed;
        self.stats.missed += missed;
        let Request { area, address, count, .. } = poll.request;
        Job {
            unit: unit.id,
            ask: Ask::Read { area, address, count },
            timeout_ms: self.timeout_ms,
            pause: unit.limits.pause,
            at: poll.unit,
            what: What::Poll(key),
        }
    }

    /// A probe that may go now with `free_ms` before the next poll, or when to look again.
    fn probe(&mut self, now: BootMs, free_ms: i64) -> Result<Job, Option<BootMs>> {
        let usual_ms = if self.resting.is_empty() { 0 } else { self.usual.p99_ms() };
        let mut again: Option<BootMs> = None;
        for i in 0..self.resting.len() {
            let at = self.resting[i];
            let unit = &self.units[at];
            let timeout_ms = unit.health.probe_timeout_ms(usual_ms, self.timeout_ms);
            let cost_ms = if self.listens_out { 2 * timeout_ms } else { timeout_ms };
            let health = &unit.health;
            let look = if health.probe_at() > now {
                health.probe_at()
            } else if health.on_budget() && !self.budget.allows(now, cost_ms, self.timeout_ms) {
                self.budget.allowed_at(cost_ms)
            } else if free_ms < cost_ms && health.force_at() > now {
                health.force_at()
            } else {
                return Ok(Job {
                    unit: unit.id,
                    ask: unit.probe_ask(self.polls.as_slice()),
                    timeout_ms,
                    pause: unit.limits.pause,
                    at,
                    what: What::Probe,
                });
            };
            again = Some(again.map_or(look, |a| a.min(look)));
        }
        Err(again)
    }

    /// Enters what became of `job`; what the pipeline must know is added to `out`.
    pub fn done(&mut self, job: &Job, outcome: Outcome<'_>, span: Span, out: &mut Vec<FieldEvent>) {
        self.count(job, outcome, span);
        match outcome {
            Outcome::Silence => self.silence(job, span, out),
            Outcome::Refused(exception) if exception.means_silence() => self.silence(job, span, out),
            Outcome::Refused(exception) => {
                self.answered(job, span, out);
                if let What::Poll(key) = job.what {
                    self.refused(key, exception, span, out);
                }
            }
            Outcome::Data(data) => {
                self.answered(job, span, out);
                if let What::Poll(key) = job.what {
                    self.values(key, data, span, out);
                }
            }
        }
    }

    /// Frames were dropped while `job` waited. Late ones of resting units show that they live.
    pub fn rejected(&mut self, job: &Job, rejects: Rejects, now: BootMs) {
        if rejects.count == 0 {
            return;
        }
        self.units[job.at].stats.rejects += rejects.count;
        self.stats.rejects += rejects.count;
        for at in &self.resting {
            let unit = &mut self.units[*at];
            if rejects.has(unit.id) {
                unit.health.seen_late(now);
            }
        }
    }

    /// The connection broke before `job` had an outcome: it is due at once when the line is up again.
    pub fn abandoned(&mut self, job: &Job, now: BootMs) {
        if let What::Poll(key) = job.what
            && self.polls[key.ix()].is_some()
            && !self.units[job.at].health.rests()
        {
            self.schedule.wake(key, now);
        }
    }

    /// A one-shot request to `unit` was not answered: its late answer must not be taken for another's.
    /// So the unit rests until it has answered a probe of another shape; its points are not touched.
    pub fn one_shot_silent(&mut self, unit: u8, ask: &Ask<'_>, now: BootMs) {
        for at in 0..self.units.len() {
            if self.units[at].id == unit {
                self.units[at].remember_unanswered(ask.data_len());
                if !self.units[at].health.rests() {
                    self.units[at].health.silent(now, false);
                    self.rest(at);
                }
            }
        }
    }

    /// The path is open (again): everything is due, silent units are probed anew.
    pub fn line_up(&mut self, now: BootMs, out: &mut Vec<FieldEvent>) {
        self.silent_run = 0;
        for at in 0..self.units.len() {
            self.units[at].health.line_up(now);
            if !self.units[at].health.rests() {
                self.wake(at, now);
            }
            self.tell_lacking(at, now, out);
        }
    }

    /// Silence is followed by listening out as long again.
    #[must_use]
    pub fn listens_out(&self) -> bool {
        self.listens_out
    }

    /// Requests in a row that nobody on this line answered.
    #[must_use]
    pub fn silent_run(&self) -> u32 {
        self.silent_run
    }

    fn answered(&mut self, job: &Job, span: Span, out: &mut Vec<FieldEvent>) {
        self.silent_run = 0;
        self.usual.enter(span.took_us);
        let unit = &mut self.units[job.at];
        unit.unanswered = [0; SHAPES];
        let turn = unit.health.answered();
        match turn {
            Turn::Up => {
                out.push(self.device_up(job.at, span.ended));
                self.back(job.at, span.ended);
                self.tell_lacking(job.at, span.ended, out);
            }
            Turn::Cleared => self.back(job.at, span.ended),
            _ => {}
        }
    }

    fn silence(&mut self, job: &Job, span: Span, out: &mut Vec<FieldEvent>) {
        self.silent_run = self.silent_run.saturating_add(1);
        let unit = &mut self.units[job.at];
        unit.remember_unanswered(job.ask.data_len());
        if unit.health.on_budget() {
            self.budget.spend(span.ended.since(span.begun));
        }
        let turn = unit.health.silent(span.ended, job.what == What::Probe);
        match turn {
            Turn::Suspected => {
                self.rest(job.at);
                if let What::Poll(key) = job.what {
                    out.extend(self.all_bad(key, Quality::BadTimeout, span.middle()));
                }
            }
            Turn::StillSilent => out.push(self.unit_bad(job.at, Quality::BadTimeout, span.middle())),
            Turn::Quarantined => out.push(self.device_quarantined(job.at, span.ended)),
            _ => {}
        }
    }

    fn rest(&mut self, at: usize) {
        for key in &self.units[at].keys {
            self.schedule.park(*key);
        }
        if !self.resting.contains(&at) {
            self.resting.push(at);
        }
    }

    /// It answers: what rested is due at once.
    fn back(&mut self, at: usize, now: BootMs) {
        if let Some(place) = self.resting.iter().position(|r| *r == at) {
            self.resting.remove(place);
            self.wake(at, now);
        }
    }

    /// All its requests are due, except those for what it lacks.
    fn wake(&mut self, at: usize, now: BootMs) {
        for key in &self.units[at].keys {
            self.schedule.wake(*key, now);
            if self.polls[key.ix()].as_ref().is_some_and(|p| p.lacking) {
                self.schedule.delay(*key, now.plus(RETRY_MS));
            }
        }
    }
}

impl Unit {
    fn new(device: &ModbusDevice, slot: u32) -> Self {
        let point = |(point, register, every): &(_, Register, std::time::Duration)| PlanPoint {
            point: *point,
            register: register.clone(),
            period_ms: u32::try_from(every.as_millis()).unwrap_or(u32::MAX).max(1),
        };
        let (lacking, points): (Vec<_>, Vec<_>) =
            device.points.iter().map(point).partition(|p| device.unsupported.contains(&p.point));
        let period_ms = points.iter().map(|p| i64::from(p.period_ms)).min().unwrap_or(1000);
        Self {
            device: device.device,
            id: device.unit,
            limits: device.limits.clone(),
            slot,
            points,
            lacking,
            holes: Cuts::new(),
            halves: Cuts::new(),
            keys: Vec::new(),
            health: UnitHealth::new(period_ms, slot),
            gives_data: false,
            unanswered: [0; SHAPES],
            stats: LinkStats::default(),
        }
    }

    fn remember_unanswered(&mut self, shape: u8) {
        self.unanswered.rotate_left(1);
        self.unanswered[SHAPES - 1] = shape;
    }

    /// A short read at the first address of the unit, in a shape that no unanswered request had.
    fn probe_ask(&self, polls: &[Option<Poll>]) -> Ask<'static> {
        let first = self.keys.iter().find_map(|key| polls[key.ix()].as_ref()).map(|p| &p.request);
        let (area, address) = first.map_or((Area::Holding, 0), |r| (r.area, r.address));
        let step = if matches!(area, Area::Coil | Area::Discrete) { 8 } else { 1 };
        let shapes = (0..=u16::try_from(SHAPES).unwrap_or(0)).map(|i| Ask::Read { area, address, count: 1 + i * step });
        let free = |ask: &Ask<'_>| ask.check().is_ok() && !self.unanswered.contains(&ask.data_len());
        shapes.into_iter().find(free).unwrap_or(Ask::Read { area, address, count: 1 })
    }
}

fn scan(device: crate::model::id::DeviceIx, at: BootMs, samples: Vec<crate::model::reading::Sample>) -> FieldEvent {
    FieldEvent::Scan(Scan { device, at, source_ms: None, old: false, samples, receipt: None })
}

#[cfg(test)]
mod tests;
