//! The reference of all keys, as Markdown, from the table of fields. Pure.

use std::fmt::Write;

use crate::model::text::Lang;
use crate::text::field::{Bi, Field, Kind, Need, Scalar, Table, bi};
use crate::text::quantity::{show_bytes, show_ms};

/// A section for a table and each table inside it, every table once.
#[must_use]
pub fn sections(root: &'static Table, lang: Lang, seen: &mut Vec<&'static str>) -> String {
    let mut out = String::new();
    let mut queue = vec![root];
    while let Some(table) = queue.pop() {
        if seen.contains(&table.name) {
            continue;
        }
        seen.push(table.name);
        section(&mut out, table, lang);
        let mut inner: Vec<&'static Table> = table.fields.iter().filter_map(|f| inner(&f.kind)).collect();
        inner.reverse();
        queue.extend(inner);
    }
    out
}

fn inner(kind: &'static Kind) -> Option<&'static Table> {
    match kind {
        Kind::Table(table) | Kind::Tables(table) | Kind::Array(table) | Kind::Changes(table) => Some(table),
        Kind::Either(kinds) => kinds.iter().find_map(inner),
        Kind::Map { of, .. } | Kind::List { of, .. } => inner(of),
        _ => None,
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing into a String never fails");
}

fn section(out: &mut String, table: &'static Table, lang: Lang) {
    let heads = bi("| key | value | default | meaning |", "| 键 | 值 | 缺省 | 含义 |");
    put(out, format_args!("### `{}`\n\n{}\n\n", table.head, table.doc.get(lang)));
    for group in table.one_of {
        let text = bi("Exactly one of", "必须且只能有其中之一：");
        put(out, format_args!("{} {}\n\n", text.get(lang), crate::text::suggest::list(group)));
    }
    put(out, format_args!("{}\n|---|---|---|---|\n", heads.get(lang)));
    for field in table.fields {
        row(out, field, lang);
    }
    out.push('\n');
}

fn row(out: &mut String, field: &Field, lang: Lang) {
    let default = match field.need {
        Need::Required => bi("**required**", "**必填**").get(lang).to_owned(),
        Need::Optional => String::new(),
        Need::Default(Scalar::Bool(b)) => format!("`{b}`"),
        Need::Default(Scalar::Int(v)) => format!("`{v}`"),
        Need::Default(Scalar::Number(v)) => format!("`{v:?}`"),
        Need::Default(Scalar::Text(text)) => format!("`\"{text}\"`"),
    };
    let value = value(&field.kind, lang).replace('|', "\\|");
    put(out, format_args!("| `{}` | {value} | {default} | {} |\n", field.key, field.doc.get(lang).replace('|', "\\|")));
}

/// What may stand at a key, in words.
fn value(kind: &Kind, lang: Lang) -> String {
    let say = |en: &'static str, zh: &'static str| Bi { en, zh }.get(lang).to_owned();
    let span = |low: String, high: String| format!("{low} .. {high}");
    match kind {
        Kind::Bool => "`true`, `false`".into(),
        Kind::Int { min, max } => format!("{} {}", say("whole number", "整数"), span(min.to_string(), max.to_string())),
        Kind::Number { min, max } if *min == f64::MIN && *max == f64::MAX => say("number", "数"),
        Kind::Number { min, max } if *max == f64::MAX => format!("{} ≥ {min}", say("number", "数")),
        Kind::Number { min, max } => format!("{} {}", say("number", "数"), span(min.to_string(), max.to_string())),
        Kind::Range => "`[0.0, 2.5]`".into(),
        Kind::Text { .. } => say("text", "文本"),
        Kind::Id => say("id", "标识"),
        Kind::Duration { min_ms, max_ms } => {
            format!("{} {}", say("duration", "时长"), span(show_ms(*min_ms), show_ms(*max_ms)))
        }
        Kind::Size { min, max } => format!("{} {}", say("size", "容量"), span(show_bytes(*min), show_bytes(*max))),
        Kind::Unit => say("unit", "单位"),
        Kind::Word(words) => {
            words.iter().map(|(word, doc)| format!("`{word}` ({})", doc.get(lang))).collect::<Vec<_>>().join(", ")
        }
        Kind::Checked(notation) => format!("{}: `\"{}\"`", notation.name.get(lang), notation.example),
        Kind::Two => say("text or `{ zh, en }`", "文本或 `{ zh, en }`"),
        Kind::TwoList => say("list or `{ zh = [..], en = [..] }`", "列表或 `{ zh = [..], en = [..] }`"),
        Kind::List { of, .. } => format!("[{}]", value(of, lang)),
        Kind::Table(table) => format!("{} `{}`", say("table", "表"), table.head),
        Kind::Tables(table) => format!("{} `{}`", say("tables", "多个表"), table.head),
        Kind::Array(table) => format!("{} `{}`", say("list of tables", "表的列表"), table.head),
        Kind::Changes(table) => format!("{} `{}`", say("keys of", "可用的键见"), table.head),
        Kind::Map { key, of } => format!("{{ {} = {} }}", key.get(lang), value(of, lang)),
        Kind::Either(kinds) => kinds.iter().map(|k| value(k, lang)).collect::<Vec<_>>().join(&say(" or ", " 或 ")),
        Kind::Any => say("anything", "任意"),
    }
}
