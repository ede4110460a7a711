//! The listener: what is stored, what is refused and told, and who is kept waiting.

use std::time::Duration;

use gatehouse::model::intake::{Intake, Why};
use gatehouse::model::sight::{Footage, SightAction, SightKind};
use gatehouse::southbound::vision::limits::{CONNECTIONS_MAX, RATE_BURST};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::rig::{Answer, BASIC, LIMIT, Rig, answer, post};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const AUTH: (&str, &str) = ("Authorization", BASIC);

fn event(id: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"time\":\"2026-11-22T08:00:00+08:00\",\"track\":[{{\"t\":0,\"x\":1,\"y\":2}},{{\"t\":0.04,\"x\":1,\"y\":3}}]}}"
    )
}

#[tokio::test]
async fn an_event_is_acknowledged_when_it_is_on_disk_and_not_before() {
    let (mut rig, at) = Rig::listening(8).await;
    let poster = tokio::spawn(async move { post(at, "/vision/cam", &[AUTH, JSON], event("a").as_bytes()).await });
    let Intake::Sighting { sighting, clock_offset_ms, receipt } = rig.next().await else { panic!("a sighting") };
    assert_eq!((&*sighting.camera, &*sighting.event_id, sighting.track.len()), ("cam", "a", 2));
    assert_eq!((sighting.kind, sighting.action), (SightKind::FallingObject, SightAction::Pulse));
    assert!(clock_offset_ms.is_some() && sighting.raw.starts_with(b"{\"id\":\"a\""));
    assert!(!poster.is_finished(), "the camera waits for the disk");
    // While the first copy is on its way a second one is told to come again, neither "stored" nor "duplicate".
    let second = post(at, "/vision/cam", &[AUTH, JSON], event("a").as_bytes()).await;
    assert!(second.status == 503 && second.has("retry-after: 5") && second.has("\"busy\""), "{second:?}");
    receipt.committed();
    let first = poster.await.unwrap();
    assert!(first.status == 200 && first.has("\"result\":\"stored\""), "{first:?}");
    let again = post(at, "/vision/cam", &[AUTH, JSON], event("a").as_bytes()).await;
    assert!(again.status == 200 && again.has("\"result\":\"duplicate\""), "{again:?}");
    assert!(rig.items.try_recv().is_err(), "a replayed event is not handed over again");
}

#[tokio::test]
async fn what_the_desk_does_not_store_comes_again_as_new() {
    let (mut rig, at) = Rig::listening(8).await;
    for round in 0..2 {
        let poster = tokio::spawn(async move { post(at, "/vision/cam", &[AUTH, JSON], event("a").as_bytes()).await });
        assert_eq!(&*rig.sighting(round == 1).await.event_id, "a");
        let told = poster.await.unwrap();
        assert_eq!(told.status, if round == 1 { 200 } else { 503 }, "{told:?}");
    }
    drop(rig.items);
    let told = post(at, "/vision/cam", &[AUTH, JSON], event("b").as_bytes()).await;
    assert_eq!(told.status, 503, "without a desk nothing is taken: {told:?}");
}

#[tokio::test]
async fn a_camera_with_a_wrong_clock_is_heard_and_the_difference_told() {
    let (mut rig, at) = Rig::listening(8).await;
    for (time, years) in [("1970-01-01T00:00:05Z", -56), ("2099-01-01T00:00:00Z", 72)] {
        let body = format!("{{\"time\":\"{time}\"}}");
        let poster = tokio::spawn(async move { post(at, "/vision/cam", &[AUTH, JSON], body.as_bytes()).await });
        let Intake::Sighting { clock_offset_ms: Some(offset), receipt, .. } = rig.next().await else {
            panic!("an offset")
        };
        receipt.committed();
        assert_eq!(poster.await.unwrap().status, 200);
        let found = offset / (365 * 86_400_000);
        assert!((found - years).abs() <= 2, "{time}: {found} years");
    }
}

async fn check(rig: &mut Rig, told: Answer, status: u16, why: Why) {
    assert_eq!(told.status, status, "{why:?}: {told:?}");
    assert!(told.has(&format!("\"reason\":\"{}\"", why.word())), "{told:?}");
    let note = rig.refused().await;
    assert_eq!((note.why, &*note.camera, note.from.as_str()), (why, "cam", "127.0.0.1"), "{note:?}");
    assert!(!note.detail.is_empty() && note.head.len() <= 4096);
}

#[tokio::test]
async fn hostile_events_are_refused_with_a_reason_and_told() {
    let (mut rig, at) = Rig::listening(8).await;
    let long = format!("{{\"track\":[{}]}}", vec!["{\"t\":0,\"x\":0,\"y\":0}"; 2001].join(","));
    let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><l>&b;</l>";
    let wide = format!("[{}]", vec!["[]"; 60_000].join(","));
    let cases: &[(&str, &str, u16, Why)] = &[
        ("application/json", "{\"track\":[{\"t\":0,\"x\":\"NaN\",\"y\":0}]}", 422, Why::Number),
        ("application/json", "{\"track\":[{\"t\":0,\"x\":1e400,\"y\":0}]}", 400, Why::Malformed),
        ("application/json", &long, 413, Why::TooLarge),
        ("application/json", &"[".repeat(200_000), 400, Why::Malformed),
        ("application/json", &"{\"a\":".repeat(50), 400, Why::Malformed),
        ("application/json", &wide, 413, Why::TooLarge),
        ("application/json", "{\"id\":", 400, Why::Malformed),
        ("application/json", "", 400, Why::Malformed),
        ("application/xml", laughs, 400, Why::Doctype),
        ("text/xml", "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><x/>", 400, Why::Doctype),
        ("application/xml", "<x><y></x>", 400, Why::Malformed),
        ("application/json", "{\"picture\":\"/p/../../etc/passwd\"}", 422, Why::Reference),
        ("application/json", "{\"clip\":\"/p/%2e%2e%2fx\"}", 422, Why::Reference),
        ("application/x-www-form-urlencoded", "a=b", 415, Why::MediaType),
        ("multipart/mixed", "--b--", 415, Why::MediaType),
        ("multipart/mixed; boundary=b", "--b\r\n\r\n{}\r\n", 400, Why::Malformed),
        ("multipart/mixed; boundary=b", "--b--", 400, Why::Malformed),
    ];
    for (kind, body, status, why) in cases {
        let told = post(at, "/vision/cam", &[AUTH, ("Content-Type", kind)], body.as_bytes()).await;
        check(&mut rig, told, *status, *why).await;
    }
    let many: String = (0..20).map(|_| "--b\r\n\r\n{}\r\n").collect();
    let told = post(at, "/vision/cam", &[AUTH, ("Content-Type", "multipart/mixed; boundary=b")], many.as_bytes()).await;
    assert_eq!(told.status, 413, "{told:?}");
}

/// A body with several events: the bad one is refused and told, the good ones are stored.
#[tokio::test]
async fn one_bad_event_takes_no_other_with_it() {
    let (mut rig, at) = Rig::listening(8).await;
    let list = format!("[{},{{\"picture\":\"/p/../x\"}},{}]", event("l1"), event("l2"));
    let parts = format!("--b\r\n\r\n{}\r\n--b\r\n\r\n{{\"id\":\r\n--b\r\n\r\n{}\r\n--b--", event("p1"), event("p2"));
    for (kind, body, first) in [("application/json", list, "l"), ("multipart/mixed; boundary=b", parts, "p")] {
        let poster =
            tokio::spawn(
                async move { post(at, "/vision/cam", &[AUTH, ("Content-Type", kind)], body.as_bytes()).await },
            );
        let (mut stored, mut refused) = (Vec::new(), 0);
        while stored.len() < 2 || refused < 1 {
            match rig.next().await {
                Intake::Sighting { sighting, receipt, .. } => {
                    receipt.committed();
                    stored.push(sighting.event_id.to_string());
                }
                Intake::Refused(_) => refused += 1,
                Intake::Link(_) => {}
            }
        }
        assert_eq!(stored, [format!("{first}1"), format!("{first}2")]);
        let told = poster.await.unwrap();
        assert!(told.status == 200 && told.has("\"stored\":2") && told.has("\"refused\":1"), "{told:?}");
    }
}

#[tokio::test]
async fn oversized_bodies_are_refused_by_their_head_or_as_soon_as_they_are_too_long() {
    let (mut rig, at) = Rig::listening(8).await;
    let declared = post(at, "/vision/cam", &[AUTH, JSON, ("Content-Length", "9000000000")], b"").await;
    assert_eq!(declared.status, 400, "two lengths are no request: {declared:?}");
    let mut socket = TcpStream::connect(at).await.unwrap();
    let head =
        format!("POST /vision/cam HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC}\r\nContent-Length: 9000000000\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let told = answer(socket).await;
    check(&mut rig, told, 413, Why::TooLarge).await;

    let mut socket = TcpStream::connect(at).await.unwrap();
    let head = format!(
        "POST /vision/cam HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let piece = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..140 {
        if socket.write_all(piece.as_bytes()).await.is_err() {
            break;
        }
    }
    let note = rig.refused().await;
    assert_eq!(note.why, Why::TooLarge);

    let picture = format!("--b\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", 5 << 20);
    let told =
        post(at, "/vision/cam", &[AUTH, ("Content-Type", "multipart/form-data; boundary=b")], picture.as_bytes()).await;
    check(&mut rig, told, 413, Why::TooLarge).await;
}

#[tokio::test]
async fn only_a_camera_with_its_own_credential_is_heard() {
    let (mut rig, at) = Rig::listening(8).await;
    let body = event("a");
    for (path, auth) in [
        ("/vision/cam", ""),
        ("/vision/cam", "Bearer token-h"),
        ("/vision/cam", "Basic dXNlcjpzZWNyZXR0"),
        ("/vision/hik", BASIC),
        ("/vision/other", BASIC),
        ("/vision/..%2fcam", BASIC),
    ] {
        let told = post(at, path, &[("Authorization", auth), JSON], body.as_bytes()).await;
        assert!(told.status == 401 && told.has("www-authenticate: Basic"), "{path} {auth}: {told:?}");
        assert!(!told.has("secret"));
    }
    let known = [rig.refused().await, rig.refused().await, rig.refused().await, rig.refused().await];
    assert!(known.iter().all(|note| note.why == Why::Credential && &*note.camera != "?"), "{known:?}");
    let stranger = rig.refused().await;
    assert!(&*stranger.camera == "?" && stranger.detail.contains("`other`"), "{stranger:?}");
    for (path, status) in [("/", 404), ("/vision", 404), ("/vision/cam/x", 404)] {
        assert_eq!(post(at, path, &[AUTH, JSON], b"{}").await.status, status, "{path}");
    }
    let xml = "<EventNotificationAlert><eventType>VMD</eventType></EventNotificationAlert>";
    let told = post(at, "/vision/hik", &[("Authorization", "Bearer token-h")], xml.as_bytes()).await;
    assert!(told.status == 200 && told.has("\"result\":\"ignored\""), "{told:?}");
}

#[tokio::test]
async fn a_form_with_pictures_as_hikvision_posts_it() {
    let (mut rig, at) = Rig::listening(8).await;
    let jpeg = b"\xFF\xD8\xFF\xE0--b\r\n picture \xFF\xD9";
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"e\"; filename=\"e.xml\"\r\nContent-Type: application/xml\r\n\r\n\
        <EventNotificationAlert><dateTime>2026-11-22T08:00:00+08:00</dateTime><eventType>linedetection</eventType>\
        <eventState>active</eventState></EventNotificationAlert>\r\n"
        .to_vec();
    for n in 0..6 {
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"p{n}\"\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            jpeg.len()
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(jpeg);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    let headers = [("Authorization", "Bearer token-h"), ("Content-Type", "multipart/form-data; boundary=b")];
    let poster = tokio::spawn(async move { post(at, "/vision/hik", &headers, &body).await });
    let seen = rig.sighting(true).await;
    assert_eq!((seen.kind, seen.action, seen.footage.len()), (SightKind::Perimeter, SightAction::Start, 4));
    assert!(
        matches!(&seen.footage[0], Footage::Inline { media_type, bytes } if media_type == "image/jpeg" && **bytes == *jpeg)
    );
    assert!(poster.await.unwrap().has("\"result\":\"stored\""));
    assert_eq!(rig.outlet.door("hik").unwrap().counts().pictures_dropped, 2);
}

#[tokio::test]
async fn unknown_words_are_counted_and_told_once() {
    let (mut rig, at) = Rig::listening(8).await;
    for _ in 0..3 {
        let told = post(at, "/vision/cam", &[AUTH, JSON], b"{\"kind\":\"parcel_left\"}").await;
        assert!(told.status == 200 && told.has("\"unknown\":[\"parcel_left\"]"), "{told:?}");
    }
    let note = rig.refused().await;
    assert!(
        note.why == Why::UnknownKind && note.detail.contains("parcel_left") && note.detail.contains("generic_json")
    );
    assert!(rig.items.try_recv().is_err());
    assert_eq!(rig.outlet.door("cam").unwrap().counts().unknown["parcel_left"], 3);
}

#[tokio::test]
async fn five_hundred_events_are_stored_and_a_flood_is_slowed() {
    let (rig, at) = Rig::listening(16).await;
    let kept = rig.store_all();
    let list: Vec<String> = (0..25).map(|n| event(&format!("e{n}"))).collect();
    let body = format!("{{\"events\":[{}]}}", list.join(","));
    let told = post(at, "/vision/cam", &[AUTH, JSON], body.as_bytes()).await;
    assert!(told.status == 200 && told.has("\"stored\":25"), "{told:?}");
    let mut slowed = 0;
    for n in 0..400 {
        let told = post(at, "/vision/cam", &[AUTH, JSON], event(&format!("f{n}")).as_bytes()).await;
        match told.status {
            200 => assert!(told.has("\"stored\":1"), "{told:?}"),
            429 => {
                slowed += 1;
                assert!(told.has("retry-after: 5") && told.has("\"reason\":\"rate\""), "{told:?}");
            }
            _ => panic!("{told:?}"),
        }
        if slowed > 0 && n > 200 {
            break;
        }
    }
    let counts = kept.outlet.door("cam").unwrap().counts();
    assert!(counts.stored as f64 >= 24.0 + RATE_BURST, "{counts:?}");
}

#[tokio::test]
async fn silent_strangers_do_not_lock_a_camera_out() {
    let (rig, at) = Rig::listening(16).await;
    let _kept = rig.store_all();
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS_MAX + 10 {
        let mut socket = TcpStream::connect(at).await.unwrap();
        socket.write_all(b"POST /vision/cam HTTP/1.1\r\nHost: ").await.unwrap();
        silent.push(socket);
    }
    let told = post(at, "/vision/cam", &[AUTH, JSON], event("a").as_bytes()).await;
    assert_eq!(told.status, 200, "{told:?}");
    let mut first = silent.remove(0);
    let gone = tokio::time::timeout(LIMIT, first.read(&mut [0; 8])).await.expect("the oldest gives way");
    assert!(matches!(gone, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let (mut rig, at) = Rig::listening(16).await;
    let mut socket = TcpStream::connect(at).await.unwrap();
    let head = format!(
        "POST /vision/cam HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC}\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{{"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    // Real time: ten seconds without a byte.
    let told = answer(socket).await;
    check(&mut rig, told, 408, Why::Slow).await;
    assert!(rig.items.try_recv().is_err() && Duration::from_secs(10) < LIMIT);
}

#[tokio::test]
async fn bodies_together_are_bounded() {
    let (rig, at) = Rig::listening(16).await;
    let _kept = rig.store_all();
    let filler = vec![b' '; 7 << 20];
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut socket = TcpStream::connect(at).await.unwrap();
        let head = format!(
            "POST /vision/cam HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            filler.len() + 2
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&filler).await.unwrap();
        open.push(socket);
    }
    // 28 MiB are held: a fifth such body has no room, a small event has.
    let told = post(at, "/vision/cam", &[AUTH, JSON], &filler).await;
    assert!(told.status == 503 && told.has("retry-after"), "{told:?}");
    assert_eq!(post(at, "/vision/cam", &[AUTH, JSON], event("small").as_bytes()).await.status, 200);
    // The memory comes back with the bodies.
    for mut socket in open {
        socket.write_all(b"{}").await.unwrap();
        // Blanks count, but the body was read to its end.
        assert_eq!(answer(socket).await.status, 413);
    }
    assert_eq!(post(at, "/vision/cam", &[AUTH, JSON], &filler).await.status, 400, "blanks are no event");
}

#[tokio::test]
async fn cameras_post_over_tls() {
    use gatehouse::southbound::mqtt::TlsPem;
    use gatehouse::southbound::vision::push::{PushParts, Secret, Tls, run};
    let (rig, _) = Rig::listening(16).await;
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificates = signed.cert.pem().into_bytes();
    let pem = TlsPem { certificates: certificates.clone(), key: signed.signing_key.serialize_pem().into_bytes() };
    assert!(Tls::new(&TlsPem { certificates: b"rubbish".to_vec(), key: Vec::new() }).is_err());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let parts = PushParts {
        outlet: std::sync::Arc::clone(&rig.outlet),
        secrets: vec![(std::sync::Arc::from("cam"), Secret::parse("token").unwrap())],
        tls: Some(Tls::new(&pem).unwrap()),
        body_bytes_max: 1 << 20,
        stop: rig.stop.clone(),
    };
    let serving = tokio::spawn(run(listener, parts));
    let kept = rig.store_all();
    let roots = reqwest::Certificate::from_pem_bundle(&certificates).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only(roots).timeout(LIMIT).build().unwrap();
    let asked = client.post(format!("https://localhost:{port}/vision/cam")).bearer_auth("token").body(event("a"));
    let told = asked.send().await.unwrap();
    assert_eq!((told.status().as_u16(), kept.outlet.door("cam").unwrap().counts().stored), (200, 1));
    kept.stop.cancel();
    tokio::time::timeout(LIMIT, serving).await.expect("the listener ends").unwrap();
}
