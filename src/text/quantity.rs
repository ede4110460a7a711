//! Durations and sizes as people write them: `"300ms"`, `"20m"`, `"64MiB"`. Never a bare number with a hidden unit. Pure.

use std::time::Duration;

use crate::text::diagnostic::{say, shown};
use crate::text::field::Complaint;

const DURATIONS: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Reads a duration: a number with an optional fraction, and `ms`, `s`, `m`, `h` or `d`.
pub fn duration(text: &str) -> Result<Duration, Complaint> {
    let complaint = || Complaint {
        message: say(format!("`{}` is not a duration", shown(text)), format!("`{}` 不是时长", shown(text))),
        help: say(
            "write a number and a unit: \"300ms\", \"5s\", \"20m\", \"1h\", \"2d\"",
            "请写数字加单位：\"300ms\"、\"5s\"、\"20m\"、\"1h\"、\"2d\"",
        ),
    };
    quantity(text, DURATIONS).map(Duration::from_millis).ok_or_else(complaint)
}

/// Reads a size in bytes.
pub fn size(text: &str) -> Result<u64, Complaint> {
    let complaint = || Complaint {
        message: say(format!("`{}` is not a size", shown(text)), format!("`{}` 不是容量", shown(text))),
        help: say("write a number and a unit: \"64MiB\", \"4GiB\"", "请写数字加单位：\"64MiB\"、\"4GiB\""),
    };
    quantity(text, SIZES).ok_or_else(complaint)
}

/// A decimal number times its unit, as a whole number of the smallest unit; `None` when it is not one.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at_checked(split)?;
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start())?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || whole.len() > 15 || fraction.len() > 9 || number.ends_with('.') || fraction.contains('.') {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let part = if fraction.is_empty() {
        0
    } else {
        let digits: u64 = fraction.parse().ok()?;
        let parts = u128::from(digits) * u128::from(factor);
        let base = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
        if !parts.is_multiple_of(base) {
            return None;
        }
        u64::try_from(parts / base).ok()?
    };
    whole.checked_mul(factor)?.checked_add(part)
}

/// A duration in the shortest notation, for messages and the reference.
#[must_use]
pub fn show_ms(ms: u64) -> String {
    let unit = DURATIONS.iter().rev().find(|(_, factor)| ms >= *factor && ms.is_multiple_of(*factor));
    unit.map_or_else(|| format!("{ms}ms"), |(name, factor)| format!("{}{name}", ms / factor))
}

/// A size in the shortest binary notation.
#[must_use]
pub fn show_bytes(bytes: u64) -> String {
    let units = SIZES.get(..5).unwrap_or(SIZES);
    let unit = units.iter().rev().find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    unit.map_or_else(|| format!("{bytes}B"), |(name, factor)| format!("{}{name}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text: &str, ms: Option<u64>| {
            assert_eq!(duration(text).ok(), ms.map(Duration::from_millis), "{text}");
        };
        check("300ms", Some(300));
        check("5s", Some(5000));
        check("1.5s", Some(1500));
        check("20m", Some(1_200_000));
        check("1h", Some(3_600_000));
        check("2d", Some(172_800_000));
        check("0s", Some(0));
        check("5 s", Some(5000));
        for bad in [
            "",
            "5",
            "s",
            "-5s",
            "5S",
            "1.2.3s",
            "1.0001s",
            "5.s",
            ".5s",
            "5秒",
            "99999999999999999s",
            "5sec",
            "inf",
            "１s",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("64MiB").unwrap(), 64 << 20);
        assert_eq!(size("1.5GiB").unwrap(), 3 << 29);
        assert_eq!(size("10MB").unwrap(), 10_000_000);
        assert!(size("64").is_err() && size("64Mb").is_err() && size("99999999TiB").is_err());
    }

    #[test]
    fn shown_again() {
        for text in ["300ms", "5s", "20m", "1h", "2d"] {
            assert_eq!(show_ms(u64::try_from(duration(text).unwrap().as_millis()).unwrap()), text);
        }
        assert_eq!(show_bytes(4 << 30), "4GiB");
        assert_eq!(show_ms(0), "0ms");
    }
}
