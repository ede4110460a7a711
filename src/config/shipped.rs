//! The profiles that come with the program, compiled in. Pure data.
//!
//! To add one: put the file below `config/profiles/` and its line here; a test holds the two together.

/// Profiles by id.
#[derive(Debug, Clone, Copy)]
pub struct ShippedProfiles(pub &'static [(&'static str, &'static str)]);

/// All shipped profiles: `(id, text)`, by id.
pub const SHIPPED: ShippedProfiles = ShippedProfiles(&[]);

impl ShippedProfiles {
    /// No profiles at all; for tests.
    pub const NONE: Self = Self(&[]);

    /// The text of a profile.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&'static str> {
        self.0.iter().find(|(name, _)| *name == id).map(|(_, text)| *text)
    }
}
