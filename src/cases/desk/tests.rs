//! Tables of merging, budgets, repetition, lanes and workflow.

use std::sync::Arc;

use super::*;
use crate::model::case::{Reason, Stage};
use crate::model::facade::{CameraPlace, Facade, ShieldZone};
use crate::model::sight::{SightAction, TrackPoint};
use crate::model::time::{Trust, WallMs};

const T0: i64 = 1_800_000_000_000;

fn now(ms: i64) -> Anchor {
    Anchor { boot: BootMs(1_000_000 + ms), wall: WallMs(T0 + ms), trust: Trust::Synced }
}

fn watched() -> Arc<Watched> {
    let facade =
        |id: &str| Facade {
            id: id.into(), name: format!("{id}立面"), storeys: 33, storey_m: 3.0, width_m: Some(40.0)
        };
    let camera = |id: &str, facade: Option<&str>| CameraPlace {
        id: id.into(),
        name: format!("{id} name"),
        facade: facade.map(str::to_owned),
        serial: "SN1".into(),
        frame: Some((1920, 1080)),
        shields: Vec::new(),
    };
    Arc::new(Watched {
        facades: vec![facade("east"), facade("west")],
        cameras: vec![
            camera("e1", Some("east")),
            camera("e2", Some("east")),
            camera("w1", Some("west")),
            camera("lift", None),
            camera("lane", None),
        ],
    })
}

fn desk() -> Desk {
    Desk::new(Settings::default(), watched(), Restored::default(), &now(0)).0
}

fn seen(camera: &str, event: &str, at: i64) -> Sighting {
    Sighting {
        camera: camera.into(),
        event_id: event.into(),
        kind: SightKind::FallingObject,
        action: SightAction::Pulse,
        received: now(at).boot,
        camera_time: Some(WallMs(T0 + at - 300)),
        source: "rule".into(),
        object: None,
        confidence: None,
        fps: None,
        frame: None,
        track: vec![TrackPoint { t: 0.0, x: 1.0, y: 1.0, w: 0.0, h: 0.0 }],
        floor: None,
        footage: Vec::new(),
        raw: Arc::from(&b"{}"[..]),
    }
}

fn judged(class: ObjectClass, floors: Option<(i32, i32)>) -> Judgement {
    Judgement { class, floor_low: floors.map(|f| f.0), floor_high: floors.map(|f| f.1), ..Judgement::unknown(None) }
}

fn sight(desk: &mut Desk, camera: &str, event: &str, at: i64, class: ObjectClass, floors: Option<(i32, i32)>) -> Taken {
    desk.sight(&seen(camera, event, at), &judged(class, floors), String::new(), &now(at))
}

#[test]
fn what_belongs_together_becomes_one_case() {
    use ObjectClass::{Dense, Light, Undecidable};
    // Second sighting against a dense one of e1, floors 10-12, at 0 ms.
    let check = |camera: &str, at: i64, class, floors, merged: bool| {
        let mut desk = desk();
        let first = sight(&mut desk, "e1", "a", 0, Dense, Some((10, 12)));
        let second = sight(&mut desk, camera, "b", at, class, floors);
        assert_eq!(first.case == second.case, merged, "{camera} {at} {class:?} {floors:?}");
        assert_eq!(desk.case(first.case).unwrap().sightings, if merged { 2 } else { 1 });
    };
    check("e2", 3_000, Dense, Some((11, 14)), true);
    check("e2", 9_900, Light, None, true);
    check("e2", 10_400, Dense, Some((11, 14)), false);
    check("e2", 3_000, Dense, Some((13, 15)), false);
    check("e2", 3_000, Undecidable, Some((1, 9)), false);
    check("w1", 3_000, Dense, Some((11, 14)), false);
    check("e1", 500, Dense, Some((10, 10)), true);
}

#[test]
fn what_moves_in_a_shield_zone_only_is_told_quietly() {
    use ObjectClass::{Dense, Light};
    let mut watched = (*watched()).clone();
    let tree = ShieldZone { name: "树".into(), polygon: vec![(0.0, 0.0), (400.0, 0.0), (400.0, 400.0), (0.0, 400.0)] };
    watched.cameras[0].shields = vec![tree];
    let watched = Arc::new(watched);
    // A track of e1 from (x, 100) to (x, to), drawn in a picture of `frame`; then what became of its case.
    let track = |event: &str, at, x: f64, to: f64, frame| Sighting {
        frame,
        track: [100.0, to].map(|y| TrackPoint { t: y, x, y, w: 0.0, h: 0.0 }).to_vec(),
        ..seen("e1", event, at)
    };
    let open = |sighting: Sighting, shielded: bool| {
        let mut desk = Desk::new(Settings::default(), Arc::clone(&watched), Restored::default(), &now(0)).0;
        let taken = desk.sight(&sighting, &judged(Dense, Some((9, 9))), String::new(), &now(0));
        let case = desk.case(taken.case).unwrap().clone();
        let told = taken.effects.write.steps.iter().any(|s| s.kind == StepKind::Shielded && s.note == "树");
        assert_eq!((case.shielded.as_deref() == Some("树"), told), (shielded, shielded));
        let level = if shielded { Level::Info } else { Level::Critical };
        assert_eq!((case.level, taken.effects.reports[0].level, case.judgement.class), (Some(level), level, Dense));
        (desk, taken.case)
    };
    open(track("a", 0, 200.0, 399.0, None), true);
    open(track("a", 0, 200.0, 401.0, None), false);
    open(track("a", 0, 401.0, 399.0, None), false);
    // Half as large: the zone ends at 200 there.
    open(track("a", 0, 150.0, 190.0, Some((960, 540))), true);
    open(track("a", 0, 150.0, 210.0, Some((960, 540))), false);
    // Another one in the tree changes nothing; the first beyond it rings as usual.
    let (mut desk, no) = open(track("a", 0, 200.0, 399.0, None), true);
    let more = desk.sight(&track("b", 900, 210.0, 300.0, None), &judged(Light, None), String::new(), &now(900));
    assert_eq!((more.case, more.effects.reports.len()), (no, 0));
    let loud = desk.sight(&seen("e2", "c", 1_200), &judged(Light, None), String::new(), &now(1_200));
    assert_eq!((loud.case, loud.effects.reports[0].level), (no, Level::Critical));
    assert_eq!(desk.case(no).unwrap().shielded, None);
    // And what moves in the tree says nothing about a case that has more than that.
    let (mut desk, no) = open(track("a", 0, 800.0, 399.0, None), false);
    let quiet = desk.sight(&track("b", 900, 210.0, 300.0, None), &judged(Dense, None), String::new(), &now(900));
    let case = desk.case(no).unwrap();
    assert_eq!((quiet.case, case.sightings, case.shielded.as_deref()), (no, 2, None));
    assert!(quiet.effects.reports.is_empty());
}

#[test]
fn ranges_narrow_to_what_all_agree_on_and_the_worse_class_counts() {
    use ObjectClass::{Dense, Light, NotFalling};
    let mut desk = desk();
    let first = sight(&mut desk, "e1", "a", 0, Light, Some((8, 14)));
    assert_eq!(first.effects.reports[0].level, Level::Major);
    let second = sight(&mut desk, "e2", "b", 1_000, Dense, Some((12, 20)));
    // More urgent: it rings anew.
    assert_eq!(second.effects.reports[0].level, Level::Critical);
    let raised = second.effects.write.steps.iter().find(|s| s.kind == StepKind::Raised).unwrap();
    assert_eq!((raised.level, &*raised.note), (Some(Level::Critical), ""));
    let j = &desk.case(first.case).unwrap().judgement;
    assert_eq!((j.class, j.floor_low, j.floor_high), (Dense, Some(12), Some(14)));
    // A third camera that took it for a bird neither calms nor narrows it.
    let third = sight(&mut desk, "e2", "c", 2_000, NotFalling, Some((12, 12)));
    assert!(third.effects.reports.is_empty());
    let j = &desk.case(first.case).unwrap().judgement;
    assert_eq!((j.class, j.floor_low, j.floor_high), (Dense, Some(12), Some(14)));
}

#[test]
fn the_same_event_sent_twice_is_one() {
    let mut desk = desk();
    let first = sight(&mut desk, "e1", "a", 0, ObjectClass::Dense, None);
    let again = Sighting { received: now(60_000).boot, ..seen("e1", "a", 0) };
    let again = desk.sight(&again, &judged(ObjectClass::Dense, None), String::new(), &now(60_000));
    assert!(again.is_known && again.case == first.case && again.effects == Effects::default());
}

/// Cameras count from 1 again after a power cut, and call begin and end of a thing by one number.
#[test]
fn an_id_that_comes_again_with_another_time_kind_or_action_is_another_event() {
    let hour = 3_600_000;
    let mut desk = desk();
    let first = sight(&mut desk, "e1", "1", 0, ObjectClass::Dense, None);
    let later = sight(&mut desk, "e1", "1", hour, ObjectClass::Dense, None);
    assert!(later.is_new && later.case != first.case && later.effects.reports[0].holds);
    let bike = Sighting { kind: SightKind::EbikeInLift, ..seen("e1", "1", 0) };
    assert!(desk.sight(&bike, &judged(ObjectClass::Dense, None), String::new(), &now(0)).is_new);
    let lane = |action| Sighting { kind: SightKind::FireLaneBlocked, action, ..seen("lane", "7", 0) };
    let unknown = Judgement::unknown(None);
    let begin = desk.sight(&lane(SightAction::Start), &unknown, String::new(), &now(0));
    let end = desk.sight(&lane(SightAction::Stop), &unknown, String::new(), &now(30_000));
    assert!(begin.is_new && !end.is_known && end.case == begin.case);
    assert!(desk.tick(&now(31_000)).write.steps.iter().any(|step| step.kind == StepKind::Ended));
    // All of them are known again by what is on disk, and one of an earlier release by its id alone.
    let kept = [&first, &later, &begin, &end].map(|taken| taken.effects.write.sightings[0].clone());
    let mut known: Vec<_> = kept.iter().map(|s| (s.camera.clone(), s.key(), s.case)).collect();
    known.push(("e2".into(), "9".into(), CaseNo(1)));
    let restored = Restored { seen: known, last: 9, ..Restored::default() };
    let (mut desk, _) = Desk::new(Settings::default(), watched(), restored, &now(2 * hour));
    let mut again = |sighting: &Sighting| desk.sight(sighting, &unknown, String::new(), &now(2 * hour)).is_known;
    assert!(again(&seen("e1", "1", 0)) && again(&seen("e1", "1", hour)) && again(&seen("e2", "9", 5)));
    assert!(again(&lane(SightAction::Start)) && again(&lane(SightAction::Stop)));
    assert!(!again(&seen("e1", "1", 2 * hour)));
}

/// A network that comes back brings what a camera held: two falls minutes apart are two, though they arrive together.
#[test]
fn events_that_were_held_up_do_not_become_one_case() {
    let minute = 60_000;
    let held = |event: &str, told: i64, at: i64| Sighting {
        camera_time: Some(WallMs(T0 + told)),
        received: now(at).boot,
        ..seen("e1", event, at)
    };
    let dense = judged(ObjectClass::Dense, Some((10, 12)));
    for known in [false, true] {
        let mut desk = desk();
        if known {
            desk.sight(
                &held("live", -20 * minute, -20 * minute + 300),
                &dense,
                String::new(),
                &now(-20 * minute + 300),
            );
        }
        let first = desk.sight(&held("a", -10 * minute, 0), &dense, String::new(), &now(0));
        let second = desk.sight(&held("b", -7 * minute, 900), &dense, String::new(), &now(900));
        assert!(first.case != second.case && second.is_new, "{known}");
        // What belongs to the second is not opened again.
        let third = desk.sight(&held("c", -7 * minute + 2_000, 1_000), &dense, String::new(), &now(1_000));
        assert_eq!(third.case, second.case, "{known}");
    }
}

/// Whoever acts may have read the case before somebody else closed it.
#[test]
fn an_old_copy_does_not_open_a_closed_case_again() {
    let mut desk = desk();
    let no = sight(&mut desk, "e1", "a", 0, ObjectClass::Dense, None).case;
    desk.act(no, None, &Act::Review, "a", "", &now(1)).unwrap();
    let (acted, _) = desk.act(no, None, &Act::Confirm, "a", "", &now(2)).unwrap();
    desk.act(no, None, &Act::Close, "a", "", &now(3)).unwrap();
    let old = Some(acted.case);
    let (held, effects) = desk.act(no, old.clone(), &Act::Hold, "b", "", &now(4)).unwrap();
    assert_eq!((held.case.stage, held.case.held), (Stage::Closed, true));
    assert_eq!((effects.write.cases[0].stage, desk.case(no)), (Stage::Closed, None));
    assert!(desk.act(no, old.clone(), &Act::Close, "b", "", &now(5)).unwrap().0.already);
    assert!(desk.act(no, old, &Act::Hold, "b", "", &now(6)).unwrap().0.already);
}

/// A restart says nothing about a lane: what began is over when its camera says so, and what was over does not ring again.
#[test]
fn a_blocked_lane_is_as_it_was_after_a_restart() {
    let minute = 60_000;
    let lane =
        |event: &str, at, action| Sighting { kind: SightKind::FireLaneBlocked, action, ..seen("lane", event, at) };
    let unknown = Judgement::unknown(None);
    let again = |desk: &Desk, at| {
        let open = desk.review().into_iter().cloned().collect();
        Desk::new(Settings::default(), watched(), Restored { open, last: 1, ..Restored::default() }, &now(at))
    };
    let mut first = desk();
    first.sight(&lane("a", 0, SightAction::Start), &unknown, String::new(), &now(0));
    first.tick(&now(5 * minute));
    let (mut second, reports) = again(&first, 6 * minute);
    assert!(reports[0].holds);
    assert_eq!(second.tick(&now(10 * minute)), Effects::default(), "nobody said that it is free");
    assert_eq!(second.tick(&now(15 * minute)).reports[0].level, Level::Major);
    second.sight(&lane("b", 16 * minute, SightAction::Stop), &unknown, String::new(), &now(16 * minute));
    assert!(!second.tick(&now(16 * minute + 1)).reports[0].holds);
    let (mut third, reports) = again(&second, 20 * minute);
    assert!(reports.iter().all(|report| !report.holds), "it was over before");
    assert_eq!(third.tick(&now(30 * minute)), Effects::default());
    let next = third.sight(&lane("c", 31 * minute, SightAction::Start), &unknown, String::new(), &now(31 * minute));
    assert!(next.is_new, "another blockage is another case");
}

#[test]
fn five_hundred_events_in_a_minute_are_merged_and_budgeted() {
    let mut desk = desk();
    let (mut cases, mut alarms, mut brief, mut kept) = (std::collections::BTreeSet::new(), 0, 0, 0);
    for n in 0..500 {
        // Snow: every floor, spread over the minute, of one camera.
        let floor = n % 33 + 1;
        let class = if n % 7 == 0 { ObjectClass::Undecidable } else { ObjectClass::NotFalling };
        let taken = sight(&mut desk, "e1", &n.to_string(), i64::from(n) * 120, class, Some((floor, floor)));
        cases.insert(taken.case);
        alarms += taken.effects.reports.len();
        brief += usize::from(taken.brief);
        kept += taken.effects.write.sightings.len();
    }
    assert_eq!(kept, 500, "every event is kept");
    assert!(cases.len() <= 7, "{} cases", cases.len());
    assert!(alarms <= 14, "{alarms} alarms");
    assert!(brief >= 430, "{brief} in short form");
    // In the middle of it something dense falls: a case of its own, at once and whole.
    let dense = sight(&mut desk, "e1", "real", 59_900, ObjectClass::Dense, Some((40, 41)));
    assert!(dense.is_new && dense.effects.reports[0].level == Level::Critical);
}

#[test]
fn repetition_on_the_same_floors_is_flagged() {
    let mut desk = desk();
    let day = 24 * 3_600_000;
    let mut repeat = |at: i64, floors| {
        let taken = sight(&mut desk, "e1", &at.to_string(), at, ObjectClass::Light, floors);
        desk.case(taken.case).unwrap().repeat
    };
    assert!(!repeat(0, Some((10, 12))));
    assert!(!repeat(2 * day, Some((11, 13))));
    assert!(!repeat(3 * day, Some((25, 26))), "elsewhere");
    assert!(!repeat(3 * day + 60_000, None), "floor unknown");
    assert!(repeat(4 * day, Some((10, 14))));
    assert!(!repeat(60 * day, Some((10, 14))), "long ago");
}

#[test]
fn a_blocked_lane_rings_after_five_minutes_and_louder_after_fifteen() {
    let minute = 60_000;
    let lane =
        |event: &str, at, action| Sighting { kind: SightKind::FireLaneBlocked, action, ..seen("lane", event, at) };
    let mut desk = desk();
    let unknown = Judgement::unknown(None);
    let first = desk.sight(&lane("a", 0, SightAction::Start), &unknown, String::new(), &now(0));
    assert!(first.effects.reports.is_empty(), "not at once");
    assert_eq!(desk.tick(&now(4 * minute)).reports, []);
    let levels = |effects: Effects| effects.reports.iter().map(|r| (r.level, r.holds)).collect::<Vec<_>>();
    assert_eq!(levels(desk.tick(&now(5 * minute))), [(Level::Minor, true)]);
    assert_eq!(levels(desk.tick(&now(14 * minute))), []);
    assert_eq!(levels(desk.tick(&now(15 * minute))), [(Level::Major, true)]);
    let stop = desk.sight(&lane("b", 16 * minute, SightAction::Stop), &unknown, String::new(), &now(16 * minute));
    assert_eq!(stop.case, first.case);
    assert_eq!(levels(desk.tick(&now(16 * minute + 1))), [(Level::Major, false)]);
    // Pulses alone: free again when they stay away, and a short stop never rings.
    desk.sight(&lane("c", 20 * minute, SightAction::Pulse), &unknown, String::new(), &now(20 * minute));
    let over = desk.tick(&now(23 * minute));
    assert!(over.reports.is_empty() && over.write.steps.iter().any(|s| s.kind == StepKind::Closed));
}

#[test]
fn neighbours_are_cases_of_their_own() {
    let mut desk = desk();
    let bike = Sighting { kind: SightKind::EbikeInLift, ..seen("lift", "a", 0) };
    let taken = desk.sight(&bike, &Judgement::unknown(None), String::new(), &now(0));
    assert_eq!(taken.effects.reports[0].level, Level::Major);
    assert!(taken.effects.reports[0].text.title.zh.contains("电动车"));
    let other = sight(&mut desk, "e1", "b", 100, ObjectClass::Dense, None);
    assert_ne!(taken.case, other.case);
}

#[test]
fn the_workflow_takes_legal_steps_only_and_each_once() {
    use crate::model::case::ActError as E;
    let path = |acts: &[Act]| {
        let mut desk = desk();
        let no = sight(&mut desk, "e1", "a", 0, ObjectClass::Dense, None).case;
        let mut last = Ok((Stage::Detected, false));
        let mut stored = None;
        for act in acts {
            let done = desk.act(no, stored.clone(), act, "王工", "", &now(1));
            if let Ok((acted, _)) = &done {
                stored = Some(acted.case.clone());
            }
            last = done.map(|(acted, _)| (acted.case.stage, acted.already));
        }
        last
    };
    let bird = || Act::Reject(Reason::Bird);
    let check = |acts: &[Act], expected| assert_eq!(path(acts), expected, "{acts:?}");
    check(&[Act::Review], Ok((Stage::Reviewing, false)));
    check(&[Act::Review, Act::Review], Ok((Stage::Reviewing, true)));
    check(&[Act::Confirm], Err(E::ReviewFirst));
    check(&[bird()], Err(E::ReviewFirst));
    check(&[Act::Dispatch], Err(E::ConfirmFirst));
    check(&[Act::Close], Err(E::Undecided));
    check(&[Act::Review, Act::Confirm], Ok((Stage::Confirmed, false)));
    check(&[Act::Review, Act::Confirm, Act::Confirm], Ok((Stage::Confirmed, true)));
    check(&[Act::Review, Act::Confirm, bird()], Err(E::Decided));
    check(&[Act::Review, bird()], Ok((Stage::Rejected, false)));
    check(&[Act::Review, bird(), bird()], Ok((Stage::Rejected, true)));
    check(&[Act::Review, bird(), Act::Reject(Reason::Leaf)], Err(E::Decided));
    check(&[Act::Review, bird(), Act::Dispatch], Err(E::ConfirmFirst));
    check(&[Act::Review, bird(), Act::Close], Ok((Stage::Closed, false)));
    check(&[Act::Review, Act::Confirm, Act::Dispatch], Ok((Stage::Dispatched, false)));
    check(&[Act::Review, Act::Confirm, Act::Dispatch, Act::Dispatch], Ok((Stage::Dispatched, true)));
    check(&[Act::Review, Act::Confirm, Act::Dispatch, Act::Close], Ok((Stage::Closed, false)));
    check(&[Act::Review, Act::Confirm, Act::Close, Act::Close], Ok((Stage::Closed, true)));
    check(&[Act::Review, Act::Confirm, Act::Close, Act::Review], Err(E::Closed));
    check(&[Act::Review, Act::Confirm, Act::Close, Act::Hold], Ok((Stage::Closed, false)));
    check(&[Act::Hold, Act::Hold], Ok((Stage::Detected, true)));
    check(&[Act::Release], Ok((Stage::Detected, true)));
}

#[test]
fn every_step_is_signed_and_the_alarm_follows() {
    let mut desk = desk();
    let no = sight(&mut desk, "e1", "a", 0, ObjectClass::Dense, None).case;
    let heard = desk.heard(no, None, &now(400));
    assert_eq!(heard.write.steps[0].kind, StepKind::Notified);
    assert_eq!(desk.heard(no, None, &now(500)), Effects::default());
    // Answered on the alarm's card: the review has begun.
    let heard = desk.heard(no, Some(("李师傅", "正在前往")), &now(9_000));
    let step = &heard.write.steps[0];
    assert_eq!((step.kind, &*step.by, &*step.note), (StepKind::Reviewing, "李师傅", "正在前往"));
    let (_, effects) = desk.act(no, None, &Act::Confirm, "王工", "看到花盆", &now(60_000)).unwrap();
    let step = &effects.write.steps[0];
    assert_eq!((step.wall_ms, &*step.by, &*step.note), (T0 + 60_000, "王工", "看到花盆"));
    assert!(effects.reports[0].holds && effects.reports[0].answered.is_some());
    let (_, effects) = desk.act(no, None, &Act::Close, "王工", "", &now(70_000)).unwrap();
    assert!(!effects.reports[0].holds);
    assert!(desk.case(no).is_none());
}

#[test]
fn a_desk_built_anew_goes_on() {
    let mut first = desk();
    let one = sight(&mut first, "e1", "a", 0, ObjectClass::Dense, Some((3, 4)));
    let case = first.case(one.case).unwrap().clone();
    let restored = Restored {
        open: vec![case.clone()],
        past: vec![case],
        seen: vec![("e1".into(), "a".into(), one.case)],
        promised: Vec::new(),
        last: 41,
    };
    let (mut desk, reports) = Desk::new(Settings::default(), watched(), restored, &now(2_000));
    assert_eq!((reports.len(), reports[0].holds), (1, true));
    assert!(sight(&mut desk, "e1", "a", 2_000, ObjectClass::Dense, None).is_known);
    assert_eq!(sight(&mut desk, "e2", "b", 2_000, ObjectClass::Dense, Some((4, 5))).case, one.case);
    assert_eq!(sight(&mut desk, "w1", "c", 2_000, ObjectClass::Dense, None).case, CaseNo(42));
}

/// Somebody calls it a bird; what falls a second later is not, and must not join it unheard.
#[test]
fn nothing_joins_a_rejected_case_unheard() {
    let mut desk = desk();
    let first = sight(&mut desk, "e1", "a", 0, ObjectClass::Dense, Some((10, 12)));
    desk.act(first.case, None, &Act::Review, "a", "", &now(4_000)).unwrap();
    desk.act(first.case, None, &Act::Reject(Reason::Bird), "a", "", &now(5_000)).unwrap();
    let next = sight(&mut desk, "e2", "b", 6_000, ObjectClass::Dense, Some((10, 12)));
    assert!(next.is_new && next.effects.reports[0].level == Level::Critical);
    // Nor does a flood: the one beyond the budget joins one that somebody still looks at.
    let mut desk =
        Desk::new(Settings { dense_per_minute: 1, ..Settings::default() }, watched(), Restored::default(), &now(0)).0;
    let first = sight(&mut desk, "e1", "a", 0, ObjectClass::Dense, Some((3, 4)));
    desk.act(first.case, None, &Act::Review, "a", "", &now(1)).unwrap();
    desk.act(first.case, None, &Act::Reject(Reason::Bird), "a", "", &now(2)).unwrap();
    let beyond = sight(&mut desk, "e1", "b", 20_000, ObjectClass::Dense, Some((20, 21)));
    assert!(beyond.is_new && beyond.effects.reports[0].holds);
    assert_eq!(sight(&mut desk, "e1", "c", 40_000, ObjectClass::Dense, Some((30, 31))).case, beyond.case);
}
