//! What learning costs: time and bytes of the detectors, each beside the limit that was set for it.
//!
//! Times are processor time of this thread, the best of some rounds, beside a bare pass over the same readings; whether a
//! figure keeps its limit is printed, never asserted.

use std::hint::black_box;
use std::time::Duration;

use gatehouse::predict::device::DeviceModel;
use gatehouse::predict::point::{PointModel, PointSettings};
use gatehouse::predict::trend::Trend;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

const MINUTE_MS: i64 = 60_000;
const YEAR_MINUTES: i64 = 365 * 24 * 60;
const DEVICE_POINTS: usize = 16;
/// The plan of a large site: 10,000 points read once a second, on devices of 16.
const SITE_POINTS: f64 = 10_000.0;
const ROUNDS: i64 = 3;

/// A daily rhythm with noise and a slow rise, repeatable.
struct Signal(u64);

impl Signal {
    fn next(&mut self, minute: i64) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let noise = (self.0 >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
        let day = (minute % 1440) as f64 / 1440.0 * std::f64::consts::TAU;
        40.0 + 5.0 * day.sin() + noise + minute as f64 * 1e-5
    }
}

/// Prints the table.
pub(crate) fn run() -> Result<(), String> {
    let bare = point_ns(|_, value| value);
    line("a bare pass over the readings", bare, "ns a reading", None);
    let limited = PointSettings { limit_high: Some(90.0), limit_low: None };
    let mut alone = PointModel::new(PointSettings::default());
    let anomaly = point_ns(|at, value| alone.step(at, value, false).score);
    line("anomaly of a point without a limit", anomaly, "ns a reading", None);
    let mut trend = Trend::new(Some(90.0), None);
    let ahead = point_ns(|at, value| trend.step(at, value, false).map_or(0.0, |t| t.eta_s));
    line("time to a limit alone", ahead, "ns a reading", None);
    let mut both = PointModel::new(limited);
    let together = point_ns(|at, value| both.step(at, value, false).score);
    line("trend and anomaly of a point", together, "ns a reading", Some(1_000.0));
    let mut device = DeviceModel::new(DEVICE_POINTS);
    let snapshot = device_ns(&mut device);
    line("snapshot of a 16-point device", snapshot / 1e3, "us", Some(15.0));

    line("state of a point without a limit, in memory", alone.bytes() as f64, "B", Some(1_500.0));
    line("the same, written down", written(&alone)?, "B", None);
    line("state of a point with a limit, in memory", both.bytes() as f64, "B", Some(1_500.0));
    line("the same, written down", written(&both)?, "B", Some(1_500.0));
    line("state of a trend alone, in memory", size_of::<Trend>() as f64, "B", None);
    line("the same, written down", written(&trend)?, "B", None);
    line("state of a 16-point device, in memory", device.bytes() as f64, "B", Some(8_000.0));
    line("state of a 16-point device, written down", written(&device)?, "B", Some(8_000.0));

    line("a year of one-minute readings, one point", year_s(limited), "s", None);
    let second_ns = SITE_POINTS * together + SITE_POINTS / DEVICE_POINTS as f64 * snapshot;
    line("10,000 points, all detectors, once a second", second_ns / 1e9 * 100.0, "% of a core", Some(10.0));
    Ok(())
}

fn line(what: &str, figure: f64, unit: &str, limit: Option<f64>) {
    let beside = limit.map_or_else(String::new, |limit| {
        let kept = if figure <= limit { "kept" } else { "EXCEEDED" };
        format!("limit {limit:7.0}  {kept}")
    });
    println!("{what:46} {figure:9.2} {unit:13} {beside}");
}

/// Bytes of a checkpoint.
fn written(model: &impl Serialize) -> Result<f64, String> {
    postcard::to_allocvec(model).map(|bytes| bytes.len() as f64).map_err(|e| e.to_string())
}

/// Nanoseconds a reading over 30 days of minutes, the best of the rounds; the making of the values is not counted.
fn point_ns(mut act: impl FnMut(i64, f64) -> f64) -> f64 {
    const MINUTES: i64 = 30 * 1440;
    let mut best = f64::INFINITY;
    for round in 0..ROUNDS {
        let mut signal = Signal(0x9E37_79B9_7F4A_7C15);
        let from = round * MINUTES;
        let values: Vec<(i64, f64)> = (from + 1..=from + MINUTES).map(|m| (m * MINUTE_MS, signal.next(m))).collect();
        let begun = cpu();
        let sum: f64 = black_box(&values).iter().map(|(at, value)| act(*at, *value)).sum();
        best = best.min(cpu().saturating_sub(begun).as_secs_f64() * 1e9 / MINUTES as f64);
        black_box(sum);
    }
    best
}

/// Nanoseconds a snapshot, the best of the rounds.
fn device_ns(model: &mut DeviceModel) -> f64 {
    const SNAPSHOTS: i64 = 20_000;
    let mut best = f64::INFINITY;
    for round in 0..ROUNDS {
        let mut signals: Vec<Signal> = (1..=DEVICE_POINTS as u64).map(|n| Signal(n * 0x9E37_79B9)).collect();
        let from = round * SNAPSHOTS;
        let rows: Vec<Vec<f64>> =
            (from..from + SNAPSHOTS).map(|m| signals.iter_mut().map(|s| s.next(m)).collect()).collect();
        let begun = cpu();
        let mut sum = 0.0;
        for (m, row) in (from..).zip(black_box(&rows)) {
            sum += model.step(m * 10_000, row, m < 600).score;
        }
        best = best.min(cpu().saturating_sub(begun).as_secs_f64() * 1e9 / SNAPSHOTS as f64);
        black_box(sum);
    }
    best
}

/// Seconds for a year of minutes through one point with a limit.
fn year_s(settings: PointSettings) -> f64 {
    let mut model = PointModel::new(settings);
    let mut signal = Signal(7);
    let begun = cpu();
    let alarms = (1..=YEAR_MINUTES).filter(|m| model.step(m * MINUTE_MS, signal.next(*m), *m < 10_080).alarm).count();
    black_box(alarms);
    cpu().saturating_sub(begun).as_secs_f64()
}

/// Processor time of this thread: other work on the machine does not count.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
