//! What must go by age or for want of room: case by case, oldest first, the manifest with its digests stays (until
//! [`manifests`](super::manifests) says otherwise).
//!
//! First `evicted.json` is written and synced, then the files go. A stop in between is mended by the next look, and a case
//! that was never told so is handed out again until it is.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Evidence, MANIFEST, folder_bytes};
use crate::model::case::CaseNo;
use crate::model::text::Text;

/// Says that the files of a folder are gone, when and why.
pub(super) const TOMBSTONE: &str = "evicted.json";
/// Says besides that the case knows: nothing is left to do there, and nobody has to be asked.
pub(super) const TOLD: &str = "evicted.told";

/// Why evidence went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It was kept for its time.
    Age,
    /// The quota wanted room.
    Room,
}

/// The evidence of one case, gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evicted {
    /// The case.
    pub case: CaseNo,
    /// Why.
    pub cause: Cause,
    /// When, UTC milliseconds.
    pub wall_ms: i64,
    /// Files.
    pub files: usize,
    /// Bytes.
    pub bytes: u64,
}

impl Evicted {
    /// For the case's story.
    #[must_use]
    pub fn text(&self) -> Text {
        let (en, zh) = match self.cause {
            Cause::Age => ("kept for its time", "保存期满"),
            Cause::Room => ("the quota wanted room", "证据容量已满"),
        };
        let (files, kib) = (self.files, self.bytes.div_ceil(1024));
        Text::new(&format!("{zh}，{files} 个文件，{kib} KiB"), &format!("{en}, {files} files, {kib} KiB"))
    }
}

/// How a case stands, for the decision. Whoever cannot tell says `keep`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Open, under legal hold, or nothing certain is known of it: its evidence stays whatever happens.
    pub keep: bool,
    /// How old it is; `None` where the clock cannot be trusted.
    pub age_ms: Option<i64>,
    /// Its story says already that the evidence is gone.
    pub told: bool,
}

impl Evidence {
    /// Deletes what is too old, then, above seven eighths of the quota, what is too much; oldest case first. Returns what the
    /// cases must be told.
    pub fn evict(&self, standing: &dyn Fn(CaseNo) -> Standing, wall_ms: i64) -> Vec<Evicted> {
        let mut gone = Vec::new();
        let mut all: Vec<CaseNo> = self.all().collect();
        all.sort_unstable();
        let mut total = self.bytes();
        let low = self.limits.bytes_max - self.limits.bytes_max / 8;
        for no in all {
            if self.folder(no).join(TOLD).exists() {
                continue;
            }
            let case = standing(no);
            let found = match read(&self.folder(no)) {
                Some(_) if case.told => {
                    if let Err(error) = fs::File::create(self.folder(no).join(TOLD)) {
                        tracing::debug!(%error, case = no.0, "asked again at the next look");
                    }
                    None
                }
                // Begun before a stop: to be ended.
                Some(before) => (!case.keep).then_some(before),
                // What a stop left of a folder whose manifest went: it can only be removed when nothing is in it.
                None if case.told && fs::remove_dir(self.folder(no)).is_ok() => None,
                None => self.due(no, case, total > low, wall_ms),
            };
            let Some(evicted) = found else { continue };
            match self.remove(&evicted) {
                Ok(freed) => {
                    total = total.saturating_sub(freed);
                    gone.push(evicted);
                }
                Err(error) => tracing::error!(%error, case = no.0, "old evidence cannot be deleted"),
            }
        }
        let manifests = self.drop_manifests(standing, wall_ms);
        if manifests > 0 {
            tracing::info!(manifests, "old manifests of evicted evidence are deleted");
        }
        self.recount();
        gone
    }

    fn due(&self, no: CaseNo, case: Standing, full: bool, wall_ms: i64) -> Option<Evicted> {
        let old = case.age_ms.is_some_and(|age| age > self.limits.keep_ms);
        if case.keep || !(old || full) {
            return None;
        }
        let entries = self.entries(no).ok()?;
        let (files, bytes) = (entries.len(), entries.iter().map(|e| e.bytes).sum());
        let cause = if old { Cause::Age } else { Cause::Room };
        Some(Evicted { case: no, cause, wall_ms, files, bytes })
    }

    /// Bytes freed.
    fn remove(&self, evicted: &Evicted) -> io::Result<u64> {
        let _turn = self.turn();
        let folder = self.folder(evicted.case);
        let before = folder_bytes(&folder);
        if read(&folder).is_none() {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(folder.join(TOMBSTONE))?;
            file.write_all(&serde_json::to_vec(evicted)?)?;
            file.sync_all()?;
            fs::File::open(&folder)?.sync_all()?;
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name() != MANIFEST && entry.file_name() != TOMBSTONE {
                fs::remove_file(entry.path())?;
            }
        }
        fs::File::open(&folder)?.sync_all()?;
        Ok(before.saturating_sub(folder_bytes(&folder)))
    }

    /// Whether the files of this case are gone, and why.
    #[must_use]
    pub fn evicted(&self, case: CaseNo) -> Option<Evicted> {
        read(&self.folder(case))
    }
}

/// The folder's tombstone; one that a power cut left half is none.
pub(super) fn read(folder: &Path) -> Option<Evicted> {
    serde_json::from_slice(&fs::read(folder.join(TOMBSTONE)).ok()?).ok()
}
