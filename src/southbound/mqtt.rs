//! MQTT in: client of a broker, and the listener for devices that publish straight to the box.
