//! Socket addresses, URLs and topics. Pure; nothing is resolved.

use std::net::SocketAddr;

use crate::config::notation::complain;
use crate::text::diagnostic::shown;
use crate::text::field::{Complaint, Notation, bi};

/// `127.0.0.1:8080`
pub const BIND: Notation = Notation {
    name: bi("an address and port", "地址和端口"),
    example: "127.0.0.1:8080",
    pattern: Some(r"^.+:[0-9]{1,5}$"),
    check: |text| bind(text).map(drop),
};

/// Reads an address to listen on.
pub fn bind(text: &str) -> Result<SocketAddr, Complaint> {
    text.parse().map_err(|_| {
        complain(
            (format!("`{}` is not an address with a port", shown(text)), format!("`{}` 不是“地址:端口”", shown(text))),
            (
                "write the address of an interface and a port: \"127.0.0.1:8080\", \"0.0.0.0:1883\", \"[::1]:8080\"",
                "请写网口地址和端口：\"127.0.0.1:8080\"、\"0.0.0.0:1883\"、\"[::1]:8080\"",
            ),
        )
    })
}

/// A host name or address.
pub const HOST: Notation = Notation {
    name: bi("a host name or address", "主机名或地址"),
    example: "10.0.8.21",
    pattern: Some(r"^[A-Za-z0-9._:\[\]-]+$"),
    check: |text| {
        if host(text) {
            return Ok(());
        }
        Err(complain(
            (format!("`{}` is not a host name or address", shown(text)), format!("`{}` 不是主机名或地址", shown(text))),
            ("write the name or address alone; the port has its own key", "只写主机名或地址；端口用单独的键"),
        ))
    },
};

fn host(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    !text.is_empty() && text.len() <= 253 && (plain || inner.parse::<std::net::Ipv6Addr>().is_ok())
}

/// `https://cloud.example.com/ingest`
pub const HTTP_URL: Notation = Notation {
    name: bi("an http or https URL", "http 或 https 网址"),
    example: "https://cloud.example.com/ingest",
    pattern: Some("^https?://"),
    check: |text| url(text, &["https", "http"]).map(drop),
};

/// `mqtt://127.0.0.1:1883`
pub const BROKER_URL: Notation = Notation {
    name: bi("an mqtt or mqtts URL", "mqtt 或 mqtts 网址"),
    example: "mqtt://127.0.0.1:1883",
    pattern: Some("^mqtts?://"),
    check: |text| url(text, &["mqtt", "mqtts"]).map(drop),
};

/// The parts of a URL that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Url<'a> {
    /// `https`
    pub scheme: &'a str,
    /// Name or address.
    pub host: &'a str,
    /// Port, if written.
    pub port: Option<u16>,
    /// From the first `/`, may be empty.
    pub path: &'a str,
}

/// Takes a URL of one of the schemes apart. One with a password in it is refused, whatever else is right about it.
pub fn url<'a>(text: &'a str, schemes: &[&str]) -> Result<Url<'a>, Complaint> {
    let example = if schemes.contains(&"mqtt") { "mqtt://127.0.0.1:1883" } else { "https://cloud.example.com/ingest" };
    let fault = |en: &str, zh: &str| {
        complain(
            (format!("this URL cannot be used: {en}"), format!("此网址不可用：{zh}")),
            (&format!("write it like \"{example}\""), &format!("请写成 \"{example}\" 的形式")),
        )
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(|| fault("it has no scheme", "缺少协议"))?;
    if !schemes.contains(&scheme) {
        let list = schemes.join(", ");
        return Err(fault(&format!("the scheme must be one of {list}"), &format!("协议须为 {list}")));
    }
    let (authority, path) =
        rest.split_at_checked(rest.find(['/', '?', '#']).unwrap_or(rest.len())).unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(complain(
            ("a name or password stands in this URL".into(), "此网址中含有用户名或密码".into()),
            (
                "take it out and write `credential = \"name\"`; the secret goes into the credentials folder",
                "请删除，改写 `credential = \"名称\"`；密码放入凭据目录",
            ),
        ));
    }
    let bracket = authority.rfind(']').unwrap_or(0);
    let (name, port) = match authority.rfind(':').filter(|at| *at >= bracket) {
        Some(at) => {
            let port = authority.get(at + 1..).unwrap_or("");
            let port: u16 =
                port.parse().map_err(|_| fault("the port is not a number up to 65535", "端口不是 65535 以内的数"))?;
            (authority.get(..at).unwrap_or(""), Some(port))
        }
        None => (authority, None),
    };
    if !host(name) || port == Some(0) {
        return Err(fault("it names no host", "缺少主机名"));
    }
    if path.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(fault("it holds blanks", "含有空白字符"));
    }
    Ok(Url { scheme, host: name, port, path })
}

/// A topic without wildcards.
pub const TOPIC: Notation = Notation {
    name: bi("an MQTT topic", "MQTT 主题"),
    example: "zigbee2mqtt/smoke_3_1201",
    pattern: Some(r"^[^+#\u0000]+$"),
    check: |text| topic(text, false),
};

/// A topic filter relative to the device's topic.
pub const TOPIC_TAIL: Notation = Notation {
    name: bi("the rest of a topic", "主题的后半段"),
    example: "/+/up",
    pattern: Some(r"^(/[^\u0000]*)?$"),
    check: |text| {
        if text.is_empty() {
            return Ok(());
        }
        let Some(tail) = text.strip_prefix('/') else {
            return Err(complain(
                (format!("`{}` does not start with `/`", shown(text)), format!("`{}` 没有以 `/` 开头", shown(text))),
                (
                    "it is appended to the device's topic: \"\" for the topic itself, \"/+/up\" for what is below",
                    "它接在设备主题之后：\"\" 表示主题本身，\"/+/up\" 表示其下级",
                ),
            ));
        };
        topic(tail, true)
    },
};

/// Checks a topic (MQTT 3.1.1, 4.7): wildcards only where allowed, `+` alone in its level, `#` last.
pub fn topic(text: &str, wildcards: bool) -> Result<(), Complaint> {
    let levels: Vec<&str> = text.split('/').collect();
    let last = levels.len() - 1;
    let placed = levels.iter().enumerate().all(|(n, level)| {
        !level.contains(['+', '#']) || (wildcards && (*level == "+" || (*level == "#" && n == last)))
    });
    if placed && !text.is_empty() && text.len() <= 512 && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let help = if wildcards {
        ("`+` stands for one level, `#` for all the rest at the end", "`+` 代表一级，`#` 只能在末尾代表其余各级")
    } else {
        ("write the device's own topic, without `+` and `#`", "请写设备自己的主题，不含 `+` 和 `#`")
    };
    Err(complain(
        (format!("`{}` is not a usable topic", shown(text)), format!("`{}` 不是可用的主题", shown(text))),
        help,
    ))
}
