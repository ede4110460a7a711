//! The page of cameras: what came of each since the start, why some of it was refused, when it was last heard.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use crate::api::App;
use crate::api::cameras::{all, word};
use crate::api::error::ApiError;
use crate::api::lang::Words;
use crate::api::page::{Shell, Tab, html};
use crate::model::intake::{CameraFigures, Presence, Why};
use crate::model::time::BootMs;

/// One camera.
#[derive(Debug)]
struct Row {
    id: String,
    name: String,
    presence: &'static str,
    presence_text: String,
    reason: String,
    accepted: u64,
    again: u64,
    refused: u64,
    /// Reason and figure, most first.
    reasons: Vec<(String, u64)>,
    last_event: String,
    last_contact: String,
}

#[derive(Template)]
#[template(path = "cameras.html", config = "src/api/page/askama.toml")]
struct Cameras {
    s: Shell,
    rows: Vec<Row>,
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (s, _) = Shell::new(&app, w, Tab::Cases, &uri).await;
    let (figures, now) = (all(&app)?, app.ports.clock.anchor());
    let book = app.book()?;
    let at = |boot: Option<BootMs>| {
        boot.map_or_else(|| w.t("cameras.never").to_owned(), |boot| s.when.short(now.wall_at(boot).0))
    };
    let row = |one: CameraFigures| {
        let place = book.watched().camera(&one.camera);
        let reason = if let Presence::Silent(why) = &one.presence { why.get(w.0).to_owned() } else { String::new() };
        Row {
            name: place.map_or_else(|| one.camera.to_string(), |c| c.name.clone()),
            presence: word(&one.presence),
            presence_text: match one.presence {
                Presence::Unknown => w.t("cameras.unknown"),
                Presence::Heard => w.t("cameras.heard"),
                Presence::Silent(_) => w.t("cameras.silent"),
            }
            .to_owned(),
            reason,
            accepted: one.stored,
            again: one.duplicates,
            refused: one.refused.values().sum::<u64>() + one.unknown,
            reasons: reasons(&one, w),
            last_event: at(one.last_event),
            last_contact: at(one.last_contact),
            id: one.camera.to_string(),
        }
    };
    let rows = figures.into_iter().map(row).collect();
    html(&Cameras { s, rows })
}

fn reasons(one: &CameraFigures, w: Words) -> Vec<(String, u64)> {
    let of = |why: Why| match why {
        Why::UnknownKind => one.unknown,
        _ => one.refused.get(why.word()).copied().unwrap_or(0),
    };
    let mut all: Vec<_> = Why::ALL.into_iter().map(|why| (why.text().get(w.0).to_owned(), of(why))).collect();
    all.retain(|(_, n)| *n > 0);
    all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    all
}
