//! Checked values with their places: what the reader makes of a table.
//!
//! A record holds only what was well written; a faulty value is left out and the record marked, so that the owner of
//! the table does not complain a second time. Pure data.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::id::Id;
use crate::model::text::Text;
use crate::model::unit::Unit;
use crate::text::source::Span;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The value.
    pub value: Value,
    /// Its place; for a default, the head of its table.
    pub span: Span,
    /// It was not written, the default holds.
    pub default: bool,
}

/// A checked value, by the kind its field declares.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `Kind::Bool`
    Bool(bool),
    /// `Kind::Int`
    Int(i64),
    /// `Kind::Number`
    Number(f64),
    /// `Kind::Range`
    Range(f64, f64),
    /// `Kind::Text`, `Kind::Checked`
    Text(String),
    /// `Kind::Word`
    Word(&'static str),
    /// `Kind::Id`
    Id(Id),
    /// `Kind::Duration`
    Duration(Duration),
    /// `Kind::Size`, bytes
    Size(u64),
    /// `Kind::Unit`
    Unit(Unit),
    /// `Kind::Two`
    Two(Text),
    /// `Kind::TwoList`
    TwoList(Vec<Text>),
    /// `Kind::List`, `Kind::Array`
    List(Vec<Item>),
    /// `Kind::Table`
    Record(Record),
    /// `Kind::Tables`, `Kind::Changes`, `Kind::Map`: in file order.
    Map(Vec<Entry>),
    /// `Kind::Any`
    Any,
}

/// A value under a free key.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub item: Item,
}

/// A table that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its head (the key that names it), for complaints about the table as a whole.
    pub span: Span,
    /// Something in it was left out because it was faulty, and has been complained about.
    pub faulty: bool,
    fields: BTreeMap<&'static str, Item>,
}

impl Record {
    /// An empty table.
    #[must_use]
    pub fn new(span: Span) -> Self {
        Self { span, faulty: false, fields: BTreeMap::new() }
    }

    /// Puts a value in, over one that was there.
    pub fn set(&mut self, key: &'static str, item: Item) {
        self.fields.insert(key, item);
    }

    /// Takes over everything that `changes` holds.
    pub fn overlay(&mut self, changes: &Self) {
        self.faulty |= changes.faulty;
        for (key, item) in &changes.fields {
            self.fields.insert(key, item.clone());
        }
    }

    /// The item at a key.
    #[must_use]
    pub fn item(&self, key: &str) -> Option<&Item> {
        self.fields.get(key)
    }

    /// The item at a key, unless it is only the default.
    #[must_use]
    pub fn written(&self, key: &str) -> Option<&Item> {
        self.item(key).filter(|i| !i.default)
    }

    /// Where the value of a key stands; the head of the table if it is not there.
    #[must_use]
    pub fn span_of(&self, key: &str) -> Span {
        self.item(key).map_or(self.span, |i| i.span)
    }

    /// Values by free key, to be changed.
    pub fn map_mut(&mut self, key: &str) -> Option<&mut Vec<Entry>> {
        match self.fields.get_mut(key).map(|i| &mut i.value) {
            Some(Value::Map(entries)) => Some(entries),
            _ => None,
        }
    }

    /// The keys that are there.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.fields.keys().copied()
    }
}

/// Getters by kind: `None` when absent (or faulty, or of another kind).
impl Record {
    /// A switch; absent means `false`.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.item(key), Some(Item { value: Value::Bool(true), .. }))
    }

    /// A whole number.
    #[must_use]
    pub fn int(&self, key: &str) -> Option<i64> {
        self.item(key)?.value.int()
    }

    /// A whole number that the field's range makes fit.
    #[must_use]
    pub fn small<T: TryFrom<i64>>(&self, key: &str) -> Option<T> {
        T::try_from(self.int(key)?).ok()
    }

    /// A number.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<f64> {
        self.item(key)?.value.number()
    }

    /// A text or a word.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.item(key)?.value.text()
    }

    /// An id.
    #[must_use]
    pub fn id(&self, key: &str) -> Option<&Id> {
        match &self.item(key)?.value {
            Value::Id(id) => Some(id),
            _ => None,
        }
    }

    /// A duration.
    #[must_use]
    pub fn duration(&self, key: &str) -> Option<Duration> {
        match self.item(key)?.value {
            Value::Duration(d) => Some(d),
            _ => None,
        }
    }

    /// A size in bytes.
    #[must_use]
    pub fn size(&self, key: &str) -> Option<u64> {
        match self.item(key)?.value {
            Value::Size(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A unit.
    #[must_use]
    pub fn unit(&self, key: &str) -> Option<Unit> {
        match self.item(key)?.value {
            Value::Unit(unit) => Some(unit),
            _ => None,
        }
    }

    /// A pair.
    #[must_use]
    pub fn range(&self, key: &str) -> Option<(f64, f64)> {
        match self.item(key)?.value {
            Value::Range(low, high) => Some((low, high)),
            _ => None,
        }
    }

    /// Text for people; empty when absent.
    #[must_use]
    pub fn two(&self, key: &str) -> Text {
        match self.item(key).map(|i| &i.value) {
            Some(Value::Two(text)) => text.clone(),
            _ => Text::default(),
        }
    }

    /// A list of texts for people; empty when absent.
    #[must_use]
    pub fn two_list(&self, key: &str) -> Vec<Text> {
        match self.item(key).map(|i| &i.value) {
            Some(Value::TwoList(list)) => list.clone(),
            _ => Vec::new(),
        }
    }

    /// The elements of a list; none when absent.
    #[must_use]
    pub fn list(&self, key: &str) -> &[Item] {
        match self.item(key).map(|i| &i.value) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }

    /// A table inside.
    #[must_use]
    pub fn record(&self, key: &str) -> Option<&Record> {
        self.item(key)?.value.record()
    }

    /// Values by free key; none when absent.
    #[must_use]
    pub fn map(&self, key: &str) -> &[Entry] {
        match self.item(key).map(|i| &i.value) {
            Some(Value::Map(entries)) => entries,
            _ => &[],
        }
    }
}

impl Value {
    /// A whole number, also one written with a fraction of zero.
    #[must_use]
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(v) => Some(*v),
            _ => None,
        }
    }

    /// A number; `true` is 1 and `false` 0.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(v) => Some(*v),
            Self::Int(v) => Some(*v as f64),
            Self::Bool(b) => Some(f64::from(u8::from(*b))),
            _ => None,
        }
    }

    /// A text or a word.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Word(word) => Some(word),
            Self::Id(id) => Some(id.as_str()),
            _ => None,
        }
    }

    /// A table.
    #[must_use]
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::Record(record) => Some(record),
            _ => None,
        }
    }
}
