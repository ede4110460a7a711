//! Readings that wait for the store. One hand-over at a time; while it is under way, readings gather here.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::model::reading::{Reading, Receipt};
use crate::pipeline::sink::Sink;

/// Readings that may wait, some 5 MiB: 13 s at 5,000 a second. Past it the oldest are dropped and counted.
pub const READINGS_MAX: usize = 65_536;
/// Most readings of one hand-over.
const HAND_OVER_MAX: usize = 4_096;
/// Receipts that may wait without a reading of their own (all of it inside a deadband).
const RECEIPTS_MAX: usize = 4_096;

type Taking = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The buffer and the hand-over under way.
pub struct Outbox<S> {
    sink: Arc<S>,
    readings: VecDeque<Reading>,
    /// With the number (counted from start) of the reading up to which it speaks.
    receipts: VecDeque<(u64, Receipt)>,
    /// Readings that have left the buffer, handed over or dropped.
    gone: u64,
    dropped: u64,
    taking: Option<Taking>,
}

impl<S> fmt::Debug for Outbox<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("waiting", &self.readings.len())
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

impl<S: Sink> Outbox<S> {
    /// Empty.
    pub(super) fn new(sink: Arc<S>) -> Self {
        Self { sink, readings: VecDeque::new(), receipts: VecDeque::new(), gone: 0, dropped: 0, taking: None }
    }

    /// Readings waiting.
    pub(super) fn len(&self) -> usize {
        self.readings.len()
    }

    /// Readings dropped since start.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Nothing waits and nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.taking.is_none() && self.readings.is_empty() && self.receipts.is_empty()
    }

    /// Adds readings, and the receipts that speak for everything added so far; starts a hand-over if none is under way.
    pub(super) fn push(&mut self, readings: &mut Vec<Reading>, receipts: &mut Vec<Receipt>) {
        self.readings.extend(readings.drain(..));
        let upto = self.gone + self.readings.len() as u64;
        self.receipts.extend(receipts.drain(..).map(|receipt| (upto, receipt)));
        self.make_room();
        if self.taking.is_none() {
            self.start();
        }
    }

    fn make_room(&mut self) {
        let excess = self.readings.len().saturating_sub(READINGS_MAX);
        if excess > 0 {
            self.readings.drain(..excess);
            self.gone += excess as u64;
            self.dropped += excess as u64;
            // Dropping a receipt tells its publisher "not stored, send again".
            self.receipts.retain(|(upto, _)| *upto > self.gone);
        }
        while self.receipts.len() > RECEIPTS_MAX {
            self.receipts.pop_front();
        }
    }

    fn start(&mut self) {
        let count = self.readings.len().min(HAND_OVER_MAX);
        let readings: Vec<Reading> = self.readings.drain(..count).collect();
        self.gone += count as u64;
        let told = self.receipts.partition_point(|(upto, _)| *upto <= self.gone);
        let receipts: Vec<Receipt> = self.receipts.drain(..told).map(|(_, receipt)| receipt).collect();
        if !readings.is_empty() || !receipts.is_empty() {
            self.taking = Some(Box::pin(self.sink.append(readings, receipts)));
        }
    }

    /// Waits for the hand-over under way and starts the next.
    pub(super) async fn taken(&mut self) {
        if let Some(taking) = &mut self.taking {
            taking.await;
        }
        self.taking = None;
        self.start();
    }
}
