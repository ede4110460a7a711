//! The disk: `log/` (outbox of readings), `history/` (trends), `state.db` (journal). One writer thread, one historian.
//!
//! Owns: files, formats, numbering, retention, damage. Refuses to know: what a reading or an alarm means.
//!
//! # Constraints
//! - Nothing is told "committed" before the commit that holds it returned with a sync, and nothing unsynced is read.
//! - One damaged file costs what is in it and nothing else; data never keeps the store from opening or running.
//! - No number `(stream, epoch, seq)` is ever given to two things. What will never come is declared by a gap record.
//! - Flash: at 500 changing readings a second not more than 15 bytes written to the device for each.
//! - Memory: a few MiB whatever the load. No DELETE or VACUUM of readings: files are deleted whole.
//!
//! # Files (folder 0700, files 0600, sealed segments 0400; all SQLite files: `application_id` "gate", `user_version` 1)
//! ```text
//! lock              held by the running instance
//! reserve           16 MiB given back when the disk is full, so that alarms still fit
//! state.db          journal, alarms, health records, cursors, anchors, learned registers, gaps, marks     (WAL, FULL)
//! state.bak         whole copy of state.db, daily and after learning                       (VACUUM INTO, rename)
//! cases.db          cases, sightings, steps; made with the first case                         (WAL, FULL)
//! evidence/<case>/  pictures and events of cases; written by [`crate::cases`], not by the store
//! log/00000017.db   segment of the outbox, at most 64 MiB or a sixteenth of the quota; all but the newest are sealed   (WAL, FULL; sealed: plain)
//! history/00020779.db   one UTC day, by days since 1970-01-01                              (WAL, FULL)
//! quarantine/NAME.BOOT.N   damaged files, the last 3, at most 64 MiB
//! ```
//! **Segment.** `batch(seq_first, count, boot, t_min, t_max, anchor_boot, anchor_wall, trust, heads, crc, body)`: one row per
//! commit, body as in [`columns`]; `crc` is CRC-32C over epoch, all columns and body. `points(id, key, crc)` gives the numbers in
//! bodies their names; numbers are the file's own, so a changed configuration changes nothing in old files. `heads` are the
//! journal's epoch and last numbers: marks of `state.db` kept in a second file. Wall times are computed from the row's own
//! anchor and so are always the same.
//!
//! **state.db.** `journal(id = stream << 60 | seq, ...)` with a CRC over epoch, id, times and body. An epoch is drawn when the
//! file is made. `meta` holds the outbox's mark (last committed number seen) and lease (no number above it has been given).
//!
//! **History.** `block(id = hour << 56 | build << 32 | point, summary, times_of, crc, body)`, body as in [`block`]; written hour
//! after hour, so inserts append. Points of one device share one column of times (`times_of`). `builds(hour, build)` says
//! which builds touched an hour; `meta.folded` how far the outbox has been folded.
//!
//! # Procedures
//! **Write.** Readings gather in memory; at 5 s, 4,000 readings or 250 ms after a receipt they become one row, committed with a
//! sync; then heads are published and receipts told. Journal entries are committed at once, alone, and before waiting readings.
//! When a commit fails: handle closed, file opened anew and synced; if the row turns out to be there it counts, else it is
//! tried again with growing pauses (250 ms to 5 s). Four commits' worth of readings wait; then the oldest are dropped, counted
//! and declared. A full disk gives the reserve back first, then evicts.
//!
//! **Read.** By number, never beyond the published heads, CRC checked; rows that fail are declared as a hole and passed over.
//!
//! **Roll and evict.** A full segment is sealed (checkpoint, WAL off, read-only). At 90 % of the quota (setting, or 60 % of the
//! partition) whole files go: confirmed and folded segments, oldest days of history, oldest segments (declared). See [`retain`].
//!
//! **Open.** Lock; `state.db` with `quick_check`; a newer version is renamed `state.vN.db` and kept; a damaged one is put aside and
//! made anew, with a new journal epoch, from the copy, from what can be read of it and from the outbox. Rows found in a WAL are
//! synced before anything else. Marks against files: readings known to have been committed but missing are a `power_loss`
//! hole that reaches up to the lease, and numbering goes on behind it; likewise for the journal, by the marks in the outbox.
//!
//! **Fold.** See [`historian`]: an hour after its end, in passes within a fixed budget of memory, visible when finished.

mod block;
pub mod casebook;
mod cases;
mod codec;
mod columns;
mod files;
pub mod handle;
mod historian;
mod history;
mod learned;
mod log;
mod memory;
mod open;
mod past;
mod pending;
pub mod reader;
mod recover;
mod retain;
mod segment;
mod shared;
mod sqlite;
mod state;
mod trend;
mod visit;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::model::stored::OpenReport;

pub use casebook::{CaseReader, KeptCases};
pub use handle::StoreHandle;
pub use reader::StoreReader;

/// Checked settings of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// Data folder.
    pub path: PathBuf,
    /// Most bytes of everything together; further bounded by 60 % of the partition.
    pub size_max: u64,
    /// Readings are committed at the latest after this long. 5 s is the bound on loss at a power cut.
    pub commit_every: Duration,
    /// ... or when so many wait.
    pub commit_count: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/lib/gatehouse"),
            size_max: 4 << 30,
            commit_every: Duration::from_secs(5),
            commit_count: 4000,
        }
    }
}

/// An open store: the writing end, the reading end and what was found.
#[derive(Debug)]
pub struct Store {
    /// Writes; clone freely.
    pub handle: StoreHandle,
    /// Reads; clone freely. Every call blocks on the disk: use `spawn_blocking`.
    pub reader: StoreReader,
    /// Number of this boot of the store, from 1.
    pub boot: u64,
    /// 128 random bits made at first boot, as 32 hex digits.
    pub gateway_id: String,
    /// What was found.
    pub opened: OpenReport,
}

/// Why the store could not be opened. Damaged data is never a reason: it is put aside.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another gatehouse works on this folder; end that one or name another folder.
    #[error(
        "the data folder {0} is in use by another gatehouse; stop that one first, or choose another folder with --data"
    )]
    InUse(PathBuf),
    /// The folder cannot be made or written; fix rights or path.
    #[error(
        "the data folder {path} cannot be used: {why}; check that it exists, that the disk is mounted and who owns it"
    )]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// In the system's words.
        why: String,
    },
    /// The linked SQLite is older than 3.51.3, which can lose committed pages; give up.
    #[error("SQLite {0} is too old: 3.51.3 or newer is needed, rebuild with the bundled one")]
    SqliteTooOld(String),
}

/// Opens or makes the store in `config.path`. `points` are the keys (`device.point`) in the order of `PointIx`.
/// Blocks for up to 2 s; starts the writer thread.
#[expect(clippy::needless_pass_by_value, reason = "the store keeps both for as long as it is open")]
pub fn open(config: &StoreConfig, points: Vec<Arc<str>>, clock: Arc<dyn Clock>) -> Result<Store, OpenError> {
    open::open(config, &points, &clock)
}

/// Why another process cannot look into a data folder.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// No gateway has kept readings there.
    #[error("there are no readings in {0}; name the data folder of the gateway with --data")]
    Nothing(PathBuf),
    /// The folder belongs to somebody else, or cannot be read.
    #[error("the data folder {path} cannot be read: {why}; run this as the gateway's user or as root")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// In the system's words.
        why: String,
    },
}

/// Looks into a data folder without opening it: for commands beside a running gateway. Only readings and their history can
/// be asked for; nothing is locked, made or deleted. Blocks on the disk.
pub fn visit(dir: &Path, clock: Arc<dyn Clock>) -> Result<StoreReader, VisitError> {
    visit::visit(dir, clock)
}
