//! `state.db`: journal, alarms, cursors, clock anchors, learned registers, marks. Format in the documentation of
//! [`crate::store`]. Every method that writes is one synced transaction.

pub(crate) mod health;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::model::alarm::{AlarmEvent, AlarmRecord, AlarmState};
use crate::model::journal::{Cursor, Epoch, Gap, GapReason, Stream};
use crate::model::stored::Heads;
use crate::model::time::{Anchor, BootMs, WallMs};
use crate::store::segment::{trust_from_sql, trust_to_sql};
use crate::store::sqlite::{self, APPLICATION_ID, Layout, int, uint};

const LAYOUT: Layout = Layout { page_size: 2048, checkpoint_pages: 512 };
/// Version of the format.
pub(crate) const VERSION: i32 = 1;
const SCHEMA: &str = "
    CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE journal(id INTEGER PRIMARY KEY, boot INTEGER NOT NULL, boot_ms INTEGER NOT NULL,
        wall_ms INTEGER NOT NULL, subject TEXT NOT NULL, crc INTEGER NOT NULL, body TEXT NOT NULL);
    CREATE INDEX journal_subject ON journal(subject) WHERE id < 1152921504606846976;
    CREATE TABLE alarms(id TEXT PRIMARY KEY, key TEXT NOT NULL, device TEXT NOT NULL, open INTEGER NOT NULL,
        raised_wall INTEGER NOT NULL, crc INTEGER NOT NULL, record TEXT NOT NULL);
    CREATE INDEX alarms_raised ON alarms(raised_wall);
    CREATE INDEX alarms_open ON alarms(raised_wall) WHERE open = 1;
    CREATE TABLE cursors(upstream TEXT NOT NULL, stream INTEGER NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY(upstream, stream)) WITHOUT ROWID;
    CREATE TABLE anchors(boot INTEGER NOT NULL, boot_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL,
        trust INTEGER NOT NULL, PRIMARY KEY(boot, boot_ms)) WITHOUT ROWID;
    CREATE TABLE unsupported(device TEXT NOT NULL, point TEXT NOT NULL, PRIMARY KEY(device, point)) WITHOUT ROWID;
    CREATE TABLE gaps(stream INTEGER NOT NULL, epoch TEXT NOT NULL, seq_from INTEGER NOT NULL, seq_to INTEGER NOT NULL,
        reason TEXT NOT NULL, PRIMARY KEY(stream, epoch, seq_from)) WITHOUT ROWID;";
/// Anchors of so many boots are kept.
const BOOTS_MAX: u64 = 1000;
/// Journal rows have the stream in the highest bits of their key, so that every stream is one run of the tree.
const STREAM_SHIFT: u32 = 60;

/// The number of a stream in keys; never renumber. Alarms are 0.
pub(crate) fn stream_code(stream: Stream) -> i64 {
    match stream {
        Stream::Alarm => 0,
        Stream::Command => 1,
        Stream::Audit => 2,
        Stream::Event => 3,
        Stream::Telemetry => 4,
    }
}

pub(crate) fn stream_from(code: i64) -> Option<Stream> {
    Stream::ALL.into_iter().find(|s| stream_code(*s) == code)
}

/// Key of a journal row.
pub(crate) fn journal_id(stream: Stream, seq: u64) -> i64 {
    stream_code(stream) << STREAM_SHIFT | int(seq)
}

pub(crate) fn reason_from(word: &str) -> Option<GapReason> {
    serde_json::from_value(serde_json::Value::from(word)).ok()
}

fn reason_word(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Evicted => "evicted",
        GapReason::Corrupt => "corrupt",
        GapReason::PowerLoss => "power_loss",
        GapReason::Rejected => "rejected",
    }
}

/// A journal row before it has a number.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) stream: Stream,
    pub(crate) at: BootMs,
    pub(crate) wall_ms: i64,
    /// Alarm id, to find an alarm's changes; empty elsewhere.
    pub(crate) subject: Arc<str>,
    pub(crate) body: String,
}

/// CRC of a journal row.
pub(crate) fn journal_crc(epoch: Epoch, id: i64, boot: u64, at: i64, wall_ms: i64, body: &str) -> u32 {
    let mut head = [0u8; 40];
    let parts = [epoch.0, id.cast_unsigned(), boot, at.cast_unsigned(), wall_ms.cast_unsigned()];
    for (slot, v) in head.chunks_exact_mut(8).zip(parts) {
        slot.copy_from_slice(&v.to_le_bytes());
    }
    crc32c::crc32c_append(crc32c::crc32c(&head), body.as_bytes())
}

/// The open file.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) path: PathBuf,
    conn: Connection,
    pub(crate) epoch: Epoch,
    boot: u64,
}

/// What a file held when it was opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) gateway_id: String,
    pub(crate) boot: u64,
    pub(crate) clean: bool,
    pub(crate) first_start: bool,
    pub(crate) heads: Heads,
    pub(crate) telemetry_epoch: Option<Epoch>,
    pub(crate) telemetry_mark: u64,
    pub(crate) telemetry_lease: u64,
    pub(crate) good_wall_ms: Option<i64>,
    pub(crate) cursors: Vec<(String, Stream, Cursor)>,
    pub(crate) anchors: Vec<(u64, Anchor)>,
    pub(crate) unsupported: Vec<(String, String)>,
    pub(crate) open_alarms: Vec<AlarmRecord>,
}

impl State {
    /// Opens or makes the file and counts the boot. `fresh_epoch` gives the journal a new life (after damage).
    pub(crate) fn open(path: &Path, fresh_epoch: bool, boot_at_least: u64) -> rusqlite::Result<(Self, Kept)> {
        let mut conn = sqlite::open_writer(path, LAYOUT)?;
        let version: i32 = conn.query_row("PRAGMA user_version", [], |r| r.get(0))?;
        let first_start = version == 0;
        let tx = conn.transaction()?;
        if first_start {
            tx.execute_batch(SCHEMA)?;
            set(&tx, "gateway_id", &format!("{:016x}{:016x}", random(), random()))?;
            set(&tx, "epoch", &Epoch(random()).to_string())?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.pragma_update(None, "user_version", VERSION)?;
        } else if fresh_epoch {
            // The numbers of the old life may have been given to rows that are lost: they must not be used again.
            tx.execute("DELETE FROM journal", [])?;
            set(&tx, "epoch", &Epoch(random()).to_string())?;
        }
        tx.execute_batch(health::SCHEMA)?;
        let clean = get(&tx, "clean")?.as_deref() == Some("1");
        let boot = get_uint(&tx, "boot")?.unwrap_or(0).max(boot_at_least) + 1;
        set(&tx, "boot", &boot.to_string())?;
        set(&tx, "clean", "0")?;
        tx.execute("DELETE FROM anchors WHERE boot < ?1", [int(boot.saturating_sub(BOOTS_MAX))])?;
        tx.commit()?;
        // Rows found in the WAL may never have been synced; after this they are.
        sqlite::checkpoint(&conn)?;
        let kept = Kept { boot, clean, first_start, ..read_kept(&conn)? };
        let epoch = Epoch(get_hex(&conn, "epoch")?.ok_or(rusqlite::Error::QueryReturnedNoRows)?);
        Ok((Self { path: path.to_owned(), conn, epoch, boot }, kept))
    }

    /// Opens the file anew after a failure; what had been committed by then is synced and counted.
    pub(crate) fn reopen(self) -> rusqlite::Result<(Self, Heads)> {
        let Self { path, conn, epoch, boot } = self;
        drop(conn);
        let conn = sqlite::open_writer(&path, LAYOUT)?;
        sqlite::checkpoint(&conn)?;
        let heads = journal_heads(&conn)?;
        Ok((Self { path, conn, epoch, boot }, heads))
    }

    /// Opens the file of this boot when its handle was lost; writes nothing.
    pub(crate) fn attach(shared: &crate::store::shared::Shared) -> rusqlite::Result<Self> {
        let path = shared.dir.join("state.db");
        let conn = sqlite::open_writer(&path, LAYOUT)?;
        Ok(Self { path, conn, epoch: shared.epoch(Stream::Alarm), boot: shared.boot })
    }

    /// Puts back what could be read from a damaged predecessor.
    pub(crate) fn restore(&mut self, from: &Salvage) -> rusqlite::Result<()> {
        let tx = self.conn.transaction()?;
        if let Some(id) = &from.gateway_id {
            set(&tx, "gateway_id", id)?;
        }
        put_cursors(&tx, &from.cursors)?;
        for (device, point) in &from.unsupported {
            tx.execute("INSERT OR IGNORE INTO unsupported VALUES(?1,?2)", [device, point])?;
        }
        for alarm in &from.open_alarms {
            upsert_alarm(&tx, alarm)?;
        }
        health::restore(&tx, &from.health)?;
        tx.commit()
    }

    /// What is kept, read again.
    pub(crate) fn kept(&self) -> rusqlite::Result<Kept> {
        read_kept(&self.conn)
    }

    /// Quick check of the whole file; `false` if it finds anything.
    pub(crate) fn sound(&self) -> rusqlite::Result<bool> {
        let first: String = self.conn.query_row("PRAGMA quick_check(1)", [], |r| r.get(0))?;
        Ok(first == "ok")
    }

    /// Enters one journal row under `seq`; alarms also in their table.
    pub(crate) fn enter(&mut self, seq: u64, entry: &Entry, alarm: Option<&AlarmEvent>) -> rusqlite::Result<()> {
        let (epoch, boot) = (self.epoch, self.boot);
        let tx = self.conn.transaction()?;
        let id = journal_id(entry.stream, seq);
        let crc = journal_crc(epoch, id, boot, entry.at.0, entry.wall_ms, &entry.body);
        tx.prepare("INSERT INTO journal VALUES(?1,?2,?3,?4,?5,?6,?7)")?.execute(params![
            id,
            int(boot),
            entry.at.0,
            entry.wall_ms,
            &*entry.subject,
            i64::from(crc),
            entry.body
        ])?;
        if let Some(event) = alarm {
            upsert_alarm(&tx, &event.alarm)?;
        }
        tx.commit()
    }

    /// Remembers an anchor of this boot.
    pub(crate) fn anchor(&self, anchor: Anchor) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO anchors VALUES(?1,?2,?3,?4)";
        let row = params![int(self.boot), anchor.boot.0, anchor.wall.0, trust_to_sql(anchor.trust)];
        self.conn.execute(sql, row).map(drop)
    }

    /// Remembers registers that a device lacks.
    pub(crate) fn learn(&mut self, device: &str, points: &[String]) -> rusqlite::Result<()> {
        let tx = self.conn.transaction()?;
        for point in points {
            tx.execute("INSERT OR IGNORE INTO unsupported VALUES(?1,?2)", [device, point])?;
        }
        tx.commit()
    }

    /// Writes cursors.
    pub(crate) fn cursors(&mut self, cursors: &[(String, Stream, Cursor)]) -> rusqlite::Result<()> {
        let tx = self.conn.transaction()?;
        put_cursors(&tx, cursors)?;
        tx.commit()
    }

    /// Housekeeping in one transaction: what the outbox has reached, cursors, facts.
    pub(crate) fn mark(&mut self, marks: &Marks<'_>) -> rusqlite::Result<()> {
        let tx = self.conn.transaction()?;
        put_cursors(&tx, marks.cursors)?;
        set(&tx, "telemetry_epoch", &marks.epoch.to_string())?;
        set(&tx, "telemetry_mark", &marks.head.to_string())?;
        set(&tx, "telemetry_lease", &marks.lease.to_string())?;
        if let Some(wall) = marks.good_wall_ms {
            set(&tx, "good_wall_ms", &wall.to_string())?;
        }
        if marks.clean {
            set(&tx, "clean", "1")?;
        }
        tx.commit()
    }

    /// Declares a hole; `false` if it was declared before.
    pub(crate) fn gap(&self, gap: &Gap) -> rusqlite::Result<bool> {
        let sql = "INSERT OR IGNORE INTO gaps VALUES(?1,?2,?3,?4,?5)";
        let row = params![
            stream_code(gap.stream),
            gap.epoch.to_string(),
            int(gap.from),
            int(gap.to),
            reason_word(gap.reason)
        ];
        Ok(self.conn.execute(sql, row)? > 0)
    }

    /// Deletes the oldest events down to `keep_from`; those numbers are returned as a range, if there were any.
    pub(crate) fn trim_events(&self, rows_max: u64) -> rusqlite::Result<Option<(u64, u64)>> {
        let low = journal_id(Stream::Event, 0);
        let sql = "SELECT min(id), min(id) + ?2 FROM journal WHERE id > ?1 AND id < ?3";
        let above = journal_id(Stream::Telemetry, 0);
        let bounds: (Option<i64>, Option<i64>) =
            self.conn.query_row(sql, [low, int(rows_max), above], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let (Some(first), Some(end)) = bounds else { return Ok(None) };
        let gone = self.conn.execute("DELETE FROM journal WHERE id >= ?1 AND id < ?2", [first, end])? as u64;
        let first = u64::try_from(first - low).unwrap_or(0);
        Ok((gone > 0).then(|| (first, first + gone - 1)))
    }

    /// Writes a whole, compact copy beside the file and puts it in place atomically.
    pub(crate) fn shadow(&self, to: &Path) -> rusqlite::Result<()> {
        let new = to.with_extension("new");
        let io = |e: std::io::Error| rusqlite::Error::ToSqlConversionFailure(Box::new(e));
        match std::fs::remove_file(&new) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io(e)),
            _ => {}
        }
        crate::store::files::touch(&new).map_err(io)?;
        self.conn.execute("VACUUM INTO ?1", [new.to_string_lossy()])?;
        std::fs::File::open(&new).and_then(|f| f.sync_all()).map_err(io)?;
        std::fs::rename(&new, to).map_err(io)?;
        crate::store::files::sync_folder_of(to).map_err(io)
    }

    /// Moves everything into the file.
    pub(crate) fn checkpoint(&self) -> rusqlite::Result<()> {
        sqlite::checkpoint(&self.conn)
    }
}

/// What [`State::mark`] writes.
#[derive(Debug)]
pub(crate) struct Marks<'a> {
    pub(crate) epoch: Epoch,
    /// Last committed reading.
    pub(crate) head: u64,
    /// No number above this has been given yet.
    pub(crate) lease: u64,
    pub(crate) good_wall_ms: Option<i64>,
    pub(crate) clean: bool,
    pub(crate) cursors: &'a [(String, Stream, Cursor)],
}

fn put_cursors(tx: &Transaction<'_>, cursors: &[(String, Stream, Cursor)]) -> rusqlite::Result<()> {
    let mut put = tx.prepare("INSERT OR REPLACE INTO cursors VALUES(?1,?2,?3,?4)")?;
    for (upstream, stream, cursor) in cursors {
        put.execute(params![upstream, stream_code(*stream), cursor.epoch.to_string(), int(cursor.seq)])?;
    }
    Ok(())
}

/// Whether an alarm belongs on the list of those not closed.
pub(crate) fn is_open(alarm: &AlarmRecord) -> bool {
    alarm.state != AlarmState::Normal
}

pub(crate) fn upsert_alarm(conn: &Connection, alarm: &AlarmRecord) -> rusqlite::Result<()> {
    let record = serde_json::to_string(alarm).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    let crc = i64::from(crc32c::crc32c(record.as_bytes()));
    conn.prepare("INSERT OR REPLACE INTO alarms VALUES(?1,?2,?3,?4,?5,?6,?7)")?
        .execute(params![&*alarm.id, &*alarm.key, alarm.device, is_open(alarm), alarm.raised_wall_ms, crc, record])
        .map(drop)
}

/// An alarm from its row `(crc, record)`; `None` if the row is damaged.
pub(crate) fn alarm_from(crc: i64, record: &str) -> Option<AlarmRecord> {
    (crc == i64::from(crc32c::crc32c(record.as_bytes()))).then(|| serde_json::from_str(record).ok()).flatten()
}

fn set(conn: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    conn.prepare("INSERT OR REPLACE INTO meta VALUES(?1, ?2)")?.execute([key, value]).map(drop)
}

fn get(conn: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |r| r.get(0)).optional()
}

fn get_uint(conn: &Connection, key: &str) -> rusqlite::Result<Option<u64>> {
    Ok(get(conn, key)?.and_then(|v| v.parse().ok()))
}

fn get_hex(conn: &Connection, key: &str) -> rusqlite::Result<Option<u64>> {
    Ok(get(conn, key)?.and_then(|v| u64::from_str_radix(&v, 16).ok()))
}

/// 64 bits from the system's source of randomness.
pub(crate) fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| fastrand::u64(..))
}

/// What could be read from a damaged file.
#[derive(Debug, Default)]
pub(crate) struct Salvage {
    pub(crate) boot: u64,
    gateway_id: Option<String>,
    cursors: Vec<(String, Stream, Cursor)>,
    unsupported: Vec<(String, String)>,
    open_alarms: Vec<AlarmRecord>,
    health: health::Saved,
}

/// Reads what can still be read of a damaged file; alarms are believed only under their CRC.
pub(crate) fn salvage(path: &Path) -> Salvage {
    let Ok(conn) = sqlite::open_reader(path, false) else { return Salvage::default() };
    Salvage {
        boot: get_uint(&conn, "boot").ok().flatten().unwrap_or(0),
        gateway_id: get(&conn, "gateway_id").ok().flatten().filter(|id| id.len() == 32),
        cursors: cursors(&conn).unwrap_or_default(),
        unsupported: unsupported(&conn).unwrap_or_default(),
        open_alarms: open_alarms(&conn).unwrap_or_default(),
        health: health::salvage(&conn),
    }
}

fn cursors(conn: &Connection) -> rusqlite::Result<Vec<(String, Stream, Cursor)>> {
    let all = rows(conn, "SELECT upstream, stream, epoch, seq FROM cursors", |r| {
        let (upstream, epoch): (String, String) = (r.get(0)?, r.get(2)?);
        let (stream, epoch, seq) = (stream_from(r.get(1)?), u64::from_str_radix(&epoch, 16).ok(), uint(r, 3)?);
        Ok(stream.zip(epoch).map(|(s, e)| (upstream, s, Cursor { epoch: Epoch(e), seq })))
    })?;
    Ok(all.into_iter().flatten().collect())
}

fn unsupported(conn: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    rows(conn, "SELECT device, point FROM unsupported", |r| Ok((r.get(0)?, r.get(1)?)))
}

fn open_alarms(conn: &Connection) -> rusqlite::Result<Vec<AlarmRecord>> {
    let all = rows(conn, "SELECT crc, record FROM alarms WHERE open = 1 ORDER BY raised_wall", |r| {
        Ok(alarm_from(r.get(0)?, &r.get::<_, String>(1)?))
    })?;
    Ok(all.into_iter().flatten().collect())
}

/// Reads what is kept; alarms whose CRC does not fit are left out.
pub(crate) fn read_kept(conn: &Connection) -> rusqlite::Result<Kept> {
    Ok(Kept {
        gateway_id: get(conn, "gateway_id")?.unwrap_or_default(),
        boot: get_uint(conn, "boot")?.unwrap_or(0),
        clean: false,
        first_start: false,
        heads: journal_heads(conn)?,
        telemetry_epoch: get_hex(conn, "telemetry_epoch")?.map(Epoch),
        telemetry_mark: get_uint(conn, "telemetry_mark")?.unwrap_or(0),
        telemetry_lease: get_uint(conn, "telemetry_lease")?.unwrap_or(0),
        good_wall_ms: get(conn, "good_wall_ms")?.and_then(|v| v.parse().ok()),
        cursors: cursors(conn)?,
        anchors: anchors(conn)?,
        unsupported: unsupported(conn)?,
        open_alarms: open_alarms(conn)?,
    })
}

/// Pairings of the clocks, by boot.
pub(crate) fn anchors(conn: &Connection) -> rusqlite::Result<Vec<(u64, Anchor)>> {
    rows(conn, "SELECT boot, boot_ms, wall_ms, trust FROM anchors", |r| {
        let anchor = Anchor { boot: BootMs(r.get(1)?), wall: WallMs(r.get(2)?), trust: trust_from_sql(r.get(3)?) };
        Ok((uint(r, 0)?, anchor))
    })
}

fn rows<T>(
    conn: &Connection,
    sql: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    conn.prepare(sql)?.query_map([], read)?.collect()
}

/// Last number of every journal stream, from the rows and from the declared holes.
fn journal_heads(conn: &Connection) -> rusqlite::Result<Heads> {
    let epoch = get(conn, "epoch")?.unwrap_or_default();
    let mut heads = Heads::default();
    for stream in [Stream::Alarm, Stream::Command, Stream::Audit, Stream::Event] {
        let (low, high) = (journal_id(stream, 0), journal_id(stream, 0) + (1 << STREAM_SHIFT) - 1);
        let last: Option<i64> =
            conn.query_row("SELECT max(id) FROM journal WHERE id >= ?1 AND id <= ?2", [low, high], |r| r.get(0))?;
        let gap: Option<i64> = conn.query_row(
            "SELECT max(seq_to) FROM gaps WHERE stream = ?1 AND epoch = ?2",
            params![stream_code(stream), epoch],
            |r| r.get(0),
        )?;
        let last = last.map_or(0, |id| id - low).max(gap.unwrap_or(0));
        heads.set(stream, u64::try_from(last).unwrap_or(0));
    }
    Ok(heads)
}
