//! The home page: what is wrong now, most urgent first, and what was lately; and the page of one alarm with its story.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;

use crate::api::error::{ApiError, Code};
use crate::api::lang::Words;
use crate::api::page::card::Card;
use crate::api::page::story::{Line, PAST, page};
use crate::api::page::{Shell, Tab, html};
use crate::api::{App, journal};
use crate::model::alarm::{AlarmChange, AlarmEvent, AlarmRecord, AlarmState};
use crate::model::stored::AlarmFilter;

/// Cards whose steps stand open without a tap.
const UNFOLDED: usize = 3;
/// Cards on the page; beyond, the rest is counted. A flood must not freeze a phone.
const CARDS_MAX: usize = 500;

/// Paging through past alarms.
#[derive(Debug, Deserialize)]
pub(crate) struct HomeQuery {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "alarms.html", config = "src/api/page/askama.toml")]
struct Home {
    s: Shell,
    cards: Vec<Card>,
    more: usize,
    past: Vec<Card>,
    past_failed: bool,
    /// Where the next page of the past begins.
    older: Option<i64>,
}

impl Home {
    fn headline(&self) -> String {
        let w = self.s.w;
        match (self.s.open, self.s.unanswered) {
            (0, _) => w.t("home.clear").to_owned(),
            (open, 0) => w.t1("home.answered", open),
            (_, 1) => w.t("home.unanswered.one").to_owned(),
            (_, unanswered) => w.t1("home.unanswered", unanswered),
        }
    }

    fn sub(&self) -> String {
        let w = self.s.w;
        match (self.s.open, self.s.unanswered) {
            (0, _) => w.t("home.clear.sub").to_owned(),
            (_, 0) => w.t("home.answered.sub").to_owned(),
            (open, _) => match self.cards.first() {
                Some(first) => {
                    let place = format!("{} {}", first.place, first.device_name);
                    w.t2("home.first", &first.title, place.trim())
                }
                None => w.t1("home.unanswered.sub", open),
            },
        }
    }

    fn mood(&self) -> &'static str {
        match (self.s.worst, self.s.unanswered) {
            (None, _) => "clear",
            (Some(_), 0) => "answered",
            (Some(level), _) => level.word(),
        }
    }
}

pub(crate) async fn home(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    Query(query): Query<HomeQuery>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (s, open) = Shell::new(&app, w, Tab::Alarms, &uri).await;
    let site = &app.ports.site;
    let mut cards: Vec<_> = open.iter().take(CARDS_MAX).map(|a| Card::new(site, a, &s.when, w)).collect();
    for card in cards.iter_mut().take(UNFOLDED).filter(|c| c.can_answer || c.urgent()) {
        card.unfolded = true;
    }
    let past = past(&app, None, query.before, PAST + 1).await;
    let past_failed = past.is_err();
    let mut past = past.unwrap_or_default();
    let older = page(&mut past, |a| a.raised_wall_ms);
    let past = past.iter().map(|a| Card::new(site, a, &s.when, w)).collect();
    html(&Home { more: open.len() - cards.len(), s, cards, past, past_failed, older })
}

/// Closed alarms, newest first. Open ones are passed over, so more rows are asked for than are wanted.
pub(crate) async fn past(
    app: &Arc<App>,
    device: Option<String>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<AlarmRecord>, ApiError> {
    let room = limit + app.ports.live.alarms().len();
    let filter = AlarmFilter { open_only: false, device, limit: room.min(1000), before_wall_ms: before };
    let mut all = app.read(move |archive| archive.alarms(&filter)).await?;
    all.retain(|a| a.state == AlarmState::Normal);
    all.truncate(limit);
    Ok(all)
}

#[derive(Template)]
#[template(path = "alarm.html", config = "src/api/page/askama.toml")]
struct One {
    s: Shell,
    card: Card,
    story: Vec<Line>,
}

fn change_text(change: AlarmChange, w: Words) -> &'static str {
    match change {
        AlarmChange::Raised => w.t("change.raised"),
        AlarmChange::Acknowledged => w.t("change.acknowledged"),
        AlarmChange::Cleared => w.t("change.cleared"),
        AlarmChange::Reset => w.t("change.reset"),
        AlarmChange::Closed => w.t("change.closed"),
    }
}

pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (s, _) = Shell::new(&app, w, Tab::Alarms, &uri).await;
    let (alarm, steps) = journal::story(&app, &id).await?.ok_or_else(|| ApiError::new(Code::NotFound, id))?;
    let mut card = Card::new(&app.ports.site, &alarm, &s.when, w);
    card.unfolded = true;
    let line = |e: &AlarmEvent| {
        let what = (change_text(e.change, w).to_owned(), e.change.word());
        Line::new(e.wall_ms, &s.when, what, e.by.as_deref().unwrap_or(""), e.note.as_deref().unwrap_or(""))
    };
    let story = steps.iter().map(line).collect();
    html(&One { s, card, story })
}
