//! Whether a value may be believed, and if not, why. OPC UA's three grades with the reasons of the field.
//!
//! Invariant: a late, foreign, short, sentinel or out-of-range answer is `Bad` with a reason and never a number.

use serde::{Deserialize, Serialize};

use crate::model::text::Text;

/// Grade and reason of one reading. The discriminants are stored in `log/` and `history/`: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Quality {
    /// Measured, in time, in range.
    Good = 0,
    /// A retained or replayed message: true once, of unknown age.
    UncertainOld = 16,
    /// The value was substituted or derived from inputs that are themselves uncertain.
    UncertainSubstitute = 17,
    /// The device marks its own value as provisional (self-test, warming up).
    UncertainTest = 18,
    /// No answer within the time-out.
    BadTimeout = 32,
    /// The line (port, socket, broker) is down: nobody was asked.
    BadLink = 33,
    /// The device refused with a Modbus exception or an error reply.
    BadRefused = 34,
    /// The answer did not fit the request or the encoding.
    BadProtocol = 35,
    /// The device says "not available" (sentinel value).
    BadSentinel = 36,
    /// Outside the profile's `valid` range: broken wire, broken sensor, wrong scale.
    BadRange = 37,
    /// Not heard of for longer than the point may be silent.
    BadStale = 38,
    /// The device announced that it is gone (MQTT will, availability topic).
    BadOffline = 39,
    /// A register this device does not have; learned, not polled any more.
    BadUnsupported = 40,
    /// An input of a derived point is bad, or the arithmetic has no result.
    BadInput = 41,
    /// A whole number too large to be carried exactly (beyond 2^53).
    BadPrecision = 42,
    /// Nothing has been read since start.
    BadInitial = 43,
    /// The unit is in quarantine: it did not answer, and is only probed now and then.
    BadQuarantine = 44,
}

/// All qualities, for tables, schemas and tests.
pub const ALL: [Quality; 17] = [
    Quality::Good,
    Quality::UncertainOld,
    Quality::UncertainSubstitute,
    Quality::UncertainTest,
    Quality::BadTimeout,
    Quality::BadLink,
    Quality::BadRefused,
    Quality::BadProtocol,
    Quality::BadSentinel,
    Quality::BadRange,
    Quality::BadStale,
    Quality::BadOffline,
    Quality::BadUnsupported,
    Quality::BadInput,
    Quality::BadPrecision,
    Quality::BadInitial,
    Quality::BadQuarantine,
];

impl Quality {
    /// The stored number.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Reads a stored number back; `None` for one that no release has written.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        ALL.into_iter().find(|q| q.code() == code)
    }

    /// Usable as a number without reserve.
    #[must_use]
    pub fn is_good(self) -> bool {
        self.code() < 16
    }

    /// No value at all: rules treat the point as unknown.
    #[must_use]
    pub fn is_bad(self) -> bool {
        self.code() >= 32
    }

    /// The word on the wire and in the API: `good`, `bad_timeout`, ...
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::UncertainOld => "uncertain_old",
            Self::UncertainSubstitute => "uncertain_substitute",
            Self::UncertainTest => "uncertain_test",
            Self::BadTimeout => "bad_timeout",
            Self::BadLink => "bad_link",
            Self::BadRefused => "bad_refused",
            Self::BadProtocol => "bad_protocol",
            Self::BadSentinel => "bad_sentinel",
            Self::BadRange => "bad_range",
            Self::BadStale => "bad_stale",
            Self::BadOffline => "bad_offline",
            Self::BadUnsupported => "bad_unsupported",
            Self::BadInput => "bad_input",
            Self::BadPrecision => "bad_precision",
            Self::BadInitial => "bad_initial",
            Self::BadQuarantine => "bad_quarantine",
        }
    }

    /// What a tired person reads.
    #[must_use]
    pub fn text(self) -> Text {
        let (zh, en) = match self {
            Self::Good => ("正常", "good"),
            Self::UncertainOld => ("旧值", "old value"),
            Self::UncertainSubstitute => ("替代值", "substituted"),
            Self::UncertainTest => ("自检中", "self-test"),
            Self::BadTimeout => ("设备无应答", "no answer"),
            Self::BadLink => ("线路中断", "line down"),
            Self::BadRefused => ("设备拒绝", "device refused"),
            Self::BadProtocol => ("应答格式错误", "malformed answer"),
            Self::BadSentinel => ("设备报告无数据", "device says not available"),
            Self::BadRange => ("超出量程", "out of range"),
            Self::BadStale => ("数据过期", "stale"),
            Self::BadOffline => ("设备离线", "device offline"),
            Self::BadUnsupported => ("设备无此寄存器", "register not supported"),
            Self::BadInput => ("输入无效", "input not usable"),
            Self::BadPrecision => ("数值过大", "number too large"),
            Self::BadInitial => ("尚未读取", "not read yet"),
            Self::BadQuarantine => ("设备无应答，降频探测", "no answer, probing slowly"),
        };
        Text::new(zh, en)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_round_trip() {
        for q in ALL {
            assert_eq!(Quality::from_code(q.code()), Some(q), "{}", q.word());
        }
        assert_eq!(Quality::from_code(255), None);
    }
}
