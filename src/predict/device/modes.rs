//! Ways of operation of a device (pump 1, pump 2, both, none): which one is it in, and what is usual there.
//!
//! A bounded clustering: a mode is opened in commissioning when the device jumps away from all that are known and stays
//! there; later it is recognised at the first snapshot in which every point is near what is usual in it. The device stays
//! in a mode while it is near it, so neighbouring modes do not flap. After commissioning no mode is opened: a fault must
//! not become one.
//!
//! Owns the usual values of each mode, which follow slow drift. Knows no alarm. Limits: modes that were not seen in
//! commissioning, or that come before the first has lasted [`FIRST`] snapshots, are not told apart.

/// Ways of operation told apart.
pub const MODES: usize = 4;

/// Near: no point is further from its usual value than so many spreads within a mode.
const NEAR: f64 = 6.0;

/// A larger distance tells no more: a point that stood still all the time is infinitely far off when it moves.
const FAR_MOST: f64 = 10.0;

/// Snapshots in a row away from all modes after which another is opened.
const OPEN: u32 = 8;

/// Snapshots that some mode must have lasted before another may be opened: spreads are not known before.
const FIRST: f32 = 64.0;

/// Snapshots over which usual values are forgotten: they follow drift ten times faster than the spreads do.
const MEMORY: f64 = 2_000.0;

/// Steps of usual values are clipped at so many spreads, once so many snapshots are known.
const CLIP: f64 = 5.0;
const WARM: f32 = 30.0;

/// One way of operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Mode {
    /// Snapshots learnt from.
    pub learnt: f32,
    /// Usual value of each point.
    pub means: Vec<f64>,
}

impl Mode {
    /// Sum of squares and largest of the distances from the usual values, in spreads.
    fn distance(&self, values: &[f64], spreads: &[f64]) -> (f64, f64) {
        let (mut sum, mut most) = (0.0, 0.0_f64);
        for ((value, spread), mean) in values.iter().zip(spreads).zip(&self.means) {
            let off = (value - mean).abs();
            if off > 0.0 {
                let z = (off / spread).min(FAR_MOST);
                sum += z * z;
                most = most.max(z);
            }
        }
        (sum, most)
    }
}

/// What the device was told of its present way of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Near the mode it was in.
    Same,
    /// In another mode from now on.
    Other,
    /// Near none.
    Away,
}

/// All modes of one device.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Modes {
    /// Those known.
    pub known: Vec<Mode>,
    /// The present one.
    pub current: u8,
    /// Snapshots in it.
    pub steady: u32,
    /// Snapshots in a row away from all.
    pub away: u32,
}

impl Modes {
    /// Usual values in the present mode.
    pub fn means(&self) -> Option<&[f64]> {
        self.known.get(usize::from(self.current)).map(|mode| mode.means.as_slice())
    }

    /// Takes a snapshot (`NaN`: not known); `spreads` within a mode. Opens modes only while `learning`.
    pub fn step(&mut self, values: &[f64], spreads: &[f64], learning: bool) -> Place {
        let Some(current) = self.known.get(usize::from(self.current)) else {
            return self.open(values);
        };
        if current.distance(values, spreads).1 <= NEAR {
            self.away = 0;
            self.steady = self.steady.saturating_add(1);
            return Place::Same;
        }
        let mut best = f64::INFINITY;
        for (name, mode) in (0_u8..).zip(&self.known) {
            let (sum, most) = mode.distance(values, spreads);
            if most <= NEAR && sum < best {
                (best, self.current) = (sum, name);
            }
        }
        if best.is_finite() {
            (self.away, self.steady) = (0, 0);
            return Place::Other;
        }
        self.away = self.away.saturating_add(1);
        let certain = self.known.iter().any(|mode| mode.learnt >= FIRST);
        if learning && certain && self.away >= OPEN && self.known.len() < MODES {
            return self.open(values);
        }
        Place::Away
    }

    fn open(&mut self, values: &[f64]) -> Place {
        let means = values.iter().map(|v| if v.is_finite() { *v } else { 0.0 }).collect();
        self.current = u8::try_from(self.known.len()).unwrap_or(0);
        self.known.push(Mode { learnt: 0.0, means });
        (self.away, self.steady) = (0, 0);
        Place::Other
    }

    /// The values are usual in the present mode.
    pub fn learn(&mut self, values: &[f64], spreads: &[f64]) {
        let Some(mode) = self.known.get_mut(usize::from(self.current)) else { return };
        mode.learnt = (mode.learnt + 1.0).min(1e6);
        let pace = (1.0 / f64::from(mode.learnt)).max(1.0 / MEMORY);
        for ((mean, value), spread) in mode.means.iter_mut().zip(values).zip(spreads) {
            if value.is_finite() {
                let most = if mode.learnt > WARM && *spread > 0.0 { CLIP * spread } else { f64::INFINITY };
                *mean += pace * (value - *mean).clamp(-most, most);
            }
        }
    }

    /// What was learnt counts for no more than `snapshots`: the device has changed for good.
    pub fn doubt(&mut self, snapshots: f32) {
        for mode in &mut self.known {
            mode.learnt = mode.learnt.min(snapshots);
        }
    }
}
