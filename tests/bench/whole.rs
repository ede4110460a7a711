//! The whole way (poll, condition, judge, store with sync, upload) against a bare loop making the same requests.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::option;
use crate::proc::{Look, folder_bytes, look};

/// `--devices 100 --registers 50 --every-ms 1000 --seconds 30 --warm 8 --bin target/release/gatehouse`. With `--every-ms 0`
/// the gateway is asked for 10 ms and both go as fast as they can.
pub(crate) async fn run(args: &[String]) -> Result<(), String> {
    let devices: usize = option(args, "--devices", 100);
    let registers: u16 = option(args, "--registers", 50);
    let every_ms: u64 = option(args, "--every-ms", 1000);
    let seconds: u64 = option(args, "--seconds", 30);
    let warm: u64 = option(args, "--warm", 8);
    let binary: String = option(args, "--bin", "target/release/gatehouse".to_owned());
    let work = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut farm = Farm::start(devices).await?;
    println!("{devices} devices x {registers} registers, every {every_ms} ms, {seconds} s");

    let mut rows = Vec::new();
    for slots in [0, 5] {
        let name = if slots == 0 { "bare loop, a start time each" } else { "bare loop, 5 start times" };
        rows.push(bare(&mut farm, name, (registers, every_ms, slots, seconds)).await?);
    }
    let site = work.path().join("site.toml");
    let cloud_port = free_port()?;
    std::fs::write(&site, site_text(&farm.ports, every_ms.max(10), cloud_port)).map_err(|e| e.to_string())?;
    std::fs::create_dir_all(work.path().join("profiles/bench")).map_err(|e| e.to_string())?;
    std::fs::write(work.path().join("profiles/bench/registers.toml"), profile_text(registers))
        .map_err(|e| e.to_string())?;
    rows.push(whole(&mut farm, Path::new(&binary), work.path(), (cloud_port, warm, seconds)).await?);
    print(&rows, u64::from(registers));
    Ok(())
}

/// One contestant's figures.
struct Row {
    name: String,
    polls: u64,
    cpu_s: f64,
    look: Look,
    note: String,
}

struct Farm {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    ports: Vec<String>,
}

impl Farm {
    async fn start(devices: usize) -> Result<Self, String> {
        let mut child = Command::new(std::env::current_exe().map_err(|e| e.to_string())?)
            .args(["farm", "--devices", &devices.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| e.to_string())?;
        let out = child.stdout.take().ok_or("the farm has no output")?;
        let mut out = BufReader::new(out).lines();
        let ports = out.next_line().await.map_err(|e| e.to_string())?.ok_or("the farm did not start")?;
        Ok(Self { child, out, ports: ports.split(' ').map(str::to_owned).collect() })
    }

    async fn answers(&mut self) -> Result<u64, String> {
        let stdin = self.child.stdin.as_mut().ok_or("the farm has no input")?;
        stdin.write_all(b"\n").await.map_err(|e| e.to_string())?;
        let line = self.out.next_line().await.map_err(|e| e.to_string())?.unwrap_or_default();
        line.parse().map_err(|_| format!("the farm said `{line}`"))
    }
}

async fn bare(
    farm: &mut Farm,
    name: &str,
    (registers, every_ms, slots, seconds): (u16, u64, u32, u64),
) -> Result<Row, String> {
    let mut child = Command::new(std::env::current_exe().map_err(|e| e.to_string())?)
        .args(["loop", "--ports", &farm.ports.join(" "), "--registers", &registers.to_string()])
        .args([
            "--every-ms",
            &every_ms.to_string(),
            "--slots",
            &slots.to_string(),
            "--seconds",
            &(seconds + 3).to_string(),
        ])
        .kill_on_drop(true)
        .stdout(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())?;
    let pid = child.id().ok_or("the loop ended at once")?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let row = measure(farm, name.to_owned(), pid, seconds).await?;
    child.wait().await.map_err(|e| e.to_string())?;
    Ok(row)
}

async fn measure(farm: &mut Farm, name: String, pid: u32, seconds: u64) -> Result<Row, String> {
    let (polls, before) = (farm.answers().await?, look(pid));
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (polls_after, after) = (farm.answers().await?, look(pid));
    let look = Look { written: after.written - before.written, ..after };
    Ok(Row { name, polls: polls_after - polls, cpu_s: after.cpu_s - before.cpu_s, look, note: String::new() })
}

async fn whole(
    farm: &mut Farm,
    binary: &Path,
    work: &Path,
    (cloud_port, warm, seconds): (u16, u64, u64),
) -> Result<Row, String> {
    let start = |args: &[&str]| {
        Command::new(binary).args(args).kill_on_drop(true).stdout(Stdio::null()).spawn().map_err(|e| e.to_string())
    };
    let _cloud = start(&["mock-cloud", "--bind", &format!("127.0.0.1:{cloud_port}")])?;
    let text = |path: PathBuf| path.display().to_string();
    let (site, data, profiles) = (text(work.join("site.toml")), text(work.join("data")), text(work.join("profiles")));
    let mut gateway = start(&["run", "--config", &site, "--data", &data, "--profiles", &profiles, "--log", "warn"])?;
    let pid = gateway.id().ok_or("the gateway ended at once")?;
    tokio::time::sleep(Duration::from_secs(warm)).await;
    if let Ok(Some(status)) = gateway.try_wait() {
        return Err(format!("the gateway ended: {status}"));
    }
    let mut row = measure(farm, "gatehouse, the whole way".to_owned(), pid, seconds).await?;
    let _ = write!(row.note, "log {} B", folder_bytes(&work.join("data/log")));
    Ok(row)
}

fn print(rows: &[Row], registers: u64) {
    println!(
        "\n| contestant | polls | CPU s | us/poll | registers per CPU s | ratio | RSS MiB (peak) | bytes written/register | |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let per_poll = |row: &Row| row.cpu_s / row.polls.max(1) as f64;
    let base = rows.first().map_or(1.0, per_poll);
    for row in rows {
        let read = (row.polls * registers) as f64;
        println!(
            "| {} | {} | {:.2} | {:.1} | {:.0} | {:.2} | {:.1} ({:.1}) | {:.1} | {} |",
            row.name,
            row.polls,
            row.cpu_s,
            per_poll(row) * 1e6,
            read / row.cpu_s.max(1e-9),
            per_poll(row) / base,
            row.look.rss_mib,
            row.look.rss_peak_mib,
            row.look.written as f64 / read.max(1.0),
            row.note
        );
    }
}

fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).map_err(|e| e.to_string())?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}

fn site_text(ports: &[String], every_ms: u64, cloud_port: u16) -> String {
    let mut text = format!(
        "version = 1\n[site]\nid = \"bench\"\nname = \"bench\"\ntime_zone = \"Asia/Shanghai\"\nlang = \"en\"\n\
         [api]\nbind = \"127.0.0.1:0\"\n[upstream.cloud]\nhttp = {{ url = \"http://127.0.0.1:{cloud_port}\" }}\n"
    );
    for (ix, port) in ports.iter().enumerate() {
        let _ = write!(
            text,
            "[line.l{ix}]\ntcp = {{ host = \"127.0.0.1\", port = {port} }}\nevery = \"{every_ms}ms\"\n\
             [device.d{ix}]\nname = \"d{ix}\"\nat = \"bench\"\nprofile = \"bench/registers\"\nline = \"l{ix}\"\nunit = 1\n"
        );
    }
    text
}

/// As a real profile: every register scaled, one limit alarm with hysteresis in ten.
fn profile_text(registers: u16) -> String {
    let mut text = "[profile]\nid = \"bench/registers\"\nrevision = 1\nkind = \"meter\"\n\
        name = { zh = \"压测\", en = \"bench\" }\nsource = [\"made for the benchmark\"]\n"
        .to_owned();
    for ix in 0..registers {
        let _ = write!(
            text,
            "[point.p{ix}]\nname = {{ zh = \"点{ix}\", en = \"point {ix}\" }}\nread = \"holding:{ix}\"\nscale = 0.1\nunit = \"kW\"\n"
        );
        if ix % 10 == 0 {
            let _ = write!(
                text,
                "[alarm.high{ix}]\nlimit = {{ point = \"p{ix}\", above = 6000.0, hysteresis = 5.0 }}\nfor = \"10s\"\nlevel = \"minor\"\n\
                 title = {{ zh = \"高\", en = \"high\" }}\ncause = {{ zh = \"因\", en = \"cause\" }}\n\
                 harm = {{ zh = \"害\", en = \"harm\" }}\naction.zh = [\"看\"]\naction.en = [\"look\"]\n"
            );
        }
    }
    text
}
