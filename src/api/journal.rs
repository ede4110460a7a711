//! Rows of the alarm journal as events. A row that cannot be read back is reported and passed over: one damaged row must
//! not hide the others.

use std::sync::Arc;

use crate::api::App;
use crate::api::error::ApiError;
use crate::model::alarm::{AlarmEvent, AlarmRecord};
use crate::model::stored::JournalRow;

/// An alarm as it stands, with every change of it, oldest first.
pub(super) type Story = (AlarmRecord, Vec<AlarmEvent>);

/// The change a row tells of.
pub(super) fn event(row: &JournalRow) -> Option<AlarmEvent> {
    match serde_json::from_str(&row.body) {
        Ok(event) => Some(event),
        Err(error) => {
            tracing::warn!(seq = row.seq, %error, "a journal row cannot be read");
            None
        }
    }
}

/// The story of one alarm. An alarm that has not reached the disk yet (it stalls) is told from memory.
pub(super) async fn story(app: &Arc<App>, id: &str) -> Result<Option<Story>, ApiError> {
    let live = app.ports.live.alarms().into_iter().find(|a| *a.id == *id);
    let asked = id.to_owned();
    let stored = app.read(move |archive| archive.alarm(&asked)).await;
    match (stored, live) {
        (Ok(Some((record, steps))), live) => Ok(Some((live.unwrap_or(record), steps))),
        // An open alarm must be readable with its action steps even when the disk is not.
        (_, Some(record)) => Ok(Some((record, Vec::new()))),
        (Ok(None), None) => Ok(None),
        (Err(error), None) => Err(error),
    }
}
