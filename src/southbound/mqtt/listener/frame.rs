//! Where a packet ends and whether it may be there at all (MQTT 3.1.1 and 5.0, clause 2): checked on the first bytes,
//! before anything is kept for the rest. Pure.
//!
//! Also cuts the protocol level out of a CONNECT, by which the codec is chosen.

use super::packet::{Fault, Version};

/// Length of the first packet in `bytes`, header included; `None` while its header is incomplete. The packet itself may
/// not have arrived yet.
pub(super) fn measure(bytes: &[u8], remaining_max: usize) -> Result<Option<usize>, Fault> {
    let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
    check_flags(*first)?;
    let mut remaining = 0_usize;
    for (ix, byte) in rest.iter().take(4).enumerate() {
        remaining |= usize::from(byte & 0x7F) << (7 * ix);
        if remaining > remaining_max {
            return Err(Fault::TooLarge);
        }
        if byte & 0x80 == 0 {
            // 2.2.3: the shortest form only.
            let padded = ix > 0 && *byte == 0;
            return if padded { Err(Fault::Malformed) } else { Ok(Some(2 + ix + remaining)) };
        }
    }
    if rest.len() >= 4 { Err(Fault::Malformed) } else { Ok(None) }
}

/// 2.2.2: the flags of every packet but PUBLISH are fixed, and half of the types never go to a server.
fn check_flags(first: u8) -> Result<(), Fault> {
    match first {
        0x10 | 0x40 | 0x50 | 0x62 | 0x70 | 0x82 | 0xA2 | 0xC0 | 0xE0 => Ok(()),
        0x30..=0x3F => {
            let qos = (first >> 1) & 3;
            let dup = first & 8 != 0;
            if qos == 3 || (qos == 0 && dup) { Err(Fault::Malformed) } else { Ok(()) }
        }
        0x20 | 0x90 | 0xB0 | 0xD0 | 0xF0 => Err(Fault::Protocol),
        _ => Err(Fault::Malformed),
    }
}

/// The version that a CONNECT asks for (3.1.2.1, 3.1.2.2), and whether its flags can be right.
pub(super) fn version(connect: &[u8]) -> Result<Version, Fault> {
    if connect.first() != Some(&0x10) {
        return Err(Fault::Protocol);
    }
    let header = connect.iter().skip(1).take_while(|b| **b & 0x80 != 0).count() + 2;
    let body = connect.get(header..).ok_or(Fault::Malformed)?;
    let level = match body {
        [0, 4, b'M', b'Q', b'T', b'T', level, flags, ..] => {
            let will = flags & 0x04 != 0;
            let will_rest = flags & 0x38;
            if flags & 1 != 0 || (!will && will_rest != 0) || will_rest & 0x18 == 0x18 {
                return Err(Fault::Malformed);
            }
            // 3.1.2.9: in 3.1.1 there is no password without a user name.
            if *level == 4 && flags & 0xC0 == 0x40 {
                return Err(Fault::Malformed);
            }
            *level
        }
        // MQTT 3.1, the one before 3.1.1.
        [0, 6, b'M', b'Q', b'I', b's', b'd', b'p', ..] => 3,
        _ => return Err(Fault::Malformed),
    };
    match level {
        4 => Ok(Version::V4),
        5 => Ok(Version::V5),
        _ => Err(Fault::Version),
    }
}

#[cfg(test)]
mod tests;
