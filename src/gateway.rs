//! The composition root: opens the store, builds every part, connects them, runs them, and stops them in flow order.
//!
//! Two runtimes, each on one thread: the *field* runtime (lines, pipeline) on the calling thread, and the *office* runtime
//! (API, upstreams, case desk) on its own. A slow page or a slow cloud can take the office's time, never the field's: an alarm waits
//! for neither. One thread each also spares the wake-ups between workers, which cost more than the work at the rates of
//! a community. The store's writer is a third thread, the intake of camera events a fourth (see [`vision`]).
//!
//! Stop order: camera intake → lines → pipeline (drains what came) → store flush → upstreams (one bounded last try) → API → store close.

mod cases;
mod defs;
mod eyes;
mod field;
mod health;
mod office;
mod ports;
mod secrets;
mod senders;
mod tables;
mod vision;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::config::credential::Credentials;
use crate::gateway::cases::Cases;
use crate::gateway::eyes::Eyes;
use crate::gateway::field::{Field, Wires};
use crate::gateway::health::Records;
use crate::gateway::office::{Office, OfficeParts};
use crate::gateway::vision::Vision;
use crate::model::live::{Live, LiveEvent};
use crate::model::site::Site;
use crate::pipeline::{Pipeline, Ports, Setup};
use crate::store::{OpenError, Store, StoreHandle};
use crate::supervise::watchdog::Watched;
use crate::supervise::{Policy, Pulse, Roster, Stage};

/// Scans and link changes that may wait for the pipeline; when full, lines wait and count missed scans.
const FIELD_EVENTS_MAX: usize = 512;
/// Requests of people that may wait for the pipeline.
const COMMANDS_MAX: usize = 64;
/// Live events a slow reader may lag behind before it has to read the journal.
const LIVE_EVENTS_MAX: usize = 512;
/// Longest stillness of a living pipeline; it turns every second.
const PIPELINE_STILL_MAX: Duration = Duration::from_secs(10);
/// Longest stillness of a living writer: a worn card may take very long for one sync.
const WRITER_STILL_MAX: Duration = Duration::from_mins(1);
/// Time for the last commit, and then for closing the files.
const STORE_GRACE: Duration = Duration::from_secs(10);
/// Time for the lines, then for the pipeline, to finish.
const STAGE_GRACE: Duration = Duration::from_secs(4);

/// Why the gateway cannot start. All are for a person to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A rule that does not fit; `gatehouse check` says where.
    #[error(transparent)]
    Rule(#[from] defs::DefFault),
    /// A credential is missing, too widely readable, or not of the needed form.
    #[error("{0}")]
    Credential(String),
    /// A listening address cannot be had.
    #[error("{line}: {why}")]
    Listen {
        /// Which line, or the page.
        line: String,
        /// In words.
        why: String,
    },
    /// An upstream's settings cannot be used.
    #[error(transparent)]
    Upstream(#[from] crate::northbound::UpstreamError),
    /// The operating system refuses a thread or a runtime.
    #[error("the system gives no thread or timer: {0}")]
    System(#[from] std::io::Error),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As asked.
    Asked,
    /// A vital part was lost; start anew.
    PartLost,
}

/// The rules of a site and what they look at, without anything that runs: for replays.
#[derive(Debug)]
pub(crate) struct SiteRules {
    /// Names.
    pub(crate) site: Site,
    /// Rules, ready for an engine.
    pub(crate) rules: Vec<crate::rules::RuleDef>,
    /// Treatment of every point.
    pub(crate) points: Vec<crate::conditioning::PointRule>,
}

/// The very rules that [`Gateway::open`] would run.
pub(crate) fn site_rules(config: &Config) -> Result<SiteRules, StartError> {
    let site = tables::tables(config);
    let defs::Defs { rules, points, .. } = defs::definitions(config, &site)?;
    Ok(SiteRules { site, rules, points })
}

/// What is known once everything listens.
#[derive(Debug, Clone)]
pub struct Running {
    /// Page and API.
    pub api: SocketAddr,
    /// Each line that listens, by line number.
    pub lines: Vec<Option<SocketAddr>>,
    /// Where cameras post their events, if they do.
    pub vision: Option<SocketAddr>,
    /// What happens, as it happens.
    pub events: broadcast::Sender<LiveEvent>,
}

/// A gateway with its store open, not yet running.
#[derive(Debug)]
pub struct Gateway {
    config: Config,
    site: Arc<Site>,
    defs: defs::Defs,
    field: Field,
    office: OfficeParts,
    store: Store,
    cases: Option<Cases>,
    eyes: Eyes,
    vision: Option<Vision>,
    records: Records,
    clock: Arc<dyn Clock>,
}

impl Gateway {
    /// Looks up credentials, builds definitions, opens the store. Nothing is sent or asked yet.
    pub fn open(config: Config, credentials: &Credentials, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let site = Arc::new(tables::tables(&config));
        let mut defs = defs::definitions(&config, &site)?;
        let keys = site.points.iter().map(|p| Arc::clone(&p.key)).collect();
        let store = crate::store::open(&config.store, keys, Arc::clone(&clock))?;
        let vision = Vision::prepare(&config, credentials, &store.gateway_id)?;
        let keys = (credentials, store.gateway_id.as_str());
        let field = Field::prepare(&config, &site, &store.opened.unsupported, keys, vision.as_ref())?;
        let office = OfficeParts::prepare(&config, credentials, &store.gateway_id, std::mem::take(&mut defs.limits))?;
        let standing = store.opened.open_alarms.iter().map(|alarm| Arc::clone(&alarm.key));
        let eyes = Eyes::prepare(&config, standing.clone());
        let mut cases = Cases::prepare(&config, &store, standing);
        if let (Some(cases), Some(vision)) = (&mut cases, &vision) {
            cases.footage = vision.footage();
        }
        let records = Records::open(&config, &site, &store, clock.as_ref());
        Ok(Self { config, site, defs, field, office, store, cases, eyes, vision, records, clock })
    }

    /// Runs until `asked` completes or a vital part is lost. `ready` is called once everything listens.
    pub fn run(self, ready: impl FnOnce(&Running), asked: impl Future<Output = ()>) -> Result<End, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let end = runtime.block_on(self.live(ready, asked));
        // A name look-up that hangs must not hold up the end.
        runtime.shutdown_timeout(STAGE_GRACE);
        end
    }

    async fn live(self, ready: impl FnOnce(&Running), asked: impl Future<Output = ()>) -> Result<End, StartError> {
        let Self { config, site, defs, mut field, office, store, cases, eyes, vision, records, clock } = self;
        let fatal = CancellationToken::new();
        let roster = Roster::default();
        let live = Arc::new(Live::new(site.points.len(), site.devices.len(), site.lines.len(), clock.boot()));
        let (field_tx, field_rx) = mpsc::channel(FIELD_EVENTS_MAX);
        let (desk_tx, desk_rx) = mpsc::channel(COMMANDS_MAX);
        let (events, _) = broadcast::channel::<LiveEvent>(LIVE_EVENTS_MAX);
        store.handle.set_upstreams(config.upstreams.iter().map(|u| u.id.as_str().to_owned()).collect()).await;

        let mut south = Stage::new("south", roster.clone(), fatal.clone());
        let mut middle = Stage::new("pipeline", roster.clone(), fatal.clone());
        let wires = Wires { site: site.clone(), clock: clock.clone(), out: field_tx, live: live.clone() };
        let setup = Setup {
            site: site.clone(),
            live: live.clone(),
            clock: clock.clone(),
            boot: store.boot,
            points: defs.points,
            rules: defs.rules,
            alarms: defs.alarms,
            derived: defs.derived,
            far_ends: config.far_ends(),
            open: store.opened.open_alarms,
            learned: store.opened.learned,
        };
        let ports = Ports {
            field: field_rx,
            commands: desk_rx,
            events: events.clone(),
            sink: ports::StoreSink { handle: store.handle.clone(), site: site.clone() },
            gauges: Arc::default(),
            stop: middle.token(),
        };
        let mut watched = vec![spawn_pipeline(&mut middle, setup, ports, &records), writer_pulse(store.handle.clone())];
        // Everybody has what they need of it.
        drop(config);
        let (pulses, askers) = field.spawn(&mut south, &wires).await?;
        watched.extend(pulses);
        let vision = vision::start(vision, cases.as_ref().map(|cases| &cases.intake), &clock, &roster)?;
        let mut office = Office::start(office::Wiring {
            parts: office,
            site,
            live,
            clock,
            store: (store.handle.clone(), store.reader.clone(), store.gateway_id.clone()),
            desk: desk_tx,
            cases,
            watch: (eyes, vision.as_ref().map(vision::RunningVision::outlet)),
            records,
            events: events.clone(),
            roster,
            watched,
        })?;
        let posts = vision.as_ref().and_then(|vision| vision.address);
        ready(&Running { api: office.address(), lines: field.listening.clone(), vision: posts, events });
        let end = first_end(asked, &fatal, &store.handle, &mut office).await;
        tracing::info!(?end, "stopping");
        crate::supervise::watchdog::stopping();
        drop(askers);
        vision::stop(vision).await;
        south.stop(STAGE_GRACE).await;
        middle.stop(STAGE_GRACE).await;
        // Held until here: the pipeline ends when it is told to, not when the lines do.
        drop(wires);
        flush(&store.handle).await;
        office.stop().await;
        close(store.handle).await;
        Ok(end)
    }
}

/// Runs until asked to stop, or until something without which nothing is safe has ended.
async fn first_end(
    asked: impl Future<Output = ()>,
    fatal: &CancellationToken,
    store: &StoreHandle,
    office: &mut Office,
) -> End {
    let lost = tokio::select! {
        () = asked => return End::Asked,
        () = fatal.cancelled() => "a vital task",
        () = store.ended() => "the store's writer",
        () = office.lost() => "the office",
    };
    tracing::error!(lost, "has ended before its time; the gateway stops to be started anew");
    End::PartLost
}

/// The last commit, with a deadline: a disk that hangs must not keep the process from ending.
async fn flush(store: &StoreHandle) {
    match tokio::time::timeout(STORE_GRACE, store.flush()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the last readings could not be committed"),
        Err(_) => tracing::error!("the disk hangs: the last readings could not be committed"),
    }
}

async fn close(store: StoreHandle) {
    if tokio::time::timeout(STORE_GRACE, store.close()).await.is_err() {
        tracing::error!("the disk hangs: the store could not be closed in order; the next start checks everything");
    }
}

/// The writer's pulse: it turns at least every 10 s, but may sit inside one sync for a while.
fn writer_pulse(handle: StoreHandle) -> Watched {
    let pulse = Pulse::read_by(move || handle.status().heartbeat_ms.unsigned_abs());
    Watched { name: "store", pulse, limit: WRITER_STILL_MAX }
}

/// Spawns the pipeline; without it nothing is safe, so its loss ends the gateway.
fn spawn_pipeline(stage: &mut Stage, setup: Setup, ports: Ports<ports::StoreSink>, records: &Records) -> Watched {
    let pulse = Pulse::of(ports.gauges.pulse.clone());
    let mut once = Some(Pipeline::new(setup, ports).recorded_in(records.book()));
    stage.spawn("pipeline", Policy::Fatal, move || {
        let pipeline = once.take();
        async move {
            if let Some(pipeline) = pipeline {
                pipeline.run().await;
            }
            Ok(())
        }
    });
    Watched { name: "pipeline", pulse, limit: PIPELINE_STILL_MAX }
}
