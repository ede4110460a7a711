//! Detectors that learn: what a point or a device normally does, and how far it is from that now.
//!
//! Pure numbers in, verdicts out. Knows no clock (time is an argument), no task, no disk, no profile and no language.
//! Everything is streaming, bounded, causal and deterministic, and can be written down in mid-learning and taken up again
//! with the same result (`serde`).

pub mod backtest;
pub mod baseline;
pub mod change;
pub mod device;
pub mod peer;
pub mod point;
pub mod trend;
