//! Learns which levels of belief bound nine releases in ten.

use std::collections::BTreeMap;

use gatehouse::falling::Class;
use gatehouse::falling::judge::explain_release;
use gatehouse::falling::trust::QUANTITIES;

use crate::bodies::Throw;
use crate::campaign::{Outcome, Share, Stage, Truth, event};
use crate::net::{Net, Pace};
use crate::{SCENES_CHECK, SEED, SEED_CHECK, Simulator, write};

const PACE: Pace = Pace { units: 8, epochs: 20, decay: 1e-4 };
/// Levels wanted of the three scores: below and above a closed range, below an open one.
const WANTED: [f32; 3] = [0.05, 0.95, 0.10];
/// Closer than this to the level, in its logit, the slope of the loss turns over smoothly.
const SOFT: f32 = 0.1;
/// Logits stay within ± 13.8; truths beyond every belief are outside of any range.
const EDGE: f64 = 1e-6;

struct Row {
    quantities: [f32; QUANTITIES],
    /// Belief that the release was below the truth, as a logit.
    level: f32,
    open: bool,
    told: bool,
    dense: bool,
    throw: Throw,
    weight: f32,
}

/// Throws upwards are rarer in simulators than people who throw upwards would have them, and hardest to trace back.
fn weight(throw: Throw) -> f32 {
    match throw {
        Throw::Drop | Throw::Gentle => 1.0,
        Throw::Hard => 1.25,
        Throw::Upward => 1.5,
    }
}

fn row(stage: &Stage, outcome: &Outcome) -> Option<Row> {
    let Truth::Fall(fall) = outcome.truth else { return None };
    if outcome.verdict.class == Class::NotFalling {
        return None;
    }
    let doubt = explain_release(&stage.calibration, &event(&outcome.track), fall.release_m)?;
    let level = ((doubt.below + EDGE) / (1.0 - doubt.below + EDGE)).ln() as f32;
    let quantities = doubt.quantities.map(|quantity| quantity as f32);
    // Where no class is stated, a range that is too wide or too narrow misleads nobody.
    let told = matches!(outcome.verdict.class, Class::Dense | Class::Light);
    let weight = weight(fall.throw) * if told { 1.0 } else { 0.25 };
    Some(Row { quantities, level, open: doubt.open, told, dense: fall.dense, throw: fall.throw, weight })
}

/// Slope of the pinball loss (Koenker and Bassett, 1978), rounded at its tip.
fn slope(row: &Row, scores: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|score| {
        let concerns = (score == 2) == row.open;
        let over = ((row.level - scores[score]) / SOFT).tanh();
        if concerns { -row.weight * (WANTED[score] - 0.5 + 0.5 * over) } else { 0.0 }
    })
}

/// Learns from these simulators; says how often the range holds; writes the weights if told to.
pub(crate) fn learn(known: &[Simulator], scenes: usize, write: bool) {
    let draw = |simulator: &Simulator, seed, scenes| {
        simulator.gather((seed, scenes), (30, 0), &|stage, outcome| row(stage, &outcome))
    };
    let mut rows = Vec::new();
    for simulator in known.iter().filter(|simulator| simulator.is_whole) {
        rows.extend(draw(simulator, SEED, scenes / 2));
    }
    println!("{} falls", rows.len());
    let net = Net::<QUANTITIES, 3>::learn(&rows, PACE, |row| &row.quantities, slope);
    for simulator in crate::SIMULATORS.iter().filter(|simulator| simulator.is_whole) {
        report(simulator.name, &draw(simulator, SEED_CHECK, SCENES_CHECK), &net);
    }
    if write {
        write::trust(&net);
    }
}

fn report(name: &str, rows: &[Row], net: &Net<QUANTITIES, 3>) {
    let mut shares: BTreeMap<String, Share> = BTreeMap::new();
    let mut stated = (0.0, 0.0);
    for row in rows.iter().filter(|row| row.told) {
        let [below, above, below_open] = net.scores(&row.quantities);
        let believed = row.level.abs() < 13.5;
        let inside = believed && if row.open { row.level >= below_open } else { (below..=above).contains(&row.level) };
        let kind = if row.dense { "dense" } else { "light" };
        for key in [kind.to_owned(), format!("{kind} {:?}", row.throw), format!("{kind} open {}", row.open)] {
            shares.entry(key).or_default().add(inside);
        }
        if !row.open {
            let level = |score: f32| 1.0 / (1.0 + (-score).exp());
            stated = (stated.0 + level(above) - level(below), stated.1 + 1.0);
        }
    }
    print!("{name:8} belief within {:.3}", stated.0 / stated.1);
    for (key, share) in shares {
        print!(" | {key} {:.1}", share.percent());
    }
    println!();
}
