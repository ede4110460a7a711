//! Message payloads to raw values: JSON pointers, words, time stamps, duplicate keys, availability.
//!
//! Owns the reading of one payload by one profile, compiled once. Knows nothing of brokers, sessions or which device a
//! topic belongs to.
//!
//! Rules:
//! - A field that is not in the message is not part of the scan: devices send what changed. `null` is the device's own
//!   "not available" (`BadSentinel`); a value of the wrong kind is `BadProtocol`.
//! - Booleans are 1 and 0, numeric texts are numbers, other texts go through the point's `words`.
//! - A time stamp that cannot be read is left out, the values stay.
//! - Limits: [`PAYLOAD_BYTES_MAX`], [`DEPTH_MAX`], [`TEXT_BYTES_MAX`]. What exceeds them is refused whole.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::model::quality::Quality;
use crate::model::reading::{PointKind, Raw};
use crate::profile::{MqttMapping, PointSource, Profile, TimeFormat};

#[cfg(test)]
mod tests;

/// Longest payload that is looked at. Sensors send hundreds of bytes.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// Deepest nesting of objects and arrays.
pub const DEPTH_MAX: usize = 32;

/// Longest text taken as a value or duplicate key.
pub const TEXT_BYTES_MAX: usize = 1024;

/// Why a payload is refused. Give up on this message: the sender will not send it differently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Longer than [`PAYLOAD_BYTES_MAX`].
    #[error("the payload has {0} bytes, more than {PAYLOAD_BYTES_MAX}")]
    TooLong(usize),
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("the payload is nested more than {DEPTH_MAX} levels deep")]
    TooDeep,
    /// Not UTF-8, or not JSON where the profile reads fields.
    #[error("the payload is not JSON: {0}")]
    NotJson(String),
}

/// What one message says.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// `(position in the profile's points, value)` for every field that was there.
    pub samples: Vec<(u32, Raw)>,
    /// The device's own time, UTC milliseconds.
    pub source_ms: Option<i64>,
    /// Equal keys in a row are one message delivered twice.
    pub dedup: Option<Arc<str>>,
}

/// A profile's way of reading messages.
#[derive(Debug, Clone)]
pub struct MessageMap {
    topics: Vec<String>,
    fields: Vec<Field>,
    time: Option<(Pointer, TimeFormat)>,
    dedup: Option<Pointer>,
    availability: Option<(Pointer, String, String)>,
}

/// One point.
#[derive(Debug, Clone)]
struct Field {
    point: u32,
    pointer: Pointer,
    topic: Option<usize>,
    words: Vec<(String, f64)>,
    is_text: bool,
}

/// A JSON pointer (RFC 6901), its tokens unescaped.
#[derive(Debug, Clone, Default)]
struct Pointer(Vec<String>);

impl MessageMap {
    /// Compiles the message side of a profile; `None` for one without (Modbus devices).
    #[must_use]
    pub fn new(profile: &Profile) -> Option<Self> {
        let mapping: &MqttMapping = profile.mqtt.as_ref()?;
        let fields = (0_u32..).zip(&profile.points).filter_map(|(point, spec)| match &spec.source {
            PointSource::Message { pointer, topic, words } => Some(Field {
                point,
                pointer: Pointer::new(pointer),
                topic: *topic,
                words: words.clone(),
                is_text: spec.kind == PointKind::Text,
            }),
            PointSource::Register(_) | PointSource::Derived(_) => None,
        });
        Some(Self {
            topics: mapping.topics.clone(),
            fields: fields.collect(),
            time: mapping.time.as_deref().map(|p| (Pointer::new(p), mapping.time_format)),
            dedup: mapping.dedup.as_deref().map(Pointer::new),
            availability: mapping
                .availability
                .as_ref()
                .map(|a| (Pointer::new(&a.pointer), a.online.clone(), a.offline.clone())),
        })
    }

    /// Which of [`MqttMapping::topics`] a topic belongs to, given relative to the device's (`""`, `"/state"`); the
    /// first that fits.
    #[must_use]
    pub fn topic(&self, relative: &str) -> Option<usize> {
        self.topics.iter().position(|filter| fits(filter, relative))
    }

    /// Reads a message that came by topic number `topic` of [`MqttMapping::topics`].
    pub fn read(&self, topic: usize, payload: &[u8]) -> Result<Message, MessageError> {
        let wanted = || self.fields.iter().filter(|f| f.topic.is_none_or(|t| t == topic));
        let bare = wanted().all(|f| f.pointer.0.is_empty()) && self.time.is_none() && self.dedup.is_none();
        let json = parse(payload, bare)?;
        let samples = wanted().filter_map(|f| Some((f.point, f.raw(f.pointer.find(&json)?)))).collect();
        let source_ms = self.time.as_ref().and_then(|(pointer, format)| time_ms(pointer.find(&json)?, *format));
        let dedup = self.dedup.as_ref().and_then(|pointer| word(pointer.find(&json)?)).map(Arc::from);
        Ok(Message { samples, source_ms, dedup })
    }

    /// What a message on the availability topic says: there, gone, or nothing that the profile knows.
    pub fn availability(&self, payload: &[u8]) -> Result<Option<bool>, MessageError> {
        let Some((pointer, online, offline)) = &self.availability else { return Ok(None) };
        let json = parse(payload, pointer.0.is_empty())?;
        let said = pointer.find(&json).and_then(word);
        Ok(said.and_then(|said| match said {
            said if said == *online => Some(true),
            said if said == *offline => Some(false),
            _ => None,
        }))
    }
}

impl Field {
    fn raw(&self, json: &Json) -> Raw {
        match json {
            Json::Null => Raw::Bad(Quality::BadSentinel),
            Json::Array(_) | Json::Object(_) => Raw::Bad(Quality::BadProtocol),
            _ if self.is_text => word(json).map_or(Raw::Bad(Quality::BadProtocol), |w| Raw::Text(Arc::from(w))),
            Json::Bool(on) => Raw::Number(f64::from(u8::from(*on))),
            Json::Number(number) => exact(number),
            Json::String(text) => self.text(text),
        }
    }

    fn text(&self, text: &str) -> Raw {
        if let Some((_, value)) = self.words.iter().find(|(word, _)| word == text) {
            return Raw::Number(*value);
        }
        match text.trim().parse::<f64>() {
            // "inf" and "NaN" parse, too.
            Ok(value) if value.is_finite() => Raw::Number(value),
            _ => Raw::Bad(Quality::BadProtocol),
        }
    }
}

impl Pointer {
    /// A text without a leading slash is taken as if it had one; the configuration reader complains about it.
    fn new(text: &str) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let tokens = text.strip_prefix('/').unwrap_or(text).split('/');
        // RFC 6901, 4: `~1` first, then `~0`.
        Self(tokens.map(|t| t.replace("~1", "/").replace("~0", "~")).collect())
    }

    fn find<'j>(&self, json: &'j Json) -> Option<&'j Json> {
        self.0.iter().try_fold(json, |at, token| match at {
            Json::Object(map) => map.get(token),
            // RFC 6901, 4: no leading zeros in an index.
            Json::Array(list) if token == "0" || !token.starts_with(['0', '+']) => {
                list.get(token.parse::<usize>().ok()?)
            }
            _ => None,
        })
    }
}

/// Whether a relative topic fits a filter (MQTT 3.1.1, 4.7): `+` is one level, `#` the rest, also none.
fn fits(filter: &str, topic: &str) -> bool {
    let mut topic = topic.split('/');
    for level in filter.split('/') {
        match (level, topic.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(found)) if wanted == found => {}
            _ => return false,
        }
    }
    topic.next().is_none()
}

/// Parses within the limits. A bare payload that is not JSON is a text (`ON`, `12.5 V`).
fn parse(payload: &[u8], bare: bool) -> Result<Json, MessageError> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(MessageError::TooLong(payload.len()));
    }
    if depth(payload) > DEPTH_MAX {
        return Err(MessageError::TooDeep);
    }
    match serde_json::from_slice(payload) {
        Ok(json) => Ok(json),
        Err(error) if !bare => Err(MessageError::NotJson(error.to_string())),
        Err(error) => match std::str::from_utf8(payload) {
            Ok(text) => Ok(Json::String(text.trim().to_owned())),
            Err(_) => Err(MessageError::NotJson(error.to_string())),
        },
    }
}

/// Greatest nesting, counted without parsing so that the parser never recurses further.
fn depth(payload: &[u8]) -> usize {
    let (mut now, mut most, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in payload {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                now += 1;
                most = most.max(now);
            }
            b']' | b'}' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// A number that is carried exactly, or the reason why not.
fn exact(number: &serde_json::Number) -> Raw {
    let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    match (whole, number.as_f64()) {
        (Some(size), _) if size > 1 << 53 => Raw::Bad(Quality::BadPrecision),
        (_, Some(value)) if value.is_finite() => Raw::Number(value),
        _ => Raw::Bad(Quality::BadProtocol),
    }
}

/// A scalar as text; `None` for anything else or beyond [`TEXT_BYTES_MAX`].
fn word(json: &Json) -> Option<String> {
    let text = match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        Json::Bool(on) => on.to_string(),
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
    };
    (text.len() <= TEXT_BYTES_MAX).then_some(text)
}

/// UTC milliseconds. Numbers may come as text.
fn time_ms(json: &Json, format: TimeFormat) -> Option<i64> {
    if format == TimeFormat::Rfc3339 {
        return json.as_str()?.trim().parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
    }
    let number = match json {
        Json::Number(number) => number.as_f64()?,
        Json::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let ms = if format == TimeFormat::UnixSeconds { number * 1000.0 } else { number };
    // Year 9999 bounds what jiff and the page can show.
    if !(0.0..253_402_300_800_000.0).contains(&ms) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above, and the fraction of a millisecond is not kept")]
    Some(ms.round() as i64)
}
