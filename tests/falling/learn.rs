//! Learns the weights below `src/falling` from simulated tracks, and says what they are worth.
//!
//! ```text
//! cargo run --release --example falling-weights -- class            # about five minutes on two cores
//! cargo run --release --example falling-weights -- release          # after it: the ranges rest on the classes
//! cargo run --release --example falling-weights -- class --without third   # what a simulator left out thinks of the rest
//! ```
//!
//! `class` (with `thresholds` alone: of the weights in use) writes `src/falling/class/weights.rs`, `release` writes `src/falling/trust/weights.rs`; with `--without` nothing is
//! written. `--scenes 1000` is quicker and worse. All chance is seeded, so the same sources give the same weights. The seeds of learning are not those of the
//! tests.

#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, dead_code)]

mod bodies;
mod campaign;
mod dice;
mod film;
mod fourth;
#[path = "learn/kinds.rs"]
mod kinds;
mod lookalikes;
#[path = "learn/net.rs"]
mod net;
#[path = "learn/ranges.rs"]
mod ranges;
mod scene;
mod second;
mod third;
mod wide;
#[path = "learn/write.rs"]
mod write;

use campaign::{Outcome, Plan, Play, Stage};

/// Scenes drawn of every simulator, and of each for choosing thresholds and for the figures.
const SCENES: usize = 5000;
const SCENES_CHECK: usize = 1200;
/// Seeds: learning, thresholds, figures. The tests use 20261.
const SEED: u64 = 1000;
const SEED_CHOICE: u64 = 31_337;
const SEED_CHECK: u64 = 99;

/// One source of tracks.
#[derive(Clone, Copy)]
pub(crate) struct Simulator {
    pub(crate) name: &'static str,
    play: Play,
    /// It has things and throws of its own, so that figures mean something.
    pub(crate) is_whole: bool,
}

const SIMULATORS: [Simulator; 5] = [
    Simulator { name: "first", play: campaign::play, is_whole: true },
    Simulator { name: "second", play: second::play, is_whole: true },
    Simulator { name: "third", play: third::play, is_whole: true },
    Simulator { name: "fourth", play: fourth::play, is_whole: true },
    Simulator { name: "wide", play: wide::play, is_whole: false },
];

impl Simulator {
    /// Plays so many scenes on both cores and gathers what `each` makes of every event.
    pub(crate) fn gather<T: Send>(
        self,
        (seed, scenes): (u64, usize),
        (falls, alikes): (usize, usize),
        each: &(dyn Fn(&Stage, Outcome) -> Option<T> + Sync),
    ) -> Vec<T> {
        let half = |part: u64| {
            let plan = Plan { seed: seed + 1_000_000 * part, scenes: scenes / 2, falls, alikes };
            let mut found = Vec::new();
            (self.play)(plan, &mut |stage, outcome| found.extend(each(stage, outcome)));
            found
        };
        std::thread::scope(|scope| {
            let other = scope.spawn(|| half(1));
            let mut all = half(0);
            all.extend(other.join().expect("a simulator does not panic"));
            all
        })
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option =
        |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).map(String::as_str);
    let without = option("--without");
    let scenes = option("--scenes").map_or(SCENES, |number| number.parse().expect("a number of scenes"));
    let known: Vec<Simulator> = SIMULATORS.into_iter().filter(|simulator| Some(simulator.name) != without).collect();
    let names = SIMULATORS.map(|simulator| simulator.name);
    assert!(without.is_none_or(|name| names.contains(&name)), "--without takes one of {names:?}");
    match args.first().map(String::as_str) {
        Some("class") => kinds::learn(&known, scenes, without.is_none()),
        Some("thresholds") => kinds::rechoose(&known),
        Some("release") => ranges::learn(&known, scenes, without.is_none()),
        _ => panic!("class, thresholds or release"),
    }
}
