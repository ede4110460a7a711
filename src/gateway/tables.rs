//! The checked configuration as the site's tables: dense numbers for lines, devices and points. Pure.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, DeviceAddress, DeviceConfig};
use crate::model::id::{DeviceIx, LineIx, PointIx};
use crate::model::site::{DeviceInfo, LineInfo, PointInfo, Site};
use crate::profile::{PointSource, PointSpec};
use crate::southbound::{LineConfig, LinePath, SerialConfig};

/// Builds the tables. Points of one device stand together, in profile order.
pub(super) fn tables(config: &Config) -> Site {
    let mut site = Site {
        id: config.site_id.as_str().to_owned(),
        name: config.site_name.clone(),
        time_zone: config.time_zone.clone(),
        calendar: config.calendar.clone(),
        lang: config.lang,
        lines: config.lines.iter().map(line_info).collect(),
        devices: Vec::with_capacity(config.devices.len()),
        points: Vec::with_capacity(config.devices.iter().map(|device| device.profile.points.len()).sum()),
    };
    for (ix, device) in config.devices.iter().enumerate() {
        let ix = DeviceIx(dense(ix));
        if let Some(line) = site.lines.get_mut(device.line) {
            line.devices.push(ix);
        }
        let first = PointIx(dense(site.points.len()));
        let every = config.lines.get(device.line).map_or(Duration::ZERO, |l| l.every);
        site.points.extend(device.profile.points.iter().map(|p| point_info(ix, device, p, every)));
        site.devices.push(device_info(device, first));
    }
    site
}

/// Tables stay far below 2^32 rows: the reader of the configuration bounds them.
fn dense(ix: usize) -> u32 {
    u32::try_from(ix).unwrap_or(u32::MAX)
}

fn line_info(line: &LineConfig) -> LineInfo {
    let (kind, target) = match &line.path {
        LinePath::Tcp { host, port } => ("tcp", format!("{host}:{port}")),
        LinePath::Serial(serial) => ("serial", serial_target(serial)),
        LinePath::RtuTcp { host, port } => ("rtu_tcp", format!("{host}:{port}")),
        LinePath::RtuListen { bind, .. } => ("rtu_listen", bind.to_string()),
        LinePath::Mqtt { url, .. } => ("mqtt", url.clone()),
        LinePath::MqttListen { bind, .. } => ("mqtt_listen", bind.to_string()),
    };
    LineInfo { id: line.id.clone(), kind, target, devices: Vec::new() }
}

fn serial_target(serial: &SerialConfig) -> String {
    let parity = match serial.parity {
        crate::southbound::Parity::None => 'N',
        crate::southbound::Parity::Even => 'E',
        crate::southbound::Parity::Odd => 'O',
    };
    format!("{} {} {}{parity}{}", serial.port, serial.baud, serial.data_bits, serial.stop_bits)
}

fn device_info(device: &DeviceConfig, first_point: PointIx) -> DeviceInfo {
    DeviceInfo {
        id: device.id.clone(),
        name: device.name.clone(),
        at: device.at.clone(),
        kind: device.profile.kind.clone(),
        profile: device.profile.id.clone(),
        line: LineIx(dense(device.line)),
        address: match &device.address {
            DeviceAddress::Unit(unit) => format!("unit {unit}"),
            DeviceAddress::Topic(topic) => topic.clone(),
        },
        first_point,
        point_count: dense(device.profile.points.len()),
    }
}

fn point_info(ix: DeviceIx, device: &DeviceConfig, point: &PointSpec, line_every: Duration) -> PointInfo {
    PointInfo {
        device: ix,
        id: point.id.clone(),
        key: Arc::from(format!("{}.{}", device.id, point.id)),
        name: point.name.clone(),
        unit: point.unit,
        kind: point.kind,
        labels: point.labels.clone(),
        valid: point.valid,
        every_ms: u32::try_from(period(point, line_every).as_millis()).unwrap_or(u32::MAX),
    }
}

/// How often a point is read or expected: messages come when they come unless the profile says otherwise.
pub(super) fn period(point: &PointSpec, line_every: Duration) -> Duration {
    point.every.unwrap_or(match point.source {
        PointSource::Message { .. } => Duration::ZERO,
        PointSource::Register(_) | PointSource::Derived(_) => line_every,
    })
}
