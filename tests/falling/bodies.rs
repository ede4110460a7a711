//! Things people let fall: mass, area, drag, gusts, tumbling, and how they leave the hand.

use crate::dice::Dice;
use crate::film::{Defects, Track, film};
use crate::scene::{Scene, Vec3};

/// How it left the hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Throw {
    Drop,
    Gentle,
    Hard,
    Upward,
}

/// What is thrown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    CigaretteEnd,
    Paper,
    FoodBag,
    Bottle,
    Can,
    Brick,
    FlowerPot,
}

pub(crate) const BODIES: [Body; 7] =
    [Body::CigaretteEnd, Body::Paper, Body::FoodBag, Body::Bottle, Body::Can, Body::Brick, Body::FlowerPot];
pub(crate) const THROWS: [Throw; 4] = [Throw::Drop, Throw::Gentle, Throw::Hard, Throw::Upward];

impl Body {
    pub(crate) fn is_dense(self) -> bool {
        matches!(self, Self::Bottle | Self::Can | Self::Brick | Self::FlowerPot)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::CigaretteEnd => "cigarette end",
            Self::Paper => "paper",
            Self::FoodBag => "food bag",
            Self::Bottle => "bottle",
            Self::Can => "can",
            Self::Brick => "brick",
            Self::FlowerPot => "flower pot",
        }
    }

    /// Mass (kg), area (m²), drag coefficient, size (m), lift share, wobble of the centre (share of size).
    fn make(self, dice: &mut Dice) -> Make {
        let (mass, area, drag, lift) = match self {
            Self::CigaretteEnd => (dice.within(3e-4, 9e-4), dice.within(1.2e-4, 3.5e-4), 1.0, 0.1),
            Self::Paper => (dice.within(2e-3, 8e-3), dice.within(0.015, 0.05), 1.1, 0.5),
            Self::FoodBag => (dice.within(0.03, 0.25), dice.within(0.012, 0.05), 1.1, 0.1),
            Self::Bottle => (dice.within(0.15, 1.1), dice.within(0.006, 0.02), dice.within(0.7, 1.1), 0.05),
            Self::Can => (dice.within(0.12, 0.37), dice.within(0.004, 0.008), dice.within(0.7, 1.1), 0.05),
            Self::Brick => (dice.within(1.2, 2.6), dice.within(0.008, 0.027), 1.2, 0.03),
            Self::FlowerPot => (dice.within(0.4, 5.0), dice.within(0.01, 0.06), 1.0, 0.03),
        };
        Make { mass, drag_area: area * drag, size: area.sqrt() * 1.2, lift }
    }
}

struct Make {
    mass: f64,
    drag_area: f64,
    size: f64,
    lift: f64,
}

/// One simulated fall with its truth.
pub(crate) struct Fall {
    pub(crate) track: Track,
    pub(crate) release_m: f64,
    pub(crate) impact_speed_ms: f64,
    /// Seconds on the clock of the track.
    pub(crate) impact_t: f64,
    /// Speed at which weight and drag balance, m/s.
    pub(crate) terminal_ms: f64,
}

const AIR: f64 = 1.2;
const GRAVITY: f64 = 9.8;
const STEP_S: f64 = 0.008;

fn velocity(throw: Throw, dice: &mut Dice) -> Vec3 {
    let (speed, up) = match throw {
        Throw::Drop => (dice.within(0.0, 0.3), dice.within(-0.3, 0.1)),
        Throw::Gentle => (dice.within(0.5, 3.0), dice.within(-1.5, 1.0)),
        Throw::Hard => (dice.within(3.0, 9.0), dice.within(-8.0, 2.0)),
        Throw::Upward => (dice.within(0.3, 4.0), dice.within(2.0, 7.0)),
    };
    // Out of a window: away from the wall, more or less sideways.
    let side = dice.within(-1.4, 1.4);
    [speed * side.sin(), -speed * side.cos(), up]
}

/// A window or the roof, not below what the camera sees.
fn window(scene: &Scene, dice: &mut Dice) -> (Vec3, f64) {
    let mut tries = 0;
    loop {
        tries += 1;
        let floor = dice.within(1.0, scene.storeys as f64 + 0.3).floor() as usize;
        let sill = dice.within(0.8, 1.6);
        let release_m = if floor >= scene.storeys { scene.roof_m() + 0.5 } else { scene.base_m[floor] + sill };
        let side = scene.eye[0] + dice.within(-0.5, 0.5) * scene.width_m.min(30.0);
        let start = [side, -dice.within(0.1, 1.2), release_m];
        let high_enough = scene.pixel(start).is_none_or(|(_, row)| row < 0.9 * scene.frame.1);
        // Far above the picture few things still pass through it.
        let near_enough = scene
            .pixel(start)
            .is_some_and(|(col, row)| row > -0.5 * scene.frame.1 && (0.05..0.95).contains(&(col / scene.frame.0)));
        if tries > 300 || high_enough && (near_enough || dice.chance(0.05)) {
            return (start, release_m);
        }
    }
}

/// A fall in that scene, filmed.
pub(crate) fn fall(scene: &Scene, dice: &mut Dice, body: Body, throw: Throw, defects: Defects) -> Fall {
    let from_hand = velocity(throw, dice);
    fall_with(scene, dice, body, from_hand, defects)
}

/// A fall that begins with the given velocity, filmed.
pub(crate) fn fall_with(scene: &Scene, dice: &mut Dice, body: Body, from_hand: Vec3, defects: Defects) -> Fall {
    let make = body.make(dice);
    let (start, release_m) = window(scene, dice);
    let path = flight(&make, start, from_hand, dice);
    let impact = *path.last().expect("a path has a start");
    let end_s = (path.len() - 1) as f64 * STEP_S;
    let wobble = dice.within(0.0, 0.12) * make.size;
    let (spin, phase) = (dice.within(3.0, 30.0), dice.within(0.0, 6.0));
    let obstacle_m = if dice.chance(0.2) { dice.within(0.0, 6.0) } else { 0.0 };
    let mut at = |t: f64| {
        let share = t / STEP_S;
        let index = share as usize;
        if t >= end_s || index + 1 >= path.len() || path[index].0[2] < obstacle_m {
            return None;
        }
        let (a, b, part) = (path[index].0, path[index + 1].0, share - index as f64);
        let mut place: Vec3 = std::array::from_fn(|axis| a[axis] + (b[axis] - a[axis]) * part);
        place[2] += wobble * (spin * t + phase).sin();
        place[0] += wobble * (spin * t + phase).cos();
        Some(place)
    };
    let track = film(scene, dice, defects, make.size, &mut at);
    let [x, y, z] = impact.1;
    Fall {
        track,
        release_m,
        impact_speed_ms: (x * x + y * y + z * z).sqrt(),
        impact_t: end_s,
        terminal_ms: (2.0 * make.mass * GRAVITY / (AIR * make.drag_area)).sqrt(),
    }
}

/// Places and velocities every [`STEP_S`] until the ground, in wind.
fn flight(make: &Make, start: Vec3, velocity: Vec3, dice: &mut Dice) -> Vec<(Vec3, Vec3)> {
    let mean = [dice.gauss() * 1.2, dice.gauss() * 0.5, 0.0];
    let (gust, slow) = (dice.within(0.0, 1.0), (-4.0 * STEP_S / 0.8).exp());
    let (spin, swing) = (dice.within(2.0, 25.0), dice.within(0.0, 0.3));
    let flutter = dice.within(1.0, 4.0);
    let mut wind = [0.0; 3];
    let (mut place, mut speed) = (start, velocity);
    let mut path = vec![(place, speed)];
    while place[2] > 0.0 && path.len() < 8_000 {
        let t = path.len() as f64 * STEP_S;
        let blow = path.len() % 4 == 0;
        for (axis, value) in wind.iter_mut().enumerate().filter(|_| blow) {
            let strength = if axis == 2 { 0.4 * gust } else { gust };
            *value = *value * slow + strength * (1.0 - slow * slow).sqrt() * dice.gauss();
        }
        let through: Vec3 = std::array::from_fn(|axis| speed[axis] - mean[axis] - wind[axis]);
        let fast = through.iter().map(|v| v * v).sum::<f64>().sqrt();
        let area = make.drag_area * (1.0 + swing * (spin * t).sin());
        let drag = 0.5 * AIR * area * fast / make.mass;
        let sway = make.lift * drag * fast * (std::f64::consts::TAU * flutter * t).sin();
        for axis in 0..3 {
            let mut push = -drag * through[axis];
            match axis {
                2 => push -= GRAVITY,
                0 => push += sway,
                _ => {}
            }
            speed[axis] += push * STEP_S;
            place[axis] += speed[axis] * STEP_S;
        }
        // A thing blown back onto the wall slides along it.
        place[1] = place[1].min(-0.03);
        path.push((place, speed));
    }
    path
}
