//! The real program against programs that are not ours: pymodbus and mbpoll over TCP and serial pairs (socat), mosquitto,
//! mosquitto_pub and paho. What is compared is what a user sees: `/api/v1`, the output of commands, the store.
//!
//! A missing peer: see `support/peers.rs`.

// Test code outside `#[test]` functions may unwrap; what is measured here is real time, of other processes.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "peers/modbus.rs"]
mod modbus;
#[path = "support/mosquitto.rs"]
mod mosquitto;
#[path = "peers/mqtt.rs"]
mod mqtt;
#[path = "support/peers.rs"]
mod need;
#[path = "peers/rig.rs"]
mod rig;
#[path = "peers/silent.rs"]
mod silent;
#[path = "peers/sim.rs"]
mod sim;
