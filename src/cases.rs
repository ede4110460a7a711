//! The case desk: what cameras report becomes cases that people handle, with evidence that stands.
//!
//! ```text
//!  Sighting ─▶ judge (physics) ─▶ desk: merge, budget, level ─▶ Keeper (store, synced) ─▶ receipt to the camera
//!                                   │                     └──▶ alarm desk ─▶ journal, page, cloud, webhook, broker
//!                                   └▶ evidence folder ◀── footage, fetched behind the alarm
//!  people ─▶ act ─▶ workflow machine ─▶ step on disk ─▶ alarm answered, closed
//! ```
//!
//! Owns merging, the workflow, budgets, figures, alarm texts, the evidence folder, export and masking. Knows nothing of
//! cameras' protocols, of calibration, of SQL or of pages.
//!
//! Invariants and limits:
//! - No event is dropped for its score: a bird becomes a case of level `info`, last in the review.
//! - An event is answered "kept" only after the synced commit that holds it. The same event sent twice is one.
//! - The alarm never waits for a picture.
//! - What is closed goes one day, see [`retention`]; what is open or held never does.
//! - A flood costs short records, not alarms: see [`desk::Settings`].
//!
//! Pure: [`desk`], [`machine`], [`merge`], [`clocks`], [`words`], [`figures`], [`zones`], [`shield`], [`mask`], [`ustar`]. I/O: [`evidence`], [`seal`],
//! [`retention`], [`runner`].

use crate::cases::desk::Settings;
use crate::cases::evidence::Limits;
use crate::cases::retention::Retention;

pub mod bundle;
pub mod clocks;
pub mod desk;
pub mod evidence;
pub mod figures;
pub mod lanes;
pub mod machine;
pub mod mask;
pub mod merge;
pub mod ports;
pub mod retention;
pub mod runner;
pub mod seal;
pub mod shield;
pub mod ustar;
pub mod words;
pub mod zones;

/// `[cases]` of the site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CasesConfig {
    /// Merging and budgets.
    pub desk: Settings,
    /// How much evidence is kept, and how long.
    pub evidence: Limits,
    /// How many closed cases are kept, and how long.
    pub retention: Retention,
}
