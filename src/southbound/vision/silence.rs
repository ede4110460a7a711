//! Whether a camera is still there: what is known of it, and when its silence is a trouble. Pure: time is an argument.
//!
//! A connection that we hold (a stream, a broker) is a trouble when it has been down for [`DOWN_AFTER_MS`]. A camera that posts or
//! publishes may rightly be quiet for weeks, so its silence counts only where the site says after how long.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::gate::Counts;
use crate::model::intake::{CameraFigures, CameraLink, Presence};
use crate::model::link::LinkState;
use crate::model::text::Text;
use crate::model::time::BootMs;

/// A connection may be down so long before anybody is told; a reconnect takes seconds.
pub const DOWN_AFTER_MS: i64 = 60_000;

/// When a camera was last heard.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Heard {
    /// Anything from it: an event, one that was refused, a sign of life.
    pub contact: Option<BootMs>,
    /// An event that is on disk.
    pub event: Option<BootMs>,
    /// Its connection, where we hold one.
    #[serde(skip)]
    pub link: Option<CameraLink>,
}

/// The figures of one camera. `since` is the start of the intake.
#[must_use]
pub fn figures(
    camera: &Arc<str>,
    (counts, heard): (&Counts, &Heard),
    silent_after: Option<Duration>,
    (since, now): (BootMs, BootMs),
) -> CameraFigures {
    CameraFigures {
        camera: Arc::clone(camera),
        stored: counts.stored,
        duplicates: counts.duplicates,
        ignored: counts.ignored,
        busy: counts.busy,
        unknown: counts.unknown.values().sum(),
        pictures_dropped: counts.pictures_dropped,
        refused: BTreeMap::clone(&counts.refused),
        last_event: heard.event,
        last_contact: heard.contact,
        presence: presence(heard, silent_after, since, now),
    }
}

fn presence(heard: &Heard, silent_after: Option<Duration>, since: BootMs, now: BootMs) -> Presence {
    if let Some(link) = heard.link.as_ref().filter(|link| link.state == LinkState::Down) {
        if now.since(link.at) >= DOWN_AFTER_MS {
            return Presence::Silent(link.reason.clone());
        }
        return Presence::Unknown;
    }
    let after_ms = silent_after.and_then(|after| i64::try_from(after.as_millis()).ok());
    match (after_ms, heard.contact) {
        (Some(after), last) if now.since(last.unwrap_or(since)) >= after => {
            let minutes = now.since(last.unwrap_or(since)) / 60_000;
            Presence::Silent(Text::new(
                &format!("{minutes} 分钟没有任何消息"),
                &format!("nothing heard for {minutes} min"),
            ))
        }
        (_, Some(_)) => Presence::Heard,
        (_, None) if heard.link.is_some() => Presence::Heard,
        (_, None) => Presence::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_trouble_where_the_site_or_a_dead_connection_says_so() {
        let link = |state, at| CameraLink { camera: "c".into(), state, reason: Text::same("why"), at: BootMs(at) };
        let check = |contact: Option<i64>, link: Option<CameraLink>, after_s: Option<u64>, now, want: &str| {
            let heard = Heard { contact: contact.map(BootMs), event: None, link };
            let found = presence(&heard, after_s.map(Duration::from_secs), BootMs(0), BootMs(now));
            let word = match found {
                Presence::Unknown => "unknown",
                Presence::Heard => "heard",
                Presence::Silent(_) => "silent",
            };
            assert_eq!(word, want, "{heard:?} {after_s:?} {now}");
        };
        check(None, None, None, 90_000_000, "unknown");
        check(Some(1_000), None, None, 90_000_000, "heard");
        check(Some(1_000), None, Some(60), 60_000, "heard");
        check(Some(1_000), None, Some(60), 61_000, "silent");
        check(None, None, Some(60), 59_999, "unknown");
        check(None, None, Some(60), 60_000, "silent");
        check(None, Some(link(LinkState::Up, 0)), None, 90_000_000, "heard");
        check(None, Some(link(LinkState::Up, 0)), Some(60), 60_000, "silent");
        check(Some(1_000), Some(link(LinkState::Down, 5_000)), None, 64_999, "unknown");
        check(Some(1_000), Some(link(LinkState::Down, 5_000)), None, 65_000, "silent");
    }
}
