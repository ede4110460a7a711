//! Token bucket. Pure: time is an argument.

use crate::model::time::BootMs;

/// Lets `burst` through at once and one more per `every_ms`.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    burst: f64,
    every_ms: f64,
    tokens: f64,
    at: BootMs,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn new(burst: f64, every_ms: f64, now: BootMs) -> Self {
        Self { burst, every_ms, tokens: burst, at: now }
    }

    /// Milliseconds until one more may pass; 0 for now.
    #[must_use]
    pub fn wait_ms(&mut self, now: BootMs) -> u64 {
        self.fill(now);
        if self.tokens >= 1.0 {
            return 0;
        }
        // Small and positive: at most `every_ms`.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let wait = ((1.0 - self.tokens) * self.every_ms).ceil() as u64;
        wait.max(1)
    }

    /// Takes one if there is one.
    pub fn take(&mut self, now: BootMs) -> bool {
        self.fill(now);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    fn fill(&mut self, now: BootMs) {
        let passed = now.since(self.at) as f64;
        self.tokens = (self.tokens + passed / self.every_ms).min(self.burst);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_then_rate() {
        let mut bucket = Bucket::new(3.0, 20.0, BootMs(0));
        let taken = (0..10).filter(|_| bucket.take(BootMs(0))).count();
        assert_eq!(taken, 3);
        assert_eq!(bucket.wait_ms(BootMs(0)), 20);
        assert_eq!(bucket.wait_ms(BootMs(15)), 5);
        assert!(bucket.take(BootMs(20)));
        assert!(!bucket.take(BootMs(20)));
        let taken = (0..10).filter(|_| bucket.take(BootMs(10_000))).count();
        assert_eq!(taken, 3, "never more than the burst");
    }
}
