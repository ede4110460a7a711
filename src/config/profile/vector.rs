//! Golden vectors of a profile. Pure.

use std::collections::HashMap;

use crate::config::context::Context;
use crate::config::notation::register::{address, area_word};
use crate::model::quality;
use crate::model::reading::PointKind;
use crate::profile::{Area, Expected, Param, TestVector};
use crate::text::code;
use crate::text::record::{Entry, Record, Value};

type Kinds<'a> = HashMap<&'a str, PointKind>;

pub(super) fn build(record: &Record, kinds: &Kinds<'_>, params: &[Param], cx: &mut Context<'_>) -> Vec<TestVector> {
    let alarms: Vec<&str> = record.map("alarm").iter().map(|e| e.key.as_str()).collect();
    let tests = record.list("test").iter().filter_map(|item| item.value.record());
    tests.map(|test| vector(test, kinds, params, &alarms, cx)).collect()
}

fn vector(test: &Record, kinds: &Kinds<'_>, params: &[Param], alarms: &[&str], cx: &mut Context<'_>) -> TestVector {
    for entry in test.map("set") {
        if !params.iter().any(|p| p.id.as_str() == entry.key) {
            let there = params.iter().map(|p| p.id.as_str());
            cx.unknown(code::VECTOR, entry.key_span, ("parameter", "参数"), &entry.key, there);
        }
    }
    for entry in test.map("expect") {
        if !kinds.contains_key(entry.key.as_str()) {
            cx.unknown(code::VECTOR, entry.key_span, ("point", "测点"), &entry.key, kinds.keys().copied());
        }
    }
    for item in test.list("alarms") {
        let name = item.value.text().unwrap_or_default();
        if !alarms.contains(&name) {
            cx.unknown(code::VECTOR, item.span, ("alarm", "告警"), name, alarms.iter().copied());
        }
    }
    let messages = test.list("messages").iter().filter_map(|item| item.value.record());
    let own = |text: Option<&str>| text.unwrap_or_default().to_owned();
    TestVector {
        registers: test.map("registers").iter().filter_map(|entry| registers(entry, cx)).collect(),
        messages: messages.map(|m| (own(m.text("topic")), own(m.text("payload")))).collect(),
        set: test.map("set").iter().filter_map(|e| Some((e.key.clone(), e.item.value.number()?))).collect(),
        expect: test.map("expect").iter().filter_map(|e| Some((e.key.clone(), expected(e, cx)?))).collect(),
        alarms: test.list("alarms").iter().map(|i| own(i.value.text())).collect(),
    }
}

fn registers(entry: &Entry, cx: &mut Context<'_>) -> Option<(Area, u16, Vec<u16>)> {
    let (area, from) = match address(&entry.key) {
        Ok(found) => found,
        Err(complaint) => {
            let (m, h) = (&complaint.message, &complaint.help);
            cx.error(code::NOTATION, entry.key_span, (&m.en, &m.zh), (&h.en, &h.zh));
            return None;
        }
    };
    let Value::List(list) = &entry.item.value else { return None };
    let words: Vec<u16> = list.iter().filter_map(|i| u16::try_from(i.value.int()?).ok()).collect();
    let bits = matches!(area, Area::Coil | Area::Discrete);
    if bits && words.iter().any(|w| *w > 1) {
        let message =
            (format!("`{}` holds bits: 0 or 1", area_word(area)), format!("`{}` 只能是 0 或 1", area_word(area)));
        cx.error(code::VECTOR, entry.item.span, (&message.0, &message.1), ("write [0, 1, 1]", "请写 [0, 1, 1]"));
        return None;
    }
    if usize::from(from) + words.len() > 65_536 {
        let help = ("registers end at 65535", "寄存器到 65535 为止");
        let message = ("the list runs past the last address", "列表超出最大地址");
        cx.error(code::VECTOR, entry.item.span, message, help);
        return None;
    }
    Some((area, from, words))
}

fn expected(entry: &Entry, cx: &mut Context<'_>) -> Option<Expected> {
    match &entry.item.value {
        Value::Text(text) => Some(Expected::Text(text.clone())),
        Value::Record(record) => {
            let word = record.text("bad")?;
            let known = quality::ALL.iter().map(|q| q.word()).filter(|w| !w.starts_with("good"));
            if !known.clone().any(|w| w == word) {
                cx.unknown(code::VECTOR, record.span_of("bad"), ("quality word", "质量词"), word, known);
                return None;
            }
            Some(Expected::Bad(word.to_owned()))
        }
        other => other.number().map(Expected::Number),
    }
}
