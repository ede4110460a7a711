//! A second simulator with other assumptions; left out of the learning it says what the figures of the others are worth.
//!
//! Other than in the first: steep and level cameras, detectors with correlated, long-tailed or coarse noise that wake up
//! only after some motion, bursts of lost frames, another list of things (apples, telephones, take-away boxes), harder
//! throws, wind that grows with height, and other laws of motion for every look-alike.

#[path = "second/alikes.rs"]
mod alikes;
#[path = "second/eye.rs"]
mod eye;
#[path = "second/things.rs"]
mod things;

use crate::campaign::{Outcome, Plan, Stage, Truth, finish};
use crate::dice::Dice;
use crate::scene::Scene;
use eye::Eye;

/// Runs a campaign of the second simulator.
pub(crate) fn play(plan: Plan, each: &mut dyn FnMut(&Stage, Outcome)) {
    for number in 0..plan.scenes {
        let mut dice = Dice::new(plan.seed.wrapping_mul(7_368_787).wrapping_add(number as u64));
        let (scene, stage) = stage(&mut dice);
        for _ in 0..plan.falls {
            for _ in 0..30 {
                let eye = Eye::random(&mut dice, scene.fps);
                let (truth, track) = things::fall(&scene, &mut dice, &eye);
                if !track.dots.is_empty() {
                    finish(&stage, Truth::Fall(truth), track, each);
                    break;
                }
            }
        }
        for _ in 0..plan.alikes {
            let eye = Eye::random(&mut dice, scene.fps);
            let (kind, track) = alikes::film_alike(&scene, &mut dice, &eye);
            finish(&stage, Truth::Alike(kind), track, each);
        }
    }
}

fn stage(dice: &mut Dice) -> (Scene, Stage) {
    loop {
        let scene = Scene::unlike(dice);
        if !scene.is_usable() {
            continue;
        }
        if let Some(stage) = Stage::of(&scene.file(), scene.storey_m, scene.fps) {
            return (scene, stage);
        }
    }
}
