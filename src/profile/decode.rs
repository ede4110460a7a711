//! Registers to raw values and back, every type and order. Pure.
