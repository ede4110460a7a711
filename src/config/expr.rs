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
