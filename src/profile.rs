//! Device profiles: which points a device has, how its registers or messages become values, which alarms it brings
//! and what people read about them.
//!
//! Owns the shapes and the pure decoding; [`crate::config`] reads them from text. Knows nothing of tasks, sockets or
//! the site. A profile states a public source for every register; one that nobody has tried on hardware says so.
//!
//! Fixed order of transforms from wire to engineering value (conditioning does 3 to 8):
//! 1. decode type and byte order, 2. bit or bit slice, 3. sentinel, 4. inversion, 5. `scale_from` (power of ten or
//!    factor in another register) and `unit_from`, 6. factor and offset, 7. counter wrap and reset, 8. valid range.

pub mod decode;
pub mod encode;
pub mod health;
pub mod message;
mod param;
pub mod vision;

use std::time::Duration;

use crate::model::alarm::{AlarmText, Level};
use crate::model::id::Id;
use crate::model::reading::PointKind;
use crate::model::text::Text;
use crate::model::unit::Unit;

pub use param::Param;

/// A whole profile.
#[derive(Debug, Clone)]
pub struct Profile {
    /// `kind/vendor_model`, also its path below the profiles folder.
    pub id: String,
    /// Counts up with each change.
    pub revision: u32,
    /// `pump`, `lift`, `smoke`, `gate`, `fire`, `meter`, `env`, `level`, `relay`, `vibration`.
    pub kind: String,
    /// Name for people.
    pub name: Text,
    /// Public sources of the register map or message format.
    pub source: Vec<String>,
    /// Whether anybody has tried it on hardware: `documented` or `tested`.
    pub evidence: String,
    /// Wiring, DIP switches, traps.
    pub note: Text,
    /// Nothing of this device may ever be written, whatever the site says (lifts, fire panels, meters).
    pub read_only: bool,
    /// Limits of the Modbus side.
    pub modbus: ModbusLimits,
    /// How messages reach points; `None` for Modbus devices.
    pub mqtt: Option<MqttMapping>,
    /// Settings a site can give with `set = {..}`.
    pub params: Vec<Param>,
    /// Points, in file order.
    pub points: Vec<PointSpec>,
    /// Alarms, in file order.
    pub alarms: Vec<AlarmSpec>,
    /// What counts for the health record.
    pub health: health::HealthSpec,
    /// Golden vectors.
    pub tests: Vec<TestVector>,
}

/// What the device's Modbus side can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModbusLimits {
    /// Most registers in one request (125 by the standard, 12 on some drives).
    pub registers_max: u16,
    /// Most bits in one request (2,000 by the standard).
    pub bits_max: u16,
    /// Unused registers that may be read along to save a request; 0 forbids bridging.
    pub gap_max: u16,
    /// Pause this device needs between an answer and the next request.
    pub pause: Duration,
}

impl Default for ModbusLimits {
    fn default() -> Self {
        Self { registers_max: 125, bits_max: 2000, gap_max: 8, pause: Duration::ZERO }
    }
}

/// How messages of a device are found and read.
#[derive(Debug, Clone, PartialEq)]
pub struct MqttMapping {
    /// Topic filter relative to the device's `topic`: `""` for the topic itself, `"/+/up"`, ...
    pub topics: Vec<String>,
    /// JSON pointer to the device's own time stamp.
    pub time: Option<String>,
    /// How that time stamp is written.
    pub time_format: TimeFormat,
    /// JSON pointer whose value must be new, else the message is a duplicate delivery (`/deduplicationId`, `/fCnt`).
    pub dedup: Option<String>,
    /// Topic relative to the device's that says whether it is there.
    pub availability: Option<Availability>,
}

/// Time stamp notations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFormat {
    /// RFC 3339 text.
    Rfc3339,
    /// Seconds since 1970, may have a fraction.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMillis,
}

/// An availability topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Availability {
    /// Relative topic, as in [`MqttMapping::topics`].
    pub topic: String,
    /// JSON pointer into the payload, or empty for the bare payload.
    pub pointer: String,
    /// Payload that means present.
    pub online: String,
    /// Payload that means gone.
    pub offline: String,
}

/// A point of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct PointSpec {
    /// Id inside the device.
    pub id: Id,
    /// Name for people.
    pub name: Text,
    /// Where it comes from.
    pub source: PointSource,
    /// What the number stands for.
    pub kind: PointKind,
    /// Unit of the engineering value.
    pub unit: Option<Unit>,
    /// Engineering value = raw × scale + offset.
    pub scale: f64,
    /// See `scale`.
    pub offset: f64,
    /// Another point of the same device that holds the scale.
    pub scale_from: Option<(Id, ScaleFrom)>,
    /// Another point that holds a unit code, with the factor for each code (result in `unit`).
    pub unit_from: Option<(Id, Vec<(i64, f64)>)>,
    /// Raw values at or above `.0` are negative: value = `.0` − raw (KinCony's sign trick with 10000).
    pub negative_from: Option<f64>,
    /// Outside: quality bad, not an alarm. In engineering units.
    pub valid: Option<(f64, f64)>,
    /// Raw values that mean "not available". NaN never needs listing.
    pub sentinel: Vec<f64>,
    /// 0 and 1 exchanged on the wire.
    pub invert: bool,
    /// Changes below this are not passed on (reporting); the last value is repeated at `every` × 60 at the latest.
    pub deadband: Deadband,
    /// Scan period; `None` takes the line's default.
    pub every: Option<Duration>,
    /// Longest silence before the point is stale; `None` takes 3 × `every`, or never for messages "when it comes".
    pub stale_after: Option<Duration>,
    /// A total that only grows: wraps and resets are handled.
    pub counter: Option<Counter>,
    /// Labels by value, for enumerations and switches.
    pub labels: Vec<(i64, Text)>,
    /// Permitted writes; `None` for read-only points.
    pub write: Option<WriteSpec>,
}

/// What another register says about the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScaleFrom {
    /// It holds a signed power of ten (SunSpec `*_SF`).
    PowerOfTen,
    /// It holds the factor itself (CT ratio).
    Factor,
}

/// Reporting deadband.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Deadband {
    /// Every change passes; unchanged values pass too.
    None,
    /// In engineering units.
    Absolute(f64),
    /// In percent of the `valid` range.
    Percent(f64),
}

/// A wrapping counter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counter {
    /// Raw value at which it starts again at 0 (2^16, 2^32, 10^8 for eight BCD digits); 0 if it does not wrap.
    pub wraps_at: f64,
}

/// A permitted write.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WriteSpec {
    /// Least engineering value.
    pub min: f64,
    /// Greatest engineering value.
    pub max: f64,
}

/// Where a point comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum PointSource {
    /// A Modbus register or bit.
    Register(Register),
    /// A field of a message.
    Message {
        /// JSON pointer (RFC 6901), or empty for the bare payload.
        pointer: String,
        /// Which of [`MqttMapping::topics`], by index; `None` for any.
        topic: Option<usize>,
        /// Words to numbers (`"ON"` → 1). Numbers and booleans need no entry.
        words: Vec<(String, f64)>,
    },
    /// Computed from other points of the device, a CEL expression over point ids and parameters.
    Derived(String),
}

/// The four tables of Modbus (Application Protocol V1.1b3, 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Read-write bits, function 1.
    Coil,
    /// Read-only bits, function 2.
    Discrete,
    /// Read-only registers, function 4.
    Input,
    /// Read-write registers, function 3.
    Holding,
}

/// Where and how a value stands in the device's tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// Table.
    pub area: Area,
    /// 0-based wire address of the first register or bit.
    pub address: u16,
    /// Type on the wire.
    pub wire: WireType,
    /// Byte order for types of two bytes and more.
    pub order: Order,
}

/// Types on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireType {
    /// A coil or discrete input.
    Bit,
    /// One bit (0 = least significant) of a register.
    BitOf(u8),
    /// `width` bits from bit `lsb` upward, unsigned.
    Slice {
        /// Lowest bit.
        lsb: u8,
        /// Number of bits.
        width: u8,
    },
    /// Unsigned, one register.
    U16,
    /// Signed, one register.
    I16,
    /// Unsigned, two registers.
    U32,
    /// Signed, two registers.
    I32,
    /// Unsigned, four registers.
    U64,
    /// Signed, four registers.
    I64,
    /// IEEE 754, two registers.
    F32,
    /// IEEE 754, four registers.
    F64,
    /// Binary-coded decimal of so many registers (1, 2, 4).
    Bcd(u8),
    /// ASCII text of so many registers, trailing NULs and spaces cut.
    Ascii(u8),
    /// Bytes shown as lower-case hex, so many registers (EUI, MAC, serial numbers).
    Hex(u8),
    /// Dotted IPv4 address, two registers.
    Ipv4,
}

/// Byte order, in the letters of the trade: A is the most significant byte of the value. For 64 bits the same pattern
/// over eight bytes (`ABCDEFGH`, `GHEFCDAB`, `BADCFEHG`, `HGFEDCBA`); for one register `AB` or `BA`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Big-endian throughout.
    #[default]
    Abcd,
    /// Words exchanged, bytes in order.
    Cdab,
    /// Words in order, bytes exchanged.
    Badc,
    /// Little-endian throughout.
    Dcba,
}

/// An alarm that a profile brings.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmSpec {
    /// Id inside the device.
    pub id: Id,
    /// Level.
    pub level: Level,
    /// The condition.
    pub condition: Condition,
    /// How long it must hold.
    pub on_delay: Duration,
    /// How long it must be gone.
    pub off_delay: Duration,
    /// Stays until reset by a person even when the condition is gone.
    pub latched: bool,
    /// On trial: noted in the journal, nobody is told.
    pub shadow: bool,
    /// Texts.
    pub text: AlarmText,
}

/// A condition in declarative form. Points are named inside the device (`pressure`) in profiles, in full
/// (`b3_pump_1.pressure`) in site rules. A number setting may be a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// One limit on one point.
    Limit {
        /// The point.
        point: String,
        /// Which side.
        side: Side,
        /// Limit, engineering units.
        limit: Setting,
        /// The value must come back this far beyond the limit to clear.
        hysteresis: Setting,
    },
    /// The point has one of these values.
    State {
        /// The point.
        point: String,
        /// Values.
        values: Vec<f64>,
    },
    /// Change per minute beyond a limit, by least squares over the window.
    Rate {
        /// The point.
        point: String,
        /// `Above`: rising faster; `Below`: falling faster than the (negative) limit.
        side: Side,
        /// Units per minute.
        per_minute: Setting,
        /// Window.
        window: Duration,
    },
    /// At least `count` rising edges (0 → non-0, or value changes for numbers) within the window.
    Count {
        /// The point.
        point: String,
        /// How many.
        count: Setting,
        /// Window.
        window: Duration,
    },
    /// No good value for so long.
    Absence {
        /// The point.
        point: String,
        /// How long.
        after: Duration,
    },
    /// The point will reach a limit within a time, by the way it grows. Learns what is usual first.
    Trend {
        /// The point.
        point: String,
        /// Which side.
        side: Side,
        /// Limit, engineering units.
        limit: Setting,
        /// How far ahead a crossing counts.
        within: Duration,
        /// Commissioning: time with good values before it judges.
        learn: Duration,
    },
    /// The point behaves unlike itself at this hour of the week.
    Anomaly {
        /// The point.
        point: String,
        /// Means over so long are looked at.
        every: Duration,
        /// Commissioning.
        learn: Duration,
    },
    /// Several points together behave unlike before.
    DeviceAnomaly {
        /// The points.
        points: Vec<String>,
        /// A snapshot is taken so often.
        every: Duration,
        /// Commissioning.
        learn: Duration,
    },
    /// The use of a finished day, or the least flow of a night, against the like days before.
    Baseline {
        /// A counter.
        point: String,
        /// The night's least flow instead of the day's total.
        night: bool,
        /// Share of the usual figure that is too much: in both directions for a day, upward for a night.
        deviation: Setting,
    },
    /// The point has just changed, whatever it was before.
    Change {
        /// The point.
        point: String,
        /// Commissioning.
        learn: Duration,
    },
    /// The point stands apart from the same point of other devices.
    Peer {
        /// The point.
        point: String,
        /// The others; three or more.
        peers: Vec<String>,
        /// Distance from their median in robust spreads.
        deviations: Setting,
    },
    /// A CEL expression that must be true. Unknown input makes it unknown, not false.
    When(String),
}

/// Which side of a limit is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// H, HH.
    Above,
    /// L, LL.
    Below,
}

/// A number or the name of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// A number.
    Number(f64),
    /// A parameter of the profile.
    Param(Id),
}

/// A golden vector: what the wire says and what must come of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TestVector {
    /// `(area, address, registers or bits as 0/1)`.
    pub registers: Vec<(Area, u16, Vec<u16>)>,
    /// `(relative topic, payload)` for message profiles.
    pub messages: Vec<(String, String)>,
    /// Parameter values used.
    pub set: Vec<(String, f64)>,
    /// Expected engineering values: `(point, value)`; a text is compared as text, `Bad` by quality word.
    pub expect: Vec<(String, Expected)>,
    /// Alarm conditions that must be true after this vector (on-delay ignored), by id.
    pub alarms: Vec<String>,
}

/// An expected value.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// A number, compared with relative tolerance 1e-9 (1e-6 for `f32` sources).
    Number(f64),
    /// A text.
    Text(String),
    /// A quality word, written `{ bad = "bad_sentinel" }`.
    Bad(String),
}
