//! Modbus: address, plan, match (pure); sessions and line task (I/O).
