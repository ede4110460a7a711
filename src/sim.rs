//! A community on the desk: simulated devices and a simulated cloud that speak the real protocols.
//!
//! Used by `gatehouse demo`, `gatehouse sim`, `gatehouse mock-cloud` and the tests. Devices are made from the same
//! profiles as the gateway reads them with, so any site file can be simulated; what happens to them stands in a script.
//! Knows nothing of the gateway's insides: it is on the other end of the wire.

pub mod camera;
pub mod cloud;
pub mod modbus;
pub mod mqtt;
pub mod plant;
pub mod script;
pub mod town;
