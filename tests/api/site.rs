//! The made-up community's names: lines, devices, points, plausible values. Chinese first, as on site.

// A test's helper fails the test by panicking.
#![allow(clippy::unwrap_used)]

use gatehouse::clock::{Clock, SystemClock};
use gatehouse::model::id::{DeviceIx, Id, LineIx, PointIx};
use gatehouse::model::link::{LinkChange, LinkOf, LinkState, LinkStats};
use gatehouse::model::live::Live;
use gatehouse::model::quality::Quality;
use gatehouse::model::reading::{PointKind, Reading, Value};
use gatehouse::model::site::{DeviceInfo, LineInfo, PointInfo, Site};
use gatehouse::model::text::{Lang, Text};
use gatehouse::model::unit::Unit;

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// A point: id, zh, en, unit, value.
type Spec = (&'static str, &'static str, &'static str, &'static str, f64);

const PUMP: &[Spec] = &[
    ("pressure", "出口压力", "Outlet pressure", "MPa", 0.03),
    ("frequency", "频率", "Frequency", "Hz", 48.2),
    ("current", "电流", "Current", "A", 11.4),
    ("energy", "累计电量", "Energy", "kWh", 48_213.6),
    ("running", "运行状态", "Running", "switch", 1.0),
];
const LIFT: &[Spec] = &[
    ("floor", "当前楼层", "Floor", "", 12.0),
    ("door", "轿门", "Door", "switch", 0.0),
    ("trips", "累计运行次数", "Trips", "count", 184_220.0),
    ("trapped", "困人报警", "Entrapment", "switch", 0.0),
];
const SMOKE: &[Spec] = &[
    ("smoke", "烟雾", "Smoke", "switch", 0.0),
    ("battery", "电池电量", "Battery", "%", 87.0),
    ("signal", "信号质量", "Link quality", "", 132.0),
];
const METER: &[Spec] = &[
    ("power", "有功功率", "Active power", "kW", 86.42),
    ("voltage", "A 相电压", "Voltage L1", "V", 231.4),
    ("current", "A 相电流", "Current L1", "A", 132.9),
    ("energy", "正向有功电能", "Energy import", "kWh", 913_882.4),
];
const ENV: &[Spec] =
    &[("temperature", "温度", "Temperature", "Cel", 31.6), ("humidity", "湿度", "Humidity", "%", 71.2)];
const LEVEL: &[Spec] = &[("level", "水位", "Water level", "m", 2.314), ("battery", "电池电量", "Battery", "%", 64.0)];
const GATE: &[Spec] = &[("open", "门状态", "Door", "switch", 0.0), ("passes", "通行次数", "Passes", "count", 512.0)];

/// Device: id, name, place, kind, line, points.
type DeviceSpec = (&'static str, &'static str, &'static str, &'static str, u32, &'static [Spec]);

const DEVICES: &[DeviceSpec] = &[
    ("b3_pump_1", "3号楼生活水泵 1#", "3号楼/地下一层/水泵房", "pump", 0, PUMP),
    ("b3_pump_2", "3号楼生活水泵 2#", "3号楼/地下一层/水泵房", "pump", 0, PUMP),
    ("b3_tank", "3号楼生活水箱", "3号楼/地下一层/水泵房", "level", 2, LEVEL),
    ("b3_lift_1", "3号楼 1# 电梯", "3号楼/屋顶/机房", "lift", 1, LIFT),
    ("b3_lift_2", "3号楼 2# 电梯", "3号楼/屋顶/机房", "lift", 1, LIFT),
    ("smoke_3_1201", "3号楼 1201 烟感", "3号楼/12层/1201", "smoke", 2, SMOKE),
    ("smoke_3_1202", "3号楼 1202 烟感", "3号楼/12层/1202", "smoke", 2, SMOKE),
    ("b5_gate_1", "5号楼单元门", "5号楼/一层/大堂", "gate", 2, GATE),
    ("b5_lift_1", "5号楼 1# 电梯", "5号楼/屋顶/机房", "lift", 1, LIFT),
    ("b5_smoke_1", "5号楼 0301 烟感", "5号楼/3层/0301", "smoke", 2, SMOKE),
    ("plant_meter", "配电房总表", "配电房/低压室", "meter", 1, METER),
    ("plant_env", "配电房温湿度", "配电房/低压室", "env", 0, ENV),
];

pub(crate) fn site() -> Site {
    let mut site = Site {
        id: "sunshine_3".into(),
        name: "阳光花园三期".into(),
        time_zone: "Asia/Shanghai".into(),
        lang: Lang::Zh,
        ..Site::default()
    };
    for (name, kind, target) in [
        ("rs485_1", "serial", "/dev/ttyS1 9600 8E1"),
        ("plant", "tcp", "10.0.8.21:502"),
        ("zigbee", "mqtt", "127.0.0.1:1883"),
    ] {
        site.lines.push(LineInfo { id: id(name), kind, target: target.into(), devices: vec![] });
    }
    for (ix, (dev, name, at, kind, line, points)) in (0..).zip(DEVICES) {
        let first_point = PointIx(u32::try_from(site.points.len()).unwrap());
        for (point, zh, en, unit, _) in *points {
            let switch = *unit == "switch";
            site.points.push(PointInfo {
                device: DeviceIx(ix),
                id: id(point),
                key: format!("{dev}.{point}").into(),
                name: Text::new(zh, en),
                unit: Unit::new(unit),
                kind: if switch { PointKind::Switch } else { PointKind::Number },
                labels: if switch && *point != "running" {
                    vec![(0, Text::new("正常", "normal")), (1, Text::new("报警", "alarm"))]
                } else {
                    vec![]
                },
                valid: None,
                every_ms: 1000,
            });
        }
        site.lines[*line as usize].devices.push(DeviceIx(ix));
        site.devices.push(DeviceInfo {
            id: id(dev),
            name: (*name).into(),
            at: (*at).into(),
            kind: (*kind).into(),
            profile: format!("{kind}/generic"),
            line: LineIx(*line),
            address: format!("{}", ix + 1),
            first_point,
            point_count: u32::try_from(points.len()).unwrap(),
        });
    }
    site
}

/// Everything answers and has a value.
pub(crate) fn fill(site: &Site, live: &Live) {
    let boot = SystemClock.boot();
    let specs = DEVICES.iter().flat_map(|d| d.5.iter().map(|p| p.4));
    let readings: Vec<_> = (0..)
        .zip(specs)
        .map(|(ix, v)| Reading {
            point: PointIx(ix),
            quality: Quality::Good,
            at: boot.plus(-700),
            source_ms: None,
            value: Value::Number(v),
        })
        .collect();
    live.enter(&readings);
    let stats = LinkStats {
        polls: 184_203,
        answers: 184_190,
        timeouts: 13,
        answer_us_sum: 184_190 * 21_400,
        answer_us_max: 288_000,
        ..LinkStats::default()
    };
    let up = |of| LinkChange {
        of,
        state: LinkState::Up,
        quality: Quality::Good,
        reason: Text::default(),
        at: boot.plus(-9_000_000),
    };
    for ix in 0..site.lines.len() {
        let of = LinkOf::Line(LineIx(u32::try_from(ix).unwrap()));
        live.link(&up(of));
        live.stats(of, stats);
    }
    for ix in 0..site.devices.len() {
        let of = LinkOf::Device(DeviceIx(u32::try_from(ix).unwrap()));
        live.link(&up(of));
        live.stats(of, stats);
    }
}
