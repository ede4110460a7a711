//! The data folder: rights, lock, names, sizes, quarantine, reserve. Knows nothing of SQL.
//!
//! Folders are 0700 and files 0600 (sealed segments 0400). A database never travels alone: its `-wal` and `-shm` go with it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::store::OpenError;

/// Sets of files kept in quarantine.
const QUARANTINE_SETS_MAX: usize = 3;
/// Bytes kept in quarantine.
const QUARANTINE_BYTES_MAX: u64 = 64 << 20;
/// Room given back when the disk is full, so that alarms still fit.
pub(crate) const RESERVE_BYTES: u64 = 16 << 20;
/// The files cannot be opened for writing with less.
const ROOM_TO_OPEN: u64 = 1 << 20;
const COMPANIONS: [&str; 3] = ["", "-wal", "-shm"];

/// Makes the folders, checks rights, takes the lock. The lock lives as long as the returned file.
pub(crate) fn prepare(dir: &Path) -> Result<File, OpenError> {
    let fail = |path: &Path, e: &io::Error| OpenError::Folder { path: path.to_owned(), why: e.to_string() };
    for sub in ["", "log", "history", "quarantine"] {
        let path = dir.join(sub);
        if !path.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|e| fail(&path, &e))?;
        }
        fs::set_permissions(&path, Permissions::from_mode(0o700)).map_err(|e| fail(&path, &e))?;
    }
    let path = dir.join("lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let lock = lock.map_err(|e| fail(&path, &e))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_owned())),
        Err(fs::TryLockError::Error(e)) => Err(fail(&path, &e)),
    }
}

/// Makes an empty file with rights 0600 if there is none; SQLite's companions take over its rights.
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match new {
        Ok(_) => sync_folder_of(path),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => fs::set_permissions(path, Permissions::from_mode(0o600)),
        Err(e) => Err(e),
    }
}

/// Makes a sealed file read-only.
pub(crate) fn protect(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o400))
}

/// `log/00000017.db`
pub(crate) fn segment_path(dir: &Path, no: u64) -> PathBuf {
    dir.join("log").join(format!("{no:08}.db"))
}

/// `history/00020778.db`, named by days since 1970-01-01.
pub(crate) fn day_path(dir: &Path, day: i64) -> PathBuf {
    dir.join("history").join(format!("{day:08}.db"))
}

/// Numbers of the database files in a folder, ascending. Names that are not ours are left alone.
pub(crate) fn numbers(folder: &Path) -> Vec<i64> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|e| e.file_name().into_string().ok());
    let mut numbers: Vec<i64> = names.filter_map(|n| n.strip_suffix(".db")?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

fn companion(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Bytes of a database with its companions.
pub(crate) fn bytes_of(path: &Path) -> u64 {
    COMPANIONS.iter().filter_map(|s| fs::metadata(companion(path, s)).ok()).map(|m| m.len()).sum()
}

/// Deletes a database with its companions, the file itself last but one so that no stray WAL meets a new file.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    for suffix in ["-wal", "-shm", ""] {
        match fs::remove_file(companion(path, suffix)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    sync_folder_of(path)
}

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// No file, or one of no bytes.
    Empty,
    /// A database in WAL mode.
    Wal,
    /// A database without WAL.
    Plain,
    /// Something else: zeroes, garbage, a torn file.
    Foreign,
}

/// Looks at the header (SQLite file format, section 1.3: magic string; bytes 18 and 19 are 2 in WAL mode).
pub(crate) fn header(path: &Path) -> Header {
    let mut bytes = [0u8; 100];
    match File::open(path).and_then(|mut f| f.read_exact(&mut bytes)) {
        Ok(()) if bytes.starts_with(b"SQLite format 3\0") => {
            if bytes[18] == 2 {
                Header::Wal
            } else {
                Header::Plain
            }
        }
        Err(_) if fs::metadata(path).map_or(0, |m| m.len()) == 0 => Header::Empty,
        Ok(()) | Err(_) => Header::Foreign,
    }
}

/// Moves a damaged database with its companions to `quarantine/<name>.<boot>.<n>` and keeps the folder bounded.
/// Returns the new name. A file that cannot be moved is deleted: it must not be met again.
pub(crate) fn quarantine(dir: &Path, path: &Path, boot: u64) -> io::Result<String> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = dir.join("quarantine");
    let free = (1..u32::MAX).map(|n| format!("{name}.{boot}.{n}")).find(|n| !folder.join(n).exists());
    let new = free.unwrap_or_else(|| name.clone());
    for suffix in COMPANIONS {
        let from = companion(path, suffix);
        if from.exists() && fs::rename(&from, companion(&folder.join(&new), suffix)).is_err() {
            fs::remove_file(&from)?;
        }
    }
    sync_folder_of(path)?;
    trim_quarantine(&folder);
    Ok(new)
}

fn trim_quarantine(folder: &Path) {
    let mut sets: Vec<(std::time::SystemTime, PathBuf, u64)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .filter(|p| !p.to_string_lossy().ends_with("-wal") && !p.to_string_lossy().ends_with("-shm"))
        .filter_map(|p| Some((fs::metadata(&p).ok()?.modified().ok()?, p.clone(), bytes_of(&p))))
        .collect();
    // Newest first; the change time of the folder entry is not kept by all file systems, so equal times fall back to names.
    sets.sort_by(|a, b| b.cmp(a));
    let mut bytes = 0;
    for (i, (_, path, size)) in sets.iter().enumerate() {
        bytes += size;
        if i >= QUARANTINE_SETS_MAX || bytes > QUARANTINE_BYTES_MAX {
            // What cannot be deleted now is tried again at the next quarantine.
            drop(remove(path));
        }
    }
}

/// Takes the reserve; quietly does without where the disk has no room.
pub(crate) fn take_reserve(dir: &Path) {
    let path = dir.join("reserve");
    if has_reserve(dir) {
        return;
    }
    let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).and_then(|f| {
        rustix::fs::fallocate(&f, rustix::fs::FallocateFlags::empty(), 0, RESERVE_BYTES).map_err(io::Error::from)
    });
    if made.is_err() {
        drop(fs::remove_file(&path));
    }
}

/// Whether the reserve is there.
pub(crate) fn has_reserve(dir: &Path) -> bool {
    fs::metadata(dir.join("reserve")).is_ok_and(|m| m.len() == RESERVE_BYTES)
}

/// Takes the reserve; on a full disk gives it back instead, and the copy of `state.db` with it: a box that comes up with a full
/// disk must watch over its alarms all the same.
pub(crate) fn make_room_to_open(dir: &Path) {
    let free = || partition(dir).map_or(u64::MAX, |p| p.1);
    if free() >= ROOM_TO_OPEN {
        return take_reserve(dir);
    }
    if !free_reserve(dir) || free() < ROOM_TO_OPEN {
        // It is made again when there is room.
        drop(fs::remove_file(dir.join("state.bak")));
    }
}

/// Gives the reserve back; true if there was one.
pub(crate) fn free_reserve(dir: &Path) -> bool {
    fs::remove_file(dir.join("reserve")).is_ok()
}

/// Size and free bytes of the partition.
pub(crate) fn partition(dir: &Path) -> Option<(u64, u64)> {
    let v = rustix::fs::statvfs(dir).ok()?;
    Some((v.f_blocks.saturating_mul(v.f_frsize), v.f_bavail.saturating_mul(v.f_frsize)))
}

/// Makes a rename, creation or deletion in the folder of `path` last.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
