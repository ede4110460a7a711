//! Alarm latency: from the answer on the wire to the event on `/api/v1/events`, while the usual load goes on beside it.
//!
//! A device whose register jumps across a limit is served by this very process: the clock starts when the answer with the
//! jump has been written to the socket, and stops when the event stream brings the alarm's change. In between lie the
//! poll's decoding, rules, alarm, the synced commit to the journal and the page's thread.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::option;
use crate::scene::{Farm, Plan, Scene, words};

/// The device that jumps.
#[derive(Debug, Default)]
struct Blinker {
    /// What it answers from the next poll on.
    high: AtomicBool,
    /// When the first answer after a jump went out.
    told: Mutex<Option<Instant>>,
}

/// `--samples 200 --devices 100 --registers 50 --within target --bin target/release/gatehouse`.
pub(crate) async fn run(args: &[String]) -> Result<(), String> {
    let samples: usize = option(args, "--samples", 200);
    let devices: usize = option(args, "--devices", 100);
    let binary: String = option(args, "--bin", "target/release/gatehouse".to_owned());
    let farm = Farm::start(devices).await?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(words)?;
    let port = listener.local_addr().map_err(words)?.port();
    let blinker = Arc::new(Blinker::default());
    let mut served = tokio::task::JoinSet::new();
    served.spawn(serve(listener, Arc::clone(&blinker)));
    let more = format!(
        "[line.blink]\ntcp = {{ host = \"127.0.0.1\", port = {port} }}\nevery = \"100ms\"\n\
         [device.blinker]\nname = \"b\"\nat = \"bench\"\nprofile = \"bench/blinker\"\nline = \"blink\"\nunit = 1\n"
    );
    let registers = option(args, "--registers", 50);
    let within = std::path::PathBuf::from(option(args, "--within", "target".to_owned()));
    let plan = Plan { ports: &farm.ports, registers, every_ms: 1000, upload: true, within: &within, more: &more };
    let mut scene = Scene::start(Path::new(&binary), &plan)?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    scene.check_alive()?;
    let bare = std::thread::spawn({
        let folder = scene.folder.path().to_owned();
        move || syncs(&folder, samples)
    });
    let mut took = listen(scene.api_port, &blinker, samples).await?;
    took.sort_unstable();
    let at = |share| percentile(&took, share).as_secs_f64();
    println!(
        "alarm latency, answer on the wire to event stream, {} changes, beside {devices} devices x {registers} registers: \
         p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
        took.len(),
        at(50) * 1e3,
        at(90) * 1e3,
        at(99) * 1e3,
        at(100) * 1e3
    );
    let synced = bare.join().map_err(|_| "the syncs failed")?.map_err(words)?;
    let at = |share| percentile(&synced, share).as_secs_f64() * 1e3;
    println!(
        "beside it, {} plain appends of 4 KiB with a sync in the same folder: p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms",
        synced.len(),
        at(50),
        at(90),
        at(99)
    );
    scene.finish().await.map(drop)
}

fn percentile(sorted: &[Duration], share: usize) -> Duration {
    sorted.get((sorted.len() * share / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a thread of its own beside the runtime; nothing is waited for but the disk"
)]
/// What the disk takes for the one sync that an alarm needs, in the same minute.
fn syncs(folder: &Path, samples: usize) -> std::io::Result<Vec<Duration>> {
    let mut file = std::fs::File::create(folder.join("syncs"))?;
    let mut took = Vec::with_capacity(samples);
    for _ in 0..samples {
        std::thread::sleep(Duration::from_millis(90));
        let begun = std::time::Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    Ok(took)
}

/// Answers every read of one register.
async fn serve(listener: TcpListener, blinker: Arc<Blinker>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let _nodelay = stream.set_nodelay(true);
        let (mut head, mut was) = ([0u8; 12], false);
        while stream.read_exact(&mut head).await.is_ok() {
            let high = blinker.high.load(Ordering::Relaxed);
            let value: u16 = if high { 2000 } else { 100 };
            let mut reply = [head[0], head[1], 0, 0, 0, 5, head[6], head[7], 2, 0, 0];
            reply[9..].copy_from_slice(&value.to_be_bytes());
            if stream.write_all(&reply).await.is_err() {
                break;
            }
            if high != was {
                was = high;
                *blinker.told.lock().expect("no one panics with it") = Some(Instant::now());
            }
        }
    }
}

/// Follows the event stream; lets the device jump after every change that comes.
async fn listen(port: u16, blinker: &Blinker, samples: usize) -> Result<Vec<Duration>, String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(words)?;
    let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(words)?;
    let mut lines = BufReader::new(stream).lines();
    let mut took = Vec::new();
    let mut jump = true;
    while took.len() < samples {
        if std::mem::take(&mut jump) {
            // Not in step with the polls.
            tokio::time::sleep(Duration::from_millis(fastrand::u64(5..60))).await;
            blinker.high.fetch_xor(true, Ordering::Relaxed);
        }
        let line = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await;
        let line = line.map_err(|_| format!("no event for 10 s after {} changes", took.len()))?;
        let line = line.map_err(words)?.ok_or("the event stream ended")?;
        if line.starts_with("data:") && line.contains("blinker.high0") {
            let told = blinker.told.lock().expect("no one panics with it").take();
            if let Some(told) = told {
                took.push(told.elapsed());
                jump = true;
            }
        }
    }
    Ok(took)
}
