//! Where the case desk meets the rest: the judge of falling objects, the store, the page and the cameras of the site.
//!
//! Nothing is decided here; each method hands a question on in the other part's words.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::sync::{Mutex, broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::api::ports::{ActFuture, CaseBook, CaseFileInfo};
use crate::cases::CasesConfig;
use crate::cases::bundle::{self, Bundle};
use crate::cases::desk::{Restored, SEEN_MAX};
use crate::cases::evidence::{Evidence, FileKind};
use crate::cases::figures;
use crate::cases::ports::{Footage, Hands, Judge, Keeper, Keeping, NoFootage, NoJudge, Request};
use crate::cases::runner::{Inbox, Parts, Runner};
use crate::cases::seal::SealKey;
use crate::cases::shield::shield_of;
use crate::clock::Clock;
use crate::config::Config;
use crate::falling::site as optics;
use crate::falling::{Calibration, Class, Event, TrackPoint};
use crate::model::camera::Camera;
use crate::model::case::{
    Act, ActError, Acted, Case, CaseFilter, CaseNo, CaseStory, CaseWrite, Judgement, KeptSighting, ObjectClass,
};
use crate::model::casebook::Statistics;
use crate::model::desk::{DeskCommand, Reply};
use crate::model::facade::{CameraPlace, Facade, ShieldZone, Watched};
use crate::model::intake::{CameraFigures, Intake};
use crate::model::journal::Note;
use crate::model::live::LiveEvent;
use crate::model::sight::{SightKind, Sighting};
use crate::model::stored::ReadError;
use crate::southbound::vision::outlet::Outlet;
use crate::store::{CaseReader, StoreHandle, StoreReader};
use crate::supervise::{Policy, Stage};

/// Camera events that may wait for the desk; when full, the intake refuses and cameras send again.
const INTAKE_MAX: usize = 64;
/// Requests of people that may wait.
const REQUESTS_MAX: usize = 32;
/// Sightings looked at for shield zones.
const TRACKS_MAX: usize = 2_000;
const DAY_MS: i64 = 24 * 3_600_000;

/// The case desk, ready to run. Sites without cameras have none.
#[derive(Debug)]
pub(super) struct Cases {
    config: CasesConfig,
    watched: Arc<Watched>,
    judge: Arc<dyn Judge>,
    /// Replaced by the intake's fetcher where there is one.
    pub(super) footage: Arc<dyn Footage>,
    zone: TimeZone,
    dir: PathBuf,
    gateway_id: String,
    store: (StoreHandle, StoreReader),
    standing: Vec<Arc<str>>,
    /// For the intake.
    pub(super) intake: mpsc::Sender<Intake>,
    sightings: Inbox<Intake>,
    asks: mpsc::Sender<Request>,
    requests: Inbox<Request>,
}

/// What the desk is connected to when it runs.
#[derive(Debug, Clone)]
pub(super) struct CaseWires {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) desk: mpsc::Sender<DeskCommand>,
    pub(super) events: broadcast::Sender<LiveEvent>,
}

impl Cases {
    /// Builds calibrations and makes the evidence key. `standing` are the keys of alarms on the list.
    pub(super) fn prepare(
        config: &Config,
        store: &crate::store::Store,
        standing: impl Iterator<Item = Arc<str>>,
    ) -> Option<Self> {
        if config.cameras.is_empty() {
            return None;
        }
        let dir = store.reader.folder().to_owned();
        if let Err(error) = SealKey::open(&dir) {
            tracing::error!(%error, "cases cannot be exported until this is mended");
        }
        let (intake, sightings) = mpsc::channel(INTAKE_MAX);
        let (asks, requests) = mpsc::channel(REQUESTS_MAX);
        Some(Self {
            config: config.cases.clone(),
            watched: Arc::new(watched(config)),
            judge: Arc::new(Physics::of(config)),
            footage: Arc::new(NoFootage),
            zone: TimeZone::get(&config.time_zone).unwrap_or(TimeZone::UTC),
            dir,
            gateway_id: store.gateway_id.clone(),
            store: (store.handle.clone(), store.reader.clone()),
            standing: standing.filter(|key| CaseNo::of_key(key).is_some()).collect(),
            intake,
            sightings: Arc::new(Mutex::new(sightings)),
            asks,
            requests: Arc::new(Mutex::new(requests)),
        })
    }

    fn evidence(&self) -> Evidence {
        Evidence::new(&self.dir, self.config.evidence)
    }

    /// The cases as the page sees them.
    pub(super) fn book(&self, clock: Arc<dyn Clock>, intake: Option<Arc<Outlet>>) -> Arc<dyn CaseBook> {
        Arc::new(Book {
            intake,
            watched: Arc::clone(&self.watched),
            store: self.store.1.clone(),
            evidence: self.evidence(),
            asks: self.asks.clone(),
            zone: self.zone.clone(),
            dir: self.dir.clone(),
            gateway_id: self.gateway_id.clone(),
            clock,
        })
    }

    /// Spawns the desk; after a panic it is built anew from what is on disk.
    pub(super) fn spawn(self, stage: &mut Stage, wires: CaseWires) {
        let cases = Arc::new(self);
        let token = stage.token();
        stage.spawn("cases", Policy::Restart, move || {
            let (cases, wires, token) = (Arc::clone(&cases), wires.clone(), token.clone());
            async move {
                let runner = cases.runner(wires, token).await?;
                runner.run().await;
                Ok(())
            }
        });
    }

    async fn runner(&self, wires: CaseWires, stop: CancellationToken) -> Result<Runner, String> {
        // Before reading, so that nothing falls between.
        let events = wires.events.subscribe();
        let settings = self.config.desk.clone();
        let (reader, evidence) = (self.store.1.clone(), self.evidence());
        let from = wires.clock.anchor().wall.0.saturating_sub(settings.repeat_days * DAY_MS);
        let read = tokio::task::spawn_blocking(move || {
            let kept = reader.judged(reader.cases().kept(from, SEEN_MAX))?;
            Ok::<_, ReadError>(Restored {
                last: kept.last.max(evidence.last()),
                open: kept.open,
                past: kept.past,
                seen: kept.seen,
                promised: kept.promised,
            })
        });
        let restored = read.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        Ok(Runner::new(Parts {
            settings,
            watched: Arc::clone(&self.watched),
            hands: Hands {
                judge: Arc::clone(&self.judge),
                footage: Arc::clone(&self.footage),
                keeper: Arc::new(StoreKeeper { handle: self.store.0.clone(), reader: self.store.1.cases() }),
            },
            evidence: self.evidence(),
            retention: self.config.retention,
            clock: wires.clock,
            restored,
            standing: self.standing.clone(),
            alarms: wires.desk,
            events,
            sightings: Arc::clone(&self.sightings),
            requests: Arc::clone(&self.requests),
            stop,
        }))
    }
}

fn watched(config: &Config) -> Watched {
    let facade = |f: &crate::model::camera::Facade| Facade {
        id: f.id.to_string(),
        name: f.name.clone(),
        storeys: i32::from(f.storeys),
        storey_m: f.storey_m,
        width_m: f.width_m,
    };
    let camera = |c: &Camera| CameraPlace {
        id: c.id.to_string(),
        name: c.name.clone(),
        facade: c.facade.as_ref().map(ToString::to_string),
        serial: c.serial.clone(),
        frame: c.view.frame,
        shields: c
            .shields
            .iter()
            .map(|zone| ShieldZone { name: zone.name.clone(), polygon: zone.polygon.clone() })
            .collect(),
    };
    Watched {
        facades: config.facades.iter().map(facade).collect(),
        cameras: config.cameras.iter().map(camera).collect(),
    }
}

/// The judge of falling objects, by camera. A camera without a usable calibration is not judged, its events come all the same.
#[derive(Debug)]
struct Physics(BTreeMap<String, Calibration>);

impl Physics {
    fn of(config: &Config) -> Self {
        let mut all = BTreeMap::new();
        for camera in &config.cameras {
            let facade = camera.facade.as_ref().and_then(|id| config.facades.iter().find(|f| f.id == *id));
            let Some(facade) = facade else { continue };
            match calibration(camera, facade) {
                Some(Ok(fitted)) => drop(all.insert(camera.id.to_string(), fitted)),
                Some(Err(error)) => tracing::error!(camera = %camera.id, %error, "this camera's events are not judged"),
                None => {}
            }
        }
        Self(all)
    }
}

fn calibration(
    camera: &Camera,
    facade: &crate::model::camera::Facade,
) -> Option<Result<Calibration, crate::falling::camera::CalibrationFault>> {
    let (width, height) = camera.view.frame?;
    let references = &camera.view.reference_rows;
    if references.is_empty() {
        return None;
    }
    let row = |r: &crate::model::camera::ReferenceRow| serde_json::json!({ "row": r.row, "col": r.col, "floor": r.floor, "height_m": r.height_m, "facade_x_m": r.facade_x_m });
    let shape = serde_json::json!({
        "facades": [{
            "id": facade.id, "storeys": facade.storeys, "storey_m": facade.storey_m,
            "width_m": facade.width_m.unwrap_or(0.0), "floor_base_m": facade.floor_base_m,
        }],
        "cameras": [{
            "id": camera.id, "facade": facade.id, "fps": camera.view.fps.unwrap_or(25.0),
            "width": width, "height": height,
            "mount": camera.view.mount.map(|m| serde_json::json!({ "height_m": m.height_m, "distance_m": m.distance_m })),
            "reference_rows": references.iter().map(row).collect::<Vec<_>>(),
            "reference_error_m": camera.view.reference_error_m,
            "k1": camera.view.k1, "focal_px": camera.view.focal_px,
            "full": camera.view.full.then_some(true),
        }],
    });
    match optics::CamerasFile::read(&shape.to_string()) {
        Ok(file) => {
            let (camera, facade) = (file.cameras.first()?, file.facades.first()?);
            Some(Calibration::fit(camera, facade))
        }
        Err(faults) => {
            tracing::error!(camera = %camera.id, faults = faults.join("; "), "this camera's events are not judged");
            None
        }
    }
}

impl Judge for Physics {
    fn judge(&self, seen: &Sighting) -> Judgement {
        let known = self.0.get(&*seen.camera).filter(|_| seen.kind == SightKind::FallingObject);
        let Some(calibration) = known.filter(|_| !seen.track.is_empty()) else { return NoJudge.judge(seen) };
        // Tracks may be drawn in a smaller picture than the calibration's.
        let (width, height) = calibration.frame();
        let (from_w, from_h) = seen.frame.map_or((width, height), |(w, h)| (f64::from(w), f64::from(h)));
        let (sx, sy) = (width / from_w.max(1.0), height / from_h.max(1.0));
        let side = |v: f64, scale: f64| (v > 0.0).then_some(v * scale);
        let point = |p: &crate::model::sight::TrackPoint| TrackPoint {
            t: p.t,
            x: p.x * sx,
            y: p.y * sy,
            w: side(p.w, sx),
            h: side(p.h, sy),
        };
        let event = Event { track: seen.track.iter().map(point).collect() };
        let verdict = crate::falling::judge(calibration, &event);
        let along: Vec<f64> =
            event.track.iter().filter_map(|p| calibration.place(p.x, p.y)).map(|place| place.along_m).collect();
        let class = match verdict.class {
            Class::Dense => ObjectClass::Dense,
            Class::Light => ObjectClass::Light,
            Class::NotFalling => ObjectClass::NotFalling,
            Class::Undecidable => ObjectClass::Undecidable,
        };
        let falls = verdict.odds.as_ref().map_or(0.5, |odds| (odds.dense + odds.light / 2.0).clamp(0.0, 1.0));
        Judgement {
            class,
            p: verdict.probability,
            score: falls,
            floor_low: verdict.floor_low.map(i32::from).or(seen.floor),
            floor_high: verdict.floor_high.map(i32::from).or(seen.floor.filter(|_| verdict.floor_low.is_none())),
            at_or_above: verdict.at_or_above,
            release_low_m: verdict.release_low_m,
            release_high_m: verdict.release_high_m,
            column_low_m: along.iter().copied().reduce(f64::min).map(|m| m - COLUMN_ERROR_M),
            column_high_m: along.iter().copied().reduce(f64::max).map(|m| m + COLUMN_ERROR_M),
            impact_speed_ms: verdict.impact_speed_ms,
            impact_wall_ms: impact(seen, verdict.impact_t),
            rule: concat!("falling ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Two cameras agree on the place along a facade within about this (a default of ours).
const COLUMN_ERROR_M: f64 = 3.0;

/// The camera's time of the event is that of its first point, as far as cameras say.
fn impact(seen: &Sighting, impact_t: Option<f64>) -> Option<i64> {
    let first = seen.track.iter().map(|p| p.t).filter(|t| t.is_finite()).reduce(f64::min)?;
    let after_ms = (impact_t? - first) * 1000.0;
    // A fall takes seconds; the cast truncates fractions of a millisecond.
    #[allow(clippy::cast_possible_truncation)]
    after_ms.is_finite().then(|| seen.camera_time.map(|t| t.0.saturating_add(after_ms as i64))).flatten()
}

#[derive(Debug)]
struct StoreKeeper {
    handle: StoreHandle,
    reader: CaseReader,
}

impl Keeper for StoreKeeper {
    fn keep(&self, write: CaseWrite) -> Keeping {
        let handle = self.handle.clone();
        Box::pin(async move { handle.cases(write).await.map_err(|e| e.to_string()) })
    }

    fn note(&self, note: Note) -> Keeping {
        let handle = self.handle.clone();
        Box::pin(async move { handle.note(note).await.map(drop).map_err(|e| e.to_string()) })
    }

    fn case(&self, no: CaseNo) -> Result<Option<Case>, String> {
        Ok(self.reader.case(no).map_err(|e| e.to_string())?.map(|story| story.case))
    }

    fn missing(&self, open: &[CaseNo]) -> Result<Vec<CaseNo>, String> {
        self.reader.missing(open).map_err(|e| e.to_string())
    }

    fn known(&self, camera: &str, keys: &[String]) -> Result<Option<CaseNo>, String> {
        self.reader.known(camera, keys).map_err(|e| e.to_string())
    }

    fn closed(&self, look: &mut dyn FnMut(u64, &Case) -> bool) -> Result<(), String> {
        self.reader.closed(look).map_err(|e| e.to_string())
    }
}

/// See [`CaseBook`].
#[derive(Debug)]
struct Book {
    intake: Option<Arc<Outlet>>,
    watched: Arc<Watched>,
    store: StoreReader,
    evidence: Evidence,
    asks: mpsc::Sender<Request>,
    zone: TimeZone,
    dir: PathBuf,
    gateway_id: String,
    clock: Arc<dyn Clock>,
}

fn retry(error: &dyn std::fmt::Display) -> ReadError {
    ReadError::Retry(error.to_string())
}

impl CaseBook for Book {
    fn watched(&self) -> &Watched {
        &self.watched
    }

    fn cameras(&self) -> Vec<CameraFigures> {
        self.intake.iter().flat_map(|intake| intake.figures()).collect()
    }

    fn list(&self, filter: &CaseFilter) -> Result<Vec<Case>, ReadError> {
        self.store.judged(self.store.cases().cases(filter))
    }

    fn story(&self, no: CaseNo) -> Result<Option<CaseStory>, ReadError> {
        self.store.judged(self.store.cases().case(no))
    }

    fn files(&self, no: CaseNo) -> Result<Vec<CaseFileInfo>, ReadError> {
        let entries = self.evidence.entries(no).map_err(|e| retry(&e))?;
        let info = |e: crate::cases::evidence::Entry| CaseFileInfo {
            kind: match e.origin.kind {
                FileKind::Event => "event",
                FileKind::Verdict => "verdict",
                FileKind::Picture => "picture",
                FileKind::Clip => "clip",
            },
            file: e.file,
            media_type: e.origin.media_type,
            bytes: e.bytes,
            sha256: e.sha256,
            camera: e.origin.camera,
            event_id: e.origin.event_id,
            kept_ms: e.origin.kept_wall_ms,
        };
        Ok(entries.into_iter().map(info).collect())
    }

    fn picture(&self, no: CaseNo, file: &str, full: bool) -> Result<Option<(String, Vec<u8>)>, ReadError> {
        let Some(story) = self.story(no)? else { return Ok(None) };
        let entries = self.evidence.entries(no).map_err(|e| retry(&e))?;
        let shown = |kind| matches!(kind, FileKind::Picture) || (full && matches!(kind, FileKind::Clip));
        let Some(entry) = entries.iter().find(|e| e.file == file && shown(e.origin.kind)) else { return Ok(None) };
        if full {
            let bytes = bundle::checked(&self.evidence, &story, entry).map_err(|e| retry(&e))?;
            return Ok(Some((entry.origin.media_type.clone(), bytes)));
        }
        match bundle::masked_picture(&self.evidence, &story, entry) {
            Ok(png) => Ok(Some(("image/png".to_owned(), png))),
            Err(error) => {
                tracing::warn!(error, case = no.0, file, "no masked picture can be made; none is shown");
                Ok(None)
            }
        }
    }

    fn bundle(&self, no: CaseNo, by: &str, full: bool) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(story) = self.story(no)? else { return Ok(None) };
        let key = SealKey::open(&self.dir).map_err(|e| retry(&e))?;
        let wall_ms = self.clock.anchor().wall.0;
        let bundle = Bundle { story: &story, watched: &self.watched, by, wall_ms, gateway: &self.gateway_id, full };
        bundle.make(&self.evidence, &key).map(Some).map_err(|e| retry(&e))
    }

    fn statistics(&self, days: i64) -> Result<Statistics, ReadError> {
        let from = self.clock.anchor().wall.0.saturating_sub(days.saturating_mul(DAY_MS));
        let counted = self.store.judged(self.store.cases().counted(from))?;
        let cases = self.store.judged(self.store.cases().since(from))?;
        let decided: BTreeMap<CaseNo, bool> = cases
            .iter()
            .filter(|c| c.confirmed || c.rejected.is_some())
            .map(|c| (c.no, c.rejected.is_some()))
            .collect();
        let sightings = self.store.judged(self.store.cases().sightings(TRACKS_MAX))?;
        // What a zone of the site shields already need not be suggested again.
        let shielded = |s: &KeptSighting| {
            self.watched.camera(&s.camera).is_some_and(|camera| shield_of(&s.track, s.frame, camera).is_some())
        };
        let open = sightings.into_iter().filter(|s| !shielded(s));
        let tracks: Vec<_> = open.filter_map(|s| decided.get(&s.case).map(|rejected| (*rejected, s))).collect();
        Ok(figures::statistics(&counted, &tracks, from, &self.zone))
    }

    fn notice(&self, all: &Statistics) -> Statistics {
        figures::notice(all)
    }

    fn public_key(&self) -> Result<String, ReadError> {
        SealKey::open(&self.dir).map(|key| key.public_pem()).map_err(|e| retry(&e))
    }

    fn act(&self, no: CaseNo, act: Act, by: String, note: String) -> ActFuture<'_> {
        Box::pin(async move {
            let reader = self.store.cases();
            let stored = tokio::task::spawn_blocking(move || reader.case(no)).await;
            let stored = stored.ok().and_then(Result::ok).flatten().map(|story| story.case);
            let (tell, told) = oneshot::channel::<Result<Acted, ActError>>();
            // The asker may have gone away; then nobody waits for the answer.
            let reply = Reply::new(move |answer| drop(tell.send(answer)));
            let gone = |_| ActError::Store("the case desk is stopping".to_owned());
            self.asks
                .send(Request { case: no, stored, act, by, note, reply })
                .await
                .map_err(|e| gone(e.to_string()))?;
            told.await.map_err(|e| gone(e.to_string()))?
        })
    }
}
