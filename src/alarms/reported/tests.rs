//! Reported alarms: raised once, louder as a new one, answered and ended by the reporter, kept over a restart.

use super::*;
use crate::model::alarm::{AlarmChange, AlarmState};
use crate::model::site::Site;
use crate::model::time::{BootMs, Trust, WallMs};

fn now(ms: i64) -> Anchor {
    Anchor { boot: BootMs(ms), wall: WallMs(1_000_000 + ms), trust: Trust::Synced }
}

fn desk(restored: Vec<AlarmRecord>) -> (Desk, Vec<AlarmEvent>) {
    Desk::new(1, Vec::new(), &Site::default(), &[], restored, &now(0))
}

fn report(key: &str, level: Level, holds: bool, answered: Option<&str>) -> Report {
    Report {
        key: key.into(),
        name: "3号楼东立面".into(),
        at: String::new(),
        level,
        text: AlarmText::default(),
        what: String::new(),
        holds,
        answered: answered.map(|by| (by.to_owned(), String::new())),
    }
}

#[test]
fn a_case_rings_once_louder_anew_and_ends_when_it_is_told() {
    use AlarmChange::{Acknowledged, Cleared, Closed, Raised};
    use AlarmState::{Acknowledged as Acked, Normal, Unacknowledged as Unacked};
    let (mut desk, _) = desk(Vec::new());
    let mut step = |ms: i64, report: Report| {
        let mut out = Vec::new();
        desk.report(&report, &now(ms), &mut out);
        let told: Vec<_> = out.iter().map(|e| (e.change, e.alarm.level, e.alarm.state)).collect();
        (told, desk.open().count())
    };
    let major = |holds, by| report("case.1", Level::Major, holds, by);
    assert_eq!(step(1, major(true, None)), (vec![(Raised, Level::Major, Unacked)], 1));
    assert_eq!(step(2, major(true, None)), (vec![], 1));
    assert_eq!(step(3, report("case.1", Level::Minor, true, None)), (vec![], 1), "never calmer");
    let louder = step(4, report("case.1", Level::Critical, true, None));
    assert_eq!(louder, (vec![(Closed, Level::Major, Normal), (Raised, Level::Critical, Unacked)], 1));
    assert_eq!(step(5, report("case.2", Level::Info, true, None)).1, 2);
    let answered = step(6, report("case.1", Level::Critical, true, Some("王工")));
    assert_eq!(answered, (vec![(Acknowledged, Level::Critical, Acked)], 2));
    let ended = step(7, report("case.1", Level::Critical, false, Some("王工")));
    assert_eq!(ended, (vec![(Cleared, Level::Critical, Normal), (Closed, Level::Critical, Normal)], 1));
    assert_eq!(step(8, report("case.1", Level::Critical, false, None)), (vec![], 1));
    assert_eq!(step(9, report("case.3", Level::Minor, true, None)).1, 2, "the slot is used again");
}

#[test]
fn what_was_open_stays_open_over_a_restart_until_it_is_ended() {
    let (mut first, _) = desk(Vec::new());
    let mut out = Vec::new();
    first.report(&report("case.7", Level::Major, true, None), &now(1), &mut out);
    let (mut again, told) = desk(vec![out[0].alarm.clone()]);
    assert!(told.is_empty(), "{told:?}");
    let mut out = Vec::new();
    again.report(&report("case.7", Level::Major, true, None), &now(2), &mut out);
    assert!(out.is_empty(), "not rung twice");
    again.report(&report("case.7", Level::Major, false, Some("王工")), &now(3), &mut out);
    assert_eq!(again.open().count(), 0);
}
