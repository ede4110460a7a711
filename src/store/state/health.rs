//! Health records and people's entries in `state.db`: one row per device, replaced; entries only added. Bodies are text of
//! the caller's under a CRC.

use rusqlite::{Connection, Transaction, params};

use super::State;
use crate::model::health::{HealthEntry, HealthWrite};

/// Made when missing, so that a file of an earlier release gets them at its next start.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS health(device TEXT PRIMARY KEY, crc INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS health_entries(id INTEGER PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL,
        wall_ms INTEGER NOT NULL, crc INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE(device, wall_ms, crc));";

/// What was read of a damaged file.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    records: Vec<(String, String)>,
    entries: Vec<HealthEntry>,
}

impl State {
    /// Keeps records and entries in one synced transaction. An entry that is there already is not added again.
    pub(crate) fn health(&mut self, write: &HealthWrite) -> rusqlite::Result<()> {
        let tx = self.conn.transaction()?;
        put(&tx, &write.records, &write.entries)?;
        tx.commit()
    }
}

fn put(tx: &Transaction<'_>, records: &[(String, String)], entries: &[HealthEntry]) -> rusqlite::Result<()> {
    let mut record = tx.prepare("INSERT OR REPLACE INTO health VALUES(?1,?2,?3)")?;
    for (device, body) in records {
        record.execute(params![device, crc(body), body])?;
    }
    let mut enter =
        tx.prepare("INSERT OR IGNORE INTO health_entries(device, kind, wall_ms, crc, body) VALUES(?1,?2,?3,?4,?5)")?;
    for entry in entries {
        let body = serde_json::to_string(entry).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
        enter.execute(params![entry.device, entry.kind.word(), entry.at_ms, crc(&body), body])?;
    }
    Ok(())
}

fn crc(body: &str) -> i64 {
    i64::from(crc32c::crc32c(body.as_bytes()))
}

/// Records by device; one whose CRC does not fit is left out, its device begins anew.
pub(crate) fn records(conn: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let all = super::rows(conn, "SELECT device, crc, body FROM health ORDER BY device", |r| {
        let (device, sum, body): (String, i64, String) = (r.get(0)?, r.get(1)?, r.get(2)?);
        Ok((sum == crc(&body)).then_some((device, body)))
    })?;
    Ok(all.into_iter().flatten().collect())
}

/// Entries of a device (of all without one) and kind (all kinds without one), newest first.
pub(crate) fn entries(
    conn: &Connection,
    device: Option<&str>,
    kind: Option<&str>,
    max: i64,
) -> rusqlite::Result<Vec<HealthEntry>> {
    let sql = "SELECT crc, body FROM health_entries WHERE (?1 IS NULL OR device = ?1) AND (?2 IS NULL OR kind = ?2)
               ORDER BY id DESC LIMIT ?3";
    let mut statement = conn.prepare(sql)?;
    let found = statement.query_map(params![device, kind, max], |r| {
        let (sum, body): (i64, String) = (r.get(0)?, r.get(1)?);
        Ok((sum == crc(&body)).then(|| serde_json::from_str(&body).ok()).flatten())
    })?;
    Ok(found.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// What a damaged file still shows.
pub(super) fn salvage(conn: &Connection) -> Saved {
    let mut entries = entries(conn, None, None, i64::MAX).unwrap_or_default();
    entries.reverse();
    Saved { records: records(conn).unwrap_or_default(), entries }
}

/// Puts it into the new file.
pub(super) fn restore(tx: &Transaction<'_>, saved: &Saved) -> rusqlite::Result<()> {
    put(tx, &saved.records, &saved.entries)
}
