//! Owns the look-alikes: everything that moves before a facade and was not thrown from it.
//!
//! Birds cruise at 8-15 m/s, glide at 10-18 to one, beat at 3-13 Hz, bound at 1-2 Hz when small, and keep their speed
//! when they dive (Pennycuick, "Modelling the Flying Bird"). Rain ends at 4-9 m/s (Gunn & Kinzer 1949), flakes at
//! 0.6-1.5 m/s. Gondolas climb 8-10 m a minute, lifts up to 4 m/s at less than 1.2 m/s². Masts sway at 0.8-4 Hz.
use super::flight::{Body, GRAVITY, STEP, Show, Wind, fly};
use super::site::{Point, Site, plus};
use crate::dice::Dice;
use std::f64::consts::{PI, TAU};

pub(super) fn kinds() -> Vec<&'static str> {
    let all = "bird gliding, bird flapping, bird swooping, bird diving, insect, leaf, drone, ball thrown, ball kicked, \
        rain streak, drop on glass, snow, laundry, curtain, gondola, camera shake, shadow, reflection, lift, drip";
    all.split(", ").collect()
}

pub(super) fn show(kind: &str, site: &Site, wind: &Wind, dice: &mut Dice) -> Show {
    match kind {
        "insect" | "rain streak" => near(kind, site, wind, dice),
        "leaf" | "snow" | "drip" => airborne(kind, site, wind, dice),
        "ball thrown" | "ball kicked" => ball(kind, site, wind, dice),
        "drop on glass" | "camera shake" => glass(kind, site, dice),
        kind if kind.starts_with("bird") => bird(kind, site, dice),
        _ => facade(kind, site, wind, dice),
    }
}

fn film(seconds: f64, mut spot: impl FnMut(f64) -> (Point, [f64; 2])) -> Show {
    let spots = (0..(seconds / STEP) as usize).map(|step| spot(step as f64 * STEP)).collect();
    Show { spots, glass: false, impact: (0.0, 0.0) }
}

fn bird(kind: &str, site: &Site, dice: &mut Dice) -> Show {
    let (mut here, span) = (site.between(0.25, 0.97, dice), dice.log_within(0.2, 0.9));
    let (pace, heading, veer) = (dice.within(8.0, 15.0), dice.within(0.0, TAU), 0.25 * dice.gauss());
    let (beat, bound) = (TAU * 3.2 / span.sqrt(), if span < 0.35 { dice.within(0.1, 0.4) } else { 0.0 });
    let (depth, width, steep) = (dice.within(4.0, 14.0), dice.within(0.9, 2.0), dice.within(0.5, 1.05));
    here[2] = here[2].max(if kind == "bird diving" { 1.5 + 1.2 * pace } else { 1.0 + depth });
    film(6.0, |t| {
        let (s, flap) = (t - 3.0, (beat * t).sin());
        let turn = heading + veer * s / 2.0;
        let (ahead, rise, tall) = match kind {
            "bird gliding" => (pace * s, -0.13 * steep * pace * s, 0.2),
            "bird swooping" => (pace * s, -depth / (1.0 + (s / width).powi(2)), 0.25),
            // Down a straight line at a steady speed, and out of it after a second.
            "bird diving" => {
                let level = (1.0 + (2.0 * (s - 1.0)).exp()).ln() / 2.0;
                (1.2 * pace * ((s - level) * steep.cos() + level), -1.2 * pace * (s - level) * steep.sin(), 0.3)
            }
            _ => (pace * s, 0.06 * span * flap + bound * (9.0 * s).sin(), 0.25 + 0.3 * flap.abs()),
        };
        let out = (here[1] + 0.7 * ahead * turn.sin()).hypot(1.0);
        ([here[0] + ahead * turn.cos(), out, here[2] + rise], [span * (0.6 + 0.4 * turn.cos().abs()), span * tall])
    })
}

/// What comes close to the lens.
fn near(kind: &str, site: &Site, wind: &Wind, dice: &mut Dice) -> Show {
    let [close, far] = if kind == "insect" { [0.3, 2.0] } else { [1.5, 9.0] }.map(|depth: f64| depth / site.lens[1]);
    let (here, extent) = (site.between(close, far.min(0.9), dice), dice.within(0.004, 0.012));
    let (air, pace, drift) = (wind.at(here, 0.0), dice.within(4.0, 9.0), [0, 1, 2].map(|_| 0.3 * dice.gauss()));
    let turns = [0, 1, 2].map(|_| [dice.within(2.0, 8.0), dice.within(9.0, 22.0), dice.within(0.0, TAU)]);
    film(6.0, |t| {
        if kind == "rain streak" {
            return (plus(here, t - 3.0, [air[0], air[1], -pace]), [extent / 2.5; 2]);
        }
        let reel = turns.map(|[slow, fast, late]| 0.12 * (slow * t + late).sin() + 0.03 * (fast * t - late).sin());
        (plus(plus(here, t - 2.0, drift), 1.0, reel), [extent; 2])
    })
}

/// What is adrift before it shows, and what drips from a sill.
fn airborne(kind: &str, site: &Site, wind: &Wind, dice: &mut Dice) -> Show {
    let ([small, large], weight, air, [close, far]) = match kind {
        "leaf" => ([0.05, 0.14], 0.12, [0.6, 1.2, 0.8, 0.5], [0.2, 0.98]),
        "snow" => ([0.006, 0.015], 0.06, [0.8, 1.1, 0.3, 0.2], [0.03, 0.3]),
        _ => ([0.0035, 0.006], 0.0, [0.0, 0.6, 0.0, 0.0], [0.97, 0.99]),
    };
    let (extent, start) = (dice.within(small, large), site.between(close, far, dice));
    let mut one = Body { name: "flake", mass: weight * extent.powi(2), size: [extent, 0.8 * extent], air };
    if kind == "drip" {
        // The streak of a lit drop blooms on the sensor; the area factor puts its cross-section back.
        (one.mass, one.size) = (PI / 6.0 * extent.powi(3) * 1000.0, [dice.within(0.015, 0.035); 2]);
        one.air[0] = PI / 4.0 * (extent / one.size[0]).powi(2);
        return fly(&one, start, [0.0; 3], wind, dice);
    }
    let speed = plus(wind.at(start, 0.0), -one.terminal(), [0.0, 0.0, 1.0]);
    let from = plus(start, dice.within(-3.0, 0.0), speed);
    fly(&one, [from[0], from[1].max(0.3), from[2]], speed, wind, dice)
}

fn ball(kind: &str, site: &Site, wind: &Wind, dice: &mut Dice) -> Show {
    let (across, mass, drag) = dice.pick(&[(0.22, 0.43, 0.3), (0.24, 0.6, 0.5), (0.067, 0.058, 0.55)]);
    let one = Body { name: "ball", mass, size: [across; 2], air: [PI / 4.0, drag, 0.05, 0.0] };
    let top = site.between(0.3, 0.95, dice);
    let low = if kind == "ball kicked" { 0.2 } else { dice.within(1.2, 2.2) };
    // The top of its flight lies a little above a point in view, as far as an arm or a leg reaches.
    let rise = (top[2] * dice.within(1.0, 1.3)).clamp(3.0, 18.0);
    let up = (2.0 * GRAVITY * rise).sqrt() * (1.0 + 0.008 * rise);
    let (level, time) = ([dice.within(-3.0, 3.0), dice.within(-1.5, 1.5)], up / GRAVITY);
    let start = [top[0] - level[0] * time, (top[1] - level[1] * time).max(1.5), low];
    fly(&one, start, [level[0], level[1], up], wind, dice)
}

/// What moves on or with the lens: pixels, and boxes in pixels.
fn glass(kind: &str, site: &Site, dice: &mut Dice) -> Show {
    let ([x, y], unit) = (site.pixel(dice), site.picture[1] / 100.0);
    let extent = [0, 1].map(|_| unit * dice.log_within(0.6, 4.0));
    let (pace, turns, slant) = (dice.log_within(0.5, 12.0), TAU * dice.within(0.8, 4.0), dice.within(0.0, 1.0));
    let (swing, dying) = (dice.log_within(0.2, 3.0), dice.within(0.1, 1.5));
    let (mut run, mut running, shaken) = (0.0, false, kind == "camera shake");
    let mut show = film(8.0, |t| {
        // A drop sits, runs, meets another one, sits again.
        running ^= dice.chance(1.5 * STEP);
        run += STEP * pace * if running { 1.0 + 0.4 * (3.0 * t).sin() } else { 0.04 };
        let sway = swing * (-dying * t).exp() * (turns * t).sin();
        let moved = if shaken { [slant * sway, (1.0 - 0.5 * slant) * sway] } else { [0.1 * slant * run, run] };
        ([x + unit * moved[0], 0.0, y + unit * moved[1]], extent)
    });
    show.glass = true;
    show
}

/// What hangs on, climbs or crosses the facade, and what hovers there.
fn facade(kind: &str, site: &Site, wind: &Wind, dice: &mut Dice) -> Show {
    let near = if kind == "drone" { 0.2 } else { 1.0 };
    let (here, begin, swept) = (site.between(near, 1.0, dice), dice.within(0.0, 3.0), dice.within(0.4, 1.8));
    let (slope, extent) = (dice.within(0.0, TAU), dice.within(0.3, 1.6));
    let (pace, far, swing) = (dice.log_within(1.0, 12.0), dice.within(8.0, 40.0), dice.within(0.02, 0.12));
    let way = if slope < 3.0 { 1.0 } else { -1.0 };
    let room = if way > 0.0 { site.roof_m - here[2] } else { here[2] - 1.0 };
    let travel = dice.within(3.0, 30.0).min(room.max(1.0));
    let (travel, lift) = if kind == "gondola" { (1.0, 0.15) } else { (travel, pace.min((travel / 2.3).sqrt())) };
    let eased = |t: f64| 0.5 - 0.5 * (PI * ((t - begin) * lift / (1.6 * travel)).clamp(0.0, 1.0)).cos();
    film(9.0, |t| match kind {
        "laundry" | "curtain" => {
            let gust = swing * (wind.at(here, t)[0].abs() + 1.0);
            let (sin, cos) = (gust * (1.0 + 2.0 * ((GRAVITY / extent).sqrt() * t + slope).sin())).sin_cos();
            let belly = if kind == "curtain" { 0.8 } else { 0.35 };
            (plus(here, extent, [sin, 0.1 + belly * sin.abs(), -cos]), [swept * (0.6 + 0.4 * cos), extent * cos.abs()])
        }
        "gondola" | "lift" => {
            (plus(here, 1.0, [0.0, 0.6, way * travel * eased(t)]), [if lift < 1.0 { 4.0 } else { 1.8 }, 1.8])
        }
        "drone" => {
            let gone = [slope.cos(), 0.3, 0.6 * slope.sin()].map(|side| way * travel * side * eased(t));
            let at = plus(here, 1.0, gone);
            ([at[0], at[1].hypot(0.5), at[2].hypot(0.3)], [0.38, 0.14])
        }
        // The sun in a swinging pane.
        "reflection" => {
            let reach = far * (0.5 * (t / swept + slope).sin()).tan();
            (plus(here, reach, [slope.cos(), 0.0, 0.3]), [extent; 2])
        }
        // A bird's or an aeroplane's shadow keeps its speed.
        _ => {
            let at = plus(here, pace * (t - 4.0), [slope.cos(), 0.0, slope.sin()]);
            let shown = if (0.0..site.roof_m).contains(&at[2]) { extent } else { 0.0 };
            (at, [shown, 0.6 * shown])
        }
    })
}
