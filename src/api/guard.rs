//! What every request passes first: whose page is it, who sent it, how long may it take; and what every answer carries.
//!
//! - `Host` must be a loopback name or the address we listen on (421 otherwise): a foreign name that was re-bound to
//!   this address in DNS must not read the page.
//! - `POST` must be `application/json` and from our own page (or from a program, which sends neither `Origin` nor
//!   `Sec-Fetch-Site`); reading `/api` from another site's script is refused as well. There is no CORS.
//! - Every answer carries a strict content security policy; failures get their words here, in the reader's language.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use crate::api::App;
use crate::api::error::{ApiError, Code, ErrorBody};
use crate::api::lang::{self, COOKIE_NAME, Words};
use crate::api::page;

/// A handler that has not begun to answer within this is given up.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(20);

const CSP: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
                   frame-ancestors 'none'";

/// Headers of every answer.
const SECURITY: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The outermost layer.
pub(super) async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let chosen = lang::from_query(request.uri().query());
    let words = Words(lang::choose(request.uri().query(), request.headers(), app.ports.site.lang));
    request.extensions_mut().insert(words);
    let mut response = match check(&app.bound, &request) {
        Err(refusal) => refusal.into_response(),
        Ok(()) => match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
            Ok(response) => response,
            Err(_) => ApiError { code: Code::Busy, about: String::new(), log: "the answer took too long".into() }
                .into_response(),
        },
    };
    if let Some(error) = failure(&response) {
        response = worded(&app, &error, words, is_api, response);
    }
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let (Some(lang), false) = (chosen, is_api) {
        let cookie = format!("{COOKIE_NAME}={}; Path=/; Max-Age=31536000; SameSite=Strict", lang.tag());
        headers.append(header::SET_COOKIE, HeaderValue::from_str(&cookie).expect("a language tag is ASCII"));
    }
    response
}

/// The error a response stands for: our own, or the router's bare 404 and 405.
fn failure(response: &Response) -> Option<ApiError> {
    if let Some(error) = response.extensions().get::<ApiError>() {
        return Some(error.clone());
    }
    let bare = !response.headers().contains_key(header::CONTENT_TYPE);
    match response.status() {
        StatusCode::NOT_FOUND if bare => Some(ApiError::new(Code::NotFound, "")),
        StatusCode::METHOD_NOT_ALLOWED if bare => Some(ApiError::new(Code::Method, "")),
        StatusCode::PAYLOAD_TOO_LARGE => Some(ApiError::new(Code::TooLarge, "")),
        // Rejections of axum's extractors are plain text in English.
        status if status.is_client_error() => Some(ApiError::new(Code::BadRequest, "")),
        _ => None,
    }
}

fn worded(app: &App, error: &ApiError, words: Words, is_api: bool, bare: Response) -> Response {
    let (what, help) = error.code.keys();
    let mut message = words.t(what).to_owned();
    if !error.about.is_empty() {
        message = format!("{message} ({})", error.about);
    }
    let help = words.t(help).to_owned();
    let mut response = if is_api {
        Json(ErrorBody { code: error.code.word(), message, help }).into_response()
    } else {
        Html(page::failure(app, words, error.code, &message, &help)).into_response()
    };
    *response.status_mut() = error.code.status();
    if let Some(allow) = bare.headers().get(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allow.clone());
    }
    if error.code == Code::Busy {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

fn check(bound: &SocketAddr, request: &Request) -> Result<(), ApiError> {
    let headers = request.headers();
    let host = text(headers, &header::HOST).unwrap_or_default();
    if !host_is_ours(host, bound.ip()) {
        return Err(ApiError::new(Code::WrongHost, ""));
    }
    let site = text(headers, &HeaderName::from_static("sec-fetch-site"));
    let own = matches!(site, None | Some("same-origin" | "none"));
    if request.uri().path().starts_with("/api/") && !own {
        return Err(ApiError::new(Code::CrossSite, ""));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    let origin = text(headers, &header::ORIGIN);
    if !own || !origin.is_none_or(|origin| origin_is(origin, host)) {
        return Err(ApiError::new(Code::CrossSite, ""));
    }
    let kind = text(headers, &header::CONTENT_TYPE).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(ApiError::new(Code::MediaType, ""));
    }
    Ok(())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|v| v.to_str().unwrap_or("?"))
}

/// `http://HOST` exactly; `null` (sandboxed frames, files) is nobody's.
fn origin_is(origin: &str, host: &str) -> bool {
    origin.strip_prefix("http://").is_some_and(|o| o.eq_ignore_ascii_case(host))
}

/// Loopback names and the bound address, with any port: a port may be forwarded (`ssh -L`), a name may not be foreign.
fn host_is_ours(host: &str, bound: IpAddr) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip == bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_served() {
        let bound = IpAddr::from([127, 0, 0, 1]);
        for good in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080", "127.0.0.1"] {
            assert!(host_is_ours(good, bound), "{good}");
        }
        for bad in ["", "evil.example", "localhost.evil.example", "10.0.0.1", "[::2]", "127.0.0.1.nip.io", "0.0.0.0"] {
            assert!(!host_is_ours(bad, bound), "{bad}");
        }
    }

    #[test]
    fn an_origin_must_be_the_host() {
        assert!(origin_is("http://localhost:8080", "localhost:8080"));
        for bad in ["null", "http://localhost", "https://localhost:8080", "http://evil.example"] {
            assert!(!origin_is(bad, "localhost:8080"), "{bad}");
        }
    }
}
