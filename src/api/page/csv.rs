//! Tables that leave the page: alarms and a trend as CSV. With a byte-order mark, so that Excel shows Chinese; headers in
//! the reader's language; each time both local and ISO. A cell that a spreadsheet would take for a formula is disarmed.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::api::App;
use crate::api::error::{ApiError, Code};
use crate::api::lang::Words;
use crate::api::page::device::Range;
use crate::api::page::when::When;
use crate::api::routes::BUCKETS_MAX;
use crate::api::view;
use crate::model::alarm::AlarmRecord;
use crate::model::stored::AlarmFilter;
use crate::model::time::WallMs;

/// Most rows of an alarm table; the newest.
const ALARMS_MAX: usize = 1000;

/// Which alarms.
#[derive(Debug, Deserialize)]
pub(crate) struct AlarmsQuery {
    device: Option<String>,
    before: Option<i64>,
}

pub(crate) async fn alarms(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    Query(query): Query<AlarmsQuery>,
) -> Result<Response, ApiError> {
    let filter =
        AlarmFilter { open_only: false, device: query.device, limit: ALARMS_MAX, before_wall_ms: query.before };
    let found = app.read(move |archive| archive.alarms(&filter)).await?;
    let when = When::new(app.ports.clock.anchor().wall.0, &app.zone, w);
    let head = [
        w.t("csv.raised"),
        w.t("csv.iso"),
        w.t("csv.level"),
        w.t("csv.title"),
        w.t("csv.device"),
        w.t("csv.place"),
        w.t("csv.state"),
        w.t("csv.cleared"),
        w.t("csv.by"),
        w.t("csv.answered"),
        w.t("csv.note"),
        w.t("csv.value"),
        w.t("csv.limit"),
        w.t("csv.unit"),
        w.t("csv.id"),
    ];
    let rows = found.iter().map(|a| alarm_row(a, &when, w));
    table("alarms", head.map(str::to_owned).to_vec(), rows)
}

fn alarm_row(a: &AlarmRecord, when: &When, w: Words) -> Vec<String> {
    let ack = a.acknowledged.as_ref();
    let trigger = a.trigger.as_ref();
    let number = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
    vec![
        when.full(a.raised_wall_ms),
        when.iso(a.raised_wall_ms),
        a.level.text().get(w.0).to_owned(),
        disarmed(a.text.title.get(w.0)),
        disarmed(&a.device_name),
        disarmed(&a.at),
        a.state.text().get(w.0).to_owned(),
        a.cleared_wall_ms.map(|ms| when.full(ms)).unwrap_or_default(),
        ack.map(|k| disarmed(&k.by)).unwrap_or_default(),
        ack.map(|k| when.full(k.wall_ms)).unwrap_or_default(),
        ack.map(|k| disarmed(&k.note)).unwrap_or_default(),
        number(trigger.and_then(|t| t.value)),
        number(trigger.and_then(|t| t.limit)),
        trigger.and_then(|t| t.unit.clone()).unwrap_or_default(),
        a.id.to_string(),
    ]
}

/// Which trend.
#[derive(Debug, Deserialize)]
pub(crate) struct HistoryQuery {
    point: String,
    range: Option<String>,
}

pub(crate) async fn history(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    Query(query): Query<HistoryQuery>,
) -> Result<Response, ApiError> {
    let ix = app.ports.site.point(&query.point).ok_or_else(|| ApiError::new(Code::NotFound, query.point.as_str()))?;
    let info = app.ports.site.points.get(ix.ix()).ok_or_else(|| ApiError::new(Code::NotFound, ""))?;
    let when = When::new(app.ports.clock.anchor().wall.0, &app.zone, w);
    let from = when.now_ms() - Range::from_word(query.range.as_deref()).hours * 3_600_000;
    let (key, to) = (query.point.clone(), when.now_ms());
    let found = app.read(move |archive| archive.history(&key, WallMs(from), WallMs(to), BUCKETS_MAX)).await?;
    let unit = info.unit.map(|u| format!(" ({})", view::unit_shown(u, w.0))).unwrap_or_default();
    let head = vec![
        w.t("csv.time").to_owned(),
        w.t("csv.iso").to_owned(),
        format!("{}{unit}", w.t("csv.mean")),
        format!("{}{unit}", w.t("csv.min")),
        format!("{}{unit}", w.t("csv.max")),
        format!("{}{unit}", w.t("csv.last")),
        w.t("csv.count").to_owned(),
        w.t("csv.bad").to_owned(),
    ];
    let number = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
    let rows = found.buckets.iter().map(|b| {
        vec![
            when.full(b.t),
            when.iso(b.t),
            number(b.mean),
            number(b.min),
            number(b.max),
            number(b.last),
            b.count.to_string(),
            b.bad.to_string(),
        ]
    });
    table(&query.point.replace('.', "_"), head, rows)
}

/// `=1+1` typed as a comment must not be computed by whoever opens the table.
pub(crate) fn disarmed(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

pub(crate) fn table(
    name: &str,
    head: Vec<String>,
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<Response, ApiError> {
    let inside = |e: ::csv::Error| ApiError::inside(Code::Internal, &e);
    let mut writer = ::csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(head).map_err(inside)?;
    for row in rows {
        writer.write_record(row).map_err(inside)?;
    }
    let body = writer.into_inner().map_err(|e| ApiError::inside(Code::Internal, &e))?;
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, disposition)], body)
        .into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_disarmed() {
        assert_eq!(disarmed("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(disarmed("正在前往"), "正在前往");
    }
}
