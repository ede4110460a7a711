//! How long to wait before the next attempt: exponential with full jitter, kept per trouble.
//!
//! Pure: randomness and time are handed in. Owns the waiting rules of the contract (`config/schemas/README.md`); knows
//! nothing of sockets. Limits: the first wait is at most [`FIRST`], a wait never exceeds the cap of its [`Trouble`],
//! and a `Retry-After` never exceeds [`RETRY_AFTER_MAX`].

use std::time::Duration;

/// Upper bound of the first wait.
pub const FIRST: Duration = Duration::from_millis(500);
/// Cap for a far end that answers but cannot take anything (429, 5xx).
pub const BUSY_MAX: Duration = Duration::from_secs(60);
/// Cap while nothing answers at all.
pub const OFFLINE_MAX: Duration = Duration::from_secs(30);
/// Cap while nothing answers and the far end is on this machine or in this network: asking costs nothing there, and
/// the way back must be short.
pub const OFFLINE_LOCAL_MAX: Duration = Duration::from_secs(2);
/// Wait after credentials were refused or the address turned out wrong: only a person can change that.
pub const REFUSED_WAIT: Duration = Duration::from_secs(60);
/// Longest `Retry-After` that is obeyed.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(900);

/// What kind of failure came last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No answer: refused, reset, timed out, name not found.
    Offline {
        /// The far end is on this machine or in this network.
        local: bool,
    },
    /// An answer that asks to wait, perhaps with a time.
    Busy {
        /// `Retry-After`, if given.
        retry_after: Option<Duration>,
    },
    /// An answer that only a person can change: credentials or address.
    Refused,
}

/// Counts failures in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Something was accepted: the next failure starts small again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    #[must_use]
    pub fn failures(self) -> u32 {
        self.failures
    }

    /// Takes note of a failure and tells how long to wait. `dice` is uniform in `0.0..1.0`.
    pub fn next(&mut self, trouble: Trouble, dice: f64) -> Duration {
        let cap = match trouble {
            Trouble::Offline { local: true } => OFFLINE_LOCAL_MAX,
            Trouble::Offline { local: false } => OFFLINE_MAX,
            Trouble::Busy { retry_after: Some(asked) } => {
                self.failures = self.failures.saturating_add(1);
                // A herd of gateways that was told the same second must not come back in the same second.
                return asked.min(RETRY_AFTER_MAX) + FIRST.mul_f64(dice.clamp(0.0, 1.0));
            }
            Trouble::Busy { retry_after: None } => BUSY_MAX,
            Trouble::Refused => {
                self.failures = self.failures.saturating_add(1);
                return REFUSED_WAIT;
            }
        };
        let bound = FIRST.saturating_mul(1 << self.failures.min(16)).min(cap);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(dice.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(trouble: Trouble, dice: f64, n: usize) -> Vec<u64> {
        let mut backoff = Backoff::default();
        (0..n).map(|_| u64::try_from(backoff.next(trouble, dice).as_millis()).unwrap()).collect()
    }

    #[test]
    fn waits_double_up_to_the_cap_of_their_trouble() {
        let busy = Trouble::Busy { retry_after: None };
        assert_eq!(waits(busy, 1.0, 9), [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(waits(Trouble::Offline { local: false }, 1.0, 8).last(), Some(&30_000));
        assert_eq!(waits(Trouble::Offline { local: true }, 1.0, 5), [500, 1000, 2000, 2000, 2000]);
        assert_eq!(waits(Trouble::Refused, 0.0, 2), [60_000, 60_000]);
    }

    #[test]
    fn jitter_is_full_and_success_starts_over() {
        assert_eq!(waits(Trouble::Busy { retry_after: None }, 0.0, 3), [0, 0, 0]);
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            backoff.next(Trouble::Offline { local: false }, 0.5);
        }
        assert_eq!(backoff.failures(), 100);
        backoff.reset();
        assert_eq!(backoff.next(Trouble::Offline { local: false }, 1.0), FIRST);
    }

    #[test]
    fn retry_after_is_obeyed_and_capped() {
        let asked = |s| Trouble::Busy { retry_after: Some(Duration::from_secs(s)) };
        assert_eq!(waits(asked(7), 0.0, 1), [7000]);
        assert_eq!(waits(asked(86_400), 0.0, 1), [900_000]);
    }
}
