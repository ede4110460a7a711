//! The whole system, as it is started in the field: real processes, real sockets, real files, real signals.
//!
//! Devices and cloud live in the test, so that it can count what went over the wire and take the cloud away. The long forms
//! (100 devices for 10 minutes, 100 kills, 10 minutes without a cloud) run with `GATEHOUSE_LONG` set.

// Test code outside `#[test]` functions may unwrap; registers are 16 bits wide and their counters wrap on purpose.
// Writing to a String cannot fail.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::let_underscore_must_use,
    clippy::struct_field_names
)]

#[path = "system/away.rs"]
mod away;
#[path = "system/cloud.rs"]
mod cloud;
#[path = "system/commands.rs"]
mod commands;
#[path = "system/counts.rs"]
mod counts;
#[path = "system/demo.rs"]
mod demo;
#[path = "system/disk.rs"]
mod disk;
#[path = "system/events.rs"]
mod events;
#[path = "system/farm.rs"]
mod farm;
#[path = "system/kill.rs"]
mod kill;
#[path = "system/quota.rs"]
mod quota;
#[path = "system/rig.rs"]
mod rig;
#[path = "system/service.rs"]
mod service;
