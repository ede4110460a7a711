//! What becomes of evidence over time: deleted for age or room and told so, held for ever, fetched after a stop.

use std::path::Path;
use std::sync::Arc;

use gatehouse::cases::bundle::Bundle;
use gatehouse::cases::evidence::{Evidence, EvidenceError, FileKind, Limits, Origin, Standing};
use gatehouse::cases::seal::{SealKey, sha256};
use gatehouse::clock::{Clock, SystemClock};
use gatehouse::model::case::{Act, CaseNo, CaseStory, CaseWrite, Promised, StepKind};
use gatehouse::model::sight::{Footage, Sighting};
use gatehouse::model::time::Trust;

use crate::rig::{Desk, Pictures, exported, sighting, store};

const PICTURE_BYTES: usize = 40 * 1024;

fn picture(event: &str, floor: i32, fill: u8) -> Sighting {
    let bytes: Arc<[u8]> = vec![fill; PICTURE_BYTES].into();
    let footage = vec![Footage::Inline { media_type: "image/jpeg".into(), bytes }];
    Sighting { footage, ..sighting(event, floor) }
}

/// What the last step of a kind says, in both languages.
fn last(story: &CaseStory, kind: StepKind) -> Option<String> {
    let why = story.steps.iter().rev().find(|s| s.kind == kind)?.why.as_ref()?;
    Some(format!("{} / {}", why.zh, why.en))
}

pub(crate) async fn close(desk: &mut Desk, no: CaseNo) {
    for act in [Act::Review, Act::Confirm, Act::Close] {
        desk.act(no, act).await.unwrap();
        while desk.alarms.try_recv().is_ok() {}
    }
}

/// Three cases of 40 KiB each on far floors: 1 closed and held, 2 closed, 3 open.
pub(crate) async fn three(dir: &Path, limits: Limits) {
    let mut desk = Desk::start_with(dir, Pictures::Hang, limits);
    for (n, floor) in [(1, 3), (2, 13), (3, 23)] {
        assert!(desk.send(picture(&format!("e{n}"), floor, n)).await);
        assert!(desk.report().await.holds);
    }
    desk.act(CaseNo(1), Act::Hold).await.unwrap();
    close(&mut desk, CaseNo(1)).await;
    close(&mut desk, CaseNo(2)).await;
    for no in [1, 2, 3].map(CaseNo) {
        assert_eq!(desk.evidence.entries(no).unwrap().len(), 3, "case {no}");
    }
    desk.stop().await;
}

fn has_files(desk: &Desk, no: CaseNo) -> bool {
    desk.evidence.entries(no).unwrap().iter().all(|entry| desk.evidence.read(no, entry).is_ok())
}

#[tokio::test]
async fn for_want_of_room_the_oldest_closed_case_goes_and_says_so_but_never_a_held_one() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { bytes_max: 128 * 1024, ..Limits::default() };
    three(dir.path(), limits).await;
    let desk = Desk::start_with(dir.path(), Pictures::Hang, limits);
    desk.until("case 2 says that its evidence is gone", |s| s.case.evicted, CaseNo(2)).await;
    let story = desk.reader.case(CaseNo(2)).unwrap().unwrap();
    let note = last(&story, StepKind::Evicted).unwrap();
    assert!(note.contains("the quota wanted room, 3 files") && note.contains("证据容量已满"), "{note}");
    // The digests stay, the bytes are gone.
    let kept = desk.evidence.entries(CaseNo(2)).unwrap();
    assert_eq!(kept.iter().filter(|e| e.sha256.len() == 64).count(), 3);
    assert!(kept.iter().all(|entry| desk.evidence.read(CaseNo(2), entry).is_err()));
    for no in [CaseNo(1), CaseNo(3)] {
        assert!(has_files(&desk, no) && !desk.reader.case(no).unwrap().unwrap().case.evicted, "case {no}");
    }
    // What is left may not go: at the quota the next pictures are refused, the events are not.
    for (event, floor) in [("e4", 28), ("e5", 33)] {
        assert!(desk.send(picture(event, floor, 9)).await);
    }
    let full = |s: &CaseStory| {
        last(s, StepKind::EvidenceFailed).is_some_and(|why| why.contains("quota") && why.contains("证据总量已达上限"))
    };
    desk.until("case 5 says that its picture was not kept", full, CaseNo(5)).await;
    let kinds: Vec<FileKind> = desk.evidence.entries(CaseNo(5)).unwrap().iter().map(|e| e.origin.kind).collect();
    assert_eq!(kinds, [FileKind::Event, FileKind::Verdict]);
    // The bundle of a case without files still brings the digests.
    let bundle = exported(dir.path(), CaseNo(2));
    assert!(bundle.contains("\"cause\": \"room\"") && kept.iter().all(|entry| bundle.contains(&entry.sha256)));
    // Released, it may go, and goes.
    desk.act(CaseNo(1), Act::Release).await.unwrap();
    desk.stop().await;
    let desk = Desk::start_with(dir.path(), Pictures::Hang, limits);
    desk.until("case 1 says so too", |s| s.case.evicted && !s.case.held, CaseNo(1)).await;
    desk.stop().await;
}

#[tokio::test]
async fn after_its_time_evidence_goes_unless_held_or_open() {
    let dir = tempfile::tempdir().unwrap();
    three(dir.path(), Limits::default()).await;
    let limits = Limits { keep_ms: 0, ..Limits::default() };
    let desk = Desk::start_with(dir.path(), Pictures::Hang, limits);
    desk.until("case 2 says so", |s| s.case.evicted, CaseNo(2)).await;
    let story = desk.reader.case(CaseNo(2)).unwrap().unwrap();
    assert!(last(&story, StepKind::Evicted).unwrap().contains("kept for its time"));
    assert!(has_files(&desk, CaseNo(1)) && has_files(&desk, CaseNo(3)));
    // A hold put on afterwards stays, and does not bring the case's mark back.
    desk.act(CaseNo(2), Act::Hold).await.unwrap();
    desk.stop().await;
    let desk = Desk::start_with(dir.path(), Pictures::Hang, limits);
    let case = desk.reader.case(CaseNo(2)).unwrap().unwrap().case;
    assert!(case.held && case.evicted);
    desk.stop().await;
}

#[tokio::test]
async fn a_picture_that_a_stop_left_behind_is_fetched_after_the_start_or_told_as_missed() {
    let dir = tempfile::tempdir().unwrap();
    let remote = |event: &str, floor| Sighting {
        footage: vec![Footage::Remote { reference: format!("/{event}.jpg"), clip: false }],
        ..sighting(event, floor)
    };
    let desk = Desk::start(dir.path(), Pictures::Hang);
    assert!(desk.send(remote("young", 3)).await);
    assert!(desk.send(remote("old", 23)).await);
    desk.stop().await;
    // As if the second had happened two days before the start.
    let two_days_ago = SystemClock.anchor().wall.0 - 48 * 3_600_000;
    let disk = store(dir.path());
    let kept = disk.reader.cases().kept(0, 10).unwrap().promised;
    assert_eq!(
        kept.iter().map(|p| (p.case, p.reference.as_str())).collect::<Vec<_>>(),
        [(CaseNo(1), "/young.jpg"), (CaseNo(2), "/old.jpg")]
    );
    let aged = Promised { wall_ms: two_days_ago, ..kept[1].clone() };
    let settled = vec![(aged.case, aged.reference.clone())];
    disk.handle.cases(CaseWrite { settled, ..CaseWrite::default() }).await.unwrap();
    disk.handle.cases(CaseWrite { promised: vec![aged], ..CaseWrite::default() }).await.unwrap();
    disk.handle.close().await;

    let desk = Desk::start(dir.path(), Pictures::Give(b"late, but there".to_vec()));
    let has = |kind| move |s: &CaseStory| s.steps.iter().any(|step| step.kind == kind);
    desk.until("the picture is fetched", has(StepKind::Evidence), CaseNo(1)).await;
    desk.until("the other is given up", has(StepKind::EvidenceFailed), CaseNo(2)).await;
    let entry = desk.evidence.entries(CaseNo(1)).unwrap().pop().unwrap();
    assert_eq!((entry.origin.kind, entry.origin.event_id.as_str()), (FileKind::Picture, "young"));
    assert_eq!((entry.origin.camera_serial.as_str(), entry.origin.media_type.as_str()), ("SN-0815", "image/jpeg"));
    let story = desk.reader.case(CaseNo(2)).unwrap().unwrap();
    let why = last(&story, StepKind::EvidenceFailed).unwrap();
    assert!(why.contains("missed: gatehouse was stopped, 48 h late") && why.contains("错过 48 小时"), "{why}");
    desk.stop().await;
    let disk = store(dir.path());
    assert_eq!(disk.reader.cases().kept(0, 10).unwrap().promised, []);
    disk.handle.close().await;
}

fn origin(kind: FileKind, event: &str) -> Origin {
    Origin {
        kind,
        media_type: "application/json".into(),
        camera: "e1".into(),
        camera_serial: String::new(),
        event_id: event.into(),
        camera_wall_ms: None,
        camera_offset_ms: None,
        kept_wall_ms: 0,
        clock: Trust::Synced,
        rule: String::new(),
        gatehouse: String::new(),
    }
}

/// A power cut leaves half a line, in the middle of a letter if need be: nothing kept before or after it is lost by that.
#[test]
fn half_a_line_in_the_manifest_takes_no_other_line_with_it() {
    let whole = "{\"file\":\"002_event.json\",\"event_id\":\"事件\"";
    let letter = whole.find('事').unwrap() + 1;
    for cut in [1, 20, letter, whole.len()] {
        let dir = tempfile::tempdir().unwrap();
        let evidence = Evidence::new(dir.path(), Limits::default());
        let no = CaseNo(1);
        evidence.keep(no, b"first", origin(FileKind::Event, "事件一")).unwrap();
        let path = evidence.folder(no).join("manifest.jsonl");
        let before = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&before[..], &whole.as_bytes()[..cut]].concat()).unwrap();
        assert_eq!(evidence.entries(no).unwrap().len(), 1, "cut at {cut}");
        let second = evidence.keep(no, b"second", origin(FileKind::Verdict, "事件一")).unwrap();
        let third = evidence.keep(no, b"third", origin(FileKind::Event, "事件二")).unwrap();
        let kept = evidence.entries(no).unwrap();
        assert_eq!(kept[1..], [second.clone(), third.clone()], "cut at {cut}");
        // Each line names the digest of the whole line before it.
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let lines: Vec<&str> = text.lines().filter(|line| line.ends_with('}')).collect();
        for (line, entry) in lines.iter().zip(&kept[1..]) {
            assert_eq!(entry.before, sha256(line.as_bytes()));
        }
    }
}

/// What cannot be entered leaves nothing behind: on a full disk every try would take room that nobody can use.
#[test]
fn a_file_that_cannot_be_entered_is_taken_away_again() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = Evidence::new(dir.path(), Limits::default());
    let folder = evidence.folder(CaseNo(1));
    std::fs::create_dir_all(&folder).unwrap();
    // Not there to be read, and not to be made either.
    std::os::unix::fs::symlink("/nowhere/at/all", folder.join("manifest.jsonl")).unwrap();
    for _ in 0..3 {
        assert!(evidence.keep(CaseNo(1), b"event", origin(FileKind::Event, "a")).is_err());
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "the manifest's place alone");
    std::fs::remove_file(folder.join("manifest.jsonl")).unwrap();
    assert_eq!(evidence.keep(CaseNo(1), b"event", origin(FileKind::Event, "a")).unwrap().file, "001_event.json");
}

/// A camera that goes mad must not fill the disk with small files either.
#[test]
fn events_and_verdicts_have_an_end_too() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { bytes_max: 64 * 1024, ..Limits::default() };
    let evidence = Evidence::new(dir.path(), limits);
    let mut kept = 0;
    for n in 0..200_u64 {
        let event = [u8::try_from(n).unwrap(); 4096];
        match evidence.keep(CaseNo(n), &event, origin(FileKind::Event, "a")) {
            Ok(_) => kept += event.len(),
            Err(error) => assert!(matches!(error, EvidenceError::Quota), "{error}"),
        }
    }
    assert!((64 * 1024..=72 * 1024).contains(&kept), "{kept} bytes of {} kept", limits.bytes_max);
}

/// Evidence that is half gone when a hold stops its deletion: what is left is in the bundle, what is not is named.
#[tokio::test]
async fn the_bundle_of_half_deleted_evidence_brings_the_rest_and_names_what_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::start(dir.path(), Pictures::Hang);
    assert!(desk.send(sighting("a", 12)).await);
    assert!(desk.report().await.holds);
    desk.act(CaseNo(1), Act::Hold).await.unwrap();
    let folder = desk.evidence.folder(CaseNo(1));
    std::fs::write(folder.join("evicted.json"), r#"{"case":1,"cause":"age","wall_ms":1,"files":2,"bytes":9}"#).unwrap();
    std::fs::remove_file(folder.join("001_event.json")).unwrap();
    let story = desk.reader.case(CaseNo(1)).unwrap().unwrap();
    let key = SealKey::open(dir.path()).unwrap();
    let watched = crate::rig::watched();
    let bundle = Bundle { story: &story, watched: &watched, by: "a", wall_ms: 0, gateway: "g", full: false };
    let made = String::from_utf8_lossy(&bundle.make(&desk.evidence, &key).unwrap()).into_owned();
    assert!(made.contains("case-1/evidence/002_verdict.json") && !made.contains("case-1/evidence/001_event.json"));
    let named = "\"missing\": [\n    \"001_event.json\"\n  ]";
    assert!(made.contains(named) && made.contains("\"cause\": \"age\""), "{made}");
    desk.stop().await;
}

/// A clip that comes when the case's evidence has gone already is refused with a word: nothing would ever delete it.
#[test]
fn nothing_is_kept_where_evidence_was_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = Evidence::new(dir.path(), Limits { keep_ms: 0, ..Limits::default() });
    let no = CaseNo(1);
    evidence.keep(no, b"event", origin(FileKind::Event, "a")).unwrap();
    let standing = |_| Standing { keep: false, age_ms: Some(1), told: false };
    assert_eq!(evidence.evict(&standing, 1).len(), 1);
    for bytes in [&b"event"[..], b"clip"] {
        let told = evidence.keep(no, bytes, origin(FileKind::Event, "a"));
        assert!(matches!(told, Err(EvidenceError::Gone)), "{told:?}");
    }
    assert_eq!(evidence.entries(no).unwrap().len(), 1);
}
