//! What the rules that learn tell, and the request to learn anew after a repair.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};

use crate::api::dto;
use crate::api::error::{ApiError, Code, ErrorBody};
use crate::api::ports::Refusal;
use crate::api::routes::{BY_CHARS_MAX, DESK_WITHIN, Reply, Shared};
use crate::api::view;
use crate::model::desk::DeskError;
use crate::model::id::PointIx;

/// How the rules that learn stand: progress, and the time left to a limit.
#[utoipa::path(get, path = "/api/v1/outlooks", responses((status = 200, body = Vec<dto::OutlookDto>)))]
pub(crate) async fn outlooks(State(app): Shared) -> Json<Vec<dto::OutlookDto>> {
    let all = app.ports.live.outlooks(PointIx(0), 0);
    Json(all.iter().map(|o| view::outlook(&app.ports.site, o)).collect())
}

/// Rules forget what they have learnt, after a repair: one by its key, or all of a device by the device's id.
#[utoipa::path(post, path = "/api/v1/rules/{key}/relearn", params(("key" = String, Path)), request_body = dto::RelearnDto,
    responses((status = 200, body = dto::RelearningDto), (status = 404, body = ErrorBody)))]
pub(crate) async fn relearn(State(app): Shared, Path(key): Path<String>, body: Bytes) -> Reply<dto::RelearningDto> {
    let asked: dto::RelearnDto =
        serde_json::from_slice(&body).map_err(|e| ApiError::new(Code::BadRequest, e.to_string()))?;
    let by = asked.by.trim().to_owned();
    if by.is_empty() || by.chars().count() > BY_CHARS_MAX || by.chars().any(char::is_control) {
        return Err(ApiError::new(Code::BadRequest, "by"));
    }
    match tokio::time::timeout(DESK_WITHIN, app.ports.desk.relearn(key, by)).await {
        Ok(Ok(rules)) => Ok(Json(dto::RelearningDto { rules })),
        Ok(Err(Refusal::Desk(DeskError::NotLearning(key)))) => Err(ApiError::new(Code::NotFound, key)),
        Ok(Err(error)) => Err(ApiError::inside(Code::Busy, &error)),
        Err(late) => Err(ApiError::inside(Code::Busy, &late)),
    }
}
