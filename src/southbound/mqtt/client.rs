//! Client of a broker that is already there: one task, one connection, one persistent session.
//!
//! Owns: connecting with a pause that grows, subscribing again after every connect (a broker may have lost the session
//! and say so, or lose it and not say so), acknowledging after commit, noticing a dead broker. Refuses to know: what
//! topics mean ([`super::route`]) and how MQTT looks on the wire ([`link`]).
//!
//! Each connection starts from nothing: no packet id, request or acknowledgement of an old connection reaches a new one
//! (the client crate keeps such things across connections, which has lost and misplaced acknowledgements; its issues
//! 1014, 1052, 1056). The broker keeps what was not acknowledged and sends it again.
//!
//! A message whose receipt says "not stored" is not acknowledged; the connection is dropped, since a broker sends again
//! only on a new one.

pub(in crate::southbound) mod link;
pub mod outbound;
mod session;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::{Login, Outlet, Wiring};
use crate::model::link::LinkState;
use crate::model::text::Text;
use link::Broker;
use session::{Ended, Session};

use super::backoff::Backoff;

/// The line. See the module documentation.
#[derive(Debug)]
pub struct MqttClientLine {
    session: Session,
    broker: Result<Broker, BadBroker>,
    stop: tokio_util::sync::CancellationToken,
}

/// Settings that no retry can cure; the site file or a credential must be corrected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadBroker {
    /// The line is not of the kind `mqtt`.
    #[error("this line is not an MQTT client line")]
    NotAClientLine,
    /// Not `mqtt://host:port` or `mqtts://host:port`.
    #[error("`{0}` is not a broker address: write mqtt://host:1883 or mqtts://host:8883")]
    Url(String),
    /// The CA credential holds no certificate.
    #[error("the CA credential holds no certificate in PEM form")]
    Ca,
    /// The system's certificates could not be read.
    #[error("no CA certificate given and the system has none: name one with `ca = \"..\"`")]
    NoRoots,
}

impl MqttClientLine {
    /// Builds the line. Bad settings do not fail here: the line then stays down and says why.
    #[must_use]
    pub fn new(wiring: Wiring, login: Option<Login>, ca_pem: Option<&[u8]>) -> Self {
        let Wiring { line, config, router, clock, out, live, stop } = wiring;
        let broker = Broker::new(&config, login, ca_pem);
        let outlet = Outlet { line, clock, out, live, heartbeat: Arc::default() };
        Self { session: Session::new(outlet, router), broker, stop }
    }

    /// Counts up about once a second while the line's task lives.
    #[must_use]
    pub fn heartbeat(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.session.outlet.heartbeat)
    }

    /// Runs until stopped.
    pub async fn run(self) {
        let Self { mut session, broker, stop } = self;
        let broker = match broker {
            Ok(broker) => broker,
            Err(bad) => {
                session.outlet.line(LinkState::Down, Text::same(&bad.to_string())).await;
                return session.idle(&stop, None).await;
            }
        };
        let mut backoff = Backoff::default();
        while !stop.is_cancelled() {
            match session.once(&broker, &stop).await {
                Ended::Stopped => return,
                Ended::Lost { reason, worked } => {
                    if worked {
                        backoff.worked();
                    }
                    let pause = backoff.pause(fastrand::f64());
                    tracing::warn!(broker = %broker.address(), reason = &*reason.en, ?pause, "MQTT broker connection lost");
                    session.outlet.line(LinkState::Down, reason).await;
                    session.idle(&stop, Some(pause)).await;
                }
            }
        }
    }
}
