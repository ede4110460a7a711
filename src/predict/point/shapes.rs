//! A small memory of shapes: how unlike everything remembered is the way the value has taken lately?
//!
//! The last 32 values are drawn together to six numbers, fine near the present and coarse behind it (1, 1, 2, 4, 8, 16
//! readings). A bounded set of remembered shapes follows what is seen: a near shape is drawn towards the new one, an
//! unlike one takes the place of the one least used. So the second time a shape comes, it is known.
//!
//! Values are kept in whole [`Scale`] units, two bytes each: what lies far beyond the point's play is all alike here, and
//! the unit and its zero follow the point when its spread or its level has clearly moved.

use serde::{Deserialize, Serialize};

/// Readings that a shape spans.
const SPAN: usize = 32;
const PARTS: usize = 6;
/// Shapes remembered, at 16 bytes each. With 12 of them the labelled streams cost two points of the score.
const SHAPES: usize = 18;
/// Share of shapes that are taken as new ones.
const NEW: f64 = 0.1;
/// Step of the distance that makes a shape new, as a share of the spread.
const RADIUS_STEP: f64 = 0.05;
/// Uses after which a shape moves with a fixed pace.
const SHAPE_MEMORY: f32 = 20.0;
/// Use fades with this factor per reading, 5,000 readings.
const USE_KEEPS: f32 = 1.0 - 1.0 / 5_000.0;
/// Units in the point's spread, so that 32,767 of them reach 128 spreads either way; a distance beyond fifty of its own
/// usual sizes is no news to the surprise anyway.
const PER_SPREAD: f64 = 256.0;
/// The unit is kept while it is at most so many times too coarse or too fine. Coarse is borne longer: a finer unit forgets
/// what lies far out, and a point that is calm for a while will be lively again.
const COARSE_MAX: f64 = 10.0;
const FINE_MAX: f64 = 4.0;
/// The zero follows a level that is this many units away: 32 spreads.
const OFF_ZERO_MAX: f64 = 8_192.0;

/// What the whole numbers mean: `zero + unit * number`, in the point's unit.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Scale {
    zero: f64,
    unit: f64,
}

impl Scale {
    /// The number nearest to `value`.
    fn number(self, value: f64) -> i16 {
        if self.unit > 0.0 { short((value - self.zero) / self.unit) } else { 0 }
    }

    /// Another scale, if this one does not suit the point any more.
    fn outgrown(self, spread: f64, level: f64) -> Option<Self> {
        let (wider, off) = (spread / PER_SPREAD / self.unit, (level - self.zero) / self.unit);
        let suits = (1.0 / COARSE_MAX..=FINE_MAX).contains(&wider) && off.abs() <= OFF_ZERO_MAX;
        (!suits && spread > 0.0).then_some(Self { zero: level, unit: spread / PER_SPREAD })
    }
}

/// The nearest whole number that two bytes hold. Not by `round`, which is a call of its own on older processors.
#[allow(clippy::cast_possible_truncation)] // The cast stops at the ends.
fn short(number: f64) -> i16 {
    (number + 0.5_f64.copysign(number)) as i16
}

/// Remembered shapes and the last values.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Shapes {
    scale: Scale,
    last: [i16; SPAN],
    /// Of `last` from 2, 4, 8 and 16 readings back on, to twice as far.
    sums: [i32; 4],
    /// The first part of every remembered shape, the second of every one, and so on: so all are compared at once.
    known: [[i16; SHAPES]; PARTS],
    /// Of every remembered shape; 0 where there is none yet.
    uses: [f32; SHAPES],
    radius: f32,
}

impl Shapes {
    /// Distance of the newest shape from the nearest remembered one, in the point's unit. `spread` and `level` are the
    /// point's own, in the same unit.
    #[allow(clippy::cast_possible_truncation)] // Seven digits of a distance are plenty.
    pub(super) fn step(&mut self, value: f64, spread: f64, level: f64) -> f64 {
        self.follow(value, spread, level);
        let parts = self.enter(self.scale.number(value));
        let mut squares = [0.0_f32; SHAPES];
        for (known, part) in self.known.iter().zip(parts) {
            for (square, known) in squares.iter_mut().zip(known) {
                *square += (f32::from(*known) - part).powi(2);
            }
        }
        let (mut nearest, mut square) = (0, f32::INFINITY);
        for (i, (far, uses)) in squares.into_iter().zip(&mut self.uses).enumerate() {
            *uses *= USE_KEEPS;
            if far < square && *uses > 0.0 {
                (nearest, square) = (i, far);
            }
        }
        if square.is_infinite() {
            self.remember(parts);
            return 0.0;
        }
        let (far, radius) = (f64::from(square).sqrt() * self.scale.unit, f64::from(self.radius));
        let step = RADIUS_STEP * spread.max(radius);
        if far > radius {
            self.radius = (radius + step * (1.0 - NEW)) as f32;
            self.remember(parts);
        } else {
            self.radius = (radius - step * NEW).max(0.0) as f32;
            self.uses[nearest] += 1.0;
            let pace = self.uses[nearest].min(SHAPE_MEMORY);
            for (known, new) in self.known.iter_mut().zip(parts) {
                let old = f32::from(known[nearest]);
                known[nearest] = short(f64::from(old + (new - old) / pace));
            }
        }
        far
    }

    /// Takes the newest value; tells the means of the parts. The sums move on by what enters and what leaves them.
    fn enter(&mut self, number: i16) -> [f32; PARTS] {
        let means = [2, 4, 8, 16].map(|from: usize| {
            let sum = &mut self.sums[from.trailing_zeros() as usize - 1];
            *sum += i32::from(self.last[from - 1]) - i32::from(self.last[2 * from - 1]);
            *sum as f32 / from as f32
        });
        self.last.copy_within(0..SPAN - 1, 1);
        self.last[0] = number;
        [f32::from(number), f32::from(self.last[1]), means[0], means[1], means[2], means[3]]
    }

    /// Takes the place of the shape least used; the empty places are.
    fn remember(&mut self, parts: [f32; PARTS]) {
        let least = self.uses.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i);
        for (known, part) in self.known.iter_mut().zip(parts) {
            known[least] = short(f64::from(part));
        }
        self.uses[least] = 1.0;
    }

    /// Keeps the scale fit for the point.
    fn follow(&mut self, value: f64, spread: f64, level: f64) {
        // Before anything is known of the spread, the first step away from the level is its best guess.
        let spread = if self.scale.unit > 0.0 { spread } else { spread.max((value - level).abs()) };
        let Some(new) = self.scale.outgrown(spread, level) else { return };
        let old = std::mem::replace(&mut self.scale, new);
        for number in self.last.iter_mut().chain(self.known.as_flattened_mut()) {
            *number = new.number(old.zero + old.unit * f64::from(*number));
        }
        self.sums = [2, 4, 8, 16].map(|from| self.last[from..2 * from].iter().map(|n| i32::from(*n)).sum());
    }
}
