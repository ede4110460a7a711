//! Things of the second simulator: by diameter, mass and drag; wind that grows with height; throws by speed and angle.

use super::eye::Eye;
use crate::bodies::Throw;
use crate::campaign::FallTruth;
use crate::dice::Dice;
use crate::film::Track;
use crate::scene::{Scene, Vec3};

/// Name, mass (g), breadth (cm), length (cm), drag coefficient; each from-to.
type Thing = (&'static str, (f64, f64), (f64, f64), (f64, f64), f64);

const DENSE: [Thing; 8] = [
    ("apple", (120.0, 260.0), (6.5, 8.5), (6.5, 8.5), 0.5),
    ("telephone", (140.0, 230.0), (3.0, 7.5), (14.0, 16.0), 1.0),
    ("glass bottle", (250.0, 900.0), (6.0, 9.0), (18.0, 28.0), 0.8),
    ("full tin", (330.0, 420.0), (6.0, 7.0), (11.0, 13.0), 0.8),
    ("stone", (60.0, 900.0), (3.5, 8.0), (4.0, 8.0), 0.7),
    ("plant in a pot", (900.0, 6000.0), (12.0, 28.0), (12.0, 30.0), 0.9),
    ("battery", (20.0, 140.0), (1.3, 3.2), (4.5, 6.0), 1.0),
    ("roof tile", (1500.0, 3500.0), (8.0, 20.0), (25.0, 35.0), 1.1),
];
const LIGHT: [Thing; 6] = [
    ("cigarette end", (0.2, 0.8), (0.7, 0.8), (2.0, 3.5), 1.0),
    ("tissue", (1.5, 4.0), (8.0, 20.0), (10.0, 20.0), 1.2),
    ("take-away box", (8.0, 30.0), (8.0, 14.0), (14.0, 20.0), 1.0),
    ("paper cup", (4.0, 10.0), (6.0, 8.0), (8.0, 11.0), 0.9),
    ("plastic bag", (4.0, 12.0), (12.0, 30.0), (15.0, 30.0), 1.2),
    ("bag of scraps", (60.0, 200.0), (15.0, 22.0), (18.0, 25.0), 1.1),
];

const STEP_S: f64 = 0.005;

fn velocity(throw: Throw, dice: &mut Dice) -> Vec3 {
    let (speed, rise): (f64, f64) = match throw {
        Throw::Drop => (dice.within(0.0, 0.4), dice.within(-1.5, 0.3)),
        Throw::Gentle => (dice.within(0.5, 2.5), dice.within(-0.6, 0.5)),
        Throw::Hard => (dice.within(5.0, 12.0), dice.within(-1.0, 0.3)),
        Throw::Upward => (dice.within(3.0, 9.0), dice.within(0.7, 1.5)),
    };
    let aside = dice.within(-1.3, 1.3);
    let level = speed * rise.cos();
    [level * aside.sin(), -level * aside.cos(), speed * rise.sin()]
}

fn window(scene: &Scene, dice: &mut Dice) -> Vec3 {
    let mut place = [0.0; 3];
    for _ in 0..200 {
        let floor = if scene.storeys > 1 { 1 + dice.below(scene.storeys - 1) } else { 0 };
        let side = scene.eye[0] + dice.within(-0.5, 0.5) * scene.width_m;
        place = [side, -dice.within(0.05, 1.8), scene.base_m[floor] + dice.within(0.9, 1.5)];
        let seen = scene.pixel(place).is_some_and(|(col, row)| {
            (0.05..0.95).contains(&(col / scene.frame.0)) && (-0.3..0.85).contains(&(row / scene.frame.1))
        });
        if seen {
            break;
        }
    }
    place
}

/// A fall in that scene, filmed.
pub(crate) fn fall(scene: &Scene, dice: &mut Dice, eye: &Eye) -> (FallTruth, Track) {
    let dense = dice.chance(0.57);
    let thing = if dense { dice.pick(&DENSE) } else { dice.pick(&LIGHT) };
    let (name, mass, breadth, length, drag) = thing;
    let mass_kg = dice.log_within(mass.0, mass.1) / 1e3;
    let (breadth_m, length_m) = (dice.within(breadth.0, breadth.1) / 100.0, dice.within(length.0, length.1) / 100.0);
    let throw = dice.pick(&[Throw::Drop, Throw::Drop, Throw::Gentle, Throw::Gentle, Throw::Hard, Throw::Upward]);
    let start = window(scene, dice);
    // Tumbling end over end: the area swings between its two faces.
    let faces = (0.785 * breadth_m * breadth_m, 0.9 * breadth_m * length_m);
    let (turn, wave) = (dice.within(1.0, 15.0), dice.within(0.0, 6.0));
    let factor = |t: f64| 0.6 * drag * (faces.0 + (faces.1 - faces.0) * (turn * t + wave).sin().powi(2)) / mass_kg;
    let wind = (dice.gauss() * 2.0, dice.gauss() * 0.8, dice.within(0.0, 1.2));
    let path = flight(start, velocity(throw, dice), &factor, wind, if dense { 0.0 } else { 0.15 }, dice);
    let (end_s, hidden_m) =
        ((path.len() - 1) as f64 * STEP_S, if dice.chance(0.3) { dice.within(0.0, 4.0) } else { 0.0 });
    let last = path[path.len() - 1].1;
    let track = eye.film(scene, dice, breadth_m.max(length_m), &mut |t| {
        let index = (t / STEP_S) as usize;
        let place = path.get(index)?.0;
        (place[2] > hidden_m).then_some(place)
    });
    let mean = 0.6 * drag * f64::midpoint(faces.0, faces.1) / mass_kg;
    let truth = FallTruth {
        body: name,
        dense,
        throw,
        release_m: start[2],
        floor: scene.floor_at(start[2]),
        terminal_ms: (9.79 / mean).sqrt(),
        impact_t: end_s,
        impact_speed_ms: last.iter().map(|v| v * v).sum::<f64>().sqrt(),
    };
    (truth, track)
}

/// Places and velocities every [`STEP_S`]; wind (along, out, gusts) by the one-seventh law of height.
fn flight(
    start: Vec3,
    speed: Vec3,
    factor: &dyn Fn(f64) -> f64,
    (along, out, gusts): (f64, f64, f64),
    sail: f64,
    dice: &mut Dice,
) -> Vec<(Vec3, Vec3)> {
    let waves: [(f64, f64, f64); 3] =
        std::array::from_fn(|_| (dice.within(0.3, 4.0), dice.within(0.0, 6.0), gusts * dice.gauss() * 0.6));
    let (mut place, mut speed, mut t) = (start, speed, 0.0);
    let mut path = vec![(place, speed)];
    while place[2] > 0.0 && path.len() < 12_000 {
        let share = (place[2] / 10.0).max(0.01).powf(1.0 / 7.0);
        let gust: f64 = waves.iter().map(|(beat, phase, size)| size * (beat * t + phase).sin()).sum();
        let air = [share * (along + gust), share * (0.5 * out + 0.3 * gust), 0.3 * gust];
        let past: Vec3 = std::array::from_fn(|axis| speed[axis] - air[axis]);
        let fast = past.iter().map(|v| v * v).sum::<f64>().sqrt();
        let hold = factor(t) * fast;
        let lift = sail * hold * fast * (5.0 * t + waves[0].1).sin();
        for axis in 0..3 {
            let weight = if axis == 2 { -9.79 } else { 0.0 };
            let own = if axis == 1 { 0.0 } else { lift };
            // Implicit in the drag: stable for tissue too.
            speed[axis] = (speed[axis] + STEP_S * (weight + own + hold * air[axis])) / (1.0 + STEP_S * hold);
            place[axis] += speed[axis] * STEP_S;
        }
        place[1] = place[1].min(-0.02);
        t += STEP_S;
        path.push((place, speed));
    }
    path
}
