//! Conditions as data: what the rules engine tells the alarm desk. A condition is the test; an alarm is its managed state.

use crate::model::finding::Finding;
use crate::model::id::RuleIx;
use crate::model::time::BootMs;

/// Truth with a third value for "cannot be told": an input is bad, stale or not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tri {
    /// Known not to hold.
    False,
    /// Known to hold.
    True,
    /// Cannot be told: neither raises nor clears.
    Unknown,
}

impl From<bool> for Tri {
    fn from(b: bool) -> Self {
        if b { Self::True } else { Self::False }
    }
}

impl std::ops::Not for Tri {
    type Output = Self;

    /// Unknown stays unknown.
    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl Tri {
    /// CEL's absorbing `&&`: false wins over unknown.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, Self::True) => Self::True,
            _ => Self::Unknown,
        }
    }

    /// CEL's absorbing `||`: true wins over unknown.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::False, Self::False) => Self::False,
            _ => Self::Unknown,
        }
    }
}

/// A condition, delays already applied, changed its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionChange {
    /// Which rule.
    pub rule: RuleIx,
    /// What it is now.
    pub to: Tri,
    /// Since when: measuring time of the deciding reading, or the end of the delay.
    pub at: BootMs,
    /// The deciding value (of a rate: units per minute; of a count: edges seen).
    pub value: Option<f64>,
    /// The limit it was held against, where there is one.
    pub limit: Option<f64>,
    /// Why, from a detector that learns.
    pub finding: Option<Box<Finding>>,
}
