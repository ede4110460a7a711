//! Detectors that learn: what a point or a device normally does, and how far it is from that now.
//!
//! Pure numbers in, verdicts out. Knows no clock (time is an argument), no task, no disk, no profile and no language.
//! Everything is streaming, bounded, causal and deterministic, and can be written down in mid-learning and taken up again
//! with the same result (`serde`).
//!
//! # How good they are
//!
//! Measured with public labelled data (Numenta's streams, the SKAB pump rig, the GECCO water works, the IMS bearings, the
//! C-MAPSS engines), one default setting for everything, through the command that anybody can run on data of his own:
//! `gatehouse backtest --rules rules.toml --input readings.csv --output events.csv`. What is reported for a moment depends
//! on nothing after it (checked on the first 60 % of each record), and scaling and shifting values changes no alarm.
//!
//! | task | figure |
//! |---|---|
//! | single streams, best threshold: standard / low FP | 55.7 / 49.7 |
//! | single streams, alarms as raised: standard / low FP; false a device-day | 48.3 / 44.8; 0.054 |
//! | pump rig, faulty state: F1 at false-alarm rate | 0.847 at 2.3 % |
//! | pump rig, moment of the change: standard / low FP | 48.3 / 47.6 |
//! | pump rig, 2.8 healthy hours: share of time in alarm, raised an hour | 0.40 %, 0.59 |
//! | water works, 43 events in bursty data: raised in, false a day, clean time in alarm | 77 %, 0.11, 2.7 % |
//! | bearing to failure: lead, false | 73 h, 0 |
//! | engines to failure: found, lead of nine in ten, false | 100 %, 64 h, 0 |
//! | engines, time to the limit: within 30 %, median error | 51 %, 28 % |
//!
//! Both halves of each record were in view while these detectors were made, so expect somewhat less elsewhere; single streams
//! with a slow or subtle change are their weak side. A straight rise that lasts fewer than about two hundred readings after a
//! long calm is foretold too early, at a quarter of the true time.

pub mod backtest;
pub mod baseline;
pub mod change;
pub mod device;
#[cfg(test)]
mod noise;
pub mod peer;
pub mod point;
pub mod trend;
