//! TOML to records: one walk over the parsed text with the table of fields beside it.
//!
//! Everything that one value alone can get wrong is said here, all at once: unknown key (with the nearest one), wrong
//! type, range, word, notation, missing key, exactly one of several. Syntax faults come from the `toml` crate's
//! recovering parser, all of them with their places; where the text is broken, missing keys are not held against it.

mod scalar;
mod words;

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::id::Id;
use crate::text::code;
use crate::text::diagnostic::{Diagnostic, Report, say, shown};
use crate::text::field::{Field, Kind, Need, Table};
use crate::text::record::{Entry, Item, Record, Value};
use crate::text::source::{FileIx, Sources, Span};
use crate::text::suggest::did_you_mean;

use scalar::plain;

pub(crate) use words::bad_id;

/// A whole file as a record of `table`.
pub fn read(sources: &Sources, file: FileIx, table: &'static Table, report: &mut Report) -> Record {
    let text = sources.file(file).map(|f| Arc::clone(f.text())).unwrap_or_default();
    let (root, faults) = DeTable::parse_recoverable(&text);
    // Behind a table head that stands twice, every key stands twice: one complaint is enough.
    let mut said_until = 0;
    for fault in &faults {
        let start = fault.span().map_or(0, |s| s.start);
        let diagnostic = syntax(file, &text, fault);
        if diagnostic.code == code::TWICE {
            if start < said_until {
                continue;
            }
            said_until = end_of_repeated_table(&text, start);
        }
        report.add(diagnostic);
    }
    let head = Span::new(file, 0..0);
    let mut reader = Reader { file, report, broken: !faults.is_empty(), partial: false };
    let mut record = reader.table(table, root.get_ref(), head);
    record.faulty |= reader.broken;
    record
}

/// Where the table ends whose head holds the byte `at`; `at` itself when that is no table head.
fn end_of_repeated_table(text: &str, at: usize) -> usize {
    let line = text.get(..at).map_or(0, |before| before.rfind('\n').map_or(0, |n| n + 1));
    let rest = text.get(line..).unwrap_or("");
    if !rest.trim_start().starts_with('[') {
        return at;
    }
    let next = rest.match_indices('\n').map(|(n, _)| n + 1);
    let next = next.filter(|n| rest.get(*n..).is_some_and(|r| r.trim_start_matches([' ', '\t']).starts_with('[')));
    line + next.min().unwrap_or(rest.len())
}

fn syntax(file: FileIx, text: &str, fault: &toml::de::Error) -> Diagnostic {
    let span = fault.span().unwrap_or(0..0);
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let span = Span::new(file, start..text.ceil_char_boundary(span.end.clamp(start, text.len())));
    let message = fault.message();
    if message.starts_with("duplicate key") {
        let key = shown(text.get(span.start..span.end).unwrap_or(""));
        return Diagnostic::error(
            code::TWICE,
            span,
            say(format!("`{key}` stands here for the second time"), format!("`{key}` 在此重复出现")),
        )
        .help(say("remove or rename one of the two", "请删除或改名其中一个"));
    }
    let (hint_en, hint_zh) = words::syntax_hint(message, text, span.start);
    Diagnostic::error(code::SYNTAX, span, say(format!("TOML: {message}"), format!("TOML 语法错误：{message}")))
        .help(say(hint_en, hint_zh))
}

/// What holds when the key is left out. Where several kinds are accepted, the first one that takes it.
pub(crate) fn default_of(kind: &Kind, value: crate::text::field::Scalar<'_>) -> Option<Value> {
    match kind {
        Kind::Either(kinds) => kinds.iter().find_map(|kind| default_of(kind, value)),
        kind => scalar::read(kind, value).ok(),
    }
}

struct Reader<'r> {
    file: FileIx,
    report: &'r mut Report,
    /// The text has syntax faults: keys may be missing through no fault of their own.
    broken: bool,
    /// Reading changes: nothing is required, no defaults.
    partial: bool,
}

type Pair<'a, 'i> = (&'a Spanned<toml::de::DeString<'i>>, &'a Spanned<DeValue<'i>>);

/// The entries of a table in file order (the parser keeps them by name).
fn in_order<'a, 'i>(node: &'a DeTable<'i>) -> Vec<Pair<'a, 'i>> {
    let mut pairs: Vec<Pair<'a, 'i>> = node.iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    pairs
}

impl Reader<'_> {
    fn span(&self, range: std::ops::Range<usize>) -> Span {
        Span::new(self.file, range)
    }

    fn table(&mut self, table: &'static Table, node: &DeTable<'_>, head: Span) -> Record {
        let mut record = Record::new(head);
        for (key, value) in in_order(node) {
            let key_span = self.span(key.span());
            let Some(field) = table.field(key.get_ref()) else {
                self.unknown_key(table, key.get_ref(), key_span);
                record.faulty = true;
                continue;
            };
            match self.value(&field.kind, value, key_span) {
                Some(item) => record.set(field.key, item),
                None => record.faulty = true,
            }
        }
        if !self.partial {
            for field in table.fields {
                self.absent(field, node, head, &mut record);
            }
            for group in table.one_of {
                self.one_of(table, group, node, head, &mut record);
            }
        }
        record
    }

    fn unknown_key(&mut self, table: &'static Table, key: &str, span: Span) {
        let help = if self.report.full() { None } else { did_you_mean(key, table.fields.iter().map(|f| f.key)) };
        let place = table.head;
        let message =
            say(format!("unknown key `{}` in {place}", shown(key)), format!("{place} 中没有键 `{}`", shown(key)));
        self.report.add(Diagnostic::error(code::UNKNOWN_KEY, span, message).maybe_help(help));
    }

    fn absent(&mut self, field: &'static Field, node: &DeTable<'_>, head: Span, record: &mut Record) {
        if node.contains_key(field.key) {
            return;
        }
        match field.need {
            Need::Optional => {}
            Need::Required => {
                record.faulty = true;
                if !self.broken {
                    let message = say(format!("`{}` is missing here", field.key), format!("此处缺少 `{}`", field.key));
                    let help = say(
                        format!("add `{} = {}`: {}", field.key, words::example(&field.kind), field.doc.en),
                        format!("请添加 `{} = {}`：{}", field.key, words::example(&field.kind), field.doc.zh),
                    );
                    self.report.add(Diagnostic::error(code::MISSING, head, message).help(help));
                }
            }
            Need::Default(value) => {
                if let Some(value) = default_of(&field.kind, value) {
                    record.set(field.key, Item { value, span: head, default: true });
                }
            }
        }
    }

    fn one_of(&mut self, table: &Table, group: &[&str], node: &DeTable<'_>, head: Span, record: &mut Record) {
        let given: Vec<&str> = group.iter().copied().filter(|key| node.contains_key(*key)).collect();
        if given.len() == 1 || (given.is_empty() && self.broken) {
            return;
        }
        record.faulty = true;
        let all = crate::text::suggest::list(group);
        let place = table.head;
        let found = if given.is_empty() { "none".to_owned() } else { crate::text::suggest::list(&given) };
        let found_zh = if given.is_empty() { "没有".to_owned() } else { crate::text::suggest::list(&given) };
        let message = say(
            format!("{place} needs exactly one of {all}; found {found}"),
            format!("{place} 必须且只能有 {all} 之一；现有：{found_zh}"),
        );
        let at = given.get(1).and_then(|key| node.get_key_value(*key)).map_or(head, |(k, _)| self.span(k.span()));
        let help = say("keep one and remove the others", "请保留一个，删除其余");
        let diagnostic = Diagnostic::error(code::ONE_OF, at, message);
        self.report.add(if given.is_empty() { diagnostic } else { diagnostic.help(help) });
    }

    /// Reads a value; on a fault says so and gives nothing.
    fn value(&mut self, kind: &Kind, node: &Spanned<DeValue<'_>>, key_span: Span) -> Option<Item> {
        let span = self.span(node.span());
        let value = match (kind, node.get_ref()) {
            (Kind::Any, _) => Some(Value::Any),
            (Kind::Either(kinds), _) => return self.either(kinds, node, key_span),
            (Kind::Table(table), DeValue::Table(inner)) => Some(Value::Record(self.table(table, inner, key_span))),
            (Kind::Tables(table) | Kind::Changes(table), DeValue::Table(inner)) => {
                let partial = self.partial;
                self.partial |= matches!(kind, Kind::Changes(_));
                let entries = self.tables(table, inner);
                self.partial = partial;
                Some(Value::Map(entries))
            }
            (Kind::Array(table), DeValue::Array(list)) => Some(Value::List(self.array(table, list))),
            (Kind::List { of, max }, DeValue::Array(list)) => self.list(of, *max, list, span, key_span),
            (Kind::Map { of, .. }, DeValue::Table(inner)) => self.map(of, inner),
            (Kind::Range, DeValue::Array(list)) => self.range(list, span),
            (Kind::Two, DeValue::Table(inner)) => words::two(inner, span, self.report).map(Value::Two),
            (Kind::TwoList, DeValue::Table(inner)) => words::two_list(inner, span, self.report).map(Value::TwoList),
            (Kind::TwoList, DeValue::Array(list)) => words::same_list(list, span, self.report).map(Value::TwoList),
            (_, other) => self.scalar(kind, other, span),
        };
        value.map(|value| Item { value, span, default: false })
    }

    fn scalar(&mut self, kind: &Kind, node: &DeValue<'_>, span: Span) -> Option<Value> {
        let read = plain(node).map(|scalar| scalar::read(kind, scalar));
        match read.unwrap_or_else(|| Err(scalar::wrong_type(kind, words::type_of(node)))) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.report.add(Diagnostic::error(fault.code, span, fault.message).maybe_help(fault.help));
                None
            }
        }
    }

    fn wrong_type(&mut self, kind: &Kind, node: &DeValue<'_>, span: Span) {
        let fault = scalar::wrong_type(kind, words::type_of(node));
        self.report.add(Diagnostic::error(fault.code, span, fault.message).maybe_help(fault.help));
    }

    fn either(&mut self, kinds: &[Kind], node: &Spanned<DeValue<'_>>, key_span: Span) -> Option<Item> {
        let Some(kind) = kinds.iter().find(|kind| words::suits(kind, node.get_ref())) else {
            let fault = scalar::wrong_type_of(&words::names(kinds), words::type_of(node.get_ref()));
            let span = self.span(node.span());
            self.report.add(Diagnostic::error(fault.code, span, fault.message).maybe_help(fault.help));
            return None;
        };
        self.value(kind, node, key_span)
    }

    fn tables(&mut self, table: &'static Table, node: &DeTable<'_>) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(node.len());
        for (key, value) in in_order(node) {
            let key_span = self.span(key.span());
            let id = Id::new(key.get_ref());
            if let Err(why) = &id {
                self.report.add(words::bad_id(key.get_ref(), why, key_span));
            }
            let DeValue::Table(inner) = value.get_ref() else {
                self.wrong_type(&Kind::Table(table), value.get_ref(), self.span(value.span()));
                continue;
            };
            let mut record = self.table(table, inner, key_span);
            record.faulty |= id.is_err();
            let item = Item { value: Value::Record(record), span: key_span, default: false };
            entries.push(Entry { key: key.get_ref().to_string(), key_span, item });
        }
        entries
    }

    fn array(&mut self, table: &'static Table, list: &toml::de::DeArray<'_>) -> Vec<Item> {
        let mut items = Vec::new();
        for node in list {
            let span = self.span(node.span());
            match node.get_ref() {
                DeValue::Table(inner) => {
                    let record = self.table(table, inner, span);
                    items.push(Item { value: Value::Record(record), span, default: false });
                }
                other => self.wrong_type(&Kind::Table(table), other, span),
            }
        }
        items
    }

    fn list(
        &mut self,
        of: &Kind,
        max: usize,
        list: &toml::de::DeArray<'_>,
        span: Span,
        key_span: Span,
    ) -> Option<Value> {
        if list.len() > max {
            let message = say(
                format!("at most {max} entries are accepted here, not {}", list.len()),
                format!("此处最多 {max} 项，现有 {} 项", list.len()),
            );
            self.report.add(Diagnostic::error(code::RANGE, span, message));
            return None;
        }
        let items: Vec<Option<Item>> = list.iter().map(|node| self.value(of, node, key_span)).collect();
        items.into_iter().collect::<Option<Vec<Item>>>().map(Value::List)
    }

    fn map(&mut self, of: &Kind, node: &DeTable<'_>) -> Option<Value> {
        let mut entries = Some(Vec::with_capacity(node.len()));
        for (key, value) in in_order(node) {
            let key_span = self.span(key.span());
            let item = self.value(of, value, key_span);
            entries = entries.zip(item).map(|(mut entries, item)| {
                entries.push(Entry { key: key.get_ref().to_string(), key_span, item });
                entries
            });
        }
        entries.map(Value::Map)
    }

    fn range(&mut self, list: &toml::de::DeArray<'_>, span: Span) -> Option<Value> {
        let numbers: Vec<f64> =
            list.iter().filter_map(|node| plain(node.get_ref()).and_then(scalar::as_number)).collect();
        match numbers.as_slice() {
            [low, high] if list.len() == 2 && low < high => Some(Value::Range(*low, *high)),
            _ => {
                let message = say("two numbers are expected here, the smaller first", "此处应为两个数，小的在前");
                let help = say("for example `[0.0, 2.5]`", "例如 `[0.0, 2.5]`");
                self.report.add(Diagnostic::error(code::RANGE, span, message).help(help));
                None
            }
        }
    }
}
