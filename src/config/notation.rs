//! Notations of the trade: register addresses, wire types, byte orders, serial modes, topics, URLs, percentages. Pure.
//!
//! Each has a parser here and a [`Notation`] that names it for reader, schema and reference.

pub mod days;
pub mod net;
pub mod register;

use crate::text::diagnostic::{say, shown};
use crate::text::field::{Complaint, Notation, bi};

pub use days::DAYS;
pub use net::{BIND, BROKER_URL, HTTP_URL, TOPIC, TOPIC_TAIL};
pub use register::{ADDRESS, ORDER, POINTER, WIRE};

pub(crate) fn complain(message: (String, String), help: (&str, &str)) -> Complaint {
    Complaint { message: say(message.0, message.1), help: say(help.0, help.1) }
}

/// `2%`
pub const PERCENT: Notation = Notation {
    name: bi("a percentage", "百分数"),
    example: "2%",
    pattern: Some(r"^[0-9]+(\.[0-9]+)?%$"),
    check: |text| percent(text).map(drop),
};

/// Reads `2%` as 2.
pub fn percent(text: &str) -> Result<f64, Complaint> {
    let number = text.strip_suffix(['%', '％']).and_then(|n| n.trim().parse::<f64>().ok());
    number.filter(|n| (0.0..=100.0).contains(n)).ok_or_else(|| {
        complain(
            (format!("`{}` is not a percentage", shown(text)), format!("`{}` 不是百分数", shown(text))),
            ("write \"2%\", or a number in the unit of the point", "请写 \"2%\"，或以测点单位计的数"),
        )
    })
}

/// `8E1`
pub const MODE: Notation = Notation {
    name: bi("a serial mode", "串口格式"),
    example: "8E1",
    pattern: Some("^8[NEO][12]$"),
    check: |text| mode(text).map(drop),
};

/// Reads a serial mode: data bits, parity, stop bits.
pub fn mode(text: &str) -> Result<(u8, crate::southbound::Parity, u8), Complaint> {
    use crate::southbound::Parity;
    let fault = |help: (&str, &str)| {
        complain((format!("`{}` is not a serial mode", shown(text)), format!("`{}` 不是串口格式", shown(text))), help)
    };
    let bytes = text.as_bytes();
    let &[data, parity, stop] = bytes else {
        return Err(fault((
            "write data bits, parity and stop bits: \"8E1\", \"8N1\"",
            "请写数据位、校验和停止位：\"8E1\"、\"8N1\"",
        )));
    };
    if data != b'8' {
        return Err(fault((
            "Modbus RTU needs 8 data bits: \"8E1\", \"8N1\"",
            "Modbus RTU 必须为 8 个数据位：\"8E1\"、\"8N1\"",
        )));
    }
    let parity = match parity.to_ascii_uppercase() {
        b'N' => Parity::None,
        b'E' => Parity::Even,
        b'O' => Parity::Odd,
        _ => return Err(fault(("the parity is N (none), E (even) or O (odd)", "校验为 N（无）、E（偶）或 O（奇）"))),
    };
    match stop {
        b'1' => Ok((8, parity, 1)),
        b'2' => Ok((8, parity, 2)),
        _ => Err(fault(("the stop bits are 1 or 2", "停止位为 1 或 2"))),
    }
}

/// Name of a credential: also a file name, so no path can be smuggled in.
pub const CREDENTIAL: Notation = Notation {
    name: bi("the name of a credential", "凭据名"),
    example: "cloud_token",
    pattern: Some("^[A-Za-z0-9][A-Za-z0-9_.-]*$"),
    check: |text| {
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let rest =
            text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if first && rest {
            return Ok(());
        }
        Err(complain(
            ("this is not the name of a credential".into(), "这不是凭据名".into()),
            (
                "give the name of a file in the credentials folder (letters, digits, `_`, `-`, `.`), never the secret itself",
                "请写凭据目录中的文件名（字母、数字、`_`、`-`、`.`），切勿直接写密码",
            ),
        ))
    },
};

/// Id of a profile: `kind/vendor_model`.
pub const PROFILE: Notation = Notation {
    name: bi("the id of a profile", "设备模板标识"),
    example: "pump/vfd_generic",
    pattern: Some("^[a-z][a-z0-9_]*/[a-z0-9][a-z0-9_]*$"),
    check: |text| {
        let part = |part: &str| {
            (1..=64).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        match text.split_once('/') {
            Some((kind, model)) if part(kind) && part(model) => Ok(()),
            _ => Err(complain(
                (
                    format!("`{}` is not the id of a profile", shown(text)),
                    format!("`{}` 不是设备模板标识", shown(text)),
                ),
                (
                    "write `kind/vendor_model`; `gatehouse profile list` shows all",
                    "请写 `类别/厂家_型号`；可用 `gatehouse profile list` 查看",
                ),
            )),
        }
    },
};

/// A point of the site: `device.point`.
#[must_use]
pub fn split_key(key: &str) -> Option<(&str, &str)> {
    key.split_once('.').filter(|(device, point)| !device.is_empty() && !point.is_empty() && !point.contains('.'))
}
