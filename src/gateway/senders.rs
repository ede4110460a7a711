//! `[webhook.*]` and `[publish.*]`: northbound's senders, the latter over the client of the `mqtt` lines.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::config::credential::Credentials;
use crate::gateway::StartError;
use crate::gateway::secrets::{bytes, login, text};
use crate::model::far::{FarEnd, FarKind};
use crate::northbound::publish::{Broker, Connecting, Connection, Hearing};
use crate::northbound::{
    Identity, Outbox, PublishConfig, Publisher, SenderParts, SyncStatus, Webhook, WebhookConfig, publish_status,
    webhook_status,
};
use crate::southbound::mqtt::client::outbound::{Outbound, OutboundLink};
use crate::southbound::{LineConfig, LinePath};
use crate::supervise::{Policy, Stage};

/// Deadline for name look-up, TCP, TLS and the broker's greeting.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// One broker, ready to be connected to.
#[derive(Debug)]
struct Target {
    config: PublishConfig,
    broker: Arc<MqttBroker>,
}

fn targets(config: &Config, credentials: &Credentials, gateway_id: &str) -> Result<Vec<Target>, StartError> {
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

/// All senders of a site.
#[derive(Debug)]
pub(super) struct Senders {
    webhooks: Vec<(WebhookConfig, Option<String>)>,
    targets: Vec<Target>,
}

/// What every sender is built from.
pub(super) struct Common {
    pub(super) identity: Identity,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Senders {
    /// Looks up credentials and certificates; nothing is connected yet.
    pub(super) fn prepare(config: &Config, credentials: &Credentials, gateway_id: &str) -> Result<Self, StartError> {
        let mut webhooks = Vec::new();
        for webhook in &config.webhooks {
            let token = webhook.credential.as_deref().map(|name| text(credentials, name)).transpose()?;
            webhooks.push((webhook.clone(), token));
        }
        Ok(Self { webhooks, targets: targets(config, credentials, gateway_id)? })
    }

    /// Spawns all; each follows the journal by itself. Returns their figures.
    pub(super) fn spawn(&self, north: &mut Stage, common: &Common) -> Vec<(FarEnd, SyncStatus)> {
        let webhooks = self.webhooks.iter().map(|(config, token)| {
            let status = webhook_status(config, common.outbox.watch());
            spawn_webhook(north, (config.clone(), token.clone()), common.parts(&status, north.token()));
            (FarEnd::new(FarKind::Webhook, &config.id), status)
        });
        let mut all: Vec<_> = webhooks.collect();
        for target in &self.targets {
            let status = publish_status(&target.config, common.outbox.watch());
            spawn_publisher(north, target, common.parts(&status, north.token()));
            all.push((FarEnd::new(FarKind::Publish, &target.config.id), status));
        }
        all
    }
}

impl Common {
    fn parts(&self, status: &SyncStatus, stop: CancellationToken) -> SenderParts {
        let Self { identity, outbox, clock } = self;
        let (identity, outbox, clock) = (identity.clone(), Arc::clone(outbox), Arc::clone(clock));
        SenderParts { identity, outbox, clock, status: status.clone(), stop }
    }
}

fn spawn_webhook(north: &mut Stage, (config, token): (WebhookConfig, Option<String>), parts: SenderParts) {
    north.spawn(format!("webhook {}", config.id), Policy::Restart, move || {
        let built = Webhook::new(&config, token.as_deref(), parts.clone());
        async move {
            built.map_err(|e| e.to_string())?.run().await;
            Ok(())
        }
    });
}

/// Built anew after a panic, it goes on where its cursor stands.
fn spawn_publisher(north: &mut Stage, target: &Target, parts: SenderParts) {
    let (config, broker): (_, Arc<dyn Broker>) = (target.config.clone(), target.broker.clone());
    north.spawn(format!("publish {}", config.id), Policy::Restart, move || {
        let publisher = Publisher::new(&config, Arc::clone(&broker), parts.clone());
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
