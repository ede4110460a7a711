//! Names: the ids people write, and the dense numbers the program uses instead of them.
//!
//! An id is `[a-z][a-z0-9_]*`, at most 64 characters: no hyphens, since CEL reads `b3-meter` as a subtraction.
//! The indices are positions in the tables of [`crate::model::site::Site`] and never leave the process.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Longest accepted id, in characters; keeps topics, keys and table cells bounded.
pub const ID_LEN_MAX: usize = 64;

/// A checked id of a line, device, point, rule or upstream. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Id(Arc<str>);

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was written.
    #[error("an id must not be empty")]
    Empty,
    /// Longer than [`ID_LEN_MAX`].
    #[error("an id has at most {ID_LEN_MAX} characters")]
    TooLong,
    /// A character outside the permitted set; the author should rename it.
    #[error("an id is a lower-case letter followed by letters, digits and `_`; `{0}` does not belong")]
    BadChar(char),
}

impl Id {
    /// Checks `text` against the rule in the module documentation.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let first = text.chars().next().ok_or(IdError::Empty)?;
        if text.len() > ID_LEN_MAX {
            return Err(IdError::TooLong);
        }
        if !first.is_ascii_lowercase() {
            return Err(IdError::BadChar(first));
        }
        match text.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_')) {
            Some(bad) => Err(IdError::BadChar(bad)),
            None => Ok(Self(Arc::from(text))),
        }
    }

    /// The id as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The position as an index into the site's table.
            #[must_use]
            pub fn ix(self) -> usize {
                self.0 as usize
            }

            /// The position `ix` of the site's table, which no configuration brings near 2^32 entries.
            #[must_use]
            pub fn at(ix: usize) -> Self {
                Self(u32::try_from(ix).expect("a site's table is shorter than 2^32"))
            }
        }
    };
}

index!(
    /// Position of a line in [`crate::model::site::Site::lines`].
    LineIx
);
index!(
    /// Position of a device in [`crate::model::site::Site::devices`].
    DeviceIx
);
index!(
    /// Position of a point in [`crate::model::site::Site::points`].
    PointIx
);
index!(
    /// Position of a rule in the table that the rules engine and the alarm desk share.
    RuleIx
);
