//! Alarms that another part reports with a key of its own (a case): their slots come with the first report and are used
//! again once the alarm has left the list.
//!
//! They survive a restart like all others; the part that reports them ends those it knows no longer.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::alarms::desk::Desk;
use crate::alarms::slot::{Slot, own};
use crate::model::alarm::{AlarmEvent, AlarmRecord, AlarmText, Level, Trigger};
use crate::model::desk::Report;
use crate::model::time::Anchor;

/// Reported alarms on the list. Past it a new one is refused, logged; the part still has it on its own list.
pub(super) const REPORTED_MAX: usize = 4_096;

impl Desk {
    /// Another part reports an alarm of its own, or its end. Repeating it is harmless; a more urgent level rings anew.
    pub fn report(&mut self, report: &Report, now: &Anchor, out: &mut Vec<AlarmEvent>) {
        let known = self.reported.get(&report.key).copied();
        if let Some((by, note)) = &report.answered {
            self.answer_reported(known, by, note, now, out);
        }
        match (known, report.holds) {
            (Some(ix), false) => self.fall(ix, now.boot, now, out),
            (None, false) => {}
            (known, true) => {
                let open = known.and_then(|ix| self.slots.get(ix)?.open.as_ref());
                if open.is_some_and(|alarm| alarm.condition && alarm.level <= report.level) {
                    return;
                }
                let Some(ix) = known.or_else(|| self.admit(&report.key)) else {
                    tracing::error!(key = &*report.key, "too many reported alarms; this one is not on the list");
                    return;
                };
                self.raise_reported(ix, report, now, out);
            }
        }
    }

    fn raise_reported(&mut self, ix: usize, report: &Report, now: &Anchor, out: &mut Vec<AlarmEvent>) {
        if let Some(slot) = self.slots.get_mut(ix) {
            slot.def = own(report.key.to_string(), None, report.level, report.text.clone());
            slot.spot = Some((report.name.clone(), report.at.clone()));
            if let Some(open) = &mut slot.open {
                // The one that was less urgent gives way to a new one.
                open.condition = false;
            }
        }
        let what = report.what.clone();
        let trigger = (!what.is_empty()).then_some(Trigger { what, words: None, value: None, limit: None, unit: None });
        self.rise(ix, now.boot, (trigger, None), now, &|_| Vec::new(), out);
        // The slot of the one that gave way must stay this alarm's.
        self.reported.insert(Arc::clone(&report.key), ix);
        self.free.retain(|free| *free != ix);
    }

    fn answer_reported(&mut self, ix: Option<usize>, by: &str, note: &str, now: &Anchor, out: &mut Vec<AlarmEvent>) {
        let id = ix.and_then(|ix| self.slots.get(ix)?.open.as_ref()).map(|alarm| Arc::clone(&alarm.id));
        // Not on the list any more: nothing to answer.
        if let Some(id) = id
            && let Err(error) = self.acknowledge(&id, by, note, now, out)
        {
            tracing::debug!(%error, "the case's alarm was answered elsewhere");
        }
    }

    /// A slot for a key.
    fn admit(&mut self, key: &Arc<str>) -> Option<usize> {
        if self.reported.len() >= REPORTED_MAX {
            return None;
        }
        let slot = Slot::new(own(key.to_string(), None, Level::Info, AlarmText::default()));
        let ix = if let Some(ix) = self.free.pop() {
            // Two alarms of one onset in one slot have different keys, so ids never meet.
            *self.slots.get_mut(ix)? = slot;
            ix
        } else {
            self.slots.push(slot);
            self.slots.len() - 1
        };
        self.reported.insert(Arc::clone(key), ix);
        Some(ix)
    }

    /// An open record of an earlier run.
    pub(super) fn readmit(&mut self, alarm: AlarmRecord) {
        let Some(ix) = self.admit(&alarm.key) else { return };
        self.ids.insert(Arc::clone(&alarm.id), ix);
        if let Some(slot) = self.slots.get_mut(ix) {
            slot.def = own(alarm.key.to_string(), None, alarm.level, alarm.text.clone());
            slot.spot = Some((alarm.device_name.clone(), alarm.at.clone()));
            slot.onset = (alarm.boot == self.boot).then_some(alarm.raised_at);
            slot.open = Some(alarm);
        }
    }

    /// The alarm of a slot has left the list: a reported one gives its slot back.
    pub(super) fn vacate(&mut self, ix: usize, key: &Arc<str>) {
        if self.reported.get(key) == Some(&ix) {
            self.reported.remove(key);
            self.free.push(ix);
        }
    }
}
