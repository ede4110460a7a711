//! `gatehouse sim`: the devices of a site file, simulated over the real protocols.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;

use crate::cli::SiteArgs;
use crate::config::Config;
use crate::sim::mqtt::Target;
use crate::sim::script::Script;
use crate::sim::town::{Ports, Town};
use crate::southbound::LinePath;

/// Arguments of `sim`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gatehouse sim --config site.toml                       on the ports of the site file, loopback only
  gatehouse sim --config site.toml --script faults.toml  with scripted faults
  gatehouse sim --config site.toml --free-ports          on free ports, which are printed
The script's form stands in the documentation of the module `sim::script`; config/demo_script.toml is an example.")]
pub(crate) struct SimArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// What happens, and when.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Let the system choose ports.
    #[arg(long)]
    free_ports: bool,
}

pub(crate) fn main(args: &SimArgs) -> Result<ExitCode> {
    let mut config = match super::check::site_or_complaints(&args.site) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let script = match &args.script {
        None => Script { noise: 0.01, ..Script::default() },
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            Script::parse(&text).map_err(anyhow::Error::msg).with_context(|| path.display().to_string())?
        }
    };
    let ports = if args.free_ports { Ports::Free } else { Ports::AsConfigured };
    super::run::office_runtime()?.block_on(async {
        let town = Town::open(&mut config, script, ports).await.context("cannot open a simulated line")?;
        tell(&config);
        let stop = CancellationToken::new();
        let targets = publish_targets(&config);
        tokio::select! {
            () = town.run(targets, stop.clone()) => {}
            () = super::run::asked_to_stop() => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn tell(config: &Config) {
    for line in &config.lines {
        let place = match &line.path {
            LinePath::Tcp { host, port } => format!("modbus tcp {host}:{port}"),
            LinePath::RtuTcp { host, port } => format!("modbus rtu over tcp {host}:{port}"),
            LinePath::Serial(serial) => format!("modbus rtu on {}", serial.port),
            LinePath::Mqtt { url, .. } => format!("publishes to {url}"),
            LinePath::MqttListen { bind, .. } => format!("publishes to {bind}"),
            LinePath::RtuListen { bind, .. } => format!("not simulated (a modem would dial {bind})"),
        };
        println!("{}: {place}", line.id);
    }
    println!("running; Ctrl-C ends it");
}

/// Where the publishers of each line connect: the broker or listener that the site file names, without TLS.
fn publish_targets(config: &Config) -> impl Fn(usize, usize) -> Option<Target> + use<> {
    let places: Vec<_> = config
        .lines
        .iter()
        .map(|line| match &line.path {
            LinePath::Mqtt { url, .. } => {
                let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                let (host, port) = rest.rsplit_once(':').unwrap_or((rest, "1883"));
                Some((host.to_owned(), port.parse().unwrap_or(1883)))
            }
            LinePath::MqttListen { bind, .. } => Some((bind.ip().to_string(), bind.port())),
            _ => None,
        })
        .collect();
    move |line, _| {
        let (host, port) = places.get(line)?.clone()?;
        Some(Target { host, port, login: None })
    }
}
