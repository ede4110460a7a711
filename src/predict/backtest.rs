//! Runs recorded readings through the same detectors as live, one device at a time.
//!
//! Owns the rules file of `gatehouse backtest` and the order of things; reads and writes through what it is given.

use std::collections::HashMap;
use std::io::{Read, Write};

use serde::Deserialize;

use super::device::DeviceModel;
use super::point::{PointModel, PointSettings};
use super::trend::agree::{Ahead, HORIZON_S};

/// The rules file.
#[derive(Debug, Deserialize)]
pub struct Rules {
    /// Devices in any order.
    #[serde(default)]
    pub device: Vec<DeviceRule>,
}

/// One device of the rules file.
#[derive(Debug, Deserialize)]
pub struct DeviceRule {
    /// Its id, any text.
    pub id: String,
    /// RFC 3339; readings before it are learnt from, the one at it is the first judged.
    pub commissioning_until: String,
    /// `univariate` or `device`.
    pub detect: String,
    /// Its points.
    pub point: Vec<PointRule>,
}

/// One point of the rules file.
#[derive(Debug, Deserialize)]
pub struct PointRule {
    /// Its id, any text.
    pub id: String,
    /// Upper limit in the point's unit.
    pub limit_high: Option<f64>,
    /// Lower limit in the point's unit.
    pub limit_low: Option<f64>,
}

struct Device {
    id: String,
    until_ms: i64,
    points: HashMap<String, usize>,
    ids: Vec<String>,
    models: Vec<PointModel>,
    whole: Option<DeviceModel>,
    /// Indices of the points that have a limit.
    limited: Vec<usize>,
    ahead: Ahead,
    stamp: String,
    at_ms: i64,
    values: Vec<f64>,
}

/// What a run counted.
#[derive(Debug, Default)]
pub struct Summary {
    /// Readings read.
    pub readings: u64,
    /// Time spent in the detectors, in nanoseconds.
    pub nanoseconds: u128,
}

/// Milliseconds of an RFC 3339 stamp.
pub fn stamp_ms(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// Runs `readings` (CSV) through the detectors and writes `events` (CSV). `clock` counts nanoseconds from any start; it
/// serves the summary only.
pub fn run(rules: &Rules, readings: impl Read, events: impl Write, clock: &dyn Fn() -> u64) -> anyhow::Result<Summary> {
    let mut devices: Vec<Device> = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    for rule in &rules.device {
        let n = rule.point.len();
        let limited: Vec<usize> =
            (0..n).filter(|i| rule.point[*i].limit_high.is_some() || rule.point[*i].limit_low.is_some()).collect();
        index.insert(rule.id.clone(), devices.len());
        devices.push(Device {
            id: rule.id.clone(),
            until_ms: stamp_ms(&rule.commissioning_until).ok_or_else(|| anyhow::anyhow!("bad commissioning_until"))?,
            points: rule.point.iter().enumerate().map(|(i, p)| (p.id.clone(), i)).collect(),
            ids: rule.point.iter().map(|p| p.id.clone()).collect(),
            models: rule
                .point
                .iter()
                .map(|p| PointModel::new(PointSettings { limit_high: p.limit_high, limit_low: p.limit_low }))
                .collect(),
            whole: (rule.detect == "device").then(|| DeviceModel::new(n)),
            // An estimate holds for its own instant: all points of a record come together.
            ahead: Ahead::new(limited.len(), 0),
            limited,
            stamp: String::new(),
            at_ms: i64::MIN,
            values: vec![f64::NAN; n],
        });
    }
    let mut out = csv::Writer::from_writer(events);
    out.write_record(["timestamp", "device", "point", "score", "alarm", "eta_s"])?;
    let mut summary = Summary::default();
    let mut rows = csv::Reader::from_reader(readings);
    let mut row = csv::StringRecord::new();
    while rows.read_record(&mut row)? {
        let (Some(stamp), Some(device), Some(point), Some(value)) = (row.get(0), row.get(1), row.get(2), row.get(3))
        else {
            continue;
        };
        let Some(&d) = index.get(device) else { continue };
        let device = &mut devices[d];
        let (Some(&p), Ok(value)) = (device.points.get(point), value.parse::<f64>()) else { continue };
        summary.readings += 1;
        if device.stamp != stamp {
            finish(device, &mut out, &mut summary, clock)?;
            device.at_ms = stamp_ms(stamp).ok_or_else(|| anyhow::anyhow!("bad timestamp {stamp}"))?;
            stamp.clone_into(&mut device.stamp);
        }
        device.values[p] = value;
    }
    for device in &mut devices {
        finish(device, &mut out, &mut summary, clock)?;
    }
    out.flush()?;
    Ok(summary)
}

/// Judges the readings of one instant: all that came with the same stamp.
fn finish<W: Write>(
    device: &mut Device,
    out: &mut csv::Writer<W>,
    summary: &mut Summary,
    clock: &dyn Fn() -> u64,
) -> anyhow::Result<()> {
    if device.stamp.is_empty() {
        return Ok(());
    }
    let learning = device.at_ms < device.until_ms;
    let start = clock();
    let mut verdicts = Vec::new();
    for (i, model) in device.models.iter_mut().enumerate() {
        if device.values[i].is_finite() {
            verdicts.push((i, model.step(device.at_ms, device.values[i], learning)));
        }
    }
    let whole = device.whole.as_mut().map(|m| m.step(device.at_ms, &device.values, learning));
    summary.nanoseconds += u128::from(clock().saturating_sub(start));
    for (index, point) in device.limited.iter().enumerate() {
        let trend = verdicts.iter().find(|(i, _)| i == point).and_then(|(_, v)| v.trend);
        device.ahead.tell(index, device.at_ms, trend.map(|t| t.eta_s));
    }
    let near = device.ahead.step(device.at_ms, HORIZON_S).standing;
    if !learning {
        for (i, v) in verdicts {
            if device.whole.is_some() && v.trend.is_none() {
                continue;
            }
            let eta = v.trend.map(|t| format!("{:.0}", t.eta_s)).unwrap_or_default();
            let (score, alarm) = if device.whole.is_some() { (0.0, false) } else { (v.score, v.alarm) };
            let alarm = if alarm { "1" } else { "0" };
            out.write_record([&device.stamp, &device.id, &device.ids[i], score.to_string().as_str(), alarm, &eta])?;
        }
        if let Some(v) = whole {
            let alarm = if v.alarm || near { "1" } else { "0" };
            out.write_record([&device.stamp, &device.id, "", &v.score.to_string(), alarm, ""])?;
        }
    }
    device.values.fill(f64::NAN);
    Ok(())
}
