//! How gatehouse opens SQLite files, and what their errors mean for the store.
//!
//! Every connection: no mapped memory (a read error must be an error, not a signal), checked cells, untrusted schema, defensive.
//! Writers: WAL and `synchronous=FULL`, so that a commit that returned is on the medium.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// `application_id` of all files: "gate".
pub(crate) const APPLICATION_ID: i32 = 0x6761_7465;
/// Oldest SQLite without the race between checkpoint and WAL reset that loses committed pages.
pub(crate) const SQLITE_MIN: i32 = 3_051_003;
const BUSY_MS: u64 = 5_000;
/// Page cache of one connection; the tables are read in order or by key, a large cache buys nothing.
const CACHE_KIB: i32 = 256;

/// What an error asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The file is damaged: put it aside.
    Damaged,
    /// The disk is full: free room, try again.
    Full,
    /// The disk fails or is read-only: close, reopen, try again.
    Disk,
}

/// Sorts an error. Unknown ones count as the disk's: trying again harms nothing, putting a good file aside does.
pub(crate) fn fault(error: &rusqlite::Error) -> Fault {
    match error {
        rusqlite::Error::SqliteFailure(e, text) => match e.code {
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Fault::Damaged,
            ErrorCode::DiskFull => Fault::Full,
            // A table or column that is not there: our statements are fixed, so it is the file that has changed.
            _ if text.as_deref().is_some_and(|t| t.starts_with("no such ")) => Fault::Damaged,
            _ => Fault::Disk,
        },
        // A statement that does not fit, a text that is not UTF-8, a number out of range: not what we wrote.
        rusqlite::Error::SqlInputError { .. }
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::QueryReturnedNoRows => Fault::Damaged,
        _ => Fault::Disk,
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Bytes of a page; small pages waste less at the end of a batch.
    pub(crate) page_size: u32,
    /// Pages in the WAL before they are folded into the file.
    pub(crate) checkpoint_pages: u32,
}

/// Opens a file for writing; makes it, with rights 0600, if it is not there.
pub(crate) fn open_writer(path: &Path, layout: Layout) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    guard(&conn)?;
    conn.pragma_update(None, "page_size", layout.page_size)?;
    let mode: String = conn.query_row("PRAGMA journal_mode=WAL", [], |r| r.get(0))?;
    if mode != "wal" {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error { code: ErrorCode::CannotOpen, extended_code: 14 },
            Some(format!("journal mode is {mode}, not wal")),
        ));
    }
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "wal_autocheckpoint", layout.checkpoint_pages)?;
    conn.pragma_update(None, "journal_size_limit", 1 << 20)?;
    Ok(conn)
}

/// Opens a file for reading. `plain` says that it is sealed: nobody writes it and it has no WAL.
pub(crate) fn open_reader(path: &Path, plain: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = if plain {
        let uri = format!("file:{}?immutable=1", uri_path(path));
        Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?
    } else {
        // Read-write rights are needed to share the WAL's index; `query_only` keeps it from writing.
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE)?
    };
    guard(&conn)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

fn guard(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(Duration::from_millis(BUSY_MS))?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.pragma_update(None, "mmap_size", 0)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(())
}

/// A path inside a `file:` URI: `?`, `#` and `%` would end or bend it.
fn uri_path(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

/// Moves the whole WAL into the file, synced. Afterwards everything visible is on the medium.
pub(crate) fn checkpoint(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Turns a file that will not be written any more into a plain one without companions.
pub(crate) fn seal(conn: &Connection) -> rusqlite::Result<()> {
    // A reader that has it open right now must not hold up the writer: it is tried again later.
    conn.busy_timeout(Duration::from_millis(20))?;
    checkpoint(conn)?;
    conn.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(()))
}

/// SQL integers are signed; our numbers stay below 2^63.
pub(crate) fn int(v: u64) -> i64 {
    i64::try_from(v).unwrap_or(i64::MAX)
}

/// A number of ours read back; negative ones are damage.
pub(crate) fn uint(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let v: i64 = row.get(column)?;
    u64::try_from(v).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, v))
}
