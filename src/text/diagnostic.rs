//! Complaints about files: a stable code, a place, what is wrong and what to do about it, in both languages.
//!
//! Invariant: a [`Report`] keeps at most [`FAULTS_MAX`] complaints and counts the rest.

use crate::model::text::Text;
use crate::text::code::Code;
use crate::text::source::{Sources, Span};

/// Most complaints kept. A file of the wrong kind would otherwise make thousands.
pub const FAULTS_MAX: usize = 200;

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but somebody should look.
    Warning,
}

impl Severity {
    /// The word in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A sentence in both languages, English first.
#[must_use]
pub fn say(en: impl AsRef<str>, zh: impl AsRef<str>) -> Text {
    Text::new(zh.as_ref(), en.as_ref())
}

/// User text inside a message: control characters escaped, cut after 60 characters.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(60)
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect();
    if text.chars().nth(60).is_some() {
        out.push('…');
    }
    out
}

/// One complaint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// Where. A span at 0..0 of an empty file means the file as a whole.
    pub span: Span,
    /// What is wrong.
    pub message: Text,
    /// What to do.
    pub help: Option<Text>,
    /// Another place that matters: the first of two equal ids, the line a device hangs on.
    pub also: Option<(Span, Text)>,
}

impl Diagnostic {
    /// A fault: the configuration cannot be used.
    #[must_use]
    pub fn error(code: Code, span: Span, message: Text) -> Self {
        Self { code, severity: Severity::Error, span, message, help: None, also: None }
    }

    /// Worth a look, nothing more.
    #[must_use]
    pub fn warning(code: Code, span: Span, message: Text) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: Text) -> Self {
        self.help = Some(help);
        self
    }

    /// Adds what to do, if there is something to say.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<Text>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn also(mut self, span: Span, label: Text) -> Self {
        self.also = Some((span, label));
        self
    }

    /// `file:line:col`.
    #[must_use]
    pub fn place(&self, sources: &Sources) -> String {
        let Some(file) = sources.file(self.span.file) else { return String::new() };
        let at = file.position(self.span.start);
        format!("{}:{}:{}", file.name(), at.line, at.col)
    }
}

/// The complaints of one run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    kept: Vec<Diagnostic>,
    errors: usize,
    dropped: usize,
}

impl Report {
    /// Keeps a complaint, or counts it when there are too many.
    pub fn add(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.errors += 1;
        }
        if self.kept.len() < FAULTS_MAX {
            self.kept.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    /// The complaints kept so far, in the order they came.
    #[must_use]
    pub fn kept(&self) -> &[Diagnostic] {
        &self.kept
    }

    /// No more complaints are kept: not worth searching for suggestions.
    #[must_use]
    pub fn full(&self) -> bool {
        self.kept.len() >= FAULTS_MAX
    }

    /// Faults so far, kept or not.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// All kept complaints by file (in the order of reading) and place, and how many more there were.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Diagnostic>, usize) {
        self.kept.sort_by_key(|d| (d.span.file, d.span.start, d.code.id));
        self.kept.dedup();
        (self.kept, self.dropped)
    }
}
