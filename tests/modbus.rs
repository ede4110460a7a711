//! The Modbus part against a fake device that speaks the real protocol and sins by script, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/modsim.rs"]
mod modsim;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::clock::SystemClock;
use gatehouse::model::id::{DeviceIx, Id, LineIx, PointIx};
use gatehouse::model::link::{FieldEvent, LinkOf, LinkState};
use gatehouse::model::live::Live;
use gatehouse::model::quality::Quality;
use gatehouse::model::reading::{Raw, Scan};
use gatehouse::model::text::Text;
use gatehouse::model::time::BootMs;
use gatehouse::profile::{Area, ModbusLimits, Order, Register, WireType};
use gatehouse::southbound::modbus::pdu::Exception;
use gatehouse::southbound::modbus::{Action, AskError, LineRequest, ModbusDevice, ModbusLine, read_once};
use gatehouse::southbound::{LineConfig, LinePath, Parity, SerialConfig};
use modsim::{Device, Sins, value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Points per device: the request number at 0, then single registers.
const POINTS: u32 = 10;
const FREE: &str = "127.0.0.1:0";
const LINE: LinkOf = LinkOf::Line(LineIx(0));

struct Rig {
    events: mpsc::Receiver<FieldEvent>,
    requests: mpsc::Sender<LineRequest>,
    live: Arc<Live>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

fn tcp(address: SocketAddr) -> LinePath {
    LinePath::Tcp { host: address.ip().to_string(), port: address.port() }
}

fn rtu_tcp(address: SocketAddr) -> LinePath {
    LinePath::RtuTcp { host: address.ip().to_string(), port: address.port() }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A device whose points are `0..POINTS`, at addresses 0 (the request number), 2, 3, ...
fn device(ix: u32, unit: u8, every: Duration) -> ModbusDevice {
    let points = (0..POINTS).map(|i| {
        let wire = if i == 0 { WireType::U32 } else { WireType::U16 };
        let address = if i == 0 { 0 } else { u16::try_from(i + 1).unwrap() };
        let register = Register { area: Area::Holding, address, wire, order: Order::Abcd };
        (PointIx(ix * POINTS + i), register, every)
    });
    let limits = ModbusLimits { gap_max: 4, ..ModbusLimits::default() };
    ModbusDevice { device: DeviceIx(ix), unit, limits, points: points.collect(), unsupported: Vec::new() }
}

impl Rig {
    fn start(path: LinePath, timeout: Duration, devices: Vec<ModbusDevice>) -> Self {
        let (out, events) = mpsc::channel(1024);
        let (requests, for_line) = mpsc::channel(4);
        let id = Id::new("plant").unwrap();
        let config = LineConfig { id, path, timeout, gap: Duration::ZERO, every: timeout };
        let live = Arc::new(Live::new(1000, devices.len(), 1, BootMs(0)));
        let stop = CancellationToken::new();
        let (table, token) = (Arc::clone(&live), stop.clone());
        let clock = Arc::new(SystemClock);
        let line = ModbusLine::new(LineIx(0), config, devices, clock, out, table, for_line, token);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { line.run().await.unwrap() });
        Self { events, requests, live, stop, tasks }
    }

    async fn event(&mut self) -> FieldEvent {
        timeout(Duration::from_secs(30), self.events.recv()).await.expect("an event in 30 s").expect("the line runs")
    }

    async fn scan(&mut self) -> Scan {
        loop {
            if let FieldEvent::Scan(scan) = self.event().await {
                return scan;
            }
        }
    }

    /// The next scan in which `point` is as `want` says.
    async fn until(&mut self, point: u32, want: impl Fn(&Raw) -> bool) {
        loop {
            let scan = self.scan().await;
            if scan.samples.iter().any(|s| s.point == PointIx(point) && want(&s.raw)) {
                return;
            }
        }
    }

    async fn good(&mut self, point: u32) {
        self.until(point, |raw| matches!(raw, Raw::Number(_))).await;
    }

    async fn bad(&mut self, point: u32, quality: Quality) {
        self.until(point, |raw| *raw == Raw::Bad(quality)).await;
    }

    /// The next change of a link into `state`; its reason.
    async fn link(&mut self, of: LinkOf, state: LinkState) -> Text {
        loop {
            match self.event().await {
                FieldEvent::Link(change) if change.of == of && change.state == state => return change.reason,
                _ => {}
            }
        }
    }

    async fn ask(&self, unit: u8, action: Action) -> Result<Vec<u16>, AskError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(LineRequest { unit, action, reply }).await.unwrap();
        timeout(Duration::from_secs(30), answer).await.unwrap().unwrap()
    }

    async fn end(mut self) {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        timeout(Duration::from_secs(5), ended).await.expect("the line stops within 5 s");
    }
}

/// The value a good sample of `unit` must have; `None` for the request number.
fn wanted(unit: u8, point: PointIx) -> Option<f64> {
    match point.0 % POINTS {
        0 => None,
        i => Some(f64::from(value(unit, 3, u16::try_from(i + 1).unwrap()))),
    }
}

/// Polls three units behind a sinning device; every good value must be the right one and of the right request.
async fn campaign(rtu: bool) {
    let polls = if std::env::var_os("GATEHOUSE_LONG").is_some() { 100_000 } else { 5_000 };
    let sim = Device::new(rtu, Sins { late: 0.05, late_by: ms(30), foreign: 0.02, noise: 0.02, ..Sins::default() });
    let mut tasks = JoinSet::new();
    let address = sim.listen(&mut tasks, FREE).await;
    let path = if rtu { rtu_tcp(address) } else { tcp(address) };
    let units = [1, 2, 7];
    let devices = (0..).zip(units).map(|(ix, unit)| device(ix, unit, ms(1))).collect();
    let mut rig = Rig::start(path, ms(20), devices);
    let (mut good, mut bad) = (0_u32, 0_u32);
    while sim.requests() < polls {
        let scan = rig.scan().await;
        let unit = units[scan.device.ix()];
        for sample in &scan.samples {
            match (&sample.raw, wanted(unit, sample.point)) {
                (Raw::Number(v), Some(want)) => {
                    assert!((v - want).abs() < f64::EPSILON, "unit {unit} {:?}: {v} is not {want}", sample.point);
                    good += 1;
                }
                (Raw::Number(v), None) => {
                    let number = (1..=sim.requests()).rev().find(|n| (f64::from(*n) - v).abs() < 0.5);
                    assert!(!sim.is_stale(number.expect("a request that was made")), "the late answer {v} was taken");
                }
                (Raw::Bad(_), _) => bad += 1,
                (Raw::Text(_), _) => panic!("no texts here"),
            }
        }
    }
    assert!(good > bad * 3, "{good} good, {bad} bad");
    rig.end().await;
}

#[tokio::test]
async fn no_wrong_value_over_tcp() {
    campaign(false).await;
}

#[tokio::test]
async fn no_wrong_value_over_rtu() {
    campaign(true).await;
}

/// What is common to the short tests: one device at unit 1, 50 ms.
async fn one(rtu: bool, sins: Sins) -> (Arc<Device>, JoinSet<()>, SocketAddr, Rig) {
    let sim = Device::new(rtu, sins);
    let mut tasks = JoinSet::new();
    let address = sim.listen(&mut tasks, FREE).await;
    let path = if rtu { rtu_tcp(address) } else { tcp(address) };
    let rig = Rig::start(path, ms(300), vec![device(0, 1, ms(50))]);
    (sim, tasks, address, rig)
}

#[tokio::test]
async fn a_lacking_register_is_found_and_its_neighbours_read() {
    for rtu in [false, true] {
        let sins = Sins { lacks: BTreeSet::from([7]), ..Sins::default() };
        let (_sim, _tasks, _, mut rig) = one(rtu, sins).await;
        let points = loop {
            if let FieldEvent::Unsupported { device: DeviceIx(0), points } = rig.event().await {
                break points;
            }
        };
        assert_eq!(points, [PointIx(6)], "address 7");
        let mut seen = BTreeSet::new();
        while seen.len() < 9 {
            let scan = rig.scan().await;
            seen.extend(scan.samples.iter().filter(|s| matches!(s.raw, Raw::Number(_))).map(|s| s.point.0));
        }
        assert!(!seen.contains(&6));
        rig.end().await;
    }
}

#[tokio::test]
async fn a_device_that_refuses_everything_loses_nothing() {
    let sins = Sins { lacks: (0..100).collect(), ..Sins::default() };
    let (sim, _tasks, _, mut rig) = one(false, sins).await;
    for point in 0..POINTS {
        rig.bad(point, Quality::BadRefused).await;
    }
    rig.bad(3, Quality::BadRefused).await;
    sim.sin(|s| s.lacks.clear());
    for point in 0..POINTS {
        rig.good(point).await;
    }
    rig.end().await;
}

#[tokio::test]
async fn a_busy_device_is_bad_and_then_good() {
    let (_sim, _tasks, _, mut rig) = one(false, Sins { busy: 2, ..Sins::default() }).await;
    rig.bad(3, Quality::BadRefused).await;
    rig.good(3).await;
    rig.end().await;
}

#[tokio::test]
async fn half_frames_and_single_bytes_do_no_harm() {
    for rtu in [false, true] {
        let (sim, _tasks, _, mut rig) = one(rtu, Sins { half: 0.3, drip: true, ..Sins::default() }).await;
        for _ in 0..5 {
            rig.good(3).await;
        }
        sim.sin(|s| s.half = 1.0);
        rig.bad(3, Quality::BadTimeout).await;
        sim.sin(|s| s.half = 0.0);
        rig.good(3).await;
        rig.end().await;
    }
}

#[tokio::test]
async fn a_lost_line_says_why_and_comes_back() {
    let (sim, mut tasks, address, mut rig) = one(false, Sins::default()).await;
    rig.link(LINE, LinkState::Up).await;
    rig.good(3).await;
    tasks.shutdown().await;
    let reason = rig.link(LINE, LinkState::Down).await;
    assert_eq!(&*reason.en, format!("connection refused by {address}"));
    assert_eq!(&*reason.zh, format!("{address} 拒绝连接"));
    let refused = rig.ask(1, Action::Read { area: Area::Holding, address: 0, count: 1 }).await;
    assert!(matches!(refused, Err(AskError::Link(_))), "{refused:?}");
    sim.listen(&mut tasks, &address.to_string()).await;
    rig.link(LINE, LinkState::Up).await;
    rig.good(3).await;
    rig.end().await;
}

#[tokio::test]
async fn a_device_that_hangs_up_and_takes_one_connection_is_served_without_a_word() {
    let sins = Sins { single: true, hang_up_after: Some(3), ..Sins::default() };
    let (sim, _tasks, _, mut rig) = one(false, sins).await;
    let mut good = 0;
    while good < 30 {
        match rig.event().await {
            FieldEvent::Scan(scan) if matches!(scan.samples[0].raw, Raw::Number(_)) => good += 1,
            FieldEvent::Scan(scan) => panic!("{scan:?}"),
            FieldEvent::Link(change) => assert_eq!(change.state, LinkState::Up, "{change:?}"),
            FieldEvent::Unsupported { .. } => panic!("nothing is lacking"),
        }
    }
    assert!(sim.accepted() >= 10);
    rig.end().await;
}

#[tokio::test]
async fn a_dead_unit_is_quarantined_and_comes_back() {
    for rtu in [false, true] {
        let sim = Device::new(rtu, Sins { dead: BTreeSet::from([2]), ..Sins::default() });
        let mut tasks = JoinSet::new();
        let address = sim.listen(&mut tasks, FREE).await;
        let path = if rtu { rtu_tcp(address) } else { tcp(address) };
        let mut rig = Rig::start(path, ms(300), vec![device(0, 1, ms(500)), device(1, 2, ms(500))]);
        rig.bad(13, Quality::BadTimeout).await;
        let dead = LinkOf::Device(DeviceIx(1));
        let reason = rig.link(dead, LinkState::Quarantined).await;
        assert_eq!(reason, Text::new("从站 2 连续 3 次没有应答", "unit 2 did not answer 3 times in a row"));
        rig.good(3).await;
        sim.sin(|s| s.dead.clear());
        rig.link(dead, LinkState::Up).await;
        rig.good(13).await;
        rig.end().await;
    }
}

#[tokio::test]
async fn one_shot_requests_are_served_between_polls() {
    let (_sim, _tasks, address, mut rig) = one(false, Sins { dead: BTreeSet::from([9]), ..Sins::default() }).await;
    rig.good(3).await;
    let read = |area, address, count| Action::Read { area, address, count };
    assert_eq!(
        rig.ask(5, read(Area::Input, 40, 2)).await.unwrap_or_else(|e| panic!("{e}")),
        [value(5, 4, 40), value(5, 4, 41)]
    );
    let bits = rig.ask(1, read(Area::Coil, 3, 11)).await.unwrap();
    assert_eq!(bits, (3..14).map(|a| value(1, 1, a) & 1).collect::<Vec<_>>());
    assert_eq!(rig.ask(1, Action::WriteRegister { address: 3, value: 9 }).await, Ok(vec![]));
    assert_eq!(rig.ask(1, Action::WriteCoil { address: 3, on: true }).await, Ok(vec![]));
    assert_eq!(rig.ask(1, Action::WriteRegisters { address: 3, values: vec![1, 2] }).await, Ok(vec![]));
    assert_eq!(rig.ask(9, read(Area::Coil, 0, 1)).await, Err(AskError::Timeout { unit: 9, waited_ms: 300 }));
    assert!(matches!(rig.ask(1, read(Area::Holding, 0, 126)).await, Err(AskError::Invalid(_))));
    let once = read_once(&tcp(address), 1, Area::Holding, 5, 1, ms(500)).await;
    assert_eq!(once, Ok(vec![value(1, 3, 5)]));
    rig.end().await;
}

#[tokio::test]
async fn refusals_reach_the_asker() {
    let (_sim, _tasks, _, mut rig) = one(false, Sins { lacks: BTreeSet::from([90]), ..Sins::default() }).await;
    rig.good(3).await;
    let refused = rig.ask(1, Action::Read { area: Area::Input, address: 90, count: 1 }).await;
    assert_eq!(refused, Err(AskError::Refused { unit: 1, exception: Exception::ILLEGAL_ADDRESS }));
    rig.end().await;
}

#[tokio::test]
async fn a_modem_dials_in_and_the_newest_connection_wins() {
    let port = tokio::net::TcpListener::bind(FREE).await.unwrap().local_addr().unwrap();
    let path = LinePath::RtuListen { bind: port, hello: Some("GH-0815".into()) };
    let mut rig = Rig::start(path, ms(300), vec![device(0, 1, ms(50))]);
    let mut tasks = JoinSet::new();
    let reason = rig.link(LINE, LinkState::Down).await;
    assert_eq!(&*reason.en, format!("no modem has dialled in at {port}"));
    let stranger = Device::new(true, Sins::default());
    stranger.dial(&mut tasks, port, "GH-9999").await;
    let modem = Device::new(true, Sins::default());
    modem.dial(&mut tasks, port, "GH-0815").await;
    rig.link(LINE, LinkState::Up).await;
    rig.good(3).await;
    assert_eq!(stranger.requests(), 0, "it did not register");
    let again = Device::new(true, Sins::default());
    again.dial(&mut tasks, port, "GH-0815").await;
    while again.requests() == 0 {
        rig.good(3).await;
    }
    rig.end().await;
}

#[tokio::test]
async fn counters_are_published() {
    let (_sim, _tasks, _, mut rig) = one(false, Sins { foreign: 0.5, ..Sins::default() }).await;
    loop {
        rig.scan().await;
        let stats = rig.live.line(LineIx(0)).unwrap().stats;
        if stats.answers > 0 && stats.rejects > 0 && stats.answer_us_max > 0 {
            assert_eq!(rig.live.device(DeviceIx(0)).unwrap().stats.polls, stats.polls);
            break;
        }
    }
    rig.end().await;
}

/// The device of an independent library.
#[derive(Clone)]
struct Library;

impl tokio_modbus::server::Service for Library {
    type Request = tokio_modbus::SlaveRequest<'static>;
    type Response = tokio_modbus::Response;
    type Exception = tokio_modbus::ExceptionCode;
    type Future = std::future::Ready<Result<Self::Response, Self::Exception>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        use tokio_modbus::{ExceptionCode, Request, Response};
        let unit = request.slave;
        let words =
            |function, address: u16, count| (address..address + count).map(|a| value(unit, function, a)).collect();
        let bits = |function, address: u16, count: u16| {
            (address..address + count).map(|a| value(unit, function, a) & 1 == 1).collect()
        };
        std::future::ready(match request.request {
            Request::ReadCoils(address, count) => Ok(Response::ReadCoils(bits(1, address, count))),
            Request::ReadDiscreteInputs(address, count) => Ok(Response::ReadDiscreteInputs(bits(2, address, count))),
            Request::ReadHoldingRegisters(address, count) => {
                Ok(Response::ReadHoldingRegisters(words(3, address, count)))
            }
            Request::ReadInputRegisters(address, count) => Ok(Response::ReadInputRegisters(words(4, address, count))),
            Request::WriteMultipleRegisters(address, values) => {
                Ok(Response::WriteMultipleRegisters(address, u16::try_from(values.len()).unwrap()))
            }
            Request::WriteSingleRegister(address, word) => Ok(Response::WriteSingleRegister(address, word)),
            Request::WriteSingleCoil(address, on) => Ok(Response::WriteSingleCoil(address, on)),
            _ => Err(ExceptionCode::IllegalFunction),
        })
    }
}

/// Reads all areas and writes, and compares.
async fn agrees(rig: &mut Rig) {
    rig.link(LINE, LinkState::Up).await;
    for (area, function, count) in
        [(Area::Coil, 1, 19), (Area::Discrete, 2, 2000), (Area::Holding, 3, 125), (Area::Input, 4, 1)]
    {
        let read = rig.ask(7, Action::Read { area, address: 10, count }).await.unwrap();
        let bit = |v: u16| if function < 3 { v & 1 } else { v };
        let want: Vec<u16> = (10..10 + count).map(|a| bit(value(7, function, a))).collect();
        assert_eq!(read, want, "{area:?}");
    }
    assert_eq!(rig.ask(7, Action::WriteRegisters { address: 3, values: vec![1; 123] }).await, Ok(vec![]));
    assert_eq!(rig.ask(7, Action::WriteRegister { address: 3, value: 500 }).await, Ok(vec![]));
    assert_eq!(rig.ask(7, Action::WriteCoil { address: 3, on: false }).await, Ok(vec![]));
}

#[tokio::test]
async fn agrees_with_another_library_over_tcp() {
    let listener = tokio::net::TcpListener::bind(FREE).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let server = tokio_modbus::server::tcp::Server::new(listener);
        let connected = |stream, _| async move { Ok(Some((Library, stream))) };
        server.serve(&connected, |_| {}).await.unwrap();
    });
    let mut rig = Rig::start(tcp(address), ms(1000), vec![device(0, 7, ms(50))]);
    agrees(&mut rig).await;
    rig.end().await;
}

#[tokio::test]
async fn agrees_with_another_library_over_a_serial_port() {
    let (near, far) = tokio_serial::SerialStream::pair().unwrap();
    let port = tokio_serial::SerialPort::name(&far).unwrap();
    drop(far);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let _ended = tokio_modbus::server::rtu::Server::new(near).serve_forever(Library).await.is_err();
    });
    let serial = SerialConfig { port, baud: 115_200, data_bits: 8, parity: Parity::Even, stop_bits: 1, rs485: true };
    let mut rig = Rig::start(LinePath::Serial(serial), ms(1000), vec![device(0, 7, ms(50))]);
    agrees(&mut rig).await;
    rig.end().await;
}
