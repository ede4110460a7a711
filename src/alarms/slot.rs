//! One alarm that can be: its definition, its open record, and what it waits for; and how it is born and announced.

use std::sync::Arc;

use crate::alarms::builtin;
use crate::alarms::desk::Look;
use crate::model::alarm::{AlarmChange, AlarmEvent, AlarmRecord, AlarmState, AlarmText, Level, Trigger};
use crate::model::id::{DeviceIx, PointIx};
use crate::model::site::{DeviceInfo, Site};
use crate::model::text::Text;
use crate::model::time::{Anchor, BootMs};

/// What an alarm is, apart from its condition. Position = [`crate::model::id::RuleIx`] of its rule.
#[derive(Debug, Clone)]
pub struct AlarmDef {
    /// `device.alarm` or `rule.name`.
    pub key: Arc<str>,
    /// The device it belongs to; none for a rule of the site over several devices.
    pub device: Option<DeviceIx>,
    /// Level.
    pub level: Level,
    /// Texts.
    pub text: AlarmText,
    /// Stays until reset.
    pub latched: bool,
    /// On trial: the caller notes it, the desk never raises it.
    pub shadow: bool,
    /// Its condition is that something cannot be seen: held back while its line is down (never at level `life`).
    pub loss_of_sight: bool,
    /// `device.point` or the expression, for the trigger text.
    pub what: String,
    /// Unit code of the trigger's value.
    pub unit: Option<String>,
    /// Points whose values are frozen with the alarm.
    pub snapshot: Vec<PointIx>,
}

/// One alarm that can be.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) def: AlarmDef,
    /// Reason in words, for the trigger of built-in alarms.
    pub(super) reason: Option<Text>,
    /// Devices counted behind it.
    pub(super) children: u32,
    /// Raise at this moment unless the trouble ends before (built-in alarms; rules bring their own delays).
    pub(super) due: Option<BootMs>,
    /// Clear at this moment unless the trouble comes back before (built-in alarms).
    pub(super) over: Option<BootMs>,
    /// Its condition holds, but it waits behind a dead line.
    pub(super) held: bool,
    pub(super) open: Option<AlarmRecord>,
    /// Onset of the youngest alarm of this boot; ids are made of it, so two never share one.
    pub(super) onset: Option<BootMs>,
    /// Name and place of a reported alarm, which no device stands behind.
    pub(super) spot: Option<(String, String)>,
}

#[derive(Debug)]
pub(super) struct Home {
    pub(super) line: usize,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) at: String,
    pub(super) delay_ms: i64,
}

impl Slot {
    pub(super) fn new(def: AlarmDef) -> Self {
        Self { def, reason: None, children: 0, due: None, over: None, held: false, open: None, onset: None, spot: None }
    }

    /// When time alone changes something.
    pub(super) fn wake(&self) -> Option<BootMs> {
        self.due.into_iter().chain(self.over).min()
    }

    /// An open record of an earlier run under the definition of today: what people read and how loud it rings follow the
    /// configuration; what happened stays. A latch that was let go stays let go.
    pub(super) fn renew(&self, alarm: &mut AlarmRecord, homes: &[Home]) {
        let def = &self.def;
        alarm.level = def.level;
        alarm.text = def.text.clone();
        alarm.latched &= def.latched;
        alarm.children = self.children;
        if let Some(home) = def.device.and_then(|device| homes.get(device.ix())) {
            alarm.device.clone_from(&home.id);
            alarm.device_name.clone_from(&home.name);
            alarm.at.clone_from(&home.at);
        }
    }

    pub(super) fn birth(
        &self,
        boot: u64,
        at: BootMs,
        trigger: Option<Trigger>,
        now: &Anchor,
        homes: &[Home],
        look: Look<'_>,
    ) -> AlarmRecord {
        let def = &self.def;
        let home = def.device.and_then(|device| homes.get(device.ix()));
        AlarmRecord {
            id: format!("{}@{boot}-{}", def.key, at.0).into(),
            key: Arc::clone(&def.key),
            device: home.map_or_else(String::new, |h| h.id.clone()),
            device_name: home.map(|h| &h.name).or(self.spot.as_ref().map(|s| &s.0)).cloned().unwrap_or_default(),
            at: home.map(|h| &h.at).or(self.spot.as_ref().map(|s| &s.1)).cloned().unwrap_or_default(),
            level: def.level,
            text: def.text.clone(),
            state: AlarmState::Unacknowledged,
            condition: true,
            latched: def.latched,
            boot,
            raised_at: at,
            raised_wall_ms: now.wall_at(at).0,
            changed_wall_ms: now.wall.0,
            cleared_wall_ms: None,
            acknowledged: None,
            trigger,
            explanation: None,
            snapshot: look(&def.snapshot),
            children: self.children,
        }
    }
}

impl Home {
    pub(super) fn of(site: &Site, device: &DeviceInfo) -> Self {
        Self {
            line: device.line.ix(),
            id: device.id.to_string(),
            name: device.name.clone(),
            at: device.at.clone(),
            delay_ms: builtin::device_delay_ms(site, device),
        }
    }
}

/// A built-in alarm: never latched; a device's own is a loss of sight.
pub(super) fn own(key: String, device: Option<DeviceIx>, level: Level, text: AlarmText) -> AlarmDef {
    AlarmDef {
        key: key.into(),
        device,
        level,
        text,
        latched: false,
        shadow: false,
        loss_of_sight: device.is_some(),
        what: String::new(),
        unit: None,
        snapshot: Vec::new(),
    }
}

/// One event per change told, each with the record as it stands after the last.
pub(super) fn announce(
    told: &[AlarmChange],
    alarm: &AlarmRecord,
    now: &Anchor,
    by: Option<&str>,
    note: Option<&str>,
    out: &mut Vec<AlarmEvent>,
) {
    out.extend(told.iter().map(|change| AlarmEvent {
        change: *change,
        at: now.boot,
        wall_ms: now.wall.0,
        by: by.map(str::to_owned),
        note: note.filter(|n| !n.is_empty()).map(str::to_owned),
        alarm: alarm.clone(),
    }));
}
