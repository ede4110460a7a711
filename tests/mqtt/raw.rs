//! A client that sends any bytes it likes, and reads MQTT packets back one by one.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::SOON;

pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) async fn open(at: SocketAddr) -> Self {
        Self(TcpStream::connect(at).await.unwrap())
    }

    /// Connected and accepted over v3.1.1.
    pub(crate) async fn v4(at: SocketAddr, id: &str, user: &str) -> Self {
        let mut raw = Self::open(at).await;
        raw.send(&connect(4, id, user, &format!("pw-{user}"), 60)).await;
        assert_eq!(raw.packet().await, Some(vec![0x20, 2, 0, 0]));
        raw
    }

    /// Connected and accepted over v5; the CONNACK comes along.
    pub(crate) async fn v5(at: SocketAddr, id: &str, user: &str) -> (Self, Vec<u8>) {
        let mut raw = Self::open(at).await;
        raw.send(&connect(5, id, user, &format!("pw-{user}"), 60)).await;
        let ack = raw.packet().await.unwrap();
        assert_eq!((ack[0], ack[3]), (0x20, 0), "{ack:?}");
        (raw, ack)
    }

    /// Sends; a peer that has closed already is no error.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        if self.0.write_all(bytes).await.is_err() {
            println!("the listener had closed already");
        }
    }

    /// The next packet (shorter than 128 bytes); `None` when the connection closes.
    pub(crate) async fn packet(&mut self) -> Option<Vec<u8>> {
        let read = async {
            let mut head = [0_u8; 2];
            self.0.read_exact(&mut head).await.ok()?;
            assert!(head[1] < 128, "no short packet");
            let mut packet = vec![0; 2 + usize::from(head[1])];
            packet[..2].copy_from_slice(&head);
            self.0.read_exact(&mut packet[2..]).await.ok()?;
            Some(packet)
        };
        tokio::time::timeout(SOON, read).await.expect("neither a packet nor an end in time")
    }

    /// Reads until the listener closes; what came before.
    pub(crate) async fn closed(&mut self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        while let Some(packet) = self.packet().await {
            packets.push(packet);
        }
        packets
    }

    /// Nothing comes for a while (the only place where a test has to wait for something not to happen).
    pub(crate) async fn nothing(&mut self) {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_millis(150), self.0.read(&mut byte)).await;
        assert!(read.is_err(), "something came: {read:?} {byte:?}");
    }
}

pub(crate) fn string(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

/// Header, remaining length, body.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut left = body.len();
    loop {
        let low = u8::try_from(left % 128).unwrap();
        left /= 128;
        bytes.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

pub(crate) fn connect(level: u8, id: &str, user: &str, password: &str, keep_alive_s: u16) -> Vec<u8> {
    connect_with(level, id, user, password, keep_alive_s, None)
}

/// With a will of topic and payload.
pub(crate) fn connect_with(
    level: u8,
    id: &str,
    user: &str,
    password: &str,
    keep_alive_s: u16,
    will: Option<(&str, &str)>,
) -> Vec<u8> {
    let mut body = string("MQTT");
    body.push(level);
    body.push(0xC2 | if will.is_some() { 4 } else { 0 });
    body.extend(keep_alive_s.to_be_bytes());
    if level == 5 {
        body.push(0);
    }
    body.extend(string(id));
    if let Some((topic, payload)) = will {
        if level == 5 {
            body.push(0);
        }
        body.extend(string(topic));
        body.extend(string(payload));
    }
    body.extend(string(user));
    body.extend(string(password));
    packet(0x10, &body)
}

pub(crate) fn publish(level: u8, qos: u8, id: u16, topic: &str, payload: &str) -> Vec<u8> {
    let mut body = string(topic);
    if qos > 0 {
        body.extend(id.to_be_bytes());
    }
    if level == 5 {
        body.push(0);
    }
    body.extend(payload.as_bytes());
    packet(0x30 | qos << 1, &body)
}

pub(crate) fn subscribe(level: u8, id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if level == 5 {
        body.push(0);
    }
    for filter in filters {
        body.extend(string(filter));
        body.push(1);
    }
    packet(0x82, &body)
}
