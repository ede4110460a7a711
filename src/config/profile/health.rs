//! The health part of a profile from its record. Pure.

use std::collections::{HashMap, HashSet};

use crate::config::context::Context;
use crate::model::id::Id;
use crate::model::reading::PointKind;
use crate::profile::health::{HealthSpec, Interval, ServiceSpec};
use crate::profile::{Param, Setting};
use crate::text::code;
use crate::text::record::{Record, Value};

type Kinds<'a> = HashMap<&'a str, PointKind>;

pub(super) fn build(record: &Record, kinds: &Kinds<'_>, params: &[Param], cx: &mut Context<'_>) -> HealthSpec {
    let mut role = |key: &'static str, wants: PointKind| role(record, key, wants, kinds, cx);
    let spec = HealthSpec {
        running: role("running", PointKind::Switch),
        hours: role("hours", PointKind::Number),
        starts: role("starts", PointKind::Number),
        trips: role("trips", PointKind::Number),
        door: role("door", PointKind::Switch),
        door_cycles: role("door_cycles", PointKind::Number),
        energy: role("energy", PointKind::Number),
        starts_per_hour_max: starts_max(record, params, cx),
        duty: record.flag("duty"),
        services: services(record, cx),
    };
    for service in &spec.services {
        counted(service, &spec, record, cx);
    }
    spec
}

fn role(record: &Record, key: &'static str, wants: PointKind, kinds: &Kinds<'_>, cx: &mut Context<'_>) -> Option<Id> {
    let id = record.id(key)?;
    match kinds.get(id.as_str()) {
        Some(kind) if *kind == wants => return Some(id.clone()),
        Some(_) => {
            let message =
                (format!("`{id}` is not of the kind that `{key}` counts"), format!("`{id}` 的性质不适合 `{key}`"));
            let help =
                ("`running` and `door` are switches, totals are numbers", "`running`、`door` 为开关量，累计值为数值");
            cx.error(code::POINT_SETTING, record.span_of(key), (&message.0, &message.1), help);
        }
        None => {
            cx.unknown(code::UNKNOWN_POINT, record.span_of(key), ("point", "测点"), id.as_str(), kinds.keys().copied());
        }
    }
    None
}

fn starts_max(record: &Record, params: &[Param], cx: &mut Context<'_>) -> Option<Setting> {
    let item = record.item("starts_per_hour_max")?;
    match &item.value {
        Value::Id(id) if params.iter().any(|p| p.id == *id) => Some(Setting::Param(id.clone())),
        Value::Id(id) => {
            let there = params.iter().map(|p| p.id.as_str());
            cx.unknown(code::UNKNOWN_PARAM, item.span, ("parameter", "参数"), id.as_str(), there);
            None
        }
        other => other.number().map(Setting::Number),
    }
}

fn services(record: &Record, cx: &mut Context<'_>) -> Vec<ServiceSpec> {
    let mut seen = HashSet::new();
    let mut services = Vec::new();
    for item in record.list("service") {
        let Some(inner) = item.value.record() else { continue };
        let (Some(id), Some(every)) = (inner.id("id"), inner.record("every").and_then(interval)) else { continue };
        if !seen.insert(id.as_str().to_owned()) {
            let message = (format!("the service `{id}` is there twice"), format!("保养项目 `{id}` 重复"));
            let help = ("give each service an id of its own", "请给每个保养项目不同的标识");
            cx.error(code::DUPLICATE, inner.span_of("id"), (&message.0, &message.1), help);
            continue;
        }
        services.push(ServiceSpec { id: id.clone(), name: inner.two("name"), every });
    }
    services
}

fn interval(record: &Record) -> Option<Interval> {
    let number = |key, of: fn(f64) -> Interval| record.number(key).map(of);
    number("hours", Interval::Hours)
        .or_else(|| number("starts", Interval::Starts))
        .or_else(|| number("trips", Interval::Trips))
        .or_else(|| number("door_cycles", Interval::DoorCycles))
        .or_else(|| number("days", Interval::Days))
}

/// An interval that nothing counts would never come.
fn counted(service: &ServiceSpec, spec: &HealthSpec, record: &Record, cx: &mut Context<'_>) {
    let counts = match service.every {
        Interval::Hours(_) => spec.hours.is_some() || spec.running.is_some(),
        Interval::Starts(_) => spec.starts.is_some() || spec.running.is_some(),
        Interval::Trips(_) => spec.trips.is_some(),
        Interval::DoorCycles(_) => spec.door_cycles.is_some() || spec.door.is_some(),
        Interval::Days(_) => true,
    };
    if !counts {
        let message = (
            format!("nothing counts what the service `{}` is due by", service.id),
            format!("没有测点可计量保养项目 `{}` 的周期", service.id),
        );
        let help = ("name the point in [health], or count days", "请在 [health] 中写明测点，或改为按天数");
        cx.error(code::MISSING, record.span_of("service"), (&message.0, &message.1), help);
    }
}
