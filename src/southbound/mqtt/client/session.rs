//! One connection's life after another: subscribe, take messages, acknowledge what is on disk, give up on trouble.

use std::pin::pin;
use std::time::Duration;

use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::Publish;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::link::{Broker, Feed, FromBroker, ToBroker};
use crate::model::link::{FieldEvent, LinkState};
use crate::model::text::Text;
use crate::southbound::mqtt::limits::{BROKER_INFLIGHT_MAX, FILTERS_PER_SUBSCRIBE};
use crate::southbound::mqtt::route::{Incoming, Key, Router};
use crate::southbound::mqtt::unacked::{Unacked, attach};
use crate::southbound::mqtt::{Outlet, route::Wanted};

/// Longest wait for the broker's answers to our subscriptions.
const SUBSCRIBE_WAIT: Duration = Duration::from_secs(10);

/// A connection that lived so long has worked: the next pause starts short again.
const WORKED_AFTER: Duration = Duration::from_secs(10);

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The line was told to stop.
    Stopped,
    /// Lost, or given up.
    Lost {
        /// In words.
        reason: Text,
        /// Whether it did some good before.
        worked: bool,
    },
}

/// What a receipt tells.
#[derive(Debug, Clone, Copy)]
struct Told {
    connection: u64,
    serial: u64,
    stored: bool,
}

#[derive(Debug)]
struct Taken {
    packet_id: u16,
    keys: Vec<Key>,
}

/// What outlives a connection, and the present one's open messages.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) outlet: Outlet,
    router: Router,
    connection: u64,
    open: Option<Subscribing>,
    unacked: Unacked<Taken>,
    acknowledged: u64,
    tell: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
}

impl Session {
    pub(super) fn new(outlet: Outlet, router: Router) -> Self {
        // As many as there can be packet ids under way; blocks are allocated as they are needed.
        let (tell, told) = mpsc::channel(BROKER_INFLIGHT_MAX);
        Self { outlet, router, connection: 0, open: None, unacked: Unacked::default(), acknowledged: 0, tell, told }
    }

    /// One connection, from CONNECT to its end.
    pub(super) async fn once(&mut self, broker: &Broker, stop: &CancellationToken) -> Ended {
        let connected = tokio::select! {
            connected = broker.connect() => connected,
            () = stop.cancelled() => return Ended::Stopped,
        };
        match connected {
            Ok((to, mut from)) => self.converse(&to, &mut from, &broker.address(), stop).await,
            Err(reason) => Ended::Lost { reason, worked: false },
        }
    }

    /// Waits, with the heart still beating.
    pub(super) async fn idle(&mut self, stop: &CancellationToken, pause: Option<Duration>) {
        let until = pause.map(|pause| Instant::now() + pause);
        let mut tick = interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => return,
                _ = tick.tick() => {
                    // Nobody can be heard: what falls silent now is the line's fault, and told as such.
                    self.router.line_up(self.outlet.clock.boot());
                    drop(self.outlet.tick(&mut self.router));
                }
            }
        }
    }

    /// Speaks over a fresh connection until it ends.
    pub(super) async fn converse(
        &mut self,
        to: &impl ToBroker,
        from: &mut impl Feed,
        address: &str,
        stop: &CancellationToken,
    ) -> Ended {
        self.connection += 1;
        self.acknowledged = 0;
        let since = Instant::now();
        self.open = match subscribe(self.router.wanted(), to) {
            Ok(batches) => Some(Subscribing { batches, answered: 0, until: since + SUBSCRIBE_WAIT }),
            Err(reason) => return Ended::Lost { reason, worked: false },
        };
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = loop {
            match self.next(to, from, &mut tick, stop).await {
                Ok(Heard::Event(FromBroker::Publish(publish))) => {
                    if let Err(reason) = self.take(publish, to).await {
                        break Some(reason);
                    }
                }
                Ok(Heard::Event(FromBroker::Subscribed { refused })) => {
                    self.subscribed(&refused, address).await;
                }
                Ok(Heard::Event(FromBroker::Alive | FromBroker::Taken)) => {}
                Ok(Heard::Stop) => break None,
                Err(reason) => break Some(reason),
            }
        };
        let lost: Vec<Key> = self.unacked.abandon().flat_map(|taken| taken.keys).collect();
        self.router.forget(&lost);
        match ended {
            None => Ended::Stopped,
            Some(reason) => Ended::Lost { reason, worked: self.acknowledged > 0 || since.elapsed() > WORKED_AFTER },
        }
    }

    /// The next thing to react to. Receipts and ticks are served while the same read goes on, so that none is cut off.
    async fn next(
        &mut self,
        to: &impl ToBroker,
        from: &mut impl Feed,
        tick: &mut tokio::time::Interval,
        stop: &CancellationToken,
    ) -> Result<Heard, Text> {
        let mut read = pin!(from.next());
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Heard::Stop),
                Some(told) = self.told.recv() => self.settle(told, to)?,
                event = &mut read => return event.map(Heard::Event),
                _ = tick.tick() => {
                    let links = self.outlet.tick(&mut self.router);
                    self.outlet.emit_all(links, Vec::new()).await;
                    if self.open.as_ref().is_some_and(|open| Instant::now() > open.until) {
                        return Err(Text::new("代理没有应答订阅", "the broker does not answer our subscription"));
                    }
                }
            }
        }
    }

    async fn take(&mut self, publish: Publish, to: &impl ToBroker) -> Result<(), Text> {
        if publish.qos == QoS::ExactlyOnce {
            return Err(Text::new("代理对 QoS 1 订阅发送了 QoS 2", "the broker sent QoS 2 on a QoS 1 subscription"));
        }
        let packet_id = (publish.qos == QoS::AtLeastOnce).then_some(publish.pkid);
        let message = Incoming {
            topic: &publish.topic,
            payload: &publish.payload,
            retained: publish.retain,
            packet_id,
            dup: publish.dup,
            will: false,
            source: self.connection,
        };
        let mut routed = self.router.route(&message, self.outlet.clock.boot());
        if let Some(packet_id) = packet_id {
            if self.unacked.len() >= BROKER_INFLIGHT_MAX {
                return Err(Text::new(
                    "代理在途的消息多于报文标识数",
                    "the broker has more messages under way than there are packet ids",
                ));
            }
            let (connection, serial) = (self.connection, self.unacked.next_serial());
            self.unacked.push(Taken { packet_id, keys: std::mem::take(&mut routed.keys) }, routed.scans.is_empty());
            if !routed.scans.is_empty() {
                let tell = self.tell.clone();
                attach(&mut routed.scans, move |stored| {
                    if tell.try_send(Told { connection, serial, stored }).is_err() {
                        tracing::debug!("a receipt came after its line had ended");
                    }
                });
            }
            self.acknowledge(to)?;
        }
        self.outlet.emit_all(routed.links, routed.scans).await;
        Ok(())
    }

    fn settle(&mut self, told: Told, to: &impl ToBroker) -> Result<(), Text> {
        if told.connection != self.connection {
            return Ok(());
        }
        if !told.stored {
            return Err(Text::new(
                "有消息未能存盘：重新连接，让代理重发",
                "a message could not be stored: connecting again so that the broker sends it again",
            ));
        }
        self.unacked.settle(told.serial);
        self.acknowledge(to)
    }

    fn acknowledge(&mut self, to: &impl ToBroker) -> Result<(), Text> {
        while let Some(taken) = self.unacked.pop() {
            if !to.ack(taken.packet_id) {
                self.router.forget(&taken.keys);
                return Err(Text::new("连接不再接收确认", "the connection takes no more acknowledgements"));
            }
            self.acknowledged += 1;
        }
        Ok(())
    }

    async fn subscribed(&mut self, refused: &[usize], address: &str) {
        let Some(subscribing) = &mut self.open else { return };
        subscribing.answered += 1;
        let complete = subscribing.answered == subscribing.batches;
        let first = (subscribing.answered - 1) * FILTERS_PER_SUBSCRIBE;
        let wanted: Vec<Wanted> =
            refused.iter().filter_map(|ix| self.router.wanted().get(first + ix)).cloned().collect();
        for Wanted { filter, devices } in wanted {
            for device in devices {
                let zh = format!("{address} 拒绝订阅 {filter}（请检查代理的 ACL）");
                let en = format!("{address} refuses the subscription to {filter} (check the broker's ACL)");
                let reason = Text::new(&zh, &en);
                // Through the router: it must know, or it would not say that the device is back.
                if let Some(link) = self.router.refuse(device, &reason, self.outlet.clock.boot()) {
                    self.outlet.emit(FieldEvent::Link(link)).await;
                }
            }
        }
        if complete {
            self.open = None;
            self.router.line_up(self.outlet.clock.boot());
            let (zh, en) = (format!("已连接 {address} 并订阅"), format!("connected to {address} and subscribed"));
            self.outlet.line(LinkState::Up, Text::new(&zh, &en)).await;
        }
    }
}

#[derive(Debug)]
enum Heard {
    Event(FromBroker),
    Stop,
}

/// Subscriptions sent and answered, in batches.
#[derive(Debug)]
struct Subscribing {
    batches: usize,
    answered: usize,
    until: Instant,
}

fn subscribe(wanted: &[Wanted], to: &impl ToBroker) -> Result<usize, Text> {
    let mut batches = 0;
    for batch in wanted.chunks(FILTERS_PER_SUBSCRIBE) {
        if !to.subscribe(batch.iter().map(|w| w.filter.clone()).collect()) {
            return Err(Text::new("连接不接收订阅", "the connection takes no subscription"));
        }
        batches += 1;
    }
    if batches == 0 {
        return Err(Text::new(
            "该线路上没有设备配置主题，无可订阅",
            "no device on this line has a topic: nothing to subscribe to",
        ));
    }
    Ok(batches)
}

#[cfg(test)]
mod tests;
