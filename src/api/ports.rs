//! What the page and the API need from the rest of gatehouse, as narrow as can be: the composition root implements it.
//!
//! [`Archive`] blocks (it reads SQLite) and is only ever called on the blocking pool; [`Desk`] waits for the pipeline
//! to decide and for the journal to sync. Nothing here can write to a device.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::broadcast;

use crate::clock::Clock;
use crate::model::alarm::{AlarmEvent, AlarmRecord, Level};
use crate::model::case::{Act, ActError, Acted, Case, CaseFilter, CaseNo, CaseStory};
use crate::model::casebook::Statistics;
use crate::model::desk::{DeskError, Handled};
use crate::model::facade::Watched;
use crate::model::far::FarKind;
use crate::model::health::{Around, HealthEntry, HealthReport, Spot};
use crate::model::id::{DeviceIx, PointIx};
use crate::model::intake::CameraFigures;
use crate::model::journal::{Cursor, Stream};
use crate::model::live::{Live, LiveEvent};
use crate::model::site::Site;
use crate::model::stored::{AlarmFilter, History, JournalRow, ReadError, StoreStatus};
use crate::model::text::Text;
use crate::model::time::{BootMs, WallMs};

/// Everything the API is given.
#[derive(Clone)]
pub struct Ports {
    /// Names.
    pub site: Arc<Site>,
    /// The present.
    pub live: Arc<Live>,
    /// Both clocks.
    pub clock: Arc<dyn Clock>,
    /// The past.
    pub archive: Arc<dyn Archive>,
    /// Where people answer alarms.
    pub desk: Arc<dyn Desk>,
    /// How upstreams, webhooks and brokers do.
    pub sync: Arc<dyn SyncView>,
    /// What happens, as it happens. A slow reader is told that it lags and reads on from the journal.
    pub events: broadcast::Sender<LiveEvent>,
    /// How gatehouse itself does. Must return at once.
    pub health: Arc<dyn Fn() -> Health + Send + Sync>,
    /// Alarm limits by point, drawn into trends.
    pub limits: Arc<BTreeMap<PointIx, Vec<LimitLine>>>,
    /// Cases of cameras; none where no camera is set up.
    pub cases: Option<Arc<dyn CaseBook>>,
    /// Health records.
    pub records: Arc<dyn HealthBook>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").field("site", &self.site.id).finish_non_exhaustive()
    }
}

/// A limit of an alarm on a point.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitLine {
    /// Engineering units of the point.
    pub value: f64,
    /// The alarm's level.
    pub level: Level,
    /// The alarm's title.
    pub title: Text,
}

/// What was kept. Every call may block on the disk; callers run it on the blocking pool under a deadline.
pub trait Archive: Send + Sync + fmt::Debug {
    /// Life and last number of the alarm stream; 0 for an empty journal.
    fn head(&self) -> Result<Cursor, ReadError>;

    /// Alarms by filter, newest first.
    fn alarms(&self, filter: &AlarmFilter) -> Result<Vec<AlarmRecord>, ReadError>;

    /// One alarm as it stands now with every change of it, oldest first.
    fn alarm(&self, id: &str) -> Result<Option<(AlarmRecord, Vec<AlarmEvent>)>, ReadError>;

    /// Journal rows of the alarm stream with `seq > after`, in order, at most `max`.
    fn alarm_rows(&self, after: u64, max: usize) -> Result<Vec<JournalRow>, ReadError>;

    /// The history of `device.point` between two wall times in at most `max` equal steps.
    fn history(&self, key: &str, from: WallMs, to: WallMs, max: usize) -> Result<History, ReadError>;

    /// What people entered into the health record of a device, newest first.
    fn health_entries(&self, device: &str, max: usize) -> Result<Vec<HealthEntry>, ReadError>;

    /// How the disk does. Must return at once.
    fn status(&self) -> StoreStatus;
}

/// A future of the desk.
pub type DeskFuture<'a> = Pin<Box<dyn Future<Output = Result<Handled, Refusal>> + Send + 'a>>;

/// A future of the desk that tells how many rules learn anew.
pub type RelearnFuture<'a> = Pin<Box<dyn Future<Output = Result<usize, Refusal>> + Send + 'a>>;

/// Where people answer alarms. Both are idempotent; a deadline is the caller's.
pub trait Desk: Send + Sync + fmt::Debug {
    /// Answers an alarm.
    fn acknowledge(&self, id: String, by: String, note: String) -> DeskFuture<'_>;

    /// Resets a latched alarm whose condition is gone.
    fn reset(&self, id: String, by: String, note: String) -> DeskFuture<'_>;

    /// A rule that learns, or all of a device, begin anew; tells how many.
    fn relearn(&self, key: String, by: String) -> RelearnFuture<'_>;
}

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The desk says no; the person must do something else.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The desk cannot be reached or its journal does not sync; try again.
    #[error("the alarm desk is not ready: {0}")]
    Unavailable(String),
}

/// A future of the health records.
pub type EntryFuture<'a> = Pin<Box<dyn Future<Output = Result<HealthEntry, EntryRefusal>> + Send + 'a>>;

/// Why an entry was not taken.
#[derive(Debug, thiserror::Error)]
pub enum EntryRefusal {
    /// The device has no such service, or the entry names one without being about it.
    #[error("no such service")]
    Service,
    /// The disk did not take it; try again.
    #[error("the entry could not be kept: {0}")]
    Unavailable(String),
}

/// The health records of the devices. Only [`HealthBook::enter`] waits for the disk; a deadline is the caller's.
pub trait HealthBook: Send + Sync + fmt::Debug {
    /// The report of a device.
    fn report(&self, device: DeviceIx, around: &Around) -> Option<HealthReport>;

    /// Times of the week with many faults, over all devices of a kind.
    fn spots_of(&self, kind: &str) -> Vec<Spot>;

    /// A person enters something; answered when it is on disk.
    fn enter(&self, entry: HealthEntry) -> EntryFuture<'_>;
}

/// Upstreams, webhooks and brokers.
pub trait SyncView: Send + Sync + fmt::Debug {
    /// Their state now. Must return at once.
    fn upstreams(&self) -> Vec<UpstreamStatus>;
}

/// One upstream, webhook or broker.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamStatus {
    /// Which of them.
    pub kind: FarKind,
    /// Its name: the id of an upstream, `webhook.<id>`, `publish.<id>`.
    pub id: String,
    /// Where it leads, without credentials.
    pub url: String,
    /// The last attempt succeeded (or none was needed yet).
    pub up: bool,
    /// Since when `up` is as it is, wall time.
    pub since_wall_ms: Option<i64>,
    /// Last confirmed delivery, wall time.
    pub last_ok_wall_ms: Option<i64>,
    /// The last failure in words, kept until the next success.
    pub last_error: Option<Text>,
    /// Next attempt, wall time, while it waits.
    pub retry_wall_ms: Option<i64>,
    /// Its streams, most urgent first.
    pub streams: Vec<StreamStatus>,
}

/// One stream on its way to one upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamStatus {
    /// Which.
    pub stream: Stream,
    /// Rows (telemetry: readings) that are stored and not confirmed.
    pub backlog: u64,
    /// Age of the oldest of them.
    pub oldest_age_ms: Option<i64>,
    /// Confirmed since start.
    pub sent: u64,
    /// Confirmed per second over the last minute or so.
    pub per_second: f64,
    /// Refused for good by the far end since start.
    pub rejected: u64,
}

/// A future of the case desk.
pub type ActFuture<'a> = Pin<Box<dyn Future<Output = Result<Acted, ActError>> + Send + 'a>>;

/// A file of a case's evidence, as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct CaseFileInfo {
    /// Name in the folder.
    pub file: String,
    /// `event`, `verdict`, `picture`, `clip`.
    pub kind: &'static str,
    /// Media type.
    pub media_type: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256, hex.
    pub sha256: String,
    /// Camera id.
    pub camera: String,
    /// The camera's id of the event.
    pub event_id: String,
    /// When it was kept, UTC milliseconds.
    pub kept_ms: i64,
}

/// Cases of cameras. All but [`CaseBook::watched`], [`CaseBook::cameras`] and [`CaseBook::act`] block on the disk.
pub trait CaseBook: Send + Sync + fmt::Debug {
    /// Cameras and facades. Returns at once.
    fn watched(&self) -> &Watched;

    /// What came of each camera since the start. Returns at once.
    fn cameras(&self) -> Vec<CameraFigures>;

    /// Cases, newest first.
    fn list(&self, filter: &CaseFilter) -> Result<Vec<Case>, ReadError>;

    /// One case with its sightings and steps.
    fn story(&self, no: CaseNo) -> Result<Option<CaseStory>, ReadError>;

    /// Its evidence.
    fn files(&self, no: CaseNo) -> Result<Vec<CaseFileInfo>, ReadError>;

    /// A picture or clip with its media type: masked, or as it was kept. `None` if there is none that may be shown.
    fn picture(&self, no: CaseNo, file: &str, full: bool) -> Result<Option<(String, Vec<u8>)>, ReadError>;

    /// The sealed bundle.
    fn bundle(&self, no: CaseNo, by: &str, full: bool) -> Result<Option<Vec<u8>>, ReadError>;

    /// Figures of the last `days`.
    fn statistics(&self, days: i64) -> Result<Statistics, ReadError>;

    /// The same without anything that points at a household.
    fn notice(&self, all: &Statistics) -> Statistics;

    /// The evidence key's public half as PEM.
    fn public_key(&self) -> Result<String, ReadError>;

    /// A person does something; answered when it is on disk. A deadline is the caller's.
    fn act(&self, no: CaseNo, act: Act, by: String, note: String) -> ActFuture<'_>;
}

/// How gatehouse itself does.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// Everything ticks.
    pub ok: bool,
    /// Start of the process, boot clock.
    pub started: BootMs,
    /// Its parts by name (`writer`, `pipeline`, `line rs485_1`).
    pub parts: Vec<HealthPart>,
}

/// One part.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthPart {
    /// Name.
    pub name: String,
    /// It ticks.
    pub ok: bool,
    /// In words, for the log and for `/api/v1/health`.
    pub note: String,
}
