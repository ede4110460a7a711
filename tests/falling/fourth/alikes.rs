//! Everything that is no fall, each kind with its own law of motion and wide ranges. Birds: wing beats go with mass to
//! the power -1/3, speed with 1/6, span with 0.4 (after Pennycuick); a swoop is a hyperbola in height, a stoop falls
//! with folded wings and pulls out with 1.5-3.5 g. Rain falls with 9.65 - 10.3 exp(-0.6 d/mm) m/s (Atlas and Ulbrich).
//! Spots of light follow the tangent of the mirror's angle.
use super::detector::{Course, Mark, Sighting, watch};
use super::flight::{BALL, Body, DRIP, Flight, LEAF};
use super::view::{Scene, Vec3, plus};
use crate::campaign::AlikeTruth;
use crate::dice::Dice;
use std::f64::consts::TAU;

/// All kinds, and those that calling a light thing is right for too.
const KINDS: &str = "gliding bird, flapping bird, swooping bird, diving bird, insect at the lens, leaf, drone, balloon, \
    ball from the ground, rain at the lens, drop on the glass, snow, laundry or curtain, gondola, camera shake, kite, \
    sun glint, shadow, air conditioner drip, window opening, spider at the lens, rope";
const FALLING: [&str; 4] = ["leaf", "rain at the lens", "snow", "air conditioner drip"];

/// Draws a kind, evenly, and whether it falls lightly.
pub(super) fn kind(dice: &mut Dice) -> AlikeTruth {
    let name = KINDS.split(", ").nth(dice.below(KINDS.split(", ").count())).unwrap_or_default();
    AlikeTruth { name, light: FALLING.contains(&name) }
}

/// Draws one of a kind and films it.
pub(super) fn sight(name: &'static str, scene: &Scene, dice: &mut Dice) -> Option<Sighting> {
    let course = match name {
        "leaf" | "ball from the ground" | "air conditioner drip" => thrown(name, scene, dice),
        "insect at the lens" | "drop on the glass" | "spider at the lens" => Some(at_lens(name, scene, dice)),
        "rain at the lens" | "snow" | "balloon" | "kite" => drifting(name, scene, dice),
        name if name.ends_with("bird") => bird(name, scene, dice),
        _ => steered(name, scene, dice),
    };
    // Drops in the sun glint, so they show below the size of a pixel.
    let least_px = if name.ends_with("drip") { 0.2 } else { 1.0 };
    let phase = dice.within(0.0, 1.0) / scene.fps;
    watch(scene, 16.0, phase, least_px, &mut *course?)
}

/// Smooth passage from 0 to 1 with no jerk at the ends.
fn ease(s: f64) -> f64 {
    let s = s.clamp(0.0, 1.0);
    s * s * s * (10.0 - 15.0 * s + 6.0 * s * s)
}

/// Some distance out of the facade, short of the camera.
fn before(scene: &Scene, dice: &mut Dice) -> Option<Vec3> {
    let z = dice.within(0.5, 0.85 * scene.lens.at[2]);
    scene.aim(z, dice)
}

fn bird(name: &'static str, scene: &Scene, dice: &mut Dice) -> Option<Box<Course<'static>>> {
    let through = before(scene, dice)?;
    let mass: f64 = dice.log_within(0.015, 2.0);
    let (span, beat) = (0.95 * mass.powf(0.4), TAU * dice.within(3.5, 5.5) * mass.powf(-0.33));
    let pace = dice.within(8.0, 16.0) * mass.powf(1.0 / 6.0) * if name == "diving bird" { 0.4 } else { 1.0 };
    let heading = 0.4 * dice.gauss() + if dice.chance(0.5) { 0.0 } else { 0.5 * TAU };
    let turn = if dice.chance(0.5) { 1e-3 } else { dice.within(-0.7, 0.7) };
    let (climb, glide) = (0.2 * dice.gauss(), dice.within(5.0, 18.0));
    let (load, sharp, middle) = (dice.within(4.0, 20.0), dice.log_within(0.2, 0.8), dice.within(1.0, 5.0));
    let (gain, lasts, pull) = (dice.within(4.0, 9.3), dice.within(0.5, 2.8), dice.within(15.0, 35.0));
    Some(Box::new(move |t| {
        let since = t - middle;
        let (late, radius) = (heading + turn * since, pace / turn);
        let (along, out) = (radius * (late.sin() - heading.sin()), radius * (heading.cos() - late.cos()));
        let stooped = (since + 0.4 * lasts).clamp(0.0, lasts);
        let after = (since - 0.6 * lasts).clamp(0.0, gain * lasts / pull);
        let rise = match name {
            "swooping bird" => load * sharp * sharp * ((since / sharp).hypot(1.0) - 1.0),
            "diving bird" => 0.5 * pull * after * after - gain * (0.5 * stooped * stooped + lasts * after),
            "flapping bird" => climb * pace * since + 9.8 / (beat * beat) * (beat * t).sin(),
            _ => -pace * since / glide,
        };
        let at = [through[0] + along, through[1] + rise, (through[2] + out).max(0.4)];
        let wing = if name == "flapping bird" { 0.15 + 0.6 * (0.5 * beat * t).cos().abs() } else { 0.22 };
        // Its speed carries it no higher after a swoop.
        let spent = name == "swooping bird" && since > 0.0 && rise > 0.05 * pace * pace;
        (at[1] > 0.1 && !spent).then_some(Mark { at, size: [0.8 * span, span * wing] })
    }))
}

/// Real flights: leaves off trees and ledges, balls from the ground, water from the facade.
fn thrown<'a>(name: &'static str, scene: &'a Scene, dice: &mut Dice) -> Option<Box<Course<'a>>> {
    let [x, y, z] = if name.ends_with("drip") { scene.aim(dice.within(0.4, 0.9), dice)? } else { before(scene, dice)? };
    let (family, at, speed) = match name {
        "leaf" => (LEAF, [x, y + dice.within(0.0, 15.0), z], [0.0; 3]),
        "ball from the ground" => {
            let (pace, rise) = (dice.within(8.0, 27.0), dice.within(0.9, 1.55));
            let (sin, cos) = dice.within(0.0, TAU).sin_cos();
            (BALL, [x, dice.within(0.1, 2.0), z], [cos * rise.cos(), rise.sin(), sin * rise.cos()].map(|v| pace * v))
        }
        _ => (DRIP, [x, y + dice.within(0.0, 10.0), z], [0.0; 3]),
    };
    let mut flight = Flight::new(Body::of(family, dice), at, speed, scene, dice);
    Some(Box::new(move |t| flight.mark_at(t)))
}

/// Insects fly straight between sudden turns, drops stick, slip and meander, spiders let out thread and rest.
fn at_lens<'a>(name: &'static str, scene: &'a Scene, dice: &mut Dice) -> Box<Course<'a>> {
    let (lens, pixel) = (&scene.lens, 0.05 / scene.lens.focal);
    let (depth, size, pace) = match name {
        "insect at the lens" => (dice.log_within(0.2, 3.0), dice.log_within(0.003, 0.03), dice.log_within(0.2, 2.0)),
        "drop on the glass" => (0.05, pixel * dice.log_within(8.0, 90.0), pixel * dice.log_within(20.0, 600.0)),
        _ => (dice.log_within(0.06, 0.6), dice.log_within(0.004, 0.02), dice.log_within(0.01, 0.08)),
    };
    let flies = name == "insect at the lens";
    let (sides, rest) = if flies { (1.0, 0.0) } else { (0.08, 0.4) };
    let down = if name == "spider at the lens" { [0.0, -1.0, 0.0] } else { lens.down };
    let mut at = plus(lens.at, depth, lens.ray(dice));
    let (mut now, mut speed, hold) = (0.0, [pace * dice.gauss() * sides, 0.0], dice.log_within(0.1, 1.5));
    let mut own = Dice::new(dice.below(usize::MAX) as u64);
    Box::new(move |t| {
        let steps = ((t - now) / 0.01).ceil();
        let dt = (t - now) / steps;
        for _ in 0..steps as usize {
            if own.chance(dt / hold) {
                let drop = own.gauss();
                speed = [sides * pace * own.gauss(), pace * if flies { drop } else { drop.abs() }]
                    .map(|v| if own.chance(rest) { 0.0 } else { v });
            }
            at = plus(plus(at, speed[0] * dt, lens.right), speed[1] * dt, down);
        }
        now = t;
        Some(Mark { at, size: [size, 1.2 * size] })
    })
}

/// Straight ways and eddies through the open air; a kite stays about where it is.
fn drifting(name: &'static str, scene: &Scene, dice: &mut Dice) -> Option<Box<Course<'static>>> {
    let free = before(scene, dice)?;
    let [wx, _, wz] = scene.wind(free);
    let near = plus(scene.lens.at, dice.log_within(0.4, 8.0), scene.lens.ray(dice));
    let (eddy, rate, middle) = (dice.within(0.0, 0.6), dice.within(0.5, 4.0), dice.within(0.3, 5.0));
    let (through, pace, eddy, size) = match name {
        "rain at the lens" => {
            let size = dice.within(0.0012, 0.0055);
            (near, [wx, 10.3 * (-600.0 * size).exp() - 9.65, wz], 0.0, size)
        }
        "snow" => (near, [wx, -dice.within(0.5, 2.2), wz], 0.3 * eddy, dice.within(0.002, 0.015)),
        "balloon" => (free, [wx, dice.within(0.4, 2.5), wz], eddy, dice.within(0.2, 0.4)),
        _ => (free, [0.1 * wx, 0.1 * dice.gauss(), 0.0], dice.log_within(0.8, 6.0), dice.within(0.5, 2.0)),
    };
    Some(Box::new(move |t| {
        let way = plus(through, t - middle, pace);
        let at = plus(way, eddy, [(rate * t).sin(), 0.5 * (2.0 * rate * t).sin(), 0.0]);
        (at[1] > 0.0).then_some(Mark { at, size: [size, size] })
    }))
}

/// Things that hang on the building or are part of it, drones, light and shade on the wall, and a shaken camera, in
/// which the wall itself moves.
fn steered<'a>(name: &'static str, scene: &'a Scene, dice: &mut Dice) -> Option<Box<Course<'a>>> {
    let from = if name == "drone" { before(scene, dice)? } else { scene.aim(dice.within(0.02, 1.2), dice)? };
    let slow = ["drone", "gondola", "rope", "laundry or curtain"].contains(&name);
    let lasts = if slow { dice.within(2.0, 15.0) } else { dice.log_within(0.5, 6.0) };
    let (length, swing, fade) = (dice.within(0.3, 1.6), dice.within(0.05, 0.7), dice.within(1.0, 10.0));
    let pace = dice.log_within(0.1, 0.4) * if dice.chance(0.5) { 1.0 } else { -1.0 };
    let (wide, high) = (dice.within(0.2, 1.2), dice.within(0.2, 1.5));
    let (jerk, pull) = (dice.within(0.2, 0.9), TAU / dice.within(0.6, 1.6));
    let (climb, aside, most) = (dice.within(-25.0, 25.0), dice.within(-15.0, 15.0), dice.log_within(1.0, 7.0));
    let (arm, sweep, rate) = (dice.log_within(5.0, 60.0), dice.within(-1.2, 1.2), TAU * dice.log_within(0.5, 9.0));
    let (sin, cos) = dice.within(0.0, TAU).sin_cos();
    let lean = [cos, sin, 0.0];
    let shaken = dice.log_within(2.0, 60.0) * scene.lens.project(from)?.2 / scene.lens.focal;
    Some(Box::new(move |t| {
        let angle = swing * (-t / fade).exp() * (t * (9.8 / length).sqrt()).sin();
        let (open_sin, open_cos) = (1.5 * ease(2.0 * t / lasts)).sin_cos();
        let flown = ease(t * most / (1.9 * f64::hypot(climb, aside)).max(1.0));
        let paid = 2.5 * pace.abs() * (t - jerk / pull * (pull * t).sin());
        let glint = arm * (sweep * (ease(t / lasts) - 0.5)).tan();
        let shake = shaken * (-3.0 * t / lasts).exp() * (rate * t).sin();
        let (shift, size) = match name {
            "drone" => ([aside * flown, climb * (flown - 0.5), 0.0], [0.5 * wide + 0.1, 0.2 * wide]),
            "gondola" => ([0.02 * (0.7 * t).sin(), pace * t, 0.0], [4.0 * wide + 1.0, 1.2]),
            "window opening" => ([0.5 * wide * (open_cos - 1.0), 0.0, 0.5 * wide * open_sin], [wide * open_cos, high]),
            "rope" => ([0.6 * angle, -paid, 0.0], [0.15 * wide, 0.4 * high]),
            "sun glint" => (plus([0.0; 3], glint, lean), [wide, high]),
            "shadow" => (plus([0.0; 3], (t - 0.5 * lasts) * 25.0 * swing, lean), [wide, wide]),
            "camera shake" => {
                (plus(plus([0.0; 3], shake * cos, scene.lens.right), shake * sin, scene.lens.down), [wide, high])
            }
            _ => ([length * angle.sin(), length * (1.0 - angle.cos()), 0.0], [wide, high]),
        };
        let at = plus(from, 1.0, shift);
        (t < lasts && at[1] > 0.0).then_some(Mark { at, size })
    }))
}
