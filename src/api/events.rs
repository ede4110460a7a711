//! `GET /api/v1/events`: what happens, as it happens (server-sent events, WHATWG HTML 9.2).
//!
//! - `hello` opens every stream: life of the journal, position, wall time.
//! - `alarm` carries its position in the alarm journal as id. After a break the browser names the last one it saw
//!   (`Last-Event-ID`), and everything since comes from the journal: nothing is missed, nothing comes twice. While the
//!   disk stalls an alarm comes without id and with `durable: false`, and again with its id once it is kept.
//! - `values` for the device named by `?device=`, at most once a second, only what changed.
//! - `link` when a line or device changes state; `sync` when the figures of an upstream, webhook or broker change, at most every 5 s.
//! - `reload`: the reader lagged or knows another life of the journal; read the state again. Alarms go on without loss.
//! - a comment and a `tick` every 15 s, so that proxies and readers know the stream is alive.
//!
//! Bounds: the stream is pulled by its socket, so a reader that takes nothing holds one page of journal rows and its
//! place in the broadcast, which overwrites the oldest.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_stream::Stream;
use utoipa::IntoParams;

use crate::api::dto::UpstreamDto;
use crate::api::error::{ApiError, Code};
use crate::api::lang::Words;
use crate::api::{App, journal, view};
use crate::model::alarm::AlarmEvent;
use crate::model::id::{DeviceIx, PointIx};
use crate::model::link::{LinkChange, LinkOf};
use crate::model::live::{LiveEvent, LivePoint};

/// Journal rows read at a time while catching up.
const ROWS_MAX: usize = 200;
/// Values go out at most this often.
const VALUES_EVERY: Duration = Duration::from_secs(1);
/// Figures of upstreams, webhooks and brokers are compared this often.
const SYNC_EVERY: Duration = Duration::from_secs(5);
/// A comment line at least this often.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// Pause before the journal is asked again after it could not be read.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What to follow, and from where.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct EventsQuery {
    /// Also the values of this device.
    device: Option<String>,
    /// Alarms after this position, for the first connection; `Last-Event-ID` wins.
    after: Option<u64>,
    /// Life of the journal that `after` belongs to.
    epoch: Option<String>,
}

/// What happens, as it happens. Resumes by `Last-Event-ID`.
#[utoipa::path(get, path = "/api/v1/events", params(EventsQuery,
    ("Last-Event-ID" = Option<u64>, Header, description = "position of the last alarm seen")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    Extension(words): Extension<Words>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Sse<Follow>, ApiError> {
    let busy = |e| ApiError::inside(Code::Busy, &e);
    let permit = Arc::clone(&app.streams).try_acquire_owned().map_err(busy)?;
    let device = match &query.device {
        None => None,
        Some(id) => Some(app.ports.site.device(id).ok_or_else(|| ApiError::new(Code::NotFound, id.as_str()))?),
    };
    // First the subscription, then the head: what happens in between is seen by both and sent once, by its number.
    let live = app.ports.events.subscribe();
    let head = app.read(|archive| archive.head()).await?;
    let seen = headers.get("last-event-id").and_then(|v| v.to_str().ok()?.parse().ok()).or(query.after);
    let life = head.epoch.to_string();
    let strange = query.epoch.is_some_and(|e| e != life) || seen.is_some_and(|seen| seen > head.seq);
    let last = seen.filter(|_| !strange).unwrap_or(head.seq);
    let mut feed = Feed {
        behind: last < head.seq,
        last,
        live,
        ready: VecDeque::new(),
        held: None,
        words,
        device,
        values: Vec::new(),
        upstreams: Vec::new(),
        values_tick: ticker(VALUES_EVERY),
        sync_tick: ticker(SYNC_EVERY),
        comment_tick: ticker(COMMENT_EVERY),
        app,
        _permit: permit,
    };
    let now_ms = feed.app.ports.clock.anchor().wall.0;
    let hello = json!({ "epoch": life, "seq": last, "now_ms": now_ms });
    feed.ready.push_back(named("hello", &hello).id(last.to_string()));
    if strange {
        feed.ready.push_back(named("reload", &json!({ "reason": "other_epoch" })));
    }
    Ok(Sse::new(Follow(Box::pin(step(Box::new(feed))))))
}

fn ticker(every: Duration) -> Interval {
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

fn named(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).json_data(data).unwrap_or_else(|_| Event::default().comment("unreadable"))
}

/// What woke the feed.
enum Wake {
    Stop,
    Live(Result<LiveEvent, RecvError>),
    Values,
    Sync,
    Comment,
}

/// One reader's place in what happens.
struct Feed {
    app: Arc<App>,
    words: Words,
    live: broadcast::Receiver<LiveEvent>,
    /// Position of the last alarm sent with an id.
    last: u64,
    /// The journal has rows after `last` that were not sent.
    behind: bool,
    /// An alarm that came with a number beyond the next: kept until the rows before it are read.
    held: Option<(u64, Arc<AlarmEvent>)>,
    /// Events to send, in order; at most one page of rows and a few.
    ready: VecDeque<Event>,
    device: Option<DeviceIx>,
    values: Vec<LivePoint>,
    upstreams: Vec<UpstreamDto>,
    values_tick: Interval,
    sync_tick: Interval,
    comment_tick: Interval,
    _permit: OwnedSemaphorePermit,
}

impl Feed {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.behind {
                self.catch_up().await;
                continue;
            }
            match self.wake().await {
                Wake::Stop | Wake::Live(Err(RecvError::Closed)) => return None,
                wake => self.apply(wake),
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        tokio::select! {
            biased;
            () = self.app.stop.cancelled() => Wake::Stop,
            event = self.live.recv() => Wake::Live(event),
            _ = self.values_tick.tick(), if self.device.is_some() => Wake::Values,
            _ = self.sync_tick.tick() => Wake::Sync,
            _ = self.comment_tick.tick() => Wake::Comment,
        }
    }

    fn apply(&mut self, wake: Wake) {
        match wake {
            Wake::Live(Ok(LiveEvent::Alarm { seq, durable, event })) => match seq {
                None => self.ready.push_back(named("alarm", &alarm_json(&event, durable))),
                Some(seq) if seq <= self.last => {}
                Some(seq) if seq == self.last + 1 => self.alarm(seq, &event),
                Some(seq) => {
                    self.behind = true;
                    self.held = Some((seq, event));
                }
            },
            Wake::Live(Ok(LiveEvent::Link(change))) => self.link(&change),
            Wake::Live(Err(RecvError::Lagged(missed))) => {
                self.ready.push_back(named("reload", &json!({ "reason": "lagged", "missed": missed })));
                self.behind = true;
            }
            Wake::Values => self.changed_values(),
            Wake::Sync => self.changed_sync(),
            Wake::Comment => {
                // The comment is for proxies; a browser shows comments to nobody, so its script needs the event.
                let now = json!({ "now_ms": self.app.ports.clock.anchor().wall.0 });
                self.ready.push_back(named("tick", &now).comment("still here"));
            }
            Wake::Stop | Wake::Live(Err(RecvError::Closed)) => {}
        }
    }

    fn alarm(&mut self, seq: u64, event: &AlarmEvent) {
        self.ready.push_back(named("alarm", &alarm_json(event, true)).id(seq.to_string()));
        self.last = seq;
    }

    /// Reads one page of the journal. When it cannot be read the stream lives on and tries again.
    async fn catch_up(&mut self) {
        let after = self.last;
        match self.app.read(move |archive| archive.alarm_rows(after, ROWS_MAX)).await {
            Ok(rows) => {
                self.behind = rows.len() >= ROWS_MAX;
                for row in rows {
                    match journal::event(&row) {
                        Some(event) => self.alarm(row.seq, &event),
                        None => self.last = self.last.max(row.seq),
                    }
                }
                if let (false, Some((seq, event))) = (self.behind, self.held.take())
                    && seq > self.last
                {
                    self.alarm(seq, &event);
                }
            }
            Err(_) => {
                tokio::select! {
                    () = self.app.stop.cancelled() => self.behind = false,
                    () = tokio::time::sleep(RETRY_AFTER) => {}
                }
            }
        }
    }

    fn link(&mut self, change: &LinkChange) {
        let site = &self.app.ports.site;
        let (kind, id) = match change.of {
            LinkOf::Line(ix) => ("line", site.lines.get(ix.ix()).map(|l| l.id.to_string())),
            LinkOf::Device(ix) => ("device", site.devices.get(ix.ix()).map(|d| d.id.to_string())),
        };
        let at_ms = self.app.ports.clock.anchor().wall_at(change.at).0;
        let state = view::state_word(change.state);
        let data = json!({ "of": kind, "id": id, "state": state, "reason": change.reason, "at_ms": at_ms });
        self.ready.push_back(named("link", &data));
    }

    fn changed_values(&mut self) {
        let site = &self.app.ports.site;
        let Some(info) = self.device.and_then(|ix| site.devices.get(ix.ix())) else { return };
        let now = self.app.ports.clock.anchor();
        let current = self.app.ports.live.run(info.first_point, info.point_count);
        let changed: Vec<_> = (info.first_point.0..)
            .zip(&current)
            .enumerate()
            .filter(|(i, (_, live))| self.values.get(*i) != Some(*live))
            .filter_map(|(_, (ix, live))| view::point(site, PointIx(ix), live, &now, self.words))
            .collect();
        if !changed.is_empty() {
            let data = json!({ "device": info.id, "now_ms": now.wall.0, "points": changed });
            self.ready.push_back(named("values", &data));
        }
        self.values = current;
    }

    fn changed_sync(&mut self) {
        let current: Vec<_> = self.app.ports.sync.upstreams().iter().map(view::upstream).collect();
        if current != self.upstreams {
            self.ready.push_back(named("sync", &current));
            self.upstreams = current;
        }
    }
}

fn alarm_json(event: &AlarmEvent, durable: bool) -> serde_json::Value {
    json!({
        "change": event.change.word(),
        "at_ms": event.wall_ms,
        "by": event.by,
        "note": event.note,
        "durable": durable,
        "alarm": view::alarm(&event.alarm),
    })
}

type Step = Pin<Box<dyn Future<Output = (Option<Event>, Box<Feed>)> + Send>>;

/// The feed as the body of a response.
pub(crate) struct Follow(Step);

async fn step(mut feed: Box<Feed>) -> (Option<Event>, Box<Feed>) {
    let event = feed.next().await;
    (event, feed)
}

impl Stream for Follow {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let (event, feed) = std::task::ready!(self.0.as_mut().poll(cx));
        self.0 = match &event {
            Some(_) => Box::pin(step(feed)),
            // After the end the stream must not be polled on: the next poll would find a finished future.
            None => Box::pin(std::future::pending()),
        };
        Poll::Ready(event.map(Ok))
    }
}
