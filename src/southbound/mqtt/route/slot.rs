//! What the router keeps of one device: compiled points, last deliveries, rate, presence, counters. Pure.

use std::collections::VecDeque;

use crate::model::id::{DeviceIx, PointIx};
use crate::model::link::{LinkChange, LinkOf, LinkState, LinkStats};
use crate::model::quality::Quality;
use crate::model::reading::{PointKind, Raw, Sample, Scan};
use crate::model::time::BootMs;
use crate::profile::TimeFormat;
use crate::southbound::mqtt::extract::{MessagePoint, Payload, Pointer};
use crate::southbound::mqtt::limits::{DEDUP_MAX, DEVICE_RATE_PER_S, DUP_WINDOW_MS, KEY_WINDOW_MS};
use crate::southbound::mqtt::rate::Bucket;

use super::{Incoming, RouteDevice, RouteError, hash_of};

#[derive(Debug)]
struct Point {
    point: PointIx,
    pointer: Pointer,
    topic: Option<usize>,
    words: Vec<(String, f64)>,
    kind: PointKind,
}

#[derive(Debug)]
struct Presence {
    pointer: Pointer,
    online: String,
    offline: String,
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Slot {
    device: DeviceIx,
    points: Vec<Point>,
    time: Option<(Pointer, TimeFormat)>,
    dedup: Option<Pointer>,
    presence: Option<Presence>,
    silence_ms: Option<i64>,
    seen: VecDeque<(u64, BootMs)>,
    bucket: Option<Bucket>,
    burst: f64,
    state: LinkState,
    heard_at: Option<BootMs>,
    heard_over: Option<u64>,
    stats: LinkStats,
    told: LinkStats,
}

impl Slot {
    pub(super) fn new(device: RouteDevice, burst: f64) -> Result<Self, RouteError> {
        let RouteDevice { device, mapping, points, silence, .. } = device;
        let presence = match mapping.availability {
            Some(a) => Some(Presence { pointer: pointer(&a.pointer)?, online: a.online, offline: a.offline }),
            None => None,
        };
        let time = match &mapping.time {
            Some(text) => Some((pointer(text)?, mapping.time_format)),
            None => None,
        };
        Ok(Self {
            device,
            points: points.into_iter().map(compile).collect::<Result<_, _>>()?,
            time,
            dedup: mapping.dedup.as_deref().map(pointer).transpose()?,
            presence,
            silence_ms: silence.map(|s| i64::try_from(s.as_millis()).unwrap_or(i64::MAX)),
            seen: VecDeque::new(),
            bucket: None,
            burst,
            state: LinkState::Initial,
            heard_at: None,
            heard_over: None,
            stats: LinkStats::default(),
            told: LinkStats::default(),
        })
    }

    fn bucket(&mut self, now: BootMs) -> &mut Bucket {
        let burst = self.burst;
        self.bucket.get_or_insert_with(|| Bucket::new(burst, 1000.0 / DEVICE_RATE_PER_S, now))
    }

    pub(super) fn wait_ms(&mut self, now: BootMs) -> u64 {
        self.bucket(now).wait_ms(now)
    }

    pub(super) fn take_token(&mut self, now: BootMs) -> bool {
        let taken = self.bucket(now).take(now);
        self.stats.missed += u64::from(!taken);
        taken
    }

    pub(super) fn count_message(&mut self) {
        self.stats.polls += 1;
    }

    /// What this delivery is recognised by: the profile's key, else topic, payload and packet id.
    pub(super) fn hash_of(&self, message: &Incoming<'_>, payload: &Payload<'_>) -> Option<u64> {
        if let Some(pointer) = &self.dedup {
            return payload.word(pointer).map(|word| hash_of((1_u8, word)));
        }
        message.packet_id.map(|id| hash_of((2_u8, id, message.topic, message.payload)))
    }

    /// With a key of its own any repetition is a duplicate; without, only what the sender marks as sent before, since a
    /// device may well say the same thing twice.
    pub(super) fn is_duplicate(&mut self, hash: u64, dup: bool, now: BootMs) -> bool {
        let window = if self.dedup.is_some() { KEY_WINDOW_MS } else { DUP_WINDOW_MS };
        if self.dedup.is_none() && !dup {
            return false;
        }
        let found = self.seen.iter().any(|(known, at)| *known == hash && now.since(*at) <= window);
        self.stats.rejects += u64::from(found);
        found
    }

    pub(super) fn remember(&mut self, hash: u64, now: BootMs) {
        if self.seen.len() == DEDUP_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back((hash, now));
    }

    pub(super) fn forget(&mut self, hash: u64) {
        self.seen.retain(|(known, _)| *known != hash);
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.seen.len()
    }

    /// The values of a message; `came_by` says which topics of the mapping it came by.
    pub(super) fn scan(
        &mut self,
        came_by: impl Fn(usize) -> bool,
        old: bool,
        payload: &Payload<'_>,
        now: BootMs,
    ) -> Option<Scan> {
        let samples: Vec<Sample> = self
            .points
            .iter()
            .filter(|p| p.topic.is_none_or(&came_by))
            .filter_map(|p| {
                let raw = payload.raw(&p.pointer, &p.words, p.kind)?;
                Some(Sample { point: p.point, raw })
            })
            .collect();
        let bad = samples.iter().any(|s| matches!(s.raw, Raw::Bad(Quality::BadProtocol)));
        if bad {
            self.stats.rejects += 1;
        } else {
            self.stats.answers += 1;
        }
        if samples.is_empty() {
            return None;
        }
        let source_ms = self.time.as_ref().and_then(|(pointer, format)| payload.time_ms(pointer, *format));
        Some(Scan { device: self.device, at: now, source_ms, old, samples, receipt: None })
    }

    /// An availability message; `source` is none for a will, which is nobody speaking.
    pub(super) fn availability(
        &mut self,
        payload: &Payload<'_>,
        source: Option<u64>,
        now: BootMs,
    ) -> Option<LinkChange> {
        let presence = self.presence.as_ref()?;
        let word = payload.word(&presence.pointer)?;
        if word == presence.online {
            self.stats.answers += 1;
            self.heard_at = Some(now);
            self.heard_over = source.or(self.heard_over);
            self.change(LinkState::Up, "the device says that it is there", now)
        } else if word == presence.offline {
            self.stats.answers += 1;
            self.change(LinkState::Down, "the device or its broker says that it is gone", now)
        } else {
            self.stats.rejects += 1;
            None
        }
    }

    pub(super) fn heard(&mut self, source: u64, now: BootMs) -> Option<LinkChange> {
        self.heard_at = Some(now);
        self.heard_over = Some(source);
        self.change(LinkState::Up, "the device sends", now)
    }

    pub(super) fn was_heard_over(&self, source: u64) -> bool {
        self.heard_over.is_none_or(|over| over == source)
    }

    pub(super) fn lost(&mut self, source: u64, reason: &str, now: BootMs) -> Option<LinkChange> {
        if self.heard_over != Some(source) {
            return None;
        }
        self.heard_over = None;
        self.change(LinkState::Down, reason, now)
    }

    pub(super) fn silent(&mut self, now: BootMs) -> Option<LinkChange> {
        let silence_ms = self.silence_ms?;
        let since = *self.heard_at.get_or_insert(now);
        if now.since(since) < silence_ms || self.state == LinkState::Down {
            return None;
        }
        self.stats.timeouts += 1;
        let reason = format!("nothing heard from the device for {} s", now.since(since) / 1000);
        self.change(LinkState::Down, &reason, now)
    }

    pub(super) fn restart_silence(&mut self, now: BootMs) {
        self.heard_at = Some(now);
    }

    pub(super) fn take_stats(&mut self) -> Option<(DeviceIx, LinkStats)> {
        if self.stats == self.told {
            return None;
        }
        self.told = self.stats;
        Some((self.device, self.stats))
    }

    fn change(&mut self, state: LinkState, reason: &str, now: BootMs) -> Option<LinkChange> {
        if self.state == state {
            return None;
        }
        self.state = state;
        let quality = if state == LinkState::Up { Quality::Good } else { Quality::BadOffline };
        Some(LinkChange { of: LinkOf::Device(self.device), state, quality, reason: reason.to_owned(), at: now })
    }
}

fn compile(point: MessagePoint) -> Result<Point, RouteError> {
    let MessagePoint { point, pointer: text, topic, words, kind } = point;
    Ok(Point { point, pointer: pointer(&text)?, topic, words, kind })
}

fn pointer(text: &str) -> Result<Pointer, RouteError> {
    Pointer::new(text).ok_or_else(|| RouteError::BadPointer(text.to_owned()))
}
