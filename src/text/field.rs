//! What a table of a file may hold: one declaration that drives reading, suggestions, JSON Schema and reference.
//!
//! All of it is constant data. A declaration says everything that can be checked on one value alone; what depends on
//! other values is looked up by the owner of the table.

use crate::model::text::{Lang, Text};

/// A fixed text in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bi {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

impl Bi {
    /// The text in `lang`.
    #[must_use]
    pub fn get(self, lang: Lang) -> &'static str {
        match lang {
            Lang::Zh => self.zh,
            Lang::En => self.en,
        }
    }
}

/// Both languages, English first.
#[must_use]
pub const fn bi(en: &'static str, zh: &'static str) -> Bi {
    Bi { en, zh }
}

/// A table of a file.
#[derive(Debug)]
pub struct Table {
    /// Name in schema and reference: `line`, `device`, `point`.
    pub name: &'static str,
    /// How its head is written: `[line.<id>]`.
    pub head: &'static str,
    /// What it is for.
    pub doc: Bi,
    /// Its keys.
    pub fields: &'static [Field],
    /// Groups of keys of which exactly one must be given.
    pub one_of: &'static [&'static [&'static str]],
}

impl Table {
    /// The declaration of a key.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.key == key)
    }
}

/// A key of a table.
#[derive(Debug)]
pub struct Field {
    /// As written.
    pub key: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// Whether it must, and what holds if it does not.
    pub need: Need,
    /// What it means.
    pub doc: Bi,
}

/// A key that may be left out.
#[must_use]
pub const fn optional(key: &'static str, kind: Kind, doc: Bi) -> Field {
    Field { key, kind, need: Need::Optional, doc }
}

/// A key that must stand there.
#[must_use]
pub const fn required(key: &'static str, kind: Kind, doc: Bi) -> Field {
    Field { key, kind, need: Need::Required, doc }
}

/// A key with a value of its own when left out.
#[must_use]
pub const fn default(key: &'static str, kind: Kind, value: Scalar<'static>, doc: Bi) -> Field {
    Field { key, kind, need: Need::Default(value), doc }
}

/// Whether a key must be given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Need {
    /// It may be left out.
    Optional,
    /// It must not.
    Required,
    /// It has this value when left out.
    Default(Scalar<'static>),
}

/// A plain value, as TOML has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar<'a> {
    /// `true`
    Bool(bool),
    /// `16`, `0x10`
    Int(i64),
    /// `0.5`
    Number(f64),
    /// `"text"`
    Text(&'a str),
}

/// What may stand at a key.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// A finite number; whole numbers are accepted.
    Number {
        /// Least.
        min: f64,
        /// Greatest.
        max: f64,
    },
    /// Two numbers, the second greater.
    Range,
    /// Text of at most so many characters.
    Text {
        /// Most characters.
        max: usize,
    },
    /// An id (see [`crate::model::id`]).
    Id,
    /// `"300ms"`; bounds in milliseconds.
    Duration {
        /// Least, milliseconds.
        min_ms: u64,
        /// Greatest, milliseconds.
        max_ms: u64,
    },
    /// `"64MiB"`; bounds in bytes.
    Size {
        /// Least, bytes.
        min: u64,
        /// Greatest, bytes.
        max: u64,
    },
    /// A unit of measure from the closed list.
    Unit,
    /// One of these words.
    Word(&'static [(&'static str, Bi)]),
    /// Text in a notation of its own.
    Checked(&'static Notation),
    /// Text for people: one text, or `{ zh = "..", en = ".." }`.
    Two,
    /// A list of such: `[..]`, or `{ zh = [..], en = [..] }` of equal length.
    TwoList,
    /// A list.
    List {
        /// What its elements are.
        of: &'static Kind,
        /// Most elements.
        max: usize,
    },
    /// A table.
    Table(&'static Table),
    /// Tables by id: `[line.<id>]`.
    Tables(&'static Table),
    /// The same tables with every key optional and none filled in: changes to something that stands elsewhere.
    Changes(&'static Table),
    /// `[[test]]`
    Array(&'static Table),
    /// Values by free key: `{ key = value }`.
    Map {
        /// What the keys are.
        key: Bi,
        /// What the values are.
        of: &'static Kind,
    },
    /// One of these, told apart by their TOML type.
    Either(&'static [Kind]),
    /// Anything; not looked at.
    Any,
}

/// A notation for text.
#[derive(Debug)]
pub struct Notation {
    /// What it is called.
    pub name: Bi,
    /// An example.
    pub example: &'static str,
    /// Regular expression for editors (JSON Schema); they may be more lenient than `check`.
    pub pattern: Option<&'static str>,
    /// Says what is wrong and what to do.
    pub check: fn(&str) -> Result<(), Complaint>,
}

/// What a notation says about a text it does not like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong.
    pub message: Text,
    /// What to do.
    pub help: Text,
}

/// Any length of time that makes sense in a site, up to a year.
pub const ANY_DURATION: Kind = Kind::Duration { min_ms: 0, max_ms: 366 * 86_400_000 };
/// Any finite number.
pub const ANY_NUMBER: Kind = Kind::Number { min: f64::MIN, max: f64::MAX };
/// A line of text.
pub const LINE: Kind = Kind::Text { max: 200 };
