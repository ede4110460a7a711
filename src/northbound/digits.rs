//! Numbers as JSON text, quickly. Pure.
//!
//! Most readings are a register times a round factor, and many share a time stamp; both are cheaper than the general
//! way. The result is always the one of the general way: the shortest text that reads back to the same number, with a
//! decimal point or an exponent.

use serde_json::ser::{CompactFormatter, Formatter};

/// Why a `Vec` takes every byte.
const VEC: &str = "writing to memory does not fail";
/// Remembered time stamps; a power of two.
const STAMPS: usize = 256;
/// Beyond this the quick way for decimals is not tried: hundredths stay far below 2^53, so they are exact.
const QUICK_MAX: f64 = 1e9;

/// The texts of time stamps seen lately: the points of one scan share theirs.
#[derive(Debug)]
pub(crate) struct Stamps(Vec<(i64, Vec<u8>)>);

impl Default for Stamps {
    fn default() -> Self {
        Self(vec![(0, Vec::new()); STAMPS])
    }
}

impl Stamps {
    /// Writes a time stamp.
    pub(crate) fn push(&mut self, out: &mut Vec<u8>, ms: i64) {
        // Fibonacci hashing: the high bits of the product depend on all bits of the number.
        let slot = (ms.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize % STAMPS;
        let Some((known, text)) = self.0.get_mut(slot) else { return push_i64(out, ms) };
        if *known != ms || text.is_empty() {
            text.clear();
            push_i64(text, ms);
            *known = ms;
        }
        out.extend_from_slice(text);
    }
}

/// Writes a whole number.
pub(crate) fn push_i64(out: &mut Vec<u8>, value: i64) {
    CompactFormatter.write_i64(out, value).expect(VEC);
}

/// Writes a finite number.
pub(crate) fn push_f64(out: &mut Vec<u8>, value: f64) {
    if !push_hundredths(out, value) {
        CompactFormatter.write_f64(out, value).expect(VEC);
    }
}

/// Writes a number that is a whole number of hundredths; false, and nothing written, for any other.
///
/// Exact: `n / 100.0` is the double nearest to n hundredths, so their text reads back as `value` exactly when the
/// division gives `value`; and of all texts with at most 15 digits only one does.
fn push_hundredths(out: &mut Vec<u8>, value: f64) -> bool {
    let magnitude = value.abs();
    if magnitude >= QUICK_MAX || (value == 0.0 && value.is_sign_negative()) {
        return false;
    }
    let rounded = (magnitude * 100.0 + 0.5).floor();
    if (rounded / 100.0).to_bits() != magnitude.to_bits() {
        return false;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1e11, as just checked")]
    let hundredths = rounded as u64;
    let (mut whole, fraction) = (hundredths / 100, hundredths % 100);
    // Sign, ten digits, point, two digits; filled from the end.
    let mut text = [b'0'; 14];
    let digit = |n: u64| b'0' + (n % 10) as u8;
    text[12] = digit(fraction);
    text[11] = digit(fraction / 10);
    text[10] = b'.';
    let mut start = 10;
    loop {
        start -= 1;
        text[start] = digit(whole);
        whole /= 10;
        if whole == 0 {
            break;
        }
    }
    if value < 0.0 {
        // At most nine digits stand before the point, so there is room.
        start -= 1;
        text[start] = b'-';
    }
    let end = if fraction % 10 == 0 { 12 } else { 13 };
    out.extend_from_slice(text.get(start..end).unwrap_or_default());
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn general(value: f64) -> String {
        serde_json::to_string(&value).unwrap()
    }

    fn quick(value: f64) -> String {
        let mut out = Vec::new();
        push_f64(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_edges_read_as_in_the_general_way() {
        let cases = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.01,
            -0.01,
            0.1,
            0.99,
            0.005,
            0.015,
            1.005,
            999_999_999.99,
            -999_999_999.99,
            1e9,
            1e9 - 0.01,
            1e15,
            1e16,
            1e300,
            5e-324,
            0.1 + 0.2,
            100.0,
            10.1,
            65_535.0,
            4_294_967_295.0,
        ];
        for value in cases {
            assert_eq!(quick(value), general(value), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn any_number_reads_as_in_the_general_way(
            any in prop::num::f64::NORMAL,
            n in -200_000_000_000i64..200_000_000_000,
            small in -100_000i64..100_000,
            ulps in -2i64..3,
        ) {
            for value in [any, n as f64 / 100.0, small as f64 / 100.0, small as f64 * 0.01, small as f64 * 0.1, small as f64] {
                let near = f64::from_bits(value.to_bits().wrapping_add_signed(ulps));
                for value in [value, near] {
                    if value.is_finite() {
                        prop_assert_eq!(quick(value), general(value));
                    }
                }
            }
        }

        #[test]
        fn stamps_are_the_number_itself(stamps in prop::collection::vec(any::<i64>(), 1..600)) {
            let mut cache = Stamps::default();
            for ms in stamps.iter().chain(&stamps) {
                let mut out = Vec::new();
                cache.push(&mut out, *ms);
                prop_assert_eq!(String::from_utf8(out).unwrap(), ms.to_string());
            }
        }
    }
}
