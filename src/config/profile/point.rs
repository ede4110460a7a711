//! One point of a profile: where it is read, what its value is, and whether its settings make sense together. Pure.

use std::collections::HashMap;

use crate::config::context::Context;
use crate::config::notation::percent;
use crate::config::notation::register::{address, length, order, wire};
use crate::model::id::Id;
use crate::model::reading::PointKind;
use crate::model::text::Text;
use crate::profile::{
    Area, Counter, Deadband, ModbusLimits, MqttMapping, Order, PointSource, PointSpec, Register, ScaleFrom, WireType,
    WriteSpec,
};
use crate::text::code;
use crate::text::record::{Entry, Record, Value};

/// What the rest of the profile says.
pub(super) struct Frame<'a> {
    pub(super) modbus: &'a ModbusLimits,
    pub(super) mqtt: Option<&'a MqttMapping>,
    pub(super) read_only: bool,
}

/// Builds one point; `None` when it was complained about.
pub(super) fn build(entry: &Entry, frame: &Frame<'_>, cx: &mut Context<'_>) -> Option<PointSpec> {
    let record = entry.item.value.record()?;
    let before = cx.report.errors();
    let labels = labels(record, cx);
    let source = source(record, frame, cx)?;
    let kind = kind(record, &source, !labels.is_empty());
    settings(record, &source, kind, cx);
    let write = write(record, &source, kind, frame, cx);
    let deadband = deadband(record, cx);
    let point = PointSpec {
        id: Id::new(&entry.key).ok()?,
        name: record.two("name"),
        kind,
        unit: record.unit("unit"),
        scale: record.number("scale").unwrap_or(1.0),
        offset: record.number("offset").unwrap_or(0.0),
        scale_from: record.record("scale_from").and_then(scale_from),
        unit_from: record.record("unit_from").and_then(|inner| unit_from(inner, cx)),
        negative_from: record.number("negative_from"),
        valid: record.range("valid"),
        sentinel: numbers(record, "sentinel"),
        invert: record.flag("invert"),
        deadband,
        every: record.duration("every"),
        stale_after: record.duration("stale_after"),
        counter: counter(record, &source),
        labels,
        write,
        source,
    };
    (cx.report.errors() == before && !record.faulty).then_some(point)
}

fn source(record: &Record, frame: &Frame<'_>, cx: &mut Context<'_>) -> Option<PointSource> {
    let given = ["read", "json", "derive"].into_iter().filter(|key| record.item(key).is_some()).count();
    if given != 1 {
        // Either said by the reader already, or brought about by a site's change.
        if given > 1 && !record.faulty {
            let help = ("a change cannot turn a register into a message field", "修改不能把寄存器变成报文字段");
            let message = (
                "a point has exactly one of `read`, `json`, `derive`",
                "测点必须且只能有 `read`、`json`、`derive` 之一",
            );
            cx.error(code::ONE_OF, record.span_of("json"), message, help);
        }
        return None;
    }
    if let Some(text) = record.text("read") {
        return register(record, text, frame.modbus, cx).map(PointSource::Register);
    }
    for key in ["type", "order"] {
        if let Some(item) = record.item(key) {
            let message = (format!("`{key}` belongs to registers"), format!("`{key}` 只用于寄存器"));
            let help = ("remove it, or say the register with `read`", "请删除，或用 `read` 写明寄存器");
            cx.error(code::POINT_SETTING, item.span, (&message.0, &message.1), help);
        }
    }
    if let Some(expr) = record.text("derive") {
        return Some(PointSource::Derived(expr.to_owned()));
    }
    let pointer = record.text("json")?.to_owned();
    let Some(mqtt) = frame.mqtt else {
        cx.error(
            code::UNREACHABLE,
            record.span_of("json"),
            ("a message field in a profile without [mqtt]", "模板没有 [mqtt]，却有报文字段"),
            ("add an [mqtt] table, or say the register with `read`", "请添加 [mqtt]，或用 `read` 写明寄存器"),
        );
        return None;
    };
    let topic: Option<usize> = record.small("topic");
    if topic.is_some_and(|ix| ix >= mqtt.topics.len()) {
        let message = (
            format!("`mqtt.topics` has only {} entries; the first is 0", mqtt.topics.len()),
            format!("`mqtt.topics` 只有 {} 项，从 0 数起", mqtt.topics.len()),
        );
        cx.error(
            code::UNREACHABLE,
            record.span_of("topic"),
            (&message.0, &message.1),
            ("correct the position", "请改正序号"),
        );
    }
    let words = record.map("words").iter().filter_map(|e| Some((e.key.clone(), e.item.value.number()?))).collect();
    Some(PointSource::Message { pointer, topic, words })
}

fn register(record: &Record, text: &str, limits: &ModbusLimits, cx: &mut Context<'_>) -> Option<Register> {
    let (area, address) = address(text).ok()?;
    let bits = matches!(area, Area::Coil | Area::Discrete);
    let wire = match record.text("type") {
        Some(text) => wire(text).ok()?,
        None if bits => WireType::Bit,
        None => WireType::U16,
    };
    let at = record.written("type").map_or(record.span_of("read"), |item| item.span);
    if bits && wire != WireType::Bit {
        let message = ("a coil or discrete input holds one bit, not a register", "线圈和离散输入只有一位，不是寄存器");
        cx.error(
            code::UNREACHABLE,
            at,
            message,
            ("remove `type`, or read `holding:` or `input:`", "请删除 `type`，或改读 `holding:`、`input:`"),
        );
        return None;
    }
    if !bits && wire == WireType::Bit {
        let help = (
            "say which bit: `type = \"bit:3\"` (0 is the least significant)",
            "请写明哪一位：`type = \"bit:3\"`（0 为最低位）",
        );
        cx.error(code::UNREACHABLE, at, ("a register has 16 bits", "寄存器有 16 位"), help);
        return None;
    }
    let length = length(wire);
    if u32::from(address) + u32::from(length) > 65_536 {
        let message = (
            format!("{length} registers from {address} on run past the last address 65535"),
            format!("从 {address} 起的 {length} 个寄存器超出最大地址 65535"),
        );
        cx.error(
            code::UNREACHABLE,
            record.span_of("read"),
            (&message.0, &message.1),
            ("check address and type", "请检查地址和类型"),
        );
        return None;
    }
    if !bits && length > limits.registers_max {
        let message = (
            format!("it takes {length} registers, but `modbus.registers_max` is {}", limits.registers_max),
            format!("需要 {length} 个寄存器，但 `modbus.registers_max` 为 {}", limits.registers_max),
        );
        cx.error(
            code::UNREACHABLE,
            at,
            (&message.0, &message.1),
            ("a value must fit one request", "一个值必须能在一次请求中读完"),
        );
        return None;
    }
    let order = match record.text("order") {
        Some(text) => byte_order(record, text, wire, cx)?,
        None => Order::default(),
    };
    Some(Register { area, address, wire, order })
}

fn byte_order(record: &Record, text: &str, wire: WireType, cx: &mut Context<'_>) -> Option<Order> {
    let (order, bytes) = order(text).ok()?;
    let (wanted, example) = match (wire, length(wire)) {
        (WireType::Bit, _) => (0, "no order at all"),
        (WireType::Ascii(_) | WireType::Hex(_), _) | (_, 1) => (2, "`AB` or `BA`"),
        (_, 2) => (4, "`ABCD`, `CDAB`, `BADC` or `DCBA`"),
        _ => (8, "`ABCDEFGH`, `GHEFCDAB`, `BADCFEHG` or `HGFEDCBA`"),
    };
    if bytes == wanted {
        return Some(order);
    }
    let message = (
        format!("`{text}` speaks of {bytes} bytes, the type has {wanted}"),
        format!("`{text}` 表示 {bytes} 个字节，而类型有 {wanted} 个"),
    );
    let help = (format!("this type takes {example}"), format!("此类型可用 {example}"));
    cx.error(code::ORDER, record.span_of("order"), (&message.0, &message.1), (&help.0, &help.1));
    None
}

fn kind(record: &Record, source: &PointSource, labelled: bool) -> PointKind {
    match record.text("kind") {
        Some("number") => return PointKind::Number,
        Some("switch") => return PointKind::Switch,
        Some("enumeration") => return PointKind::Enumeration,
        Some("text") => return PointKind::Text,
        _ => {}
    }
    #[expect(clippy::float_cmp, reason = "0 and 1 are exact")]
    let on_off = |words: &[(String, f64)]| !words.is_empty() && words.iter().all(|(_, v)| *v == 0.0 || *v == 1.0);
    match source {
        PointSource::Register(r) if matches!(r.wire, WireType::Bit | WireType::BitOf(_)) => PointKind::Switch,
        PointSource::Register(r) if matches!(r.wire, WireType::Ascii(_) | WireType::Hex(_) | WireType::Ipv4) => {
            PointKind::Text
        }
        PointSource::Message { words, .. } if on_off(words) => PointKind::Switch,
        PointSource::Message { words, .. } if !words.is_empty() => PointKind::Enumeration,
        _ if labelled => PointKind::Enumeration,
        _ => PointKind::Number,
    }
}

/// Settings that do nothing for this kind of point are mistakes, not decoration.
fn settings(record: &Record, source: &PointSource, kind: PointKind, cx: &mut Context<'_>) {
    let mut refuse = |key: &str, why: (&str, &str)| {
        if let Some(item) = record.written(key) {
            let message = (format!("`{key}` makes no sense here: {}", why.0), format!("此处不能用 `{key}`：{}", why.1));
            cx.error(code::POINT_SETTING, item.span, (&message.0, &message.1), ("remove it", "请删除"));
        }
    };
    if kind == PointKind::Text {
        let keys = [
            "unit",
            "scale",
            "offset",
            "scale_from",
            "unit_from",
            "negative_from",
            "valid",
            "sentinel",
            "deadband",
            "counter",
            "labels",
        ];
        for key in keys {
            refuse(key, ("the value is a text", "值为文本"));
        }
    }
    if matches!(kind, PointKind::Switch | PointKind::Enumeration) {
        for key in ["scale", "offset", "scale_from", "unit_from", "negative_from", "deadband", "counter"] {
            refuse(key, ("the value is a state, not a quantity", "值为状态，不是量值"));
        }
    }
    if kind != PointKind::Switch {
        refuse("invert", ("only switches can be inverted", "只有开关量可以反相"));
    }
    if !matches!(source, PointSource::Message { .. }) {
        for key in ["topic", "words"] {
            refuse(key, ("the point is not read from messages", "此测点不来自报文"));
        }
    }
    if matches!(source, PointSource::Derived(_)) {
        for key in ["every", "sentinel", "scale_from", "unit_from", "negative_from"] {
            refuse(key, ("the point is computed", "此测点由计算得出"));
        }
    }
    if let (Some(every), Some(stale)) = (record.duration("every"), record.duration("stale_after"))
        && stale <= every
    {
        let message = ("the value would be stale before the next one comes", "下一个值到来之前就已过期");
        let help = ("make `stale_after` at least three times `every`", "`stale_after` 至少取 `every` 的三倍");
        cx.error(code::POINT_SETTING, record.span_of("stale_after"), message, help);
    }
}

fn write(
    record: &Record,
    source: &PointSource,
    kind: PointKind,
    frame: &Frame<'_>,
    cx: &mut Context<'_>,
) -> Option<WriteSpec> {
    let (min, max) = record.range("write")?;
    let mut refuse = |why: (&str, &str), help: (&str, &str)| cx.error(code::WRITE, record.span_of("write"), why, help);
    if frame.read_only {
        let why =
            ("this device must never be written: its profile is `read_only`", "此设备禁止写入：模板为 `read_only`");
        refuse(why, ("remove `write`", "请删除 `write`"));
        return None;
    }
    let writable = match source {
        PointSource::Register(r) => match r.area {
            Area::Coil => true,
            Area::Holding => !matches!(r.wire, WireType::BitOf(_) | WireType::Slice { .. }) && kind != PointKind::Text,
            Area::Input | Area::Discrete => false,
        },
        PointSource::Message { .. } | PointSource::Derived(_) => false,
    };
    if !writable {
        let why = ("this point cannot be written", "此测点不可写入");
        refuse(why, ("only coils and whole holding registers can", "只有线圈和整个保持寄存器可以写入"));
        return None;
    }
    Some(WriteSpec { min, max })
}

fn deadband(record: &Record, cx: &mut Context<'_>) -> Deadband {
    match record.item("deadband").map(|i| (&i.value, i.span)) {
        Some((Value::Text(text), span)) => {
            if record.range("valid").is_none() {
                let help =
                    ("give `valid`, or a number in the unit of the point", "请给出 `valid`，或改写为以测点单位计的数");
                let message =
                    ("a percentage of what? the point has no `valid` range", "百分比没有基准：测点没有 `valid` 范围");
                cx.error(code::POINT_SETTING, span, message, help);
            }
            percent(text).map_or(Deadband::None, Deadband::Percent)
        }
        Some((value, _)) => value.number().map_or(Deadband::None, Deadband::Absolute),
        None => Deadband::None,
    }
}

/// Where a raw total starts again at 0, by its type; 64 bits and floats never do in a device's life.
fn counter(record: &Record, source: &PointSource) -> Option<Counter> {
    let wraps_at = match (&record.item("counter")?.value, source) {
        (Value::Bool(false), _) => return None,
        (Value::Number(wraps_at), _) => *wraps_at,
        (_, PointSource::Register(r)) => match r.wire {
            WireType::U16 => 65_536.0,
            WireType::U32 => 4_294_967_296.0,
            WireType::Bcd(registers) => 10_f64.powi(i32::from(registers) * 4),
            _ => 0.0,
        },
        _ => 0.0,
    };
    Some(Counter { wraps_at })
}

fn numbers(record: &Record, key: &str) -> Vec<f64> {
    match record.item(key).map(|i| &i.value) {
        Some(Value::List(list)) => list.iter().filter_map(|i| i.value.number()).collect(),
        Some(one) => one.number().into_iter().collect(),
        None => Vec::new(),
    }
}

/// A whole number as the key of a table: TOML keys are texts.
fn whole_key(entry: &Entry, cx: &mut Context<'_>) -> Option<i64> {
    let number = entry.key.parse().ok();
    if number.is_none() {
        let message = (format!("`{}` is not a whole number", entry.key), format!("`{}` 不是整数", entry.key));
        cx.error(
            code::TYPE,
            entry.key_span,
            (&message.0, &message.1),
            ("write `{ 0 = .., 1 = .. }`", "请写 `{ 0 = .., 1 = .. }`"),
        );
    }
    number
}

fn labels(record: &Record, cx: &mut Context<'_>) -> Vec<(i64, Text)> {
    let entries = record.map("labels").iter();
    let label = |entry: &Entry, cx: &mut Context<'_>| match &entry.item.value {
        Value::Two(text) => Some((whole_key(entry, cx)?, text.clone())),
        _ => None,
    };
    entries.filter_map(|entry| label(entry, cx)).collect()
}

fn scale_from(record: &Record) -> Option<(Id, ScaleFrom)> {
    let how = if record.text("as") == Some("factor") { ScaleFrom::Factor } else { ScaleFrom::PowerOfTen };
    Some((record.id("point")?.clone(), how))
}

fn unit_from(record: &Record, cx: &mut Context<'_>) -> Option<(Id, Vec<(i64, f64)>)> {
    let factors = record.map("factors").iter();
    let factors = factors.filter_map(|e| Some((whole_key(e, cx)?, e.item.value.number()?))).collect();
    Some((record.id("point")?.clone(), factors))
}

/// Points that take their scale or unit from another one.
pub(super) fn links(record: &Record, points: &[PointSpec], kinds: &HashMap<&str, PointKind>, cx: &mut Context<'_>) {
    for entry in record.map("point") {
        let Some(inner) = entry.item.value.record() else { continue };
        for key in ["scale_from", "unit_from"] {
            let Some(link) = inner.record(key) else { continue };
            let Some(target) = link.id("point") else { continue };
            let span = link.span_of("point");
            if !kinds.contains_key(target.as_str()) {
                cx.unknown(code::UNKNOWN_POINT, span, ("point", "测点"), target.as_str(), kinds.keys().copied());
            } else if target.as_str() == entry.key {
                let help = ("name the point that holds it", "请写给出该值的测点");
                cx.error(code::POINT_SETTING, span, ("a point cannot scale itself", "测点不能引用自身"), help);
            } else if points.iter().any(|p| p.id == *target && (p.scale_from.is_some() || p.kind == PointKind::Text)) {
                let message = ("that point is scaled itself, or is a text", "该测点本身带倍率，或为文本");
                cx.error(code::POINT_SETTING, span, message, ("name a plain number", "请写普通数值测点"));
            }
        }
    }
}
