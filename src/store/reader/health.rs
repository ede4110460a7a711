//! Reading health records and entries.

use super::StoreReader;
use crate::model::health::{EntryKind, HealthEntry};
use crate::model::stored::ReadError;
use crate::store::state::health;

impl StoreReader {
    /// `(device, record)` of all devices, as kept last.
    pub fn health_records(&self) -> Result<Vec<(String, String)>, ReadError> {
        self.with_state(health::records)
    }

    /// All entries about services that were done, newest first.
    pub fn services_done(&self) -> Result<Vec<HealthEntry>, ReadError> {
        self.with_state(|conn| health::entries(conn, None, Some(EntryKind::Service.word()), i64::MAX))
    }

    /// The newest entries of a device, newest first.
    pub fn health_entries(&self, device: &str, max: usize) -> Result<Vec<HealthEntry>, ReadError> {
        let max = i64::try_from(max.min(super::ROWS_MAX)).unwrap_or(0);
        self.with_state(|conn| health::entries(conn, Some(device), None, max))
    }
}
