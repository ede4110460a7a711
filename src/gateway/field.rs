//! The lines of a site, built and spawned on the field runtime.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::config::credential::Credentials;
use crate::config::{Config, DeviceAddress};
use crate::gateway::StartError;
use crate::gateway::secrets::{bytes, login, tls_pem};
use crate::gateway::tables::period;
use crate::gateway::vision::Vision;
use crate::model::id::{DeviceIx, LineIx, PointIx};
use crate::model::link::{FieldEvent, LinkChange, LinkOf, LinkState};
use crate::model::live::Live;
use crate::model::quality::Quality;
use crate::model::site::Site;
use crate::model::text::Text;
use crate::profile::PointSource;
use crate::southbound::modbus::{LineRequest, ModbusDevice, ModbusLine};
use crate::southbound::mqtt::annex::Annex;
use crate::southbound::mqtt::route::Flood;
use crate::southbound::mqtt::{
    DeviceLogin, Login, MqttClientLine, MqttListenLine, RouteDevice, Router, TlsPem, Wiring,
};
use crate::southbound::vision::Way;
use crate::southbound::{LineConfig, LinePath};
use crate::supervise::watchdog::Watched;
use crate::supervise::{Heart, Policy, Stage};

/// One-shot requests that may wait for a line.
const REQUESTS_MAX: usize = 16;
/// A device that publishes counts as offline after so many of its own periods without a word.
const SILENT_PERIODS: u32 = 3;

/// What the lines are wired to.
#[derive(Debug, Clone)]
pub(super) struct Wires {
    /// Names.
    pub(super) site: Arc<Site>,
    /// Clocks.
    pub(super) clock: Arc<dyn Clock>,
    /// Towards the pipeline.
    pub(super) out: mpsc::Sender<FieldEvent>,
    /// The present.
    pub(super) live: Arc<Live>,
}

/// Ways to ask a Modbus line something, by line number.
pub(super) type Askers = BTreeMap<usize, mpsc::Sender<LineRequest>>;

/// The lines, ready to run.
#[derive(Debug)]
pub(super) struct Field {
    lines: Vec<Ready>,
    /// Where each line listens, for those that do.
    pub(super) listening: Vec<Option<SocketAddr>>,
}

#[derive(Debug)]
enum Ready {
    Modbus { line: LineIx, config: LineConfig, devices: Vec<ModbusDevice> },
    Client { line: LineIx, config: LineConfig, devices: Vec<RouteDevice>, login: Option<Login>, ca: Option<Vec<u8>> },
    Listen(Box<ListenParts>),
}

#[derive(Debug, Clone)]
struct ListenParts {
    line: LineIx,
    config: LineConfig,
    devices: Vec<RouteDevice>,
    logins: Vec<DeviceLogin>,
    tls: Option<TlsPem>,
    annex: Option<Annex>,
}

impl Field {
    /// Looks up everything the lines need; opens nothing yet.
    pub(super) fn prepare(
        config: &Config,
        site: &Site,
        unsupported: &[(String, String)],
        (credentials, gateway_id): (&Credentials, &str),
        vision: Option<&Vision>,
    ) -> Result<Self, StartError> {
        let mut lines = Vec::new();
        for (ix, line) in config.lines.iter().enumerate() {
            let number = LineIx(u32::try_from(ix).unwrap_or(u32::MAX));
            lines.push(match &line.path {
                LinePath::Tcp { .. } | LinePath::Serial(_) | LinePath::RtuTcp { .. } | LinePath::RtuListen { .. } => {
                    let devices = modbus_devices(config, site, ix, unsupported);
                    Ready::Modbus { line: number, config: line.clone(), devices }
                }
                LinePath::Mqtt { credential, ca, .. } => Ready::Client {
                    line: number,
                    config: with_client_id(line, gateway_id),
                    devices: route_devices(config, site, ix),
                    login: credential.as_deref().map(|name| login(credentials, name)).transpose()?,
                    ca: ca.as_deref().map(|name| bytes(credentials, name)).transpose()?,
                },
                LinePath::MqttListen { tls, .. } => Ready::Listen(Box::new(ListenParts {
                    line: number,
                    config: line.clone(),
                    devices: route_devices(config, site, ix),
                    logins: device_logins(config, ix, credentials)?,
                    tls: tls.then(|| tls_pem(credentials, line.id.as_str())).transpose()?,
                    annex: vision.and_then(|vision| vision.annex(line.id.as_str())),
                })),
            });
        }
        let listening = vec![None; lines.len()];
        Ok(Self { lines, listening })
    }

    /// Binds listeners and spawns every line into `stage`. Returns the pulses to watch and the askers.
    pub(super) async fn spawn(
        &mut self,
        stage: &mut Stage,
        wires: &Wires,
    ) -> Result<(Vec<Watched>, Askers), StartError> {
        let mut askers = Askers::new();
        let mut pulses = Vec::new();
        for (ix, ready) in std::mem::take(&mut self.lines).into_iter().enumerate() {
            let name = wires.site.lines.get(ix).map_or_else(String::new, |l| format!("line {}", l.id));
            let pulse = match ready {
                Ready::Modbus { line, config, devices } => {
                    spawn_modbus(stage, name, wires, (line, config, devices), (ix, &mut askers))
                }
                Ready::Client { line, config, devices, login, ca } => {
                    spawn_client(stage, name, wires, (line, config, devices), (login, ca))
                }
                Ready::Listen(parts) => {
                    let (pulse, at) = spawn_listener(stage, name, wires, *parts).await?;
                    if let Some(slot) = self.listening.get_mut(ix) {
                        *slot = at;
                    }
                    pulse
                }
            };
            pulses.push(pulse);
        }
        Ok((pulses, askers))
    }
}

/// Longest stillness of a line's task: it turns at least every 10 s, and between two lives it rests for at most
/// [`crate::supervise::RESTART_PAUSE_MAX`]. One line that fails again and again must not bring the others down.
const LINE_STILL_MAX: Duration = Duration::from_secs(150);

fn watched(heart: &Heart) -> Watched {
    Watched { name: "line", pulse: heart.pulse(), limit: LINE_STILL_MAX }
}

/// A line's task has failed and is built anew: until it says otherwise, nothing behind it can be seen.
fn tell_lost(wires: &Wires, line: LineIx) {
    let change = LinkChange {
        of: LinkOf::Line(line),
        state: LinkState::Down,
        quality: Quality::BadLink,
        reason: Text::new(
            "该线路的程序任务出错，正在重新启动；详见日志",
            "the line's task failed and is being started anew; see the log",
        ),
        at: wires.clock.boot(),
    };
    if wires.out.try_send(FieldEvent::Link(change)).is_err() {
        tracing::error!(line = line.0, "the pipeline takes no events: the failure of a line could not be told");
    }
}

fn spawn_modbus(
    stage: &mut Stage,
    name: String,
    wires: &Wires,
    (line, config, devices): (LineIx, LineConfig, Vec<ModbusDevice>),
    (ix, askers): (usize, &mut Askers),
) -> Watched {
    let (ask, requests) = mpsc::channel(REQUESTS_MAX);
    askers.insert(ix, ask);
    let (wires, lost, stop) = (wires.clone(), wires.clone(), stage.token());
    let heart = Heart::default();
    let beating = heart.clone();
    // Kept for the case that the line has to be built anew; not a copy each.
    let devices: Arc<[ModbusDevice]> = devices.into();
    let make = move |requests| {
        let Wires { clock, out, live, .. } = wires.clone();
        let devices = Arc::clone(&devices);
        let made = ModbusLine::new(line, config.clone(), devices, clock, out, live, requests, stop.clone());
        beating.beats_in(made.heartbeat());
        made
    };
    let mut next = Some(make(requests));
    stage.spawn(name, Policy::Restart, move || {
        // After a failure the line is built anew; one-shot requests then find nobody and are answered as such.
        let made = next.take().unwrap_or_else(|| {
            tell_lost(&lost, line);
            make(mpsc::channel(1).1)
        });
        async move { made.run().await.map_err(|e| e.to_string()) }
    });
    watched(&heart)
}

fn spawn_client(
    stage: &mut Stage,
    name: String,
    wires: &Wires,
    (line, config, devices): (LineIx, LineConfig, Vec<RouteDevice>),
    (login, ca): (Option<Login>, Option<Vec<u8>>),
) -> Watched {
    let (wires, lost, stop) = (wires.clone(), wires.clone(), stage.token());
    let heart = Heart::default();
    let beating = heart.clone();
    let make = move || {
        let router = Router::new(devices.clone(), Flood::Drop).map_err(|e| e.to_string())?;
        let Wires { clock, out, live, .. } = wires.clone();
        let wiring = Wiring { line, config: config.clone(), router, clock, out, live, stop: stop.clone() };
        let made = MqttClientLine::new(wiring, login.clone(), ca.as_deref());
        beating.beats_in(made.heartbeat());
        Ok::<_, String>(made)
    };
    let mut next = Some(make());
    stage.spawn(name, Policy::Restart, move || {
        let made = next.take().unwrap_or_else(|| {
            tell_lost(&lost, line);
            make()
        });
        async move {
            made?.run().await;
            Ok(())
        }
    });
    watched(&heart)
}

async fn spawn_listener(
    stage: &mut Stage,
    name: String,
    wires: &Wires,
    parts: ListenParts,
) -> Result<(Watched, Option<SocketAddr>), StartError> {
    let (wires, lost, stop, number) = (wires.clone(), wires.clone(), stage.token(), parts.line);
    let heart = Heart::default();
    let beating = heart.clone();
    let make = move || {
        let router = Router::new(parts.devices.clone(), Flood::Delay).map_err(|e| e.to_string())?;
        let Wires { clock, out, live, .. } = wires.clone();
        let ListenParts { line, config, .. } = parts.clone();
        let wiring = Wiring { line, config, router, clock, out, live, stop: stop.clone() };
        let made = MqttListenLine::new(wiring, parts.logins.clone(), parts.tls.clone()).map_err(|e| e.to_string())?;
        let made = made.with_annex(parts.annex.clone());
        beating.beats_in(made.heartbeat());
        Ok::<_, String>(made)
    };
    let mut first = make().map_err(|why| StartError::Listen { line: name.clone(), why })?;
    // An address that is not there yet (a network card that comes up late) is one line's trouble: it tries again by
    // itself and says that it is down, and everything else starts.
    let at = match first.bind().await {
        Ok(at) => Some(at),
        Err(error) => {
            tracing::error!(line = name, %error, "cannot listen yet; tried again, the other lines start without it");
            None
        }
    };
    let mut next = Some(Ok(first));
    stage.spawn(name, Policy::Restart, move || {
        let made = next.take().unwrap_or_else(|| {
            tell_lost(&lost, number);
            make()
        });
        async move {
            made?.run().await;
            Ok(())
        }
    });
    Ok((watched(&heart), at))
}

/// Two gateways at one broker under one id would throw each other out for ever: the id is made from the gateway's own.
fn with_client_id(line: &LineConfig, gateway_id: &str) -> LineConfig {
    let mut line = line.clone();
    if let LinePath::Mqtt { client_id, .. } = &mut line.path
        && client_id.as_deref().is_none_or(str::is_empty)
    {
        let own: String = gateway_id.chars().take(12).collect();
        *client_id = Some(format!("gatehouse-{own}-{}", line.id));
    }
    line
}

fn modbus_devices(config: &Config, site: &Site, line: usize, unsupported: &[(String, String)]) -> Vec<ModbusDevice> {
    let every = config.lines.get(line).map_or(Duration::from_secs(1), |l| l.every);
    let mut devices = Vec::new();
    for ((ix, device), info) in (0u32..).zip(&config.devices).zip(&site.devices).filter(|((_, d), _)| d.line == line) {
        let DeviceAddress::Unit(unit) = device.address else { continue };
        let specs = || info.points().zip(&device.profile.points);
        devices.push(ModbusDevice {
            device: DeviceIx(ix),
            unit,
            limits: device.profile.modbus.clone(),
            points: specs()
                .filter_map(|(point, spec)| match &spec.source {
                    PointSource::Register(register) => Some((point, register.clone(), period(spec, every))),
                    _ => None,
                })
                .collect(),
            unsupported: specs()
                .filter(|(_, spec)| unsupported.iter().any(|(d, p)| d == device.id.as_str() && p == spec.id.as_str()))
                .map(|(point, _): (PointIx, _)| point)
                .collect(),
        });
    }
    devices
}

fn route_devices(config: &Config, site: &Site, line: usize) -> Vec<RouteDevice> {
    let mut devices = Vec::new();
    for ((ix, device), info) in (0u32..).zip(&config.devices).zip(&site.devices).filter(|((_, d), _)| d.line == line) {
        let (DeviceAddress::Topic(topic), Some(_)) = (&device.address, &device.profile.mqtt) else { continue };
        // Any message shows that the device lives, so the point that speaks most often decides.
        let messages = device.profile.points.iter().filter(|p| matches!(p.source, PointSource::Message { .. }));
        let fastest = messages.filter_map(|p| p.every).min();
        devices.push(RouteDevice {
            device: DeviceIx(ix),
            first_point: info.first_point,
            topic: topic.clone(),
            profile: Arc::clone(&device.profile),
            silence: fastest.map(|every| every * SILENT_PERIODS),
        });
    }
    devices
}

fn device_logins(config: &Config, line: usize, credentials: &Credentials) -> Result<Vec<DeviceLogin>, StartError> {
    let mut logins: BTreeMap<String, DeviceLogin> = BTreeMap::new();
    for (ix, device) in (0u32..).zip(&config.devices).filter(|(_, d)| d.line == line) {
        let (Some(name), DeviceAddress::Topic(topic)) = (&device.credential, &device.address) else { continue };
        if !logins.contains_key(name) {
            let login = login(credentials, name)?;
            logins.insert(name.clone(), DeviceLogin { devices: Vec::new(), login, topics: Vec::new() });
        }
        if let Some(entry) = logins.get_mut(name) {
            entry.devices.push(DeviceIx(ix));
            entry.topics.push(topic.clone());
        }
    }
    let here = config.lines.get(line).map(|l| l.id.as_str());
    for source in &config.vision.sources {
        let Way::Mqtt { line, topic, credential: Some(name) } = &source.way else { continue };
        if Some(line.as_str()) != here {
            continue;
        }
        if !logins.contains_key(name) {
            let login = login(credentials, name)?;
            logins.insert(name.clone(), DeviceLogin { devices: Vec::new(), login, topics: Vec::new() });
        }
        if let Some(entry) = logins.get_mut(name) {
            entry.topics.push(topic.clone());
        }
    }
    Ok(logins.into_values().collect())
}
