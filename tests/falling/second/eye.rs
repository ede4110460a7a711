//! The detector of the second simulator: wakes up after some motion, loses frames in bursts, and errs in one of four ways.

use crate::dice::Dice;
use crate::film::{Dot, Track};
use crate::scene::{Scene, Vec3};

#[derive(Clone, Copy)]
enum Noise {
    /// Each frame alone, long tails.
    Laplace,
    /// The box creeps about the thing.
    Creeping,
    /// Boxes on a coarse grid.
    Coarse,
    Normal,
}

/// Column and row, size in pixels, and height for the truth.
type Seen = ((f64, f64), f64, f64);

/// One detector.
pub(crate) struct Eye {
    noise: Noise,
    noise_px: f64,
    /// Pixels a thing must have moved before it is seen.
    wakes_px: f64,
    /// Chance that a burst of lost frames begins, and that it goes on.
    lost: (f64, f64),
    doubled: f64,
    wild: f64,
    shuffled: bool,
    late_frames: f64,
    /// Time the track is kept, seconds.
    kept_s: f64,
    frames_max: usize,
}

impl Eye {
    pub(crate) fn random(dice: &mut Dice, fps: f64) -> Self {
        let glimpse = dice.chance(0.15);
        Self {
            noise: dice.pick(&[Noise::Laplace, Noise::Creeping, Noise::Coarse, Noise::Normal]),
            noise_px: dice.log_within(0.5, 4.0),
            wakes_px: if dice.chance(0.5) { dice.within(2.0, 40.0) } else { 0.0 },
            lost: if dice.chance(0.4) { (dice.within(0.0, 0.12), 0.5) } else { (0.0, 0.0) },
            doubled: if dice.chance(0.25) { 0.08 } else { 0.0 },
            wild: if dice.chance(0.35) { dice.within(0.0, 0.06) } else { 0.0 },
            shuffled: dice.chance(0.2),
            late_frames: if dice.chance(0.3) { dice.within(0.0, 0.8) * fps } else { 0.0 },
            kept_s: if glimpse { dice.within(0.15, 0.8) } else { dice.within(0.8, 8.0) },
            frames_max: if dice.chance(0.1) { 4 + dice.below(8) } else { 300 },
        }
    }

    /// Films a path: `at(t)` is the place at `t` seconds, `None` once it is over.
    pub(crate) fn film(
        &self,
        scene: &Scene,
        dice: &mut Dice,
        size_m: f64,
        at: &mut dyn FnMut(f64) -> Option<Vec3>,
    ) -> Track {
        self.record(scene, dice, &mut |t| {
            let place = at(t)?;
            let size = (size_m * scene.pixels_per_metre(place)).clamp(2.0, 400.0);
            Some((scene.pixel(place).unwrap_or((-1e4, -1e4)), size, place[2]))
        })
    }

    /// Films what has a place in the picture only: `at(t)` is column and row, size in pixels, and height for the truth.
    pub(crate) fn record(&self, scene: &Scene, dice: &mut Dice, at: &mut dyn FnMut(f64) -> Option<Seen>) -> Track {
        let mut dots: Vec<Dot> = Vec::new();
        let (mut origin, mut heights, mut losing, mut entered) = (None, None, false, false);
        let (mut creep, mut frame, mut awake) = ((0.0, 0.0), 0, -1.0);
        let begin = dice.within(0.0, 1.0) / scene.fps;
        while let Some((pixel, size, height)) = at(begin + f64::from(frame) / scene.fps) {
            let t = begin + f64::from(frame) / scene.fps;
            frame += 1;
            if t > 20.0 || dots.len() >= self.frames_max || awake > self.kept_s * scene.fps {
                break;
            }
            if !scene.holds(pixel.0, pixel.1) {
                if origin.is_some() {
                    break;
                }
                continue;
            }
            let from = *origin.get_or_insert((pixel, frame));
            let moved = (pixel.0 - from.0.0).hypot(pixel.1 - from.0.1) >= self.wakes_px || awake >= 0.0;
            if !moved || f64::from(frame - from.1) < self.late_frames {
                continue;
            }
            awake += 1.0;
            let err = self.error(dice, &mut creep);
            losing = dice.chance(if losing { self.lost.1 } else { self.lost.0 });
            if losing {
                continue;
            }
            if dots.is_empty() {
                entered = from.1 > 1 && frame == from.1;
            }
            heights = Some((heights.map_or(height, |(first, _)| first), height));
            dots.push(self.dot(scene, dice, t, (pixel.0 + err.0, pixel.1 + err.1), size));
        }
        self.spoil(scene, dice, &mut dots);
        let span_m = heights.map_or(0.0, |(first, last)| f64::abs(first - last));
        Track { dots, entered, span_m, noise_px: self.noise_px }
    }

    fn error(&self, dice: &mut Dice, creep: &mut (f64, f64)) -> (f64, f64) {
        let laplace = |dice: &mut Dice| {
            let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
            -side * dice.within(1e-9, 1.0).ln() / std::f64::consts::SQRT_2
        };
        let one = match self.noise {
            Noise::Laplace => (laplace(dice), laplace(dice)),
            Noise::Creeping => {
                let (keep, fresh) = (0.6, 0.8);
                *creep = (keep * creep.0 + fresh * dice.gauss(), keep * creep.1 + fresh * dice.gauss());
                *creep
            }
            Noise::Coarse => (0.4 * dice.gauss(), 0.4 * dice.gauss()),
            Noise::Normal => (dice.gauss(), dice.gauss()),
        };
        (one.0 * self.noise_px, one.1 * self.noise_px)
    }

    fn dot(&self, scene: &Scene, dice: &mut Dice, t: f64, at: (f64, f64), size: f64) -> Dot {
        let grid = if matches!(self.noise, Noise::Coarse) { (3.0 * self.noise_px).round().max(1.0) } else { 0.5 };
        let snap = |value: f64, end: f64| ((value / grid).round() * grid).clamp(0.0, end);
        let (wide, high) = (size * dice.within(0.8, 1.3), size * dice.within(0.8, 1.3));
        let (left, right) = (snap(at.0 - wide / 2.0, scene.frame.0), snap(at.0 + wide / 2.0, scene.frame.0));
        let (top, bottom) = (snap(at.1 - high / 2.0, scene.frame.1), snap(at.1 + high / 2.0, scene.frame.1));
        let (x, y) = (f64::midpoint(left, right), f64::midpoint(top, bottom));
        Dot { t: (t * 100.0).round() / 100.0, x, y, w: (right - left).max(1.0), h: (bottom - top).max(1.0) }
    }

    fn spoil(&self, scene: &Scene, dice: &mut Dice, dots: &mut Vec<Dot>) {
        for index in 0..dots.len() {
            if dice.chance(self.wild) {
                // Half of them near: the box jumps onto the neighbour's curtain.
                let near = dice.chance(0.5);
                let reach = if near { 60.0 } else { scene.frame.1 };
                dots[index].x = (dots[index].x + dice.within(-reach, reach)).clamp(0.0, scene.frame.0);
                dots[index].y = (dots[index].y + dice.within(-reach, reach)).clamp(0.0, scene.frame.1);
            }
            if dice.chance(self.doubled) {
                let mut copy = dots[index];
                if dice.chance(0.5) {
                    copy.x += 0.5;
                }
                dots.push(copy);
            }
        }
        if self.shuffled {
            dice.shuffle(dots);
        } else {
            dots.sort_by(|a, b| a.t.total_cmp(&b.t));
        }
    }
}
