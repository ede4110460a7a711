//! Packets without the version: what a client said, what we answer. The only file of the listener that names the codecs.
//!
//! The codecs are `rumqttc`'s. What they leave open is closed here or in [`super::frame`]: a body that is shorter than it
//! says is malformed and not "wait for more"; v5 topics are checked to be UTF-8; a v5 DISCONNECT without a body is a
//! good-bye; a panic in a codec counts as a malformed packet.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::{QoS, v4};
use rumqttc::v5::mqttbytes::v5;

use crate::southbound::mqtt::Login;
use crate::southbound::mqtt::limits::PACKET_BYTES_MAX;

mod write;

pub(super) use write::write;

/// Protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// MQTT 3.1.1.
    V4,
    /// MQTT 5.0.
    V5,
}

/// Why a connection is ended by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("sent a malformed packet")]
    Malformed,
    #[error("sent a packet that does not belong there")]
    Protocol,
    #[error("sent a packet that is too large")]
    TooLarge,
    #[error("speaks a version of MQTT other than 3.1.1 and 5.0")]
    Version,
    #[error("used QoS 2 although told that 1 is the most")]
    Qos,
    #[error("used a topic name that is invalid or too long")]
    Topic,
    #[error("used a topic alias although told that there are none")]
    Alias,
    #[error("used a subscription identifier although told that there are none")]
    SubscriptionId,
    #[error("published outside its own topics")]
    NotAllowed,
    #[error("has too many QoS 2 messages waiting for release")]
    TooManyOpen,
    #[error("was silent for longer than its keep-alive")]
    KeepAlive,
    #[error("connected again elsewhere")]
    TakenOver,
    #[error("does not take what is sent to it")]
    Slow,
    #[error("sent a message that could not be stored")]
    NotStored,
    #[error("gatehouse stops")]
    Stopping,
}

impl Fault {
    /// The same in Chinese, after "the device".
    pub(super) fn zh(self) -> &'static str {
        match self {
            Self::Malformed => "发来了格式错误的报文",
            Self::Protocol => "发来了不该出现的报文",
            Self::TooLarge => "发来的报文过大",
            Self::Version => "使用的 MQTT 版本不是 3.1.1 或 5.0",
            Self::Qos => "使用了 QoS 2（最高为 1）",
            Self::Topic => "使用的主题名无效或过长",
            Self::Alias => "使用了主题别名（不支持）",
            Self::SubscriptionId => "使用了订阅标识（不支持）",
            Self::NotAllowed => "在自己的主题之外发布",
            Self::TooManyOpen => "等待释放的 QoS 2 消息过多",
            Self::KeepAlive => "沉默超过了保活时间",
            Self::TakenOver => "在别处重新连接",
            Self::Slow => "不接收发给它的数据",
            Self::NotStored => "的一条消息未能存盘",
            Self::Stopping => "：gatehouse 正在停止",
        }
    }
}

/// Why a CONNECT is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("unsupported version of MQTT")]
    Version,
    #[error("wrong user name or password, or none")]
    NotAuthorised,
    #[error("a will outside its own topics")]
    Will,
    #[error("a will with QoS 2")]
    WillQos,
    #[error("an empty client id without a clean session")]
    ClientId,
    #[error("too many clients")]
    Busy,
    #[error("an authentication method that is not known here")]
    Method,
}

/// A CONNECT.
#[derive(Debug, Clone)]
pub(super) struct Hello {
    pub(super) version: Version,
    pub(super) client_id: String,
    pub(super) clean: bool,
    pub(super) keep_alive_s: u16,
    pub(super) login: Option<Login>,
    pub(super) will: Option<Message>,
    /// v5 enhanced authentication was asked for.
    pub(super) method: bool,
}

/// A PUBLISH, or a will.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) qos: u8,
    pub(super) id: u16,
    pub(super) dup: bool,
}

/// What a client said.
#[derive(Debug, Clone)]
pub(super) enum Received {
    Publish(Message),
    /// PUBREL.
    Release(u16),
    Subscribe {
        id: u16,
        filters: Vec<String>,
    },
    Unsubscribe {
        id: u16,
        filters: Vec<String>,
    },
    Ping,
    /// DISCONNECT; v5 clients may ask for their will all the same.
    Goodbye {
        will: bool,
    },
}

/// How a message was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Stored,
    Nobodys,
    NotAllowed,
}

/// How a filter was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Granted {
    /// At QoS 0, whatever was asked for: commands are read back, not redelivered.
    Yes,
    NotAllowed,
    Invalid,
    TooMany,
}

/// What we say.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    Welcome {
        assigned: Option<String>,
        keep_alive_s: Option<u16>,
    },
    Refused(Refusal),
    /// PUBACK.
    Ack(u16, Taken),
    /// PUBREC.
    Received(u16),
    /// PUBCOMP.
    Complete(u16, bool),
    SubAck(u16, Vec<Granted>),
    UnsubAck(u16, Vec<bool>),
    Pong,
    /// A command to the device, QoS 0.
    Command {
        topic: String,
        payload: Bytes,
    },
    /// v5 tells why; v3.1.1 has no such packet, the connection just closes.
    Bye(Fault),
}

/// Reads a whole CONNECT of a version found by [`super::frame::version`].
pub(super) fn hello(version: Version, frame: &[u8]) -> Result<Hello, Fault> {
    shielded(|| match version {
        Version::V4 => match read_v4(frame)? {
            v4::Packet::Connect(connect) => Ok(hello_v4(connect)),
            _ => Err(Fault::Protocol),
        },
        Version::V5 => match read_v5(frame)? {
            v5::Packet::Connect(connect, will, login) => hello_v5(connect, will, login),
            _ => Err(Fault::Protocol),
        },
    })
}

/// Reads any later packet.
pub(super) fn read(version: Version, frame: &[u8]) -> Result<Received, Fault> {
    shielded(|| match version {
        Version::V4 => received_v4(read_v4(frame)?),
        Version::V5 if frame == [0xE0, 0] => Ok(Received::Goodbye { will: false }),
        Version::V5 => received_v5(read_v5(frame)?),
    })
}

fn shielded<T>(read: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(Fault::Malformed))
}

fn read_v4(frame: &[u8]) -> Result<v4::Packet, Fault> {
    v4::Packet::read(&mut BytesMut::from(frame), PACKET_BYTES_MAX).map_err(|_| Fault::Malformed)
}

fn read_v5(frame: &[u8]) -> Result<v5::Packet, Fault> {
    v5::Packet::read(&mut BytesMut::from(frame), None).map_err(|_| Fault::Malformed)
}

fn hello_v4(connect: v4::Connect) -> Hello {
    Hello {
        version: Version::V4,
        client_id: connect.client_id,
        clean: connect.clean_session,
        keep_alive_s: connect.keep_alive,
        login: connect.login.map(|l| Login { user: l.username, password: l.password }),
        will: connect.last_will.map(|w| Message {
            topic: w.topic,
            payload: w.message,
            qos: qos_v4(w.qos),
            id: 0,
            dup: false,
        }),
        method: false,
    }
}

fn hello_v5(connect: v5::Connect, will: Option<v5::LastWill>, login: Option<v5::Login>) -> Result<Hello, Fault> {
    let will = match will {
        Some(w) => Some(Message { topic: text(&w.topic)?, payload: w.message, qos: w.qos as u8, id: 0, dup: false }),
        None => None,
    };
    Ok(Hello {
        version: Version::V5,
        client_id: connect.client_id,
        clean: connect.clean_start,
        keep_alive_s: connect.keep_alive,
        login: login.map(|l| Login { user: l.username, password: l.password }),
        will,
        method: connect.properties.is_some_and(|p| p.authentication_method.is_some()),
    })
}

fn received_v4(packet: v4::Packet) -> Result<Received, Fault> {
    Ok(match packet {
        v4::Packet::Publish(p) => Received::Publish(Message {
            qos: qos_v4(p.qos),
            topic: p.topic,
            payload: p.payload,
            id: p.pkid,
            dup: p.dup,
        }),
        v4::Packet::PubRel(p) => Received::Release(nonzero(p.pkid)?),
        v4::Packet::Subscribe(s) => {
            Received::Subscribe { id: nonzero(s.pkid)?, filters: s.filters.into_iter().map(|f| f.path).collect() }
        }
        v4::Packet::Unsubscribe(u) if !u.topics.is_empty() => {
            Received::Unsubscribe { id: nonzero(u.pkid)?, filters: u.topics }
        }
        v4::Packet::PingReq => Received::Ping,
        v4::Packet::Disconnect => Received::Goodbye { will: false },
        _ => return Err(Fault::Protocol),
    })
}

fn received_v5(packet: v5::Packet) -> Result<Received, Fault> {
    Ok(match packet {
        v5::Packet::Publish(p) => {
            if p.properties.is_some_and(|properties| properties.topic_alias.is_some()) {
                return Err(Fault::Alias);
            }
            let topic = text(&p.topic)?;
            Received::Publish(Message { qos: p.qos as u8, topic, payload: p.payload, id: p.pkid, dup: p.dup })
        }
        v5::Packet::PubRel(p) => Received::Release(nonzero(p.pkid)?),
        v5::Packet::Subscribe(s) if !s.filters.is_empty() => {
            if s.properties.is_some_and(|properties| properties.id.is_some()) {
                return Err(Fault::SubscriptionId);
            }
            Received::Subscribe { id: nonzero(s.pkid)?, filters: s.filters.into_iter().map(|f| f.path).collect() }
        }
        v5::Packet::Unsubscribe(u) if !u.filters.is_empty() => {
            Received::Unsubscribe { id: nonzero(u.pkid)?, filters: u.filters }
        }
        v5::Packet::PingReq(_) => Received::Ping,
        v5::Packet::Disconnect(d) => {
            Received::Goodbye { will: d.reason_code != v5::DisconnectReasonCode::NormalDisconnection }
        }
        _ => return Err(Fault::Protocol),
    })
}

fn qos_v4(qos: QoS) -> u8 {
    qos as u8
}

fn text(bytes: &[u8]) -> Result<String, Fault> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Fault::Malformed)
}

/// 2.2.1: a packet id is never 0.
fn nonzero(id: u16) -> Result<u16, Fault> {
    if id == 0 { Err(Fault::Malformed) } else { Ok(id) }
}
