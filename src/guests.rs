//! Who is connected to a listener of ours, for the page and for the cameras' posts alike. Pure bookkeeping here; the loop
//! that accepts is [`accept`].
//!
//! Policy when full: the oldest connection that has not shown itself (a request, a good credential: its owner says) gives
//! way to the newcomer, so that a crowd of silent strangers locks nobody out; if all have, the newcomer is told 503. One
//! address other than loopback gets a share only.

pub mod accept;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// Most connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At once.
    pub all: usize,
    /// From one address other than loopback.
    pub per_address: usize,
}

/// What a connection is given when it comes in.
#[derive(Debug, Clone)]
pub struct Pass {
    /// To be set once it has shown itself; from then on it gives way to nobody.
    pub known: Arc<AtomicBool>,
    /// Told when it has to go.
    pub leave: CancellationToken,
}

/// What a newcomer is told.
#[derive(Debug)]
pub enum Entry {
    /// Come in.
    Admitted(u64, Pass),
    /// No room.
    Full,
}

/// Who is there. Ids grow, so the first entry is the oldest.
#[derive(Debug)]
pub struct Guests {
    limits: Limits,
    inside: BTreeMap<u64, (IpAddr, Pass)>,
    next: u64,
}

impl Guests {
    /// Nobody yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, inside: BTreeMap::new(), next: 0 }
    }

    /// Somebody comes.
    pub fn enter(&mut self, address: IpAddr) -> Entry {
        let same = self.inside.values().filter(|(at, _)| *at == address).count();
        if !address.is_loopback() && same >= self.limits.per_address {
            return Entry::Full;
        }
        if self.inside.len() >= self.limits.all && !self.show_out_a_stranger() {
            return Entry::Full;
        }
        let (id, pass) = (self.next, Pass { known: Arc::default(), leave: CancellationToken::new() });
        self.next += 1;
        self.inside.insert(id, (address, pass.clone()));
        Entry::Admitted(id, pass)
    }

    /// Shows out the oldest that has not shown itself; false if there is none.
    fn show_out_a_stranger(&mut self) -> bool {
        let stranger = self.inside.iter().find(|(_, (_, pass))| !pass.known.load(Ordering::Relaxed)).map(|(id, _)| *id);
        let Some((_, pass)) = stranger.and_then(|id| self.inside.remove(&id)) else { return false };
        pass.leave.cancel();
        true
    }

    /// Somebody has gone.
    pub fn leave(&mut self, id: u64) {
        self.inside.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { all: 64, per_address: 8 };

    fn admitted(entry: Entry) -> (u64, Pass) {
        match entry {
            Entry::Admitted(id, pass) => (id, pass),
            Entry::Full => panic!("no room"),
        }
    }

    #[test]
    fn strangers_give_way_to_newcomers_and_those_who_have_shown_themselves_do_not() {
        let mut guests = Guests::new(LIMITS);
        let home = IpAddr::from([127, 0, 0, 1]);
        let (_, first) = admitted(guests.enter(home));
        first.known.store(true, Ordering::Relaxed);
        let rest: Vec<_> = (1..LIMITS.all).map(|_| admitted(guests.enter(home))).collect();
        admitted(guests.enter(home));
        assert!(!first.leave.is_cancelled(), "the one that spoke stays");
        assert!(rest[0].1.leave.is_cancelled(), "the oldest silent one goes");
        guests.inside.values().for_each(|(_, pass)| pass.known.store(true, Ordering::Relaxed));
        assert!(matches!(guests.enter(home), Entry::Full));
        guests.leave(rest[1].0);
        admitted(guests.enter(home));
    }

    #[test]
    fn one_address_cannot_take_all() {
        let mut guests = Guests::new(LIMITS);
        let far = IpAddr::from([10, 0, 9, 21]);
        let first = admitted(guests.enter(far)).0;
        for _ in 1..LIMITS.per_address {
            admitted(guests.enter(far));
        }
        assert!(matches!(guests.enter(far), Entry::Full));
        admitted(guests.enter(IpAddr::from([10, 0, 9, 22])));
        guests.leave(first);
        admitted(guests.enter(far));
    }
}
