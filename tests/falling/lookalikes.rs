//! What is not a thing thrown from a window, as the camera sees it: mostly off the facade plane, some right at the lens.

use std::f64::consts::TAU;

use crate::campaign::AlikeTruth;
use crate::dice::Dice;
use crate::film::{Defects, Track, film};
use crate::scene::{Scene, Vec3};

/// Kinds of look-alikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alike {
    BirdGliding,
    BirdDiving,
    BirdFlapping,
    Insect,
    Leaf,
    Drone,
    BallFromGround,
    Rain,
    Snow,
    Laundry,
    Gondola,
    Shake,
    Balloon,
}

pub(crate) const ALIKES: [Alike; 13] = [
    Alike::BirdGliding,
    Alike::BirdDiving,
    Alike::BirdFlapping,
    Alike::Insect,
    Alike::Leaf,
    Alike::Drone,
    Alike::BallFromGround,
    Alike::Rain,
    Alike::Snow,
    Alike::Laundry,
    Alike::Gondola,
    Alike::Shake,
    Alike::Balloon,
];

impl Alike {
    /// What the campaign calls it.
    pub(crate) fn truth(self) -> AlikeTruth {
        let (name, light) = match self {
            Self::BirdGliding => ("bird gliding", false),
            Self::BirdDiving => ("bird diving", false),
            Self::BirdFlapping => ("bird flapping", false),
            Self::Insect => ("insect", false),
            Self::Leaf => ("leaf", true),
            Self::Drone => ("drone", false),
            Self::BallFromGround => ("ball from the ground", false),
            Self::Rain => ("rain", true),
            Self::Snow => ("snow", true),
            Self::Laundry => ("laundry", false),
            Self::Gondola => ("gondola", false),
            Self::Shake => ("shake", false),
            Self::Balloon => ("balloon", false),
        };
        AlikeTruth { name, light }
    }
}

/// A filmed look-alike.
pub(crate) fn film_alike(scene: &Scene, dice: &mut Dice, kind: Alike, defects: Defects) -> Track {
    match kind {
        Alike::BirdGliding => bird(scene, dice, defects, 0.3),
        Alike::BirdDiving => dive(scene, dice, defects),
        Alike::BirdFlapping => bird(scene, dice, defects, 3.0),
        Alike::Insect => insect(scene, dice, defects),
        Alike::Leaf => flake(scene, dice, defects, (0.6, 2.0), 0.08),
        Alike::Drone => drone(scene, dice, defects),
        Alike::BallFromGround => ball(scene, dice, defects),
        Alike::Rain => rain(scene, dice, defects),
        Alike::Snow => flake(scene, dice, defects, (0.5, 1.6), 0.01),
        Alike::Laundry => laundry(scene, dice, defects),
        Alike::Gondola => gondola(scene, dice, defects),
        Alike::Shake => shake(scene, dice, defects),
        Alike::Balloon => balloon(scene, dice, defects),
    }
}

fn share(dice: &mut Dice) -> (f64, f64) {
    (dice.within(0.05, 0.95), dice.within(0.02, 0.95))
}

/// Distance of the facade in the middle of the view, from the lens.
fn far(scene: &Scene) -> f64 {
    -scene.eye[1] * 1.3
}

fn line(start: Vec3, speed: Vec3, t: f64) -> Vec3 {
    std::array::from_fn(|axis| start[axis] + speed[axis] * t)
}

/// Steady flight with slow turns; flapping moves the body up and down.
fn bird(scene: &Scene, dice: &mut Dice, defects: Defects, push: f64) -> Track {
    let start = scene.place_in_view(share(dice), dice.within(0.3, 1.1) * far(scene));
    let speed = [dice.gauss() * 7.0, dice.gauss() * 5.0, dice.gauss() * 3.0 - 1.0];
    let turn = [dice.gauss() * push, dice.gauss() * push, dice.gauss() * push];
    let (beat, lift) = (dice.within(2.0, 9.0), if push > 1.0 { dice.within(0.02, 0.08) } else { 0.0 });
    let length = dice.within(0.3, 4.0);
    let size = dice.within(0.15, 0.6);
    film(scene, dice, defects, size, &mut |t| {
        let mut place = line(start, speed, t);
        for axis in 0..3 {
            place[axis] += 0.5 * turn[axis] * t * t;
        }
        place[2] += lift * (TAU * beat * t).sin();
        (t < length).then_some(place)
    })
}

/// A stoop or a swoop: folds its wings, falls at part of gravity, pulls out.
fn dive(scene: &Scene, dice: &mut Dice, defects: Defects) -> Track {
    let start =
        scene.place_in_view((dice.within(0.05, 0.95), dice.within(0.02, 0.6)), dice.within(0.3, 1.1) * far(scene));
    let mut speed = [dice.gauss() * 5.0, dice.gauss() * 4.0, dice.within(-6.0, 1.0)];
    let sink = dice.within(0.0, 8.0);
    let (fold, out) = (dice.within(0.3, 1.5), dice.within(3.0, 12.0));
    let (mut place, mut now) = (start, 0.0);
    film(scene, dice, defects, 0.3, &mut move |t| {
        while now < t {
            let step = 0.004;
            speed[2] += if now < fold { -sink * step } else { out * step };
            if now > fold + 1.0 {
                speed[2] = speed[2].min(2.0);
            }
            for axis in 0..3 {
                place[axis] += speed[axis] * step;
            }
            now += step;
        }
        (now < 4.0).then_some(place)
    })
}

/// Close to the lens, jerky or straight.
fn insect(scene: &Scene, dice: &mut Dice, defects: Defects) -> Track {
    let mut place = scene.place_in_view(share(dice), dice.within(0.2, 4.0));
    let mut speed = [dice.gauss(), dice.gauss(), dice.gauss()];
    let jerk = dice.within(0.0, 6.0);
    let seed = dice.below(1 << 30) as u64;
    let mut own = Dice::new(seed);
    let mut now = 0.0;
    let length = dice.within(0.2, 3.0);
    film(scene, dice, defects, 0.008, &mut move |t| {
        while now < t {
            for axis in 0..3 {
                speed[axis] = speed[axis] * 0.995 + jerk * 0.04 * own.gauss();
                place[axis] += speed[axis] * 0.01;
            }
            now += 0.01;
        }
        (now < length).then_some(place)
    })
}

/// Snow and leaves: sinking at their own speed, carried and rocked by the wind.
fn flake(scene: &Scene, dice: &mut Dice, defects: Defects, sink: (f64, f64), size: f64) -> Track {
    let start =
        scene.place_in_view((dice.within(0.05, 0.95), dice.within(-0.1, 0.7)), dice.log_within(0.05, 1.0) * far(scene));
    let speed = [dice.gauss() * 1.2, dice.gauss() * 0.5, -dice.within(sink.0, sink.1)];
    let (rock, beat, phase) = (dice.within(0.0, 1.5) * size, dice.within(0.4, 2.0), dice.within(0.0, 6.0));
    let gust = dice.gauss() * 0.4;
    film(scene, dice, defects, size, &mut |t| {
        let mut place = line(start, speed, t);
        place[0] += rock * (TAU * beat * t + phase).sin() + 0.5 * gust * t * t;
        place[2] += 0.4 * rock * (2.0 * TAU * beat * t + phase).cos();
        (t < 5.0).then_some(place)
    })
}

fn drone(scene: &Scene, dice: &mut Dice, defects: Defects) -> Track {
    let start = scene.place_in_view(share(dice), dice.within(0.3, 1.0) * far(scene));
    let from = [dice.gauss() * 3.0, dice.gauss() * 2.0, dice.gauss() * 2.0];
    let to = [dice.gauss() * 3.0, dice.gauss() * 2.0, dice.within(-5.0, 3.0)];
    let when = dice.within(0.2, 2.0);
    film(scene, dice, defects, 0.35, &mut |t| {
        let early = t.min(when);
        let mut place = line(start, from, early);
        // Changes its speed over one second, then holds it.
        let late = (t - when).max(0.0);
        let blend = late.min(1.0);
        for axis in 0..3 {
            let change = to[axis] - from[axis];
            place[axis] += from[axis] * late + change * (0.5 * blend * blend + (late - blend));
        }
        (t < 5.0).then_some(place)
    })
}

/// Thrown or kicked upward by somebody on the ground, in front of the building.
fn ball(scene: &Scene, dice: &mut Dice, defects: Defects) -> Track {
    let ahead = dice.within(0.05, 0.6) * -scene.eye[1];
    let start = [scene.eye[0] + dice.within(-5.0, 5.0), -ahead, dice.within(0.3, 2.0)];
    let speed = [dice.gauss() * 2.0, dice.gauss() * 1.5, dice.within(6.0, 18.0)];
    let drag = dice.within(0.002, 0.02);
    let (mut place, mut now, mut speed) = (start, 0.0, speed);
    film(scene, dice, defects, 0.2, &mut move |t| {
        while now < t {
            let fast = speed.iter().map(|v| v * v).sum::<f64>().sqrt();
            for axis in 0..3 {
                let weight = if axis == 2 { 9.8 } else { 0.0 };
                speed[axis] -= (drag * fast * speed[axis] + weight) * 0.004;
                place[axis] += speed[axis] * 0.004;
            }
            now += 0.004;
        }
        (place[2] > 0.0).then_some(place)
    })
}

/// A drop close to the lens: straight and steady.
fn rain(scene: &Scene, dice: &mut Dice, defects: Defects) -> Track {
    let start = scene.place_in_view((dice.within(0.0, 1.0), dice.within(-0.3, 0.3)), dice.log_within(0.5, 25.0));
    let speed = [dice.gauss() * 1.5, dice.gauss(), -dice.within(4.0, 9.0)];
    film(scene, dice, defects, 0.004, &mut |t| (t < 2.0).then(|| line(start, speed, t)))
}

/// Swings about a line on a balcony.
fn laundry(scene: &Scene, dice: &mut Dice, defects: Defects) -> Track {
    let start = scene.place_in_view((dice.within(0.2, 0.8), dice.within(0.1, 0.9)), far(scene));
    let (wide, beat, phase) = (dice.within(0.05, 0.6), dice.within(0.2, 1.2), dice.within(0.0, 6.0));
    let high = dice.within(0.0, 0.6);
    let length = dice.within(0.4, 6.0);
    film(scene, dice, defects, 0.8, &mut |t| {
        let angle = TAU * beat * t + phase;
        let place = [start[0] + wide * angle.sin(), -0.5, start[2] + high * wide * (angle * dice_two(high)).cos()];
        (t < length).then_some(place)
    })
}

/// Either the same beat up and down as across, or twice it.
fn dice_two(high: f64) -> f64 {
    if high > 0.3 { 2.0 } else { 1.0 }
}

fn gondola(scene: &Scene, dice: &mut Dice, defects: Defects) -> Track {
    let start = scene.place_in_view((dice.within(0.2, 0.8), dice.within(0.1, 0.9)), far(scene));
    let speed = [0.0, 0.0, dice.within(-0.4, 0.4)];
    let (sway, beat) = (dice.within(0.0, 0.15), dice.within(0.1, 0.4));
    film(scene, dice, defects, 2.0, &mut |t| {
        let mut place = line([start[0], -0.8, start[2]], speed, t);
        place[0] += sway * (TAU * beat * t).sin();
        (t < 6.0).then_some(place)
    })
}

/// Nothing moves but the pole: the picture jumps and swings.
fn shake(scene: &Scene, dice: &mut Dice, defects: Defects) -> Track {
    let start = scene.place_in_view((dice.within(0.2, 0.8), dice.within(0.2, 0.8)), far(scene));
    let (wide, beat, fade) = (dice.within(0.2, 6.0), dice.within(0.3, 4.0), dice.within(0.5, 3.0));
    let tilt = dice.within(0.0, TAU);
    let length = dice.within(0.3, 3.0);
    film(scene, dice, defects, 0.5, &mut |t| {
        let swing = wide * (TAU * beat * t).sin() * (-t / fade).exp();
        let place = [start[0] + swing * tilt.cos(), start[1], start[2] + swing * tilt.sin()];
        (t < length).then_some(place)
    })
}

fn balloon(scene: &Scene, dice: &mut Dice, defects: Defects) -> Track {
    let start = scene.place_in_view(share(dice), dice.within(0.3, 1.0) * far(scene));
    let speed = [dice.gauss() * 1.5, dice.gauss(), dice.within(-0.5, 2.5)];
    film(scene, dice, defects, 0.3, &mut |t| {
        let mut place = line(start, speed, t);
        place[0] += 0.2 * (TAU * 0.5 * t).sin();
        (t < 5.0).then_some(place)
    })
}
