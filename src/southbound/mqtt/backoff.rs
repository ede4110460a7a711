//! How long to wait before connecting again. Pure: chance is an argument.

use std::time::Duration;

use super::limits::{RECONNECT_FIRST_MS, RECONNECT_MAX_MS};

/// Doubles up to [`RECONNECT_MAX_MS`]; each pause is drawn from its upper half, so that a hundred gateways do not
/// come back in step.
#[derive(Debug, Clone, Copy, Default)]
pub struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The pause before the next try. `chance` is in `0.0..1.0`.
    pub fn pause(&mut self, chance: f64) -> Duration {
        let full = RECONNECT_FIRST_MS.saturating_mul(1 << self.tries.min(16)).min(RECONNECT_MAX_MS);
        self.tries = self.tries.saturating_add(1);
        let share = 0.5 + chance.clamp(0.0, 1.0) / 2.0;
        Duration::from_millis(full).mul_f64(share)
    }

    /// The connection works: start from the shortest pause again.
    pub fn worked(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_limit_and_starts_again() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.pause(1.0), Duration::from_millis(500));
        assert_eq!(backoff.pause(0.0), Duration::from_millis(500));
        for _ in 0..40 {
            let pause = backoff.pause(0.5);
            assert!(pause <= Duration::from_millis(RECONNECT_MAX_MS), "{pause:?}");
        }
        assert_eq!(backoff.pause(1.0), Duration::from_millis(RECONNECT_MAX_MS));
        backoff.worked();
        assert_eq!(backoff.pause(0.0), Duration::from_millis(250));
    }
}
