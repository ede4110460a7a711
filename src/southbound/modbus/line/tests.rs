//! The whole line on paused time: minutes of polling in a moment, exact to the millisecond.

use std::collections::BTreeMap;

use super::*;
use crate::model::id::{DeviceIx, Id, LineIx, PointIx};
use crate::model::link::LinkState;
use crate::model::reading::Raw;
use crate::model::time::{Anchor, Trust, WallMs};
use crate::profile::{ModbusLimits, Order, Register, WireType};
use crate::southbound::modbus::ModbusDevice;
use crate::southbound::modbus::pdu::crc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinSet;

/// Boot time is tokio's, which stands still unless every task waits.
#[derive(Debug)]
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn boot(&self) -> BootMs {
        BootMs(i64::try_from((Instant::now() - self.0).as_millis()).unwrap())
    }

    fn anchor(&self) -> Anchor {
        Anchor { boot: self.boot(), wall: WallMs(0), trust: Trust::Unset }
    }
}

/// Answers every read with zeros after `takes`; the units in `dead` never. Counts the bus time spent on them.
async fn simulate(mut wire: DuplexStream, framing: Framing, takes: Duration, dead: Vec<u8>) {
    loop {
        let mut request = [0; 12];
        let len = if framing == Framing::Tcp { 12 } else { 8 };
        if wire.read_exact(&mut request[..len]).await.is_err() {
            return;
        }
        let (unit, function, count) = match framing {
            Framing::Tcp => (request[6], request[7], request[11]),
            Framing::Rtu => (request[0], request[1], request[5]),
        };
        if dead.contains(&unit) {
            continue;
        }
        sleep(takes).await;
        let mut answer = vec![unit, function, count * 2];
        answer.resize(3 + usize::from(count) * 2, 0);
        if framing == Framing::Tcp {
            answer = [&[request[0], request[1], 0, 0, 0, count * 2 + 3], answer.as_slice()].concat();
        } else {
            answer.extend(crc(&answer).to_le_bytes());
        }
        if wire.write_all(&answer).await.is_err() {
            return;
        }
    }
}

struct Run {
    /// When each device's good scans came.
    good: BTreeMap<u32, Vec<i64>>,
    links: Vec<(LinkOf, LinkState)>,
    stats: LinkStats,
    missed: u64,
}

/// Runs a line of `units` units, the first `dead` of them silent, for `time` at a period of 1 s.
async fn run_line(framing: Framing, units: u8, dead: u8, takes: Duration, time: Duration) -> Run {
    let (streams, given) = mpsc::channel(64);
    let mut tasks = JoinSet::new();
    let silent: Vec<u8> = (1..=dead).collect();
    tasks.spawn(async move {
        let mut open = JoinSet::new();
        loop {
            let (near, far) = tokio::io::duplex(4096);
            open.spawn(simulate(far, framing, takes, silent.clone()));
            if streams.send(near).await.is_err() {
                return;
            }
        }
    });
    let device = |unit: u8| ModbusDevice {
        device: DeviceIx(u32::from(unit)),
        unit,
        limits: ModbusLimits::default(),
        points: (0..10)
            .map(|i| {
                let register = Register { area: Area::Holding, address: i, wire: WireType::U16, order: Order::Abcd };
                (PointIx(u32::from(unit) * 10 + u32::from(i)), register, Duration::from_secs(1))
            })
            .collect(),
        unsupported: Vec::new(),
    };
    let config = LineConfig {
        id: Id::new("plant").unwrap(),
        path: LinePath::Tcp { host: "test".into(), port: 502 },
        timeout: Duration::from_secs(1),
        gap: Duration::ZERO,
        every: Duration::from_secs(1),
    };
    let (out, mut events) = mpsc::channel(64);
    let (_requests, for_line) = mpsc::channel(1);
    let clock = Arc::new(PausedClock(Instant::now()));
    let live = Arc::new(Live::new(0, 256, 1, BootMs(0)));
    let stop = CancellationToken::new();
    let devices: Vec<_> = (1..=units).map(device).collect();
    let (table, token) = (Arc::clone(&live), stop.clone());
    let mut line = ModbusLine::new(LineIx(0), config, devices, clock, out, table, for_line, token);
    line.dialer = Some(Dialer::given(given, framing));
    tasks.spawn(async move { line.run().await.unwrap() });
    let mut run = Run { good: BTreeMap::new(), links: Vec::new(), stats: LinkStats::default(), missed: 0 };
    let end = Instant::now() + time;
    while let Ok(Some(event)) = tokio::time::timeout_at(end, events.recv()).await {
        match event {
            FieldEvent::Scan(scan) if matches!(scan.samples[0].raw, Raw::Number(_)) => {
                run.good.entry(scan.device.0).or_default().push(scan.at.0);
            }
            FieldEvent::Link(change) => run.links.push((change.of, change.state)),
            FieldEvent::Scan(_) | FieldEvent::Unsupported { .. } => {}
        }
    }
    run.stats = live.line(LineIx(0)).unwrap().stats;
    run.missed = run.stats.missed;
    stop.cancel();
    run
}

/// How far, in ms, 99 of 100 distances between scans are from the period; the first is the way onto the grid.
fn jitter_p99(run: &Run) -> i64 {
    let gaps = run.good.values().flat_map(|times| times[1..].windows(2).map(|w| (w[1] - w[0] - 1000).abs()));
    let mut gaps: Vec<i64> = gaps.collect();
    gaps.sort_unstable();
    gaps[gaps.len() * 99 / 100]
}

#[tokio::test(start_paused = true)]
async fn healthy_units_keep_their_period() {
    let run = run_line(Framing::Tcp, 10, 0, Duration::from_millis(3), Duration::from_mins(1)).await;
    assert_eq!(run.good.len(), 10);
    assert!(run.good.values().all(|times| times.len() >= 59), "{:?}", run.good);
    assert!(jitter_p99(&run) <= 20, "{}", jitter_p99(&run));
    assert_eq!(run.missed, 0);
    assert_eq!(run.links.iter().filter(|(of, _)| *of == LinkOf::Line(LineIx(0))).count(), 1, "{:?}", run.links);
}

#[tokio::test(start_paused = true)]
async fn silent_units_do_not_disturb_their_siblings_on_tcp() {
    let time = Duration::from_mins(10);
    let run = run_line(Framing::Tcp, 10, 2, Duration::from_millis(3), time).await;
    assert_eq!(run.good.len(), 8);
    let jitter = jitter_p99(&run);
    assert!(jitter < 100, "99 of 100 within 10 % of the period, not {jitter} ms");
    let quarantined = run.links.iter().filter(|(_, state)| *state == LinkState::Quarantined).count();
    assert_eq!(quarantined, 2, "told once each: {:?}", run.links);
    assert!(run.stats.timeouts >= 12, "still probed: {}", run.stats.timeouts);
    assert!(run.good.values().all(|times| times.len() > 590), "{}", run.missed);
}

#[tokio::test(start_paused = true)]
async fn silent_units_cost_a_serial_line_less_than_a_tenth() {
    let time = Duration::from_mins(10);
    // 20 units at 30 ms each fill 80 % of a second when all answer: 16 do.
    let run = run_line(Framing::Rtu, 20, 4, Duration::from_millis(30), time).await;
    assert_eq!(run.good.len(), 16);
    let answered: usize = run.good.values().map(Vec::len).sum();
    let possible = 16 * 600;
    assert!(answered * 10 > possible * 9, "{answered} of {possible}, missed {}", run.missed);
    assert!(run.stats.timeouts >= 4 * 6, "still probed: {}", run.stats.timeouts);
}

#[tokio::test(start_paused = true)]
async fn a_line_of_silent_units_only_is_still_probed() {
    let run = run_line(Framing::Tcp, 3, 3, Duration::ZERO, Duration::from_mins(10)).await;
    assert!(run.good.is_empty());
    assert!(run.stats.timeouts >= 3 * 8, "{}", run.stats.timeouts);
    let line = run.links.iter().filter(|(of, _)| *of == LinkOf::Line(LineIx(0))).collect::<Vec<_>>();
    assert_eq!(line, [&(LinkOf::Line(LineIx(0)), LinkState::Up)], "connected all the time");
}
