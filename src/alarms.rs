//! Alarms: the managed state of conditions, by the state diagram of ISA-18.2.
//!
//! Owns the transitions, the list of open alarms, gatehouse's own alarms (lines, devices, disk, clock, upstreams) and
//! the figures of the list. Knows nothing of channels, SQL, clocks or how a condition is tested.
//!
//! - Four states: Normal, Unacknowledged, Acknowledged, ReturnedUnacknowledged. At most one open record per key.
//! - A cleared alarm never becomes active again: the old record is closed and a new one, with a new id, is born.
//! - An alarm of level `info` needs no answer and closes when its condition goes.
//! - A latched alarm stays until somebody resets it, and can be reset only when its condition is gone.
//! - *Unknown* neither raises nor clears.
//! - A dead line is one alarm. Devices and losses of sight behind it do not ring; they are looked at again some time
//!   after the line is back. Alarms of level `life` are never held back.
//! - Records survive a restart. Those whose rule or device is no longer configured are closed with a note.

mod builtin;
mod desk;
mod explain;
mod figures;
mod machine;
mod reported;
mod slot;
#[cfg(test)]
mod tests;

pub use builtin::is_life_safety;
pub use desk::{Desk, Look};
pub use slot::AlarmDef;
