//! Towards the cloud: reads the outbox by cursor, sends, confirms, retries.

use crate::model::id::Id;

/// A checked upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamConfig {
    /// Its id.
    pub id: Id,
    /// Where batches are posted.
    pub url: String,
    /// Name of the credential sent as bearer token.
    pub credential: Option<String>,
    /// Name of the credential with the CA certificate (PEM); the system's roots otherwise.
    pub ca: Option<String>,
    /// Body compression.
    pub compress: Compress,
}

/// Body compression of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compress {
    /// `Content-Encoding: zstd`.
    #[default]
    Zstd,
    /// `Content-Encoding: gzip`, for receivers that know no zstd.
    Gzip,
    /// Plain.
    None,
}
