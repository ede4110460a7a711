//! What the verdict on an event costs, beside the plainest thing anybody would do with the same points: one parabola by
//! least squares. Processor time of this thread, the best of some rounds for each event; whether the limit is kept is
//! printed, never asserted.

use std::hint::black_box;
use std::time::Duration;

use gatehouse::falling::site::CamerasFile;
use gatehouse::falling::{Calibration, Event, TrackPoint, judge};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// What an event may cost, µs.
const LIMIT_US: f64 = 200.0;
const EVENTS: usize = 400;
const ROUNDS: usize = 7;

/// Prints a line for each length of track and one for all.
pub(crate) fn run() -> Result<(), String> {
    let calibration = camera()?;
    println!(
        "{:>12} {:>9} {:>9} {:>9} {:>12} {:>8}",
        "points", "mean us", "p99 us", "worst us", "parabola us", "ratio"
    );
    let (mut all, mut beside) = (Vec::new(), 0.0);
    for length in [6, 10, 25, 48, 120, 400] {
        let mut chance = Chance(0x9E37_79B9_7F4A_7C15 ^ length as u64);
        let events: Vec<Event> = (0..EVENTS).map(|number| chance.event(number, length)).collect();
        let mut spent: Vec<f64> = events.iter().map(|event| best_us(|| judge(&calibration, event))).collect();
        let plain = events.iter().map(|event| best_us(|| parabola(event))).sum::<f64>() / EVENTS as f64;
        all.extend_from_slice(&spent);
        beside += plain;
        line(&length.to_string(), &mut spent, plain);
    }
    line("all", &mut all, beside / 6.0);
    let kept = if all.last().is_some_and(|worst| *worst <= LIMIT_US) { "kept" } else { "EXCEEDED" };
    println!("limit {LIMIT_US:.0} us an event: {kept}");
    Ok(())
}

fn line(name: &str, spent: &mut [f64], plain: f64) {
    spent.sort_by(f64::total_cmp);
    let mean = spent.iter().sum::<f64>() / spent.len() as f64;
    let (p99, worst) = (spent[spent.len() * 99 / 100], spent[spent.len() - 1]);
    println!("{name:>12} {mean:9.1} {p99:9.1} {worst:9.1} {plain:12.2} {:8.0}", mean / plain);
}

/// A camera 60 m before a house of 12 storeys.
fn camera() -> Result<Calibration, String> {
    let row = |height: f64| 900.0 - 25.0 * (height - 3.0);
    let references: Vec<Value> =
        (0..10).map(|n| f64::from(n) * 3.0).map(|h| json!({"row": row(h), "col": 960, "height_m": h})).collect();
    let file = json!({
        "facades": [{"id": "south", "storeys": 12, "storey_m": 3.0, "width_m": 40}],
        "cameras": [{"id": "c1", "facade": "south", "fps": 25, "width": 1920, "height": 1080,
            "mount": {"height_m": 3.0, "distance_m": 60.0}, "reference_rows": references, "reference_error_m": 0.05}],
    });
    let read = CamerasFile::read(&file.to_string()).map_err(|faults| faults.join("; "))?;
    Calibration::fit(&read.cameras[0], &read.facades[0]).map_err(|fault| fault.to_string())
}

/// Repeatable chance.
struct Chance(u64);

impl Chance {
    fn within(&mut self, from: f64, to: f64) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        from + (to - from) * (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// By turns a stone, a bag, something steady and something that swings and jumps; each with noise and a wild point.
    fn event(&mut self, number: usize, length: usize) -> Event {
        let kind = number % 4;
        let step = if length > 60 { 0.02 } else { 0.04 };
        let (high, aside, speed) = (self.within(15.0, 33.0), self.within(-3.0, 3.0), self.within(-4.0, 6.0));
        let (beat, swing) = (self.within(1.0, 6.0), self.within(0.2, 2.0));
        let mut track: Vec<TrackPoint> = (0..length)
            .map(|n| {
                let t = n as f64 * step;
                let down = match kind {
                    0 => speed * t + 4.9 * t * t,
                    1 => 5.0 * (t - 0.5 * (1.0 - (-t / 0.5).exp())),
                    2 => speed * t,
                    _ => swing * (beat * t).sin() + speed * t * t,
                };
                let (x, y) = (960.0 + 25.0 * aside * t, 900.0 - 25.0 * (high - down - 3.0));
                TrackPoint {
                    t,
                    x: x + self.within(-2.0, 2.0),
                    y: y + self.within(-2.0, 2.0),
                    w: Some(8.0),
                    h: Some(8.0),
                }
            })
            .collect();
        let wild = length / 2;
        track[wild].y += 300.0;
        Event { track }
    }
}

/// Microseconds of processor time, the best of the rounds.
fn best_us<T>(mut act: impl FnMut() -> T) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let begun = cpu();
        black_box(act());
        best = best.min(cpu().saturating_sub(begun).as_secs_f64() * 1e6);
    }
    best
}

/// Acceleration of the parabola through all points, pixels a second squared.
fn parabola(event: &Event) -> f64 {
    let mut sums = [0.0; 5];
    let mut right = [0.0; 3];
    for point in &event.track {
        let powers = [1.0, point.t, point.t * point.t, point.t.powi(3), point.t.powi(4)];
        for (sum, power) in sums.iter_mut().zip(powers) {
            *sum += power;
        }
        for (sum, power) in right.iter_mut().zip(powers) {
            *sum += power * point.y;
        }
    }
    let [s0, s1, s2, s3, s4] = sums;
    let cofactors = [s1 * s3 - s2 * s2, s1 * s2 - s0 * s3, s0 * s2 - s1 * s1];
    let whole = s2 * cofactors[0] + s3 * cofactors[1] + s4 * cofactors[2];
    2.0 * (right[0] * cofactors[0] + right[1] * cofactors[1] + right[2] * cofactors[2]) / whole
}

/// Processor time of this thread: other work on the machine does not count.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
