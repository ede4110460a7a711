//! `/api/v1/cases`: the review list, one case, what people do with it, its masked pictures, the sealed export, figures.
//!
//! Pictures and exports are masked unless asked for with `full=true`, a name and a reason; that is entered in the case's
//! story before a byte is sent.

pub(crate) mod dto;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::App;
use crate::api::error::{ApiError, Code, ErrorBody};
use crate::api::lang::Words;
use crate::api::ports::CaseBook;
use crate::model::case::{
    Act, ActError, Acted, BY_CHARS_MAX, Case, CaseFilter, CaseNo, CaseStory, NOTE_CHARS_MAX, Reason,
};
use crate::model::casebook::Statistics;
use crate::model::stored::ReadError;

type Shared = State<Arc<App>>;
type Reply<T> = Result<Json<T>, ApiError>;

/// Most cases in one answer.
pub(crate) const CASES_MAX: usize = 500;
/// Longest time of figures, days.
pub(crate) const DAYS_MAX: i64 = 366;
/// A step must be on disk within this.
const ACT_WITHIN: Duration = Duration::from_secs(10);

impl App {
    /// The case desk, if the site has cameras.
    pub(crate) fn book(&self) -> Result<Arc<dyn CaseBook>, ApiError> {
        self.ports.cases.clone().ok_or_else(|| ApiError::new(Code::NotFound, "no camera is set up"))
    }

    /// Asks the case desk's book on the blocking pool.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn CaseBook) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let book = self.book()?;
        self.read(move |_| ask(book.as_ref())).await
    }
}

pub(crate) fn number(id: &str) -> Result<CaseNo, ApiError> {
    id.parse().map_err(|_| ApiError::new(Code::NotFound, id))
}

/// Cases in order of the review: undecided first, by level, then score, then newest.
pub(crate) async fn review(app: &App) -> Result<Vec<Case>, ApiError> {
    let filter = CaseFilter { open_only: true, before: None, limit: CASES_MAX };
    let mut open = app.ask(move |book| book.list(&filter)).await?;
    open.sort_by(Case::review_order);
    Ok(open)
}

pub(crate) async fn story_of(app: &App, id: &str) -> Result<CaseStory, ApiError> {
    let no = number(id)?;
    app.ask(move |book| book.story(no)).await?.ok_or_else(|| ApiError::new(Code::NotFound, id))
}

/// Which cases.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct CasesQuery {
    /// Only those not closed, in order of the review; otherwise all, newest first.
    #[serde(default)]
    open: bool,
    /// At most so many, up to 500; 100 without it.
    limit: Option<usize>,
    /// Numbered below this, for paging.
    before: Option<u64>,
}

/// Cases.
#[utoipa::path(get, path = "/api/v1/cases", params(CasesQuery), responses((status = 200, body = Vec<dto::CaseDto>)))]
pub(crate) async fn cases(State(app): Shared, Query(query): Query<CasesQuery>) -> Reply<Vec<dto::CaseDto>> {
    let limit = query.limit.unwrap_or(100).clamp(1, CASES_MAX);
    let mut found = if query.open {
        review(&app).await?
    } else {
        let filter = CaseFilter { open_only: false, before: query.before, limit };
        app.ask(move |book| book.list(&filter)).await?
    };
    found.truncate(limit);
    Ok(Json(found.iter().map(dto::case).collect()))
}

/// One case with its steps, sightings and files.
#[utoipa::path(get, path = "/api/v1/cases/{id}", params(("id" = String, Path)),
    responses((status = 200, body = dto::CaseStoryDto), (status = 404, body = ErrorBody)))]
pub(crate) async fn case(State(app): Shared, Path(id): Path<String>) -> Reply<dto::CaseStoryDto> {
    let story = story_of(&app, &id).await?;
    let no = story.case.no;
    let files = app.ask(move |book| book.files(no)).await?;
    Ok(Json(dto::story(&story, files)))
}

/// Does something with a case: `review`, `confirm`, `reject` (with a `reason`), `dispatch`, `close`, `hold`, `release`.
/// Idempotent: what has been done already answers 200 with `already`.
#[utoipa::path(post, path = "/api/v1/cases/{id}/steps", params(("id" = String, Path)), request_body = dto::ActDto,
    responses((status = 200, body = dto::ActedDto), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(crate) async fn step(
    State(app): Shared,
    Extension(w): Extension<Words>,
    Path(id): Path<String>,
    body: Bytes,
) -> Reply<dto::ActedDto> {
    let no = number(&id)?;
    let asked: dto::ActDto =
        serde_json::from_slice(&body).map_err(|e| ApiError::new(Code::BadRequest, e.to_string()))?;
    let reason = match asked.reason.as_deref() {
        None | Some("") => None,
        Some(word) => Some(Reason::from_word(word).ok_or_else(|| ApiError::new(Code::BadRequest, "reason"))?),
    };
    let act = Act::from_words(&asked.act, reason).ok_or_else(|| ApiError::new(Code::BadRequest, "act"))?;
    let acted = act_on(&app, w, no, act, &asked.by, &asked.note).await?;
    Ok(Json(dto::ActedDto { already: acted.already, case: dto::case(&acted.case) }))
}

/// Does it, with name and note checked and an answer in the reader's words.
async fn act_on(app: &App, w: Words, no: CaseNo, act: Act, by: &str, note: &str) -> Result<Acted, ApiError> {
    let (by, note) = (by.trim(), note.trim());
    let bad = |text: &str, max: usize| text.chars().count() > max || text.chars().any(char::is_control);
    if by.is_empty() || bad(by, BY_CHARS_MAX) {
        return Err(ApiError::new(Code::BadRequest, "by"));
    }
    if bad(note, NOTE_CHARS_MAX) {
        return Err(ApiError::new(Code::BadRequest, "note"));
    }
    let book = app.book()?;
    let asked = book.act(no, act, by.to_owned(), note.to_owned());
    match tokio::time::timeout(ACT_WITHIN, asked).await {
        Ok(Ok(acted)) => Ok(acted),
        Ok(Err(ActError::Unknown(no))) => Err(ApiError::new(Code::NotFound, no.to_string())),
        Ok(Err(error @ ActError::Store(_))) => Err(ApiError::inside(Code::Busy, &error)),
        Ok(Err(error)) => Err(ApiError::new(Code::CaseStep, refusal(&error, w))),
        Err(late) => Err(ApiError::inside(Code::Busy, &late)),
    }
}

fn refusal(error: &ActError, w: Words) -> &'static str {
    match error {
        ActError::Closed => w.t("act.closed"),
        ActError::ReviewFirst => w.t("act.review_first"),
        ActError::ConfirmFirst => w.t("act.confirm_first"),
        ActError::Decided => w.t("act.decided"),
        ActError::Undecided | ActError::Unknown(_) | ActError::Store(_) => w.t("act.undecided"),
    }
}

/// Masked or not, and for whom.
#[derive(Debug, Default, Deserialize, IntoParams)]
pub(crate) struct FullQuery {
    /// Without the mask. Wants `by` and `reason`; entered in the case's story.
    #[serde(default)]
    full: bool,
    /// Who asks.
    #[serde(default)]
    by: String,
    /// Why.
    #[serde(default)]
    reason: String,
}

impl FullQuery {
    fn check(&self) -> Result<(), ApiError> {
        if self.full && (self.by.trim().is_empty() || self.reason.trim().is_empty()) {
            return Err(ApiError::new(Code::BadRequest, "full=true wants by and reason"));
        }
        Ok(())
    }
}

/// A picture of a case, masked.
#[utoipa::path(get, path = "/api/v1/cases/{id}/pictures/{file}", params(("id" = String, Path), ("file" = String, Path), FullQuery),
    responses((status = 200, content_type = "image/png", body = Vec<u8>), (status = 404, body = ErrorBody)))]
pub(crate) async fn picture(
    State(app): Shared,
    Extension(w): Extension<Words>,
    Path((id, file)): Path<(String, String)>,
    Query(query): Query<FullQuery>,
) -> Result<Response, ApiError> {
    let no = number(&id)?;
    query.check()?;
    if query.full {
        let note = format!("{file}: {}", query.reason.trim());
        act_on(&app, w, no, Act::View, &query.by, &note).await?;
    }
    let (name, full) = (file.clone(), query.full);
    let found = app.ask(move |book| book.picture(no, &name, full)).await?;
    let (kind, bytes) = found.ok_or_else(|| ApiError::new(Code::NotFound, file))?;
    // Types that a browser could take for a page are handed out as bytes.
    let kind =
        if kind.starts_with("image/") || kind.starts_with("video/") { kind } else { "application/octet-stream".into() };
    let kind = if kind.contains("svg") { "application/octet-stream".into() } else { kind };
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store".to_owned())], bytes).into_response())
}

/// The sealed bundle of a case (tar). Checkable with `sha256sum` and `openssl`.
#[utoipa::path(get, path = "/api/v1/cases/{id}/export", params(("id" = String, Path), FullQuery),
    responses((status = 200, content_type = "application/x-tar", body = Vec<u8>), (status = 404, body = ErrorBody)))]
pub(crate) async fn export(
    State(app): Shared,
    Extension(w): Extension<Words>,
    Path(id): Path<String>,
    Query(query): Query<FullQuery>,
) -> Result<Response, ApiError> {
    let no = number(&id)?;
    query.check()?;
    let by = if query.by.trim().is_empty() { "-".to_owned() } else { query.by.trim().to_owned() };
    let note = if query.full { format!("full: {}", query.reason.trim()) } else { String::new() };
    act_on(&app, w, no, Act::Export, &by, &note).await?;
    let full = query.full;
    let made = app.ask(move |book| book.bundle(no, &by, full)).await?;
    let made = made.ok_or_else(|| ApiError::new(Code::NotFound, id))?;
    let name = format!("attachment; filename=\"case-{no}.tar\"");
    let head = [(CONTENT_TYPE, "application/x-tar".to_owned()), (CONTENT_DISPOSITION, name)];
    Ok((head, Body::from(made)).into_response())
}

/// How far back.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct DaysQuery {
    /// Days, up to 366; 30 without it.
    days: Option<i64>,
}

impl DaysQuery {
    pub(crate) fn days(&self) -> i64 {
        self.days.unwrap_or(30).clamp(1, DAYS_MAX)
    }
}

/// Figures for the property: by facade and floors, hour, weekday; how often each camera was wrong; zones to shield.
#[utoipa::path(get, path = "/api/v1/cases/statistics", params(DaysQuery), responses((status = 200, body = Object)))]
pub(crate) async fn statistics(State(app): Shared, Query(query): Query<DaysQuery>) -> Reply<Statistics> {
    let days = query.days();
    app.ask(move |book| book.statistics(days)).await.map(Json)
}

/// Figures for the tenants' notice board: no floors, no cameras, nothing below five.
#[utoipa::path(get, path = "/api/v1/cases/notice", params(DaysQuery), responses((status = 200, body = Object)))]
pub(crate) async fn notice(State(app): Shared, Query(query): Query<DaysQuery>) -> Reply<Statistics> {
    let days = query.days();
    app.ask(move |book| book.statistics(days).map(|all| book.notice(&all))).await.map(Json)
}

/// The public half of the key with which bundles are sealed.
#[utoipa::path(get, path = "/api/v1/cases/key", responses((status = 200, body = dto::KeyDto)))]
pub(crate) async fn key(State(app): Shared) -> Reply<dto::KeyDto> {
    let public_key_pem = app.ask(|book| book.public_key()).await?;
    Ok(Json(dto::KeyDto { algorithm: "Ed25519", public_key_pem }))
}
