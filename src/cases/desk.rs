//! The desk: every open case, which one a sighting belongs to, and what people do with it. Pure; time is handed in.
//!
//! What it decides comes back as [`Effects`]: what must reach the disk, and what the alarm desk must be told. Memory is
//! bounded by [`OPEN_MAX`], [`SEEN_MAX`] and [`PAST_MAX`].

mod parts;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::cases::clocks::Clocks;
use crate::cases::lanes::Lasting;
use crate::cases::merge::{self, Where};
use crate::cases::{figures, machine, words};
use crate::model::alarm::Level;
use crate::model::case::{
    Act, ActError, Acted, CAMERAS_MAX, Case, CaseNo, Judgement, KeptSighting, ObjectClass, Stage, Step, StepKind,
};
use crate::model::casebook::BAND_FLOORS;
use crate::model::desk::Report;
use crate::model::facade::Watched;
use crate::model::sight::{SightKind, Sighting};
use crate::model::time::{Anchor, BootMs};

pub use parts::{Effects, Restored, Settings, Taken};
use parts::{Minute, Past};

/// Open cases in memory. Past it, what is not dense joins the newest case of its kind, so that a flood of birds cannot
/// fill the box.
pub const OPEN_MAX: usize = 2_000;
/// Events remembered to know one that is sent again; older ones are known by the disk.
pub const SEEN_MAX: usize = 20_000;
/// Falling-object cases remembered for the suspicion of repetition.
pub const PAST_MAX: usize = 5_000;
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
            whole: Minute::default(),
            births: BTreeMap::new(),
        };
        for (camera, event, case) in restored.seen {
            desk.remember((camera, event), case);
        }
        for case in &restored.past {
            desk.note_past(case);
        }
        let mut reports = Vec::new();
        for case in restored.open.into_iter().filter(Case::is_open) {
            if case.kind == SightKind::FireLaneBlocked {
                let ms = now.wall.0.saturating_sub(case.opened_wall_ms);
                desk.lasting.insert(case.no, Lasting::since(now.boot, ms));
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

    /// An open case.
    #[must_use]
    pub fn case(&self, no: CaseNo) -> Option<&Case> {
        self.cases.get(&no)
    }

    /// The case an event went into, if it is remembered.
    #[must_use]
    pub fn known(&self, camera: &str, event_id: &str) -> Option<CaseNo> {
        self.seen.get(&(camera.to_owned(), event_id.to_owned())).copied()
    }

    /// Takes a sighting with its judgement.
    pub fn sight(&mut self, seen: &Sighting, judged: &Judgement, payload_sha256: String, now: &Anchor) -> Taken {
        if let Some(case) = self.known(&seen.camera, &seen.event_id) {
            return Taken { case, is_new: false, is_known: true, brief: true, effects: Effects::default() };
        }
        let arrived = now.wall_at(seen.received);
        let (happened, offset_ms) = self.clocks.happened(&seen.camera, seen.camera_time, arrived);
        let (facade, place) = self.place(seen);
        let at = Where { kind: seen.kind, facade: &facade, happened_wall_ms: happened, judgement: judged };
        let mut effects = Effects::default();
        let found = self.find(&at).or_else(|| self.crowded(&at, now));
        let is_new = found.is_none();
        let no = match found {
            Some(no) => {
                self.join(no, seen, judged, happened, now, &mut effects);
                no
            }
            None => self.open(seen, judged, (facade, place), happened, now, &mut effects),
        };
        let sightings = self.cases.get(&no).map_or(0, |c| c.sightings);
        let brief =
            sightings > self.settings.whole_per_case || !self.whole.take(now.boot, self.settings.whole_per_minute);
        self.remember((seen.camera.to_string(), seen.event_id.to_string()), no);
        effects.write.sightings.push(self.kept(seen, judged, no, offset_ms, arrived.0, brief, payload_sha256));
        Taken { case: no, is_new, is_known: false, brief, effects }
    }

    #[allow(clippy::too_many_arguments)] // one record of as many facts
    fn kept(
        &self,
        seen: &Sighting,
        judged: &Judgement,
        case: CaseNo,
        offset_ms: Option<i64>,
        received_wall_ms: i64,
        brief: bool,
        payload_sha256: String,
    ) -> KeptSighting {
        let frame = seen.frame.or_else(|| self.watched.camera(&seen.camera).and_then(|c| c.frame));
        KeptSighting {
            case,
            camera: seen.camera.to_string(),
            event_id: seen.event_id.to_string(),
            action: seen.action,
            received_wall_ms,
            camera_wall_ms: seen.camera_time.map(|t| t.0),
            offset_ms,
            source: seen.source.clone(),
            object: seen.object.clone(),
            confidence: seen.confidence,
            frame,
            track: if brief { Vec::new() } else { seen.track.clone() },
            judgement: judged.clone(),
            brief,
            payload_sha256,
        }
    }

    /// Facade id and the place's name.
    fn place(&self, seen: &Sighting) -> (String, String) {
        let camera = self.watched.camera(&seen.camera);
        let facade = camera.and_then(|c| c.facade.as_deref()).and_then(|id| self.watched.facade(id));
        match (facade.filter(|_| seen.kind == SightKind::FallingObject), camera) {
            (Some(facade), _) => (facade.id.clone(), facade.name.clone()),
            (None, Some(camera)) => (camera.id.clone(), camera.name.clone()),
            (None, None) => (seen.camera.to_string(), seen.camera.to_string()),
        }
    }

    fn find(&self, at: &Where<'_>) -> Option<CaseNo> {
        let lasts = at.kind == SightKind::FireLaneBlocked;
        let fits = |case: &&Case| {
            if lasts && case.kind == at.kind && case.facade == at.facade {
                return self.lasting.contains_key(&case.no);
            }
            merge::belongs(case, at, self.settings.merge_window_ms)
        };
        self.cases.values().rev().find(fits).map(|c| c.no)
    }

    /// The newest case of the facade, when its budget of new cases is used up.
    fn crowded(&mut self, at: &Where<'_>, now: &Anchor) -> Option<CaseNo> {
        let dense = at.judgement.class == ObjectClass::Dense;
        let most = if dense { self.settings.dense_per_minute } else { self.settings.cases_per_minute };
        let full = self.cases.len() >= OPEN_MAX && !dense;
        let window = self.births.entry((at.facade.to_owned(), dense)).or_default();
        if window.take(now.boot, most) && !full {
            return None;
        }
        let near = |c: &&Case| c.kind == at.kind && c.facade == at.facade;
        self.cases.values().rev().find(near).map(|c| c.no)
    }

    fn open(
        &mut self,
        seen: &Sighting,
        judged: &Judgement,
        (facade, place): (String, String),
        happened: i64,
        now: &Anchor,
        out: &mut Effects,
    ) -> CaseNo {
        self.last += 1;
        let no = CaseNo(self.last);
        let mut case = Case {
            no,
            kind: seen.kind,
            facade,
            place,
            stage: Stage::Detected,
            confirmed: false,
            rejected: None,
            level: first_level(seen.kind, judged.class),
            judgement: judged.clone(),
            happened_wall_ms: happened,
            opened_wall_ms: now.wall.0,
            last_wall_ms: happened,
            changed_wall_ms: now.wall.0,
            sightings: 1,
            cameras: vec![seen.camera.to_string()],
            repeat: false,
            held: false,
            evicted: false,
        };
        if case.kind == SightKind::FireLaneBlocked {
            self.lasting.insert(no, Lasting::new(now.boot, seen.action));
        }
        case.repeat = self.is_repeat(&case);
        self.note_past(&case);
        let camera = self.watched.camera(&seen.camera).map_or_else(|| seen.camera.to_string(), |c| c.name.clone());
        out.write.steps.push(step(no, StepKind::Detected, now, "", &camera));
        Self::ring(&case, now, out);
        out.write.cases.push(case.clone());
        self.cases.insert(no, case);
        no
    }

    fn join(
        &mut self,
        no: CaseNo,
        seen: &Sighting,
        judged: &Judgement,
        happened: i64,
        now: &Anchor,
        out: &mut Effects,
    ) {
        let Some(case) = self.cases.get_mut(&no) else { return };
        case.sightings = case.sightings.saturating_add(1);
        case.last_wall_ms = case.last_wall_ms.max(happened);
        case.changed_wall_ms = now.wall.0;
        let fresh = !case.cameras.iter().any(|c| **c == *seen.camera) && case.cameras.len() < CAMERAS_MAX;
        if fresh {
            case.cameras.push(seen.camera.to_string());
            out.write.steps.push(step(no, StepKind::Sighted, now, "", &seen.camera));
        }
        let decided = case.confirmed || case.rejected.is_some();
        if !decided {
            case.judgement = merge::together(&case.judgement, judged);
        }
        let level = first_level(case.kind, case.judgement.class);
        let louder = level.is_some_and(|new| case.level.is_none_or(|old| new < old)) && !decided;
        if louder {
            case.level = level;
        }
        if let Some(lasting) = self.lasting.get_mut(&no) {
            lasting.hear(now.boot, seen.action);
        }
        let case = case.clone();
        if louder {
            Self::ring(&case, now, out);
        }
        out.write.cases.push(case);
    }

    fn ring(case: &Case, now: &Anchor, out: &mut Effects) {
        if let Some(level) = case.level.filter(|_| machine::rings(case)) {
            out.write.steps.push(step(case.no, StepKind::Raised, now, "", level.word()));
            out.reports.push(report(case, None));
        }
    }

    /// Others like it, on the same facade and floors of late.
    fn is_repeat(&mut self, case: &Case) -> bool {
        if case.kind != SightKind::FallingObject || case.judgement.class == ObjectClass::NotFalling {
            return false;
        }
        let from = case.happened_wall_ms.saturating_sub(self.settings.repeat_days.saturating_mul(DAY_MS));
        while self.past.front().is_some_and(|p| p.wall_ms < from) {
            self.past.pop_front();
        }
        let Some(floor) = figures::middle(case) else { return false };
        let near = |p: &&Past| {
            p.facade == case.facade
                && p.floors.is_some_and(|(l, h)| floor >= l - BAND_FLOORS / 2 && floor <= h + BAND_FLOORS / 2)
        };
        self.past.iter().filter(near).count() + 1 >= self.settings.repeat_count
    }

    fn note_past(&mut self, case: &Case) {
        let counts = case.kind == SightKind::FallingObject
            && case.judgement.class != ObjectClass::NotFalling
            && case.rejected.is_none();
        if !counts {
            return;
        }
        if self.past.len() == PAST_MAX {
            self.past.pop_front();
        }
        let j = &case.judgement;
        let floors = j.floor_low.map(|low| (low, j.floor_high.unwrap_or(low)));
        self.past.push_back(Past {
            facade: case.facade.clone(),
            floors,
            wall_ms: case.happened_wall_ms,
            case: case.no,
        });
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
        if answers && case.level.is_some() && (rang || machine::rings(&case)) {
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
        }
        Ok((Acted { case, already: false }, effects))
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

    /// Enters a step that changes nothing but the story (evidence kept, picture not had, evicted).
    pub fn note(&mut self, no: CaseNo, kind: StepKind, note: &str, now: &Anchor) -> Effects {
        let mut effects = Effects::default();
        effects.write.steps.push(step(no, kind, now, "", note));
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
        let rang = case.level.is_some();
        if rang {
            out.reports.push(Report { holds: false, ..report(case, None) });
        } else {
            case.stage = Stage::Closed;
            out.write.steps.push(step(no, StepKind::Closed, now, "", ""));
        }
        out.write.cases.push(case.clone());
        if !rang {
            self.cases.remove(&no);
        }
    }

    /// When time alone changes something.
    #[must_use]
    pub fn next_wake(&self, now: BootMs) -> Option<BootMs> {
        self.lasting.values().map(|l| l.wake(now)).min()
    }
}

fn first_level(kind: SightKind, class: ObjectClass) -> Option<Level> {
    match kind {
        SightKind::FallingObject => Some(merge::level_of(class)),
        SightKind::EbikeInLift | SightKind::Perimeter => Some(Level::Major),
        SightKind::FireLaneBlocked => None,
    }
}

fn step(case: CaseNo, kind: StepKind, now: &Anchor, by: &str, note: &str) -> Step {
    Step { case, kind, wall_ms: now.wall.0, by: by.to_owned(), note: note.to_owned(), reason: None }
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
