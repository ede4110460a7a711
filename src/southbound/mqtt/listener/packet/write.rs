//! Replies to bytes, per version.

use bytes::BytesMut;
use rumqttc::mqttbytes::{QoS, v4};
use rumqttc::v5::mqttbytes::{QoS as QoS5, v5};

use super::{Fault, Granted, Refusal, Reply, Taken, Version};
use crate::southbound::mqtt::limits::{INFLIGHT_MAX, PACKET_BYTES_MAX};

/// Appends a reply. What a version has no packet for (a v3.1.1 good-bye) appends nothing.
pub(in super::super) fn write(version: Version, reply: Reply, out: &mut BytesMut) {
    let written = match version {
        Version::V4 => match reply_v4(reply) {
            Some(packet) => packet.write(out, PACKET_BYTES_MAX).is_ok(),
            None => true,
        },
        Version::V5 => reply_v5(reply).write(out, None).is_ok(),
    };
    if !written {
        tracing::error!("a reply could not be encoded");
    }
}

fn reply_v4(reply: Reply) -> Option<v4::Packet> {
    Some(match reply {
        Reply::Welcome { .. } => v4::Packet::ConnAck(v4::ConnAck::new(v4::ConnectReturnCode::Success, false)),
        Reply::Refused(refusal) => v4::Packet::ConnAck(v4::ConnAck::new(refusal_v4(refusal), false)),
        Reply::Ack(id, _) => v4::Packet::PubAck(v4::PubAck::new(id)),
        Reply::Received(id) => v4::Packet::PubRec(v4::PubRec::new(id)),
        Reply::Complete(id, _) => v4::Packet::PubComp(v4::PubComp::new(id)),
        Reply::SubAck(id, granted) => {
            let codes = granted.into_iter().map(|g| match g {
                Granted::Yes => v4::SubscribeReasonCode::Success(QoS::AtMostOnce),
                Granted::NotAllowed | Granted::Invalid | Granted::TooMany => v4::SubscribeReasonCode::Failure,
            });
            v4::Packet::SubAck(v4::SubAck::new(id, codes.collect()))
        }
        Reply::UnsubAck(id, _) => v4::Packet::UnsubAck(v4::UnsubAck::new(id)),
        Reply::Pong => v4::Packet::PingResp,
        Reply::Command { topic, payload } => {
            v4::Packet::Publish(v4::Publish::from_bytes(topic, QoS::AtMostOnce, payload))
        }
        Reply::Bye(_) => return None,
    })
}

fn refusal_v4(refusal: Refusal) -> v4::ConnectReturnCode {
    match refusal {
        Refusal::Version => v4::ConnectReturnCode::RefusedProtocolVersion,
        Refusal::NotAuthorised | Refusal::Will | Refusal::WillQos | Refusal::Method => {
            v4::ConnectReturnCode::NotAuthorized
        }
        Refusal::ClientId => v4::ConnectReturnCode::BadClientId,
        Refusal::Busy => v4::ConnectReturnCode::ServiceUnavailable,
    }
}

fn reply_v5(reply: Reply) -> v5::Packet {
    match reply {
        Reply::Welcome { assigned, keep_alive_s } => v5::Packet::ConnAck(v5::ConnAck {
            session_present: false,
            code: v5::ConnectReturnCode::Success,
            properties: Some(welcome(assigned, keep_alive_s)),
        }),
        Reply::Refused(refusal) => {
            v5::Packet::ConnAck(v5::ConnAck { session_present: false, code: refusal_v5(refusal), properties: None })
        }
        Reply::Ack(id, taken) => {
            let reason = match taken {
                Taken::Stored => v5::PubAckReason::Success,
                Taken::Nobodys => v5::PubAckReason::NoMatchingSubscribers,
                Taken::NotAllowed => v5::PubAckReason::NotAuthorized,
            };
            v5::Packet::PubAck(v5::PubAck { pkid: id, reason, properties: None })
        }
        Reply::Received(id) => {
            v5::Packet::PubRec(v5::PubRec { pkid: id, reason: v5::PubRecReason::Success, properties: None })
        }
        Reply::Complete(id, known) => {
            let reason = if known { v5::PubCompReason::Success } else { v5::PubCompReason::PacketIdentifierNotFound };
            v5::Packet::PubComp(v5::PubComp { pkid: id, reason, properties: None })
        }
        Reply::SubAck(id, granted) => {
            let codes = granted.into_iter().map(|g| match g {
                Granted::Yes => v5::SubscribeReasonCode::Success(QoS5::AtMostOnce),
                Granted::NotAllowed => v5::SubscribeReasonCode::NotAuthorized,
                Granted::Invalid => v5::SubscribeReasonCode::TopicFilterInvalid,
                Granted::TooMany => v5::SubscribeReasonCode::QuotaExceeded,
            });
            v5::Packet::SubAck(v5::SubAck { pkid: id, return_codes: codes.collect(), properties: None })
        }
        Reply::UnsubAck(id, known) => {
            let reasons = known.into_iter().map(|known| {
                if known { v5::UnsubAckReason::Success } else { v5::UnsubAckReason::NoSubscriptionExisted }
            });
            v5::Packet::UnsubAck(v5::UnsubAck { pkid: id, reasons: reasons.collect(), properties: None })
        }
        Reply::Pong => v5::Packet::PingResp(v5::PingResp),
        Reply::Command { topic, payload } => {
            v5::Packet::Publish(v5::Publish::new(topic, QoS5::AtMostOnce, payload, None))
        }
        Reply::Bye(fault) => v5::Packet::Disconnect(v5::Disconnect { reason_code: bye_v5(fault), properties: None }),
    }
}

/// What this intake can and cannot do (3.2.2.3): no stored session, QoS 1 at most, no aliases, no identifiers.
fn welcome(assigned: Option<String>, keep_alive_s: Option<u16>) -> v5::ConnAckProperties {
    v5::ConnAckProperties {
        session_expiry_interval: Some(0),
        receive_max: Some(INFLIGHT_MAX),
        max_qos: Some(1),
        retain_available: None,
        max_packet_size: u32::try_from(PACKET_BYTES_MAX).ok(),
        assigned_client_identifier: assigned,
        topic_alias_max: None,
        reason_string: None,
        user_properties: Vec::new(),
        wildcard_subscription_available: None,
        subscription_identifiers_available: Some(0),
        shared_subscription_available: Some(0),
        server_keep_alive: keep_alive_s,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
    }
}

fn refusal_v5(refusal: Refusal) -> v5::ConnectReturnCode {
    match refusal {
        Refusal::Version => v5::ConnectReturnCode::UnsupportedProtocolVersion,
        Refusal::NotAuthorised | Refusal::Will => v5::ConnectReturnCode::NotAuthorized,
        Refusal::WillQos => v5::ConnectReturnCode::QoSNotSupported,
        Refusal::ClientId => v5::ConnectReturnCode::ClientIdentifierNotValid,
        Refusal::Busy => v5::ConnectReturnCode::ServerBusy,
        Refusal::Method => v5::ConnectReturnCode::BadAuthenticationMethod,
    }
}

fn bye_v5(fault: Fault) -> v5::DisconnectReasonCode {
    use v5::DisconnectReasonCode as Code;
    match fault {
        Fault::Malformed => Code::MalformedPacket,
        Fault::Protocol | Fault::Version => Code::ProtocolError,
        Fault::TooLarge => Code::PacketTooLarge,
        Fault::Qos => Code::QoSNotSupported,
        Fault::Topic => Code::TopicNameInvalid,
        Fault::Alias => Code::TopicAliasInvalid,
        Fault::SubscriptionId => Code::SubscriptionIdentifiersNotSupported,
        Fault::NotAllowed => Code::NotAuthorized,
        Fault::TooManyOpen => Code::ReceiveMaximumExceeded,
        Fault::KeepAlive => Code::KeepAliveTimeout,
        Fault::TakenOver => Code::SessionTakenOver,
        Fault::Slow => Code::QuotaExceeded,
        Fault::NotStored => Code::ServerBusy,
        Fault::Stopping => Code::ServerShuttingDown,
    }
}
