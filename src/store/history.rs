//! One UTC day of the history as a file. Format in the documentation of [`crate::store`].

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use crate::model::journal::Epoch;
use crate::store::block::Summary;
use crate::store::shared::Folded;
use crate::store::sqlite::{self, APPLICATION_ID, Layout, int, uint};

const LAYOUT: Layout = Layout { page_size: 1024, checkpoint_pages: 1024 };
const VERSION: i32 = 1;
const SCHEMA: &str = "
    CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE points(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
    CREATE TABLE builds(hour INTEGER NOT NULL, build INTEGER NOT NULL, PRIMARY KEY(hour, build)) WITHOUT ROWID;
    CREATE TABLE block(id INTEGER PRIMARY KEY, count INTEGER NOT NULL, bad INTEGER NOT NULL, min REAL, max REAL, sum REAL,
        last REAL, last_at INTEGER NOT NULL, times_of INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);";
/// Milliseconds of an hour and a day.
pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// Key of a block: hour of the day, build, point. Blocks of one hour stand together, in the order they are written.
pub(crate) fn block_id(hour: i64, build: u64, point: i64) -> i64 {
    hour << 56 | (int(build) & 0xff_ffff) << 32 | point
}

/// A block as stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub(crate) id: i64,
    pub(crate) summary: Summary,
    /// Block whose times are also this one's; its own id if it has them itself.
    pub(crate) times_of: i64,
    pub(crate) body: Vec<u8>,
}

impl Block {
    fn crc(&self, day: i64) -> i64 {
        let s = &self.summary;
        let mut head = Vec::with_capacity(80);
        for v in [day, self.id, self.times_of, s.last_at, int(s.count), int(s.bad)] {
            head.extend_from_slice(&v.to_le_bytes());
        }
        for v in [s.min, s.max, s.sum, s.last] {
            head.extend_from_slice(&v.to_le_bytes());
        }
        i64::from(crc32c::crc32c_append(crc32c::crc32c(&head), &self.body))
    }
}

/// A day open for writing; everything goes in one transaction between [`Day::open`] and [`Day::commit`].
#[derive(Debug)]
pub(crate) struct Day {
    pub(crate) day: i64,
    conn: Connection,
}

impl Day {
    pub(crate) fn open(path: &Path, day: i64) -> rusqlite::Result<Self> {
        let conn = sqlite::open_writer(path, LAYOUT)?;
        let version: i32 = conn.query_row("PRAGMA user_version", [], |r| r.get(0))?;
        conn.execute_batch("BEGIN IMMEDIATE")?;
        if version == 0 {
            conn.execute_batch(SCHEMA)?;
            conn.pragma_update(None, "application_id", APPLICATION_ID)?;
            conn.pragma_update(None, "user_version", VERSION)?;
        }
        Ok(Self { day, conn })
    }

    /// Number of a point in this file.
    pub(crate) fn point(&self, key: &str) -> rusqlite::Result<i64> {
        let known = point(&self.conn, key)?;
        known.map_or_else(
            || {
                self.conn.execute("INSERT INTO points(key) VALUES(?1)", [key])?;
                Ok(self.conn.last_insert_rowid())
            },
            Ok,
        )
    }

    /// Enters a block; the same block of an unfinished build is replaced.
    pub(crate) fn put(&self, hour: i64, build: u64, block: &Block) -> rusqlite::Result<()> {
        self.conn.execute("INSERT OR IGNORE INTO builds VALUES(?1, ?2)", params![hour, int(build)])?;
        let s = &block.summary;
        let some = |v: f64| (s.count > 0).then_some(v);
        self.conn
            .prepare("INSERT OR REPLACE INTO block VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)")?
            .execute(params![
                block.id,
                int(s.count),
                int(s.bad),
                some(s.min),
                some(s.max),
                some(s.sum),
                some(s.last),
                s.last_at,
                block.times_of,
                block.crc(self.day),
                block.body
            ])
            .map(drop)
    }

    /// Remembers how far the outbox has been folded.
    pub(crate) fn folded(&self, epoch: Epoch, folded: &Folded) -> rusqlite::Result<()> {
        let value = format!("{epoch} {} {} {} {}", folded.seq, folded.tail_from, folded.cut_ms, folded.build);
        self.conn.execute("INSERT OR REPLACE INTO meta VALUES('folded', ?1)", [value]).map(drop)
    }

    /// Commits, synced, and folds the WAL back, so that a closed day is one plain file as far as possible.
    pub(crate) fn commit(self) -> rusqlite::Result<()> {
        self.conn.execute_batch("COMMIT")?;
        sqlite::checkpoint(&self.conn)
    }
}

/// How far the outbox has been folded, as one day's file knows it.
pub(crate) fn read_folded(conn: &Connection, epoch: Epoch) -> rusqlite::Result<Option<Folded>> {
    let text: Option<String> =
        conn.query_row("SELECT value FROM meta WHERE key = 'folded'", [], |r| r.get(0)).optional()?;
    let Some(text) = text else { return Ok(None) };
    let words: Vec<&str> = text.split(' ').collect();
    let [e, seq, tail_from, cut_ms, build] = words.as_slice() else { return Ok(None) };
    if *e != epoch.to_string() {
        return Ok(None);
    }
    let folded = || {
        Some(Folded {
            seq: seq.parse().ok()?,
            tail_from: tail_from.parse().ok()?,
            cut_ms: cut_ms.parse().ok()?,
            build: build.parse().ok()?,
        })
    };
    Ok(folded())
}

/// Number of a point in a file.
pub(crate) fn point(conn: &Connection, key: &str) -> rusqlite::Result<Option<i64>> {
    conn.query_row("SELECT id FROM points WHERE key = ?1", [key], |r| r.get(0)).optional()
}

/// Finished builds of an hour.
pub(crate) fn builds(conn: &Connection, hour: i64, below: u64) -> rusqlite::Result<Vec<u64>> {
    let mut statement = conn.prepare("SELECT build FROM builds WHERE hour = ?1 AND build < ?2")?;
    statement.query_map(params![hour, int(below)], |r| uint(r, 0))?.collect()
}

/// A block; `None` if there is none or its CRC does not fit.
pub(crate) fn block(conn: &Connection, day: i64, id: i64) -> rusqlite::Result<Option<Block>> {
    let sql = "SELECT count, bad, min, max, sum, last, last_at, times_of, crc, body FROM block WHERE id = ?1";
    let empty = Summary::default();
    let found = conn
        .query_row(sql, [id], |r| {
            let or = |i: usize, v: f64| r.get::<_, Option<f64>>(i).map(|x| x.unwrap_or(v));
            let summary = Summary {
                count: uint(r, 0)?,
                bad: uint(r, 1)?,
                min: or(2, empty.min)?,
                max: or(3, empty.max)?,
                sum: or(4, empty.sum)?,
                last: or(5, empty.last)?,
                last_at: r.get(6)?,
            };
            Ok((Block { id, summary, times_of: r.get(7)?, body: r.get(9)? }, r.get::<_, i64>(8)?))
        })
        .optional()?;
    Ok(found.filter(|(block, crc)| block.crc(day) == *crc).map(|(block, _)| block))
}
