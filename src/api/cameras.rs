//! `/api/v1/cameras`: what came of each camera since the start: taken, refused and why, when it was last heard.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::App;
use crate::api::dto::TextDto;
use crate::api::error::ApiError;
use crate::model::intake::{CameraFigures, Presence};
use crate::model::time::{Anchor, BootMs};

/// A camera and what came of it since the start of gatehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CameraDto {
    /// Id.
    pub(crate) id: String,
    /// What people call it.
    pub(crate) name: String,
    /// The facade it looks at.
    pub(crate) facade: Option<String>,
    /// `heard`, `silent`, or `unknown` while nothing can be said.
    pub(crate) presence: &'static str,
    /// Why it counts as silent, in both languages.
    pub(crate) reason: Option<TextDto>,
    /// Events on disk.
    pub(crate) accepted: u64,
    /// Events that came again.
    pub(crate) duplicates: u64,
    /// Events that are nothing to us.
    pub(crate) ignored: u64,
    /// Events of a kind that the vision profile does not know.
    pub(crate) unknown: u64,
    /// Times the camera was told to send again.
    pub(crate) busy: u64,
    /// Pictures beyond the caps.
    pub(crate) pictures_dropped: u64,
    /// Payloads that were refused, by reason.
    pub(crate) refused: BTreeMap<&'static str, u64>,
    /// Last event on disk.
    pub(crate) last_event_ms: Option<i64>,
    /// Last sign of life.
    pub(crate) last_contact_ms: Option<i64>,
}

/// The figures of all cameras; an error where no camera is set up.
pub(crate) fn all(app: &App) -> Result<Vec<CameraFigures>, ApiError> {
    Ok(app.book()?.cameras())
}

pub(crate) fn word(presence: &Presence) -> &'static str {
    match presence {
        Presence::Unknown => "unknown",
        Presence::Heard => "heard",
        Presence::Silent(_) => "silent",
    }
}

/// What came of each camera.
#[utoipa::path(get, path = "/api/v1/cameras", responses((status = 200, body = Vec<CameraDto>)))]
pub(crate) async fn cameras(State(app): State<Arc<App>>) -> Result<Json<Vec<CameraDto>>, ApiError> {
    let (figures, now) = (all(&app)?, app.ports.clock.anchor());
    let book = app.book()?;
    Ok(Json(figures.into_iter().map(|one| dto(one, book.watched(), &now)).collect()))
}

fn dto(one: CameraFigures, watched: &crate::model::facade::Watched, now: &Anchor) -> CameraDto {
    let at = |boot: BootMs| now.wall_at(boot).0;
    let place = watched.camera(&one.camera);
    CameraDto {
        id: one.camera.to_string(),
        name: place.map(|c| c.name.clone()).unwrap_or_default(),
        facade: place.and_then(|c| c.facade.clone()),
        presence: word(&one.presence),
        reason: if let Presence::Silent(why) = &one.presence { Some(why.into()) } else { None },
        accepted: one.stored,
        duplicates: one.duplicates,
        ignored: one.ignored,
        unknown: one.unknown,
        busy: one.busy,
        pictures_dropped: one.pictures_dropped,
        refused: one.refused,
        last_event_ms: one.last_event.map(at),
        last_contact_ms: one.last_contact.map(at),
    }
}
