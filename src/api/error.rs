//! What a caller is told when something goes wrong, and what the log is told instead.
//!
//! One value carries both, and they never mix: `code` selects the public words from the catalogue, `log` stays inside.
//! The value travels in the response's extensions; [`crate::api::guard`] turns it into JSON for programs and into a page
//! for people, in the reader's language.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The kinds of failure a caller can meet. Closed, so that every one has words in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request cannot be understood; the caller must change it.
    BadRequest,
    /// Comes from another site, or without the header that proves it does not.
    CrossSite,
    /// Nothing has this name.
    NotFound,
    /// The path exists, the method does not.
    Method,
    /// The body is larger than the limit.
    TooLarge,
    /// The body is not `application/json`.
    MediaType,
    /// The `Host` header names somebody else.
    WrongHost,
    /// The alarm cannot be reset yet: its condition holds.
    NotResettable,
    /// The case is not where this step could follow.
    CaseStep,
    /// Something inside failed; try again, then look at the log.
    Internal,
    /// Too much at once, or not ready; try again.
    Busy,
}

impl Code {
    /// All of them, for the catalogue's test.
    pub const ALL: [Self; 11] = [
        Self::BadRequest,
        Self::CrossSite,
        Self::NotFound,
        Self::Method,
        Self::TooLarge,
        Self::MediaType,
        Self::WrongHost,
        Self::NotResettable,
        Self::CaseStep,
        Self::Internal,
        Self::Busy,
    ];

    /// The word in payloads.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::CrossSite => "cross_site",
            Self::NotFound => "not_found",
            Self::Method => "method_not_allowed",
            Self::TooLarge => "too_large",
            Self::MediaType => "media_type",
            Self::WrongHost => "wrong_host",
            Self::NotResettable => "not_resettable",
            Self::CaseStep => "case_step",
            Self::Internal => "internal",
            Self::Busy => "busy",
        }
    }

    /// Catalogue keys: what happened, and what to do.
    #[must_use]
    pub fn keys(self) -> (&'static str, &'static str) {
        match self {
            Self::BadRequest => ("error.bad_request", "error.bad_request.help"),
            Self::CrossSite => ("error.cross_site", "error.cross_site.help"),
            Self::NotFound => ("error.not_found", "error.not_found.help"),
            Self::Method => ("error.method", "error.method.help"),
            Self::TooLarge => ("error.too_large", "error.too_large.help"),
            Self::MediaType => ("error.media_type", "error.media_type.help"),
            Self::WrongHost => ("error.wrong_host", "error.wrong_host.help"),
            Self::NotResettable => ("error.not_resettable", "error.not_resettable.help"),
            Self::CaseStep => ("error.case_step", "error.case_step.help"),
            Self::Internal => ("error.internal", "error.internal.help"),
            Self::Busy => ("error.busy", "error.busy.help"),
        }
    }

    /// The HTTP status. Always 4xx or 5xx: this type cannot express success.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Self::NotResettable | Self::CaseStep => StatusCode::CONFLICT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A failed request.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// What the caller is told.
    pub code: Code,
    /// What concretely, for the caller; an id or a field name, never internals.
    pub about: String,
    /// What the log is told.
    pub log: String,
}

impl ApiError {
    /// A failure the caller caused; nothing for the log.
    pub fn new(code: Code, about: impl Into<String>) -> Self {
        Self { code, about: about.into(), log: String::new() }
    }

    /// A failure inside, with its chain of causes for the log alone.
    pub fn inside(code: Code, error: &dyn std::error::Error) -> Self {
        let mut log = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            log.push_str(": ");
            log.push_str(&cause.to_string());
            source = cause.source();
        }
        Self { code, about: String::new(), log }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if !self.log.is_empty() {
            tracing::warn!(code = self.code.word(), cause = self.log, "request failed");
        }
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The body of every failed `/api` request.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// A word that programs can test; it never changes its meaning.
    #[schema(value_type = String, example = "not_found")]
    pub code: &'static str,
    /// What happened, in the reader's language.
    pub message: String,
    /// What to do next.
    pub help: String,
}
