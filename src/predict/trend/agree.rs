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

/// The way to the limits of one device, for whoever gets the estimates of its points one by one.
///
/// Keeps the latest estimate of each point that has a limit and counts it down; an estimate that is not renewed for
/// [`Self::fresh_ms`] counts no more. 24 bytes per point; no clock of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ahead {
    agreement: Agreement,
    /// Time of the estimate and the estimate in seconds, of every point that has a limit.
    told: Vec<Option<(i64, f64)>>,
    fresh_ms: i64,
}

/// How a device stands on the way to its limits.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Outlook {
    /// The warning stands.
    pub standing: bool,
    /// It was raised just now.
    pub raised: bool,
    /// Points that expect the crossing within the horizon.
    pub near: usize,
    /// Points that have a limit.
    pub limited: usize,
    /// Seconds until the first of them reaches its limit; its index among the points that have a limit.
    pub first: Option<(f64, usize)>,
}

impl Ahead {
    /// A device with `limited` points that have a limit, whose estimates hold for `fresh_ms` milliseconds: three of the
    /// slowest point's periods, say.
    pub fn new(limited: usize, fresh_ms: i64) -> Self {
        Self { agreement: Agreement::default(), told: vec![None; limited], fresh_ms }
    }

    /// Milliseconds for which an estimate holds.
    pub fn fresh_ms(&self) -> i64 {
        self.fresh_ms
    }

    /// What point `index` told at `at_ms`: seconds to its limit, or nothing. A point that is not of the device is passed
    /// over.
    pub fn tell(&mut self, index: usize, at_ms: i64, eta_s: Option<f64>) {
        if let Some(slot) = self.told.get_mut(index) {
            *slot = eta_s.filter(|eta_s| eta_s.is_finite()).map(|eta_s| (at_ms, eta_s));
        }
    }

    /// How things stand at `now_ms`; `horizon_s` as for [`Agreement::step`].
    pub fn step(&mut self, now_ms: i64, horizon_s: f64) -> Outlook {
        let fresh_ms = self.fresh_ms;
        let etas_s = self.told.iter().map(|told| {
            let (at_ms, eta_s) = (*told)?;
            let age_ms = now_ms.saturating_sub(at_ms);
            (age_ms <= fresh_ms).then(|| (eta_s - age_ms.max(0) as f64 / 1000.0).max(0.0))
        });
        let before = self.agreement.standing;
        let standing = self.agreement.step(etas_s.clone(), horizon_s);
        let near = etas_s.enumerate().filter_map(|(i, eta_s)| Some((eta_s.filter(|s| *s <= horizon_s)?, i)));
        Outlook {
            standing,
            raised: standing && !before,
            near: near.clone().count(),
            limited: self.told.len(),
            first: near.min_by(|a, b| a.0.total_cmp(&b.0)),
        }
    }

    /// Forgets what was told: after maintenance, or with other limits.
    pub fn relearn(&mut self) {
        (self.agreement, self.told) = (Agreement::default(), vec![None; self.told.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_counted_down_and_grow_stale() {
        let mut device = Ahead::new(3, 60_000);
        device.tell(0, 0, Some(130.0));
        device.tell(7, 0, Some(1.0));
        assert_eq!(device.step(0, 100.0), Outlook { limited: 3, ..Outlook::default() });
        device.tell(1, 20_000, Some(90.0));
        // 130 s told 31 s ago are 99 s now: two of three are near.
        let raised = device.step(31_000, 100.0);
        assert_eq!(raised, Outlook { standing: true, raised: true, near: 2, limited: 3, first: Some((79.0, 1)) });
        let text = serde_json::to_string(&device).expect("numbers only");
        let mut again: Ahead = serde_json::from_str(&text).expect("what was written");
        // The older estimate is stale by now; one is enough to let the warning stand.
        for device in [&mut device, &mut again] {
            let still = device.step(70_000, 100.0);
            assert_eq!((still.standing, still.raised, still.near, still.first), (true, false, 1, Some((40.0, 1))));
        }
        device.tell(1, 71_000, None);
        assert!(!device.step(71_000, 100.0).standing);
        again.relearn();
        assert_eq!(again, Ahead::new(3, 60_000));
    }

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
