//! A desk with everything real but the cameras and the alarm desk.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::cases::desk::{Restored, SEEN_MAX, Settings};
use gatehouse::cases::evidence::{Evidence, Limits};
use gatehouse::cases::ports::{Fetched, Fetching, Footage, Hands, Judge, Keeper, Keeping, Request};
use gatehouse::cases::retention::Retention;
use gatehouse::cases::runner::{Parts, Runner};
use gatehouse::clock::{Clock, SystemClock};
use gatehouse::model::case::{Act, ActError, Acted, Case, CaseNo, CaseWrite, Judgement, ObjectClass};
use gatehouse::model::desk::{DeskCommand, Reply, Report};
use gatehouse::model::facade::{CameraPlace, Facade, Watched};
use gatehouse::model::intake::Intake;
use gatehouse::model::journal::Note;
use gatehouse::model::live::LiveEvent;
use gatehouse::model::reading::Receipt;
use gatehouse::model::sight::{SightAction, SightKind, Sighting, TrackPoint};
use gatehouse::store::{CaseReader, Store, StoreConfig, StoreHandle, open};
use tokio::sync::{Mutex, broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// The bundle of a case as the command writes it, as text.
pub(crate) fn exported(data: &Path, case: CaseNo) -> String {
    let out = data.join(format!("case-{}.tar", case.0));
    let made = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .args(["case", "export", &case.0.to_string(), "--data"])
        .arg(data)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8_lossy(&std::fs::read(out).unwrap()).into_owned()
}

/// What a camera's picture server does.
#[derive(Debug, Clone)]
pub(crate) enum Pictures {
    /// Nothing, ever.
    Hang,
    /// Hands out these bytes.
    Give(Vec<u8>),
}

impl Footage for Pictures {
    fn fetch(&self, _camera: &str, _reference: &str, _clip: bool) -> Fetching {
        match self.clone() {
            Self::Hang => Box::pin(std::future::pending()),
            Self::Give(bytes) => Box::pin(std::future::ready(Ok(Fetched { media_type: "image/jpeg".into(), bytes }))),
        }
    }
}

/// Dense, from the floor that the camera claims.
#[derive(Debug)]
struct Dense;

impl Judge for Dense {
    fn judge(&self, seen: &Sighting) -> Judgement {
        Judgement { class: ObjectClass::Dense, p: 0.99, score: 0.99, ..Judgement::unknown(seen.floor) }
    }
}

#[derive(Debug)]
pub(crate) struct Disk(pub(crate) StoreHandle, pub(crate) CaseReader);

impl Keeper for Disk {
    fn keep(&self, write: CaseWrite) -> Keeping {
        let handle = self.0.clone();
        Box::pin(async move { handle.cases(write).await.map_err(|e| e.to_string()) })
    }

    fn note(&self, note: Note) -> Keeping {
        let handle = self.0.clone();
        Box::pin(async move { handle.note(note).await.map(drop).map_err(|e| e.to_string()) })
    }

    fn case(&self, no: CaseNo) -> Result<Option<Case>, String> {
        Ok(self.1.case(no).map_err(|e| e.to_string())?.map(|story| story.case))
    }

    fn missing(&self, open: &[CaseNo]) -> Result<Vec<CaseNo>, String> {
        self.1.missing(open).map_err(|e| e.to_string())
    }

    fn known(&self, camera: &str, keys: &[String]) -> Result<Option<CaseNo>, String> {
        self.1.known(camera, keys).map_err(|e| e.to_string())
    }

    fn closed(&self, look: &mut dyn FnMut(u64, &Case) -> bool) -> Result<(), String> {
        self.1.closed(look).map_err(|e| e.to_string())
    }
}

/// Reads, and never gets anything written.
#[derive(Debug)]
struct Stuck(Disk);

impl Keeper for Stuck {
    fn keep(&self, _write: CaseWrite) -> Keeping {
        Box::pin(std::future::pending())
    }

    fn note(&self, _note: Note) -> Keeping {
        Box::pin(std::future::pending())
    }

    fn case(&self, no: CaseNo) -> Result<Option<Case>, String> {
        self.0.case(no)
    }

    fn missing(&self, open: &[CaseNo]) -> Result<Vec<CaseNo>, String> {
        self.0.missing(open)
    }

    fn known(&self, camera: &str, keys: &[String]) -> Result<Option<CaseNo>, String> {
        self.0.known(camera, keys)
    }

    fn closed(&self, look: &mut dyn FnMut(u64, &Case) -> bool) -> Result<(), String> {
        self.0.closed(look)
    }
}

pub(crate) fn watched() -> Watched {
    let camera = |id: &str| CameraPlace {
        id: id.into(),
        name: format!("{id} camera"),
        facade: Some("east".into()),
        serial: "SN-0815".into(),
        frame: Some((64, 48)),
        shields: Vec::new(),
    };
    Watched {
        facades: vec![Facade {
            id: "east".into(),
            name: "3号楼东立面".into(),
            storeys: 33,
            storey_m: 3.0,
            width_m: Some(40.0),
        }],
        cameras: vec![camera("e1"), camera("e2")],
    }
}

pub(crate) fn store(dir: &Path) -> Store {
    let config = StoreConfig { path: dir.to_owned(), ..StoreConfig::default() };
    open(&config, Vec::new(), Arc::new(SystemClock)).unwrap()
}

pub(crate) fn sighting(event: &str, floor: i32) -> Sighting {
    let now = SystemClock.anchor();
    Sighting {
        camera: "e1".into(),
        event_id: event.into(),
        kind: SightKind::FallingObject,
        action: SightAction::Pulse,
        received: now.boot,
        camera_time: Some(now.wall),
        source: "highToss".into(),
        object: None,
        confidence: Some(0.9),
        fps: Some(25.0),
        frame: Some((64, 48)),
        track: (0..8)
            .map(|n| TrackPoint { t: f64::from(n) * 0.04, x: 32.0, y: f64::from(n) * 6.0, w: 2.0, h: 2.0 })
            .collect(),
        floor: Some(floor),
        footage: Vec::new(),
        raw: Arc::from(format!("{{\"event\":\"{event}\"}}").as_bytes()),
    }
}

/// A running desk.
pub(crate) struct Desk {
    pub(crate) sightings: mpsc::Sender<Intake>,
    pub(crate) asks: mpsc::Sender<Request>,
    pub(crate) alarms: mpsc::Receiver<DeskCommand>,
    pub(crate) reader: CaseReader,
    pub(crate) evidence: Evidence,
    store: Option<StoreHandle>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Desk {
    pub(crate) fn start(dir: &Path, pictures: Pictures) -> Self {
        Self::start_with(dir, pictures, Limits::default())
    }

    pub(crate) fn start_with(dir: &Path, pictures: Pictures, limits: Limits) -> Self {
        Self::start_whole(dir, pictures, limits, Retention::default())
    }

    pub(crate) fn start_whole(dir: &Path, pictures: Pictures, limits: Limits, retention: Retention) -> Self {
        Self::start_on(dir, pictures, (limits, retention), |disk| Arc::new(disk), |_| {})
    }

    /// With a disk that takes nothing, for ever.
    pub(crate) fn start_stuck(dir: &Path) -> Self {
        let kept = (Limits::default(), Retention::default());
        Self::start_on(dir, Pictures::Hang, kept, |disk| Arc::new(Stuck(disk)), |_| {})
    }

    /// With something that happens to the data folder once everything was read from it.
    pub(crate) fn start_after(dir: &Path, between: impl FnOnce(&Path)) -> Self {
        let kept = (Limits::default(), Retention::default());
        Self::start_on(dir, Pictures::Hang, kept, |disk| Arc::new(disk), between)
    }

    fn start_on(
        dir: &Path,
        pictures: Pictures,
        (limits, retention): (Limits, Retention),
        keeper: impl FnOnce(Disk) -> Arc<dyn Keeper>,
        between: impl FnOnce(&Path),
    ) -> Self {
        let store = store(dir);
        let (sightings, sightings_rx) = mpsc::channel(64);
        let (asks, asks_rx) = mpsc::channel(16);
        let (alarms_tx, alarms) = mpsc::channel(64);
        let (_, events) = broadcast::channel::<LiveEvent>(8);
        let stop = CancellationToken::new();
        let reader = store.reader.cases();
        let evidence = Evidence::new(dir, limits);
        let kept = reader.kept(0, SEEN_MAX).unwrap();
        between(dir);
        let parts = Parts {
            settings: Settings::default(),
            watched: Arc::new(watched()),
            hands: Hands {
                judge: Arc::new(Dense),
                footage: Arc::new(pictures),
                keeper: keeper(Disk(store.handle.clone(), reader.clone())),
            },
            evidence: evidence.clone(),
            retention,
            clock: Arc::new(SystemClock),
            restored: Restored {
                open: kept.open,
                past: kept.past,
                seen: kept.seen,
                promised: kept.promised,
                last: kept.last,
            },
            standing: Vec::new(),
            alarms: alarms_tx,
            events,
            sightings: Arc::new(Mutex::new(sightings_rx)),
            requests: Arc::new(Mutex::new(asks_rx)),
            stop: stop.clone(),
        };
        #[allow(clippy::disallowed_methods)] // a test's own task; it ends with `stop`
        let task = tokio::spawn(async move { Runner::new(parts).run().await });
        Self { sightings, asks, alarms, reader, evidence, store: Some(store.handle), stop, task }
    }

    /// Hands a sighting over; completes when it is said to be on disk.
    pub(crate) async fn send(&self, sighting: Sighting) -> bool {
        let (tell, told) = oneshot::channel();
        let receipt = Receipt::new(move |kept| tell.send(kept).unwrap_or_default());
        self.sightings
            .send(Intake::Sighting { sighting: Box::new(sighting), clock_offset_ms: None, receipt })
            .await
            .unwrap();
        told.await.unwrap_or(false)
    }

    pub(crate) async fn act(&self, no: CaseNo, act: Act) -> Result<Acted, ActError> {
        let stored = self.reader.case(no).unwrap().map(|s| s.case);
        self.act_with(no, stored, act).await
    }

    /// With the case as it was read at some time before.
    pub(crate) async fn act_with(&self, no: CaseNo, stored: Option<Case>, act: Act) -> Result<Acted, ActError> {
        let (tell, told) = oneshot::channel();
        let reply = Reply::new(move |answer| drop(tell.send(answer)));
        let request = Request { case: no, stored, act, by: "王工".into(), note: "看过".into(), reply };
        self.asks.send(request).await.unwrap();
        told.await.unwrap()
    }

    /// The next report to the alarm desk.
    pub(crate) async fn report(&mut self) -> Report {
        let told = tokio::time::timeout(Duration::from_secs(10), self.alarms.recv()).await;
        match told.expect("within 10 s").expect("the desk lives") {
            DeskCommand::Report(report) => *report,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the case's story fits.
    pub(crate) async fn until(
        &self,
        what: &str,
        fits: impl Fn(&gatehouse::model::case::CaseStory) -> bool,
        no: CaseNo,
    ) {
        let wait = async {
            while !self.reader.case(no).unwrap().is_some_and(|story| fits(&story)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect(what);
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), &mut self.task).await.unwrap().unwrap();
        self.store.take().unwrap().close().await;
    }
}
