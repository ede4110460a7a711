//! Figures of the store, printed as ratios to plain SQLite rows written in the same run. Whole with `--release`; a debug
//! build runs a short form and only checks that the figures can be taken.
//!
//! `cargo test --release --test store_bench -- --nocapture`

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::clock::{Clock, ManualClock};
use gatehouse::model::id::PointIx;
use gatehouse::model::quality::Quality;
use gatehouse::model::reading::{Reading, Value};
use gatehouse::model::time::{Anchor, BootMs, Trust, WallMs};
use gatehouse::store::{Store, StoreConfig, open};

const WALL: i64 = 1_795_305_600_000;

/// Nanoseconds of processor time of this process, ended threads included.
fn cpu_ns() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(t.tv_sec * 1_000_000_000 + t.tv_nsec).unwrap()
}

/// Bytes this process has caused to be written to the device.
fn written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    text.lines().find_map(|l| l.strip_prefix("write_bytes: ")).unwrap().parse().unwrap()
}

fn peak_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// Steps and noise of scaled registers: every point changes with every scan.
struct Plant {
    random: fastrand::Rng,
    raw: Vec<i64>,
}

impl Plant {
    fn new(points: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(7);
        let raw = (0..points).map(|_| random.i64(100..30_000)).collect();
        Self { random, raw }
    }

    /// One second: devices of 50 points, each polled at its own moment with some jitter.
    fn second(&mut self, boot_ms: i64, into: &mut Vec<Reading>) {
        let scales = [1.0, 10.0, 100.0, 10.0];
        for device in 0..self.raw.len() / 50 {
            let at = boot_ms + (device as i64 * 97) % 900 + self.random.i64(0..6);
            for p in device * 50..device * 50 + 50 {
                let raw = &mut self.raw[p];
                let step = match self.random.u8(0..100) {
                    0 => self.random.i64(-400..400),
                    1..50 => 1,
                    _ => -1,
                };
                *raw += step * self.random.i64(1..4);
                let value = Value::Number(*raw as f64 / scales[p % 4]);
                let point = PointIx(u32::try_from(p).unwrap());
                into.push(Reading { point, quality: Quality::Good, at: BootMs(at), source_ms: None, value });
            }
        }
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Anchor { boot: BootMs(0), wall: WallMs(WALL), trust: Trust::Synced }))
}

fn start(dir: &Path, clock: &Arc<ManualClock>, points: usize) -> Store {
    let config = StoreConfig { path: dir.to_owned(), ..StoreConfig::default() };
    let keys = (0..points).map(|i| Arc::from(format!("device_{}.point_{}", i / 50, i % 50))).collect();
    open(&config, keys, Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}

struct Figures {
    readings: u64,
    ns: f64,
    /// Part of `ns` spent before the history was folded.
    log_ns: f64,
    device: f64,
    log: f64,
    history: f64,
}

/// Feeds whole seconds in commits of `per_commit` seconds, then waits for the history.
async fn feed(points: usize, seconds: i64, per_commit: i64, fast: bool, fold: bool) -> Figures {
    let dir = tempfile::tempdir_in(".").unwrap();
    let clock = clock();
    let mut plant = Plant::new(points);
    let dry = cpu_ns();
    let mut sink = Vec::new();
    for s in 0..seconds {
        plant.second(s * 1_000, &mut sink);
        if s % per_commit == per_commit - 1 {
            sink = Vec::with_capacity(sink.len());
        }
    }
    let dry = cpu_ns() - dry;
    let mut plant = Plant::new(points);
    let store = start(dir.path(), &clock, points);
    let (cpu, io) = (cpu_ns(), written());
    let mut readings = Vec::new();
    for s in 0..seconds {
        plant.second(s * 1_000, &mut readings);
        if s % per_commit == per_commit - 1 {
            let n = readings.len();
            store.handle.append(std::mem::replace(&mut readings, Vec::with_capacity(n)), vec![]).await;
            store.handle.flush().await.unwrap();
            clock.advance(if fast { 1 } else { per_commit * 1_000 });
        }
    }
    let log = store.handle.status();
    let log_ns = (cpu_ns() - cpu).saturating_sub(dry) as f64 / log.readings_committed as f64;
    if fold {
        clock.set_wall(WallMs(WALL + 3_700_000), Trust::Synced);
        let mut before = u64::MAX;
        loop {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let now = store.handle.status().history_bytes;
            if now > 0 && now == before {
                break;
            }
            before = now;
        }
    }
    let n = log.readings_committed;
    let begun = tokio::time::Instant::now();
    let trend = store.reader.history("device_1.point_7", WALL, WALL + 3_600_000, 300).unwrap();
    println!("  trend of an hour, 300 steps: {} buckets in {:?}", trend.buckets.len(), begun.elapsed());
    let history = store.handle.status().history_bytes;
    store.handle.close().await;
    let figures = Figures {
        readings: n,
        ns: (cpu_ns() - cpu).saturating_sub(dry) as f64 / n as f64,
        log_ns,
        device: (written() - io) as f64 / n as f64,
        log: log.log_bytes as f64 / n as f64,
        history: history as f64 / n as f64,
    };
    let begun = tokio::time::Instant::now();
    let store = start(dir.path(), &clock, points);
    println!("  start on this store: {:?}", begun.elapsed());
    store.handle.close().await;
    figures
}

/// The same readings as plain rows.
fn rows(points: usize, seconds: i64, indexed: bool) -> Figures {
    let dir = tempfile::tempdir_in(".").unwrap();
    let conn = rusqlite::Connection::open(dir.path().join("rows.db")).unwrap();
    conn.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE r(ts INTEGER, point INTEGER, value REAL, quality INTEGER);",
    )
    .unwrap();
    if indexed {
        conn.execute_batch("CREATE INDEX i ON r(point, ts)").unwrap();
    }
    let mut plant = Plant::new(points);
    let (mut n, mut cpu) = (0u64, 0);
    let io = written();
    let mut readings = Vec::new();
    for s in 0..seconds {
        plant.second(s * 1_000, &mut readings);
        if s % 5 < 4 {
            continue;
        }
        let begun = cpu_ns();
        let tx = conn.unchecked_transaction().unwrap();
        let mut insert = tx.prepare("INSERT INTO r VALUES(?1,?2,?3,0)").unwrap();
        for r in &readings {
            insert.execute(rusqlite::params![r.at.0 + WALL, r.point.0, r.value.number()]).unwrap();
        }
        drop(insert);
        tx.commit().unwrap();
        cpu += cpu_ns() - begun;
        n += readings.len() as u64;
        readings.clear();
    }
    drop(conn);
    let size = std::fs::metadata(dir.path().join("rows.db")).unwrap().len();
    Figures {
        readings: n,
        ns: cpu as f64 / n as f64,
        log_ns: cpu as f64 / n as f64,
        device: (written() - io) as f64 / n as f64,
        log: size as f64 / n as f64,
        history: 0.0,
    }
}

fn show(name: &str, f: &Figures) {
    println!(
        "{name:28} {:>9} readings {:7.1} ns/reading (outbox {:6.1})  disk {:6.2} + {:5.2} B  written {:8.2} B",
        f.readings, f.ns, f.log_ns, f.log, f.history, f.device
    );
}

#[tokio::test]
async fn figures() {
    let whole = !cfg!(debug_assertions);
    let hour = if whole { 3_600 } else { 20 };
    let idle = feed(500, hour, 5, false, whole).await;
    show("500 points at 1 Hz", &idle);
    let fast = feed(5_000, if whole { 1_000 } else { 5 }, 1, true, whole).await;
    show("as fast as it can", &fast);
    println!("  peak memory so far {} KiB", peak_kib());
    let plain = rows(500, hour, false);
    show("plain rows", &plain);
    let indexed = rows(500, hour.min(1_200), true);
    show("rows with (point, ts) index", &indexed);
    println!(
        "against plain rows: {:.1} x less on disk, {:.1} x less written, {:.1} x less processor at full speed",
        plain.log / (idle.log + idle.history),
        plain.device / idle.device,
        plain.ns / fast.ns
    );
    println!(
        "against indexed rows: {:.1} x less on disk, {:.0} x less written, {:.1} x less processor at full speed",
        indexed.log / (idle.log + idle.history),
        indexed.device / idle.device,
        indexed.ns / fast.ns
    );
    if whole {
        assert!(idle.log <= 4.0 && idle.history <= 1.5 && idle.device <= 15.0);
        assert!(fast.ns < plain.ns && fast.ns * 5.0 < indexed.ns);
    }
}
