//! The typed tree and its evaluation over a flat table of numbers. Pure, no allocation, cannot fail.
//!
//! A number that cannot be told is NaN inside this file; a switch is a number that is not 0.

use crate::model::condition::Tri;
use crate::rules::expr::Binding;

/// What an evaluation looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inputs<'a> {
    values: &'a [f64],
    hour: f64,
}

impl<'a> Inputs<'a> {
    pub(super) fn new(values: &'a [f64], hour: Option<u8>) -> Self {
        Self { values, hour: hour.map_or(f64::NAN, f64::from) }
    }

    fn at(&self, slot: u32) -> f64 {
        self.values.get(slot as usize).copied().unwrap_or(f64::NAN)
    }
}

/// An expression of either type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Truth(Truth),
    Number(Number),
}

/// An expression that yields a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Number {
    Constant(f64),
    Slot(u32),
    Hour,
    Negate(Box<Number>),
    Abs(Box<Number>),
    Binary(Arithmetic, Box<(Number, Number)>),
    Choice(Box<(Truth, Number, Number)>),
}

/// What two numbers can become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Min,
    Max,
}

/// An expression that yields a truth.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Truth {
    Constant(bool),
    Switch(u32),
    Not(Box<Truth>),
    And(Box<(Truth, Truth)>),
    Or(Box<(Truth, Truth)>),
    Same(Box<(Truth, Truth)>),
    Compare(Comparison, Number, Number),
    Choice(Box<(Truth, Truth, Truth)>),
}

/// How two numbers are held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Comparison {
    // CEL compares doubles exactly, and so do we.
    #[allow(clippy::float_cmp)]
    fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Self::Equal => a == b,
            Self::NotEqual => a != b,
            Self::Less => a < b,
            Self::LessEqual => a <= b,
            Self::Greater => a > b,
            Self::GreaterEqual => a >= b,
        }
    }
}

impl Arithmetic {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            // `f64::min` would swallow a NaN, and with it the unknown input.
            Self::Min | Self::Max if a.is_nan() || b.is_nan() => f64::NAN,
            Self::Min => a.min(b),
            Self::Max => a.max(b),
        }
    }
}

fn finite(v: f64) -> f64 {
    if v.is_finite() { v } else { f64::NAN }
}

impl Number {
    fn eval(&self, inputs: &Inputs<'_>) -> f64 {
        match self {
            Self::Constant(v) => *v,
            Self::Slot(slot) => inputs.at(*slot),
            Self::Hour => inputs.hour,
            Self::Negate(inner) => -inner.eval(inputs),
            Self::Abs(inner) => inner.eval(inputs).abs(),
            Self::Binary(op, sides) => finite(op.of(sides.0.eval(inputs), sides.1.eval(inputs))),
            Self::Choice(parts) => match parts.0.eval(inputs) {
                Tri::True => parts.1.eval(inputs),
                Tri::False => parts.2.eval(inputs),
                Tri::Unknown => f64::NAN,
            },
        }
    }

    fn bind(&self, places: &[Binding]) -> Self {
        let both = |sides: &(Self, Self)| Box::new((sides.0.bind(places), sides.1.bind(places)));
        match self {
            Self::Slot(slot) => match places.get(*slot as usize) {
                Some(Binding::Slot(to)) => Self::Slot(*to),
                Some(Binding::Constant(v)) => Self::Constant(*v),
                None => Self::Constant(f64::NAN),
            },
            Self::Constant(_) | Self::Hour => self.clone(),
            Self::Negate(inner) => Self::Negate(Box::new(inner.bind(places))),
            Self::Abs(inner) => Self::Abs(Box::new(inner.bind(places))),
            Self::Binary(op, sides) => Self::Binary(*op, both(sides)),
            Self::Choice(p) => Self::Choice(Box::new((p.0.bind(places), p.1.bind(places), p.2.bind(places)))),
        }
    }
}

impl Truth {
    fn eval(&self, inputs: &Inputs<'_>) -> Tri {
        match self {
            Self::Constant(b) => Tri::from(*b),
            Self::Switch(slot) => known(inputs.at(*slot), |v| v != 0.0),
            Self::Not(inner) => !inner.eval(inputs),
            Self::And(sides) => match sides.0.eval(inputs) {
                Tri::False => Tri::False,
                left => left.and(sides.1.eval(inputs)),
            },
            Self::Or(sides) => match sides.0.eval(inputs) {
                Tri::True => Tri::True,
                left => left.or(sides.1.eval(inputs)),
            },
            Self::Same(sides) => match (sides.0.eval(inputs), sides.1.eval(inputs)) {
                (Tri::Unknown, _) | (_, Tri::Unknown) => Tri::Unknown,
                (a, b) => Tri::from(a == b),
            },
            Self::Compare(how, a, b) => {
                let (a, b) = (a.eval(inputs), b.eval(inputs));
                if a.is_nan() || b.is_nan() { Tri::Unknown } else { Tri::from(how.holds(a, b)) }
            }
            Self::Choice(parts) => match parts.0.eval(inputs) {
                Tri::True => parts.1.eval(inputs),
                Tri::False => parts.2.eval(inputs),
                Tri::Unknown => Tri::Unknown,
            },
        }
    }

    fn bind(&self, places: &[Binding]) -> Self {
        let both = |sides: &(Self, Self)| Box::new((sides.0.bind(places), sides.1.bind(places)));
        match self {
            Self::Switch(slot) => match places.get(*slot as usize) {
                Some(Binding::Slot(to)) => Self::Switch(*to),
                Some(Binding::Constant(v)) => Self::Constant(*v != 0.0),
                None => Self::Compare(Comparison::Equal, Number::Constant(f64::NAN), Number::Constant(0.0)),
            },
            Self::Constant(_) => self.clone(),
            Self::Not(inner) => Self::Not(Box::new(inner.bind(places))),
            Self::And(sides) => Self::And(both(sides)),
            Self::Or(sides) => Self::Or(both(sides)),
            Self::Same(sides) => Self::Same(both(sides)),
            Self::Compare(how, a, b) => Self::Compare(*how, a.bind(places), b.bind(places)),
            Self::Choice(p) => Self::Choice(Box::new((p.0.bind(places), p.1.bind(places), p.2.bind(places)))),
        }
    }
}

fn known(v: f64, test: impl FnOnce(f64) -> bool) -> Tri {
    if v.is_nan() { Tri::Unknown } else { Tri::from(test(v)) }
}

impl Node {
    pub(super) fn bind(&self, places: &[Binding]) -> Self {
        match self {
            Self::Truth(t) => Self::Truth(t.bind(places)),
            Self::Number(n) => Self::Number(n.bind(places)),
        }
    }

    pub(super) fn truth(&self, inputs: &Inputs<'_>) -> Tri {
        match self {
            Self::Truth(t) => t.eval(inputs),
            Self::Number(_) => Tri::Unknown,
        }
    }

    pub(super) fn number(&self, inputs: &Inputs<'_>) -> Option<f64> {
        match self {
            Self::Number(n) => Some(n.eval(inputs)).filter(|v| v.is_finite()),
            Self::Truth(t) => match t.eval(inputs) {
                Tri::True => Some(1.0),
                Tri::False => Some(0.0),
                Tri::Unknown => None,
            },
        }
    }
}

/// An expression bound to a table of values.
#[derive(Debug, Clone)]
pub struct Program {
    node: Node,
    hour: bool,
}

impl Program {
    pub(super) fn new(node: Node, hour: bool) -> Self {
        Self { node, hour }
    }

    /// Whether the condition holds over `values` (NaN for unknown). Unknown for an expression that yields a number.
    #[must_use]
    pub fn test(&self, values: &[f64], hour: Option<u8>) -> Tri {
        self.node.truth(&Inputs::new(values, hour))
    }

    /// The number it yields (a truth as 0 or 1); `None` if it cannot be told or is not finite.
    #[must_use]
    pub fn calculate(&self, values: &[f64], hour: Option<u8>) -> Option<f64> {
        self.node.number(&Inputs::new(values, hour))
    }

    /// It calls `hour()`.
    #[must_use]
    pub fn uses_hour(&self) -> bool {
        self.hour
    }

    /// The slots that it reads, each once.
    #[must_use]
    pub fn slots(&self) -> Vec<u32> {
        let mut slots = Vec::new();
        self.node.collect(&mut slots);
        slots.sort_unstable();
        slots.dedup();
        slots
    }
}

impl Node {
    fn collect(&self, into: &mut Vec<u32>) {
        match self {
            Self::Truth(t) => t.collect(into),
            Self::Number(n) => n.collect(into),
        }
    }
}

impl Number {
    fn collect(&self, into: &mut Vec<u32>) {
        match self {
            Self::Constant(_) | Self::Hour => {}
            Self::Slot(slot) => into.push(*slot),
            Self::Negate(inner) | Self::Abs(inner) => inner.collect(into),
            Self::Binary(_, sides) => {
                sides.0.collect(into);
                sides.1.collect(into);
            }
            Self::Choice(parts) => {
                parts.0.collect(into);
                parts.1.collect(into);
                parts.2.collect(into);
            }
        }
    }
}

impl Truth {
    fn collect(&self, into: &mut Vec<u32>) {
        match self {
            Self::Constant(_) => {}
            Self::Switch(slot) => into.push(*slot),
            Self::Not(inner) => inner.collect(into),
            Self::And(sides) | Self::Or(sides) | Self::Same(sides) => {
                sides.0.collect(into);
                sides.1.collect(into);
            }
            Self::Compare(_, a, b) => {
                a.collect(into);
                b.collect(into);
            }
            Self::Choice(parts) => {
                parts.0.collect(into);
                parts.1.collect(into);
                parts.2.collect(into);
            }
        }
    }
}
