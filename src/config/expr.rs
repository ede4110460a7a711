//! The hook through which expressions are judged, and the traps everybody falls into. Pure.
//!
//! Parsing CEL belongs to the rules; the configuration only knows which names exist and of what kind they are. When the
//! checker refuses, the usual traps (`and`, single `=`, a hyphen in an id, full-width signs) are looked for first,
//! because their fix can be said in one sentence and a parser's own words can not.

use std::ops::Range;

use crate::model::reading::PointKind;

/// What an expression must give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// A truth: `when`.
    Truth,
    /// A number: `derive`.
    Number,
}

/// Looks up a name used in an expression; parameters are `Number`s. `None` for a name that does not exist.
pub type Lookup<'a> = &'a mut dyn FnMut(&str) -> Option<PointKind>;

/// Judges expressions.
pub trait ExprCheck {
    /// Whether `expr` is well formed, knows all its names, and gives what is wanted.
    fn check(&self, expr: &str, wants: Wants, lookup: Lookup<'_>) -> Result<(), ExprFault>;
}

impl<F: Fn(&str, Wants, Lookup<'_>) -> Result<(), ExprFault>> ExprCheck for F {
    fn check(&self, expr: &str, wants: Wants, lookup: Lookup<'_>) -> Result<(), ExprFault> {
        self(expr, wants, lookup)
    }
}

/// Accepts everything: for tools that only want a profile's registers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unchecked;

impl ExprCheck for Unchecked {
    fn check(&self, _: &str, _: Wants, _: Lookup<'_>) -> Result<(), ExprFault> {
        Ok(())
    }
}

/// Why an expression is refused; the author must change it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprFault {
    /// What is wrong.
    pub message: String,
    /// What to do; may be empty.
    pub help: String,
    /// Bytes of the expression it concerns, where known.
    pub span: Option<Range<usize>>,
}

/// A trap that was found: what to write instead, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    /// What is wrong, English and Chinese.
    pub message: (String, String),
    /// What to do, English and Chinese.
    pub help: (String, String),
    /// Bytes of the expression.
    pub span: Range<usize>,
}

/// Looks for the usual traps outside of text in quotes.
#[must_use]
pub fn trap(expr: &str) -> Option<Trap> {
    let code = without_texts(expr);
    full_width(&code).or_else(|| word_operator(&code)).or_else(|| single_equals(&code)).or_else(|| hyphen(&code))
}

/// The expression with everything in quotes blanked out, byte for byte.
fn without_texts(expr: &str) -> String {
    let mut quote = None;
    let mut out = String::with_capacity(expr.len());
    let mut escaped = false;
    for c in expr.chars() {
        match quote {
            Some(q) => {
                out.extend(std::iter::repeat_n(' ', c.len_utf8()));
                if c == q && !escaped {
                    quote = None;
                }
                escaped = c == '\\' && !escaped;
            }
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                out.push(' ');
            }
            None => out.push(c),
        }
    }
    out
}

fn instead(message: (&str, &str), wrong: &str, right: &str, span: Range<usize>) -> Trap {
    Trap {
        message: (message.0.to_owned(), message.1.to_owned()),
        help: (format!("write `{right}` instead of `{wrong}`"), format!("请将 `{wrong}` 改为 `{right}`")),
        span,
    }
}

fn full_width(code: &str) -> Option<Trap> {
    const SIGNS: &[(char, &str)] = &[
        ('＞', ">"),
        ('＜', "<"),
        ('（', "("),
        ('）', ")"),
        ('＝', "="),
        ('！', "!"),
        ('＆', "&"),
        ('｜', "|"),
        ('，', ","),
        ('。', "."),
        ('．', "."),
        ('“', "\""),
        ('”', "\""),
        ('≥', ">="),
        ('≤', "<="),
        ('≠', "!="),
        ('×', "*"),
        ('÷', "/"),
        ('－', "-"),
        ('＋', "+"),
        ('　', " "),
    ];
    let (at, c, right) =
        code.char_indices().find_map(|(at, c)| SIGNS.iter().find(|(sign, _)| *sign == c).map(|(_, r)| (at, c, *r)))?;
    let message =
        ("here is a full-width sign; expressions are written in plain ASCII", "此处为全角符号；表达式须用半角");
    Some(instead(message, &c.to_string(), right, at..at + c.len_utf8()))
}

/// Words of the expression with their bytes.
fn words(code: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()).map(|w| {
        let at = w.as_ptr().addr() - code.as_ptr().addr();
        (at..at + w.len(), w)
    })
}

fn word_operator(code: &str) -> Option<Trap> {
    words(code).find_map(|(span, word)| {
        let right = match word.to_ascii_lowercase().as_str() {
            "and" => "&&",
            "or" => "||",
            "not" => "!",
            _ => return None,
        };
        Some(instead(("this operator is a sign, not a word", "此运算符须用符号，不用单词"), word, right, span))
    })
}

fn single_equals(code: &str) -> Option<Trap> {
    let bytes = code.as_bytes();
    let at = (0..bytes.len()).find(|at| {
        let around = |n: Option<usize>| n.and_then(|n| bytes.get(n)).copied();
        bytes.get(*at) == Some(&b'=')
            && around(Some(at + 1)) != Some(b'=')
            && !matches!(around(at.checked_sub(1)), Some(b'=' | b'!' | b'<' | b'>'))
    })?;
    Some(instead(("one `=` compares nothing", "单个 `=` 不是比较"), "=", "==", at..at + 1))
}

fn hyphen(code: &str) -> Option<Trap> {
    let all: Vec<(Range<usize>, &str)> = words(code).collect();
    let pair = all.windows(2).find(|pair| {
        let joined = matches!(pair, [(a, _), (b, _)] if code.get(a.end..b.start) == Some("-"));
        joined && pair.iter().all(|(_, w)| w.starts_with(|c: char| c.is_alphabetic()))
    })?;
    let [(first, a), (second, b)] = pair else { return None };
    let message = ("a hyphen is a subtraction here; ids have none", "连字符在此为减号；标识中不能有连字符");
    let mut trap = instead(message, &format!("{a}-{b}"), &format!("{a}_{b}"), first.start..second.end);
    trap.help.0.push_str(", or put blanks around a minus");
    trap.help.1.push_str("，若为减法请在两边加空格");
    Some(trap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps() {
        let check = |expr: &str, right: Option<&str>| {
            let found = trap(expr);
            assert_eq!(found.is_some(), right.is_some(), "{expr}");
            if let (Some(trap), Some(right)) = (found, right) {
                assert!(trap.help.0.contains(&format!("`{right}`")), "{expr}: {}", trap.help.0);
                assert!(expr.get(trap.span).is_some());
            }
        };
        check("running and pressure < 0.05", Some("&&"));
        check("a OR b", Some("||"));
        check("not a", Some("!"));
        check("a = 1.0", Some("=="));
        check("b3-meter.flow > 5.0", Some("b3_meter"));
        check("流量 ＞ 5", Some(">"));
        check("（a > 1.0)", Some("("));
        check("state == 'stop and go' && a >= 1.0 && b != c", None);
        check("a - b > 1.0 && brand", None);
        check("", None);
    }
}
