//! HTTP authentication towards cameras: Digest (RFC 7616, and RFC 2617 as older firmware speaks it) and Basic. Pure.
//!
//! Of several challenges the strongest is answered: SHA-256, then MD5, then Basic. `auth-int` alone is not supported.
//! MD5 is what most cameras offer; it protects the password on the wire poorly, and no worse than Basic.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A hash that a challenge asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Algorithm {
    Md5,
    Sha256,
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// User and password as they are.
    Basic,
    /// Digest.
    Digest(Digest),
}

/// A digest challenge. Values stand as they were quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// The name as the host wrote it; `None` if it wrote none.
    written: Option<String>,
    /// `-sess`
    session: bool,
    /// `qop=auth`; otherwise the form of RFC 2069.
    auth: bool,
}

/// The request that is answered for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `GET`
    pub method: &'a str,
    /// Path and query.
    pub uri: &'a str,
    /// User name.
    pub user: &'a str,
    /// Password.
    pub password: &'a str,
    /// How often this nonce was used, from 1.
    pub count: u32,
    /// Our own nonce, fresh.
    pub cnonce: &'a str,
}

/// The best challenge of the `WWW-Authenticate` lines of an answer; `None` if none can be answered.
pub fn choose<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    let all = lines.into_iter().flat_map(challenges);
    all.max_by_key(|challenge| match challenge {
        Challenge::Basic => None,
        Challenge::Digest(digest) => Some(digest.algorithm),
    })
}

/// Value of the `Authorization` header.
#[must_use]
pub fn answer(challenge: &Challenge, request: &Request<'_>) -> String {
    match challenge {
        Challenge::Basic => format!("Basic {}", STANDARD.encode(format!("{}:{}", request.user, request.password))),
        Challenge::Digest(digest) => digest.answer(request),
    }
}

/// All challenges of one line that can be answered: several may share it, separated by commas as their parameters are.
fn challenges(line: &str) -> Vec<Challenge> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for item in split_outside_quotes(line) {
        let item = item.trim();
        let (scheme, param) = match item.split_once(char::is_whitespace) {
            // `Digest realm="x"` opens a challenge; `realm = "x"` does not.
            Some((word, rest)) if !word.contains('=') && !rest.trim_start().starts_with('=') => {
                (Some(word), rest.trim())
            }
            None if !item.contains('=') && !item.is_empty() => (Some(item), ""),
            _ => (None, item),
        };
        if let Some(scheme) = scheme {
            found.push((scheme.to_ascii_lowercase(), Vec::new()));
        }
        if let (Some((_, params)), Some((key, value))) = (found.last_mut(), param.split_once('=')) {
            let value = value.trim();
            let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
            params.push((key.trim().to_ascii_lowercase(), bare.to_owned()));
        }
    }
    found.into_iter().filter_map(|(scheme, params)| challenge(&scheme, &params)).collect()
}

fn split_outside_quotes(line: &str) -> Vec<String> {
    let (mut items, mut item, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                items.push(std::mem::take(&mut item));
                continue;
            }
            _ => {}
        }
        item.push(c);
    }
    items.push(item);
    items
}

fn challenge(scheme: &str, params: &[(String, String)]) -> Option<Challenge> {
    let get = |name: &str| params.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    if scheme == "basic" {
        return Some(Challenge::Basic);
    }
    if scheme != "digest" {
        return None;
    }
    let written = get("algorithm");
    let name = written.clone().unwrap_or_else(|| "MD5".to_owned()).to_ascii_uppercase();
    let (name, session) = name.strip_suffix("-SESS").map_or((name.as_str(), false), |plain| (plain, true));
    let algorithm = match name {
        "MD5" => Algorithm::Md5,
        "SHA-256" => Algorithm::Sha256,
        _ => return None,
    };
    let qop = get("qop");
    let auth = qop.as_deref().is_some_and(|q| q.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")));
    if qop.is_some() && !auth {
        return None;
    }
    let (realm, nonce) = (get("realm").unwrap_or_default(), get("nonce")?);
    Some(Challenge::Digest(Digest { realm, nonce, opaque: get("opaque"), algorithm, written, session, auth }))
}

impl Digest {
    fn hash(&self, text: &str) -> String {
        match self.algorithm {
            Algorithm::Md5 => format!("{:x}", md5::compute(text)),
            Algorithm::Sha256 => {
                let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
                digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }
    }

    /// RFC 7616, 3.4.
    fn answer(&self, request: &Request<'_>) -> String {
        let Request { method, uri, user, password, count, cnonce } = *request;
        let mut a1 = self.hash(&format!("{user}:{}:{password}", self.realm));
        if self.session {
            a1 = self.hash(&format!("{a1}:{}:{cnonce}", self.nonce));
        }
        let a2 = self.hash(&format!("{method}:{uri}"));
        let response = if self.auth {
            self.hash(&format!("{a1}:{}:{count:08x}:{cnonce}:auth:{a2}", self.nonce))
        } else {
            self.hash(&format!("{a1}:{}:{a2}", self.nonce))
        };
        let user = user.replace('\\', "\\\\").replace('"', "\\\"");
        let mut header = format!(
            "Digest username=\"{user}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\"",
            self.realm, self.nonce
        );
        if let Some(written) = &self.written {
            header.push_str(&format!(", algorithm={written}"));
        }
        if self.auth {
            header.push_str(&format!(", qop=auth, nc={count:08x}"));
        }
        if self.auth || self.session {
            header.push_str(&format!(", cnonce=\"{cnonce}\""));
        }
        if let Some(opaque) = &self.opaque {
            header.push_str(&format!(", opaque=\"{opaque}\""));
        }
        header
    }
}

#[cfg(test)]
mod tests;
