//! The intake of camera events as a whole: shipped vision profiles, the listener, the stream clients and the fetcher, each
//! against peers that speak the real protocols on real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may stop at the first surprise"
)]

#[path = "vision/fetch.rs"]
mod fetch;
#[path = "vision/profiles.rs"]
mod profiles;
#[path = "vision/push.rs"]
mod push;
#[path = "vision/rig.rs"]
mod rig;
#[path = "vision/stream.rs"]
mod stream;
