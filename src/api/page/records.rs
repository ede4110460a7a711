//! Health records for people: the list of all devices, worst first; the card on the page of a device; both as tables; the QR
//! code that leads to the page.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

use crate::api::error::{ApiError, Code, ErrorBody};
use crate::api::health;
use crate::api::lang::Words;
use crate::api::page::card::place;
use crate::api::page::csv::{disarmed, table};
use crate::api::page::devices::kind_text;
use crate::api::page::when::When;
use crate::api::page::{Shell, Tab, html, qr};
use crate::api::{App, view};
use crate::model::alarm::AlarmRecord;
use crate::model::health::{EntryKind, HealthEntry, HealthReport, Measure, ServiceDue, Spot};
use crate::model::id::DeviceIx;
use crate::model::text::Lang;

/// A service on the page.
#[derive(Debug)]
pub(crate) struct ServiceRow {
    pub(crate) id: String,
    pub(crate) name: String,
    /// `120 / 2000 h`.
    pub(crate) used: String,
    pub(crate) percent: u8,
    pub(crate) due: String,
    pub(crate) done: String,
    pub(crate) overdue: bool,
}

/// An entry on the page.
#[derive(Debug)]
pub(crate) struct EntryRow {
    pub(crate) at: String,
    pub(crate) by: String,
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

/// The card on a device's page.
#[derive(Debug)]
pub(crate) struct HealthCard {
    pub(crate) score: u8,
    pub(crate) mood: &'static str,
    pub(crate) since: Option<String>,
    pub(crate) reasons: Vec<(u8, String)>,
    pub(crate) totals: Vec<(&'static str, String, String)>,
    pub(crate) services: Vec<ServiceRow>,
    pub(crate) ahead: Vec<String>,
    pub(crate) spots: Vec<String>,
    pub(crate) entries: Vec<EntryRow>,
    pub(crate) failed: bool,
}

/// A device on the list.
#[derive(Debug)]
struct ListRow {
    id: String,
    name: String,
    place: String,
    kind: &'static str,
    score: u8,
    mood: &'static str,
    reason: String,
    hours: String,
    next: Option<(String, String, bool)>,
}

#[derive(Template)]
#[template(path = "health.html", config = "src/api/page/askama.toml")]
struct List {
    s: Shell,
    rows: Vec<ListRow>,
    spots: Vec<(&'static str, String)>,
}

/// Ours, as the score is: good from 85, watch from 60.
fn mood(score: u8) -> &'static str {
    match score {
        85.. => "ok",
        60.. => "minor",
        _ => "critical",
    }
}

fn measure(of: Measure, w: Words) -> &'static str {
    match of {
        Measure::Hours => w.t("measure.hours"),
        Measure::Starts => w.t("measure.starts"),
        Measure::Trips => w.t("measure.trips"),
        Measure::DoorCycles => w.t("measure.door_cycles"),
        Measure::Energy => w.t("measure.energy"),
        Measure::Days => w.t("measure.days"),
    }
}

fn amount(value: f64, of: Measure, w: Words) -> String {
    let number = match of {
        Measure::Hours | Measure::Energy | Measure::Days => view::number((value * 10.0).round() / 10.0),
        Measure::Starts | Measure::Trips | Measure::DoorCycles => view::number(value.round()),
    };
    match of {
        Measure::Hours => format!("{number} h"),
        Measure::Energy => format!("{number} kWh"),
        Measure::Days => w.t1("measure.n_days", number),
        Measure::Starts | Measure::Trips | Measure::DoorCycles => w.t1("measure.n_times", number),
    }
}

fn due(service: &ServiceDue, when: &When, w: Words) -> String {
    match service.due_ms {
        _ if service.overdue => w.t("health.overdue").to_owned(),
        Some(ms) => w.t1("health.due", when.date(ms)),
        None => w.t("health.due_unknown").to_owned(),
    }
}

fn service(service: &ServiceDue, when: &When, w: Words) -> ServiceRow {
    let percent = (service.used / service.every * 100.0).clamp(0.0, 100.0);
    ServiceRow {
        id: service.id.clone(),
        name: service.name.get(w.0).to_owned(),
        used: format!("{} / {}", amount(service.used, service.measure, w), amount(service.every, service.measure, w)),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to 0..100 just above
        percent: percent as u8,
        due: due(service, when, w),
        done: service.done_ms.map_or_else(|| w.t("health.never_done").to_owned(), |ms| w.t1("health.done", when.date(ms))),
        overdue: service.overdue,
    }
}

fn kind(of: EntryKind, w: Words) -> &'static str {
    match of {
        EntryKind::Note => w.t("health.note"),
        EntryKind::Part => w.t("health.part"),
        EntryKind::Service => w.t("health.service"),
    }
}

fn entry(entry: &HealthEntry, report: &HealthReport, when: &When, w: Words) -> EntryRow {
    let service = report.services.iter().find(|s| Some(&s.id) == entry.service.as_ref());
    let service = service.map(|s| s.name.get(w.0).to_owned()).or_else(|| entry.service.clone());
    let parts = [service.unwrap_or_default(), entry.text.clone()];
    EntryRow {
        at: when.short(entry.at_ms),
        by: entry.by.clone(),
        kind: kind(entry.kind, w),
        text: parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(" · "),
    }
}

fn spot(spot: &Spot, w: Words) -> String {
    let day = match spot.weekday {
        0 => w.t("day.0"),
        1 => w.t("day.1"),
        2 => w.t("day.2"),
        3 => w.t("day.3"),
        4 => w.t("day.4"),
        5 => w.t("day.5"),
        _ => w.t("day.6"),
    };
    let time = spot.hour.map_or_else(|| day.to_owned(), |hour| format!("{day} {hour}:00–{}:00", u32::from(hour) + 1));
    w.t2("health.spot", time, spot.faults)
}

/// The card; `None` for a device without a record.
pub(crate) async fn card(
    app: &App,
    id: &str,
    ix: DeviceIx,
    open: &[AlarmRecord],
    when: &When,
    w: Words,
) -> Option<HealthCard> {
    let report = health::report(app, ix, open)?;
    let asked = id.to_owned();
    // The record shows all the same when the disk cannot be read.
    let entries = app.read(move |archive| archive.health_entries(&asked, health::ENTRIES_MAX)).await;
    let failed = entries.is_err();
    let rate = |per_day: Option<f64>, of: Measure| {
        per_day.map(|v| w.t1("health.per_day", amount(v, of, w))).unwrap_or_default()
    };
    Some(HealthCard {
        score: report.score,
        mood: mood(report.score),
        since: report.since_ms.map(|ms| when.date(ms)),
        reasons: report.reasons.iter().map(|r| (r.points, r.text.get(w.0).to_owned())).collect(),
        totals: report
            .totals
            .iter()
            .map(|t| (measure(t.measure, w), amount(t.value, t.measure, w), rate(t.per_day, t.measure)))
            .collect(),
        services: report.services.iter().map(|s| service(s, when, w)).collect(),
        ahead: report.ahead.iter().map(|a| w.t2("health.ahead", a.name.get(w.0), a.words().get(w.0))).collect(),
        spots: report.spots.iter().map(|s| spot(s, w)).collect(),
        entries: entries.unwrap_or_default().iter().map(|e| entry(e, &report, when, w)).collect(),
        failed,
    })
}

pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (s, open) = Shell::new(&app, w, Tab::Devices, &uri).await;
    let rows = health::reports(&app, &open).into_iter().filter_map(|(ix, report)| {
        let info = app.ports.site.devices.get(ix.ix())?;
        let hours = report.totals.iter().find(|t| t.measure == Measure::Hours);
        Some(ListRow {
            id: info.id.to_string(),
            name: info.name.clone(),
            place: place(&info.at),
            kind: kind_text(&info.kind, w),
            score: report.score,
            mood: mood(report.score),
            reason: report.reasons.first().map(|r| r.text.get(w.0).to_owned()).unwrap_or_default(),
            hours: hours.map_or_else(|| "—".to_owned(), |t| amount(t.value, t.measure, w)),
            next: report.services.first().map(|n| (n.name.get(w.0).to_owned(), due(n, &s.when, w), n.overdue)),
        })
    });
    let rows = rows.collect();
    let mut kinds: Vec<&str> = app.ports.site.devices.iter().map(|d| d.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let spots = kinds.into_iter().flat_map(|kind| {
        let found = app.ports.records.spots_of(kind);
        found.into_iter().map(move |found| (kind_text(kind, w), spot(&found, w)))
    });
    let spots = spots.collect();
    html(&List { s, rows, spots })
}

/// All records as a table, worst first.
pub(crate) async fn list_csv(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
) -> Result<Response, ApiError> {
    let when = When::new(app.ports.clock.anchor().wall.0, &app.zone, w);
    let counted = [Measure::Hours, Measure::Starts, Measure::Trips, Measure::DoorCycles, Measure::Energy];
    let mut head: Vec<String> =
        [w.t("csv.id"), w.t("csv.device"), w.t("csv.place"), w.t("health.score"), w.t("health.reasons")]
            .map(str::to_owned)
            .to_vec();
    head.extend(counted.map(|of| measure(of, w).to_owned()));
    head.extend([w.t("health.next"), w.t("health.due_on")].map(str::to_owned));
    let reports = health::reports(&app, &app.ports.live.alarms());
    let rows = reports.iter().filter_map(|(ix, report)| {
        let info = app.ports.site.devices.get(ix.ix())?;
        let next = report.services.first();
        let value = |of: Measure| report.totals.iter().find(|t| t.measure == of).map(|t| t.value.to_string());
        let mut row = vec![
            report.device.clone(),
            disarmed(&info.name),
            disarmed(&info.at),
            report.score.to_string(),
            report.reasons.iter().map(|r| r.text.get(w.0)).collect::<Vec<_>>().join("; "),
        ];
        row.extend(counted.map(|of| value(of).unwrap_or_default()));
        row.push(next.map(|s| s.name.get(w.0).to_owned()).unwrap_or_default());
        row.push(next.and_then(|s| s.due_ms).map(|ms| when.date(ms)).unwrap_or_default());
        Some(row)
    });
    table("health", head, rows)
}

/// The record of a device as a table of facts: section, item, value, unit, time, person.
#[utoipa::path(get, path = "/api/v1/devices/{id}/health.csv", params(("id" = String, Path)),
    responses((status = 200, description = "CSV with a byte-order mark"), (status = 404, body = ErrorBody)))]
pub(crate) async fn health_csv(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let file = health::file(&app, &id).await?;
    let when = When::new(app.ports.clock.anchor().wall.0, &app.zone, w);
    let (report, at) = (&file.report, |ms: Option<i64>| ms.map(|ms| when.full(ms)).unwrap_or_default());
    let row = |section: &str, item: &str, value: String, unit: &str, time: String, by: &str| {
        vec![section.to_owned(), disarmed(item), disarmed(&value), unit.to_owned(), time, disarmed(by)]
    };
    let mut rows = vec![row("score", w.t("health.score"), report.score.to_string(), "", at(report.since_ms), "")];
    for reason in &report.reasons {
        rows.push(row("reason", reason.text.get(w.0), format!("-{}", reason.points), "", String::new(), ""));
    }
    for total in &report.totals {
        let (name, unit) = (measure(total.measure, w), total.measure.word());
        rows.push(row("total", name, total.value.to_string(), unit, String::new(), ""));
    }
    for service in &report.services {
        let (name, unit) = (service.name.get(w.0), service.measure.word());
        rows.push(row("service_used", name, service.used.to_string(), unit, at(service.done_ms), ""));
        rows.push(row("service_due", name, service.every.to_string(), unit, at(service.due_ms), ""));
    }
    for found in &report.spots {
        rows.push(row("spot", &spot(found, w), found.faults.to_string(), "", String::new(), ""));
    }
    for entry in &file.entries {
        let item = entry.service.as_deref().unwrap_or_default();
        rows.push(row(entry.kind.word(), item, entry.text.clone(), "", at(Some(entry.at_ms)), &entry.by));
    }
    let head = [w.t("csv.section"), w.t("csv.item"), w.t("csv.value"), w.t("csv.unit"), w.t("csv.time"), w.t("csv.by")];
    table(&format!("health_{id}"), head.map(str::to_owned).to_vec(), rows.into_iter())
}

/// The address of a device's page as a QR code, under the name by which the reader reached this page.
pub(crate) async fn code(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let known = app.ports.site.device(&id).is_some();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|_| known);
    let host = host.ok_or_else(|| ApiError::new(Code::NotFound, id.as_str()))?;
    // A label is read in the language of the site.
    let lang = if w.0 == Lang::Zh { "" } else { "?lang=en" };
    let picture = qr::svg(&format!("http://{host}/devices/{id}{lang}"));
    let picture = picture.ok_or_else(|| ApiError::new(Code::BadRequest, id))?;
    Ok(([(CONTENT_TYPE, "image/svg+xml")], picture).into_response())
}
