//! Closed cases that are kept no longer: random work with restarts against a plain list of all that ever was, and one course
//! by hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gatehouse::cases::evidence::{Evidence, Limits};
use gatehouse::cases::figures::statistics;
use gatehouse::cases::ports::Keeper;
use gatehouse::cases::retention::{Retention, spent};
use gatehouse::model::case::{
    Act, ActError, Case, CaseFilter, CaseNo, CaseWrite, Judgement, KeptSighting, Reason, Stage, Step, StepKind,
};
use gatehouse::model::casebook::Tally;
use gatehouse::model::sight::{SightAction, SightKind};
use gatehouse::model::time::{Anchor, BootMs, Trust, WallMs};
use gatehouse::store::Store;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::evidence::close;
use crate::rig::{Desk, Disk, Pictures, sighting, store};

const DAY_MS: i64 = 86_400_000;
const T0: i64 = 1_800_000_000_000;
const RETENTION: Retention = Retention { keep_ms: 20 * DAY_MS, cases_max: 4 };

#[derive(Debug, Clone)]
enum Action {
    /// Floor, and whether a second camera saw it.
    New(i32, bool),
    Close(usize, bool),
    Hold(usize, bool),
    /// Whether anything of its evidence is kept.
    Keep(usize, bool),
    Wait(i64),
    /// Whether the clock can be trusted.
    Look(bool),
    Reopen,
}

fn action() -> impl Strategy<Value = Action> {
    let case = 0_usize..14;
    prop_oneof![
        4 => (1_i32..12, any::<bool>()).prop_map(|(floor, two)| Action::New(floor, two)),
        5 => (case.clone(), any::<bool>()).prop_map(|(n, rejected)| Action::Close(n, rejected)),
        1 => (case.clone(), any::<bool>()).prop_map(|(n, on)| Action::Hold(n, on)),
        1 => (case, any::<bool>()).prop_map(|(n, on)| Action::Keep(n, on)),
        3 => (0_i64..12).prop_map(Action::Wait),
        5 => prop::bool::weighted(0.8).prop_map(Action::Look),
        2 => Just(Action::Reopen),
    ]
}

fn case(no: u64, floor: i32, two: bool, wall_ms: i64) -> Case {
    let cameras = if two { vec!["e1".to_owned(), "e2".to_owned()] } else { vec!["e1".to_owned()] };
    Case {
        no: CaseNo(no),
        kind: if floor == 11 { SightKind::Perimeter } else { SightKind::FallingObject },
        facade: "east".into(),
        place: "3号楼东立面".into(),
        stage: Stage::Detected,
        confirmed: false,
        rejected: None,
        level: None,
        judgement: Judgement::unknown((floor > 1).then_some(floor)),
        happened_wall_ms: wall_ms,
        opened_wall_ms: wall_ms,
        last_wall_ms: wall_ms,
        changed_wall_ms: wall_ms,
        sightings: 1,
        cameras,
        repeat: false,
        held: false,
        evicted: false,
        shielded: None,
        lasts: None,
    }
}

fn written(case: &Case) -> CaseWrite {
    let step = Step {
        case: case.no,
        kind: StepKind::Detected,
        wall_ms: case.opened_wall_ms,
        by: String::new(),
        note: String::new(),
        reason: None,
        level: None,
        why: None,
    };
    let seen = KeptSighting {
        case: case.no,
        camera: "e1".into(),
        event_id: format!("event-{}", case.no),
        kind: None,
        action: SightAction::Pulse,
        received_wall_ms: case.opened_wall_ms,
        camera_wall_ms: None,
        offset_ms: None,
        source: String::new(),
        object: None,
        confidence: None,
        frame: None,
        track: Vec::new(),
        judgement: case.judgement.clone(),
        brief: false,
        payload_sha256: String::new(),
    };
    CaseWrite { cases: vec![case.clone()], steps: vec![step], sightings: vec![seen], ..CaseWrite::default() }
}

fn anchor(wall_ms: i64, trusted: bool) -> Anchor {
    let trust = if trusted { Trust::Synced } else { Trust::Unset };
    Anchor { boot: BootMs(1), wall: WallMs(wall_ms), trust }
}

struct World {
    store: Store,
    evidence: Evidence,
    /// All there ever were, as they stand or stood, and whether they are there.
    cases: BTreeMap<u64, (Case, bool)>,
    now: i64,
}

impl World {
    fn new(dir: &Path) -> Self {
        let evidence = Evidence::new(dir, Limits::default());
        Self { store: store(dir), evidence, cases: BTreeMap::new(), now: T0 }
    }

    fn must_stay(&self, case: &Case) -> bool {
        case.is_open() || case.held || self.evidence.folder(case.no).exists()
    }

    async fn write(&self, write: CaseWrite) {
        self.store.handle.cases(write).await.unwrap();
    }

    /// Changes a case that is there, as the desk would.
    async fn change(&mut self, n: usize, change: impl Fn(&mut Case)) {
        let now = self.now;
        let Some((case, _)) = self.cases.values_mut().filter(|(_, there)| *there).nth(n) else { return };
        change(case);
        case.changed_wall_ms = now;
        let write = CaseWrite { cases: vec![case.clone()], ..CaseWrite::default() };
        self.write(write).await;
    }

    async fn look(&mut self, trusted: bool) {
        let disk: Arc<dyn Keeper> = Arc::new(Disk(self.store.handle.clone(), self.store.reader.cases()));
        let gone = spent(&*disk, &self.evidence, RETENTION, &anchor(self.now, trusted));
        self.write(CaseWrite { spent: gone.clone(), ..CaseWrite::default() }).await;
        let last = *self.cases.keys().last().unwrap_or(&0);
        for no in gone {
            let (case, _) = &self.cases[&no.0];
            assert!(!self.must_stay(case) && no.0 != last, "{case:?}");
            self.cases.get_mut(&no.0).unwrap().1 = false;
        }
        let free = |c: &&Case| !self.must_stay(c) && c.no.0 != last;
        let left: Vec<&Case> = self.cases.values().filter(|(_, there)| *there).map(|(c, _)| c).collect();
        let closed = left.iter().filter(|c| !c.is_open()).count() as u64;
        let over = left.iter().copied().find(|c| free(c) && closed > RETENTION.cases_max);
        assert!(over.is_none(), "{closed} closed cases, and {over:?} might go");
        let aged = |c: &&&Case| free(c) && trusted && self.now - c.changed_wall_ms > RETENTION.keep_ms;
        assert!(left.iter().find(aged).is_none(), "{:?}", left.iter().find(aged));
    }

    /// What is there is there whole, what is not is gone whole, and all of it is counted.
    fn check(&self) {
        let reader = self.store.reader.cases();
        let sightings = reader.sightings(1_000).unwrap();
        for (no, (case, there)) in &self.cases {
            let story = reader.case(CaseNo(*no)).unwrap();
            assert_eq!(story.is_some(), *there, "case {no}");
            if let Some(story) = &story {
                assert_eq!((&story.case, story.steps.len(), story.sightings.len()), (case, 1, 1));
            }
            assert_eq!(sightings.iter().any(|s| s.case.0 == *no), *there);
        }
        let last = reader.kept(0, 10).unwrap().last;
        assert_eq!(last, *self.cases.keys().last().unwrap_or(&0), "a number may be given twice");
        let from = self.now - 366 * DAY_MS;
        let all: Vec<_> = self.cases.values().map(|(case, _)| (Tally::of(case), 1)).collect();
        let counted = reader.counted(from).unwrap();
        let zone = TimeZone::get("Asia/Kathmandu").unwrap();
        assert_eq!(statistics(&counted, &[], from, &zone), statistics(&all, &[], from, &zone));
    }
}

async fn play(actions: Vec<Action>) {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new(dir.path());
    for action in actions {
        match action {
            Action::New(floor, two) => {
                let case = case(world.store.reader.cases().kept(0, 1).unwrap().last + 1, floor, two, world.now);
                world.write(written(&case)).await;
                assert!(world.cases.insert(case.no.0, (case, true)).is_none());
            }
            Action::Close(n, rejected) => {
                let close = |case: &mut Case| {
                    case.stage = Stage::Closed;
                    if rejected && !case.confirmed {
                        case.rejected = Some(Reason::Bird);
                    } else if case.rejected.is_none() {
                        case.confirmed = true;
                    }
                };
                world.change(n, close).await;
            }
            Action::Hold(n, on) => world.change(n, |case| case.held = on).await,
            Action::Keep(n, on) => {
                let Some((case, _)) = world.cases.values().filter(|(_, there)| *there).nth(n) else { continue };
                let folder = world.evidence.folder(case.no);
                let done = if on { std::fs::create_dir_all(folder) } else { std::fs::remove_dir(folder) };
                assert!(done.is_ok() || !on);
            }
            Action::Wait(days) => world.now += days * DAY_MS,
            Action::Look(trusted) => world.look(trusted).await,
            Action::Reopen => {
                world.store.handle.close().await;
                world.store = store(dir.path());
            }
        }
        world.check();
    }
    world.store.handle.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_may_go_goes_and_figures_count_as_if_nothing_had(actions in prop::collection::vec(action(), 1..50)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(actions));
    }
}

/// A thing that lasts sends events without end: those that nothing hands out any more are not kept for ever.
#[tokio::test]
async fn an_open_case_does_not_gather_sightings_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let one = case(1, 3, false, T0);
    let mut write = written(&one);
    let first = write.sightings.remove(0);
    for batch in 0..6 {
        let more = (0..5_000).map(|n| KeptSighting { event_id: format!("{batch}-{n}"), brief: true, ..first.clone() });
        write.sightings = more.collect();
        store.handle.cases(write.clone()).await.unwrap();
    }
    let reader = store.reader.cases();
    let kept = reader.kept(0, 100_000).unwrap().seen;
    assert_eq!(kept.len(), 20_200, "the last 20,000 of all, and the first 200 of the case");
    assert!(kept.last().unwrap().1.contains("5-4999"), "{:?}", kept.last());
    let story = reader.case(CaseNo(1)).unwrap().unwrap();
    assert_eq!((story.sightings.len(), &*story.sightings[199].event_id), (200, "0-199"));
    store.handle.close().await;
}

/// The desk lets go what it must, and whoever still holds an old copy of a case does not bring it back.
#[tokio::test]
async fn the_desk_lets_old_cases_go_and_none_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::start(dir.path(), Pictures::Hang);
    for (n, floor) in [(1, 3), (2, 13), (3, 23), (4, 33)] {
        assert!(desk.send(sighting(&format!("e{n}"), floor)).await);
        assert!(desk.report().await.holds);
    }
    close(&mut desk, CaseNo(1)).await;
    close(&mut desk, CaseNo(2)).await;
    close(&mut desk, CaseNo(4)).await;
    desk.stop().await;
    // As if the evidence of all but the second had gone long ago, manifest and all.
    for no in [1, 3, 4] {
        std::fs::remove_dir_all(dir.path().join("evidence").join(no.to_string())).unwrap();
    }
    let retention = Retention { cases_max: 0, ..Retention::default() };
    let desk = Desk::start_whole(dir.path(), Pictures::Hang, Limits::default(), retention);
    let stored = desk.reader.case(CaseNo(1)).unwrap().map(|story| story.case);
    let gone = async {
        while desk.reader.case(CaseNo(1)).unwrap().is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.unwrap();
    let left: Vec<u64> = desk.reader.cases(&CaseFilter::default()).unwrap().iter().map(|c| c.no.0).collect();
    assert_eq!(left, [4, 3, 2], "the last number, an open case, one with evidence");
    assert_eq!(desk.act_with(CaseNo(1), stored, Act::Hold).await, Err(ActError::Unknown(CaseNo(1))));
    assert!(desk.reader.case(CaseNo(1)).unwrap().is_none());
    assert_eq!(desk.reader.counted(0).unwrap().iter().map(|(_, n)| n).sum::<u32>(), 4);
    // Its event is still known.
    assert!(desk.send(sighting("e5", 3)).await);
    assert_eq!(desk.reader.kept(0, 10).unwrap().last, 5);
    desk.stop().await;
}

/// What hangs on the notice board says nothing below five, the sum of all included.
#[test]
fn the_notice_tells_no_small_figure() {
    let told = |n: u32| {
        let tally = Tally::of(&case(1, 3, false, T0));
        gatehouse::cases::figures::notice(&statistics(&[(tally, n)], &[], 0, &TimeZone::UTC)).cases
    };
    assert_eq!((told(4), told(5)), (0, 5));
}
