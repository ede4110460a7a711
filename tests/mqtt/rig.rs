//! A line with three devices, a pipeline that keeps what it gets, and a store that commits when told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::clock::{Clock, SystemClock};
use gatehouse::model::id::{DeviceIx, Id, LineIx, PointIx};
use gatehouse::model::link::{FieldEvent, LinkChange, LinkOf, LinkState};
use gatehouse::model::live::Live;
use gatehouse::model::reading::{PointKind, Raw, Scan};
use gatehouse::model::text::Text;
use gatehouse::profile::{
    Availability, Deadband, ModbusLimits, MqttMapping, PointSource, PointSpec, Profile, TimeFormat,
};
use gatehouse::southbound::mqtt::listener::ListenStats;
use gatehouse::southbound::mqtt::route::Flood;
use gatehouse::southbound::mqtt::{
    DeviceLogin, Downlink, Login, MqttClientLine, MqttListenLine, RouteDevice, Router, TlsPem, Wiring,
};
use gatehouse::southbound::{LineConfig, LinePath};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Longest wait for anything that should happen.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Devices of the line: `site/a`, `site/b`, `site/c`, one number point `/v` each, availability at `/status`.
pub(crate) fn router(flood: Flood) -> Router {
    let mapping = MqttMapping {
        topics: vec!["/up".to_owned(), "/+/up".to_owned()],
        time: None,
        time_format: TimeFormat::Rfc3339,
        dedup: None,
        availability: Some(Availability {
            topic: "/status".to_owned(),
            pointer: String::new(),
            online: "online".to_owned(),
            offline: "offline".to_owned(),
        }),
    };
    let profile = profile(mapping, &[("v", "/v", None)]);
    let device = |ix: u32, name: &str| RouteDevice {
        device: DeviceIx(ix),
        first_point: PointIx(ix),
        topic: format!("site/{name}"),
        profile: Arc::clone(&profile),
        silence: None,
    };
    Router::new(vec![device(0, "a"), device(1, "b"), device(2, "c")], flood).unwrap()
}

/// A profile of number points read from messages: `(id, pointer, topic)`.
fn profile(mapping: MqttMapping, points: &[(&str, &str, Option<usize>)]) -> Arc<Profile> {
    let points = points.iter().map(|(id, pointer, topic)| PointSpec {
        id: Id::new(id).unwrap(),
        name: Text::same(id),
        source: PointSource::Message { pointer: (*pointer).to_owned(), topic: *topic, words: Vec::new() },
        kind: PointKind::Number,
        unit: None,
        scale: 1.0,
        offset: 0.0,
        scale_from: None,
        unit_from: None,
        negative_from: None,
        valid: None,
        sentinel: Vec::new(),
        invert: false,
        deadband: Deadband::None,
        every: None,
        stale_after: None,
        counter: None,
        labels: Vec::new(),
        write: None,
    });
    Arc::new(Profile {
        health: gatehouse::profile::health::HealthSpec::default(),
        id: "env/test".to_owned(),
        revision: 1,
        kind: "env".to_owned(),
        name: Text::same("test"),
        source: Vec::new(),
        evidence: "documented".to_owned(),
        note: Text::default(),
        read_only: true,
        modbus: ModbusLimits::default(),
        mqtt: Some(mapping),
        params: Vec::new(),
        points: points.collect(),
        alarms: Vec::new(),
        tests: Vec::new(),
    })
}

/// User `a` for `site/a` and so on; password `pw-a`.
pub(crate) fn logins() -> Vec<DeviceLogin> {
    let login = |ix: u32, name: &str| DeviceLogin {
        devices: vec![DeviceIx(ix)],
        login: Login { user: name.to_owned(), password: format!("pw-{name}") },
        topics: vec![format!("site/{name}")],
    };
    vec![login(0, "a"), login(1, "b"), login(2, "c")]
}

/// See the module documentation. Ends its tasks when dropped.
pub(crate) struct Rig {
    pub(crate) events: mpsc::Receiver<FieldEvent>,
    pub(crate) stop: CancellationToken,
    _tasks: JoinSet<()>,
}

fn wiring(path: LinePath, flood: Flood) -> (Wiring, mpsc::Receiver<FieldEvent>, CancellationToken) {
    let (out, events) = mpsc::channel(1024);
    let stop = CancellationToken::new();
    let config = LineConfig {
        id: Id::new("field").unwrap(),
        path,
        timeout: Duration::from_secs(2),
        gap: Duration::ZERO,
        every: Duration::from_secs(1),
    };
    let live = Arc::new(Live::new(3, 3, 1, SystemClock.boot()));
    let clock = Arc::new(SystemClock);
    let wiring = Wiring { line: LineIx(0), config, router: router(flood), clock, out, live, stop: stop.clone() };
    (wiring, events, stop)
}

/// A listener on a free port, running.
pub(crate) struct Listening {
    pub(crate) rig: Rig,
    pub(crate) at: SocketAddr,
    pub(crate) down: Downlink,
    pub(crate) stats: Box<dyn Fn() -> ListenStats + Send + Sync>,
}

pub(crate) async fn listen(logins: Vec<DeviceLogin>, tls: Option<TlsPem>) -> Listening {
    let bind = SocketAddr::from(([127, 0, 0, 1], 0));
    let path = LinePath::MqttListen { bind, tls: tls.is_some(), clients_max: 512 };
    let (wiring, events, stop) = wiring(path, Flood::Delay);
    let mut line = MqttListenLine::new(wiring, logins, tls).unwrap();
    let at = line.bind().await.unwrap();
    let (down, stats) = (line.downlink(), Box::new(line.stats()));
    let mut tasks = JoinSet::new();
    tasks.spawn(line.run());
    let mut rig = Rig { events, stop, _tasks: tasks };
    assert_eq!(rig.line().await.0, LinkState::Up);
    Listening { rig, at, down, stats }
}

/// A client line, running.
pub(crate) fn client(url: String, login: Option<Login>, ca_pem: Option<&[u8]>) -> Rig {
    let client_id = Some("gatehouse-test".to_owned());
    let (wiring, events, stop) = wiring(LinePath::Mqtt { url, credential: None, ca: None, client_id }, Flood::Drop);
    let mut tasks = JoinSet::new();
    tasks.spawn(MqttClientLine::new(wiring, login, ca_pem).run());
    Rig { events, stop, _tasks: tasks }
}

impl Rig {
    pub(crate) async fn event(&mut self) -> FieldEvent {
        let event = tokio::time::timeout(SOON, self.events.recv()).await;
        event.expect("nothing came in time").expect("the line ended")
    }

    /// The next scan, whatever links come before it.
    pub(crate) async fn scan(&mut self) -> Scan {
        loop {
            if let FieldEvent::Scan(scan) = self.event().await {
                return scan;
            }
        }
    }

    /// The next scan, committed; its device and value.
    pub(crate) async fn committed(&mut self) -> (u32, f64) {
        let mut scan = self.scan().await;
        let seen = value(&scan);
        if let Some(receipt) = scan.receipt.take() {
            receipt.committed();
        }
        seen
    }

    /// The next change of a link; scans before it are committed.
    pub(crate) async fn link(&mut self) -> LinkChange {
        loop {
            match self.event().await {
                FieldEvent::Link(link) => return link,
                FieldEvent::Scan(mut scan) => {
                    if let Some(receipt) = scan.receipt.take() {
                        receipt.committed();
                    }
                }
                FieldEvent::Unsupported { .. } => {}
            }
        }
    }

    /// The next change of the line itself.
    pub(crate) async fn line(&mut self) -> (LinkState, String) {
        loop {
            let link = self.link().await;
            if matches!(link.of, LinkOf::Line(_)) {
                return (link.state, link.reason.en.to_string());
            }
        }
    }

    /// The next change of a device.
    pub(crate) async fn device(&mut self) -> (u32, LinkState, String) {
        loop {
            let link = self.link().await;
            if let LinkOf::Device(device) = link.of {
                return (device.0, link.state, link.reason.en.to_string());
            }
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Device and value of a scan of one number.
pub(crate) fn value(scan: &Scan) -> (u32, f64) {
    match scan.samples.as_slice() {
        [sample] => match sample.raw {
            Raw::Number(v) => (scan.device.0, v),
            _ => panic!("no number: {sample:?}"),
        },
        other => panic!("not one sample: {other:?}"),
    }
}
