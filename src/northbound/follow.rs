//! Follows one stream of the journal for a sender that takes one event at a time: where it is, what comes next, what is
//! given up. The journal on disk is the queue, a cursor in it the place, so nothing is lost over a restart.
//!
//! Begins at the end of the journal, not with the past. Bound: `behind_max` events; older ones are passed over, logged and
//! entered as a dead letter.

use std::sync::Arc;

use crate::model::journal::{Cursor, Gap, GapReason, Stream};
use crate::model::stored::JournalRow;
use crate::model::text::Text;
use crate::northbound::Outbox;

/// Rows read at once.
const ROWS: usize = 32;

/// A place in a stream.
#[derive(Debug, Clone)]
pub(crate) struct Follow {
    name: Arc<str>,
    stream: Stream,
    behind_max: u64,
    outbox: Arc<dyn Outbox>,
}

impl Follow {
    /// `name` is that of the cursor.
    pub(crate) fn new(name: &str, stream: Stream, behind_max: u64, outbox: Arc<dyn Outbox>) -> Self {
        Self { name: Arc::from(name), stream, behind_max, outbox }
    }

    /// The stream.
    pub(crate) fn stream(&self) -> Stream {
        self.stream
    }

    /// Where it stands and the next rows; begins at the end, and passes over what is too far behind.
    pub(crate) async fn waiting(&self) -> Result<(Cursor, Vec<JournalRow>), Text> {
        let own = self.clone();
        blocking(move || own.next_rows()).await
    }

    fn next_rows(&self) -> Result<(Cursor, Vec<JournalRow>), Text> {
        let (outbox, name, stream) = (&self.outbox, &self.name, self.stream);
        let epoch = *outbox.epochs(stream).map_err(words)?.last().ok_or_else(|| words("no journal"))?;
        let head = outbox.watch().borrow().get(stream);
        let known = outbox.cursor(name, stream).map_err(words)?;
        let seq = if let Some(cursor) = known.filter(|c| c.epoch == epoch) {
            cursor.seq
        } else {
            let seq = if known.is_some() { 0 } else { head };
            outbox.confirm(name, stream, Cursor { epoch, seq }).map_err(words)?;
            seq
        };
        if head.saturating_sub(seq) <= self.behind_max {
            let rows = outbox.journal_after(stream, epoch, seq, ROWS).map_err(words)?;
            return Ok((Cursor { epoch, seq }, rows));
        }
        let to = head - self.behind_max;
        let gap = Gap { stream, epoch, from: seq + 1, to, reason: GapReason::Rejected };
        tracing::error!(sender = &**name, from = gap.from, to, "too far behind: these events are not sent");
        outbox.dead_letter(name, &gap, "too far behind").map_err(words)?;
        outbox.confirm(name, stream, Cursor { epoch, seq: to }).map_err(words)?;
        let rows = outbox.journal_after(stream, epoch, to, ROWS).map_err(words)?;
        Ok((Cursor { epoch, seq: to }, rows))
    }

    /// The far end will never take this row: on record, so that those behind it go on.
    pub(crate) async fn give_up(&self, row: &JournalRow, why: String) -> Result<(), Text> {
        let own = self.clone();
        let gap = Gap { stream: row.stream, epoch: row.epoch, from: row.seq, to: row.seq, reason: GapReason::Rejected };
        blocking(move || own.outbox.dead_letter(&own.name, &gap, &why).map_err(words)).await
    }

    /// Everything up to this row is done with.
    pub(crate) async fn done(&self, row: &JournalRow) -> Result<(), Text> {
        let (own, cursor) = (self.clone(), Cursor { epoch: row.epoch, seq: row.seq });
        blocking(move || own.outbox.confirm(&own.name, own.stream, cursor).map_err(words)).await
    }
}

/// The journal cannot be read, or the place in it not kept.
fn words(error: impl std::fmt::Display) -> Text {
    Text::new(&format!("本机存储异常：{error}"), &format!("the gateway's own store: {error}"))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Text> + Send + 'static) -> Result<T, Text> {
    tokio::task::spawn_blocking(work).await.map_err(words)?
}
