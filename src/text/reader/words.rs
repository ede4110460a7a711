//! What the reader says: names of types and kinds, examples, hints. Pure.

use toml::de::{DeArray, DeTable, DeValue};

use crate::model::id::IdError;
use crate::model::text::Text;
use crate::model::unit::UNITS;
use crate::text::code;
use crate::text::diagnostic::{Diagnostic, Report, say, shown};
use crate::text::field::{Kind, Scalar};
use crate::text::source::Span;

/// Type of a node in words.
pub(super) fn type_of(node: &DeValue<'_>) -> (&'static str, &'static str) {
    match node {
        DeValue::String(_) => ("text", "文本"),
        DeValue::Integer(_) => ("a whole number", "整数"),
        DeValue::Float(_) => ("a number", "小数"),
        DeValue::Boolean(_) => ("true or false", "布尔值"),
        DeValue::Datetime(_) => ("a date or time", "日期时间"),
        DeValue::Array(_) => ("a list", "列表"),
        DeValue::Table(_) => ("a table", "表"),
    }
}

/// Type of a plain value in words.
pub(super) fn type_of_scalar(scalar: Scalar<'_>) -> (&'static str, &'static str) {
    match scalar {
        Scalar::Text(_) => ("text", "文本"),
        Scalar::Int(_) => ("a whole number", "整数"),
        Scalar::Number(_) => ("a number", "小数"),
        Scalar::Bool(_) => ("true or false", "布尔值"),
    }
}

/// Whether a node has the TOML type of a kind.
pub(super) fn suits(kind: &Kind, node: &DeValue<'_>) -> bool {
    match kind {
        Kind::Any => true,
        Kind::Bool => node.is_bool(),
        Kind::Int { .. } => node.is_integer(),
        Kind::Number { .. } => node.is_integer() || node.is_float(),
        Kind::Range | Kind::List { .. } | Kind::Array(_) => node.is_array(),
        Kind::Text { .. }
        | Kind::Id
        | Kind::Duration { .. }
        | Kind::Size { .. }
        | Kind::Unit
        | Kind::Word(_)
        | Kind::Checked(_) => node.is_str(),
        Kind::Two => node.is_str() || node.is_table(),
        Kind::TwoList => node.is_str() || node.is_table() || node.is_array(),
        Kind::Table(_) | Kind::Tables(_) | Kind::Changes(_) | Kind::Map { .. } => node.is_table(),
        Kind::Either(kinds) => kinds.iter().any(|kind| suits(kind, node)),
    }
}

/// `(English, Chinese, example)` of a kind.
pub(super) fn name(kind: &Kind) -> (String, String, String) {
    let (en, zh) = match kind {
        Kind::Bool => ("true or false", "true 或 false"),
        Kind::Int { .. } => ("a whole number", "整数"),
        Kind::Number { .. } => ("a number", "数"),
        Kind::Range => ("a pair of numbers", "一对数"),
        Kind::Text { .. } => ("text", "文本"),
        Kind::Id => ("an id", "标识"),
        Kind::Duration { .. } => ("a duration", "时长"),
        Kind::Size { .. } => ("a size", "容量"),
        Kind::Unit => ("a unit", "单位"),
        Kind::Word(_) => ("one of the accepted words", "列表中的一个词"),
        Kind::Checked(notation) => (notation.name.en, notation.name.zh),
        Kind::Two => ("a text for people", "文字说明"),
        Kind::TwoList => ("a list of texts", "文字列表"),
        Kind::List { .. } => ("a list", "列表"),
        Kind::Table(_) | Kind::Tables(_) | Kind::Changes(_) | Kind::Map { .. } => ("a table", "表"),
        Kind::Array(_) => ("a list of tables", "表的列表"),
        Kind::Either(kinds) => return names(kinds),
        Kind::Any => ("anything", "任意值"),
    };
    (en.to_owned(), zh.to_owned(), example(kind))
}

/// The same for a choice of kinds.
pub(super) fn names(kinds: &[Kind]) -> (String, String, String) {
    let all: Vec<(String, String, String)> = kinds.iter().map(name).collect();
    let join = |pick: fn(&(String, String, String)) -> &String, with: &str| {
        all.iter().map(|n| pick(n).clone()).collect::<Vec<_>>().join(with)
    };
    (join(|n| &n.0, " or "), join(|n| &n.1, "或"), join(|n| &n.2, ", "))
}

/// How a value of this kind is written.
pub(super) fn example(kind: &Kind) -> String {
    match kind {
        Kind::Bool => "true".into(),
        Kind::Int { min, max } => 1.clamp(*min, *max).to_string(),
        Kind::Number { min, max } => format!("{:?}", 1.0_f64.clamp(*min, *max)),
        Kind::Range => "[0.0, 2.5]".into(),
        Kind::Text { .. } | Kind::Two => "\"…\"".into(),
        Kind::Id => "\"b3_pump_1\"".into(),
        Kind::Duration { .. } => "\"5s\"".into(),
        Kind::Size { .. } => "\"64MiB\"".into(),
        Kind::Unit => "\"kPa\"".into(),
        Kind::Word(words) => words.first().map_or_else(String::new, |(word, _)| format!("\"{word}\"")),
        Kind::Checked(notation) => format!("\"{}\"", notation.example),
        Kind::TwoList | Kind::List { .. } => "[\"…\"]".into(),
        Kind::Array(_) => "[{ … }]".into(),
        Kind::Table(_) | Kind::Tables(_) | Kind::Changes(_) | Kind::Map { .. } | Kind::Any => "{ … }".into(),
        Kind::Either(kinds) => kinds.first().map_or_else(String::new, example),
    }
}

/// Message and help about a bad id.
pub(super) fn id_words(text: &str, why: &IdError) -> (Text, Text) {
    let zh = match why {
        IdError::Empty => "标识不能为空".to_owned(),
        IdError::TooLong => "标识最多 64 个字符".to_owned(),
        IdError::BadChar(c) => format!("标识以小写字母开头，只含小写字母、数字和 `_`；`{}` 不允许", c.escape_debug()),
    };
    let message =
        say(format!("`{}` cannot be an id: {why}", shown(text)), format!("`{}` 不能作标识：{zh}", shown(text)));
    let fixed: String = text
        .trim()
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c == '-' || c == ' ' || c == '.' { '_' } else { c })
        .collect();
    let help = if crate::model::id::Id::new(&fixed).is_ok() {
        say(format!("write `{fixed}`"), format!("请写 `{fixed}`"))
    } else {
        say(
            "Chinese and other text belongs into `name`; an id looks like `b3_pump_1`",
            "中文等文字请写在 `name` 中；标识形如 `b3_pump_1`",
        )
    };
    (message, help)
}

/// The complaint about a table named by a bad id.
pub(crate) fn bad_id(text: &str, why: &IdError, span: Span) -> Diagnostic {
    let (message, help) = id_words(text, why);
    Diagnostic::error(code::ID, span, message).help(help)
}

/// The unit that people mean by another spelling.
pub(super) fn unit_alias(text: &str) -> Option<&'static str> {
    const ALIASES: &[(&str, &str)] = &[
        ("°C", "Cel"),
        ("C", "Cel"),
        ("degC", "Cel"),
        ("摄氏度", "Cel"),
        ("度", "kWh"),
        ("m^3", "m3"),
        ("m^3/h", "m3/h"),
        ("t/h", "m3/h"),
        ("Ω", "kohm"),
        ("r/min", "rpm"),
        ("RPM", "rpm"),
        ("KW", "kW"),
        ("KWH", "kWh"),
        ("Kpa", "kPa"),
        ("Mpa", "MPa"),
        ("percent", "%"),
        ("％", "%"),
        ("%RH", "%"),
        ("次", "count"),
        ("μg/m3", "ug/m3"),
    ];
    let text = text.trim();
    ALIASES
        .iter()
        .find(|(alias, _)| *alias == text)
        .map(|(_, unit)| *unit)
        .or_else(|| UNITS.iter().find(|(_, shown)| !shown.is_empty() && *shown == text).map(|(unit, _)| *unit))
        .or_else(|| UNITS.iter().find(|(unit, _)| unit.eq_ignore_ascii_case(text)).map(|(unit, _)| *unit))
}

/// What most often stands behind a syntax fault.
pub(super) fn syntax_hint(message: &str, text: &str, at: usize) -> (String, String) {
    let line_start = text.get(..at).map_or(0, |before| before.rfind('\n').map_or(0, |n| n + 1));
    let line = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or("");
    let full_width =
        line.chars().find(|c| matches!(c, '＝' | '“' | '”' | '，' | '［' | '］' | '｛' | '｝' | '：' | '　'));
    if let Some(c) = full_width.filter(|_| !message.contains("string")) {
        return (
            format!("the line holds the full-width character `{c}`; switch the input method off and type it again"),
            format!("此行含全角字符 `{c}`；请关闭中文输入法后重新输入"),
        );
    }
    if line.trim_start().starts_with('[') && !line.contains(']') {
        return ("close the table head with `]`".into(), "表头缺少 `]`".into());
    }
    if line.trim_start().starts_with('-') || (line.contains(": ") && !line.contains('=')) {
        return ("this is TOML, not YAML: write `key = value`".into(), "这是 TOML，不是 YAML：请写 `键 = 值`".into());
    }
    (
        "write `key = value`, text in straight quotes (\"…\"), one key a line".into(),
        "请写 `键 = 值`，文本用英文双引号（\"…\"），每行一个键".into(),
    )
}

fn text_of(node: &DeValue<'_>) -> Option<String> {
    node.as_str().map(str::to_owned)
}

/// `{ zh = "..", en = ".." }`
pub(super) fn two(node: &DeTable<'_>, span: Span, report: &mut Report) -> Option<Text> {
    let one = |key: &str| node.get(key).and_then(|n| text_of(n.get_ref()));
    let extra =
        node.iter().any(|(key, value)| !matches!(key.get_ref().as_ref(), "zh" | "en") || !value.get_ref().is_str());
    match (one("zh"), one("en")) {
        (Some(zh), Some(en)) if !extra => Some(Text::new(&zh, &en)),
        (Some(text), None) | (None, Some(text)) if !extra => Some(Text::same(&text)),
        _ => {
            report.add(bad_two(span));
            None
        }
    }
}

fn bad_two(span: Span) -> Diagnostic {
    Diagnostic::error(code::TYPE, span, say("a text for people is expected here", "此处应为文字说明")).help(say(
        "write one text, or `{ zh = \"…\", en = \"…\" }`; lists need the same number of lines in both",
        "请写一段文本，或 `{ zh = \"…\", en = \"…\" }`；列表的中英文行数须相同",
    ))
}

fn lines(node: Option<&DeValue<'_>>) -> Option<Vec<String>> {
    node?.as_array()?.iter().map(|n| text_of(n.get_ref())).collect()
}

/// `{ zh = [..], en = [..] }`
pub(super) fn two_list(node: &DeTable<'_>, span: Span, report: &mut Report) -> Option<Vec<Text>> {
    let zh = lines(node.get("zh").map(toml::Spanned::get_ref));
    let en = lines(node.get("en").map(toml::Spanned::get_ref));
    let known = node.iter().all(|(key, _)| matches!(key.get_ref().as_ref(), "zh" | "en"));
    match (zh, en) {
        (Some(zh), Some(en)) if known && zh.len() == en.len() => {
            Some(zh.iter().zip(&en).map(|(zh, en)| Text::new(zh, en)).collect())
        }
        (Some(one), None) | (None, Some(one)) if known && node.len() == 1 => {
            Some(one.iter().map(|text| Text::same(text)).collect())
        }
        _ => {
            report.add(bad_two(span));
            None
        }
    }
}

/// `[..]`: one language for both, or `{ zh, en }` each.
pub(super) fn same_list(list: &DeArray<'_>, span: Span, report: &mut Report) -> Option<Vec<Text>> {
    let one = |node: &DeValue<'_>, report: &mut Report| match node {
        DeValue::String(text) => Some(Text::same(text)),
        DeValue::Table(inner) => two(inner, span, report),
        _ => {
            report.add(bad_two(span));
            None
        }
    };
    list.iter().map(|node| one(node.get_ref(), report)).collect()
}
