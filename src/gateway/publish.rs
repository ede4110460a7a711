//! `[publish.*]`: northbound's publishers over the client of the `mqtt` lines.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::config::credential::Credentials;
use crate::gateway::StartError;
use crate::gateway::secrets::{bytes, login};
use crate::northbound::publish::{Broker, Connecting, Connection, Hearing};
use crate::northbound::{Identity, Outbox, PublishConfig, Publisher};
use crate::southbound::mqtt::client::outbound::{Outbound, OutboundLink};
use crate::southbound::{LineConfig, LinePath};
use crate::supervise::{Policy, Stage};

/// Deadline for name look-up, TCP, TLS and the broker's greeting.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// One broker, ready to be connected to.
#[derive(Debug)]
pub(super) struct Target {
    config: PublishConfig,
    broker: Arc<MqttBroker>,
}

/// Looks up credentials and certificates; nothing is connected yet.
pub(super) fn prepare(config: &Config, credentials: &Credentials, gateway_id: &str) -> Result<Vec<Target>, StartError> {
    let mut targets = Vec::new();
    for config in &config.publishers {
        let own: String = gateway_id.chars().take(12).collect();
        let client_id = config.client_id.clone().filter(|id| !id.is_empty());
        let path = LinePath::Mqtt {
            url: config.url.clone(),
            credential: None,
            ca: None,
            client_id: Some(client_id.unwrap_or_else(|| format!("gatehouse-{own}-{}-publish", config.id))),
        };
        let line = LineConfig {
            id: config.id.clone(),
            path,
            timeout: CONNECT_WITHIN,
            gap: Duration::ZERO,
            every: CONNECT_WITHIN,
        };
        let login = config.credential.as_deref().map(|name| login(credentials, name)).transpose()?;
        let ca = config.ca.as_deref().map(|name| bytes(credentials, name)).transpose()?;
        let outbound = Outbound::new(&line, login, ca.as_deref())
            .map_err(|bad| StartError::Listen { line: format!("publish.{}", config.id), why: bad.to_string() })?;
        targets.push(Target { config: config.clone(), broker: Arc::new(MqttBroker(Arc::new(outbound))) });
    }
    Ok(targets)
}

/// Spawns one; built anew after a panic, it goes on where its cursor stands.
pub(super) fn spawn(north: &mut Stage, target: &Target, outbox: &Arc<dyn Outbox>, identity: &Identity) {
    let (config, broker): (_, Arc<dyn Broker>) = (target.config.clone(), target.broker.clone());
    let (outbox, identity, stop): (_, _, CancellationToken) = (Arc::clone(outbox), identity.clone(), north.token());
    north.spawn(format!("publish {}", config.id), Policy::Restart, move || {
        let publisher =
            Publisher::new(&config, Arc::clone(&broker), identity.clone(), Arc::clone(&outbox), stop.clone());
        async move {
            publisher.run().await;
            Ok(())
        }
    });
}

#[derive(Debug)]
struct MqttBroker(Arc<Outbound>);

impl Broker for MqttBroker {
    fn connect(&self) -> Connecting {
        let outbound = Arc::clone(&self.0);
        Box::pin(async move {
            let link = outbound.connect().await?;
            Ok(Box::new(MqttLink(link)) as Box<dyn Connection>)
        })
    }
}

struct MqttLink(OutboundLink);

impl Connection for MqttLink {
    fn send(&mut self, topic: &str, payload: Vec<u8>) -> Result<(), String> {
        self.0.send(topic, payload)
    }

    fn heard(&mut self) -> Hearing<'_> {
        Box::pin(self.0.heard())
    }
}
