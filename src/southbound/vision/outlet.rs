//! From a payload to the desk and back: read, map, hand over, wait until it is on disk. The one way for all sources.
//!
//! Policy: an event is offered to the desk for [`COMMIT_WITHIN`] in all, waiting for room included; then the source is
//! told [`Verdict::Busy`] and keeps it. Notes of refusals never wait: without room they are counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::tz::TimeZone;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::SourceConfig;
use super::document;
use super::fault::Fault;
use super::gate::{Counts, Gate, Key, Seen, key};
use super::limits::{COMMIT_WITHIN, NOTES_BURST, NOTES_PER_S};
use super::mapping::{Arrival, Mapped, map};
use super::silence::figures;
use crate::clock::Clock;
use crate::model::intake::{CameraFigures, CameraLink, HEAD_BYTES_MAX, Intake, Refused, Why};
use crate::model::link::LinkState;
use crate::model::reading::Receipt;
use crate::model::sight::{Footage, PICTURES_MAX, Sighting};
use crate::model::text::Text;
use crate::model::time::BootMs;
use crate::southbound::mqtt::rate::Bucket;

/// One camera, for all sources.
#[derive(Debug)]
pub struct Door {
    /// How its events come and are read.
    pub source: SourceConfig,
    gate: Mutex<Gate>,
}

impl Door {
    pub(super) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts since start.
    pub fn counts(&self) -> Counts {
        self.gate().counts().clone()
    }
}

/// What became of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Read; every event of ours in it is on disk.
    Taken(Taken),
    /// Refused, and told.
    Refused(Fault),
    /// The desk has no room, or the disk is slow: send again.
    Busy,
}

/// What was in a payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Events on disk now.
    pub stored: usize,
    /// Events that were there already.
    pub duplicates: usize,
    /// Events that are nothing to us.
    pub ignored: usize,
    /// Words of unknown kind.
    pub unknown: Vec<String>,
    /// Events that were refused, and told, beside others that were not.
    pub refused: usize,
}

/// A payload read and mapped, not handed over yet. A copy is offered again when the desk did not take it: what is on disk
/// by then counts as a duplicate.
#[derive(Debug, Clone)]
pub struct Draft {
    sightings: Vec<Sighting>,
    /// Pictures that were announced as parts of their own.
    pub follow: usize,
    taken: Taken,
}

impl Draft {
    /// Puts pictures that came as parts of their own to the last event.
    pub fn add(&mut self, picture: Footage) -> bool {
        match self.sightings.last_mut() {
            Some(last) if last.footage.len() < PICTURES_MAX => {
                last.footage.push(picture);
                true
            }
            _ => false,
        }
    }

    /// Nothing in it concerns us.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sightings.is_empty()
    }
}

/// The way to the desk.
#[derive(Debug)]
pub struct Outlet {
    doors: BTreeMap<Arc<str>, Arc<Door>>,
    out: mpsc::Sender<Intake>,
    clock: Arc<dyn Clock>,
    zone: TimeZone,
    since: BootMs,
    /// Notes about posts for cameras that do not exist.
    strangers: Mutex<Bucket>,
}

impl Outlet {
    /// For these cameras. `zone` is that of times that name none.
    #[must_use]
    pub fn new(sources: &[SourceConfig], out: mpsc::Sender<Intake>, clock: Arc<dyn Clock>, zone: TimeZone) -> Self {
        let now = clock.boot();
        let door = |source: &SourceConfig| Door { source: source.clone(), gate: Mutex::new(Gate::new(now)) };
        let doors = sources.iter().map(|source| (Arc::clone(&source.camera), Arc::new(door(source)))).collect();
        let strangers = Mutex::new(Bucket::new(NOTES_BURST, 1000.0 / NOTES_PER_S, now));
        Self { doors, out, clock, zone, since: now, strangers }
    }

    /// A camera by its id.
    #[must_use]
    pub fn door(&self, camera: &str) -> Option<&Arc<Door>> {
        self.doors.get(camera)
    }

    /// All cameras, by id.
    pub fn doors(&self) -> impl Iterator<Item = &Arc<Door>> {
        self.doors.values()
    }

    /// What came of each camera since the start.
    #[must_use]
    pub fn figures(&self) -> Vec<CameraFigures> {
        let now = self.clock.boot();
        let one = |door: &Arc<Door>| {
            let gate = door.gate();
            let Door { source, .. } = &**door;
            figures(&source.camera, (gate.counts(), gate.heard()), source.silent_after, (self.since, now))
        };
        self.doors().map(one).collect()
    }

    /// Now.
    pub fn now(&self) -> BootMs {
        self.clock.boot()
    }

    /// Reads and maps a payload; a refusal has been told when this comes back with one.
    pub fn draft(&self, door: &Door, payload: &[u8], from: &str) -> Result<Draft, Fault> {
        {
            let mut gate = door.gate();
            gate.counts_mut().payloads += 1;
            gate.hear(self.clock.boot());
        }
        let source = &door.source;
        let received = self.clock.boot();
        let arrival = Arrival { camera: &source.camera, received, frame: source.frame, zone: &self.zone };
        let mapped = document::read(payload).and_then(|tree| map(&source.profile, tree, payload, &arrival));
        let mapped = mapped.inspect_err(|fault| self.refuse(door, fault, payload, from))?;
        let mut draft = Draft { sightings: Vec::new(), follow: 0, taken: Taken::default() };
        for one in mapped {
            match one {
                Mapped::Sighting { sighting, follow, dropped } => {
                    door.gate().counts_mut().pictures_dropped += dropped as u64;
                    draft.follow = follow;
                    draft.sightings.push(*sighting);
                }
                Mapped::Ignored => {
                    door.gate().counts_mut().ignored += 1;
                    draft.taken.ignored += 1;
                }
                Mapped::Unknown(word) => {
                    self.unknown(door, &word, payload, from);
                    draft.taken.unknown.push(word);
                }
                Mapped::Refused(fault) => {
                    self.refuse(door, &fault, payload, from);
                    draft.taken.refused += 1;
                }
            }
        }
        Ok(draft)
    }

    /// Hands the events of a payload over and waits until they are on disk.
    pub async fn deliver(&self, door: &Arc<Door>, draft: Draft) -> Verdict {
        let by = Instant::now() + COMMIT_WITHIN;
        let mut taken = draft.taken;
        let (mut waiting, mut busy) = (Vec::new(), false);
        for sighting in draft.sightings {
            let key = key(&sighting);
            let seen = door.gate().meet(key);
            match seen {
                Seen::New => match self.hand_over(door, sighting, key, by).await {
                    Some(told) => waiting.push(told),
                    None => busy = true,
                },
                Seen::Stored => {
                    door.gate().counts_mut().duplicates += 1;
                    taken.duplicates += 1;
                }
                // The first copy may still fail: whoever sends again will hear what became of it.
                Seen::Pending => busy = true,
            }
        }
        for told in waiting {
            match timeout_at(by, told).await {
                Ok(Ok(true)) => taken.stored += 1,
                _ => busy = true,
            }
        }
        if busy {
            door.gate().counts_mut().busy += 1;
            return Verdict::Busy;
        }
        Verdict::Taken(taken)
    }

    /// Where to hear whether it was stored; `None` if there was no room in time.
    async fn hand_over(
        &self,
        door: &Arc<Door>,
        sighting: Sighting,
        key: Key,
        by: Instant,
    ) -> Option<oneshot::Receiver<bool>> {
        let (tell, told) = oneshot::channel();
        let (home, clock) = (Arc::clone(door), Arc::clone(&self.clock));
        // Dropped unused (no room, no desk, a source that hung up while waiting) it says "not stored" by itself.
        let receipt = Receipt::new(move |stored| {
            home.gate().settle(key, stored, clock.boot());
            if tell.send(stored).is_err() {
                tracing::debug!(stored, "the source did not wait for the disk");
            }
        });
        let anchor = self.clock.anchor();
        let here = anchor.wall_at(sighting.received);
        let clock_offset_ms = sighting.camera_time.map(|there| there.0.saturating_sub(here.0));
        let item = Intake::Sighting { sighting: Box::new(sighting), clock_offset_ms, receipt };
        match timeout_at(by, self.out.send(item)).await {
            Ok(Ok(())) => Some(told),
            _ => None,
        }
    }

    /// Tells the desk of a refusal at a camera.
    pub fn refuse(&self, door: &Door, fault: &Fault, head: &[u8], from: &str) {
        let now = self.clock.boot();
        let may = {
            let mut gate = door.gate();
            gate.refused(fault.why);
            gate.may_note(now)
        };
        tracing::debug!(camera = %door.source.camera, why = fault.why.word(), %fault, from, "an event was refused");
        if may && !self.note(Arc::clone(&door.source.camera), fault, head, from) {
            door.gate().counts_mut().untold += 1;
        }
    }

    fn unknown(&self, door: &Door, word: &str, payload: &[u8], from: &str) {
        if door.gate().unknown(word) {
            let shown = if word.is_empty() { "none" } else { word };
            tracing::warn!(camera = %door.source.camera, word = shown, "events of a kind that the vision profile does not know");
            let fault = Fault::new(
                Why::UnknownKind,
                format!("kind of event `{shown}`: add it to [kind] of the vision profile `{}`", door.source.profile.id),
            );
            if !self.note(Arc::clone(&door.source.camera), &fault, payload, from) {
                door.gate().counts_mut().untold += 1;
            }
        }
    }

    /// Tells the desk of a post for a camera that does not exist: most often a wrong address in the camera's settings.
    pub fn stranger(&self, camera: &str, from: &str) {
        let may = self.strangers.lock().unwrap_or_else(PoisonError::into_inner).take(self.clock.boot());
        let name: String = camera.chars().filter(|c| !c.is_control()).take(64).collect();
        tracing::debug!(from, name, "a post for no camera of ours");
        let fault = Fault::new(Why::Credential, format!("there is no camera `{name}` that posts here"));
        if may && !self.note(Arc::from("?"), &fault, b"", from) {
            tracing::debug!("no room to tell the case desk");
        }
    }

    /// Tells the desk of a refusal if there is room.
    pub fn note(&self, camera: Arc<str>, fault: &Fault, head: &[u8], from: &str) -> bool {
        let head = head.get(..head.len().min(HEAD_BYTES_MAX)).unwrap_or_default();
        let (why, detail) = (fault.why, fault.detail.clone());
        let at = self.clock.boot();
        let refused = Refused { camera, at, why, detail, head: Arc::from(head), from: from.to_owned() };
        self.out.try_send(Intake::Refused(refused)).is_ok()
    }

    /// Tells the desk that a camera came or went; waits for room, since there are few of these.
    pub async fn link(&self, door: &Door, state: LinkState, reason: Text) {
        let link = CameraLink { camera: Arc::clone(&door.source.camera), state, reason, at: self.clock.boot() };
        door.gate().connect(link.clone());
        let by = Instant::now() + COMMIT_WITHIN;
        if !matches!(timeout_at(by, self.out.send(Intake::Link(link))).await, Ok(Ok(()))) {
            tracing::warn!(camera = %door.source.camera, ?state, "the case desk could not be told about a camera");
        }
    }
}
