//! The page of the real program in a real Chromium: `tests/browser/page.mjs` against `gatehouse demo`.
//!
//! Needs node, npm's playwright-core and chromium, which `tests/run` installs; with `GATEHOUSE_PEERS=1` a missing one fails.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ends the demo whatever happens to the test.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        if self.0.kill().is_ok() {
            self.0.wait().expect("a killed child can be waited for");
        }
    }
}

#[test]
fn the_page_of_the_demo_in_a_real_browser() {
    if std::env::var_os("GATEHOUSE_PEERS").is_none() {
        eprintln!("needs node, playwright-core and chromium: run tests/run");
        return;
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .args(["demo", "--for", "10m", "--port", &port.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .map(Demo)
        .expect("the demo starts");
    let out = demo.0.stdout.take().expect("piped");
    let mut lines = BufReader::new(out).lines();
    let ready = lines.find(|line| line.as_ref().is_ok_and(|l| l.starts_with("ready: ")));
    assert!(ready.is_some(), "the demo ended before it was ready");
    // Keep reading, so that the demo never waits for its console.
    let reader = std::thread::spawn(move || lines.count());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shots = root.join("target/browser/shots");
    let done = Command::new(root.join("tests/browser/run"))
        .arg(format!("http://127.0.0.1:{port}"))
        .arg(&shots)
        .status()
        .expect("tests/browser/run starts");
    drop(demo);
    assert!(done.success(), "the page failed; screenshots are in {}", shots.display());
    assert!(reader.join().expect("the console was read") > 0, "the demo told nothing");
}
