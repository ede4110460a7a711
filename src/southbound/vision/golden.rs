//! Golden vectors of a vision profile: payload in, facts out. Pure.
//!
//! Facts: `event_id`, `time` (RFC 3339, UTC), `action`, `source`, `object`, `confidence`, `floor`, `fps`, `frame`
//! (`1920x1080`), `points` (how many), `first` and `last` (`t,x,y,w,h`), `footage` (`picture /a; clip /b; inline image/jpeg`).

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::document;
use super::mapping::{Arrival, Mapped, kind_word, map};
use crate::model::sight::{Footage, SightAction, Sighting, TrackPoint};
use crate::model::time::BootMs;
use crate::profile::vision::{VisionProfile, VisionTest};

/// What is wrong, by vector; empty lists where all is right. `zone` is that of times without one.
#[must_use]
pub fn run(profile: &VisionProfile, zone: &TimeZone) -> Vec<Vec<String>> {
    profile.tests.iter().map(|test| vector(profile, test, zone)).collect()
}

fn vector(profile: &VisionProfile, test: &VisionTest, zone: &TimeZone) -> Vec<String> {
    let camera: Arc<str> = Arc::from("golden");
    let arrival = Arrival { camera: &camera, received: BootMs(0), frame: test.frame, zone };
    let payload = test.payload.as_bytes();
    let mapped = document::read(payload).and_then(|tree| map(profile, tree, payload, &arrival));
    let (outcome, sighting) = match mapped {
        Err(fault) => (format!("refused:{}", fault.why.word()), None),
        Ok(all) => match all.into_iter().nth(test.event) {
            Some(Mapped::Sighting { sighting, .. }) => (kind_word(sighting.kind).to_owned(), Some(sighting)),
            Some(Mapped::Ignored) => ("ignore".to_owned(), None),
            Some(Mapped::Unknown(word)) => (format!("unknown:{word}"), None),
            Some(Mapped::Refused(fault)) => (format!("refused:{}", fault.why.word()), None),
            None => ("nothing".to_owned(), None),
        },
    };
    let mut faults = Vec::new();
    if outcome != test.outcome {
        faults.push(format!("outcome is {outcome}, expected {}", test.outcome));
    }
    for (name, expected) in &test.facts {
        let found = sighting.as_deref().and_then(|sighting| fact(sighting, name));
        if found.as_deref() != Some(expected) {
            faults.push(format!("{name} is {found:?}, expected {expected:?}"));
        }
    }
    faults
}

/// A fact as text; `None` for one that is absent or does not exist.
fn fact(sighting: &Sighting, name: &str) -> Option<String> {
    // To a thousandth: what scaling adds behind that is no fact.
    let round = |n: f64| (n * 1000.0).round() / 1000.0;
    let point = |p: &TrackPoint| [p.t, p.x, p.y, p.w, p.h].map(|n| round(n).to_string()).join(",");
    Some(match name {
        "event_id" => sighting.event_id.to_string(),
        "time" => jiff::Timestamp::from_millisecond(sighting.camera_time?.0).ok()?.to_string(),
        "action" => match sighting.action {
            SightAction::Pulse => "pulse",
            SightAction::Start => "start",
            SightAction::Stop => "stop",
        }
        .to_owned(),
        "source" => sighting.source.clone(),
        "object" => sighting.object.clone()?,
        "confidence" => sighting.confidence?.to_string(),
        "floor" => sighting.floor?.to_string(),
        "fps" => sighting.fps?.to_string(),
        "frame" => sighting.frame.map(|(width, height)| format!("{width}x{height}"))?,
        "points" => sighting.track.len().to_string(),
        "first" => sighting.track.first().map(point)?,
        "last" => sighting.track.last().map(point)?,
        "footage" => sighting.footage.iter().map(footage).collect::<Vec<_>>().join("; "),
        _ => return None,
    })
}

fn footage(footage: &Footage) -> String {
    match footage {
        Footage::Inline { media_type, .. } => format!("inline {media_type}"),
        Footage::Remote { reference, clip: false } => format!("picture {reference}"),
        Footage::Remote { reference, clip: true } => format!("clip {reference}"),
    }
}
