//! Points that are computed from others: which must be computed again, and their values.

use crate::model::id::PointIx;
use crate::model::quality::Quality;
use crate::model::reading::{Reading, Value};
use crate::rules::expr::Program;

/// A computed point.
#[derive(Debug, Clone)]
pub struct DerivedPoint {
    /// The point.
    pub point: PointIx,
    /// Its expression, bound to the site's points.
    pub program: Program,
}

/// All computed points of the site, in an order in which each comes after those it needs.
#[derive(Debug)]
pub(super) struct Derived {
    points: Vec<DerivedPoint>,
    /// Positions in `points` by input point.
    users: Vec<Vec<u32>>,
    /// Last values of all points; NaN when unknown. Empty if nothing is computed.
    values: Vec<f64>,
    dirty: Vec<bool>,
    any: bool,
    /// While computing: only points from this position on can still be marked, so that a circle of points comes to an end.
    floor: u32,
}

impl Derived {
    pub(super) fn new(points: Vec<DerivedPoint>, table: usize) -> Self {
        let table = if points.is_empty() { 0 } else { table };
        let mut users = vec![Vec::new(); table];
        for (ix, derived) in (0u32..).zip(&points) {
            for slot in derived.program.slots() {
                if let Some(users) = users.get_mut(slot as usize) {
                    users.push(ix);
                }
            }
        }
        let dirty = vec![false; points.len()];
        Self { points, users, values: vec![f64::NAN; table], dirty, any: false, floor: 0 }
    }

    /// Takes note of readings.
    pub(super) fn note(&mut self, readings: &[Reading]) {
        if self.values.is_empty() {
            return;
        }
        for reading in readings {
            let Some(value) = self.values.get_mut(reading.point.ix()) else { continue };
            *value = match &reading.value {
                Value::Number(v) if !reading.quality.is_bad() => *v,
                _ => f64::NAN,
            };
            let users = self.users.get(reading.point.ix()).into_iter().flatten();
            for user in users.filter(|user| **user >= self.floor) {
                if let Some(dirty) = self.dirty.get_mut(*user as usize) {
                    *dirty = true;
                    self.any = true;
                }
            }
        }
    }

    /// The next point to compute, with its value. Its own reading is to be noted before the next call.
    pub(super) fn next(&mut self, hour: Option<u8>) -> Option<(PointIx, Result<f64, Quality>)> {
        if !self.any {
            return None;
        }
        let Some(ix) = self.dirty.iter().position(|dirty| *dirty) else {
            self.any = false;
            self.floor = 0;
            return None;
        };
        if let Some(dirty) = self.dirty.get_mut(ix) {
            *dirty = false;
        }
        self.floor = u32::try_from(ix).map_or(u32::MAX, |ix| ix + 1);
        let derived = self.points.get(ix)?;
        Some((derived.point, derived.program.calculate(&self.values, hour).ok_or(Quality::BadInput)))
    }
}
