//! MQTT in, whole: the listener against raw bytes and real clients, the client line against a real mosquitto.
//!
//! Tests named `peer_*` need programs that are not ours. With `GATEHOUSE_PEERS=1` a missing one fails the test; without
//! it they say so and return.

// Test code outside `#[test]` functions may unwrap, and compares numbers that it has sent itself.
#![allow(clippy::unwrap_used, clippy::float_cmp, clippy::unnecessary_wraps)]

#[path = "mqtt/listener.rs"]
mod listener;
#[path = "support/mosquitto.rs"]
mod mosquitto;
#[path = "support/peers.rs"]
mod need;
#[path = "mqtt/peers.rs"]
mod peers;
#[path = "mqtt/raw.rs"]
mod raw;
#[path = "mqtt/rig.rs"]
mod rig;
