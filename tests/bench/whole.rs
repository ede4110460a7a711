//! The whole way (poll, condition, judge, store with sync, upload) against a bare loop making the same requests.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::option;
use crate::proc::{Look, folder_bytes, look};
use crate::scene::{Farm, Plan, Scene, words};

/// One contestant's figures.
struct Row {
    name: String,
    polls: u64,
    cpu_s: f64,
    look: Look,
    note: String,
}

/// `--devices 100 --registers 50 --every-ms 1000 --seconds 30 --warm 8 --upload 1 --runs 1 --bin target/release/gatehouse`.
/// With `--every-ms 0` both go as fast as they can.
pub(crate) async fn run(args: &[String]) -> Result<(), String> {
    let devices: usize = option(args, "--devices", 100);
    let registers: u16 = option(args, "--registers", 50);
    let every_ms: u64 = option(args, "--every-ms", 1000);
    let seconds: u64 = option(args, "--seconds", 30);
    let warm: u64 = option(args, "--warm", 8);
    let upload = option(args, "--upload", 1) == 1;
    let binary: String = option(args, "--bin", "target/release/gatehouse".to_owned());
    let mut farm = Farm::start(devices).await?;
    let pace = if every_ms == 0 { "as fast as it can".to_owned() } else { format!("every {every_ms} ms") };
    println!("{devices} devices x {registers} registers, {pace}, {seconds} s, upload {upload}\n");
    println!(
        "| contestant | polls | CPU s | us/poll | registers per CPU s | ratio | RSS MiB (peak; of it not files) | bytes written/register | |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for _ in 0..option(args, "--runs", 1) {
        let mut rows = Vec::new();
        for (slots, name) in [(0, "bare loop, a start time each"), (5, "bare loop, 5 start times")] {
            if slots == 0 || every_ms > 0 {
                rows.push(bare(&mut farm, name, (registers, every_ms, slots, seconds)).await?);
            }
        }
        let ports = farm.ports.clone();
        let plan = Plan { ports: &ports, registers, every_ms, upload, within: Path::new("target"), more: "" };
        rows.push(whole(&mut farm, Path::new(&binary), &plan, (warm, seconds)).await?);
        print(&rows, u64::from(registers));
    }
    Ok(())
}

/// Memory of a gateway with 1,000 points that are read every 10 s.
pub(crate) async fn idle(args: &[String]) -> Result<(), String> {
    let binary: String = option(args, "--bin", "target/release/gatehouse".to_owned());
    let farm = Farm::start(20).await?;
    let plan = Plan {
        ports: &farm.ports,
        registers: 50,
        every_ms: 10_000,
        upload: true,
        within: Path::new("target"),
        more: "",
    };
    let mut scene = Scene::start(Path::new(&binary), &plan)?;
    tokio::time::sleep(Duration::from_secs(option(args, "--seconds", 25))).await;
    scene.check_alive()?;
    let seen = look(scene.pid);
    println!(
        "idle with 1,000 points: resident {:.1} MiB (peak {:.1}), of it not files {:.1}",
        seen.rss_mib, seen.rss_peak_mib, seen.rss_own_mib
    );
    scene.finish().await.map(drop)
}

async fn bare(
    farm: &mut Farm,
    name: &str,
    (registers, every_ms, slots, seconds): (u16, u64, u32, u64),
) -> Result<Row, String> {
    let text = |n: u64| n.to_string();
    let mut child = Command::new(std::env::current_exe().map_err(words)?)
        .args(["loop", "--ports", &farm.ports.join(" "), "--registers", &text(registers.into())])
        .args(["--every-ms", &text(every_ms), "--slots", &text(slots.into()), "--seconds", &text(seconds + 3)])
        .kill_on_drop(true)
        .stdout(Stdio::null())
        .spawn()
        .map_err(words)?;
    let pid = child.id().ok_or("the loop ended at once")?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let row = measure(farm, name.to_owned(), pid, seconds).await?;
    child.wait().await.map_err(words)?;
    Ok(row)
}

async fn measure(farm: &mut Farm, name: String, pid: u32, seconds: u64) -> Result<Row, String> {
    let (polls, before) = (farm.answers().await?, look(pid));
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (polls_after, after) = (farm.answers().await?, look(pid));
    let look = Look { written: after.written - before.written, ..after };
    Ok(Row { name, polls: polls_after - polls, cpu_s: after.cpu_since(&before), look, note: String::new() })
}

async fn whole(farm: &mut Farm, binary: &Path, plan: &Plan<'_>, (warm, seconds): (u64, u64)) -> Result<Row, String> {
    let begun = farm.answers().await?;
    let mut scene = Scene::start(binary, plan)?;
    tokio::time::sleep(Duration::from_secs(warm)).await;
    scene.check_alive()?;
    let mut row = measure(farm, "gatehouse, the whole way".to_owned(), scene.pid, seconds).await?;
    scene.check_alive()?;
    let log = folder_bytes(&scene.folder.path().join("data/log"));
    let so_far = (farm.answers().await? - begun) * u64::from(plan.registers);
    let _ = write!(row.note, "log/ {:.2} B a register", log as f64 / so_far.max(1) as f64);
    if let Some((readings, holes, faults)) = scene.finish().await? {
        let asked = (farm.answers().await? - begun) * u64::from(plan.registers);
        let _ = write!(row.note, "; cloud got {readings} of {asked}, {holes} holes, {faults} faults");
    }
    Ok(row)
}

fn print(rows: &[Row], registers: u64) {
    let per_poll = |row: &Row| row.cpu_s / row.polls.max(1) as f64;
    let base = rows.first().map_or(1.0, per_poll);
    for row in rows {
        let read = (row.polls * registers) as f64;
        println!(
            "| {} | {} | {:.2} | {:.1} | {:.0} | {:.2} | {:.1} ({:.1}; {:.1}) | {:.1} | {} |",
            row.name,
            row.polls,
            row.cpu_s,
            per_poll(row) * 1e6,
            read / row.cpu_s.max(1e-9),
            per_poll(row) / base,
            row.look.rss_mib,
            row.look.rss_peak_mib,
            row.look.rss_own_mib,
            row.look.written as f64 / read.max(1.0),
            row.note
        );
    }
}
