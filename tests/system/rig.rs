//! A site on disk, gatehouse processes started on it, and eyes on them: log, API, event stream.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_gatehouse");
/// Registers of a device.
pub(crate) const REGISTERS: u16 = 50;
/// Nothing that a test waits for takes longer on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Whether the long campaigns are wanted.
pub(crate) fn long() -> bool {
    std::env::var_os("GATEHOUSE_LONG").is_some()
}

/// Waits until `look` gives something; fails with `what` and the last view after [`PATIENCE`].
pub(crate) async fn until<T, F: Future<Output = Result<T, String>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    loop {
        tick.tick().await;
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(Instant::now() < deadline, "waited for {what}; last seen: {seen}"),
        }
    }
}

/// Lets the system work for a while: the length of a load, never a wait for a result.
pub(crate) async fn load_for(length: Duration) {
    tokio::time::sleep(length).await;
}

/// A folder with a site file, a profile and room for data.
#[derive(Debug)]
pub(crate) struct Site {
    dir: tempfile::TempDir,
    pub(crate) data: PathBuf,
}

/// What differs between the sites of these tests.
#[derive(Debug, Clone)]
pub(crate) struct Plan<'a> {
    pub(crate) ports: &'a [u16],
    pub(crate) cloud: Option<String>,
    pub(crate) every: &'a str,
    /// Time a device is given. Long by default: a held device must not add bad readings to a count.
    pub(crate) timeout: &'a str,
    /// Lines for `[store]`.
    pub(crate) store: &'a str,
}

impl Site {
    pub(crate) fn new(plan: &Plan<'_>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let site = Self { dir, data };
        site.write(plan);
        site
    }

    /// Writes site and profile anew.
    pub(crate) fn write(&self, plan: &Plan<'_>) {
        std::fs::write(self.file(), site_text(plan)).unwrap();
        let folder = self.dir.path().join("profiles/test");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("registers.toml"), profile_text()).unwrap();
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("site.toml")
    }

    /// `gatehouse <command> --config … --data … --profiles …`
    pub(crate) fn command(&self, command: &str) -> Command {
        let mut start = Command::new(BINARY);
        self.arguments(&mut start, command);
        start
    }

    /// Puts the usual arguments behind what is there.
    pub(crate) fn arguments(&self, start: &mut Command, command: &str) {
        start.arg(command).arg("--config").arg(self.file()).arg("--data").arg(&self.data);
        start.arg("--profiles").arg(self.dir.path().join("profiles"));
    }

    /// Starts the gateway and waits until it is ready.
    pub(crate) async fn run(&self) -> Gateway {
        Gateway::start(self.command("run")).await
    }
}

fn site_text(plan: &Plan<'_>) -> String {
    let mut text =
        "version = 1\n[site]\nid = \"test\"\nname = \"test\"\ntime_zone = \"Asia/Shanghai\"\nlang = \"en\"\n\
         [api]\nbind = \"127.0.0.1:0\"\n"
            .to_owned();
    let _ = writeln!(text, "[store]\n{}", plan.store);
    if let Some(url) = &plan.cloud {
        let _ = writeln!(text, "[upstream.cloud]\nhttp = {{ url = \"{url}\" }}");
    }
    for (ix, port) in plan.ports.iter().enumerate() {
        let _ = write!(
            text,
            "[line.l{ix}]\ntcp = {{ host = \"127.0.0.1\", port = {port} }}\nevery = \"{}\"\ntimeout = \"{}\"\n\
             [device.d{ix}]\nname = \"d{ix}\"\nat = \"test\"\nprofile = \"test/registers\"\nline = \"l{ix}\"\nunit = 1\n",
            plan.every, plan.timeout
        );
    }
    text
}

/// Scaled registers without a deadband; `on` is raised by register 1 without delay. Silence turns nothing bad: that would
/// be counted as a reading.
fn profile_text() -> String {
    let mut text = "[profile]\nid = \"test/registers\"\nrevision = 1\nkind = \"meter\"\n\
        name = { zh = \"试验\", en = \"test\" }\nsource = [\"made for the tests\"]\n"
        .to_owned();
    for ix in 0..REGISTERS {
        let _ = write!(
            text,
            "[point.p{ix}]\nname = {{ zh = \"点{ix}\", en = \"point {ix}\" }}\nread = \"holding:{ix}\"\nstale_after = \"1h\"\n"
        );
    }
    text.push_str(
        "[alarm.on]\nlimit = { point = \"p1\", above = 0.5, hysteresis = 0.1 }\nlevel = \"critical\"\n\
         title = { zh = \"开\", en = \"on\" }\ncause = { zh = \"因\", en = \"cause\" }\n\
         harm = { zh = \"害\", en = \"harm\" }\naction.zh = [\"看\"]\naction.en = [\"look\"]\n",
    );
    text
}

/// A running gateway (or demo).
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) child: Child,
    pub(crate) pid: u32,
    /// `http://127.0.0.1:port`
    pub(crate) page: String,
    /// From the start of the process to its word that it is ready.
    pub(crate) took: Duration,
    pub(crate) said: Said,
    pub(crate) http: reqwest::Client,
}

/// What a process has printed so far, both streams.
#[derive(Debug, Clone)]
pub(crate) struct Said(watch::Receiver<Vec<String>>);

impl Said {
    /// Starts listening to both streams of a child.
    pub(crate) fn of(child: &mut Child) -> Self {
        let (tell, said) = watch::channel(Vec::new());
        let tell = Arc::new(Mutex::new(tell));
        let streams = [
            child.stdout.take().map(|s| Box::new(s) as Box<dyn tokio::io::AsyncRead + Send + Unpin>),
            child.stderr.take().map(|s| Box::new(s) as _),
        ];
        for stream in streams.into_iter().flatten() {
            let tell = Arc::clone(&tell);
            #[allow(clippy::disallowed_methods)]
            tokio::spawn(async move {
                let mut lines = BufReader::new(stream).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    tell.lock().unwrap().send_modify(|all| all.push(line));
                }
            });
        }
        Self(said)
    }

    pub(crate) fn text(&self) -> String {
        self.0.borrow().join("\n")
    }

    /// Waits for a line with `part` in it.
    pub(crate) async fn line(&mut self, part: &str) -> Option<String> {
        let find = |all: &Vec<String>| all.iter().any(|l| l.contains(part));
        let found = self.0.wait_for(find).await.ok()?;
        found.iter().find(|l| l.contains(part)).cloned()
    }
}

impl Gateway {
    /// Starts `command` and waits for the word "ready" and the address of the page.
    pub(crate) async fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let begun = Instant::now();
        let mut child = command.spawn().unwrap();
        let mut said = Said::of(&mut child);
        let ready = timeout(PATIENCE, said.line("ready")).await.ok().flatten();
        let took = begun.elapsed();
        let ready = ready.unwrap_or_else(|| panic!("not ready: {}", said.text()));
        let at = ready.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        // A second call only says that it is already there.
        drop(rustls::crypto::ring::default_provider().install_default());
        // A connection that rests for 10 s is closed by the page; one that was about to be used again would fail.
        let http =
            reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(5)).pool_max_idle_per_host(0);
        let http = http.build().unwrap();
        let pid = child.id().unwrap();
        Self { child, pid, page: format!("http://{at}"), took, said, http }
    }

    /// `GET` of a path, as JSON.
    pub(crate) async fn get(&self, path: &str) -> Json {
        self.try_get(path).await.unwrap()
    }

    /// `GET` of a path, as JSON, or why not.
    pub(crate) async fn try_get(&self, path: &str) -> Result<Json, String> {
        let asked = self.http.get(format!("{}{path}", self.page)).timeout(Duration::from_secs(10)).send();
        let reply = asked.await.map_err(|e| e.to_string())?;
        let text = reply.text().await.map_err(|e| e.to_string())?;
        serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))
    }

    /// Answers an alarm; the status.
    pub(crate) async fn acknowledge(&self, id: &str) -> Result<u16, String> {
        let url = format!("{}/api/v1/alarms/{id}/acknowledge", self.page);
        let body = r#"{"by":"Li","note":"seen"}"#;
        let asked = self.http.post(url).header("content-type", "application/json").body(body);
        let reply = asked.timeout(Duration::from_secs(15)).send().await.map_err(|e| e.to_string())?;
        Ok(reply.status().as_u16())
    }

    /// Readings committed since this start.
    pub(crate) async fn committed(&self) -> u64 {
        self.get("/api/v1/health").await["store"]["readings_committed"].as_u64().unwrap()
    }

    /// One figure summed over all lines' links.
    pub(crate) async fn links(&self, figure: &str) -> u64 {
        let lines = self.get("/api/v1/lines").await;
        lines.as_array().unwrap().iter().map(|l| l["link"][figure].as_u64().unwrap()).sum()
    }

    /// Waits until an alarm with this key is on the list with its condition as given.
    pub(crate) async fn alarm(&self, key: &str, condition: bool) -> Json {
        until(&format!("alarm {key}, condition {condition}"), || async {
            let alarms = self.try_get("/api/v1/alarms?open=true&limit=500").await?;
            let found = alarms.as_array().into_iter().flatten().find(|a| a["key"] == key);
            found.filter(|a| a["condition"] == condition).cloned().ok_or_else(|| alarms.to_string())
        })
        .await
    }

    /// Resident memory, MiB.
    pub(crate) fn rss_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|v| v.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid, name);
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// TERM; the exit status and how long it took.
    pub(crate) async fn stop(mut self) -> (ExitStatus, Duration, String) {
        let begun = Instant::now();
        self.signal("TERM");
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("does not end: {}", self.said.text()));
        (ended.unwrap(), begun.elapsed(), self.said.text())
    }
}

/// Sends a signal by its name.
pub(crate) fn signal(pid: u32, name: &str) {
    let done = std::process::Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(done.unwrap().success(), "kill -{name} {pid}");
}

/// Runs a command line to its end: status code, stdout, stderr.
pub(crate) async fn gatehouse(args: &[&str]) -> (i32, String, String) {
    finish(Command::new(BINARY).args(args)).await
}

/// Runs a command to its end: status code, stdout, stderr.
pub(crate) async fn finish(command: &mut Command) -> (i32, String, String) {
    let done = timeout(PATIENCE, command.stdin(Stdio::null()).kill_on_drop(true).output());
    let done = done.await.expect("the command ends").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap_or(-1), text(done.stdout), text(done.stderr))
}
