//! Message payloads to raw values: JSON pointers compiled once, one parse per message. Pure.
//!
//! A value that is not what the point says is `Bad` with a reason and never a number. What a message does not mention is
//! left out, since devices send parts.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::model::id::PointIx;
use crate::model::quality::Quality;
use crate::model::reading::{PointKind, Raw};
use crate::profile::TimeFormat;

/// Whole numbers beyond this lose digits in an `f64`.
const EXACT_MAX: u64 = 1 << 53;

/// A JSON pointer (RFC 6901), split and unescaped. Empty: the whole payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointer(Vec<Box<str>>);

impl Pointer {
    /// `""` or `/a/b`; `None` for text that does not start with a slash.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let rest = text.strip_prefix('/')?;
        Some(Self(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~").into()).collect()))
    }

    /// Whether it means the whole payload.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The value it leads to.
    #[must_use]
    pub fn find<'a>(&self, json: &'a Json) -> Option<&'a Json> {
        self.0.iter().try_fold(json, |at, part| match at {
            Json::Object(map) => map.get(part.as_ref()),
            Json::Array(list) => list.get(part.parse::<usize>().ok()?),
            _ => None,
        })
    }
}

/// One point of a message device.
#[derive(Debug, Clone)]
pub struct MessagePoint {
    /// The point.
    pub point: PointIx,
    /// JSON pointer, or empty for the bare payload.
    pub pointer: String,
    /// Which topic of the mapping, by index; `None` for any.
    pub topic: Option<usize>,
    /// Words to numbers.
    pub words: Vec<(String, f64)>,
    /// What the number stands for; text points keep words as they are.
    pub kind: PointKind,
}

/// A payload, parsed once. Text that is no JSON is still a bare word (`ON`).
#[derive(Debug)]
pub enum Payload<'a> {
    /// JSON.
    Json(Json),
    /// Anything else that is UTF-8.
    Text(&'a str),
    /// Bytes that are no text.
    Bytes,
}

impl<'a> Payload<'a> {
    /// Reads it.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Self {
        match serde_json::from_slice(bytes) {
            Ok(json) => Self::Json(json),
            Err(_) => std::str::from_utf8(bytes).map_or(Self::Bytes, |text| Self::Text(text.trim())),
        }
    }

    /// The text of the value at `pointer`: a string without its quotes, anything else as JSON writes it.
    #[must_use]
    pub fn word(&self, pointer: &Pointer) -> Option<String> {
        match self {
            Self::Json(json) => match pointer.find(json)? {
                Json::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            },
            Self::Text(text) if pointer.is_root() => Some((*text).to_owned()),
            _ => None,
        }
    }

    /// The raw value of a point; `None` if this message does not mention it.
    #[must_use]
    pub fn raw(&self, pointer: &Pointer, words: &[(String, f64)], kind: PointKind) -> Option<Raw> {
        match self {
            Self::Json(json) => pointer.find(json).map(|value| raw_of(value, words, kind)),
            Self::Text(text) if pointer.is_root() => Some(raw_of_text(text, words, kind)),
            _ => Some(Raw::Bad(Quality::BadProtocol)),
        }
    }

    /// The device's own time in UTC milliseconds.
    #[must_use]
    pub fn time_ms(&self, pointer: &Pointer, format: TimeFormat) -> Option<i64> {
        let Self::Json(json) = self else { return None };
        let value = pointer.find(json)?;
        match format {
            TimeFormat::Rfc3339 => value.as_str()?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond),
            TimeFormat::UnixSeconds => whole_ms(number_of(value)? * 1000.0),
            TimeFormat::UnixMillis => whole_ms(number_of(value)?),
        }
    }
}

fn number_of(value: &Json) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn whole_ms(ms: f64) -> Option<i64> {
    // Within the years 1970 to 9999; the cast is exact there.
    #[allow(clippy::cast_possible_truncation)]
    (0.0..253_402_300_800_000.0).contains(&ms).then(|| ms.round() as i64)
}

fn raw_of(value: &Json, words: &[(String, f64)], kind: PointKind) -> Raw {
    match value {
        Json::Null => Raw::Bad(Quality::BadSentinel),
        Json::String(text) => raw_of_text(text, words, kind),
        Json::Bool(on) if kind == PointKind::Text => Raw::Text(Arc::from(if *on { "true" } else { "false" })),
        Json::Bool(on) => {
            Raw::Number(word(words, if *on { "true" } else { "false" }).unwrap_or(f64::from(u8::from(*on))))
        }
        Json::Number(number) if kind == PointKind::Text => Raw::Text(Arc::from(number.to_string())),
        Json::Number(number) => {
            if number.as_u64().is_some_and(|n| n > EXACT_MAX)
                || number.as_i64().is_some_and(|n| n.unsigned_abs() > EXACT_MAX)
            {
                return Raw::Bad(Quality::BadPrecision);
            }
            finite(number.as_f64())
        }
        Json::Array(_) | Json::Object(_) => Raw::Bad(Quality::BadProtocol),
    }
}

fn raw_of_text(text: &str, words: &[(String, f64)], kind: PointKind) -> Raw {
    if kind == PointKind::Text {
        return Raw::Text(Arc::from(text));
    }
    match word(words, text) {
        Some(number) => Raw::Number(number),
        None => finite(text.trim().parse().ok()),
    }
}

fn word(words: &[(String, f64)], text: &str) -> Option<f64> {
    words.iter().find(|(w, _)| w == text).map(|(_, number)| *number)
}

fn finite(number: Option<f64>) -> Raw {
    match number {
        Some(n) if n.is_finite() => Raw::Number(n),
        _ => Raw::Bad(Quality::BadProtocol),
    }
}

#[cfg(test)]
mod tests;
