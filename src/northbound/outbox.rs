//! What northbound needs from the store. Implemented by `gateway`, which knows both.

use std::fmt;

use tokio::sync::watch;

use crate::model::journal::{Cursor, Epoch, Gap, Stream};
use crate::model::stored::{Heads, JournalRow, ReadError, StoreError, TelemetryBatch};

/// Reads what is committed, and keeps how far an upstream has confirmed.
///
/// All methods but [`Outbox::watch`] may block on the disk or on the store's writer: they are called through
/// `spawn_blocking` only. None of them may wait for longer than a few seconds.
pub trait Outbox: Send + Sync + fmt::Debug {
    /// All epochs of a stream of which rows or gaps may still be there, oldest first; the last one is being written.
    /// Never empty.
    fn epochs(&self, stream: Stream) -> Result<Vec<Epoch>, ReadError>;

    /// How far `upstream` has confirmed `stream`; `None` if it never has.
    fn cursor(&self, upstream: &str, stream: Stream) -> Result<Option<Cursor>, ReadError>;

    /// The log row that holds reading `seq + 1` of `epoch`, else the first row after it, else `None`.
    /// The same row always comes back with the same content, also after a restart.
    fn telemetry_after(&self, epoch: Epoch, seq: u64) -> Result<Option<TelemetryBatch>, ReadError>;

    /// Up to `limit` journal rows after `seq` of `epoch`, in seq order.
    fn journal_after(&self, stream: Stream, epoch: Epoch, seq: u64, limit: usize)
    -> Result<Vec<JournalRow>, ReadError>;

    /// Declared holes of a stream that end after `seq`, in seq order.
    fn gaps(&self, stream: Stream, epoch: Epoch, seq: u64) -> Result<Vec<Gap>, ReadError>;

    /// Keeps that `upstream` has everything of `stream` up to `cursor`. Need not be synced before it returns: a lost
    /// confirmation means that something is sent twice, which the far end recognises.
    fn confirm(&self, upstream: &str, stream: Stream, cursor: Cursor) -> Result<(), StoreError>;

    /// Puts on record that `upstream` will never take `gap` (reason `rejected`), with its words. The rows stay on disk
    /// for people and other upstreams; the cursor is moved by [`Outbox::confirm`] afterwards.
    fn dead_letter(&self, upstream: &str, gap: &Gap, why: &str) -> Result<(), StoreError>;

    /// The last committed numbers; changes with every commit.
    fn watch(&self) -> watch::Receiver<Heads>;
}
