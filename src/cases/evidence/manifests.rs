//! The manifests of evicted evidence are bounded too: by age since the evidence went, and by number, oldest case first.
//!
//! Never one of a case that is open or under legal hold, or of which nothing certain is known; those count, and stay. The folder
//! with the highest number stays as well: case numbers are never given twice, and it may be the last that knows. The case's
//! story in the store goes on saying that there was evidence, and when it went.

use std::fs;
use std::io;

use super::evict::{Standing, TOLD, TOMBSTONE, read};
use super::{Evidence, MANIFEST};
use crate::model::case::CaseNo;

impl Evidence {
    /// Deletes the folders of evicted cases that are too old, then those that are too many. Returns how many went.
    pub(super) fn drop_manifests(&self, standing: &dyn Fn(CaseNo) -> Standing, wall_ms: i64) -> usize {
        let mut told: Vec<CaseNo> = self.all().filter(|no| self.folder(*no).join(TOLD).exists()).collect();
        told.sort_unstable();
        let last = self.last();
        let mut many = told.len().saturating_sub(self.limits.manifests_max);
        let mut dropped = 0;
        for no in told.into_iter().filter(|no| no.0 != last) {
            let tombstone = read(&self.folder(no));
            let age_ms = tombstone.as_ref().map(|gone| wall_ms.saturating_sub(gone.wall_ms));
            // Without its tombstone it was begun before a stop: to be ended.
            let old = age_ms.is_none_or(|age| age > self.limits.manifests_keep_ms);
            if !old && many == 0 {
                continue;
            }
            let case = standing(no);
            // Age is judged by the wall clock: never while it may be wrong.
            let aged = old && (tombstone.is_none() || case.age_ms.is_some());
            if case.keep || !(aged || many > 0) {
                continue;
            }
            match self.drop_manifest(no) {
                Ok(()) => {
                    many = many.saturating_sub(1);
                    dropped += 1;
                }
                Err(error) => tracing::error!(%error, case = no.0, "an old manifest cannot be deleted"),
            }
        }
        dropped
    }

    /// The mark that the case knows goes last, so that a stop in between is seen.
    fn drop_manifest(&self, no: CaseNo) -> io::Result<()> {
        let _turn = self.turn();
        let folder = self.folder(no);
        for name in [MANIFEST, TOMBSTONE, TOLD] {
            match fs::remove_file(folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::remove_dir(&folder)
    }
}
