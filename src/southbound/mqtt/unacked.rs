//! Messages taken but not acknowledged yet: acknowledgements leave in order of arrival (MQTT 3.1.1 and 5.0, 4.6), each
//! only after its receipt. Pure.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::reading::{Receipt, Scan};

/// The queue of one connection. The caller bounds it by not taking more while [`Unacked::len`] is at its limit.
#[derive(Debug)]
pub(super) struct Unacked<T> {
    queue: VecDeque<(T, bool)>,
    /// Serial number of the front.
    front: u64,
}

impl<T> Default for Unacked<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), front: 0 }
    }
}

impl<T> Unacked<T> {
    /// Serial number of the next message.
    pub(super) fn next_serial(&self) -> u64 {
        self.front + self.queue.len() as u64
    }

    /// Takes a message; `settled` if nothing of it needs storing.
    pub(super) fn push(&mut self, what: T, settled: bool) {
        self.queue.push_back((what, settled));
    }

    /// A receipt came. Serial numbers of messages that are gone are ignored.
    pub(super) fn settle(&mut self, serial: u64) {
        let Some(ix) = serial.checked_sub(self.front).and_then(|ix| usize::try_from(ix).ok()) else { return };
        if let Some(entry) = self.queue.get_mut(ix) {
            entry.1 = true;
        }
    }

    /// The next message to acknowledge, if it is settled.
    pub(super) fn pop(&mut self) -> Option<T> {
        if !self.queue.front()?.1 {
            return None;
        }
        self.front += 1;
        self.queue.pop_front().map(|(what, _)| what)
    }

    /// Messages not acknowledged yet.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Empties the queue at the end of a connection; yields what was never settled.
    pub(super) fn abandon(&mut self) -> impl Iterator<Item = T> + '_ {
        self.front += self.queue.len() as u64;
        self.queue.drain(..).filter(|(_, settled)| !settled).map(|(what, _)| what)
    }

    /// All messages that are not acknowledged.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.queue.iter().map(|(what, _)| what)
    }
}

/// Hangs one promise on all scans of a message: told "on disk" when all are, "send again" when one is not.
pub(super) fn attach(scans: &mut [Scan], tell: impl FnOnce(bool) + Send + 'static) {
    if let [scan] = scans {
        scan.receipt = Some(Receipt::new(tell));
        return;
    }
    let shared = Arc::new((AtomicUsize::new(scans.len()), AtomicBool::new(true), Mutex::new(Some(tell))));
    for scan in scans {
        let shared = Arc::clone(&shared);
        scan.receipt = Some(Receipt::new(move |stored| {
            let (left, all, tell) = &*shared;
            all.fetch_and(stored, Ordering::AcqRel);
            if left.fetch_sub(1, Ordering::AcqRel) == 1
                && let Some(tell) = tell.lock().unwrap_or_else(PoisonError::into_inner).take()
            {
                tell(all.load(Ordering::Acquire));
            }
        }));
    }
}

#[cfg(test)]
mod tests;
