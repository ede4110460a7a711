//! Every bound of MQTT in, in one place. What happens when one is reached stands beside it.

use std::time::Duration;

/// Longest topic or filter, bytes. Longer: listener closes, client drops and counts.
pub const TOPIC_BYTES_MAX: usize = 256;

/// Largest payload, bytes. Larger: listener closes, client drops and counts.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// Largest remaining length after authentication: payload, topic and room for v5 properties. Larger: close.
pub const PACKET_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 4096;

/// Largest remaining length before authentication. Larger: close at the header, before anything is allocated for it.
pub const CONNECT_BYTES_MAX: usize = 4 * 1024 - 5;

/// TLS handshake and CONNECT together must be there within this. Otherwise: close.
pub const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// Clients that have not authenticated yet, whole listener. Beyond: closed at accept.
pub const UNKNOWN_CLIENTS_MAX: usize = 64;

/// Clients that have not authenticated yet, per address. Beyond: closed at accept.
pub const UNKNOWN_PER_ADDRESS_MAX: usize = 8;

/// Connections of one login: this many plus two per device. Beyond: CONNACK "busy".
pub const CLIENTS_PER_LOGIN_BASE: usize = 4;

/// Unacknowledged messages of one client (v5 receive maximum). Reached: the socket is not read until one is on disk.
pub const INFLIGHT_MAX: u16 = 20;

/// QoS 2 packet ids that wait for PUBREL, per client. Beyond: close.
pub const RELEASE_MAX: usize = 256;

/// Longest keep-alive, seconds; enforced at 1.5 times (v5 clients are told, v3.1.1 clients have no way to be told).
pub const KEEP_ALIVE_S_MAX: u16 = 120;

/// Commands waiting for one slow client. Full: the client is disconnected.
pub const DOWN_QUEUE_MAX: usize = 16;

/// Longest wait until a client takes what we write. Beyond: disconnected.
pub const WRITE_WAIT: Duration = Duration::from_secs(10);

/// Subscriptions of one client. Beyond: refused with "quota exceeded" (v5) or failure (v3.1.1).
pub const SUBSCRIPTIONS_MAX: usize = 16;

/// Take-overs of one client id at once, and one more per [`TAKE_OVER_EVERY_MS`]. Beyond: CONNACK "busy".
pub const TAKE_OVER_BURST: f64 = 3.0;

/// See [`TAKE_OVER_BURST`].
pub const TAKE_OVER_EVERY_MS: f64 = 5_000.0;

/// Messages of one device, per second. Beyond, at the listener: QoS 0 dropped and counted, QoS 1 and 2 delayed (the
/// socket is not read). Beyond, from a broker: dropped and counted, since a delay would hold up every other device of
/// that broker.
pub const DEVICE_RATE_PER_S: f64 = 50.0;

/// Messages of one device that may come at once at the listener.
pub const DEVICE_BURST: f64 = 100.0;

/// Messages of one device that may come at once from a broker: what it kept while gatehouse was away.
pub const DEVICE_BACKLOG: f64 = 20_000.0;

/// Deliveries remembered per device to recognise duplicates. Full: the oldest is forgotten.
pub const DEDUP_MAX: usize = 64;

/// Topics remembered per device on which something came live over this connection. Full: the oldest is forgotten, and a
/// retained message of it would count again.
pub const LIVE_TOPICS_MAX: usize = 16;

/// How long a redelivery (DUP flag) is recognised without a key of its own. Older: a new message.
pub const DUP_WINDOW_MS: i64 = 60_000;

/// How long a delivery with a key of its own is recognised. Older: a new message, since frame counters start again after
/// a battery change.
pub const KEY_WINDOW_MS: i64 = 600_000;

/// Longest wait for the pipeline to take an event. Beyond: the event is dropped, and its sender told to send again.
pub const PIPELINE_WAIT: Duration = Duration::from_secs(10);

/// Keep-alive of the client line; a dead broker is noticed after two of them.
pub const CLIENT_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Filters in one SUBSCRIBE.
pub const FILTERS_PER_SUBSCRIBE: usize = 64;

/// Publishes taken from a broker and not acknowledged yet: as many as there are packet ids.
pub const BROKER_INFLIGHT_MAX: usize = 65_535;

/// First and longest pause before the client connects again.
pub const RECONNECT_FIRST_MS: u64 = 500;

/// See [`RECONNECT_FIRST_MS`].
pub const RECONNECT_MAX_MS: u64 = 30_000;
