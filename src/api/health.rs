//! Health records for programs: reports as JSON and CSV, and what people enter. Shapes are those of
//! [`crate::model::health`].

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::App;
use crate::api::error::{ApiError, Code, ErrorBody};
use crate::api::ports::EntryRefusal;
use crate::api::routes::{BY_CHARS_MAX, NOTE_CHARS_MAX};
use crate::model::alarm::AlarmRecord;
use crate::model::health::{Around, EntryKind, HealthEntry, HealthReport, TimeToLimit};
use crate::model::id::DeviceIx;
use crate::model::link::LinkState;

/// Entries shown with a report; the newest.
pub(crate) const ENTRIES_MAX: usize = 200;
/// An entry must be on disk within this.
const ENTER_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// A report with the entries of people.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthFileDto {
    /// The report.
    #[serde(flatten)]
    pub(crate) report: HealthReport,
    /// Notes, parts and services, newest first, at most 200.
    pub(crate) entries: Vec<HealthEntry>,
}

/// What a person enters.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewEntryDto {
    /// Who.
    by: String,
    /// `note`, `part` or `service`; a note without it.
    kind: Option<EntryKind>,
    /// Which service was done; needed for `service`.
    service: Option<String>,
    /// What was done; may be empty for a service. The page calls it `note`.
    #[serde(default, alias = "note")]
    text: String,
    /// The device behaves differently from now on: its learning rules begin anew.
    #[serde(default)]
    relearn: bool,
}

/// The report of a device as of now.
pub(crate) fn report(app: &App, ix: DeviceIx, open: &[AlarmRecord]) -> Option<HealthReport> {
    let info = app.ports.site.devices.get(ix.ix())?;
    let link = app.ports.live.device(ix)?.state;
    let outlooks = app.ports.live.outlooks(info.first_point, info.point_count);
    let ahead = outlooks.iter().filter_map(|o| {
        let (ahead, point) = (o.ahead?, app.ports.site.points.get(o.points.first()?.ix())?);
        Some(TimeToLimit {
            point: point.id.to_string(),
            name: point.name.clone(),
            low_h: ahead.low_s / 3600.0,
            eta_h: ahead.eta_s / 3600.0,
            high_h: ahead.high_s.map(|s| s / 3600.0),
        })
    });
    let around = Around {
        open: open.iter().filter(|a| a.device == info.id.as_str()).map(|a| a.level).collect(),
        seen: matches!(link, LinkState::Up | LinkState::Initial),
        ahead: ahead.collect(),
    };
    app.ports.records.report(ix, &around)
}

/// All reports, worst score first.
pub(crate) fn reports(app: &App, open: &[AlarmRecord]) -> Vec<(DeviceIx, HealthReport)> {
    let all = (0..).zip(&app.ports.site.devices).map(|(ix, _)| DeviceIx(ix));
    let mut all: Vec<_> = all.filter_map(|ix| Some((ix, report(app, ix, open)?))).collect();
    all.sort_by_key(|(_, report)| report.score);
    all
}

fn device(app: &App, id: &str) -> Result<DeviceIx, ApiError> {
    app.ports.site.device(id).ok_or_else(|| ApiError::new(Code::NotFound, id))
}

/// The report and entries of one device.
pub(crate) async fn file(app: &App, id: &str) -> Result<HealthFileDto, ApiError> {
    let ix = device(app, id)?;
    let report = report(app, ix, &app.ports.live.alarms()).ok_or_else(|| ApiError::new(Code::NotFound, id))?;
    let asked = id.to_owned();
    let entries = app.read(move |archive| archive.health_entries(&asked, ENTRIES_MAX)).await?;
    Ok(HealthFileDto { report, entries })
}

/// Health of all devices, worst first, without entries.
#[utoipa::path(get, path = "/api/v1/health/devices", responses((status = 200, body = Vec<HealthReport>)))]
pub(crate) async fn all(State(app): State<Arc<App>>) -> Json<Vec<HealthReport>> {
    Json(reports(&app, &app.ports.live.alarms()).into_iter().map(|(_, report)| report).collect())
}

/// The health record of a device.
#[utoipa::path(get, path = "/api/v1/devices/{id}/health", params(("id" = String, Path)),
    responses((status = 200, body = HealthFileDto), (status = 404, body = ErrorBody)))]
pub(crate) async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<HealthFileDto>, ApiError> {
    file(&app, &id).await.map(Json)
}

/// Enters a note, a replaced part, or a service that was done. Entries are never changed or deleted.
#[utoipa::path(post, path = "/api/v1/devices/{id}/health/entries", params(("id" = String, Path)),
    request_body = NewEntryDto, responses((status = 200, body = HealthEntry), (status = 404, body = ErrorBody)))]
pub(crate) async fn enter(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<HealthEntry>, ApiError> {
    device(&app, &id)?;
    let entry = checked(&id, &body)?;
    let asked = tokio::time::timeout(ENTER_WITHIN, app.ports.records.enter(entry)).await;
    let entered = match asked {
        Ok(Ok(entered)) => entered,
        Ok(Err(EntryRefusal::Service)) => return Err(ApiError::new(Code::BadRequest, "service")),
        Ok(Err(error @ EntryRefusal::Unavailable(_))) => return Err(ApiError::inside(Code::Busy, &error)),
        Err(late) => return Err(ApiError::inside(Code::Busy, &late)),
    };
    if entered.relearn {
        // The entry stands whatever comes of it; a device without learning rules has nothing to learn anew.
        let asked = app.ports.desk.relearn(id.clone(), entered.by.clone());
        match tokio::time::timeout(ENTER_WITHIN, asked).await {
            Ok(Ok(rules)) => tracing::info!(device = id, rules, "learns anew after maintenance"),
            Ok(Err(error)) => tracing::warn!(device = id, %error, "could not be told to learn anew"),
            Err(_) => tracing::warn!(device = id, "was not told to learn anew in time"),
        }
    }
    Ok(Json(entered))
}

fn checked(device: &str, body: &[u8]) -> Result<HealthEntry, ApiError> {
    let new: NewEntryDto = serde_json::from_slice(body).map_err(|e| ApiError::new(Code::BadRequest, e.to_string()))?;
    let (by, text) = (new.by.trim().to_owned(), new.text.trim().to_owned());
    let kind = new.kind.unwrap_or(EntryKind::Note);
    let bad = |text: &str, max: usize| text.chars().count() > max || text.chars().any(char::is_control);
    if by.is_empty() || bad(&by, BY_CHARS_MAX) {
        return Err(ApiError::new(Code::BadRequest, "by"));
    }
    if bad(&text, NOTE_CHARS_MAX) || (text.is_empty() && kind != EntryKind::Service) {
        return Err(ApiError::new(Code::BadRequest, "text"));
    }
    Ok(HealthEntry {
        device: device.to_owned(),
        at_ms: 0,
        by,
        kind,
        service: new.service,
        text,
        relearn: new.relearn,
        used: BTreeMap::new(),
    })
}
