//! The routes of `/api/v1` and what answers them. The table [`routes`] is the only list of them: the router is built from
//! it, and a test holds it against the OpenAPI document.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::dto;
use crate::api::error::{ApiError, Code, ErrorBody};
use crate::api::lang::Words;
use crate::api::ports::{DeskFuture, Refusal};
use crate::api::{
    App, cameras, cases, events, guard, health as records, journal, learning, metrics, openapi, page, view,
};
use crate::model::desk::DeskError;
use crate::model::id::{DeviceIx, LineIx, PointIx};
use crate::model::stored::AlarmFilter;
use crate::model::time::WallMs;

/// Longest accepted body, bytes.
pub(crate) const BODY_BYTES_MAX: usize = 256 * 1024;
/// Longest name of a person, characters.
pub(crate) const BY_CHARS_MAX: usize = 64;
/// Longest comment, characters.
pub(crate) const NOTE_CHARS_MAX: usize = 500;
/// Most steps of a trend.
pub(crate) const BUCKETS_MAX: usize = 2000;
/// Most alarms in one answer.
pub(crate) const ALARMS_MAX: usize = 500;
/// An answer to an alarm must be decided and kept within this.
pub(crate) const DESK_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

pub(crate) type Shared = State<Arc<App>>;
pub(crate) type Reply<T> = Result<Json<T>, ApiError>;

/// Every route below `/api/v1`, with its method and its path as OpenAPI writes it.
pub(crate) fn routes() -> Vec<(&'static str, &'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("get", "/api/v1/health", get(health)),
        ("get", "/api/v1/lines", get(lines)),
        ("get", "/api/v1/devices", get(devices)),
        ("get", "/api/v1/devices/{id}", get(device)),
        ("get", "/api/v1/devices/{id}/health", get(records::one)),
        ("get", "/api/v1/devices/{id}/health.csv", get(page::records::health_csv)),
        ("post", "/api/v1/devices/{id}/health/entries", post(records::enter)),
        ("get", "/api/v1/health/devices", get(records::all)),
        ("get", "/api/v1/points", get(points)),
        ("get", "/api/v1/points/{key}", get(point)),
        ("get", "/api/v1/history", get(history)),
        ("get", "/api/v1/alarms", get(alarms)),
        ("get", "/api/v1/alarms/{id}", get(alarm)),
        ("post", "/api/v1/alarms/{id}/acknowledge", post(acknowledge)),
        ("post", "/api/v1/alarms/{id}/reset", post(reset)),
        ("get", "/api/v1/cases", get(cases::cases)),
        ("get", "/api/v1/cases/statistics", get(cases::statistics)),
        ("get", "/api/v1/cases/notice", get(cases::notice)),
        ("get", "/api/v1/cameras", get(cameras::cameras)),
        ("get", "/api/v1/cases/key", get(cases::key)),
        ("get", "/api/v1/cases/{id}", get(cases::case)),
        ("post", "/api/v1/cases/{id}/steps", post(cases::step)),
        ("get", "/api/v1/cases/{id}/pictures/{file}", get(cases::picture)),
        ("get", "/api/v1/cases/{id}/export", get(cases::export)),
        ("get", "/api/v1/sync", get(sync)),
        ("get", "/api/v1/outlooks", get(learning::outlooks)),
        ("post", "/api/v1/rules/{key}/relearn", post(learning::relearn)),
        ("get", "/api/v1/events", get(events::events)),
        ("get", "/api/v1/openapi.json", get(openapi::document)),
    ]
}

/// Everything behind the guard.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for (_, path, method) in routes() {
        router = router.route(path, method);
    }
    router
        .route("/metrics", get(metrics::metrics))
        .merge(page::router())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(app), guard::guard))
        .with_state(Arc::clone(app))
}

/// How gatehouse itself does.
#[utoipa::path(get, path = "/api/v1/health", responses((status = 200, body = dto::HealthDto)))]
pub(crate) async fn health(State(app): Shared) -> Json<dto::HealthDto> {
    let (health, now, store) = ((app.ports.health)(), app.ports.clock.anchor(), app.ports.archive.status());
    let figures = app.ports.live.alarms();
    Json(dto::HealthDto {
        status: if health.ok && store.degraded.is_none() { "ok" } else { "degraded" },
        version: env!("CARGO_PKG_VERSION"),
        site: app.ports.site.id.clone(),
        site_name: app.ports.site.name.clone(),
        time_zone: app.ports.site.time_zone.clone(),
        now_ms: now.wall.0,
        clock: view::word(&now.trust),
        uptime_ms: now.boot.since(health.started),
        parts: health.parts.into_iter().map(|p| dto::PartDto { name: p.name, ok: p.ok, note: p.note }).collect(),
        alarms_open: figures.len(),
        alarms_unacknowledged: figures.iter().filter(|a| a.acknowledged.is_none()).count(),
        store: dto::StoreDto {
            bytes: store.log_bytes + store.history_bytes + store.state_bytes,
            bytes_max: store.bytes_max,
            readings_committed: store.readings_committed,
            readings_dropped: store.readings_dropped,
            quarantined: store.quarantined,
            degraded: store.degraded,
        },
    })
}

/// All lines.
#[utoipa::path(get, path = "/api/v1/lines", responses((status = 200, body = Vec<dto::LineDto>)))]
pub(crate) async fn lines(State(app): Shared) -> Json<Vec<dto::LineDto>> {
    let (site, now) = (&app.ports.site, app.ports.clock.anchor());
    let of = |ix: u32, line: &crate::model::site::LineInfo| {
        let live = app.ports.live.line(LineIx(ix))?;
        Some(dto::LineDto {
            id: line.id.to_string(),
            kind: line.kind,
            target: line.target.clone(),
            devices: line.devices.iter().filter_map(|d| site.devices.get(d.ix())).map(|d| d.id.to_string()).collect(),
            link: view::link(&live, &now),
        })
    };
    Json((0..).zip(&site.lines).filter_map(|(ix, line)| of(ix, line)).collect())
}

fn device_dto(app: &App, ix: DeviceIx, open: &[crate::model::alarm::AlarmRecord]) -> Option<dto::DeviceDto> {
    let site = &app.ports.site;
    let info = site.devices.get(ix.ix())?;
    Some(dto::DeviceDto {
        id: info.id.to_string(),
        name: info.name.clone(),
        at: info.at.clone(),
        kind: info.kind.clone(),
        profile: info.profile.clone(),
        line: site.lines.get(info.line.ix()).map(|l| l.id.to_string()).unwrap_or_default(),
        address: info.address.clone(),
        link: view::link(&app.ports.live.device(ix)?, &app.ports.clock.anchor()),
        alarms_open: open.iter().filter(|a| a.device == info.id.as_str()).count(),
        points: info.point_count as usize,
    })
}

/// All devices.
#[utoipa::path(get, path = "/api/v1/devices", responses((status = 200, body = Vec<dto::DeviceDto>)))]
pub(crate) async fn devices(State(app): Shared) -> Json<Vec<dto::DeviceDto>> {
    let open = app.ports.live.alarms();
    Json((0..).zip(&app.ports.site.devices).filter_map(|(ix, _)| device_dto(&app, DeviceIx(ix), &open)).collect())
}

/// One device.
#[utoipa::path(get, path = "/api/v1/devices/{id}", params(("id" = String, Path)),
    responses((status = 200, body = dto::DeviceDto), (status = 404, body = ErrorBody)))]
pub(crate) async fn device(State(app): Shared, Path(id): Path<String>) -> Reply<dto::DeviceDto> {
    let found = app.ports.site.device(&id).and_then(|ix| device_dto(&app, ix, &app.ports.live.alarms()));
    found.map(Json).ok_or_else(|| ApiError::new(Code::NotFound, id))
}

/// Which points.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct PointsQuery {
    /// Of this device; of all without it.
    device: Option<String>,
}

/// Points with their present values.
#[utoipa::path(get, path = "/api/v1/points", params(PointsQuery),
    responses((status = 200, body = Vec<dto::PointDto>), (status = 404, body = ErrorBody)))]
pub(crate) async fn points(
    State(app): Shared,
    Extension(words): Extension<Words>,
    Query(query): Query<PointsQuery>,
) -> Reply<Vec<dto::PointDto>> {
    let (site, now) = (&app.ports.site, app.ports.clock.anchor());
    let (first, count) = match query.device {
        None => (PointIx(0), u32::try_from(site.points.len()).unwrap_or(u32::MAX)),
        Some(id) => {
            let ix = site.device(&id).ok_or_else(|| ApiError::new(Code::NotFound, id))?;
            let info = &site.devices[ix.ix()];
            (info.first_point, info.point_count)
        }
    };
    let live = app.ports.live.run(first, count);
    let of = |(ix, live): (u32, &crate::model::live::LivePoint)| view::point(site, PointIx(ix), live, &now, words);
    Ok(Json((first.0..).zip(&live).filter_map(of).collect()))
}

/// One point with its present value.
#[utoipa::path(get, path = "/api/v1/points/{key}", params(("key" = String, Path, description = "`device.point`")),
    responses((status = 200, body = dto::PointDto), (status = 404, body = ErrorBody)))]
pub(crate) async fn point(
    State(app): Shared,
    Extension(words): Extension<Words>,
    Path(key): Path<String>,
) -> Reply<dto::PointDto> {
    let site = &app.ports.site;
    let found = site.point(&key).and_then(|ix| {
        let live = app.ports.live.point(ix)?;
        view::point(site, ix, &live, &app.ports.clock.anchor(), words)
    });
    found.map(Json).ok_or_else(|| ApiError::new(Code::NotFound, key))
}

/// Which trend.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct HistoryQuery {
    /// `device.point`.
    point: String,
    /// Begin, UTC milliseconds; 24 hours before the end without it.
    from: Option<i64>,
    /// End, UTC milliseconds; now without it.
    to: Option<i64>,
    /// Most steps, at most 2,000; 500 without it.
    max: Option<usize>,
}

/// The history of a point in equal steps.
#[utoipa::path(get, path = "/api/v1/history", params(HistoryQuery),
    responses((status = 200, body = dto::HistoryDto), (status = 404, body = ErrorBody)))]
pub(crate) async fn history(State(app): Shared, Query(query): Query<HistoryQuery>) -> Reply<dto::HistoryDto> {
    let site = &app.ports.site;
    let ix = site.point(&query.point).ok_or_else(|| ApiError::new(Code::NotFound, query.point.as_str()))?;
    let to = query.to.unwrap_or(app.ports.clock.anchor().wall.0);
    let from = query.from.unwrap_or(to.saturating_sub(24 * 3_600_000));
    if from >= to {
        return Err(ApiError::new(Code::BadRequest, "from < to"));
    }
    let (key, max) = (query.point.clone(), query.max.unwrap_or(500).clamp(1, BUCKETS_MAX));
    let found = app.read(move |archive| archive.history(&key, WallMs(from), WallMs(to), max)).await?;
    Ok(Json(dto::HistoryDto {
        point: query.point,
        unit: site.points.get(ix.ix()).and_then(|p| p.unit).map(|u| u.code().to_owned()),
        from_ms: from,
        to_ms: to,
        step_ms: found.step_ms,
        buckets: found.buckets.iter().map(view::bucket).collect(),
    }))
}

/// Which alarms.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct AlarmsQuery {
    /// Only those on the list (straight from memory, also while the disk stalls).
    #[serde(default)]
    open: bool,
    /// Of this device.
    device: Option<String>,
    /// At most so many, up to 500; 100 without it.
    limit: Option<usize>,
    /// Raised before this, UTC milliseconds, for paging.
    before: Option<i64>,
}

/// Alarms: those on the list most urgent first, or all newest first.
#[utoipa::path(get, path = "/api/v1/alarms", params(AlarmsQuery), responses((status = 200, body = Vec<dto::AlarmDto>)))]
pub(crate) async fn alarms(State(app): Shared, Query(query): Query<AlarmsQuery>) -> Reply<Vec<dto::AlarmDto>> {
    let limit = query.limit.unwrap_or(100).clamp(1, ALARMS_MAX);
    let found = if query.open {
        let before = query.before.unwrap_or(i64::MAX);
        let mut open = app.ports.live.alarms();
        open.retain(|a| query.device.as_ref().is_none_or(|d| *d == a.device) && a.raised_wall_ms < before);
        open.truncate(limit);
        open
    } else {
        let filter = AlarmFilter { open_only: false, device: query.device, limit, before_wall_ms: query.before };
        app.read(move |archive| archive.alarms(&filter)).await?
    };
    Ok(Json(found.iter().map(view::alarm).collect()))
}

/// One alarm with its story.
#[utoipa::path(get, path = "/api/v1/alarms/{id}", params(("id" = String, Path)),
    responses((status = 200, body = dto::AlarmStoryDto), (status = 404, body = ErrorBody)))]
pub(crate) async fn alarm(State(app): Shared, Path(id): Path<String>) -> Reply<dto::AlarmStoryDto> {
    let (alarm, steps) = journal::story(&app, &id).await?.ok_or_else(|| ApiError::new(Code::NotFound, id))?;
    let step = |e: &crate::model::alarm::AlarmEvent| dto::StepDto {
        change: e.change.word(),
        at_ms: e.wall_ms,
        by: e.by.clone(),
        note: e.note.clone(),
    };
    Ok(Json(dto::AlarmStoryDto { alarm: view::alarm(&alarm), timeline: steps.iter().map(step).collect() }))
}

/// Answers an alarm. Idempotent: when somebody was faster, the reply says who, with 200.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/acknowledge", params(("id" = String, Path)),
    request_body = dto::AnswerDto,
    responses((status = 200, body = dto::AnsweredDto), (status = 404, body = ErrorBody)))]
pub(crate) async fn acknowledge(State(app): Shared, Path(id): Path<String>, body: Bytes) -> Reply<dto::AnsweredDto> {
    let answer = answer(&body)?;
    answered(app.ports.desk.acknowledge(id, answer.by, answer.note)).await
}

/// Resets a latched alarm whose condition is gone.
#[utoipa::path(post, path = "/api/v1/alarms/{id}/reset", params(("id" = String, Path)), request_body = dto::AnswerDto,
    responses((status = 200, body = dto::AnsweredDto), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(crate) async fn reset(State(app): Shared, Path(id): Path<String>, body: Bytes) -> Reply<dto::AnsweredDto> {
    let answer = answer(&body)?;
    answered(app.ports.desk.reset(id, answer.by, answer.note)).await
}

fn answer(body: &[u8]) -> Result<dto::AnswerDto, ApiError> {
    let mut answer: dto::AnswerDto =
        serde_json::from_slice(body).map_err(|e| ApiError::new(Code::BadRequest, e.to_string()))?;
    answer.by = answer.by.trim().to_owned();
    answer.note = answer.note.trim().to_owned();
    let bad = |text: &str, max: usize| text.chars().count() > max || text.chars().any(char::is_control);
    if answer.by.is_empty() || bad(&answer.by, BY_CHARS_MAX) {
        return Err(ApiError::new(Code::BadRequest, "by"));
    }
    if bad(&answer.note, NOTE_CHARS_MAX) {
        return Err(ApiError::new(Code::BadRequest, "note"));
    }
    Ok(answer)
}

async fn answered(asked: DeskFuture<'_>) -> Reply<dto::AnsweredDto> {
    match tokio::time::timeout(DESK_WITHIN, asked).await {
        Ok(Ok(handled)) => {
            Ok(Json(dto::AnsweredDto { already: handled.already.is_some(), alarm: view::alarm(&handled.alarm) }))
        }
        Ok(Err(Refusal::Desk(DeskError::NotOpen(id) | DeskError::NotLearning(id)))) => {
            Err(ApiError::new(Code::NotFound, id))
        }
        Ok(Err(Refusal::Desk(DeskError::NotLatched | DeskError::StillActive))) => {
            Err(ApiError::new(Code::NotResettable, ""))
        }
        Ok(Err(error @ Refusal::Unavailable(_))) => Err(ApiError::inside(Code::Busy, &error)),
        Err(late) => Err(ApiError::inside(Code::Busy, &late)),
    }
}

/// Upstreams, webhooks and brokers.
#[utoipa::path(get, path = "/api/v1/sync", responses((status = 200, body = Vec<dto::UpstreamDto>)))]
pub(crate) async fn sync(State(app): Shared) -> Json<Vec<dto::UpstreamDto>> {
    Json(app.ports.sync.upstreams().iter().map(view::upstream).collect())
}
