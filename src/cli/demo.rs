//! `gatehouse demo`: the whole product on one screen's notice. Simulated devices on real sockets, the gateway, a mock cloud.
//!
//! Everything listens on loopback, on free ports; the data folder is thrown away unless one is named. The site and the script are
//! compiled in (`config/demo.toml`, `config/demo_script.toml`).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use tokio::sync::{broadcast, oneshot};
use tokio_util::sync::CancellationToken;

use crate::cli::{EXIT_ANEW, SiteArgs};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::config::credential::Credentials;
use crate::gateway::{End, Gateway, Running};
use crate::model::alarm::AlarmChange;
use crate::model::live::LiveEvent;
use crate::model::text::Lang;
use crate::sim::camera::Cameras;
use crate::sim::cloud::{CloudHandle, MockCloud};
use crate::sim::mqtt::Target;
use crate::sim::script::Script;
use crate::sim::town::{Ports, Town};
use crate::southbound::LinePath;
use crate::southbound::vision::Way;
use crate::text::quantity;

const SITE: &str = include_str!("../../config/demo.toml");
const SCRIPT: &str = include_str!("../../config/demo_script.toml");
/// Where the demo's site file has its cameras; replaced by a free port.
const CAMERAS: &str = "127.0.0.1:1580";
/// The page's usual place; another port is taken when it is in use.
const PAGE_PORT: u16 = 8080;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gatehouse demo                 prints one URL; Ctrl-C ends it
  gatehouse demo --for 30s       ends by itself with a summary
  gatehouse demo --data ./demo   keeps its data, and goes on with them next time")]
pub(crate) struct DemoArgs {
    /// End after this long (30s, 5m).
    #[arg(long = "for", value_name = "DURATION")]
    length: Option<String>,
    /// Keep the data here instead of throwing them away.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Port of the page.
    #[arg(long)]
    port: Option<u16>,
    /// Language of what is printed: en or zh-CN.
    #[arg(long, default_value = "en")]
    lang: String,
}

pub(crate) fn main(args: &DemoArgs) -> Result<ExitCode> {
    let length = args.length.as_deref().map(quantity::duration).transpose();
    let length = length.map_err(|_| anyhow!("--for wants a duration such as 30s or 5m"))?;
    let lang = Lang::from_tag(&args.lang).unwrap_or(Lang::En);
    let scratch = tempfile::tempdir().context("no folder for throw-away data")?;
    let mut config = demo_site(scratch.path(), args.data.as_deref())?;
    config.api.bind = page_address(args.port)?;

    let runtime = super::run::office_runtime()?;
    let (cloud, town, cameras) = runtime.block_on(open_world(&mut config))?;
    let handle = cloud.handle();
    if args.data.as_ref().is_some_and(|dir| dir.join("state.db").exists()) {
        // The cloud of the last time has ended with the last demo.
        handle.join_late();
    }
    let credentials = Credentials::beside(&scratch.path().join("site.toml"));
    let gateway = Gateway::open(config, &credentials, Arc::new(SystemClock)).context("cannot start")?;

    let stop = CancellationToken::new();
    let (tell, told) = oneshot::channel();
    let world = World { cloud, town, cameras, lang, stop: stop.clone() };
    let thread = std::thread::Builder::new().name("town".into()).spawn(move || runtime.block_on(world.live(told)))?;
    let end = gateway.run(
        |running| {
            println!("ready: http://{}/   (Ctrl-C ends the demo)", running.api);
            // The town may have failed to start; the gateway then shows dead lines, which is true.
            drop(tell.send(running.clone()));
        },
        async move {
            match length {
                Some(length) => tokio::select! {
                    () = super::run::asked_to_stop() => {}
                    () = tokio::time::sleep(length) => {}
                },
                None => super::run::asked_to_stop().await,
            }
        },
    )?;
    stop.cancel();
    let alarms = thread.join().map_err(|_| anyhow!("the simulated town failed"))?;
    println!("{}", summary(&handle, alarms));
    Ok(if end == End::Asked { ExitCode::SUCCESS } else { ExitCode::from(EXIT_ANEW) })
}

fn demo_site(scratch: &std::path::Path, data: Option<&std::path::Path>) -> Result<Config> {
    let file = scratch.join("site.toml");
    std::fs::write(&file, SITE).context("cannot write the demo's site file")?;
    let data = data.map_or_else(|| scratch.join("data"), std::path::Path::to_path_buf);
    let args = SiteArgs { config: file, data: Some(data), profiles: Vec::new() };
    super::check::site_or_complaints(&args).map_err(|_| anyhow!("the demo's own site file has faults"))
}

fn page_address(wanted: Option<u16>) -> Result<SocketAddr> {
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    if let Some(port) = wanted {
        return Ok(at(port));
    }
    let free = std::net::TcpListener::bind(at(PAGE_PORT)).or_else(|_| std::net::TcpListener::bind(at(0)));
    free.and_then(|l| l.local_addr()).context("no free port")
}

async fn open_world(config: &mut Config) -> Result<(MockCloud, Town, Cameras)> {
    let cloud = MockCloud::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.context("no port for the mock cloud")?;
    for upstream in &mut config.upstreams {
        upstream.url = format!("http://{}", cloud.addr());
    }
    for line in &mut config.lines {
        if let LinePath::MqttListen { bind, .. } = &mut line.path {
            // A port that is free now; the page can then name it.
            let free = std::net::TcpListener::bind((bind.ip(), 0)).and_then(|l| l.local_addr());
            bind.set_port(free.context("no free port for the listener")?.port());
        }
    }
    let cameras = Cameras::open().await.context("no port for the simulated cameras")?;
    let at = cameras.address().context("no port for the simulated cameras")?;
    for source in &mut config.vision.sources {
        if let Way::Stream(stream) = &mut source.way {
            stream.url = stream.url.replace(CAMERAS, &at.to_string());
        }
        if let Some(fetch) = &mut source.fetch {
            fetch.url = fetch.url.replace(CAMERAS, &at.to_string());
        }
    }
    let script = Script::parse(SCRIPT).map_err(anyhow::Error::msg).context("the demo's own script")?;
    let town = Town::open(config, script, Ports::Free).await.context("cannot open a simulated line")?;
    Ok((cloud, town, cameras))
}

/// Everything outside the gateway, on a thread of its own.
struct World {
    cloud: MockCloud,
    town: Town,
    cameras: Cameras,
    lang: Lang,
    stop: CancellationToken,
}

impl World {
    /// Lives until stopped; returns how many alarms were raised.
    async fn live(self, told: oneshot::Receiver<Running>) -> u64 {
        let Self { cloud, town, cameras, lang, stop } = self;
        let handle = cloud.handle();
        let Ok(running) = told.await else { return 0 };
        let lines = running.lines.clone();
        let targets = move |line: usize, _| {
            let at: &SocketAddr = lines.get(line)?.as_ref()?;
            Some(Target { host: at.ip().to_string(), port: at.port(), login: None })
        };
        let (mut says, mut cloud_up) = (town.says.clone(), town.cloud_up.clone());
        let mut events = running.events.subscribe();
        let mut alarms = 0;
        let town = town.run(targets, stop);
        let cloud = cloud.run();
        let cameras = cameras.run();
        tokio::pin!(town, cloud, cameras);
        loop {
            tokio::select! {
                () = &mut town => return alarms,
                () = &mut cameras => return alarms,
                end = &mut cloud => {
                    tracing::error!(?end, "the mock cloud ended");
                    return alarms;
                }
                Ok(()) = says.changed() => {
                    if let Some(text) = says.borrow_and_update().as_ref() {
                        println!("  . {}", text.get(lang));
                    }
                }
                Ok(()) = cloud_up.changed() => handle.set_up(*cloud_up.borrow_and_update()),
                event = events.recv() => match event {
                    Ok(LiveEvent::Alarm { event, .. }) => {
                        if event.change == AlarmChange::Raised {
                            alarms += 1;
                        }
                        print_alarm(&event, lang);
                    }
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => events = running.events.subscribe(),
                },
            }
        }
    }
}

fn print_alarm(event: &crate::model::alarm::AlarmEvent, lang: Lang) {
    let alarm = &event.alarm;
    println!(
        "  ! alarm {}: {} [{}] {} {}",
        event.change.word(),
        alarm.text.title.get(lang),
        alarm.level.text().get(lang),
        alarm.device_name,
        alarm.at
    );
}

fn summary(cloud: &CloudHandle, alarms: u64) -> String {
    let got = cloud.summary();
    format!(
        "demo ended: {alarms} alarms raised; the cloud received {} readings and {} alarm changes, \
         {} holes, {} repeats recognised, {} faults",
        got.readings,
        got.alarms,
        got.holes.len(),
        got.repeated,
        got.faults
    )
}
