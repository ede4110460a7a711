//! Headers, and any bytes at all through header and codec: an answer, never a panic.

use proptest::prelude::*;

use super::*;
use crate::southbound::mqtt::listener::packet::{hello, read};

#[test]
fn headers() {
    for (bytes, max, want) in [
        (&[][..], 100, Ok(None)),
        (&[0x10], 100, Ok(None)),
        (&[0xC0, 0], 100, Ok(Some(2))),
        (&[0x30, 0x80], 100_000, Ok(None)),
        (&[0x30, 0x80, 1], 100_000, Ok(Some(131))),
        (&[0x30, 0xFF, 0xFF, 0xFF, 0x7F], 68 * 1024, Err(Fault::TooLarge)),
        (&[0x30, 0x80, 0x80, 0x80, 0x80], usize::MAX, Err(Fault::Malformed)),
        (&[0x30, 0x80, 0], 100, Err(Fault::Malformed)),
        (&[0x30, 101], 100, Err(Fault::TooLarge)),
        (&[0x36, 5], 100, Err(Fault::Malformed)),
        (&[0x38, 5], 100, Err(Fault::Malformed)),
        (&[0x80, 5], 100, Err(Fault::Malformed)),
        (&[0x20, 2], 100, Err(Fault::Protocol)),
        (&[0xF0, 2], 100, Err(Fault::Protocol)),
        (&[0x00, 2], 100, Err(Fault::Malformed)),
    ] {
        assert_eq!(measure(bytes, max), want, "{bytes:x?}");
    }
}

/// A packet with a right header and any body.
fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut left = body.len();
    loop {
        let low = u8::try_from(left % 128).expect("below 128");
        left /= 128;
        bytes.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

fn swallow(bytes: &[u8]) {
    if let Ok(Some(length)) = measure(bytes, 4096)
        && let Some(packet) = bytes.get(..length)
    {
        for level in [Version::V4, Version::V5] {
            let outcome = (read(level, packet).is_ok(), hello(level, packet).is_ok(), version(packet).is_ok());
            std::hint::black_box(outcome);
        }
    }
}

/// Every property of v5 and every flag may stand in the way of a body that is cut anywhere.
#[test]
fn cut_anywhere() {
    let mut connect = vec![0, 4, b'M', b'Q', b'T', b'T', 5, 0xC6, 0, 60, 5, 17, 0, 0, 0, 1, 0, 1, b'x', 0];
    connect.extend([0, 1, b'w', 0, 1, b'm', 0, 1, b'u', 0, 1, b'p']);
    for length in 0..=connect.len() {
        swallow(&framed(0x10, &connect[..length]));
    }
    assert!(hello(Version::V5, &framed(0x10, &connect)).is_ok());
    for length in 0..connect.len() {
        assert!(hello(Version::V5, &framed(0x10, &connect[..length])).is_err(), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        swallow(&bytes);
    }

    #[test]
    fn any_body(
        first in prop::sample::select(vec![0x10, 0x30, 0x32, 0x34, 0x3B, 0x40, 0x50, 0x62, 0x70, 0x82, 0xA2, 0xC0, 0xE0]),
        body in prop::collection::vec(prop::sample::select(vec![0_u8, 1, 2, 4, 5, 17, 22, 33, 35, 38, 0x7F, 0x80, 0xFF]), 0..200),
    ) {
        swallow(&framed(first, &body));
    }

    #[test]
    fn any_connect(flags in any::<u8>(), level in 3_u8..7, body in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut whole = vec![0, 4, b'M', b'Q', b'T', b'T', level, flags, 0, 60];
        whole.extend(body);
        swallow(&framed(0x10, &whole));
    }
}
