//! An outbox in memory, with everything a test wants to do to one. Its parent module names the types it uses
//! (`use gatehouse::…` or `use crate::…`), so that unit tests and whole-part tests share it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use super::{
    Anchor, BootMs, Columns, Cursor, Epoch, Gap, GapReason, Heads, JournalRow, Outbox, Quality, ReadError, StoreError,
    Stream, TelemetryBatch, Trust, Value, WallMs,
};

pub(crate) const WALL: i64 = 1_793_491_200_000;

#[derive(Debug)]
struct Inner {
    epochs: Vec<Epoch>,
    keys: Arc<[Arc<str>]>,
    rows: Vec<JournalRow>,
    batches: Vec<TelemetryBatch>,
    gaps: Vec<Gap>,
    cursors: HashMap<(String, Stream), Cursor>,
    dead: Vec<(Gap, String)>,
}

#[derive(Debug)]
pub(crate) struct MemoryOutbox {
    inner: Mutex<Inner>,
    heads: watch::Sender<Heads>,
}

impl MemoryOutbox {
    pub(crate) fn new(keys: &[&str]) -> Arc<Self> {
        let inner = Inner {
            epochs: vec![Epoch(1)],
            keys: keys.iter().map(|k| Arc::from(*k)).collect(),
            rows: Vec::new(),
            batches: Vec::new(),
            gaps: Vec::new(),
            cursors: HashMap::new(),
            dead: Vec::new(),
        };
        Arc::new(Self { inner: Mutex::new(inner), heads: watch::Sender::new(Heads::default()) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// One log row: `per_point` readings of every point.
    pub(crate) fn add_readings(&self, per_point: usize) -> u64 {
        let mut inner = self.lock();
        let seq_first = self.heads.borrow().telemetry + 1;
        let mut columns = Columns::default();
        for point in 0..inner.keys.len() {
            for n in 0..per_point {
                columns.point.push(u32::try_from(point).unwrap());
                columns.at.push(BootMs(i64::try_from(n).unwrap() * 1000));
                columns.quality.push(if n == 7 { Quality::BadTimeout } else { Quality::Good });
                columns.value.push(if n == 7 {
                    Value::None
                } else {
                    Value::Number((seq_first + n as u64) as f64 / 8.0)
                });
            }
        }
        let count = columns.point.len();
        let batch = TelemetryBatch {
            epoch: *inner.epochs.last().unwrap(),
            seq_first,
            count: u32::try_from(count).unwrap(),
            boot: 1,
            anchor: Anchor { boot: BootMs(0), wall: WallMs(WALL), trust: Trust::Synced },
            keys: Arc::clone(&inner.keys),
            columns,
        };
        inner.batches.push(batch);
        drop(inner);
        self.heads.send_modify(|h| h.telemetry += count as u64);
        seq_first + count as u64 - 1
    }

    pub(crate) fn add_alarm(&self, key: &str) -> u64 {
        let body = format!(
            r#"{{"change":"raised","at":1,"wall_ms":{WALL},"by":null,"note":null,"alarm":{{"id":"{key}@1-1","key":"{key}","level":"life","state":"unacknowledged","text":{{"title":{{"zh":"烟雾报警","en":"Smoke"}}}}}}}}"#
        );
        self.add_row(Stream::Alarm, body)
    }

    pub(crate) fn add_note(&self, stream: Stream, kind: &str) -> u64 {
        let body = format!(r#"{{"stream":"{}","kind":"{kind}","subject":"plant","facts":{{}}}}"#, stream.word());
        self.add_row(stream, body)
    }

    fn add_row(&self, stream: Stream, body: String) -> u64 {
        let mut inner = self.lock();
        let seq = self.heads.borrow().get(stream) + 1;
        let epoch = *inner.epochs.last().unwrap();
        inner.rows.push(JournalRow { stream, epoch, seq, boot: 1, at: BootMs(1), wall_ms: WALL, body });
        drop(inner);
        self.heads.send_modify(|h| h.set(stream, seq));
        seq
    }

    /// The oldest log row goes, with a declaration or without.
    pub(crate) fn evict_oldest(&self, declared: bool) {
        let mut inner = self.lock();
        let batch = inner.batches.remove(0);
        if declared {
            let (from, to) = (batch.seq_first, batch.seq_last());
            inner.gaps.push(Gap {
                stream: Stream::Telemetry,
                epoch: batch.epoch,
                from,
                to,
                reason: GapReason::Evicted,
            });
        }
    }

    /// The store files were made anew: numbers start at 1 again.
    pub(crate) fn begin_epoch(&self, epoch: Epoch) {
        self.lock().epochs.push(epoch);
        self.heads.send_modify(|h| *h = Heads::default());
    }

    pub(crate) fn cursor_of(&self, upstream: &str, stream: Stream) -> Option<Cursor> {
        self.lock().cursors.get(&(upstream.to_owned(), stream)).copied()
    }

    pub(crate) fn dead(&self) -> Vec<(Gap, String)> {
        self.lock().dead.clone()
    }
}

impl Outbox for MemoryOutbox {
    fn epochs(&self, _stream: Stream) -> Result<Vec<Epoch>, ReadError> {
        Ok(self.lock().epochs.clone())
    }

    fn cursor(&self, upstream: &str, stream: Stream) -> Result<Option<Cursor>, ReadError> {
        Ok(self.cursor_of(upstream, stream))
    }

    fn telemetry_after(&self, epoch: Epoch, seq: u64) -> Result<Option<TelemetryBatch>, ReadError> {
        Ok(self.lock().batches.iter().find(|b| b.epoch == epoch && b.seq_last() > seq).cloned())
    }

    fn journal_after(
        &self,
        stream: Stream,
        epoch: Epoch,
        seq: u64,
        limit: usize,
    ) -> Result<Vec<JournalRow>, ReadError> {
        let inner = self.lock();
        let after = inner.rows.iter().filter(|r| r.stream == stream && r.epoch == epoch && r.seq > seq);
        Ok(after.take(limit).cloned().collect())
    }

    fn gaps(&self, stream: Stream, epoch: Epoch, seq: u64) -> Result<Vec<Gap>, ReadError> {
        let inner = self.lock();
        Ok(inner.gaps.iter().filter(|g| g.stream == stream && g.epoch == epoch && g.to > seq).cloned().collect())
    }

    fn confirm(&self, upstream: &str, stream: Stream, cursor: Cursor) -> Result<(), StoreError> {
        self.lock().cursors.insert((upstream.to_owned(), stream), cursor);
        Ok(())
    }

    fn dead_letter(&self, _upstream: &str, gap: &Gap, why: &str) -> Result<(), StoreError> {
        self.lock().dead.push((gap.clone(), why.to_owned()));
        Ok(())
    }

    fn watch(&self) -> watch::Receiver<Heads> {
        self.heads.subscribe()
    }
}
