//! What the rules cost: readings through the engine, in nanoseconds of processor time, beside a bare pass over the same readings.

use std::hint::black_box;
use std::time::Duration;

use gatehouse::model::id::PointIx;
use gatehouse::model::quality::Quality;
use gatehouse::model::reading::{Reading, Value};
use gatehouse::model::time::BootMs;
use gatehouse::profile::{Condition, Setting, Side};
use gatehouse::rules::expr::VarKind;
use gatehouse::rules::{Engine, Names, RuleDef, define};
use rustix::time::{ClockId, clock_gettime};

const POINTS: u32 = 5_000;
const ROUNDS: i64 = 400;

/// Points named `p<number>`.
struct Numbered;

impl Names for Numbered {
    fn point(&self, name: &str) -> Option<(PointIx, VarKind)> {
        let number = name.strip_prefix('p')?.parse().ok()?;
        (number < POINTS).then_some((PointIx(number), VarKind::Number))
    }

    fn param(&self, _: &str) -> Option<f64> {
        None
    }
}

/// Prints one line per kind of rule.
pub(crate) fn run() -> Result<(), String> {
    let number = Setting::Number;
    let limit = |p: u32| Condition::Limit {
        point: format!("p{p}"),
        side: Side::Above,
        limit: number(900.0),
        hysteresis: number(5.0),
    };
    let when = |p: u32| Condition::When(format!("p{p} > 900.0 && p{} < 50.0", (p + 1) % POINTS));
    let bare = time(|readings| readings.iter().map(|r| r.value.number().unwrap_or(0.0)).sum::<f64>());
    println!("a bare pass over the readings      {bare:6.1} ns a reading");
    let every = |step: usize, make: &dyn Fn(u32) -> Condition| -> Result<Vec<RuleDef>, String> {
        let key = |p: u32| format!("d.p{p}");
        let rule = |p| define(&key(p), &make(p), Duration::from_secs(5), Duration::ZERO, &Numbered);
        (0..POINTS).step_by(step).map(|p| rule(p).map_err(|e| format!("{e:?}"))).collect()
    };
    for (name, rules) in [
        ("no rules", Vec::new()),
        ("a limit on one point in ten", every(10, &limit)?),
        ("a limit on every point", every(1, &limit)?),
        ("an expression of two points, each", every(1, &when)?),
    ] {
        let mut engine = Engine::new(&rules, POINTS as usize, BootMs(0), &|_| false);
        let mut changes = Vec::new();
        let ns = time(|readings| {
            engine.step(readings, &mut changes);
            changes.drain(..).count() as f64
        });
        println!("{name:34} {ns:6.1} ns a reading ({:.1} x the bare pass)", ns / bare);
    }
    Ok(())
}

/// Nanoseconds a reading: every point changes with every round.
fn time(mut act: impl FnMut(&[Reading]) -> f64) -> f64 {
    let mut readings: Vec<Reading> = (0..POINTS)
        .map(|p| Reading {
            point: PointIx(p),
            quality: Quality::Good,
            at: BootMs(0),
            source_ms: None,
            value: Value::Number(0.0),
        })
        .collect();
    let (mut spent, mut sum) = (Duration::ZERO, 0.0);
    for round in 0..ROUNDS {
        for (p, reading) in (0i64..).zip(&mut readings) {
            reading.at = BootMs(round * 1000);
            reading.value = Value::Number(((p * 7 + round * 13) % 800) as f64);
        }
        let begun = cpu();
        sum += act(black_box(&readings));
        spent += cpu() - begun;
    }
    black_box(sum);
    spent.as_secs_f64() * 1e9 / (f64::from(POINTS) * ROUNDS as f64)
}

/// Processor time of this thread: other work on the machine does not count.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
