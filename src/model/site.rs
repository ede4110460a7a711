//! The site as tables: lines, devices and points with their texts, in a fixed order.
//!
//! Built once by the composition root from the checked configuration and shared read-only by every part.
//! `PointIx`, `DeviceIx` and `LineIx` are positions in these tables.

use std::sync::Arc;

use serde::Serialize;

use crate::model::calendar::Calendar;
use crate::model::id::{DeviceIx, Id, LineIx, PointIx};
use crate::model::reading::PointKind;
use crate::model::text::{Lang, Text};
use crate::model::unit::Unit;

/// Everything that has a name.
#[derive(Debug, Default)]
pub struct Site {
    /// Id of the site (`site.id`).
    pub id: String,
    /// Name of the site.
    pub name: String,
    /// IANA zone of the site, for schedules and the page.
    pub time_zone: String,
    /// Holidays and make-up workdays.
    pub calendar: Calendar,
    /// Language of messages and the page unless the reader chooses.
    pub lang: Lang,
    /// All lines.
    pub lines: Vec<LineInfo>,
    /// All devices; points of one device are contiguous.
    pub devices: Vec<DeviceInfo>,
    /// All points.
    pub points: Vec<PointInfo>,
}

/// A line.
#[derive(Debug)]
pub struct LineInfo {
    /// Its id.
    pub id: Id,
    /// `tcp`, `serial`, `rtu_tcp`, `rtu_listen`, `mqtt`, `mqtt_listen`.
    pub kind: &'static str,
    /// Where it leads (`10.0.8.21:502`, `/dev/ttyS1 9600 8E1`).
    pub target: String,
    /// Devices on it.
    pub devices: Vec<DeviceIx>,
}

/// A device.
#[derive(Debug)]
pub struct DeviceInfo {
    /// Its id.
    pub id: Id,
    /// The site's name for it.
    pub name: String,
    /// Place as a path, `3号楼/地下一层/水泵房`.
    pub at: String,
    /// Kind from the profile: `pump`, `lift`, `smoke`, ...
    pub kind: String,
    /// Profile id.
    pub profile: String,
    /// The line it hangs on.
    pub line: LineIx,
    /// Unit id or topic, as written.
    pub address: String,
    /// First point.
    pub first_point: PointIx,
    /// Number of points.
    pub point_count: u32,
}

impl DeviceInfo {
    /// Its points.
    pub fn points(&self) -> impl Iterator<Item = PointIx> + use<> {
        (self.first_point.0..self.first_point.0 + self.point_count).map(PointIx)
    }
}

/// A point.
#[derive(Debug, Clone, Serialize)]
pub struct PointInfo {
    /// Device it belongs to.
    pub device: DeviceIx,
    /// Id inside the device.
    pub id: Id,
    /// `device.point`, the key used in rules, files and payloads.
    pub key: Arc<str>,
    /// Name for people.
    pub name: Text,
    /// Unit of the engineering value.
    pub unit: Option<Unit>,
    /// What the number stands for.
    pub kind: PointKind,
    /// Labels of an enumeration or switch, by value.
    pub labels: Vec<(i64, Text)>,
    /// Range of a trend chart where the profile knows it.
    pub valid: Option<(f64, f64)>,
    /// How often it is read or expected, in milliseconds; 0 for "when it comes".
    pub every_ms: u32,
}

impl Site {
    /// The device called `id`.
    #[must_use]
    pub fn device(&self, id: &str) -> Option<DeviceIx> {
        let ix = self.devices.iter().position(|d| d.id.as_str() == id)?;
        u32::try_from(ix).ok().map(DeviceIx)
    }

    /// The point called `device.point`.
    #[must_use]
    pub fn point(&self, key: &str) -> Option<PointIx> {
        let (device, point) = key.split_once('.')?;
        let device = self.devices.get(self.device(device)?.ix())?;
        device.points().find(|p| self.points.get(p.ix()).is_some_and(|i| i.id.as_str() == point))
    }
}
