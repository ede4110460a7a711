//! All devices as a tree by place, with what is wrong at each branch; and the lines they hang on.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::lang::Words;
use crate::api::page::when::When;
use crate::api::page::{Shell, Tab, html};
use crate::api::{App, view};
use crate::model::alarm::{AlarmRecord, Level};
use crate::model::id::{DeviceIx, LineIx};
use crate::model::link::{LinkState, LinkStats};
use crate::model::live::LiveLink;
use crate::model::reading::PointKind;
use crate::model::site::DeviceInfo;

/// Values shown on a tile.
const TILE_VALUES: usize = 3;

/// What the reader looks for.
#[derive(Debug, Deserialize)]
pub(crate) struct TreeQuery {
    #[serde(default)]
    q: String,
}

/// One device of the tree.
#[derive(Debug)]
struct Tile {
    id: String,
    name: String,
    /// The place below the branch.
    room: String,
    kind: &'static str,
    link: &'static str,
    link_text: &'static str,
    values: Vec<(String, String, bool)>,
    alarms: usize,
    level: &'static str,
    level_text: String,
    search: String,
}

/// One branch from the root: a building.
#[derive(Debug)]
struct Branch {
    name: String,
    /// Room by room.
    tiles: Vec<Tile>,
    down: usize,
    alarms: usize,
    level: &'static str,
}

/// A line with its figures.
#[derive(Debug)]
struct LineRow {
    id: String,
    kind: &'static str,
    target: String,
    devices: usize,
    link: &'static str,
    link_text: &'static str,
    reason: String,
    since: String,
    figures: Figures,
}

/// Figures of a link as people read them.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) success: String,
    pub(crate) mean: String,
    pub(crate) longest: String,
    pub(crate) polls: u64,
    pub(crate) timeouts: u64,
    pub(crate) refusals: u64,
    pub(crate) rejects: u64,
    pub(crate) missed: u64,
}

impl Figures {
    pub(crate) fn new(stats: &LinkStats) -> Self {
        let ms = |v: Option<f64>| v.map_or_else(|| "—".to_owned(), |v| format!("{} ms", view::number(v)));
        let percent = |p: f64| if p > 99.0 && p < 100.0 { format!("{p:.2}%") } else { format!("{p:.1}%") };
        Self {
            success: view::success_percent(stats).map_or_else(|| "—".to_owned(), percent),
            mean: ms(view::answer_mean_ms(stats)),
            longest: ms((stats.answer_us_max > 0).then(|| stats.answer_us_max as f64 / 1000.0)),
            polls: stats.polls,
            timeouts: stats.timeouts,
            refusals: stats.refusals,
            rejects: stats.rejects,
            missed: stats.missed,
        }
    }
}

#[derive(Template)]
#[template(path = "devices.html", config = "src/api/page/askama.toml")]
struct Tree {
    s: Shell,
    query: String,
    branches: Vec<Branch>,
    found: usize,
    lines: Vec<LineRow>,
    lines_up: usize,
}

/// The state of a link in one word.
pub(crate) fn link_text(state: LinkState, w: Words) -> &'static str {
    match state {
        LinkState::Initial => w.t("link.initial"),
        LinkState::Up => w.t("link.up"),
        LinkState::Down => w.t("link.down"),
        LinkState::Quarantined => w.t("link.quarantined"),
    }
}

/// The kind of a device in one word; the profile's own word for kinds that have none.
pub(crate) fn kind_text(kind: &str, w: Words) -> &'static str {
    match kind {
        "pump" => w.t("kind.pump"),
        "lift" => w.t("kind.lift"),
        "smoke" => w.t("kind.smoke"),
        "gate" => w.t("kind.gate"),
        "fire" => w.t("kind.fire"),
        "meter" => w.t("kind.meter"),
        "env" => w.t("kind.env"),
        "level" => w.t("kind.level"),
        "relay" => w.t("kind.relay"),
        "vibration" => w.t("kind.vibration"),
        _ => w.t("kind.other"),
    }
}

pub(crate) async fn tree(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    Query(query): Query<TreeQuery>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (s, open) = Shell::new(&app, w, Tab::Devices, &uri).await;
    let wanted = query.q.trim().to_lowercase();
    let mut tree: BTreeMap<String, Vec<Tile>> = BTreeMap::new();
    for (ix, info) in (0..).zip(&app.ports.site.devices) {
        let Some(tile) = tile(&app, DeviceIx(ix), info, &open, w) else { continue };
        if !wanted.split_whitespace().all(|word| tile.search.contains(word)) {
            continue;
        }
        let root = info.at.split('/').find(|p| !p.is_empty()).unwrap_or(w.t("devices.nowhere"));
        tree.entry(root.to_owned()).or_default().push(tile);
    }
    let branches: Vec<_> = tree.into_iter().map(|(name, tiles)| branch(name, tiles, &open)).collect();
    let lines = lines(&app, &s.when, w);
    let lines_up = lines.iter().filter(|l| l.link == "up").count();
    let found = branches.iter().map(|b| b.tiles.len()).sum();
    html(&Tree { s, query: query.q, branches, found, lines, lines_up })
}

fn branch(name: String, mut tiles: Vec<Tile>, open: &[AlarmRecord]) -> Branch {
    tiles.sort_by(|a, b| a.room.cmp(&b.room));
    let worst = open.iter().filter(|a| tiles.iter().any(|t| t.id == a.device)).map(|a| a.level).min();
    Branch {
        down: tiles.iter().filter(|t| t.link == "down" || t.link == "quarantined").count(),
        alarms: tiles.iter().map(|t| t.alarms).sum(),
        level: worst.map_or("", Level::word),
        name,
        tiles,
    }
}

fn tile(app: &App, ix: DeviceIx, info: &DeviceInfo, open: &[AlarmRecord], w: Words) -> Option<Tile> {
    let LiveLink { state, .. } = app.ports.live.device(ix)?;
    let alarms: Vec<_> = open.iter().filter(|a| a.device == info.id.as_str()).collect();
    let worst = alarms.iter().map(|a| a.level).min();
    let points = app.ports.live.run(info.first_point, info.point_count);
    let values = info
        .points()
        .zip(&points)
        .filter_map(|(ix, live)| {
            let point = app.ports.site.points.get(ix.ix())?;
            let value = view::value(point, live, w);
            (point.kind != PointKind::Text).then(|| (point.name.get(w.0).to_owned(), value, !live.quality.is_bad()))
        })
        .take(TILE_VALUES)
        .collect();
    Some(Tile {
        id: info.id.to_string(),
        name: info.name.clone(),
        room: info.at.split('/').filter(|p| !p.is_empty()).skip(1).collect::<Vec<_>>().join(" › "),
        kind: kind_text(&info.kind, w),
        link: view::state_word(state),
        link_text: link_text(state, w),
        values,
        alarms: alarms.len(),
        level: worst.map_or("", Level::word),
        level_text: worst.map(|l| l.text().get(w.0).to_owned()).unwrap_or_default(),
        search: format!("{} {} {} {}", info.name, info.id, info.at, info.kind).to_lowercase(),
    })
}

fn lines(app: &App, when: &When, w: Words) -> Vec<LineRow> {
    let row = |(ix, line): (u32, &crate::model::site::LineInfo)| {
        let live = app.ports.live.line(LineIx(ix))?;
        Some(LineRow {
            id: line.id.to_string(),
            kind: line_kind(line.kind, w),
            target: line.target.clone(),
            devices: line.devices.len(),
            link: view::state_word(live.state),
            link_text: link_text(live.state, w),
            since: when.since(app.ports.clock.anchor().wall_at(live.since).0),
            figures: Figures::new(&live.stats),
            reason: live.reason.get(w.0).to_owned(),
        })
    };
    (0..).zip(&app.ports.site.lines).filter_map(row).collect()
}

fn line_kind(kind: &str, w: Words) -> &'static str {
    match kind {
        "tcp" => "Modbus TCP",
        "serial" => "Modbus RTU",
        "rtu_tcp" => "RTU over TCP",
        "rtu_listen" => w.t("line.rtu_listen"),
        "mqtt" => "MQTT",
        "mqtt_listen" => w.t("line.mqtt_listen"),
        _ => "",
    }
}
