//! Devices on loopback, as cheap as can be: every register changes with every second, as scaled measurements do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::option;

/// Serves `--devices` devices on free ports, prints them on one line, then the number of answers on every line it reads.
pub(crate) async fn run(args: &[String]) -> Result<(), String> {
    let devices: usize = option(args, "--devices", 100);
    let answers = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut servers = JoinSet::new();
    let mut ports = Vec::new();
    for device in 0..devices {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|e| e.to_string())?;
        ports.push(listener.local_addr().map_err(|e| e.to_string())?.port().to_string());
        let answers = Arc::clone(&answers);
        servers.spawn(async move {
            let mut guests = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                guests.spawn(serve(stream, device as u64, started, Arc::clone(&answers)));
            }
        });
    }
    println!("{}", ports.join(" "));
    let mut asked = tokio::io::BufReader::new(tokio::io::stdin());
    let mut line = String::new();
    while tokio::io::AsyncBufReadExt::read_line(&mut asked, &mut line).await.unwrap_or(0) > 0 {
        println!("{}", answers.load(Ordering::Relaxed));
        line.clear();
    }
    Ok(())
}

async fn serve(mut stream: TcpStream, device: u64, started: Instant, answers: Arc<AtomicU64>) {
    let _nodelay = stream.set_nodelay(true);
    let mut head = [0u8; 12];
    let mut reply = Vec::with_capacity(260);
    while stream.read_exact(&mut head).await.is_ok() {
        let count = u64::from(u16::from_be_bytes([head[10], head[11]]));
        let first = u64::from(u16::from_be_bytes([head[8], head[9]]));
        let seconds = started.elapsed().as_secs();
        reply.clear();
        reply.extend_from_slice(&head[..4]);
        reply.extend_from_slice(&u16::try_from(3 + count * 2).unwrap_or(3).to_be_bytes());
        reply.extend_from_slice(&head[6..8]);
        reply.push(u8::try_from(count * 2).unwrap_or(0));
        for register in first..first + count {
            reply.extend_from_slice(&value(device, register, seconds).to_be_bytes());
        }
        if stream.write_all(&reply).await.is_err() {
            return;
        }
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// A slow wave with a tremble of a few steps: changes nearly every second, as a scaled register with noise does.
fn value(device: u64, register: u64, seconds: u64) -> u16 {
    let seed = device.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ register.wrapping_mul(0xD1B5_4A32_D192_ED03);
    let mut x = seed ^ seconds.wrapping_mul(0xA24B_AED4_963E_E407);
    x ^= x >> 29;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 32;
    let base = 500 + seed % 4000;
    let wave = (seconds + seed % 600) % 600;
    let wave = if wave < 300 { wave } else { 600 - wave };
    u16::try_from(base + wave / 3 + x % 7).unwrap_or(0)
}
