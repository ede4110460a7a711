//! Motions of no particular thing: what a look-alike nobody thought of might do. Used beside the named look-alikes when the
//! weights are learnt, so that they do not rest on the shapes of a dozen kinds.

use std::f64::consts::TAU;

use crate::bodies::{self, BODIES, Body, Fall, Throw};
use crate::campaign::{self, AlikeTruth, FallTruth, Outcome, Plan, Stage, Truth, finish};
use crate::dice::Dice;
use crate::film::{Defects, Track, film};
use crate::scene::{Scene, Vec3};

/// Plays a campaign: look-alikes of no particular kind, and half as many things thrown anyhow.
pub(crate) fn play(plan: Plan, each: &mut dyn FnMut(&Stage, Outcome)) {
    for number in 0..plan.scenes {
        let mut dice = Dice::new(plan.seed.wrapping_mul(31_337).wrapping_add(number as u64));
        let (scene, stage) = campaign::stage(&mut dice);
        for _ in 0..plan.alikes {
            let defects = Defects::random(&mut dice, scene.fps);
            let (name, track) = film_any(&scene, &mut dice, defects);
            finish(&stage, Truth::Alike(AlikeTruth { name, light: false }), track, each);
        }
        for _ in 0..plan.falls / 2 {
            let defects = Defects::random(&mut dice, scene.fps);
            let (body, fall) = throw_any(&scene, &mut dice, defects);
            let truth = FallTruth {
                body: body.name(),
                dense: body.is_dense(),
                throw: Throw::Hard,
                release_m: fall.release_m,
                floor: scene.floor_at(fall.release_m),
                terminal_ms: fall.terminal_ms,
                impact_t: fall.impact_t,
                impact_speed_ms: fall.impact_speed_ms,
            };
            finish(&stage, Truth::Fall(truth), fall.track, each);
        }
    }
}

/// A track of one of four families.
fn film_any(scene: &Scene, dice: &mut Dice, defects: Defects) -> (&'static str, Track) {
    match dice.below(4) {
        0 => ("any in the picture", in_picture(scene, dice, defects)),
        1 => ("any in space", in_space(scene, dice, defects)),
        2 => ("any arc", arc(scene, dice, defects)),
        _ => ("any by turns", by_turns(scene, dice, defects)),
    }
}

/// A thing thrown out of a window with any speed up to 14 m/s in any direction but into the wall.
fn throw_any(scene: &Scene, dice: &mut Dice, defects: Defects) -> (Body, Fall) {
    let body = dice.pick(&BODIES);
    let (speed, side, rise) = (dice.log_within(0.1, 14.0), dice.within(-1.5, 1.5), dice.within(-1.5, 1.5));
    let level = speed * rise.cos();
    let from_hand = [level * side.sin(), -level * side.cos(), speed * rise.sin()];
    (body, bodies::fall_with(scene, dice, body, from_hand, defects))
}

fn either(dice: &mut Dice) -> f64 {
    if dice.chance(0.5) { 1.0 } else { -1.0 }
}

fn vector(dice: &mut Dice, size: f64) -> Vec3 {
    [dice.gauss() * size, dice.gauss() * size, dice.gauss() * size]
}

/// On the glass or in the lens: a path in shares of the picture's height, mostly downwards.
fn in_picture(scene: &Scene, dice: &mut Dice, defects: Defects) -> Track {
    let from = (dice.within(0.05, 0.95), dice.within(0.0, 0.8));
    let shape = scene.frame.0 / scene.frame.1;
    let down = dice.log_within(0.03, 2.0) * if dice.chance(0.85) { 1.0 } else { -1.0 };
    let gain = if dice.chance(0.6) { dice.log_within(0.01, 4.0) * either(dice) } else { 0.0 };
    let ease_s = if dice.chance(0.4) { dice.within(0.05, 2.0) } else { 0.0 };
    let (slant, wander) = (dice.gauss() * 0.2, dice.within(0.0, 0.02));
    let (beat, length) = (dice.within(0.3, 4.0), dice.within(0.2, 4.0));
    film(scene, dice, defects, 0.05, &mut |t| {
        let run = if ease_s > 0.0 { t - ease_s * (1.0 - (-t / ease_s).exp()) } else { t };
        let path = down * run + 0.5 * gain * t * t;
        let aside = slant * path + wander * (TAU * beat * t).sin();
        (t < length).then(|| scene.place_in_view((from.0 + aside / shape, from.1 + path), 1.0))
    })
}

/// Speed, push, change of push and swing of any size, at any distance.
fn in_space(scene: &Scene, dice: &mut Dice, defects: Defects) -> Track {
    let far = dice.log_within(0.02, 1.2) * -scene.eye[1];
    let start = scene.place_in_view((dice.within(0.05, 0.95), dice.within(0.0, 0.9)), far);
    let (fast, hard, turn) = (dice.log_within(0.3, 12.0), dice.log_within(0.1, 9.0), dice.log_within(0.1, 6.0));
    let (mut speed, push, change) = (vector(dice, fast), vector(dice, hard), vector(dice, turn));
    if dice.chance(0.6) {
        speed[2] = -speed[2].abs();
    }
    let swing = if dice.chance(0.3) { dice.log_within(0.01, 0.5) } else { 0.0 };
    let (beat, length) = (dice.within(0.3, 8.0), dice.within(0.2, 4.0));
    film(scene, dice, defects, 0.2, &mut |t| {
        let bob = swing * (TAU * beat * t).sin();
        let place = std::array::from_fn(|axis| {
            start[axis] + t * (speed[axis] + t * (0.5 * push[axis] + t * change[axis] / 6.0)) + bob
        });
        (t < length).then_some(place)
    })
}

/// Kicked or thrown up from the ground, anywhere before the building, with spin, drag and bounces.
fn arc(scene: &Scene, dice: &mut Dice, defects: Defects) -> Track {
    let mut place =
        [scene.eye[0] + dice.within(-8.0, 8.0), dice.within(0.02, 0.9) * scene.eye[1], dice.within(0.0, 2.0)];
    let up = dice.within(3.0, 18.0);
    let mut speed = [dice.gauss() * 3.0, dice.gauss() * 2.0, up];
    let (drag, spin, bounce) = (dice.within(0.0, 0.05), dice.gauss() * 0.15, dice.within(0.0, 0.8));
    let (mut now, mut over) = (0.0, false);
    film(scene, dice, defects, 0.2, &mut move |t| {
        while now < t {
            let fast = speed.iter().map(|v| v * v).sum::<f64>().sqrt();
            let push = [spin * speed[2], 0.0, -9.8 - spin * speed[0]];
            for axis in 0..3 {
                speed[axis] += (push[axis] - drag * fast * speed[axis]) * 0.004;
                place[axis] += speed[axis] * 0.004;
            }
            if place[2] < 0.05 && speed[2] < 0.0 {
                speed[2] *= -bounce;
                over = bounce < 0.3;
            }
            now += 0.004;
        }
        (!over && t < 5.0).then_some(place)
    })
}

/// A push for a moment, then another: wings, rotors, gusts.
fn by_turns(scene: &Scene, dice: &mut Dice, defects: Defects) -> Track {
    let far = dice.log_within(0.1, 1.2) * -scene.eye[1];
    let mut place = scene.place_in_view((dice.within(0.05, 0.95), dice.within(0.0, 0.8)), far);
    let (fast, hard) = (dice.log_within(0.3, 10.0), dice.log_within(0.5, 12.0));
    let mut speed = vector(dice, fast);
    let turns_s = dice.within(0.1, 1.5);
    let pushes: Vec<Vec3> = (0..24).map(|_| vector(dice, hard)).collect();
    let (mut now, length) = (0.0, dice.within(0.2, 4.0));
    film(scene, dice, defects, 0.2, &mut move |t| {
        while now < t {
            let push = pushes[((now / turns_s) as usize).min(pushes.len() - 1)];
            for axis in 0..3 {
                speed[axis] += (push[axis] - 0.3 * speed[axis]) * 0.004;
                place[axis] += speed[axis] * 0.004;
            }
            now += 0.004;
        }
        (t < length).then_some(place)
    })
}
