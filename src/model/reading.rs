//! A value on its way: raw from the driver, then a reading after conditioning.
//!
//! Numbers, switches and enumerations are all `f64`; what they mean stands in the point's [`PointKind`]. That keeps
//! the hot path free of allocation: 5,000 readings a second pass through here on a small box.

use std::fmt;
use std::sync::Arc;

use crate::model::id::{DeviceIx, PointIx};
use crate::model::quality::Quality;
use crate::model::time::BootMs;

/// What a point's number stands for; decides formatting and the JSON type, which never changes for a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PointKind {
    /// A measured quantity.
    Number,
    /// 0 or 1.
    Switch,
    /// A whole number with labels in the profile.
    Enumeration,
    /// Words: serial numbers, versions, identities.
    Text,
}

/// What a driver got for a point, decoded by type and byte order but not yet scaled.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// A number as it stood in the registers or the payload.
    Number(f64),
    /// A text.
    Text(Arc<str>),
    /// No value, with the reason. `Quality::is_bad` always holds.
    Bad(Quality),
}

/// One point of a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The point.
    pub point: PointIx,
    /// What came.
    pub raw: Raw,
}

/// What one poll or one message brought, all of one device and one moment.
#[derive(Debug)]
pub struct Scan {
    /// The device that answered or was asked.
    pub device: DeviceIx,
    /// Middle of the request, or arrival of the message.
    pub at: BootMs,
    /// The device's own time stamp, UTC milliseconds, where it sent one.
    pub source_ms: Option<i64>,
    /// The message was retained by a broker: true once, of unknown age.
    pub old: bool,
    /// The values. Points not listed were not part of this poll.
    pub samples: Vec<Sample>,
    /// To be told when the readings are on disk (MQTT QoS 1); `None` for polls.
    pub receipt: Option<Receipt>,
}

/// A conditioned value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Engineering value. Never NaN: a NaN becomes a bad quality.
    Number(f64),
    /// A text value.
    Text(Arc<str>),
    /// No value (quality is bad).
    None,
}

impl Value {
    /// The number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(v) => Some(*v),
            _ => None,
        }
    }
}

/// One conditioned value of one point: what is stored, shown, judged and sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The point.
    pub point: PointIx,
    /// Grade and reason.
    pub quality: Quality,
    /// When it was measured, boot clock.
    pub at: BootMs,
    /// The device's own time, UTC milliseconds, if it sent one.
    pub source_ms: Option<i64>,
    /// The value; `Value::None` exactly when the quality is bad.
    pub value: Value,
}

/// A promise to tell a waiting publisher what became of its message. Told exactly once: committed after the synced
/// commit, or refused when dropped unused (queue full, store failed), so that the publisher sends again.
pub struct Receipt(Option<Box<dyn FnOnce(bool) + Send>>);

impl Receipt {
    /// `tell(true)` means "on disk", `tell(false)` "not stored, send again". It must not block.
    pub fn new(tell: impl FnOnce(bool) + Send + 'static) -> Self {
        Self(Some(Box::new(tell)))
    }

    /// The readings are committed and synced.
    pub fn committed(mut self) {
        if let Some(tell) = self.0.take() {
            tell(true);
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell(false);
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt")
    }
}
