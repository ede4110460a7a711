//! The export of a case: one `tar` that a third party can check with public tools and no word of ours.
//!
//! `SHA256SUMS` names every file, `SHA256SUMS.sig` is an Ed25519 signature over it, `public_key.pem` the key, `README.txt` the
//! commands in both languages. Pictures are masked unless the full ones are asked for. Reads the evidence folder: blocking.

use serde_json::json;

use crate::cases::evidence::{Entry, Evicted, Evidence, EvidenceError, FileKind};
use crate::cases::mask;
use crate::cases::seal::{SealKey, sha256};
use crate::cases::ustar::Ustar;
use crate::model::case::{CaseStory, KeptSighting};
use crate::model::facade::Watched;

/// Largest bundle, bytes; it is made in memory.
pub const BYTES_MAX: u64 = 96 << 20;

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The evidence cannot be read.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// A record cannot be written as JSON.
    #[error("the record cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// A file is not what was kept: the disk failed, or somebody changed it.
    #[error("{0} is not what was kept: its SHA-256 differs from the manifest's")]
    Changed(String),
    /// Too large for one bundle; export without the clips, or copy the folder.
    #[error("the evidence is larger than 96 MiB; export without full pictures, or copy the case's folder")]
    TooLarge,
}

/// What goes into a bundle besides the evidence.
#[derive(Debug)]
pub struct Bundle<'a> {
    /// The case.
    pub story: &'a CaseStory,
    /// Where it is.
    pub watched: &'a Watched,
    /// Who exports it, for the record.
    pub by: &'a str,
    /// When, UTC milliseconds.
    pub wall_ms: i64,
    /// This box.
    pub gateway: &'a str,
    /// With unmasked pictures and clips.
    pub full: bool,
}

impl Bundle<'_> {
    /// Makes the archive.
    pub fn make(&self, evidence: &Evidence, key: &SealKey) -> Result<Vec<u8>, BundleError> {
        let case = self.story.case.no;
        let root = format!("case-{case}");
        let entries = evidence.entries(case)?;
        let mut files: Vec<(String, Vec<u8>)> = vec![
            ("README.txt".into(), README.replace("{root}", &root).into_bytes()),
            ("case.json".into(), self.record()?),
            ("public_key.pem".into(), key.public_pem().into_bytes()),
        ];
        let mut masked = Vec::new();
        // Evidence that was evicted stands in the manifest only, with its digests; a hold may have kept some of it.
        let gone = evidence.evicted(case);
        let (there, missing): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|entry| gone.is_none() || evidence.is_there(case, entry));
        if self.full && there.iter().map(|e| e.bytes).sum::<u64>() > BYTES_MAX {
            return Err(BundleError::TooLarge);
        }
        for entry in there {
            if self.full || matches!(entry.origin.kind, FileKind::Event | FileKind::Verdict) {
                let bytes = checked(evidence, self.story, entry)?;
                // Its digest still stands in the manifest.
                if self.full || !may_hold_picture(&bytes) {
                    files.push((format!("evidence/{}", entry.file), bytes));
                }
            } else if entry.origin.kind == FileKind::Picture {
                let name = format!("masked/{}.png", stem(&entry.file));
                // Undecodable: left out; its digest still stands in the manifest.
                if let Ok(png) = masked_picture(evidence, self.story, entry) {
                    masked.push(json!({ "file": name, "of": entry.file, "of_sha256": entry.sha256 }));
                    files.push((name, png));
                }
            }
        }
        files.push(("manifest.json".into(), self.manifest(&entries, (&masked, &missing), gone.as_ref())?));
        files.sort_by(|a, b| a.0.cmp(&b.0));
        let sums: String = files.iter().map(|(name, bytes)| format!("{}  {name}\n", sha256(bytes))).collect();
        files.push(("SHA256SUMS.sig".into(), key.sign(sums.as_bytes())));
        files.push(("SHA256SUMS".into(), sums.into_bytes()));
        let mut tar = Ustar::default();
        let time_s = u64::try_from(self.wall_ms / 1000).unwrap_or(0);
        for (name, bytes) in &files {
            tar.add(&format!("{root}/{name}"), bytes, time_s);
        }
        Ok(tar.finish())
    }

    fn record(&self) -> Result<Vec<u8>, BundleError> {
        let story = self.story;
        let facade = self.watched.facade(&story.case.facade);
        let cameras: Vec<_> = story.case.cameras.iter().filter_map(|id| self.watched.camera(id)).collect();
        let record = json!({
            "case": story.case, "steps": story.steps, "sightings": story.sightings,
            "facade": facade, "cameras": cameras,
            "exported": { "by": self.by, "wall_ms": self.wall_ms, "full": self.full },
            "gateway": self.gateway, "gatehouse": env!("CARGO_PKG_VERSION"),
        });
        Ok(serde_json::to_vec_pretty(&record)?)
    }

    fn manifest(
        &self,
        entries: &[Entry],
        (masked, missing): (&[serde_json::Value], &[&Entry]),
        gone: Option<&Evicted>,
    ) -> Result<Vec<u8>, BundleError> {
        let dropped = self.story.case.evicted && gone.is_none();
        let evicted = if dropped {
            json!({ "case": self.story.case.no, "manifest": "deleted after its time; the steps in case.json say when the files went" })
        } else {
            json!(gone)
        };
        let manifest = json!({
            "case": self.story.case.no, "kept": entries, "masked": masked, "evicted": evicted,
            "missing": missing.iter().map(|entry| &entry.file).collect::<Vec<_>>(),
            "note": "kept: every file of the evidence folder, also those not in this bundle; sha256 is of the file as it was kept",
        });
        Ok(serde_json::to_vec_pretty(&manifest)?)
    }
}

/// So many letters without a break are no word, number or address.
const LETTERS_MAX: usize = 1_024;

/// Whether an event may carry a picture as text, in a field that its profile does not know: a long run of what base64 and
/// hexadecimal are written with, line ends included.
fn may_hold_picture(event: &[u8]) -> bool {
    let is_letter = |b: &u8| b.is_ascii_alphanumeric() || b"+/-_=\\\r\n\t ".contains(b);
    event.split(|b| !is_letter(b)).any(|run| run.iter().filter(|b| b.is_ascii_alphanumeric()).count() > LETTERS_MAX)
}

fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// The bytes of a kept file, held against its digest.
pub fn checked(evidence: &Evidence, story: &CaseStory, entry: &Entry) -> Result<Vec<u8>, BundleError> {
    let bytes = evidence.read(story.case.no, entry)?;
    if sha256(&bytes) == entry.sha256 { Ok(bytes) } else { Err(BundleError::Changed(entry.file.clone())) }
}

/// A picture with everything but the track's surroundings masked, as PNG; an error means: show none.
pub fn masked_picture(evidence: &Evidence, story: &CaseStory, entry: &Entry) -> Result<Vec<u8>, String> {
    let bytes = checked(evidence, story, entry).map_err(|e| e.to_string())?;
    let origin = &entry.origin;
    let is_its = |s: &&KeptSighting| {
        (&s.camera, &s.event_id, s.camera_wall_ms) == (&origin.camera, &origin.event_id, origin.camera_wall_ms)
    };
    let seen = story.sightings.iter().find(is_its);
    let track = seen.map(|s| s.track.as_slice()).unwrap_or_default();
    mask::mask(&bytes, track, seen.and_then(|s| s.frame)).map_err(|e| e.to_string())
}

const README: &str = "\
gatehouse 案件证据包 / evidence bundle of a case
================================================

如何核验（任何一台装有 openssl 3.0 及以上和 coreutils 的电脑）
How to check it (any computer with openssl 3.0 or newer and coreutils)

  tar -xf {root}.tar && cd {root}
  openssl pkeyutl -verify -pubin -inkey public_key.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig
  sha256sum -c SHA256SUMS

第一条命令须显示 Signature Verified Successfully，第二条须每行显示 OK。任何一个字节被改动都会失败。
The first must print \"Signature Verified Successfully\", the second OK on every line. One changed byte makes it fail.

公钥是否属于该网关：与事先记下的公钥核对，或在网关上执行 `gatehouse case key`。
Whether the key is the gateway's: compare it with the one noted before, or run `gatehouse case key` on the gateway.

  case.json       案件、每一步的时间与经手人、轨迹与判定 / the case, every step with time and name, tracks, judgements
  manifest.json   每个文件的来源、时钟、摄像机序列号、规则版本与 SHA-256 / origin, clock, camera serial, rule version
  evidence/       原始事件与判定 / the event as it came, and the judgement
                  带图的原始事件仅在完整包中 / an event that carries a picture of its own is in the full bundle only
  masked/         遮挡处理后的画面（仅轨迹附近清晰）/ pictures, sharp around the track only

原始画面未随包提供时，其 SHA-256 仍在 manifest.json 中，可日后与原件核对。
Where original pictures are not included their SHA-256 stands in manifest.json, so that they can be checked later.
";
