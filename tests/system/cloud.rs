//! A mock cloud inside the test, so that the test can take it away and ask it everything.

use std::net::SocketAddr;

use gatehouse::sim::cloud::{CloudHandle, MockCloud, Summary};
use tokio::task::JoinSet;

use crate::rig::until;

/// The cloud; it ends with this value.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) handle: CloudHandle,
    pub(crate) url: String,
    _server: JoinSet<()>,
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        let cloud = MockCloud::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let (handle, url) = (cloud.handle(), cloud.url());
        let mut server = JoinSet::new();
        server.spawn(async move { cloud.run().await.unwrap() });
        Self { handle, url, _server: server }
    }

    /// Waits until the figures satisfy `enough`.
    pub(crate) async fn until(&self, what: &str, enough: impl Fn(&Summary) -> bool) -> Summary {
        until(what, || async {
            let now = self.handle.summary();
            if enough(&now) { Ok(now) } else { Err(now.to_string()) }
        })
        .await
    }

    /// Nothing is missing and nothing was wrong.
    pub(crate) fn check(&self) {
        let now = self.handle.summary();
        assert!(now.holes.is_empty() && now.faults == 0, "{now}");
    }
}
