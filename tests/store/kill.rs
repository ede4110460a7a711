//! Kill -9 at random moments: everything acknowledged is there, nothing is numbered twice.
//!
//! The test runs itself again as a child that writes and prints what was acknowledged; the parent kills it.

use super::*;

const CHILD: &str = "GATEHOUSE_STORE_CHILD";

/// The child: writes until killed. Does nothing in a normal run.
#[tokio::test]
async fn child_of_the_kill_campaign() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let settings = StoreConfig { commit_count: 300, ..config(Path::new(&dir)) };
    let store = open(&settings, keys(20), Arc::new(SystemClock)).expect("opens after a kill");
    let mut out = std::io::stdout();
    for n in 0u32.. {
        let value = f64::from(n);
        let readings = (0..20).map(|p| reading(p, i64::from(n), value)).collect();
        store.handle.append(readings, vec![]).await;
        if n % 7 == 0 {
            let seq =
                store.handle.alarm(alarm_event(n, AlarmChange::Raised, AlarmState::Unacknowledged)).await.unwrap();
            writeln!(out, "alarm {} {seq}", store.boot).unwrap();
        }
        if n % 5 == 0 {
            store.handle.flush().await.unwrap();
            writeln!(out, "flushed {} {}", store.boot, store.handle.status().heads.telemetry).unwrap();
        }
        out.flush().unwrap();
    }
}

fn run_and_kill(dir: &Path, after: Duration) -> (u64, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child_of_the_kill_campaign", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let (mut alarm, mut flushed) = (0, 0);
        for line in out.lines().map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["alarm", _, seq] => alarm = seq.parse().unwrap(),
                // A killed child may leave half a line; a number cut short is smaller and thus harmless.
                ["flushed", _, seq] => flushed = seq.parse().unwrap_or(flushed),
                _ => {}
            }
        }
        (alarm, flushed)
    });
    let end = tokio::time::Instant::now() + after;
    while tokio::time::Instant::now() < end && child.try_wait().unwrap().is_none() {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[tokio::test]
async fn kill_at_any_moment_loses_nothing_acknowledged() {
    let rounds = if std::env::var_os("GATEHOUSE_LONG").is_some() { 100 } else { 20 };
    let dir = tempfile::tempdir().unwrap();
    let (mut alarms, mut readings) = (0, 0);
    for round in 0..rounds {
        let (alarm, flushed) = run_and_kill(dir.path(), Duration::from_millis(30 + fastrand::u64(0..250)));
        (alarms, readings) = (alarms.max(alarm), readings.max(flushed));
        let store = start(dir.path());
        let heads = store.reader.heads();
        assert!(
            heads.alarm >= alarms && heads.telemetry >= readings,
            "round {round}: {heads:?} < {alarms}, {readings}"
        );
        assert_eq!(store.opened.quarantined, Vec::<String>::new());
        assert_eq!(store.opened.gaps, vec![]);
        let mut next = 0;
        while let Some(batch) = store.reader.telemetry_after(next).unwrap() {
            assert_eq!(batch.seq_first, next + 1);
            next = batch.seq_last();
        }
        assert_eq!(next, heads.telemetry);
        let mut journal = 0;
        loop {
            let rows = store.reader.journal_after(Stream::Alarm, journal, 1_000).unwrap();
            let Some(last) = rows.last() else { break };
            assert_eq!(last.seq, journal + rows.len() as u64);
            journal = last.seq;
        }
        assert_eq!(journal, heads.alarm);
        store.handle.close().await;
    }
    assert!(readings > 0 && alarms > 0, "the children never got as far as to write");
}
