//! What to send next on a stream: the piece after the cursor, or the declared hole there, or a later epoch.
//!
//! Reads through [`Outbox`], so it blocks; runs inside `spawn_blocking` only. Keeps no state of its own.

use crate::model::journal::{Cursor, Gap, GapReason, Stream};
use crate::model::stored::{JournalRow, ReadError, TelemetryBatch};
use crate::northbound::Outbox;

/// What stands after the cursor.
#[derive(Debug)]
pub(crate) enum Work {
    /// Everything is confirmed.
    Nothing,
    /// Numbers that will never come.
    Gap(Gap),
    /// A log row; the reading after the cursor is at position `skip`.
    Readings { batch: TelemetryBatch, skip: usize },
    /// Journal rows, the first one directly after the cursor.
    Rows(Vec<JournalRow>),
}

/// The work, and the cursor it stands after (which may have gone on to a later epoch).
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) cursor: Cursor,
    pub(crate) work: Work,
}

/// Looks after `known` (or after what the store remembers) for at most `limit` journal rows or one log row.
pub(crate) fn find(
    outbox: &dyn Outbox,
    upstream: &str,
    stream: Stream,
    known: Option<Cursor>,
    limit: usize,
) -> Result<Found, ReadError> {
    let epochs = outbox.epochs(stream)?;
    let start = match known {
        Some(cursor) => Some(cursor),
        None => outbox.cursor(upstream, stream)?,
    };
    // A cursor of an epoch that is gone says nothing about those that are there.
    let at = start.and_then(|c| epochs.iter().position(|e| *e == c.epoch));
    let mut seq = if at.is_some() { start.map_or(0, |c| c.seq) } else { 0 };
    let mut cursor = start;
    for &epoch in epochs.iter().skip(at.unwrap_or(0)) {
        let here = Cursor { epoch, seq };
        cursor = Some(here);
        let work = after(outbox, stream, here, limit)?;
        if !matches!(work, Work::Nothing) {
            return Ok(Found { cursor: here, work });
        }
        seq = 0;
    }
    match cursor {
        Some(cursor) => Ok(Found { cursor, work: Work::Nothing }),
        None => Err(ReadError::Retry(format!("the {} stream has no epoch yet", stream.word()))),
    }
}

/// The work after a cursor within its epoch.
fn after(outbox: &dyn Outbox, stream: Stream, cursor: Cursor, limit: usize) -> Result<Work, ReadError> {
    let next = cursor.seq + 1;
    let (first, work) = if stream == Stream::Telemetry {
        match outbox.telemetry_after(cursor.epoch, cursor.seq)? {
            Some(batch) => {
                let skip = usize::try_from(next.saturating_sub(batch.seq_first)).unwrap_or(usize::MAX);
                (Some(batch.seq_first), Work::Readings { batch, skip })
            }
            None => (None, Work::Nothing),
        }
    } else {
        let mut rows = outbox.journal_after(stream, cursor.epoch, cursor.seq, limit)?;
        let first = rows.first().map(|r| r.seq);
        // Only what hangs together goes into one request: its reply names a single number.
        let together = rows.iter().zip(first.unwrap_or(0)..).take_while(|(r, seq)| r.seq == *seq).count();
        rows.truncate(together);
        (first, if rows.is_empty() { Work::Nothing } else { Work::Rows(rows) })
    };
    match first {
        Some(first) if first <= next => Ok(work),
        _ => Ok(hole(outbox, stream, cursor, first)?.map_or(Work::Nothing, Work::Gap)),
    }
}

/// The hole that begins right after the cursor and ends before `first`. Without a row behind it only a declared one counts.
fn hole(outbox: &dyn Outbox, stream: Stream, cursor: Cursor, first: Option<u64>) -> Result<Option<Gap>, ReadError> {
    let from = cursor.seq + 1;
    let last = first.map_or(u64::MAX, |f| f - 1);
    let epoch = cursor.epoch;
    let declared = outbox.gaps(stream, epoch, cursor.seq)?.into_iter().find(|g| g.to >= from && g.from <= last);
    Ok(match declared {
        Some(gap) if gap.from <= from => Some(Gap { from, to: gap.to.min(last), ..gap }),
        // Numbers that are neither there nor declared: a file was lost without a trace.
        Some(gap) => Some(Gap { stream, epoch, from, to: gap.from - 1, reason: GapReason::Corrupt }),
        None if first.is_some() => Some(Gap { stream, epoch, from, to: last, reason: GapReason::Corrupt }),
        None => None,
    })
}
