//! A profile from its record: everything in it looked up and made to fit together. Pure.

mod health;
mod point;
mod vector;

use std::collections::HashMap;

use crate::config::condition::parts;
use crate::config::context::{Context, Names};
use crate::config::expr::Wants;
use crate::model::id::Id;
use crate::model::reading::PointKind;
use crate::profile::{
    AlarmSpec, Availability, ModbusLimits, MqttMapping, Param, PointSource, PointSpec, Profile, TimeFormat,
};
use crate::text::code;
use crate::text::diagnostic::{Diagnostic, say};
use crate::text::record::{Entry, Record};
use crate::text::suggest::did_you_mean;

/// Builds a profile. `base` is the unchanged profile when `record` is a copy with a site's changes: what the changes
/// cannot have touched is not judged again.
pub(crate) fn build(record: &Record, base: Option<&Profile>, cx: &mut Context<'_>) -> Option<Profile> {
    let before = cx.report.errors();
    let head = record.record("profile")?;
    if head.item("source").is_some() && head.list("source").is_empty() {
        let help = ("name manual and page, or a public register list", "请写明手册与页码，或公开的寄存器表");
        cx.error(code::MISSING, head.span_of("source"), ("a profile names its sources", "模板必须写明出处"), help);
    }
    let modbus = modbus(record.record("modbus"));
    let mqtt = record.record("mqtt").map(mqtt);
    let params = params(record, cx);
    let read_only = head.flag("read_only");
    let frame = point::Frame { modbus: &modbus, mqtt: mqtt.as_ref(), read_only };
    let points: Vec<PointSpec> =
        record.map("point").iter().filter_map(|entry| point::build(entry, &frame, cx)).collect();
    if points.is_empty() && cx.report.errors() == before && !record.faulty {
        let help = ("add at least one [point.<id>]", "请至少添加一个 [point.<标识>]");
        cx.error(code::MISSING, record.span_of("point"), ("this profile has no points", "模板没有测点"), help);
    }
    // Names are judged against what is declared, so that one faulty point makes no alarm faulty as well.
    let kinds = kinds(record, &points);
    same_names(record, &params, cx);
    point::links(record, &points, &kinds, cx);
    let judge = base.is_none_or(|base| base.points.iter().map(|p| p.kind).ne(points.iter().map(|p| p.kind)));
    let alarms = match base.filter(|_| !judge) {
        Some(base) => base.alarms.clone(),
        None => judged(record, &points, &params, &kinds, cx),
    };
    let health = match base {
        Some(base) => base.health.clone(),
        None => record.record("health").map(|r| health::build(r, &kinds, &params, cx)).unwrap_or_default(),
    };
    let tests = match base {
        Some(base) => base.tests.clone(),
        None => vector::build(record, &kinds, &params, cx),
    };
    let profile = Profile {
        id: head.text("id")?.to_owned(),
        revision: head.small("revision")?,
        kind: head.text("kind")?.to_owned(),
        name: head.two("name"),
        source: head.list("source").iter().filter_map(|i| i.value.text().map(str::to_owned)).collect(),
        evidence: head.text("evidence")?.to_owned(),
        note: head.two("note"),
        read_only,
        modbus,
        mqtt,
        params,
        points,
        alarms,
        health,
        tests,
    };
    (cx.report.errors() == before && !record.faulty).then_some(profile)
}

/// Kinds of all declared points; one that could not be built counts as a number.
fn kinds<'a>(record: &'a Record, points: &[PointSpec]) -> HashMap<&'a str, PointKind> {
    let built: HashMap<&str, PointKind> = points.iter().map(|p| (p.id.as_str(), p.kind)).collect();
    let kind = |key: &str| built.get(key).copied().unwrap_or(PointKind::Number);
    record.map("point").iter().map(|e| (e.key.as_str(), kind(&e.key))).collect()
}

/// Everything that names points: expressions and alarms.
fn judged(
    record: &Record,
    points: &[PointSpec],
    params: &[Param],
    kinds: &HashMap<&str, PointKind>,
    cx: &mut Context<'_>,
) -> Vec<AlarmSpec> {
    let declared: Vec<&str> = record.map("param").iter().map(|e| e.key.as_str()).collect();
    let names = Names {
        point: &|name| kinds.get(name).copied(),
        param: &|name| params.iter().any(|p| p.id.as_str() == name) || declared.contains(&name),
        near: &|name| did_you_mean(name, kinds.keys().copied().chain(declared.iter().copied())),
    };
    for point in points {
        if let PointSource::Derived(expr) = &point.source {
            let entry = record.map("point").iter().find(|e| e.key == point.id.as_str());
            let inner = entry.and_then(|e| e.item.value.record());
            let span = inner.map_or(record.span, |r| r.span_of("derive"));
            let wants = if point.kind == PointKind::Switch { Wants::Truth } else { Wants::Number };
            cx.expression(expr, span, wants, &names);
        }
    }
    record.map("alarm").iter().filter_map(|entry| alarm(entry, &names, cx)).collect()
}

fn alarm(entry: &Entry, names: &Names<'_>, cx: &mut Context<'_>) -> Option<AlarmSpec> {
    let parts = parts(entry.item.value.record()?, names, cx)?;
    Some(AlarmSpec {
        id: Id::new(&entry.key).ok()?,
        level: parts.level,
        condition: parts.condition,
        on_delay: parts.on_delay,
        off_delay: parts.off_delay,
        latched: parts.latched,
        shadow: parts.shadow,
        text: parts.text,
    })
}

fn modbus(record: Option<&Record>) -> ModbusLimits {
    let Some(record) = record else { return ModbusLimits::default() };
    let standard = ModbusLimits::default();
    ModbusLimits {
        registers_max: record.small("registers_max").unwrap_or(standard.registers_max),
        bits_max: record.small("bits_max").unwrap_or(standard.bits_max),
        gap_max: record.small("gap_max").unwrap_or(standard.gap_max),
        pause: record.duration("pause").unwrap_or(standard.pause),
    }
}

fn mqtt(record: &Record) -> MqttMapping {
    let own = |key: &str| record.text(key).map(str::to_owned);
    let mut topics: Vec<String> =
        record.list("topics").iter().filter_map(|i| i.value.text().map(str::to_owned)).collect();
    if topics.is_empty() {
        topics.push(String::new());
    }
    MqttMapping {
        topics,
        time: own("time"),
        time_format: match record.text("time_format") {
            Some("unix_s") => TimeFormat::UnixSeconds,
            Some("unix_ms") => TimeFormat::UnixMillis,
            _ => TimeFormat::Rfc3339,
        },
        dedup: own("dedup"),
        availability: record.record("availability").map(|a| Availability {
            topic: a.text("topic").unwrap_or_default().to_owned(),
            pointer: a.text("json").unwrap_or_default().to_owned(),
            online: a.text("online").unwrap_or_default().to_owned(),
            offline: a.text("offline").unwrap_or_default().to_owned(),
        }),
    }
}

fn params(record: &Record, cx: &mut Context<'_>) -> Vec<Param> {
    let mut params = Vec::new();
    for entry in record.map("param") {
        let Some(inner) = entry.item.value.record() else { continue };
        let (Ok(id), Some(default)) = (Id::new(&entry.key), inner.number("default")) else { continue };
        let range = inner.range("range").unwrap_or((f64::MIN, f64::MAX));
        if !(range.0..=range.1).contains(&default) {
            let message = (
                format!("the default {default} is outside the range {} .. {}", range.0, range.1),
                format!("缺省值 {default} 超出范围 {} .. {}", range.0, range.1),
            );
            let help = ("change the default or the range", "请修改缺省值或范围");
            cx.error(code::RANGE, inner.span_of("default"), (&message.0, &message.1), help);
        }
        let by = inner.id("by").map(|of| (of.clone(), defaults_by(inner, range, cx)));
        params.push(Param { id, name: inner.two("name"), unit: inner.unit("unit"), default, by, range });
    }
    decided(record, &params, cx);
    params
}

/// The default for each value of the deciding parameter.
fn defaults_by(record: &Record, range: (f64, f64), cx: &mut Context<'_>) -> Vec<(i64, f64)> {
    let mut table = Vec::new();
    for entry in record.map("defaults") {
        let (Ok(key), Some(value)) = (entry.key.parse(), entry.item.value.number()) else {
            let message = (format!("`{}` is not a whole number", entry.key), format!("`{}` 不是整数", entry.key));
            let help = ("write `{ 1 = 1.8, 2 = 2.8 }`", "请写 `{ 1 = 1.8, 2 = 2.8 }`");
            cx.error(code::TYPE, entry.key_span, (&message.0, &message.1), help);
            continue;
        };
        if (range.0..=range.1).contains(&value) {
            table.push((key, value));
        } else {
            let message = (
                format!("the default {value} is outside the range {} .. {}", range.0, range.1),
                format!("缺省值 {value} 超出范围 {} .. {}", range.0, range.1),
            );
            let help = ("change the default or the range", "请修改缺省值或范围");
            cx.error(code::RANGE, entry.item.span, (&message.0, &message.1), help);
        }
    }
    table
}

/// A deciding parameter is another one, and decides by itself: no chains, no circles.
fn decided(record: &Record, params: &[Param], cx: &mut Context<'_>) {
    for param in params {
        let Some((by, _)) = &param.by else { continue };
        if params.iter().any(|p| p.id == *by && p.by.is_none() && p.id != param.id) {
            continue;
        }
        let entry = record.map("param").iter().find(|e| e.key == param.id.as_str());
        let span = entry.and_then(|e| e.item.value.record()).map_or(record.span, |r| r.span_of("by"));
        let message =
            (format!("`{by}` is no parameter that decides by itself"), format!("`{by}` 不是可独立取值的参数"));
        let help = ("name another parameter of this profile without `by`", "请写本模板中另一个没有 `by` 的参数");
        cx.error(code::UNKNOWN_PARAM, span, (&message.0, &message.1), help);
    }
}

/// A point and a parameter of one name could not be told apart in expressions.
fn same_names(record: &Record, params: &[Param], cx: &mut Context<'_>) {
    for param in record.map("param").iter().filter(|e| params.iter().any(|p| p.id.as_str() == e.key)) {
        if let Some(point) = record.map("point").iter().find(|e| e.key == param.key) {
            let message =
                say(format!("`{}` is a point and a parameter", param.key), format!("`{}` 既是测点又是参数", param.key));
            cx.report.add(
                Diagnostic::error(code::DUPLICATE, param.key_span, message)
                    .help(say("rename one of the two", "请改名其中一个"))
                    .also(point.key_span, say("the point", "测点")),
            );
        }
    }
}
