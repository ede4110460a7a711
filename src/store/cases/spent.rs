//! Closed cases that are kept no longer: they go with their sightings and steps, and one count stays of each for the figures.
//!
//! Counts are kept by quarter of an hour for [`TALLIES_KEPT_MS`], longer than figures reach back, so their number is bounded.
//! Sightings that nothing hands out any more are trimmed besides: a lane that is blocked for a week sends thousands.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::{SIGHTINGS_MAX, has, sealed, unsealed};
use crate::model::case::{Case, CaseNo};
use crate::model::casebook::{Tally, quarter};
use crate::store::sqlite::int;

/// Added to files of any age: releases that do not know it leave it alone.
pub(super) const TALLIES: &str = "
    CREATE TABLE IF NOT EXISTS tallies(quarter INTEGER NOT NULL, facts TEXT NOT NULL, crc INTEGER NOT NULL,
        record TEXT NOT NULL, PRIMARY KEY(quarter, facts)) WITHOUT ROWID;";
/// Figures reach back 366 days from now; a case is counted from when it happened.
const TALLIES_KEPT_MS: i64 = 400 * 86_400_000;
/// Sightings that are kept whatever happens: the last of all, by which events that are sent again are known.
const SIGHTINGS_KEPT: i64 = 20_000;
/// So many new ones bring the next look; the first write after a start does, too.
pub(super) const TRIM_EVERY: usize = 5_000;
/// Sightings that are trimmed at once.
const TRIMMED_MAX: i64 = 10_000;

/// Deletes a case, unless it is open, held, the last of all, waits for a picture, or cannot be read.
pub(super) fn delete(conn: &Connection, no: CaseNo) -> rusqlite::Result<()> {
    let sql = "SELECT crc, record FROM cases WHERE no = ?1 AND open = 0 AND no < (SELECT max(no) FROM cases)
        AND NOT EXISTS (SELECT 1 FROM promised WHERE case_no = ?1)";
    let found: Option<(i64, String)> = conn.query_row(sql, [int(no.0)], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
    // Read here: somebody may have put a hold on it since whoever deletes looked at it.
    let case = found.and_then(|(crc, text)| unsealed::<Case>(crc, &text)).filter(|c| !c.is_open() && !c.held);
    let Some(case) = case else { return Ok(()) };
    count(conn, &Tally::of(&case))?;
    for table in ["sightings", "steps"] {
        conn.execute(&format!("DELETE FROM {table} WHERE case_no = ?1"), [int(no.0)])?;
    }
    conn.execute("DELETE FROM cases WHERE no = ?1", [int(no.0)])?;
    Ok(())
}

fn count(conn: &Connection, tally: &Tally) -> rusqlite::Result<()> {
    let (_, facts) = sealed(tally)?;
    let known: Option<(i64, String)> = conn
        .query_row(
            "SELECT crc, record FROM tallies WHERE quarter = ?1 AND facts = ?2",
            params![tally.quarter_wall_ms, facts],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )
        .optional()?;
    let before = known.and_then(|(crc, text)| unsealed::<(Tally, u32)>(crc, &text)).map_or(0, |(_, n)| n);
    let (crc, record) = sealed(&(tally, before.saturating_add(1)))?;
    let row = params![tally.quarter_wall_ms, facts, crc, record];
    conn.execute("INSERT OR REPLACE INTO tallies VALUES(?1,?2,?3,?4)", row)?;
    Ok(())
}

/// Forgets counts that no figures reach any more, and sightings that nothing hands out any more.
pub(super) fn trim(conn: &Connection) -> rusqlite::Result<()> {
    // By the newest case, not by a clock: time that was wrong once must not delete what counts.
    let newest: Option<i64> = conn.query_row("SELECT max(happened_wall) FROM cases", [], |r| r.get(0))?;
    if let Some(newest) = newest {
        let from = newest.saturating_sub(TALLIES_KEPT_MS);
        conn.execute("DELETE FROM tallies WHERE quarter < ?1", [from])?;
    }
    let sql = "DELETE FROM sightings WHERE id IN (
        SELECT s.id FROM (SELECT case_no FROM sightings GROUP BY case_no HAVING count(*) > ?1) AS large
        JOIN sightings AS s ON s.case_no = large.case_no
        WHERE s.id <= (SELECT max(id) FROM sightings) - ?2
        AND s.id > (SELECT id FROM sightings WHERE case_no = large.case_no ORDER BY id LIMIT 1 OFFSET ?1 - 1)
        LIMIT ?3)";
    conn.execute(sql, params![SIGHTINGS_MAX, SIGHTINGS_KEPT, TRIMMED_MAX])?;
    Ok(())
}

/// Shows closed cases, lowest number first, with the number of all closed ones, until told to stop. The last of all cases
/// and those that wait for a picture are left out.
pub(crate) fn closed(conn: &Connection, look: &mut dyn FnMut(u64, &Case) -> bool) -> rusqlite::Result<()> {
    let all: i64 = conn.query_row("SELECT count(*) FROM cases WHERE open = 0", [], |r| r.get(0))?;
    let waits = if has(conn, "promised")? { "AND no NOT IN (SELECT case_no FROM promised)" } else { "" };
    let sql = format!(
        "SELECT crc, record FROM cases WHERE open = 0 AND no < (SELECT max(no) FROM cases) {waits} ORDER BY no"
    );
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some(case) = unsealed::<Case>(row.get(0)?, &row.get::<_, String>(1)?) else { continue };
        if !look(u64::try_from(all).unwrap_or(0), &case) {
            break;
        }
    }
    Ok(())
}

/// What the figures count since: cases that are there, and those that were deleted.
pub(crate) fn counted(conn: &Connection, from_wall_ms: i64) -> rusqlite::Result<Vec<(Tally, u32)>> {
    let mut all: BTreeMap<Tally, u32> = BTreeMap::new();
    let mut statement = conn.prepare("SELECT crc, record FROM cases WHERE happened_wall >= ?1")?;
    let mut rows = statement.query([from_wall_ms])?;
    while let Some(row) = rows.next()? {
        if let Some(case) = unsealed::<Case>(row.get(0)?, &row.get::<_, String>(1)?) {
            *all.entry(Tally::of(&case)).or_default() += 1;
        }
    }
    if has(conn, "tallies")? {
        let gone: Vec<(Tally, u32)> =
            super::rows(conn, "SELECT crc, record FROM tallies WHERE quarter >= ?1", [quarter(from_wall_ms)])?;
        for (tally, n) in gone {
            let sum = all.entry(tally).or_default();
            *sum = sum.saturating_add(n);
        }
    }
    Ok(all.into_iter().collect())
}
