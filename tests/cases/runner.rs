//! The desk's task.

use std::time::Duration;

use gatehouse::model::alarm::Level;
use gatehouse::model::case::{Act, ActError, CaseFilter, CaseNo, Stage, StepKind};
use gatehouse::model::sight::{Footage, Sighting};

use crate::rig::{Desk, Pictures, sighting};

fn with_picture(event: &str, floor: i32) -> Sighting {
    let footage = vec![Footage::Remote { reference: "/picture/1".into(), clip: false }];
    Sighting { footage, ..sighting(event, floor) }
}

#[tokio::test]
async fn the_alarm_does_not_wait_for_a_picture_server_that_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::start(dir.path(), Pictures::Hang);
    let begun = tokio::time::Instant::now();
    let stored = desk.send(with_picture("a", 12));
    assert!(stored.await, "on disk");
    let report = desk.report().await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!((&*report.key, report.level, report.holds), ("case.1", Level::Critical, true));
    assert!(report.text.title.zh.contains("3号楼东立面 疑似高空抛物，12层"), "{}", report.text.title.zh);
    desk.stop().await;
}

#[tokio::test]
async fn a_case_goes_its_way_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::start(dir.path(), Pictures::Give(b"not really a picture".to_vec()));
    assert!(desk.send(with_picture("a", 12)).await);
    assert!(desk.report().await.holds);
    let no = CaseNo(1);
    desk.until("evidence", |s| s.steps.iter().any(|s| s.kind == StepKind::Evidence), no).await;
    let kinds: Vec<_> = desk.evidence.entries(no).unwrap().into_iter().map(|e| e.file).collect();
    assert_eq!(kinds, ["001_event.json", "002_verdict.json", "003_picture.jpg"]);
    assert_eq!(desk.act(no, Act::Confirm).await, Err(ActError::ReviewFirst));
    assert_eq!(desk.act(no, Act::Review).await.unwrap().case.stage, Stage::Reviewing);
    assert_eq!(desk.report().await.answered.unwrap().0, "王工");
    desk.stop().await;

    // Built anew: the same event is known, the alarm is reported again, the review goes on.
    let mut desk = Desk::start(dir.path(), Pictures::Hang);
    assert!(desk.report().await.holds);
    assert!(desk.send(sighting("a", 12)).await);
    desk.act(no, Act::Confirm).await.unwrap();
    desk.act(no, Act::Dispatch).await.unwrap();
    desk.act(no, Act::Close).await.unwrap();
    let again = desk.act(no, Act::Close).await.unwrap();
    assert!(again.already && again.case.stage == Stage::Closed);
    let story = desk.reader.case(no).unwrap().unwrap();
    assert_eq!(story.sightings.len(), 1);
    let signed: Vec<_> = story.steps.iter().filter(|s| s.by == "王工").map(|s| s.kind).collect();
    assert_eq!(signed, [StepKind::Reviewing, StepKind::Confirmed, StepKind::Dispatched, StepKind::Closed]);
    let mut last = desk.report().await;
    while last.holds {
        last = desk.report().await;
    }
    desk.stop().await;
}

#[tokio::test]
async fn five_hundred_events_are_all_on_disk_and_few_alarms() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::start(dir.path(), Pictures::Hang);
    let all: Vec<_> = (0..500).map(|n| with_picture(&n.to_string(), n % 30 + 1)).collect();
    let mut waiting = tokio::task::JoinSet::new();
    for one in all {
        let sightings = desk.sightings.clone();
        waiting.spawn(async move {
            let (tell, told) = tokio::sync::oneshot::channel();
            let receipt = gatehouse::model::reading::Receipt::new(move |kept| tell.send(kept).unwrap_or_default());
            let item =
                gatehouse::model::intake::Intake::Sighting { sighting: Box::new(one), clock_offset_ms: None, receipt };
            sightings.send(item).await.unwrap();
            told.await.unwrap()
        });
    }
    let mut kept = 0;
    while let Some(done) = waiting.join_next().await {
        kept += usize::from(done.unwrap());
    }
    assert_eq!(kept, 500);
    assert_eq!(desk.reader.sightings(1_000).unwrap().len(), 500);
    let cases = desk.reader.cases(&CaseFilter::default()).unwrap();
    assert!(cases.len() <= 30, "{}", cases.len());
    assert_eq!(cases.iter().map(|c| c.sightings).sum::<u32>(), 500);
    let mut reports = 0;
    while desk.alarms.try_recv().is_ok() {
        reports += 1;
    }
    assert!(reports <= 35, "{reports} reports");
    let whole = desk.reader.sightings(1_000).unwrap().iter().filter(|s| !s.brief).count();
    assert!(whole <= 60, "{whole} kept whole");
    desk.stop().await;
}
