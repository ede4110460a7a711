//! The limit: a bare tokio-modbus client, one task a device, that reads, adds up and drops.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_modbus::client::{Context, Reader as _};

use crate::option;

/// `--ports "1 2 3" --registers 50 --every-ms 1000 --slots 0 --seconds 30`; slots 0 gives each device its own start.
pub(crate) async fn run(args: &[String]) -> Result<(), String> {
    let ports: String = option(args, "--ports", String::new());
    let registers: u16 = option(args, "--registers", 50);
    let every = Duration::from_millis(option(args, "--every-ms", 1000));
    let slots: u32 = option(args, "--slots", 0);
    let seconds: u64 = option(args, "--seconds", 30);
    let ports: Vec<u16> = ports.split(' ').filter_map(|p| p.parse().ok()).collect();
    let count = u32::try_from(ports.len()).unwrap_or(1).max(1);
    let slots = if slots == 0 { count } else { slots };
    let begin = Instant::now() + Duration::from_millis(200);
    let end = begin + Duration::from_secs(seconds);
    let mut tasks = JoinSet::new();
    for (ix, port) in (0u32..).zip(ports) {
        tasks.spawn(device(port, registers, every, begin + every * (ix % slots) / slots, end));
    }
    let mut polls = 0;
    while let Some(done) = tasks.join_next().await {
        polls += done.map_err(|e| e.to_string())?;
    }
    println!("{polls}");
    Ok(())
}

async fn device(port: u16, registers: u16, every: Duration, mut at: Instant, end: Instant) -> u64 {
    let Ok(mut client): Result<Context, _> =
        tokio_modbus::client::tcp::connect(SocketAddr::from(([127, 0, 0, 1], port))).await
    else {
        return 0;
    };
    let mut polls = 0;
    while at < end && Instant::now() < end {
        if !every.is_zero() {
            tokio::time::sleep_until(at).await;
            at += every;
        }
        let Ok(Ok(words)) = client.read_holding_registers(0, registers).await else { return polls };
        black_box(words.iter().map(|w| u64::from(*w)).sum::<u64>());
        polls += 1;
    }
    polls
}
