//! Shapes of the JSON of cases. Field names are a promise. Times are UTC milliseconds; units stand last in names.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::dto::TextDto;
use crate::api::ports::CaseFileInfo;
use crate::model::alarm::Level;
use crate::model::case::{Case, CaseStory, Judgement, KeptSighting, Reason, Step};
use crate::model::casewords;

/// A case. Its flags are independent facts.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct CaseDto {
    /// Number.
    pub(crate) id: String,
    /// `falling_object`, `ebike_in_lift`, `fire_lane_blocked`, `perimeter`.
    pub(crate) kind: &'static str,
    /// Facade id, or the camera's.
    pub(crate) facade: String,
    /// What people call the place.
    pub(crate) place: String,
    /// `detected`, `notified`, `reviewing`, `confirmed`, `rejected`, `dispatched`, `closed`.
    pub(crate) stage: &'static str,
    /// It was confirmed.
    pub(crate) confirmed: bool,
    /// Why it is none: `bird`, `insect`, `leaf`, `weather`, `laundry`, `work`, `drone`, `camera`, `test`, `other`.
    pub(crate) rejected: Option<&'static str>,
    /// Level of its alarm.
    pub(crate) level: Option<&'static str>,
    /// What is known of it.
    pub(crate) judgement: JudgementDto,
    /// When it happened.
    pub(crate) happened_ms: i64,
    /// When the first event came.
    pub(crate) opened_ms: i64,
    /// Last change.
    pub(crate) changed_ms: i64,
    /// Events.
    pub(crate) sightings: u32,
    /// Cameras.
    pub(crate) cameras: Vec<String>,
    /// Not the first on that facade and those floors of late.
    pub(crate) repeat: bool,
    /// Legal hold.
    pub(crate) held: bool,
    /// The evidence is deleted; its digests are kept.
    pub(crate) evicted: bool,
    /// Its tracks lie wholly in the shield zone of this name: told quietly, reviewed last.
    pub(crate) shielded: Option<String>,
    /// Key of its alarm.
    pub(crate) alarm_key: String,
}

/// What is known of a falling object.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct JudgementDto {
    /// `dense`, `light`, `not_falling`, `undecidable`.
    pub(crate) class: &'static str,
    /// Probability of the class.
    pub(crate) p: f64,
    /// Order of the review.
    pub(crate) score: f64,
    /// Lowest floor.
    pub(crate) floor_low: Option<i32>,
    /// Highest floor; open with `at_or_above`.
    pub(crate) floor_high: Option<i32>,
    /// The track began at the picture's edge.
    pub(crate) at_or_above: bool,
    /// Lowest release height.
    pub(crate) release_low_m: Option<f64>,
    /// Highest release height.
    pub(crate) release_high_m: Option<f64>,
    /// Speed at the ground.
    pub(crate) impact_speed_ms: Option<f64>,
}

/// A line of a case's story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CaseStepDto {
    /// `detected`, `raised`, `notified`, `reviewing`, `confirmed`, `rejected`, `dispatched`, `closed`, `evidence`, ...
    pub(crate) step: &'static str,
    /// When.
    pub(crate) at_ms: i64,
    /// Who; empty for gatehouse itself.
    pub(crate) by: String,
    /// Comment, or a name (a file, a camera).
    pub(crate) note: String,
    /// What happened in gatehouse's own words, in both languages: why a picture was not had, why evidence went. Steps of earlier
    /// releases have it as their `note`.
    pub(crate) why: Option<TextDto>,
    /// Why, for a rejection.
    pub(crate) reason: Option<&'static str>,
    /// Level of the alarm that was raised.
    pub(crate) level: Option<&'static str>,
}

/// One event of a camera.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct SightingDto {
    /// Camera id.
    pub(crate) camera: String,
    /// The camera's id of the event.
    pub(crate) event_id: String,
    /// Arrival.
    pub(crate) received_ms: i64,
    /// The camera's own time.
    pub(crate) camera_ms: Option<i64>,
    /// What was added to it to get our time.
    pub(crate) offset_ms: Option<i64>,
    /// The vendor's rule.
    pub(crate) source: String,
    /// Kept in short form.
    pub(crate) brief: bool,
    /// Size of the picture in which the track is drawn.
    pub(crate) frame: Option<(u32, u32)>,
    /// `[t s, x px, y px]` of each point.
    pub(crate) track: Vec<(f64, f64, f64)>,
    /// What it says alone.
    pub(crate) judgement: JudgementDto,
}

/// A case with its story.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct CaseStoryDto {
    /// The case.
    pub(crate) case: CaseDto,
    /// Oldest first.
    pub(crate) steps: Vec<CaseStepDto>,
    /// Oldest first.
    pub(crate) sightings: Vec<SightingDto>,
    /// Evidence.
    pub(crate) files: Vec<CaseFileInfo>,
}

/// What a person does.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct ActDto {
    /// `review`, `confirm`, `reject`, `dispatch`, `close`, `hold`, `release`.
    pub(crate) act: String,
    /// Name, up to 64 characters.
    pub(crate) by: String,
    /// Comment, up to 500 characters.
    #[serde(default)]
    pub(crate) note: String,
    /// With `reject`: see [`CaseDto::rejected`].
    pub(crate) reason: Option<String>,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ActedDto {
    /// It stood so before.
    pub(crate) already: bool,
    /// The case as it stands now.
    pub(crate) case: CaseDto,
}

/// The key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct KeyDto {
    /// Always `Ed25519`.
    pub(crate) algorithm: &'static str,
    /// SubjectPublicKeyInfo as PEM.
    pub(crate) public_key_pem: String,
}

fn judgement(j: &Judgement) -> JudgementDto {
    JudgementDto {
        class: j.class.word(),
        p: j.p,
        score: j.score,
        floor_low: j.floor_low,
        floor_high: j.floor_high,
        at_or_above: j.at_or_above,
        release_low_m: j.release_low_m,
        release_high_m: j.release_high_m,
        impact_speed_ms: j.impact_speed_ms,
    }
}

/// A case as it is shown.
pub(crate) fn case(c: &Case) -> CaseDto {
    CaseDto {
        id: c.no.to_string(),
        kind: casewords::kind_word(c.kind),
        facade: c.facade.clone(),
        place: c.place.clone(),
        stage: c.stage.word(),
        confirmed: c.confirmed,
        rejected: c.rejected.map(Reason::word),
        level: c.level.map(Level::word),
        judgement: judgement(&c.judgement),
        happened_ms: c.happened_wall_ms,
        opened_ms: c.opened_wall_ms,
        changed_ms: c.changed_wall_ms,
        sightings: c.sightings,
        cameras: c.cameras.clone(),
        repeat: c.repeat,
        held: c.held,
        evicted: c.evicted,
        shielded: c.shielded.clone(),
        alarm_key: c.no.key(),
    }
}

fn sighting(s: &KeptSighting) -> SightingDto {
    SightingDto {
        camera: s.camera.clone(),
        event_id: s.event_id.clone(),
        received_ms: s.received_wall_ms,
        camera_ms: s.camera_wall_ms,
        offset_ms: s.offset_ms,
        source: s.source.clone(),
        brief: s.brief,
        frame: s.frame,
        track: s.track.iter().map(|p| (p.t, p.x, p.y)).collect(),
        judgement: judgement(&s.judgement),
    }
}

fn step(s: &Step) -> CaseStepDto {
    let (level, note) = s.facts();
    CaseStepDto {
        step: s.kind.word(),
        at_ms: s.wall_ms,
        by: s.by.clone(),
        note: note.to_owned(),
        why: s.why.as_ref().map(Into::into),
        reason: s.reason.map(Reason::word),
        level: level.map(Level::word),
    }
}

/// A case with its story.
pub(crate) fn story(s: &CaseStory, files: Vec<CaseFileInfo>) -> CaseStoryDto {
    CaseStoryDto {
        case: case(&s.case),
        steps: s.steps.iter().map(step).collect(),
        sightings: s.sightings.iter().map(sighting).collect(),
        files,
    }
}
