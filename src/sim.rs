//! Simulated devices and clouds that speak the real protocols.

pub mod cloud;
