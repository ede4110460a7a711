//! The HTTP client of one upstream. I/O only: it carries parcels and brings answers, and judges neither.
//!
//! Limits: connecting 10 s, the whole request 30 s, a reply body 1 MiB (the rest is not read), no redirects (a token
//! must not follow one), no proxies from the environment, one idle connection per lane.

use std::error::Error as _;
use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::model::text::{Text, io_zh};
use crate::northbound::events::rfc3339;
use crate::northbound::pack::Parcel;
use crate::northbound::reply::Answer;
use crate::northbound::{UpstreamConfig, UpstreamError};

/// Longest wait for a connection, TLS included.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a whole request with its reply.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of a reply that are read.
pub(crate) const REPLY_BYTES_MAX: usize = 1 << 20;

/// Nothing came back; try again later.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.en)]
pub(crate) struct LinkError(pub(crate) Text);

/// The way to the far end; scripted in tests.
pub(crate) trait Link: Send + Sync + 'static {
    /// Sends a parcel and waits for the answer, with a deadline. `sent_at_ms` is wall time.
    fn post(&self, parcel: &Parcel, sent_at_ms: i64) -> impl Future<Output = Result<Answer, LinkError>> + Send;

    /// The far end is on this machine or in this network.
    fn is_local(&self) -> bool;
}

/// The real way.
#[derive(Debug)]
pub(crate) struct HttpLink {
    client: reqwest::Client,
    base: reqwest::Url,
    is_local: bool,
}

impl HttpLink {
    pub(crate) fn new(config: &UpstreamConfig, token: Option<&str>, ca: Option<&[u8]>) -> Result<Self, UpstreamError> {
        let id = || config.id.as_str().to_owned();
        let bad_url = || UpstreamError::Url { id: id(), url: config.url.clone() };
        let mut base = reqwest::Url::parse(&config.url).map_err(|_| bad_url())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad_url());
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("gatehouse/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(token).ok_or_else(|| UpstreamError::Token { id: id() })?)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .pool_idle_timeout(Duration::from_secs(45))
            .pool_max_idle_per_host(2)
            .tcp_keepalive(Duration::from_secs(15))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy();
        if let Some(pem) = ca {
            let certs =
                reqwest::Certificate::from_pem_bundle(pem).map_err(|source| UpstreamError::Ca { id: id(), source })?;
            builder = builder.tls_certs_only(certs);
        } else if base.scheme() == "http" {
            // Plain HTTP needs no roots; reading the system's store costs memory and fails on a box without one.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|source| UpstreamError::Client { id: id(), source })?;
        let is_local = is_local(base.host_str().unwrap_or_default());
        Ok(Self { client, base, is_local })
    }
}

impl Link for HttpLink {
    async fn post(&self, parcel: &Parcel, sent_at_ms: i64) -> Result<Answer, LinkError> {
        let url = self.base.join(parcel.path).map_err(|e| {
            let zh = format!("网址无法使用：{e}");
            LinkError(Text::new(&zh, &format!("the address cannot be made: {e}")))
        })?;
        let mut request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, parcel.content_type)
            .header(HeaderName::from_static("idempotency-key"), &parcel.idempotency_key)
            .header(HeaderName::from_static("gatehouse-sent-at"), rfc3339(sent_at_ms))
            .header(HeaderName::from_static("gatehouse-lane"), if parcel.backfill { "backfill" } else { "live" })
            .body(parcel.body.clone());
        if let Some(encoding) = parcel.encoding {
            request = request.header(CONTENT_ENCODING, encoding);
        }
        let mut response = request.send().await.map_err(|e| LinkError(words(&e)))?;
        let text = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let mut answer = Answer {
            status: response.status().as_u16(),
            retry_after: text("retry-after"),
            date: text("date"),
            body: Vec::new(),
        };
        while let Some(piece) = response.chunk().await.map_err(|e| LinkError(words(&e)))? {
            let room = REPLY_BYTES_MAX - answer.body.len();
            answer.body.extend_from_slice(piece.get(..piece.len().min(room)).unwrap_or_default());
            if answer.body.len() >= REPLY_BYTES_MAX {
                break;
            }
        }
        Ok(answer)
    }

    fn is_local(&self) -> bool {
        self.is_local
    }
}

/// `None` if the token cannot stand in a header.
fn headers(token: Option<&str>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim())).ok()?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Some(headers)
}

/// What went wrong, in words and without the address (it stands beside them already, and may carry secrets).
fn words(error: &reqwest::Error) -> Text {
    let mut root: &dyn std::error::Error = error;
    while let Some(deeper) = root.source() {
        root = deeper;
    }
    if error.is_timeout() {
        let bound = if error.is_connect() { CONNECT_TIMEOUT } else { REQUEST_TIMEOUT };
        let s = bound.as_secs();
        return Text::new(&format!("{s} 秒内没有应答"), &format!("no answer within {s} s"));
    }
    let zh = root.downcast_ref().map_or_else(|| root.to_string(), io_zh);
    if error.is_connect() {
        Text::new(&format!("连接不上：{zh}"), &format!("no connection: {root}"))
    } else if error.source().is_some() {
        Text::new(&format!("连接中断：{zh}"), &format!("the connection broke: {root}"))
    } else {
        Text::new("连接中断", "the connection broke")
    }
}

/// On this machine or in a private network (RFC 1918, RFC 4193, link-local).
fn is_local(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => matches!(host.rsplit('.').next(), Some("localhost" | "local")),
    }
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn local_is_what_costs_nothing_to_ask() {
        for host in ["127.0.0.1", "localhost", "10.0.8.2", "192.168.1.9", "[::1]", "[fd00::1]", "nas.local"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["8.8.8.8", "cloud.example.com", "[2001:db8::1]", "172.32.0.1", ""] {
            assert!(!is_local(host), "{host}");
        }
    }
}
