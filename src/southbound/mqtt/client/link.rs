//! The client crate behind our own trait: connect, next message, acknowledge. Only this file names `rumqttc`'s client.
//!
//! What the crate does by itself and we rely on: keep-alive pings, and an error when two of them pass without an answer.
//! What it does and we avoid: reconnecting (a new event loop is made for each connection), acknowledging by itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{PubAck, Publish, SubscribeFilter, SubscribeReasonCode};
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet, TlsConfiguration, Transport,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::BadBroker;
use crate::model::text::{Text, io_zh};
use crate::southbound::mqtt::Login;
use crate::southbound::mqtt::limits::{BROKER_INFLIGHT_MAX, CLIENT_KEEP_ALIVE, PACKET_BYTES_MAX};
use crate::southbound::{LineConfig, LinePath};

/// Where and how to connect.
#[derive(Debug)]
pub(in crate::southbound) struct Broker {
    options: MqttOptions,
    timeout: Duration,
}

/// What comes from a broker.
#[derive(Debug)]
pub(in crate::southbound) enum FromBroker {
    /// A message.
    Publish(Publish),
    /// Answer to a subscription; positions of the filters that were refused.
    Subscribed { refused: Vec<usize> },
    /// The broker has a message of ours.
    Taken,
    /// Anything else; it proves that the broker lives.
    Alive,
}

/// The sending half.
pub(in crate::southbound) trait ToBroker {
    /// Subscribes at QoS 1; false if the request queue is full.
    fn subscribe(&self, filters: Vec<String>) -> bool;
    /// Acknowledges a QoS 1 message; false if the request queue is full.
    fn ack(&self, packet_id: u16) -> bool;
}

/// The receiving half. Dropping a pending `next` may lose data: hold on to it until it answers.
pub(in crate::southbound) trait Feed {
    /// The next event, or why the connection is over, in words.
    async fn next(&mut self) -> Result<FromBroker, Text>;
}

impl Broker {
    pub(in crate::southbound) fn new(
        config: &LineConfig,
        login: Option<Login>,
        ca_pem: Option<&[u8]>,
    ) -> Result<Self, BadBroker> {
        let LinePath::Mqtt { url, client_id, .. } = &config.path else { return Err(BadBroker::NotAClientLine) };
        let (tls, host, port) = parse(url).ok_or_else(|| BadBroker::Url(url.clone()))?;
        let id = client_id.clone().filter(|id| !id.is_empty()).unwrap_or_else(|| format!("gatehouse-{}", config.id));
        let mut options = MqttOptions::new(id, host, port);
        options
            .set_keep_alive(CLIENT_KEEP_ALIVE)
            .set_clean_session(false)
            .set_manual_acks(true)
            .set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        if let Some(login) = login {
            options.set_credentials(login.user, login.password);
        }
        if tls {
            options.set_transport(Transport::tls_with_config(tls_config(ca_pem)?));
        }
        Ok(Self { options, timeout: config.timeout.max(Duration::from_secs(1)) })
    }

    /// The same without a session that the broker keeps: for those who only send.
    pub(in crate::southbound) fn forgetful(mut self) -> Self {
        self.options.set_clean_session(true);
        self
    }

    /// `host:port`, for messages.
    pub(in crate::southbound) fn address(&self) -> String {
        let (host, port) = self.options.broker_address();
        format!("{host}:{port}")
    }

    /// Connects: name look-up, TCP, TLS and CONNACK within one deadline.
    pub(in crate::southbound) async fn connect(&self) -> Result<(Rumqtt, RumqttFeed), Text> {
        let (client, mut feed) = AsyncClient::new(self.options.clone(), BROKER_INFLIGHT_MAX);
        let seconds = self.timeout.as_secs().max(1);
        feed.network_options.set_connection_timeout(seconds.saturating_add(1));
        feed.network_options.set_tcp_nodelay(true);
        match tokio::time::timeout(self.timeout, feed.poll()).await {
            Ok(Ok(Event::Incoming(Packet::ConnAck(_)))) => Ok((Rumqtt(client), RumqttFeed(feed))),
            Ok(Ok(other)) => {
                let to = self.address();
                let zh = format!("{to} 对 CONNECT 的应答是 {other:?}");
                Err(Text::new(&zh, &format!("{to} answered CONNECT with {other:?}")))
            }
            Ok(Err(error)) => {
                let (to, why) = (self.address(), words(&error));
                Err(Text::new(&format!("{to}：{}", why.zh), &format!("{to}: {}", why.en)))
            }
            Err(_) => {
                let (to, ms) = (self.address(), self.timeout.as_millis());
                Err(Text::new(&format!("{to} 在 {ms} 毫秒内没有应答"), &format!("{to} did not answer within {ms} ms")))
            }
        }
    }
}

/// `(tls, host, port)`.
fn parse(url: &str) -> Option<(bool, String, u16)> {
    let (tls, rest) = match url.split_once("://")? {
        ("mqtt" | "tcp", rest) => (false, rest),
        ("mqtts" | "ssl", rest) => (true, rest),
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let default = if tls { 8883 } else { 1883 };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (rest, default),
    };
    let bare =
        !host.is_empty() && !host.contains(['/', '@', '?', ' ']) && (!host.contains(':') || host.starts_with('['));
    bare.then(|| (tls, host.to_owned(), port))
}

fn tls_config(ca_pem: Option<&[u8]>) -> Result<TlsConfiguration, BadBroker> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let Some(pem) = ca_pem else {
        // The crate reads the system's roots itself, with the process's provider, and panics where there are none.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let _already_set_by_another_line = rustls::crypto::ring::default_provider().install_default();
        }
        return catch_unwind(AssertUnwindSafe(TlsConfiguration::default)).map_err(|_| BadBroker::NoRoots);
    };
    let mut roots = rustls::RootCertStore::empty();
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err(BadBroker::Ca);
    }
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| BadBroker::Ca)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConfiguration::Rustls(Arc::new(config)))
}

fn words(error: &ConnectionError) -> Text {
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => Text::new(
            "代理拒绝用户名或密码（请检查线路的 credential）",
            "the broker refuses user name or password (check the line's credential)",
        ),
        ConnectionError::ConnectionRefused(code) => {
            Text::new(&format!("代理拒绝连接：{code:?}"), &format!("the broker refuses the connection: {code:?}"))
        }
        ConnectionError::Io(error) => Text::new(&io_zh(error), &error.to_string()),
        // Of TLS and the protocol: there is no more than the library's words.
        other => Text::same(&other.to_string()),
    }
}

/// The sending half over `rumqttc`.
#[derive(Debug)]
pub(in crate::southbound) struct Rumqtt(AsyncClient);

impl Rumqtt {
    /// Publishes at QoS 1, not retained; false if the request queue is full.
    pub(in crate::southbound) fn publish(&self, topic: &str, payload: Vec<u8>) -> bool {
        self.0.try_publish(topic, QoS::AtLeastOnce, false, payload).is_ok()
    }
}

impl ToBroker for Rumqtt {
    fn subscribe(&self, filters: Vec<String>) -> bool {
        let filters = filters.into_iter().map(|path| SubscribeFilter { path, qos: QoS::AtLeastOnce });
        self.0.try_subscribe_many(filters).is_ok()
    }

    fn ack(&self, packet_id: u16) -> bool {
        let mut publish = Publish::new("", QoS::AtLeastOnce, Vec::new());
        publish.pkid = PubAck::new(packet_id).pkid;
        self.0.try_ack(&publish).is_ok()
    }
}

/// The receiving half over `rumqttc`.
pub(in crate::southbound) struct RumqttFeed(EventLoop);

impl Feed for RumqttFeed {
    async fn next(&mut self) -> Result<FromBroker, Text> {
        match self.0.poll().await {
            Ok(Event::Incoming(Packet::Publish(publish))) => Ok(FromBroker::Publish(publish)),
            Ok(Event::Incoming(Packet::SubAck(ack))) => {
                let refused = ack.return_codes.iter().enumerate();
                let refused = refused.filter(|(_, code)| **code == SubscribeReasonCode::Failure).map(|(ix, _)| ix);
                Ok(FromBroker::Subscribed { refused: refused.collect() })
            }
            Ok(Event::Incoming(Packet::PubAck(_))) => Ok(FromBroker::Taken),
            Ok(_) => Ok(FromBroker::Alive),
            Err(error) => Err(words(&error)),
        }
    }
}

#[cfg(test)]
mod tests;
