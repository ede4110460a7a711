//! Times as values. Nothing here reads a clock; [`crate::clock`] does.
//!
//! Readings and alarms are stamped with [`BootMs`], the kernel's boot-time clock, which never jumps. Wall time is
//! derived from it through the anchors of the boot, so a reading taken before the clock was right is right afterwards.

use serde::{Deserialize, Serialize};

/// Milliseconds of `CLOCK_BOOTTIME`: counts from power-on, through suspend, never steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootMs(pub i64);

impl BootMs {
    /// `self - earlier` in milliseconds, never below zero.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }

    /// The moment `ms` later.
    #[must_use]
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// Milliseconds since 1970-01-01 UTC, as far as the box knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallMs(pub i64);

/// How far wall time can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// The clock has never been set since this boot and looks wrong (before the build of this program).
    Unset,
    /// Plausible, carried by an RTC or by the last saved time, not confirmed.
    Holdover,
    /// The kernel says that a time source disciplines the clock.
    Synced,
}

/// One pairing of the two clocks. True time of any moment of the same boot = `wall + (moment - boot)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Boot clock at the pairing.
    pub boot: BootMs,
    /// Wall clock at the pairing.
    pub wall: WallMs,
    /// Trust in `wall`.
    pub trust: Trust,
}

impl Anchor {
    /// Wall time of a moment of the same boot.
    #[must_use]
    pub fn wall_at(&self, at: BootMs) -> WallMs {
        WallMs(self.wall.0.saturating_add(at.0.saturating_sub(self.boot.0)))
    }

    /// Moment of this boot at which the wall clock showed `wall`.
    #[must_use]
    pub fn boot_at(&self, wall: WallMs) -> BootMs {
        BootMs(self.boot.0.saturating_add(wall.0.saturating_sub(self.wall.0)))
    }
}
