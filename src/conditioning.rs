//! Raw values to readings: scale, range, sentinels, counters, deadband, staleness. Steps 3 to 8 of the order in
//! [`crate::profile`]; a counter's wrap is found on the raw number, where `wraps_at` is given.
//!
//! Owns one small state per point, in a flat table indexed by [`PointIx`]. Knows no clock (times are arguments), no
//! task, no device, no expression: derived points are computed by the pipeline and handed to
//! [`Conditioner::derived`].
//!
//! Invariants:
//! - A reading has `Value::None` exactly when its quality is bad; no number is NaN or infinite.
//! - A value that needs another register (`scale_from`, `unit_from`) is bad until that register has been read.
//! - The deadband is for reporting only. A reading inside it goes to [`Output::quiet`], not away: rules and the page
//!   see every value, so a deadband never delays or hides an alarm.
//! - A change of quality is always reported; what does not change is repeated after `repeat_ms`.
//! - Only a value can become stale. A bad point keeps the reason it has.

mod counter;
pub mod golden;
mod linear;
mod rule;
mod slot;

use std::sync::Arc;

pub use rule::PointRule;

use crate::model::id::PointIx;
use crate::model::quality::Quality;
use crate::model::reading::{Raw, Reading, Scan, Value};
use crate::model::time::BootMs;
use slot::Slot;

#[cfg(test)]
mod tests;

/// What came of a scan or a tick. Reused: the caller clears it when it has passed everything on.
#[derive(Debug, Default)]
pub struct Output {
    /// To store, send, show and judge.
    pub report: Vec<Reading>,
    /// Inside the deadband or an unchanged bad: to show and judge only.
    pub quiet: Vec<Reading>,
    /// Counters that started again (meter changed, memory lost); their new total is in `report`.
    pub restarts: Vec<PointIx>,
}

impl Output {
    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.report.clear();
        self.quiet.clear();
        self.restarts.clear();
    }

    /// Everything that rules and the page should see.
    pub fn all(&self) -> impl Iterator<Item = &Reading> {
        self.report.iter().chain(&self.quiet)
    }
}

/// The state of all points.
#[derive(Debug)]
pub struct Conditioner {
    slots: Vec<Slot>,
    /// Values of points that others depend on, by point; `None` until read. Empty when nothing depends on anything.
    sources: Vec<Option<f64>>,
    /// No point becomes stale before this.
    wake: Option<BootMs>,
}

/// When and how a value came.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    at: BootMs,
    source_ms: Option<i64>,
}

impl Conditioner {
    /// One rule per point, in the order of the site's table.
    #[must_use]
    pub fn new(points: Vec<PointRule>) -> Self {
        let count = points.len();
        let mut slots: Vec<Slot> = points.into_iter().map(Slot::new).collect();
        // Collected in place of the rules, which are larger.
        slots.shrink_to_fit();
        let needed: Vec<PointIx> = slots.iter().flat_map(Slot::needs).collect();
        let sources = if needed.is_empty() { Vec::new() } else { vec![None; count] };
        for point in needed {
            if let Some(slot) = slots.get_mut(point.ix()) {
                slot.is_source = true;
            }
        }
        Self { slots, sources, wake: None }
    }

    /// Conditions what a poll or a message brought.
    pub fn scan(&mut self, scan: &Scan, out: &mut Output) {
        // A scale register may stand behind the values that need it, in the same answer.
        if !self.sources.is_empty() {
            for sample in &scan.samples {
                self.learn(sample.point, &sample.raw);
            }
        }
        let stamp = Stamp { at: scan.at, source_ms: scan.source_ms };
        for sample in &scan.samples {
            let Some(slot) = self.slots.get_mut(sample.point.ix()) else { continue };
            let (quality, value) = slot.convert(&sample.raw, &self.sources);
            let quality = if scan.old && quality.is_good() { Quality::UncertainOld } else { quality };
            if slot.take_restart() {
                out.restarts.push(sample.point);
            }
            let wake = slot.heard(scan.at, quality);
            slot.pass(Reading { point: sample.point, quality, at: stamp.at, source_ms: stamp.source_ms, value }, out);
            if let Some(at) = wake {
                self.wake = Some(self.wake.map_or(at, |w| w.min(at)));
            }
        }
    }

    /// Enters the result of a derived point: a number, or the quality that explains why there is none.
    pub fn derived(&mut self, point: PointIx, value: Result<f64, Quality>, at: BootMs, out: &mut Output) {
        let Some(slot) = self.slots.get_mut(point.ix()) else { return };
        let (quality, value) = match value {
            Ok(v) => slot.check(v),
            // Its device's own reason says more than "input not usable".
            Err(_) if slot.quality.is_bad() && slot.quality != Quality::BadInitial => return,
            Err(quality) => (if quality.is_bad() { quality } else { Quality::BadInput }, Value::None),
        };
        let wake = slot.heard(at, quality);
        slot.pass(Reading { point, quality, at, source_ms: None, value }, out);
        if let Some(at) = wake {
            self.wake = Some(self.wake.map_or(at, |w| w.min(at)));
        }
    }

    /// Marks what has been silent for too long. Call at [`Self::next_wake`]; earlier or later calls do no harm.
    pub fn tick(&mut self, now: BootMs, out: &mut Output) {
        if self.wake.is_none_or(|at| now < at) {
            return;
        }
        let mut wake = None;
        for (ix, slot) in self.slots.iter_mut().enumerate() {
            let Some(at) = slot.stale_at() else { continue };
            if now < at {
                wake = Some(wake.map_or(at, |w: BootMs| w.min(at)));
            } else if let Ok(ix) = u32::try_from(ix) {
                slot.bad(PointIx(ix), Quality::BadStale, now, out);
                if let Some(source) = self.sources.get_mut(ix as usize) {
                    *source = None;
                }
            }
        }
        self.wake = wake;
    }

    /// When [`Self::tick`] has something to do at the earliest; `None` while no point can become stale.
    #[must_use]
    pub fn next_wake(&self) -> Option<BootMs> {
        self.wake
    }

    /// A device (or each device of a line) is gone: its points take `quality`, each once. Points known to be
    /// unsupported stay so, and scale registers must be read again before they count.
    pub fn device_down(&mut self, first: PointIx, count: u32, quality: Quality, now: BootMs, out: &mut Output) {
        let quality = if quality.is_bad() { quality } else { Quality::BadLink };
        for ix in first.0..first.0.saturating_add(count) {
            let point = PointIx(ix);
            let Some(slot) = self.slots.get_mut(point.ix()) else { return };
            if slot.quality != quality && slot.quality != Quality::BadUnsupported {
                slot.bad(point, quality, now, out);
            }
            if let Some(source) = self.sources.get_mut(point.ix()) {
                *source = None;
            }
        }
    }

    /// A counter goes on from the total (engineering units) that was last stored, so that wraps seen before a restart
    /// of the gateway are not lost. Only for counters that wrap and whose scale is their own.
    pub fn seed_counter(&mut self, point: PointIx, total: f64) {
        if let Some(slot) = self.slots.get_mut(point.ix()) {
            slot.seed(total);
        }
    }

    /// Notes the value of a point on which others depend.
    fn learn(&mut self, point: PointIx, raw: &Raw) {
        let Some(slot) = self.slots.get(point.ix()).filter(|s| s.is_source) else { return };
        let Some(source) = self.sources.get_mut(point.ix()) else { return };
        *source = match raw {
            Raw::Number(v) => slot.source_value(*v),
            // Nobody answered: nothing contradicts what was known. `device_down` follows if it stays so.
            Raw::Bad(Quality::BadTimeout | Quality::BadLink | Quality::BadQuarantine) => return,
            _ => None,
        };
    }
}

/// A number as a reading carries it.
fn numbered(value: f64) -> (Quality, Value) {
    (Quality::Good, Value::Number(value))
}

/// No value, with the reason.
fn refused(quality: Quality) -> (Quality, Value) {
    (quality, Value::None)
}

/// A text as a reading carries it.
fn worded(text: &Arc<str>) -> (Quality, Value) {
    (Quality::Good, Value::Text(Arc::clone(text)))
}
