//! Owns the JSON of recorded events and of verdicts, one object a line.
//!
//! Event: `{"id", "camera", "facade", "time", "fps", "width", "height", "track": [{"t", "x", "y", "w", "h"}, …]}`; pixels, box
//! centre, y down, `t` in seconds on the camera's clock. Verdict: `{"id", "class", "p", "floor_low", "floor_high" (null:
//! open), "at_or_above", "release_low_m", "release_high_m", "impact_speed_ms", "impact_time"}` and, beyond these, the
//! probabilities of the classes, the fitted acceleration with its error, and `impact_t` on the clock of the track.
//!
//! Tolerant where a meaning is plain: points out of order, points with missing or not-a-number fields (left out), bare `NaN`
//! and `Infinity` as some writers put them, numbers as ids. Strict with sizes. Refuses to know files and cameras.
//!
//! The `impact_time` has the form of the event's `time`: RFC 3339 text where that was text, seconds where it was a number.
//! Track times below [`EPOCH_FROM_S`] count from `time`; greater ones are seconds since 1970 themselves.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{Event, TrackPoint, Verdict};

/// A line longer than this is refused, bytes.
pub const LINE_BYTES_MAX: usize = 4 << 20;
/// A track longer than this is refused: 100 frames a second for more than half a minute.
pub const TRACK_POINTS_MAX: usize = 4096;
/// Track times from here on are seconds since 1970 (2001-09-09); below they count from the event's time.
pub const EPOCH_FROM_S: f64 = 1e9;

/// A recorded event.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// As given: text or number.
    pub id: Value,
    /// Camera of the cameras file.
    pub camera: String,
    /// As given: RFC 3339 text, seconds, or nothing.
    pub time: Value,
    /// The track.
    pub event: Event,
    /// Picture size where it was given, pixels.
    pub frame: Option<(f64, f64)>,
    /// Points left out because a field was missing or not a number.
    pub left_out: usize,
}

/// Why a line was refused, with the id where it could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// The event's id, or null.
    pub id: Value,
    /// What is wrong, in plain words.
    pub reason: String,
}

/// Reads one line.
///
/// # Errors
/// The reason, with the id where there is one.
pub fn read(line: &str) -> Result<Recorded, Refused> {
    if line.len() > LINE_BYTES_MAX {
        let reason = format!("line of {} bytes, at most {LINE_BYTES_MAX}", line.len());
        return Err(Refused { id: guess_id(line), reason });
    }
    let value: Value = serde_json::from_str(&without_nan(line))
        .map_err(|error| Refused { id: guess_id(line), reason: format!("not JSON: {error}") })?;
    let Value::Object(mut fields) = value else {
        return Err(Refused { id: Value::Null, reason: "not a JSON object".to_owned() });
    };
    let id = fields.remove("id").filter(|id| id.is_string() || id.is_number()).unwrap_or(Value::Null);
    let refuse = |reason: String| Refused { id: id.clone(), reason };
    let camera = match fields.get("camera") {
        Some(Value::String(camera)) => camera.clone(),
        Some(Value::Number(camera)) => camera.to_string(),
        _ => return Err(refuse("no `camera`".to_owned())),
    };
    let points = match fields.get("track") {
        Some(Value::Array(points)) => points.as_slice(),
        None | Some(Value::Null) => &[],
        Some(_) => return Err(refuse("`track` is not a list".to_owned())),
    };
    if points.len() > TRACK_POINTS_MAX {
        return Err(refuse(format!("track of {} points, at most {TRACK_POINTS_MAX}", points.len())));
    }
    let track: Vec<TrackPoint> = points.iter().filter_map(point).collect();
    let left_out = points.len() - track.len();
    let size = |name: &str| fields.get(name).and_then(Value::as_f64).filter(|size| *size > 0.0);
    Ok(Recorded {
        camera,
        time: fields.get("time").cloned().unwrap_or(Value::Null),
        frame: size("width").zip(size("height")),
        event: Event { track },
        left_out,
        id,
    })
}

impl Recorded {
    /// The event in the pixels of the calibrated picture: sub-streams are smaller pictures of the same view.
    pub fn scaled_to(&self, frame: (f64, f64)) -> Cow<'_, Event> {
        let Some((width, height)) = self.frame else { return Cow::Borrowed(&self.event) };
        let (across, down) = (frame.0 / width, frame.1 / height);
        if (across - 1.0).abs() < 1e-9 && (down - 1.0).abs() < 1e-9 {
            return Cow::Borrowed(&self.event);
        }
        let scale = |point: &TrackPoint| TrackPoint {
            t: point.t,
            x: point.x * across,
            y: point.y * down,
            w: point.w.map(|w| w * across),
            h: point.h.map(|h| h * down),
        };
        Cow::Owned(Event { track: self.event.track.iter().map(scale).collect() })
    }
}

fn point(value: &Value) -> Option<TrackPoint> {
    let number = |name: &str| value.get(name).and_then(Value::as_f64).filter(|number| number.is_finite());
    Some(TrackPoint { t: number("t")?, x: number("x")?, y: number("y")?, w: number("w"), h: number("h") })
}

/// Bare `NaN`, `Infinity` and `-Infinity` outside of strings become `null`.
fn without_nan(line: &str) -> Cow<'_, str> {
    if !line.contains("NaN") && !line.contains("Infinity") {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len());
    for (index, part) in split_strings(line).enumerate() {
        if index % 2 == 1 {
            out.push_str(part);
        } else {
            out.push_str(&part.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null"));
        }
    }
    Cow::Owned(out)
}

/// Parts of a line, in turn outside of and inside strings; quotes stay with the inside.
fn split_strings(line: &str) -> impl Iterator<Item = &str> {
    let mut cuts = vec![0];
    let (mut inside, mut escaped) = (false, false);
    for (index, byte) in line.bytes().enumerate() {
        match (inside, byte) {
            (false, b'"') => {
                cuts.push(index);
                inside = true;
            }
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => {
                cuts.push(index + 1);
                inside = false;
            }
            _ => {}
        }
    }
    cuts.push(line.len());
    let pairs: Vec<(usize, usize)> = cuts.windows(2).map(|cut| (cut[0], cut[1])).collect();
    pairs.into_iter().filter_map(|(from, to)| line.get(from..to))
}

/// The id of a line that could not be read, so that its sender finds it again.
fn guess_id(line: &str) -> Value {
    let Some((_, rest)) = line.split_once("\"id\"") else { return Value::Null };
    let rest = rest.trim_start().strip_prefix(':').unwrap_or(rest).trim_start();
    let head: String = rest.chars().take(256).collect();
    match serde_json::Deserializer::from_str(&head).into_iter::<Value>().next() {
        Some(Ok(id)) if id.is_string() || id.is_number() => id,
        _ => Value::Null,
    }
}

/// The verdict as one JSON object. `impact_time` comes ready, in the form of the event's time.
pub fn write(id: &Value, verdict: &Verdict, impact_time: &Value) -> Value {
    let tenth = |value: Option<f64>| value.map(|value| (value * 100.0).round() / 100.0);
    let thousandth = |value: f64| (value * 10_000.0).round() / 10_000.0;
    json!({
        "id": id,
        "class": verdict.class.as_str(),
        "p": thousandth(verdict.probability),
        "floor_low": verdict.floor_low,
        "floor_high": verdict.floor_high,
        "at_or_above": verdict.at_or_above,
        "release_low_m": tenth(verdict.release_low_m),
        "release_high_m": tenth(verdict.release_high_m),
        "impact_speed_ms": tenth(verdict.impact_speed_ms),
        "impact_time": impact_time,
        "impact_t": verdict.impact_t.map(|t| (t * 1000.0).round() / 1000.0),
        "p_dense": verdict.odds.map(|odds| thousandth(odds.dense)),
        "p_light": verdict.odds.map(|odds| thousandth(odds.light)),
        "p_not_falling": verdict.odds.map(|odds| thousandth(odds.other)),
        "acceleration_ms2": tenth(verdict.acceleration_ms2.map(|fitted| fitted.0)),
        "acceleration_error_ms2": tenth(verdict.acceleration_ms2.map(|fitted| fitted.1)),
    })
}

/// A line for an event that could not be judged.
pub fn write_refused(id: &Value, reason: &str) -> Value {
    let mut value = write(id, &Verdict::undecidable(), &Value::Null);
    value["error"] = Value::from(reason);
    value
}
