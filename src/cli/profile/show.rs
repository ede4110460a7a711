//! A profile as text for somebody who wires, checks or adapts a device. Pure.
//!
//! Addresses stand in both notations: `holding:16` counts from 0 as the wire does, `40017` from 1 as manuals do.

use std::fmt::Display;
use std::time::Duration;

use crate::cli::profile::line;
use crate::config::notation::register::{order_word, show_address, wire_word};
use crate::model::text::{Lang, Text};
use crate::profile::{AlarmSpec, Condition, Param, PointSource, PointSpec, Profile, ScaleFrom, Setting, Side};
use crate::text::quantity::show_ms;

/// The whole profile.
pub(super) fn show(profile: &Profile, lang: Lang) -> String {
    let say = |zh: &'static str, en: &'static str| if lang == Lang::Zh { zh } else { en };
    let mut text = String::new();
    line(&mut text, format_args!("{}  {}", profile.id, profile.name.get(lang)));
    let tried = match profile.evidence.as_str() {
        "tested" => say("已在实物上验证", "tried on hardware"),
        _ => say("依据文档，未在实物上验证", "made from documents, not yet tried on hardware"),
    };
    let revision = say("版本", "revision");
    line(&mut text, format_args!("{}, {revision} {}, {tried}", profile.kind, profile.revision));
    if profile.read_only {
        line(&mut text, format_args!("{}", say("只读：任何情况下都不写入", "read-only: nothing is ever written")));
    }
    head(&mut text, say("出处", "Sources"));
    for source in &profile.source {
        line(&mut text, format_args!("  {source}"));
    }
    if !profile.note.get(lang).is_empty() {
        head(&mut text, say("接线与注意", "Wiring and traps"));
        line(&mut text, format_args!("  {}", profile.note.get(lang)));
    }
    how_it_is_read(&mut text, profile, lang);
    if !profile.params.is_empty() {
        head(&mut text, say("参数（在站点文件中用 set = { .. }）", "Parameters (set = { .. } in the site file)"));
        let rows: Vec<_> = profile.params.iter().map(|p| param(p, lang)).collect();
        text.push_str(&indented(&table(&[], &rows)));
    }
    head(&mut text, say("测点", "Points"));
    let rows: Vec<_> = profile.points.iter().map(|p| point(p, profile, lang)).collect();
    let english = ["POINT", "WHERE", "TYPE", "ORDER", "SCALE", "UNIT", "VALID", "NAME"];
    let chinese = ["测点", "位置", "类型", "字节序", "倍率", "单位", "有效范围", "名称"];
    text.push_str(&indented(&table(if lang == Lang::Zh { &chinese } else { &english }, &rows)));
    if !profile.alarms.is_empty() {
        head(&mut text, say("告警", "Alarms"));
    }
    for spec in &profile.alarms {
        alarm(&mut text, spec, lang);
    }
    text
}

fn head(text: &mut String, what: &str) {
    line(text, format_args!("\n{what}"));
}

fn how_it_is_read(text: &mut String, profile: &Profile, lang: Lang) {
    let modbus = &profile.modbus;
    if let Some(mqtt) = &profile.mqtt {
        head(text, "MQTT");
        for (ix, topic) in mqtt.topics.iter().enumerate() {
            line(text, format_args!("  {ix}: <topic>{topic}"));
        }
        if let Some(there) = &mqtt.availability {
            let Text { zh, en } = Text::new("在线状态", "availability");
            let word = if lang == Lang::Zh { zh } else { en };
            line(text, format_args!("  {word}: <topic>{} ({} / {})", there.topic, there.online, there.offline));
        }
    } else if lang == Lang::Zh {
        let (r, b, g) = (modbus.registers_max, modbus.bits_max, modbus.gap_max);
        line(text, format_args!("\nModbus：单次最多 {r} 个寄存器或 {b} 位，可跨过 {g} 个空位"));
    } else {
        let (r, b, g) = (modbus.registers_max, modbus.bits_max, modbus.gap_max);
        line(text, format_args!("\nModbus: at most {r} registers or {b} bits a request, bridging gaps up to {g}"));
    }
}

fn param(param: &Param, lang: Lang) -> Vec<String> {
    let unit = param.unit.map_or("", crate::model::unit::Unit::code);
    let range = format!("{} .. {}", param.range.0, param.range.1);
    vec![param.id.to_string(), format!("{} {unit}", param.default), range, param.name.get(lang).to_owned()]
}

fn point(point: &PointSpec, profile: &Profile, lang: Lang) -> Vec<String> {
    let (place, wire, order) = match &point.source {
        PointSource::Register(r) => (
            show_address(r.area, r.address).replace(" = ", " / "),
            wire_word(r.wire),
            order_word(r.wire, r.order).to_owned(),
        ),
        PointSource::Message { pointer, topic, .. } => {
            let several = profile.mqtt.as_ref().is_some_and(|m| m.topics.len() > 1);
            let topic = topic.filter(|_| several).map_or(String::new(), |t| format!(" (topic {t})"));
            (format!("json {}{topic}", if pointer.is_empty() { "\"\"" } else { pointer }), String::new(), String::new())
        }
        PointSource::Derived(expr) => (format!("= {expr}"), String::new(), String::new()),
    };
    let valid = point.valid.map_or(String::new(), |(low, high)| format!("{low} .. {high}"));
    let unit = point.unit.map_or("", crate::model::unit::Unit::code);
    vec![
        point.id.to_string(),
        place,
        wire,
        order,
        scale(point),
        unit.to_owned(),
        valid,
        point.name.get(lang).to_owned(),
    ]
}

fn scale(point: &PointSpec) -> String {
    let mut parts = Vec::new();
    if point.scale.to_bits() != 1.0_f64.to_bits() {
        parts.push(format!("×{}", point.scale));
    }
    match &point.scale_from {
        Some((id, ScaleFrom::PowerOfTen)) => parts.push(format!("×10^{id}")),
        Some((id, ScaleFrom::Factor)) => parts.push(format!("×{id}")),
        None => {}
    }
    if let Some((id, _)) = &point.unit_from {
        parts.push(format!("[{id}]"));
    }
    if point.offset != 0.0 {
        parts.push(format!("{:+}", point.offset));
    }
    if point.invert {
        parts.push("0↔1".to_owned());
    }
    parts.join(" ")
}

fn alarm(text: &mut String, alarm: &AlarmSpec, lang: Lang) {
    let say = |zh: &'static str, en: &'static str| if lang == Lang::Zh { zh } else { en };
    let latched = if alarm.latched { say("，须人工复位", ", until reset") } else { "" };
    let level = alarm.level.text();
    line(text, format_args!("  {} [{}{latched}] {}", alarm.id, level.get(lang), alarm.text.title.get(lang)));
    let delay = if alarm.on_delay.is_zero() {
        String::new()
    } else {
        format!("{}{}", say("，持续 ", " for "), length(alarm.on_delay))
    };
    line(text, format_args!("    {} {}{delay}", say("条件：", "when:  "), condition(&alarm.condition)));
    line(text, format_args!("    {} {}", say("原因：", "cause: "), alarm.text.cause.get(lang)));
    line(text, format_args!("    {} {}", say("后果：", "harm:  "), alarm.text.harm.get(lang)));
    for (number, step) in (1..).zip(&alarm.text.action) {
        let word = if number == 1 { say("处置：", "do:    ") } else { say("      ", "       ") };
        line(text, format_args!("    {word} {number}. {}", step.get(lang)));
    }
}

fn length(duration: Duration) -> String {
    show_ms(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// A condition in the notation of expressions, whichever form it was written in.
fn condition(condition: &Condition) -> String {
    let sign = |side: &Side| if *side == Side::Above { '>' } else { '<' };
    match condition {
        Condition::Limit { point, side, limit, hysteresis } => {
            let back = match hysteresis {
                Setting::Number(n) if *n == 0.0 => String::new(),
                other => format!(" (hysteresis {})", setting(other)),
            };
            format!("{point} {} {}{back}", sign(side), setting(limit))
        }
        Condition::State { point, values } => format!("{point} = {}", joined(values)),
        Condition::Rate { point, side, per_minute, window: w } => {
            format!("{point} changes {} {} per minute over {}", sign(side), setting(per_minute), length(*w))
        }
        Condition::Count { point, count, window: w } => {
            format!("{point} turns on {} times within {}", setting(count), length(*w))
        }
        Condition::Absence { point, after } => format!("{point} has no good value for {}", length(*after)),
        Condition::Trend { point, side, limit, within, learn } => format!(
            "{point} will be {} {} within {} (learns for {})",
            sign(side),
            setting(limit),
            length(*within),
            length(*learn)
        ),
        Condition::Anomaly { point, learn, .. } => format!("{point} is unlike itself (learns for {})", length(*learn)),
        Condition::DeviceAnomaly { points, learn, .. } => {
            format!("{} together are unlike before (learns for {})", points.join(", "), length(*learn))
        }
        Condition::Baseline { point, night, deviation } => {
            let what = if *night { "least night flow" } else { "use a day" };
            format!("{what} of {point} is off its baseline by {}", setting(deviation))
        }
        Condition::Change { point, .. } => format!("{point} has just changed"),
        Condition::Peer { point, peers, deviations } => {
            format!("{point} is {} spreads from {}", setting(deviations), peers.join(", "))
        }
        Condition::When(expression) => expression.clone(),
    }
}

fn setting(setting: &Setting) -> String {
    match setting {
        Setting::Number(n) => n.to_string(),
        Setting::Param(id) => id.to_string(),
    }
}

fn joined<T: Display>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

fn indented(block: &str) -> String {
    block.lines().map(|line| format!("  {line}\n")).collect()
}

/// Rows in columns as wide as their widest cell; the last column is free. Chinese characters take two places.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|h| (*h).to_owned()).collect();
    let all = || (!head.is_empty()).then_some(&head).into_iter().chain(rows);
    let columns = all().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| all().filter_map(|r| r.get(column)).map(|cell| places(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in all() {
        let mut out = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            out.push_str(cell);
            // An empty column takes no room at all.
            let room = if *width == 0 { 0 } else { width + 2 - places(cell) };
            out.extend(std::iter::repeat_n(' ', room));
        }
        line(&mut text, format_args!("{}", out.trim_end()));
    }
    text
}

/// Places a text takes on a terminal.
fn places(text: &str) -> usize {
    text.chars().map(|c| if c >= '\u{1100}' && !('\u{2000}'..'\u{2E80}').contains(&c) { 2 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_in_both_scripts() {
        let rows = [vec!["泵".to_owned(), "1".to_owned()], vec!["pump".to_owned(), "2".to_owned()]];
        assert_eq!(table(&["A", "B"], &rows), "A     B\n泵    1\npump  2\n");
    }
}
