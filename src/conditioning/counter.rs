//! Totals that only grow: wraps, restarts, and torn reads.
//!
//! A counter's reading stays the device's own total, so that it can be held against the display. Three things can make
//! the raw number smaller than the last one:
//! - a *wrap* (last in the top quarter, now in the bottom quarter of `wraps_at`): `wraps_at` is added from then on;
//! - a *restart* (meter changed, memory lost): the total starts again from what the device says;
//! - a *torn read* (the low word has turned over, the high word not yet): a wrong number.
//!
//! The last two look alike at first, so the first smaller number is refused as bad, and the next one that is still
//! smaller than the old total is believed. A wrong total is never passed on; a true restart costs one bad reading.

/// State of one counter, in raw units.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turns {
    wraps_at: f64,
    /// Added to the raw number: `wraps_at` × wraps seen.
    base: f64,
    /// Last raw number believed; negative before the first.
    last: f64,
    /// A smaller number has been seen once and waits to be confirmed.
    doubt: bool,
}

/// What a raw number means for the total.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Turn {
    /// The total goes on.
    Total(f64),
    /// Confirmed: the device counts from the start again.
    Restart(f64),
    /// Smaller than before, not confirmed: not to be believed.
    Doubt,
}

impl Turns {
    pub(crate) fn new(wraps_at: f64) -> Self {
        Self { wraps_at, base: 0.0, last: -1.0, doubt: false }
    }

    /// Goes on from a total of an earlier run, so that a restart of the gateway does not forget the wraps.
    pub(crate) fn seed(&mut self, total: f64) {
        if self.wraps_at > 0.0 && total >= 0.0 {
            self.base = (total / self.wraps_at).floor() * self.wraps_at;
            self.last = total - self.base;
        }
    }

    /// Takes the next raw number.
    pub(crate) fn next(&mut self, raw: f64) -> Turn {
        if raw >= self.last {
            self.last = raw;
            self.doubt = false;
            return Turn::Total(self.base + raw);
        }
        if self.wraps_at > 0.0 && self.last >= 0.75 * self.wraps_at && raw < 0.25 * self.wraps_at {
            self.base += self.wraps_at;
            self.last = raw;
            self.doubt = false;
            return Turn::Total(self.base + raw);
        }
        if !self.doubt {
            self.doubt = true;
            return Turn::Doubt;
        }
        *self = Self { last: raw, ..Self::new(self.wraps_at) };
        Turn::Restart(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::Turn::{Doubt, Restart, Total};
    use super::*;

    fn check(wraps_at: f64, steps: &[(f64, Turn)]) {
        let mut turns = Turns::new(wraps_at);
        for (n, (raw, expect)) in steps.iter().enumerate() {
            assert_eq!(turns.next(*raw), *expect, "step {n}: {raw}");
        }
    }

    #[test]
    fn a_wrap_adds_on() {
        let w = 65536.0;
        check(w, &[(65000.0, Total(65000.0)), (100.0, Total(w + 100.0)), (60000.0, Total(w + 60000.0))]);
        check(w, &[(65535.0, Total(65535.0)), (0.0, Total(w)), (0.0, Total(w))]);
    }

    #[test]
    fn a_restart_is_believed_the_second_time() {
        check(0.0, &[(500.0, Total(500.0)), (3.0, Doubt), (4.0, Restart(4.0)), (5.0, Total(5.0))]);
        check(65536.0, &[(40000.0, Total(40000.0)), (3.0, Doubt), (3.0, Restart(3.0))]);
    }

    #[test]
    fn a_torn_read_is_refused_and_forgotten() {
        check(0.0, &[(65537.0, Total(65537.0)), (1.0, Doubt), (65538.0, Total(65538.0)), (2.0, Doubt)]);
    }

    #[test]
    fn an_earlier_total_is_carried_on() {
        let mut turns = Turns::new(1000.0);
        turns.seed(2990.0);
        assert_eq!(turns.next(5.0), Total(3005.0));
    }
}
