//! What a measurement takes place in: a farm of devices, a site file, a mock cloud, a gateway, each a process of its own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

use gatehouse::clock::SystemClock;
use gatehouse::config::credential::Credentials;
use gatehouse::config::expr::Unchecked;
use gatehouse::config::shipped::SHIPPED;

use crate::option;

/// Shortest scan period that a site file may have; below it the role `gateway` is needed.
const EVERY_MS_MIN: u64 = 50;

/// The devices.
pub(crate) struct Farm {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    pub(crate) ports: Vec<String>,
}

impl Farm {
    pub(crate) async fn start(devices: usize) -> Result<Self, String> {
        let mut child = Command::new(std::env::current_exe().map_err(words)?)
            .args(["farm", "--devices", &devices.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(words)?;
        let out = child.stdout.take().ok_or("the farm has no output")?;
        let mut out = BufReader::new(out).lines();
        let ports = out.next_line().await.map_err(words)?.ok_or("the farm did not start")?;
        Ok(Self { child, out, ports: ports.split(' ').map(str::to_owned).collect() })
    }

    /// Answers given so far.
    pub(crate) async fn answers(&mut self) -> Result<u64, String> {
        let stdin = self.child.stdin.as_mut().ok_or("the farm has no input")?;
        stdin.write_all(b"\n").await.map_err(words)?;
        let line = self.out.next_line().await.map_err(words)?.unwrap_or_default();
        line.parse().map_err(|_| format!("the farm said `{line}`"))
    }
}

/// What the site is made of.
pub(crate) struct Plan<'a> {
    pub(crate) ports: &'a [String],
    pub(crate) registers: u16,
    pub(crate) every_ms: u64,
    pub(crate) upload: bool,
    /// Where the data folder is made: it decides what a sync costs.
    pub(crate) within: &'a Path,
    /// Lines and devices added to the site file.
    pub(crate) more: &'a str,
}

/// A gateway with its data folder and its cloud.
pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) pid: u32,
    pub(crate) api_port: u16,
    gateway: Child,
    cloud: Option<(Child, u16)>,
}

impl Scene {
    /// Starts both; `binary` is the gatehouse to be measured.
    pub(crate) fn start(binary: &Path, plan: &Plan<'_>) -> Result<Self, String> {
        let folder = tempfile::tempdir_in(plan.within).map_err(words)?;
        let (api_port, cloud_port) = (free_port()?, free_port()?);
        write_site(folder.path(), plan, (api_port, cloud_port))?;
        let spawn = |program: &Path, args: &[&str]| {
            let mut command = Command::new(program);
            // As the service unit does.
            command.env("MALLOC_ARENA_MAX", "1").env("MALLOC_MMAP_THRESHOLD_", "131072");
            command.args(args).kill_on_drop(true).stdout(Stdio::null()).spawn().map_err(words)
        };
        let mut cloud = None;
        if plan.upload {
            let child = spawn(binary, &["mock-cloud", "--bind", &format!("127.0.0.1:{cloud_port}")])?;
            cloud = Some((child, cloud_port));
        }
        let text = |path: PathBuf| path.display().to_string();
        let (site, data) = (text(folder.path().join("site.toml")), text(folder.path().join("data")));
        let profiles = text(folder.path().join("profiles"));
        let own = std::env::current_exe().map_err(words)?;
        let every_ms = plan.every_ms.to_string();
        let mut args = vec!["--config", &site, "--data", &data, "--profiles", &profiles];
        let gateway = if plan.every_ms < EVERY_MS_MIN {
            args.splice(0..0, ["gateway", "--every-ms", &every_ms]);
            spawn(&own, &args)?
        } else {
            args.splice(0..0, ["run", "--log", "warn"]);
            spawn(binary, &args)?
        };
        let pid = gateway.id().ok_or("the gateway ended at once")?;
        Ok(Self { folder, pid, api_port, gateway, cloud })
    }

    pub(crate) fn check_alive(&mut self) -> Result<(), String> {
        match self.gateway.try_wait() {
            Ok(Some(status)) => Err(format!("the gateway ended: {status}")),
            _ => Ok(()),
        }
    }

    /// Stops the gateway in order and asks the cloud what it got: readings, holes, faults.
    pub(crate) async fn finish(mut self) -> Result<Option<(u64, u64, u64)>, String> {
        let pid = self.pid.to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await.map_err(words)?;
        let ended = tokio::time::timeout(Duration::from_secs(20), self.gateway.wait()).await;
        ended.map_err(|_| "the gateway does not stop")?.map_err(words)?;
        let Some((_child, port)) = &self.cloud else { return Ok(None) };
        let told = get(*port, "/").await?;
        let told: serde_json::Value = serde_json::from_str(&told).map_err(words)?;
        let number = |name: &str| told[name].as_u64().unwrap_or(u64::MAX);
        let holes = told["holes"].as_array().map_or(u64::MAX, |h| h.len() as u64);
        Ok(Some((number("readings"), holes, number("faults"))))
    }
}

/// The gateway, with a scan period of `--every-ms` on all lines.
pub(crate) fn gateway(args: &[String]) -> Result<(), String> {
    let path = |name: &str| PathBuf::from(option(args, name, String::new()));
    let every = Duration::from_millis(option(args, "--every-ms", 1));
    let site = path("--config");
    let loaded = gatehouse::config::load(&site, &[path("--profiles")], &SHIPPED, &Unchecked);
    let mut config = loaded.config.ok_or_else(|| format!("{} has faults", site.display()))?;
    config.store.path = path("--data");
    for line in &mut config.lines {
        line.every = every;
    }
    let gateway =
        gatehouse::gateway::Gateway::open(config, &Credentials::beside(&site), Arc::new(SystemClock)).map_err(words)?;
    gateway
        .run(|_| {}, async {
            let terminate = tokio::signal::unix::SignalKind::terminate();
            tokio::signal::unix::signal(terminate).expect("a handler for TERM").recv().await;
        })
        .map(drop)
        .map_err(words)
}

/// One plain request over a connection of its own.
pub(crate) async fn get(port: u16, path: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(words)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(words)?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.map_err(words)?;
    reply.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).ok_or_else(|| format!("no answer from {port}"))
}

pub(crate) fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(words)?;
    Ok(listener.local_addr().map_err(words)?.port())
}

fn write_site(folder: &Path, plan: &Plan<'_>, (api, cloud): (u16, u16)) -> Result<(), String> {
    let every_ms = plan.every_ms.max(EVERY_MS_MIN);
    let mut text = format!(
        "version = 1\n[site]\nid = \"bench\"\nname = \"bench\"\ntime_zone = \"Asia/Shanghai\"\nlang = \"en\"\n\
         [api]\nbind = \"127.0.0.1:{api}\"\n"
    );
    if plan.upload {
        let _ = write!(text, "[upstream.cloud]\nhttp = {{ url = \"http://127.0.0.1:{cloud}\" }}\n");
    }
    for (ix, port) in plan.ports.iter().enumerate() {
        let _ = write!(
            text,
            "[line.l{ix}]\ntcp = {{ host = \"127.0.0.1\", port = {port} }}\nevery = \"{every_ms}ms\"\n\
             [device.d{ix}]\nname = \"d{ix}\"\nat = \"bench\"\nprofile = \"bench/registers\"\nline = \"l{ix}\"\nunit = 1\n"
        );
    }
    text.push_str(plan.more);
    let profiles = folder.join("profiles/bench");
    std::fs::create_dir_all(&profiles).map_err(words)?;
    std::fs::write(folder.join("site.toml"), text).map_err(words)?;
    std::fs::write(profiles.join("registers.toml"), profile("registers", plan.registers, 6000.0, "10s"))
        .map_err(words)?;
    std::fs::write(profiles.join("blinker.toml"), profile("blinker", 1, 50.0, "0s")).map_err(words)
}

/// As a real profile: every register scaled, one limit alarm with hysteresis in ten.
fn profile(name: &str, registers: u16, limit: f64, delay: &str) -> String {
    let mut text = format!(
        "[profile]\nid = \"bench/{name}\"\nrevision = 1\nkind = \"meter\"\n\
         name = {{ zh = \"压测\", en = \"bench\" }}\nsource = [\"made for the benchmark\"]\n"
    );
    for ix in 0..registers {
        let _ = write!(
            text,
            "[point.p{ix}]\nname = {{ zh = \"点{ix}\", en = \"point {ix}\" }}\nread = \"holding:{ix}\"\nscale = 0.1\nunit = \"kW\"\n"
        );
        if ix % 10 == 0 {
            let _ = write!(
                text,
                "[alarm.high{ix}]\nlimit = {{ point = \"p{ix}\", above = {limit:?}, hysteresis = 5.0 }}\nfor = \"{delay}\"\nlevel = \"minor\"\n\
                 title = {{ zh = \"高\", en = \"high\" }}\ncause = {{ zh = \"因\", en = \"cause\" }}\n\
                 harm = {{ zh = \"害\", en = \"harm\" }}\naction.zh = [\"看\"]\naction.en = [\"look\"]\n"
            );
        }
    }
    text
}
