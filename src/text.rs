//! Files for people to people's faults: reads TOML and sheets, keeps the place of everything, and gathers complaints.
//!
//! Owns the generic half of configuration: bytes to text ([`decode`], [`file`]), text to checked records by a table of
//! fields ([`field`], [`reader`]), places ([`source`]), complaints ([`diagnostic`]) and their looks ([`render`]). The same
//! table of fields makes the JSON Schema ([`schema`]) and the reference ([`reference`]), so none of them can drift.
//! Knows nothing of lines, devices or profiles: [`crate::config`] brings the tables and looks things up.
//!
//! Invariants: no input makes it panic; files end at [`decode::BYTES_MAX`], complaints at [`diagnostic::FAULTS_MAX`].

pub mod code;
pub mod decode;
pub mod diagnostic;
pub mod field;
pub mod file;
pub mod quantity;
pub mod reader;
pub mod record;
pub mod render;
pub mod sheet;
pub mod source;
pub mod suggest;
