//! The health records in the gateway: what counts by the profiles, keeping them on disk, and people's entries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::api::{EntryFuture, EntryRefusal, HealthBook};
use crate::clock::Clock;
use crate::config::{Config, DeviceConfig};
use crate::health::{Book, DevicePlan, Plan, Role, Service};
use crate::model::health::{Around, HealthEntry, HealthReport, HealthWrite, Measure, Spot};
use crate::model::id::{DeviceIx, Id, PointIx};
use crate::model::site::{DeviceInfo, Site};
use crate::profile::Setting;
use crate::profile::health::Interval;
use crate::store::{Store, StoreHandle};
use crate::supervise::{Policy, Stage};

/// Records reach the disk this often: a lost power supply costs at most so much of what gatehouse counts itself.
const KEEP_EVERY: Duration = Duration::from_mins(2);
/// Records in one commit, so that an alarm waits for no long one.
const RECORDS_MAX: usize = 64;

/// All records, with the way to the disk. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Records {
    book: Arc<Book>,
    handle: StoreHandle,
}

impl Records {
    /// Goes on from what is kept. A record that cannot be read begins anew and is named in the log; nothing else waits for it.
    pub(super) fn open(config: &Config, site: &Site, store: &Store, clock: &dyn Clock) -> Self {
        let book = Book::new(plan(config, site), clock.anchor());
        match (store.reader.health_records(), store.reader.services_done()) {
            (Ok(kept), Ok(done)) => {
                for device in book.restore(&kept, &done) {
                    tracing::error!(device, "its health record cannot be read and begins anew");
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "health records cannot be read; they begin anew");
            }
        }
        Self { book: Arc::new(book), handle: store.handle.clone() }
    }

    pub(super) fn book(&self) -> Arc<Book> {
        Arc::clone(&self.book)
    }

    /// Keeps the records from time to time and at the end.
    pub(super) fn spawn(&self, stage: &mut Stage) {
        let (records, token) = (self.clone(), stage.token());
        stage.spawn("health records", Policy::Restart, move || {
            let (records, token) = (records.clone(), token.clone());
            async move {
                records.keep_on(&token).await;
                Ok(())
            }
        });
    }

    async fn keep_on(&self, stop: &CancellationToken) {
        loop {
            let stopping = tokio::time::timeout(KEEP_EVERY, stop.cancelled()).await.is_ok();
            self.keep().await;
            if stopping {
                return;
            }
        }
    }

    async fn keep(&self) {
        let changed = self.book.changed();
        for records in changed.chunks(RECORDS_MAX) {
            let write = HealthWrite { records: records.to_vec(), entries: Vec::new() };
            if let Err(error) = self.handle.keep_health(write).await {
                tracing::warn!(%error, "health records could not be kept; tried again");
                self.book.not_kept(records);
            }
        }
    }

    async fn entered(&self, entry: HealthEntry) -> Result<HealthEntry, EntryRefusal> {
        let entry = self.book.draft(entry).ok_or(EntryRefusal::Service)?;
        let write = HealthWrite { records: Vec::new(), entries: vec![entry.clone()] };
        self.handle.keep_health(write).await.map_err(|e| EntryRefusal::Unavailable(e.to_string()))?;
        self.book.entered(&entry);
        Ok(entry)
    }
}

impl HealthBook for Records {
    fn report(&self, device: DeviceIx, around: &Around) -> Option<HealthReport> {
        self.book.report(device, around)
    }

    fn spots_of(&self, kind: &str) -> Vec<Spot> {
        self.book.spots_of(kind)
    }

    fn enter(&self, entry: HealthEntry) -> EntryFuture<'_> {
        Box::pin(self.entered(entry))
    }
}

/// What counts, by the profiles.
fn plan(config: &Config, site: &Site) -> Plan {
    let mut groups: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut devices = Vec::with_capacity(config.devices.len());
    for (device, info) in config.devices.iter().zip(&site.devices) {
        let next = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        let group = *groups.entry((&info.profile, &info.at)).or_insert(next);
        devices.push(device_plan(device, info, group));
    }
    Plan { points: site.points.len(), devices, time_zone: site.time_zone.clone() }
}

fn device_plan(device: &DeviceConfig, info: &DeviceInfo, group: u32) -> DevicePlan {
    let spec = &device.profile.health;
    let place = |id: &Option<Id>| {
        let at = device.profile.points.iter().position(|p| Some(&p.id) == id.as_ref())?;
        Some(PointIx(info.first_point.0 + u32::try_from(at).ok()?))
    };
    let roles = [
        (place(&spec.running), Role::Running),
        (place(&spec.door), Role::Door),
        (place(&spec.hours), Role::Total(Measure::Hours)),
        (place(&spec.starts), Role::Total(Measure::Starts)),
        (place(&spec.trips), Role::Total(Measure::Trips)),
        (place(&spec.door_cycles), Role::Total(Measure::DoorCycles)),
        (place(&spec.energy), Role::Total(Measure::Energy)),
    ];
    DevicePlan {
        id: Arc::from(device.id.as_str()),
        kind: info.kind.clone(),
        roles: roles.into_iter().filter_map(|(point, role)| Some((point?, role))).collect(),
        starts_per_hour_max: spec.starts_per_hour_max.as_ref().and_then(|setting| match setting {
            Setting::Number(v) => Some(*v),
            Setting::Param(id) => device.params.get(id.as_str()).copied(),
        }),
        services: spec.services.iter().map(service).collect(),
        duty: spec.duty.then_some(group),
    }
}

fn service(spec: &crate::profile::health::ServiceSpec) -> Service {
    let (measure, every) = match spec.every {
        Interval::Hours(every) => (Measure::Hours, every),
        Interval::Starts(every) => (Measure::Starts, every),
        Interval::Trips(every) => (Measure::Trips, every),
        Interval::DoorCycles(every) => (Measure::DoorCycles, every),
        Interval::Days(every) => (Measure::Days, every),
    };
    Service { id: spec.id.as_str().to_owned(), name: spec.name.clone(), measure, every }
}
