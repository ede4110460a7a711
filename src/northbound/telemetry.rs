//! Readings as `gatehouse.telemetry/1`: one log row becomes one body. Pure, and written for speed.
//!
//! Invariants:
//! - Deterministic: the same row and range give the same bytes, today and after a restart. So nothing that depends on
//!   the moment of sending stands in the body (`Gatehouse-Sent-At` and `Gatehouse-Lane` are headers); times are made
//!   with the clock anchor that is kept in the row.
//! - The n-th sample of a body, counted through all series, has number `seq + n`. The store keeps a row grouped by
//!   point, so the order of the file is the order of the body, and a partly accepted body can go on in the middle.
//! - The JSON type of a point never changes: a number always has a decimal point or exponent (`10.0`), a switch is
//!   `true` or `false`, an enumeration is a whole number, a text is a string. No value is `null`, with a reason.
//!
//! Cost: one allocation per body, which is not kept (a body is made every few seconds); names are escaped once per key table. Limits: those of a log row.

use std::sync::Arc;

use crate::model::quality::Quality;
use crate::model::reading::{PointKind, Value};
use crate::model::site::Site;
use crate::model::stored::TelemetryBatch;
use crate::model::time::Trust;
use crate::northbound::Identity;
use crate::northbound::digits::{self, Stamps};

/// Name and version of the body; a change that an old receiver cannot read gets a new number.
pub const SCHEMA: &str = "gatehouse.telemetry/1";

/// Why a `Vec` takes every byte.
const VEC: &str = "writing to memory does not fail";

/// Writes bodies; keeps the prepared names between calls.
#[derive(Debug)]
pub struct TelemetryEncoder {
    /// `{"schema":…,"gateway":…,"site":…,"stream":"telemetry"`
    opening: Vec<u8>,
    site: Arc<Site>,
    /// Indices of `site.points`, ordered by key.
    by_key: Box<[u32]>,
    heads: Heads,
    stamps: Stamps,
    /// Bytes of the last body: the next is about as long.
    last_len: usize,
}

/// The openings of all series of one key table, escaped once.
#[derive(Debug, Default)]
struct Heads {
    keys: Option<Arc<[Arc<str>]>>,
    text: Vec<u8>,
    /// Start and end in `text`; the kind, where the site still knows the point.
    spans: Vec<(usize, usize, Option<PointKind>)>,
}

impl TelemetryEncoder {
    /// An encoder for one gateway and its points.
    #[must_use]
    pub fn new(identity: &Identity, site: Arc<Site>) -> Self {
        let mut opening = Vec::with_capacity(160);
        opening.extend_from_slice(b"{\"schema\":\"");
        opening.extend_from_slice(SCHEMA.as_bytes());
        opening.extend_from_slice(b"\",\"gateway\":");
        push_text(&mut opening, &identity.gateway_id);
        opening.extend_from_slice(b",\"site\":");
        push_text(&mut opening, &identity.site_id);
        opening.extend_from_slice(b",\"stream\":\"telemetry\"");
        let count = u32::try_from(site.points.len()).expect("fewer than 2^32 points");
        let mut by_key: Box<[u32]> = (0..count).collect();
        by_key.sort_unstable_by_key(|&i| key_at(&site, i));
        Self { opening, site, by_key, heads: Heads::default(), stamps: Stamps::default(), last_len: 0 }
    }

    /// The body of `take` readings of `batch` (fewer at its end), from the one at position `skip` on.
    pub fn encode(&mut self, batch: &TelemetryBatch, skip: usize, take: usize) -> Vec<u8> {
        let is_same = self.heads.keys.as_ref().is_some_and(|k| Arc::ptr_eq(k, &batch.keys));
        if !is_same {
            self.prepare_heads(&batch.keys);
        }
        let mut out = Vec::with_capacity(self.last_len + self.last_len / 8);
        let end = skip.saturating_add(take).min(batch.columns.point.len());
        self.push_envelope(&mut out, batch, skip, end.saturating_sub(skip));
        self.push_series(&mut out, batch, skip, end);
        out.extend_from_slice(b"]}");
        self.last_len = out.len();
        out
    }

    fn push_envelope(&self, out: &mut Vec<u8>, batch: &TelemetryBatch, skip: usize, count: usize) {
        let trust = match batch.anchor.trust {
            Trust::Unset => "unset",
            Trust::Holdover => "holdover",
            Trust::Synced => "synced",
        };
        out.extend_from_slice(&self.opening);
        let rest = format!(
            ",\"epoch\":\"{}\",\"boot\":{},\"seq\":{},\"count\":{count},\
             \"clock\":{{\"trust\":\"{trust}\",\"boot_ms\":{},\"wall_ms\":{}}},\"series\":[",
            batch.epoch,
            batch.boot,
            batch.seq_first + skip as u64,
            batch.anchor.boot.0,
            batch.anchor.wall.0,
        );
        out.extend_from_slice(rest.as_bytes());
    }

    fn push_series(&mut self, out: &mut Vec<u8>, batch: &TelemetryBatch, skip: usize, end: usize) {
        let columns = &batch.columns;
        let sourced = !columns.source_ms.is_empty();
        let stamps = &mut self.stamps;
        let mut current: Option<(u32, PointKind)> = None;
        let rows = columns.point.iter().zip(&columns.at).zip(columns.quality.iter().zip(&columns.value));
        for (i, ((&point, &at), (&quality, value))) in rows.enumerate().take(end).skip(skip) {
            let kind = match current {
                Some((same, kind)) if same == point => {
                    out.push(b',');
                    kind
                }
                other => {
                    out.extend_from_slice(if other.is_some() { b"]}," } else { b"" });
                    let kind = self.heads.push(out, point, value);
                    current = Some((point, kind));
                    kind
                }
            };
            out.push(b'[');
            stamps.push(out, batch.wall_ms(at));
            out.push(b',');
            let source_ms = if sourced { columns.source_ms.get(i).copied().flatten() } else { None };
            push_value(out, kind, value, quality, source_ms);
        }
        out.extend_from_slice(if current.is_some() { b"]}" } else { b"" });
    }

    fn prepare_heads(&mut self, keys: &Arc<[Arc<str>]>) {
        let heads = &mut self.heads;
        heads.text.clear();
        heads.spans.clear();
        heads.spans.reserve_exact(keys.len());
        for key in keys.iter() {
            let start = heads.text.len();
            let found = self.by_key.binary_search_by_key(&key.as_ref(), |&i| key_at(&self.site, i));
            let info = found.ok().and_then(|at| self.by_key.get(at)).and_then(|&i| self.site.points.get(i as usize));
            let (device, point) = key.split_once('.').unwrap_or((key, ""));
            heads.text.extend_from_slice(b"{\"device\":");
            push_text(&mut heads.text, device);
            heads.text.extend_from_slice(b",\"point\":");
            push_text(&mut heads.text, point);
            if let Some(unit) = info.and_then(|i| i.unit) {
                heads.text.extend_from_slice(b",\"unit\":");
                push_text(&mut heads.text, unit.code());
            }
            heads.spans.push((start, heads.text.len(), info.map(|i| i.kind)));
        }
        heads.keys = Some(Arc::clone(keys));
    }
}

/// The key of a point by its index.
fn key_at(site: &Site, i: u32) -> &str {
    site.points.get(i as usize).map_or("", |p| &p.key)
}

impl Heads {
    /// Opens a series and tells the kind of its values.
    fn push(&self, out: &mut Vec<u8>, point: u32, value: &Value) -> PointKind {
        let span = self.spans.get(point as usize).copied();
        let (start, end, kind) = span.unwrap_or((0, 0, None));
        let kind = kind.unwrap_or(match value {
            Value::Text(_) => PointKind::Text,
            Value::Number(_) | Value::None => PointKind::Number,
        });
        out.extend_from_slice(self.text.get(start..end).unwrap_or_default());
        out.extend_from_slice(match kind {
            PointKind::Number => b",\"type\":\"number\",\"samples\":[".as_slice(),
            PointKind::Switch => b",\"type\":\"switch\",\"samples\":[",
            PointKind::Enumeration => b",\"type\":\"enumeration\",\"samples\":[",
            PointKind::Text => b",\"type\":\"text\",\"samples\":[",
        });
        kind
    }
}

/// Writes `value]`, `value,"quality"]` or `value,"quality",source_ms]`.
fn push_value(out: &mut Vec<u8>, kind: PointKind, value: &Value, mut quality: Quality, source_ms: Option<i64>) {
    if quality.is_bad() || !push_typed(out, kind, value) {
        out.extend_from_slice(b"null");
        if !quality.is_bad() {
            // Kept with another kind than the point has now (the profile was changed in between): no value of a
            // second JSON type may go out under this name.
            quality = Quality::BadInput;
        }
    }
    if quality != Quality::Good || source_ms.is_some() {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(quality.word().as_bytes());
        out.push(b'"');
    }
    if let Some(ms) = source_ms {
        out.push(b',');
        digits::push_i64(out, ms);
    }
    out.push(b']');
}

/// Writes the value in the one JSON type of its kind; false, and nothing written, if it does not fit.
fn push_typed(out: &mut Vec<u8>, kind: PointKind, value: &Value) -> bool {
    match (kind, value) {
        (PointKind::Number, Value::Number(v)) if v.is_finite() => digits::push_f64(out, *v),
        (PointKind::Switch, Value::Number(v)) => out.extend_from_slice(if *v == 0.0 { b"false" } else { b"true" }),
        (PointKind::Enumeration, Value::Number(v)) if v.fract() == 0.0 && v.abs() < 9e15 => {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53, as just checked")]
            digits::push_i64(out, *v as i64);
        }
        (PointKind::Text, Value::Text(text)) => push_text(out, text),
        _ => return false,
    }
    true
}

/// Writes a JSON string.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect(VEC);
}

#[cfg(test)]
mod tests;
