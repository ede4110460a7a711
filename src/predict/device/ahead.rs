//! A limit ahead: a device whose point will reach its limit soon is in alarm, although it still behaves like itself.
//!
//! One estimate alone is often too early: the late end of its band counts, unless a second point says the same. Owns the
//! counting that makes one alarm of many estimates; knows no point and no value.

use super::super::trend::TimeToLimit;
use serde::{Deserialize, Serialize};

/// A limit that will be reached within this time is an alarm: a day is what it takes to send somebody with the part.
const SOON_S: f64 = 86_400.0;

/// Factor on [`SOON_S`] beyond which the limit is far again.
const FAR: f64 = 1.5;

/// Snapshots in a row with an estimate within [`SOON_S`] to raise, and with none within [`FAR`] times that to clear.
const RAISE: u8 = 3;
const CLEAR: u8 = 5;

/// State of one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitAhead {
    near: u8,
    far: u8,
    alarm: bool,
}

impl LimitAhead {
    /// One snapshot: what the points of the device that tend to a limit say. Returns whether the alarm stands.
    pub fn step(&mut self, estimates: impl Iterator<Item = TimeToLimit>) -> bool {
        let (mut sure_s, mut first_s, mut second_s) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
        for t in estimates {
            sure_s = sure_s.min(t.high_s);
            second_s = second_s.min(first_s.max(t.eta_s));
            first_s = first_s.min(t.eta_s);
        }
        let eta_s = sure_s.min(second_s);
        self.near = if eta_s <= SOON_S { self.near.saturating_add(1) } else { 0 };
        self.far = if eta_s > FAR * SOON_S { self.far.saturating_add(1) } else { 0 };
        self.alarm = if self.alarm { self.far < CLEAR } else { self.near >= RAISE };
        self.alarm
    }
}
