//! Damaged, missing, newer files: the store starts, loses only what was damaged, and says what.

use super::*;

async fn filled(dir: &Path) {
    let store = start(dir);
    for n in 0..10 {
        store.handle.append((0..20).map(|p| reading(p, n * 1_000, n as f64)).collect(), vec![]).await;
        store.handle.flush().await.unwrap();
    }
    store.handle.alarm(alarm_event(1, AlarmChange::Raised, AlarmState::Unacknowledged)).await.unwrap();
    store.handle.close().await;
}

#[tokio::test]
async fn a_ruined_state_db_costs_neither_readings_nor_the_start() {
    for ruin in [vec![0u8; 4096], Vec::new(), b"SQLite format 3 is what I am not".repeat(50)] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path()).await;
        std::fs::write(dir.path().join("state.db"), &ruin).unwrap();
        let store = start(dir.path());
        assert_eq!(store.opened.quarantined.len(), 1, "{} bytes", ruin.len());
        assert_eq!(all(&store).len(), 200);
        assert_eq!(store.boot, 2, "boot numbers go on from the outbox");
        store.handle.append(vec![reading(0, 1, 1.0)], vec![]).await;
        store.handle.flush().await.unwrap();
        assert_eq!(store.reader.heads().telemetry, 201);
        store.handle.alarm(alarm_event(2, AlarmChange::Raised, AlarmState::Unacknowledged)).await.unwrap();
        store.handle.close().await;
        assert!(start(dir.path()).opened.clean_shutdown);
    }
}

#[tokio::test]
async fn a_ruined_segment_is_one_declared_hole() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    std::fs::write(dir.path().join("log/00000001.db"), [7u8; 5000]).unwrap();
    let store = start(dir.path());
    assert_eq!(store.opened.quarantined.len(), 1);
    let gap = &store.opened.gaps[0];
    assert_eq!((gap.from, gap.to, gap.reason), (1, 200, GapReason::Corrupt));
    store.handle.append(vec![reading(0, 1, 1.0)], vec![]).await;
    store.handle.flush().await.unwrap();
    assert_eq!(all(&store).iter().map(|r| r.0).collect::<Vec<_>>(), vec![201]);
    assert_eq!(store.reader.gaps_after(Stream::Telemetry, 0).unwrap(), vec![gap.clone()]);
    store.handle.close().await;
}

#[tokio::test]
async fn a_lost_tail_is_declared_and_its_numbers_are_not_given_again() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let kept = std::fs::read(dir.path().join("log/00000001.db")).unwrap();
    let store = start(dir.path());
    store.handle.append((0..20).map(|p| reading(p, 1, 5.0)).collect(), vec![]).await;
    store.handle.close().await;
    // The card had never written the last rows.
    std::fs::write(dir.path().join("log/00000001.db"), kept).unwrap();
    let store = start(dir.path());
    let gap = &store.opened.gaps[0];
    assert_eq!((gap.from, gap.reason), (201, GapReason::PowerLoss));
    assert!(gap.to >= 220);
    store.handle.append(vec![reading(0, 1, 1.0)], vec![]).await;
    store.handle.flush().await.unwrap();
    assert_eq!(store.reader.heads().telemetry, gap.to + 1);
    store.handle.close().await;
}

#[tokio::test]
async fn a_newer_state_db_is_kept_and_not_written() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let path = dir.path().join("state.db");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    conn.close().unwrap();
    let before = std::fs::read(&path).unwrap();
    let store = start(dir.path());
    assert!(store.opened.open_alarms.is_empty());
    store.handle.close().await;
    assert_eq!(std::fs::read(dir.path().join("state.v99.db")).unwrap(), before);
}

#[tokio::test]
async fn quarantine_stays_bounded() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..6 {
        filled(dir.path()).await;
        std::fs::write(dir.path().join("state.db"), [1u8; 200]).unwrap();
    }
    start(dir.path()).handle.close().await;
    assert!(std::fs::read_dir(dir.path().join("quarantine")).unwrap().count() <= 3);
}

/// Single flipped bits anywhere in a segment: never a wrong value, never a panic, never a refused start.
#[tokio::test]
async fn flipped_bits_never_give_a_wrong_value() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let path = dir.path().join("log/00000001.db");
    let good = std::fs::read(&path).unwrap();
    let truth = {
        let store = start(dir.path());
        let truth = all(&store);
        store.handle.close().await;
        truth
    };
    let rounds = if std::env::var_os("GATEHOUSE_LONG").is_some() { 500 } else { 60 };
    for round in 0..rounds {
        let mut bytes = good.clone();
        let at = fastrand::usize(0..bytes.len());
        bytes[at] ^= 1 << fastrand::u8(0..8);
        std::fs::write(&path, &bytes).unwrap();
        let store = start(dir.path());
        let (mut seq, mut tries) = (0, 0);
        while tries < 50 {
            match store.reader.telemetry_after(seq) {
                Ok(None) => break,
                Ok(Some(batch)) => {
                    for r in batch.readings() {
                        let (_, key, value) = &truth[usize::try_from(r.seq).unwrap() - 1];
                        assert_eq!((r.value, &**r.key), (value, key.as_str()), "round {round}, byte {at}");
                    }
                    seq = batch.seq_last();
                }
                Err(_) => tries += 1,
            }
        }
        store.handle.close().await;
        for file in std::fs::read_dir(dir.path().join("log")).unwrap().flatten() {
            std::fs::remove_file(file.path()).unwrap();
        }
        for file in ["state.db", "state.bak"] {
            drop(std::fs::remove_file(dir.path().join(file)));
        }
    }
}

#[tokio::test]
async fn damage_of_the_state_never_costs_the_outbox() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(dir.path());
    store.handle.append(vec![reading(1, 1_000, 1.0)], vec![]).await;
    store.handle.close().await;
    let store = start(dir.path());
    let conn = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
    conn.execute_batch("DROP TABLE meta").unwrap();
    drop(conn);
    // The first commit of a run leases numbers in state.db, which cannot take it now.
    store.handle.append(vec![reading(1, 2_000, 2.0)], vec![]).await;
    store.handle.flush().await.unwrap();
    let first = store.reader.telemetry_after(0).unwrap().expect("the row of the first run");
    let second = store.reader.telemetry_after(first.seq_last()).unwrap().expect("the row of the second run");
    assert_eq!((first.seq_first, second.seq_first), (1, 2));
    let status = store.handle.status();
    assert_eq!(status.quarantined, 1);
    store.handle.close().await;
}

/// The status is written at the end of the writer's turn, after the answer.
async fn until(store: &Store, is_it: impl Fn(Option<String>) -> bool) {
    let wait = async {
        while !is_it(store.handle.status().degraded) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), wait).await.expect("the status changes");
}

#[tokio::test]
async fn a_journal_that_takes_nothing_is_said_and_forgiven() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(dir.path());
    let other = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
    other
        .execute_batch("CREATE TRIGGER no BEFORE INSERT ON journal BEGIN SELECT RAISE(ABORT, 'worn out'); END")
        .unwrap();
    let event = alarm_event(1, AlarmChange::Raised, AlarmState::Unacknowledged);
    store.handle.alarm(event.clone()).await.unwrap_err();
    until(&store, |degraded| degraded.is_some_and(|why| why.contains("worn out"))).await;
    // Readings that do get through do not mean that the journal is well.
    store.handle.append(vec![reading(1, 1_000, 1.0)], vec![]).await;
    store.handle.flush().await.unwrap();
    until(&store, |degraded| degraded.is_some()).await;
    other.execute_batch("DROP TRIGGER no").unwrap();
    drop(other);
    store.handle.alarm(event).await.unwrap();
    until(&store, |degraded| degraded.is_none()).await;
    store.handle.close().await;
}

#[tokio::test]
async fn a_confirmation_of_what_was_never_there_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(dir.path());
    let epoch = store.reader.epoch(Stream::Telemetry);
    let ahead = Cursor { epoch, seq: 5 };
    store.handle.confirm("cloud", Stream::Telemetry, ahead).await.unwrap_err();
    assert_eq!(store.reader.cursor("cloud", Stream::Telemetry), None);
    store.handle.close().await;
}

#[tokio::test]
async fn the_end_of_the_writer_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = start(dir.path());
    let watcher = store.handle.clone();
    store.handle.close().await;
    tokio::time::timeout(std::time::Duration::from_secs(10), watcher.ended()).await.expect("noticed");
}

#[tokio::test]
async fn an_installation_whose_disk_turned_read_only_runs_from_memory_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let before = start(dir.path());
    let (id, boot, epoch) = (before.gateway_id.clone(), before.boot, before.reader.epoch(Stream::Alarm));
    before.handle.close().await;
    // Root can write to everything, so the folder is made unusable in another way.
    std::fs::remove_file(dir.path().join("lock")).unwrap();
    std::fs::create_dir(dir.path().join("lock")).unwrap();

    let store = start(dir.path());
    assert_eq!((store.gateway_id.as_str(), store.opened.open_alarms.len()), (id.as_str(), 1));
    assert!(store.boot > boot, "ids of alarms are made of the boot's number");
    assert_ne!(store.reader.epoch(Stream::Alarm), epoch, "numbers of the disk's journal are not given again");
    store.handle.alarm(alarm_event(2, AlarmChange::Raised, AlarmState::Unacknowledged)).await.unwrap();
    store.handle.append(vec![reading(1, 1_000, 1.0)], vec![]).await;
    store.handle.flush().await.unwrap();
    assert!(store.handle.status().degraded.is_some_and(|why| why.contains("from memory")));
    let name = format!("gatehouse-{:08x}", crc32c::crc32c(dir.path().as_os_str().as_encoded_bytes()));
    store.handle.close().await;
    std::fs::remove_dir_all(Path::new("/dev/shm").join(name)).unwrap();
}
