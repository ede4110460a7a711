//! The manifests of evicted evidence: random work against what must hold whatever happens, and one course by hand.

use std::collections::BTreeMap;
use std::path::Path;

use gatehouse::cases::evidence::{Evidence, FileKind, Limits, Origin, Standing};
use gatehouse::model::case::{Act, CaseNo};
use gatehouse::model::time::Trust;
use proptest::prelude::*;

use crate::evidence::{close, three};
use crate::rig::{Desk, Pictures, exported};

const DAY_MS: i64 = 86_400_000;
const LIMITS: Limits =
    Limits { bytes_max: 1 << 30, keep_ms: 5 * DAY_MS, manifests_keep_ms: 20 * DAY_MS, manifests_max: 3 };

#[derive(Debug, Clone)]
enum Action {
    New,
    Close(usize),
    Hold(usize, bool),
    /// Whether the list of cases knows it.
    Know(usize, bool),
    Wait(i64),
    /// Whether the clock can be trusted, and whether the cases come to hear what went.
    Look(bool, bool),
    /// A stop in the middle of deleting a folder: so many of its last files went.
    Stop(usize, usize),
}

fn action() -> impl Strategy<Value = Action> {
    let case = 0_usize..12;
    prop_oneof![
        3 => Just(Action::New),
        4 => case.clone().prop_map(Action::Close),
        1 => (case.clone(), any::<bool>()).prop_map(|(n, on)| Action::Hold(n, on)),
        1 => (case.clone(), any::<bool>()).prop_map(|(n, on)| Action::Know(n, on)),
        4 => (0_i64..15).prop_map(Action::Wait),
        6 => (prop::bool::weighted(0.8), prop::bool::weighted(0.8)).prop_map(|(a, b)| Action::Look(a, b)),
        1 => (case, 1_usize..4).prop_map(|(n, files)| Action::Stop(n, files)),
    ]
}

#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // what may hold of a case, each by itself
struct Model {
    opened_ms: i64,
    open: bool,
    held: bool,
    known: bool,
    told: bool,
    went_ms: Option<i64>,
}

impl Model {
    fn keep(&self) -> bool {
        self.open || self.held || !self.known
    }
}

fn names(folder: &Path) -> Vec<String> {
    let all = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = all.map(|f| f.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn origin() -> Origin {
    Origin {
        kind: FileKind::Event,
        media_type: "application/json".into(),
        camera: "cam".into(),
        camera_serial: "S1".into(),
        event_id: "e".into(),
        camera_wall_ms: None,
        camera_offset_ms: None,
        kept_wall_ms: 0,
        clock: Trust::Synced,
        rule: "r".into(),
        gatehouse: "0".into(),
    }
}

fn look(evidence: &Evidence, cases: &mut BTreeMap<u64, Model>, now: i64, (trusted, heard): (bool, bool)) {
    let before: BTreeMap<u64, Vec<String>> =
        cases.keys().map(|no| (*no, names(&evidence.folder(CaseNo(*no))))).collect();
    let (highest, seen) = (evidence.last(), cases.clone());
    let standing = |no: CaseNo| {
        let case = seen[&no.0];
        let age_ms = (case.known && trusted).then(|| now - case.opened_ms);
        Standing { keep: case.keep(), age_ms, told: case.known && case.told }
    };
    for gone in evidence.evict(&standing, now) {
        let case = cases.get_mut(&gone.case.0).unwrap();
        case.went_ms.get_or_insert(gone.wall_ms);
        case.told |= heard;
    }
    assert_eq!(evidence.last(), highest, "a number may be given twice");
    let mut left = 0;
    for (no, case) in cases.iter() {
        let folder = evidence.folder(CaseNo(*no));
        let after = names(&folder);
        let (had, has) =
            (before[no].contains(&"manifest.jsonl".to_owned()), after.contains(&"manifest.jsonl".to_owned()));
        let whole = |names: &[String]| names.iter().filter(|n| *n != "evicted.told").cloned().collect::<Vec<_>>();
        if case.keep() {
            assert_eq!(whole(&after), whole(&before[no]), "case {no} may lose nothing: {case:?}");
        }
        // Until its case has heard that its evidence went, the digests stay.
        assert!(has || !had || seen[no].told, "case {no} has lost its manifest: {case:?}");
        let aged = case.went_ms.is_some_and(|went| now - went > LIMITS.manifests_keep_ms);
        let free = seen[no].told && !case.keep() && *no != highest;
        assert!(!(free && aged && trusted && folder.exists()), "case {no} is past its time: {case:?} {after:?}");
        left += usize::from(free && folder.exists());
    }
    assert!(left <= LIMITS.manifests_max, "{left} manifests");
}

fn play(actions: Vec<Action>) {
    let dir = tempfile::tempdir().unwrap();
    let evidence = Evidence::new(dir.path(), LIMITS);
    let (mut cases, mut now) = (BTreeMap::new(), 1_000 * DAY_MS);
    for action in actions {
        match action {
            Action::New => {
                let no = evidence.last() + 1;
                evidence.keep(CaseNo(no), format!("event {no}").as_bytes(), origin()).unwrap();
                let case = Model { opened_ms: now, open: true, held: false, known: true, told: false, went_ms: None };
                assert!(cases.insert(no, case).is_none(), "number {no} was given before");
            }
            Action::Close(n) => drop(cases.values_mut().nth(n).map(|case| case.open = false)),
            Action::Hold(n, on) => drop(cases.values_mut().nth(n).map(|case| case.held = on)),
            Action::Know(n, on) => drop(cases.values_mut().nth(n).map(|case| case.known = on)),
            Action::Wait(days) => now += days * DAY_MS,
            Action::Look(trusted, heard) => look(&evidence, &mut cases, now, (trusted, heard)),
            Action::Stop(n, files) => {
                let Some((no, case)) = cases.iter().nth(n) else { continue };
                let folder = evidence.folder(CaseNo(*no));
                // Only what the deletion itself had begun with: a free, told folder that is past its time.
                let aged = case.went_ms.is_some_and(|went| now - went > LIMITS.manifests_keep_ms);
                if case.told && !case.keep() && aged && *no != evidence.last() && folder.join("evicted.told").exists() {
                    for name in ["manifest.jsonl", "evicted.json", "evicted.told"].iter().take(files) {
                        std::fs::remove_file(folder.join(name)).unwrap();
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn manifests_are_bounded_and_none_goes_that_must_stay(actions in prop::collection::vec(action(), 1..80)) {
        play(actions);
    }
}

#[tokio::test]
async fn an_old_manifest_goes_the_story_stays_and_a_hold_keeps_both() {
    let dir = tempfile::tempdir().unwrap();
    three(dir.path(), Limits::default()).await;
    let gone = Limits { keep_ms: 0, ..Limits::default() };
    let mut desk = Desk::start_with(dir.path(), Pictures::Hang, gone);
    desk.until("case 2 says that its evidence is gone", |s| s.case.evicted, CaseNo(2)).await;
    // Case 1 loses its files, and is held again afterwards: its digests stay for good.
    desk.act(CaseNo(1), Act::Release).await.unwrap();
    close(&mut desk, CaseNo(3)).await;
    desk.stop().await;
    let desk = Desk::start_with(dir.path(), Pictures::Hang, gone);
    desk.until("case 1 says so too", |s| s.case.evicted, CaseNo(1)).await;
    desk.act(CaseNo(1), Act::Hold).await.unwrap();
    desk.stop().await;

    let desk = Desk::start_with(dir.path(), Pictures::Hang, Limits { manifests_keep_ms: 0, ..gone });
    desk.until("the folder of case 2 is gone", |_| !desk.evidence.folder(CaseNo(2)).exists(), CaseNo(2)).await;
    assert_eq!(desk.evidence.entries(CaseNo(1)).unwrap().len(), 3, "held");
    assert_eq!(desk.evidence.last(), 3, "the highest number is known");
    let story = desk.reader.case(CaseNo(2)).unwrap().unwrap();
    assert!(
        story.case.evicted
            && story.steps.iter().any(|step| step
                .why
                .as_ref()
                .is_some_and(|why| why.en.contains("3 files") && why.zh.contains("3 个文件"))),
        "{story:?}"
    );
    desk.stop().await;
    assert!(exported(dir.path(), CaseNo(2)).contains("deleted after its time"));
}
