//! Many simulated events through the real estimator, and the figures that must come out.

use std::time::Duration;

use gatehouse::falling::site::CamerasFile;
use gatehouse::falling::{Calibration, Class, Event, TrackPoint, Verdict, judge};

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::bodies::{self, BODIES, THROWS, Throw};
use crate::dice::Dice;
use crate::film::{Defects, Track};
use crate::lookalikes::{self, ALIKES};
use crate::scene::Scene;

/// What it truly was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Truth {
    Fall(FallTruth),
    Alike(AlikeTruth),
}

/// A look-alike, and whether calling it a light thing is right too: leaves, flakes and drops do fall, lightly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct AlikeTruth {
    pub(crate) name: &'static str,
    pub(crate) light: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FallTruth {
    pub(crate) body: &'static str,
    pub(crate) dense: bool,
    pub(crate) throw: Throw,
    pub(crate) release_m: f64,
    pub(crate) floor: usize,
    pub(crate) terminal_ms: f64,
    pub(crate) impact_t: f64,
    pub(crate) impact_speed_ms: f64,
}

/// One event, with what was said about it.
pub(crate) struct Outcome {
    pub(crate) truth: Truth,
    pub(crate) track: Track,
    pub(crate) verdict: Verdict,
    pub(crate) storey_m: f64,
    pub(crate) fps: f64,
    pub(crate) noise_m: f64,
    /// Processor time of the verdict.
    pub(crate) spent: Duration,
}

/// How the campaign is drawn.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) scenes: usize,
    pub(crate) falls: usize,
    pub(crate) alikes: usize,
}

/// Plays a campaign, event by event.
pub(crate) type Play = fn(Plan, &mut dyn FnMut(&Stage, Outcome));

/// A calibrated camera.
pub(crate) struct Stage {
    pub(crate) calibration: Calibration,
    pub(crate) storey_m: f64,
    pub(crate) fps: f64,
}

impl Stage {
    /// Calibrates the only camera of a cameras file; `None` where nobody would use it: a view nearly along the facade.
    pub(crate) fn of(file: &str, storey_m: f64, fps: f64) -> Option<Self> {
        let file = CamerasFile::read(file).expect("a simulator writes a good file");
        let calibration = Calibration::fit(&file.cameras[0], &file.facades[0]).ok()?;
        Some(Self { calibration, storey_m, fps })
    }
}

/// Draws a scene with enough reference rows and calibrates it from its file.
pub(crate) fn stage(dice: &mut Dice) -> (Scene, Stage) {
    loop {
        let scene = Scene::random(dice);
        if !scene.is_usable() {
            continue;
        }
        let stage = Stage::of(&scene.file(), scene.storey_m, scene.fps).expect("a true view can be fitted");
        return (scene, stage);
    }
}

pub(crate) fn event(track: &Track) -> Event {
    let point = |dot: &crate::film::Dot| TrackPoint { t: dot.t, x: dot.x, y: dot.y, w: Some(dot.w), h: Some(dot.h) };
    Event { track: track.dots.iter().map(point).collect() }
}

/// Runs a campaign, event by event.
pub(crate) fn play(plan: Plan, each: &mut dyn FnMut(&Stage, Outcome)) {
    for number in 0..plan.scenes {
        let mut dice = Dice::new(plan.seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
        let (scene, stage) = stage(&mut dice);
        for _ in 0..plan.falls {
            let Some((truth, track)) = a_fall(&scene, &mut dice) else { continue };
            finish(&stage, truth, track, each);
        }
        for _ in 0..plan.alikes {
            let kind = dice.pick(&ALIKES);
            let defects = Defects::random(&mut dice, scene.fps);
            let track = lookalikes::film_alike(&scene, &mut dice, kind, defects);
            finish(&stage, Truth::Alike(kind.truth()), track, each);
        }
    }
}

/// `None` where the camera is turned so far aside that nothing passes through its picture.
fn a_fall(scene: &Scene, dice: &mut Dice) -> Option<(Truth, Track)> {
    let body = dice.pick(&BODIES);
    let throw = if dice.chance(0.35) { Throw::Drop } else { dice.pick(&THROWS) };
    for _ in 0..30 {
        let defects = Defects::random(dice, scene.fps);
        let fall = bodies::fall(scene, dice, body, throw, defects);
        if fall.track.dots.is_empty() {
            continue;
        }
        let truth = FallTruth {
            body: body.name(),
            dense: body.is_dense(),
            throw,
            release_m: fall.release_m,
            floor: scene.floor_at(fall.release_m),
            terminal_ms: fall.terminal_ms,
            impact_t: fall.impact_t,
            impact_speed_ms: fall.impact_speed_ms,
        };
        return Some((Truth::Fall(truth), fall.track));
    }
    None
}

/// Judges a track and hands the outcome on.
pub(crate) fn finish(stage: &Stage, truth: Truth, track: Track, each: &mut dyn FnMut(&Stage, Outcome)) {
    if track.dots.is_empty() {
        return;
    }
    let event = event(&track);
    let begun = clock_gettime(ClockId::ThreadCPUTime);
    let verdict = judge(&stage.calibration, &event);
    let spent = since(begun);
    let dot = track.dots[0];
    let noise_m = stage.calibration.place(dot.x, dot.y).map_or(1.0, |place| place.metres_per_row * track.noise_px);
    let (storey_m, fps) = (stage.storey_m, stage.fps);
    each(stage, Outcome { truth, track, verdict, storey_m, fps, noise_m, spent });
}

fn since(begun: Timespec) -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let of = |time: Timespec| Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or(0));
    of(now).saturating_sub(of(begun))
}

/// A share of cases.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Share {
    pub(crate) hits: usize,
    pub(crate) all: usize,
}

impl Share {
    pub(crate) fn add(&mut self, hit: bool) {
        self.hits += usize::from(hit);
        self.all += 1;
    }

    pub(crate) fn percent(self) -> f64 {
        100.0 * self.hits as f64 / self.all.max(1) as f64
    }
}

/// The figures of a campaign.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) soft: Share,
    pub(crate) hard: Share,
    pub(crate) recall: Share,
    pub(crate) false_dense: Share,
    pub(crate) glimpses: Share,
    pub(crate) inside_m: Share,
    pub(crate) inside_floors: Share,
    pub(crate) inside_light_m: Share,
    pub(crate) edge_said: Share,
    pub(crate) edge_false: Share,
    pub(crate) ranges_storeys: Vec<f64>,
    pub(crate) ranges_good_storeys: Vec<f64>,
    /// Per tenth of the stated probability: how often the class was right.
    pub(crate) reliability: [(Share, f64); 10],
    pub(crate) alikes: std::collections::BTreeMap<String, Share>,
    pub(crate) bodies: std::collections::BTreeMap<String, [usize; 4]>,
    /// Processor time of the verdicts, µs: printed, never judged.
    pub(crate) spent_us: Vec<f64>,
    pub(crate) cover: std::collections::BTreeMap<String, Share>,
}

impl Figures {
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        let verdict = &outcome.verdict;
        let dense = verdict.class == Class::Dense;
        self.spent_us.push(outcome.spent.as_secs_f64() * 1e6);
        match outcome.truth {
            Truth::Alike(kind) => {
                self.false_dense.add(dense);
                self.alikes.entry(kind.name.to_owned()).or_default().add(dense);
                self.rely(verdict, |class| class == Class::NotFalling || (kind.light && class == Class::Light));
            }
            Truth::Fall(fall) => self.add_fall(outcome, &fall),
        }
        if distinct(&outcome.track) < 5 {
            self.glimpses.add(verdict.class == Class::Undecidable);
        }
    }

    fn add_fall(&mut self, outcome: &Outcome, fall: &FallTruth) {
        let (verdict, track) = (&outcome.verdict, &outcome.track);
        let dense = verdict.class == Class::Dense;
        let points = distinct(track);
        if fall.dense {
            if points >= 8 && track.span_m >= 2.0 * outcome.storey_m {
                let hard = matches!(fall.throw, Throw::Hard | Throw::Upward);
                if hard { &mut self.hard } else { &mut self.soft }.add(dense);
            }
            if points >= 5 {
                self.recall.add(dense);
            }
        }
        let right = if fall.dense { Class::Dense } else { Class::Light };
        let either = (9.0..16.0).contains(&fall.terminal_ms);
        self.rely(verdict, |class| class == right || (either && matches!(class, Class::Dense | Class::Light)));
        if points >= 5 {
            self.bodies.entry(fall.body.to_owned()).or_default()[verdict.class as usize] += 1;
        }
        if matches!(verdict.class, Class::Dense | Class::Light) {
            self.add_range(outcome, fall);
        }
    }

    fn add_range(&mut self, outcome: &Outcome, fall: &FallTruth) {
        let (verdict, track) = (&outcome.verdict, &outcome.track);
        let Some(low) = verdict.release_low_m else { return };
        let high = verdict.release_high_m.unwrap_or(f64::INFINITY);
        let inside = (low..=high).contains(&fall.release_m);
        let light = !fall.dense;
        if light { &mut self.inside_light_m } else { &mut self.inside_m }.add(inside);
        let floors = (verdict.floor_low.map_or(0, usize::from), verdict.floor_high.map_or(999, usize::from));
        self.inside_floors.add((floors.0..=floors.1).contains(&fall.floor));
        for key in [format!("{:?}", fall.throw), fall.body.to_owned(), format!("open {}", verdict.at_or_above)] {
            self.cover.entry(key).or_default().add(inside);
        }
        let kind = if light { "light" } else { "dense" };
        self.cover.entry(format!("{kind} {:?} open {}", fall.throw, verdict.at_or_above)).or_default().add(inside);
        for (side, out) in [("under", fall.release_m < low), ("over", fall.release_m > high)] {
            self.cover.entry(format!("{side} {kind} {}", verdict.at_or_above)).or_default().add(out);
        }
        if track.entered {
            self.edge_said.add(verdict.at_or_above);
        } else {
            self.edge_false.add(verdict.at_or_above);
        }
        if high.is_finite() {
            self.ranges_storeys.push((high - low) / outcome.storey_m);
            if (outcome.fps - 25.0).abs() < 0.1 && (0.03..0.08).contains(&outcome.noise_m) && fall.dense {
                self.ranges_good_storeys.push((high - low) / outcome.storey_m);
            }
        }
    }

    fn rely(&mut self, verdict: &Verdict, right: impl Fn(Class) -> bool) {
        if verdict.class != Class::Undecidable {
            let tenth = ((verdict.probability * 10.0) as usize).min(9);
            self.reliability[tenth].0.add(right(verdict.class));
            self.reliability[tenth].1 += verdict.probability;
        }
    }

    pub(crate) fn print(&self) {
        let line = |name: &str, share: Share| println!("{name:38} {:6.2} % of {}", share.percent(), share.all);
        line("dense, drops and gentle, >=8 points", self.soft);
        line("dense, hard and upward, >=8 points", self.hard);
        line("dense, >=5 points", self.recall);
        line("look-alikes called dense", self.false_dense);
        line("fewer than 5 points undecidable", self.glimpses);
        line("release inside range, dense", self.inside_m);
        line("release inside range, light", self.inside_light_m);
        line("floor inside range", self.inside_floors);
        line("at or above, entered the picture", self.edge_said);
        line("at or above, otherwise", self.edge_false);
        println!("median range {:.2} storeys (all)", median(&self.ranges_storeys));
        println!(
            "median range {:.2} storeys (25 fps, 5 cm) of {}",
            median(&self.ranges_good_storeys),
            self.ranges_good_storeys.len()
        );
        let spent = |part: f64| quantile(&self.spent_us, part);
        println!(
            "an event costs {:.0} us (median), {:.0} (99 %), {:.0} (99.9 %), {:.0} (worst of {}); limit 200",
            spent(0.5),
            spent(0.99),
            spent(0.999),
            spent(1.0),
            self.spent_us.len()
        );
        for (tenth, (share, sum)) in self.reliability.iter().enumerate().filter(|(_, r)| r.0.all > 0) {
            println!(
                "p {:.1}-{:.1}: said {:.3} right {:.3} of {}",
                tenth as f64 / 10.0,
                (tenth + 1) as f64 / 10.0,
                sum / share.all as f64,
                share.percent() / 100.0,
                share.all
            );
        }
        for (kind, share) in &self.alikes {
            println!("  {kind:14} dense {:5.2} % of {}", share.percent(), share.all);
        }
        for (body, counts) in &self.bodies {
            println!("  {body:14} dense/light/not/undecidable {counts:?}");
        }
        for (key, share) in &self.cover {
            println!("  inside {key:14} {:5.1} % of {}", share.percent(), share.all);
        }
    }
}

/// Distinct points a reader can count: different in time.
pub(crate) fn distinct(track: &Track) -> usize {
    let mut times: Vec<f64> = track.dots.iter().map(|dot| dot.t).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    times.len()
}

pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() as f64 * part) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}
