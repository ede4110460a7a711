//! Owns what flies by weight and air alone: things, wind, throws and the integrator.
//!
//! Quadratic drag (Hoerner, "Fluid-Dynamic Drag") and lift that swing as it turns over (leaves and plates flutter
//! at a few hertz, Tanabe & Kaneko 1994). Wind: power law with height (exponent 0.22), four waves of turbulence, along
//! the wall close to it, up- and downwash. Steps of 5 ms, drag implicit: stable, and the terminal speed is exact.
use super::site::{Point, Site, dot, plus};
use crate::{bodies::Throw, dice::Dice};
use std::f64::consts::TAU;

pub(super) const STEP: f64 = 0.005;
pub(super) const GRAVITY: f64 = 9.81;
pub(super) const LONGEST: usize = 2400;

#[derive(Clone, Copy)]
pub(super) struct Body {
    pub(super) name: &'static str,
    pub(super) mass: f64,
    /// Length and breadth as seen.
    pub(super) size: [f64; 2],
    /// Mean area over length times breadth, coefficients of drag and lift, share by which the area swings.
    pub(super) air: [f64; 4],
}

const fn body(name: &'static str, mass: f64, size: [f64; 2], air: [f64; 4]) -> Body {
    Body { name, mass, size, air }
}

const DENSE: [Body; 10] = [
    body("brick", 2.3, [0.24, 0.115], [0.65, 1.1, 0.2, 0.35]),
    body("glass bottle", 0.42, [0.25, 0.065], [0.7, 0.85, 0.15, 0.4]),
    body("full can", 0.36, [0.12, 0.066], [0.8, 0.9, 0.1, 0.25]),
    body("flower pot", 3.5, [0.24, 0.2], [0.75, 0.9, 0.1, 0.15]),
    body("stone", 0.25, [0.07, 0.055], [0.8, 0.7, 0.1, 0.15]),
    body("apple", 0.18, [0.075, 0.075], [0.785, 0.48, 0.05, 0.0]),
    body("battery", 0.024, [0.05, 0.0145], [0.8, 0.95, 0.1, 0.35]),
    body("shoe", 0.42, [0.28, 0.1], [0.65, 1.0, 0.2, 0.3]),
    body("rubbish bag", 2.2, [0.36, 0.3], [0.75, 0.9, 0.1, 0.1]),
    body("knife", 0.11, [0.3, 0.03], [0.5, 1.0, 0.15, 0.5]),
];
const LIGHT: [Body; 8] = [
    // Its glow blooms on the sensor, so it looks larger than 28 by 8 mm: the area factor puts that right.
    body("cigarette end", 0.0008, [0.05, 0.04], [0.09, 1.1, 0.2, 0.3]),
    body("paper sheet", 0.005, [0.297, 0.21], [0.6, 1.2, 0.8, 0.55]),
    body("tissue ball", 0.004, [0.06, 0.055], [0.8, 0.7, 0.1, 0.1]),
    body("plastic bag", 0.007, [0.35, 0.25], [0.7, 1.2, 0.4, 0.3]),
    body("empty PET bottle", 0.024, [0.22, 0.065], [0.7, 0.9, 0.15, 0.35]),
    body("cigarette box", 0.008, [0.088, 0.055], [0.6, 1.1, 0.25, 0.35]),
    body("shirt", 0.16, [0.6, 0.4], [0.6, 1.2, 0.3, 0.3]),
    body("soft toy", 0.15, [0.25, 0.15], [0.75, 0.8, 0.1, 0.15]),
];

impl Body {
    /// One of its kind: weights and sizes vary, and its class by the speed at which it ends.
    pub(super) fn draw(dense: bool, dice: &mut Dice) -> Self {
        loop {
            let (mut one, grown) = (if dense { dice.pick(&DENSE) } else { dice.pick(&LIGHT) }, dice.within(0.88, 1.14));
            one.mass *= grown.powi(2) * dice.within(0.8, 1.25);
            one.size = one.size.map(|side| side * grown);
            if if dense { one.terminal() > 13.5 } else { one.terminal() < 15.5 } {
                return one;
            }
        }
    }

    pub(super) fn terminal(&self) -> f64 {
        let area = self.size[0] * self.size[1] * self.air[0];
        (2.0 * self.mass * GRAVITY / (1.2 * self.air[1] * area)).sqrt()
    }
}

/// The wind of one event.
pub(super) struct Wind {
    pub(super) mean: [f64; 2],
    pub(super) wash: f64,
    pub(super) waves: [[f64; 4]; 4],
}

impl Wind {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let (speed, from, swing) = (dice.log_within(0.3, 7.0), dice.within(0.0, TAU), dice.within(0.14, 0.28));
        let waves = [0.09, 0.25, 0.7, 1.8].map(|hertz| {
            let turns = TAU * hertz * dice.within(0.7, 1.4);
            [swing, turns, dice.within(0.0, TAU), dice.within(0.0, TAU)]
        });
        Self { mean: [speed * from.cos(), speed * from.sin()], wash: 0.2 * dice.gauss(), waves }
    }

    pub(super) fn at(&self, point: Point, t: f64) -> Point {
        let shear = (point[2].max(1.0) / 10.0).powf(0.22);
        let (mut along, mut across) = (1.0, 0.0);
        for [swing, turns, one, two] in self.waves {
            along += swing * (turns * t + one).sin();
            across += 0.7 * swing * (turns * t + two).sin();
        }
        let ([x, y], open) = (self.mean.map(|side| side * shear), 1.0 - 4.0 / (point[1].max(0.0) + 4.0));
        let up = x.hypot(y) * (self.wash * (1.0 - open) * along + 0.4 * across);
        [x * along - y * across, open * (y * along + x * across), up]
    }
}

/// What a camera could see: points 5 ms apart with breadth and height of the thing in metres, or, on the glass of the
/// lens, with pixels in place of x and z.
pub(super) struct Show {
    pub(super) spots: Vec<(Point, [f64; 2])>,
    pub(super) glass: bool,
    /// Seconds and speed at the ground.
    pub(super) impact: (f64, f64),
}

/// Follows a thing from its release to the ground, or for twelve seconds.
pub(super) fn fly(one: &Body, start: Point, speed: Point, wind: &Wind, dice: &mut Dice) -> Show {
    let drag = GRAVITY / one.terminal().powi(2);
    let spin = if one.air[2] > 0.35 { dice.within(6.0, 18.0) } else { dice.log_within(1.0, 30.0) };
    let (mut turned, mut heading, bias) = (dice.within(0.0, TAU), dice.within(0.0, TAU), dice.within(-0.4, 0.4));
    let (veer, mut at, mut velocity, mut air) = (0.6 * dice.gauss(), start, speed, [0.0; 3]);
    let mut spots = Vec::with_capacity(700);
    for step in 0..LONGEST {
        let show = [turned.cos(), turned.sin()].map(|part: f64| one.size[1] + (one.size[0] - one.size[1]) * part.abs());
        spots.push((at, show));
        if step % 4 == 0 {
            air = wind.at(at, step as f64 * STEP);
        }
        let through = plus(velocity, -1.0, air);
        let slowed = STEP * drag * dot(through, through).sqrt();
        let brake = slowed * (1.0 + one.air[3] * (2.0 * turned).cos());
        let push = slowed * one.air[2] / one.air[1] * ((2.0 * turned).sin() + bias);
        let (sine, cosine) = heading.sin_cos();
        let lift = [-through[2] * sine, through[2] * cosine, through[0] * sine - through[1] * cosine];
        let free = plus(plus(plus(velocity, push, lift), brake, air), -STEP * GRAVITY, [0.0, 0.0, 1.0]);
        let mut next = free.map(|side| side / (1.0 + brake));
        let moved = plus(plus(at, STEP / 2.0, velocity), STEP / 2.0, next);
        if moved[2] <= 0.0 {
            let seconds = (step as f64 + at[2] / (at[2] - moved[2]).max(1e-9)) * STEP;
            return Show { spots, glass: false, impact: (seconds, dot(next, next).sqrt()) };
        }
        at = moved;
        if at[1] < 0.03 && next[1] < 0.0 && start[1] > 0.0 {
            (at[1], next[1]) = (0.03, -0.3 * next[1]);
        }
        (velocity, turned, heading) = (next, turned + spin * STEP, heading + veer * STEP);
    }
    let impact = (LONGEST as f64 * STEP + at[2] / one.terminal(), one.terminal());
    Show { spots, glass: false, impact }
}

/// A velocity for each way of letting go; heavy things are not flung far, and the air stops the light ones.
pub(super) fn fling(throw: Throw, mass: f64, dice: &mut Dice) -> Point {
    let far = 4.0 + 9.0 / (1.0 + mass);
    let (pace, rise) = match throw {
        Throw::Drop => (dice.within(0.0, 0.5), dice.within(-1.0, 0.3)),
        Throw::Gentle => (dice.within(0.6, 3.0), dice.within(-1.0, 0.25)),
        Throw::Hard => (dice.log_within(3.3, far), dice.within(-1.2, 0.02)),
        Throw::Upward => (dice.log_within(3.0, far), dice.within(0.45, 1.25)),
    };
    let side = (0.6 * dice.gauss()).clamp(-1.2, 1.2);
    [pace * rise.cos() * side.sin(), pace * rise.cos() * side.cos(), pace * rise.sin()]
}

/// A place to throw from, window, balcony or roof: the floor, and the point.
pub(super) fn ledge(site: &Site, dice: &mut Dice) -> (usize, Point) {
    let (top, any) = (site.floors.len(), 2 + dice.below(site.floors.len() - 1));
    let (balcony, window) = ((any, 1.2, 2.0), (any, 0.1, 0.5));
    let (floor, near, far) =
        dice.pick(&[(top + 1, 0.1, 0.4), balcony, balcony, balcony, window, window, window, window]);
    let z = site.floors.get(floor - 1).unwrap_or(&site.roof_m) + dice.within(0.9, 1.6);
    (floor.min(top), [site.across(site.picture[0] * dice.within(0.05, 0.95), z), dice.within(near, far), z])
}
