//! The disk: `log/` (outbox of readings), `history/` (trends), `state.db` (journal). One writer thread.

use std::path::PathBuf;
use std::time::Duration;

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
