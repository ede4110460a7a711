//! Registers to raw values: type, byte order, bit or bit slice. Steps 1 and 2 of the order in [`crate::profile`].
//!
//! Owns every pairing of [`WireType`] and [`Order`]. Knows nothing of scale, sentinels, requests or sockets, and never
//! fails: what cannot be a value is [`Raw::Bad`] with the reason.
//!
//! Decisions:
//! - Whole numbers beyond 2^53 are `BadPrecision`: readings are `f64` and a rounded meter total would be a wrong one.
//! - `f32` is widened exactly, so 0.1 in a register reads 0.10000000149011612, as every other master shows it.
//! - NaN is `BadSentinel` (the field's usual "not available"); an infinity is `BadProtocol`.
//! - A BCD digit above 9 is `BadProtocol`.
//! - Text ends at its first NUL, spaces around it are cut; bytes outside printable ASCII are `BadProtocol`.
//! - Fewer registers than the type needs is `BadProtocol`; more are ignored.
//!
//! For one register `Cdab` means `AB` and `Dcba` means `BA`: there are no words to exchange, only bytes.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::model::quality::Quality;
use crate::model::reading::Raw;
use crate::profile::{Order, Register, WireType};

#[cfg(test)]
mod tests;

/// Greatest whole number that `f64` carries together with all below it.
const EXACT_MAX: u64 = 1 << 53;

/// How many registers a type takes; 1 (bit) for a coil or discrete input.
#[must_use]
pub const fn width(wire: WireType) -> u16 {
    match wire {
        WireType::Bit | WireType::BitOf(_) | WireType::Slice { .. } | WireType::U16 | WireType::I16 => 1,
        WireType::U32 | WireType::I32 | WireType::F32 | WireType::Ipv4 => 2,
        WireType::U64 | WireType::I64 | WireType::F64 => 4,
        WireType::Bcd(n) | WireType::Ascii(n) | WireType::Hex(n) => n as u16,
    }
}

/// Decodes one point from its registers. For many points of one answer compile a [`Decoder`] once each.
#[must_use]
pub fn decode(register: &Register, regs: &[u16]) -> Raw {
    Decoder::new(register).decode(regs)
}

/// Decodes a coil or discrete input.
#[must_use]
pub fn decode_bit(bit: bool) -> Raw {
    Raw::Number(f64::from(u8::from(bit)))
}

/// The decoding of one point, ready to run: `Copy`, no names, no allocation except for texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoder {
    wire: WireType,
    /// Words stand least significant first.
    words_reversed: bool,
    /// Bytes of each word stand least significant first.
    bytes_swapped: bool,
}

impl Decoder {
    /// For one register entry.
    #[must_use]
    pub const fn new(register: &Register) -> Self {
        let (words_reversed, bytes_swapped) = match register.order {
            Order::Abcd => (false, false),
            Order::Cdab => (true, false),
            Order::Badc => (false, true),
            Order::Dcba => (true, true),
        };
        Self { wire: register.wire, words_reversed, bytes_swapped }
    }

    /// How many registers it wants.
    #[must_use]
    pub const fn width(self) -> u16 {
        width(self.wire)
    }

    /// Decodes; `regs` starts at the point's address.
    #[inline]
    #[must_use]
    pub fn decode(self, regs: &[u16]) -> Raw {
        match (self.wire, regs) {
            (WireType::U16, [word, ..]) => Raw::Number(f64::from(self.word(*word))),
            (WireType::I16, [word, ..]) => Raw::Number(f64::from(self.word(*word).cast_signed())),
            (WireType::Bit, [bit, ..]) => decode_bit(*bit != 0),
            (WireType::BitOf(bit), [word, ..]) => slice(self.word(*word), bit, 1),
            (WireType::Slice { lsb, width }, [word, ..]) => slice(self.word(*word), lsb, width),
            _ => self.decode_wide(regs),
        }
    }

    /// Types of more than one register.
    fn decode_wide(self, regs: &[u16]) -> Raw {
        let Some(regs) = regs.get(..usize::from(self.width())) else {
            return Raw::Bad(Quality::BadProtocol);
        };
        match self.wire {
            WireType::U32 => Raw::Number(f64::from(self.dword(regs))),
            WireType::I32 => Raw::Number(f64::from(self.dword(regs).cast_signed())),
            WireType::F32 => float(f64::from(f32::from_bits(self.dword(regs)))),
            WireType::U64 => unsigned(self.wide(regs)),
            WireType::I64 => signed(self.wide(regs).cast_signed()),
            WireType::F64 => float(f64::from_bits(self.wide(regs))),
            WireType::Bcd(1 | 2 | 4) => bcd(self.wide(regs), regs.len() * 4),
            WireType::Ascii(_) => ascii(&self.bytes(regs)),
            WireType::Hex(_) => hex(&self.bytes(regs)),
            WireType::Ipv4 => Raw::Text(Arc::from(Ipv4Addr::from(self.dword(regs)).to_string())),
            // A BCD of an odd size, or no register at all.
            _ => Raw::Bad(Quality::BadProtocol),
        }
    }

    /// One register, its bytes in order.
    const fn word(self, word: u16) -> u16 {
        if self.bytes_swapped { word.swap_bytes() } else { word }
    }

    /// Two registers as one number.
    fn dword(self, regs: &[u16]) -> u32 {
        u32::try_from(self.wide(regs) & u64::from(u32::MAX)).expect("masked to 32 bits")
    }

    /// Up to four registers as one number, most significant word first.
    fn wide(self, regs: &[u16]) -> u64 {
        let join = |sum: u64, word: &u16| (sum << 16) | u64::from(self.word(*word));
        if self.words_reversed { regs.iter().rev().fold(0, join) } else { regs.iter().fold(0, join) }
    }

    /// All bytes, most significant first.
    fn bytes(self, regs: &[u16]) -> Vec<u8> {
        let pair = |word: &u16| self.word(*word).to_be_bytes();
        if self.words_reversed {
            regs.iter().rev().flat_map(pair).collect()
        } else {
            regs.iter().flat_map(pair).collect()
        }
    }
}

/// `width` bits from `lsb` upward. A slice that leaves the register is a fault of the profile, not a value.
fn slice(word: u16, lsb: u8, width: u8) -> Raw {
    if width == 0 || u32::from(lsb) + u32::from(width) > 16 {
        return Raw::Bad(Quality::BadProtocol);
    }
    let mask = (1_u32 << width) - 1;
    Raw::Number(f64::from((u32::from(word) >> lsb) & mask))
}

fn unsigned(value: u64) -> Raw {
    if value > EXACT_MAX { Raw::Bad(Quality::BadPrecision) } else { Raw::Number(value as f64) }
}

fn signed(value: i64) -> Raw {
    if value.unsigned_abs() > EXACT_MAX { Raw::Bad(Quality::BadPrecision) } else { Raw::Number(value as f64) }
}

fn float(value: f64) -> Raw {
    if value.is_nan() {
        Raw::Bad(Quality::BadSentinel)
    } else if value.is_infinite() {
        Raw::Bad(Quality::BadProtocol)
    } else {
        Raw::Number(value)
    }
}

fn bcd(bits: u64, digits: usize) -> Raw {
    let mut value = 0_u64;
    for place in (0..digits).rev() {
        let digit = (bits >> (place * 4)) & 0xF;
        if digit > 9 {
            return Raw::Bad(Quality::BadProtocol);
        }
        value = value * 10 + digit;
    }
    unsigned(value)
}

fn ascii(bytes: &[u8]) -> Raw {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    match bytes.get(..end).map(std::str::from_utf8) {
        Some(Ok(text)) if text.bytes().all(|b| (0x20..0x7F).contains(&b)) => Raw::Text(Arc::from(text.trim())),
        _ => Raw::Bad(Quality::BadProtocol),
    }
}

fn hex(bytes: &[u8]) -> Raw {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
    }
    Raw::Text(Arc::from(text))
}
