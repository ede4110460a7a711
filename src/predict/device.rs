//! A device with several points: does it behave unlike itself, which points show it, and since when.
//!
//! Every point is seen on four time scales ([`ladder`]); how surprising its moves are is learnt in commissioning, tail and
//! all ([`band`]), and put together over the points ([`evidence`]), where points that always move together count once.
//! Beside that the points are seen together ([`together`]): one that no longer goes with the others is odd though it stays
//! in its own range. Ways of operation are told apart ([`modes`]): a change to a known one is no fault. What stays odd for
//! some snapshots raises the alarm once; it stands until the suspects are back where they were, or what was odd has become
//! usual. While anything is odd, nothing is learnt from it; slow harmless drift is followed all the time.
//!
//! Invariants: pure, streaming, causal, deterministic, no allocation per step but for a new way of operation; scaling and
//! shifting a point changes nothing but rounding; written down in mid-learning and taken up again it goes on with the same
//! results. At most [`POINTS_MAX`] points, the first [`together::TOGETHER_MAX`] of them together: further ones are not
//! looked at. Memory: 6.7 kB for 16 points in four ways of operation, 7.9 kB written down as text.
//!
//! Limits: a fault that was there all through commissioning is normal; a point that never moved in commissioning raises
//! nothing alone; a drift slower than about a thousand snapshots is for the time to the limit ([`super::trend`]); a way of
//! operation that commissioning did not see is an alarm until it has become usual.
//!
//! What seeing the points together is worth, on made-up pumps (`together/tests.rs` holds some of them) that were not looked
//! at while it was made, against the points alone
//! and each a witness: pumps that follow one demand raise 11 false alarms in 2.2 million snapshots instead of 2083; pumps that
//! take turns stand in false alarm 2 % of the time instead of 29 %; of 340 faults that only break the connection, 301 are
//! found with the right point named instead of 2.

pub mod band;
pub mod evidence;
pub mod ladder;
pub mod modes;
pub mod moments;
pub mod pack;
pub mod solve;
pub mod together;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use ladder::Ladder;
pub use ladder::Shape;
use modes::Place;
use together::{Odd, Together};

/// Points of one device that are looked at.
pub const POINTS_MAX: usize = 64;

/// Suspects named in a verdict.
pub const SUSPECTS: usize = 3;

/// Evidence from which a snapshot counts towards an alarm: one in 13,000 by chance. Snapshots follow each other and are
/// alike, so alarms by chance are rarer.
const ODD: f64 = 4.1;

/// Evidence above [`ODD`] that has to come together over snapshots before the device is watched, and the most that one
/// snapshot counts: a single wild value, however wild, just reaches it.
const GATHER: f64 = 2.0;

/// Snapshots that the suspects have to stay away before the alarm is raised: spikes and bursts are over by then.
const STAY: u32 = 7;

/// Snapshots in a row that all suspects have to be back: to stop watching, and to clear an alarm.
const BACK_WATCHED: u32 = 2;
const BACK_ALARM: u32 = 5;

/// Points with at least this share of the largest surprise are suspects; with this share they keep the alarm standing.
const SUSPECT: f64 = 0.5;
const MAIN: f64 = 0.85;

/// Snapshots without a value after which a point's surprise counts no more, and it starts anew when it comes back.
const MISSING: u16 = 64;

/// A pause of this many sampling periods: the device may have been moved to another state while nobody looked.
const PAUSE: i64 = 200;

/// Snapshots for the figure of commissioning progress: from there on the slowest scale has seen itself four times over.
const COMMISSIONED: f64 = 512.0;

/// How things stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Quiet,
    /// Something looks odd; snapshots since.
    Watching,
    Alarm,
}

/// State of one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "pack::Packed", try_from = "pack::Packed")]
pub struct DeviceModel {
    points: Vec<Ladder>,
    together: Together,
    phase: Phase,
    /// Evidence gathered towards watching.
    gathered: f64,
    /// Largest evidence since [`Self::since_ms`].
    strongest: f64,
    /// Snapshots since watching began, and snapshots in a row that all suspects are back.
    watched: u32,
    back: u32,
    /// When things began to look odd.
    since_ms: i64,
    last_ms: Option<i64>,
    /// Usual time between snapshots, followed by steps.
    period_ms: f64,
}

/// One point that shows the fault.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Suspect {
    /// Index of the point.
    pub point: usize,
    /// Its part of the evidence, 0..1; the suspects' parts add up to 1.
    pub share: f64,
    /// Its level before, in its own unit.
    pub expected: f64,
    /// Its level now.
    pub seen: f64,
    /// How it moved.
    pub shape: Shape,
    /// It may well be in its usual range: it does not go with the others any more. `expected` is what they foretell.
    pub apart: bool,
}

/// What one snapshot told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeviceVerdict {
    /// 0..1, rising with surprise; keeps its order in the tail. Above 0.5: odd, or an alarm stands.
    pub score: f64,
    /// An alarm stands.
    pub alarm: bool,
    /// Since when things look odd, while an alarm stands.
    pub since_ms: Option<i64>,
    /// How sure the alarm is, 0..1: grows with the strongest evidence since it began to look odd. 0 without an alarm.
    pub confidence: f64,
    /// Commissioning progress, 0..1: of the point that has the fewest values. Alarms before 1 stand on thin ice.
    pub progress: f64,
    /// The points that show it, most suspect first; filled from the front, empty without an alarm.
    pub suspects: [Option<Suspect>; SUSPECTS],
}

impl DeviceModel {
    /// A device of `points` points that knows nothing yet.
    pub fn new(points: usize) -> Self {
        Self {
            points: vec![Ladder::default(); points.min(POINTS_MAX)],
            together: Together::new(points),
            phase: Phase::Quiet,
            gathered: 0.0,
            strongest: 0.0,
            watched: 0,
            back: 0,
            since_ms: 0,
            last_ms: None,
            period_ms: 0.0,
        }
    }

    /// Points it looks at.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// It looks at none.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Memory of this device's state, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.points.len() * size_of::<Ladder>() + self.together.heap()
    }

    /// Forgets all it learnt: after maintenance the device is a new one.
    pub fn relearn(&mut self) {
        *self = Self::new(self.points.len());
    }

    /// An alarm stands.
    pub fn in_alarm(&self) -> bool {
        self.phase == Phase::Alarm
    }

    /// One snapshot: `values[i]` is `NaN` where the point gave nothing (of good quality) at this instant. `local_ms` is wall
    /// time, in milliseconds since 1970. While `learning` (commissioning) nothing is raised.
    pub fn step(&mut self, local_ms: i64, values: &[f64], learning: bool) -> DeviceVerdict {
        self.pause(local_ms);
        let learns = self.phase == Phase::Quiet && (learning || self.gathered <= 0.0);
        let place = self.together.place(values, learns, learning);
        if place == Place::Other {
            // Another known way of operation is no fault: every point begins anew there.
            self.quiet();
            self.points.iter_mut().for_each(Ladder::restart);
        }
        self.take(values, learns);
        let together = &self.together;
        let surprises = self.points.iter().map(|p| p.surprise);
        let (own, largest) = evidence::evidence(&surprises, |i, j| together.alike(i, j));
        let odd = self.together.step(&self.points, place, learns, learning);
        let evidence = own.max(odd.map_or(0.0, |odd| odd.evidence));
        if learning {
            self.quiet();
        } else {
            self.decide(local_ms, own, largest, odd);
        }
        self.verdict(evidence)
    }

    fn take(&mut self, values: &[f64], learns: bool) {
        for (i, point) in self.points.iter_mut().enumerate() {
            // Beyond 1e30 a value is a broken conversion, not a measurement; single precision ends at 3e38.
            match values.get(i) {
                Some(v) if v.abs() < 1e30 => {
                    if point.missing >= MISSING {
                        point.restart();
                    }
                    point.step(*v, learns);
                }
                _ => {
                    point.missing = point.missing.saturating_add(1);
                    if point.missing >= MISSING {
                        point.surprise = 0.0;
                    }
                }
            }
        }
    }

    /// Follows the sampling period; after a long pause the averages start anew.
    fn pause(&mut self, local_ms: i64) {
        let gap = self.last_ms.map(|last| local_ms.saturating_sub(last));
        self.last_ms = Some(local_ms);
        let Some(gap) = gap.filter(|gap| *gap > 0) else { return };
        let gap_ms = gap as f64;
        if self.period_ms <= 0.0 {
            self.period_ms = gap_ms;
        } else if gap_ms > PAUSE as f64 * self.period_ms {
            self.quiet();
            self.points.iter_mut().for_each(Ladder::restart);
            self.together.restart();
        }
        self.period_ms *= if gap_ms > self.period_ms { 1.05 } else { 0.95 };
    }

    fn decide(&mut self, local_ms: i64, own: f64, largest: f64, odd: Option<Odd>) {
        let evidence = own.max(odd.map_or(0.0, |odd| odd.evidence));
        let gain = (evidence - ODD).min(GATHER);
        if self.phase == Phase::Quiet && self.gathered <= 0.0 && gain > 0.0 {
            self.points.iter_mut().for_each(Ladder::mark);
            self.since_ms = local_ms;
            self.strongest = 0.0;
        }
        self.gathered = (self.gathered + gain).clamp(0.0, GATHER);
        self.strongest = self.strongest.max(evidence);
        if self.phase == Phase::Quiet {
            if self.gathered >= GATHER {
                self.phase = Phase::Watching;
                self.watched = 0;
                self.back = 0;
                if own > ODD {
                    for point in self.points.iter_mut().filter(|p| p.surprise >= SUSPECT * largest) {
                        point.hold(point.surprise >= MAIN * largest);
                    }
                }
                if let Some(odd) = odd.filter(|odd| odd.evidence > ODD) {
                    self.together.hold(&odd);
                }
            }
            return;
        }
        self.watched = self.watched.saturating_add(1);
        self.join();
        // Every point is asked: each of them counts how long it has been odd.
        let away = self.points.iter_mut().filter_map(|p| (!p.back()).then_some(())).count();
        let away = away + usize::from(!self.together.back());
        self.back = if away == 0 { self.back + 1 } else { 0 };
        if self.phase == Phase::Watching && self.watched >= STAY && self.back == 0 {
            self.phase = Phase::Alarm;
        }
        let enough = if self.phase == Phase::Alarm { BACK_ALARM } else { BACK_WATCHED };
        if self.back >= enough {
            self.quiet();
        }
    }

    /// A point that would raise an alarm alone becomes a suspect too.
    fn join(&mut self) {
        let alone = ODD + (self.points.len() as f64).log10();
        for point in &mut self.points {
            if point.held.is_none() && point.missing == 0 && point.surprise >= alone {
                point.mark();
                point.hold(true);
            }
        }
    }

    fn quiet(&mut self) {
        self.phase = Phase::Quiet;
        self.gathered = 0.0;
        self.points.iter_mut().for_each(Ladder::release);
        self.together.release();
    }

    fn verdict(&self, evidence: f64) -> DeviceVerdict {
        let progress = self.points.iter().map(|p| p.seen).min().map_or(0.0, |n| f64::from(n) / COMMISSIONED).min(1.0);
        let alarm = self.in_alarm();
        let weight = if alarm { evidence + ODD } else { evidence };
        let mut verdict = DeviceVerdict { score: weight / (weight + ODD), alarm, progress, ..DeviceVerdict::default() };
        if alarm {
            verdict.since_ms = Some(self.since_ms);
            verdict.confidence = 1.0 - 10.0_f64.powf((ODD - self.strongest.max(ODD)) / 2.0) / 2.0;
            verdict.suspects = self.suspects();
        }
        verdict
    }

    /// The held points with the largest distances from their usual level, measured in usual sizes.
    fn suspects(&self) -> [Option<Suspect>; SUSPECTS] {
        let apart = self.together.held;
        let mut top: [(f64, usize); SUSPECTS] = [(-1.0, 0); SUSPECTS];
        for (i, point) in self.points.iter().enumerate() {
            let alone = point.held.map(|held| point.bands[usize::from(held.rung)].ratio(held.peak.abs()));
            let apart = apart.filter(|held| usize::from(held.point) == i).map(|held| self.together.ratio(&held));
            if let Some(ratio) = apart.into_iter().chain(alone).reduce(f64::max) {
                let mut entry = (ratio, i);
                for slot in &mut top {
                    if entry.0 > slot.0 {
                        std::mem::swap(slot, &mut entry);
                    }
                }
            }
        }
        let sum: f64 = top.iter().filter(|t| t.0 >= 0.0).map(|t| t.0 + f64::MIN_POSITIVE).sum();
        top.map(|(ratio, i)| {
            let share = (ratio + f64::MIN_POSITIVE) / sum;
            let point = self.points.get(i).filter(|_| ratio >= 0.0)?;
            let Some(held) = point.held else {
                let seen = point.level[0];
                let expected = self.together.expected(&apart?, seen);
                return Some(Suspect { point: i, share, expected, seen, shape: Shape::Lasting, apart: true });
            };
            let (expected, seen) = (held.usual, point.now(held.rung));
            Some(Suspect { point: i, share, expected, seen, shape: held.shape, apart: false })
        })
    }
}
