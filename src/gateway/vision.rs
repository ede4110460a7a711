//! The intake of camera events, on a thread and runtime of its own.
//!
//! Why its own: what comes from cameras is the largest and least trusted input of the box (megabytes of pictures, hostile
//! bodies, slow peers). On the field runtime it would delay Modbus and the pipeline, on the office runtime it would wait for
//! a page that renders or a batch that is compressed, and make them wait. A thread costs little and keeps the three apart; what
//! passes between them is one bounded channel of events that were already read, capped and mapped.
//!
//! An address that is not there yet is the listener's trouble only: it is tried again, streams and everything else start.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::cases::ports::{Fetched, Fetching, Footage};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::credential::Credentials;
use crate::gateway::StartError;
use crate::gateway::secrets::{bytes, login, text, tls_pem};
use crate::model::intake::{Intake, Wanted};
use crate::southbound::mqtt::Login;
use crate::southbound::mqtt::annex::{Annex, Posted};
use crate::southbound::vision::fetch::Fetcher;
use crate::southbound::vision::host::{HostError, HostParts};
use crate::southbound::vision::mqtt::MqttCameras;
use crate::southbound::vision::outlet::Outlet;
use crate::southbound::vision::posts;
use crate::southbound::vision::push::{self, PushParts, Secret, Tls};
use crate::southbound::vision::stream::StreamClient;
use crate::southbound::vision::{ListenConfig, SourceConfig, VisionConfig, Way};
use crate::southbound::{LineConfig, LinePath};
use crate::supervise::{Policy, Roster, Stage};

/// Time for open requests to hear that their events are on disk.
const STAGE_GRACE: Duration = Duration::from_secs(3);
/// No picture takes longer; the case desk may give up earlier.
const FOOTAGE_WITHIN: Duration = Duration::from_mins(2);
/// Threads for name look-ups.
const BLOCKING_MAX: usize = 4;

/// User and password, and CA certificates, of a camera.
type Keys = (Option<Login>, Option<Vec<u8>>);

/// The intake, ready to run.
#[derive(Debug)]
pub(super) struct Vision {
    config: VisionConfig,
    zone: TimeZone,
    listener: Option<std::net::TcpListener>,
    tls: Option<Tls>,
    secrets: Vec<(Arc<str>, Secret)>,
    streams: Vec<(Arc<str>, Keys)>,
    brokers: Vec<(LineConfig, Keys)>,
    fetcher: Fetcher,
    /// From and to the listeners that cameras publish to.
    posts: (mpsc::Sender<Posted>, mpsc::Receiver<Posted>),
}

impl Vision {
    /// The topics of cameras on a line, for its listener.
    pub(super) fn annex(&self, line: &str) -> Option<Annex> {
        let own = self.config.sources.iter().filter_map(|source| match &source.way {
            Way::Mqtt { line: on, topic, .. } if on == line => Some((topic.clone(), Arc::clone(&source.camera))),
            _ => None,
        });
        let owners: HashMap<_, _> = own.collect();
        (!owners.is_empty()).then(|| Annex::new(owners, self.posts.0.clone()))
    }

    /// Looks up credentials, binds the listener, makes the clients. `None` for a site without cameras.
    pub(super) fn prepare(
        config: &Config,
        credentials: &Credentials,
        gateway_id: &str,
    ) -> Result<Option<Self>, StartError> {
        let vision = &config.vision;
        if vision.sources.is_empty() {
            return Ok(None);
        }
        let (mut secrets, mut streams, mut brokers) = (Vec::new(), Vec::new(), Vec::new());
        for SourceConfig { camera, way, .. } in &vision.sources {
            match way {
                Way::Push { credential } => secrets.push((Arc::clone(camera), secret(credentials, credential)?)),
                Way::Stream(stream) => {
                    let keys = keys(credentials, stream.credential.as_deref(), stream.ca.as_deref())?;
                    streams.push((Arc::clone(camera), keys));
                }
                Way::Mqtt { line, .. } => {
                    let is_broker = |l: &&LineConfig| matches!(l.path, LinePath::Mqtt { .. });
                    let known = brokers.iter().any(|(broker, _): &(LineConfig, Keys)| broker.id.as_str() == line);
                    if let Some(found) = config.lines.iter().filter(is_broker).find(|l| l.id.as_str() == line && !known)
                    {
                        brokers.push(broker(found, gateway_id, credentials)?);
                    }
                }
            }
        }
        let tls = match &vision.listen {
            Some(listen) if listen.tls => {
                let pem = tls_pem(credentials, "vision")?;
                Some(Tls::new(&pem).map_err(|why| StartError::Listen { line: "vision".into(), why })?)
            }
            _ => None,
        };
        Ok(Some(Self {
            zone: TimeZone::get(&config.time_zone).unwrap_or(TimeZone::UTC),
            listener: vision.listen.as_ref().and_then(|listen| bind(listen).ok()),
            tls,
            secrets,
            streams,
            brokers,
            fetcher: fetcher(vision, credentials)?,
            posts: mpsc::channel(posts::WAITING_MAX),
            config: vision.clone(),
        }))
    }

    /// Fetches footage for the case desk, on whichever runtime it is asked.
    pub(super) fn footage(&self) -> Arc<dyn Footage> {
        Arc::new(CameraFootage(self.fetcher.clone()))
    }

    /// Starts the thread.
    fn start(
        self,
        out: mpsc::Sender<Intake>,
        clock: Arc<dyn Clock>,
        roster: Roster,
    ) -> Result<RunningVision, StartError> {
        let address = self.listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_MAX).build()?;
        let outlet = Arc::new(Outlet::new(&self.config.sources, out, clock, self.zone.clone()));
        let shown = Arc::clone(&outlet);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("vision".into()).spawn(move || {
            runtime.block_on(work(self, outlet, roster, stopped));
            // A name look-up that hangs must not hold up the end.
            runtime.shutdown_timeout(Duration::from_secs(1));
        })?;
        Ok(RunningVision { address, outlet: shown, stop, thread })
    }
}

/// Starts the intake, if there is one and a case desk to take its events; when `desk` is full, cameras wait.
pub(super) fn start(
    vision: Option<Vision>,
    desk: Option<&mpsc::Sender<Intake>>,
    clock: &Arc<dyn Clock>,
    roster: &Roster,
) -> Result<Option<RunningVision>, StartError> {
    let (Some(vision), Some(desk)) = (vision, desk) else { return Ok(None) };
    vision.start(desk.clone(), Arc::clone(clock), roster.clone()).map(Some)
}

/// The fetcher in the case desk's words.
#[derive(Debug)]
struct CameraFootage(Fetcher);

impl Footage for CameraFootage {
    fn fetch(&self, camera: &str, reference: &str, clip: bool) -> Fetching {
        let wanted =
            Wanted { camera: Arc::from(camera), reference: reference.to_owned(), clip, within: FOOTAGE_WITHIN };
        let fetcher = self.0.clone();
        Box::pin(async move {
            let done = fetcher.fetch(&wanted).await.map_err(|error| error.text())?;
            Ok(Fetched { media_type: done.media_type, bytes: done.bytes })
        })
    }
}

/// The running intake.
#[derive(Debug)]
pub(super) struct RunningVision {
    /// Where cameras post, if the address was there.
    pub(super) address: Option<SocketAddr>,
    /// For figures: `outlet.doors()`, each with its counts.
    outlet: Arc<Outlet>,
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

impl RunningVision {
    /// What it tells of the cameras.
    pub(super) fn outlet(&self) -> Arc<Outlet> {
        Arc::clone(&self.outlet)
    }
}

/// Stops taking events; to be called while the case desk still stores, so that open requests get their answer.
pub(super) async fn stop(running: Option<RunningVision>) {
    let Some(running) = running else { return };
    running.stop.cancel();
    let ended = tokio::task::spawn_blocking(move || running.thread.join().is_ok());
    match tokio::time::timeout(STAGE_GRACE * 2, ended).await {
        Ok(Ok(true)) => {
            let stored: u64 = running.outlet.doors().map(|door| door.counts().stored).sum();
            tracing::info!(stored, "the intake of camera events has stopped");
        }
        Ok(_) => tracing::error!("the thread of the camera intake panicked"),
        Err(_) => tracing::warn!("the camera intake did not stop in time"),
    }
}

/// Keys of a line's broker, and the line with a client id that is not the line's own: two connections under one id would
/// throw each other out for ever.
fn broker(line: &LineConfig, gateway_id: &str, credentials: &Credentials) -> Result<(LineConfig, Keys), StartError> {
    let mut line = line.clone();
    let mut found = (None, None);
    if let LinePath::Mqtt { client_id, credential, ca, .. } = &mut line.path {
        found = keys(credentials, credential.as_deref(), ca.as_deref())?;
        let own: String = gateway_id.chars().take(12).collect();
        let base =
            client_id.take().filter(|id| !id.is_empty()).unwrap_or_else(|| format!("gatehouse-{own}-{}", line.id));
        *client_id = Some(format!("{base}-vision"));
    }
    Ok((line, found))
}

async fn work(vision: Vision, outlet: Arc<Outlet>, roster: Roster, stop: CancellationToken) {
    let mut stage = Stage::new("vision", roster, CancellationToken::new());
    for (camera, keys) in vision.streams {
        let (outlet, token, named) = (Arc::clone(&outlet), stage.token(), Arc::clone(&camera));
        stage.spawn(format!("camera {camera}"), Policy::Restart, move || {
            let (login, ca) = (keys.0.as_ref(), keys.1.as_deref());
            let client = StreamClient::new(&outlet, &named, (login, ca), token.clone());
            async move {
                if let Some(client) = client.map_err(|error| error.to_string())? {
                    client.run().await;
                }
                Ok(())
            }
        });
    }
    for (line, keys) in vision.brokers {
        let (outlet, token) = (Arc::clone(&outlet), stage.token());
        stage.spawn(format!("cameras on {}", line.id), Policy::Restart, move || {
            let keys = (keys.0.clone(), keys.1.as_deref());
            let cameras = MqttCameras::new(&outlet, &line, keys, token.clone());
            async move {
                cameras.map_err(|error| error.to_string())?.run().await;
                Ok(())
            }
        });
    }
    let (publishers, taken) = vision.posts;
    // Its end: the listeners hold the others.
    drop(publishers);
    let (taken, token, all) = (Arc::new(Mutex::new(taken)), stage.token(), Arc::clone(&outlet));
    stage.spawn("cameras that publish here", Policy::Restart, move || {
        let (taken, token, outlet) = (Arc::clone(&taken), token.clone(), Arc::clone(&all));
        async move {
            posts::run(outlet, &mut *taken.lock().await, token).await;
            Ok(())
        }
    });
    if let Some(listen) = vision.config.listen {
        let (mut first, token) = (vision.listener, stage.token());
        let (secrets, tls) = (vision.secrets, vision.tls);
        stage.spawn("vision listener", Policy::Restart, move || {
            let listener = first.take().map_or_else(|| bind(&listen), Ok);
            let parts = PushParts {
                outlet: Arc::clone(&outlet),
                secrets: secrets.clone(),
                tls: tls.clone(),
                body_bytes_max: listen.body_bytes_max,
                stop: token.clone(),
            };
            let at = listen.bind;
            async move {
                let listener = listener.and_then(tokio::net::TcpListener::from_std);
                let listener = listener.map_err(|error| format!("cannot listen on {at}: {error}"))?;
                push::run(listener, parts).await;
                Ok(())
            }
        });
    }
    stop.cancelled().await;
    stage.stop(STAGE_GRACE).await;
}

fn bind(listen: &ListenConfig) -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(listen.bind)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn secret(credentials: &Credentials, name: &str) -> Result<Secret, StartError> {
    Secret::parse(&text(credentials, name)?).ok_or_else(|| {
        StartError::Credential(format!("credential `{name}` must hold `user:password`, or a token, on one line"))
    })
}

fn keys(credentials: &Credentials, name: Option<&str>, ca: Option<&str>) -> Result<Keys, StartError> {
    Ok((name.map(|name| login(credentials, name)).transpose()?, ca.map(|name| bytes(credentials, name)).transpose()?))
}

fn fetcher(vision: &VisionConfig, credentials: &Credentials) -> Result<Fetcher, StartError> {
    let mut hosts = Vec::new();
    for source in &vision.sources {
        if let Some(fetch) = &source.fetch {
            let urls: Vec<String> = std::iter::once(&fetch.url).chain(&fetch.also).cloned().collect();
            let keys = keys(credentials, fetch.credential.as_deref(), fetch.ca.as_deref())?;
            hosts.push((Arc::clone(&source.camera), urls, keys));
        }
    }
    let parts = hosts.iter().map(|(camera, urls, (login, ca))| {
        (Arc::clone(camera), HostParts { urls, login: login.as_ref(), ca: ca.as_deref() })
    });
    Fetcher::new(parts).map_err(|error: HostError| StartError::Listen { line: "camera".into(), why: error.to_string() })
}
