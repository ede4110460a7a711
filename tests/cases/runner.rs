//! The desk's task.

use std::sync::Arc;
use std::time::Duration;

use gatehouse::cases::desk::SEEN_MAX;
use gatehouse::model::alarm::Level;
use gatehouse::model::case::{Act, ActError, CaseFilter, CaseNo, CaseWrite, KeptSighting, Stage, StepKind};
use gatehouse::model::intake::Intake;
use gatehouse::model::reading::Receipt;
use gatehouse::model::sight::{Footage, Sighting};
use gatehouse::model::time::WallMs;

use crate::rig::{Desk, Pictures, sighting, store};

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
    let event = with_picture("a", 12);
    assert!(desk.send(event.clone()).await);
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
    assert!(desk.send(event.clone()).await);
    // The camera counts anew after a power cut: the same number, another day.
    let next = WallMs(event.camera_time.unwrap().0 - 86_400_000);
    assert!(desk.send(Sighting { camera_time: Some(next), ..event.clone() }).await);
    assert_eq!(desk.reader.sightings(10).unwrap().len(), 2);
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

/// An event that has fallen out of the desk's memory is known by the disk: a recorder that sends its week again rings nobody.
#[tokio::test]
async fn an_event_from_long_ago_that_comes_again_is_no_second_case() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::start(dir.path(), Pictures::Hang);
    let old = sighting("old", 12);
    assert!(desk.send(old.clone()).await);
    desk.stop().await;
    let disk = store(dir.path());
    let kept = disk.reader.cases().case(CaseNo(1)).unwrap().unwrap().sightings.remove(0);
    let since = |n: usize| KeptSighting { event_id: format!("since-{n}"), brief: true, ..kept.clone() };
    let sightings = (0..SEEN_MAX).map(since).collect();
    disk.handle.cases(CaseWrite { sightings, ..CaseWrite::default() }).await.unwrap();
    disk.handle.close().await;
    let desk = Desk::start(dir.path(), Pictures::Hang);
    assert!(desk.send(old).await);
    // What the disk does not know either is new.
    let next = sighting("next", 30);
    assert!(desk.send(next).await);
    let cases = desk.reader.cases(&CaseFilter::default()).unwrap();
    assert_eq!(cases.iter().map(|c| (c.no.0, c.sightings)).collect::<Vec<_>>(), [(2, 1), (1, 1)]);
    desk.stop().await;
}

/// A disk that takes nothing for hours must not fill the memory: neither with pictures nor with those who wait.
#[tokio::test]
async fn what_waits_for_a_disk_that_hangs_is_bounded() {
    let picture: Arc<[u8]> = vec![0; 8 << 20].into();
    let large = |n: usize| Sighting {
        footage: vec![Footage::Inline { media_type: "image/jpeg".into(), bytes: Arc::clone(&picture) }],
        ..sighting(&format!("large-{n}"), 3)
    };
    let same = sighting("same", 3);
    let again = |_: usize| same.clone();
    // Sent one by one until the desk takes no more; the channel itself holds 64.
    let taken = async |make: &dyn Fn(usize) -> Sighting, most: usize| {
        let dir = tempfile::tempdir().unwrap();
        let desk = Desk::start_stuck(dir.path());
        for n in 0..most {
            let receipt = Receipt::new(|_| {});
            let item = Intake::Sighting { sighting: Box::new(make(n)), clock_offset_ms: None, receipt };
            if tokio::time::timeout(Duration::from_secs(1), desk.sightings.send(item)).await.is_err() {
                return n;
            }
        }
        most
    };
    assert!(taken(&large, 60 + 64).await <= 20 + 64, "pictures");
    assert!(taken(&again, 2_000).await <= 600 + 64, "waiters");
}

/// A list of cases that was damaged and put aside takes no open case with it while somebody knows it.
#[tokio::test]
async fn an_open_case_that_the_disk_has_lost_is_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::start(dir.path(), Pictures::Hang);
    assert!(desk.send(sighting("a", 12)).await);
    desk.stop().await;
    let desk = Desk::start_after(dir.path(), |dir| {
        for name in ["cases.db", "cases.db-wal", "cases.db-shm"] {
            drop(std::fs::rename(dir.join(name), dir.join(format!("{name}.aside"))));
        }
    });
    desk.until("it is there again", |story| story.case.is_open(), CaseNo(1)).await;
    desk.stop().await;
}
