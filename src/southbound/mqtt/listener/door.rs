//! Who is inside: counts before and after authentication, one seat per credential and client id, and the way commands
//! take to a seat. Plain data behind a short lock; guards give back what they took, also when a task panics.
//!
//! A client id counts within its credential: the same id under another credential is another client, so that a stolen
//! credential can neither throw out nor lock out a neighbour by using its id.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::access::Who;
use super::packet::Refusal;
use crate::model::time::BootMs;
use crate::southbound::mqtt::limits::{
    DOWN_QUEUE_MAX, SUBSCRIPTIONS_MAX, TAKE_OVER_BURST, TAKE_OVER_EVERY_MS, UNKNOWN_CLIENTS_MAX,
    UNKNOWN_PER_ADDRESS_MAX,
};
use crate::southbound::mqtt::rate::Bucket;
use crate::southbound::mqtt::topic;

/// Shared between the line's tasks and its [`super::Downlink`].
#[derive(Debug, Clone)]
pub(super) struct Door(Arc<Mutex<Inside>>);

#[derive(Debug)]
struct Inside {
    clients_max: usize,
    unknown: usize,
    per_address: HashMap<IpAddr, usize>,
    per_login: Vec<usize>,
    clients: usize,
    seats: HashMap<(Who, String), Seat>,
    next: u64,
    refused: u64,
}

#[derive(Debug)]
struct Seat {
    number: u64,
    kick: CancellationToken,
    take_overs: Bucket,
    commands: mpsc::Sender<Command>,
    filters: Vec<String>,
}

/// A command on its way to a device.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) topic: String,
    pub(super) payload: Bytes,
}

/// A place before authentication.
#[derive(Debug)]
pub(super) struct Guest {
    door: Door,
    address: IpAddr,
}

/// A place after authentication.
#[derive(Debug)]
pub(super) struct Seated {
    door: Door,
    key: (Who, String),
    /// Number of the connection, unique for the line.
    pub(super) number: u64,
    /// Cancelled when the same client connects again, or when it does not take its commands.
    pub(super) kick: CancellationToken,
    /// Commands to the client.
    pub(super) commands: mpsc::Receiver<Command>,
}

impl Door {
    pub(super) fn new(clients_max: usize, logins: usize) -> Self {
        Self(Arc::new(Mutex::new(Inside {
            clients_max,
            unknown: 0,
            per_address: HashMap::new(),
            per_login: vec![0; logins],
            clients: 0,
            seats: HashMap::new(),
            next: 1,
            refused: 0,
        })))
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection was accepted; `None` if too many have not authenticated yet.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Guest> {
        let mut inside = self.inside();
        let here = inside.per_address.get(&address).copied().unwrap_or(0);
        if inside.unknown >= UNKNOWN_CLIENTS_MAX || here >= UNKNOWN_PER_ADDRESS_MAX {
            inside.refused += 1;
            return None;
        }
        inside.unknown += 1;
        inside.per_address.insert(address, here + 1);
        drop(inside);
        Some(Guest { door: self.clone(), address })
    }

    /// Authenticated clients, and connections refused for number.
    pub(super) fn counts(&self) -> (usize, u64) {
        let inside = self.inside();
        (inside.clients, inside.refused)
    }

    /// Hands a command to every client that subscribed to its topic; a client whose queue is full is disconnected.
    /// Returns how many took it.
    pub(super) fn send(&self, command: &Command) -> usize {
        let inside = self.inside();
        let mut taken = 0;
        for seat in inside.seats.values() {
            if !seat.filters.iter().any(|filter| topic::matches(filter, &command.topic)) {
                continue;
            }
            match seat.commands.try_send(command.clone()) {
                Ok(()) => taken += 1,
                Err(_) => seat.kick.cancel(),
            }
        }
        taken
    }
}

impl Guest {
    /// The client has proved who it is. A client with the same id under the same credential is thrown out.
    pub(super) fn sit(self, who: Who, id: String, at_once_max: usize, now: BootMs) -> Result<Seated, Refusal> {
        let mut inside = self.door.inside();
        let key = (who, id);
        let before = inside.seats.get_mut(&key);
        let taking_over = before.is_some();
        let mut take_overs =
            before.map_or_else(|| Bucket::new(TAKE_OVER_BURST, TAKE_OVER_EVERY_MS, now), |s| s.take_overs);
        let full = inside.clients >= inside.clients_max || inside.per_login[who.0] >= at_once_max;
        if (taking_over && !take_overs.take(now)) || (full && !taking_over) {
            inside.refused += 1;
            return Err(Refusal::Busy);
        }
        let number = inside.next;
        inside.next += 1;
        let (sender, commands) = mpsc::channel(DOWN_QUEUE_MAX);
        let kick = CancellationToken::new();
        let seat = Seat { number, kick: kick.clone(), take_overs, commands: sender, filters: Vec::new() };
        if let Some(old) = inside.seats.insert(key.clone(), seat) {
            old.kick.cancel();
        }
        inside.clients += 1;
        inside.per_login[who.0] += 1;
        drop(inside);
        Ok(Seated { door: self.door.clone(), key, number, kick, commands })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut inside = self.door.inside();
        inside.unknown -= 1;
        if let Some(here) = inside.per_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                inside.per_address.remove(&self.address);
            }
        }
    }
}

impl Seated {
    /// Credential of the client.
    pub(super) fn who(&self) -> Who {
        self.key.0
    }

    /// Adds a subscription; false if the client has too many.
    pub(super) fn subscribe(&self, filter: String) -> bool {
        let mut inside = self.door.inside();
        let Some(seat) = inside.seats.get_mut(&self.key).filter(|seat| seat.number == self.number) else { return true };
        if seat.filters.contains(&filter) {
            return true;
        }
        if seat.filters.len() >= SUBSCRIPTIONS_MAX {
            return false;
        }
        seat.filters.push(filter);
        true
    }

    /// Removes a subscription; whether there was one.
    pub(super) fn unsubscribe(&self, filter: &str) -> bool {
        let mut inside = self.door.inside();
        let Some(seat) = inside.seats.get_mut(&self.key).filter(|seat| seat.number == self.number) else {
            return false;
        };
        let before = seat.filters.len();
        seat.filters.retain(|f| f != filter);
        seat.filters.len() < before
    }

    /// Whether the seat now belongs to a newer connection of the same client.
    pub(super) fn is_taken_over(&self) -> bool {
        self.door.inside().seats.get(&self.key).is_none_or(|seat| seat.number != self.number)
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        let mut inside = self.door.inside();
        inside.clients -= 1;
        inside.per_login[self.key.0.0] -= 1;
        if inside.seats.get(&self.key).is_some_and(|seat| seat.number == self.number) {
            inside.seats.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests;
