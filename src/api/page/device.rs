//! One device: every point with value, age and quality in words, its link's figures, a trend, its alarms.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Deserialize;

use crate::api::error::{ApiError, Code};
use crate::api::lang::Words;
use crate::api::page::alarms::past;
use crate::api::page::card::{self, Card};
use crate::api::page::chart::{self, Chart, Size};
use crate::api::page::devices::{Figures, kind_text, link_text};
use crate::api::page::records::{self, HealthCard};
use crate::api::page::when::When;
use crate::api::page::{Shell, Tab, html};
use crate::api::{App, view};
use crate::model::alarm::{AlarmRecord, Level};
use crate::model::id::PointIx;
use crate::model::live::LivePoint;
use crate::model::reading::PointKind;
use crate::model::site::{DeviceInfo, PointInfo};
use crate::model::stored::{History, HistoryBucket};
use crate::model::time::{Anchor, WallMs};

/// Steps of a drawn trend: about one per three pixels.
const STEPS: usize = 288;
/// Rows of the table beside the picture.
const TABLE_ROWS: usize = 24;
/// Past alarms shown and marked.
const PAST: usize = 50;
/// The picture on a desk and on a phone; one of them is hidden by the style sheet.
const SIZES: [(&str, Size); 2] =
    [("wide", Size { width: 960.0, height: 280.0 }), ("narrow", Size { width: 340.0, height: 230.0 })];

/// Which trend is shown.
#[derive(Debug, Deserialize)]
pub(crate) struct DeviceQuery {
    point: Option<String>,
    range: Option<String>,
}

/// A span of time that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) word: &'static str,
    pub(crate) hours: i64,
}

pub(crate) const RANGES: [Range; 3] =
    [Range { word: "1h", hours: 1 }, Range { word: "24h", hours: 24 }, Range { word: "7d", hours: 168 }];

impl Range {
    /// The range called `word`; a day without it.
    pub(crate) fn from_word(word: Option<&str>) -> Self {
        RANGES.into_iter().find(|r| Some(r.word) == word).unwrap_or(RANGES[1])
    }

    fn text(self, w: Words) -> &'static str {
        match self.word {
            "1h" => w.t("range.1h"),
            "7d" => w.t("range.7d"),
            _ => w.t("range.24h"),
        }
    }
}

/// One point of the list. The flags are independent facts that the template asks one by one.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug)]
struct Row {
    key: String,
    id: String,
    name: String,
    value: String,
    good: bool,
    uncertain: bool,
    quality: String,
    /// What is known beyond the quality word: the last good value.
    last_good: String,
    at_ms: i64,
    age: String,
    trend: bool,
    chosen: bool,
}

/// The trend.
#[derive(Debug)]
struct Trend {
    name: String,
    key: String,
    point: String,
    /// Class and SVG of each size; empty if there is nothing to draw.
    pictures: Vec<(&'static str, String)>,
    ranges: Vec<(Range, &'static str)>,
    range: Range,
    table: Vec<(String, String, String, String)>,
    failed: bool,
}

#[derive(Template)]
#[template(path = "device.html", config = "src/api/page/askama.toml")]
struct Device<'a> {
    s: Shell,
    info: &'a DeviceInfo,
    place: String,
    kind: &'static str,
    line: String,
    link: &'static str,
    link_text: &'static str,
    reason: String,
    since: String,
    figures: Figures,
    rows: Vec<Row>,
    trend: Option<Trend>,
    cards: Vec<Card>,
    past: Vec<Card>,
    health: Option<HealthCard>,
}

pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    Path(id): Path<String>,
    Query(query): Query<DeviceQuery>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (mut s, mut open) = Shell::new(&app, w, Tab::Devices, &uri).await;
    let site = &app.ports.site;
    let ix = site.device(&id).ok_or_else(|| ApiError::new(Code::NotFound, id.as_str()))?;
    let (Some(info), Some(link)) = (site.devices.get(ix.ix()), app.ports.live.device(ix)) else {
        return Err(ApiError::new(Code::NotFound, id));
    };
    s.follow = Some(id.clone());
    open.retain(|a| a.device == id);
    // The past is beside the point when the disk cannot be read: the present must show all the same.
    let past = past(&app, Some(id), None, PAST).await.unwrap_or_default();
    let chosen = chosen(&app, info, query.point.as_deref());
    let range = Range::from_word(query.range.as_deref());
    let marks: Vec<_> = open.iter().chain(&past).cloned().collect();
    let trend = match chosen.and_then(|ix| Some((ix, site.points.get(ix.ix())?))) {
        Some((ix, point)) => Some(trend(&app, ix, point, range, &marks, &s.when, w).await),
        None => None,
    };
    let now = app.ports.clock.anchor();
    let live = app.ports.live.run(info.first_point, info.point_count);
    let rows = info
        .points()
        .zip(&live)
        .filter_map(|(ix, live)| Some(row(site.points.get(ix.ix())?, live, &now, &s.when, w, chosen == Some(ix))))
        .collect();
    let mut cards: Vec<_> = open.iter().map(|a| Card::new(site, a, &s.when, w)).collect();
    if let Some(first) = cards.first_mut() {
        first.unfolded = true;
    }
    let health = records::card(&app, info.id.as_str(), ix, &open, &s.when, w).await;
    html(&Device {
        health,
        info,
        place: card::place(&info.at),
        kind: kind_text(&info.kind, w),
        line: site.lines.get(info.line.ix()).map(|l| l.id.to_string()).unwrap_or_default(),
        link: view::state_word(link.state),
        link_text: link_text(link.state, w),
        since: s.when.since(now.wall_at(link.since).0),
        figures: Figures::new(&link.stats),
        reason: link.reason.get(w.0).to_owned(),
        rows,
        trend,
        cards,
        past: past.iter().take(10).map(|a| Card::new(site, a, &s.when, w)).collect(),
        s,
    })
}

/// The point whose trend is shown: the one asked for, else the first measured quantity, else the first switch.
fn chosen(app: &App, info: &DeviceInfo, asked: Option<&str>) -> Option<PointIx> {
    let kind = |ix: PointIx| app.ports.site.points.get(ix.ix()).map(|p| p.kind);
    let named = |ix: &PointIx| app.ports.site.points.get(ix.ix()).is_some_and(|p| Some(p.id.as_str()) == asked);
    let asked = info.points().find(named).filter(|ix| kind(*ix) != Some(PointKind::Text));
    asked
        .or_else(|| info.points().find(|ix| kind(*ix) == Some(PointKind::Number)))
        .or_else(|| info.points().find(|ix| kind(*ix) != Some(PointKind::Text)))
}

fn row(info: &PointInfo, live: &LivePoint, now: &Anchor, when: &When, w: Words, chosen: bool) -> Row {
    let last_good = match live.last_good {
        Some((v, at)) if live.quality.is_bad() => {
            w.t2("device.last_good", view::shown(info, v, w), when.short(now.wall_at(at).0))
        }
        _ => String::new(),
    };
    Row {
        key: info.key.to_string(),
        id: info.id.to_string(),
        name: info.name.get(w.0).to_owned(),
        value: view::value(info, live, w),
        good: live.quality.is_good(),
        uncertain: !live.quality.is_good() && !live.quality.is_bad(),
        quality: live.quality.text().get(w.0).to_owned(),
        last_good,
        at_ms: now.wall_at(live.at).0,
        age: w.t1("live.ago", when.span(now.boot.since(live.at))),
        trend: info.kind != PointKind::Text,
        chosen,
    }
}

async fn trend(
    app: &Arc<App>,
    ix: PointIx,
    info: &PointInfo,
    range: Range,
    alarms: &[AlarmRecord],
    when: &When,
    w: Words,
) -> Trend {
    let to = when.now_ms();
    let from = to - range.hours * 3_600_000;
    let key = info.key.to_string();
    let asked = key.clone();
    let history = app.read(move |archive| archive.history(&asked, WallMs(from), WallMs(to), STEPS)).await;
    let failed = history.is_err();
    let History { step_ms, buckets } = history.unwrap_or_default();
    let name = info.name.get(w.0).to_owned();
    let unit = info.unit.map(|u| view::unit_shown(u, w.0)).filter(|u| !u.is_empty());
    let name = unit.map_or_else(|| name.clone(), |u| format!("{name} ({u})"));
    let limits: Vec<(f64, Level, String)> = app
        .ports
        .limits
        .get(&ix)
        .into_iter()
        .flatten()
        .map(|l| (l.value, l.level, format!("{} {}", l.title.get(w.0), view::number(l.value))))
        .collect();
    let marks: Vec<_> = alarms.iter().map(|a| (a.raised_wall_ms, a.level, a.text.title.get(w.0).to_owned())).collect();
    let chart = Chart {
        from_ms: from,
        to_ms: to,
        step_ms,
        buckets: &buckets,
        limits: &limits,
        marks: &marks,
        stepped: info.kind != PointKind::Number,
        zone: when.zone(),
        title: &name,
    };
    let pictures = SIZES.map(|(class, size)| (class, chart::svg(&chart, size)));
    Trend {
        pictures: pictures.into_iter().filter(|(_, svg)| !svg.is_empty()).collect(),
        ranges: RANGES.map(|r| (r, r.text(w))).to_vec(),
        range,
        table: table(&buckets, info, when, w),
        point: info.id.to_string(),
        name,
        key,
        failed,
    }
}

/// The same trend as a table, for readers that cannot see the picture: evenly picked steps, newest first.
fn table(buckets: &[HistoryBucket], info: &PointInfo, when: &When, w: Words) -> Vec<(String, String, String, String)> {
    let every = buckets.len().div_ceil(TABLE_ROWS).max(1);
    let cell = |v: Option<f64>| v.map_or_else(|| "—".to_owned(), |v| view::shown(info, v, w));
    buckets
        .iter()
        .rev()
        .step_by(every)
        .map(|b| {
            // The mean of a switch is no state it ever had; its last is.
            let middle = if info.kind == PointKind::Number { b.mean } else { b.last };
            (when.short(b.t), cell(middle), cell(b.min), cell(b.max))
        })
        .collect()
}
