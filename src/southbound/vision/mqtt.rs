//! Cameras that publish to a broker that is already there: one connection of our own beside the line's, with a session that
//! the broker keeps.
//!
//! One message at a time: it is acknowledged when its events are on disk, or when it is refused or nothing to us (sent again
//! it would be the same). When the desk does not take it, the connection is given up, since a broker sends again only on
//! a new one. Retained messages are old news and passed over. Payloads are bounded as on the line
//! ([`crate::southbound::mqtt::limits`]): events with tracks fit, pictures do not.

use std::sync::Arc;

use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::Publish;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Way;
use super::limits::CONNECT_WITHIN;
use super::outlet::{Door, Outlet, Verdict};
use crate::model::link::LinkState;
use crate::model::text::Text;
use crate::southbound::LineConfig;
use crate::southbound::mqtt::Login;
use crate::southbound::mqtt::backoff::Backoff;
use crate::southbound::mqtt::client::BadBroker;
use crate::southbound::mqtt::client::link::{Broker, Feed, FromBroker, ToBroker};
use crate::southbound::mqtt::limits::FILTERS_PER_SUBSCRIBE;

/// The cameras of one line.
#[derive(Debug)]
pub struct MqttCameras {
    outlet: Arc<Outlet>,
    broker: Broker,
    cameras: Vec<(String, Arc<Door>)>,
    stop: CancellationToken,
}

impl MqttCameras {
    /// The cameras that publish on `line`, whose client id must be no other connection's.
    pub fn new(
        outlet: &Arc<Outlet>,
        line: &LineConfig,
        (login, ca): (Option<Login>, Option<&[u8]>),
        stop: CancellationToken,
    ) -> Result<Self, BadBroker> {
        let own = |door: &Arc<Door>| match &door.source.way {
            Way::Mqtt { line: on, topic, .. } if on == line.id.as_str() => Some((topic.clone(), Arc::clone(door))),
            _ => None,
        };
        let cameras = outlet.doors().filter_map(own).collect();
        Ok(Self { outlet: Arc::clone(outlet), broker: Broker::new(line, login, ca)?, cameras, stop })
    }

    /// Takes events until told to stop.
    pub async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            let why = tokio::select! {
                why = self.once(&mut backoff) => why,
                () = self.stop.cancelled() => return,
            };
            let pause = backoff.pause(fastrand::f64());
            tracing::warn!(broker = %self.broker.address(), why = &*why.en, ?pause, "the broker of cameras is lost");
            self.tell(LinkState::Down, &why).await;
            tokio::select! {
                () = sleep(pause) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    async fn tell(&self, state: LinkState, why: &Text) {
        for (_, door) in &self.cameras {
            self.outlet.link(door, state, why.clone()).await;
        }
    }

    /// One connection, to its end; says why it ended.
    async fn once(&self, backoff: &mut Backoff) -> Text {
        let (to, mut from) = match self.broker.connect().await {
            Ok(open) => open,
            Err(why) => return why,
        };
        let topics: Vec<String> = self.cameras.iter().map(|(topic, _)| topic.clone()).collect();
        let mut missing = 0;
        for batch in topics.chunks(FILTERS_PER_SUBSCRIBE) {
            missing += 1;
            if !to.subscribe(batch.to_vec()) {
                return Text::new("一次订阅过多", "too many subscriptions at once");
            }
        }
        loop {
            let next = if missing > 0 { timeout(CONNECT_WITHIN, from.next()).await } else { Ok(from.next().await) };
            match next {
                Err(_) => return Text::new("代理不应答订阅", "the broker does not answer the subscription"),
                Ok(Err(why)) => return why,
                Ok(Ok(FromBroker::Subscribed { refused })) if refused.is_empty() => {
                    missing -= missing.min(1);
                    if missing == 0 {
                        backoff.worked();
                        self.tell(LinkState::Up, &Text::new("已在代理上订阅", "subscribed at the broker")).await;
                    }
                }
                Ok(Ok(FromBroker::Subscribed { .. })) => {
                    return Text::new(
                        "代理拒绝订阅（请检查线路凭据的权限）",
                        "the broker refuses a subscription: check the rights of the line's credential",
                    );
                }
                Ok(Ok(FromBroker::Publish(publish))) => {
                    if let Err(why) = self.take(&publish, &to).await {
                        return why;
                    }
                }
                Ok(Ok(FromBroker::Alive | FromBroker::Taken)) => {}
            }
        }
    }

    /// One message, acknowledged when done with.
    async fn take(&self, publish: &Publish, to: &impl ToBroker) -> Result<(), Text> {
        let door = self.cameras.iter().find(|(topic, _)| *topic == publish.topic).map(|(_, door)| door);
        if let Some(door) = door.filter(|_| !publish.retain) {
            // A refusal has been told by the outlet.
            if let Ok(draft) = self.outlet.draft(door, &publish.payload, &self.broker.address())
                && self.outlet.deliver(door, draft).await == Verdict::Busy
            {
                return Err(Text::new(
                    "案件台暂时不能接收事件，代理会重新发送",
                    "the case desk does not take an event; the broker will send it again",
                ));
            }
        }
        if publish.qos == QoS::AtMostOnce || to.ack(publish.pkid) {
            return Ok(());
        }
        Err(Text::new("无法发送确认", "acknowledgements cannot be sent"))
    }
}
