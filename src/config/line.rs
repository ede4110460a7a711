//! Lines of the site from their records. Pure.

use std::collections::HashMap;

use crate::config::context::Context;
use crate::config::notation::{mode, net::bind};
use crate::model::id::Id;
use crate::southbound::{LineConfig, LinePath, SerialConfig};
use crate::text::code;
use crate::text::diagnostic::{Diagnostic, say};
use crate::text::record::{Entry, Record};
use crate::text::source::Span;

/// How devices are addressed on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// Modbus RTU: unit ids 1 to 247.
    Rtu,
    /// Modbus TCP: unit ids 0 to 255.
    Tcp,
    /// MQTT: topics.
    Mqtt {
        /// Our own listener.
        listens: bool,
    },
}

/// A line that was declared, well or not.
pub(crate) struct Declared {
    /// Position among the checked lines; `None` when it has faults.
    pub(crate) index: Option<usize>,
    /// What it speaks; `None` when even that is not clear.
    pub(crate) speaks: Option<Speaks>,
    /// Where it is declared.
    pub(crate) span: Span,
    /// Devices that hang on it.
    pub(crate) devices: usize,
}

/// All lines, and what devices need to know of them by id.
pub(crate) fn build(site: &Record, cx: &mut Context<'_>) -> (Vec<LineConfig>, HashMap<String, Declared>) {
    let mut lines = Vec::new();
    let mut declared = HashMap::new();
    let mut ports: HashMap<String, Span> = HashMap::new();
    for entry in site.map("line") {
        let line = line(entry);
        let speaks = entry.item.value.record().and_then(speaks);
        if let Some(line) = &line {
            same_port(line, entry, &mut ports, cx);
        }
        let index = line.map(|line| {
            lines.push(line);
            lines.len() - 1
        });
        declared.insert(entry.key.clone(), Declared { index, speaks, span: entry.key_span, devices: 0 });
    }
    (lines, declared)
}

fn speaks(record: &Record) -> Option<Speaks> {
    // Also for a line whose settings are faulty: its devices should be judged all the same.
    let key = record.keys().find(|key| crate::config::fields::site::PATHS.contains(key))?;
    match key {
        "serial" | "rtu_tcp" | "rtu_listen" => Some(Speaks::Rtu),
        "tcp" => Some(Speaks::Tcp),
        "mqtt" => Some(Speaks::Mqtt { listens: false }),
        _ => Some(Speaks::Mqtt { listens: true }),
    }
}

fn line(entry: &Entry) -> Option<LineConfig> {
    let record = entry.item.value.record().filter(|r| !r.faulty)?;
    Some(LineConfig {
        id: Id::new(&entry.key).ok()?,
        path: path(record)?,
        timeout: record.duration("timeout")?,
        gap: record.duration("gap")?,
        every: record.duration("every")?,
    })
}

fn path(record: &Record) -> Option<LinePath> {
    let own = |record: &Record, key: &str| record.text(key).map(str::to_owned);
    if let Some(serial) = record.record("serial") {
        let (data_bits, parity, stop_bits) = mode(serial.text("mode")?).ok()?;
        let (port, baud) = (own(serial, "port")?, serial.small("baud")?);
        let rs485 = serial.flag("rs485");
        return Some(LinePath::Serial(SerialConfig { port, baud, data_bits, parity, stop_bits, rs485 }));
    }
    if let Some(tcp) = record.record("tcp") {
        return Some(LinePath::Tcp { host: own(tcp, "host")?, port: tcp.small("port")? });
    }
    if let Some(tcp) = record.record("rtu_tcp") {
        return Some(LinePath::RtuTcp { host: own(tcp, "host")?, port: tcp.small("port")? });
    }
    if let Some(listen) = record.record("rtu_listen") {
        return Some(LinePath::RtuListen { bind: bind(listen.text("bind")?).ok()?, hello: own(listen, "hello") });
    }
    if let Some(mqtt) = record.record("mqtt") {
        return Some(LinePath::Mqtt {
            url: own(mqtt, "url")?,
            credential: own(mqtt, "credential"),
            ca: own(mqtt, "ca"),
            client_id: own(mqtt, "client_id"),
        });
    }
    let listen = record.record("mqtt_listen")?;
    Some(LinePath::MqttListen {
        bind: bind(listen.text("bind")?).ok()?,
        tls: listen.flag("tls"),
        clients_max: listen.small("clients_max")?,
    })
}

/// One owner per port: a second line on the same serial port or listening address could never open it.
fn same_port(line: &LineConfig, entry: &Entry, ports: &mut HashMap<String, Span>, cx: &mut Context<'_>) {
    let port = match &line.path {
        LinePath::Serial(serial) => serial.port.clone(),
        LinePath::RtuListen { bind, .. } | LinePath::MqttListen { bind, .. } if bind.port() != 0 => bind.to_string(),
        // Two connections to one gateway can make sense; port 0 is a free one each time.
        _ => return,
    };
    if let Some(first) = ports.get(&port) {
        let message = say(format!("two lines want `{port}`"), format!("两条线路都使用 `{port}`"));
        let help = say("put the devices on one line", "请将设备放到同一条线路上");
        let fault = Diagnostic::error(code::SAME_PORT, entry.key_span, message).help(help);
        cx.report.add(fault.also(*first, say("the first one", "第一处")));
    } else {
        ports.insert(port, entry.key_span);
    }
}
