//! Look-alikes of the second simulator, each by another law than in the first.

use std::f64::consts::TAU;

use super::eye::Eye;
use crate::campaign::AlikeTruth;
use crate::dice::Dice;
use crate::film::Track;
use crate::scene::{Scene, Vec3};

type Maker = fn(&Scene, &mut Dice, &Eye) -> Track;
/// Name, whether calling it light is right too, and how it moves.
const ALIKES: [(&str, bool, Maker); 14] = [
    ("bird circling", false, circling),
    ("bird bounding", false, bounding),
    ("bird stooping", false, stooping),
    ("insect", false, insect),
    ("leaf", true, leaf),
    ("drone", false, drone),
    ("ball", false, ball),
    ("rain streak", true, streak),
    ("drop on the glass", false, sliding),
    ("snow", true, snow),
    ("laundry", false, laundry),
    ("gondola", false, gondola),
    ("shake", false, shake),
    ("balloon", false, balloon),
];

/// A filmed look-alike and its name.
pub(crate) fn film_alike(scene: &Scene, dice: &mut Dice, eye: &Eye) -> (AlikeTruth, Track) {
    let (name, light, make) = dice.pick(&ALIKES);
    (AlikeTruth { name, light }, make(scene, dice, eye))
}

fn anywhere(scene: &Scene, dice: &mut Dice, near: f64, far: f64) -> Vec3 {
    let share = (dice.within(0.05, 0.95), dice.within(0.02, 0.95));
    scene.place_in_view(share, dice.within(near, far) * -scene.eye[1])
}

/// Advances a path by small steps with an acceleration of its own.
fn march(
    mut place: Vec3,
    mut speed: Vec3,
    length_s: f64,
    mut push: impl FnMut(f64, &mut Vec3, &mut Vec3) -> Vec3,
) -> impl FnMut(f64) -> Option<Vec3> {
    let mut now = 0.0;
    move |t| {
        while now < t {
            let force = push(now, &mut place, &mut speed);
            for axis in 0..3 {
                speed[axis] += force[axis] * 0.004;
                place[axis] += speed[axis] * 0.004;
            }
            now += 0.004;
        }
        (t < length_s).then_some(place)
    }
}

fn circling(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let centre = anywhere(scene, dice, 0.4, 1.4);
    let (radius, beat, phase) = (dice.within(2.0, 15.0), dice.gauss() * 1.0, dice.within(0.0, TAU));
    let (sink, length) = (dice.within(-1.5, 1.5), dice.within(0.5, 5.0));
    eye.film(scene, dice, 0.4, &mut |t| {
        let turn = |at: f64| (beat * at + phase).sin_cos();
        let ((s0, c0), (s, c)) = (turn(0.0), turn(t));
        let place = [centre[0] + radius * (s - s0), centre[1] + 0.5 * radius * (c - c0), centre[2] - sink * t];
        (t < length).then_some(place)
    })
}

/// Small birds beat their wings, fold them and fly like a stone for a moment, and beat them again.
fn bounding(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let start = anywhere(scene, dice, 0.4, 1.3);
    let speed = [dice.gauss() * 6.0, dice.gauss() * 4.0, dice.gauss()];
    let (beat_s, rest_s) = (dice.within(0.2, 0.5), dice.within(0.1, 0.35));
    let up = 9.8 * rest_s / beat_s;
    let length = dice.within(0.3, 3.0);
    let mut path =
        march(start, speed, length, move |t, _, _| [0.0, 0.0, if t % (beat_s + rest_s) < beat_s { up } else { -9.8 }]);
    eye.film(scene, dice, 0.15, &mut path)
}

/// Down along a slope under part of its weight, then a round arc out of it.
fn stooping(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let start = anywhere(scene, dice, 0.3, 1.2);
    let heading = dice.within(0.0, TAU);
    let slope = dice.within(0.5, 1.4);
    let (mut fast, gain, dive_s) = (dice.within(3.0, 9.0), dice.within(1.0, 6.0), dice.within(0.5, 2.0));
    let arc = dice.within(1.0, 3.0);
    let (mut place, mut angle, mut now) = (start, slope, 0.0);
    eye.film(scene, dice, 0.3, &mut move |t| {
        while now < t {
            fast += if now < dive_s { gain } else { -2.0 } * 0.004;
            if now > dive_s {
                angle = (angle - arc * 0.004).max(-0.3);
            }
            place[0] += fast * angle.cos() * heading.cos() * 0.004;
            place[1] += fast * angle.cos() * heading.sin() * 0.004;
            place[2] -= fast * angle.sin() * 0.004;
            now += 0.004;
        }
        (t < dive_s + 2.0).then_some(place)
    })
}

/// Straight for a while, then another way.
fn insect(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let start = anywhere(scene, dice, 0.02, 0.15);
    let mut own = Dice::new(dice.below(1 << 30) as u64);
    let (fast, keep_s, length) = (dice.within(0.3, 3.0), dice.within(0.1, 0.8), dice.within(0.3, 3.0));
    let mut way = || {
        let (turn, rise) = (own.within(0.0, TAU), own.within(-1.0, 1.0));
        [fast * turn.cos(), 0.4 * fast * turn.sin(), fast * rise]
    };
    let (mut aim, first, mut next) = (way(), way(), keep_s);
    let mut path = march(start, first, length, move |t, _, speed| {
        if t > next {
            aim = way();
            next += keep_s;
        }
        std::array::from_fn(|axis| (aim[axis] - speed[axis]) / 0.06)
    });
    eye.film(scene, dice, 0.01, &mut path)
}

/// Swings from side to side and sinks fastest in the middle of the swing.
fn leaf(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let start = anywhere(scene, dice, 0.2, 1.0);
    let (wide, beat, phase) = (dice.within(0.1, 0.8), dice.within(2.0, 7.0), dice.within(0.0, TAU));
    let (sink, drift, rise) = (dice.within(0.4, 1.8), dice.gauss() * 1.5, dice.gauss() * 0.6);
    eye.film(scene, dice, 0.07, &mut |t| {
        let angle = beat * t + phase;
        let down = (sink - rise) * t + 0.3 * wide * ((2.0 * angle).sin() - (2.0 * phase).sin());
        (t < 6.0).then_some([start[0] + drift * t + wide * angle.sin(), start[1], start[2] - down])
    })
}

/// Hovers, then sinks steadily or ever faster up to its limit, then brakes.
fn drone(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let start = anywhere(scene, dice, 0.3, 1.2);
    let (aside, most, gain) = (dice.gauss() * 2.0, dice.within(1.0, 6.0), dice.within(0.8, 4.0));
    let (wait, ends) = (dice.within(0.0, 1.0), dice.within(1.5, 5.0));
    let mut path = march(start, [aside, 0.0, 0.0], 6.0, move |t, _, speed| {
        let aim = if t < wait || t > ends { 0.0 } else { -most };
        [0.0, 0.0, (aim - speed[2]).clamp(-gain * 0.05, gain * 0.05) / 0.05]
    });
    eye.film(scene, dice, 0.4, &mut path)
}

/// Kicked or served on the forecourt; spins, and bounces.
fn ball(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let start = [scene.eye[0] + dice.within(-8.0, 8.0), dice.within(0.03, 0.9) * scene.eye[1], dice.within(0.1, 1.8)];
    let speed = [dice.gauss() * 3.0, dice.gauss() * 1.5, dice.within(4.0, 15.0)];
    let (spin, drag, bounce) = (dice.gauss() * 0.25, dice.within(0.005, 0.05), dice.within(0.4, 0.8));
    let mut path = march(start, speed, 6.0, move |_, place, speed| {
        if place[2] < 0.1 && speed[2] < 0.0 {
            speed[2] *= -bounce;
        }
        let fast = speed.iter().map(|v| v * v).sum::<f64>().sqrt();
        let [x, y, z] = *speed;
        [spin * z - drag * fast * x, -drag * fast * y, -9.79 - spin * x - drag * fast * z]
    });
    eye.film(scene, dice, 0.22, &mut path)
}

/// Through the air near the lens, aslant in the wind.
fn streak(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let far = dice.log_within(0.4, 12.0);
    let start = scene.place_in_view((dice.within(0.0, 1.0), dice.within(-0.4, 0.1)), far);
    let (fast, slant, gust) = (dice.within(3.5, 9.5), dice.gauss() * 0.25, dice.gauss() * 0.5);
    let mut path = march(start, [slant * fast, 0.1 * slant * fast, -fast], 2.5, move |_, _, _| [gust, 0.0, 0.0]);
    eye.film(scene, dice, 0.003, &mut path)
}

/// Runs down the housing's glass: sticks, slips, grows faster.
fn sliding(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let (col, row) = (dice.within(0.1, 0.9) * scene.frame.0, dice.within(0.0, 0.6) * scene.frame.1);
    let (most, ease_s, wander) =
        (dice.log_within(0.1, 1.5) * scene.frame.1, dice.within(0.1, 1.5), dice.within(0.0, 15.0));
    let (stops, phase, length) = (dice.chance(0.4), dice.within(0.0, TAU), dice.within(0.5, 4.0));
    eye.record(scene, dice, &mut |t| {
        let run = t - ease_s * (1.0 - (-t / ease_s).exp());
        let run = if stops { run + 0.1 * ((4.0 * t).sin() - 4.0 * t * 0.2).max(0.0) } else { run };
        let at = (col + wander * ((3.0 * t + phase).sin() - phase.sin()), row + most * run);
        (t < length).then_some((at, 14.0, 0.0))
    })
}

fn snow(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let start = anywhere(scene, dice, 0.03, 1.0);
    let mut own = Dice::new(dice.below(1 << 30) as u64);
    let (sink, wind, mut eddy) = (dice.within(0.5, 2.0), dice.gauss() * 2.0, [0.0; 3]);
    let mut path = march(start, [wind, 0.0, -sink], 4.0, move |_, _, speed| {
        for value in &mut eddy {
            *value = 0.995 * *value + 0.05 * own.gauss();
        }
        [3.0 * (wind + eddy[0] - speed[0]), 3.0 * (eddy[1] - speed[1]), 3.0 * (eddy[2] - sink - speed[2])]
    });
    eye.film(scene, dice, 0.012, &mut path)
}

/// A pendulum in gusts.
fn laundry(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let hook = anywhere(scene, dice, 0.95, 1.3);
    let (cord, fade, gust) = (dice.within(0.3, 1.5), dice.within(0.2, 1.5), dice.within(0.5, 4.0));
    let mut own = Dice::new(dice.below(1 << 30) as u64);
    let (mut angle, mut spin, mut now, mut blow) = (dice.gauss() * 0.6, dice.gauss(), 0.0, 0.0);
    eye.film(scene, dice, 0.7, &mut move |t| {
        while now < t {
            blow = 0.99 * blow + 0.14 * gust * own.gauss();
            spin += (-9.79 / cord * angle.sin() - fade * spin + blow) * 0.004;
            angle += spin * 0.004;
            now += 0.004;
        }
        (t < 5.0).then_some([hook[0] + cord * angle.sin(), -0.6, hook[2] - cord * angle.cos()])
    })
}

/// Creeps, stops, sways.
fn gondola(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let start = anywhere(scene, dice, 0.95, 1.3);
    let (fast, stop, sway) = (dice.within(-0.3, 0.3), dice.within(1.0, 5.0), dice.within(0.0, 0.3));
    eye.film(scene, dice, 1.8, &mut |t| {
        let down = fast * t.min(stop);
        (t < 6.0).then_some([start[0] + sway * (0.9 * t).sin(), -0.9, start[2] - down])
    })
}

/// The pole rings after a lorry: the whole picture moves.
fn shake(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let still = (dice.within(0.1, 0.9) * scene.frame.0, dice.within(0.1, 0.9) * scene.frame.1);
    let mut own = Dice::new(dice.below(1 << 30) as u64);
    let (beat, fade, kick) = (dice.within(0.4, 6.0) * TAU, dice.within(0.3, 3.0), dice.log_within(5.0, 250.0));
    let (mut place, mut speed, mut now) = ([0.0, 0.0], [kick * beat * 0.3, kick * beat], 0.0);
    eye.record(scene, dice, &mut move |t| {
        while now < t {
            for axis in 0..2 {
                speed[axis] +=
                    (-beat * beat * place[axis] - fade * speed[axis]) * 0.002 + 0.3 * kick * own.gauss() * 0.04;
                place[axis] += speed[axis] * 0.002;
            }
            now += 0.002;
        }
        (t < 3.0).then_some(((still.0 + place[0], still.1 + place[1]), 40.0, 0.0))
    })
}

fn balloon(scene: &Scene, dice: &mut Dice, eye: &Eye) -> Track {
    let start = anywhere(scene, dice, 0.3, 1.2);
    let (rise, wind, bob) = (dice.within(-0.8, 2.0), dice.gauss() * 2.5, dice.within(0.0, 0.5));
    eye.film(scene, dice, 0.3, &mut |t| {
        let place = [start[0] + wind * t, start[1], start[2] + rise * t + bob * (1.7 * t).sin()];
        (t < 5.0).then_some(place)
    })
}
