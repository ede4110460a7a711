//! What the pipeline needs of a store.

use std::future::Future;
use std::sync::Arc;

use crate::model::alarm::AlarmEvent;
use crate::model::id::{DeviceIx, PointIx};
use crate::model::journal::Note;
use crate::model::reading::{Reading, Receipt};

/// The store did not take it; trying again later is right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not stored: {0}")]
pub struct SinkError(pub String);

/// States of learning rules, by rule key.
pub type Models = Arc<Vec<(Arc<str>, Vec<u8>)>>;

/// A store, or a stand-in. The futures may wait as long as the disk does; the pipeline never waits for them.
pub trait Sink: Send + Sync + 'static {
    /// Hands readings over; returns when the store has room for more. The receipts are told by the store.
    fn append(&self, readings: Vec<Reading>, receipts: Vec<Receipt>) -> impl Future<Output = ()> + Send + 'static;

    /// Commits an alarm's change, synced, and returns its number.
    fn alarm(&self, event: AlarmEvent) -> impl Future<Output = Result<u64, SinkError>> + Send + 'static;

    /// Commits a note.
    fn note(&self, note: Note) -> impl Future<Output = Result<(), SinkError>> + Send + 'static;

    /// Keeps what rules have learnt, by rule key; replaces all that was kept before.
    fn models(&self, models: Models) -> impl Future<Output = Result<(), SinkError>> + Send + 'static;

    /// Keeps in mind that a device lacks registers.
    fn learn(
        &self,
        device: DeviceIx,
        points: Vec<PointIx>,
    ) -> impl Future<Output = Result<(), SinkError>> + Send + 'static;
}
