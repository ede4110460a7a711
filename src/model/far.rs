//! The far ends that gatehouse delivers to by itself: upstreams, webhooks, brokers.
//!
//! Owns their kinds and the name by which page, metrics, cursors and alarms call one.

use std::fmt;

use serde::Serialize;

use crate::model::id::Id;

/// Kind of a far end; the word is also the section of the site file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FarKind {
    /// `[upstream.*]`: takes everything.
    Upstream,
    /// `[webhook.*]`: takes alarms.
    Webhook,
    /// `[publish.*]`: a broker that takes alarms and cases.
    Publish,
}

impl FarKind {
    /// The word in the site file, in keys and in the API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Webhook => "webhook",
            Self::Publish => "publish",
        }
    }
}

/// One far end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FarEnd {
    /// Kind.
    pub kind: FarKind,
    /// Its id, unique within the kind.
    pub id: Id,
}

impl FarEnd {
    /// One of a kind.
    #[must_use]
    pub fn new(kind: FarKind, id: &Id) -> Self {
        Self { kind, id: id.clone() }
    }

    /// Key of the alarm that it is away.
    #[must_use]
    pub fn alarm_key(&self) -> String {
        format!("{}.{}.down", self.kind.word(), self.id)
    }
}

/// The name: an upstream's is its id, as it always was; any other's begins with the kind. An id has no dot, so names
/// never meet.
impl fmt::Display for FarEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FarKind::Upstream => write!(f, "{}", self.id),
            FarKind::Webhook | FarKind::Publish => write!(f, "{}.{}", self.kind.word(), self.id),
        }
    }
}
