//! Readings that wait for their commit, with their receipts. Pure: time is an argument.
//!
//! Bound: while the disk fails, [`Pending::shed`] gives up the oldest hand-overs whole; their receipts say "refused" and their
//! readings are counted, to be declared as a hole in front of the next row.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::reading::{Reading, Receipt};
use crate::store::columns::ROW_MAX;
use crate::store::handle::Append;

/// A waiting publisher gets its answer after at most this long.
pub(crate) const RECEIPT_WAIT: Duration = Duration::from_millis(250);

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    chunks: VecDeque<Append>,
    readings: usize,
    oldest: Option<Instant>,
    receipt: Option<Instant>,
    /// Readings given up since the last row.
    pub(crate) shed: u64,
    /// Readings given up since the start.
    pub(crate) dropped: u64,
}

impl Pending {
    /// Adds a hand-over, leaving out readings of points at or above `points`.
    pub(crate) fn push(&mut self, mut append: Append, points: usize, now: Instant) {
        append.readings.retain(|r| r.point.ix() < points);
        self.oldest.get_or_insert(now);
        if !append.receipts.is_empty() {
            self.receipt.get_or_insert(now);
        }
        self.readings += append.readings.len();
        while append.readings.len() > ROW_MAX {
            let rest = append.readings.split_off(ROW_MAX);
            let head = Append { readings: std::mem::replace(&mut append.readings, rest), receipts: Vec::new() };
            self.chunks.push_back(head);
        }
        self.chunks.push_back(append);
    }

    /// Readings waiting.
    pub(crate) fn len(&self) -> usize {
        self.readings
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// When the commit is due.
    pub(crate) fn due(&self, every: Duration) -> Option<Instant> {
        let by_age = self.oldest.map(|t| t + every);
        let by_receipt = self.receipt.map(|t| t + RECEIPT_WAIT.min(every));
        by_age.into_iter().chain(by_receipt).min()
    }

    /// The next row: how many hand-overs it takes, and their readings in order.
    pub(crate) fn row(&self) -> (usize, Vec<&Reading>) {
        let (mut taken, mut size) = (0, 0);
        for chunk in &self.chunks {
            if taken > 0 && size + chunk.readings.len() > ROW_MAX {
                break;
            }
            taken += 1;
            size += chunk.readings.len();
        }
        let mut row = Vec::with_capacity(size);
        row.extend(self.chunks.iter().take(taken).flat_map(|c| &c.readings));
        (taken, row)
    }

    /// The first `chunks` hand-overs are on disk: their receipts, to be told so.
    pub(crate) fn pop(&mut self, chunks: usize) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        for chunk in self.chunks.drain(..chunks.min(self.chunks.len())) {
            self.readings -= chunk.readings.len();
            receipts.extend(chunk.receipts);
        }
        if self.chunks.is_empty() {
            (self.oldest, self.receipt) = (None, None);
        }
        receipts
    }

    /// Gives up the oldest hand-overs until at most `most` readings wait; returns how many hand-overs went.
    pub(crate) fn shed(&mut self, most: usize) -> usize {
        let mut gone = 0;
        while self.readings > most {
            let Some(chunk) = self.chunks.pop_front() else { break };
            self.readings -= chunk.readings.len();
            self.shed += chunk.readings.len() as u64;
            self.dropped += chunk.readings.len() as u64;
            gone += 1;
            // Dropping the receipts tells their owners "refused".
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::model::id::PointIx;
    use crate::model::quality::Quality;
    use crate::model::reading::Value;
    use crate::model::time::BootMs;

    fn readings(n: usize) -> Vec<Reading> {
        let one = Reading {
            point: PointIx(0),
            quality: Quality::Good,
            at: BootMs(0),
            source_ms: None,
            value: Value::Number(1.0),
        };
        vec![one; n]
    }

    #[test]
    fn a_receipt_brings_the_commit_forward() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        assert_eq!(pending.due(Duration::from_secs(5)), None);
        pending.push(Append { readings: readings(1), receipts: vec![] }, 1, now);
        assert_eq!(pending.due(Duration::from_secs(5)), Some(now + Duration::from_secs(5)));
        pending.push(Append { readings: readings(1), receipts: vec![Receipt::new(|_| ())] }, 1, now);
        assert_eq!(pending.due(Duration::from_secs(5)), Some(now + RECEIPT_WAIT));
    }

    #[test]
    fn shedding_counts_and_refuses() {
        let refused = Arc::new(AtomicU32::new(0));
        let (mut pending, now) = (Pending::default(), Instant::now());
        for _ in 0..4 {
            let refused = Arc::clone(&refused);
            let receipt = Receipt::new(move |ok| {
                refused.fetch_add(u32::from(!ok), Ordering::Relaxed);
            });
            pending.push(Append { readings: readings(10), receipts: vec![receipt] }, 1, now);
        }
        assert_eq!(pending.shed(25), 2);
        assert_eq!((pending.shed, pending.len(), refused.load(Ordering::Relaxed)), (20, 20, 2));
        for receipt in pending.pop(2) {
            receipt.committed();
        }
        assert_eq!((pending.is_empty(), refused.load(Ordering::Relaxed)), (true, 2));
    }

    #[test]
    fn rows_are_bounded_and_unknown_points_left_out() {
        let (mut pending, now) = (Pending::default(), Instant::now());
        pending.push(Append { readings: readings(ROW_MAX * 2 + 1), receipts: vec![] }, 1, now);
        assert_eq!(pending.row().1.len(), ROW_MAX);
        pending.push(Append { readings: readings(5), receipts: vec![] }, 0, now);
        assert_eq!(pending.len(), ROW_MAX * 2 + 1);
    }
}
