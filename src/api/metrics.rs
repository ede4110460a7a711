//! `GET /metrics`: figures for Prometheus. Labels name lines, devices, upstreams and streams, never points, so that the
//! number of series is bounded by the site file. Built afresh for each scrape from what the ports tell.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::api::App;
use crate::api::error::{ApiError, Code};
use crate::model::alarm::Level;
use crate::model::id::{DeviceIx, LineIx};
use crate::model::intake::{CameraFigures, Presence, Why};
use crate::model::link::{LinkState, LinkStats};
use crate::model::time::BootMs;

/// `OpenMetrics` text, as the encoder writes it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge<f64, std::sync::atomic::AtomicU64>>;
type Counters = Family<Labels, Counter<u64>>;

/// One scrape being built.
#[derive(Default)]
struct Scrape(Registry);

impl Scrape {
    fn gauges(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, f64)>) {
        let family = Gauges::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(value);
        }
        self.0.register(name, help, family);
    }

    fn counters(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, u64)>) {
        let family = Counters::default();
        for (labels, value) in values {
            family.get_or_create(&labels).inc_by(value);
        }
        self.0.register(name, help, family);
    }
}

/// The handler.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let mut scrape = Scrape(Registry::with_prefix("gatehouse"));
    process(&mut scrape, &app);
    links(&mut scrape, &app);
    store(&mut scrape, &app);
    upstreams(&mut scrape, &app);
    cameras(&mut scrape, &app);
    let mut text = String::new();
    encode(&mut text, &scrape.0).map_err(|e| ApiError::inside(Code::Internal, &e))?;
    Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}

fn process(scrape: &mut Scrape, app: &App) {
    let health = (app.ports.health)();
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    scrape.gauges("build", "Always 1; the label names the release", [(version, 1.0)]);
    let uptime = app.ports.clock.boot().since(health.started) as f64 / 1000.0;
    let family = Gauges::default();
    family.get_or_create(&Vec::new()).set(uptime);
    scrape.0.register_with_unit("uptime", "Since the start of the process", Unit::Seconds, family);
    let parts = health.parts.iter().map(|p| (vec![("part", p.name.clone())], f64::from(u8::from(p.ok))));
    scrape.gauges("part_ok", "1 while this part ticks", parts);
    let open = app.ports.live.alarms();
    let by_level = Level::ALL.map(|level| {
        let count = open.iter().filter(|a| a.level == level).count();
        (vec![("level", level.word().to_owned())], count as f64)
    });
    scrape.gauges("alarms_open", "Alarms on the list", by_level);
    let waiting = Level::ALL.map(|level| {
        let count = open.iter().filter(|a| a.level == level && a.acknowledged.is_none()).count();
        (vec![("level", level.word().to_owned())], count as f64)
    });
    scrape.gauges("alarms_unacknowledged", "Alarms on the list that nobody has answered", waiting);
}

/// A figure of a link: name, help, how to read it.
type Figure = (&'static str, &'static str, fn(&LinkStats) -> u64);

const FIGURES: [Figure; 6] = [
    ("polls", "Requests sent or messages received", |s| s.polls),
    ("answers", "Requests answered properly", |s| s.answers),
    ("timeouts", "Requests without an answer in time", |s| s.timeouts),
    ("refusals", "Requests refused with an exception", |s| s.refusals),
    ("rejects", "Late, foreign or damaged frames dropped", |s| s.rejects),
    ("missed_scans", "Scans that could not start within their period", |s| s.missed),
];

fn links(scrape: &mut Scrape, app: &App) {
    let (site, live) = (&app.ports.site, &app.ports.live);
    let lines: Vec<_> = (0..)
        .zip(&site.lines)
        .filter_map(|(ix, l)| Some((vec![("line", l.id.to_string())], live.line(LineIx(ix))?)))
        .collect();
    let devices: Vec<_> = (0..)
        .zip(&site.devices)
        .filter_map(|(ix, d)| {
            let line = site.lines.get(d.line.ix())?.id.to_string();
            Some((vec![("line", line), ("device", d.id.to_string())], live.device(DeviceIx(ix))?))
        })
        .collect();
    for (kind, links) in [("line", &lines), ("device", &devices)] {
        let up = links.iter().map(|(labels, l)| (labels.clone(), f64::from(u8::from(l.state == LinkState::Up))));
        scrape.gauges(&format!("{kind}_up"), "1 while it answers", up);
        for (name, help, of) in FIGURES {
            let values = links.iter().map(|(labels, l)| (labels.clone(), of(&l.stats)));
            scrape.counters(&format!("{kind}_{name}"), help, values);
        }
        let sums = links.iter().map(|(labels, l)| (labels.clone(), l.stats.answer_us_sum as f64 / 1e6));
        scrape.gauges(&format!("{kind}_answer_seconds_sum"), "Sum of answer times; divide by answers", sums);
    }
}

fn store(scrape: &mut Scrape, app: &App) {
    let s = app.ports.archive.status();
    let none = Labels::new;
    scrape.gauges("store_ok", "1 while the disk takes writes", [(none(), f64::from(u8::from(s.degraded.is_none())))]);
    let bytes = [("log", s.log_bytes), ("history", s.history_bytes), ("state", s.state_bytes), ("limit", s.bytes_max)];
    let bytes = bytes.map(|(part, n)| (vec![("part", part.to_owned())], n as f64));
    scrape.gauges("store_bytes", "Bytes on disk by part, and the quota", bytes);
    scrape.gauges("store_waiting", "Readings waiting for the next commit", [(none(), s.readings_waiting as f64)]);
    scrape.gauges("store_commit_max_ms", "Longest commit since start", [(none(), s.commit_ms_max as f64)]);
    scrape.counters("store_readings", "Readings committed", [(none(), s.readings_committed)]);
    scrape.counters("store_dropped", "Readings the disk did not take", [(none(), s.readings_dropped)]);
    scrape.counters("store_quarantined", "Damaged files put aside", [(none(), s.quarantined)]);
}

fn cameras(scrape: &mut Scrape, app: &App) {
    let Some(book) = &app.ports.cases else { return };
    let (all, now) = (book.cameras(), app.ports.clock.boot());
    let of = |c: &CameraFigures| vec![("camera", c.camera.to_string())];
    let heard = all.iter().filter_map(|c| match c.presence {
        Presence::Unknown => None,
        Presence::Heard => Some((of(c), 1.0)),
        Presence::Silent(_) => Some((of(c), 0.0)),
    });
    scrape.gauges("camera_heard", "0 while it is silent though it should not be", heard);
    scrape.counters("camera_events", "Events on disk", all.iter().map(|c| (of(c), c.stored)));
    scrape.counters("camera_duplicates", "Events that came again", all.iter().map(|c| (of(c), c.duplicates)));
    scrape.counters("camera_busy", "Times it was told to send again", all.iter().map(|c| (of(c), c.busy)));
    let refused = all.iter().flat_map(|c| {
        let unknown = std::iter::once((Why::UnknownKind.word(), c.unknown)).filter(|(_, n)| *n > 0);
        let reasons = c.refused.iter().map(|(why, n)| (*why, *n)).chain(unknown);
        reasons.map(|(why, n)| ([of(c), vec![("reason", why.to_owned())]].concat(), n)).collect::<Vec<_>>()
    });
    scrape.counters("camera_refused", "Payloads that were refused", refused);
    for (name, help, last) in [
        (
            "camera_event_age_seconds",
            "Since its last event",
            (|c| c.last_event) as fn(&CameraFigures) -> Option<BootMs>,
        ),
        ("camera_contact_age_seconds", "Since it was last heard", |c| c.last_contact),
    ] {
        let ages = all.iter().filter_map(|c| Some((of(c), now.since(last(c)?) as f64 / 1000.0)));
        scrape.gauges(name, help, ages);
    }
}

fn upstreams(scrape: &mut Scrape, app: &App) {
    let all = app.ports.sync.upstreams();
    let up = all.iter().map(|u| (vec![("upstream", u.id.clone())], f64::from(u8::from(u.up))));
    scrape.gauges(
        "upstream_up",
        "1 while deliveries succeed; webhooks and brokers are here as webhook.<id>, publish.<id>",
        up,
    );
    let streams: Vec<_> = all
        .iter()
        .flat_map(|u| {
            u.streams.iter().map(|s| (vec![("upstream", u.id.clone()), ("stream", s.stream.word().to_owned())], s))
        })
        .collect();
    let backlog = streams.iter().map(|(l, s)| (l.clone(), s.backlog as f64));
    scrape.gauges("upstream_backlog", "Stored and not yet confirmed", backlog);
    let age = streams.iter().map(|(l, s)| (l.clone(), s.oldest_age_ms.unwrap_or(0) as f64 / 1000.0));
    scrape.gauges("upstream_oldest_seconds", "Age of the oldest that waits", age);
    scrape.counters("upstream_sent", "Confirmed", streams.iter().map(|(l, s)| (l.clone(), s.sent)));
    scrape.counters("upstream_rejected", "Refused for good", streams.iter().map(|(l, s)| (l.clone(), s.rejected)));
}
