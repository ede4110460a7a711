//! `cases.db`: cases, the sightings in them, and every step, made with the first case. A file of its own, so that a flood of
//! events and damage by it never touch the journal.
//!
//! `cases` holds each case as it stands, `steps` are only ever added, a sighting is there once per camera and key of its event however
//! often it was sent; `tallies` counts the cases that were deleted. Every row carries a CRC-32C; one that does not fit is passed over. One write is one synced commit.

mod spent;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::case::{Case, CaseFilter, CaseNo, CaseStory, CaseWrite, KeptSighting, Promised};
use crate::store::files;
use crate::store::sqlite::{self, APPLICATION_ID, Layout, int, uint};

pub(crate) use spent::{closed, counted};

const LAYOUT: Layout = Layout { page_size: 4096, checkpoint_pages: 256 };
/// Version of the format.
const VERSION: i32 = 1;
/// Most rows one call hands out.
const ROWS_MAX: usize = 1_000;
/// Most sightings of one case that are handed out; the rest is counted in the case.
const SIGHTINGS_MAX: i64 = 200;
/// Cases looked at for figures and restarts.
const FIGURES_MAX: i64 = 20_000;
const SCHEMA: &str = "
    CREATE TABLE cases(no INTEGER PRIMARY KEY, open INTEGER NOT NULL, happened_wall INTEGER NOT NULL,
        crc INTEGER NOT NULL, record TEXT NOT NULL);
    CREATE INDEX cases_open ON cases(no) WHERE open = 1;
    CREATE INDEX cases_happened ON cases(happened_wall);
    CREATE TABLE sightings(id INTEGER PRIMARY KEY, camera TEXT NOT NULL, event TEXT NOT NULL, case_no INTEGER NOT NULL,
        crc INTEGER NOT NULL, record TEXT NOT NULL, UNIQUE(camera, event));
    CREATE INDEX sightings_case ON sightings(case_no);
    CREATE TABLE steps(id INTEGER PRIMARY KEY, case_no INTEGER NOT NULL, crc INTEGER NOT NULL, record TEXT NOT NULL,
        UNIQUE(case_no, record));";

/// Footage that is still to come. Added to files of any age: releases that do not know it leave it alone.
const PROMISED: &str = "
    CREATE TABLE IF NOT EXISTS promised(case_no INTEGER NOT NULL, reference TEXT NOT NULL, crc INTEGER NOT NULL,
        record TEXT NOT NULL, PRIMARY KEY(case_no, reference)) WITHOUT ROWID;";

/// Where it lies.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join("cases.db")
}

/// The open file.
#[derive(Debug)]
pub(crate) struct CaseFile {
    conn: Connection,
    /// Sightings entered since the last look for those that nobody needs.
    untrimmed: usize,
}

impl CaseFile {
    /// Opens or makes the file. One that is damaged, or of a newer release, is an error that counts as damage.
    pub(crate) fn open(dir: &Path) -> rusqlite::Result<Self> {
        let path = path(dir);
        files::touch(&path).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
        let mut conn = sqlite::open_writer(&path, LAYOUT)?;
        let version: i32 = conn.query_row("PRAGMA user_version", [], |r| r.get(0))?;
        if version == 0 {
            let tx = conn.transaction()?;
            tx.execute_batch(SCHEMA)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.pragma_update(None, "user_version", VERSION)?;
            tx.commit()?;
        } else if version != VERSION {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
        let sound: String = conn.query_row("PRAGMA quick_check(1)", [], |r| r.get(0))?;
        if sound != "ok" {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
        conn.execute_batch(PROMISED)?;
        conn.execute_batch(spent::TALLIES)?;
        // Rows found in the WAL may never have been synced; after this they are.
        sqlite::checkpoint(&conn)?;
        Ok(Self { conn, untrimmed: spent::TRIM_EVERY })
    }

    /// One synced transaction. Writing the same thing twice leaves one.
    pub(crate) fn write(&mut self, write: &CaseWrite) -> rusqlite::Result<()> {
        let tx = self.conn.transaction()?;
        for case in &write.cases {
            let (crc, record) = sealed(case)?;
            let row = params![int(case.no.0), case.is_open(), case.happened_wall_ms, crc, record];
            tx.prepare("INSERT OR REPLACE INTO cases VALUES(?1,?2,?3,?4,?5)")?.execute(row)?;
        }
        for seen in &write.sightings {
            let (crc, record) = sealed(seen)?;
            let row = params![seen.camera, seen.key(), int(seen.case.0), crc, record];
            let sql = "INSERT OR IGNORE INTO sightings(camera, event, case_no, crc, record) VALUES(?1,?2,?3,?4,?5)";
            tx.prepare(sql)?.execute(row)?;
        }
        for step in &write.steps {
            let (crc, record) = sealed(step)?;
            let sql = "INSERT OR IGNORE INTO steps(case_no, crc, record) VALUES(?1,?2,?3)";
            tx.prepare(sql)?.execute(params![int(step.case.0), crc, record])?;
        }
        for no in &write.evicted {
            // Read here: somebody may have put a hold on the case since whoever deletes looked at it.
            let known: Option<(i64, String)> = tx
                .query_row("SELECT crc, record FROM cases WHERE no = ?1", [int(no.0)], |r| Ok((r.get(0)?, r.get(1)?)))
                .optional()?;
            let Some(mut case) = known.and_then(|(crc, text)| unsealed::<Case>(crc, &text)) else { continue };
            case.evicted = true;
            let (crc, record) = sealed(&case)?;
            tx.prepare("UPDATE cases SET crc = ?2, record = ?3 WHERE no = ?1")?.execute(params![
                int(no.0),
                crc,
                record
            ])?;
        }
        for promised in &write.promised {
            let (crc, record) = sealed(promised)?;
            let row = params![int(promised.case.0), promised.reference, crc, record];
            tx.prepare("INSERT OR IGNORE INTO promised VALUES(?1,?2,?3,?4)")?.execute(row)?;
        }
        for (case, reference) in &write.settled {
            let sql = "DELETE FROM promised WHERE case_no = ?1 AND reference = ?2";
            tx.prepare(sql)?.execute(params![int(case.0), reference])?;
        }
        for no in &write.spent {
            spent::delete(&tx, *no)?;
        }
        let untrimmed = self.untrimmed + write.sightings.len();
        let trims = untrimmed >= spent::TRIM_EVERY || !write.spent.is_empty();
        if trims {
            spent::trim(&tx)?;
        }
        tx.commit()?;
        self.untrimmed = if trims { 0 } else { untrimmed };
        Ok(())
    }
}

fn sealed(what: &impl Serialize) -> rusqlite::Result<(i64, String)> {
    let record = serde_json::to_string(what).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    Ok((i64::from(crc32c::crc32c(record.as_bytes())), record))
}

fn unsealed<T: DeserializeOwned>(crc: i64, record: &str) -> Option<T> {
    (crc == i64::from(crc32c::crc32c(record.as_bytes()))).then(|| serde_json::from_str(record).ok()).flatten()
}

fn rows<T: DeserializeOwned>(conn: &Connection, sql: &str, args: impl rusqlite::Params) -> rusqlite::Result<Vec<T>> {
    let mut statement = conn.prepare(sql)?;
    let found = statement.query_map(args, |r| Ok(unsealed(r.get(0)?, &r.get::<_, String>(1)?)))?;
    Ok(found.collect::<rusqlite::Result<Vec<Option<T>>>>()?.into_iter().flatten().collect())
}

/// Cases, newest first.
pub(crate) fn list(conn: &Connection, filter: &CaseFilter) -> rusqlite::Result<Vec<Case>> {
    let limit = if filter.limit == 0 { 100 } else { filter.limit.min(ROWS_MAX) };
    let open = if filter.open_only { "open = 1 AND" } else { "" };
    let sql = format!("SELECT crc, record FROM cases WHERE {open} no < ?1 ORDER BY no DESC LIMIT ?2");
    rows(conn, &sql, params![filter.before.map_or(i64::MAX, int), int(limit as u64)])
}

/// Cases that happened since, oldest first; of very many the last.
pub(crate) fn since(conn: &Connection, from_wall_ms: i64) -> rusqlite::Result<Vec<Case>> {
    let sql = "SELECT crc, record FROM cases WHERE happened_wall >= ?1 ORDER BY happened_wall DESC LIMIT ?2";
    let mut found = rows(conn, sql, params![from_wall_ms, FIGURES_MAX])?;
    found.reverse();
    Ok(found)
}

/// One case with all that belongs to it.
pub(crate) fn story(conn: &Connection, no: CaseNo) -> rusqlite::Result<Option<CaseStory>> {
    let record: Option<(i64, String)> = conn
        .query_row("SELECT crc, record FROM cases WHERE no = ?1", [int(no.0)], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    let Some(case) = record.and_then(|(crc, text)| unsealed(crc, &text)) else { return Ok(None) };
    let sightings = rows(
        conn,
        "SELECT crc, record FROM sightings WHERE case_no = ?1 ORDER BY id LIMIT ?2",
        params![int(no.0), SIGHTINGS_MAX],
    )?;
    let steps = rows(conn, "SELECT crc, record FROM steps WHERE case_no = ?1 ORDER BY id", [int(no.0)])?;
    Ok(Some(CaseStory { case, sightings, steps }))
}

/// The last sightings with tracks, newest first.
pub(crate) fn tracks(conn: &Connection, limit: usize) -> rusqlite::Result<Vec<KeptSighting>> {
    rows(conn, "SELECT crc, record FROM sightings ORDER BY id DESC LIMIT ?1", [int(limit.min(5_000) as u64)])
}

/// `(camera, key of the event, case)` of the last events, oldest first.
pub(crate) fn seen(conn: &Connection, limit: usize) -> rusqlite::Result<Vec<(String, String, CaseNo)>> {
    let sql = "SELECT camera, event, case_no FROM sightings ORDER BY id DESC LIMIT ?1";
    let mut statement = conn.prepare(sql)?;
    let found = statement.query_map([int(limit as u64)], |r| Ok((r.get(0)?, r.get(1)?, CaseNo(uint(r, 2)?))))?;
    let mut all = found.collect::<rusqlite::Result<Vec<_>>>()?;
    all.reverse();
    Ok(all)
}

/// The case an event went into, by one of its keys.
pub(crate) fn known(conn: &Connection, camera: &str, keys: &[String]) -> rusqlite::Result<Option<CaseNo>> {
    for key in keys {
        let sql = "SELECT case_no FROM sightings WHERE camera = ?1 AND event = ?2";
        let found = conn.query_row(sql, params![camera, key], |r| Ok(CaseNo(uint(r, 0)?))).optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Open cases, newest first, however many.
pub(crate) fn open(conn: &Connection) -> rusqlite::Result<Vec<Case>> {
    rows(conn, "SELECT crc, record FROM cases WHERE open = 1 ORDER BY no DESC LIMIT ?1", [FIGURES_MAX])
}

/// Which of these open cases are not there.
pub(crate) fn missing(conn: &Connection, open: &[CaseNo]) -> rusqlite::Result<Vec<CaseNo>> {
    let mut statement = conn.prepare("SELECT count(*) FROM cases WHERE no = ?1")?;
    let mut missing = Vec::new();
    for no in open {
        if statement.query_row([int(no.0)], |r| r.get::<_, i64>(0))? == 0 {
            missing.push(*no);
        }
    }
    Ok(missing)
}

/// Footage that is still to come, at most so much, by case.
pub(crate) fn promised(conn: &Connection, limit: usize) -> rusqlite::Result<Vec<Promised>> {
    if !has(conn, "promised")? {
        return Ok(Vec::new());
    }
    rows(conn, "SELECT crc, record FROM promised ORDER BY case_no LIMIT ?1", [int(limit as u64)])
}

/// Whether the file has this table: one that an earlier release wrote may lack it.
fn has(conn: &Connection, table: &str) -> rusqlite::Result<bool> {
    conn.query_row("SELECT count(*) FROM sqlite_schema WHERE name = ?1", [table], |r| Ok(r.get::<_, i64>(0)? > 0))
}

/// Highest number given.
pub(crate) fn last(conn: &Connection) -> rusqlite::Result<u64> {
    let no: Option<i64> = conn.query_row("SELECT max(no) FROM cases", [], |r| r.get(0))?;
    Ok(no.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}
