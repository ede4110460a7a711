//! The evidence folder: what a case rests on, written once.
//!
//! `evidence/<case>/` (0700) holds files made with `O_EXCL`, synced and then read-only (0400), and `manifest.jsonl`: one line a
//! file with its SHA-256, where it came from, which clock, which rule; each line also carries the digest of the line before
//! it, so that a line cannot be taken out or changed unnoticed. Every call blocks on the disk: use the blocking pool.
//!
//! Limits: [`CASE_BYTES_MAX`] a case and [`FILES_MAX`] files; over all the quota of [`Evidence::new`]. What must go by age or for want
//! of room goes case by case, oldest first, never one under legal hold; the caller enters it in the case's story.

use std::fs;
use std::io::{self, BufRead, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::cases::seal::sha256;
use crate::model::case::CaseNo;
use crate::model::time::Trust;

/// Most bytes of one case.
pub const CASE_BYTES_MAX: u64 = 256 << 20;
/// Most files of one case.
pub const FILES_MAX: usize = 200;
/// Most bytes of all evidence together, unless the site says otherwise (a default of ours).
pub const QUOTA_BYTES: u64 = 1 << 30;
/// Evidence is kept so long, unless held (a default of ours).
pub const KEEP_DAYS: i64 = 90;
const MANIFEST: &str = "manifest.jsonl";

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// The camera's event as it came.
    Event,
    /// What was found out about it.
    Verdict,
    /// A picture.
    Picture,
    /// A moving picture.
    Clip,
}

/// Where a file came from and under which circumstances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// What.
    pub kind: FileKind,
    /// As declared, `image/jpeg`.
    pub media_type: String,
    /// Camera id.
    pub camera: String,
    /// Its serial number.
    pub camera_serial: String,
    /// The camera's id of the event.
    pub event_id: String,
    /// The camera's own time of the event, UTC milliseconds.
    pub camera_wall_ms: Option<i64>,
    /// What was added to it to get our time.
    pub camera_offset_ms: Option<i64>,
    /// When it was kept, UTC milliseconds by our clock.
    pub kept_wall_ms: i64,
    /// Trust in our clock at that moment.
    pub clock: Trust,
    /// Which judge and calibration.
    pub rule: String,
    /// Release of gatehouse.
    pub gatehouse: String,
}

/// One line of the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// File name.
    pub file: String,
    /// SHA-256, hex.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
    /// Where it came from.
    #[serde(flatten)]
    pub origin: Origin,
    /// SHA-256 of the line before, hex; empty for the first.
    pub before: String,
}

/// Why a file was not kept.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The disk; try again.
    #[error("the evidence folder cannot be written: {0}")]
    Disk(#[from] io::Error),
    /// A bound is reached; nothing can be done for this case.
    #[error("the case has {0} already, no more is kept")]
    Full(&'static str),
    /// The manifest cannot be written as JSON; give up.
    #[error("the manifest cannot be written: {0}")]
    Manifest(#[from] serde_json::Error),
}

/// What had to go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evicted {
    /// Cases without evidence now.
    pub cases: Vec<CaseNo>,
    /// Bytes freed.
    pub bytes: u64,
}

/// All evidence of the site.
#[derive(Debug, Clone)]
pub struct Evidence {
    root: PathBuf,
    quota: u64,
    /// One writer at a time: the manifest is a chain.
    writing: Arc<Mutex<()>>,
}

impl Evidence {
    /// Below the data folder `dir`, at most `quota` bytes.
    #[must_use]
    pub fn new(dir: &Path, quota: u64) -> Self {
        Self { root: dir.join("evidence"), quota, writing: Arc::default() }
    }

    /// The case's folder.
    #[must_use]
    pub fn folder(&self, case: CaseNo) -> PathBuf {
        self.root.join(case.to_string())
    }

    /// The highest case that has a folder: numbers must not be given twice even when the list of cases was lost.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.all().map(|no| no.0).max().unwrap_or(0)
    }

    fn all(&self) -> impl Iterator<Item = CaseNo> {
        let found = fs::read_dir(&self.root).into_iter().flatten().flatten();
        found.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
    }

    /// Keeps a file. The same bytes kept for the same case before are not kept twice.
    pub fn keep(&self, case: CaseNo, bytes: &[u8], origin: Origin) -> Result<Entry, EvidenceError> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder(case);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let (entries, last) = read_manifest(&folder)?;
        let sum = sha256(bytes);
        if let Some(known) = entries.iter().find(|e| e.sha256 == sum && e.origin.kind == origin.kind) {
            return Ok(known.clone());
        }
        if entries.len() >= FILES_MAX {
            return Err(EvidenceError::Full("200 files"));
        }
        let total: u64 = entries.iter().map(|e| e.bytes).sum();
        if total.saturating_add(bytes.len() as u64) > CASE_BYTES_MAX {
            return Err(EvidenceError::Full("256 MiB"));
        }
        let file = write_once(&folder, entries.len() + 1, bytes, &origin)?;
        let before = last.map(|line| sha256(line.as_bytes())).unwrap_or_default();
        let entry = Entry { file, sha256: sum, bytes: bytes.len() as u64, origin, before };
        let line = format!("{}\n", serde_json::to_string(&entry)?);
        let mut manifest = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(folder.join(MANIFEST))?;
        manifest.write_all(line.as_bytes())?;
        manifest.sync_all()?;
        fs::File::open(&folder)?.sync_all()?;
        fs::File::open(&self.root)?.sync_all()?;
        Ok(entry)
    }

    /// What is kept of a case, in order.
    pub fn entries(&self, case: CaseNo) -> Result<Vec<Entry>, EvidenceError> {
        Ok(read_manifest(&self.folder(case))?.0)
    }

    /// The bytes of a kept file.
    pub fn read(&self, case: CaseNo, entry: &Entry) -> Result<Vec<u8>, EvidenceError> {
        // The name comes from the manifest alone, and a manifest names plain files only.
        let plain = !entry.file.is_empty() && !entry.file.contains('/') && !entry.file.starts_with('.');
        if !plain {
            return Err(
                io::Error::new(io::ErrorKind::InvalidData, "the manifest names a file outside its folder").into()
            );
        }
        Ok(fs::read(self.folder(case).join(&entry.file))?)
    }

    /// Bytes of all evidence.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.all().map(|no| folder_bytes(&self.folder(no))).sum()
    }

    /// Deletes what is too old, then what is too much, oldest case first. `held` are never deleted. `age_ms` tells how old a
    /// case is; `None` for one that nobody knows.
    pub fn evict(&self, held: &dyn Fn(CaseNo) -> bool, age_ms: &dyn Fn(CaseNo) -> Option<i64>) -> Evicted {
        let mut gone = Evicted::default();
        let mut all: Vec<CaseNo> = self.all().collect();
        all.sort_unstable();
        let mut total = self.bytes();
        for no in all {
            let old = age_ms(no).is_some_and(|age| age > KEEP_DAYS * 24 * 3_600_000);
            if held(no) || !(old || total > self.quota) {
                continue;
            }
            let bytes = folder_bytes(&self.folder(no));
            match remove_folder(&self.folder(no)) {
                Ok(()) => {
                    total = total.saturating_sub(bytes);
                    gone.bytes += bytes;
                    gone.cases.push(no);
                }
                Err(error) => tracing::error!(%error, case = no.0, "old evidence cannot be deleted"),
            }
        }
        gone
    }
}

fn write_once(folder: &Path, first_no: usize, bytes: &[u8], origin: &Origin) -> Result<String, EvidenceError> {
    let (word, ending) = match (origin.kind, origin.media_type.as_str()) {
        (FileKind::Event, "application/json") => ("event", "json"),
        (FileKind::Event, "application/xml" | "text/xml") => ("event", "xml"),
        (FileKind::Event, _) => ("event", "bin"),
        (FileKind::Verdict, _) => ("verdict", "json"),
        (FileKind::Picture, "image/png") => ("picture", "png"),
        (FileKind::Picture, _) => ("picture", "jpg"),
        (FileKind::Clip, "video/mp4") => ("clip", "mp4"),
        (FileKind::Clip, _) => ("clip", "bin"),
    };
    // A file that a power cut left without its line keeps its name; the next one takes the next number.
    for no in first_no..first_no + FILES_MAX {
        let name = format!("{no:03}_{word}.{ending}");
        let path = folder.join(&name);
        let mut file = match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error.into()),
        };
        file.write_all(bytes)?;
        file.set_permissions(fs::Permissions::from_mode(0o400))?;
        file.sync_all()?;
        return Ok(name);
    }
    Err(EvidenceError::Full("too many files without a line in the manifest"))
}

/// All whole lines, and the text of the last. A half line, left by a power cut, is passed over.
fn read_manifest(folder: &Path) -> Result<(Vec<Entry>, Option<String>), EvidenceError> {
    let file = match fs::File::open(folder.join(MANIFEST)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), None)),
        Err(error) => return Err(error.into()),
    };
    let (mut entries, mut last) = (Vec::new(), None);
    for line in io::BufReader::new(file).lines() {
        let line = line?;
        if let Ok(entry) = serde_json::from_str(&line) {
            entries.push(entry);
            last = Some(line);
        }
    }
    Ok((entries, last))
}

fn folder_bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum()
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    fs::remove_dir_all(folder)?;
    folder.parent().map_or(Ok(()), |root| fs::File::open(root)?.sync_all())
}
