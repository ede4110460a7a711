//! Credentials in the form each part wants them, or an error that names the credential and never its content.

use crate::config::credential::Credentials;
use crate::gateway::StartError;
use crate::southbound::mqtt::{Login, TlsPem};

/// The content as bytes (certificates).
pub(super) fn bytes(credentials: &Credentials, name: &str) -> Result<Vec<u8>, StartError> {
    text(credentials, name).map(String::into_bytes)
}

/// The content as text without surrounding white space (tokens, PEM).
pub(super) fn text(credentials: &Credentials, name: &str) -> Result<String, StartError> {
    let secret = credentials.get(name).map_err(|e| StartError::Credential(e.to_string()))?;
    Ok(secret.reveal().trim().to_owned())
}

/// The content as `user:password`.
pub(super) fn login(credentials: &Credentials, name: &str) -> Result<Login, StartError> {
    let text = text(credentials, name)?;
    Login::parse(&text)
        .ok_or_else(|| StartError::Credential(format!("credential `{name}` must hold `user:password` on one line")))
}

/// Certificate chain and key of a line that listens with TLS.
pub(super) fn tls_pem(credentials: &Credentials, line: &str) -> Result<TlsPem, StartError> {
    let (certificates, key) = (format!("{line}_cert"), format!("{line}_key"));
    Ok(TlsPem { certificates: bytes(credentials, &certificates)?, key: bytes(credentials, &key)? })
}
