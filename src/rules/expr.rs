//! Expressions in CEL, the Common Expression Language: for the `when` of rules and for derived points.
//!
//! The `cel` crate reads the text (this folder is the only place that names it); the tree it returns is then typed
//! and compiled into a small evaluator of our own, since the crate's interpreter takes some 600 ns and allocates,
//! and a comparison of two numbers is worth 5. Syntax is CEL's; a property test holds the results against the crate's
//! interpreter. Where site rules need something else, it is this, and only this:
//!
//! - Every number is a double. Whole-number literals are doubles too, so `a + 1` works.
//! - An input that is bad, stale or not there yet is *unknown*. `&&`, `||` absorb it as CEL absorbs errors
//!   (`false && unknown` is false, `true || unknown` is true); everything else passes it on.
//! - Arithmetic without a finite result (`1.0 / 0.0`) is unknown, not infinite.
//! - A switch is a bool, and may also be compared with the literals `0` and `1`.
//! - Functions are `hour()` (0-23, local), `abs(x)`, `min(..)`, `max(..)`. No texts, lists, maps, macros, `%`.
//!
//! Types are checked when compiled, so nothing can fail at run time. Limits: 4,096 bytes of text, 24 brackets deep, 128 operators
//! (the parser and this compiler recurse; a hostile text must end in a message, not in a stack overflow).

mod build;
mod eval;
mod fault;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::model::condition::Tri;

pub use eval::Program;
pub use fault::ExprFault;

/// Longest accepted text, in bytes.
pub const TEXT_LEN_MAX: usize = 4096;
/// Deepest nesting of brackets.
pub const DEPTH_MAX: u16 = 24;
/// Most operators, commas and brackets in one text.
pub const OPERATORS_MAX: usize = 128;

/// What a variable stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VarKind {
    /// A measured quantity, an enumeration or a parameter.
    Number,
    /// A switch.
    Switch,
}

/// What an expression yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yields {
    /// A truth: can stand in `when`.
    Truth,
    /// A number: can be a derived point.
    Number,
}

/// Where the value of a variable comes from once the expression is bound to a site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Binding {
    /// A slot of the table of values: the index of the point.
    Slot(u32),
    /// A constant: the value of a parameter.
    Constant(f64),
}

/// A checked expression, not yet bound to a site.
#[derive(Debug, Clone)]
pub struct Expr {
    source: Arc<str>,
    vars: Vec<Arc<str>>,
    node: eval::Node,
    hour: bool,
}

impl Expr {
    /// Reads and checks `text`. `resolve` says what a variable (`device.point`, or a bare id inside a profile) is.
    pub fn compile(text: &str, resolve: &mut dyn FnMut(&str) -> Option<VarKind>) -> Result<Self, ExprFault> {
        build::compile(text, resolve)
    }

    /// As [`Expr::compile`] with the known names at hand: an unknown one gets a "did you mean".
    pub fn compile_among(text: &str, names: &[(&str, VarKind)]) -> Result<Self, ExprFault> {
        let found = Self::compile(text, &mut |name| names.iter().find(|(n, _)| *n == name).map(|(_, kind)| *kind));
        found.map_err(|fault| fault.suggest(names.iter().map(|(name, _)| *name)))
    }

    /// As [`Expr::compile`], and the result must be a truth.
    pub fn condition(text: &str, resolve: &mut dyn FnMut(&str) -> Option<VarKind>) -> Result<Self, ExprFault> {
        let expr = Self::compile(text, resolve)?;
        expr.must_yield(Yields::Truth)?;
        Ok(expr)
    }

    /// As [`Expr::compile`], and the result must be a number.
    pub fn number(text: &str, resolve: &mut dyn FnMut(&str) -> Option<VarKind>) -> Result<Self, ExprFault> {
        let expr = Self::compile(text, resolve)?;
        expr.must_yield(Yields::Number)?;
        Ok(expr)
    }

    fn must_yield(&self, wanted: Yields) -> Result<(), ExprFault> {
        if self.yields() == wanted { Ok(()) } else { Err(fault::wrong_result(&self.source, wanted)) }
    }

    /// What it yields.
    #[must_use]
    pub fn yields(&self) -> Yields {
        match self.node {
            eval::Node::Truth(_) => Yields::Truth,
            eval::Node::Number(_) => Yields::Number,
        }
    }

    /// The variables, each once, in order of appearance.
    #[must_use]
    pub fn vars(&self) -> &[Arc<str>] {
        &self.vars
    }

    /// It calls `hour()`: it must be evaluated again when the hour changes.
    #[must_use]
    pub fn uses_hour(&self) -> bool {
        self.hour
    }

    /// The text as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Ties the variables to the slots of a table of values, or to constants. `None` if `place` does not know one.
    #[must_use]
    pub fn bind(&self, place: &mut dyn FnMut(&str) -> Option<Binding>) -> Option<Program> {
        let places: Option<Vec<Binding>> = self.vars.iter().map(|name| place(name)).collect();
        Some(Program::new(self.node.bind(&places?), self.hour))
    }

    /// Evaluates over values in the order of [`Expr::vars`] (NaN for unknown): for checks and golden vectors; the
    /// engine uses [`Expr::bind`].
    #[must_use]
    pub fn test(&self, values: &[f64], hour: Option<u8>) -> Tri {
        self.node.truth(&eval::Inputs::new(values, hour))
    }

    /// As [`Expr::test`] for expressions that yield a number.
    #[must_use]
    pub fn calculate(&self, values: &[f64], hour: Option<u8>) -> Option<f64> {
        self.node.number(&eval::Inputs::new(values, hour))
    }
}
