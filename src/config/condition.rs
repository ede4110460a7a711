//! Conditions of alarms and rules from their records. Pure.

use std::time::Duration;

use crate::config::context::{Context, Names};
use crate::config::expr::Wants;
use crate::config::fields::condition::CONDITIONS;
use crate::model::alarm::{AlarmText, Level};
use crate::model::reading::PointKind;
use crate::profile::{Condition, Setting, Side};
use crate::text::code;
use crate::text::record::{Item, Record, Value};

/// What alarm and rule have in common.
pub(crate) struct Parts {
    pub(crate) condition: Condition,
    pub(crate) level: Level,
    pub(crate) on_delay: Duration,
    pub(crate) off_delay: Duration,
    pub(crate) latched: bool,
    pub(crate) shadow: bool,
    pub(crate) text: AlarmText,
}

/// Builds condition, level, delays and texts; `None` when something was complained about.
pub(crate) fn parts(record: &Record, names: &Names<'_>, cx: &mut Context<'_>) -> Option<Parts> {
    let before = cx.report.errors();
    let parts = read(record, names, cx);
    if parts.is_none() && cx.report.errors() == before && !is_faulty(record) {
        // An alarm that is missing without a word may cost lives: better not to start.
        cx.error(
            code::ALARM,
            record.span,
            ("this alarm cannot be understood and would be missing", "无法理解此告警，它将不会生效"),
            ("write its condition as the reference shows", "请按参考手册书写条件"),
        );
    }
    parts
}

/// Something in it was left out, and the reader has said why.
fn is_faulty(record: &Record) -> bool {
    let inner = |key| record.record(key).is_some_and(|r| r.faulty);
    record.faulty || CONDITIONS.iter().any(|key| inner(key))
}

fn read(record: &Record, names: &Names<'_>, cx: &mut Context<'_>) -> Option<Parts> {
    let condition = condition(record, names, cx);
    let level = record.text("level").and_then(|word| Level::ALL.into_iter().find(|l| l.word() == word));
    Some(Parts {
        condition: condition?,
        level: level?,
        on_delay: record.duration("for").unwrap_or_default(),
        off_delay: record.duration("off_delay").unwrap_or_default(),
        latched: record.flag("latched"),
        shadow: record.flag("shadow"),
        text: AlarmText {
            title: record.two("title"),
            cause: record.two("cause"),
            harm: record.two("harm"),
            action: record.two_list("action"),
        },
    })
}

fn condition(record: &Record, names: &Names<'_>, cx: &mut Context<'_>) -> Option<Condition> {
    if let (Some(expr), Some(item)) = (record.text("when"), record.item("when")) {
        cx.expression(expr, item.span, Wants::Truth, names);
        return Some(Condition::When(expr.to_owned()));
    }
    if let Some(limit) = record.record("limit") {
        return self::limit(limit, names, cx);
    }
    if let Some(state) = record.record("state") {
        return self::state(state, names, cx);
    }
    if let Some(rate) = record.record("rate") {
        let point = point(rate, names, cx, Some("rate"))?;
        let (side, per_minute) = side(rate, names, cx)?;
        return Some(Condition::Rate { point, side, per_minute, window: rate.duration("window")? });
    }
    if let Some(count) = record.record("count") {
        let point = point(count, names, cx, None)?;
        let count_setting = setting(count.item("count")?, names, cx)?;
        return Some(Condition::Count { point, count: count_setting, window: count.duration("window")? });
    }
    if let Some(trend) = record.record("trend") {
        let point = point(trend, names, cx, Some("trend"))?;
        let (side, limit) = side(trend, names, cx)?;
        let (within, learn) = (trend.duration("within")?, trend.duration("learn").unwrap_or_default());
        return Some(Condition::Trend { point, side, limit, within, learn });
    }
    if let Some(anomaly) = record.record("anomaly") {
        let point = point(anomaly, names, cx, Some("anomaly"))?;
        let (every, learn) =
            (anomaly.duration("every").unwrap_or_default(), anomaly.duration("learn").unwrap_or_default());
        return Some(Condition::Anomaly { point, every, learn });
    }
    if let Some(device) = record.record("device_anomaly") {
        return device_anomaly(device, names, cx);
    }
    if let Some(baseline) = record.record("baseline") {
        let (point, night) = (point(baseline, names, cx, Some("baseline"))?, baseline.text("of") == Some("night"));
        return Some(Condition::Baseline { point, night, deviation: setting(baseline.item("deviation")?, names, cx)? });
    }
    if let Some(change) = record.record("change") {
        let point = point(change, names, cx, Some("change"))?;
        return Some(Condition::Change { point, learn: change.duration("learn").unwrap_or_default() });
    }
    if let Some(peer) = record.record("peer") {
        let point = point(peer, names, cx, Some("peer"))?;
        let peers = measured(peer, "peers", 3, names, cx)?;
        return Some(Condition::Peer { point, peers, deviations: setting(peer.item("deviations")?, names, cx)? });
    }
    let absence = record.record("absence")?;
    let name = absence.text("point")?;
    if (names.point)(name).is_none() {
        unknown_point(name, absence, names, cx);
        return None;
    }
    Some(Condition::Absence { point: name.to_owned(), after: absence.duration("after")? })
}

fn limit(limit: &Record, names: &Names<'_>, cx: &mut Context<'_>) -> Option<Condition> {
    let point = point(limit, names, cx, Some("limit"));
    let sided = side(limit, names, cx);
    // Never give an alarm up silently for want of a setting that need not be written.
    let hysteresis = match limit.item("hysteresis") {
        Some(item) => setting(item, names, cx)?,
        None => Setting::Number(0.0),
    };
    if matches!(hysteresis, Setting::Number(v) if v < 0.0) {
        cx.error(
            code::RANGE,
            limit.span_of("hysteresis"),
            ("a hysteresis is never negative", "回差不能为负"),
            ("write how far the value must come back, for example 0.5", "请写须回落的幅度，例如 0.5"),
        );
        return None;
    }
    let (side, value) = sided?;
    Some(Condition::Limit { point: point?, side, limit: value, hysteresis })
}

fn device_anomaly(record: &Record, names: &Names<'_>, cx: &mut Context<'_>) -> Option<Condition> {
    let points = measured(record, "points", 2, names, cx)?;
    let (every, learn) = (record.duration("every")?, record.duration("learn").unwrap_or_default());
    Some(Condition::DeviceAnomaly { points, every, learn })
}

/// A list of at least `count_min` different measured points.
fn measured(
    record: &Record,
    key: &'static str,
    count_min: usize,
    names: &Names<'_>,
    cx: &mut Context<'_>,
) -> Option<Vec<String>> {
    let item = record.item(key)?;
    let Value::List(list) = &item.value else { return None };
    let mut points: Vec<String> = Vec::new();
    for entry in list {
        let name = entry.value.text()?;
        match (names.point)(name) {
            Some(PointKind::Text) | None => {
                let message =
                    (format!("there is no measured point `{name}` here"), format!("此处没有名为 `{name}` 的测量点"));
                let help = ("list quantities or switches of the device", "请列出该设备的量值或开关量测点");
                cx.error(code::UNKNOWN_POINT, entry.span, (&message.0, &message.1), help);
                return None;
            }
            Some(_) => points.push(name.to_owned()),
        }
    }
    points.sort();
    points.dedup();
    if points.len() < count_min {
        let message = (
            format!("at least {count_min} different points are needed here"),
            format!("此处至少需要 {count_min} 个不同的测点"),
        );
        let help = ("list more points; for one point use `anomaly`", "请补充测点；单个测点请用 `anomaly`");
        cx.error(code::ALARM, item.span, (&message.0, &message.1), help);
        return None;
    }
    Some(points)
}

fn state(state: &Record, names: &Names<'_>, cx: &mut Context<'_>) -> Option<Condition> {
    let point = point(state, names, cx, None);
    let item = state.item("is")?;
    let values: Vec<f64> = match &item.value {
        Value::List(list) => list.iter().filter_map(|i| i.value.number()).collect(),
        one => one.number().into_iter().collect(),
    };
    let point = point?;
    let switch = (names.point)(&point) == Some(PointKind::Switch);
    #[expect(clippy::float_cmp, reason = "0 and 1 are exact")]
    let odd = values.iter().find(|v| switch && **v != 0.0 && **v != 1.0);
    if let Some(odd) = odd {
        let message =
            (format!("`{point}` is a switch and is never {odd}"), format!("`{point}` 是开关量，不会等于 {odd}"));
        cx.error(code::ALARM, item.span, (&message.0, &message.1), ("write true or false", "请写 true 或 false"));
        return None;
    }
    if values.is_empty() {
        let help = ("list at least one value", "请至少列出一个值");
        cx.error(code::ALARM, item.span, ("an empty list is never true", "空列表永不成立"), help);
        return None;
    }
    Some(Condition::State { point, values })
}

/// The point of a condition; `measured` names a condition that only makes sense for quantities.
fn point(record: &Record, names: &Names<'_>, cx: &mut Context<'_>, measured: Option<&str>) -> Option<String> {
    let name = record.text("point")?;
    let Some(kind) = (names.point)(name) else {
        unknown_point(name, record, names, cx);
        return None;
    };
    let fits = match kind {
        PointKind::Number | PointKind::Enumeration => true,
        PointKind::Switch => measured.is_none(),
        PointKind::Text => false,
    };
    if !fits {
        let message = (
            format!("`{name}` is not a quantity: this condition cannot be judged on it"),
            format!("`{name}` 不是量值，无法用此条件判断"),
        );
        let help = (
            "use `state = { point, is }` for switches; texts cannot raise alarms",
            "开关量请用 `state = { point, is }`；文本不能告警",
        );
        cx.error(code::ALARM, record.span_of("point"), (&message.0, &message.1), help);
        return None;
    }
    Some(name.to_owned())
}

fn unknown_point(name: &str, record: &Record, names: &Names<'_>, cx: &mut Context<'_>) {
    use crate::text::diagnostic::{Diagnostic, say, shown};
    let name_shown = shown(name);
    let message = say(format!("there is no point `{name_shown}`"), format!("没有名为 `{name_shown}` 的测点"));
    let fault = Diagnostic::error(code::UNKNOWN_POINT, record.span_of("point"), message);
    cx.report.add(fault.maybe_help((names.near)(name)));
}

fn side(record: &Record, names: &Names<'_>, cx: &mut Context<'_>) -> Option<(Side, Setting)> {
    match (record.item("above"), record.item("below")) {
        (Some(item), None) => Some((Side::Above, setting(item, names, cx)?)),
        (None, Some(item)) => Some((Side::Below, setting(item, names, cx)?)),
        _ => None,
    }
}

fn setting(item: &Item, names: &Names<'_>, cx: &mut Context<'_>) -> Option<Setting> {
    match &item.value {
        Value::Id(id) if (names.param)(id.as_str()) => Some(Setting::Param(id.clone())),
        Value::Id(id) => {
            let message = (format!("there is no parameter `{id}` here"), format!("此处没有名为 `{id}` 的参数"));
            let help = (
                "write a number, or declare it in the profile as [param.<id>]; site rules take numbers only",
                "请写数值，或在模板中声明 [param.<标识>]；站点规则只能写数值",
            );
            cx.error(code::UNKNOWN_PARAM, item.span, (&message.0, &message.1), help);
            None
        }
        other => other.number().map(Setting::Number),
    }
}
