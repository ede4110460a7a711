//! The evidence folder: what a case rests on, written once.
//!
//! `evidence/<case>/` (0700) holds files made with `O_EXCL`, synced and then read-only (0400), and `manifest.jsonl`: one line a
//! file with its SHA-256, where it came from, which clock, which rule; each line also carries the digest of the line before
//! it, so that a line cannot be taken out or changed unnoticed. Every call blocks on the disk: use the blocking pool.
//!
//! Limits: [`CASE_BYTES_MAX`] a case and [`FILES_MAX`] files; over all those of [`Limits`]: at the quota no picture or clip
//! is taken any more, events and verdicts (some KiB) are, up to an eighth more. What must go by age or for want of room goes case by case, oldest
//! first, never one that is open or under legal hold; its digests stay in
//! the manifest, and the caller enters it in the case's story. Manifests of evicted cases are bounded by age and number.

mod evict;
mod manifests;

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::cases::seal::sha256;
use crate::model::case::CaseNo;
use crate::model::text::{Text, io_zh};
use crate::model::time::Trust;

pub use evict::{Cause, Evicted, Standing};

/// Most bytes of one case.
pub const CASE_BYTES_MAX: u64 = 256 << 20;
/// Most files of one case.
pub const FILES_MAX: usize = 200;
const MANIFEST: &str = "manifest.jsonl";
const UNCOUNTED: u64 = u64::MAX;

/// How much evidence is kept, and how long. The site says so; the defaults are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of all evidence together.
    pub bytes_max: u64,
    /// Evidence of a closed case is kept so long, unless held.
    pub keep_ms: i64,
    /// The manifest (names and digests) of evicted evidence is kept so long, unless the case is held.
    pub manifests_keep_ms: i64,
    /// Most manifests of evicted evidence; the oldest case goes first.
    pub manifests_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const DAY_MS: i64 = 24 * 3_600_000;
        // A manifest takes some KiB: the number bounds all of them to some tens of MiB.
        Self { bytes_max: 1 << 30, keep_ms: 90 * DAY_MS, manifests_keep_ms: 3 * 365 * DAY_MS, manifests_max: 10_000 }
    }
}

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
    /// All evidence together has reached the quota; wait until older cases are closed, or raise it.
    #[error("all evidence together has reached its quota: close old cases or raise cases.evidence_max")]
    Quota,
    /// The evidence of this case has been deleted, by age or for want of room; give up.
    #[error("the evidence of this case has been deleted already")]
    Gone,
    /// The manifest cannot be written as JSON; give up.
    #[error("the manifest cannot be written: {0}")]
    Manifest(#[from] serde_json::Error),
}

impl EvidenceError {
    /// What people read.
    #[must_use]
    pub fn text(&self) -> Text {
        let zh = match self {
            Self::Disk(error) => format!("证据目录无法写入：{}", io_zh(error)),
            Self::Full(what) => format!("本案证据已达上限（{what}），不再保存"),
            Self::Quota => "证据总量已达上限，请办结旧案或调大 cases.evidence_max".to_owned(),
            Self::Gone => "本案证据已清理".to_owned(),
            Self::Manifest(error) => format!("证据清单无法写入：{error}"),
        };
        Text::new(&zh, &self.to_string())
    }
}

/// All evidence of the site.
#[derive(Debug, Clone)]
pub struct Evidence {
    root: PathBuf,
    limits: Limits,
    /// One writer at a time: the manifest is a chain.
    writing: Arc<Mutex<()>>,
    /// Bytes of all evidence; [`UNCOUNTED`] before the first look.
    used: Arc<AtomicU64>,
}

impl Evidence {
    /// Below the data folder `dir`.
    #[must_use]
    pub fn new(dir: &Path, limits: Limits) -> Self {
        Self { root: dir.join("evidence"), limits, writing: Arc::default(), used: Arc::new(AtomicU64::new(UNCOUNTED)) }
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
        let _turn = self.turn();
        let all_bytes = match self.used.load(Ordering::Relaxed) {
            UNCOUNTED => self.bytes(),
            counted => counted,
        };
        let folder = self.folder(case);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        if evict::read(&folder).is_some() {
            return Err(EvidenceError::Gone);
        }
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
        let large = matches!(origin.kind, FileKind::Picture | FileKind::Clip);
        let most = if large { self.limits.bytes_max } else { self.limits.bytes_max + self.limits.bytes_max / 8 };
        if all_bytes.saturating_add(bytes.len() as u64) > most {
            return Err(EvidenceError::Quota);
        }
        let file = write_once(&folder, entries.len() + 1, bytes, &origin)?;
        let before = last.map(|line| sha256(line.as_bytes())).unwrap_or_default();
        let entry = Entry { file, sha256: sum, bytes: bytes.len() as u64, origin, before };
        let manifest = match serde_json::to_string(&entry).map_err(Into::into).and_then(|line| enter(&folder, &line)) {
            Ok(manifest) => manifest,
            Err(error) => {
                discard(&folder.join(&entry.file));
                return Err(error);
            }
        };
        self.used.store(all_bytes.saturating_add(bytes.len() as u64), Ordering::Relaxed);
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

    /// Whether the file of an entry is in its folder.
    #[must_use]
    pub fn is_there(&self, case: CaseNo, entry: &Entry) -> bool {
        self.folder(case).join(&entry.file).is_file()
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts anew what is there, after something went.
    fn recount(&self) {
        let _turn = self.turn();
        self.used.store(self.bytes(), Ordering::Relaxed);
    }

    /// More than seven eighths of the quota are used: time to look what can go.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        let used = self.used.load(Ordering::Relaxed);
        used != UNCOUNTED && used > self.limits.bytes_max - self.limits.bytes_max / 8
    }

    /// Bytes of all evidence.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.all().map(|no| folder_bytes(&self.folder(no))).sum()
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
        let rights = fs::Permissions::from_mode(0o400);
        let written = file.write_all(bytes).and_then(|()| file.set_permissions(rights)).and_then(|()| file.sync_all());
        if let Err(error) = written {
            discard(&path);
            return Err(error.into());
        }
        return Ok(name);
    }
    Err(EvidenceError::Full("too many files without a line in the manifest"))
}

/// Takes a file away that did not become evidence: on a full disk it would only keep room from others.
fn discard(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(%error, path = %path.display(), "a file that is no evidence stays behind");
    }
}

/// Adds a line to the manifest, behind whatever a power cut left of another.
fn enter(folder: &Path, line: &str) -> Result<fs::File, EvidenceError> {
    let mut manifest =
        fs::OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(folder.join(MANIFEST))?;
    let mut last = [b'\n'];
    if manifest.seek(SeekFrom::End(0))? > 0 {
        manifest.seek(SeekFrom::End(-1))?;
        manifest.read_exact(&mut last)?;
    }
    let end = if last == *b"\n" { "" } else { "\n" };
    manifest.write_all(format!("{end}{line}\n").as_bytes())?;
    Ok(manifest)
}

/// All whole lines, and the text of the last. A half line, left by a power cut, is passed over.
fn read_manifest(folder: &Path) -> Result<(Vec<Entry>, Option<String>), EvidenceError> {
    let bytes = match fs::read(folder.join(MANIFEST)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), None)),
        Err(error) => return Err(error.into()),
    };
    let (mut entries, mut last) = (Vec::new(), None);
    // By bytes: a half line may end in the middle of a letter.
    for line in bytes.split(|b| *b == b'\n') {
        if let Ok(entry) = serde_json::from_slice(line) {
            entries.push(entry);
            last = Some(String::from_utf8_lossy(line).into_owned());
        }
    }
    Ok((entries, last))
}

fn folder_bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum()
}
