//! Against a scripted broker: order of acknowledgements, refusals, subscriptions.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::*;
use crate::clock::SystemClock;
use crate::model::id::LineIx;
use crate::model::live::Live;
use crate::model::time::BootMs;
use crate::southbound::mqtt::route::Flood;

#[derive(Debug, Default)]
struct Sent(Mutex<(Vec<String>, Vec<u16>)>);

impl ToBroker for Sent {
    fn subscribe(&self, filters: Vec<String>) -> bool {
        self.0.lock().unwrap().0.extend(filters);
        true
    }

    fn ack(&self, packet_id: u16) -> bool {
        self.0.lock().unwrap().1.push(packet_id);
        true
    }
}

struct Script(VecDeque<FromBroker>);

impl Feed for Script {
    async fn next(&mut self) -> Result<FromBroker, Text> {
        self.0.pop_front().ok_or_else(|| Text::same("the broker closed the connection"))
    }
}

fn session() -> (Session, mpsc::Receiver<FieldEvent>) {
    let (out, events) = mpsc::channel(16);
    let live = Arc::new(Live::new(0, 0, 1, BootMs(0)));
    let outlet = Outlet { line: LineIx(0), clock: Arc::new(SystemClock), out, live, heartbeat: Arc::default() };
    (Session::new(outlet, Router::new(Vec::new(), Flood::Drop).unwrap()), events)
}

#[tokio::test]
async fn a_line_without_topics_says_so() {
    let (mut session, _events) = session();
    let ended =
        session.converse(&Sent::default(), &mut Script(VecDeque::new()), "b:1", &CancellationToken::new()).await;
    assert!(matches!(ended, Ended::Lost { reason, worked: false } if reason.en.contains("nothing to subscribe")));
}

#[test]
fn acknowledgements_keep_the_order_of_arrival() {
    let (mut session, _events) = session();
    let sent = Sent::default();
    for packet_id in [5, 6, 7] {
        session.unacked.push(Taken { packet_id, keys: Vec::new() }, false);
    }
    let told = |serial, connection, stored| Told { connection, serial, stored };
    session.settle(told(1, 0, true), &sent).unwrap();
    assert!(sent.0.lock().unwrap().1.is_empty());
    session.settle(told(0, 9, true), &sent).unwrap();
    assert!(sent.0.lock().unwrap().1.is_empty(), "a receipt of another connection");
    session.settle(told(0, 0, true), &sent).unwrap();
    assert_eq!(sent.0.lock().unwrap().1, [5, 6]);
    assert!(session.settle(told(2, 0, false), &sent).is_err(), "not stored: the connection is given up");
    assert_eq!(sent.0.lock().unwrap().1, [5, 6]);
}
