//! The desk: every alarm that can be, its open record if there is one, and what is held back behind a dead line.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::alarms::explain::explain;
use crate::alarms::figures::{Births, FLOOD_ABOVE};
use crate::alarms::slot::{AlarmDef, Home, Slot, announce, own};
use crate::alarms::{builtin, machine};
use crate::model::alarm::{Acknowledged, AlarmChange, AlarmEvent, AlarmRecord, AlarmState, Level, Snapshot, Trigger};
use crate::model::case::CaseNo;
use crate::model::condition::{ConditionChange, Tri};
use crate::model::desk::{AlarmFigures, DeskError, Handled, Signal};
use crate::model::far::FarEnd;
use crate::model::finding::Explanation;
use crate::model::id::{DeviceIx, PointIx};
use crate::model::intake::CAMERA_KEY_PREFIX;
use crate::model::link::{LinkChange, LinkOf, LinkState};
use crate::model::site::Site;
use crate::model::text::Text;
use crate::model::time::{Anchor, BootMs};

/// Closed alarms remembered, so that a second click on one is told who was first.
const CLOSED_MAX: usize = 256;

/// Tells the present values of points, for the snapshot of a new alarm.
pub type Look<'a> = &'a dyn Fn(&[PointIx]) -> Vec<Snapshot>;

/// All alarms of the site.
#[derive(Debug)]
pub struct Desk {
    pub(super) boot: u64,
    /// Rules first, by `RuleIx`; then lines, devices, store, clock, far ends.
    pub(super) slots: Vec<Slot>,
    lines: usize,
    devices: usize,
    store: usize,
    far_ends: BTreeMap<FarEnd, usize>,
    /// By device: its line's index, name and place.
    homes: Vec<Home>,
    line_down: Vec<bool>,
    pub(super) ids: BTreeMap<Arc<str>, usize>,
    closed: VecDeque<AlarmRecord>,
    births: Births,
    /// Slots of reported alarms by key, and slots that are free again.
    pub(super) reported: BTreeMap<Arc<str>, usize>,
    pub(super) free: Vec<usize>,
    /// Not later than the earliest `Slot::wake`.
    wake: Option<BootMs>,
}

/// The store and the clock.
const OWN: usize = 2;

impl Desk {
    /// `rules` in the order of the engine's rules; `restored` are the open records of the journal. Returns the events of
    /// records that end here since nothing is configured for them any more.
    #[must_use]
    pub fn new(
        boot: u64,
        rules: Vec<AlarmDef>,
        site: &Site,
        far_ends: &[FarEnd],
        restored: Vec<AlarmRecord>,
        now: &Anchor,
    ) -> (Self, Vec<AlarmEvent>) {
        let room = rules.len() + site.lines.len() + site.devices.len() + OWN + far_ends.len();
        let mut slots: Vec<Slot> = Vec::with_capacity(room);
        slots.extend(rules.into_iter().map(Slot::new));
        let lines = slots.len();
        slots.extend(site.lines.iter().map(|line| {
            let children = u32::try_from(line.devices.len()).unwrap_or(u32::MAX);
            let def = own(format!("line.{}.down", line.id), None, Level::Major, builtin::line_text(line));
            Slot { children, ..Slot::new(def) }
        }));
        let devices = slots.len();
        slots.extend(site.devices.iter().enumerate().map(|(ix, device)| {
            let ix = DeviceIx::at(ix);
            let text = builtin::device_text(device);
            Slot::new(own(format!("{}.offline", device.id), Some(ix), builtin::device_level(device), text))
        }));
        let store = slots.len();
        slots.push(Slot::new(own("gateway.store_degraded".into(), None, Level::Major, builtin::store_text())));
        slots.push(Slot::new(own("gateway.clock_unset".into(), None, Level::Info, builtin::clock_text())));
        let first_far_end = slots.len();
        slots.extend(far_ends.iter().map(|far| {
            Slot::new(own(far.alarm_key(), None, builtin::far_end_level(far.kind), builtin::far_end_text(far)))
        }));
        let mut desk = Self {
            boot,
            slots,
            lines,
            devices,
            store,
            far_ends: far_ends.iter().cloned().zip(first_far_end..).collect(),
            homes: site.devices.iter().map(|device| Home::of(site, device)).collect(),
            line_down: vec![false; site.lines.len()],
            ids: BTreeMap::new(),
            closed: VecDeque::new(),
            births: Births::default(),
            reported: BTreeMap::new(),
            free: Vec::new(),
            wake: None,
        };
        let events = desk.restore(restored, now);
        (desk, events)
    }

    fn restore(&mut self, mut restored: Vec<AlarmRecord>, now: &Anchor) -> Vec<AlarmEvent> {
        restored.retain(|alarm| alarm.state != AlarmState::Normal);
        // Newest first: should a key have two records, the older one ends.
        restored.sort_by_key(|alarm| std::cmp::Reverse((alarm.boot, alarm.raised_at)));
        let by_key: BTreeMap<Arc<str>, usize> =
            self.slots.iter().enumerate().map(|(ix, slot)| (Arc::clone(&slot.def.key), ix)).collect();
        let mut events = Vec::new();
        for mut alarm in restored {
            let reported = CaseNo::of_key(&alarm.key).is_some() || alarm.key.starts_with(CAMERA_KEY_PREFIX);
            if reported && !self.reported.contains_key(&alarm.key) {
                self.readmit(alarm);
                continue;
            }
            let home =
                by_key.get(&alarm.key).copied().filter(|ix| self.slots.get(*ix).is_some_and(|s| s.open.is_none()));
            if let Some(ix) = home {
                self.ids.insert(Arc::clone(&alarm.id), ix);
                if let Some(slot) = self.slots.get_mut(ix) {
                    slot.renew(&mut alarm, &self.homes);
                    slot.onset = (alarm.boot == self.boot).then_some(alarm.raised_at);
                    slot.open = Some(alarm);
                }
            } else {
                let told = machine::retire(&mut alarm, now.wall.0);
                announce(told, &alarm, now, None, Some("no longer configured / 已不在配置中"), &mut events);
            }
        }
        events
    }

    /// A rule's condition changed.
    pub fn condition(&mut self, change: &ConditionChange, now: &Anchor, look: Look<'_>, out: &mut Vec<AlarmEvent>) {
        let ix = change.rule.ix();
        if ix >= self.lines || self.slots.get(ix).is_some_and(|slot| slot.def.shadow) {
            return;
        }
        match change.to {
            Tri::Unknown => {}
            Tri::False => self.fall(ix, change.at, now, out),
            Tri::True => {
                if self.waits_for_line(ix) {
                    self.hold(ix);
                } else {
                    let trigger = self.slots.get(ix).map(|slot| Trigger {
                        what: slot.def.what.clone(),
                        words: None,
                        value: change.value,
                        limit: change.limit,
                        unit: slot.def.unit.clone(),
                    });
                    let explanation = change.finding.as_deref().map(|f| Box::new(explain(f, change.at, now, look)));
                    self.rise(ix, change.at, (trigger, explanation), now, look, out);
                }
            }
        }
    }

    /// A line or device changed state.
    pub fn link(&mut self, change: &LinkChange, now: &Anchor, out: &mut Vec<AlarmEvent>) {
        if change.state == LinkState::Initial {
            // Nothing is known yet, so nothing has ended either.
            return;
        }
        let down = matches!(change.state, LinkState::Down | LinkState::Quarantined);
        match change.of {
            LinkOf::Line(line) => {
                let Some(known) = self.line_down.get_mut(line.ix()) else { return };
                let was = std::mem::replace(known, down);
                self.trouble(self.lines + line.ix(), down, builtin::LINE_DELAY_MS, &change.reason, now, out);
                if was && !down {
                    self.release(line.ix(), now);
                }
            }
            LinkOf::Device(device) => {
                let Some(own_delay) = self.homes.get(device.ix()).map(|home| home.delay_ms) else { return };
                let quarantined = change.state == LinkState::Quarantined;
                let delay_ms = if quarantined { builtin::QUARANTINE_DELAY_MS } else { own_delay };
                self.trouble(self.devices + device.ix(), down, delay_ms, &change.reason, now, out);
            }
        }
    }

    /// Another part of gatehouse reports a trouble of its own, or its end.
    pub fn signal(&mut self, signal: &Signal, holds: bool, reason: &Text, now: &Anchor, out: &mut Vec<AlarmEvent>) {
        let (ix, delay_ms) = match signal {
            Signal::StoreDegraded => (self.store, 0),
            Signal::ClockUnset => (self.store + 1, builtin::CLOCK_DELAY_MS),
            Signal::FarEndDown(far) => match self.far_ends.get(far) {
                Some(ix) => (*ix, builtin::FAR_END_DELAY_MS),
                None => return,
            },
        };
        self.trouble(ix, holds, delay_ms, reason, now, out);
    }

    /// Raises what has been in trouble for long enough.
    pub fn tick(&mut self, now: &Anchor, look: Look<'_>, out: &mut Vec<AlarmEvent>) {
        if self.wake.is_none_or(|wake| wake > now.boot) {
            return;
        }
        for ix in 0..self.slots.len() {
            if let Some(over) = self.slots.get(ix).and_then(|slot| slot.over).filter(|over| *over <= now.boot) {
                self.fall(ix, over, now, out);
            }
            let Some(due) = self.slots.get(ix).and_then(|slot| slot.due).filter(|due| *due <= now.boot) else {
                continue;
            };
            if let Some(slot) = self.slots.get_mut(ix) {
                slot.due = None;
            }
            if self.waits_for_line(ix) {
                self.hold(ix);
            } else {
                let trigger = self.own_trigger(ix);
                self.rise(ix, due, (trigger, None), now, look, out);
            }
        }
        self.wake = self.slots.iter().filter_map(Slot::wake).min();
    }

    /// When [`Desk::tick`] has something to do; may be a little early.
    #[must_use]
    pub fn next_wake(&self) -> Option<BootMs> {
        self.wake
    }

    fn wake_by(&mut self, due: BootMs) {
        self.wake = Some(self.wake.map_or(due, |wake| wake.min(due)));
    }

    /// Somebody answers an alarm. Idempotent: the answer says who was first.
    pub fn acknowledge(
        &mut self,
        id: &str,
        by: &str,
        note: &str,
        now: &Anchor,
        out: &mut Vec<AlarmEvent>,
    ) -> Result<Handled, DeskError> {
        let Some(ix) = self.ids.get(id).copied() else {
            let closed = self.closed.iter().find(|alarm| &*alarm.id == id);
            let closed = closed.filter(|alarm| alarm.acknowledged.is_some());
            return closed
                .map(|alarm| Handled { alarm: alarm.clone(), already: alarm.acknowledged.clone() })
                .ok_or_else(|| DeskError::NotOpen(id.to_owned()));
        };
        let who = Acknowledged { by: by.to_owned(), note: note.to_owned(), wall_ms: now.wall.0 };
        let alarm = self.record(ix, id)?;
        let told = machine::acknowledge(alarm, who);
        let already = if told.is_empty() { alarm.acknowledged.clone() } else { None };
        let alarm = alarm.clone();
        announce(told, &alarm, now, Some(by), Some(note), out);
        self.file(ix);
        Ok(Handled { alarm, already })
    }

    /// Somebody lets a latched alarm go, now that its condition is gone.
    pub fn reset(
        &mut self,
        id: &str,
        by: &str,
        note: &str,
        now: &Anchor,
        out: &mut Vec<AlarmEvent>,
    ) -> Result<Handled, DeskError> {
        let ix = self.ids.get(id).copied().ok_or_else(|| DeskError::NotOpen(id.to_owned()))?;
        let alarm = self.record(ix, id)?;
        if !alarm.latched {
            return Err(DeskError::NotLatched);
        }
        if alarm.condition {
            return Err(DeskError::StillActive);
        }
        let told = machine::reset(alarm, now.wall.0);
        let alarm = alarm.clone();
        announce(told, &alarm, now, Some(by), Some(note), out);
        self.file(ix);
        Ok(Handled { alarm, already: None })
    }

    /// All alarms on the list, in no particular order.
    pub fn open(&self) -> impl Iterator<Item = &AlarmRecord> {
        self.slots.iter().filter_map(|slot| slot.open.as_ref())
    }

    /// How busy the list keeps people.
    pub fn figures(&mut self, now: BootMs) -> AlarmFigures {
        let (raised_10_min, raised_60_min) = self.births.counts(now);
        let mut figures = AlarmFigures { raised_10_min, raised_60_min, at: now, ..AlarmFigures::default() };
        for alarm in self.open() {
            figures.standing += 1;
            let waits = alarm.state != AlarmState::Acknowledged && alarm.level != Level::Info;
            figures.unacknowledged += u32::from(waits);
        }
        figures.flood = raised_10_min > FLOOD_ABOVE;
        figures
    }

    fn record(&mut self, ix: usize, id: &str) -> Result<&mut AlarmRecord, DeskError> {
        let open = self.slots.get_mut(ix).and_then(|slot| slot.open.as_mut());
        open.ok_or_else(|| DeskError::NotOpen(id.to_owned()))
    }

    /// A built-in trouble began or ended.
    fn trouble(
        &mut self,
        ix: usize,
        holds: bool,
        delay_ms: i64,
        reason: &Text,
        now: &Anchor,
        out: &mut Vec<AlarmEvent>,
    ) {
        if !holds {
            return self.subside(ix, now, out);
        }
        let Some(slot) = self.slots.get_mut(ix) else { return };
        slot.reason = Some(reason.clone());
        slot.over = None;
        let active = slot.open.as_ref().is_some_and(|alarm| alarm.condition);
        if active || slot.held {
            return;
        }
        let due = now.boot.plus(delay_ms);
        slot.due = Some(slot.due.map_or(due, |known| known.min(due)));
        self.wake_by(due);
        if delay_ms == 0 {
            self.tick(now, &|_| Vec::new(), out);
        }
    }

    /// A built-in trouble is over, for now: what comes and goes clears when it stays away.
    fn subside(&mut self, ix: usize, now: &Anchor, out: &mut Vec<AlarmEvent>) {
        let comes_and_goes = ix != self.store && ix != self.store + 1;
        let Some(slot) = self.slots.get_mut(ix) else { return };
        if !comes_and_goes || slot.open.as_ref().is_none_or(|alarm| !alarm.condition) {
            return self.fall(ix, now.boot, now, out);
        }
        let over = *slot.over.get_or_insert(now.boot.plus(builtin::CLEAR_DELAY_MS));
        self.wake_by(over);
    }

    fn own_trigger(&self, ix: usize) -> Option<Trigger> {
        let slot = self.slots.get(ix)?;
        let words = slot.reason.clone().filter(|reason| ix >= self.lines && !reason.en.is_empty());
        let what = words.as_ref().map_or_else(|| slot.def.what.clone(), |words| words.en.to_string());
        (!what.is_empty()).then_some(Trigger { what, words, value: None, limit: None, unit: None })
    }

    /// Whether this alarm only says what the line's alarm says already.
    fn waits_for_line(&self, ix: usize) -> bool {
        let Some(def) = self.slots.get(ix).map(|slot| &slot.def) else { return false };
        let Some(home) = def.device.and_then(|device| self.homes.get(device.ix())) else { return false };
        def.loss_of_sight && def.level != Level::Life && self.line_down.get(home.line).copied().unwrap_or(false)
    }

    fn hold(&mut self, ix: usize) {
        if let Some(slot) = self.slots.get_mut(ix) {
            slot.held = slot.open.as_ref().is_none_or(|alarm| !alarm.condition);
        }
    }

    /// The line is back: what waited behind it gets some time to come back too.
    fn release(&mut self, line: usize, now: &Anchor) {
        let due = now.boot.plus(builtin::GRACE_MS);
        for slot in &mut self.slots {
            let home = slot.def.device.and_then(|device| self.homes.get(device.ix()));
            if slot.held && home.is_some_and(|home| home.line == line) {
                slot.held = false;
                slot.due = Some(due);
            }
        }
        self.wake_by(due);
    }

    pub(super) fn rise(
        &mut self,
        ix: usize,
        at: BootMs,
        (trigger, explanation): (Option<Trigger>, Option<Box<Explanation>>),
        now: &Anchor,
        look: Look<'_>,
        out: &mut Vec<AlarmEvent>,
    ) {
        let boot = self.boot;
        let Some(slot) = self.slots.get_mut(ix) else { return };
        slot.held = false;
        slot.due = None;
        if slot.open.as_ref().is_some_and(|alarm| alarm.condition) {
            return;
        }
        let at = slot.onset.map_or(at, |last| at.max(last.plus(1)));
        slot.onset = Some(at);
        let alarm = AlarmRecord { explanation, ..slot.birth(boot, at, trigger, now, &self.homes, look) };
        if let Some(old) = &mut slot.open {
            let told = machine::retire(old, now.wall.0);
            let note = format!("superseded by {} / 再次发生", alarm.id);
            announce(told, old, now, None, Some(&note), out);
            self.file(ix);
        }
        announce(&[AlarmChange::Raised], &alarm, now, None, None, out);
        self.births.add(now.boot);
        self.ids.insert(Arc::clone(&alarm.id), ix);
        if let Some(slot) = self.slots.get_mut(ix) {
            slot.open = Some(alarm);
        }
    }

    pub(super) fn fall(&mut self, ix: usize, at: BootMs, now: &Anchor, out: &mut Vec<AlarmEvent>) {
        let Some(slot) = self.slots.get_mut(ix) else { return };
        slot.held = false;
        slot.due = None;
        slot.over = None;
        let Some(alarm) = &mut slot.open else { return };
        let told = machine::clear(alarm, now.wall_at(at).0);
        announce(told, alarm, now, None, None, out);
        self.file(ix);
    }

    /// Moves a record that has come to Normal out of the list.
    fn file(&mut self, ix: usize) {
        let Some(slot) = self.slots.get_mut(ix) else { return };
        if let Some(alarm) = slot.open.take_if(|alarm| alarm.state == AlarmState::Normal) {
            self.ids.remove(&alarm.id);
            if self.closed.len() == CLOSED_MAX {
                self.closed.pop_front();
            }
            self.vacate(ix, &alarm.key);
            self.closed.push_back(alarm);
        }
    }
}
