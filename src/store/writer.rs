//! The writer: one thread that owns `state.db` and the open segment. Select, then apply, synchronously.
//!
//! Urgent commands first, then readings, then upkeep. The thread never ends because of data or disk: it retries, drops the
//! oldest readings when the bound is reached, and says so in the status.

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::model::journal::{Cursor, Gap, GapReason, Note, Stream};
use crate::model::stored::{Heads, StoreError};
use crate::store::StoreConfig;
use crate::store::cases::CaseFile;
use crate::store::handle::{Append, Urgent};
use crate::store::log::{Log, Stamp};
use crate::store::pending::Pending;
use crate::store::recover;
use crate::store::shared::Shared;
use crate::store::sqlite::{Fault, fault};
use crate::store::state::{Marks, State};

mod journal;
mod upkeep;

/// Pause between attempts while the disk fails: first, and at most.
const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_MOST: Duration = Duration::from_secs(5);
/// Readings that may wait while the disk fails, in commits.
const BACKLOG_COMMITS: usize = 4;
/// Numbers leased ahead at the least.
const LEASE_MIN: u64 = 100_000;

/// Everything the thread owns.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) config: StoreConfig,
    pub(crate) points: usize,
    pub(crate) urgent: mpsc::Receiver<Urgent>,
    pub(crate) bulk: mpsc::Receiver<Append>,
    /// `None` only inside a repair.
    pub(crate) state: Option<State>,
    pub(crate) log: Log,
    /// Opened with the first case.
    pub(crate) cases: Option<CaseFile>,
    pub(crate) heads: Heads,
    pub(crate) lease: u64,
    pub(crate) upstreams: Vec<String>,
    pub(crate) pending: Pending,
    pub(crate) work: Work,
}

/// What the writer remembers between turns.
#[derive(Debug)]
pub(crate) struct Work {
    /// Earliest next attempt after a failure, and the pause after that.
    retry: Option<(Instant, Duration)>,
    upkeep: upkeep::Plan,
    dirty_cursors: bool,
    /// Holes that could not be entered yet.
    gaps: Vec<Gap>,
    bulk_open: bool,
    /// Readings a second, smoothed; chooses the compression level.
    rate: f64,
    last_commit_ms: Option<i64>,
    troubles: journal::Troubles,
}

impl Work {
    pub(crate) fn new(now: Instant, boot_ms: i64) -> Self {
        Self {
            retry: None,
            upkeep: upkeep::Plan::new(now, boot_ms),
            dirty_cursors: false,
            gaps: Vec::new(),
            bulk_open: true,
            rate: 0.0,
            last_commit_ms: None,
            troubles: journal::Troubles::default(),
        }
    }
}

/// What the thread can wake for.
enum Wake {
    Urgent(Urgent),
    Readings(Append),
    BulkClosed,
    Closed,
    Time,
}

impl Writer {
    /// Runs until closed, or until all handles are gone.
    pub(crate) async fn run(mut self) -> Option<tokio::sync::oneshot::Sender<()>> {
        loop {
            let wake = self.wait().await;
            let now = Instant::now();
            let heartbeat = self.shared.clock.boot().0;
            self.shared.with_status(|s| s.heartbeat_ms = heartbeat);
            match wake {
                Wake::Urgent(Urgent::Close(reply)) => {
                    self.shut();
                    return Some(reply);
                }
                Wake::Closed => {
                    self.shut();
                    return None;
                }
                Wake::Urgent(command) => self.urgent(command, now),
                Wake::Readings(append) => self.pending.push(append, self.points, now),
                Wake::BulkClosed => self.work.bulk_open = false,
                Wake::Time => {}
            }
            self.turn(now);
        }
    }

    async fn wait(&mut self) -> Wake {
        let at = self.next_deadline();
        tokio::select! {
            biased;
            command = self.urgent.recv() => command.map_or(Wake::Closed, Wake::Urgent),
            append = self.bulk.recv(), if self.work.bulk_open => append.map_or(Wake::BulkClosed, Wake::Readings),
            () = tokio::time::sleep_until(at) => Wake::Time,
        }
    }

    fn next_deadline(&self) -> Instant {
        let commit = self.pending.due(self.config.commit_every);
        let commit = match (commit, self.work.retry) {
            (Some(due), Some((retry, _))) => Some(due.max(retry)),
            (due, _) => due,
        };
        commit.into_iter().chain([self.work.upkeep.next()]).min().unwrap_or_else(|| self.work.upkeep.next())
    }

    /// After every wake: what is due is done.
    fn turn(&mut self, now: Instant) {
        let due = self.pending.due(self.config.commit_every).is_some_and(|t| t <= now);
        let waits = self.work.retry.is_some_and(|(t, _)| t > now);
        if !waits && (due || self.pending.len() >= self.config.commit_count) {
            // The failure is in the status; the readings stay.
            drop(self.commit(now));
        }
        if self.work.retry.is_some() {
            self.pending.shed(self.config.commit_count.saturating_mul(BACKLOG_COMMITS));
        }
        self.upkeep(now);
        let (waiting, dropped) = (self.pending.len() as u64, self.pending.dropped);
        let degraded = self.work.troubles.first();
        self.shared.with_status(|s| {
            s.readings_waiting = waiting;
            s.readings_dropped = dropped;
            s.degraded = degraded;
        });
    }

    fn urgent(&mut self, command: Urgent, now: Instant) {
        // A dropped answer slot means that nobody waits any more; the work is done all the same.
        match command {
            Urgent::Alarm(event, reply) => drop(reply.send(self.alarm(&event))),
            Urgent::Note(note, reply) => drop(reply.send(self.note(&note))),
            Urgent::Confirm { upstream, stream, cursor, reply } => {
                drop(reply.send(self.confirm(upstream, stream, cursor)));
            }
            Urgent::Learn { device, points, reply } => {
                self.work.upkeep.shadow_soon(now);
                drop(reply.send(self.with_state(|state| state.learn(&device, &points))));
            }
            Urgent::Health(write, reply) => drop(reply.send(self.with_state(|state| state.health(&write)))),
            Urgent::Upstreams(upstreams) => self.upstreams = upstreams,
            Urgent::BadRows(gap) => self.declare(gap),
            Urgent::BadSegment { no, why } => self.bad_segment(no, &why),
            Urgent::BadDay { day, why } => self.bad_day(day, &why),
            Urgent::BadState(why) => self.bad_state(&why),
            Urgent::Cases(write, reply) => drop(reply.send(self.cases(&write))),
            Urgent::BadCases(why) => self.doubt_cases(&why),
            Urgent::Flush(reply) => {
                self.drain(now);
                let answer = self.commit(now);
                drop(reply.send(answer));
            }
            Urgent::Close(_) => {}
        }
    }

    /// Takes in what was handed over before.
    fn drain(&mut self, now: Instant) {
        while let Ok(append) = self.bulk.try_recv() {
            self.pending.push(append, self.points, now);
        }
    }

    /// Commits all that waits.
    fn commit(&mut self, now: Instant) -> Result<(), StoreError> {
        while !self.pending.is_empty() {
            if let Err(error) = self.commit_row() {
                let why = error.to_string();
                self.log_failed(&error, now);
                return Err(StoreError::Disk(why));
            }
        }
        self.work.retry = None;
        self.work.troubles.log = None;
        Ok(())
    }

    fn commit_row(&mut self) -> rusqlite::Result<()> {
        let level = self.level();
        self.lease_for(self.heads.telemetry + self.pending.shed + self.pending.len() as u64)?;
        let (chunks, row) = self.pending.row();
        let hole = self.pending.shed;
        let (count, seq_first) = (row.len() as u64, self.heads.telemetry + 1 + hole);
        if count > 0 {
            let stamp = Stamp {
                seq_first,
                boot: self.shared.boot,
                anchor: self.shared.clock.anchor(),
                journal_epoch: self.shared.epoch(Stream::Alarm),
                heads: self.heads,
            };
            let begun = Instant::now();
            let last = self.log.commit(stamp, &row, level)?;
            self.committed(last, count, hole, begun);
        }
        for receipt in self.pending.pop(chunks) {
            receipt.committed();
        }
        if self.log.is_full() {
            self.log.roll();
            self.quota_soon();
        }
        self.publish_segments();
        Ok(())
    }

    /// Sees to it that numbers up to `last` are leased. A failure is `state.db`'s own and has been dealt with there: for the
    /// outbox it only means "not now".
    fn lease_for(&mut self, last: u64) -> rusqlite::Result<()> {
        if last <= self.lease {
            return Ok(());
        }
        let lease = last + self.pending.len() as u64 * 64 + LEASE_MIN;
        let (epoch, head) = (self.log.epoch, self.heads.telemetry);
        let marks = Marks { epoch, head, lease, good_wall_ms: None, clean: false, cursors: &[] };
        self.with_state(|s| s.mark(&marks)).map_err(|error| {
            let code = rusqlite::ffi::Error { code: rusqlite::ErrorCode::SystemIoFailure, extended_code: 10 };
            rusqlite::Error::SqliteFailure(code, Some(error.to_string()))
        })?;
        self.lease = lease;
        Ok(())
    }

    fn committed(&mut self, last: u64, count: u64, hole: u64, begun: Instant) {
        if hole > 0 {
            let (from, to) = (self.heads.telemetry + 1, self.heads.telemetry + hole);
            let gap = Gap { stream: Stream::Telemetry, epoch: self.log.epoch, from, to, reason: GapReason::Evicted };
            self.work.gaps.push(gap);
            self.pending.shed = 0;
        }
        self.heads.telemetry = last;
        self.publish_segments();
        self.shared.heads.send_replace(self.heads);
        let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.shared.with_status(|s| {
            s.readings_committed += count;
            s.commits += 1;
            s.commit_ms_last = took;
            s.commit_ms_max = s.commit_ms_max.max(took);
        });
    }

    /// High compression while the box idles, none of the search for it under load.
    fn level(&mut self) -> usize {
        let now = self.shared.clock.boot().0;
        let since_ms = self.work.last_commit_ms.replace(now).map_or(5_000, |t| (now - t).max(1));
        let rate = self.pending.len() as f64 * 1_000.0 / since_ms as f64;
        self.work.rate = self.work.rate * 0.8 + rate * 0.2;
        match self.work.rate {
            r if r < 1_500.0 => 8,
            r if r < 10_000.0 => 3,
            _ => 0,
        }
    }

    fn publish_segments(&self) {
        self.shared.segments.write().unwrap_or_else(PoisonError::into_inner).clone_from(&self.log.segments);
    }

    /// A commit of readings failed: they stay in memory, the handle is dropped, the file looked at again.
    fn log_failed(&mut self, error: &rusqlite::Error, now: Instant) {
        let pause = self.work.retry.map_or(RETRY_FIRST, |(_, p)| (p * 2).min(RETRY_MOST));
        self.work.retry = Some((now + pause, pause));
        self.work.troubles.log = Some(error.to_string());
        tracing::error!(%error, "readings cannot be committed; they are kept in memory and tried again");
        match fault(error) {
            Fault::Damaged => {
                if let Some(no) = self.log.active_no() {
                    self.bad_segment(no, &error.to_string());
                }
                self.work.retry = Some((now, pause));
            }
            Fault::Full => {
                self.free_room(now);
            }
            Fault::Disk => {}
        }
        match self.log.reopen() {
            // The row reached the disk although its commit was reported as failed: it must not be stored twice.
            Ok(last) if last > self.heads.telemetry => {
                let (chunks, row) = self.pending.row();
                let count = row.len() as u64;
                self.committed(last, count, self.pending.shed, now);
                for receipt in self.pending.pop(chunks) {
                    receipt.committed();
                }
            }
            Ok(_) => self.publish_segments(),
            Err(error) if fault(&error) == Fault::Damaged => {
                if let Some(no) = self.log.active_no() {
                    self.bad_segment(no, &error.to_string());
                }
            }
            Err(_) => {}
        }
    }

    fn with_state<T>(&mut self, mut act: impl FnMut(&mut State) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let first = self.state.as_mut().map(&mut act);
        let done = match first {
            Some(Ok(done)) => Ok(done),
            Some(Err(error)) => {
                self.repair_state(&error);
                self.state.as_mut().map_or(Err(rusqlite::Error::InvalidQuery), act)
            }
            None => {
                self.repair_state(&rusqlite::Error::InvalidQuery);
                self.state.as_mut().map_or(Err(rusqlite::Error::InvalidQuery), act)
            }
        };
        self.journal_went(done)
    }

    /// A write to `state.db` failed: make room, or a new file, or at least a new handle.
    fn repair_state(&mut self, error: &rusqlite::Error) {
        match fault(error) {
            Fault::Damaged => return self.bad_state(&error.to_string()),
            Fault::Full => {
                self.free_room(Instant::now());
            }
            Fault::Disk => {}
        }
        match self.state.take().map(State::reopen) {
            Some(Ok(opened)) => self.take_state(opened),
            Some(Err(error)) if fault(&error) == Fault::Damaged => self.bad_state(&error.to_string()),
            // Opened twice, so that what reached the disk unnoticed is counted: no number may be given to two entries.
            Some(Err(_)) | None => match State::attach(&self.shared).and_then(State::reopen) {
                Ok(opened) => self.take_state(opened),
                Err(error) if fault(&error) == Fault::Damaged => self.bad_state(&error.to_string()),
                Err(_) => {}
            },
        }
    }

    fn take_state(&mut self, (state, heads): (State, Heads)) {
        self.state = Some(state);
        self.heads = Heads { telemetry: self.heads.telemetry, ..heads };
    }

    fn bad_state(&mut self, why: &str) {
        self.state = None;
        let cursors = self.all_cursors();
        match recover::rebuild_state(&self.shared.dir, self.shared.boot, &cursors) {
            Ok((state, kept, name)) => {
                let telemetry = self.heads.telemetry;
                self.heads = Heads { telemetry, ..kept.heads };
                self.shared.renew_state(state.epoch);
                self.state = Some(state);
                self.lease = 0;
                self.damaged(&name, why);
            }
            Err(error) => tracing::error!(%error, "state.db cannot be made anew; trying again at the next entry"),
        }
    }

    fn bad_segment(&mut self, no: u64, why: &str) {
        let Some((name, info)) = self.log.quarantine(no, self.shared.boot) else { return };
        self.publish_segments();
        if info.seq_first > 0 {
            let (from, to) = (info.seq_first, info.seq_last);
            self.declare(Gap {
                stream: Stream::Telemetry,
                epoch: self.log.epoch,
                from,
                to,
                reason: GapReason::Corrupt,
            });
        }
        self.damaged(&name, why);
    }

    /// Tells people that a file was put aside.
    pub(crate) fn damaged(&mut self, name: &str, why: &str) {
        tracing::error!(file = name, why, "a damaged file of the store was put aside; everything else goes on");
        self.shared.with_status(|s| s.quarantined += 1);
        let facts = serde_json::json!({ "file": name, "why": why });
        let note = Note { stream: Stream::Event, kind: "store_damaged".into(), subject: String::new(), facts };
        if let Err(error) = self.note(&note) {
            tracing::error!(%error, "the damage cannot be entered in the journal");
        }
    }

    /// Declares a hole in table and journal; kept for later when the disk does not take it now.
    pub(crate) fn declare(&mut self, gap: Gap) {
        match self.with_state(|s| s.gap(&gap)) {
            Ok(true) => {
                tracing::error!(?gap, "a hole in a stream was declared");
                let facts = serde_json::json!({ "gap": gap });
                let note = Note { stream: Stream::Event, kind: "gap".into(), subject: String::new(), facts };
                if let Err(error) = self.note(&note) {
                    tracing::error!(%error, "the hole cannot be entered in the journal");
                }
            }
            Err(_) if self.work.gaps.len() < 1_000 => self.work.gaps.push(gap),
            Ok(false) | Err(_) => {}
        }
    }

    fn confirm(&mut self, upstream: String, stream: Stream, cursor: Cursor) -> Result<(), StoreError> {
        let head = self.heads.get(stream);
        if cursor.epoch == self.shared.epoch(stream) && cursor.seq > head {
            // Believed, it would let rows be evicted as sent that nobody has.
            return Err(StoreError::Entry(format!("confirmed up to {}, but the stream ends at {head}", cursor.seq)));
        }
        let now = self.shared.cursor(&upstream, stream);
        if now.is_some_and(|c| c.epoch == cursor.epoch && c.seq >= cursor.seq) {
            return Ok(());
        }
        let row = (upstream, stream, cursor);
        let telemetry = stream == Stream::Telemetry;
        if !telemetry {
            self.with_state(|s| s.cursors(std::slice::from_ref(&row)))?;
        }
        let mut cursors = self.shared.cursors.write().unwrap_or_else(PoisonError::into_inner);
        cursors.insert((row.0, stream), cursor);
        self.work.dirty_cursors |= telemetry;
        Ok(())
    }

    fn all_cursors(&self) -> Vec<(String, Stream, Cursor)> {
        let cursors = self.shared.cursors.read().unwrap_or_else(PoisonError::into_inner);
        cursors.iter().map(|((u, s), c)| (u.clone(), *s, *c)).collect()
    }

    pub(crate) fn first_anchor(&mut self) {
        let anchor = self.shared.clock.anchor();
        if self.with_state(|s| s.anchor(anchor)).is_ok() {
            self.shared.add_anchor(anchor);
        }
    }

    /// The orderly end: everything committed, exact marks, files without WAL.
    fn shut(&mut self) {
        let now = Instant::now();
        self.urgent.close();
        self.bulk.close();
        self.drain(now);
        let stored = self.commit(now).is_ok();
        self.enter_gaps();
        let head = self.heads.telemetry;
        let closed = self.log.close();
        let cursors = self.all_cursors();
        let good_wall_ms = self.good_wall();
        let epoch = self.log.epoch;
        let clean = stored && closed.is_ok();
        let marks = Marks { epoch, head, lease: head, good_wall_ms, clean, cursors: &cursors };
        let marked = self.with_state(|s| s.mark(&marks).and_then(|()| s.checkpoint()));
        if let Err(error) = marked {
            tracing::error!(%error, "the orderly end cannot be marked; the next start checks everything");
        }
        self.state = None;
        self.cases = None;
    }

    fn enter_gaps(&mut self) {
        for gap in std::mem::take(&mut self.work.gaps) {
            self.declare(gap);
        }
    }
}

/// Where the copy of `state.db` lives.
pub(crate) fn shadow_path(dir: &Path) -> std::path::PathBuf {
    dir.join("state.bak")
}
