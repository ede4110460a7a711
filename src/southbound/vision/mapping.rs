//! A tree to events by a vision profile's tables. Pure: the time of arrival and the zone are arguments.
//!
//! Rules:
//! - The kind is judged first: what is none of our business is not read any further, and never refused.
//! - A number that is none, a track that is too long, a reference with a trick in it refuse the event, with a reason.
//!   What is merely absent or unreadable for people (time, class, confidence) is left out and the event stays.
//! - Coordinates given as shares are turned into pixels of the picture's size: the event's own, else the camera's, else
//!   [`UNKNOWN_SIDE`].
//! - An event without an id of its own gets one from its content: the same bytes are the same event.

mod footage;
mod track;

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::fault::Fault;
use super::limits::{DOCUMENT_BYTES_MAX, EVENT_ID_BYTES_MAX, EVENTS_MAX};
use super::tree::{first, number, text};
use crate::model::intake::Why;
use crate::model::sight::{SightAction, SightKind, Sighting};
use crate::model::time::{BootMs, WallMs};
use crate::profile::vision::{EventMap, Meaning, VisionProfile};

/// Side of the picture that shares are turned into when nobody says how large it is.
pub const UNKNOWN_SIDE: u32 = 10_000;
/// No camera takes more frames per second; others say 0 for "unknown".
const FPS_MAX: f64 = 1_000.0;
/// Highest floor, and deepest cellar, that is believed.
const FLOORS_MAX: f64 = 300.0;

/// What is known besides the payload.
#[derive(Debug, Clone)]
pub struct Arrival<'a> {
    /// The camera.
    pub camera: &'a Arc<str>,
    /// When it came.
    pub received: BootMs,
    /// Size of the picture by the configuration.
    pub frame: Option<(u32, u32)>,
    /// Zone of times that name none.
    pub zone: &'a TimeZone,
}

/// What one event of a payload is.
#[derive(Debug)]
pub enum Mapped {
    /// An event of ours.
    Sighting {
        /// The event.
        sighting: Box<Sighting>,
        /// Pictures that follow as parts of their own.
        follow: usize,
        /// Pictures beyond the cap, left out.
        dropped: usize,
    },
    /// Known, and nothing to us.
    Ignored,
    /// A word that the profile does not know.
    Unknown(String),
    /// One of several that is refused; the others stand.
    Refused(Fault),
}

/// All events of a payload.
pub fn map(profile: &VisionProfile, tree: Json, raw: &[u8], arrival: &Arrival<'_>) -> Result<Vec<Mapped>, Fault> {
    let events = match tree {
        Json::Array(list) => list,
        tree => match first(&tree, &profile.event.each) {
            Some(Json::Array(list)) => list.clone(),
            _ => return Ok(vec![one(profile, tree, Some(raw), arrival)?]),
        },
    };
    if events.len() > EVENTS_MAX {
        return Err(Fault::new(Why::TooLarge, format!("{} events at once, at most {EVENTS_MAX}", events.len())));
    }
    if events.is_empty() {
        return Err(Fault::new(Why::Malformed, "a list without any event"));
    }
    let all: Vec<_> = events.into_iter().map(|event| one(profile, event, None, arrival)).collect();
    // One bad event stops itself alone, and the payload where there is nothing else in it.
    if all.iter().all(Result::is_err) {
        return all.into_iter().collect();
    }
    Ok(all.into_iter().map(|one| one.unwrap_or_else(Mapped::Refused)).collect())
}

/// One event; `raw` is its payload if it is the only one in it.
fn one(profile: &VisionProfile, mut tree: Json, raw: Option<&[u8]>, arrival: &Arrival<'_>) -> Result<Mapped, Fault> {
    if !tree.is_object() {
        return Err(Fault::new(Why::Malformed, "an event is not an object"));
    }
    let map = &profile.event;
    let kind = match kind(profile, &tree) {
        Ok(Meaning::Kind(kind)) => kind,
        Ok(Meaning::Ignore) => return Ok(Mapped::Ignored),
        Err(word) => return Ok(Mapped::Unknown(word)),
    };
    let taken = footage::take(map, &mut tree)?;
    let own = size(map, &tree)?;
    let track = track::read(map, &tree, own.or(arrival.frame))?;
    let raw = raw.filter(|_| !taken.cut);
    let content = || serde_json::to_vec(&tree).unwrap_or_default();
    // The payload as it came, unless there is more in it than this event, or a picture.
    let raw: Arc<[u8]> = raw.map_or_else(|| Arc::from(content()), Arc::from);
    if raw.len() > DOCUMENT_BYTES_MAX {
        let detail = format!("an event of more than {DOCUMENT_BYTES_MAX} bytes without its pictures");
        return Err(Fault::new(Why::TooLarge, detail));
    }
    let sighting = Sighting {
        camera: Arc::clone(arrival.camera),
        event_id: event_id(map, &tree, content),
        kind,
        action: action(profile, &tree),
        received: arrival.received,
        camera_time: first(&tree, &map.time).and_then(|found| time(found, arrival.zone)),
        source: source(map, &tree),
        object: first(&tree, &map.object).and_then(text),
        confidence: number(first(&tree, &map.confidence), "the confidence")?
            .map(|given| (given / map.confidence_full).clamp(0.0, 1.0)),
        fps: number(first(&tree, &map.fps), "the frame rate")?.filter(|fps| *fps > 0.0 && *fps <= FPS_MAX),
        frame: own.or(track.frame),
        track: track.points,
        floor: first(&tree, &map.floor).and_then(floor),
        footage: taken.footage,
        raw,
    };
    let follow = number(first(&tree, &map.pictures_follow), "the number of pictures")?.unwrap_or(0.0);
    // Saturates: an absurd number means "some".
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a small range")]
    let follow = follow.clamp(0.0, 16.0) as usize;
    Ok(Mapped::Sighting { sighting: Box::new(sighting), follow, dropped: taken.dropped })
}

/// The meaning of the first known word; else the first word there is.
fn kind(profile: &VisionProfile, tree: &Json) -> Result<Meaning, String> {
    let words = || profile.event.kind.iter().filter_map(|pointer| text(super::tree::find(tree, pointer)?));
    let meaning = |word: &String| profile.kinds.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    match (words().find_map(|word| meaning(&word).map(|(_, m)| *m)), words().next(), profile.event.kind_default) {
        (Some(meaning), ..) => Ok(meaning),
        (None, Some(word), _) => Err(word),
        (None, None, Some(kind)) => Ok(Meaning::Kind(kind)),
        (None, None, None) => Err(String::new()),
    }
}

fn action(profile: &VisionProfile, tree: &Json) -> SightAction {
    let word = first(tree, &profile.event.action).and_then(text);
    let known =
        |word: String| profile.actions.iter().find(|(known, _)| known.eq_ignore_ascii_case(&word)).map(|(_, a)| *a);
    word.and_then(known).unwrap_or(SightAction::Pulse)
}

fn source(map: &EventMap, tree: &Json) -> String {
    let mut found: Vec<String> = map.source.iter().filter_map(|p| text(super::tree::find(tree, p)?)).collect();
    found.dedup();
    found.join(" · ")
}

fn size(map: &EventMap, tree: &Json) -> Result<Option<(u32, u32)>, Fault> {
    let side = |pointers: &[String]| -> Result<Option<u32>, Fault> {
        let found = number(first(tree, pointers), "the size of the picture")?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside the range")]
        let whole = found.filter(|n| (1.0..=65_535.0).contains(n)).map(|n| n.round() as u32);
        Ok(whole)
    };
    Ok(side(&map.width)?.zip(side(&map.height)?))
}

/// The event's own id, made harmless; else one from its content.
fn event_id(map: &EventMap, tree: &Json, content: impl FnOnce() -> Vec<u8>) -> Arc<str> {
    match first(tree, &map.id).and_then(text) {
        Some(own) if is_plain(&own) => Arc::from(own),
        Some(odd) => hash(odd.as_bytes()),
        None => hash(&content()),
    }
}

/// Letters that can stand in a file name, an address and a page.
fn is_plain(id: &str) -> bool {
    id.len() <= EVENT_ID_BYTES_MAX
        && !id.starts_with('.')
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:+".contains(&b))
}

/// The first 16 bytes of SHA-256, in hexadecimal.
fn hash(bytes: &[u8]) -> Arc<str> {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let hex: String = digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Arc::from(hex)
}

/// Milliseconds from this on are milliseconds: as seconds they would lie after the year 5138.
const MILLIS_FROM: f64 = 1e11;
/// Year 9999 bounds what can be shown.
const TIME_MAX_MS: f64 = 253_402_300_800_000.0;

/// RFC 3339, date and time in the given zone, or seconds or milliseconds since 1970; `None` if it is none of them.
fn time(json: &Json, zone: &TimeZone) -> Option<WallMs> {
    let text = text(json)?;
    if let Ok(number) = text.parse::<f64>() {
        let ms = if number.abs() >= MILLIS_FROM { number } else { number * 1_000.0 };
        #[expect(clippy::cast_possible_truncation, reason = "bounded, and the fraction of a millisecond is not kept")]
        return (0.0..TIME_MAX_MS).contains(&ms).then(|| WallMs(ms.round() as i64));
    }
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Some(WallMs(stamp.as_millisecond()));
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    Some(WallMs(zone.to_ambiguous_timestamp(local).compatible().ok()?.as_millisecond()))
}

/// `12`, `"12F"`, `"12层"`.
fn floor(json: &Json) -> Option<i32> {
    let text = text(json)?;
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '-' || c == '.')).unwrap_or(text.len());
    let number: f64 = text.get(..end)?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "inside the range")]
    (-FLOORS_MAX..=FLOORS_MAX).contains(&number).then(|| number.round() as i32)
}

/// The kind as profiles and golden vectors write it.
#[must_use]
pub fn kind_word(kind: SightKind) -> &'static str {
    match kind {
        SightKind::FallingObject => "falling_object",
        SightKind::EbikeInLift => "ebike_in_lift",
        SightKind::FireLaneBlocked => "fire_lane_blocked",
        SightKind::Perimeter => "perimeter",
    }
}

#[cfg(test)]
mod tests;
