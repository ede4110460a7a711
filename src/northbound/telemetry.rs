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
//! Cost: no allocation per reading; names are escaped once per key table. Limits: those of a log row.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::ser::{CompactFormatter, Formatter};

use crate::model::quality::Quality;
use crate::model::reading::{PointKind, Value};
use crate::model::site::Site;
use crate::model::stored::TelemetryBatch;
use crate::model::time::Trust;
use crate::northbound::Identity;

/// Name and version of the body; a change that an old receiver cannot read gets a new number.
pub const SCHEMA: &str = "gatehouse.telemetry/1";

/// Why a `Vec` takes every byte.
const VEC: &str = "writing to memory does not fail";

/// Writes bodies; keeps its buffers and the prepared names between calls.
#[derive(Debug)]
pub struct TelemetryEncoder {
    /// `{"schema":…,"gateway":…,"site":…,"stream":"telemetry"`
    opening: Vec<u8>,
    site: Arc<Site>,
    by_key: HashMap<Arc<str>, usize>,
    heads: Heads,
    out: Vec<u8>,
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
        let by_key = site.points.iter().enumerate().map(|(i, p)| (Arc::clone(&p.key), i)).collect();
        Self { opening, site, by_key, heads: Heads::default(), out: Vec::new() }
    }

    /// The body of `take` readings of `batch` (fewer at its end), from the one at position `skip` on.
    pub fn encode(&mut self, batch: &TelemetryBatch, skip: usize, take: usize) -> &[u8] {
        let is_same = self.heads.keys.as_ref().is_some_and(|k| Arc::ptr_eq(k, &batch.keys));
        if !is_same {
            self.prepare_heads(&batch.keys);
        }
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let end = skip.saturating_add(take).min(batch.columns.point.len());
        self.push_envelope(&mut out, batch, skip, end.saturating_sub(skip));
        self.push_series(&mut out, batch, skip, end);
        out.extend_from_slice(b"]}");
        self.out = out;
        &self.out
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

    fn push_series(&self, out: &mut Vec<u8>, batch: &TelemetryBatch, skip: usize, end: usize) {
        let columns = &batch.columns;
        let sourced = !columns.source_ms.is_empty();
        let mut stamp = Stamp::default();
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
                    let kind = self.push_head(out, point, value);
                    current = Some((point, kind));
                    kind
                }
            };
            out.push(b'[');
            stamp.push(out, batch.wall_ms(at));
            out.push(b',');
            let source_ms = if sourced { columns.source_ms.get(i).copied().flatten() } else { None };
            push_value(out, kind, value, quality, source_ms);
        }
        out.extend_from_slice(if current.is_some() { b"]}" } else { b"" });
    }

    /// Opens a series and tells the kind of its values.
    fn push_head(&self, out: &mut Vec<u8>, point: u32, value: &Value) -> PointKind {
        let span = self.heads.spans.get(point as usize).copied();
        let (start, end, kind) = span.unwrap_or((0, 0, None));
        let kind = kind.unwrap_or(match value {
            Value::Text(_) => PointKind::Text,
            Value::Number(_) | Value::None => PointKind::Number,
        });
        out.extend_from_slice(self.heads.text.get(start..end).unwrap_or_default());
        out.extend_from_slice(match kind {
            PointKind::Number => b",\"type\":\"number\",\"samples\":[".as_slice(),
            PointKind::Switch => b",\"type\":\"switch\",\"samples\":[",
            PointKind::Enumeration => b",\"type\":\"enumeration\",\"samples\":[",
            PointKind::Text => b",\"type\":\"text\",\"samples\":[",
        });
        kind
    }

    fn prepare_heads(&mut self, keys: &Arc<[Arc<str>]>) {
        let heads = &mut self.heads;
        heads.text.clear();
        heads.spans.clear();
        for key in keys.iter() {
            let start = heads.text.len();
            let info = self.by_key.get(key).and_then(|&i| self.site.points.get(i));
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

/// The digits of the last time stamp: readings of one scan share it.
#[derive(Debug, Default)]
struct Stamp {
    ms: i64,
    digits: Vec<u8>,
}

impl Stamp {
    fn push(&mut self, out: &mut Vec<u8>, ms: i64) {
        if self.digits.is_empty() || self.ms != ms {
            self.digits.clear();
            CompactFormatter.write_i64(&mut self.digits, ms).expect(VEC);
            self.ms = ms;
        }
        out.extend_from_slice(&self.digits);
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
        CompactFormatter.write_i64(out, ms).expect(VEC);
    }
    out.push(b']');
}

/// Writes the value in the one JSON type of its kind; false, and nothing written, if it does not fit.
fn push_typed(out: &mut Vec<u8>, kind: PointKind, value: &Value) -> bool {
    match (kind, value) {
        (PointKind::Number, Value::Number(v)) if v.is_finite() => CompactFormatter.write_f64(out, *v).expect(VEC),
        (PointKind::Switch, Value::Number(v)) => out.extend_from_slice(if *v == 0.0 { b"false" } else { b"true" }),
        (PointKind::Enumeration, Value::Number(v)) if v.fract() == 0.0 && v.abs() < 9e15 => {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53, as just checked")]
            CompactFormatter.write_i64(out, *v as i64).expect(VEC);
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
