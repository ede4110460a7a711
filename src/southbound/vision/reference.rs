//! References to footage: what is a trick, and which address on a camera's own hosts a reference means. Pure.
//!
//! Two steps. [`tricks`] is asked on arrival and looks only at how the reference is written: dot segments, encoded
//! separators, backslashes, control characters; no honest camera sends them and the event is refused. [`resolve`] is asked
//! before a request and lets nothing through that is not http(s) on one of the camera's configured hosts and ports, letter
//! by letter after normalisation; a camera that names another host (its recorder) keeps its event, without the picture.

use reqwest::Url;

use super::limits::REFERENCE_BYTES_MAX;
use crate::model::text::Text;

/// What is wrong with a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceFault {
    /// Longer than [`REFERENCE_BYTES_MAX`], or nothing at all.
    #[error("a reference of {0} bytes")]
    Length(usize),
    /// Control characters, blanks or backslashes.
    #[error("a reference with a backslash, blank or control character")]
    Character,
    /// `..`, plain or encoded.
    #[error("a reference with a `..` or `.` segment")]
    Dots,
    /// `%2F`, `%5C`, `%00`, `%25..`.
    #[error("a reference with an encoded separator")]
    Encoded,
    /// Not an address at all.
    #[error("a reference that is no address")]
    NotAnAddress,
    /// `file:`, `rtsp:`, ..
    #[error("the scheme `{0}` is not fetched")]
    Scheme(String),
    /// `http://user@host`
    #[error("a reference with a user or password in it")]
    UserInfo,
    /// A host or port that the configuration does not name for this camera.
    #[error("`{0}` is not a host of this camera")]
    Host(String),
}

impl ReferenceFault {
    /// What people read.
    #[must_use]
    pub fn text(&self) -> Text {
        let zh = match self {
            Self::Length(bytes) => format!("图片地址长 {bytes} 字节"),
            Self::Character => "图片地址含反斜杠、空白或控制字符".to_owned(),
            Self::Dots => "图片地址含 `..` 或 `.` 段".to_owned(),
            Self::Encoded => "图片地址含编码的分隔符".to_owned(),
            Self::NotAnAddress => "图片地址无法识别".to_owned(),
            Self::Scheme(scheme) => format!("不从 `{scheme}` 取图"),
            Self::UserInfo => "图片地址带有用户名或密码".to_owned(),
            Self::Host(host) => format!("`{host}` 不是该摄像机的主机"),
        };
        Text::new(&zh, &self.to_string())
    }
}

/// Refuses what is written as a trick.
pub fn tricks(reference: &str) -> Result<(), ReferenceFault> {
    if reference.is_empty() || reference.len() > REFERENCE_BYTES_MAX {
        return Err(ReferenceFault::Length(reference.len()));
    }
    if reference.chars().any(|c| c.is_control() || c == '\\' || c.is_whitespace()) {
        return Err(ReferenceFault::Character);
    }
    let lower = reference.to_ascii_lowercase();
    let encoded = |at: &str| {
        let byte = at.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        byte.is_some_and(|b| b < 0x20 || matches!(b, b'/' | b'\\' | b'%' | 0x7F))
    };
    if lower.split('%').skip(1).any(encoded) {
        return Err(ReferenceFault::Encoded);
    }
    let dots = lower.replace("%2e", ".");
    if dots.split(['/', '?', '&', '=', '#', ';']).any(|segment| segment == ".." || segment == ".") {
        return Err(ReferenceFault::Dots);
    }
    Ok(())
}

/// The address on one of a camera's hosts that a reference means; the first host is the one for relative references.
pub fn resolve(reference: &str, hosts: &[Url]) -> Result<Url, ReferenceFault> {
    tricks(reference)?;
    let base = hosts.first().ok_or_else(|| ReferenceFault::Host(String::new()))?;
    let mut url = base.join(reference).map_err(|_| ReferenceFault::NotAnAddress)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ReferenceFault::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ReferenceFault::UserInfo);
    }
    let place = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    if !hosts.iter().any(|host| place(host) == place(&url)) {
        return Err(ReferenceFault::Host(url.authority().to_owned()));
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hosts() -> Vec<Url> {
        ["http://10.0.9.21", "http://10.0.9.2:8000"].iter().map(|h| Url::parse(h).unwrap()).collect()
    }

    #[test]
    fn only_the_cameras_own_hosts_are_reached() {
        let good = |reference: &str, url: &str| assert_eq!(resolve(reference, &hosts()).unwrap().as_str(), url);
        good("/pic/1.jpg", "http://10.0.9.21/pic/1.jpg");
        good("pic/1.jpg?size=2&t=2026-11-22T08:00:00Z", "http://10.0.9.21/pic/1.jpg?size=2&t=2026-11-22T08:00:00Z");
        good("http://10.0.9.21:80/a[M][0@0][0].jpg#x", "http://10.0.9.21/a[M][0@0][0].jpg");
        good("http://10.0.9.2:8000/a%20b.mp4", "http://10.0.9.2:8000/a%20b.mp4");
        let bad = |reference: &str, fault: &str| {
            let found = resolve(reference, &hosts()).map(String::from);
            assert!(found.as_ref().is_err_and(|f| format!("{f:?}").starts_with(fault)), "{reference}: {found:?}");
        };
        for far in [
            "http://169.254.169.254/latest/meta-data/",
            "http://127.0.0.1/",
            "http://localhost/",
            "http://[::1]/",
            "http://[::ffff:10.0.9.21]/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://10.0.9.21:8080/",
            "https://10.0.9.21/",
            "http://10.0.9.2/",
            "http://10.0.9.21.evil.example/",
            "//evil.example/x",
            "http:evil",
            "http://10.0.9.210/",
            "http:///evil.example/",
        ] {
            let found = resolve(far, &hosts());
            let stays = found.as_ref().is_ok_and(|url| url.host_str() == Some("10.0.9.21") && url.port().is_none());
            assert!(stays && far == "http:evil" || found.is_err(), "{far}: {found:?}");
        }
        bad("http://10.0.9.21@evil.example/", "UserInfo");
        bad("http://admin:x@10.0.9.21/", "UserInfo");
        bad("file:///etc/passwd", "Scheme");
        bad("rtsp://10.0.9.21/Streaming/tracks/101", "Scheme");
        bad("javascript:alert(1)", "Scheme");
        bad("/pic/../../etc/passwd", "Dots");
        bad("/pic/%2e%2E/etc/passwd", "Dots");
        bad("/download?file=../../etc/shadow", "Dots");
        bad("/pic%2f..%2fetc", "Encoded");
        bad("/pic/%252e%252e/x", "Encoded");
        bad("/pic/%5c..", "Encoded");
        bad("/pic%00.jpg", "Encoded");
        bad("\\\\evil\\share", "Character");
        bad("http:\\\\evil.example\\", "Character");
        bad("/pic\r\nHost: evil", "Character");
        bad("", "Length");
        bad(&"a".repeat(3000), "Length");
    }

    proptest! {
        /// Whatever is written, a request stays on the two hosts.
        #[test]
        fn nothing_leaves_the_hosts(pieces in proptest::collection::vec(proptest::sample::select(vec![
            "http", "https", "://", ":", "/", "//", "@", "10.0.9.21", "evil.example", "127.0.0.1", "..", "%2e", "%2f", "?",
            "#", "[::1]", "8080", "a", "\\", "\t", "é", "％", "。", ".", "ftp", "0x7f000001", ":80", "&",
        ]), 0..9)) {
            if let Ok(url) = resolve(&pieces.concat(), &hosts()) {
                let place = (url.scheme(), url.host_str().unwrap_or_default(), url.port_or_known_default());
                prop_assert!(
                    place == ("http", "10.0.9.21", Some(80)) || place == ("http", "10.0.9.2", Some(8000)), "{}", url
                );
                prop_assert!(!url.path().split('/').any(|segment| segment == ".."), "{}", url);
            }
        }
    }
}
