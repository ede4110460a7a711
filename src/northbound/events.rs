//! Journal rows and gaps as CloudEvents 1.0 (JSON batch format). Pure.
//!
//! One batch holds rows of one stream, in seq order. `source` + `id` name an event for ever: `/gateway/<gateway_id>` and
//! `<stream>:<epoch>:<seq>`, or `<stream>:<epoch>:<from>-<to>` for a declared hole. The record itself goes out as it lies
//! on disk, so a row has the same bytes whenever it is sent.
//!
//! | stream | type | subject |
//! |---|---|---|
//! | alarm | `gatehouse.alarm.raised`, `.acknowledged`, `.cleared`, `.reset`, `.closed` | `device/alarm` |
//! | command, audit, event | `gatehouse.<stream>.<kind>` | device or line |
//! | any | `gatehouse.gap` | stream |

use std::borrow::Cow;

use serde::Deserialize;

use crate::model::journal::{Gap, Stream};
use crate::model::stored::JournalRow;
use crate::northbound::Identity;
use crate::northbound::telemetry::push_text;

/// `Content-Type` of a batch.
pub const CONTENT_TYPE: &str = "application/cloudevents-batch+json";

/// The part of an [`crate::model::alarm::AlarmEvent`] that the envelope needs.
#[derive(Deserialize)]
struct AlarmHead<'a> {
    #[serde(borrow)]
    change: Cow<'a, str>,
    #[serde(borrow)]
    alarm: AlarmKey<'a>,
}

#[derive(Deserialize)]
struct AlarmKey<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
}

/// The part of a [`crate::model::journal::Note`] that the envelope needs.
#[derive(Deserialize)]
struct NoteHead<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    subject: Cow<'a, str>,
}

/// The body for rows of one stream.
#[must_use]
pub fn encode_rows(identity: &Identity, rows: &[JournalRow]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.iter().map(|r| r.body.len() + 320).sum::<usize>() + 2);
    out.push(b'[');
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push_row(&mut out, identity, row);
    }
    out.push(b']');
    out
}

/// One row as an event by itself, without a batch around it.
#[must_use]
pub fn encode_one(identity: &Identity, row: &JournalRow) -> Vec<u8> {
    let mut out = Vec::with_capacity(row.body.len() + 320);
    push_row(&mut out, identity, row);
    out
}

/// The body for one declared hole.
#[must_use]
pub fn encode_gap(identity: &Identity, gap: &Gap) -> Vec<u8> {
    let mut out = vec![b'['];
    let id = format!("{}:{}:{}-{}", gap.stream.word(), gap.epoch, gap.from, gap.to);
    push_envelope(&mut out, identity, &id, "gatehouse.gap", gap.stream.word());
    out.extend_from_slice(b",\"data\":");
    serde_json::to_writer(&mut out, gap).expect("a gap is plain data and memory takes it");
    out.extend_from_slice(b"}]");
    out
}

fn push_row(out: &mut Vec<u8>, identity: &Identity, row: &JournalRow) {
    let stream = row.stream.word();
    let id = format!("{stream}:{}:{}", row.epoch, row.seq);
    let (kind, subject) = match head(row) {
        Some((kind, subject)) => (format!("gatehouse.{stream}.{kind}"), subject),
        None => (format!("gatehouse.{stream}.unreadable"), String::new()),
    };
    let is_readable = !kind.ends_with(".unreadable");
    push_envelope(out, identity, &id, &kind, if subject.is_empty() { "gateway" } else { &subject });
    out.extend_from_slice(
        format!(",\"time\":\"{}\",\"boot\":\"{}\",\"data\":", rfc3339(row.wall_ms), row.boot).as_bytes(),
    );
    if is_readable {
        // Already JSON: reading the head has walked through all of it.
        out.extend_from_slice(row.body.as_bytes());
    } else {
        // A record that cannot be read must not hold up those behind it, nor break the batch.
        out.extend_from_slice(b"{\"text\":");
        push_text(out, &row.body);
        out.push(b'}');
    }
    out.push(b'}');
}

fn push_envelope(out: &mut Vec<u8>, identity: &Identity, id: &str, kind: &str, subject: &str) {
    out.extend_from_slice(b"{\"specversion\":\"1.0\",\"id\":");
    push_text(out, id);
    out.extend_from_slice(b",\"source\":");
    push_text(out, &format!("/gateway/{}", identity.gateway_id));
    out.extend_from_slice(b",\"type\":");
    push_text(out, kind);
    out.extend_from_slice(b",\"subject\":");
    push_text(out, subject);
    out.extend_from_slice(b",\"site\":");
    push_text(out, &identity.site_id);
    out.extend_from_slice(b",\"datacontenttype\":\"application/json\"");
}

/// Last word of the type, and the subject; `None` for a row that cannot be read.
pub(super) fn head(row: &JournalRow) -> Option<(String, String)> {
    if row.stream == Stream::Alarm {
        let head: AlarmHead<'_> = serde_json::from_str(&row.body).ok()?;
        return Some((head.change.into_owned(), head.alarm.key.replacen('.', "/", 1)));
    }
    let head: NoteHead<'_> = serde_json::from_str(&row.body).ok()?;
    Some((head.kind.into_owned(), head.subject.into_owned()))
}

/// RFC 3339 in UTC with milliseconds; times beyond the calendar read as its beginning.
pub(crate) fn rfc3339(wall_ms: i64) -> String {
    let stamp = jiff::Timestamp::from_millisecond(wall_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{stamp:.3}")
}

#[cfg(test)]
mod tests;
