//! The points of a device together: does one of them no longer go with the others, though each stays in its own range.
//!
//! Learns how the points play together around what is usual in the present mode of operation ([`Modes`]; one shrunk
//! covariance for all modes) and foretells every point from all the others. What is left over is the point's part of the
//! Q statistic of the covariance model; the others' own distance from the usual (their T²) says how far the foretelling is
//! to be trusted, for curved relations leave more over at the ends of the range. Usual size and tail of what is left over
//! are learnt in commissioning, like those of a point's moves ([`Band`]).
//!
//! Owns the covariances and what is left over. Looks only while every point is within its usual range and the device has
//! been in one mode for a while: all else shows in the points alone ([`super::ladder`]). Also tells which points always
//! move together, for they are no witnesses of each other.
//!
//! Limits: only the first [`TOGETHER_MAX`] points; points that the others explain by less than half, and deviations of less
//! than about three quarters of a spread, raise nothing here. A memory of whole snapshots (MSET) was left out: a hundred of 16 points are 6.4 kB
//! by themselves, and the curved relations it is meant for are held by T² as above.

#[cfg(test)]
mod tests;

use super::band::{Band, single};
use super::ladder::Ladder;
use super::modes::{Mode, Modes, Place};
use super::moments::Moments;
use super::solve::{Row, Square, solve};

/// Points that are looked at together.
pub const TOGETHER_MAX: usize = 16;

/// Scales on which what is left over is smoothed, in snapshots.
const MEMORY: [f64; SCALES] = [8.0, 32.0];
/// Number of them.
pub const SCALES: usize = 2;

/// Snapshots learnt from before anything is judged, and judged before anything is said.
const FIRST: f32 = 256.0;
const FIRST_JUDGED: u32 = 128;

/// Snapshots in one mode before it is judged: starts and stops are over by then.
const SETTLE: u32 = 32;

/// Correlations are shrunk by this share at least, and by more while there are few independent snapshots for each point;
/// of this many neighbouring ones one is independent.
const SHRINK: f64 = 0.02;
const ALIKE_SNAPSHOTS: f64 = 8.0;

/// A point counts when the others explain this share of its play, and when so many of its spreads are left over, weighed
/// by the others' distance: three quarters of a spread where the device usually is.
const EXPLAINED: f64 = 0.5;
const EFFECT: f64 = 0.25;

/// Weight of the others' distance from the usual against what is left over.
const LEVER: f64 = 2.0;

/// Least tail believed, and believed at first: smoothed residuals have lighter tails than raw moves.
const TAIL: f32 = 0.12;

/// Excursions up to so many memories long may still be a fault, and teach nothing until they are over.
const PATIENCE: f64 = 32.0;

/// Deviations are clipped at so many spreads when learning: play around the usual, and moves.
const CLIP: f64 = 5.0;
const CLIP_MOVES: f64 = 3.0;

/// Snapshots before moves tell what goes together.
const FIRST_MOVES: f32 = 30.0;

/// Back: this share of the largest deviation is left at most, or it is no more than this many usual sizes.
const BACK: f32 = 0.5;
const NEAR: f32 = 2.0;

/// What was odd for so many snapshots has become usual; what was learnt then counts for no more than half of [`FIRST`].
const ACCEPT: u32 = 512;

/// Deviations beyond so many units (of their first) are no measurement; their squares would not fit.
const UNITS_MAX: f64 = 1e15;

/// What is left over of one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Smoothed over each scale, in the point's spreads.
    pub left: [f32; SCALES],
    /// Its usual size.
    pub bands: [Band; SCALES],
}

impl Default for View {
    fn default() -> Self {
        Self { left: [0.0; SCALES], bands: [Band { tail: TAIL, ..Band::default() }; SCALES] }
    }
}

/// The point that goes least with the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Odd {
    /// Minus the decimal logarithm of the chance, over all points.
    pub evidence: f64,
    /// Index of the point.
    pub point: u8,
    /// Scale it showed on.
    pub scale: u8,
}

/// A point that was odd when things began to be watched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// Index of the point.
    pub point: u8,
    /// Scale it showed on.
    pub scale: u8,
    /// Largest deviation since, in spreads.
    pub peak: f32,
}

/// State of one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Together {
    /// Ways of operation.
    pub modes: Modes,
    /// Unit of each point's deviations: its first one. Keeps squares within single precision.
    pub units: Vec<f32>,
    /// Of deviations from what is usual in the mode.
    pub play: Moments,
    /// Of moves: fast averages against slow ones.
    pub moves: Moments,
    /// What is left over.
    pub views: Vec<View>,
    /// Snapshots since what is left over was set anew, and snapshots judged in all.
    pub fresh: u32,
    /// See `fresh`.
    pub judged: u32,
    /// Set while watched.
    pub held: Option<Held>,
    /// Snapshots since.
    pub odd_for: u32,
}

impl Together {
    /// Nothing is known of `points` points yet.
    pub fn new(points: usize) -> Self {
        let n = points.min(TOGETHER_MAX);
        Self {
            modes: Modes::default(),
            units: vec![0.0; n],
            play: Moments::new(n),
            moves: Moments::new(n),
            views: vec![View::default(); n],
            fresh: 0,
            judged: 0,
            held: None,
            odd_for: 0,
        }
    }

    /// Bytes beside its own size.
    pub fn heap(&self) -> usize {
        let (n, single) = (self.views.len(), size_of::<f32>());
        let modes = self.modes.known.len() * (size_of::<Mode>() + n * size_of::<f64>());
        modes + n * (size_of::<View>() + single) + 2 * self.play.products.len() * single
    }

    /// Too much was missed.
    pub fn restart(&mut self) {
        (self.fresh, self.modes.steady, self.held) = (0, 0, None);
    }

    /// Before the points take their values: where is the device now? `learns` is false while something is odd.
    pub fn place(&mut self, values: &[f64], learns: bool, learning: bool) -> Place {
        let n = self.views.len();
        if n < 2 || (self.modes.known.is_empty() && !learns) {
            return Place::Away;
        }
        let mut raw = [f64::NAN; TOGETHER_MAX];
        for (to, from) in raw.iter_mut().zip(values).filter(|(_, v)| v.abs() < 1e30) {
            *to = *from;
        }
        let place = self.modes.step(&raw[..n], &self.spreads()[..n], learning && learns);
        if place == Place::Other {
            self.fresh = 0;
        }
        place
    }

    /// How much of the moves of point `i` comes with those of point `j`, 0..1, less what may be chance.
    pub fn alike(&self, i: usize, j: usize) -> f64 {
        let n = self.views.len();
        if i >= n || j >= n || self.moves.learnt < FIRST_MOVES {
            return 0.0;
        }
        let variances = self.moves.product(i, i) * self.moves.product(j, j);
        if variances <= 0.0 {
            return 0.0;
        }
        let chance = (ALIKE_SNAPSHOTS / f64::from(self.moves.learnt)).min(0.9);
        let share = (self.moves.product(i, j).powi(2) / variances).min(1.0);
        ((share - chance) / (1.0 - chance)).max(0.0)
    }

    /// After the points took their values. Tells the point that goes least with the others, if any is odd.
    pub fn step(&mut self, points: &[Ladder], place: Place, learns: bool, learning: bool) -> Option<Odd> {
        let n = self.views.len();
        let means = self.modes.means().filter(|_| n >= 2)?;
        let (mut values, mut away, mut moved) =
            ([f64::NAN; TOGETHER_MAX], [f64::NAN; TOGETHER_MAX], [0.0; TOGETHER_MAX]);
        for (i, point) in points.iter().take(n).enumerate().filter(|(_, p)| p.known()) {
            values[i] = point.level[0];
            let unit = &mut self.units[i];
            let (off, moves) = (values[i] - means[i], point.level[0] - point.level[2]);
            if *unit <= 0.0 && off.abs() > 1e-30 {
                *unit = single(off.abs());
            }
            if *unit > 0.0 {
                away[i] = (off / f64::from(*unit)).clamp(-UNITS_MAX, UNITS_MAX);
                moved[i] = (moves / f64::from(*unit)).clamp(-UNITS_MAX, UNITS_MAX);
            }
        }
        let near = place != Place::Away;
        let looks = near && self.modes.steady >= SETTLE && self.play.learnt >= FIRST;
        let odd = if looks { self.judge(&away, learns) } else { None };
        if learns {
            self.moves.learn(&moved[..n], CLIP_MOVES);
        }
        if learns && (near || learning) {
            self.modes.learn(&values[..n], &self.spreads()[..n]);
            for off in away.iter_mut().filter(|off| off.is_nan()) {
                *off = 0.0;
            }
            self.play.learn(&away[..n], CLIP);
        }
        odd
    }

    /// In the points' own units.
    fn spreads(&self) -> Row {
        let mut spreads = [0.0; TOGETHER_MAX];
        for (i, (spread, unit)) in spreads.iter_mut().zip(&self.units).enumerate() {
            *spread = self.play.spread(i) * f64::from(*unit);
        }
        spreads
    }

    fn judge(&mut self, away: &Row, learns: bool) -> Option<Odd> {
        // Those that take part.
        let (mut who, mut count) = ([0_usize; TOGETHER_MAX], 0);
        for (i, off) in away.iter().enumerate().take(self.views.len()) {
            if off.is_finite() && self.play.spread(i) > 0.0 {
                who[count] = i;
                count += 1;
            }
        }
        let who = &who[..count];
        let (mut matrix, z) = self.correlations(who, away);
        let (weighted, precision) = solve(&mut matrix, &z, count).filter(|_| count >= 2)?;
        self.fresh = self.fresh.saturating_add(1);
        self.judged = self.judged.saturating_add(1);
        let others = count as f64 - 1.0;
        let whole: f64 = z.iter().zip(&weighted).map(|(a, b)| a * b).sum();
        let mut worst: Option<Odd> = None;
        for (a, i) in who.iter().enumerate() {
            let left = weighted[a] / precision[a];
            let distance = (whole - left * left * precision[a]).max(0.0) / others;
            let explained = 1.0 - 1.0 / precision[a] >= EXPLAINED;
            let (surprise, scale) = self.look(*i, left / (1.0 + LEVER * distance), explained, learns);
            let evidence = surprise - (count as f64).log10();
            let point = u8::try_from(*i).expect("at most TOGETHER_MAX points");
            if evidence > worst.map_or(0.0, |odd| odd.evidence) {
                worst = Some(Odd { evidence, point, scale });
            }
        }
        worst
    }

    /// The shrunk correlations of the points that take part, and their deviations in spreads.
    fn correlations(&self, who: &[usize], away: &Row) -> (Square, Row) {
        let count = who.len() as f64;
        let few = count / (count + f64::from(self.play.learnt) / ALIKE_SNAPSHOTS);
        let kept = 1.0 - (SHRINK + few).min(0.9);
        let (mut matrix, mut z) = ([[0.0; TOGETHER_MAX]; TOGETHER_MAX], [0.0; TOGETHER_MAX]);
        let mut inverse = [0.0; TOGETHER_MAX];
        for (a, i) in who.iter().enumerate() {
            inverse[a] = 1.0 / self.play.spread(*i);
            z[a] = away[*i] * inverse[a];
            for (b, j) in who[..a].iter().enumerate() {
                matrix[a][b] = kept * self.play.product(*i, *j) * inverse[a] * inverse[b];
            }
            matrix[a][a] = 1.0;
        }
        (matrix, z)
    }

    /// Takes what is left over of one point; tells its surprise and on which scale.
    fn look(&mut self, i: usize, left: f64, explained: bool, learns: bool) -> (f64, u8) {
        let (fresh, judged) = (f64::from(self.fresh), self.judged);
        let mut worst = (0.0, 0_u8);
        let View { left: lefts, bands } = &mut self.views[i];
        for (scale, ((smooth, band), memory)) in (0_u8..).zip(lefts.iter_mut().zip(bands).zip(MEMORY)) {
            *smooth += single((1.0 / fresh).max(1.0 / memory) * (left - f64::from(*smooth)));
            if fresh <= memory {
                continue;
            }
            let size = f64::from(smooth.abs());
            band.believed = band.size;
            if judged >= FIRST_JUDGED && explained && size >= EFFECT {
                let surprise = band.surprise(band.ratio(size), TAIL, 0.0);
                if surprise > worst.0 {
                    worst = (surprise, scale);
                }
            }
            if learns {
                band.learn(size, f64::from(judged), PATIENCE * memory);
            }
        }
        worst
    }

    /// The point is watched from now on.
    pub fn hold(&mut self, odd: &Odd) {
        let Odd { point, scale, .. } = *odd;
        let peak = self.views[usize::from(point)].left[usize::from(scale)];
        self.held = Some(Held { point, scale, peak });
        self.odd_for = 0;
    }

    /// Does the point go with the others again, or has the new way become usual? To be asked once a snapshot.
    pub fn back(&mut self) -> bool {
        let Some(held) = &mut self.held else { return true };
        self.odd_for = self.odd_for.saturating_add(1);
        let view = &self.views[usize::from(held.point)];
        let left = view.left[usize::from(held.scale)];
        if left * held.peak > 0.0 && left.abs() > held.peak.abs() {
            held.peak = left;
        }
        let away = if held.peak < 0.0 { -left } else { left };
        let near = NEAR * view.bands[usize::from(held.scale)].believed;
        away <= BACK * held.peak.abs() || left.abs() <= near || self.odd_for > ACCEPT
    }

    /// No point is watched any more. What stayed odd is learnt anew.
    pub fn release(&mut self) {
        if self.held.take().is_some() && self.odd_for > ACCEPT {
            let doubtful = FIRST / 2.0;
            self.play.learnt = self.play.learnt.min(doubtful);
            self.modes.doubt(doubtful);
            self.views.fill(View::default());
            (self.fresh, self.judged) = (0, 0);
        }
    }

    /// What the others foretell of the watched point, in its unit, smoothed and with caution, where it shows `seen`.
    pub fn expected(&self, held: &Held, seen: f64) -> f64 {
        let i = usize::from(held.point);
        let left = f64::from(self.views[i].left[usize::from(held.scale)]);
        seen - left * self.play.spread(i) * f64::from(self.units[i])
    }

    /// The watched point's deviation in usual sizes.
    pub fn ratio(&self, held: &Held) -> f64 {
        let scale = usize::from(held.scale);
        self.views[usize::from(held.point)].bands[scale].ratio(f64::from(held.peak.abs()))
    }
}
