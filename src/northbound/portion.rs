//! How many rows go into the next request, and which row is to blame when a body is rejected. Pure.
//!
//! A rejected body is tried again with half as many rows, down to one; a single rejected row goes to the dead letters.
//! After an acceptance the size doubles again, so a run of bad rows costs one request each and not a search each.
//! Guard: a far end that rejects [`Portion::new`]'s `give_up_max` single rows in a row, with nothing accepted in
//! between, is taken to be broken itself: the lane then waits instead of throwing everything away.

/// What to do after a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterRejection {
    /// Send again, with at most this many rows.
    Smaller(u64),
    /// The one row is poison: dead letter, then go on.
    DeadLetter,
    /// Everything is rejected: wait as for a refused credential; the count starts anew.
    Wait,
}

/// The size of requests of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    size: u64,
    size_max: u64,
    given_up: u32,
    give_up_max: u32,
}

impl Portion {
    /// Starts at the full size.
    #[must_use]
    pub fn new(size_max: u64, give_up_max: u32) -> Self {
        Self { size: size_max.max(1), size_max: size_max.max(1), given_up: 0, give_up_max }
    }

    /// Most rows of the next request.
    #[must_use]
    pub fn size(self) -> u64 {
        self.size
    }

    /// A request was accepted, at least in part.
    pub fn accepted(&mut self) {
        self.given_up = 0;
        self.size = self.size.saturating_mul(2).min(self.size_max);
    }

    /// A request of `rows` rows was rejected.
    pub fn rejected(&mut self, rows: u64) -> AfterRejection {
        if rows > 1 {
            self.size = (rows / 2).max(1);
            return AfterRejection::Smaller(self.size);
        }
        self.size = 1;
        if self.given_up >= self.give_up_max {
            self.given_up = 0;
            return AfterRejection::Wait;
        }
        self.given_up += 1;
        AfterRejection::DeadLetter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `rows` rows of which those in `poison` make a body fail; returns (dead letters, requests, waits).
    fn run(rows: u64, poison: &[u64], mut portion: Portion) -> (Vec<u64>, u32, u32) {
        let (mut dead, mut requests, mut waits, mut at) = (Vec::new(), 0, 0, 0);
        while at < rows {
            let end = (at + portion.size()).min(rows);
            requests += 1;
            if (at..end).any(|r| poison.contains(&r)) {
                match portion.rejected(end - at) {
                    AfterRejection::Smaller(_) => {}
                    AfterRejection::Wait => waits += 1,
                    AfterRejection::DeadLetter => {
                        dead.push(at);
                        at += 1;
                    }
                }
            } else {
                portion.accepted();
                at = end;
            }
        }
        (dead, requests, waits)
    }

    #[test]
    fn exactly_the_poison_is_found() {
        for poison in [vec![], vec![0], vec![3999], vec![17], vec![17, 18, 2500], (1000..1200).collect()] {
            let (dead, requests, waits) = run(4000, &poison, Portion::new(u64::MAX, 256));
            assert_eq!(dead, poison);
            assert_eq!(waits, 0);
            assert!(requests < 80 + 2 * u32::try_from(poison.len()).unwrap(), "{requests} requests for {poison:?}");
        }
    }

    #[test]
    fn a_far_end_that_rejects_everything_is_given_few() {
        let everything: Vec<u64> = (0..100).collect();
        let (dead, _, waits) = run(100, &everything, Portion::new(100, 8));
        assert_eq!(dead, everything);
        assert_eq!(waits, 12, "a wait after every eighth dead letter");
    }
}
