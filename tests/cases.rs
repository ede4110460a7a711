//! The case desk as a whole: its task with a real store and a real evidence folder; the alarm before the picture, receipts
//! after the commit, a kill at any moment, and bundles that `openssl` and `sha256sum` check.

#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, clippy::indexing_slicing)] // a test may fail there

#[path = "cases/bundle.rs"]
mod bundle;
#[path = "cases/evidence.rs"]
mod evidence;
#[path = "cases/kill.rs"]
mod kill;
#[path = "cases/manifests.rs"]
mod manifests;
#[path = "cases/mask.rs"]
mod mask;
#[path = "cases/retention.rs"]
mod retention;
#[path = "cases/rig.rs"]
mod rig;
#[path = "cases/runner.rs"]
mod runner;
#[path = "cases/webhook.rs"]
mod webhook;
