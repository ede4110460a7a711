//! Footage from a camera's own hosts, on request of the case desk.
//!
//! Invariant: no request goes to a host or port that the configuration does not name for that camera ([`reference::resolve`]),
//! and none is redirected. Limits: one request at a camera, [`FETCHES_MAX`] in all; the given deadline counts from the call,
//! the wait for a turn included; [`FETCH_PICTURE_BYTES_MAX`] and [`FETCH_CLIP_BYTES_MAX`] hold while the body arrives.
//!
//! [`reference::resolve`]: super::reference::resolve

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::host::{CameraHost, HostError, HostParts, Miss, words};
use super::limits::{FETCH_CLIP_BYTES_MAX, FETCH_PICTURE_BYTES_MAX, FETCHES_MAX};
use super::reference::resolve;
use crate::model::intake::{FetchError, Fetched, Wanted};
use crate::model::text::Text;

/// Fetches footage. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    hosts: BTreeMap<Arc<str>, Host>,
    turns: Semaphore,
}

#[derive(Debug)]
struct Host {
    host: CameraHost,
    /// A camera serves one request at a time well, and its stream besides.
    turn: Semaphore,
}

impl Fetcher {
    /// For these cameras.
    pub fn new<'a>(cameras: impl IntoIterator<Item = (Arc<str>, HostParts<'a>)>) -> Result<Self, HostError> {
        let mut hosts = BTreeMap::new();
        for (camera, parts) in cameras {
            hosts.insert(camera, Host { host: CameraHost::new(parts)?, turn: Semaphore::new(1) });
        }
        Ok(Self(Arc::new(Inner { hosts, turns: Semaphore::new(FETCHES_MAX) })))
    }

    /// Fetches one picture or clip.
    ///
    /// # Errors
    /// See [`FetchError`]; what is refused there has caused no request.
    pub async fn fetch(&self, wanted: &Wanted) -> Result<Fetched, FetchError> {
        let camera = self.0.hosts.get(&wanted.camera);
        let camera = camera.ok_or_else(|| FetchError::NoAddress(wanted.camera.to_string()))?;
        let url = resolve(&wanted.reference, &camera.host.urls).map_err(|fault| FetchError::Refused(fault.text()))?;
        let bytes_max = if wanted.clip { FETCH_CLIP_BYTES_MAX } else { FETCH_PICTURE_BYTES_MAX };
        let work = async {
            let closed = |_| FetchError::Link(Text::new("正在停机", "shutting down"));
            // The camera's turn first: who waits for a slow camera must not hold a turn that others could use.
            let _own = camera.turn.acquire().await.map_err(closed)?;
            let _any = self.0.turns.acquire().await.map_err(closed)?;
            let response = camera.host.get(&url).await.map_err(|miss| match miss {
                Miss::Credential(status) => FetchError::Credential(status),
                Miss::Status(status) => FetchError::Status(status),
                Miss::Link(why) => FetchError::Link(why),
            })?;
            body(response, bytes_max).await
        };
        match timeout(wanted.within, work).await {
            Ok(done) => done,
            Err(_) => Err(FetchError::Late(wanted.within.as_millis())),
        }
    }
}

async fn body(mut response: Response, bytes_max: u64) -> Result<Fetched, FetchError> {
    if response.content_length().is_some_and(|length| length > bytes_max) {
        return Err(FetchError::TooLarge(bytes_max));
    }
    let media_type = response.headers().get(CONTENT_TYPE).and_then(|line| line.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let media_type = if media_type.is_empty() { "application/octet-stream".to_owned() } else { media_type };
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| FetchError::Link(words(&error)))? {
        if (bytes.len() + piece.len()) as u64 > bytes_max {
            return Err(FetchError::TooLarge(bytes_max));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Fetched { media_type, bytes })
}
