//! Who may post for which camera. Pure.
//!
//! Compared in a time that does not depend on where a guess goes wrong, nor on whether the camera exists.

use std::fmt;
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Longest `Authorization` that is looked at, bytes.
const LINE_BYTES_MAX: usize = 1024;

/// What a camera must show: `user:password` (Basic) or a token without a colon (Bearer). `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// From the content of a credential; `None` for one that is empty, too long, or that no header can carry.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let halves = text.split_once(':').is_none_or(|(user, password)| !user.is_empty() && !password.is_empty());
        (!text.is_empty() && text.len() <= 512 && halves && !text.contains(char::is_control))
            .then(|| Self(text.to_owned()))
    }

    /// The value of `Authorization` that shows it.
    fn line(&self) -> (&'static str, String) {
        if self.0.contains(':') { ("basic", STANDARD.encode(&self.0)) } else { ("bearer", self.0.clone()) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// All cameras that post.
#[derive(Debug)]
pub(super) struct Access {
    cameras: Vec<(Arc<str>, Expected)>,
}

struct Expected {
    scheme: &'static str,
    value: String,
}

impl fmt::Debug for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme)
    }
}

impl Access {
    pub(super) fn new(secrets: Vec<(Arc<str>, Secret)>) -> Self {
        let expected = |secret: &Secret| {
            let (scheme, value) = secret.line();
            Expected { scheme, value }
        };
        Self { cameras: secrets.into_iter().map(|(camera, secret)| (camera, expected(&secret))).collect() }
    }

    /// The camera, if it is one and its own credential is shown.
    pub(super) fn admit(&self, camera: &str, headers: &HeaderMap) -> Option<&str> {
        let line = headers.get(header::AUTHORIZATION).and_then(|line| line.to_str().ok()).unwrap_or_default();
        let line = if line.len() > LINE_BYTES_MAX { "" } else { line };
        let (scheme, value) = line.split_once(' ').unwrap_or((line, ""));
        let mut admitted = None;
        for (name, expected) in &self.cameras {
            let right = same(expected.value.as_bytes(), value.trim().as_bytes());
            if &**name == camera && right && expected.scheme.eq_ignore_ascii_case(scheme) {
                admitted = Some(&**name);
            }
        }
        admitted
    }
}

/// Compares every byte of `given`, whatever the outcome.
fn same(known: &[u8], given: &[u8]) -> bool {
    let mut differ = u8::from(known.len() != given.len());
    for (ix, byte) in given.iter().enumerate() {
        differ |= byte ^ known.get(ix).copied().unwrap_or(0);
    }
    std::hint::black_box(differ) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_camera_shows_its_own() {
        let secret = |text: &str| Secret::parse(text).unwrap();
        let access = Access::new(vec![
            (Arc::from("a"), secret("cam:one:1")),
            (Arc::from("b"), secret("token-b")),
            (Arc::from("c"), secret("cam:one:1")),
        ]);
        let check = |camera: &str, line: Option<&str>, admitted: bool| {
            let mut headers = HeaderMap::new();
            if let Some(line) = line {
                headers.insert(header::AUTHORIZATION, line.parse().unwrap());
            }
            assert_eq!(access.admit(camera, &headers).is_some(), admitted, "{camera} {line:?}");
        };
        let basic = format!("Basic {}", STANDARD.encode("cam:one:1"));
        check("a", Some(&basic), true);
        check("a", Some(&basic.replace("Basic", "basic")), true);
        check("c", Some(&basic), true);
        check("b", Some("Bearer token-b"), true);
        check("b", Some(&basic), false);
        check("a", Some("Bearer token-b"), false);
        check("a", Some(&format!("Basic {}", STANDARD.encode("cam:one:"))), false);
        check("b", Some("Basic token-b"), false);
        check("b", Some("Bearer"), false);
        check("b", Some(&format!("Bearer {}", "x".repeat(5000))), false);
        check("d", Some("Bearer token-b"), false);
        check("", Some(""), false);
        check("a", None, false);
        for wrong in ["", "  ", ":", "a:", ":b", "a\nb", &"x".repeat(600)] {
            assert_eq!(Secret::parse(wrong), None);
        }
        assert!(!format!("{access:?}").contains("one"));
    }
}
