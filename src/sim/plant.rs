//! The simulated devices as values: what every point shows at a moment, as registers or as messages. Pure.
//!
//! A point shows, in this order: what the script forces, what somebody wrote to it, its base value with noise. Base values come
//! from the script, else from the profile's first golden vector (which shows a healthy device), else from the middle of the valid range.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Config, DeviceAddress, DeviceConfig};
use crate::model::id::Id;
use crate::model::reading::PointKind;
use crate::profile::encode::{Plain, encode, raw_of};
use crate::profile::{Area, Expected, PointSource, PointSpec, Profile, Register, ScaleFrom, WireType};
use crate::sim::script::{Figure, Moment, Script};

/// All simulated devices.
#[derive(Debug)]
pub struct Plant {
    /// Devices in the order of the configuration.
    pub devices: Vec<SimDevice>,
    script: Script,
    said: (u64, usize),
    now: Moment,
}

/// One simulated device.
#[derive(Debug)]
pub struct SimDevice {
    /// Id in the site file.
    pub id: String,
    /// Position of its line in the configuration.
    pub line: usize,
    /// Unit id or topic.
    pub address: DeviceAddress,
    /// Profile.
    pub profile: Arc<Profile>,
    /// Answers at all.
    pub alive: bool,
    base: Vec<Figure>,
    written: BTreeMap<usize, f64>,
    shown: Vec<Figure>,
    image: BTreeMap<(Area, u16), u16>,
}

impl Plant {
    /// Devices of `config`, doing what `script` says.
    #[must_use]
    pub fn new(config: &Config, script: Script) -> Self {
        let devices = config.devices.iter().map(|d| SimDevice::new(d, &script)).collect();
        let mut plant = Self { devices, script, said: (0, 0), now: Moment::default() };
        plant.step(0.0);
        plant
    }

    /// Moves on to `elapsed_s` after the start. Returns what the script says aloud at this step, and whether the cloud
    /// is there.
    pub fn step(&mut self, elapsed_s: f64) -> (Vec<crate::model::text::Text>, bool) {
        let (round, now) = self.script.at(elapsed_s);
        let first = if round == self.said.0 { self.said.1 } else { 0 };
        let said = self.script.step.get(first..now.steps_done).unwrap_or_default();
        let said = said.iter().filter_map(|s| s.say.clone()).collect();
        self.said = (round, now.steps_done);
        for device in &mut self.devices {
            device.alive = !now.silent.contains(&device.id);
            device.step(elapsed_s, self.script.noise, &now);
        }
        let cloud_up = !now.cloud_down;
        self.now = now;
        (said, cloud_up)
    }
}

impl SimDevice {
    fn new(config: &DeviceConfig, script: &Script) -> Self {
        let profile = Arc::clone(&config.profile);
        let base: Vec<Figure> = profile
            .points
            .iter()
            .map(|p| script.base(&format!("{}.{}", config.id, p.id)).cloned().unwrap_or_else(|| usual(&profile, p)))
            .collect();
        Self {
            id: config.id.as_str().to_owned(),
            line: config.line,
            address: config.address.clone(),
            alive: true,
            shown: base.clone(),
            base,
            written: BTreeMap::new(),
            image: BTreeMap::new(),
            profile,
        }
    }

    fn step(&mut self, elapsed_s: f64, noise: f64, now: &Moment) {
        for (ix, point) in self.profile.points.iter().enumerate() {
            let key = format!("{}.{}", self.id, point.id);
            let forced = now.forced.get(&key).copied().or_else(|| self.written.get(&ix).copied());
            let Some(base) = self.base.get(ix) else { continue };
            let shown = match (forced, base) {
                (Some(v), _) => Figure::Number(v),
                (None, Figure::Number(v)) => Figure::Number(alive_value(point, &key, *v, elapsed_s, noise)),
                (None, text) => text.clone(),
            };
            if let Some(slot) = self.shown.get_mut(ix) {
                *slot = shown;
            }
        }
        self.draw();
    }

    /// Puts all shown values into the register image.
    fn draw(&mut self) {
        let mut image = BTreeMap::new();
        for (ix, point) in self.profile.points.iter().enumerate() {
            let (PointSource::Register(register), Some(shown)) = (&point.source, self.shown.get(ix)) else { continue };
            for (offset, word) in (0u16..).zip(self.words(point, register, shown)) {
                *image.entry((register.area, register.address.wrapping_add(offset))).or_insert(0) |= word;
            }
        }
        self.image = image;
    }

    fn words(&self, point: &PointSpec, register: &Register, shown: &Figure) -> Vec<u16> {
        let plain = match shown {
            Figure::Number(v) => Plain::Number(self.raw(point, *v)),
            Figure::Text(t) => Plain::Text(t),
        };
        // A script can ask for what the register cannot hold; the device then shows nothing there.
        encode(register, plain).unwrap_or_default()
    }

    /// Engineering value back to the raw one: the inverse of conditioning, with the factors other registers hold.
    fn raw(&self, point: &PointSpec, value: f64) -> f64 {
        let number_of = |id: &Id| {
            let ix = self.profile.points.iter().position(|p| p.id == *id)?;
            match self.shown.get(ix)? {
                Figure::Number(v) => Some(*v),
                Figure::Text(_) => None,
            }
        };
        let mut factor = 1.0;
        if let Some((Some(other), how)) = point.scale_from.as_ref().map(|(id, how)| (number_of(id), how)) {
            factor *= match how {
                ScaleFrom::PowerOfTen => 10f64.powf(other),
                ScaleFrom::Factor => other,
            };
        }
        if let Some((Some(code), units)) = point.unit_from.as_ref().map(|(id, units)| (number_of(id), units)) {
            factor *= units.iter().find(|(unit, _)| (*unit as f64 - code).abs() < 0.5).map_or(1.0, |(_, f)| *f);
        }
        raw_of(point, (value - point.offset) / factor + point.offset)
    }

    /// The register or bit at an address; `None` where the device has nothing.
    #[must_use]
    pub fn word(&self, area: Area, address: u16) -> Option<u16> {
        self.image.get(&(area, address)).copied()
    }

    /// Somebody wrote a register or coil; false where nothing writable is.
    pub fn write(&mut self, area: Area, address: u16, word: u16) -> bool {
        let found = self.profile.points.iter().position(|p| match &p.source {
            PointSource::Register(r) => r.area == area && r.address == address && p.write.is_some(),
            _ => false,
        });
        let Some(ix) = found else { return false };
        let Some(point) = self.profile.points.get(ix) else { return false };
        self.written.insert(ix, f64::from(word) * point.scale + point.offset);
        self.image.insert((area, address), word);
        true
    }

    /// What a device that publishes has to say now: relative topic and JSON payload.
    #[must_use]
    pub fn messages(&self) -> Vec<(String, String)> {
        let Some(mapping) = &self.profile.mqtt else { return Vec::new() };
        let mut bodies: BTreeMap<usize, serde_json::Value> = BTreeMap::new();
        for (ix, point) in self.profile.points.iter().enumerate() {
            let (PointSource::Message { pointer, topic, words }, Some(shown)) = (&point.source, self.shown.get(ix))
            else {
                continue;
            };
            let body = bodies.entry(topic.unwrap_or(0)).or_insert(serde_json::Value::Null);
            put(body, pointer, self.json(point, shown, words));
        }
        let topic_of = |ix: usize| mapping.topics.get(ix).map_or("", String::as_str).replace(['+', '#'], "sim");
        bodies.into_iter().map(|(ix, body)| (topic_of(ix), plain(&body))).collect()
    }

    fn json(&self, point: &PointSpec, shown: &Figure, words: &[(String, f64)]) -> serde_json::Value {
        match shown {
            Figure::Text(t) => t.clone().into(),
            Figure::Number(v) => {
                let raw = self.raw(point, *v);
                match words.iter().find(|(_, number)| (number - raw).abs() < 1e-9) {
                    Some((word, _)) => word.clone().into(),
                    None if point.kind == PointKind::Switch => (raw != 0.0).into(),
                    None => ((raw * 1000.0).round() / 1000.0).into(),
                }
            }
        }
    }
}

/// A bare text payload goes without JSON quotes: `online`, not `"online"`.
fn plain(body: &serde_json::Value) -> String {
    body.as_str().map_or_else(|| body.to_string(), str::to_owned)
}

/// Puts `value` at a JSON pointer, making objects on the way (array indices become object keys of an array of one).
fn put(body: &mut serde_json::Value, pointer: &str, value: serde_json::Value) {
    if pointer.is_empty() {
        *body = value;
        return;
    }
    let mut at = body;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if let Ok(index) = part.parse::<usize>() {
            if !at.is_array() {
                *at = serde_json::Value::Array(Vec::new());
            }
            let Some(list) = at.as_array_mut() else { return };
            list.resize(list.len().max(index + 1), serde_json::Value::Null);
            let Some(next) = list.get_mut(index) else { return };
            at = next;
        } else {
            if !at.is_object() {
                *at = serde_json::Value::Object(serde_json::Map::new());
            }
            let Some(map) = at.as_object_mut() else { return };
            at = map.entry(part).or_insert(serde_json::Value::Null);
        }
    }
    *at = value;
}

/// The value of a point when neither script nor writer says anything.
fn usual(profile: &Profile, point: &PointSpec) -> Figure {
    let golden = profile.tests.iter().take(1).flat_map(|t| &t.expect).find(|(id, _)| id == point.id.as_str());
    match golden {
        Some((_, Expected::Number(v))) => Figure::Number(*v),
        Some((_, Expected::Text(t))) => Figure::Text(t.clone()),
        _ => match (point.kind, point.valid) {
            (PointKind::Text, _) => Figure::Text("SIM".to_owned()),
            (PointKind::Number, Some((low, high))) => Figure::Number(f64::midpoint(low, high)),
            _ => Figure::Number(0.0),
        },
    }
}

/// Measured numbers wander and tremble, counters grow, everything else stands still.
fn alive_value(point: &PointSpec, key: &str, base: f64, elapsed_s: f64, noise: f64) -> f64 {
    if point.kind != PointKind::Number || matches!(point_wire(point), Some(WireType::Bit | WireType::BitOf(_))) {
        return base;
    }
    // A number without a unit is a code, a floor or a count of something: it does not tremble.
    let noise = if point.unit.is_some() { noise } else { 0.0 };
    let seed = crc32c::crc32c(key.as_bytes());
    if point.counter.is_some() {
        // Whole steps: a total of events grows by events.
        return base + (elapsed_s * 0.002 * f64::from(seed % 7 + 1)).floor();
    }
    let phase = f64::from(seed % 360).to_radians();
    let wander = (elapsed_s / 97.0 + phase).sin() * 0.5;
    let second = elapsed_s.to_bits().to_le_bytes();
    let tremble = f64::from(crc32c::crc32c_append(seed, &second) % 2001) / 1000.0 - 1.0;
    let value = base * (1.0 + noise * (wander + 0.5 * tremble));
    point.valid.map_or(value, |(low, high)| value.clamp(low, high))
}

fn point_wire(point: &PointSpec) -> Option<WireType> {
    match &point.source {
        PointSource::Register(r) => Some(r.wire),
        _ => None,
    }
}
