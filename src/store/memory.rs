//! Running from memory: when the data folder of an installation has become unwritable (a worn card turns read-only), alarms
//! must still be raised and sent.
//!
//! Only for a folder that holds a `state.db`: anything else is a mistake of the first start, for a person to mend. What
//! can be read (identity, open alarms, cursors, learned registers) is taken over under new epochs, so that no number is
//! given to two things when the disk is itself again. Lost at a power cut, kept over a restart of the program.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::store::recover;

/// Most bytes in memory.
pub(crate) const BYTES_MAX: u64 = 32 << 20;

/// A folder in memory that stands for `dir`, filled with what can be read there; `None` if there is nothing to stand for
/// or no such place.
pub(crate) fn stand_in(dir: &Path, places: &[PathBuf]) -> Option<PathBuf> {
    let state = dir.join("state.db");
    std::fs::File::open(&state).ok()?;
    let name = format!("gatehouse-{:08x}", crc32c::crc32c(dir.as_os_str().as_encoded_bytes()));
    let folder = places.iter().map(|place| place.join(&name)).find(|folder| is_ours(folder))?;
    if !folder.join("state.db").exists() {
        for suffix in ["", "-wal"] {
            // Without its companion the file is merely older.
            drop(std::fs::copy(dir.join(format!("state.db{suffix}")), folder.join(format!("state.db{suffix}"))));
        }
        drop(std::fs::copy(dir.join("state.bak"), folder.join("state.bak")));
        DirBuilder::new().mode(0o700).recursive(true).create(folder.join("quarantine")).ok()?;
        recover::rebuild_state(&folder, 0, &[]).ok()?;
    }
    Some(folder)
}

/// Where memory can be had: the service manager's runtime folder, else shared memory.
pub(crate) fn places() -> Vec<PathBuf> {
    let given = std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from);
    given.into_iter().chain([PathBuf::from("/dev/shm")]).collect()
}

/// Makes the folder, or finds it as our own: not somebody else's, nor a link to elsewhere.
fn is_ours(folder: &Path) -> bool {
    drop(DirBuilder::new().mode(0o700).create(folder));
    // The kernel shows a process under the user it acts for.
    let Ok(uid) = std::fs::metadata("/proc/self").map(|m| m.uid()) else { return false };
    std::fs::symlink_metadata(folder).is_ok_and(|m| m.is_dir() && m.uid() == uid && m.mode() & 0o077 == 0)
}
