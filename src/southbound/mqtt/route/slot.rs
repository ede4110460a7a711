//! What the router keeps of one device: its points, last deliveries, rate, presence, counters. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::id::{DeviceIx, PointIx};
use crate::model::link::{LinkChange, LinkOf, LinkState, LinkStats};
use crate::model::quality::Quality;
use crate::model::reading::{Raw, Sample, Scan};
use crate::model::text::Text;
use crate::model::time::BootMs;
use crate::profile::message::{Message, MessageError, MessageMap};
use crate::profile::{PointSource, Profile};
use crate::southbound::mqtt::limits::{DEDUP_MAX, DEVICE_RATE_PER_S, DUP_WINDOW_MS, KEY_WINDOW_MS, LIVE_TOPICS_MAX};
use crate::southbound::mqtt::rate::Bucket;

use super::{Incoming, RouteDevice, hash_of};

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Slot {
    device: DeviceIx,
    first_point: PointIx,
    profile: Arc<Profile>,
    map: Arc<MessageMap>,
    silence_ms: Option<i64>,
    seen: VecDeque<(u64, BootMs)>,
    /// Connection, and topics that it brought live messages of; the oldest is forgotten.
    live: (u64, VecDeque<u64>),
    bucket: Option<Bucket>,
    burst: f64,
    state: LinkState,
    heard_at: Option<BootMs>,
    heard_over: Option<u64>,
    stats: LinkStats,
    told: LinkStats,
}

impl Slot {
    pub(super) fn new(device: RouteDevice, map: Arc<MessageMap>, burst: f64) -> Self {
        let RouteDevice { device, first_point, profile, silence, .. } = device;
        Self {
            device,
            first_point,
            profile,
            map,
            silence_ms: silence.map(|s| i64::try_from(s.as_millis()).unwrap_or(i64::MAX)),
            seen: VecDeque::new(),
            live: (0, VecDeque::new()),
            bucket: None,
            burst,
            state: LinkState::Initial,
            heard_at: None,
            heard_over: None,
            stats: LinkStats::default(),
            told: LinkStats::default(),
        }
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

    /// Reads a message that came by the given topics of the profile: one message, however many of them match.
    pub(super) fn read(&self, topics: impl Iterator<Item = usize>, payload: &[u8]) -> Message {
        let mut whole = Message { samples: Vec::new(), source_ms: None, dedup: None };
        for topic in topics {
            let part = self.map.read(topic, payload).unwrap_or_else(|error| self.unreadable(topic, &error));
            let known = whole.samples.len();
            for sample in part.samples {
                if !whole.samples[..known].iter().any(|(point, _)| *point == sample.0) {
                    whole.samples.push(sample);
                }
            }
            whole.source_ms = whole.source_ms.or(part.source_ms);
            whole.dedup = whole.dedup.or(part.dedup);
        }
        whole
    }

    /// A payload that cannot be read: every point that it might have carried is bad.
    fn unreadable(&self, topic: usize, error: &MessageError) -> Message {
        tracing::debug!(device = self.device.0, %error, "message cannot be read");
        let bad = (0_u32..).zip(&self.profile.points).filter_map(|(at, point)| match &point.source {
            PointSource::Message { topic: wanted, .. } if wanted.is_none_or(|w| w == topic) => {
                Some((at, Raw::Bad(Quality::BadProtocol)))
            }
            _ => None,
        });
        Message { samples: bad.collect(), source_ms: None, dedup: None }
    }

    /// What this delivery is recognised by: the profile's key, else topic, payload and packet id.
    pub(super) fn hash_of(&self, incoming: &Incoming<'_>, message: &Message) -> Option<u64> {
        if self.has_key() {
            return message.dedup.as_ref().map(|key| hash_of((1_u8, key)));
        }
        incoming.packet_id.map(|id| hash_of((2_u8, id, incoming.topic, incoming.payload)))
    }

    fn has_key(&self) -> bool {
        self.profile.mqtt.as_ref().is_some_and(|mapping| mapping.dedup.is_some())
    }

    /// With a key of its own any repetition is a duplicate; without, only what the sender marks as sent before, since a
    /// device may well say the same thing twice.
    pub(super) fn is_duplicate(&mut self, hash: u64, dup: bool, now: BootMs) -> bool {
        let window = if self.has_key() { KEY_WINDOW_MS } else { DUP_WINDOW_MS };
        if !self.has_key() && !dup {
            return false;
        }
        let found = self.seen.iter().any(|(known, at)| *known == hash && now.since(*at) <= window);
        self.stats.rejects += u64::from(found);
        found
    }

    /// Whether this is a retained message of a topic that has brought a live one over the same connection: an old value
    /// must not replace a newer one.
    pub(super) fn is_superseded(&mut self, incoming: &Incoming<'_>) -> bool {
        if self.live.0 != incoming.source {
            self.live = (incoming.source, VecDeque::new());
        }
        let (topic, topics) = (hash_of(incoming.topic), &mut self.live.1);
        let known = topics.contains(&topic);
        if incoming.retained {
            self.stats.rejects += u64::from(known);
            return known;
        }
        if !known && !incoming.will {
            if topics.len() == LIVE_TOPICS_MAX {
                topics.pop_front();
            }
            topics.push_back(topic);
        }
        false
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

    /// The values of a message; none if it mentions no point of this device.
    pub(super) fn scan(&mut self, message: Message, old: bool, now: BootMs) -> Option<Scan> {
        let bad = message.samples.iter().any(|(_, raw)| *raw == Raw::Bad(Quality::BadProtocol));
        self.stats.rejects += u64::from(bad);
        self.stats.answers += u64::from(!bad);
        if message.samples.is_empty() {
            return None;
        }
        let first = self.first_point.0;
        let samples = message.samples.into_iter().map(|(at, raw)| Sample { point: PointIx(first + at), raw }).collect();
        Some(Scan { device: self.device, at: now, source_ms: message.source_ms, old, samples, receipt: None })
    }

    /// An availability message; `source` is none for a will, which is nobody speaking.
    pub(super) fn availability(&mut self, payload: &[u8], source: Option<u64>, now: BootMs) -> Option<LinkChange> {
        match self.map.availability(payload) {
            Ok(Some(true)) => {
                self.stats.answers += 1;
                self.heard_at = Some(now);
                self.heard_over = source.or(self.heard_over);
                self.change(LinkState::Up, || Text::new("设备报告在线", "the device says that it is there"), now)
            }
            Ok(Some(false)) => {
                self.stats.answers += 1;
                let words = || Text::new("设备或其代理报告离线", "the device or its broker says that it is gone");
                self.change(LinkState::Down, words, now)
            }
            Ok(None) | Err(_) => {
                self.stats.rejects += 1;
                None
            }
        }
    }

    pub(super) fn heard(&mut self, source: u64, now: BootMs) -> Option<LinkChange> {
        self.heard_at = Some(now);
        self.heard_over = Some(source);
        self.change(LinkState::Up, || Text::new("设备有数据上报", "the device sends"), now)
    }

    pub(super) fn was_heard_over(&self, source: u64) -> bool {
        self.heard_over.is_none_or(|over| over == source)
    }

    pub(super) fn lost(&mut self, source: u64, reason: &Text, now: BootMs) -> Option<LinkChange> {
        if self.heard_over != Some(source) {
            return None;
        }
        self.heard_over = None;
        self.change(LinkState::Down, || reason.clone(), now)
    }

    pub(super) fn refused(&mut self, reason: &Text, now: BootMs) -> Option<LinkChange> {
        let change = self.change(LinkState::Down, || reason.clone(), now)?;
        Some(LinkChange { quality: Quality::BadRefused, ..change })
    }

    pub(super) fn silent(&mut self, now: BootMs) -> Option<LinkChange> {
        let silence_ms = self.silence_ms?;
        let since = *self.heard_at.get_or_insert(now);
        if now.since(since) < silence_ms || self.state == LinkState::Down {
            return None;
        }
        self.stats.timeouts += 1;
        let seconds = now.since(since) / 1000;
        let words = || {
            let zh = format!("{seconds} 秒没有收到设备的数据");
            Text::new(&zh, &format!("nothing heard from the device for {seconds} s"))
        };
        self.change(LinkState::Down, words, now)
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

    fn change(&mut self, state: LinkState, words: impl FnOnce() -> Text, now: BootMs) -> Option<LinkChange> {
        if self.state == state {
            return None;
        }
        self.state = state;
        let quality = if state == LinkState::Up { Quality::Good } else { Quality::BadOffline };
        Some(LinkChange { of: LinkOf::Device(self.device), state, quality, reason: words(), at: now })
    }
}
