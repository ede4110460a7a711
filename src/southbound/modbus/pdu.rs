//! Requests as bytes, and what fits them as an answer. Pure.
//!
//! Modbus Application Protocol V1.1b3 (functions 1-6, 15, 16), Messaging on TCP/IP V1.0b (MBAP), Serial Line V1.02
//! (RTU, CRC-16). Knows no sockets and no points. A request is at most [`ADU_LEN_MAX`] bytes.

use std::fmt;

use crate::profile::Area;

/// Longest frame of either kind: MBAP header 7 + PDU 253 (Messaging on TCP/IP 3.1.3); RTU has 256.
pub const ADU_LEN_MAX: usize = 260;

/// Most registers in one read (Application Protocol 6.3).
pub const REGISTERS_MAX: u16 = 125;

/// Most bits in one read (Application Protocol 6.1).
pub const BITS_MAX: u16 = 2000;

/// Most registers in one write (Application Protocol 6.12).
pub const WRITE_REGISTERS_MAX: usize = 123;

/// An exception code (Application Protocol 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception(pub u8);

impl Exception {
    /// 1: the device lacks the function.
    pub const ILLEGAL_FUNCTION: Self = Self(1);
    /// 2: the device lacks the address.
    pub const ILLEGAL_ADDRESS: Self = Self(2);
    /// 3: the device does not take the quantity or value.
    pub const ILLEGAL_VALUE: Self = Self(3);

    /// Asking for less, or not at all, is the only cure (1, 2, 3).
    #[must_use]
    pub fn is_about_the_request(self) -> bool {
        (1..=3).contains(&self.0)
    }

    /// A gateway says that the unit behind it does not answer (10, 11): the same as silence.
    #[must_use]
    pub fn means_silence(self) -> bool {
        matches!(self.0, 10 | 11)
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.0 {
            1 => "illegal function",
            2 => "illegal data address",
            3 => "illegal data value",
            4 => "device failure",
            5 => "acknowledged, still working",
            6 => "device busy",
            7 => "negative acknowledge",
            8 => "memory parity error",
            10 => "gateway path unavailable",
            11 => "gateway target does not answer",
            _ => "unknown exception",
        };
        write!(f, "exception {} ({words})", self.0)
    }
}

/// What to ask, without the wrapping of a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask<'a> {
    /// Functions 1 to 4.
    Read {
        /// Table.
        area: Area,
        /// 0-based address.
        address: u16,
        /// How many registers or bits.
        count: u16,
    },
    /// Function 5.
    WriteCoil {
        /// 0-based address.
        address: u16,
        /// On or off.
        on: bool,
    },
    /// Function 6.
    WriteRegister {
        /// 0-based address.
        address: u16,
        /// Value.
        value: u16,
    },
    /// Function 16.
    WriteRegisters {
        /// 0-based address.
        address: u16,
        /// Values, 1 to 123.
        values: &'a [u16],
    },
}

/// How bytes are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// MBAP header, no checksum.
    Tcp,
    /// Unit, PDU, CRC.
    Rtu,
}

/// What an answer must look like to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expect {
    /// Transaction id (TCP only).
    pub tid: u16,
    /// Unit id.
    pub unit: u8,
    /// Function code.
    pub function: u8,
    /// The body after the function code.
    pub body: Body,
}

/// The body of a fitting answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// A byte count of exactly this, then so many bytes.
    Data(u8),
    /// The first four bytes of the request echoed.
    Echo([u8; 4]),
}

impl Ask<'_> {
    /// Function code.
    #[must_use]
    pub fn function(&self) -> u8 {
        match self {
            Self::Read { area, .. } => function_of(*area),
            Self::WriteCoil { .. } => 5,
            Self::WriteRegister { .. } => 6,
            Self::WriteRegisters { .. } => 16,
        }
    }

    /// Refuses what no device could answer.
    pub fn check(&self) -> Result<(), &'static str> {
        let (address, count, max) = match self {
            Self::Read { area: Area::Coil | Area::Discrete, address, count } => (*address, *count, BITS_MAX),
            Self::Read { address, count, .. } => (*address, *count, REGISTERS_MAX),
            Self::WriteCoil { .. } | Self::WriteRegister { .. } => return Ok(()),
            Self::WriteRegisters { values, .. } if values.len() > WRITE_REGISTERS_MAX => {
                return Err("at most 123 registers in one write");
            }
            Self::WriteRegisters { address, values } => {
                (*address, u16::try_from(values.len()).unwrap_or(u16::MAX), REGISTERS_MAX)
            }
        };
        match count {
            0 => Err("the count is 0"),
            c if c > max => Err("more than one request can carry (125 registers, 2000 bits)"),
            c if u32::from(address) + u32::from(c) > 0x1_0000 => Err("runs past address 65535"),
            _ => Ok(()),
        }
    }

    /// Bytes of data in a fitting answer to a read; 0 for writes.
    #[must_use]
    pub fn data_len(&self) -> u8 {
        match self {
            Self::Read { area: Area::Coil | Area::Discrete, count, .. } => {
                u8::try_from(count.div_ceil(8)).unwrap_or(u8::MAX)
            }
            Self::Read { count, .. } => u8::try_from(count.saturating_mul(2)).unwrap_or(u8::MAX),
            _ => 0,
        }
    }

    /// Writes the whole frame into `out` and says its length and what answers it. `self` has passed [`Ask::check`].
    pub fn encode(&self, framing: Framing, tid: u16, unit: u8, out: &mut [u8; ADU_LEN_MAX]) -> (usize, Expect) {
        let start = if framing == Framing::Tcp { 7 } else { 1 };
        let mut at = start;
        let mut put = |bytes: &[u8]| {
            for byte in bytes {
                if let Some(slot) = out.get_mut(at) {
                    *slot = *byte;
                    at += 1;
                }
            }
        };
        put(&[self.function()]);
        let echo = match *self {
            Self::Read { address, count, .. } => pair(address, count),
            Self::WriteCoil { address, on } => pair(address, if on { 0xFF00 } else { 0 }),
            Self::WriteRegister { address, value } => pair(address, value),
            Self::WriteRegisters { address, values } => pair(address, u16::try_from(values.len()).unwrap_or(0)),
        };
        put(&echo);
        if let Self::WriteRegisters { values, .. } = self {
            put(&[u8::try_from(values.len() * 2).unwrap_or(0)]);
            for value in *values {
                put(&value.to_be_bytes());
            }
        }
        let body = match self {
            Self::Read { .. } => Body::Data(self.data_len()),
            _ => Body::Echo(echo),
        };
        let len = match framing {
            Framing::Tcp => {
                let follow = u16::try_from(at - 6).unwrap_or(0);
                let [t0, t1] = tid.to_be_bytes();
                let [l0, l1] = follow.to_be_bytes();
                out[..7].copy_from_slice(&[t0, t1, 0, 0, l0, l1, unit]);
                at
            }
            Framing::Rtu => {
                out[0] = unit;
                let [lo, hi] = crc(&out[..at]).to_le_bytes();
                out[at] = lo;
                out[at + 1] = hi;
                at + 2
            }
        };
        (len, Expect { tid, unit, function: self.function(), body })
    }
}

fn pair(a: u16, b: u16) -> [u8; 4] {
    let ([a0, a1], [b0, b1]) = (a.to_be_bytes(), b.to_be_bytes());
    [a0, a1, b0, b1]
}

/// The read function of a table.
#[must_use]
pub fn function_of(area: Area) -> u8 {
    match area {
        Area::Coil => 1,
        Area::Discrete => 2,
        Area::Holding => 3,
        Area::Input => 4,
    }
}

/// Whether a table holds bits.
#[must_use]
pub fn is_bits(area: Area) -> bool {
    matches!(area, Area::Coil | Area::Discrete)
}

const CRC_TABLE: [u16; 256] = {
    let mut table = [0u16; 256];
    let mut i = 0;
    while i < 256 {
        let mut c = i as u16;
        let mut bit = 0;
        while bit < 8 {
            c = if c & 1 == 1 { (c >> 1) ^ 0xA001 } else { c >> 1 };
            bit += 1;
        }
        table[i] = c;
        i += 1;
    }
    table
};

/// CRC-16/MODBUS (Serial Line V1.02, 6.2.2); sent low byte first.
#[must_use]
pub fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        let [lo, _] = crc.to_le_bytes();
        (crc >> 8) ^ CRC_TABLE[usize::from(lo ^ byte)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ask: Ask<'_>, framing: Framing, wire: &[u8]) {
        let mut out = [0; ADU_LEN_MAX];
        let (len, _) = ask.encode(framing, 0x1501, 0x11, &mut out);
        assert_eq!(&out[..len], wire, "{ask:?}");
    }

    #[test]
    fn requests_are_the_bytes_of_the_standard() {
        let read = Ask::Read { area: Area::Holding, address: 0x6B, count: 3 };
        check(read, Framing::Rtu, &[0x11, 0x03, 0x00, 0x6B, 0x00, 0x03, 0x76, 0x87]);
        check(read, Framing::Tcp, &[0x15, 0x01, 0, 0, 0, 6, 0x11, 0x03, 0x00, 0x6B, 0x00, 0x03]);
        let coil = Ask::WriteCoil { address: 0xAC, on: true };
        check(coil, Framing::Rtu, &[0x11, 0x05, 0x00, 0xAC, 0xFF, 0x00, 0x4E, 0x8B]);
        let register = Ask::WriteRegister { address: 1, value: 3 };
        check(register, Framing::Rtu, &[0x11, 0x06, 0x00, 0x01, 0x00, 0x03, 0x9A, 0x9B]);
        let many = Ask::WriteRegisters { address: 1, values: &[0x000A, 0x0102] };
        check(many, Framing::Rtu, &[0x11, 0x10, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02, 0xC6, 0xF0]);
    }

    #[test]
    fn impossible_requests_are_refused_before_the_wire() {
        let read = |address, count| Ask::Read { area: Area::Input, address, count }.check().is_ok();
        assert!(read(0, 1) && read(0, 125) && read(65535, 1) && read(65411, 125));
        assert!(!read(0, 0) && !read(0, 126) && !read(65535, 2));
        assert!(Ask::Read { area: Area::Coil, address: 0, count: 2000 }.check().is_ok());
        assert!(Ask::Read { area: Area::Coil, address: 0, count: 2001 }.check().is_err());
        assert!(Ask::WriteRegisters { address: 0, values: &[0; 123] }.check().is_ok());
        assert!(Ask::WriteRegisters { address: 0, values: &[0; 124] }.check().is_err());
        assert!(Ask::WriteRegisters { address: 0, values: &[] }.check().is_err());
    }

    #[test]
    fn crc_of_the_standard() {
        assert_eq!(crc(&[0x02, 0x07]), 0x1241);
    }
}
