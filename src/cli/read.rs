//! `gatehouse read`: one look at a device's registers, with every decoding of them, while no daemon holds the line.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::config::notation::{self, register};
use crate::model::reading::Raw;
use crate::profile::decode::{decode, width};
use crate::profile::{Area, Order, Register, WireType};
use crate::southbound::modbus::read_once;
use crate::southbound::{LineConfig, LinePath, Parity, SerialConfig};

/// Arguments of `read`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gatehouse read tcp://10.0.8.21:502 3 holding:16 -n 4
  gatehouse read serial:///dev/ttyS1?baud=9600&mode=8E1 1 40017
  gatehouse read rtu://10.0.8.30:4001 1 input:0 -n 2
  gatehouse read --config site.toml rs485_1 3 holding:0x0010   (the line as the site file describes it)
holding:16 and 40017 are the same register: the first counts from 0 as the wire does, the second from 1 as manuals do.")]
pub(crate) struct ReadArgs {
    /// A line of the site file, or tcp://HOST:PORT, rtu://HOST:PORT, serial://PORT?baud=9600&mode=8E1.
    line: String,
    /// Unit id.
    unit: u8,
    /// Address: holding:16, input:0x20, coil:0, discrete:5, or 40017.
    address: String,
    /// How many registers or bits.
    #[arg(short = 'n', long, default_value_t = 1)]
    count: u16,
    /// How long to wait, in milliseconds.
    #[arg(long, default_value_t = 1000)]
    timeout_ms: u64,
    /// The site file, for line names.
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
}

pub(crate) fn main(args: &ReadArgs) -> Result<ExitCode> {
    let (area, address) =
        register::address(&args.address).map_err(|why| anyhow!("{} {}", why.message.en, why.help.en))?;
    let path = path_of(args)?;
    let timeout = Duration::from_millis(args.timeout_ms);
    let words = super::run::office_runtime()?
        .block_on(read_once(&path, args.unit, area, address, args.count, timeout))
        .with_context(|| format!("unit {} on {}", args.unit, args.line))?;
    print(area, address, &words);
    Ok(ExitCode::SUCCESS)
}

fn path_of(args: &ReadArgs) -> Result<LinePath> {
    if let Some(config) = &args.config {
        let site = super::SiteArgs { config: config.clone(), data: None, profiles: Vec::new() };
        let loaded = super::check::load_site(config, &site);
        let config = loaded.config.context("the site file has faults; run `gatehouse check` first")?;
        let line: Option<&LineConfig> = config.lines.iter().find(|l| l.id.as_str() == args.line);
        return Ok(line.with_context(|| format!("the site file has no line `{}`", args.line))?.path.clone());
    }
    let (kind, rest) = args.line.split_once("://").context("write tcp://HOST:PORT, or give --config for line names")?;
    match kind {
        "tcp" => {
            let (host, port) = host_port(rest, 502)?;
            Ok(LinePath::Tcp { host, port })
        }
        "rtu" => {
            let (host, port) = host_port(rest, 502)?;
            Ok(LinePath::RtuTcp { host, port })
        }
        "serial" => serial(rest),
        _ => bail!("`{kind}` is not a kind of line; use tcp, rtu or serial"),
    }
}

fn host_port(text: &str, usual: u16) -> Result<(String, u16)> {
    match text.rsplit_once(':') {
        Some((host, port)) => Ok((host.to_owned(), port.parse().with_context(|| format!("`{port}` is not a port"))?)),
        None => Ok((text.to_owned(), usual)),
    }
}

fn serial(text: &str) -> Result<LinePath> {
    let (port, settings) = text.split_once('?').unwrap_or((text, ""));
    let mut serial = SerialConfig {
        port: port.to_owned(),
        baud: 9600,
        data_bits: 8,
        parity: Parity::Even,
        stop_bits: 1,
        rs485: false,
    };
    for setting in settings.split('&').filter(|s| !s.is_empty()) {
        match setting.split_once('=') {
            Some(("baud", baud)) => serial.baud = baud.parse().with_context(|| format!("`{baud}` is not a speed"))?,
            Some(("mode", mode)) => {
                (serial.data_bits, serial.parity, serial.stop_bits) =
                    notation::mode(mode).map_err(|why| anyhow!("{} {}", why.message.en, why.help.en))?;
            }
            _ => bail!("`{setting}`: only baud=… and mode=8E1 are known"),
        }
    }
    Ok(LinePath::Serial(serial))
}

fn print(area: Area, address: u16, words: &[u16]) {
    let bits = matches!(area, Area::Coil | Area::Discrete);
    for (offset, word) in (0u16..).zip(words) {
        let at = address.wrapping_add(offset);
        let (name, classic) = both_notations(area, at);
        if bits {
            println!("{name:<14} {classic:<7} {word}");
        } else {
            println!("{name:<14} {classic:<7} 0x{word:04X} {word:>6} {word:016b}");
        }
    }
    if !bits {
        println!();
        for (label, value) in decodings(area, words) {
            println!("{label:<12} {value}");
        }
    }
}

fn both_notations(area: Area, at: u16) -> (String, String) {
    let (word, digit) = match area {
        Area::Coil => ("coil", 0u32),
        Area::Discrete => ("discrete", 1),
        Area::Input => ("input", 3),
        Area::Holding => ("holding", 4),
    };
    let number = u32::from(at) + 1;
    let classic = if number <= 9999 { format!("{digit}{number:04}") } else { format!("{digit}{number:05}") };
    (format!("{word}:{at}"), classic)
}

/// Every type and order that the first registers can hold.
fn decodings(area: Area, words: &[u16]) -> Vec<(String, String)> {
    let types = [
        ("u16", WireType::U16),
        ("i16", WireType::I16),
        ("bcd", WireType::Bcd(1)),
        ("u32", WireType::U32),
        ("i32", WireType::I32),
        ("f32", WireType::F32),
        ("bcd32", WireType::Bcd(2)),
        ("ipv4", WireType::Ipv4),
        ("u64", WireType::U64),
        ("i64", WireType::I64),
        ("f64", WireType::F64),
        ("bcd64", WireType::Bcd(4)),
    ];
    let orders = [("ABCD", Order::Abcd), ("CDAB", Order::Cdab), ("BADC", Order::Badc), ("DCBA", Order::Dcba)];
    let mut list = Vec::new();
    for (name, wire) in types {
        if usize::from(width(wire)) > words.len() {
            continue;
        }
        // One register has only two orders; the other two would repeat them.
        let orders = orders.iter().filter(|(o, _)| width(wire) > 1 || matches!(*o, "ABCD" | "BADC"));
        for (order_name, order) in orders {
            let value = decode(&Register { area, address: 0, wire, order: *order }, words);
            list.push((format!("{name} {order_name}"), shown(&value)));
        }
    }
    let registers = u8::try_from(words.len()).unwrap_or(u8::MAX);
    let text = Register { area, address: 0, wire: WireType::Ascii(registers), order: Order::Abcd };
    list.push(("text".to_owned(), shown(&decode(&text, words))));
    list
}

fn shown(value: &Raw) -> String {
    match value {
        Raw::Number(v) => v.to_string(),
        Raw::Text(t) => format!("{t:?}"),
        Raw::Bad(quality) => format!("- ({})", quality.text().en),
    }
}
