//! Reference simulator of what facade cameras send. `view` owns building, lens and survey, `flight` bodies in the air,
//! `alikes` all that is no fall, `detector` the dots. Axes: x along the facade, to the right as the camera sees it; y
//! up from the ground; z out of the facade plane. Falls are drawn from continuous ranges of size, density and shape,
//! and of speed and angle; the kind of throw is read off the speed afterwards.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
#[path = "fourth/alikes.rs"]
mod alikes;
#[path = "fourth/detector.rs"]
pub(crate) mod detector;
#[path = "fourth/flight.rs"]
pub(crate) mod flight;
#[path = "fourth/view.rs"]
pub(crate) mod view;

use crate::bodies::Throw;
use crate::campaign::{FallTruth, Outcome, Plan, Stage, Truth, finish};
use crate::dice::Dice;
use detector::Sighting;
use flight::{Body, Flight};
use view::{Scene, Vec3};

pub(crate) fn play(plan: Plan, each: &mut dyn FnMut(&Stage, Outcome)) {
    for number in 0..plan.scenes {
        let own = (number as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03);
        let mut dice = Dice::new(plan.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ own);
        let (scene, stage) = loop {
            let Some((scene, file)) = Scene::draw(&mut dice) else { continue };
            if let Some(stage) = Stage::of(&file, scene.storey_m, scene.fps) {
                break (scene, stage);
            }
        };
        for event in 0..plan.falls + plan.alikes {
            // The kind of look-alike stays when its course is drawn again, or those that seldom show would be rare.
            let alike = (event >= plan.falls).then(|| alikes::kind(&mut dice));
            let shown = (0..30).find_map(|_| {
                let clock = dice.within(0.0, 20.0);
                let (truth, sighting) = match alike {
                    Some(truth) => (Truth::Alike(truth), alikes::sight(truth.name, &scene, &mut dice)?),
                    None => fall(&scene, clock, &mut dice)?,
                };
                Some((truth, detector::send(&sighting, &scene, clock, &mut dice)?))
            });
            if let Some((truth, track)) = shown {
                finish(&stage, truth, track, each);
            }
        }
    }
}

/// A fall from release to impact, and the part the camera saw of it.
pub(crate) fn fall(scene: &Scene, clock: f64, dice: &mut Dice) -> Option<(Truth, Sighting)> {
    let (dense, phase) = (dice.chance(0.5), dice.within(0.0, 1.0) / scene.fps);
    let body = Body::draw(dense, dice);
    let (at, floor) = release(scene, dice)?;
    let (speed, throw) = fling(body.mass_kg, dice);
    let mut flight = Flight::new(body, at, speed, scene, dice);
    let sighting = detector::watch(scene, 90.0, phase, 1.0, &mut |t| flight.mark_at(t))?;
    flight.mark_at(flight.now + 90.0);
    let (landed, impact_speed_ms) = flight.landed?;
    let (terminal_ms, release_m, impact_t) = (body.terminal_ms(), at[1], clock + landed);
    let truth = FallTruth { body: body.name, dense, throw, release_m, floor, terminal_ms, impact_t, impact_speed_ms };
    Some((Truth::Fall(truth), sighting))
}

/// Where it leaves the hand, and the floor: a window, a balcony's rail or the roof's edge.
fn release(scene: &Scene, dice: &mut Dice) -> Option<(Vec3, usize)> {
    let storeys = scene.floors.len() - 1;
    let x = (scene.aim(0.0, dice)?[0] + 2.0 * dice.gauss()).clamp(0.0, scene.width_m);
    if dice.chance(0.08) {
        return Some(([x, scene.floors[storeys] + dice.within(0.2, 1.4), dice.within(0.1, 0.7)], storeys));
    }
    let floor = 2 + dice.below(storeys - 1);
    let z = if dice.chance(0.5) { dice.within(0.1, 0.5) } else { dice.within(0.8, 1.9) };
    Some(([x, scene.floors[floor - 1] + dice.within(0.9, 1.6), z], floor))
}

/// Speed and angles of a throw: nearly a third is merely let go; an arm gives heavy things less speed.
fn fling(mass_kg: f64, dice: &mut Dice) -> (Vec3, Throw) {
    let most = 24.0 / (1.0 + mass_kg / 1.2).powf(0.6);
    let speed = if dice.chance(0.3) { dice.within(0.0, 0.5) } else { dice.log_within(0.7, most) };
    let [rise, aside] = [0.7, 0.6].map(|spread| (spread * dice.gauss()).clamp(-1.4, 1.4));
    let up = speed * rise.sin();
    let throw = match speed {
        s if s <= 0.5 => Throw::Drop,
        s if up > 1.2_f64.max(0.2 * s) => Throw::Upward,
        s if s <= 3.0 => Throw::Gentle,
        _ => Throw::Hard,
    };
    ([speed * rise.cos() * aside.sin(), up, speed * rise.cos() * aside.cos()], throw)
}
