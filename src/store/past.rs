//! Readings of some points as they were measured, hour by hour in the order of time: for replays.
//!
//! Unlike [`crate::store::trend`] nothing is folded into steps: every stored reading comes with its quality. Memory: one
//! hour of the points asked for, and the tail of the outbox that is not folded yet.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::Connection;

use crate::model::stored::{PastGaps, PastReading, ReadError};
use crate::store::block::Samples;
use crate::store::columns::{KIND_NUMBER, KIND_TEXT, Rows, kind, quality};
use crate::store::files;
use crate::store::handle::Urgent;
use crate::store::historian::{anchor_of, day_of};
use crate::store::history::{self, Block, HOUR_MS, block_id};
use crate::store::reader::StoreReader;
use crate::store::shared::Folded;
use crate::store::sqlite::{self, Fault, fault};

/// What is asked for: points by key, from, until (excluded), UTC milliseconds.
struct Asked<'a> {
    keys: &'a [&'a str],
    from: i64,
    to: i64,
}

/// See [`StoreReader::past`].
pub(crate) fn past(
    reader: &StoreReader,
    keys: &[&str],
    (from, to): (i64, i64),
    each: &mut dyn FnMut(&[PastReading]),
) -> Result<PastGaps, ReadError> {
    let mut gaps = PastGaps::default();
    if to <= from {
        return Ok(gaps);
    }
    let asked = Asked { keys, from, to };
    let folded = reader.shared.folded();
    for info in reader.shared.days().into_iter().filter(|d| (day_of(from)..=day_of(to - 1)).contains(&d.day)) {
        let path = files::day_path(&reader.shared.dir, info.day);
        let read = sqlite::open_reader(&path, false).and_then(|conn| day(&conn, info.day, &asked, &folded, each));
        match read {
            Ok(()) => {}
            Err(error) if fault(&error) == Fault::Damaged => {
                gaps.damaged_days += 1;
                reader.report(Urgent::BadDay { day: info.day, why: error.to_string() });
            }
            Err(error) => return Err(ReadError::Retry(error.to_string())),
        }
    }
    tail(reader, &asked, &folded, each)?;
    Ok(gaps)
}

fn day(
    conn: &Connection,
    day: i64,
    asked: &Asked<'_>,
    folded: &Folded,
    each: &mut dyn FnMut(&[PastReading]),
) -> rusqlite::Result<()> {
    let mut points = Vec::new();
    for (place, key) in (0usize..).zip(asked.keys) {
        points.extend(history::point(conn, key)?.map(|id| (place, id)));
    }
    for hour in 0..24 {
        let hour_ms = (day * 24 + hour) * HOUR_MS;
        if points.is_empty() || hour_ms + HOUR_MS <= asked.from || hour_ms >= asked.to {
            continue;
        }
        let mut found = Vec::new();
        for build in history::builds(conn, hour, folded.build)? {
            // Points of one device share one column of times.
            let mut times: HashMap<i64, Option<Vec<i64>>> = HashMap::new();
            for (place, id) in &points {
                let Some(block) = history::block(conn, day, block_id(hour, build, *id))? else { continue };
                let shared = shared_times(conn, (day, hour_ms), &block, &mut times)?;
                let Some(samples) = Samples::unpack(&block.body, hour_ms, shared) else { continue };
                let rows = samples.at.iter().zip(&samples.tags).zip(&samples.numbers);
                found.extend(rows.filter_map(|((at, tag), number)| asked.reading(*place, *at, *tag, *number)));
            }
        }
        hand_over(&mut found, each);
    }
    Ok(())
}

/// Times of a block that has none of its own.
fn shared_times<'a>(
    conn: &Connection,
    (day, hour_ms): (i64, i64),
    block: &Block,
    kept: &'a mut HashMap<i64, Option<Vec<i64>>>,
) -> rusqlite::Result<Option<&'a [i64]>> {
    if block.times_of == block.id {
        return Ok(None);
    }
    let times = match kept.entry(block.times_of) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(place) => {
            let other = history::block(conn, day, block.times_of)?;
            place.insert(other.and_then(|b| Samples::unpack(&b.body, hour_ms, None)).map(|s| s.at))
        }
    };
    Ok(times.as_deref())
}

impl Asked<'_> {
    /// A stored row as a reading; `None` outside the range, for texts, and for a quality that no release has written.
    fn reading(&self, point: usize, wall_ms: i64, tag: u16, number: f64) -> Option<PastReading> {
        if wall_ms < self.from || wall_ms >= self.to || kind(tag) == KIND_TEXT {
            return None;
        }
        let value = (kind(tag) == KIND_NUMBER).then_some(number);
        Some(PastReading { point, wall_ms, quality: quality(tag)?, value })
    }
}

fn hand_over(found: &mut Vec<PastReading>, each: &mut dyn FnMut(&[PastReading])) {
    // Stable: what was stored first at one instant stays first.
    found.sort_by_key(|r| (r.wall_ms, r.point));
    if !found.is_empty() {
        each(found);
    }
    found.clear();
}

/// What is committed but not folded yet.
fn tail(
    reader: &StoreReader,
    asked: &Asked<'_>,
    folded: &Folded,
    each: &mut dyn FnMut(&[PastReading]),
) -> Result<(), ReadError> {
    let mut rows = Rows::default();
    let mut segment = None;
    let mut places: Vec<(usize, u32)> = Vec::new();
    let mut found = Vec::new();
    reader.scan(folded.tail_from.saturating_sub(1), |no, row| {
        let anchor = anchor_of(&reader.shared, row);
        let wall = |boot: i64| anchor.wall.0.saturating_add(boot - anchor.boot.0);
        if wall(row.t_max) < asked.from || wall(row.t_min) >= asked.to {
            return true;
        }
        if segment != Some(no) {
            let keys = reader.keys_of(no).unwrap_or_default();
            let id = |key: &str| keys.iter().position(|k| **k == *key).and_then(|id| u32::try_from(id).ok());
            places = (0usize..).zip(asked.keys).filter_map(|(place, key)| Some((place, id(key)?))).collect();
            segment = Some(no);
        }
        if places.is_empty() || rows.decode(&row.body).is_none() {
            return true;
        }
        let low = if row.seq_last() > folded.seq { i64::MIN } else { folded.cut_ms };
        for (place, id) in &places {
            let Some((_, first, count)) = rows.groups.iter().find(|g| g.0 == *id).copied() else { continue };
            for i in first as usize..(first + count) as usize {
                let at = wall(rows.at[i]);
                found.extend(asked.reading(*place, at, rows.tags[i], rows.numbers[i]).filter(|_| at >= low));
            }
        }
        true
    })?;
    hand_over(&mut found, each);
    Ok(())
}
