//! What becomes of evidence over time: deleted for age or room and told so, held for ever, fetched after a stop.

use std::path::Path;
use std::sync::Arc;

use gatehouse::cases::evidence::{FileKind, Limits};
use gatehouse::clock::{Clock, SystemClock};
use gatehouse::model::case::{Act, CaseNo, CaseStory, CaseWrite, Promised, StepKind};
use gatehouse::model::sight::{Footage, Sighting};

use crate::rig::{Desk, Pictures, sighting, store};

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
    let out = dir.path().join("case-2.tar");
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .args(["case", "export", "2", "--data"])
        .arg(dir.path())
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let bundle = String::from_utf8_lossy(&std::fs::read(out).unwrap()).into_owned();
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
