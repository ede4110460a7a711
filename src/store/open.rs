//! Bringing the store up: lock, `state.db`, outbox, marks against each other, threads.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::model::journal::{Gap, GapReason, Stream};
use crate::model::stored::{Heads, OpenReport, StoreStatus};
use crate::store::handle::{BULK_MAX, StoreHandle, URGENT_MAX};
use crate::store::log::{Expected, Log, Survey};
use crate::store::pending::Pending;
use crate::store::reader::StoreReader;
use crate::store::recover::{self, Recovered};
use crate::store::retain;
use crate::store::shared::{Folded, Shared};
use crate::store::sqlite::SQLITE_MIN;
use crate::store::state::Kept;
use crate::store::writer::{Work, Writer};
use crate::store::{OpenError, Store, StoreConfig, files, learned, memory};

/// Journal numbers skipped when `state.db` turns out to have lost its tail.
const JOURNAL_SKIP: u64 = 1_000;

/// See [`crate::store::open`].
pub(crate) fn open(config: &StoreConfig, points: &[Arc<str>], clock: &Arc<dyn Clock>) -> Result<Store, OpenError> {
    if rusqlite::version_number() < SQLITE_MIN {
        return Err(OpenError::SqliteTooOld(rusqlite::version().to_owned()));
    }
    let failed = match open_at(config, points, clock, None) {
        Err(failed @ OpenError::Folder { .. }) => failed,
        other => return other,
    };
    let Some(folder) = memory::stand_in(&config.path, &memory::places()) else { return Err(failed) };
    tracing::error!(%failed, folder = %folder.display(), "running from memory: what is kept now is lost at a power cut");
    let why = format!("running from memory, a power cut loses everything since: {failed}");
    let config = StoreConfig { path: folder, size_max: config.size_max.min(memory::BYTES_MAX), ..config.clone() };
    open_at(&config, points, clock, Some(why))
}

fn open_at(
    config: &StoreConfig,
    points: &[Arc<str>],
    clock: &Arc<dyn Clock>,
    volatile: Option<String>,
) -> Result<Store, OpenError> {
    let dir = config.path.clone();
    let lock = files::prepare(&dir)?;
    if volatile.is_none() {
        files::make_room_to_open(&dir);
    }
    let Recovered { state, kept, mut quarantined } =
        recover::open_state(&dir).map_err(|why| OpenError::Folder { path: dir.join("state.db"), why })?;
    let bytes_max = retain::bytes_max(config.size_max, files::partition(&dir).map(|p| p.0));
    let (log, survey) = Log::open(&dir, points.to_vec(), expected(&kept), kept.boot, bytes_max);
    quarantined.extend(survey.quarantined.iter().cloned());
    let (heads, journal_gaps) = journal_heads(&kept, &survey, state.epoch);
    let heads = Heads { telemetry: survey.head, ..heads };
    let gaps: Vec<Gap> = survey.gaps.iter().cloned().chain(journal_gaps).collect();

    let shared = Shared { volatile, ..share(&dir, clock, &kept, &log, heads, state.epoch.0) };
    let shared = Arc::new(shared);
    shared.with_status(|s| s.quarantined = quarantined.len() as u64);
    let (urgent, urgent_rx) = mpsc::channel(URGENT_MAX);
    let (bulk, bulk_rx) = mpsc::channel(BULK_MAX);
    let mut writer = Writer {
        shared: Arc::clone(&shared),
        config: config.clone(),
        points: points.len(),
        urgent: urgent_rx,
        bulk: bulk_rx,
        state: Some(state),
        log,
        cases: None,
        heads,
        lease: 0,
        upstreams: kept.cursors.iter().map(|c| c.0.clone()).collect(),
        pending: Pending::default(),
        work: Work::new(Instant::now(), clock.boot().0),
    };
    writer.begin(&gaps, &quarantined);
    let reader = StoreReader::new(Arc::clone(&shared), urgent.downgrade());
    writer.spawn(lock, &reader).map_err(|e| OpenError::Folder { path: dir.clone(), why: e.to_string() })?;

    let handle = StoreHandle { urgent, bulk, committed: shared.heads.subscribe(), shared };
    let (learned, damaged) = learned::load(&dir, kept.boot);
    quarantined.extend(damaged);
    let opened = OpenReport {
        learned,
        boot: kept.boot,
        open_alarms: kept.open_alarms,
        unsupported: kept.unsupported,
        gaps,
        quarantined,
        clean_shutdown: kept.clean,
        first_start: kept.first_start,
        good_wall_ms: kept.good_wall_ms,
    };
    Ok(Store { handle, reader, boot: kept.boot, gateway_id: kept.gateway_id, opened })
}

fn expected(kept: &Kept) -> Expected {
    let cursors =
        || kept.cursors.iter().filter(|c| c.1 == Stream::Telemetry && Some(c.2.epoch) == kept.telemetry_epoch);
    Expected {
        epoch: kept.telemetry_epoch,
        mark: kept.telemetry_mark.max(cursors().map(|c| c.2.seq).max().unwrap_or(0)),
        lease: kept.telemetry_lease,
        confirmed: cursors().map(|c| c.2.seq).min().unwrap_or(0),
    }
}

/// Compares the journal with what the newest row of the outbox knew of it: a lost WAL of `state.db` shows here.
fn journal_heads(kept: &Kept, survey: &Survey, epoch: crate::model::journal::Epoch) -> (Heads, Vec<Gap>) {
    let (mut heads, mut gaps) = (kept.heads, Vec::new());
    let Some((_, seen)) = survey.journal.filter(|(e, _)| *e == epoch) else { return (heads, gaps) };
    for stream in [Stream::Alarm, Stream::Command, Stream::Audit, Stream::Event] {
        if seen.get(stream) > heads.get(stream) {
            let (from, to) = (heads.get(stream) + 1, seen.get(stream) + JOURNAL_SKIP);
            gaps.push(Gap { stream, epoch, from, to, reason: GapReason::PowerLoss });
            heads.set(stream, to);
        }
    }
    (heads, gaps)
}

fn share(dir: &Path, clock: &Arc<dyn Clock>, kept: &Kept, log: &Log, heads: Heads, journal_epoch: u64) -> Shared {
    Shared {
        dir: dir.to_owned(),
        clock: Arc::clone(clock),
        boot: kept.boot,
        heads: watch::Sender::new(heads),
        status: Mutex::new(StoreStatus { heartbeat_ms: clock.boot().0, ..StoreStatus::default() }),
        segments: RwLock::new(log.segments.clone()),
        days: RwLock::new(Vec::new()),
        folded: RwLock::new(Folded::default()),
        cursors: RwLock::new(kept.cursors.iter().map(|(u, s, c)| ((u.clone(), *s), *c)).collect::<HashMap<_, _>>()),
        anchors: RwLock::new(kept.anchors.clone()),
        state_generation: AtomicU64::new(0),
        journal_epoch: AtomicU64::new(journal_epoch),
        telemetry_epoch: AtomicU64::new(log.epoch.0),
        volatile: None,
    }
}

impl Writer {
    /// First entries of the boot: its anchor and what was found.
    fn begin(&mut self, gaps: &[Gap], quarantined: &[String]) {
        for name in quarantined {
            self.damaged(name, "found damaged at start");
        }
        for gap in gaps {
            self.declare(gap.clone());
        }
        self.first_anchor();
    }

    /// Starts the thread; it holds the lock of the folder until it ends.
    fn spawn(self, lock: std::fs::File, reader: &StoreReader) -> std::io::Result<()> {
        let historian = crate::store::historian::start(reader.clone())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        std::thread::Builder::new().name("store".into()).spawn(move || {
            let reply = runtime.block_on(self.run());
            historian.end();
            drop(lock);
            if let Some(reply) = reply {
                // Nobody may be waiting any more.
                reply.send(()).ok();
            }
        })?;
        Ok(())
    }
}
