//! Deadlines without drift, missed scans, no burst after a standstill.

use proptest::prelude::*;

use super::*;

/// Runs the schedule from `from` to `to`, each run taking no time, and lists `(key, moment)`.
fn run(schedule: &mut Schedule, from: i64, to: i64) -> Vec<(Key, i64)> {
    let (mut now, mut runs) = (from, Vec::new());
    while now < to {
        match schedule.next(BootMs(now)) {
            Next::Due(key) => {
                schedule.start(key, BootMs(now));
                runs.push((key, now));
            }
            Next::At(at) => now = at.0,
            Next::Never => break,
        }
    }
    runs
}

fn times(runs: &[(Key, i64)], key: Key) -> Vec<i64> {
    runs.iter().filter(|(k, _)| *k == key).map(|(_, t)| *t).collect()
}

#[test]
fn first_at_once_then_on_the_grid_for_ever() {
    let mut schedule = Schedule::default();
    let key = schedule.add(1000, 2, BootMs(12_345));
    assert_eq!(times(&run(&mut schedule, 12_345, 17_000), key), [12_345, 13_400, 14_400, 15_400, 16_400]);
}

#[test]
fn lines_share_their_slots() {
    let mut starts: Vec<i64> = Vec::new();
    for line in 0..100 {
        let mut schedule = Schedule::default();
        let begun = i64::from(line) * 7;
        schedule.add(1000, line, BootMs(begun));
        starts.extend(run(&mut schedule, begun, 3000).iter().map(|(_, t)| *t).filter(|t| *t >= 2000));
    }
    starts.sort_unstable();
    starts.dedup();
    assert_eq!(starts, [2000, 2200, 2400, 2600, 2800]);
}

#[test]
fn short_periods_have_fewer_slots() {
    let mut schedule = Schedule::default();
    let keys: Vec<Key> = (0..5).map(|slot| schedule.add(10, slot, BootMs(0))).collect();
    let runs = run(&mut schedule, 0, 100);
    for key in keys {
        assert_eq!(times(&runs, key).len(), 10, "every 10 ms, all in the one slot");
    }
}

#[test]
fn a_stall_costs_one_scan_each_and_is_counted() {
    let mut schedule = Schedule::default();
    let keys = [schedule.add(1000, 0, BootMs(0)), schedule.add(1000, 1, BootMs(0)), schedule.add(5000, 0, BootMs(0))];
    run(&mut schedule, 0, 10_001);
    let missed: u64 = keys.iter().map(|key| schedule.start(*key, BootMs(70_000))).sum();
    assert_eq!(missed, 59 + 59 + 11);
    assert!(matches!(schedule.next(BootMs(70_000)), Next::At(_)), "no burst");
    assert_eq!(times(&run(&mut schedule, 70_000, 73_000), keys[0]), [71_000, 72_000]);
}

#[test]
fn parked_entries_sleep_and_wake_at_once() {
    let mut schedule = Schedule::default();
    let key = schedule.add(1000, 0, BootMs(0));
    run(&mut schedule, 0, 1500);
    schedule.park(key);
    assert_eq!(schedule.next(BootMs(9000)), Next::Never);
    schedule.wake(key, BootMs(9300));
    assert_eq!(times(&run(&mut schedule, 9300, 12_000), key), [9300, 10_000, 11_000]);
}

#[test]
fn a_delayed_entry_comes_back_on_the_grid() {
    let mut schedule = Schedule::default();
    let key = schedule.add(1000, 1, BootMs(0));
    schedule.start(key, BootMs(0));
    schedule.delay(key, BootMs(7100));
    assert_eq!(times(&run(&mut schedule, 0, 9000), key), [7200, 8200]);
}

#[test]
fn a_removed_place_is_used_again() {
    let mut schedule = Schedule::default();
    let first = schedule.add(1000, 0, BootMs(0));
    schedule.remove(first);
    let second = schedule.add(300, 0, BootMs(50));
    assert_eq!(first, second);
    assert_eq!(times(&run(&mut schedule, 0, 1000), second), [50, 300, 600, 900]);
}

proptest! {
    /// Whatever the stalls: never two runs closer than half a period, never a due time off the grid, and
    /// runs + missed add up to the periods that went by.
    #[test]
    fn no_burst_no_drift(period in 1i64..5000, slot in 0u32..9, stalls in prop::collection::vec(0i64..20_000, 1..40)) {
        let mut schedule = Schedule::default();
        let key = schedule.add(period, slot, BootMs(1000));
        let (mut now, mut last, mut total) = (1000, None, 0);
        for stall in stalls {
            now += stall;
            while schedule.next(BootMs(now)) == Next::Due(key) {
                total += 1 + schedule.start(key, BootMs(now));
                if let Some(last) = last {
                    prop_assert!(now > last, "twice at {now}");
                }
                last = Some(now);
            }
        }
        let periods = u64::try_from((now - 1000) / period).unwrap();
        prop_assert!(total >= periods.saturating_sub(1) && total <= periods + 2, "{total} of {periods}");
    }
}
