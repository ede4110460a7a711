//! What the camera makes of a path: frames, noise, lost, doubled, shuffled and wild points, boxes cut at the edge.

use crate::dice::Dice;
use crate::scene::{Scene, Vec3};

/// One point of a simulated track.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dot {
    pub(crate) t: f64,
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) w: f64,
    pub(crate) h: f64,
}

/// A track as a camera would send it.
pub(crate) struct Track {
    pub(crate) dots: Vec<Dot>,
    /// The object came into the picture from outside it, and the track begins with that frame or the next.
    pub(crate) entered: bool,
    /// Height between the first and the last point, metres.
    pub(crate) span_m: f64,
    pub(crate) noise_px: f64,
}

/// How good or bad the detector is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Defects {
    pub(crate) noise_px: f64,
    pub(crate) heavy_tails: bool,
    pub(crate) lost: f64,
    pub(crate) doubled: f64,
    pub(crate) wild: f64,
    pub(crate) shuffled: bool,
    pub(crate) jitter_s: f64,
    pub(crate) late_s: f64,
    pub(crate) frames_max: usize,
}

impl Defects {
    pub(crate) fn random(dice: &mut Dice, fps: f64) -> Self {
        let late_s = match dice.below(10) {
            0..=4 => 0.0,
            5..=7 => dice.within(0.0, 0.4),
            _ => dice.within(0.0, 1.2),
        };
        let frames_max = match dice.below(10) {
            0 => 3 + dice.below(5),
            1..=2 => 6 + dice.below(10),
            3..=5 => 10 + dice.below(30),
            _ => 400,
        };
        Self {
            noise_px: dice.log_within(0.5, 4.0),
            heavy_tails: dice.chance(0.3),
            lost: if dice.chance(0.5) { dice.within(0.0, 0.3) } else { 0.0 },
            doubled: if dice.chance(0.3) { 0.1 } else { 0.0 },
            wild: if dice.chance(0.4) { dice.within(0.0, 0.08) } else { 0.0 },
            shuffled: dice.chance(0.3),
            jitter_s: if dice.chance(0.4) { dice.within(0.0, 0.15) / fps } else { 0.0 },
            late_s,
            frames_max,
        }
    }
}

/// Films a path: `at(t)` is the place at `t` seconds after its beginning, `None` once it is over.
pub(crate) fn film(
    scene: &Scene,
    dice: &mut Dice,
    defects: Defects,
    size_m: f64,
    at: &mut dyn FnMut(f64) -> Option<Vec3>,
) -> Track {
    let mut seen: Vec<(f64, Vec3, f64, f64)> = Vec::new();
    let phase = dice.within(0.0, 1.0) / scene.fps;
    let (mut frame, mut first_visible, mut left) = (0, None, false);
    while let Some(place) = at(phase + f64::from(frame) / scene.fps) {
        let t = phase + f64::from(frame) / scene.fps;
        let pixel = scene.pixel(place).filter(|(col, row)| scene.holds(*col, *row));
        match pixel {
            Some((col, row)) if !left => {
                let start = *first_visible.get_or_insert(frame);
                if t - (phase + f64::from(start) / scene.fps) >= defects.late_s {
                    seen.push((t, place, col, row));
                }
            }
            _ => left = first_visible.is_some(),
        }
        frame += 1;
        if left || f64::from(frame) > 30.0 * scene.fps || seen.len() >= defects.frames_max {
            break;
        }
    }
    let span_m = seen.first().zip(seen.last()).map_or(0.0, |(a, b)| (a.1[2] - b.1[2]).abs());
    let mut dots = Vec::new();
    let mut entered = false;
    for (index, (t, place, col, row)) in seen.into_iter().enumerate() {
        if dice.chance(defects.lost) {
            continue;
        }
        if dots.is_empty() {
            entered = first_visible != Some(0) && defects.late_s * scene.fps < 1.0 && index < 1;
        }
        dots.push(dot(scene, dice, defects, size_m, (t, place, col, row)));
    }
    spoil(scene, dice, defects, &mut dots);
    Track { dots, entered, span_m, noise_px: defects.noise_px }
}

fn dot(scene: &Scene, dice: &mut Dice, defects: Defects, size_m: f64, seen: (f64, Vec3, f64, f64)) -> Dot {
    let (t, place, col, row) = seen;
    let size = (size_m * scene.pixels_per_metre(place)).max(2.0);
    let mut noise = || {
        let tail = if defects.heavy_tails && dice.chance(0.1) { 2.5 } else { 1.0 };
        defects.noise_px * dice.gauss() * tail
    };
    let (col, row) = (col + noise(), row + noise());
    let (wide, high) = (size + noise().abs(), size + noise().abs());
    // A box ends at the edge of the picture, which moves its centre.
    let (left, right) = ((col - wide / 2.0).max(0.0), (col + wide / 2.0).min(scene.frame.0));
    let (top, bottom) = ((row - high / 2.0).max(0.0), (row + high / 2.0).min(scene.frame.1));
    let t = t + defects.jitter_s * dice.gauss();
    Dot {
        t: (t * 1000.0).round() / 1000.0,
        x: f64::midpoint(left, right),
        y: f64::midpoint(top, bottom),
        w: (right - left).max(1.0),
        h: (bottom - top).max(1.0),
    }
}

fn spoil(scene: &Scene, dice: &mut Dice, defects: Defects, dots: &mut Vec<Dot>) {
    for index in 0..dots.len() {
        if dice.chance(defects.wild) {
            dots[index].x = dice.within(0.0, scene.frame.0);
            dots[index].y = dice.within(0.0, scene.frame.1);
        }
        if dice.chance(defects.doubled) {
            let copy = dots[index];
            dots.push(copy);
        }
    }
    if defects.shuffled {
        dice.shuffle(dots);
    } else {
        dots.sort_by(|a, b| a.t.total_cmp(&b.t));
    }
}
