//! The sealed bundle in the hands of a third party: `tar`, `openssl` and `sha256sum`, with the commands of its own README.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use gatehouse::model::case::{CaseNo, StepKind};
use gatehouse::model::sight::{Footage, Sighting};

use crate::rig::{Desk, Pictures, sighting};

/// A grey JPEG of 64 x 48 pixels with a white stripe.
const PICTURE: &[u8] = include_bytes!("picture.jpg");

/// Runs a command of the README in `dir`; whether it went well, and what it said.
fn sh(dir: &Path, line: &str) -> (bool, String) {
    let done = Command::new("sh").args(["-c", line]).current_dir(dir).output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
}

/// The commands that the README in the bundle gives.
fn commands(readme: &str) -> Vec<String> {
    let all: Vec<String> = readme
        .lines()
        .filter(|l| l.starts_with("  openssl ") || l.starts_with("  sha256sum "))
        .map(|l| l.trim().to_owned())
        .collect();
    assert_eq!(all.len(), 2, "{readme}");
    all
}

async fn exported(dir: &Path) -> std::path::PathBuf {
    let mut desk = Desk::start(dir, Pictures::Give(PICTURE.to_vec()));
    let footage = vec![Footage::Remote { reference: "/1.jpg".into(), clip: false }];
    assert!(desk.send(Sighting { footage, ..sighting("a", 12) }).await);
    desk.report().await;
    desk.until("evidence", |s| s.steps.iter().any(|s| s.kind == StepKind::Evidence), CaseNo(1)).await;
    desk.stop().await;
    let out = dir.join("case-1.tar");
    let made = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .args(["case", "export", "1", "--by", "王工", "--data"])
        .arg(dir)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    out
}

#[tokio::test]
async fn a_third_party_checks_the_bundle_with_public_tools_alone() {
    let dir = tempfile::tempdir().unwrap();
    let out = exported(dir.path()).await;
    let (ok, said) = sh(dir.path(), "tar -xf case-1.tar && ls -R case-1");
    assert!(ok, "{said}");
    for name in ["001_event.json", "002_verdict.json", "003_picture.png", "SHA256SUMS.sig", "public_key.pem"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    assert!(!said.contains("003_picture.jpg"), "the unmasked picture is in the bundle: {said}");
    let folder = dir.path().join("case-1");
    let readme = std::fs::read_to_string(folder.join("README.txt")).unwrap();
    for line in commands(&readme) {
        let (ok, said) = sh(&folder, &line);
        assert!(ok, "{line}: {said}");
    }
    // The key is the one that the gateway names.
    let key = Command::new(env!("CARGO_BIN_EXE_gatehouse")).args(["case", "key", "--data"]).arg(dir.path()).output();
    assert_eq!(key.unwrap().stdout, std::fs::read(folder.join("public_key.pem")).unwrap());
    // Any flipped byte of any file fails one of the two.
    let files: Vec<_> = walk(&folder).into_iter().filter(|p| !p.ends_with("README.txt") || cfg!(unix)).collect();
    for path in files {
        let whole = std::fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        let at = fastrand::usize(..flipped.len());
        flipped[at] ^= 1 << fastrand::u8(0..8);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, &flipped).unwrap();
        let fails = commands(&readme).iter().any(|line| !sh(&folder, line).0);
        assert!(fails, "{} with byte {at} flipped passes", path.display());
        std::fs::write(&path, &whole).unwrap();
    }
    assert!(out.metadata().unwrap().len() > 1_000);
}

#[tokio::test]
async fn evidence_is_written_once_and_a_changed_file_is_not_exported() {
    let dir = tempfile::tempdir().unwrap();
    exported(dir.path()).await;
    let file = dir.path().join("evidence/1/001_event.json");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o400);
    let noted = std::fs::read_to_string(dir.path().join("evidence/exports.jsonl")).unwrap();
    assert!(noted.contains("王工"), "{noted}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&file, b"{\"event\":\"b\"}").unwrap();
    let again = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .args(["case", "export", "1", "--data"])
        .arg(dir.path())
        .arg("--out")
        .arg(dir.path().join("again.tar"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && said.contains("001_event.json"), "{said}");
}

/// A picture that a camera hides where its profile does not look is in the full bundle only.
#[tokio::test]
async fn an_event_that_carries_a_picture_of_its_own_is_not_in_the_masked_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let picture: String = PICTURE.iter().cycle().take(1_000).map(|byte| format!("{byte:02x}")).collect();
    let raw = format!("{{\"event\":\"a\",\"thumb\":\"{picture}\"}}");
    let mut desk = Desk::start(dir.path(), Pictures::Hang);
    assert!(desk.send(Sighting { raw: raw.as_bytes().into(), ..sighting("a", 12) }).await);
    desk.report().await;
    desk.stop().await;
    let export = |more: &[&str], out: &str| {
        let made = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
            .args(["case", "export", "1", "--by", "王工", "--data"])
            .arg(dir.path())
            .arg("--out")
            .arg(dir.path().join(out))
            .args(more)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8_lossy(&std::fs::read(dir.path().join(out)).unwrap()).into_owned()
    };
    let masked = export(&[], "masked.tar");
    let sum = gatehouse::cases::seal::sha256(raw.as_bytes());
    assert!(!masked.contains(&picture) && masked.contains(&sum), "its digest stands in the manifest");
    assert!(masked.contains("case-1/evidence/002_verdict.json"));
    assert!(export(&["--full", "--reason", "police"], "full.tar").contains(&picture));
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() { all.extend(walk(&entry.path())) } else { all.push(entry.path()) }
    }
    all
}
