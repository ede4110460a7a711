//! Reads bodies as a strict receiver would: against the published contract, sharing nothing with the encoder.
//!
//! Pure. Everything that `config/schemas/*.json` demands is demanded here, plus what a schema cannot say: counts add up,
//! values fit the declared type, a bad quality has no value, the events of a batch are of one stream and in order.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, SeqAccess, Visitor};

use crate::model::journal::{Epoch, GapReason, Stream};
use crate::model::quality::ALL;

/// What one request brought, for the ledger.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delivery {
    pub(crate) gateway: String,
    pub(crate) stream: Stream,
    pub(crate) epoch: Epoch,
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// A declared hole instead of rows.
    pub(crate) gap: Option<GapReason>,
    /// `(device.point, type, samples)`.
    pub(crate) points: Vec<(String, &'static str, u64)>,
    /// The events themselves.
    pub(crate) events: Vec<serde_json::Value>,
    /// A fingerprint of each sample or event, in the order of their numbers; empty for a gap.
    pub(crate) prints: Vec<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Telemetry {
    schema: String,
    gateway: String,
    site: String,
    stream: Stream,
    epoch: String,
    boot: u64,
    seq: u64,
    count: u64,
    clock: ClockField,
    series: Vec<Series>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockField {
    trust: String,
    #[expect(dead_code, reason = "its presence and type are what is checked")]
    boot_ms: i64,
    #[expect(dead_code, reason = "its presence and type are what is checked")]
    wall_ms: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Series {
    device: String,
    point: String,
    unit: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    samples: Vec<Sample>,
}

/// `[ts_ms, value, quality?, source_ms?]`
struct Sample {
    ts: i64,
    value: Seen,
    quality: Option<String>,
}

/// A value by its type and a fingerprint of its content.
#[derive(Debug, Clone, Copy)]
struct Seen {
    kind: JsonKind,
    bits: u64,
}

/// The JSON type of a value: all that is checked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JsonKind {
    Null,
    Bool,
    Whole,
    Decimal,
    Text,
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Kind;
        impl Visitor<'_> for Kind {
            type Value = Seen;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("null, true, false, a number or a string")
            }
            fn visit_unit<E>(self) -> Result<Seen, E> {
                Ok(Seen { kind: JsonKind::Null, bits: 0 })
            }
            fn visit_bool<E>(self, v: bool) -> Result<Seen, E> {
                Ok(Seen { kind: JsonKind::Bool, bits: u64::from(v) })
            }
            fn visit_i64<E>(self, v: i64) -> Result<Seen, E> {
                Ok(Seen { kind: JsonKind::Whole, bits: v.cast_unsigned() })
            }
            fn visit_u64<E>(self, v: u64) -> Result<Seen, E> {
                Ok(Seen { kind: JsonKind::Whole, bits: v })
            }
            fn visit_f64<E>(self, v: f64) -> Result<Seen, E> {
                Ok(Seen { kind: JsonKind::Decimal, bits: v.to_bits() })
            }
            fn visit_str<E>(self, v: &str) -> Result<Seen, E> {
                Ok(Seen { kind: JsonKind::Text, bits: u64::from(crc32c::crc32c(v.as_bytes())) })
            }
        }
        from.deserialize_any(Kind)
    }
}

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Row;
        impl<'de> Visitor<'de> for Row {
            type Value = Sample;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[ts_ms, value], [ts_ms, value, quality] or [ts_ms, value, quality, source_ms]")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Sample, A::Error> {
                let ts: i64 = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
                let value = seq.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
                let quality = seq.next_element()?;
                let _source: Option<i64> = seq.next_element()?;
                match seq.next_element::<de::IgnoredAny>()? {
                    Some(_) => Err(de::Error::invalid_length(5, &self)),
                    None => Ok(Sample { ts, value, quality }),
                }
            }
        }
        from.deserialize_seq(Row)
    }
}

/// Checks a body of `v1/telemetry`.
pub(crate) fn telemetry(body: &[u8]) -> Result<Delivery, String> {
    let t: Telemetry =
        serde_json::from_slice(body).map_err(|e| format!("the body is not gatehouse.telemetry/1: {e}"))?;
    demand(t.schema == "gatehouse.telemetry/1", || format!("schema `{}` is not known here", t.schema))?;
    demand(t.stream == Stream::Telemetry, || "stream must be `telemetry`".to_owned())?;
    demand(is_name(&t.gateway), || format!("gateway `{}` is not an id", t.gateway))?;
    demand(is_name(&t.site), || format!("site `{}` is not an id", t.site))?;
    demand(t.boot >= 1 && t.seq >= 1 && t.count >= 1, || "boot, seq and count begin at 1".to_owned())?;
    demand(["unset", "holdover", "synced"].contains(&t.clock.trust.as_str()), || {
        format!("clock.trust `{}` is not known", t.clock.trust)
    })?;
    let epoch = epoch(&t.epoch)?;
    let mut points = Vec::with_capacity(t.series.len());
    let mut prints = Vec::new();
    for series in &t.series {
        let point = check_series(series)?;
        prints.extend(series.samples.iter().map(|s| print(&point.0, s)));
        points.push(point);
    }
    let samples: u64 = points.iter().map(|p| p.2).sum();
    demand(samples == t.count, || format!("count is {} but there are {samples} samples", t.count))?;
    Ok(Delivery {
        gateway: t.gateway,
        stream: Stream::Telemetry,
        epoch,
        first: t.seq,
        last: t.seq + t.count - 1,
        gap: None,
        points,
        events: Vec::new(),
        prints,
    })
}

/// Two samples with the same number must have the same of these.
fn print(key: &str, sample: &Sample) -> u32 {
    let crc = crc32c::crc32c(key.as_bytes());
    let crc = crc32c::crc32c_append(crc, &sample.ts.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &sample.value.bits.to_le_bytes());
    crc32c::crc32c_append(crc, sample.quality.as_deref().unwrap_or_default().as_bytes())
}

fn check_series(series: &Series) -> Result<(String, &'static str, u64), String> {
    let key = format!("{}.{}", series.device, series.point);
    demand(!series.device.is_empty() && !series.point.is_empty(), || format!("`{key}` has an empty name"))?;
    demand(series.unit.as_ref().is_none_or(|u| !u.is_empty()), || format!("`{key}` has an empty unit"))?;
    demand(!series.samples.is_empty(), || format!("`{key}` has no samples"))?;
    let (kind, fits): (_, &[JsonKind]) = match series.kind.as_str() {
        "number" => ("number", &[JsonKind::Decimal]),
        "switch" => ("switch", &[JsonKind::Bool]),
        "enumeration" => ("enumeration", &[JsonKind::Whole]),
        "text" => ("text", &[JsonKind::Text]),
        other => return Err(format!("`{key}` has the unknown type `{other}`")),
    };
    for sample in &series.samples {
        let quality = sample.quality.as_deref().unwrap_or("good");
        let known = ALL.into_iter().find(|q| q.word() == quality);
        let known = known.ok_or_else(|| format!("`{key}` has the unknown quality `{quality}`"))?;
        if known.is_bad() {
            demand(sample.value.kind == JsonKind::Null, || format!("`{key}` has a value although it is {quality}"))?;
        } else {
            demand(fits.contains(&sample.value.kind), || {
                format!("`{key}` is a {kind} but has a {:?}", sample.value.kind)
            })?;
        }
    }
    Ok((key, kind, series.samples.len() as u64))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    subject: String,
    site: String,
    datacontenttype: String,
    time: Option<String>,
    boot: Option<String>,
    data: serde_json::Value,
}

/// Checks a body of `v1/events`.
pub(crate) fn events(body: &[u8]) -> Result<Delivery, String> {
    let raw: Vec<serde_json::Value> =
        serde_json::from_slice(body).map_err(|e| format!("the body is not a CloudEvents batch: {e}"))?;
    let mut whole: Option<Delivery> = None;
    for value in raw {
        let one = check_event(&value)?;
        match whole.as_mut() {
            None => whole = Some(one),
            Some(all) => {
                let fits = all.gateway == one.gateway && all.stream == one.stream && all.epoch == one.epoch;
                demand(fits && all.gap.is_none() && one.gap.is_none(), || "a batch is of one stream".to_owned())?;
                demand(one.first == all.last + 1, || format!("{} does not follow {}", one.first, all.last))?;
                all.last = one.last;
                all.events.extend(one.events);
                all.prints.extend(one.prints);
            }
        }
    }
    whole.ok_or_else(|| "the batch is empty".to_owned())
}

fn check_event(value: &serde_json::Value) -> Result<Delivery, String> {
    let e = Event::deserialize(value).map_err(|e| format!("not a CloudEvent of a gatehouse: {e}"))?;
    demand(e.specversion == "1.0", || format!("specversion `{}`", e.specversion))?;
    demand(e.datacontenttype == "application/json", || format!("datacontenttype `{}`", e.datacontenttype))?;
    demand(is_name(&e.site) && !e.subject.is_empty(), || "site and subject must be given".to_owned())?;
    let gateway = e.source.strip_prefix("/gateway/").filter(|g| is_name(g));
    let gateway = gateway.ok_or_else(|| format!("source `{}` is not /gateway/<id>", e.source))?.to_owned();
    let mut parts = e.id.split(':');
    let (Some(stream), Some(life), Some(range), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(format!("id `{}` is not <stream>:<epoch>:<seq>", e.id));
    };
    let stream = Stream::from_word(stream).ok_or_else(|| format!("`{stream}` is not a stream"))?;
    let epoch = epoch(life)?;
    let number =
        |text: &str| text.parse::<u64>().ok().filter(|n| *n >= 1).ok_or_else(|| format!("`{text}` is not a seq"));
    let (first, last, gap) = match range.split_once('-') {
        Some((from, to)) => (number(from)?, number(to)?, Some(check_gap(&e, value, stream, life, from, to)?)),
        None => (number(range)?, number(range)?, None),
    };
    if gap.is_none() {
        check_record(&e, stream)?;
    }
    demand(first <= last, || format!("id `{}` runs backwards", e.id))?;
    let prints = if gap.is_none() { vec![crc32c::crc32c(value.to_string().as_bytes())] } else { Vec::new() };
    Ok(Delivery { gateway, stream, epoch, first, last, gap, points: Vec::new(), events: vec![value.clone()], prints })
}

fn check_gap(
    e: &Event,
    value: &serde_json::Value,
    stream: Stream,
    epoch: &str,
    from: &str,
    to: &str,
) -> Result<GapReason, String> {
    let data = &value["data"];
    demand(e.kind == "gatehouse.gap", || format!("`{}` has a range but is a `{}`", e.id, e.kind))?;
    let says = data["stream"] == stream.word()
        && data["epoch"] == epoch
        && data["from"].as_u64() == from.parse().ok()
        && data["to"].as_u64() == to.parse().ok();
    demand(says, || format!("gap `{}` does not say what its id says", e.id))?;
    GapReason::deserialize(&data["reason"]).map_err(|_| format!("gap `{}` has no known reason", e.id))
}

fn check_record(e: &Event, stream: Stream) -> Result<(), String> {
    let last = e.kind.strip_prefix("gatehouse.").and_then(|k| k.strip_prefix(stream.word())?.strip_prefix('.'));
    let last = last.ok_or_else(|| format!("type `{}` does not fit the stream `{}`", e.kind, stream.word()))?;
    demand(e.time.as_ref().is_some_and(|t| t.parse::<jiff::Timestamp>().is_ok()), || {
        "time is not RFC 3339".to_owned()
    })?;
    demand(e.boot.as_ref().is_some_and(|b| b.parse::<u64>().is_ok()), || "boot is not a number".to_owned())?;
    demand(e.data.is_object(), || "data must be an object".to_owned())?;
    if last == "unreadable" {
        return demand(e.data["text"].is_string(), || "an unreadable record has its text".to_owned());
    }
    if stream == Stream::Alarm {
        let alarm = &e.data["alarm"];
        demand(e.data["change"] == last, || format!("type `{}` but change `{}`", e.kind, e.data["change"]))?;
        for field in ["id", "key", "level", "state"] {
            demand(alarm[field].is_string(), || format!("alarm.{field} is missing"))?;
        }
        for text in ["/text/title/zh", "/text/title/en"] {
            demand(alarm.pointer(text).is_some_and(serde_json::Value::is_string), || {
                format!("alarm{text} is missing")
            })?;
        }
        return Ok(());
    }
    demand(e.data["kind"] == last, || format!("type `{}` but kind `{}`", e.kind, e.data["kind"]))?;
    demand(e.data["facts"].is_object(), || "facts must be an object".to_owned())
}

fn demand(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn epoch(text: &str) -> Result<Epoch, String> {
    let is_hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let value = u64::from_str_radix(text, 16).ok().filter(|_| is_hex);
    value.map(Epoch).ok_or_else(|| format!("epoch `{text}` is not 16 hex digits"))
}
