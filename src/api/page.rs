//! The page: HTML rendered by the server from compiled templates, readable without any script.
//!
//! Owns the frame around every page (navigation, how things stand, language) and the static files. A small script of our
//! own follows the event stream and fetches the same page again when an alarm changes, so that all rendering stays here.
//! Catalogue and templates lie beside this file; texts of alarms and points come with the site.

mod alarms;
mod cameras;
mod card;
mod cases;
mod chart;
mod csv;
mod device;
mod devices;
mod drawing;
mod explain;
mod qr;
pub(crate) mod records;
mod story;
mod sync;
mod when;

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get};

use crate::api::App;
use crate::api::error::{ApiError, Code};
use crate::api::lang::Words;
use crate::api::page::when::When;
use crate::api::ports::UpstreamStatus;
use crate::model::alarm::{AlarmRecord, Level};
use crate::model::far::FarKind;
use crate::model::text::Lang;
use crate::model::time::Trust;

/// The journal's head is only worth a short wait: without it the page follows from "now".
const HEAD_WITHIN: Duration = Duration::from_secs(1);

/// All pages and static files.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(alarms::home))
        .route("/alarms", get(alarms::home))
        .route("/alarms/{id}", get(alarms::one))
        .route("/alarms.csv", get(csv::alarms))
        .route("/devices", get(devices::tree))
        .route("/devices/{id}", get(device::one))
        .route("/devices/{id}/qr.svg", get(records::code))
        .route("/health", get(records::list))
        .route("/health.csv", get(records::list_csv))
        .route("/history.csv", get(csv::history))
        .route("/cases", get(cases::list))
        .route("/cameras", get(cameras::list))
        .route("/cases/figures", get(cases::figures))
        .route("/cases/notice", get(cases::notice))
        .route("/cases/{id}", get(cases::one))
        .route("/sync", get(sync::sync))
        .route("/static/app.css", file("text/css; charset=utf-8", include_str!("page/static/app.css")))
        .route("/static/app.js", file("text/javascript; charset=utf-8", include_str!("page/static/app.js")))
        .route("/static/icon.svg", file("image/svg+xml", include_str!("page/static/icon.svg")))
        .route("/favicon.ico", file("image/svg+xml", include_str!("page/static/icon.svg")))
}

/// A compiled-in file. The browser keeps it and asks whether it is still the same, so an upgrade shows at once.
fn file(kind: &'static str, text: &'static str) -> MethodRouter<Arc<App>> {
    let tag = format!("\"{:08x}\"", crc32c::crc32c(text.as_bytes()));
    get(move |headers: HeaderMap| {
        let same = headers.get(IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes());
        let head = [(CONTENT_TYPE, kind.to_owned()), (CACHE_CONTROL, "no-cache".to_owned()), (ETAG, tag)];
        let answer: Response =
            if same { (StatusCode::NOT_MODIFIED, head).into_response() } else { (head, text).into_response() };
        std::future::ready(answer)
    })
}

/// Which entry of the navigation is lit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tab {
    Alarms,
    Devices,
    Cases,
    Sync,
    None,
}

/// One fact about the box itself, with its own colour and word.
#[derive(Debug)]
struct Fact {
    name: &'static str,
    text: String,
    /// `ok`, `unsure` or `bad`; class and icon.
    mood: &'static str,
    href: &'static str,
}

/// What stands around every page.
#[derive(Debug)]
struct Shell {
    w: Words,
    when: When,
    tab: Tab,
    site: String,
    /// Path and query of this page for the language switch, without `lang`.
    here: String,
    /// Alarms on the list, and how many of them nobody has answered.
    open: usize,
    unanswered: usize,
    /// Worst level that nobody has answered; worst of all if all are answered.
    worst: Option<Level>,
    facts: Vec<Fact>,
    /// Place in the journal that this page shows; the script follows from here.
    after: Option<u64>,
    epoch: String,
    /// The site has cameras.
    has_cases: bool,
    /// Device whose values the script follows.
    follow: Option<String>,
}

impl Shell {
    /// The frame of a page, and the alarms on the list. The journal's head is read first, so that nothing falls between
    /// the page and the stream.
    async fn new(app: &App, w: Words, tab: Tab, uri: &Uri) -> (Self, Vec<AlarmRecord>) {
        let head = tokio::time::timeout(HEAD_WITHIN, app.read(|archive| archive.head())).await;
        let head = head.ok().and_then(Result::ok);
        let mut shell = Self::bare(app, w, tab, uri);
        shell.after = head.map(|h| h.seq);
        shell.epoch = head.map(|h| h.epoch.to_string()).unwrap_or_default();
        let open = app.ports.live.alarms();
        shell.open = open.len();
        shell.unanswered = open.iter().filter(|a| a.acknowledged.is_none()).count();
        let unanswered = open.iter().filter(|a| a.acknowledged.is_none()).map(|a| a.level).min();
        shell.worst = unanswered.or_else(|| open.iter().map(|a| a.level).min());
        shell.facts = facts(app, w, &shell.when);
        (shell, open)
    }

    fn bare(app: &App, w: Words, tab: Tab, uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default().split('&').filter(|p| !p.is_empty() && !p.starts_with("lang="));
        let query: String = query.map(|p| format!("{p}&")).collect();
        Self {
            w,
            when: When::new(app.ports.clock.anchor().wall.0, &app.zone, w),
            tab,
            site: app.ports.site.name.clone(),
            here: format!("{}?{query}", uri.path()),
            open: 0,
            unanswered: 0,
            worst: None,
            facts: Vec::new(),
            after: None,
            epoch: String::new(),
            has_cases: app.ports.cases.is_some(),
            follow: None,
        }
    }

    fn is(&self, tab: Tab) -> bool {
        self.tab == tab
    }

    fn zh(&self) -> bool {
        self.w.0 == Lang::Zh
    }
}

fn mood(well: bool) -> &'static str {
    if well { "ok" } else { "bad" }
}

impl Fact {
    fn icon(&self) -> &'static str {
        if self.mood == "unsure" { "wait" } else { self.mood }
    }
}

/// How the box does: links, cloud, disk, clock. Each is worth a line only when it is not well.
fn facts(app: &App, w: Words, when: &When) -> Vec<Fact> {
    use crate::model::id::DeviceIx;
    use crate::model::link::LinkState;
    let (site, live) = (&app.ports.site, &app.ports.live);
    let all = site.devices.len();
    let up = (0..).take(all).filter_map(|ix| live.device(DeviceIx(ix))).filter(|d| d.state == LinkState::Up).count();
    let mut facts =
        vec![Fact { name: w.t("fact.devices"), text: format!("{up}/{all}"), mood: mood(up == all), href: "/devices" }];
    let (upstreams, senders) =
        app.ports.sync.upstreams().into_iter().partition::<Vec<_>, _>(|far| far.kind == FarKind::Upstream);
    facts.push(delivery(w.t("fact.cloud"), &upstreams, w, when));
    if !senders.is_empty() {
        facts.push(delivery(w.t("fact.senders"), &senders, w, when));
    }
    let store = app.ports.archive.status();
    let text = store.degraded.clone().unwrap_or_else(|| w.t("fact.ok").to_owned());
    facts.push(Fact { name: w.t("fact.store"), text, mood: mood(store.degraded.is_none()), href: "/sync" });
    let (text, mood) = match app.ports.clock.anchor().trust {
        Trust::Synced => (w.t("clock.synced"), "ok"),
        Trust::Holdover => (w.t("clock.holdover"), "unsure"),
        Trust::Unset => (w.t("clock.unset"), "bad"),
    };
    facts.push(Fact { name: w.t("fact.clock"), text: text.to_owned(), mood, href: "/sync" });
    let health = (app.ports.health)();
    for part in health.parts.into_iter().filter(|p| !p.ok) {
        facts.push(Fact {
            name: w.t("fact.part"),
            text: format!("{} {}", part.name, part.note),
            mood: "bad",
            href: "/sync",
        });
    }
    facts
}

/// How deliveries to some far ends do: the one that is away longest speaks for all.
fn delivery(name: &'static str, to: &[UpstreamStatus], w: Words, when: &When) -> Fact {
    let down = to.iter().filter(|far| !far.up).min_by_key(|far| far.since_wall_ms);
    let text = match down {
        None if to.is_empty() => w.t("fact.none").to_owned(),
        None => w.t("fact.ok").to_owned(),
        Some(far) => w.t1("fact.down_for", far.since_wall_ms.map_or_else(String::new, |ms| when.since(ms))),
    };
    Fact { name, text, mood: mood(down.is_none()), href: "/sync" }
}

/// A rendered template. It can only fail on a formatting error of a value, which none of ours has.
fn html(page: &impl Template) -> Result<Response, ApiError> {
    let text = page.render().map_err(|e| ApiError::inside(Code::Internal, &e))?;
    Ok(Html(text).into_response())
}

#[derive(Template)]
#[template(path = "failure.html", config = "src/api/page/askama.toml")]
struct Failure<'a> {
    s: Shell,
    status: u16,
    message: &'a str,
    help: &'a str,
}

/// The page of a failed request.
pub(super) fn failure(app: &App, words: Words, code: Code, message: &str, help: &str) -> String {
    let s = Shell::bare(app, words, Tab::None, &Uri::from_static("/"));
    let page = Failure { s, status: code.status().as_u16(), message, help };
    page.render().unwrap_or_else(|_| message.to_owned())
}
