//! The pages of cases: the review list, one case with its track and what to do, figures for the property, the notice for
//! tenants. Pictures are masked; the full one opens only with a name and a reason.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;

use crate::api::App;
use crate::api::cases::{DaysQuery, review, story_of};
use crate::api::error::ApiError;
use crate::api::lang::Words;
use crate::api::page::drawing::{self, Drawing};
use crate::api::page::story::{Line, PAST, page};
use crate::api::page::when::When;
use crate::api::page::{Shell, Tab, html, sync};
use crate::api::ports::CaseFileInfo;
use crate::model::alarm::Level;
use crate::model::case::{Case, CaseFilter, KeptSighting, Reason, Stage, Step};
use crate::model::casebook::{BAND_FLOORS, NOTICE_LEAST, Statistics};
use crate::model::casewords;
use crate::model::facade::Watched;
use crate::model::sight::SightKind;

/// Open cases on the page; beyond, the rest is counted.
const OPEN_SHOWN: usize = 200;

/// One case in a list, and the head of its own page.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // independent facts that the template asks one by one
struct Row {
    no: String,
    kind: String,
    level: &'static str,
    level_text: String,
    stage: &'static str,
    stage_text: String,
    place: String,
    class_text: String,
    floors: String,
    heights: String,
    speed: String,
    happened: String,
    happened_iso: String,
    sightings: u32,
    cameras: String,
    reason: String,
    repeat: bool,
    held: bool,
    evicted: bool,
    shielded: String,
    falling: bool,
}

impl Row {
    fn new(c: &Case, watched: &Watched, when: &When, w: Words) -> Self {
        let text = |t: &crate::model::text::Text| t.get(w.0).to_owned();
        let j = &c.judgement;
        let level = c.level.unwrap_or(Level::Info);
        let falling = c.kind == SightKind::FallingObject;
        let name = |id: &String| watched.camera(id).map_or_else(|| id.clone(), |camera| camera.name.clone());
        Self {
            no: c.no.to_string(),
            kind: text(&casewords::kind(c.kind)),
            level: level.word(),
            level_text: text(&level.text()),
            stage: c.stage.word(),
            stage_text: text(&c.stage.text()),
            place: c.place.clone(),
            class_text: if falling { text(&casewords::class(j.class)) } else { String::new() },
            floors: casewords::floors(j).map(|t| text(&t)).unwrap_or_default(),
            heights: casewords::heights(j).unwrap_or_default(),
            speed: j.impact_speed_ms.map(|v| format!("{v:.0} m/s")).unwrap_or_default(),
            happened: when.short(c.happened_wall_ms),
            happened_iso: when.iso(c.happened_wall_ms),
            sightings: c.sightings,
            cameras: c.cameras.iter().map(name).collect::<Vec<_>>().join(", "),
            reason: c.rejected.map(|r| text(&r.text())).unwrap_or_default(),
            repeat: c.repeat,
            held: c.held,
            evicted: c.evicted,
            shielded: c.shielded.as_ref().map(|zone| w.t1("case.shielded", zone)).unwrap_or_default(),
            falling,
        }
    }
}

/// Paging through closed cases.
#[derive(Debug, Deserialize)]
pub(crate) struct ListQuery {
    before: Option<u64>,
}

#[derive(Template)]
#[template(path = "cases.html", config = "src/api/page/askama.toml")]
struct List {
    s: Shell,
    open: Vec<Row>,
    more: usize,
    waiting: usize,
    past: Vec<Row>,
    older: Option<String>,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    Query(query): Query<ListQuery>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (s, _) = Shell::new(&app, w, Tab::Cases, &uri).await;
    let open = review(&app).await?;
    // Open ones among them are passed over, so more are asked for than are wanted.
    let limit = PAST + 1 + open.len();
    let filter = CaseFilter { open_only: false, before: query.before, limit };
    let mut past = app.ask(move |book| book.list(&filter)).await?;
    past.retain(|c| !c.is_open());
    let older = page(&mut past, |c| c.no.to_string());
    let book = app.book()?;
    let row = |c: &Case| Row::new(c, book.watched(), &s.when, w);
    let waiting = open.iter().filter(|c| !c.confirmed && c.rejected.is_none()).count();
    let rows: Vec<Row> = open.iter().take(OPEN_SHOWN).map(row).collect();
    let past = past.iter().map(row).collect();
    html(&List { more: open.len() - rows.len(), open: rows, waiting, past, older, s })
}

/// A picture, masked, with the track over it.
#[derive(Debug)]
struct Shot {
    file: String,
    camera: String,
    track: Option<Drawing>,
}

/// A file of the evidence.
#[derive(Debug)]
struct Paper {
    file: String,
    size: String,
    sum: String,
}

#[derive(Template)]
#[template(path = "case.html", config = "src/api/page/askama.toml")]
#[allow(clippy::struct_excessive_bools)] // independent facts that the template asks one by one
struct One {
    s: Shell,
    row: Row,
    story: Vec<Line>,
    shots: Vec<Shot>,
    tracks: Vec<(String, Drawing)>,
    facade: Option<Drawing>,
    papers: Vec<Paper>,
    reasons: Vec<(&'static str, String)>,
    can_review: bool,
    can_decide: bool,
    can_dispatch: bool,
    can_close: bool,
}

pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (s, _) = Shell::new(&app, w, Tab::Cases, &uri).await;
    let story = story_of(&app, &id).await?;
    let no = story.case.no;
    let files = app.ask(move |book| book.files(no)).await?;
    let book = app.book()?;
    let (case, watched) = (&story.case, book.watched());
    let facade = watched
        .facade(&case.facade)
        .filter(|_| case.kind == SightKind::FallingObject && case.judgement.floor_low.is_some());
    let decided = case.confirmed || case.rejected.is_some();
    let name = |id: &str| watched.camera(id).map_or_else(|| id.to_owned(), |c| c.name.clone());
    let shots = if case.evicted { Vec::new() } else { shots(&files, &story.sightings, &name) };
    let tracks =
        if shots.iter().any(|shot| shot.track.is_some()) { Vec::new() } else { tracks(&story.sightings, &name) };
    html(&One {
        row: Row::new(case, watched, &s.when, w),
        story: story.steps.iter().map(|step| line(step, &s.when, w)).collect(),
        shots,
        tracks,
        facade: facade.map(|f| drawing::facade(f, &case.judgement, w)),
        papers: files.iter().map(paper).collect(),
        reasons: Reason::ALL.into_iter().map(|r| (r.word(), r.text().get(w.0).to_owned())).collect(),
        can_review: matches!(case.stage, Stage::Detected | Stage::Notified),
        can_decide: case.stage == Stage::Reviewing,
        can_dispatch: case.stage == Stage::Confirmed,
        can_close: decided && case.stage != Stage::Closed,
        s,
    })
}

fn line(step: &Step, when: &When, w: Words) -> Line {
    let mut what = step.kind.text().get(w.0).to_owned();
    if let Some(reason) = step.reason {
        what = format!("{what} · {}", reason.text().get(w.0));
    }
    let (level, note) = step.facts();
    if let Some(level) = level {
        what = format!("{what} · {}", level.text().get(w.0));
    }
    let said = step.why.as_ref().map_or(note, |why| why.get(w.0));
    Line::new(step.wall_ms, when, (what, step.kind.word()), &step.by, said)
}

fn shots(files: &[CaseFileInfo], seen: &[KeptSighting], name: &dyn Fn(&str) -> String) -> Vec<Shot> {
    let pictures = files.iter().filter(|f| f.kind == "picture");
    let shot = |f: &CaseFileInfo| Shot {
        file: f.file.clone(),
        camera: name(&f.camera),
        track: seen.iter().find(|s| s.camera == f.camera && s.event_id == f.event_id).and_then(drawing::track),
    };
    pictures.map(shot).collect()
}

fn tracks(seen: &[KeptSighting], name: &dyn Fn(&str) -> String) -> Vec<(String, Drawing)> {
    seen.iter().filter_map(|s| Some((name(&s.camera), drawing::track(s)?))).take(4).collect()
}

fn paper(f: &CaseFileInfo) -> Paper {
    Paper { file: f.file.clone(), size: sync::bytes(f.bytes), sum: f.sha256.clone() }
}

/// One cell of the map of floors: its figure and how dark it is, 0 to 4.
type Cell = (u32, u32);

/// A row of the figures of cameras.
#[derive(Debug)]
struct Rate {
    camera: String,
    cases: u32,
    decided: u32,
    rejected: u32,
    percent: String,
    zones: Vec<String>,
}

#[derive(Template)]
#[template(path = "figures.html", config = "src/api/page/askama.toml")]
struct Figures {
    s: Shell,
    days: i64,
    all: Statistics,
    /// Names of facades, then rows of `(band, cells)` from the top.
    facades: Vec<String>,
    bands: Vec<(String, Vec<Cell>)>,
    hours: Vec<(String, Cell)>,
    weekdays: Vec<(String, Cell)>,
    rates: Vec<Rate>,
    public: bool,
    least: u32,
}

fn shade(n: u32, most: u32) -> Cell {
    (n, if n == 0 { 0 } else { (n * 4).div_ceil(most.max(1)).clamp(1, 4) })
}

pub(crate) async fn figures(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    Query(query): Query<DaysQuery>,
    uri: Uri,
) -> Result<Response, ApiError> {
    show_figures(&app, w, query.days(), false, &uri).await
}

/// The page to print for the tenants' notice board.
pub(crate) async fn notice(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    Query(query): Query<DaysQuery>,
    uri: Uri,
) -> Result<Response, ApiError> {
    show_figures(&app, w, query.days(), true, &uri).await
}

async fn show_figures(app: &App, w: Words, days: i64, public: bool, uri: &Uri) -> Result<Response, ApiError> {
    let (s, _) = Shell::new(app, w, Tab::Cases, uri).await;
    let all = app
        .ask(move |book| {
            let all = book.statistics(days)?;
            Ok(if public { book.notice(&all) } else { all })
        })
        .await?;
    let book = app.book()?;
    let watched = book.watched();
    let name = |id: &String| watched.facade(id).map_or_else(|| id.clone(), |f| f.name.clone());
    let facades = all.floors.keys().map(name).collect();
    let most = all.floors.values().flat_map(|f| f.values()).max().copied().unwrap_or(0);
    let mut low: Vec<i32> = all.floors.values().flat_map(|f| f.keys().copied()).collect();
    low.sort_unstable();
    low.dedup();
    let bands = low
        .into_iter()
        .rev()
        .map(|band| {
            let label = if band == 0 {
                w.t("figures.any_floor").to_owned()
            } else {
                w.t2("figures.band", band, band + BAND_FLOORS - 1)
            };
            (label, all.floors.values().map(|f| shade(f.get(&band).copied().unwrap_or(0), most)).collect())
        })
        .collect();
    let busiest = all.hours.iter().max().copied().unwrap_or(0);
    let hours = (0..).zip(all.hours).map(|(h, n): (u32, u32)| (h.to_string(), shade(n, busiest))).collect();
    let busiest = all.weekdays.iter().max().copied().unwrap_or(0);
    let days_of = w.t("figures.weekdays").split(' ').map(str::to_owned);
    let weekdays = days_of.zip(all.weekdays).map(|(d, n)| (d, shade(n, busiest))).collect();
    let rates = all.cameras.iter().map(|r| rate(r, watched)).collect();
    html(&Figures { s, days, facades, bands, hours, weekdays, rates, public, least: NOTICE_LEAST, all })
}

fn rate(r: &crate::model::casebook::CameraRate, watched: &Watched) -> Rate {
    Rate {
        camera: watched.camera(&r.camera).map_or_else(|| r.camera.clone(), |c| c.name.clone()),
        cases: r.cases,
        decided: r.decided,
        rejected: r.rejected,
        percent: r.false_percent().map_or_else(|| "–".to_owned(), |p| format!("{p:.0}%")),
        zones: r.zones.iter().map(|z| format!("x {:.0}–{:.0}, y {:.0}–{:.0}", z.x0, z.x1, z.y0, z.y1)).collect(),
    }
}
