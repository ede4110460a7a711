//! The closed list of units: data, not types. Spelled after UCUM where that is what people type.

use serde::{Serialize, Serializer};

/// A unit from [`UNITS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unit(&'static str);

/// `(spelling in config and payloads, what the page shows)`.
pub const UNITS: &[(&str, &str)] = &[
    ("%", "%"),
    ("1/h", "次/h"),
    ("A", "A"),
    ("Cel", "℃"),
    ("GJ", "GJ"),
    ("Hz", "Hz"),
    ("K", "K"),
    ("L", "L"),
    ("L/h", "L/h"),
    ("L/s", "L/s"),
    ("MJ", "MJ"),
    ("MPa", "MPa"),
    ("MWh", "MWh"),
    ("Nm", "N·m"),
    ("Pa", "Pa"),
    ("V", "V"),
    ("VA", "VA"),
    ("W", "W"),
    ("Wh", "Wh"),
    ("bar", "bar"),
    ("cm", "cm"),
    ("count", ""),
    ("dB", "dB"),
    ("dBm", "dBm"),
    ("g", "g"),
    ("h", "h"),
    ("kPa", "kPa"),
    ("kVA", "kVA"),
    ("kW", "kW"),
    ("kWh", "kWh"),
    ("kohm", "kΩ"),
    ("kvar", "kvar"),
    ("kvarh", "kvarh"),
    ("lx", "lx"),
    ("m", "m"),
    ("m/s", "m/s"),
    ("m3", "m³"),
    ("m3/h", "m³/h"),
    ("mA", "mA"),
    ("mV", "mV"),
    ("mg/m3", "mg/m³"),
    ("min", "min"),
    ("mm", "mm"),
    ("mm/s", "mm/s"),
    ("month", "个月"),
    ("ms", "ms"),
    ("ppb", "ppb"),
    ("ppm", "ppm"),
    ("rpm", "r/min"),
    ("s", "s"),
    ("ug/m3", "µg/m³"),
    ("uS/cm", "µS/cm"),
    ("var", "var"),
];

impl Unit {
    /// The unit spelled `text`, if it is on the list.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        UNITS.iter().find(|(code, _)| *code == text).map(|(code, _)| Self(code))
    }

    /// Spelling in config files and payloads.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0
    }

    /// What the page shows.
    #[must_use]
    pub fn shown(self) -> &'static str {
        UNITS.iter().find(|(code, _)| *code == self.0).map_or(self.0, |(_, shown)| shown)
    }
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0)
    }
}
