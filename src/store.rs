//! The disk: `log/` (outbox of readings), `history/` (trends), `state.db` (journal). One writer thread.

mod codec;
mod columns;
pub mod handle;
pub mod reader;
mod shared;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::model::stored::OpenReport;

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
pub fn open(config: &StoreConfig, points: Vec<Arc<str>>, clock: Arc<dyn Clock>) -> Result<Store, OpenError> {
    let _ = (config, points, clock);
    Err(OpenError::InUse(config.path.clone()))
}
