//! What the writer does by the clock: marks, anchors, cursors, quota, the copy of `state.db`.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

use super::Writer;
use crate::model::journal::{Gap, GapReason, Note, Stream};
use crate::model::time::Trust;
use crate::store::files;
use crate::store::retain::{self, Victim};
use crate::store::state::Marks;

const TICK: Duration = Duration::from_secs(10);
const MARK_EVERY: Duration = Duration::from_secs(30);
const GOOD_WALL_EVERY: Duration = Duration::from_mins(10);
const SHADOW_EVERY: Duration = Duration::from_hours(24);
const SHADOW_SOON: Duration = Duration::from_mins(1);
/// A wall clock that differs by more from its anchor gets a new one.
const STEP_MS: i64 = 1_000;
/// Bytes of `state.db` above which the oldest events go.
const STATE_BYTES_MAX: u64 = 256 << 20;
const EVENTS_AT_ONCE: u64 = 2_000;
/// The reserve is taken again when so much is free: it must not be what fills the disk.
const ROOM_FOR_RESERVE: u64 = 2 * files::RESERVE_BYTES;

/// When what is due.
#[derive(Debug)]
pub(super) struct Plan {
    tick: Instant,
    mark: Instant,
    good_wall: Instant,
    shadow: Instant,
    marked: u64,
    anchored_ms: i64,
}

impl Plan {
    pub(super) fn new(now: Instant, boot_ms: i64) -> Self {
        Self {
            tick: now + Duration::from_secs(1),
            mark: now + MARK_EVERY,
            good_wall: now,
            shadow: now + SHADOW_SOON,
            marked: 0,
            anchored_ms: boot_ms,
        }
    }

    pub(super) fn next(&self) -> Instant {
        self.tick
    }

    pub(super) fn shadow_soon(&mut self, now: Instant) {
        self.shadow = self.shadow.min(now + SHADOW_SOON);
    }
}

impl Writer {
    pub(super) fn upkeep(&mut self, now: Instant) {
        if now < self.work.upkeep.tick {
            return;
        }
        self.work.upkeep.tick = now + TICK;
        self.anchor();
        self.enter_gaps();
        let moved = self.heads.telemetry != self.work.upkeep.marked || self.work.dirty_cursors;
        let good_wall = now >= self.work.upkeep.good_wall;
        if now >= self.work.upkeep.mark && moved || good_wall || self.work.dirty_cursors {
            self.mark(now, good_wall);
        }
        if now >= self.work.upkeep.shadow {
            self.shadow(now);
        }
        self.log.seal_left_over();
        self.sizes();
        self.quota();
    }

    fn mark(&mut self, now: Instant, good_wall: bool) {
        let cursors = if self.work.dirty_cursors { self.all_cursors() } else { Vec::new() };
        let (epoch, head) = (self.log.epoch, self.heads.telemetry);
        let made = head.saturating_sub(self.work.upkeep.marked);
        let lease = self.lease.max(head + made * 4 + super::LEASE_MIN);
        let good_wall_ms = good_wall.then(|| self.good_wall()).flatten();
        let marks = Marks { epoch, head, lease, good_wall_ms, clean: false, cursors: &cursors };
        if self.with_state(|s| s.mark(&marks)).is_ok() {
            self.lease = lease;
            self.work.dirty_cursors = false;
            self.work.upkeep.marked = head;
            self.work.upkeep.mark = now + MARK_EVERY;
            if good_wall {
                self.work.upkeep.good_wall = now + GOOD_WALL_EVERY;
            }
        }
    }

    /// Wall time worth remembering.
    pub(super) fn good_wall(&self) -> Option<i64> {
        let anchor = self.shared.clock.anchor();
        (anchor.trust != Trust::Unset).then_some(anchor.wall.0)
    }

    /// A new anchor when the clock has stepped or has become more trustworthy.
    fn anchor(&mut self) {
        let now = self.shared.clock.anchor();
        let last = self.shared.last_anchor();
        let step = last.map_or(0, |l| now.wall.0.saturating_sub(l.wall_at(now.boot).0));
        let better = last.is_none_or(|l| now.trust > l.trust);
        if !better && step.abs() <= STEP_MS {
            return;
        }
        if self.with_state(|s| s.anchor(now)).is_err() {
            return;
        }
        self.shared.add_anchor(now);
        if step.abs() > STEP_MS && now.boot.0 > self.work.upkeep.anchored_ms {
            let facts = serde_json::json!({ "step_ms": step, "anchor": now });
            let note = Note { stream: Stream::Event, kind: "clock_step".into(), subject: String::new(), facts };
            if let Err(error) = self.note(&note) {
                tracing::warn!(%error, "a step of the wall clock cannot be entered in the journal");
            }
        }
        self.work.upkeep.anchored_ms = now.boot.0;
    }

    fn shadow(&mut self, now: Instant) {
        let to = super::shadow_path(&self.shared.dir);
        let fresh = std::fs::metadata(&to).and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
        let due = fresh.is_none_or(|age| age > SHADOW_EVERY / 2) || self.work.upkeep.shadow + SHADOW_EVERY > now;
        self.work.upkeep.shadow = now + SHADOW_EVERY;
        if due && let Err(error) = self.with_state(|s| s.shadow(&to)) {
            tracing::warn!(%error, "the copy of state.db cannot be made; tried again tomorrow");
        }
    }

    fn sizes(&mut self) {
        let dir = &self.shared.dir;
        let state = files::bytes_of(&dir.join("state.db")) + files::bytes_of(&super::shadow_path(dir));
        let most = retain::bytes_max(self.config.size_max, files::partition(dir).map(|p| p.0));
        self.shared.with_status(|s| {
            s.state_bytes = state;
            s.bytes_max = most;
        });
        if state > STATE_BYTES_MAX {
            self.trim_events();
        }
    }

    fn trim_events(&mut self) {
        if let Ok(Some((from, to))) = self.with_state(|s| s.trim_events(EVENTS_AT_ONCE)) {
            let epoch = self.shared.epoch(Stream::Event);
            self.declare(Gap { stream: Stream::Event, epoch, from, to, reason: GapReason::Evicted });
        }
    }

    fn quota(&mut self) {
        for _ in 0..16 {
            let status = self.shared.status();
            let used = status.log_bytes + status.history_bytes + status.state_bytes;
            if used.saturating_mul(10) <= status.bytes_max.saturating_mul(9) || status.bytes_max == 0 {
                break;
            }
            if !self.evict() {
                break;
            }
        }
        self.reserve();
    }

    /// Takes the reserve again when there is room; until then people are told that the disk is full.
    fn reserve(&mut self) {
        let dir = &self.shared.dir;
        let free = files::partition(dir).map_or(u64::MAX, |p| p.1);
        if files::has_reserve(dir) || self.shared.volatile.is_some() {
            self.work.troubles.room = None;
        } else if free >= ROOM_FOR_RESERVE {
            if self.work.retry.is_none() && self.shared.volatile.is_none() {
                files::take_reserve(dir);
            }
            self.work.troubles.room = None;
        } else {
            let left = free >> 20;
            let text = format!("the disk is full: {left} MiB left, the reserve for alarms is in use; free some room");
            self.work.troubles.room = Some(text);
        }
    }

    /// A segment is full: looks at the quota at the end of this turn.
    pub(super) fn quota_soon(&mut self) {
        self.work.upkeep.tick = Instant::now();
    }

    /// A day of the history cannot be read: it is put aside.
    pub(super) fn bad_day(&mut self, day: i64, why: &str) {
        let path = files::day_path(&self.shared.dir, day);
        let name = files::quarantine(&self.shared.dir, &path, self.shared.boot).unwrap_or_default();
        self.shared.days.write().unwrap_or_else(PoisonError::into_inner).retain(|d| d.day != day);
        self.damaged(&name, why);
    }

    /// The disk is full: gives the reserve back, then evicts one file.
    pub(crate) fn free_room(&mut self, now: Instant) -> bool {
        self.work.upkeep.tick = self.work.upkeep.tick.min(now + Duration::from_secs(1));
        files::free_reserve(&self.shared.dir) || self.evict()
    }

    /// Deletes the file that is missed least; `false` if there is none to delete.
    fn evict(&mut self) -> bool {
        let segments = self.shared.segments();
        let days = self.shared.days();
        let confirmed = self.shared.confirmed(&self.upstreams);
        match retain::victim(&segments, &days, confirmed, self.shared.folded().tail_from) {
            Some(Victim::Segment { no, unconfirmed }) => {
                let Some(info) = self.log.evict(no) else { return false };
                self.publish_segments();
                if unconfirmed {
                    let from = info.seq_first.max(confirmed.unwrap_or(0) + 1);
                    let (epoch, to) = (self.log.epoch, info.seq_last);
                    self.declare(Gap { stream: Stream::Telemetry, epoch, from, to, reason: GapReason::Evicted });
                }
                true
            }
            Some(Victim::Day(day)) => {
                let gone = files::remove(&files::day_path(&self.shared.dir, day)).is_ok();
                self.shared.forget_day(day);
                gone
            }
            None => {
                self.roll_to_evict();
                false
            }
        }
    }

    /// Only the open segment is left: close it, so that the next round can take it.
    fn roll_to_evict(&mut self) {
        if self.shared.status().log_bytes > self.log.segment_bytes_max / 2 {
            self.log.roll();
        }
        self.publish_segments();
    }
}
