//! Conditions: from readings to "this holds", by typed operators.
//!
//! Owns the operators (limit, state, rate, count, absence, expression, and those that learn: trend, anomaly, device anomaly,
//! baseline, change, peer), their delays and their timers. Knows nothing of
//! clocks, tasks, alarms or the database: time is an argument, and the same records give the same changes, byte for
//! byte, live and in a replay.
//!
//! Semantics, the same for every operator:
//! - A reading that is bad makes the condition *unknown*. Unknown neither raises nor clears, and it cancels a running
//!   delay: the delay starts anew when the input is known again, since nobody can say what happened in between. Loss of
//!   sight is a condition of its own (`absence`), and never unknown.
//! - An uncertain reading (a retained message) may raise but never clears.
//! - `on_delay`: the test must hold so long. `off_delay`: it must be gone so long. Both run on the boot clock, so a step
//!   of the wall clock changes nothing; `hour()` follows wall time only after [`hour::LocalHour`] trusts it.
//! - After a start, a test that is true raises after its on-delay. A condition that was open before the restart stays
//!   open in silence, and is cleared only by a fresh good value.
//!
//! Limits: 64 samples per rate window, 1,024 edges per count, one timer per rule.

mod define;
mod engine;
pub mod expr;
pub mod hour;
mod learn;
#[cfg(test)]
mod learn_tests;
mod learned;
mod operator;
#[cfg(test)]
mod tests;

pub use define::{Names, RuleDef, RuleFault, Test, define};
pub use engine::Engine;
