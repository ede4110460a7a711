//! What is wrong with an expression, in one clear sentence with a way out. The parser's own messages are for its
//! authors; the common slips of site engineers are recognised in the text itself.

use std::ops::Range;

use crate::rules::expr::{DEPTH_MAX, OPERATORS_MAX, Yields};

/// A fault, with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprFault {
    /// What is wrong.
    pub message: String,
    /// What to write instead; may be empty.
    pub help: String,
    /// Bytes of the text that are meant.
    pub span: Range<usize>,
    /// The name that nobody knows, if that is the fault: the caller may know what was meant.
    pub unknown: Option<String>,
}

impl ExprFault {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>, span: Range<usize>) -> Self {
        Self { message: message.into(), help: help.into(), span, unknown: None }
    }

    /// Adds "did you mean" from the names that exist, if one is close enough.
    #[must_use]
    pub fn suggest<'a>(mut self, names: impl Iterator<Item = &'a str>) -> Self {
        let Some(unknown) = &self.unknown else { return self };
        let close = names.map(|n| (strsim::damerau_levenshtein(n, unknown), n)).min();
        if let Some((distance, name)) = close
            && distance <= 1 + unknown.len() / 4
        {
            self.help = format!("did you mean `{name}`?");
        }
        self
    }
}

pub(super) fn unknown_name(name: &str, span: Range<usize>) -> ExprFault {
    let mut fault = ExprFault::new(
        format!("nothing is called `{name}`"),
        "write `device.point` as in the lists of devices and points",
        span,
    );
    fault.unknown = Some(name.to_owned());
    fault
}

pub(super) fn wrong_result(source: &str, wanted: Yields) -> ExprFault {
    let (message, help) = match wanted {
        Yields::Truth => {
            ("this yields a number, and a condition must be true or false", "compare it with something: `… > 5`")
        }
        Yields::Number => ("this yields true or false, and a derived point must be a number", "write `… ? 1 : 0`"),
    };
    ExprFault::new(message, help, 0..source.len())
}

/// Full-width punctuation that an input method leaves behind, with what was meant.
const FULL_WIDTH: &[(char, &str)] = &[
    ('＞', ">"),
    ('＜', "<"),
    ('＝', "="),
    ('（', "("),
    ('）', ")"),
    ('＆', "&"),
    ('｜', "|"),
    ('！', "!"),
    ('＋', "+"),
    ('－', "-"),
    ('—', "-"),
    ('×', "*"),
    ('＊', "*"),
    ('÷', "/"),
    ('／', "/"),
    ('．', "."),
    ('。', "."),
    ('，', ","),
    ('？', "?"),
    ('：', ":"),
    ('≥', ">="),
    ('≤', "<="),
    ('≠', "!="),
    ('\u{3000}', " "),
];

/// Words that people write for operators.
const WORDS: &[(&str, &str)] = &[("and", "&&"), ("or", "||"), ("not", "!"), ("AND", "&&"), ("OR", "||"), ("NOT", "!")];

/// Looks for a common slip. Texts in quotes and comments are not told apart: expressions have neither.
pub(super) fn slip(text: &str) -> Option<ExprFault> {
    for (at, c) in text.char_indices() {
        if let Some((_, meant)) = FULL_WIDTH.iter().find(|(wide, _)| *wide == c) {
            let message = format!("`{c}` is a full-width character");
            return Some(ExprFault::new(
                message,
                format!("write `{meant}` with the input method switched to English"),
                at..at + c.len_utf8(),
            ));
        }
        if !c.is_ascii() {
            let message = format!("`{c}` does not belong in an expression");
            return Some(ExprFault::new(
                message,
                "use ids (`b3_pump_1.pressure`); Chinese goes into `name` and `title`",
                at..at + c.len_utf8(),
            ));
        }
    }
    word(text).or_else(|| single(text))
}

fn word(text: &str) -> Option<ExprFault> {
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let inside = c.is_ascii_alphanumeric() || c == '_' || c == '.';
        match (start, inside) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                let found = text.get(from..at).unwrap_or_default();
                if let Some((written, meant)) = WORDS.iter().find(|(w, _)| *w == found) {
                    return Some(ExprFault::new(
                        format!("`{written}` is not an operator here"),
                        format!("write `{meant}`"),
                        from..at,
                    ));
                }
                start = None;
            }
            _ => {}
        }
    }
    None
}

/// `=`, `&` or `|` standing alone, and `<>`.
fn single(text: &str) -> Option<ExprFault> {
    let bytes = text.as_bytes();
    let near = |at: Option<usize>| at.and_then(|i| bytes.get(i)).copied().unwrap_or(b' ');
    for (at, byte) in bytes.iter().copied().enumerate() {
        let (before, after) = (near(at.checked_sub(1)), near(Some(at + 1)));
        if byte == b'<' && after == b'>' {
            return Some(ExprFault::new("`<>` is not an operator here", "write `!=`", at..at + 2));
        }
        let alone = match byte {
            b'=' => after != b'=' && !matches!(before, b'=' | b'!' | b'<' | b'>'),
            b'&' | b'|' => after != byte && before != byte,
            _ => false,
        };
        if alone {
            let c = char::from(byte);
            return Some(ExprFault::new(
                format!("a single `{c}` is not an operator here"),
                format!("write `{c}{c}`"),
                at..at + 1,
            ));
        }
        if byte == b'=' && matches!(after, b'>' | b'<') {
            let c = char::from(after);
            return Some(ExprFault::new(
                format!("`={c}` is not an operator here"),
                format!("write `{c}=`"),
                at..at + 2,
            ));
        }
    }
    None
}

/// Too deep or too long to be read without risk to the stack.
pub(super) fn absurd(text: &str) -> Option<ExprFault> {
    let mut depth = 0u16;
    let mut operators = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'_' | b'.' => {}
            // Each sign by itself: a row of minus signs nests as deep as it is long.
            _ => operators += usize::from(byte.is_ascii_punctuation()),
        }
        if depth > DEPTH_MAX || operators > OPERATORS_MAX {
            let message = format!("more than {DEPTH_MAX} brackets deep, or more than {OPERATORS_MAX} operators");
            return Some(ExprFault::new(message, "split it into several rules or derived points", at..at + 1));
        }
    }
    None
}

/// For what the parser refuses and nobody recognises.
pub(super) fn syntax(text: &str, at: usize) -> ExprFault {
    let at = (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    let end = text.get(at..).and_then(|rest| rest.chars().next()).map_or(at, |c| at + c.len_utf8());
    if text.trim().is_empty() {
        return ExprFault::new("the expression is empty", "for example `b3_pump_1.pressure > 0.6`", 0..text.len());
    }
    let opened = text.matches('(').count();
    let closed = text.matches(')').count();
    if opened != closed {
        let message = format!("{opened} opening and {closed} closing brackets do not match");
        return ExprFault::new(message, "add or remove one", at..end);
    }
    if at >= text.trim_end().len() {
        return ExprFault::new("the expression stops in the middle", "something is missing at the end", at..end);
    }
    let found = text.get(at..end).unwrap_or_default();
    ExprFault::new(
        format!("`{found}` is not expected here"),
        "an operator, a name or a bracket may be missing before it",
        at..end,
    )
}
