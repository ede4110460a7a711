//! The present: last reading of every point and state of every link, shared between its one writer (the pipeline) and
//! many readers (API, page, metrics).
//!
//! Plain data behind short locks; nobody holds one across a wait. Bounded by the site's tables.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::alarm::{AlarmEvent, AlarmRecord, AlarmState};
use crate::model::desk::AlarmFigures;
use crate::model::finding::{Outlook, Standing};
use crate::model::id::{DeviceIx, LineIx, PointIx};
use crate::model::link::{LinkChange, LinkOf, LinkState, LinkStats};
use crate::model::quality::Quality;
use crate::model::reading::{Reading, Value};
use crate::model::text::Text;
use crate::model::time::BootMs;

/// Last known of one point.
#[derive(Debug, Clone, PartialEq)]
pub struct LivePoint {
    /// Value of the last reading; `None` while the quality is bad.
    pub value: Value,
    /// Its quality.
    pub quality: Quality,
    /// When it was measured.
    pub at: BootMs,
    /// The device's own time stamp, where it sent one.
    pub source_ms: Option<i64>,
    /// Last good value and its moment, to tell "last good 3.2 bar, 14:02:11".
    pub last_good: Option<(f64, BootMs)>,
}

/// Last known of one line or device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveLink {
    /// State.
    pub state: LinkState,
    /// Since when.
    pub since: BootMs,
    /// In the driver's words.
    pub reason: Text,
    /// Counters since start.
    pub stats: LinkStats,
}

/// What the pipeline tells whoever listens (the event stream of the page), as it happens.
///
/// Sent on a bounded broadcast: a listener that is too slow misses events and must read the journal from its last
/// `seq` on, which loses nothing.
#[derive(Debug, Clone)]
pub enum LiveEvent {
    /// An alarm changed. Sent after its commit; or, when the disk stalls, after 500 ms with `durable = false` and no
    /// `seq`, and then once more with its `seq` when it is committed (same alarm id and change: show it once).
    Alarm {
        /// Position in the alarm journal; `None` while it is not committed.
        seq: Option<u64>,
        /// It is on disk.
        durable: bool,
        /// The change, with the whole alarm after it.
        event: Arc<AlarmEvent>,
    },
    /// A line or device changed state.
    Link(Arc<LinkChange>),
}

/// The table.
#[derive(Debug)]
pub struct Live {
    points: RwLock<Vec<LivePoint>>,
    lines: RwLock<Vec<LiveLink>>,
    devices: RwLock<Vec<LiveLink>>,
    alarms: RwLock<BTreeMap<Arc<str>, AlarmRecord>>,
    figures: RwLock<AlarmFigures>,
    outlooks: RwLock<Vec<Outlook>>,
}

impl Live {
    /// A table in which nothing has been read yet.
    #[must_use]
    pub fn new(points: usize, devices: usize, lines: usize, now: BootMs) -> Self {
        let point =
            LivePoint { value: Value::None, quality: Quality::BadInitial, at: now, source_ms: None, last_good: None };
        let link =
            LiveLink { state: LinkState::Initial, since: now, reason: Text::default(), stats: LinkStats::default() };
        Self {
            points: RwLock::new(vec![point; points]),
            lines: RwLock::new(vec![link.clone(); lines]),
            devices: RwLock::new(vec![link; devices]),
            alarms: RwLock::default(),
            figures: RwLock::default(),
            outlooks: RwLock::default(),
        }
    }

    /// Enters an alarm as it stands now; one that has gone to `Normal` leaves the table.
    pub fn alarm(&self, alarm: &AlarmRecord) {
        let mut alarms = self.alarms.write().unwrap_or_else(PoisonError::into_inner);
        if alarm.state == AlarmState::Normal {
            alarms.remove(&alarm.id);
        } else {
            alarms.insert(Arc::clone(&alarm.id), alarm.clone());
        }
    }

    /// Copies of all alarms that are on the list: unacknowledged first, then by level, then newest.
    #[must_use]
    pub fn alarms(&self) -> Vec<AlarmRecord> {
        let alarms = self.alarms.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<AlarmRecord> = alarms.values().cloned().collect();
        drop(alarms);
        all.sort_by_key(|a| {
            (a.state == AlarmState::Acknowledged, a.level, std::cmp::Reverse((a.raised_wall_ms, a.boot, a.raised_at)))
        });
        all
    }

    /// Replaces the figures of the alarm list.
    pub fn set_figures(&self, figures: AlarmFigures) {
        *self.figures.write().unwrap_or_else(PoisonError::into_inner) = figures;
    }

    /// Figures of the alarm list.
    #[must_use]
    pub fn figures(&self) -> AlarmFigures {
        *self.figures.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters the learning rules, once.
    pub fn set_outlooks(&self, outlooks: Vec<Outlook>) {
        *self.outlooks.write().unwrap_or_else(PoisonError::into_inner) = outlooks;
    }

    /// Enters what has changed about learning rules, by their position in the list.
    pub fn update_outlooks(&self, changed: &[(usize, Standing)]) {
        if changed.is_empty() {
            return;
        }
        let mut outlooks = self.outlooks.write().unwrap_or_else(PoisonError::into_inner);
        for (position, Standing { progress, ahead }) in changed {
            if let Some(outlook) = outlooks.get_mut(*position) {
                (outlook.progress, outlook.ahead) = (*progress, *ahead);
            }
        }
    }

    /// How the learning rules stand that look at one of `points` (all for an empty run), as of about a second ago.
    #[must_use]
    pub fn outlooks(&self, first: PointIx, count: u32) -> Vec<Outlook> {
        let outlooks = self.outlooks.read().unwrap_or_else(PoisonError::into_inner);
        let run = first.0..first.0.saturating_add(count);
        outlooks.iter().filter(|o| count == 0 || o.points.iter().any(|p| run.contains(&p.0))).cloned().collect()
    }

    /// Enters readings, in order.
    pub fn enter(&self, readings: &[Reading]) {
        let mut points = self.points.write().unwrap_or_else(PoisonError::into_inner);
        for reading in readings {
            let Some(slot) = points.get_mut(reading.point.ix()) else { continue };
            if let (Value::Number(v), true) = (&reading.value, reading.quality.is_good()) {
                slot.last_good = Some((*v, reading.at));
            }
            slot.value.clone_from(&reading.value);
            slot.quality = reading.quality;
            slot.at = reading.at;
            slot.source_ms = reading.source_ms;
        }
    }

    /// Enters a change of a link.
    pub fn link(&self, change: &LinkChange) {
        let (table, ix) = self.slot(change.of);
        let mut table = table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = table.get_mut(ix) {
            slot.state = change.state;
            slot.since = change.at;
            slot.reason.clone_from(&change.reason);
        }
    }

    /// Replaces the counters of a link.
    pub fn stats(&self, of: LinkOf, stats: LinkStats) {
        let (table, ix) = self.slot(of);
        if let Some(slot) = table.write().unwrap_or_else(PoisonError::into_inner).get_mut(ix) {
            slot.stats = stats;
        }
    }

    fn slot(&self, of: LinkOf) -> (&RwLock<Vec<LiveLink>>, usize) {
        match of {
            LinkOf::Line(ix) => (&self.lines, ix.ix()),
            LinkOf::Device(ix) => (&self.devices, ix.ix()),
        }
    }

    /// A copy of one point.
    #[must_use]
    pub fn point(&self, ix: PointIx) -> Option<LivePoint> {
        self.points.read().unwrap_or_else(PoisonError::into_inner).get(ix.ix()).cloned()
    }

    /// Copies of a run of points, one consistent view.
    #[must_use]
    pub fn run(&self, first: PointIx, count: u32) -> Vec<LivePoint> {
        let points = self.points.read().unwrap_or_else(PoisonError::into_inner);
        points.get(first.ix()..first.ix() + count as usize).map(<[_]>::to_vec).unwrap_or_default()
    }

    /// A copy of one line's state.
    #[must_use]
    pub fn line(&self, ix: LineIx) -> Option<LiveLink> {
        self.lines.read().unwrap_or_else(PoisonError::into_inner).get(ix.ix()).cloned()
    }

    /// A copy of one device's state.
    #[must_use]
    pub fn device(&self, ix: DeviceIx) -> Option<LiveLink> {
        self.devices.read().unwrap_or_else(PoisonError::into_inner).get(ix.ix()).cloned()
    }
}
