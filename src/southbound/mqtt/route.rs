//! Which message belongs to which device, and what it says. Pure: time is an argument, nothing is sent from here.
//!
//! Owns, per device: its points, the last deliveries (duplicates), a token bucket (floods), whether it is there, and its
//! counters. Topics without wildcards are found by hash, those with wildcards in a trie, both built once.
//!
//! Invariants: a duplicate yields no scan; a retained message is marked old, does not prove that its device lives, and never
//! replaces what came live over the same connection (a broker sends what it queued for us before what it retains); a
//! message that cannot be read makes its points `Bad`, never a number. Bounds: [`super::limits`]; memory per device is
//! fixed after start.

mod slot;
mod table;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crate::model::id::{DeviceIx, PointIx};
use crate::model::link::{LinkChange, LinkStats};
use crate::model::reading::Scan;
use crate::model::text::Text;
use crate::model::time::BootMs;
use crate::profile::message::MessageMap;
use crate::profile::{PointSource, Profile};

use super::limits::{DEVICE_BACKLOG, DEVICE_BURST, PAYLOAD_BYTES_MAX};
use super::topic;
use slot::Slot;
use table::Table;

/// A device as the router needs it.
#[derive(Debug, Clone)]
pub struct RouteDevice {
    /// The device.
    pub device: DeviceIx,
    /// Its first point; the others follow in the order of the profile.
    pub first_point: PointIx,
    /// Its topic prefix, without wildcards.
    pub topic: String,
    /// How its messages are found and read; the same `Arc` for look-alikes, so that it is compiled once.
    pub profile: Arc<Profile>,
    /// After so long without a live message it counts as offline; `None` for devices that speak when they like.
    pub silence: Option<Duration>,
}

/// A mistake in what the router was given; the profile or the site must be corrected, retrying is useless.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// A topic or filter that MQTT does not allow.
    #[error("`{0}` is not a valid MQTT topic filter of at most 256 bytes")]
    BadFilter(String),
    /// A device's own topic holds a wildcard.
    #[error("topic `{0}` of a device must not contain `+` or `#`")]
    WildTopic(String),
    /// A Modbus profile on an MQTT line.
    #[error("profile `{0}` does not say how messages are read: it is not for MQTT")]
    NoMessages(String),
    /// A point names a topic that the profile does not have.
    #[error("a point of profile `{0}` reads topic number {1}, but the profile has fewer topics")]
    NoSuchTopic(String, usize),
}

/// What becomes of messages above a device's rate; see [`super::limits::DEVICE_RATE_PER_S`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flood {
    /// The sender can be made to wait: ask [`Router::wait_ms`] first. For the listener.
    Delay,
    /// It cannot, without holding up others: the message is dropped and counted. For brokers.
    Drop,
}

/// One message as it came.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Payload.
    pub payload: &'a [u8],
    /// A broker kept it: true once, of unknown age.
    pub retained: bool,
    /// Packet id, for QoS 1 and 2.
    pub packet_id: Option<u16>,
    /// The sender says that it has sent this before.
    pub dup: bool,
    /// The will of a lost connection: ignored for devices that have been heard over another one since.
    pub will: bool,
    /// Number of the connection that brought it.
    pub source: u64,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It belongs to at least one device.
    Routed,
    /// Seen before.
    Duplicate,
    /// Nobody's. Acknowledged and counted.
    Unmatched,
    /// Above the rate of its device: dropped and counted.
    Throttled,
    /// Too large, or a topic that is none: dropped and counted.
    Rejected,
}

/// A delivery that is remembered; forgotten again when it was not stored after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    slot: u32,
    hash: u64,
}

/// What a message brought, in the order in which it should be told: links, then scans.
#[derive(Debug)]
pub struct Routed {
    /// What became of it.
    pub outcome: Outcome,
    /// Devices that came or went.
    pub links: Vec<LinkChange>,
    /// Values, without receipts.
    pub scans: Vec<Scan>,
    /// What to hand to [`Router::forget`] if it is not stored.
    pub keys: Vec<Key>,
}

impl Routed {
    fn of(outcome: Outcome) -> Self {
        Self { outcome, links: Vec::new(), scans: Vec::new(), keys: Vec::new() }
    }
}

/// A subscription that the router needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The filter, in full.
    pub filter: String,
    /// Devices that depend on it.
    pub devices: Vec<DeviceIx>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Values; the topic's position in the mapping.
    Data(usize),
    Availability,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hit {
    slot: u32,
    part: Part,
}

/// Totals of a line since start, beside those of its devices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RouteStats {
    /// Messages handed in.
    pub messages: u64,
    /// Belonged to a device.
    pub routed: u64,
    /// Seen before.
    pub duplicates: u64,
    /// Nobody's.
    pub unmatched: u64,
    /// Dropped for their device's rate.
    pub throttled: u64,
    /// Too large or malformed topic.
    pub rejected: u64,
}

/// The router of one line.
#[derive(Debug)]
pub struct Router {
    slots: Vec<Slot>,
    table: Table<Hit>,
    wanted: Vec<Wanted>,
    prefixes: Vec<(DeviceIx, String)>,
    hits: Vec<Hit>,
    stats: RouteStats,
}

impl Router {
    /// Compiles the devices of one line.
    pub fn new(devices: Vec<RouteDevice>, flood: Flood) -> Result<Self, RouteError> {
        let burst = match flood {
            Flood::Delay => DEVICE_BURST,
            Flood::Drop => DEVICE_BACKLOG,
        };
        let mut router = Self {
            slots: Vec::with_capacity(devices.len()),
            table: Table::default(),
            wanted: Vec::new(),
            prefixes: Vec::with_capacity(devices.len()),
            hits: Vec::new(),
            stats: RouteStats::default(),
        };
        // Look-alikes share a profile, and so its compiled map.
        let mut maps: HashMap<*const Profile, Arc<MessageMap>> = HashMap::new();
        let mut filters = HashMap::new();
        for device in devices {
            let map = match maps.entry(Arc::as_ptr(&device.profile)) {
                Entry::Occupied(known) => Arc::clone(known.get()),
                Entry::Vacant(new) => {
                    let map = MessageMap::new(&device.profile);
                    let map = map.ok_or_else(|| RouteError::NoMessages(device.profile.id.clone()))?;
                    Arc::clone(new.insert(Arc::new(map)))
                }
            };
            router.add(device, map, burst, &mut filters)?;
        }
        Ok(router)
    }

    fn add(
        &mut self,
        device: RouteDevice,
        map: Arc<MessageMap>,
        burst: f64,
        filters: &mut HashMap<String, usize>,
    ) -> Result<(), RouteError> {
        if topic::is_wild(&device.topic) {
            return Err(RouteError::WildTopic(device.topic));
        }
        let slot = u32::try_from(self.slots.len()).expect("a site has fewer than 2^32 devices");
        let mapping = device.profile.mqtt.as_ref().ok_or_else(|| RouteError::NoMessages(device.profile.id.clone()))?;
        for (ix, rest) in mapping.topics.iter().enumerate() {
            self.want(&device, rest, Hit { slot, part: Part::Data(ix) }, filters)?;
        }
        if let Some(availability) = &mapping.availability {
            self.want(&device, &availability.topic, Hit { slot, part: Part::Availability }, filters)?;
        }
        let topics = device.profile.points.iter().filter_map(|point| match &point.source {
            PointSource::Message { topic, .. } => *topic,
            _ => None,
        });
        if let Some(missing) = topics.into_iter().find(|ix| *ix >= mapping.topics.len()) {
            return Err(RouteError::NoSuchTopic(device.profile.id.clone(), missing));
        }
        self.prefixes.push((device.device, device.topic.clone()));
        self.slots.push(Slot::new(device, map, burst));
        Ok(())
    }

    fn want(
        &mut self,
        device: &RouteDevice,
        rest: &str,
        hit: Hit,
        filters: &mut HashMap<String, usize>,
    ) -> Result<(), RouteError> {
        let filter = format!("{}{rest}", device.topic);
        if !topic::is_filter(&filter) {
            return Err(RouteError::BadFilter(filter));
        }
        self.table.insert(&filter, hit);
        let at = *filters.entry(filter.clone()).or_insert_with(|| {
            self.wanted.push(Wanted { filter, devices: Vec::new() });
            self.wanted.len() - 1
        });
        self.wanted[at].devices.push(device.device);
        Ok(())
    }

    /// The subscriptions to make at a broker.
    #[must_use]
    pub fn wanted(&self) -> &[Wanted] {
        &self.wanted
    }

    /// Devices with their topic prefixes.
    #[must_use]
    pub fn prefixes(&self) -> &[(DeviceIx, String)] {
        &self.prefixes
    }

    /// Totals since start.
    #[must_use]
    pub fn stats(&self) -> RouteStats {
        self.stats
    }

    /// How long the sender of a message to `topic` should be made to wait; 0 for not at all.
    pub fn wait_ms(&mut self, topic: &str, now: BootMs) -> u64 {
        let mut hits = std::mem::take(&mut self.hits);
        self.table.find(topic, &mut hits);
        let wait = hits.iter().map(|hit| self.slots[hit.slot as usize].wait_ms(now)).max().unwrap_or(0);
        self.hits = hits;
        wait
    }

    /// Takes one message.
    pub fn route(&mut self, message: &Incoming<'_>, now: BootMs) -> Routed {
        self.stats.messages += 1;
        if message.payload.len() > PAYLOAD_BYTES_MAX || !topic::is_name(message.topic) {
            self.stats.rejected += 1;
            return Routed::of(Outcome::Rejected);
        }
        let mut hits = std::mem::take(&mut self.hits);
        self.table.find(message.topic, &mut hits);
        let routed = self.deliver(&hits, message, now);
        self.hits = hits;
        match routed.outcome {
            Outcome::Routed => self.stats.routed += 1,
            Outcome::Duplicate => self.stats.duplicates += 1,
            Outcome::Unmatched => self.stats.unmatched += 1,
            Outcome::Throttled => self.stats.throttled += 1,
            Outcome::Rejected => self.stats.rejected += 1,
        }
        routed
    }

    fn deliver(&mut self, hits: &[Hit], message: &Incoming<'_>, now: BootMs) -> Routed {
        let mut routed = Routed::of(Outcome::Unmatched);
        if hits.is_empty() {
            return routed;
        }
        for (ix, hit) in hits.iter().enumerate() {
            // Several filters of one device may match: it is one message all the same.
            if !hits[..ix].iter().any(|earlier| earlier.slot == hit.slot) {
                self.deliver_to(hit.slot, hits, message, now, &mut routed);
            }
        }
        routed
    }

    fn deliver_to(&mut self, ix: u32, hits: &[Hit], message: &Incoming<'_>, now: BootMs, routed: &mut Routed) {
        let has = |part| hits.contains(&Hit { slot: ix, part });
        let topics = hits.iter().filter(|hit| hit.slot == ix).filter_map(|hit| match hit.part {
            Part::Data(topic) => Some(topic),
            Part::Availability => None,
        });
        let is_data = topics.clone().next().is_some();
        let slot = &mut self.slots[ix as usize];
        if message.will && !slot.was_heard_over(message.source) {
            return;
        }
        slot.count_message();
        if !slot.take_token(now) {
            routed.outcome = worst(routed.outcome, Outcome::Throttled);
            return;
        }
        if has(Part::Availability) {
            routed.outcome = Outcome::Routed;
            let source = (!message.will).then_some(message.source);
            routed.links.extend(slot.availability(message.payload, source, now));
        }
        if !is_data {
            return;
        }
        if slot.is_superseded(message) {
            routed.outcome = worst(routed.outcome, Outcome::Duplicate);
            return;
        }
        let read = slot.read(topics, message.payload);
        if let Some(hash) = slot.hash_of(message, &read) {
            if slot.is_duplicate(hash, message.dup, now) {
                routed.outcome = worst(routed.outcome, Outcome::Duplicate);
                return;
            }
            slot.remember(hash, now);
            routed.keys.push(Key { slot: ix, hash });
        }
        routed.outcome = Outcome::Routed;
        if !message.retained && !message.will && !has(Part::Availability) {
            routed.links.extend(slot.heard(message.source, now));
        }
        routed.scans.extend(slot.scan(read, message.retained, now));
    }

    /// These deliveries were not stored: when they come again they are new.
    pub fn forget(&mut self, keys: &[Key]) {
        for key in keys {
            if let Some(slot) = self.slots.get_mut(key.slot as usize) {
                slot.forget(key.hash);
            }
        }
    }

    /// Devices that have been silent for too long. Call about once a second.
    pub fn tick(&mut self, now: BootMs) -> Vec<LinkChange> {
        self.slots.iter_mut().filter_map(|slot| slot.silent(now)).collect()
    }

    /// The line works again: silence counts from now.
    pub fn line_up(&mut self, now: BootMs) {
        for slot in &mut self.slots {
            slot.restart_silence(now);
        }
    }

    /// A connection was lost without a good-bye: its devices are gone, unless heard over another one since.
    pub fn lost(&mut self, source: u64, reason: &Text, now: BootMs) -> Vec<LinkChange> {
        self.slots.iter_mut().filter_map(|slot| slot.lost(source, reason, now)).collect()
    }

    /// The broker lets nobody hear this device.
    pub fn refuse(&mut self, device: DeviceIx, reason: &Text, now: BootMs) -> Option<LinkChange> {
        let at = self.prefixes.iter().position(|(known, _)| *known == device)?;
        self.slots.get_mut(at)?.refused(reason, now)
    }

    /// Counters of the devices whose counters changed since the last call.
    pub fn take_stats(&mut self) -> impl Iterator<Item = (DeviceIx, LinkStats)> + '_ {
        self.slots.iter_mut().filter_map(Slot::take_stats)
    }
}

/// A message of several devices counts as routed if one takes it, else as what kept it from the last.
fn worst(so_far: Outcome, now: Outcome) -> Outcome {
    if so_far == Outcome::Routed { so_far } else { now }
}

fn hash_of(parts: impl Hash) -> u64 {
    // Fixed keys on purpose: a sender can only collide with its own last deliveries.
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
