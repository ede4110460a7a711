//! The store's two ends for cases: writing through the one writer thread, reading on a connection of its own.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::model::case::{Case, CaseFilter, CaseNo, CaseStory, CaseWrite, KeptSighting, Promised};
use crate::model::casebook::Tally;
use crate::model::stored::{ReadError, StoreError};
use crate::store::cases::{self, CaseFile};
use crate::store::handle::Urgent;
use crate::store::sqlite::{self, Fault, fault};
use crate::store::writer::Writer;
use crate::store::{StoreHandle, StoreReader, files};

/// Promised footage that is handed out after a start.
const PROMISED_MAX: usize = 4_096;

/// What a desk needs to go on after a restart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeptCases {
    /// Not closed.
    pub open: Vec<Case>,
    /// Those of the last days, oldest first.
    pub past: Vec<Case>,
    /// `(camera, key of the event, case)` of the last events, oldest first.
    pub seen: Vec<(String, String, CaseNo)>,
    /// Footage that is still to come.
    pub promised: Vec<Promised>,
    /// Highest number given.
    pub last: u64,
}

impl StoreHandle {
    /// Enters cases, sightings and steps in one synced commit. Urgent, as alarms are.
    pub async fn cases(&self, write: CaseWrite) -> Result<(), StoreError> {
        self.ask(|reply| Urgent::Cases(Box::new(write), reply)).await?
    }
}

/// Reads `cases.db` of a data folder, also beside a running gateway. Every call opens a connection and blocks on the disk.
#[derive(Debug, Clone)]
pub struct CaseReader {
    dir: PathBuf,
}

impl CaseReader {
    /// Of this data folder.
    #[must_use]
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    fn read<T: Default>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, ReadError> {
        let path = cases::path(&self.dir);
        if !path.exists() {
            return Ok(T::default());
        }
        let done = sqlite::open_reader(&path, false).and_then(|conn| read(&conn));
        done.map_err(|error| match fault(&error) {
            Fault::Damaged => ReadError::Damaged(format!("cases.db: {error}")),
            Fault::Full | Fault::Disk => ReadError::Retry(error.to_string()),
        })
    }

    /// Cases, newest first.
    pub fn cases(&self, filter: &CaseFilter) -> Result<Vec<Case>, ReadError> {
        self.read(|conn| cases::list(conn, filter))
    }

    /// Cases that happened since, oldest first; of more than 20,000 the last.
    pub fn since(&self, from_wall_ms: i64) -> Result<Vec<Case>, ReadError> {
        self.read(|conn| cases::since(conn, from_wall_ms))
    }

    /// Shows closed cases, lowest number first, with the number of all closed ones, until told to stop; without the last of
    /// all cases and those that wait for a picture.
    pub fn closed(&self, look: &mut dyn FnMut(u64, &Case) -> bool) -> Result<(), ReadError> {
        self.read(|conn| cases::closed(conn, look))
    }

    /// What the figures count since, deleted cases included (these to the quarter of an hour).
    pub fn counted(&self, from_wall_ms: i64) -> Result<Vec<(Tally, u32)>, ReadError> {
        self.read(|conn| cases::counted(conn, from_wall_ms))
    }

    /// One case with its sightings and steps.
    pub fn case(&self, no: CaseNo) -> Result<Option<CaseStory>, ReadError> {
        self.read(|conn| cases::story(conn, no))
    }

    /// The last sightings, newest first, at most 5,000.
    pub fn sightings(&self, limit: usize) -> Result<Vec<KeptSighting>, ReadError> {
        self.read(|conn| cases::tracks(conn, limit))
    }

    /// Which of these cases are not there: the file was put aside as damaged.
    pub fn missing(&self, open: &[CaseNo]) -> Result<Vec<CaseNo>, ReadError> {
        if cases::path(&self.dir).exists() { self.read(|conn| cases::missing(conn, open)) } else { Ok(open.to_vec()) }
    }

    /// The case an event went into, by one of its keys.
    pub fn known(&self, camera: &str, keys: &[String]) -> Result<Option<CaseNo>, ReadError> {
        self.read(|conn| cases::known(conn, camera, keys))
    }

    /// What a desk needs after a restart: open cases, those since `past_from_wall_ms`, the last `seen` events.
    pub fn kept(&self, past_from_wall_ms: i64, seen: usize) -> Result<KeptCases, ReadError> {
        self.read(|conn| {
            Ok(KeptCases {
                open: cases::open(conn)?,
                past: cases::since(conn, past_from_wall_ms)?,
                seen: cases::seen(conn, seen)?,
                promised: cases::promised(conn, PROMISED_MAX)?,
                last: cases::last(conn)?,
            })
        })
    }
}

impl StoreReader {
    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.shared.dir
    }

    /// The reader of the cases.
    #[must_use]
    pub fn cases(&self) -> CaseReader {
        CaseReader::at(&self.shared.dir)
    }

    /// Passes an answer of [`CaseReader`] on; damage is told to the writer, which puts the file aside.
    pub fn judged<T>(&self, answer: Result<T, ReadError>) -> Result<T, ReadError> {
        if let Err(ReadError::Damaged(why)) = &answer {
            self.report(Urgent::BadCases(why.clone()));
        }
        answer
    }
}

impl Writer {
    /// Writes, tried once more after a repair.
    pub(crate) fn cases(&mut self, write: &CaseWrite) -> Result<(), StoreError> {
        let first = self.try_cases(write);
        let Err(error) = first else { return Ok(()) };
        tracing::error!(%error, "cases cannot be written; trying once more");
        self.cases = None;
        match fault(&error) {
            Fault::Damaged => self.bad_cases(&error.to_string()),
            Fault::Full => {
                self.free_room(tokio::time::Instant::now());
            }
            Fault::Disk => {}
        }
        self.try_cases(write).map_err(|error| {
            self.cases = None;
            StoreError::Disk(error.to_string())
        })
    }

    fn try_cases(&mut self, write: &CaseWrite) -> rusqlite::Result<()> {
        if self.cases.is_none() {
            self.cases = Some(CaseFile::open(&self.shared.dir)?);
        }
        self.cases.as_mut().map_or(Err(rusqlite::Error::InvalidQuery), |file| file.write(write))
    }

    /// A reader could not read the file: it may just be in the making, so it is looked at again before it is given up.
    pub(crate) fn doubt_cases(&mut self, why: &str) {
        self.cases = None;
        match CaseFile::open(&self.shared.dir) {
            Err(error) if fault(&error) == Fault::Damaged => self.bad_cases(why),
            opened => self.cases = opened.ok(),
        }
    }

    /// Puts a damaged file aside; the next write makes a new one.
    pub(crate) fn bad_cases(&mut self, why: &str) {
        self.cases = None;
        let path = cases::path(&self.shared.dir);
        match files::quarantine(&self.shared.dir, &path, self.shared.boot) {
            Ok(name) => self.damaged(&name, why),
            Err(error) => tracing::error!(%error, "cases.db is damaged and cannot be put aside"),
        }
    }
}
