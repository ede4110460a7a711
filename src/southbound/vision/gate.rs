//! What is remembered of one camera: its rate, the events it has sent, the words nobody knows, the counts. Pure: time is
//! an argument.
//!
//! An event is known again by its id, kind, action and its own time together: a camera whose ids start again after a power cut
//! loses none, and a replayed one is recognised while it is among the last [`SEEN_MAX`]. One that the desk did not
//! store is forgotten: when it comes again it is new.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::limits::{NOTES_BURST, NOTES_PER_S, RATE_BURST, RATE_PER_S, SEEN_MAX, UNKNOWN_WORDS_MAX};
use super::silence::Heard;
use crate::model::intake::{CameraLink, Why};
use crate::model::sight::Sighting;
use crate::model::time::BootMs;
use crate::southbound::mqtt::rate::Bucket;

/// What an event is known by.
pub type Key = u128;

/// Whether an event has come before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// No: remembered now as on its way.
    New,
    /// It is on its way to the disk.
    Pending,
    /// It is on disk.
    Stored,
}

/// Counts since start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Payloads that came, refused ones included.
    pub payloads: u64,
    /// Events on disk.
    pub stored: u64,
    /// Events that came again.
    pub duplicates: u64,
    /// Events that are nothing to us.
    pub ignored: u64,
    /// Payloads that were refused, by class.
    pub refused: BTreeMap<&'static str, u64>,
    /// Events of unknown kind, by the vendor's word; `*` for words beyond the cap.
    pub unknown: BTreeMap<String, u64>,
    /// Pictures beyond the cap of an event, or too large.
    pub pictures_dropped: u64,
    /// Refusals that the desk was not told, for their number.
    pub untold: u64,
    /// Times the desk had no room or did not store in time, and the camera was told to send again.
    pub busy: u64,
}

/// The memory of one camera.
#[derive(Debug)]
pub struct Gate {
    requests: Bucket,
    notes: Bucket,
    seen: VecDeque<(Key, bool)>,
    counts: Counts,
    heard: Heard,
}

impl Gate {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(now: BootMs) -> Self {
        Self {
            requests: Bucket::new(RATE_BURST, 1000.0 / RATE_PER_S, now),
            notes: Bucket::new(NOTES_BURST, 1000.0 / NOTES_PER_S, now),
            seen: VecDeque::new(),
            counts: Counts::default(),
            heard: Heard::default(),
        }
    }

    /// Whether one more request may be read now.
    pub fn may_ask(&mut self, now: BootMs) -> bool {
        self.requests.take(now)
    }

    /// Whether the desk may be told of one more refusal; one that is not told is counted.
    pub fn may_note(&mut self, now: BootMs) -> bool {
        let may = self.notes.take(now);
        self.counts.untold += u64::from(!may);
        may
    }

    /// An event has come.
    pub fn meet(&mut self, key: Key) -> Seen {
        if let Some((_, stored)) = self.seen.iter().find(|(known, _)| *known == key) {
            return if *stored { Seen::Stored } else { Seen::Pending };
        }
        if self.seen.len() >= SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back((key, false));
        Seen::New
    }

    /// A sign of life.
    pub fn hear(&mut self, now: BootMs) {
        self.heard.contact = Some(now);
    }

    /// Its connection came or went. One that stays down keeps the time at which it went.
    pub fn connect(&mut self, mut link: CameraLink) {
        if let Some(before) = self.heard.link.as_ref().filter(|before| before.state == link.state) {
            link.at = before.at;
        }
        self.heard.link = Some(link);
    }

    /// When it was last heard.
    #[must_use]
    pub fn heard(&self) -> &Heard {
        &self.heard
    }

    /// What became of an event that was new.
    pub fn settle(&mut self, key: Key, stored: bool, now: BootMs) {
        if stored {
            self.heard.event = Some(now);
            self.counts.stored += 1;
            if let Some(entry) = self.seen.iter_mut().find(|(known, _)| *known == key) {
                entry.1 = true;
            }
        } else {
            self.seen.retain(|(known, _)| *known != key);
        }
    }

    /// Counts a refusal.
    pub fn refused(&mut self, why: Why) {
        *self.counts.refused.entry(why.word()).or_default() += 1;
    }

    /// Counts a word that nobody knows; true the first time.
    pub fn unknown(&mut self, word: &str) -> bool {
        let known = self.counts.unknown.contains_key(word);
        let room = known || self.counts.unknown.len() < UNKNOWN_WORDS_MAX;
        let word = if room { word } else { "*" };
        *self.counts.unknown.entry(word.to_owned()).or_default() += 1;
        room && !known
    }

    /// The counts, to be added to.
    pub fn counts_mut(&mut self) -> &mut Counts {
        &mut self.counts
    }

    /// The counts.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// What an event is known by.
#[must_use]
pub fn key(sighting: &Sighting) -> Key {
    let Sighting { event_id, kind, action, camera_time, .. } = sighting;
    let text = format!("{event_id}\n{kind:?}\n{action:?}\n{:?}", camera_time.map(|t| t.0));
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let bytes = digest.as_ref().first_chunk().copied().unwrap_or_default();
    Key::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_known_again_until_it_was_not_stored() {
        let mut gate = Gate::new(BootMs(0));
        assert_eq!((gate.meet(1), gate.meet(1)), (Seen::New, Seen::Pending));
        gate.settle(1, false, BootMs(1));
        assert_eq!(gate.meet(1), Seen::New);
        gate.settle(1, true, BootMs(2));
        assert_eq!(gate.meet(1), Seen::Stored);
        for other in 2..=SEEN_MAX as Key {
            gate.meet(other);
        }
        assert_eq!(gate.meet(1), Seen::Stored);
        gate.meet(9_999);
        assert_eq!((gate.meet(1), gate.seen.len()), (Seen::New, SEEN_MAX));
        assert_eq!(gate.counts().stored, 1);
    }

    #[test]
    fn words_and_notes_are_bounded() {
        let mut gate = Gate::new(BootMs(0));
        assert!(gate.unknown("a") && !gate.unknown("a"));
        let first = (0..100).filter(|n| gate.unknown(&n.to_string())).count();
        assert_eq!((first, gate.counts().unknown.len()), (UNKNOWN_WORDS_MAX - 1, UNKNOWN_WORDS_MAX + 1));
        assert_eq!(gate.counts().unknown.values().sum::<u64>(), 102);
        let told = (0..100).filter(|_| gate.may_note(BootMs(0))).count();
        assert_eq!((told, gate.counts().untold), (20, 80));
        assert!(gate.may_note(BootMs(5_000)));
    }

    #[test]
    fn five_hundred_events_in_a_minute_pass_and_a_flood_does_not() {
        let mut gate = Gate::new(BootMs(0));
        assert!((0..500).all(|n| gate.may_ask(BootMs(n * 120))));
        let passed = (0..10_000).filter(|_| gate.may_ask(BootMs(60_000))).count();
        assert!(passed <= 100, "{passed}");
    }
}
