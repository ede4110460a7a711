//! How the cloud is fed, and who else gets alarms: per upstream, webhook and broker what waits, how old, how fast, and the last failure in words; and the disk.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;

use crate::api::App;
use crate::api::error::ApiError;
use crate::api::lang::Words;
use crate::api::page::when::When;
use crate::api::page::{Shell, Tab, html};
use crate::api::ports::UpstreamStatus;
use crate::api::view;
use crate::model::far::FarKind;
use crate::model::journal::Stream;

/// One stream of one of them.
#[derive(Debug)]
struct StreamRow {
    name: &'static str,
    backlog: u64,
    oldest: String,
    rate: String,
    sent: u64,
    rejected: u64,
    drain: String,
}

/// One upstream, webhook or broker.
#[derive(Debug)]
struct UpstreamCard {
    id: String,
    /// What becomes of that which waits.
    kept: &'static str,
    url: String,
    up: bool,
    since: String,
    last_ok: String,
    last_error: String,
    retry: String,
    streams: Vec<StreamRow>,
}

#[derive(Template)]
#[template(path = "sync.html", config = "src/api/page/askama.toml")]
struct Sync {
    s: Shell,
    upstreams: Vec<UpstreamCard>,
    degraded: Option<String>,
    used: String,
    quota: String,
    used_percent: u64,
    committed: u64,
    waiting: u64,
    dropped: u64,
    quarantined: u64,
    commit_last: u64,
    commit_max: u64,
}

pub(crate) async fn sync(
    State(app): State<Arc<App>>,
    Extension(w): Extension<Words>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (s, _) = Shell::new(&app, w, Tab::Sync, &uri).await;
    let upstreams = app.ports.sync.upstreams().iter().map(|u| upstream(u, &s.when, w)).collect();
    let status = app.ports.archive.status();
    let used = status.log_bytes + status.history_bytes + status.state_bytes;
    html(&Sync {
        s,
        upstreams,
        degraded: status.degraded,
        used: bytes(used),
        quota: bytes(status.bytes_max),
        used_percent: (used * 100).checked_div(status.bytes_max).unwrap_or(0).min(100),
        committed: status.readings_committed,
        waiting: status.readings_waiting,
        dropped: status.readings_dropped,
        quarantined: status.quarantined,
        commit_last: status.commit_ms_last,
        commit_max: status.commit_ms_max,
    })
}

fn upstream(u: &UpstreamStatus, when: &When, w: Words) -> UpstreamCard {
    UpstreamCard {
        id: u.id.clone(),
        kept: if u.kind == FarKind::Upstream { w.t("sync.kept") } else { w.t("sync.kept_some") },
        url: u.url.clone(),
        up: u.up,
        since: u.since_wall_ms.map(|ms| when.since(ms)).unwrap_or_default(),
        last_ok: u.last_ok_wall_ms.map_or_else(|| w.t("sync.never").to_owned(), |ms| when.short(ms)),
        last_error: u.last_error.as_ref().map_or_else(String::new, |why| why.get(w.0).to_owned()),
        retry: u.retry_wall_ms.map(|ms| when.short(ms)).unwrap_or_default(),
        streams: u
            .streams
            .iter()
            .map(|s| StreamRow {
                name: stream_text(s.stream, w),
                backlog: s.backlog,
                oldest: s.oldest_age_ms.filter(|_| s.backlog > 0).map_or_else(|| "—".to_owned(), |ms| when.span(ms)),
                rate: format!("{} /s", view::number(s.per_second)),
                sent: s.sent,
                rejected: s.rejected,
                drain: drain(s.backlog, s.per_second, when),
            })
            .collect(),
    }
}

/// How long the backlog takes at the present rate; unknown while nothing moves.
fn drain(backlog: u64, per_second: f64, when: &When) -> String {
    if backlog == 0 || per_second < 0.01 {
        return "—".to_owned();
    }
    // Saturates at centuries, which is as good as never.
    #[allow(clippy::cast_possible_truncation)]
    when.span((backlog as f64 / per_second * 1000.0) as i64)
}

fn stream_text(stream: Stream, w: Words) -> &'static str {
    match stream {
        Stream::Alarm => w.t("stream.alarm"),
        Stream::Command => w.t("stream.command"),
        Stream::Audit => w.t("stream.audit"),
        Stream::Event => w.t("stream.event"),
        Stream::Telemetry => w.t("stream.telemetry"),
    }
}

/// Bytes as people read them.
pub(super) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut v, mut unit) = (n as f64 / 1024.0, UNITS[0]);
    for next in &UNITS[1..] {
        if v < 1024.0 {
            break;
        }
        (v, unit) = (v / 1024.0, next);
    }
    format!("{} {unit}", view::number(v))
}
