//! The desk: every open case, which one a sighting belongs to, and what people do with it. Pure; time is handed in.
//!
//! What it decides comes back as [`Effects`]: what must reach the disk, and what the alarm desk must be told. Memory is
//! bounded by [`OPEN_MAX`], [`SEEN_MAX`], [`PAST_MAX`], and the smaller ones beside them.

mod parts;
mod sightings;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::cases::clocks::Clocks;
use crate::cases::lanes::Lasting;
use crate::cases::merge::{self, Where};
use crate::cases::shield::shield_of;
use crate::cases::{machine, words};
use crate::model::alarm::Level;
use crate::model::case::{
    Act, ActError, Acted, Case, CaseNo, Judgement, Lasts, ObjectClass, Stage, Step, StepKind, event_key,
};
use crate::model::desk::Report;
use crate::model::facade::Watched;
use crate::model::sight::{SightKind, Sighting};
use crate::model::text::Text;
use crate::model::time::{Anchor, BootMs, WallMs};

pub use parts::{Effects, Restored, Settings, Taken};
use parts::{Minute, Past, Told};

/// Open cases in memory. Past it, what is not dense joins the newest case of its kind, so that a flood of birds cannot
/// fill the box.
pub const OPEN_MAX: usize = 2_000;
/// Events remembered to know one that is sent again; for older ones the disk is asked ([`Desk::may_have_forgotten`]).
pub const SEEN_MAX: usize = 20_000;
/// Falling-object cases remembered for the suspicion of repetition.
pub const PAST_MAX: usize = 5_000;
/// Times by cameras' own clocks that are remembered; merging looks back some seconds.
const TOLD_MAX: usize = 512;
/// Cases closed last: whoever acts may have read one just before it was closed.
const CLOSED_MAX: usize = 256;
/// Deleted cases remembered: whoever looked at one just before finds it gone.
const GONE_MAX: usize = 1_024;
/// A rejected case closes by itself after a day (a default of ours).
const REJECTED_CLOSES_MS: i64 = 24 * 3_600_000;
const DAY_MS: i64 = 24 * 3_600_000;

/// See the module documentation.
#[derive(Debug)]
pub struct Desk {
    settings: Settings,
    watched: Arc<Watched>,
    cases: BTreeMap<CaseNo, Case>,
    last: u64,
    seen: HashMap<(String, String), CaseNo>,
    seen_order: VecDeque<(String, String)>,
    clocks: Clocks,
    lasting: BTreeMap<CaseNo, Lasting>,
    past: VecDeque<Past>,
    told: VecDeque<Told>,
    closed: VecDeque<Case>,
    gone: VecDeque<CaseNo>,
    whole: Minute,
    births: BTreeMap<(String, bool), Minute>,
}

impl Desk {
    /// A desk with what was kept. Returns besides what the alarm desk must be told of it.
    #[must_use]
    pub fn new(settings: Settings, watched: Arc<Watched>, restored: Restored, now: &Anchor) -> (Self, Vec<Report>) {
        let mut desk = Self {
            settings,
            watched,
            cases: BTreeMap::new(),
            last: restored.last,
            seen: HashMap::new(),
            seen_order: VecDeque::new(),
            clocks: Clocks::default(),
            lasting: BTreeMap::new(),
            past: VecDeque::new(),
            told: VecDeque::new(),
            closed: VecDeque::new(),
            gone: VecDeque::new(),
            whole: Minute::default(),
            births: BTreeMap::new(),
        };
        for (camera, event, case) in restored.seen {
            // The key ends with the camera's time.
            if let Some(wall_ms) = event.rsplit_once('\n').and_then(|(_, ms)| ms.parse().ok()) {
                desk.note_told(Told { case, camera: camera.as_str().into(), wall_ms });
            }
            desk.remember((camera, event), case);
        }
        for case in &restored.past {
            desk.note_past(case);
        }
        let mut reports = Vec::new();
        for case in restored.open.into_iter().filter(Case::is_open) {
            if case.kind == SightKind::FireLaneBlocked && case.lasts != Some(Lasts::Over) {
                let ms = now.wall.0.saturating_sub(case.opened_wall_ms);
                let started = case.lasts == Some(Lasts::Started);
                desk.lasting.insert(case.no, Lasting::since(now.boot, ms, started));
            }
            reports.push(report(&case, None));
            desk.last = desk.last.max(case.no.0);
            desk.cases.insert(case.no, case);
        }
        (desk, reports)
    }

    /// The open cases, in order of the review: undecided first, by level, then score, then newest.
    #[must_use]
    pub fn review(&self) -> Vec<&Case> {
        let mut all: Vec<&Case> = self.cases.values().collect();
        all.sort_by(|a, b| a.review_order(b));
        all
    }

    /// Numbers of the open cases.
    #[must_use]
    pub fn open_numbers(&self) -> Vec<CaseNo> {
        self.cases.keys().copied().collect()
    }

    /// An open case.
    #[must_use]
    pub fn case(&self, no: CaseNo) -> Option<&Case> {
        self.cases.get(&no)
    }

    /// The case an event went into, if it is remembered.
    #[must_use]
    pub fn known(&self, seen: &Sighting) -> Option<CaseNo> {
        keys(seen).into_iter().find_map(|key| self.seen.get(&(seen.camera.to_string(), key)).copied())
    }

    /// So many events have come that an old one may not be remembered.
    #[must_use]
    pub fn may_have_forgotten(&self) -> bool {
        self.seen_order.len() >= SEEN_MAX
    }

    /// The disk knew an event that was not remembered.
    pub fn recall(&mut self, seen: &Sighting, case: CaseNo) {
        if let Some(key) = keys(seen).into_iter().next() {
            self.remember((seen.camera.to_string(), key), case);
        }
    }

    /// Takes a sighting with its judgement.
    pub fn sight(&mut self, seen: &Sighting, judged: &Judgement, payload_sha256: String, now: &Anchor) -> Taken {
        if let Some(case) = self.known(seen) {
            return Taken { case, is_new: false, is_known: true, brief: true, effects: Effects::default() };
        }
        let arrived = now.wall_at(seen.received);
        let (happened, offset_ms) = self.clocks.happened(&seen.camera, seen.camera_time, arrived);
        let (facade, place) = self.place(seen);
        let watched = Arc::clone(&self.watched);
        let falls = seen.kind == SightKind::FallingObject;
        let shield = watched.camera(&seen.camera).filter(|_| falls);
        let shield = shield.and_then(|camera| shield_of(&seen.track, seen.frame, camera));
        let at = Where { kind: seen.kind, facade: &facade, happened_wall_ms: happened, judgement: judged };
        let mut effects = Effects::default();
        let found = self.find(&at, seen).or_else(|| self.crowded(&at, shield.is_some(), now));
        let is_new = found.is_none();
        let no = match found {
            Some(no) => {
                self.join(no, seen, judged, (happened, shield), now, &mut effects);
                no
            }
            None => self.open(seen, judged, (facade, place, shield), happened, now, &mut effects),
        };
        let sightings = self.cases.get(&no).map_or(0, |c| c.sightings);
        let brief =
            sightings > self.settings.whole_per_case || !self.whole.take(now.boot, self.settings.whole_per_minute);
        self.recall(seen, no);
        if let Some(WallMs(wall_ms)) = seen.camera_time {
            self.note_told(Told { case: no, camera: Arc::clone(&seen.camera), wall_ms });
        }
        effects.write.sightings.push(self.kept(seen, judged, no, offset_ms, arrived.0, brief, payload_sha256));
        Taken { case: no, is_new, is_known: false, brief, effects }
    }

    fn remember(&mut self, event: (String, String), case: CaseNo) {
        if self.seen_order.len() == SEEN_MAX
            && let Some(oldest) = self.seen_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.seen_order.push_back(event.clone());
        self.seen.insert(event, case);
    }

    /// Somebody does something. `closed` is the case from the disk when it is no longer open.
    pub fn act(
        &mut self,
        no: CaseNo,
        closed: Option<Case>,
        act: &Act,
        by: &str,
        note: &str,
        now: &Anchor,
    ) -> Result<(Acted, Effects), ActError> {
        let closed = self.closed.iter().find(|c| c.no == no).cloned().or(closed).filter(|_| !self.gone.contains(&no));
        let mut case = self.cases.get(&no).cloned().or(closed).ok_or(ActError::Unknown(no))?;
        let rang = machine::rings(&case);
        let Some(kind) = machine::act(&mut case, act)? else {
            return Ok((Acted { case, already: true }, Effects::default()));
        };
        case.changed_wall_ms = now.wall.0;
        let reason = if let Act::Reject(reason) = act { Some(*reason) } else { None };
        let mut effects = Effects::default();
        effects.write.steps.push(Step { reason, ..step(no, kind, now, by, note) });
        effects.write.cases.push(case.clone());
        let answers = matches!(act, Act::Review | Act::Confirm | Act::Reject(_) | Act::Dispatch | Act::Close);
        let over = case.lasts == Some(Lasts::Over);
        if answers && case.level.is_some() && (rang || over || machine::rings(&case)) {
            effects.reports.push(report(&case, Some((by.to_owned(), note.to_owned()))));
        }
        if case.rejected.is_some() {
            self.past.retain(|p| p.case != no);
        }
        if case.is_open() {
            self.cases.insert(no, case.clone());
        } else {
            self.cases.remove(&no);
            self.lasting.remove(&no);
            self.note_closed(case.clone());
        }
        Ok((Acted { case, already: false }, effects))
    }

    fn note_closed(&mut self, case: Case) {
        self.closed.retain(|c| c.no != case.no);
        if self.closed.len() == CLOSED_MAX {
            self.closed.pop_front();
        }
        self.closed.push_back(case);
    }

    /// Closed cases are deleted.
    pub fn forget(&mut self, spent: &[CaseNo]) {
        self.gone.extend(spent);
        self.gone.drain(..self.gone.len().saturating_sub(GONE_MAX));
    }

    /// The case's alarm has reached people, or somebody answered it at the alarm's own card.
    pub fn heard(&mut self, no: CaseNo, answered: Option<(&str, &str)>, now: &Anchor) -> Effects {
        let mut effects = Effects::default();
        let Some(case) = self.cases.get_mut(&no) else { return effects };
        effects.write.steps.extend(machine::notified(case).map(|kind| step(no, kind, now, "", "")));
        if let Some((by, note)) = answered
            && let Ok(Some(kind)) = machine::act(case, &Act::Review)
        {
            effects.write.steps.push(step(no, kind, now, by, note));
        }
        if !effects.write.steps.is_empty() {
            case.changed_wall_ms = now.wall.0;
            effects.write.cases.push(case.clone());
        }
        effects
    }

    /// Enters a step that changes nothing but the story (evidence kept).
    pub fn note(&mut self, no: CaseNo, kind: StepKind, note: &str, now: &Anchor) -> Effects {
        let mut effects = Effects::default();
        effects.write.steps.push(step(no, kind, now, "", note));
        effects
    }

    /// The same with the reason in words (picture not had, evicted).
    pub fn tell(&mut self, no: CaseNo, kind: StepKind, why: Text, now: &Anchor) -> Effects {
        for case in self.closed.iter_mut().filter(|c| c.no == no) {
            case.evicted |= kind == StepKind::Evicted;
        }
        let mut effects = Effects::default();
        effects.write.steps.push(Step { why: Some(why), ..step(no, kind, now, "", "") });
        effects
    }

    /// Time passes.
    pub fn tick(&mut self, now: &Anchor) -> Effects {
        let mut out = Effects::default();
        let due: Vec<(CaseNo, Lasting)> = self.lasting.iter().map(|(no, l)| (*no, *l)).collect();
        for (no, lasting) in due {
            if lasting.is_over(now.boot) {
                self.end(no, "", now, &mut out);
                continue;
            }
            let level = lasting.level(now.boot);
            let Some(case) = self.cases.get_mut(&no).filter(|c| level.is_some_and(|l| c.level.is_none_or(|o| l < o)))
            else {
                continue;
            };
            case.level = level;
            case.changed_wall_ms = now.wall.0;
            let case = case.clone();
            Self::ring(&case, now, &mut out);
            out.write.cases.push(case);
        }
        let old =
            |c: &&Case| c.stage == Stage::Rejected && now.wall.0.saturating_sub(c.changed_wall_ms) > REJECTED_CLOSES_MS;
        let old: Vec<CaseNo> = self.cases.values().filter(old).map(|c| c.no).collect();
        for no in old {
            if let Ok((_, effects)) = self.act(no, None, &Act::Close, "", "", now) {
                out.write.absorb(effects.write);
                out.reports.extend(effects.reports);
            }
        }
        self.births.retain(|_, minute| !minute.is_over(now.boot));
        out
    }

    /// A thing that lasted is over: without an alarm the case closes; with one, people close it, and the alarm clears.
    fn end(&mut self, no: CaseNo, note: &str, now: &Anchor, out: &mut Effects) {
        self.lasting.remove(&no);
        let Some(case) = self.cases.get_mut(&no) else { return };
        case.changed_wall_ms = now.wall.0;
        out.write.steps.push(step(no, StepKind::Ended, now, "", note));
        case.lasts = Some(Lasts::Over);
        let rang = case.level.is_some();
        if rang {
            out.reports.push(report(case, None));
        } else {
            case.stage = Stage::Closed;
            out.write.steps.push(step(no, StepKind::Closed, now, "", ""));
        }
        out.write.cases.push(case.clone());
        if !rang && let Some(case) = self.cases.remove(&no) {
            self.note_closed(case);
        }
    }

    /// When time alone changes something.
    #[must_use]
    pub fn next_wake(&self, now: BootMs) -> Option<BootMs> {
        self.lasting.values().map(|l| l.wake(now)).min()
    }
}

/// What an event is known by: its key, and its id alone as earlier releases have it on disk.
#[must_use]
pub fn keys(seen: &Sighting) -> [String; 2] {
    let key = event_key(&seen.event_id, Some(seen.kind), seen.action, seen.camera_time.map(|t| t.0));
    [key, seen.event_id.to_string()]
}

fn first_level(kind: SightKind, class: ObjectClass) -> Option<Level> {
    match kind {
        SightKind::FallingObject => Some(merge::level_of(class)),
        SightKind::EbikeInLift | SightKind::Perimeter => Some(Level::Major),
        SightKind::FireLaneBlocked => None,
    }
}

fn step(case: CaseNo, kind: StepKind, now: &Anchor, by: &str, note: &str) -> Step {
    let (by, note) = (by.to_owned(), note.to_owned());
    Step { case, kind, wall_ms: now.wall.0, by, note, reason: None, level: None, why: None }
}

/// What the alarm desk is told of a case as it stands.
#[must_use]
pub fn report(case: &Case, answered: Option<(String, String)>) -> Report {
    Report {
        key: case.no.key().into(),
        name: case.place.clone(),
        at: String::new(),
        level: case.level.unwrap_or(Level::Info),
        text: words::alarm(case),
        what: String::new(),
        holds: machine::rings(case),
        answered,
    }
}
