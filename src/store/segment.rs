//! One file of the outbox. Format in the documentation of [`crate::store`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::journal::Epoch;
use crate::model::stored::Heads;
use crate::model::time::{Anchor, BootMs, Trust, WallMs};
use crate::store::codec::{Take, put_varint};
use crate::store::sqlite::{self, APPLICATION_ID, Layout, int, uint};

/// Small pages: a batch of some kilobytes wastes half a page at its end.
const LAYOUT: Layout = Layout { page_size: 1024, checkpoint_pages: 1024 };
/// Version of the format.
const VERSION: i32 = 1;
const SCHEMA: &str = "
    CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE points(id INTEGER PRIMARY KEY, key TEXT NOT NULL, crc INTEGER NOT NULL);
    CREATE TABLE batch(seq_first INTEGER PRIMARY KEY, count INTEGER NOT NULL, boot INTEGER NOT NULL,
        t_min INTEGER NOT NULL, t_max INTEGER NOT NULL, anchor_boot INTEGER NOT NULL, anchor_wall INTEGER NOT NULL,
        trust INTEGER NOT NULL, heads BLOB NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);";
const ROW: &str =
    "SELECT seq_first, count, boot, t_min, t_max, anchor_boot, anchor_wall, trust, heads, crc, body FROM batch";

/// A row without its identity in the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawRow {
    pub(crate) seq_first: u64,
    pub(crate) count: u64,
    pub(crate) boot: u64,
    pub(crate) t_min: i64,
    pub(crate) t_max: i64,
    pub(crate) anchor: Anchor,
    /// Heads of the journal streams at commit: marks kept in a second file.
    pub(crate) heads: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

fn trust_code(trust: Trust) -> u8 {
    match trust {
        Trust::Unset => 0,
        Trust::Holdover => 1,
        Trust::Synced => 2,
    }
}

pub(crate) fn trust_to_sql(trust: Trust) -> i64 {
    i64::from(trust_code(trust))
}

pub(crate) fn trust_from_sql(code: i64) -> Trust {
    match code {
        2 => Trust::Synced,
        1 => Trust::Holdover,
        _ => Trust::Unset,
    }
}

impl RawRow {
    fn crc(&self, epoch: Epoch) -> u32 {
        let mut head = Vec::with_capacity(80);
        for v in [epoch.0, self.seq_first, self.count, self.boot] {
            head.extend_from_slice(&v.to_le_bytes());
        }
        for v in [self.t_min, self.t_max, self.anchor.boot.0, self.anchor.wall.0] {
            head.extend_from_slice(&v.to_le_bytes());
        }
        head.push(trust_code(self.anchor.trust));
        head.extend_from_slice(&self.heads);
        crc32c::crc32c_append(crc32c::crc32c(&head), &self.body)
    }

    /// Last number in the row.
    pub(crate) fn seq_last(&self) -> u64 {
        self.seq_first + self.count.saturating_sub(1)
    }
}

/// Journal epoch and heads as bytes.
pub(crate) fn put_heads(epoch: Epoch, heads: &Heads) -> Vec<u8> {
    let mut out = epoch.0.to_le_bytes().to_vec();
    for v in [heads.alarm, heads.command, heads.audit, heads.event] {
        put_varint(&mut out, v);
    }
    out
}

/// Journal epoch and heads from bytes.
pub(crate) fn take_heads(bytes: &[u8]) -> Option<(Epoch, Heads)> {
    let (epoch, rest) = bytes.split_first_chunk::<8>()?;
    let mut from = Take(rest);
    let (alarm, command, audit, event) = (from.varint()?, from.varint()?, from.varint()?, from.varint()?);
    Some((Epoch(u64::from_le_bytes(*epoch)), Heads { alarm, command, audit, event, telemetry: 0 }))
}

/// A row as found: whole, or known to be wrong.
#[derive(Debug)]
pub(crate) enum Found {
    Whole(RawRow),
    /// The CRC does not fit; the number is the key in the file, which itself may be wrong.
    Wrong {
        seq_first: u64,
    },
}

fn found(row: &rusqlite::Row<'_>, epoch: Epoch) -> rusqlite::Result<Found> {
    let raw = RawRow {
        seq_first: uint(row, 0)?,
        count: uint(row, 1).unwrap_or(0),
        boot: uint(row, 2).unwrap_or(0),
        t_min: row.get(3).unwrap_or(0),
        t_max: row.get(4).unwrap_or(0),
        anchor: Anchor {
            boot: BootMs(row.get(5).unwrap_or(0)),
            wall: WallMs(row.get(6).unwrap_or(0)),
            trust: trust_from_sql(row.get(7).unwrap_or(0)),
        },
        heads: row.get(8).unwrap_or_default(),
        body: row.get(10).unwrap_or_default(),
    };
    let crc: i64 = row.get(9).unwrap_or(-1);
    if raw.count > 0 && crc == i64::from(raw.crc(epoch)) {
        Ok(Found::Whole(raw))
    } else {
        Ok(Found::Wrong { seq_first: raw.seq_first })
    }
}

/// First row whose number is above `seq`, or that holds `seq + 1`.
pub(crate) fn row_after(conn: &Connection, epoch: Epoch, seq: u64) -> rusqlite::Result<Option<Found>> {
    // The row that begins at or before seq + 1 may reach beyond it.
    let sql = format!("{ROW} WHERE seq_first <= ?1 ORDER BY seq_first DESC LIMIT 1");
    let holding = conn.prepare(&sql)?.query_row([int(seq + 1)], |r| found(r, epoch)).optional()?;
    match holding {
        Some(Found::Whole(row)) if row.seq_last() > seq => return Ok(Some(Found::Whole(row))),
        Some(Found::Wrong { seq_first }) if seq_first == seq + 1 => return Ok(Some(Found::Wrong { seq_first })),
        _ => {}
    }
    let sql = format!("{ROW} WHERE seq_first > ?1 ORDER BY seq_first LIMIT 1");
    conn.prepare(&sql)?.query_row([int(seq + 1)], |r| found(r, epoch)).optional()
}

/// Number of the first row that begins after `seq`.
pub(crate) fn next_first(conn: &Connection, seq: u64) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT seq_first FROM batch WHERE seq_first > ?1 ORDER BY seq_first LIMIT 1";
    conn.prepare(sql)?.query_row([int(seq)], |r| uint(r, 0)).optional()
}

/// CRC of a point's row: a flipped bit in a key would give readings to another point.
pub(crate) fn key_crc(id: u64, key: &str) -> i64 {
    i64::from(crc32c::crc32c_append(crc32c::crc32c(&id.to_le_bytes()), key.as_bytes()))
}

/// Keys of a file by point number.
pub(crate) fn keys(conn: &Connection) -> rusqlite::Result<Vec<Arc<str>>> {
    let mut statement = conn.prepare("SELECT id, key, crc FROM points ORDER BY id")?;
    let mut keys: Vec<Arc<str>> = Vec::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let key: String = row.get(1)?;
        // Numbers are given in order from 0; a hole means damage, and later keys would be wrong.
        let id = uint(row, 0)?;
        if id != keys.len() as u64 || row.get::<_, i64>(2)? != key_crc(id, &key) {
            return Err(rusqlite::Error::IntegralValueOutOfRange(0, row.get(0)?));
        }
        keys.push(Arc::from(key));
    }
    Ok(keys)
}

/// Epoch, first and last reading of a file.
pub(crate) fn extent(conn: &Connection) -> rusqlite::Result<(Epoch, u64, u64)> {
    let epoch: String = conn.query_row("SELECT value FROM meta WHERE key='epoch'", [], |r| r.get(0))?;
    let epoch = u64::from_str_radix(&epoch, 16).map_err(|_| rusqlite::Error::QueryReturnedNoRows)?;
    let first = conn.query_row("SELECT seq_first FROM batch ORDER BY seq_first LIMIT 1", [], |r| uint(r, 0));
    let last =
        conn.query_row("SELECT seq_first + count - 1 FROM batch ORDER BY seq_first DESC LIMIT 1", [], |r| uint(r, 0));
    Ok((Epoch(epoch), first.optional()?.unwrap_or(0), last.optional()?.unwrap_or(0)))
}

/// The file that is being written.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) no: u64,
    pub(crate) path: PathBuf,
    pub(crate) epoch: Epoch,
    conn: Connection,
    /// File number of each point.
    pub(crate) ids: Vec<u32>,
}

impl Segment {
    /// Makes a new file, or opens one to go on writing. Everything in it is on the medium afterwards.
    pub(crate) fn open(path: &Path, no: u64, epoch: Epoch, points: &[Arc<str>]) -> rusqlite::Result<Self> {
        let mut conn = sqlite::open_writer(path, LAYOUT)?;
        let version: i32 = conn.query_row("PRAGMA user_version", [], |r| r.get(0))?;
        let tx = conn.transaction()?;
        if version == 0 {
            tx.execute_batch(SCHEMA)?;
            tx.execute("INSERT INTO meta VALUES('epoch', ?1)", [epoch.to_string()])?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.pragma_update(None, "user_version", VERSION)?;
        }
        let ids = enter_points(&tx, points)?;
        tx.commit()?;
        sqlite::checkpoint(&conn)?;
        let (epoch, _, _) = extent(&conn)?;
        Ok(Self { no, path: path.to_owned(), epoch, conn, ids })
    }

    /// Commits one row, synced.
    pub(crate) fn append(&self, raw: &RawRow) -> rusqlite::Result<()> {
        let crc = i64::from(raw.crc(self.epoch));
        let mut insert = self.conn.prepare("INSERT INTO batch VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)")?;
        insert.execute(params![
            int(raw.seq_first),
            int(raw.count),
            int(raw.boot),
            raw.t_min,
            raw.t_max,
            raw.anchor.boot.0,
            raw.anchor.wall.0,
            trust_to_sql(raw.anchor.trust),
            raw.heads,
            crc,
            raw.body
        ])?;
        Ok(())
    }

    /// First and last reading, and the last row. A wrong last row is damage.
    pub(crate) fn tail(&self) -> rusqlite::Result<(u64, u64, Option<RawRow>)> {
        let (_, first, last) = extent(&self.conn)?;
        if last == 0 {
            return Ok((0, 0, None));
        }
        match row_after(&self.conn, self.epoch, last.saturating_sub(1))? {
            Some(Found::Whole(row)) => Ok((first, last, Some(row))),
            _ => Err(rusqlite::Error::QueryReturnedNoRows),
        }
    }

    /// Moves everything into the file.
    pub(crate) fn checkpoint(&self) -> rusqlite::Result<()> {
        sqlite::checkpoint(&self.conn)
    }

    /// No more writes.
    pub(crate) fn seal(self) -> rusqlite::Result<()> {
        sqlite::seal(&self.conn)
    }
}

/// Seals a file that was left open by a crash between making its successor and sealing it.
pub(crate) fn seal_left_over(path: &Path) -> rusqlite::Result<()> {
    sqlite::seal(&sqlite::open_writer(path, LAYOUT)?)
}

/// Syncs a file that will be written on.
pub(crate) fn sync_left_over(path: &Path) -> rusqlite::Result<()> {
    sqlite::checkpoint(&sqlite::open_writer(path, LAYOUT)?)
}

fn enter_points(conn: &Connection, points: &[Arc<str>]) -> rusqlite::Result<Vec<u32>> {
    let known = keys(conn)?;
    let mut by_key: std::collections::HashMap<&str, usize> = known.iter().enumerate().map(|(i, k)| (&**k, i)).collect();
    let mut insert = conn.prepare("INSERT OR IGNORE INTO points VALUES(?1, ?2, ?3)")?;
    let mut next = known.len();
    let mut ids = Vec::with_capacity(points.len());
    for key in points {
        let id = *by_key.entry(key).or_insert_with(|| {
            next += 1;
            next - 1
        });
        if id >= known.len() && id + 1 == next {
            insert.execute(params![int(id as u64), &**key, key_crc(id as u64, key)])?;
        }
        ids.push(u32::try_from(id).unwrap_or(u32::MAX));
    }
    Ok(ids)
}
