//! The two clocks, and how far the wall clock can be trusted. The only place that names `SystemTime`.
//!
//! Durations, delays and stamps use the boot clock (`CLOCK_BOOTTIME`); wall time is for people and for the cloud, and is
//! derived from an [`Anchor`]. A step of the wall clock must never raise, clear or expire anything.

use std::fmt;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::time::{Anchor, BootMs, Trust, WallMs};

/// A wall time before this cannot be right: the program is younger. 2026-11-01T00:00:00Z in milliseconds.
pub const BUILD_FLOOR_MS: i64 = 1_793_491_200_000;

/// Source of both times.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The boot clock now.
    fn boot(&self) -> BootMs;

    /// Both clocks now, with the trust in the wall clock.
    fn anchor(&self) -> Anchor;
}

/// The kernel's clocks.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn boot(&self) -> BootMs {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        BootMs(t.tv_sec.saturating_mul(1000).saturating_add(t.tv_nsec / 1_000_000))
    }

    fn anchor(&self) -> Anchor {
        let boot = self.boot();
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
        let wall = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(_) => 0,
        };
        Anchor { boot, wall: WallMs(wall), trust: trust_of(wall) }
    }
}

/// `unset` before the build date, `synced` when the service manager's time-sync flag file exists
/// (systemd-timesyncd touches `/run/systemd/timesync/synchronized` on its first sync of the boot; chrony's
/// `chrony-wait` has no such file and reads as `holdover`, which is the safe side).
fn trust_of(wall_ms: i64) -> Trust {
    if wall_ms < BUILD_FLOOR_MS {
        Trust::Unset
    } else if std::path::Path::new("/run/systemd/timesync/synchronized").exists() {
        Trust::Synced
    } else {
        Trust::Holdover
    }
}

/// A clock that stands still until told otherwise; for tests and for replaying records.
#[derive(Debug)]
pub struct ManualClock(Mutex<Anchor>);

impl ManualClock {
    /// Starts at the given pairing.
    #[must_use]
    pub fn new(anchor: Anchor) -> Self {
        Self(Mutex::new(anchor))
    }

    /// Both clocks go on by `ms`.
    pub fn advance(&self, ms: i64) {
        let mut now = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        now.boot = now.boot.plus(ms);
        now.wall = WallMs(now.wall.0.saturating_add(ms));
    }

    /// The wall clock alone is set.
    pub fn set_wall(&self, wall: WallMs, trust: Trust) {
        let mut now = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        now.wall = wall;
        now.trust = trust;
    }
}

impl Clock for ManualClock {
    fn boot(&self) -> BootMs {
        self.anchor().boot
    }

    fn anchor(&self) -> Anchor {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
