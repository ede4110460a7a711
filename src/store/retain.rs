//! What goes first when room is needed. Pure.
//!
//! Order: telemetry that every upstream has and that is in the history; the oldest day of history; the oldest telemetry,
//! which is then declared as a hole. Journal rows are not files and are none of this module's business: alarms, commands
//! and audit stay longer than all telemetry. Never by wall time: a wrong clock must not delete anything.

use crate::store::shared::{DayInfo, SegmentInfo};

/// Days of history kept while there is other telemetry to evict.
const DAYS_MIN: usize = 2;

/// A file to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Segment { no: u64, unconfirmed: bool },
    Day(i64),
}

/// What the store may use: the setting, and never more than 60 % of the partition.
pub(crate) fn bytes_max(setting: u64, partition: Option<u64>) -> u64 {
    setting.min(partition.map_or(u64::MAX, |p| p / 10 * 6))
}

/// Chooses. `confirmed` is the smallest number confirmed by all upstreams, `None` without upstreams (then nobody waits);
/// rows below `folded` are in the history.
pub(crate) fn victim(
    segments: &[SegmentInfo],
    days: &[DayInfo],
    confirmed: Option<u64>,
    folded: u64,
) -> Option<Victim> {
    let sealed = || segments.iter().filter(|s| s.sealed);
    let unconfirmed = |s: &SegmentInfo| confirmed.is_some_and(|c| s.seq_last > c);
    if let Some(done) = sealed().find(|s| !unconfirmed(s) && s.seq_last < folded) {
        return Some(Victim::Segment { no: done.no, unconfirmed: false });
    }
    if days.len() > DAYS_MIN {
        return days.iter().map(|d| d.day).min().map(Victim::Day);
    }
    let oldest = sealed().next()?;
    Some(Victim::Segment { no: oldest.no, unconfirmed: unconfirmed(oldest) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(no: u64, sealed: bool) -> SegmentInfo {
        SegmentInfo { no, seq_first: no * 100, seq_last: no * 100 + 99, sealed, bytes: 1 }
    }

    fn days(n: i64) -> Vec<DayInfo> {
        (0..n).map(|day| DayInfo { day, bytes: 1 }).collect()
    }

    #[test]
    fn order_of_eviction() {
        let check = |days_n, confirmed, folded, expected| {
            let segments = [segment(1, true), segment(2, true), segment(3, false)];
            assert_eq!(victim(&segments, &days(days_n), confirmed, folded), expected);
        };
        check(5, Some(250), 1000, Some(Victim::Segment { no: 1, unconfirmed: false }));
        check(5, None, 1000, Some(Victim::Segment { no: 1, unconfirmed: false }));
        check(5, Some(250), 50, Some(Victim::Day(0)));
        check(5, Some(10), 1000, Some(Victim::Day(0)));
        check(2, Some(10), 1000, Some(Victim::Segment { no: 1, unconfirmed: true }));
        assert_eq!(victim(&[segment(1, false)], &days(1), Some(0), 0), None);
    }

    #[test]
    fn never_more_than_most_of_the_partition() {
        assert_eq!(bytes_max(100, Some(1000)), 100);
        assert_eq!(bytes_max(1000, Some(1000)), 600);
        assert_eq!(bytes_max(1000, None), 1000);
    }
}
