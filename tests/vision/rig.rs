//! A gateway's intake without the rest, a case desk that does as it is told, and cameras made of bare sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::clock::{Clock, SystemClock};
use gatehouse::config::vision::profile::shipped;
use gatehouse::model::intake::{Intake, Refused};
use gatehouse::model::sight::Sighting;
use gatehouse::southbound::mqtt::Login;
use gatehouse::southbound::vision::outlet::Outlet;
use gatehouse::southbound::vision::push::{PushParts, Secret};
use gatehouse::southbound::vision::stream::StreamClient;
use gatehouse::southbound::vision::{SourceConfig, StreamConfig, Way, push};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Nothing here takes longer unless something is wrong.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The program's main function does this once.
pub(crate) fn crypto() {
    let _already = rustls::crypto::ring::default_provider().install_default();
}

pub(crate) fn source(camera: &str, profile: &str, way: Way) -> SourceConfig {
    let profile = Arc::new(shipped(profile).unwrap());
    SourceConfig { camera: Arc::from(camera), profile, frame: Some((1920, 1080)), way, fetch: None, silent_after: None }
}

pub(crate) struct Rig {
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) items: mpsc::Receiver<Intake>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: JoinSet<()>,
}

impl Rig {
    pub(crate) fn new(sources: &[SourceConfig], room: usize) -> Self {
        crypto();
        let (out, items) = mpsc::channel(room);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
        let outlet = Arc::new(Outlet::new(sources, out, clock, zone));
        Self { outlet, items, stop: CancellationToken::new(), tasks: JoinSet::new() }
    }

    /// A listener for the camera `cam` (`user:secret`) with generic JSON, and `hik` (token `token-h`) with Hikvision's.
    pub(crate) async fn listening(room: usize) -> (Self, SocketAddr) {
        let way = || Way::Push { credential: "x".into() };
        let mut rig = Self::new(&[source("cam", "generic_json", way()), source("hik", "hikvision", way())], room);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let parts = PushParts {
            outlet: Arc::clone(&rig.outlet),
            secrets: vec![
                (Arc::from("cam"), Secret::parse("user:secret").unwrap()),
                (Arc::from("hik"), Secret::parse("token-h").unwrap()),
            ],
            tls: None,
            body_bytes_max: 8 << 20,
            stop: rig.stop.clone(),
        };
        rig.tasks.spawn(push::run(listener, parts));
        (rig, address)
    }

    /// A stream client towards `at`.
    pub(crate) fn streaming(profile: &str, at: SocketAddr, login: Option<&str>, silence: Duration) -> Self {
        let stream = StreamConfig { url: format!("http://{at}"), credential: None, ca: None, silence };
        let mut rig = Self::new(&[source("cam", profile, Way::Stream(stream))], 16);
        let login = login.map(|text| Login::parse(text).unwrap());
        let client = StreamClient::new(&rig.outlet, "cam", (login.as_ref(), None), rig.stop.clone()).unwrap().unwrap();
        rig.tasks.spawn(client.run());
        rig
    }

    pub(crate) async fn next(&mut self) -> Intake {
        timeout(LIMIT, self.items.recv()).await.expect("something is told in time").expect("the intake lives")
    }

    /// The next event, stored or not; links and notes before it are passed over.
    pub(crate) async fn sighting(&mut self, store: bool) -> Sighting {
        loop {
            if let Intake::Sighting { sighting, receipt, .. } = self.next().await {
                if store {
                    receipt.committed();
                }
                return *sighting;
            }
        }
    }

    pub(crate) async fn refused(&mut self) -> Refused {
        loop {
            if let Intake::Refused(refused) = self.next().await {
                return refused;
            }
        }
    }

    /// Stores everything from now on.
    pub(crate) fn store_all(mut self) -> Kept {
        let mut tasks = std::mem::take(&mut self.tasks);
        let stop = self.stop.clone();
        let outlet = Arc::clone(&self.outlet);
        tasks.spawn(async move {
            while let Some(item) = self.items.recv().await {
                if let Intake::Sighting { receipt, .. } = item {
                    receipt.committed();
                }
            }
        });
        Kept { outlet, stop, _tasks: tasks }
    }
}

/// A rig whose desk stores everything.
pub(crate) struct Kept {
    pub(crate) outlet: Arc<Outlet>,
    #[allow(dead_code, reason = "ends the tasks when dropped with them")]
    pub(crate) stop: CancellationToken,
    _tasks: JoinSet<()>,
}

/// An answer as text: status line, headers, body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn has(&self, word: &str) -> bool {
        self.text.contains(word)
    }
}

pub(crate) const BASIC: &str = "Basic dXNlcjpzZWNyZXQ=";

/// One POST over a connection of its own.
pub(crate) async fn post(at: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut socket = TcpStream::connect(at).await.unwrap();
    let mut head =
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for (key, value) in headers {
        head.push_str(&format!("{key}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let _ignored = socket.write_all(head.as_bytes()).await;
    // A server that refuses by the head closes while the body is still on its way.
    let _ignored = socket.write_all(body).await;
    answer(socket).await
}

pub(crate) async fn answer(mut socket: TcpStream) -> Answer {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    let read = async {
        while let Ok(count @ 1..) = socket.read(&mut piece).await {
            text.extend_from_slice(&piece[..count]);
        }
    };
    timeout(LIMIT, read).await.expect("an answer in time");
    let text = String::from_utf8_lossy(&text).into_owned();
    let status = text.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    Answer { status, text }
}

/// A camera's server: hands out connections with the request's head read.
pub(crate) struct Server(pub(crate) TcpListener);

impl Server {
    pub(crate) async fn new() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        (Self(listener), at)
    }

    pub(crate) async fn request(&self) -> (String, TcpStream) {
        loop {
            let (mut socket, _) = timeout(LIMIT, self.0.accept()).await.expect("a request in time").unwrap();
            if let Some(head) = request_on(&mut socket).await {
                return (head, socket);
            }
        }
    }
}

/// The next request's head; nothing from a client that gave up before it asked.
async fn request_on(socket: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(LIMIT, socket.read_u8()).await.expect("a request in time").ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// A whole answer with `Connection: close`.
pub(crate) async fn send(mut socket: TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    socket.write_all(head.as_bytes()).await.unwrap();
    let _ignored = socket.write_all(body).await;
    let _ignored = socket.shutdown().await;
}
