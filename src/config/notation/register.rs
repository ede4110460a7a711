//! Register addresses, wire types, byte orders and JSON pointers as written in profiles. Pure.

use crate::config::notation::complain;
use crate::profile::{Area, Order, WireType};
use crate::text::diagnostic::shown;
use crate::text::field::{Complaint, Notation, bi};

/// `holding:0x0010`, `40017`
pub const ADDRESS: Notation = Notation {
    name: bi("a register address", "寄存器地址"),
    example: "holding:0x0010",
    pattern: Some("^((holding|input|coil|discrete):(0x[0-9A-Fa-f]{1,4}|[0-9]{1,5})|[0134][0-9]{4,5})$"),
    check: |text| address(text).map(drop),
};

const ADDRESS_HELP: (&str, &str) = (
    "write the 0-based address: `holding:16`, `holding:0x0010`, `input:3`, `coil:0`, `discrete:5`; or the classic number \
     `40017` (the same as `holding:16`)",
    "请写从 0 开始的地址：`holding:16`、`holding:0x0010`、`input:3`、`coil:0`、`discrete:5`；或传统编号 `40017`（等同 `holding:16`）",
);

/// Reads an address: 0-based with the table's name, or the classic number of 5 or 6 digits that counts from 1.
pub fn address(text: &str) -> Result<(Area, u16), Complaint> {
    let fault = || {
        complain(
            (format!("`{}` is not a register address", shown(text)), format!("`{}` 不是寄存器地址", shown(text))),
            ADDRESS_HELP,
        )
    };
    if let Some((table, number)) = text.split_once(':') {
        let area = area_of(table).ok_or_else(fault)?;
        let hex = number.strip_prefix("0x");
        let digits = hex.unwrap_or(number);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(fault());
        }
        let value = u64::from_str_radix(digits, if hex.is_some() { 16 } else { 10 }).map_err(|_| fault())?;
        return u16::try_from(value).map(|address| (area, address)).map_err(|_| beyond(text));
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) || !matches!(text.len(), 5 | 6) {
        return Err(fault());
    }
    let (table, number) = text.split_at_checked(1).ok_or_else(fault)?;
    let area = match table {
        "0" => Area::Coil,
        "1" => Area::Discrete,
        "3" => Area::Input,
        "4" => Area::Holding,
        _ => return Err(fault()),
    };
    let number: u32 = number.parse().map_err(|_| fault())?;
    let zero_based = number.checked_sub(1).ok_or_else(|| {
        complain(
            ("classic register numbers start at 1".into(), "传统寄存器编号从 1 开始".into()),
            ("`40001` is the first holding register", "`40001` 是第一个保持寄存器"),
        )
    })?;
    u16::try_from(zero_based).map(|address| (area, address)).map_err(|_| beyond(text))
}

fn beyond(text: &str) -> Complaint {
    complain(
        (
            format!("`{}` is beyond the last address 65535", shown(text)),
            format!("`{}` 超出最大地址 65535", shown(text)),
        ),
        ("addresses run from 0 to 65535 (0x0000 to 0xFFFF)", "地址范围为 0 到 65535（0x0000 到 0xFFFF）"),
    )
}

fn area_of(word: &str) -> Option<Area> {
    [Area::Coil, Area::Discrete, Area::Input, Area::Holding].into_iter().find(|area| area_word(*area) == word)
}

/// The word of a table in addresses.
#[must_use]
pub fn area_word(area: Area) -> &'static str {
    match area {
        Area::Coil => "coil",
        Area::Discrete => "discrete",
        Area::Input => "input",
        Area::Holding => "holding",
    }
}

/// Both notations of an address: `holding:16 = 40017`.
#[must_use]
pub fn show_address(area: Area, address: u16) -> String {
    let (table, number) = (area_word(area), u32::from(address) + 1);
    let digit = match area {
        Area::Coil => 0,
        Area::Discrete => 1,
        Area::Input => 3,
        Area::Holding => 4,
    };
    let width = if number > 9999 { 5 } else { 4 };
    format!("{table}:{address} = {digit}{number:0width$}")
}

/// Wire types.
pub const WIRE: Notation = Notation {
    name: bi("a wire type", "数据类型"),
    example: "u16",
    pattern: Some(
        "^(bit(:([0-9]|1[0-5]))?|bits:[0-9]{1,2}-[0-9]{1,2}|[ui](16|32|64)|f32|f64|bcd(16|32|64)|ascii:[0-9]+|hex:[0-9]+|ipv4)$",
    ),
    check: |text| wire(text).map(drop),
};

const WIRE_HELP: (&str, &str) = (
    "types are: `bit`, `bit:3` (one bit of a register), `bits:8-11`, `u16`, `i16`, `u32`, `i32`, `u64`, `i64`, `f32`, `f64`, \
     `bcd16`, `bcd32`, `bcd64`, `ascii:8` (registers), `hex:4` (registers), `ipv4`",
    "可用类型：`bit`、`bit:3`（寄存器的一位）、`bits:8-11`、`u16`、`i16`、`u32`、`i32`、`u64`、`i64`、`f32`、`f64`、`bcd16`、`bcd32`、\
     `bcd64`、`ascii:8`（寄存器数）、`hex:4`（寄存器数）、`ipv4`",
);

/// Reads a wire type.
pub fn wire(text: &str) -> Result<WireType, Complaint> {
    let fault = || {
        complain(
            (format!("`{}` is not a wire type", shown(text)), format!("`{}` 不是数据类型", shown(text))),
            WIRE_HELP,
        )
    };
    let (name, argument) = match text.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (text, None),
    };
    let small = |max: u8| {
        let number = argument.and_then(|a| a.parse::<u8>().ok());
        number.filter(|n| (1..=max).contains(n)).ok_or_else(fault)
    };
    match (name, argument) {
        ("bit", None) => Ok(WireType::Bit),
        ("bit", Some(bit)) => {
            bit.parse().ok().filter(|b| *b <= 15).map(WireType::BitOf).ok_or_else(|| bit_beyond(text))
        }
        ("bits", Some(range)) => slice(range).ok_or_else(|| bit_beyond(text)),
        ("u16", None) => Ok(WireType::U16),
        ("i16", None) => Ok(WireType::I16),
        ("u32", None) => Ok(WireType::U32),
        ("i32", None) => Ok(WireType::I32),
        ("u64", None) => Ok(WireType::U64),
        ("i64", None) => Ok(WireType::I64),
        ("f32", None) => Ok(WireType::F32),
        ("f64", None) => Ok(WireType::F64),
        ("bcd16", None) => Ok(WireType::Bcd(1)),
        ("bcd32", None) => Ok(WireType::Bcd(2)),
        ("bcd64", None) => Ok(WireType::Bcd(4)),
        ("ascii", Some(_)) => small(125).map(WireType::Ascii),
        ("hex", Some(_)) => small(125).map(WireType::Hex),
        ("ipv4", None) => Ok(WireType::Ipv4),
        _ => Err(fault()),
    }
}

fn slice(range: &str) -> Option<WireType> {
    let (low, high) = range.split_once('-')?;
    let (low, high) = (low.trim().parse::<u8>().ok()?, high.trim().parse::<u8>().ok()?);
    (low <= high && high <= 15).then(|| WireType::Slice { lsb: low, width: high - low + 1 })
}

fn bit_beyond(text: &str) -> Complaint {
    complain(
        (
            format!("`{}` names a bit that a register does not have", shown(text)),
            format!("`{}` 指向寄存器没有的位", shown(text)),
        ),
        (
            "a register has the bits 0 (least significant) to 15: `bit:3`, `bits:8-11`",
            "寄存器的位为 0（最低位）到 15：`bit:3`、`bits:8-11`",
        ),
    )
}

/// Registers (or bits, for bit tables) that a type takes.
#[must_use]
pub fn length(wire: WireType) -> u16 {
    match wire {
        WireType::Bit | WireType::BitOf(_) | WireType::Slice { .. } | WireType::U16 | WireType::I16 => 1,
        WireType::U32 | WireType::I32 | WireType::F32 | WireType::Ipv4 => 2,
        WireType::U64 | WireType::I64 | WireType::F64 => 4,
        WireType::Bcd(n) | WireType::Ascii(n) | WireType::Hex(n) => u16::from(n),
    }
}

/// A wire type as profiles write it.
#[must_use]
pub fn wire_word(wire: WireType) -> String {
    let plain = match wire {
        WireType::Bit => "bit",
        WireType::U16 => "u16",
        WireType::I16 => "i16",
        WireType::U32 => "u32",
        WireType::I32 => "i32",
        WireType::U64 => "u64",
        WireType::I64 => "i64",
        WireType::F32 => "f32",
        WireType::F64 => "f64",
        WireType::Ipv4 => "ipv4",
        WireType::BitOf(bit) => return format!("bit:{bit}"),
        WireType::Slice { lsb, width } => return format!("bits:{lsb}-{}", lsb + width.saturating_sub(1)),
        WireType::Bcd(registers) => return format!("bcd{}", u16::from(registers) * 16),
        WireType::Ascii(registers) => return format!("ascii:{registers}"),
        WireType::Hex(registers) => return format!("hex:{registers}"),
    };
    plain.to_owned()
}

/// Byte orders.
pub const ORDER: Notation = Notation {
    name: bi("a byte order", "字节序"),
    example: "ABCD",
    pattern: Some("^(AB|BA|ABCD|CDAB|BADC|DCBA|ABCDEFGH|GHEFCDAB|BADCFEHG|HGFEDCBA)$"),
    check: |text| order(text).map(drop),
};

/// Reads a byte order with the number of bytes it speaks of.
pub fn order(text: &str) -> Result<(Order, u8), Complaint> {
    match text {
        "AB" => Ok((Order::Abcd, 2)),
        "BA" => Ok((Order::Badc, 2)),
        "ABCD" => Ok((Order::Abcd, 4)),
        "CDAB" => Ok((Order::Cdab, 4)),
        "BADC" => Ok((Order::Badc, 4)),
        "DCBA" => Ok((Order::Dcba, 4)),
        "ABCDEFGH" => Ok((Order::Abcd, 8)),
        "GHEFCDAB" => Ok((Order::Cdab, 8)),
        "BADCFEHG" => Ok((Order::Badc, 8)),
        "HGFEDCBA" => Ok((Order::Dcba, 8)),
        _ => Err(complain(
            (format!("`{}` is not a byte order", shown(text)), format!("`{}` 不是字节序", shown(text))),
            (
                "A is the most significant byte: `ABCD` (big-endian), `CDAB` (words exchanged), `BADC` (bytes exchanged), \
                 `DCBA` (little-endian); eight letters for 64 bits, `AB` or `BA` for one register",
                "A 为最高字节：`ABCD`（大端）、`CDAB`（字交换）、`BADC`（字节交换）、`DCBA`（小端）；64 位用八个字母，单寄存器用 `AB` 或 `BA`",
            ),
        )),
    }
}

/// A byte order as profiles write it for `wire`; empty for bits, which have none.
#[must_use]
pub fn order_word(wire: WireType, order: Order) -> &'static str {
    let words: [&str; 4] = match (wire, length(wire)) {
        (WireType::Bit, _) => [""; 4],
        (WireType::Ascii(_) | WireType::Hex(_), _) | (_, 1) => ["AB", "AB", "BA", "BA"],
        (_, 2) => ["ABCD", "CDAB", "BADC", "DCBA"],
        _ => ["ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA"],
    };
    match order {
        Order::Abcd => words[0],
        Order::Cdab => words[1],
        Order::Badc => words[2],
        Order::Dcba => words[3],
    }
}

/// JSON pointers.
pub const POINTER: Notation = Notation {
    name: bi("a JSON pointer", "JSON 指针"),
    example: "/object/temperature",
    pattern: Some("^(/.*)?$"),
    check: pointer,
};

/// Checks a JSON pointer (RFC 6901); empty means the whole payload.
pub fn pointer(text: &str) -> Result<(), Complaint> {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if (text.is_empty() || text.starts_with('/')) && escapes && text.len() <= 512 {
        return Ok(());
    }
    Err(complain(
        (format!("`{}` is not a JSON pointer", shown(text)), format!("`{}` 不是 JSON 指针", shown(text))),
        (
            "a pointer starts with `/`: \"/temperature\", \"/object/battery\"; the empty text means the bare payload",
            "指针以 `/` 开头：\"/temperature\"、\"/object/battery\"；空文本表示整个报文",
        ),
    ))
}
