//! A small memory of shapes: how unlike everything remembered is the way the value has taken lately?
//!
//! The last 32 values are drawn together to six numbers, fine near the present and coarse behind it (1, 1, 2, 4, 8, 16
//! readings). A bounded set of remembered shapes follows what is seen: a near shape is drawn towards the new one, an
//! unlike one takes the place of the one least used. So the second time a shape comes, it is known.

use serde::{Deserialize, Serialize};

/// Readings that a shape spans.
const SPAN: usize = 32;
const PARTS: usize = 6;
/// Shapes remembered, at 28 bytes each.
const SHAPES: usize = 18;
/// Share of shapes that are taken as new ones.
const NEW: f64 = 0.1;
/// Step of the distance that makes a shape new, as a share of the spread.
const RADIUS_STEP: f64 = 0.05;
/// Uses after which a shape moves with a fixed pace.
const SHAPE_MEMORY: f32 = 20.0;
/// Use fades with this factor per reading, 5,000 readings.
const USE_KEEPS: f32 = 1.0 - 1.0 / 5_000.0;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Shape {
    parts: [f32; PARTS],
    uses: f32,
}

/// Remembered shapes and the last values, relative to a value of the caller's choice.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Shapes {
    last: [f32; SPAN],
    known: Vec<Shape>,
    radius: f64,
}

impl Shapes {
    /// Begins with a value that has always been so.
    #[allow(clippy::cast_possible_truncation)] // Seven digits of a shape are plenty.
    pub(super) fn begin(value: f64) -> Self {
        Self { last: [value as f32; SPAN], known: Vec::with_capacity(SHAPES), radius: 0.0 }
    }

    /// Distance of the newest shape from the nearest remembered one, in the point's unit.
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn step(&mut self, value: f64, spread: f64) -> f64 {
        self.last.copy_within(0..SPAN - 1, 1);
        self.last[0] = value as f32;
        let mean = |from: usize, to: usize| self.last[from..to].iter().sum::<f32>() / (to - from) as f32;
        let parts = [self.last[0], self.last[1], mean(2, 4), mean(4, 8), mean(8, 16), mean(16, 32)];
        let (mut nearest, mut square) = (0, f32::INFINITY);
        for (i, shape) in self.known.iter_mut().enumerate() {
            shape.uses *= USE_KEEPS;
            let far: f32 = shape.parts.iter().zip(parts).map(|(a, b)| (a - b) * (a - b)).sum();
            if far < square {
                (nearest, square) = (i, far);
            }
        }
        if self.known.is_empty() {
            self.known.push(Shape { parts, uses: 1.0 });
            return 0.0;
        }
        let far = f64::from(square).sqrt();
        let step = RADIUS_STEP * spread.max(self.radius);
        if far > self.radius {
            self.radius += step * (1.0 - NEW);
            self.remember(parts);
        } else {
            self.radius = (self.radius - step * NEW).max(0.0);
            let shape = &mut self.known[nearest];
            shape.uses += 1.0;
            for (known, new) in shape.parts.iter_mut().zip(parts) {
                *known += (new - *known) / shape.uses.min(SHAPE_MEMORY);
            }
        }
        far
    }

    fn remember(&mut self, parts: [f32; PARTS]) {
        let shape = Shape { parts, uses: 1.0 };
        if self.known.len() < SHAPES {
            self.known.push(shape);
        } else if let Some(least) = self.known.iter_mut().min_by(|a, b| a.uses.total_cmp(&b.uses)) {
            *least = shape;
        }
    }

    /// Bytes beside the struct itself.
    pub(super) fn heap(&self) -> usize {
        self.known.capacity() * size_of::<Shape>()
    }
}
