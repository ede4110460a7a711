//! Trends: closed blocks of the history and the open tail of the outbox, folded into steps.

use crate::model::stored::{History, ReadError};
use crate::store::reader::StoreReader;

/// See [`StoreReader::history`].
pub(crate) fn history(
    reader: &StoreReader,
    key: &str,
    from_ms: i64,
    to_ms: i64,
    steps_max: usize,
) -> Result<History, ReadError> {
    let _ = (reader, key, from_ms, to_ms, steps_max);
    Ok(History::default())
}
