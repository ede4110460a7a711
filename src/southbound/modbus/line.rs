//! The task.

use std::time::Duration;

use super::{AskError, LineError, ModbusLine};
use crate::profile::Area;
use crate::southbound::LinePath;

pub(super) async fn run(line: ModbusLine) -> Result<(), LineError> {
    line.stop.cancelled().await;
    Ok(())
}

pub(super) async fn read_once(
    _path: &LinePath,
    _unit: u8,
    _area: Area,
    _address: u16,
    _count: u16,
    _timeout: Duration,
) -> Result<Vec<u16>, AskError> {
    Err(AskError::Link("not built yet".into()))
}
