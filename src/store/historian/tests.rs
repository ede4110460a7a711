//! A trend is the same before and after its hours are folded, and across restarts.

use std::path::Path;

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::model::id::PointIx;
use crate::model::quality::Quality;
use crate::model::reading::{Reading, Value};
use crate::model::stored::{History, HistoryBucket, PastGaps, PastReading};
use crate::model::time::{BootMs, WallMs};
use crate::store::{Store, StoreConfig, open};

const WALL: i64 = 1_795_305_600_000;

fn start(dir: &Path, clock: &Arc<ManualClock>) -> Store {
    let config = StoreConfig { path: dir.to_owned(), ..StoreConfig::default() };
    let keys = (0..30).map(|i| Arc::from(format!("meter_{}.p{}", i / 10, i % 10))).collect();
    open(&config, keys, Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}

/// Minutes of readings every 5 s; every 50th is bad, every third point is irregular.
async fn fill(store: &Store, clock: &ManualClock, minutes: i64) {
    for minute in 0..minutes {
        let now = clock.anchor().boot.0;
        let mut readings = Vec::new();
        for step in 0..12 {
            for p in 0..30u32 {
                let n = minute * 12 + step + i64::from(p);
                let bad = n % 50 == 0;
                let value = if bad { Value::None } else { Value::Number((n % 37) as f64 / 10.0) };
                let quality = if bad { Quality::BadTimeout } else { Quality::Good };
                let jitter = if p % 3 == 0 { n % 11 } else { 0 };
                readings.push(Reading {
                    point: PointIx(p),
                    quality,
                    at: BootMs(now + step * 5_000 + jitter),
                    source_ms: None,
                    value,
                });
            }
        }
        clock.advance(60_000);
        store.handle.append(readings, vec![]).await;
        store.handle.flush().await.unwrap();
    }
}

fn close(a: &History, b: &History) -> bool {
    let same = |x: &HistoryBucket, y: &HistoryBucket| {
        let near = (x.mean.unwrap_or(0.0) - y.mean.unwrap_or(0.0)).abs() < 1e-9;
        near && HistoryBucket { mean: None, ..*x } == HistoryBucket { mean: None, ..*y }
    };
    a.step_ms == b.step_ms
        && a.buckets.len() == b.buckets.len()
        && a.buckets.iter().zip(&b.buckets).all(|(x, y)| same(x, y))
}

fn trends(store: &Store) -> Vec<History> {
    let mut all = Vec::new();
    for key in ["meter_0.p0", "meter_1.p4", "meter_2.p9", "nobody.nothing"] {
        for (from, to, most) in [(0, 6, 6), (0, 6, 100), (1, 3, 1_000), (2, 4, 7), (0, 48, 2)] {
            let history = store.reader.history(key, WALL + from * HOUR_MS, WALL + to * HOUR_MS, most).unwrap();
            assert!(history.buckets.len() <= most + 1);
            all.push(history);
        }
    }
    all
}

#[tokio::test]
async fn folding_changes_nothing_that_can_be_seen() {
    let dir = tempfile::tempdir().unwrap();
    let begin = WALL + 20 * 60_000;
    let clock = Arc::new(ManualClock::new(Anchor { boot: BootMs(5_000), wall: WallMs(begin), trust: Trust::Synced }));
    let store = start(dir.path(), &clock);
    fill(&store, &clock, 200).await;
    let before = trends(&store);
    assert!(before[0].buckets.iter().map(|b| b.count + b.bad).sum::<u64>() > 1_000);
    let (_stop, stopped) = sync_channel(1);
    for hours in [1, 3] {
        assert!(Build::new(&store.reader, WALL + hours * HOUR_MS, &stopped).run().is_ok());
        let folded = store.reader.shared.folded();
        assert!(folded.tail_from > 1 && folded.cut_ms == WALL + hours * HOUR_MS);
        for (a, b) in before.iter().zip(trends(&store)) {
            assert!(close(a, &b), "{a:?}\n{b:?}");
        }
    }
    let folded = store.reader.shared.folded();
    store.handle.close().await;
    let store = start(dir.path(), &clock);
    assert_eq!(store.reader.shared.folded(), folded);
    for (a, b) in before.iter().zip(trends(&store)) {
        assert!(close(a, &b));
    }
    store.handle.close().await;
}

/// Every stored reading of three points, in the order in which a replay gets them.
fn past(reader: &StoreReader) -> Vec<PastReading> {
    let mut all = Vec::new();
    let keys = ["meter_0.p0", "nobody.nothing", "meter_1.p4", "meter_2.p9"];
    let gaps =
        reader.past(&keys, (WALL + HOUR_MS / 2, WALL + 3 * HOUR_MS), &mut |portion| all.extend_from_slice(portion));
    assert_eq!(gaps, Ok(PastGaps::default()));
    assert!(all.is_sorted_by_key(|r| r.wall_ms), "in the order of time");
    all
}

#[tokio::test]
async fn a_replay_sees_every_reading_before_and_after_folding_also_as_a_visitor() {
    let dir = tempfile::tempdir().unwrap();
    let begin = WALL + 20 * 60_000;
    let clock = Arc::new(ManualClock::new(Anchor { boot: BootMs(5_000), wall: WallMs(begin), trust: Trust::Synced }));
    let store = start(dir.path(), &clock);
    fill(&store, &clock, 200).await;
    let before = past(&store.reader);
    // Two and a half hours, twelve a minute, three points; jitter moves one of them over the edge at most.
    assert!(before.len().abs_diff(150 * 12 * 3) <= 1, "{}", before.len());
    assert_eq!(
        before.iter().filter(|r| r.value.is_none()).count(),
        before.iter().filter(|r| r.quality.is_bad()).count()
    );
    let visitor = || crate::store::visit(dir.path(), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    assert_eq!(past(&visitor()), before);
    let (_stop, stopped) = sync_channel(1);
    for hours in [1, 3] {
        assert!(Build::new(&store.reader, WALL + hours * HOUR_MS, &stopped).run().is_ok());
        assert_eq!(past(&store.reader), before, "folded to {hours} h");
        assert_eq!(past(&visitor()), before, "folded to {hours} h, visited");
    }
    store.handle.close().await;
    assert_eq!(past(&visitor()), before, "nobody runs");
}

#[test]
fn passes_stay_within_the_budget() {
    let mut pass = Pass { end: usize::MAX, ..Pass::default() };
    for n in 0..2_000i64 {
        for key in 0..2_000 {
            pass.push(key, n * 1_000, 1, (n % 7) as f64);
        }
        assert!(pass.held <= BUDGET || pass.slots.len() == 1);
    }
    assert!(pass.end < 2_000 && pass.end > 100, "{}", pass.end);
}
