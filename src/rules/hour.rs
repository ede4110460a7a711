//! The local hour for rules, shielded from steps of the wall clock.
//!
//! A step (a late time sync, a wrong one, somebody with a watch) makes the hour *unknown* until the new time has stood
//! for ten minutes of the boot clock; a step there and back again is never noticed. So a step never raises or clears.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::time::{Anchor, BootMs, Trust};

/// How long a stepped clock must run on before rules believe it.
pub const SETTLE_MS: i64 = 600_000;
/// Slewing and rounding below this are no step.
const DRIFT_MAX_MS: i64 = 30_000;

/// Follows wall time through the anchors.
#[derive(Debug, Clone)]
pub struct LocalHour {
    zone: TimeZone,
    /// `wall - boot` that is believed.
    offset_ms: Option<i64>,
    /// A different one, and since when.
    candidate: Option<(i64, BootMs)>,
}

impl LocalHour {
    /// `zone` is an IANA name that the configuration has checked; an unknown one reads as UTC.
    #[must_use]
    pub fn new(zone: &str) -> Self {
        Self { zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC), offset_ms: None, candidate: None }
    }

    /// Local milliseconds since 1970 minus boot milliseconds, as far as wall time is believed.
    pub fn offset_ms(&self, now: &Anchor) -> Option<i64> {
        let offset_ms = self.offset_ms?;
        let stamp = Timestamp::from_millisecond(now.boot.0.saturating_add(offset_ms)).ok()?;
        Some(offset_ms + i64::from(self.zone.to_offset(stamp).seconds()) * 1000)
    }

    /// The local hour at the anchor's moment; `None` while the clock is unset or has just stepped.
    pub fn at(&mut self, now: &Anchor) -> Option<u8> {
        if now.trust == Trust::Unset {
            return None;
        }
        let offset_ms = now.wall.0.saturating_sub(now.boot.0);
        let near = |known: i64| offset_ms.abs_diff(known) <= DRIFT_MAX_MS.unsigned_abs();
        match self.offset_ms {
            // The first trusted time of the boot is a start, not a step.
            None => self.offset_ms = Some(offset_ms),
            Some(known) if near(known) => {
                self.offset_ms = Some(offset_ms);
                self.candidate = None;
            }
            Some(_) => match self.candidate {
                Some((stepped, since)) if near(stepped) => {
                    if now.boot.since(since) < SETTLE_MS {
                        return None;
                    }
                    self.offset_ms = Some(offset_ms);
                    self.candidate = None;
                }
                _ => {
                    self.candidate = Some((offset_ms, now.boot));
                    return None;
                }
            },
        }
        let stamp = Timestamp::from_millisecond(now.wall.0).ok()?;
        u8::try_from(self.zone.to_datetime(stamp).hour()).ok()
    }
}
