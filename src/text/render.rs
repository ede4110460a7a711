//! Complaints for a terminal (the line with a caret under the place, right under Chinese text too) and as JSON. Pure.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};

use crate::model::text::Lang;
use crate::text::diagnostic::{Diagnostic, Severity};
use crate::text::source::{Position, SourceFile, Sources, Span};

/// Longest line that is shown with a caret, in bytes; of a longer one only the place is told.
const LINE_MAX: usize = 2000;
/// Most lines shown of one place.
const LINES_MAX: usize = 3;

/// All complaints for people, and how many more there were.
#[must_use]
pub fn human(all: &[Diagnostic], more: usize, sources: &Sources, lang: Lang, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(160);
    let mut out = String::new();
    for diagnostic in all {
        out.push_str(&one(diagnostic, sources, lang, &renderer));
        out.push_str("\n\n");
    }
    if more > 0 {
        out.push_str(&match lang {
            Lang::Zh => format!("另有 {more} 处问题未列出\n"),
            Lang::En => format!("and {more} more\n"),
        });
    }
    out
}

fn one(diagnostic: &Diagnostic, sources: &Sources, lang: Lang, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.get(lang)).id(diagnostic.code.id);
    let mut group = Group::with_title(title);
    group = place(group, diagnostic.span, None, sources);
    if let Some((span, label)) = &diagnostic.also {
        group = place(group, *span, Some(label.get(lang)), sources);
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.get(lang)));
    }
    renderer.render(&[group])
}

/// The first lines of a span, as a snippet of their own: a file of 16 MiB is not walked through for each complaint.
fn place<'a>(group: Group<'a>, span: Span, label: Option<&'a str>, sources: &'a Sources) -> Group<'a> {
    let Some(file) = sources.file(span.file) else { return group };
    let first = file.position(span.start).line;
    let last = file.position(span.end).line.min(first + LINES_MAX - 1);
    let (from, to) = (file.line(first).start, file.line(last).end);
    let Some(text) = file.text().get(from..to).filter(|t| t.len() <= LINE_MAX) else {
        let at = file.position(span.start);
        return group.element(annotate_snippets::Origin::path(file.name()).line(at.line).char_column(at.col));
    };
    if file.text().is_empty() {
        return group.element(annotate_snippets::Origin::path(file.name()));
    }
    let start = (span.start - from).min(text.len());
    let end = (span.end.saturating_sub(from)).clamp(start, text.len());
    let kind = if label.is_some() { AnnotationKind::Context } else { AnnotationKind::Primary };
    let annotation = kind.span(start..end).label(label);
    group.element(Snippet::source(text).line_start(first).path(file.name()).annotation(annotation))
}

/// All complaints for programs.
#[must_use]
pub fn json(all: &[Diagnostic], more: usize, sources: &Sources, lang: Lang) -> Value {
    let entries: Vec<Value> = all.iter().map(|d| entry(d, sources, lang)).collect();
    json!({ "diagnostics": entries, "more": more })
}

fn entry(diagnostic: &Diagnostic, sources: &Sources, lang: Lang) -> Value {
    let (file, start, end) = positions(diagnostic.span, sources);
    let mut value = json!({
        "code": diagnostic.code.id,
        "severity": diagnostic.severity.word(),
        "file": file,
        "line": start.line,
        "col": start.col,
        "end_line": end.line,
        "end_col": end.col,
        "message": diagnostic.message.get(lang),
        "help": diagnostic.help.as_ref().map(|h| h.get(lang)),
    });
    if let Some((span, label)) = &diagnostic.also {
        let (file, start, _) = positions(*span, sources);
        value["also"] = json!({ "file": file, "line": start.line, "col": start.col, "message": label.get(lang) });
    }
    value
}

fn positions(span: Span, sources: &Sources) -> (&str, Position, Position) {
    let nowhere = Position { line: 1, col: 1 };
    sources.file(span.file).map_or(("", nowhere, nowhere), |file: &SourceFile| {
        (file.name(), file.position(span.start), file.position(span.end))
    })
}

/// One line each, `file:line:col: severity[code]: message`: what tests and editors match on.
#[must_use]
pub fn short(all: &[Diagnostic], sources: &Sources, lang: Lang) -> String {
    let line = |d: &Diagnostic| {
        format!("{}: {}[{}]: {}\n", d.place(sources), d.severity.word(), d.code.id, d.message.get(lang))
    };
    all.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
