//! Publishing at a broker that is already there, over the same client, addresses, credentials and TLS as an `mqtt` line.
//!
//! A clean session of its own: what was not acknowledged is the sender's to send again. Nothing here keeps anything.

use std::future::Future;
use std::pin::Pin;

use super::BadBroker;
use super::link::{Broker, Feed, FromBroker, Rumqtt, RumqttFeed};
use crate::model::text::Text;
use crate::southbound::LineConfig;
use crate::southbound::mqtt::Login;
use crate::southbound::mqtt::limits::{PAYLOAD_BYTES_MAX, TOPIC_BYTES_MAX};

/// Where to publish.
#[derive(Debug)]
pub struct Outbound(Broker);

type Next = Pin<Box<dyn Future<Output = (RumqttFeed, Result<FromBroker, Text>)> + Send>>;

/// An open connection.
pub struct OutboundLink {
    to: Rumqtt,
    next: Next,
}

impl std::fmt::Debug for OutboundLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboundLink").field("to", &self.to).finish_non_exhaustive()
    }
}

impl Outbound {
    /// At the broker of `line`, whose path must be an `mqtt` one and whose client id no other connection's.
    pub fn new(line: &LineConfig, login: Option<Login>, ca_pem: Option<&[u8]>) -> Result<Self, BadBroker> {
        Broker::new(line, login, ca_pem).map(|broker| Self(broker.forgetful()))
    }

    /// Connects within the line's time-out; why it did not work is in words, without secrets.
    pub async fn connect(&self) -> Result<OutboundLink, Text> {
        let (to, feed) = self.0.connect().await?;
        Ok(OutboundLink { to, next: turn(feed) })
    }
}

impl OutboundLink {
    /// Hands a message (QoS 1, not retained) to the connection; it goes out while [`OutboundLink::heard`] is awaited.
    pub fn send(&self, topic: &str, payload: Vec<u8>) -> Result<(), String> {
        if topic.len() > TOPIC_BYTES_MAX || payload.len() > PAYLOAD_BYTES_MAX {
            return Err(format!("larger than {PAYLOAD_BYTES_MAX} bytes"));
        }
        if self.to.publish(topic, payload) { Ok(()) } else { Err("too many messages wait".to_owned()) }
    }

    /// The next sign of the broker: `true` when it acknowledges a message. To be awaited also while there is nothing to
    /// send, since it keeps the connection alive; dropping the future loses nothing. An error is the end.
    pub async fn heard(&mut self) -> Result<bool, Text> {
        let (feed, heard) = (&mut self.next).await;
        self.next = turn(feed);
        Ok(matches!(heard?, FromBroker::Taken))
    }
}

fn turn(mut feed: RumqttFeed) -> Next {
    Box::pin(async move {
        let heard = feed.next().await;
        (feed, heard)
    })
}
