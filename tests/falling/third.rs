//! Owns the campaign of the third simulator: scenes of one building and one camera, falls and look-alikes before it.
//!
//! From ballistics, photogrammetry and acceptance days. Chance: the plan's seed and the scene's number alone.
#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)]
#[path = "third/flight.rs"]
mod flight;
#[path = "third/others.rs"]
mod others;
#[path = "third/site.rs"]
mod site;
#[path = "third/vendor.rs"]
mod vendor;

use crate::bodies::Throw::{self, Drop, Gentle, Hard, Upward};
use crate::campaign::{AlikeTruth, FallTruth, Outcome, Plan, Stage, Truth, finish};
use crate::{dice::Dice, film::Track};
use flight::{Body, LONGEST, STEP, Wind, fling, fly, ledge};
use site::Site;
use vendor::Vendor;

/// How often a thing that does not show is drawn again.
const DRAWS: usize = 30;
const WAYS: [Throw; 7] = [Drop, Drop, Gentle, Gentle, Hard, Hard, Upward];

pub(crate) fn play(plan: Plan, each: &mut dyn FnMut(&Stage, Outcome)) {
    let kinds = others::kinds();
    for scene in 0..plan.scenes as u64 {
        let mut dice = Dice::new(plan.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (scene.wrapping_mul(0x2545_f491) + 3));
        let (site, stage) = loop {
            let site = Site::draw(&mut dice);
            let file = site.file(&mut dice);
            if let Some(stage) = file.and_then(|file| Stage::of(&file, site.storey_m, site.fps)) {
                break (site, stage);
            }
        };
        let vendor = Vendor::draw(&site, &mut dice);
        for event in 0..plan.falls + plan.alikes {
            let (dense, throw, kind) = (dice.chance(0.5), dice.pick(&WAYS), dice.pick(&kinds));
            let fall = |dice: &mut Dice| fall(&site, &vendor, dense, throw, dice);
            let alike = |dice: &mut Dice| alike(&site, &vendor, kind, dice);
            let draw = |_| if event < plan.falls { fall(&mut dice) } else { alike(&mut dice) };
            if let Some((truth, track)) = (0..DRAWS).find_map(draw) {
                finish(&stage, truth, track, each);
            }
        }
    }
}

fn fall(site: &Site, vendor: &Vendor, dense: bool, throw: Throw, dice: &mut Dice) -> Option<(Truth, Track)> {
    let (floor, from) = ledge(site, dice);
    let (one, wind) = (Body::draw(dense, dice), Wind::draw(dice));
    let mut show = fly(&one, from, fling(throw, one.mass, dice), &wind, dice);
    if show.spots.len() < LONGEST && dice.chance(0.2) {
        // It lies where it fell until the background swallows it.
        show.spots.extend(std::iter::repeat_n(*show.spots.last()?, (dice.within(0.05, 0.3) / STEP) as usize));
    }
    let (track, clock) = vendor.track(site, &show, false, dice)?;
    let (body, release_m, terminal_ms, impact_speed_ms) = (one.name, from[2], one.terminal(), show.impact.1);
    let impact_t = clock + show.impact.0;
    let truth = FallTruth { body, dense, throw, release_m, floor, terminal_ms, impact_t, impact_speed_ms };
    Some((Truth::Fall(truth), track))
}

fn alike(site: &Site, vendor: &Vendor, name: &'static str, dice: &mut Dice) -> Option<(Truth, Track)> {
    let wind = Wind::draw(dice);
    let show = others::show(name, site, &wind, dice);
    // A ball is followed from its first frame: its fall alone would be a fall.
    let (track, _) = vendor.track(site, &show, name.starts_with("ball"), dice)?;
    let light = matches!(name, "leaf" | "rain streak" | "snow" | "drip");
    Some((Truth::Alike(AlikeTruth { name, light }), track))
}
