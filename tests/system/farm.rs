//! Modbus devices on loopback for whole-system tests: every register changes with every poll, and every poll is counted.
//!
//! Register 0 counts the polls of its device, register 1 is a switch the test may turn, the others change with each poll. So
//! every answer is a reading to store, and "answers × registers" is what must arrive at the other end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What a test may look at and turn.
#[derive(Debug, Default)]
pub(crate) struct Device {
    /// Answers given.
    pub(crate) answers: AtomicU64,
    /// Register 1.
    pub(crate) switch: AtomicU16,
}

/// The devices; they end with this value.
#[derive(Debug)]
pub(crate) struct Farm {
    pub(crate) ports: Vec<u16>,
    pub(crate) devices: Vec<Arc<Device>>,
    held: Arc<AtomicBool>,
    _servers: JoinSet<()>,
    _end: watch::Sender<()>,
}

impl Farm {
    /// So many devices, each on a free port.
    pub(crate) async fn start(devices: usize) -> Self {
        let (end, _) = watch::channel(());
        let held = Arc::new(AtomicBool::new(false));
        let (mut ports, mut all, mut servers) = (Vec::new(), Vec::new(), JoinSet::new());
        for _ in 0..devices {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            ports.push(listener.local_addr().unwrap().port());
            let device = Arc::new(Device::default());
            all.push(Arc::clone(&device));
            let held = Arc::clone(&held);
            servers.spawn(async move {
                let mut guests = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    guests.spawn(serve(stream, Arc::clone(&device), Arc::clone(&held)));
                    while guests.try_join_next().is_some() {}
                }
            });
        }
        Self { ports, devices: all, held, _servers: servers, _end: end }
    }

    /// Answers of all devices together.
    pub(crate) fn answers(&self) -> u64 {
        self.devices.iter().map(|d| d.answers.load(Ordering::SeqCst)).sum()
    }

    /// From now on requests are taken but not answered, so that counts stand still.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    /// Turns register 1 of a device.
    pub(crate) fn turn(&self, device: usize, value: u16) {
        self.devices[device].switch.store(value, Ordering::SeqCst);
    }
}

async fn serve(mut stream: TcpStream, device: Arc<Device>, held: Arc<AtomicBool>) {
    stream.set_nodelay(true).unwrap();
    let mut head = [0u8; 12];
    let mut reply = Vec::with_capacity(260);
    while stream.read_exact(&mut head).await.is_ok() {
        if held.load(Ordering::SeqCst) {
            continue;
        }
        let first = u16::from_be_bytes([head[8], head[9]]);
        let count = u16::from_be_bytes([head[10], head[11]]);
        // Counted before it goes out: an answer that the gateway has seen is never missing here.
        let poll = device.answers.fetch_add(1, Ordering::SeqCst) + 1;
        reply.clear();
        reply.extend_from_slice(&head[..4]);
        reply.extend_from_slice(&(3 + count * 2).to_be_bytes());
        reply.extend_from_slice(&head[6..8]);
        reply.push(u8::try_from(count * 2).unwrap());
        for register in first..first + count {
            let value = match register {
                0 => (poll % 60_000) as u16,
                1 => device.switch.load(Ordering::SeqCst),
                _ => ((poll * 7 + u64::from(register) * 31) % 50_000) as u16,
            };
            reply.extend_from_slice(&value.to_be_bytes());
        }
        if stream.write_all(&reply).await.is_err() {
            return;
        }
    }
}
