//! Opens and re-opens the path of a line: connects, opens the serial port, or waits for the modem that dials in.
//!
//! Knows nothing of requests. Every connect has a deadline; failures come as words for people (`connection refused by
//! 10.0.8.21:502`). A modem may dial in anew while its old connection still looks alive: the newest one wins.
//!
//! Limits: while a modem's registration text is awaited, at most [`GREETING_MAX`] connections are held, each for
//! [`GREETING_TIME`]; further ones are closed at once.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_serial::SerialPortBuilderExt as _;

use crate::model::text::{Text, io_zh};
use crate::southbound::modbus::LineError;
use crate::southbound::modbus::pdu::Framing;
use crate::southbound::modbus::session::Port;
use crate::southbound::{LinePath, Parity, SerialConfig};

/// Most connections whose registration text has not come yet.
const GREETING_MAX: usize = 8;

/// How long a modem has to send its registration text.
const GREETING_TIME: Duration = Duration::from_secs(10);

/// Longest registration text.
const HELLO_LEN_MAX: usize = 256;

/// How the path is opened.
#[derive(Debug)]
enum Way {
    Connect {
        host: String,
        port: u16,
    },
    Serial(SerialConfig),
    Listen {
        incoming: Arc<Incoming>,
        bind: String,
        _acceptor: JoinSet<()>,
    },
    #[cfg(test)]
    Given(tokio::sync::mpsc::Receiver<tokio::io::DuplexStream>),
}

/// Opens the path of a line, again and again.
#[derive(Debug)]
pub struct Dialer {
    way: Way,
    framing: Framing,
}

/// The newest accepted connection that nobody has taken yet.
#[derive(Debug, Default)]
struct Incoming {
    newest: Mutex<Option<TcpStream>>,
    came: Notify,
}

impl Incoming {
    fn put(&self, stream: TcpStream) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
        self.came.notify_one();
    }

    fn take(&self) -> Option<TcpStream> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Dialer {
    /// For a line's path. Binds the listener of a dial-in line, so that a bad address fails at the start.
    pub async fn new(path: &LinePath) -> Result<Self, LineError> {
        let (way, framing) = match path {
            LinePath::Tcp { host, port } => (Way::Connect { host: host.clone(), port: *port }, Framing::Tcp),
            LinePath::RtuTcp { host, port } => (Way::Connect { host: host.clone(), port: *port }, Framing::Rtu),
            LinePath::Serial(serial) => {
                if serial.rs485 {
                    tracing::warn!(port = %serial.port, "RS-485 direction is left to the port's hardware or device tree");
                }
                (Way::Serial(serial.clone()), Framing::Rtu)
            }
            LinePath::RtuListen { bind, hello } => {
                let listener =
                    TcpListener::bind(bind).await.map_err(|source| LineError::Listen { bind: *bind, source })?;
                let address = listener.local_addr().map_or_else(|_| bind.to_string(), |a| a.to_string());
                let incoming = Arc::new(Incoming::default());
                let mut acceptor = JoinSet::new();
                let hello: Option<Arc<[u8]>> = hello.as_ref().map(|h| Arc::from(h.as_bytes()));
                acceptor.spawn(accept(listener, hello, Arc::clone(&incoming)));
                (Way::Listen { incoming, bind: address, _acceptor: acceptor }, Framing::Rtu)
            }
            LinePath::Mqtt { .. } | LinePath::MqttListen { .. } => return Err(LineError::NotModbus),
        };
        Ok(Self { way, framing })
    }

    /// Hands out prepared streams, for tests on paused time.
    #[cfg(test)]
    pub(crate) fn given(streams: tokio::sync::mpsc::Receiver<tokio::io::DuplexStream>, framing: Framing) -> Self {
        Self { way: Way::Given(streams), framing }
    }

    /// How frames are wrapped on this path.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Silent requests in a row after which a new connection is worth it: opening one again costs us little and a modem
    /// a dial-in; a serial port does not become better by it.
    pub fn silent_max(&self) -> u32 {
        match self.way {
            Way::Serial(_) => u32::MAX,
            Way::Listen { .. } => 10,
            Way::Connect { .. } => 3,
            #[cfg(test)]
            Way::Given(_) => 3,
        }
    }

    /// Where it leads, for people.
    pub fn target(&self) -> String {
        match &self.way {
            Way::Connect { host, port } => format!("{host}:{port}"),
            Way::Serial(serial) => serial.port.clone(),
            Way::Listen { bind, .. } => bind.clone(),
            #[cfg(test)]
            Way::Given(_) => "test".into(),
        }
    }

    /// Opens the path within `time`. A dial-in line waits as long for its modem. Err says what happened, in words.
    pub async fn open(&mut self, time: Duration) -> Result<Port, Text> {
        let target = self.target();
        let opened = match &mut self.way {
            Way::Connect { host, port } => timeout(time, connect(host, *port)).await,
            Way::Serial(serial) => Ok(open_serial(serial)),
            Way::Listen { incoming, .. } => {
                let came = timeout(time, incoming_stream(incoming)).await;
                let Ok(stream) = came else {
                    let zh = format!("没有调制解调器拨入 {target}");
                    return Err(Text::new(&zh, &format!("no modem has dialled in at {target}")));
                };
                Ok(stream)
            }
            #[cfg(test)]
            Way::Given(streams) => match timeout(time, streams.recv()).await {
                Ok(Some(stream)) => Ok(Ok(Box::new(stream) as Port)),
                _ => return Err(Text::same("no stream given")),
            },
        };
        match opened {
            Ok(Ok(port)) => Ok(port),
            Ok(Err(error)) => Err(words(&target, &error)),
            Err(_) => {
                let ms = time.as_millis();
                let zh = format!("{target} 在 {ms} 毫秒内没有接受连接");
                Err(Text::new(&zh, &format!("{target} did not accept the connection within {ms} ms")))
            }
        }
    }

    /// A newer connection of the modem, if one has come.
    pub fn newer(&mut self) -> Option<Port> {
        match &self.way {
            Way::Listen { incoming, .. } => incoming.take().map(|s| Box::new(s) as Port),
            _ => None,
        }
    }
}

async fn connect(host: &str, port: u16) -> io::Result<Port> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

async fn incoming_stream(incoming: &Incoming) -> io::Result<Port> {
    loop {
        if let Some(stream) = incoming.take() {
            return Ok(Box::new(stream));
        }
        incoming.came.notified().await;
    }
}

fn open_serial(serial: &SerialConfig) -> io::Result<Port> {
    let parity = match serial.parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    };
    let stop_bits = if serial.stop_bits == 2 { tokio_serial::StopBits::Two } else { tokio_serial::StopBits::One };
    let stream = tokio_serial::new(&serial.port, serial.baud)
        .data_bits(tokio_serial::DataBits::Eight)
        .parity(parity)
        .stop_bits(stop_bits)
        .flow_control(tokio_serial::FlowControl::None)
        .open_native_async()?;
    Ok(Box::new(stream))
}

/// The silence that separates RTU frames: 3.5 characters of 11 bits, 1.75 ms above 19,200 baud (Serial Line V1.02, 2.5.1.1).
#[must_use]
pub fn silence(path: &LinePath) -> Duration {
    match path {
        LinePath::Serial(serial) if serial.baud <= 19_200 => {
            Duration::from_micros(38_500_000 / u64::from(serial.baud.max(300)))
        }
        LinePath::Serial(_) => Duration::from_micros(1750),
        _ => Duration::ZERO,
    }
}

/// Takes connections for ever. Errors of accept (no file descriptors left) are waited out.
async fn accept(listener: TcpListener, hello: Option<Arc<[u8]>>, incoming: Arc<Incoming>) {
    let mut greeting = JoinSet::new();
    loop {
        while greeting.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a modem's connection");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        match &hello {
            None => incoming.put(stream),
            Some(hello) if greeting.len() < GREETING_MAX => {
                greeting.spawn(greet(stream, Arc::clone(hello), Arc::clone(&incoming)));
            }
            Some(_) => tracing::warn!("too many connections that have not registered; one more is closed"),
        }
    }
}

/// Lets a connection in when it begins with the registration text.
async fn greet(mut stream: TcpStream, hello: Arc<[u8]>, incoming: Arc<Incoming>) {
    let mut text = [0; HELLO_LEN_MAX];
    let Some(text) = text.get_mut(..hello.len()) else { return };
    match timeout(GREETING_TIME, stream.read_exact(text)).await {
        Ok(Ok(_)) if *text == *hello => incoming.put(stream),
        _ => tracing::warn!("a connection did not register as the modem of this line and was closed"),
    }
}

/// What happened, for someone tired at night.
fn words(target: &str, error: &io::Error) -> Text {
    let (zh, en) = match error.kind() {
        io::ErrorKind::ConnectionRefused => (format!("{target} 拒绝连接"), format!("connection refused by {target}")),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            (format!("没有到 {target} 的网络路由"), format!("no route to {target}"))
        }
        io::ErrorKind::NotFound => {
            (format!("找不到 {target}（被拔掉了？）"), format!("{target} is not there (unplugged?)"))
        }
        io::ErrorKind::PermissionDenied => {
            (format!("没有权限打开 {target}"), format!("no permission to open {target}"))
        }
        _ => (format!("无法打开 {target}：{}", io_zh(error)), format!("cannot open {target}: {error}")),
    };
    Text::new(&zh, &en)
}
