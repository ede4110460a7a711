//! Brings the simulated devices of a site to life: opens ports, runs servers and publishers, plays the script.
//!
//! [`Town::open`] binds everything and writes the real addresses into the configuration; [`Town::run`] then lives until told
//! to stop. With [`Ports::Free`] every port is chosen by the system, so that a demo starts on any machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, DeviceAddress};
use crate::model::text::Text;
use crate::sim::modbus::{LineBank, Pty, serve_rtu_tcp, serve_tcp};
use crate::sim::mqtt::{Target, publish};
use crate::sim::plant::Plant;
use crate::sim::script::Script;
use crate::southbound::LinePath;

/// How often the simulated world moves.
const STEP: Duration = Duration::from_millis(250);

/// Which ports to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// Those of the configuration, on the loopback address.
    AsConfigured,
    /// Free ones; the configuration is changed to them.
    Free,
}

/// A simulated site, opened but not yet running.
#[derive(Debug)]
pub struct Town {
    plant: Arc<Mutex<Plant>>,
    servers: Vec<Server>,
    publishers: Vec<(usize, usize)>,
    /// Said aloud by the script, newest last; for a console.
    pub says: watch::Receiver<Option<Text>>,
    /// Whether the script lets the cloud be there.
    pub cloud_up: watch::Receiver<bool>,
    say: watch::Sender<Option<Text>>,
    cloud: watch::Sender<bool>,
}

#[derive(Debug)]
enum Server {
    Tcp(TcpListener, usize),
    RtuTcp(TcpListener, usize),
    Serial(Pty, usize),
}

impl Town {
    /// Opens all ports of the devices of `config`. With [`Ports::Free`] the addresses in `config` are replaced.
    pub async fn open(config: &mut Config, script: Script, ports: Ports) -> std::io::Result<Self> {
        let plant = Arc::new(Mutex::new(Plant::new(config, script)));
        let mut servers = Vec::new();
        let mut publishers = Vec::new();
        for (ix, line) in config.lines.iter_mut().enumerate() {
            match &mut line.path {
                LinePath::Tcp { host, port } => {
                    servers.push(Server::Tcp(listen(host, port, ports).await?, ix));
                }
                LinePath::RtuTcp { host, port } => {
                    servers.push(Server::RtuTcp(listen(host, port, ports).await?, ix));
                }
                LinePath::Serial(serial) => {
                    let pty = Pty::open()?;
                    serial.port.clone_from(&pty.path);
                    servers.push(Server::Serial(pty, ix));
                }
                LinePath::Mqtt { .. } | LinePath::MqttListen { .. } => {
                    let devices = config.devices.iter().enumerate();
                    let there = devices.filter(|(_, d)| d.line == ix && matches!(d.address, DeviceAddress::Topic(_)));
                    publishers.extend(there.map(|(device, _)| (device, ix)));
                }
                LinePath::RtuListen { .. } => {
                    tracing::warn!(line = %line.id, "a modem that dials in is not simulated");
                }
            }
        }
        let (say, says) = watch::channel(None);
        let (cloud, cloud_up) = watch::channel(true);
        Ok(Self { plant, servers, publishers, says, cloud_up, say, cloud })
    }

    /// The plant, to look at or to change while it runs.
    pub fn plant(&self) -> Arc<Mutex<Plant>> {
        Arc::clone(&self.plant)
    }

    /// Lives until `stop`. `targets` says where the publishers of each line number connect.
    pub async fn run(self, targets: impl Fn(usize, usize) -> Option<Target>, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        for server in self.servers {
            let plant = Arc::clone(&self.plant);
            match server {
                Server::Tcp(listener, line) => tasks.spawn(serve_tcp(listener, LineBank::new(plant, line))),
                Server::RtuTcp(listener, line) => tasks.spawn(serve_rtu_tcp(listener, LineBank::new(plant, line))),
                Server::Serial(pty, line) => tasks.spawn(pty.serve(LineBank::new(plant, line))),
            };
        }
        for (device, line) in self.publishers {
            if let Some(target) = targets(line, device) {
                tasks.spawn(publish(Arc::clone(&self.plant), device, target));
            }
        }
        let started = Instant::now();
        let mut steps = tokio::time::interval(STEP);
        loop {
            tokio::select! {
                _ = steps.tick() => {}
                Some(Ok(Err(error))) = tasks.join_next() => {
                    tracing::error!(%error, "a simulated line ended");
                    continue;
                }
                () = stop.cancelled() => return,
            }
            let (said, cloud_up) =
                self.plant.lock().unwrap_or_else(PoisonError::into_inner).step(started.elapsed().as_secs_f64());
            for text in said {
                self.say.send_replace(Some(text));
            }
            self.cloud.send_if_modified(|was| std::mem::replace(was, cloud_up) != cloud_up);
        }
    }
}

async fn listen(host: &mut String, port: &mut u16, ports: Ports) -> std::io::Result<TcpListener> {
    let wanted = if ports == Ports::Free { 0 } else { *port };
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, wanted))).await?;
    "127.0.0.1".clone_into(host);
    *port = listener.local_addr()?.port();
    Ok(listener)
}
