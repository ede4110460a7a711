//! Every bound of the intake of camera events, in one place. What happens when one is reached stands beside it.

use std::time::Duration;

/// Largest body of a pushed event by default, bytes; `vision.max_body` changes it. Larger: 413.
pub const BODY_BYTES_MAX: usize = 8 << 20;

/// Largest event document (JSON, XML, text) without its pictures, bytes. Larger: refused. A track of
/// [`crate::model::sight::TRACK_POINTS_MAX`] points takes about 200 KiB.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// Deepest nesting of a document. Deeper: refused before a tree is built.
pub const DEPTH_MAX: usize = 32;

/// Most values of a JSON document or nodes of an XML one. More: refused before it is parsed. Bounds memory at about 100
/// bytes each.
pub const NODES_MAX: usize = 50_000;

/// Largest picture, bytes. Larger: the event is refused (push), or taken without it (stream).
pub const PICTURE_BYTES_MAX: usize = 4 << 20;

/// Most parts of one multipart body. More: refused.
pub const PARTS_MAX: usize = 16;

/// Longest head of a part, bytes. Longer: refused (push), connection dropped (stream).
pub const PART_HEAD_BYTES_MAX: usize = 4096;

/// Most events in one payload. More: refused.
pub const EVENTS_MAX: usize = 32;

/// Longest text field (source, object, kind), bytes. Longer: cut.
pub const TEXT_BYTES_MAX: usize = 256;

/// Longest event id, bytes. Longer ones, and ones with odd characters, are replaced by their own hash.
pub const EVENT_ID_BYTES_MAX: usize = 128;

/// Longest reference to a picture, bytes. Longer: refused.
pub const REFERENCE_BYTES_MAX: usize = 2048;

/// Greatest coordinate, pixels, and greatest share of a picture after scaling. Beyond: refused.
pub const COORDINATE_MAX: f64 = 100_000.0;

/// Greatest time of a track point, seconds: cameras count from their start or from 1970. Beyond: refused.
pub const TRACK_TIME_MAX_S: f64 = 1e11;

/// Connections at once, whole listener. Beyond: the oldest that has not said who it is gives way, else 503.
pub const CONNECTIONS_MAX: usize = 64;

/// Connections at once from one address other than loopback. Beyond: 503.
pub const PER_ADDRESS_MAX: usize = 16;

/// A request's head must be there within this; bounds idle connections, too. Otherwise: closed.
pub const HEADER_WITHIN: Duration = Duration::from_secs(10);

/// A body must be there within this. Otherwise: 408. 8 MiB in it is 2.2 Mbit/s.
pub const BODY_WITHIN: Duration = Duration::from_secs(30);

/// Longest pause between two pieces of a body. Longer: 408.
pub const PIECE_WITHIN: Duration = Duration::from_secs(10);

/// Bytes of bodies held at once, whole listener. Beyond: 503 with `Retry-After`.
pub const BODIES_BYTES_MAX: usize = 32 << 20;

/// Bytes of request head. More: 431.
pub const HEAD_BYTES_MAX: usize = 16 << 10;

/// Requests that a camera may send at once, and then per second. Beyond: 429 with `Retry-After`.
pub const RATE_BURST: f64 = 100.0;
/// See [`RATE_BURST`].
pub const RATE_PER_S: f64 = 20.0;

/// Notes of refusals of one camera at once, and then per second. Beyond: counted only.
pub const NOTES_BURST: f64 = 20.0;
/// See [`NOTES_BURST`].
pub const NOTES_PER_S: f64 = 0.2;

/// Events of one camera that are remembered to know one sent twice.
pub const SEEN_MAX: usize = 512;

/// Words of unknown kind that are counted per camera. Further ones are counted together.
pub const UNKNOWN_WORDS_MAX: usize = 32;

/// The desk must have an event on disk within this. Otherwise the camera is told 503 and sends again.
pub const COMMIT_WITHIN: Duration = Duration::from_secs(5);

/// What a camera that is told to wait should wait, seconds.
pub const RETRY_AFTER_S: u64 = 5;

/// Longest wait for pictures that an event of a stream announced. Then it goes without them.
pub const PICTURES_WITHIN: Duration = Duration::from_millis(500);

/// Pause before an event of a stream is offered to the desk again; meanwhile the stream is not read.
pub const OFFER_AGAIN: Duration = Duration::from_secs(1);

/// Longest wait for a connection to a camera, TLS included.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Largest picture that is fetched, bytes.
pub const FETCH_PICTURE_BYTES_MAX: u64 = 8 << 20;

/// Largest clip that is fetched, bytes.
pub const FETCH_CLIP_BYTES_MAX: u64 = 64 << 20;

/// Fetches at once from all cameras; one from each. Others wait their turn within their own deadline.
pub const FETCHES_MAX: usize = 4;
