//! A refusal on its way: its class and words. Pure.

use crate::model::intake::Why;

/// Why a payload is not taken. Nobody retries: the sender would send the same again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    /// The class.
    pub why: Why,
    /// In words, without anything secret.
    pub detail: String,
}

impl Fault {
    /// A refusal.
    #[must_use]
    pub fn new(why: Why, detail: impl Into<String>) -> Self {
        Self { why, detail: detail.into() }
    }
}
