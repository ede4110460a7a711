//! The office side: API and page, upstreams, watchdog, and the watch over gatehouse's own troubles. One thread, one runtime.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::api;
use crate::api::ports::{Health, HealthPart, LimitLine};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::credential::Credentials;
use crate::gateway::StartError;
use crate::gateway::cases::{CaseWires, Cases};
use crate::gateway::eyes::Eyes;
use crate::gateway::health::Records;
use crate::gateway::ports::{PipelineDesk, StoreArchive, StoreOutbox, Upstreams};
use crate::gateway::secrets::{bytes, text};
use crate::gateway::senders::{Common, Senders};
use crate::model::desk::{DeskCommand, Signal};
use crate::model::far::{FarEnd, FarKind};
use crate::model::id::{Id, LineIx, PointIx};
use crate::model::link::LinkState;
use crate::model::live::{Live, LiveEvent};
use crate::model::site::Site;
use crate::model::text::Text;
use crate::model::time::{BootMs, Trust};
use crate::northbound::{Identity, SyncStatus, Upstream, UpstreamConfig, UpstreamParts, UpstreamState};
use crate::southbound::vision::outlet::Outlet;
use crate::store::{StoreHandle, StoreReader};
use crate::supervise::watchdog::{self, Watched};
use crate::supervise::{Policy, Roster, Stage};

/// How often gatehouse looks at itself.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Threads for waiting on the disk and on name look-ups. Look-ups through a dead name server hang for half a minute each
/// and must not take the page's reads with them; idle threads go away.
const BLOCKING_MAX: usize = 32;
/// Longest stillness of pipeline and writer that health passes over.
const PIPELINE_STILL_MS: i64 = 10_000;
const WRITER_STILL_MS: i64 = 60_000;
/// Time for the upstreams' last try, then for the API.
const STAGE_GRACE: Duration = Duration::from_secs(3);

/// What the office needs from the configuration.
#[derive(Debug)]
pub(super) struct OfficeParts {
    listener: std::net::TcpListener,
    address: SocketAddr,
    upstreams: Vec<(UpstreamConfig, Option<String>, Option<Vec<u8>>)>,
    senders: Senders,
    limits: Arc<BTreeMap<PointIx, Vec<LimitLine>>>,
    site_id: String,
}

impl OfficeParts {
    /// Binds the page's address and looks up the upstreams' credentials.
    pub(super) fn prepare(
        config: &Config,
        credentials: &Credentials,
        gateway_id: &str,
        limits: BTreeMap<PointIx, Vec<LimitLine>>,
    ) -> Result<Self, StartError> {
        let listener = std::net::TcpListener::bind(config.api.bind).map_err(|e| StartError::Listen {
            line: format!("page on {}", config.api.bind),
            why: format!("{e}; another program may use the port, change api.bind"),
        })?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut upstreams = Vec::new();
        for upstream in &config.upstreams {
            let token = upstream.credential.as_deref().map(|name| text(credentials, name)).transpose()?;
            let ca = upstream.ca.as_deref().map(|name| bytes(credentials, name)).transpose()?;
            upstreams.push((upstream.clone(), token, ca));
        }
        let senders = Senders::prepare(config, credentials, gateway_id)?;
        let site_id = config.site_id.as_str().to_owned();
        Ok(Self { listener, address, upstreams, senders, limits: Arc::new(limits), site_id })
    }
}

/// Everything the office is connected to.
pub(super) struct Wiring {
    pub(super) parts: OfficeParts,
    pub(super) site: Arc<Site>,
    pub(super) live: Arc<Live>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) store: (StoreHandle, StoreReader, String),
    pub(super) desk: mpsc::Sender<DeskCommand>,
    pub(super) cases: Option<Cases>,
    /// The watch over the cameras, and the intake it looks at.
    pub(super) watch: (Eyes, Option<Arc<Outlet>>),
    pub(super) records: Records,
    pub(super) events: broadcast::Sender<LiveEvent>,
    pub(super) roster: Roster,
    pub(super) watched: Vec<Watched>,
}

/// The running office.
#[derive(Debug)]
pub(super) struct Office {
    address: SocketAddr,
    stop: CancellationToken,
    ended: oneshot::Receiver<()>,
    thread: JoinHandle<()>,
}

impl Office {
    /// Starts the thread.
    pub(super) fn start(wiring: Wiring) -> Result<Self, StartError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_MAX).build()?;
        let address = wiring.parts.address;
        let stop = CancellationToken::new();
        let (tell, ended) = oneshot::channel();
        let upstreams = build_upstreams(&wiring, runtime.handle())?;
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("office".into()).spawn(move || {
            runtime.block_on(work(wiring, upstreams, stopped));
            // A blocking read that hangs on the disk must not hold up the end.
            runtime.shutdown_timeout(Duration::from_secs(1));
            if tell.send(()).is_err() {
                tracing::debug!("nobody waited for the office");
            }
        })?;
        Ok(Self { address, stop, ended, thread })
    }

    /// Where the page is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Completes when the thread has ended before it was told to: by a panic, since it does nothing else.
    pub(super) async fn lost(&mut self) {
        // Either answer means the end.
        drop((&mut self.ended).await);
    }

    /// Upstreams get one bounded last try, then the page closes.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        let late = !self.ended.is_terminated() && tokio::time::timeout(STAGE_GRACE * 3, self.ended).await.is_err();
        if late {
            tracing::warn!("the office did not stop in time");
        } else if self.thread.join().is_err() {
            tracing::error!("the office thread panicked");
        }
    }
}

/// The figures of an upstream, of the present one where it was built anew; or of a webhook or publisher.
pub(super) type Figures = Arc<Mutex<SyncStatus>>;
type Ready = (Id, Figures, CancellationToken, Upstream, Rebuild);
type Rebuild = Box<dyn FnMut() -> Result<Upstream, String> + Send>;

fn build_upstreams(wiring: &Wiring, office: &Handle) -> Result<Vec<Ready>, StartError> {
    let (handle, reader, gateway_id) = &wiring.store;
    let mut ready = Vec::new();
    for (config, token, ca) in &wiring.parts.upstreams {
        let outbox = StoreOutbox { reader: reader.clone(), handle: handle.clone(), office: office.clone() };
        let stop = CancellationToken::new();
        let parts = UpstreamParts {
            identity: Identity { gateway_id: gateway_id.clone(), site_id: wiring.parts.site_id.clone() },
            site: Arc::clone(&wiring.site),
            outbox: Arc::new(outbox),
            clock: Arc::clone(&wiring.clock),
            stop: stop.clone(),
        };
        let (config, token, ca) = (config.clone(), token.clone(), ca.clone());
        let id = config.id.clone();
        let upstream = Upstream::new(&config, token.as_deref(), ca.as_deref(), &parts)?;
        let status = Arc::new(Mutex::new(upstream.status()));
        let present = Arc::clone(&status);
        let rebuild: Rebuild = Box::new(move || {
            let anew = Upstream::new(&config, token.as_deref(), ca.as_deref(), &parts).map_err(|e| e.to_string())?;
            *present.lock().unwrap_or_else(PoisonError::into_inner) = anew.status();
            Ok(anew)
        });
        ready.push((id, status, stop, upstream, rebuild));
    }
    Ok(ready)
}

async fn work(wiring: Wiring, upstreams: Vec<Ready>, stop: CancellationToken) {
    let Wiring { parts, site, live, clock, store, desk, cases, watch, records, events, roster, watched } = wiring;
    let (eyes, intake) = watch;
    let never = CancellationToken::new();
    let mut north = Stage::new("north", roster.clone(), never.clone());
    let mut desk_side = Stage::new("office", roster.clone(), never);
    let mut statuses = Vec::new();
    for ready in upstreams {
        statuses.push((FarEnd::new(FarKind::Upstream, &ready.0), ready.1.clone()));
        spawn_upstream(&mut north, ready);
    }
    let senders = parts.senders.spawn(&mut north, &common(&parts, &store, &clock));
    statuses.extend(senders.into_iter().map(|(far, status)| (far, Arc::new(Mutex::new(status)))));
    let started = clock.boot();
    let all = statuses.iter().map(|(_, s)| s.clone()).collect();
    let inspector =
        Inspector { store: store.1.clone(), site: site.clone(), live: live.clone(), clock: clock.clone(), roster };
    let health_of = inspector.clone();
    let ports = api::ports::Ports {
        site,
        live,
        clock: clock.clone(),
        archive: Arc::new(StoreArchive(store.1)),
        desk: Arc::new(PipelineDesk(desk.clone())),
        sync: Arc::new(Upstreams { all, clock: clock.clone(), started }),
        events,
        health: Arc::new(move || health_of.health(started)),
        limits: parts.limits,
        cases: cases.as_ref().map(|cases| cases.book(clock.clone(), intake.clone())),
        records: Arc::new(records.clone()),
    };
    if let Some(cases) = cases {
        cases.spawn(
            &mut desk_side,
            CaseWires { clock: clock.clone(), desk: desk.clone(), events: ports.events.clone() },
        );
    }
    eyes.spawn(&mut desk_side, intake, desk.clone());
    records.spawn(&mut desk_side);
    let token = desk_side.token();
    let listener = parts.listener;
    desk_side.spawn("api", Policy::Restart, move || {
        let (ports, token, again) = (ports.clone(), token.clone(), listener.try_clone());
        async move {
            let listener = tokio::net::TcpListener::from_std(again.map_err(|e| e.to_string())?);
            api::serve(listener.map_err(|e| e.to_string())?, ports, token).await.map_err(|e| e.to_string())
        }
    });
    let token = desk_side.token();
    desk_side.spawn("watchdog", Policy::Restart, move || {
        let (watched, token) = (watched.clone(), token.clone());
        async move {
            watchdog::run(watched, token.clone()).await;
            token.cancelled().await;
            Ok(())
        }
    });
    let token = desk_side.token();
    desk_side.spawn("inspector", Policy::Restart, move || {
        let (inspector, statuses, desk, token) = (inspector.clone(), statuses.clone(), desk.clone(), token.clone());
        async move {
            inspector.watch(statuses, desk, token).await;
            Ok(())
        }
    });
    stop.cancelled().await;
    north.stop(STAGE_GRACE).await;
    desk_side.stop(STAGE_GRACE).await;
}

/// What webhooks and publishers are built from.
fn common(parts: &OfficeParts, store: &(StoreHandle, StoreReader, String), clock: &Arc<dyn Clock>) -> Common {
    let (handle, reader, gateway_id) = store;
    let outbox = StoreOutbox { reader: reader.clone(), handle: handle.clone(), office: Handle::current() };
    let identity = Identity { gateway_id: gateway_id.clone(), site_id: parts.site_id.clone() };
    Common { identity, outbox: Arc::new(outbox), clock: Arc::clone(clock) }
}

fn spawn_upstream(north: &mut Stage, (id, _, inner, upstream, mut rebuild): Ready) {
    let mut first = Some(upstream);
    let outer = north.token();
    north.spawn(format!("upstream {id}"), Policy::Restart, move || {
        let upstream = first.take().map_or_else(&mut rebuild, Ok);
        let (outer, inner) = (outer.clone(), inner.clone());
        async move {
            let run = upstream?.run();
            tokio::pin!(run);
            tokio::select! {
                () = &mut run => return Ok(()),
                () = outer.cancelled() => inner.cancel(),
            }
            run.await;
            Ok(())
        }
    });
}

/// What the desk was last told of each signal. The first look is always told: an alarm from before the start may be
/// over by now.
#[derive(Debug, Default)]
struct Told(BTreeMap<Signal, bool>);

impl Told {
    fn is_news(&mut self, signal: &Signal, holds: bool) -> bool {
        self.0.insert(signal.clone(), holds) != Some(holds)
    }
}

/// Looks at gatehouse itself: for health, and to raise its own alarms.
#[derive(Debug, Clone)]
struct Inspector {
    store: StoreReader,
    site: Arc<Site>,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    roster: Roster,
}

impl Inspector {
    async fn watch(self, statuses: Vec<(FarEnd, Figures)>, desk: mpsc::Sender<DeskCommand>, stop: CancellationToken) {
        let mut told = Told::default();
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            for (signal, trouble) in self.troubles(&statuses) {
                if told.is_news(&signal, trouble.is_some()) {
                    let holds = trouble.is_some();
                    let command = DeskCommand::Signal { signal, holds, reason: trouble.unwrap_or_default() };
                    if desk.send(command).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Every signal of which something is known, with its trouble in words, if there is one.
    fn troubles(&self, statuses: &[(FarEnd, Figures)]) -> Vec<(Signal, Option<Text>)> {
        let unset = self.clock.anchor().trust == Trust::Unset;
        let degraded = self.store.status().degraded.map(|why| Text::same(&why));
        let mut troubles = vec![(Signal::StoreDegraded, degraded), (Signal::ClockUnset, unset.then(Text::default))];
        for (far, status) in statuses {
            let report = status.lock().unwrap_or_else(PoisonError::into_inner).read();
            if report.state == UpstreamState::Connecting {
                // Nothing tried yet: neither up nor down, and an alarm from before the start stands.
                continue;
            }
            let down = matches!(report.state, UpstreamState::Waiting | UpstreamState::Refused);
            let why = down.then(|| report.last_error.unwrap_or_default());
            troubles.push((Signal::FarEndDown(far.clone()), why));
        }
        troubles
    }

    fn health(&self, started: BootMs) -> Health {
        let mut parts: Vec<HealthPart> = self
            .roster
            .all()
            .into_iter()
            .map(|task| HealthPart { name: task.name, ok: task.running, note: task.last_end.unwrap_or_default() })
            .collect();
        let now = self.clock.boot();
        let store = self.store.status();
        // The pipeline enters its figures every second.
        let heard = [
            ("pipeline's turns", self.live.figures().at, PIPELINE_STILL_MS),
            ("store's turns", BootMs(store.heartbeat_ms), WRITER_STILL_MS),
        ];
        parts.extend(heard.into_iter().map(|(name, at, most)| {
            let still_ms = now.since(at);
            let note = if still_ms > most { format!("stands still for {} s", still_ms / 1000) } else { String::new() };
            HealthPart { name: name.into(), ok: still_ms <= most, note }
        }));
        let degraded = store.degraded;
        parts.push(HealthPart { name: "store".into(), ok: degraded.is_none(), note: degraded.unwrap_or_default() });
        for (ix, line) in (0u32..).zip(&self.site.lines) {
            let Some(link) = self.live.line(LineIx(ix)) else { continue };
            parts.push(HealthPart {
                name: format!("link {}", line.id),
                ok: matches!(link.state, LinkState::Up | LinkState::Initial),
                note: link.reason.en.to_string(),
            });
        }
        // A dead line is an alarm, not an ill gateway.
        let ok = parts.iter().filter(|p| !p.name.starts_with("link ")).all(|p| p.ok);
        Health { ok, started, parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_is_told_even_when_nothing_is_wrong() {
        let (cloud, mut told) =
            (Signal::FarEndDown(FarEnd::new(FarKind::Upstream, &Id::new("cloud").unwrap())), Told::default());
        // Open since before the start, over by now: without this the alarm would stand for ever.
        assert!(told.is_news(&cloud, false));
        assert!(!told.is_news(&cloud, false));
        assert!(told.is_news(&cloud, true));
        assert!(told.is_news(&Signal::StoreDegraded, true));
        assert!(!told.is_news(&cloud, true));
    }
}
