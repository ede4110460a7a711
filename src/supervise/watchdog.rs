//! Tells the service manager that the gateway is alive, and only while it is: the ping goes out when every pulse
//! (writer, scheduler, pipeline) moved within its limit.
//!
//! Speaks `sd_notify` when `NOTIFY_SOCKET` is set and is silent otherwise. The interval is half of `WatchdogSec`.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::supervise::Pulse;

/// A pulse with its limit.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Whose pulse, for the log.
    pub name: &'static str,
    /// The pulse.
    pub pulse: Pulse,
    /// Longest stillness that is still alive: 10 s, or 60 s for a writer that may sit inside one sync.
    pub limit: Duration,
}

/// Judges pulses; pure but for the time handed in.
#[derive(Debug)]
pub struct Judge(Vec<(Watched, u64, Instant)>);

impl Judge {
    /// Starts watching at `now`.
    #[must_use]
    pub fn new(watched: Vec<Watched>, now: Instant) -> Self {
        Self(watched.into_iter().map(|w| (w, 0, now)).collect())
    }

    /// Name of a part that stands still for too long, if any.
    pub fn stuck(&mut self, now: Instant) -> Option<&'static str> {
        let mut stuck = None;
        for (watched, seen, moved) in &mut self.0 {
            let count = watched.pulse.count();
            if count != *seen {
                *seen = count;
                *moved = now;
            } else if now.duration_since(*moved) > watched.limit {
                stuck = Some(watched.name);
            }
        }
        stuck
    }
}

/// Says "ready" to the service manager.
pub fn ready(status: &str) {
    notify(&[sd_notify::NotifyState::Ready, sd_notify::NotifyState::Status(status)]);
}

/// Says "stopping".
pub fn stopping() {
    notify(&[sd_notify::NotifyState::Stopping]);
}

fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "no word to the service manager");
    }
}

/// Feeds the watchdog until told to stop. Does nothing when the service manager wants no pings.
pub async fn run(watched: Vec<Watched>, stop: CancellationToken) {
    let Some(within) = sd_notify::watchdog_enabled() else { return };
    let mut judge = Judge::new(watched, Instant::now());
    let mut ticks = tokio::time::interval(within / 2);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        match judge.stuck(Instant::now()) {
            None => notify(&[sd_notify::NotifyState::Watchdog]),
            Some(part) => tracing::error!(part, "stands still; the watchdog gets no ping and will restart the gateway"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_still_pulse_is_noticed_after_its_limit_and_forgiven_when_it_moves() {
        let counter = Arc::new(AtomicU64::new(1));
        let start = Instant::now();
        let limit = Duration::from_secs(10);
        let mut judge = Judge::new(vec![Watched { name: "writer", pulse: Pulse::of(counter.clone()), limit }], start);
        let at = |s| start + Duration::from_secs(s);
        assert_eq!(judge.stuck(at(1)), None);
        assert_eq!(judge.stuck(at(11)), None);
        assert_eq!(judge.stuck(at(12)), Some("writer"));
        counter.fetch_add(1, Ordering::Relaxed);
        assert_eq!(judge.stuck(at(13)), None);
    }
}
