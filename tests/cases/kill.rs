//! Kill -9 at random moments: every event and step that was acknowledged is there, with its evidence, once.
//!
//! The test runs itself again as a child that writes and prints what was acknowledged; the parent kills it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gatehouse::cases::evidence::{Evidence, Limits};
use gatehouse::cases::seal::sha256;
use gatehouse::model::case::{Act, CaseFilter};
use gatehouse::store::CaseReader;

use crate::rig::{Desk, Pictures, sighting};

const CHILD: &str = "GATEHOUSE_CASES_CHILD";

/// The child: writes until killed. Does nothing in a normal run.
#[tokio::test]
async fn child_of_the_kill_campaign() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let mut desk = Desk::start(Path::new(&dir), Pictures::Hang);
    let mut out = std::io::stdout();
    for n in 0.. {
        while desk.alarms.try_recv().is_ok() {}
        let event = format!("{}-{n}", std::process::id());
        assert!(desk.send(sighting(&event, n % 30 + 1)).await);
        writeln!(out, "event {event}").unwrap();
        let newest = desk.reader.cases(&CaseFilter { limit: 1, ..CaseFilter::default() }).unwrap();
        if let Some(case) = newest.first().filter(|_| n % 3 == 0) {
            desk.act(case.no, Act::Hold).await.unwrap();
            writeln!(out, "held {}", case.no).unwrap();
        }
        out.flush().unwrap();
    }
}

fn run_and_kill(dir: &Path, after: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child_of_the_kill_campaign", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    // A killed child may leave half a line: only whole ones count.
    let reader = std::thread::spawn(move || {
        let mut lines = Vec::new();
        for line in out.split(b'\n').map_while(Result::ok) {
            lines.push(String::from_utf8_lossy(&line).into_owned());
        }
        lines
    });
    let end = tokio::time::Instant::now() + after;
    while tokio::time::Instant::now() < end && child.try_wait().unwrap().is_none() {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut lines = reader.join().unwrap();
    lines.pop();
    lines
}

#[tokio::test]
async fn kill_at_any_moment_loses_nothing_acknowledged() {
    let rounds = if std::env::var_os("GATEHOUSE_LONG").is_some() { 50 } else { 8 };
    let dir = tempfile::tempdir().unwrap();
    let mut told: Vec<String> = Vec::new();
    for round in 0..rounds {
        told.extend(run_and_kill(dir.path(), Duration::from_millis(100 + fastrand::u64(0..400))));
        let reader = CaseReader::at(dir.path());
        let seen = reader.sightings(5_000).unwrap();
        let ids: std::collections::BTreeSet<_> = seen.iter().map(|s| s.event_id.as_str()).collect();
        assert_eq!(ids.len(), seen.len(), "round {round}: an event is there twice");
        let evidence = Evidence::new(dir.path(), Limits::default());
        for line in &told {
            match line.split_once(' ') {
                Some(("event", id)) => {
                    let found = seen.iter().find(|s| s.event_id == id);
                    let found = found.unwrap_or_else(|| panic!("round {round}: event {id} is lost"));
                    let papers = evidence.entries(found.case).unwrap();
                    assert!(
                        found.brief || papers.iter().any(|p| p.origin.event_id == id),
                        "round {round}: {id} has no paper"
                    );
                }
                Some(("held", no)) => assert!(reader.case(no.parse().unwrap()).unwrap().unwrap().case.held),
                _ => {}
            }
        }
        for case in reader.cases(&CaseFilter { limit: 1_000, ..CaseFilter::default() }).unwrap() {
            for entry in evidence.entries(case.no).unwrap() {
                assert_eq!(sha256(&evidence.read(case.no, &entry).unwrap()), entry.sha256);
            }
        }
    }
    assert!(told.iter().any(|line| line.starts_with("event ")), "the child came to nothing");
}
