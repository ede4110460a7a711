//! What a sighting does: joins a case or opens one, within the budgets.

use super::parts::{Effects, Past, Told};
use super::{DAY_MS, Desk, OPEN_MAX, PAST_MAX, TOLD_MAX, first_level, report, step};
use crate::cases::lanes::Lasting;
use crate::cases::machine;
use crate::cases::merge::{self, Where};
use crate::model::alarm::Level;
use crate::model::case::{
    CAMERAS_MAX, Case, CaseNo, Judgement, KeptSighting, Lasts, ObjectClass, Stage, Step, StepKind,
};
use crate::model::casebook::{BAND_FLOORS, middle};
use crate::model::sight::{SightAction, SightKind, Sighting};
use crate::model::time::Anchor;

impl Desk {
    #[allow(clippy::too_many_arguments)] // one record of as many facts
    pub(super) fn kept(
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
            kind: Some(seen.kind),
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
    pub(super) fn place(&self, seen: &Sighting) -> (String, String) {
        let camera = self.watched.camera(&seen.camera);
        let facade = camera.and_then(|c| c.facade.as_deref()).and_then(|id| self.watched.facade(id));
        match (facade.filter(|_| seen.kind == SightKind::FallingObject), camera) {
            (Some(facade), _) => (facade.id.clone(), facade.name.clone()),
            (None, Some(camera)) => (camera.id.clone(), camera.name.clone()),
            (None, None) => (seen.camera.to_string(), seen.camera.to_string()),
        }
    }

    pub(super) fn find(&self, at: &Where<'_>, seen: &Sighting) -> Option<CaseNo> {
        let lasts = at.kind == SightKind::FireLaneBlocked;
        let fits = |case: &&Case| {
            if lasts && case.kind == at.kind && case.facade == at.facade {
                return self.lasting.contains_key(&case.no);
            }
            merge::belongs(case, at, self.settings.merge_window_ms) && !self.parted(case.no, seen)
        };
        self.cases.values().rev().find(fits).map(|c| c.no)
    }

    /// By the camera's own clock it was at another time than all that this camera told of the case. When an event arrives says
    /// little: a network that comes back brings what was held up for minutes at once.
    fn parted(&self, case: CaseNo, seen: &Sighting) -> bool {
        let Some(told) = seen.camera_time else { return false };
        let mut own = self.told.iter().filter(|t| t.case == case && *t.camera == *seen.camera).peekable();
        let window = self.settings.merge_window_ms.unsigned_abs();
        own.peek().is_some() && own.all(|t| told.0.abs_diff(t.wall_ms) > window)
    }

    /// Remembers what the camera's clock said.
    pub(super) fn note_told(&mut self, told: Told) {
        if self.told.len() == TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back(told);
    }

    /// The newest case of the facade, when its budget of new cases is used up.
    pub(super) fn crowded(&mut self, at: &Where<'_>, shielded: bool, now: &Anchor) -> Option<CaseNo> {
        let dense = at.judgement.class == ObjectClass::Dense && !shielded;
        let most = if dense { self.settings.dense_per_minute } else { self.settings.cases_per_minute };
        let full = self.cases.len() >= OPEN_MAX && !dense;
        let window = self.births.entry((at.facade.to_owned(), dense)).or_default();
        if window.take(now.boot, most) && !full {
            return None;
        }
        // Never one that was rejected: what joins it would be heard of by nobody.
        let near = |c: &&Case| c.kind == at.kind && c.facade == at.facade && c.rejected.is_none();
        self.cases.values().rev().find(near).map(|c| c.no)
    }

    pub(super) fn open(
        &mut self,
        seen: &Sighting,
        judged: &Judgement,
        (facade, place, shield): (String, String, Option<&str>),
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
            level: if shield.is_some() { Some(Level::Info) } else { first_level(seen.kind, judged.class) },
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
            shielded: shield.map(str::to_owned),
            lasts: None,
        };
        if case.kind == SightKind::FireLaneBlocked {
            self.lasting.insert(no, Lasting::new(now.boot, seen.action));
            case.lasts = Some(if seen.action == SightAction::Start { Lasts::Started } else { Lasts::Pulses });
        }
        case.repeat = self.is_repeat(&case);
        self.note_past(&case);
        let camera = self.watched.camera(&seen.camera).map_or_else(|| seen.camera.to_string(), |c| c.name.clone());
        out.write.steps.push(step(no, StepKind::Detected, now, "", &camera));
        out.write.steps.extend(shield.map(|zone| step(no, StepKind::Shielded, now, "", zone)));
        Self::ring(&case, now, out);
        out.write.cases.push(case.clone());
        self.cases.insert(no, case);
        no
    }

    pub(super) fn join(
        &mut self,
        no: CaseNo,
        seen: &Sighting,
        judged: &Judgement,
        (happened, shield): (i64, Option<&str>),
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
        // What moves in a shield zone says nothing about a case that has more than that.
        let quiet = shield.is_some();
        let decided = case.confirmed || case.rejected.is_some();
        if !quiet {
            case.shielded = None;
        }
        if !decided && (!quiet || case.shielded.is_some()) {
            case.judgement = merge::together(&case.judgement, judged);
        }
        let level = first_level(case.kind, case.judgement.class);
        let louder = level.is_some_and(|new| case.level.is_none_or(|old| new < old)) && !decided && !quiet;
        if louder {
            case.level = level;
        }
        if let Some(lasting) = self.lasting.get_mut(&no) {
            lasting.hear(now.boot, seen.action);
            if seen.action == SightAction::Start {
                case.lasts = Some(Lasts::Started);
            }
        }
        let case = case.clone();
        if louder {
            Self::ring(&case, now, out);
        }
        out.write.cases.push(case);
    }

    pub(super) fn ring(case: &Case, now: &Anchor, out: &mut Effects) {
        if let Some(level) = case.level.filter(|_| machine::rings(case)) {
            out.write.steps.push(Step { level: Some(level), ..step(case.no, StepKind::Raised, now, "", "") });
            out.reports.push(report(case, None));
        }
    }

    /// Others like it, on the same facade and floors of late.
    fn is_repeat(&mut self, case: &Case) -> bool {
        let counts = case.judgement.class != ObjectClass::NotFalling && case.shielded.is_none();
        if case.kind != SightKind::FallingObject || !counts {
            return false;
        }
        let from = case.happened_wall_ms.saturating_sub(self.settings.repeat_days.saturating_mul(DAY_MS));
        while self.past.front().is_some_and(|p| p.wall_ms < from) {
            self.past.pop_front();
        }
        let Some(floor) = middle(case) else { return false };
        let near = |p: &&Past| {
            p.facade == case.facade
                && p.floors.is_some_and(|(l, h)| floor >= l - BAND_FLOORS / 2 && floor <= h + BAND_FLOORS / 2)
        };
        self.past.iter().filter(near).count() + 1 >= self.settings.repeat_count
    }

    pub(super) fn note_past(&mut self, case: &Case) {
        let counts = case.kind == SightKind::FallingObject
            && case.judgement.class != ObjectClass::NotFalling
            && case.rejected.is_none()
            && case.shielded.is_none();
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
}
