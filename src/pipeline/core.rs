//! The engines and what they decide, synchronous throughout: field events and commands in, readings, alarms and notes out.

use std::sync::Arc;
use std::time::Duration;

use crate::alarms::{AlarmDef, Desk};
use crate::clock::Clock;
use crate::conditioning::{Conditioner, Output, PointRule};
use crate::health::Book;
use crate::model::alarm::{AlarmChange, AlarmEvent, AlarmRecord, Snapshot};
use crate::model::condition::ConditionChange;
use crate::model::desk::{DeskCommand, DeskError, Handled, Reply, Signal};
use crate::model::far::FarEnd;
use crate::model::id::{DeviceIx, PointIx};
use crate::model::journal::{Note, Stream};
use crate::model::link::{FieldEvent, LinkChange, LinkOf, LinkState};
use crate::model::live::Live;
use crate::model::quality::Quality;
use crate::model::reading::{Reading, Receipt, Scan};
use crate::model::site::Site;
use crate::model::text::Text;
use crate::model::time::{Anchor, BootMs, Trust};
use crate::pipeline::bell::Ring;
use crate::pipeline::derived::{Derived, DerivedPoint};
use crate::pipeline::learners::Learners;
use crate::pipeline::notes::Kept;
use crate::rules::hour::LocalHour;
use crate::rules::{Engine, RuleDef};

/// The wall clock is looked at this often; between, it is reckoned from the boot clock.
const ANCHOR_MS: i64 = 1_000;
/// A turn that comes this late means that the process stood still.
const STANDSTILL_MS: i64 = 5_000;
/// While field events are waiting, timers run behind by this much.
const HEARING_LAG_MS: i64 = 2_000;
/// After a standstill nothing is called stale for so long: devices need a scan to be heard again.
const STANDSTILL_GRACE_MS: i64 = 10_000;

/// What the pipeline is built from. `rules` and `alarms` go together by position.
#[derive(Debug)]
pub struct Setup {
    /// Names.
    pub site: Arc<Site>,
    /// The present.
    pub live: Arc<Live>,
    /// Both clocks.
    pub clock: Arc<dyn Clock>,
    /// Number of this start, from the store; part of alarm ids.
    pub boot: u64,
    /// Conditioning of each point, by `PointIx`.
    pub points: Vec<PointRule>,
    /// Rules.
    pub rules: Vec<RuleDef>,
    /// Their alarms.
    pub alarms: Vec<AlarmDef>,
    /// Computed points, each after those it needs.
    pub derived: Vec<DerivedPoint>,
    /// Upstreams, webhooks and brokers, for alarms of their own.
    pub far_ends: Vec<FarEnd>,
    /// Open alarms from the journal.
    pub open: Vec<AlarmRecord>,
    /// What rules had learnt, by rule key.
    pub learned: Vec<(String, Vec<u8>)>,
}

/// The engines.
#[derive(Debug)]
pub(super) struct Core {
    site: Arc<Site>,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    conditioner: Conditioner,
    derived: Derived,
    engine: Engine,
    learners: Learners,
    health: Option<Arc<Book>>,
    desk: Desk,
    local: LocalHour,
    hour: Option<u8>,
    anchor: Anchor,
    last_turn: BootMs,
    /// Staleness rests until then.
    grace_until: BootMs,
    output: Output,
    changes: Vec<ConditionChange>,
    events: Vec<AlarmEvent>,
    readings: Vec<Reading>,
    receipts: Vec<Receipt>,
    pub(super) alarms: Vec<Ring>,
    pub(super) links: Vec<Arc<LinkChange>>,
    pub(super) notes: Vec<Kept>,
}

impl Core {
    pub(super) fn new(setup: Setup) -> Self {
        let Setup { site, live, clock, boot, points, rules, alarms, derived, far_ends, open, learned } = setup;
        let anchor = clock.anchor();
        let alarms_on_trial: Vec<bool> = alarms.iter().map(|def| def.shadow).collect();
        let (desk, events) = Desk::new(boot, alarms, &site, &far_ends, open, &anchor);
        for alarm in desk.open() {
            live.alarm(alarm);
        }
        let held = |key: &str| desk.open().any(|alarm| alarm.condition && *alarm.key == *key);
        let mut engine = Engine::new(&rules, site.points.len(), anchor.boot, &held);
        engine.set_calendar(site.calendar.clone());
        let mut learners = Learners::new(&rules, &alarms_on_trial, anchor.boot);
        learners.take_up(&mut engine, &learned);
        live.set_outlooks(learners.outlooks(&engine));
        let mut core = Self {
            conditioner: Conditioner::new(points),
            derived: Derived::new(derived, site.points.len()),
            engine,
            learners,
            health: None,
            desk,
            local: LocalHour::new(&site.time_zone),
            hour: None,
            anchor,
            last_turn: anchor.boot,
            grace_until: anchor.boot,
            site,
            live,
            clock,
            output: Output::default(),
            changes: Vec::new(),
            events,
            readings: Vec::new(),
            receipts: Vec::new(),
            alarms: Vec::new(),
            links: Vec::new(),
            notes: Vec::new(),
        };
        core.look_at_clock();
        core.take_events(None);
        core
    }

    /// Readings and alarms are counted in `book` from now on.
    pub(super) fn recorded_in(&mut self, book: Arc<Book>) {
        self.health = Some(book);
    }

    pub(super) fn live(&self) -> &Live {
        &self.live
    }

    /// Readings and receipts to hand to the store; the caller empties them.
    pub(super) fn batch(&mut self) -> (&mut Vec<Reading>, &mut Vec<Receipt>) {
        (&mut self.readings, &mut self.receipts)
    }

    /// How long the loop may sleep.
    pub(super) fn sleep(&self, at_most: Duration) -> Duration {
        let now = self.clock.boot();
        let stale = self.conditioner.next_wake().map(|at| at.max(self.grace_until));
        let wakes = [stale, self.engine.next_wake(), self.desk.next_wake()];
        let wait_ms = wakes.into_iter().flatten().map(|at| at.since(now)).min();
        // At least a millisecond: an engine that asks to be woken in the past must not spin the loop.
        wait_ms.map_or(at_most, |ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0).max(1)).min(at_most))
    }

    /// Handles what a driver says.
    pub(super) fn field(&mut self, event: FieldEvent) {
        match event {
            FieldEvent::Scan(scan) => self.scan(scan),
            FieldEvent::Link(change) => self.link(change),
            FieldEvent::Unsupported { device, points } => {
                let names: Vec<&str> =
                    points.iter().filter_map(|p| self.site.points.get(p.ix())).map(|p| p.id.as_str()).collect();
                let facts = serde_json::json!({ "points": names });
                self.note("unsupported", self.device_id(device), facts);
                self.notes.push(Kept::Learned(device, points));
            }
        }
    }

    fn scan(&mut self, mut scan: Scan) {
        self.conditioner.scan(&scan, &mut self.output);
        self.flow();
        self.receipts.extend(scan.receipt.take());
    }

    /// Takes what conditioning has put out through live table, rules and alarms, and on to the store.
    fn flow(&mut self) {
        self.derive();
        let Output { report, quiet, restarts } = &mut self.output;
        if report.is_empty() && quiet.is_empty() {
            return;
        }
        self.live.enter(report);
        self.live.enter(quiet);
        if let Some(book) = &self.health {
            book.readings(report);
            book.readings(quiet);
        }
        self.engine.step(report, &mut self.changes);
        self.engine.step(quiet, &mut self.changes);
        self.readings.append(report);
        quiet.clear();
        let restarts = std::mem::take(restarts);
        for point in restarts {
            self.note_restart(point);
        }
        self.judge();
    }

    fn derive(&mut self) {
        self.derived.note(&self.output.report);
        self.derived.note(&self.output.quiet);
        let at = self.output.all().map(|reading| reading.at).max();
        let Some(at) = at else { return };
        while let Some((point, value)) = self.derived.next(self.hour) {
            let (reported, quiet) = (self.output.report.len(), self.output.quiet.len());
            self.conditioner.derived(point, value, at, &mut self.output);
            // Others may be computed from this one.
            self.derived.note(self.output.report.get(reported..).unwrap_or_default());
            self.derived.note(self.output.quiet.get(quiet..).unwrap_or_default());
        }
    }

    /// Takes changed conditions to the desk.
    fn judge(&mut self) {
        if self.changes.is_empty() {
            return;
        }
        let now = self.now();
        let (live, site) = (&self.live, &self.site);
        let look = |points: &[PointIx]| points.iter().filter_map(|p| snapshot(live, site, *p)).collect();
        for change in self.changes.drain(..) {
            self.notes.extend(self.learners.on_trial(&change, &self.site));
            self.desk.condition(&change, &now, &look, &mut self.events);
        }
        self.take_events(None);
    }

    fn link(&mut self, change: LinkChange) {
        self.live.link(&change);
        if matches!(change.state, LinkState::Down | LinkState::Quarantined) {
            let devices = match change.of {
                LinkOf::Device(device) => vec![device],
                LinkOf::Line(line) => self.site.lines.get(line.ix()).map(|l| l.devices.clone()).unwrap_or_default(),
            };
            for device in devices {
                self.device_down(device, change.quality, change.at);
            }
        }
        let now = self.now();
        self.desk.link(&change, &now, &mut self.events);
        self.take_events(None);
        self.note_link(&change);
        self.links.push(Arc::new(change));
    }

    fn device_down(&mut self, device: DeviceIx, quality: Quality, at: BootMs) {
        let Some((first, count)) = self.site.devices.get(device.ix()).map(|d| (d.first_point, d.point_count)) else {
            return;
        };
        self.conditioner.device_down(first, count, quality, at, &mut self.output);
        self.flow();
    }

    /// Handles what people and other parts ask.
    pub(super) fn command(&mut self, command: DeskCommand) {
        let now = self.now();
        // What a look at the clock brought up must not be taken for the answer's own events.
        self.take_events(None);
        match command {
            DeskCommand::Acknowledge { id, by, note, reply } => {
                let answer = self.desk.acknowledge(&id, &by, &note, &now, &mut self.events);
                self.answer(answer, reply);
            }
            DeskCommand::Reset { id, by, note, reply } => {
                let answer = self.desk.reset(&id, &by, &note, &now, &mut self.events);
                self.answer(answer, reply);
            }
            DeskCommand::Relearn { key, by, reply } => {
                let count = self.learners.relearn(&mut self.engine, &key);
                if count > 0 {
                    let facts = serde_json::json!({ "rules": count, "by": by });
                    let note = Note { stream: Stream::Audit, kind: "relearn".to_owned(), subject: key.clone(), facts };
                    self.notes.push(Kept::Note(note));
                }
                reply.send(if count > 0 { Ok(count) } else { Err(DeskError::NotLearning(key)) });
            }
            DeskCommand::Signal { signal, holds, reason } => {
                self.desk.signal(&signal, holds, &reason, &now, &mut self.events);
                self.take_events(None);
            }
            DeskCommand::Report(report) => {
                self.desk.report(&report, &now, &mut self.events);
                self.take_events(None);
            }
        }
    }

    fn answer(&mut self, answer: Result<Handled, DeskError>, reply: Reply<Result<Handled, DeskError>>) {
        match answer {
            // Told once the first of its changes is in the journal.
            Ok(handled) if !self.events.is_empty() => self.take_events(Some((reply, handled))),
            other => reply.send(other),
        }
    }

    fn take_events(&mut self, mut answer: Option<(Reply<Result<Handled, DeskError>>, Handled)>) {
        if self.events.is_empty() {
            return;
        }
        for event in self.events.drain(..) {
            if let (AlarmChange::Raised, Some(book)) = (event.change, &self.health) {
                book.alarm(&event.alarm.device, event.alarm.level);
            }
            self.alarms.push(Ring { event, answer: answer.take() });
        }
        let now = self.clock.boot();
        self.live.set_figures(self.desk.figures(now));
    }

    /// Time passes. `heard_all` is false while field events are still waiting.
    pub(super) fn tick(&mut self, heard_all: bool) {
        let now = self.now();
        if let Some(book) = &self.health {
            book.tick(&now);
        }
        let late_ms = now.boot.since(self.last_turn);
        self.last_turn = now.boot;
        if late_ms > STANDSTILL_MS {
            self.engine.resumed(late_ms);
            self.grace_until = now.boot.plus(STANDSTILL_GRACE_MS);
            self.note("standstill", String::new(), serde_json::json!({ "ms": late_ms }));
        }
        // Silence is judged when everything that was said has been heard; in a flood, a little later.
        let heard_until = if heard_all { now.boot } else { now.boot.plus(-HEARING_LAG_MS) };
        if now.boot >= self.grace_until {
            self.conditioner.tick(heard_until, &mut self.output);
            self.flow();
        }
        self.engine.tick(heard_until, &mut self.changes);
        self.judge();
        let (live, site) = (&self.live, &self.site);
        let look = |points: &[PointIx]| points.iter().filter_map(|p| snapshot(live, site, *p)).collect();
        self.desk.tick(&now, &look, &mut self.events);
        self.take_events(None);
    }

    /// Both clocks; the wall clock as of less than a second ago.
    fn now(&mut self) -> Anchor {
        let boot = self.clock.boot();
        if boot.since(self.anchor.boot) >= ANCHOR_MS {
            self.anchor = self.clock.anchor();
            self.look_at_clock();
        }
        Anchor { boot, wall: self.anchor.wall_at(boot), trust: self.anchor.trust }
    }

    fn look_at_clock(&mut self) {
        let anchor = self.anchor;
        self.hour = self.local.at(&anchor);
        self.engine.set_hour(self.hour, anchor.boot, &mut self.changes);
        self.engine.set_local(self.local.offset_ms(&anchor));
        self.live.update_outlooks(self.learners.changed(&self.engine));
        self.notes.extend(self.learners.models_due(&self.engine, anchor.boot).map(Kept::Models));
        self.desk.signal(
            &Signal::ClockUnset,
            anchor.trust == Trust::Unset,
            &Text::default(),
            &anchor,
            &mut self.events,
        );
        self.live.set_figures(self.desk.figures(anchor.boot));
    }

    /// The end: what has been learnt is written down.
    pub(super) fn finish(&mut self) {
        self.notes.extend(self.learners.models(&self.engine).map(Kept::Models));
    }

    fn device_id(&self, device: DeviceIx) -> String {
        self.site.devices.get(device.ix()).map(|d| d.id.to_string()).unwrap_or_default()
    }

    fn note(&mut self, kind: &str, subject: String, facts: serde_json::Value) {
        self.notes.push(Kept::Note(Note { stream: Stream::Event, kind: kind.to_owned(), subject, facts }));
    }

    fn note_link(&mut self, change: &LinkChange) {
        let kind = match change.state {
            LinkState::Initial => return,
            LinkState::Up => "link_up",
            LinkState::Down => "link_down",
            LinkState::Quarantined => "link_quarantined",
        };
        let (what, subject) = match change.of {
            LinkOf::Device(device) => ("device", self.device_id(device)),
            LinkOf::Line(line) => {
                ("line", self.site.lines.get(line.ix()).map(|l| l.id.to_string()).unwrap_or_default())
            }
        };
        self.note(kind, subject, serde_json::json!({ "of": what, "reason": change.reason, "boot_ms": change.at.0 }));
    }

    fn note_restart(&mut self, point: PointIx) {
        let Some(info) = self.site.points.get(point.ix()) else { return };
        let facts = serde_json::json!({ "point": &*info.key });
        self.note("counter_restart", self.device_id(info.device), facts);
    }
}

/// A point as it stands, frozen for an alarm.
fn snapshot(live: &Live, site: &Site, point: PointIx) -> Option<Snapshot> {
    let (info, now) = (site.points.get(point.ix())?, live.point(point)?);
    Some(Snapshot {
        point: Arc::clone(&info.key),
        value: now.value.number(),
        unit: info.unit.map(|u| u.code().to_owned()),
        quality: now.quality.word().to_owned(),
    })
}
