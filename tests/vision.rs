//! The intake of camera events as a whole: shipped vision profiles, the listener, the stream clients and the fetcher, each
//! against peers that speak the real protocols on real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and spawns what it likes"
)]

#[path = "vision/broker.rs"]
mod broker;
#[path = "vision/cameras.rs"]
mod cameras;
#[path = "vision/fetch.rs"]
mod fetch;
#[path = "vision/listen.rs"]
mod listen;
#[path = "support/mosquitto.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod mosquitto;
#[path = "support/peers.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod need;
#[path = "vision/outward.rs"]
mod outward;
#[path = "vision/profiles.rs"]
mod profiles;
#[path = "vision/push.rs"]
mod push;
#[path = "vision/rig.rs"]
mod rig;
#[path = "vision/storm.rs"]
mod storm;
#[path = "vision/stream.rs"]
mod stream;
#[path = "vision/whole.rs"]
mod whole;
