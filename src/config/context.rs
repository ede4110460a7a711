//! What every check needs at hand: the texts, the complaints so far, the judge of expressions.

use crate::config::expr::{ExprCheck, Wants, trap};
use crate::model::reading::PointKind;
use crate::model::text::Text;
use crate::text::code::{self, Code};
use crate::text::diagnostic::{Diagnostic, Report, say, shown};
use crate::text::source::{Sources, Span};
use crate::text::suggest::did_you_mean;

/// Passed through all checks of one run.
pub(crate) struct Context<'a> {
    pub(crate) sources: Sources,
    pub(crate) report: Report,
    pub(crate) checker: &'a dyn ExprCheck,
    /// A table head of the site file is broken: lines may be missing through no fault of those who name them.
    pub(crate) heads_broken: bool,
}

/// The names that conditions and expressions may use.
pub(crate) struct Names<'a> {
    /// Kind of a point.
    pub(crate) point: &'a dyn Fn(&str) -> Option<PointKind>,
    /// Whether a parameter has this name.
    pub(crate) param: &'a dyn Fn(&str) -> bool,
    /// What was meant by a name that does not exist.
    pub(crate) near: &'a dyn Fn(&str) -> Option<Text>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(checker: &'a dyn ExprCheck) -> Self {
        Self { sources: Sources::default(), report: Report::default(), checker, heads_broken: false }
    }

    pub(crate) fn error(&mut self, code: Code, span: Span, message: (&str, &str), help: (&str, &str)) {
        self.report.add(Diagnostic::error(code, span, say(message.0, message.1)).help(say(help.0, help.1)));
    }

    /// `what` of this name does not exist; suggests one of `there`.
    pub(crate) fn unknown<'n>(
        &mut self,
        code: Code,
        span: Span,
        what: (&str, &str),
        name: &str,
        there: impl IntoIterator<Item = &'n str>,
    ) {
        let help = if self.report.full() { None } else { did_you_mean(name, there) };
        let message = say(
            format!("there is no {} `{}`", what.0, shown(name)),
            format!("没有名为 `{}` 的{}", shown(name), what.1),
        );
        self.report.add(Diagnostic::error(code, span, message).maybe_help(help));
    }

    /// Has an expression judged; complains with the place inside it.
    pub(crate) fn expression(&mut self, expr: &str, span: Span, wants: Wants, names: &Names<'_>) {
        let mut unknown: Option<String> = None;
        let mut lookup = |name: &str| {
            let kind = (names.point)(name).or_else(|| (names.param)(name).then_some(PointKind::Number));
            if kind.is_none() && unknown.is_none() {
                unknown = Some(name.to_owned());
            }
            kind
        };
        let verdict = self.checker.check(expr, wants, &mut lookup);
        if verdict.is_err()
            && let Some(trap) = trap(expr)
        {
            let at = self.inside(span, expr, trap.span);
            let fault = Diagnostic::error(code::EXPRESSION, at, say(trap.message.0, trap.message.1));
            self.report.add(fault.help(say(trap.help.0, trap.help.1)));
        } else if let Some(name) = unknown {
            let at = expr.find(&name).map(|at| at..at + name.len());
            let at = at.map_or(span, |range| self.inside(span, expr, range));
            let message = say(
                format!("the expression uses `{}`, which does not exist", shown(&name)),
                format!("表达式使用了不存在的 `{}`", shown(&name)),
            );
            self.report.add(Diagnostic::error(code::UNKNOWN_POINT, at, message).maybe_help((names.near)(&name)));
        } else if let Err(fault) = verdict {
            let at = fault.span.map_or(span, |range| self.inside(span, expr, range));
            let message = say(&fault.message, format!("表达式有误：{}", fault.message));
            let help = (!fault.help.is_empty()).then(|| Text::same(&fault.help));
            self.report.add(Diagnostic::error(code::EXPRESSION, at, message).maybe_help(help));
        }
    }

    /// The place of a stretch of a text value: exact when it was written without escapes, else the whole value.
    fn inside(&self, span: Span, value: &str, range: std::ops::Range<usize>) -> Span {
        match self.sources.slice(span).find(value) {
            Some(offset) if !value.is_empty() && value.get(range.clone()).is_some() => {
                Span::new(span.file, span.start + offset + range.start..span.start + offset + range.end)
            }
            _ => span,
        }
    }
}
