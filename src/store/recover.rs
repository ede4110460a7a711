//! Opening `state.db`, whatever has become of it: a newer version is kept and not written, a damaged file is put aside and
//! made anew from its copy and from what can still be read of it.

use std::path::Path;

use crate::model::journal::{Cursor, Stream};
use crate::store::files::{self, Header};
use crate::store::sqlite::{self, Fault, fault};
use crate::store::state::{self, Kept, State};
use crate::store::writer::shadow_path;

/// A `state.db` that can be written, and how it came about.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) state: State,
    pub(crate) kept: Kept,
    pub(crate) quarantined: Vec<String>,
}

/// Opens or makes `state.db`.
pub(crate) fn open_state(dir: &Path) -> Result<Recovered, String> {
    let path = dir.join("state.db");
    set_newer_aside(dir, &path);
    let damaged = match files::header(&path) {
        Header::Empty => path.exists() || shadow_path(dir).exists(),
        Header::Foreign => true,
        Header::Wal | Header::Plain => false,
    };
    if !damaged {
        files::touch(&path).map_err(|e| e.to_string())?;
        match open_sound(&path) {
            Ok((state, kept)) => return Ok(Recovered { state, kept, quarantined: Vec::new() }),
            Err(error) if fault(&error) != Fault::Damaged => return Err(error.to_string()),
            Err(_) => {}
        }
    }
    let (state, kept, name) = rebuild_state(dir, 0, &[])?;
    Ok(Recovered { state, kept, quarantined: vec![name] })
}

fn open_sound(path: &Path) -> rusqlite::Result<(State, Kept)> {
    let (state, kept) = State::open(path, false, 0)?;
    if state.sound()? { Ok((state, kept)) } else { Err(rusqlite::Error::QueryReturnedNoRows) }
}

/// A file of a newer release is renamed and kept: this release would not know what it breaks.
fn set_newer_aside(dir: &Path, path: &Path) {
    let version = sqlite::open_reader(path, false)
        .and_then(|conn| conn.query_row("PRAGMA user_version", [], |r| r.get::<_, i32>(0)));
    if let Ok(version) = version
        && version > state::VERSION
    {
        let name = format!("state.v{version}.db");
        tracing::error!(
            file = name,
            "state.db was written by a newer release; it is kept under this name, a fresh one is made"
        );
        for suffix in ["", "-wal", "-shm"] {
            // Companions may not be there.
            drop(std::fs::rename(dir.join(format!("state.db{suffix}")), dir.join(format!("{name}{suffix}"))));
        }
        drop(files::remove(&shadow_path(dir)));
    }
}

/// Puts a damaged `state.db` aside and makes a new one with a new epoch. `cursors` are those known in memory. Returns also
/// the name under which the old file is kept.
pub(crate) fn rebuild_state(
    dir: &Path,
    boot: u64,
    cursors: &[(String, Stream, Cursor)],
) -> Result<(State, Kept, String), String> {
    let path = dir.join("state.db");
    let saved = state::salvage(&path);
    let name = files::quarantine(dir, &path, boot).map_err(|e| e.to_string())?;
    // Never a number twice: ids of alarms are made of it.
    let known = newest_boot(dir).max(saved.boot);
    let boot_before = boot.max(known).saturating_sub(u64::from(boot > 0));
    let copied = std::fs::read(shadow_path(dir)).ok().filter(|b| !b.is_empty());
    files::touch(&path).map_err(|e| e.to_string())?;
    let opened = copied
        .and_then(|bytes| std::fs::write(&path, bytes).ok())
        .and_then(|()| State::open(&path, true, boot_before).ok())
        .filter(|(state, _)| state.sound().unwrap_or(false));
    let (mut state, mut kept) = if let Some(opened) = opened {
        opened
    } else {
        files::remove(&path).map_err(|e| e.to_string())?;
        files::touch(&path).map_err(|e| e.to_string())?;
        State::open(&path, true, boot_before).map_err(|e| e.to_string())?
    };
    state.restore(&saved).and_then(|()| state.cursors(cursors)).map_err(|e| e.to_string())?;
    let (boot, clean) = (kept.boot, false);
    kept = state.kept().map_err(|e| e.to_string())?;
    kept = Kept { boot, clean, ..kept };
    Ok((state, kept, name))
}

/// Boot of the newest row in the outbox, so that boot numbers go on when `state.db` is lost.
fn newest_boot(dir: &Path) -> u64 {
    let newest = files::numbers(&dir.join("log")).into_iter().rev().filter_map(|n| u64::try_from(n).ok());
    let boot = |no: u64| {
        let path = files::segment_path(dir, no);
        let plain = files::header(&path) == Header::Plain;
        let conn = sqlite::open_reader(&path, plain).ok()?;
        let sql = "SELECT boot FROM batch ORDER BY seq_first DESC LIMIT 1";
        conn.query_row(sql, [], |r| sqlite::uint(r, 0)).ok()
    };
    newest.take(3).find_map(boot).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::journal::Epoch;

    #[test]
    fn the_copy_gives_back_what_was_learned() {
        let dir = tempfile::tempdir().unwrap();
        drop(files::prepare(dir.path()).unwrap());
        let Recovered { mut state, kept, .. } = open_state(dir.path()).unwrap();
        state.learn("pump_1", &["p9".to_owned()]).unwrap();
        let cursor = Cursor { epoch: Epoch(7), seq: 9 };
        state.cursors(&[("cloud".to_owned(), Stream::Telemetry, cursor)]).unwrap();
        state.shadow(&shadow_path(dir.path())).unwrap();
        let epoch = state.epoch;
        drop(state);
        std::fs::write(dir.path().join("state.db"), [0u8; 8192]).unwrap();
        let again = open_state(dir.path()).unwrap();
        assert_eq!(again.quarantined.len(), 1);
        assert_ne!(again.state.epoch, epoch);
        assert_eq!(again.kept.gateway_id, kept.gateway_id);
        assert_eq!(again.kept.unsupported, vec![("pump_1".to_owned(), "p9".to_owned())]);
        assert_eq!(again.kept.cursors, vec![("cloud".to_owned(), Stream::Telemetry, cursor)]);
        assert_eq!(again.kept.boot, 2);
    }
}
