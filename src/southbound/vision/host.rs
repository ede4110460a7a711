//! The HTTP client of one camera: GET with the authentication it asks for. The only place that sends anything to a camera.
//!
//! Limits: connecting [`CONNECT_WITHIN`], no redirects (a password must not follow one, nor a request leave the camera), no
//! proxies from the environment, no cookies. The caller bounds the whole request and its body.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Response, StatusCode, Url};

use super::digest::{Challenge, Request, answer, choose};
use super::limits::CONNECT_WITHIN;
use crate::model::text::{Text, io_zh};
use crate::southbound::mqtt::Login;

/// An idle connection is kept for so long; cameras have few.
const IDLE: Duration = Duration::from_secs(15);

/// Settings that no retry can cure.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Not an http(s) address.
    #[error("`{0}` is not an http or https address")]
    Address(String),
    /// The CA certificate, or the client as a whole.
    #[error("the client for {0} cannot be made: {1}")]
    Client(String, reqwest::Error),
}

/// Why a request brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Miss {
    /// User or password are wrong, or the host asks for something we do not speak.
    Credential(u16),
    /// Any other status than 2xx.
    Status(u16),
    /// No connection, or it broke.
    Link(Text),
}

/// What is to be known of a camera's hosts.
#[derive(Debug, Clone, Copy)]
pub struct HostParts<'a> {
    /// The hosts, the one for relative references first.
    pub urls: &'a [String],
    /// User and password.
    pub login: Option<&'a Login>,
    /// CA certificates (PEM); none but these are trusted then.
    pub ca: Option<&'a [u8]>,
}

/// The client.
pub(super) struct CameraHost {
    client: reqwest::Client,
    pub(super) urls: Vec<Url>,
    login: Option<Login>,
    /// The challenge answered last, and how often.
    last: Mutex<Option<(Challenge, u32)>>,
}

impl fmt::Debug for CameraHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CameraHost").field(&self.urls.first().map(Url::as_str)).finish()
    }
}

impl CameraHost {
    pub(super) fn new(parts: HostParts<'_>) -> Result<Self, HostError> {
        let urls = parts.urls.iter().map(|text| {
            let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            url.ok_or_else(|| HostError::Address(text.clone()))
        });
        let urls: Vec<Url> = urls.collect::<Result<_, _>>()?;
        let name = parts.urls.first().cloned().unwrap_or_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("gatehouse/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http1_only()
            .no_proxy();
        if let Some(pem) = parts.ca {
            let certs =
                reqwest::Certificate::from_pem_bundle(pem).map_err(|error| HostError::Client(name.clone(), error))?;
            builder = builder.tls_certs_only(certs);
        } else if urls.iter().all(|url| url.scheme() == "http") {
            // Plain HTTP needs no roots; reading the system's store costs memory and fails on a box without one.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| HostError::Client(name, error))?;
        Ok(Self { client, urls, login: parts.login.cloned(), last: Mutex::new(None) })
    }

    /// Asks for `url`, which the caller has found to lie on one of the camera's hosts. An answer is 2xx, its body unread.
    pub(super) async fn get(&self, url: &Url) -> Result<Response, Miss> {
        let first = self.send(url, self.authorization(url)).await?;
        if first.status() != StatusCode::UNAUTHORIZED {
            return settle(first);
        }
        let lines = first.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|line| line.to_str().ok());
        let Some(challenge) = choose(lines).filter(|_| self.login.is_some()) else {
            return Err(Miss::Credential(401));
        };
        drop(first);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((challenge, 0));
        settle(self.send(url, self.authorization(url)).await?)
    }

    /// By the last challenge: a camera that asks for a new nonce says 401, and is answered once more.
    fn authorization(&self, url: &Url) -> Option<HeaderValue> {
        let login = self.login.as_ref()?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (challenge, count) = last.as_mut()?;
        *count += 1;
        let uri = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let cnonce = format!("{:016x}", fastrand::u64(..));
        let request = Request {
            method: "GET",
            uri: &uri,
            user: &login.user,
            password: &login.password,
            count: *count,
            cnonce: &cnonce,
        };
        let mut value = HeaderValue::from_str(&answer(challenge, &request)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    async fn send(&self, url: &Url, authorization: Option<HeaderValue>) -> Result<Response, Miss> {
        let mut request = self.client.get(url.clone());
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        request.send().await.map_err(|error| Miss::Link(words(&error)))
    }
}

fn settle(response: Response) -> Result<Response, Miss> {
    match response.status() {
        status if status.is_success() => Ok(response),
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Err(Miss::Credential(status.as_u16())),
        status => Err(Miss::Status(status.as_u16())),
    }
}

/// What went wrong, in words and without the address.
pub(super) fn words(error: &reqwest::Error) -> Text {
    let mut root: &dyn std::error::Error = error;
    while let Some(deeper) = root.source() {
        root = deeper;
    }
    let zh = root.downcast_ref().map_or_else(|| root.to_string(), io_zh);
    if error.is_timeout() {
        let s = CONNECT_WITHIN.as_secs();
        Text::new(&format!("{s} 秒内连接不上"), &format!("no connection within {s} s"))
    } else if error.is_connect() {
        Text::new(&format!("连接不上：{zh}"), &format!("no connection: {root}"))
    } else {
        Text::new(&format!("连接中断：{zh}"), &format!("the connection broke: {root}"))
    }
}
