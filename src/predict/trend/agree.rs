//! Several points of one device on their way to their limits: one warning for the device.
//!
//! A lone estimate may be noise; wear shows in many points at once. The warning is raised when half of the points that have
//! a limit expect the crossing within the horizon, and stands until none does.

use serde::{Deserialize, Serialize};

/// Two days: time to order a part and to come by day. Ours, not a standard.
pub const HORIZON_S: f64 = 48.0 * 3_600.0;

/// State of the warning of one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    standing: bool,
}

impl Agreement {
    /// `etas_s`: the latest estimate of every point that has a limit, in seconds, `None` where there is none.
    pub fn step(&mut self, etas_s: impl Iterator<Item = Option<f64>>, horizon_s: f64) -> bool {
        let (mut limited, mut near) = (0_usize, 0_usize);
        for eta_s in etas_s {
            limited += 1;
            near += usize::from(eta_s.is_some_and(|eta_s| eta_s <= horizon_s));
        }
        self.standing = near > 0 && (self.standing || near >= limited.div_ceil(2));
        self.standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_raise_and_the_last_one_holds() {
        let mut warning = Agreement::default();
        let table: [(&[Option<f64>], bool); 7] = [
            (&[None, None, None, None], false),
            (&[Some(50.0), None, None, None], false),
            (&[Some(50.0), Some(99.0), None, Some(200.0)], true),
            (&[None, Some(99.0), None, None], true),
            (&[None, Some(101.0), None, None], false),
            (&[Some(1.0)], true),
            (&[], false),
        ];
        for (etas_s, expected) in table {
            assert_eq!(warning.step(etas_s.iter().copied(), 100.0), expected, "{etas_s:?}");
        }
    }
}
