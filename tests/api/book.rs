//! Health records of the made-up community: the real book over plans of its own, entries in memory instead of on disk.

// A test's helper fails the test by panicking.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use gatehouse::api::{EntryFuture, EntryRefusal, HealthBook};
use gatehouse::clock::{Clock, SystemClock};
use gatehouse::health::{Book, DevicePlan, Plan, Role, Service};
use gatehouse::model::health::{Around, HealthEntry, HealthReport, Measure, Spot};
use gatehouse::model::id::DeviceIx;
use gatehouse::model::quality::Quality;
use gatehouse::model::reading::{Reading, Value};
use gatehouse::model::site::Site;
use gatehouse::model::text::Text;

/// The records.
#[derive(Debug)]
pub(crate) struct FakeBook {
    pub(crate) book: Book,
    pub(crate) entries: Mutex<Vec<HealthEntry>>,
}

pub(crate) fn book(site: &Site) -> Arc<FakeBook> {
    let service = |id: &str, zh: &str, en: &str, measure, every| Service {
        id: id.into(),
        name: Text::new(zh, en),
        measure,
        every,
    };
    let role = |id: &str| match id {
        "running" => Some(Role::Running),
        "energy" => Some(Role::Total(Measure::Energy)),
        "trips" => Some(Role::Total(Measure::Trips)),
        "door" => Some(Role::Door),
        _ => None,
    };
    let devices = site.devices.iter().map(|d| DevicePlan {
        id: Arc::from(d.id.as_str()),
        kind: d.kind.clone(),
        roles: d.points().filter_map(|p| Some((p, role(site.points[p.ix()].id.as_str())?))).collect(),
        starts_per_hour_max: Some(12.0),
        services: match d.kind.as_str() {
            "pump" => vec![service("grease", "轴承加脂", "Grease the bearings", Measure::Hours, 2000.0)],
            "lift" => vec![service("visit", "维保", "Maintenance visit", Measure::Days, 15.0)],
            _ => Vec::new(),
        },
        duty: (d.kind == "pump").then_some(0),
    });
    let plan = Plan { points: site.points.len(), devices: devices.collect(), time_zone: site.time_zone.clone() };
    let book = Book::new(plan, SystemClock.anchor());
    let now = SystemClock.boot();
    let say = |key: &str, value: f64, at| {
        let point = site.point(key).unwrap();
        book.readings(&[Reading { point, quality: Quality::Good, at, source_ms: None, value: Value::Number(value) }]);
    };
    say("b3_pump_1.running", 0.0, now.plus(-5_400_000));
    say("b3_pump_1.running", 1.0, now.plus(-5_400_000));
    say("b3_lift_1.trips", 184_220.0, now);
    Arc::new(FakeBook { book, entries: Mutex::default() })
}

impl HealthBook for FakeBook {
    fn report(&self, device: DeviceIx, around: &Around) -> Option<HealthReport> {
        self.book.tick(&SystemClock.anchor());
        self.book.report(device, around)
    }

    fn spots_of(&self, kind: &str) -> Vec<Spot> {
        self.book.spots_of(kind)
    }

    fn enter(&self, entry: HealthEntry) -> EntryFuture<'_> {
        let drafted = self.book.draft(entry).ok_or(EntryRefusal::Service);
        if let Ok(entry) = &drafted {
            self.entries.lock().unwrap().insert(0, entry.clone());
            self.book.entered(entry);
        }
        Box::pin(std::future::ready(drafted))
    }
}
