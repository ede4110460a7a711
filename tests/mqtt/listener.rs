//! The listener against raw bytes: acknowledgement, rights, limits.

use std::time::Duration;

use gatehouse::model::link::{FieldEvent, LinkState};

use crate::raw::{Raw, connect, connect_with, packet, publish, string, subscribe};
use crate::rig::{listen, logins, value};

const A_UP: &str = "site/a/up";

#[tokio::test]
async fn acknowledges_after_the_receipt_and_in_order() {
    let mut on = listen(logins(), None).await;
    for (level, ack) in [(4_u8, 0x40_u8), (5, 0x40)] {
        let mut device = match level {
            4 => Raw::v4(on.at, "x", "a").await,
            _ => Raw::v5(on.at, "y", "a").await.0,
        };
        device.send(&publish(level, 1, 7, A_UP, r#"{"v":1}"#)).await;
        device.send(&publish(level, 1, 8, A_UP, r#"{"v":2}"#)).await;
        let first = on.rig.scan().await;
        let second = on.rig.scan().await;
        assert_eq!((value(&first), value(&second)), ((0, 1.0), (0, 2.0)));
        device.nothing().await;
        second.receipt.unwrap().committed();
        device.nothing().await;
        first.receipt.unwrap().committed();
        assert_eq!(device.packet().await, Some(vec![ack, 2, 0, 7]));
        assert_eq!(device.packet().await, Some(vec![ack, 2, 0, 8]));
        device.send(&[0xC0, 0]).await;
        assert_eq!(device.packet().await, Some(vec![0xD0, 0]));
        device.send(&[0xE0, 0]).await;
        assert!(device.closed().await.is_empty());
    }
}

#[tokio::test]
async fn a_refused_message_closes_and_is_new_when_it_comes_again() {
    let mut on = listen(logins(), None).await;
    let mut device = Raw::v4(on.at, "x", "a").await;
    device.send(&publish(4, 1, 7, A_UP, r#"{"v":1}"#)).await;
    drop(on.rig.scan().await);
    assert!(device.closed().await.is_empty(), "no PUBACK");
    let mut again = publish(4, 1, 7, A_UP, r#"{"v":1}"#);
    again[0] |= 8;
    let mut device = Raw::v4(on.at, "x", "a").await;
    device.send(&again).await;
    assert_eq!(on.rig.committed().await, (0, 1.0));
    assert_eq!(device.packet().await, Some(vec![0x40, 2, 0, 7]));
    device.send(&again).await;
    assert_eq!(device.packet().await, Some(vec![0x40, 2, 0, 7]), "a duplicate is acknowledged, not stored");
    assert!(on.rig.events.try_recv().is_ok_and(|e| matches!(e, FieldEvent::Link(_))) || on.rig.events.is_empty());
}

#[tokio::test]
async fn qos_2_whole_handshake() {
    let mut on = listen(logins(), None).await;
    let mut device = Raw::v4(on.at, "x", "a").await;
    let message = publish(4, 2, 9, A_UP, r#"{"v":5}"#);
    device.send(&message).await;
    let scan = on.rig.scan().await;
    device.send(&message).await;
    device.nothing().await;
    scan.receipt.unwrap().committed();
    assert_eq!(device.packet().await, Some(vec![0x50, 2, 0, 9]));
    device.send(&message).await;
    assert_eq!(device.packet().await, Some(vec![0x50, 2, 0, 9]), "the same message, not a second");
    device.send(&[0x62, 2, 0, 9]).await;
    assert_eq!(device.packet().await, Some(vec![0x70, 2, 0, 9]));
    device.send(&[0x62, 2, 0, 9]).await;
    assert_eq!(device.packet().await, Some(vec![0x70, 2, 0, 9]));
    device.send(&message).await;
    assert_eq!(on.rig.committed().await, (0, 5.0), "after PUBREL the id is free");
    assert_eq!(device.packet().await, Some(vec![0x50, 2, 0, 9]));
}

#[tokio::test]
async fn twenty_under_way_then_the_socket_is_not_read() {
    let mut on = listen(logins(), None).await;
    let mut device = Raw::v4(on.at, "x", "a").await;
    for id in 1..=60 {
        device.send(&publish(4, 1, id, A_UP, &format!("{{\"v\":{id}}}"))).await;
    }
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(on.rig.scan().await);
    }
    device.nothing().await;
    assert!(on.rig.events.is_empty(), "no more than 20");
    for scan in waiting {
        scan.receipt.unwrap().committed();
    }
    for id in 21..=60 {
        assert_eq!(on.rig.committed().await, (0, f64::from(id)));
    }
    for id in 1..=60 {
        assert_eq!(device.packet().await, Some(vec![0x40, 2, 0, id]));
    }
}

#[tokio::test]
async fn who_gets_in() {
    let on = listen(logins(), None).await;
    let will = |topic| connect_with(4, "x", "a", "pw-a", 60, Some((topic, "bye")));
    let will5 = |topic| connect_with(5, "x", "a", "pw-a", 60, Some((topic, "bye")));
    let mut old = string("MQIsdp");
    old.extend([3, 2, 0, 60]);
    old.extend(string("x"));
    let mut anonymous = string("MQTT");
    anonymous.extend([4, 2, 0, 60]);
    anonymous.extend(string("x"));
    for (what, bytes, answer) in [
        ("right", connect(4, "x", "a", "pw-a", 60), vec![0x20, 2, 0, 0]),
        ("wrong password", connect(4, "x", "a", "pw-b", 60), vec![0x20, 2, 0, 5]),
        ("wrong password, v5", connect(5, "x", "a", "pw-b", 60), vec![0x20, 3, 0, 0x87, 0]),
        ("unknown user", connect(4, "x", "z", "pw-a", 60), vec![0x20, 2, 0, 5]),
        ("empty password", connect(4, "x", "a", "", 60), vec![0x20, 2, 0, 5]),
        ("nobody", packet(0x10, &anonymous), vec![0x20, 2, 0, 5]),
        ("neighbour's will", will("site/b/status"), vec![0x20, 2, 0, 5]),
        ("neighbour's will, v5", will5("site/b/status"), vec![0x20, 3, 0, 0x87, 0]),
        ("will on a wildcard", will("site/a/#"), vec![0x20, 2, 0, 5]),
        ("own will", will("site/a/status"), vec![0x20, 2, 0, 0]),
        ("MQTT 3.1", packet(0x10, &old), vec![0x20, 2, 0, 1]),
        ("MQTT 6", connect(6, "x", "a", "pw-a", 60), vec![0x20, 2, 0, 1]),
    ] {
        let mut device = Raw::open(on.at).await;
        device.send(&bytes).await;
        assert_eq!(device.packet().await, Some(answer.clone()), "{what}");
        if answer[3] != 0 {
            assert!(device.closed().await.is_empty(), "{what}");
        }
    }
    assert_eq!((on.stats)().foreign, 3);
}

#[tokio::test]
async fn a_v5_client_is_told_the_limits() {
    let on = listen(logins(), None).await;
    let mut device = Raw::open(on.at).await;
    device.send(&connect(5, "", "a", "pw-a", 600)).await;
    let ack = device.packet().await.unwrap();
    let has = |property: &[u8]| ack.windows(property.len()).any(|w| w == property);
    assert!(has(&[33, 0, 20]), "receive maximum 20: {ack:?}");
    assert!(has(&[36, 1]), "maximum QoS 1: {ack:?}");
    assert!(has(&[19, 0, 120]), "keep-alive 120 s: {ack:?}");
    assert!(has(b"gatehouse-"), "assigned client id: {ack:?}");
    device.send(&publish(5, 2, 1, A_UP, "{}")).await;
    assert_eq!(device.closed().await, [vec![0xE0, 2, 0x9B, 0]]);
}

#[tokio::test]
async fn neighbours_topics_are_refused() {
    let mut on = listen(logins(), None).await;
    let (mut device, _) = Raw::v5(on.at, "x", "a").await;
    device.send(&publish(5, 1, 3, "site/b/up", r#"{"v":1}"#)).await;
    let ack = device.packet().await.unwrap();
    assert_eq!((ack[0], &ack[2..5]), (0x40, [0, 3, 0x87].as_slice()), "{ack:?}");
    device.send(&subscribe(5, 4, &["#", "site/b/down/#", "site/+/down", "site/a/down/#", "site/a/#", "a/#/b"])).await;
    let ack = device.packet().await.unwrap();
    assert_eq!(ack[5..], [0x87, 0x87, 0x87, 0, 0x87, 0x8F], "{ack:?}");
    device.send(&publish(5, 0, 0, "site/b/up", r#"{"v":1}"#)).await;
    assert_eq!(device.closed().await, [vec![0xE0, 2, 0x87, 0]]);

    for qos in 0..=2 {
        let mut device = Raw::v4(on.at, "x", "a").await;
        device.send(&subscribe(4, 4, &["#", "site/a/down/#"])).await;
        assert_eq!(device.packet().await, Some(vec![0x90, 4, 0, 4, 0x80, 0]));
        device.send(&publish(4, qos, 3, "site/ab/up", r#"{"v":1}"#)).await;
        assert!(device.closed().await.is_empty(), "3.1.1 knows no other no");
    }
    assert!((on.stats)().foreign >= 11);
    let mut b = Raw::v4(on.at, "x", "b").await;
    b.send(&publish(4, 1, 1, "site/b/up", r#"{"v":9}"#)).await;
    assert_eq!(on.rig.committed().await, (1, 9.0), "nothing of the refused came through");
}

#[tokio::test]
async fn commands_reach_their_device_only() {
    let on = listen(logins(), None).await;
    let mut a = Raw::v4(on.at, "x", "a").await;
    let mut b = Raw::v5(on.at, "x", "b").await.0;
    a.send(&subscribe(4, 1, &["site/a/down/#"])).await;
    b.send(&subscribe(5, 1, &["site/b/set"])).await;
    assert!(a.packet().await.is_some() && b.packet().await.is_some());
    assert_eq!(on.down.send("site/a/down/siren", "ON"), Ok(1));
    let mut want = string("site/a/down/siren");
    want.extend(b"ON");
    assert_eq!(a.packet().await, Some(packet(0x30, &want)));
    b.nothing().await;
    assert!(on.down.send("site/c/set", "ON").is_err() && on.down.send("site/+/set", "ON").is_err());
    a.send(&packet(0xA2, &[&[0, 2][..], &string("site/a/down/#")].concat())).await;
    assert_eq!(a.packet().await, Some(vec![0xB0, 2, 0, 2]));
    assert!(on.down.send("site/a/down/siren", "ON").is_err());
}

#[tokio::test]
async fn a_slow_subscriber_is_disconnected() {
    let on = listen(logins(), None).await;
    let mut a = Raw::v4(on.at, "x", "a").await;
    a.send(&subscribe(4, 1, &["site/a/down/#"])).await;
    assert!(a.packet().await.is_some());
    let large = vec![b'x'; 60_000];
    let sent = async {
        while on.down.send("site/a/down/x", large.clone()).is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), sent).await.expect("the queue has a bound");
}

#[tokio::test]
async fn same_client_id() {
    let mut on = listen(logins(), None).await;
    let mut first = Raw::v5(on.at, "same", "a").await.0;
    let mut other = Raw::v5(on.at, "same", "b").await.0;
    first.send(&[0xC0, 0]).await;
    assert_eq!(first.packet().await, Some(vec![0xD0, 0]), "another credential with the same id changes nothing");
    let _second = Raw::v5(on.at, "same", "a").await;
    assert_eq!(first.closed().await, [vec![0xE0, 2, 0x8E, 0]], "session taken over");
    let mut busy = 0;
    for _ in 0..6 {
        let mut again = Raw::open(on.at).await;
        again.send(&connect(5, "same", "a", "pw-a", 60)).await;
        let ack = again.packet().await.unwrap();
        busy += usize::from(ack[3] == 0x89);
    }
    assert_eq!(busy, 4, "three take-overs at once, no flapping");
    other.send(&publish(5, 1, 1, "site/b/up", r#"{"v":2}"#)).await;
    assert_eq!(on.rig.committed().await, (1, 2.0));
}

#[tokio::test]
async fn will_loss_and_goodbye() {
    let mut on = listen(logins(), None).await;
    let open = |keep_alive_s| connect_with(4, "x", "a", "pw-a", keep_alive_s, Some(("site/a/status", "offline")));
    for (bye, want) in [(true, false), (false, true)] {
        let mut device = Raw::open(on.at).await;
        device.send(&open(60)).await;
        assert_eq!(device.packet().await, Some(vec![0x20, 2, 0, 0]));
        device.send(&publish(4, 0, 0, "site/a/status", "online")).await;
        if want {
            device.send(&publish(4, 0, 0, A_UP, r#"{"v":1}"#)).await;
            assert_eq!(on.rig.committed().await, (0, 1.0));
        } else {
            assert_eq!(on.rig.device().await.1, LinkState::Up);
        }
        if bye {
            device.send(&[0xE0, 0]).await;
            device.closed().await;
        }
        drop(device);
        if want {
            let (ix, state, reason) = on.rig.device().await;
            assert_eq!((ix, state), (0, LinkState::Down), "{reason}");
        }
    }
    let mut silent = Raw::open(on.at).await;
    silent.send(&open(1)).await;
    silent.packet().await;
    silent.send(&publish(4, 0, 0, A_UP, r#"{"v":1}"#)).await;
    assert_eq!(on.rig.device().await.1, LinkState::Up);
    assert_eq!(on.rig.device().await.1, LinkState::Down, "1.5 times a keep-alive of 1 s");
    assert!(silent.closed().await.is_empty());
}

#[tokio::test]
async fn a_flood_is_slowed_down_and_the_neighbour_is_not() {
    let mut on = listen(logins(), None).await;
    let mut a = Raw::v4(on.at, "x", "a").await;
    let mut b = Raw::v4(on.at, "x", "b").await;
    for id in 1..=120 {
        a.send(&publish(4, 1, id, A_UP, r#"{"v":1}"#)).await;
    }
    let since = tokio::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(on.rig.committed().await, (0, 1.0));
    }
    b.send(&publish(4, 1, 1, "site/b/up", r#"{"v":2}"#)).await;
    let mut seen = Vec::new();
    for _ in 0..21 {
        seen.push(on.rig.committed().await);
    }
    assert!(seen.contains(&(1, 2.0)));
    assert!(since.elapsed() >= Duration::from_millis(350), "20 messages above the burst take 400 ms");
}

/// Fault list rows 58 and 59.
#[tokio::test]
async fn nonsense_closes_the_connection() {
    let mut on = listen(logins(), None).await;
    let nul = publish(4, 0, 0, "site/a\0/up", "1");
    let long = publish(4, 1, 1, &format!("site/a/{}", "x".repeat(65_528)), "1");
    let mut bad_text = publish(4, 0, 0, "site/a/up", "1");
    bad_text[5] = 0xFF;
    let before: Vec<(&str, Vec<u8>)> = vec![
        ("length 268,435,455", vec![0x10, 0xFF, 0xFF, 0xFF, 0x7F]),
        ("length of five bytes", vec![0x10, 0xFF, 0xFF, 0xFF, 0xFF, 1]),
        ("5 KiB of CONNECT", packet(0x10, &vec![0; 5000])),
        ("publish before connect", publish(4, 0, 0, A_UP, "1")),
        ("ping before connect", vec![0xC0, 0]),
        ("empty connect", vec![0x10, 0]),
        ("http", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("tls", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]),
        ("reserved connect flag", {
            let mut c = connect(4, "x", "a", "pw-a", 60);
            c[9] |= 1;
            c
        }),
        ("will QoS 3", {
            let mut c = connect(4, "x", "a", "pw-a", 60);
            c[9] |= 0x1C;
            c
        }),
        ("id longer than the packet", {
            let mut c = connect(4, "x", "a", "pw-a", 60);
            c[12] = 200;
            c
        }),
    ];
    for (what, bytes) in before {
        let mut device = Raw::open(on.at).await;
        device.send(&bytes).await;
        assert!(device.closed().await.is_empty(), "{what}");
    }
    let mut after: Vec<(String, Vec<u8>)> = vec![
        ("length 268,435,455".into(), vec![0x30, 0xFF, 0xFF, 0xFF, 0x7F]),
        ("connect twice".into(), connect(4, "x", "a", "pw-a", 60)),
        ("QoS 3".into(), publish(4, 3, 1, A_UP, "1")),
        ("DUP at QoS 0".into(), {
            let mut p = publish(4, 0, 0, A_UP, "1");
            p[0] |= 8;
            p
        }),
        ("NUL in topic".into(), nul),
        ("topic of 65,535 bytes".into(), long),
        ("bad UTF-8".into(), bad_text),
        ("wildcard in a publish".into(), publish(4, 0, 0, "site/a/+", "1")),
        ("packet id 0".into(), publish(4, 1, 0, A_UP, "1")),
        ("empty subscribe".into(), subscribe(4, 1, &[])),
        ("payload of 65,537 bytes".into(), publish(4, 1, 1, A_UP, &"x".repeat(65_537))),
        ("topic longer than the packet".into(), vec![0x30, 3, 0, 9, b'a']),
    ];
    for first in [0x00, 0x20, 0x40, 0x50, 0x60, 0x70, 0x80, 0x90, 0xA0, 0xB0, 0xD0, 0xF0] {
        after.push((format!("packet type {first:#x}"), packet(first, &[0, 1])));
    }
    for (what, bytes) in after {
        let mut device = Raw::v4(on.at, "x", "a").await;
        device.send(&bytes).await;
        assert!(device.closed().await.is_empty(), "{what}");
        let (mut device, _) = Raw::v5(on.at, "x5", "a").await;
        device.send(&if bytes[0] == 0x10 { connect(5, "x", "a", "pw-a", 60) } else { bytes }).await;
        let byes = device.closed().await;
        assert!(byes.iter().all(|bye| bye[0] == 0xE0), "{what}: {byes:?}");
    }
    let mut b = Raw::v4(on.at, "x", "b").await;
    b.send(&publish(4, 1, 1, "site/b/up", r#"{"v":9}"#)).await;
    assert_eq!(on.rig.committed().await, (1, 9.0), "still at work");
}

/// Fault list row 60.
#[tokio::test]
async fn a_thousand_strangers_do_not_keep_a_device_from_publishing() {
    let mut on = listen(logins(), None).await;
    let mut device = Raw::v4(on.at, "x", "a").await;
    let mut strangers = Vec::new();
    for ix in 0..1000_u16 {
        strangers.push(Raw::open(on.at).await);
        if ix % 100 == 0 {
            device.send(&publish(4, 1, ix + 1, A_UP, r#"{"v":4}"#)).await;
            assert_eq!(on.rig.committed().await, (0, 4.0));
            assert!(device.packet().await.is_some());
        }
    }
    let stats = (on.stats)();
    assert!(stats.refused >= 900 && stats.clients == 1, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stranger_who_says_nothing_is_closed() {
    let on = listen(logins(), None).await;
    let mut stranger = Raw::open(on.at).await;
    let since = tokio::time::Instant::now();
    assert!(stranger.closed().await.is_empty());
    assert!(since.elapsed() <= Duration::from_secs(6), "{:?}", since.elapsed());
}

#[tokio::test]
async fn without_credentials_on_loopback_everybody_may() {
    let mut on = listen(Vec::new(), None).await;
    let mut hello = string("MQTT");
    hello.extend([4, 2, 0, 60]);
    hello.extend(string("x"));
    let mut device = Raw::open(on.at).await;
    device.send(&packet(0x10, &hello)).await;
    assert_eq!(device.packet().await, Some(vec![0x20, 2, 0, 0]));
    device.send(&publish(4, 1, 1, "site/b/room/up", r#"{"v":9}"#)).await;
    assert_eq!(on.rig.committed().await, (1, 9.0));
    device.send(&publish(4, 1, 2, "elsewhere", r#"{"v":9}"#)).await;
    assert_eq!(device.packet().await, Some(vec![0x40, 2, 0, 1]));
    assert!(device.closed().await.is_empty());
}
