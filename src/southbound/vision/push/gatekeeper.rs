//! Who is connected. Pure bookkeeping.
//!
//! Policy when full: the oldest connection that has not shown a good credential gives way, so that a crowd of silent
//! strangers cannot lock the cameras out; if all have, the newcomer is told 503.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use crate::southbound::vision::limits::{CONNECTIONS_MAX, PER_ADDRESS_MAX};

#[derive(Debug)]
struct Guest {
    address: IpAddr,
    known: Arc<AtomicBool>,
    leave: CancellationToken,
}

/// Ids grow, so the first entry is the oldest.
#[derive(Debug, Default)]
pub(super) struct Gatekeeper {
    guests: BTreeMap<u64, Guest>,
    next: u64,
}

/// What a newcomer is told.
#[derive(Debug)]
pub(super) enum Entry {
    /// Come in; `known` is to be set with the first good credential, `leave` means "go".
    Admitted { id: u64, known: Arc<AtomicBool>, leave: CancellationToken },
    /// No room.
    Full,
}

impl Gatekeeper {
    pub(super) fn enter(&mut self, address: IpAddr) -> Entry {
        let same = self.guests.values().filter(|guest| guest.address == address).count();
        if !address.is_loopback() && same >= PER_ADDRESS_MAX {
            return Entry::Full;
        }
        if self.guests.len() >= CONNECTIONS_MAX && !self.show_out_a_stranger() {
            return Entry::Full;
        }
        let (id, known, leave) = (self.next, Arc::new(AtomicBool::new(false)), CancellationToken::new());
        self.next += 1;
        self.guests.insert(id, Guest { address, known: Arc::clone(&known), leave: leave.clone() });
        Entry::Admitted { id, known, leave }
    }

    fn show_out_a_stranger(&mut self) -> bool {
        let stranger = self.guests.iter().find(|(_, guest)| !guest.known.load(Ordering::Relaxed)).map(|(id, _)| *id);
        let Some(guest) = stranger.and_then(|id| self.guests.remove(&id)) else { return false };
        guest.leave.cancel();
        true
    }

    pub(super) fn leave(&mut self, id: u64) {
        self.guests.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(entry: Entry) -> (u64, Arc<AtomicBool>, CancellationToken) {
        match entry {
            Entry::Admitted { id, known, leave } => (id, known, leave),
            Entry::Full => panic!("no room"),
        }
    }

    #[test]
    fn strangers_give_way_to_newcomers_and_cameras_do_not() {
        let mut keeper = Gatekeeper::default();
        let home = IpAddr::from([127, 0, 0, 1]);
        let (_, known, leave) = admitted(keeper.enter(home));
        known.store(true, Ordering::Relaxed);
        let rest: Vec<_> = (1..CONNECTIONS_MAX).map(|_| admitted(keeper.enter(home))).collect();
        admitted(keeper.enter(home));
        assert!(!leave.is_cancelled() && rest[0].2.is_cancelled());
        keeper.guests.values().for_each(|guest| guest.known.store(true, Ordering::Relaxed));
        assert!(matches!(keeper.enter(home), Entry::Full));
        keeper.leave(rest[1].0);
        admitted(keeper.enter(home));
    }

    #[test]
    fn one_address_cannot_take_all() {
        let mut keeper = Gatekeeper::default();
        let far = IpAddr::from([10, 0, 9, 21]);
        for _ in 0..PER_ADDRESS_MAX {
            admitted(keeper.enter(far));
        }
        assert!(matches!(keeper.enter(far), Entry::Full));
        admitted(keeper.enter(IpAddr::from([10, 0, 9, 22])));
    }
}
