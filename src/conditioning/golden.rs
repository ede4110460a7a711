//! Golden vectors of a profile: registers or messages in, engineering values and alarms out, compared.
//!
//! Runs exactly what runs live (decoder, message map, conditioner). Knows no expression language: whoever calls hands
//! in a [`Judge`]. Delays and windows are not part of a vector: a limit or state counts at once, and `rate`, `count`
//! and `absence`, which need time, never hold here.

use std::collections::BTreeMap;

use crate::conditioning::{Conditioner, Output, PointRule};
use crate::model::id::{DeviceIx, PointIx};
use crate::model::quality::Quality;
use crate::model::reading::{PointKind, Sample, Scan, Value};
use crate::model::text::Text;
use crate::model::time::BootMs;
use crate::profile::decode::{decode, width};
use crate::profile::message::MessageMap;
use crate::profile::{
    Area, Condition, Expected, PointSource, PointSpec, Profile, Register, Setting, Side, TestVector, WireType,
};

/// Scan period assumed; a vector lasts one scan, so it decides nothing.
const EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// Works out the expressions of a profile.
pub trait Judge {
    /// Whether `when` is true; `None` for unknown.
    fn truth(&self, when: &str, values: &Values<'_>) -> Option<bool>;
    /// The number of a derived point; `None` for unknown.
    fn number(&self, derive: &str, values: &Values<'_>) -> Option<f64>;
}

/// Points and parameters of the device as they stand after the vector.
#[derive(Debug)]
pub struct Values<'a> {
    profile: &'a Profile,
    readings: Vec<Option<(Quality, Value)>>,
    params: BTreeMap<String, f64>,
}

impl Values<'_> {
    /// What `name` stands for: `Some(true)` a switch, `Some(false)` a number (or parameter), `None` unknown.
    #[must_use]
    pub fn is_switch(&self, name: &str) -> Option<bool> {
        match self.position(name) {
            Some(at) => self.profile.points.get(at).map(|p| p.kind == PointKind::Switch),
            None => self.params.contains_key(name).then_some(false),
        }
    }

    /// The number of a point or parameter; `None` while bad, not read, or a text.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.position(name) {
            Some(at) => self.reading(at)?.1.number(),
            None => self.params.get(name).copied(),
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.profile.points.iter().position(|p| p.id.as_str() == name)
    }

    fn reading(&self, at: usize) -> Option<&(Quality, Value)> {
        self.readings.get(at)?.as_ref()
    }

    fn setting(&self, setting: &Setting) -> Option<f64> {
        match setting {
            Setting::Number(n) => Some(*n),
            Setting::Param(id) => self.params.get(id.as_str()).copied(),
        }
    }

    fn holds(&self, condition: &Condition, judge: &dyn Judge) -> Option<bool> {
        match condition {
            Condition::Limit { point, side, limit, .. } => {
                let (value, limit) = (self.number(point)?, self.setting(limit)?);
                Some(if *side == Side::Above { value > limit } else { value < limit })
            }
            Condition::State { point, values } => {
                let value = self.number(point)?;
                Some(values.iter().any(|v| v.total_cmp(&value).is_eq()))
            }
            Condition::When(expression) => judge.truth(expression, self),
            // These need time.
            Condition::Rate { .. }
            | Condition::Count { .. }
            | Condition::Absence { .. }
            | Condition::Trend { .. }
            | Condition::Anomaly { .. }
            | Condition::DeviceAnomaly { .. }
            | Condition::Baseline { .. }
            | Condition::Change { .. }
            | Condition::Peer { .. } => None,
        }
    }
}

/// What came of one vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoldenResult {
    /// Its position among the profile's vectors.
    pub vector: usize,
    /// Everything that is not as expected; empty when it passed.
    pub faults: Vec<Text>,
}

/// Runs all vectors of a profile.
#[must_use]
pub fn run(profile: &Profile, judge: &dyn Judge) -> Vec<GoldenResult> {
    let vectors = profile.tests.iter().enumerate();
    vectors.map(|(vector, test)| GoldenResult { vector, faults: run_one(profile, test, judge) }).collect()
}

fn run_one(profile: &Profile, test: &TestVector, judge: &dyn Judge) -> Vec<Text> {
    let mut faults = Vec::new();
    let params = profile.settings(&test.set.iter().cloned().collect());
    let mut values = Values { profile, readings: vec![None; profile.points.len()], params };
    let mut conditioner = Conditioner::new(PointRule::of_device(profile, PointIx(0), EVERY));
    let mut out = Output::default();
    let scans = [registers(profile, test, &mut faults)].into_iter().chain(messages(profile, test, &mut faults));
    for (at, samples) in (0_i64..).zip(scans.collect::<Vec<_>>()) {
        let scan = Scan { device: DeviceIx(0), at: BootMs(at), source_ms: None, old: false, samples, receipt: None };
        conditioner.scan(&scan, &mut out);
        enter(&mut out, &mut values);
    }
    for (ix, spec) in (0_u32..).zip(&profile.points) {
        if let PointSource::Derived(expression) = &spec.source {
            let value = judge.number(expression, &values).ok_or(Quality::BadInput);
            conditioner.derived(PointIx(ix), value, BootMs(0), &mut out);
            enter(&mut out, &mut values);
        }
    }
    faults.extend(test.expect.iter().filter_map(|(point, expected)| unlike(&values, point, expected)));
    faults.extend(alarm_faults(profile, test, &values, judge));
    faults
}

fn enter(out: &mut Output, values: &mut Values<'_>) {
    for reading in out.all() {
        if let Some(slot) = values.readings.get_mut(reading.point.ix()) {
            *slot = Some((reading.quality, reading.value.clone()));
        }
    }
    out.clear();
}

/// Decodes every point whose registers the vector gives.
fn registers(profile: &Profile, test: &TestVector, faults: &mut Vec<Text>) -> Vec<Sample> {
    let mut table: BTreeMap<(Area, u16), u16> = BTreeMap::new();
    for (area, first, words) in &test.registers {
        table.extend((*first..=u16::MAX).zip(words).map(|(address, word)| ((*area, address), *word)));
    }
    let mut samples = Vec::new();
    for (ix, spec) in (0_u32..).zip(&profile.points) {
        let PointSource::Register(register) = &spec.source else { continue };
        let found: Vec<u16> = span(register).filter_map(|key| table.get(&key).copied()).collect();
        if found.len() == usize::from(width(register.wire)) {
            samples.push(Sample { point: PointIx(ix), raw: decode(register, &found) });
        } else if !found.is_empty() {
            faults.push(Text::new(
                &format!("测点 {} 的寄存器只给了一部分", spec.id),
                &format!("only some registers of point {} are given", spec.id),
            ));
        }
    }
    samples
}

fn span(register: &Register) -> impl Iterator<Item = (Area, u16)> + use<> {
    let area = register.area;
    (register.address..=u16::MAX).take(usize::from(width(register.wire))).map(move |address| (area, address))
}

/// Reads the messages in order.
fn messages(profile: &Profile, test: &TestVector, faults: &mut Vec<Text>) -> Vec<Vec<Sample>> {
    let map = MessageMap::new(profile);
    let mut scans = Vec::new();
    for (topic, payload) in &test.messages {
        let Some((map, ix)) = map.as_ref().and_then(|m| Some((m, m.topic(topic)?))) else {
            faults.push(Text::new(
                &format!("主题“{topic}”不在 mqtt.topics 之列"),
                &format!("topic \"{topic}\" is not among mqtt.topics"),
            ));
            continue;
        };
        match map.read(ix, payload.as_bytes()) {
            Ok(message) => scans
                .push(message.samples.into_iter().map(|(point, raw)| Sample { point: PointIx(point), raw }).collect()),
            Err(error) => faults.push(Text::new(&format!("报文不可用：{error}"), &error.to_string())),
        }
    }
    scans
}

/// Says how a point differs from what the vector expects.
fn unlike(values: &Values<'_>, point: &str, expected: &Expected) -> Option<Text> {
    let Some((at, spec)) = values.position(point).and_then(|at| Some((at, values.profile.points.get(at)?))) else {
        return Some(Text::new(&format!("没有测点 {point}"), &format!("there is no point {point}")));
    };
    let Some((quality, value)) = values.reading(at) else {
        return Some(Text::new(
            &format!("测点 {point} 没有得到任何值：校验向量未给出它的寄存器或字段"),
            &format!("point {point} got no value: the vector gives none of its registers or fields"),
        ));
    };
    let (wanted, fits) = match (expected, value) {
        (Expected::Number(n), Value::Number(v)) => (n.to_string(), near(*n, *v, tolerance(spec))),
        (Expected::Number(n), _) => (n.to_string(), false),
        (Expected::Text(t), Value::Text(v)) => (format!("\"{t}\""), **v == **t),
        (Expected::Text(t), _) => (format!("\"{t}\""), false),
        (Expected::Bad(word), _) => (word.clone(), quality.word() == word),
    };
    let got = match value {
        Value::Number(v) => v.to_string(),
        Value::Text(t) => format!("\"{t}\""),
        Value::None => quality.word().to_owned(),
    };
    (!fits).then(|| {
        Text::new(&format!("{point}：应为 {wanted}，实为 {got}"), &format!("{point}: expected {wanted}, got {got}"))
    })
}

/// Relative tolerance: what a register of 24 significant bits can hold, or rounding of doubles.
fn tolerance(spec: &PointSpec) -> f64 {
    match &spec.source {
        PointSource::Register(Register { wire: WireType::F32, .. }) | PointSource::Derived(_) => 1e-6,
        _ => 1e-9,
    }
}

fn near(expected: f64, got: f64, tolerance: f64) -> bool {
    (expected - got).abs() <= tolerance * expected.abs().max(got.abs()).max(tolerance)
}

/// Alarms that should hold and do not, and the other way round.
fn alarm_faults(profile: &Profile, test: &TestVector, values: &Values<'_>, judge: &dyn Judge) -> Vec<Text> {
    let mut faults = Vec::new();
    for wanted in &test.alarms {
        if !profile.alarms.iter().any(|a| a.id.as_str() == wanted) {
            faults.push(Text::new(&format!("没有告警 {wanted}"), &format!("there is no alarm {wanted}")));
        }
    }
    for alarm in &profile.alarms {
        let wanted = test.alarms.iter().any(|id| alarm.id.as_str() == id);
        let held = values.holds(&alarm.condition, judge) == Some(true);
        if wanted && !held {
            faults.push(Text::new(
                &format!("告警 {} 应成立而未成立", alarm.id),
                &format!("alarm {} should hold and does not", alarm.id),
            ));
        } else if held && !wanted {
            faults.push(Text::new(
                &format!("告警 {} 成立，但校验向量未列出", alarm.id),
                &format!("alarm {} holds and is not listed", alarm.id),
            ));
        }
    }
    faults
}
