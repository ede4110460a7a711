//! All records of a site behind one lock: fed by the pipeline, read by the page, kept by the gateway.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::health::record::{Record, Today};
use crate::health::report::{DUTY_HOURS_MIN, Moment, report};
use crate::health::spots::spots;
use crate::health::{Plan, Role};
use crate::model::alarm::Level;
use crate::model::health::{Around, Duty, EntryKind, HealthEntry, HealthReport, Measure, Spot};
use crate::model::id::DeviceIx;
use crate::model::reading::Reading;
use crate::model::time::{Anchor, BootMs, Trust, WallMs};

/// Running time is brought up to now this often.
const SETTLE_MS: i64 = 30_000;
/// The rate of use and the sharing of work look back so far.
const DUTY_DAYS: i32 = 28;

/// Where a point counts. `NOWHERE` for the many that do not.
#[derive(Debug, Clone, Copy)]
struct Slot {
    device: u32,
    role: Option<Role>,
}

const NOWHERE: Slot = Slot { device: 0, role: None };

/// All records.
#[derive(Debug)]
pub struct Book {
    plan: Plan,
    zone: TimeZone,
    slots: Vec<Slot>,
    /// Devices that share work, by group.
    groups: BTreeMap<u32, Vec<usize>>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    records: Vec<Record>,
    changed: Vec<bool>,
    now: Anchor,
    settled: BootMs,
    today: Option<Today>,
}

impl Book {
    /// Empty records; [`Self::restore`] brings the kept ones in.
    #[must_use]
    pub fn new(plan: Plan, now: Anchor) -> Self {
        let mut slots = vec![NOWHERE; plan.points];
        for (device, of) in (0_u32..).zip(&plan.devices) {
            for (point, role) in &of.roles {
                if let Some(slot) = slots.get_mut(point.ix()) {
                    *slot = Slot { device, role: Some(*role) };
                }
            }
        }
        let mut groups: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (ix, device) in plan.devices.iter().enumerate() {
            device.duty.into_iter().for_each(|group| groups.entry(group).or_default().push(ix));
        }
        let zone = TimeZone::get(&plan.time_zone).unwrap_or(TimeZone::UTC);
        let count = plan.devices.len();
        let inner = Inner {
            records: vec![Record::default(); count],
            changed: vec![false; count],
            now,
            settled: now.boot,
            today: today(&now, &zone),
        };
        Self { plan, zone, slots, groups, inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn device(&self, id: &str) -> Option<usize> {
        self.plan.devices.iter().position(|d| *d.id == *id)
    }

    /// Takes kept records `(device, text)` and all entries. A text that cannot be read leaves the record empty, and is
    /// named in the answer. Devices that are gone are passed over.
    pub fn restore(&self, kept: &[(String, String)], entries: &[HealthEntry]) -> Vec<String> {
        let (mut inner, mut unread) = (self.lock(), Vec::new());
        for (device, text) in kept {
            let Some(slot) = self.device(device).and_then(|ix| inner.records.get_mut(ix)) else { continue };
            match serde_json::from_str(text) {
                Ok(record) => *slot = record,
                Err(_) => unread.push(device.clone()),
            }
        }
        for entry in entries {
            self.enter(&mut inner, entry);
        }
        unread
    }

    /// Readings as conditioning puts them out.
    pub fn readings(&self, readings: &[Reading]) {
        let mut inner = self.lock();
        let Inner { records, changed, today, .. } = &mut *inner;
        for reading in readings {
            let Some(Slot { device, role: Some(role) }) = self.slots.get(reading.point.ix()) else { continue };
            let Some(record) = records.get_mut(*device as usize) else { continue };
            let value = reading.value.number().filter(|_| !reading.quality.is_bad());
            match role {
                Role::Running => record.running(value.map(|v| v != 0.0), reading.at, today.as_ref()),
                Role::Door => record.door(value.map(|v| v != 0.0), reading.at, today.as_ref()),
                Role::Total(measure) => {
                    let Some(total) = value.filter(|_| reading.quality.is_good()) else { continue };
                    record.total(*measure, total, today.as_ref());
                }
            }
            if let Some(changed) = changed.get_mut(*device as usize) {
                *changed = true;
            }
        }
    }

    /// An alarm of a device was raised.
    pub fn alarm(&self, device: &str, level: Level) {
        let Some(ix) = self.device(device) else { return };
        let mut inner = self.lock();
        let Inner { records, changed, today, .. } = &mut *inner;
        if let (Some(record), Some(changed)) = (records.get_mut(ix), changed.get_mut(ix)) {
            record.alarm(level, today.as_ref());
            *changed = true;
        }
    }

    /// Time passes. Cheap; meant to be called each second.
    pub fn tick(&self, now: &Anchor) {
        let mut inner = self.lock();
        inner.now = *now;
        let Inner { records, changed, settled, today, .. } = &mut *inner;
        let turned = today.is_none() || now.boot.since(*settled) >= SETTLE_MS;
        if !turned {
            return;
        }
        // What ran until now belongs to the day that was.
        for (record, changed) in records.iter_mut().zip(changed.iter_mut()) {
            *changed |= record.settle(now.boot, today.as_ref());
        }
        *settled = now.boot;
        *today = self::today(now, &self.zone);
    }

    /// The report of a device.
    #[must_use]
    pub fn report(&self, device: DeviceIx, around: &Around) -> Option<HealthReport> {
        let plan = self.plan.devices.get(device.ix())?;
        let (record, now, today, duty) = {
            let mut inner = self.lock();
            let (now, today) = (inner.now.boot, inner.today);
            let duty = plan.duty.and_then(|group| self.duty(&inner, group, device));
            let record = inner.records.get_mut(device.ix())?;
            record.settle(now, today.as_ref());
            (record.clone(), now, today, duty)
        };
        Some(report(plan, &record, &Moment { now, today, around, duty: duty.as_ref() }))
    }

    /// Hot spots over all devices of a kind.
    #[must_use]
    pub fn spots_of(&self, kind: &str) -> Vec<Spot> {
        let inner = self.lock();
        let Some(today) = inner.today else { return Vec::new() };
        let of_kind = self.plan.devices.iter().zip(&inner.records).filter(|(plan, _)| plan.kind == kind);
        spots(of_kind.flat_map(|(_, record)| &record.faults), today.day)
    }

    /// How a group shares its work; `None` while it has hardly worked or stands alone.
    fn duty(&self, inner: &Inner, group: u32, device: DeviceIx) -> Option<Duty> {
        let today = inner.today?.day;
        let hours = |record: &Record| record.used_in(Measure::Hours, DUTY_DAYS, today);
        let siblings = self.groups.get(&group).into_iter().flatten();
        let all: Vec<f64> = siblings.filter_map(|ix| inner.records.get(*ix)).map(hours).collect();
        let (least, most) = all.iter().fold((f64::MAX, 0.0_f64), |(low, high), h| (low.min(*h), high.max(*h)));
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        (all.len() > 1 && mean >= DUTY_HOURS_MIN).then(|| Duty {
            hours: inner.records.get(device.ix()).map_or(0.0, hours),
            mean_hours: mean,
            spread_percent: (most - least) / most * 100.0,
            of: u32::try_from(all.len()).unwrap_or(u32::MAX),
        })
    }

    /// What has changed since the last call, as texts to keep.
    #[must_use]
    pub fn changed(&self) -> Vec<(String, String)> {
        let mut kept = Vec::new();
        for (ix, plan) in self.plan.devices.iter().enumerate() {
            // One record at a time: the pipeline must not wait for all of them.
            let record = {
                let mut inner = self.lock();
                let (now, today) = (inner.now.boot, inner.today);
                let Inner { records, changed, .. } = &mut *inner;
                let (Some(record), Some(changed)) = (records.get_mut(ix), changed.get_mut(ix)) else { continue };
                if !std::mem::take(changed) {
                    continue;
                }
                record.settle(now, today.as_ref());
                record.clone()
            };
            if let Ok(text) = serde_json::to_string(&record) {
                kept.push((plan.id.to_string(), text));
            }
        }
        kept
    }

    /// Those records could not be kept: they are due again.
    pub fn not_kept(&self, records: &[(String, String)]) {
        let mut inner = self.lock();
        for (device, _) in records {
            if let Some(changed) = self.device(device).and_then(|ix| inner.changed.get_mut(ix)) {
                *changed = true;
            }
        }
    }

    /// Completes a person's entry with the use so far. `None` for an unknown device, or a service that it does not have.
    #[must_use]
    pub fn draft(&self, mut entry: HealthEntry) -> Option<HealthEntry> {
        let ix = self.device(&entry.device)?;
        let plan = self.plan.devices.get(ix)?;
        let known = |id: &String| plan.services.iter().any(|s| s.id == *id);
        if (entry.kind == EntryKind::Service) != entry.service.as_ref().is_some_and(known) {
            return None;
        }
        let inner = self.lock();
        let record = inner.records.get(ix)?;
        entry.used = record.totals.iter().map(|(measure, total)| (*measure, total.used)).collect();
        entry.at_ms = inner.now.wall_at(inner.now.boot).0;
        Some(entry)
    }

    /// An entry is on disk: it counts from now on.
    pub fn entered(&self, entry: &HealthEntry) {
        let mut inner = self.lock();
        self.enter(&mut inner, entry);
    }

    fn enter(&self, inner: &mut Inner, entry: &HealthEntry) {
        let Some(ix) = self.device(&entry.device) else { return };
        let services = self.plan.devices.get(ix).map(|p| p.services.as_slice()).unwrap_or_default();
        let Some(service) = services.iter().find(|s| Some(&s.id) == entry.service.as_ref()) else { return };
        if let (Some(record), Some(changed)) = (inner.records.get_mut(ix), inner.changed.get_mut(ix)) {
            record.entered(entry, service.measure);
            *changed = true;
        }
    }
}

/// The local day; `None` while the wall clock is unset.
fn today(now: &Anchor, zone: &TimeZone) -> Option<Today> {
    if now.trust == Trust::Unset {
        return None;
    }
    let WallMs(wall_ms) = now.wall;
    let local = zone.to_datetime(Timestamp::from_millisecond(wall_ms).ok()?);
    let epoch = Date::constant(1970, 1, 1);
    let day = local.date().since(epoch).ok()?.get_days();
    let weekday = u8::try_from(local.weekday().to_monday_zero_offset()).ok()?;
    let hour = u8::try_from(local.hour()).ok()?;
    Some(Today { day, week_hour: weekday * 24 + hour, wall_ms })
}
