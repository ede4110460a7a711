//! Values to registers: the exact inverse of [`crate::profile::decode`], for simulated devices, writes and round trips.
//!
//! Knows nothing of permissions: whether a write is allowed is decided elsewhere. What does not fit the type is an
//! error, never a clipped value.

use std::net::Ipv4Addr;

use crate::profile::decode::width;
use crate::profile::{Order, PointSpec, Register, WireType};

/// What to encode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Plain<'a> {
    /// A raw number (before scale and offset); rounded to the nearest whole one for integer types.
    Number(f64),
    /// A text.
    Text(&'a str),
}

/// Why a value cannot stand in the registers. Give up: the value or the profile is wrong, trying again is no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Outside what the type can hold.
    #[error("the value does not fit into the register type")]
    Range,
    /// A text for a number or the other way round, or a text that is not one of this type.
    #[error("the register type holds another kind of value")]
    Kind,
}

/// Registers for `value`, as the device would hold them. For a coil the one word is 0 or 1.
pub fn encode(register: &Register, value: Plain<'_>) -> Result<Vec<u16>, EncodeError> {
    let mut regs = vec![0; usize::from(width(register.wire))];
    encode_into(register, value, &mut regs)?;
    Ok(regs)
}

/// Writes `value` into registers that stand already; bits that do not belong to the point stay. `regs` starts at the
/// point's address.
pub fn encode_into(register: &Register, value: Plain<'_>, regs: &mut [u16]) -> Result<(), EncodeError> {
    let regs = regs.get_mut(..usize::from(width(register.wire))).ok_or(EncodeError::Range)?;
    match (register.wire, value) {
        (WireType::BitOf(bit), Plain::Number(v)) => merge(register.order, regs, v, bit, 1),
        (WireType::Slice { lsb, width }, Plain::Number(v)) => merge(register.order, regs, v, lsb, width),
        (wire, Plain::Number(v)) => {
            place(register.order, regs, &number_bytes(wire, v)?);
            Ok(())
        }
        (wire, Plain::Text(text)) => {
            place(register.order, regs, &text_bytes(wire, text)?);
            Ok(())
        }
    }
}

/// The raw number behind an engineering value: undoes offset, scale, sign trick and inversion of `spec`. Factors held
/// in other registers (`scale_from`, `unit_from`) are the caller's, who knows what those registers hold.
#[must_use]
pub fn raw_of(spec: &PointSpec, value: f64) -> f64 {
    let raw = (value - spec.offset) / if spec.scale == 0.0 { 1.0 } else { spec.scale };
    if spec.invert {
        return f64::from(u8::from(raw == 0.0));
    }
    match spec.negative_from {
        Some(from) if raw < 0.0 => from - raw,
        _ => raw,
    }
}

fn merge(order: Order, regs: &mut [u16], value: f64, lsb: u8, width: u8) -> Result<(), EncodeError> {
    let [reg] = regs else { return Err(EncodeError::Range) };
    if width == 0 || u32::from(lsb) + u32::from(width) > 16 {
        return Err(EncodeError::Range);
    }
    let mask = (1_u32 << width) - 1;
    let bits = whole(value, 0, i128::from(mask))?;
    let bits = u16::try_from(bits << lsb).map_err(|_| EncodeError::Range)?;
    let mask = u16::try_from(mask << lsb).map_err(|_| EncodeError::Range)?;
    let swap = swapped(order);
    let word = if swap { reg.swap_bytes() } else { *reg };
    let word = (word & !mask) | bits;
    *reg = if swap { word.swap_bytes() } else { word };
    Ok(())
}

/// Big-endian bytes of a number in this type.
fn number_bytes(wire: WireType, value: f64) -> Result<Vec<u8>, EncodeError> {
    let bytes = match wire {
        WireType::Bit => whole(value, 0, 1)?.to_be_bytes()[14..].to_vec(),
        WireType::U16 => whole(value, 0, i128::from(u16::MAX))?.to_be_bytes()[14..].to_vec(),
        WireType::I16 => whole(value, i128::from(i16::MIN), i128::from(i16::MAX))?.to_be_bytes()[14..].to_vec(),
        WireType::U32 => whole(value, 0, i128::from(u32::MAX))?.to_be_bytes()[12..].to_vec(),
        WireType::I32 => whole(value, i128::from(i32::MIN), i128::from(i32::MAX))?.to_be_bytes()[12..].to_vec(),
        WireType::U64 => whole(value, 0, i128::from(u64::MAX))?.to_be_bytes()[8..].to_vec(),
        WireType::I64 => whole(value, i128::from(i64::MIN), i128::from(i64::MAX))?.to_be_bytes()[8..].to_vec(),
        WireType::F32 => narrow(value)?.to_be_bytes().to_vec(),
        WireType::F64 => value.to_be_bytes().to_vec(),
        WireType::Bcd(n) => bcd_bytes(value, n)?,
        _ => return Err(EncodeError::Kind),
    };
    Ok(bytes)
}

/// Rounded to the nearest whole number inside the bounds.
fn whole(value: f64, min: i128, max: i128) -> Result<i128, EncodeError> {
    // 2^64 is far inside i128, so the cast below cannot saturate.
    if !value.is_finite() || value.abs() > 2.0_f64.powi(64) {
        return Err(EncodeError::Range);
    }
    #[expect(clippy::cast_possible_truncation, reason = "rounded, and bounded by 2^64 above")]
    let rounded = value.round() as i128;
    if (min..=max).contains(&rounded) { Ok(rounded) } else { Err(EncodeError::Range) }
}

fn narrow(value: f64) -> Result<f32, EncodeError> {
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what the type asks for")]
    let narrow = value as f32;
    if value.is_finite() && narrow.is_infinite() { Err(EncodeError::Range) } else { Ok(narrow) }
}

fn bcd_bytes(value: f64, registers: u8) -> Result<Vec<u8>, EncodeError> {
    if !matches!(registers, 1 | 2 | 4) {
        return Err(EncodeError::Kind);
    }
    let digits = u32::from(registers) * 4;
    let mut rest = whole(value, 0, 10_i128.pow(digits) - 1)?;
    let mut bits = 0_u64;
    for place in 0..digits {
        let digit = u64::try_from(rest % 10).map_err(|_| EncodeError::Range)?;
        bits |= digit << (place * 4);
        rest /= 10;
    }
    Ok(bits.to_be_bytes()[8 - usize::from(registers) * 2..].to_vec())
}

/// Bytes of a text in this type, padded with NULs.
fn text_bytes(wire: WireType, text: &str) -> Result<Vec<u8>, EncodeError> {
    let size = usize::from(width(wire)) * 2;
    let mut bytes = match wire {
        WireType::Ascii(_) if text.bytes().all(|b| (0x20..0x7F).contains(&b)) => text.as_bytes().to_vec(),
        WireType::Hex(_) => hex_bytes(text)?,
        WireType::Ipv4 => text.parse::<Ipv4Addr>().map_err(|_| EncodeError::Kind)?.octets().to_vec(),
        _ => return Err(EncodeError::Kind),
    };
    if bytes.len() > size || (matches!(wire, WireType::Hex(_)) && bytes.len() != size) {
        return Err(EncodeError::Range);
    }
    bytes.resize(size, 0);
    Ok(bytes)
}

fn hex_bytes(text: &str) -> Result<Vec<u8>, EncodeError> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|d| d.len() % 2 == 0).ok_or(EncodeError::Kind)?;
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Big-endian bytes into registers, in the device's order.
fn place(order: Order, regs: &mut [u16], bytes: &[u8]) {
    let swap = swapped(order);
    for (reg, pair) in regs.iter_mut().zip(bytes.chunks_exact(2)) {
        let word = u16::from_be_bytes([pair[0], pair[1]]);
        *reg = if swap { word.swap_bytes() } else { word };
    }
    if matches!(order, Order::Cdab | Order::Dcba) {
        regs.reverse();
    }
}

const fn swapped(order: Order) -> bool {
    matches!(order, Order::Badc | Order::Dcba)
}
