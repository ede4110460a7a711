//! A fake Modbus device with scripted sins: real protocol over any byte stream, TCP on port 0.
//!
//! Registers 0 and 1 of every unit hold the number of the request being answered; all others, and all bits, are a fixed
//! function of unit, function and address. So a test can tell a value that belongs to another unit, address or request.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the device does wrong. Probabilities are per request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sins {
    /// Answers after `late_by`.
    pub(crate) late: f64,
    /// How late.
    pub(crate) late_by: Duration,
    /// Answers as another unit, instead of or before the right answer.
    pub(crate) foreign: f64,
    /// Damages the answer, or adds bytes before or behind it.
    pub(crate) noise: f64,
    /// Sends half of the answer and then nothing.
    pub(crate) half: f64,
    /// Sends every byte alone.
    pub(crate) drip: bool,
    /// These units never answer.
    pub(crate) dead: BTreeSet<u8>,
    /// These addresses do not exist: exception 2.
    pub(crate) lacks: BTreeSet<u16>,
    /// This many requests are answered with exception 6 (busy).
    pub(crate) busy: u32,
    /// Takes a connection only while no other is open.
    pub(crate) single: bool,
    /// Closes every connection after so many answers.
    pub(crate) hang_up_after: Option<u32>,
}

/// What is shared between the test and the connections.
#[derive(Debug)]
pub(crate) struct Device {
    rtu: bool,
    sins: Mutex<Sins>,
    random: Mutex<fastrand::Rng>,
    requests: AtomicU32,
    open: AtomicU32,
    accepted: AtomicU32,
    stale: Mutex<BTreeSet<u32>>,
}

/// The value at an address, as every answer of the right unit must have it.
pub(crate) fn value(unit: u8, function: u8, address: u16) -> u16 {
    let seed = u32::from(unit) << 24 | u32::from(function) << 16 | u32::from(address);
    let mixed = (seed ^ 0x9E37_79B9).wrapping_mul(0x85EB_CA6B);
    u16::try_from((mixed ^ mixed >> 13) >> 16).unwrap() ^ address
}

impl Device {
    /// A device that speaks RTU frames or Modbus TCP.
    pub(crate) fn new(rtu: bool, sins: Sins) -> Arc<Self> {
        Arc::new(Self {
            rtu,
            sins: Mutex::new(sins),
            random: Mutex::new(fastrand::Rng::with_seed(48)),
            requests: AtomicU32::new(0),
            open: AtomicU32::new(0),
            accepted: AtomicU32::new(0),
            stale: Mutex::default(),
        })
    }

    /// Changes its ways.
    pub(crate) fn sin(&self, change: impl FnOnce(&mut Sins)) {
        change(&mut self.sins.lock().unwrap());
    }

    /// Requests heard.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }

    /// Connections taken.
    pub(crate) fn accepted(&self) -> u32 {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Whether the answer to this request was sent after a newer request had come: it must never become a value.
    pub(crate) fn is_stale(&self, request: u32) -> bool {
        self.stale.lock().unwrap().contains(&request)
    }

    /// Listens on `bind` until the set of tasks is dropped.
    pub(crate) async fn listen(self: &Arc<Self>, tasks: &mut JoinSet<()>, bind: &str) -> SocketAddr {
        let listener = TcpListener::bind(bind).await.unwrap();
        let address = listener.local_addr().unwrap();
        let device = Arc::clone(self);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                if device.sins.lock().unwrap().single && device.open.load(Ordering::SeqCst) > 0 {
                    continue;
                }
                device.open.fetch_add(1, Ordering::SeqCst);
                let device = Arc::clone(&device);
                connections.spawn(async move {
                    let _ended = device.serve(stream).await.is_err();
                    device.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        address
    }

    /// Dials in, as a modem does, with its registration text.
    pub(crate) async fn dial(self: &Arc<Self>, tasks: &mut JoinSet<()>, to: SocketAddr, hello: &str) {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(hello.as_bytes()).await.unwrap();
        let device = Arc::clone(self);
        tasks.spawn(async move {
            let _ended = device.serve(stream).await.is_err();
        });
    }

    /// Answers on a byte stream until it ends.
    pub(crate) async fn serve(
        self: &Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
    ) -> io::Result<()> {
        self.accepted.fetch_add(1, Ordering::SeqCst);
        let (mut from, to) = tokio::io::split(stream);
        let to = Arc::new(tokio::sync::Mutex::new(to));
        let mut later = JoinSet::new();
        let mut answered = 0;
        loop {
            let (tid, unit, pdu) = self.read_request(&mut from).await?;
            let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
            let sins = self.sins.lock().unwrap().clone();
            if sins.dead.contains(&unit) {
                continue;
            }
            let pdu = self.answer(&sins, unit, number, &pdu);
            let right = self.frame(tid, unit, &pdu);
            if self.happens(sins.late) {
                let (device, to) = (Arc::clone(self), Arc::clone(&to));
                later.spawn(async move {
                    tokio::time::sleep(sins.late_by).await;
                    if device.requests() > number {
                        device.stale.lock().unwrap().insert(number);
                    }
                    let _gone = to.lock().await.write_all(&right).await.is_err();
                });
                continue;
            }
            let bytes = self.spoil(&sins, tid, unit, &pdu, right);
            let mut to = to.lock().await;
            for piece in bytes.chunks(if sins.drip { 1 } else { bytes.len() }) {
                to.write_all(piece).await?;
                tokio::task::yield_now().await;
            }
            answered += 1;
            if sins.hang_up_after.is_some_and(|n| answered >= n) {
                return Ok(());
            }
        }
    }

    fn happens(&self, probability: f64) -> bool {
        probability > 0.0 && self.random.lock().unwrap().f64() < probability
    }

    fn pick(&self, below: usize) -> usize {
        self.random.lock().unwrap().usize(..below)
    }

    /// What really goes out.
    fn spoil(&self, sins: &Sins, tid: [u8; 2], unit: u8, pdu: &[u8], right: Vec<u8>) -> Vec<u8> {
        if self.happens(sins.half) {
            return right[..right.len() / 2].to_vec();
        }
        if self.happens(sins.foreign) {
            let mut other = pdu.to_vec();
            other.iter_mut().skip(2).for_each(|b| *b ^= 0xA5);
            let foreign = self.frame(tid, unit ^ 3, &other);
            return if self.pick(2) == 0 { foreign } else { [foreign, right].concat() };
        }
        if self.happens(sins.noise) {
            return if self.rtu { self.line_noise(right) } else { self.wrong_shape(tid, unit, pdu) };
        }
        right
    }

    /// Bytes before, inside or behind the frame.
    fn line_noise(&self, mut frame: Vec<u8>) -> Vec<u8> {
        let noise: Vec<u8> = (0..=self.pick(20)).map(|_| u8::try_from(self.pick(256)).unwrap()).collect();
        match self.pick(3) {
            0 => [noise, frame].concat(),
            1 => [frame, noise].concat(),
            _ => {
                let at = self.pick(frame.len());
                frame[at] ^= 1 << self.pick(8);
                frame
            }
        }
    }

    /// TCP checks sums itself; what goes wrong there is the device's own doing.
    fn wrong_shape(&self, tid: [u8; 2], unit: u8, pdu: &[u8]) -> Vec<u8> {
        let mut frame = self.frame(tid, unit, pdu);
        match self.pick(5) {
            0 => frame[0] ^= 0x40,
            1 => frame[7] ^= 7,
            2 => frame = self.frame(tid, unit, &pdu[..pdu.len() - 1]),
            3 => frame[4] = 0xFF,
            _ => frame[2] = 9,
        }
        frame
    }

    async fn read_request(&self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<([u8; 2], u8, Vec<u8>)> {
        let mut head = [0; 7];
        from.read_exact(&mut head).await?;
        if self.rtu {
            let more = if matches!(head[1], 15 | 16) { usize::from(head[6]) + 2 } else { 1 };
            let mut rest = vec![0; more];
            from.read_exact(&mut rest).await?;
            let all = [head.to_vec(), rest].concat();
            return Ok(([0; 2], all[0], all[1..all.len() - 2].to_vec()));
        }
        let mut pdu = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]])) - 1];
        from.read_exact(&mut pdu).await?;
        Ok(([head[0], head[1]], head[6], pdu))
    }

    fn answer(&self, sins: &Sins, unit: u8, number: u32, pdu: &[u8]) -> Vec<u8> {
        let function = pdu[0];
        let address = u16::from_be_bytes([pdu[1], pdu[2]]);
        let count = u16::from_be_bytes([pdu[3], pdu[4]]);
        if sins.busy > 0 {
            self.sin(|s| s.busy -= 1);
            return vec![function | 0x80, 6];
        }
        if !(1..=4).contains(&function) {
            return pdu[..5].to_vec();
        }
        let addresses = || address..address + count;
        if addresses().any(|a| sins.lacks.contains(&a)) {
            return vec![function | 0x80, 2];
        }
        let data: Vec<u8> = if function < 3 {
            let mut bytes = vec![0; usize::from(count.div_ceil(8))];
            for (i, a) in addresses().enumerate() {
                bytes[i / 8] |= u8::try_from(value(unit, function, a) & 1).unwrap() << (i % 8);
            }
            bytes
        } else {
            let word = |a| match a {
                0 => u16::try_from(number >> 16).unwrap(),
                1 => u16::try_from(number & 0xFFFF).unwrap(),
                a => value(unit, function, a),
            };
            addresses().flat_map(|a| word(a).to_be_bytes()).collect()
        };
        [vec![function, u8::try_from(data.len()).unwrap()], data].concat()
    }

    fn frame(&self, tid: [u8; 2], unit: u8, pdu: &[u8]) -> Vec<u8> {
        if self.rtu {
            let mut frame = [&[unit], pdu].concat();
            let sum = frame.iter().fold(0xFFFF_u16, |sum, byte| {
                (0..8).fold(sum ^ u16::from(*byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xA001 } else { c >> 1 })
            });
            frame.extend(sum.to_le_bytes());
            return frame;
        }
        let [l0, l1] = u16::try_from(pdu.len() + 1).unwrap().to_be_bytes();
        [&[tid[0], tid[1], 0, 0, l0, l1, unit], pdu].concat()
    }
}
