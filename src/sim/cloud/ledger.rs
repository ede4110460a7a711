//! What has arrived: intervals per stream, counts per point, the order of arrival. Pure.
//!
//! Bounded: intervals instead of rows, [`BOOKS_MAX`] books, the last [`EVENTS_MAX`] events, arrivals and faults.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Serialize;

use crate::model::journal::{Epoch, Stream};
use crate::sim::cloud::check::Delivery;

/// Most `(gateway, stream, epoch)` kept apart.
const BOOKS_MAX: usize = 1024;
/// Most events, arrivals and faults kept.
const EVENTS_MAX: usize = 1000;
/// Numbers whose content is remembered, to notice one that is given twice.
const PRINTS: usize = 1 << 18;
/// Most points counted apart.
const POINTS_MAX: usize = 200_000;

/// One request that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Arrival {
    /// `Idempotency-Key`: gateway, stream, epoch and range.
    pub key: String,
    /// Stream.
    pub stream: Stream,
    /// First number.
    pub first: u64,
    /// Last number.
    pub last: u64,
    /// Status it was answered with.
    pub status: u16,
    /// CRC-32C of the body as it came, compressed: equal for byte-identical retries.
    pub crc: u32,
    /// `Gatehouse-Lane`.
    pub lane: String,
}

/// Numbers that are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hole {
    /// Gateway.
    pub gateway: String,
    /// Stream.
    pub stream: Stream,
    /// Life of the gateway's store.
    pub epoch: Epoch,
    /// First missing.
    pub from: u64,
    /// Last missing.
    pub to: u64,
}

/// One stream of one gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamSummary {
    /// Gateway.
    pub gateway: String,
    /// Stream.
    pub stream: Stream,
    /// Life of the gateway's store.
    pub epoch: Epoch,
    /// Different numbers received.
    pub received: u64,
    /// Numbers received again.
    pub repeated: u64,
    /// Numbers declared as never coming.
    pub declared_missing: u64,
    /// Highest number.
    pub last: u64,
}

/// A set of numbers as sorted, disjoint, not touching intervals.
#[derive(Debug, Default)]
pub(crate) struct Intervals(BTreeMap<u64, u64>);

impl Intervals {
    /// Adds `from..=to`; tells how many of them are new.
    pub(crate) fn add(&mut self, mut from: u64, mut to: u64) -> u64 {
        let mut fresh = to - from + 1;
        let before = self.0.range(..=to.saturating_add(1)).rev();
        let touching: Vec<(u64, u64)> =
            before.map(|(f, t)| (*f, *t)).take_while(|(_, t)| t.saturating_add(1) >= from).collect();
        let (asked_from, asked_to) = (from, to);
        for (f, t) in touching {
            let common = t.min(asked_to).saturating_add(1).saturating_sub(f.max(asked_from));
            fresh -= common;
            from = from.min(f);
            to = to.max(t);
            self.0.remove(&f);
        }
        self.0.insert(from, to);
        fresh
    }

    fn last(&self) -> u64 {
        self.0.last_key_value().map_or(0, |(_, to)| *to)
    }

    fn first(&self) -> u64 {
        self.0.first_key_value().map_or(1, |(from, _)| *from)
    }

    /// What is missing between `next` and the highest number.
    fn holes(&self, mut next: u64) -> Vec<(u64, u64)> {
        let mut holes = Vec::new();
        for (from, to) in &self.0 {
            if *from > next {
                holes.push((next, from - 1));
            }
            next = to + 1;
        }
        holes
    }
}

#[derive(Debug, Default)]
struct Book {
    seen: Intervals,
    received: u64,
    repeated: u64,
    declared_missing: u64,
}

impl Book {
    /// Enters `from..=to` (nothing if it is empty); tells how many are new.
    fn add(&mut self, from: u64, to: u64) -> u64 {
        if to < from {
            return 0;
        }
        let fresh = self.seen.add(from, to);
        self.received += fresh;
        self.repeated += to - from + 1 - fresh;
        fresh
    }
}

/// What came under the latest numbers: a table with one place for a number, the later one takes it. So the last [`PRINTS`]
/// numbers of one stream are all remembered.
#[derive(Debug, Default)]
struct Prints(Vec<(u64, u64, u32)>);

impl Prints {
    /// Notes the content of a number; `false` if it came before with another one.
    fn fits(&mut self, book: u64, number: u64, print: u32) -> bool {
        if self.0.is_empty() {
            self.0.resize(PRINTS, (0, 0, 0));
        }
        let at = usize::try_from(book.wrapping_add(number) % PRINTS as u64).unwrap_or(0);
        let before = std::mem::replace(&mut self.0[at], (book, number, print));
        before.0 != book || before.1 != number || before.2 == print
    }
}

/// Everything received.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    prints: Prints,
    books: BTreeMap<(String, Stream, u64), Book>,
    points: HashMap<String, (&'static str, u64)>,
    events: VecDeque<serde_json::Value>,
    arrivals: VecDeque<Arrival>,
    faults: VecDeque<String>,
    pub(crate) requests: u64,
    pub(crate) fault_count: u64,
    /// Gateways have delivered elsewhere before: nothing is missing below the first number that comes.
    pub(crate) joined_late: bool,
}

impl Ledger {
    /// Enters the first `rows` rows of a delivery.
    pub(crate) fn enter(&mut self, delivery: &Delivery, rows: u64) {
        let book_key = (delivery.gateway.clone(), delivery.stream, delivery.epoch.0);
        if !self.books.contains_key(&book_key) && self.books.len() >= BOOKS_MAX {
            return self.fault(format!("more than {BOOKS_MAX} streams; {} is not counted", delivery.gateway));
        }
        let mut book = self.books.remove(&book_key).unwrap_or_default();
        if delivery.gap.is_some() {
            book.declared_missing += book.seen.add(delivery.first, delivery.last);
        } else {
            self.enter_rows(&mut book, delivery, rows);
            self.compare(delivery, rows);
        }
        self.books.insert(book_key, book);
    }

    /// The n-th sample or event of a body has the n-th number of its range.
    fn enter_rows(&mut self, book: &mut Book, delivery: &Delivery, rows: u64) {
        let mut next = delivery.first;
        let end = delivery.last.min((delivery.first + rows).saturating_sub(1));
        for (key, kind, count) in &delivery.points {
            let fresh = book.add(next, (next + count - 1).min(end));
            self.count(key, kind, fresh);
            next += count;
        }
        for event in &delivery.events {
            if book.add(next, next.min(end)) > 0 {
                keep(&mut self.events, event.clone());
            }
            next += 1;
        }
    }

    /// The same number with another content: the gateway has given it twice.
    fn compare(&mut self, delivery: &Delivery, rows: u64) {
        let Delivery { gateway, stream, epoch, .. } = delivery;
        let name = crc32c::crc32c(format!("{gateway}/{}", stream.word()).as_bytes());
        let book = epoch.0.rotate_left(17) ^ (u64::from(name) << 18);
        let wrong = (delivery.first..delivery.first.saturating_add(rows))
            .zip(&delivery.prints)
            .filter(|(number, print)| !self.prints.fits(book, *number, **print))
            .map(|(number, _)| number)
            .min();
        if let Some(number) = wrong {
            self.fault(format!("{} {number} of epoch {epoch} came again with another content", stream.word()));
        }
    }

    fn count(&mut self, key: &str, kind: &'static str, fresh: u64) {
        if let Some((known, total)) = self.points.get_mut(key) {
            *total += fresh;
            if *known != kind {
                let text = format!("`{key}` changed its type from {known} to {kind}");
                self.fault(text);
            }
        } else if self.points.len() < POINTS_MAX {
            self.points.insert(key.to_owned(), (kind, fresh));
        }
    }

    /// Notes a request; the same key with other bytes is a fault.
    pub(crate) fn arrived(&mut self, arrival: Arrival) {
        if self.arrivals.iter().any(|a| a.key == arrival.key && a.crc != arrival.crc) {
            self.fault(format!("{} came again with other bytes", arrival.key));
        }
        keep(&mut self.arrivals, arrival);
    }

    /// Notes something that must not be.
    pub(crate) fn fault(&mut self, text: String) {
        self.fault_count += 1;
        keep(&mut self.faults, text);
    }

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.iter().cloned().collect()
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        self.faults.iter().cloned().collect()
    }

    pub(crate) fn events(&self, stream: Stream) -> Vec<serde_json::Value> {
        let prefix = format!("{}:", stream.word());
        let of_stream = |e: &&serde_json::Value| e["id"].as_str().is_some_and(|id| id.starts_with(&prefix));
        self.events.iter().filter(of_stream).cloned().collect()
    }

    pub(crate) fn points(&self) -> BTreeMap<String, u64> {
        self.points.iter().map(|(key, (_, count))| (key.clone(), *count)).collect()
    }

    pub(crate) fn point_count(&self) -> usize {
        self.points.len()
    }

    pub(crate) fn holes(&self) -> Vec<Hole> {
        let of_book = |((gateway, stream, epoch), book): (&(String, Stream, u64), &Book)| -> Vec<Hole> {
            let hole = |(from, to)| Hole { gateway: gateway.clone(), stream: *stream, epoch: Epoch(*epoch), from, to };
            {
                let first = if self.joined_late { book.seen.first() } else { 1 };
                book.seen.holes(first).into_iter().map(hole).collect()
            }
        };
        self.books.iter().flat_map(of_book).collect()
    }

    pub(crate) fn streams(&self) -> Vec<StreamSummary> {
        let summary = |((gateway, stream, epoch), book): (&(String, Stream, u64), &Book)| StreamSummary {
            gateway: gateway.clone(),
            stream: *stream,
            epoch: Epoch(*epoch),
            received: book.received,
            repeated: book.repeated,
            declared_missing: book.declared_missing,
            last: book.seen.last(),
        };
        self.books.iter().map(summary).collect()
    }
}

fn keep<T>(ring: &mut VecDeque<T>, item: T) {
    if ring.len() >= EVENTS_MAX {
        ring.pop_front();
    }
    ring.push_back(item);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_with_another_content_is_noticed() {
        let mut prints = Prints::default();
        assert!(prints.fits(7, 1, 10) && prints.fits(7, 2, 11) && prints.fits(8, 1, 12), "first time");
        assert!(prints.fits(7, 2, 11), "the same again");
        assert!(!prints.fits(7, 2, 12), "another content");
    }

    proptest! {
        #[test]
        fn intervals_are_a_set(adds in prop::collection::vec((1u64..60, 0u64..12), 1..40)) {
            let (mut intervals, mut model) = (Intervals::default(), BTreeSet::new());
            for (from, len) in adds {
                let fresh = (from..=from + len).filter(|n| model.insert(*n)).count() as u64;
                prop_assert_eq!(intervals.add(from, from + len), fresh);
            }
            let held: BTreeSet<u64> = intervals.0.iter().flat_map(|(f, t)| *f..=*t).collect();
            prop_assert_eq!(&held, &model);
            let last = intervals.last();
            let missing: Vec<u64> = intervals.holes(1).into_iter().flat_map(|(f, t)| f..=t).collect();
            let expected: Vec<u64> = (1..=last).filter(|n| !model.contains(n)).collect();
            prop_assert_eq!(missing, expected);
            let bounds: Vec<(u64, u64)> = intervals.0.iter().map(|(f, t)| (*f, *t)).collect();
            prop_assert!(bounds.windows(2).all(|w| w[0].1 + 1 < w[1].0), "touching intervals: {:?}", bounds);
        }
    }
}
