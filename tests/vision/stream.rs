//! The stream clients against cameras of bare sockets: odd pieces, challenges, breaks, and a desk that does not take.

use std::time::Duration;

use gatehouse::model::intake::{Intake, Why};
use gatehouse::model::link::LinkState;
use gatehouse::model::sight::{Footage, SightAction, SightKind};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::rig::{Rig, Server, send};

const MINUTE: Duration = Duration::from_mins(1);

fn hik(kind: &str, state: &str, time: &str, pictures: usize) -> String {
    format!(
        "<?xml version=\"1.0\"?><EventNotificationAlert version=\"2.0\" xmlns=\"http://www.hikvision.com/ver20/XMLSchema\">\
         <dateTime>{time}</dateTime><eventType>{kind}</eventType><eventState>{state}</eventState>\
         <detectionPicturesNumber>{pictures}</detectionPicturesNumber></EventNotificationAlert>"
    )
}

fn part(kind: &str, body: &[u8], length: bool) -> Vec<u8> {
    let length = if length { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    let mut part = format!("--boundary\r\nContent-Type: {kind}\r\n{length}\r\n").into_bytes();
    part.extend_from_slice(body);
    part.extend_from_slice(b"\r\n");
    part
}

async fn open(socket: &mut TcpStream) {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=boundary\r\nTransfer-Encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
}

/// In chunks of `step` bytes, each a write of its own.
async fn pour(socket: &mut TcpStream, bytes: &[u8], step: usize) {
    for piece in bytes.chunks(step) {
        socket.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.unwrap();
        socket.write_all(piece).await.unwrap();
        socket.write_all(b"\r\n").await.unwrap();
        socket.flush().await.unwrap();
    }
}

async fn link(rig: &mut Rig) -> (LinkState, String) {
    loop {
        if let Intake::Link(link) = rig.next().await {
            assert!(link.reason.zh != link.reason.en, "told in both languages: {:?}", link.reason);
            return (link.state, link.reason.en.to_string());
        }
    }
}

#[tokio::test]
async fn an_alert_stream_behind_digest_is_read_in_any_pieces() {
    let (server, at) = Server::new().await;
    let mut rig = Rig::streaming("hikvision", at, Some("admin:pass"), MINUTE);
    let (head, socket) = server.request().await;
    assert!(head.starts_with("GET /ISAPI/Event/notification/alertStream HTTP/1.1\r\n"), "{head}");
    assert!(!head.to_lowercase().contains("authorization"), "nothing is shown before it is asked for: {head}");
    let challenge = "WWW-Authenticate: Basic realm=\"x\"\r\n\
         WWW-Authenticate: Digest realm=\"IP Camera(1)\", qop=\"auth\", nonce=\"abc\", algorithm=SHA-256\r\n";
    send(socket, "401 Unauthorized", challenge, b"").await;
    let (head, mut socket) = server.request().await;
    assert!(head.contains("uthorization: Digest username=\"admin\", realm=\"IP Camera(1)\", nonce=\"abc\""), "{head}");
    assert!(head.contains("nc=00000001") && !head.contains("pass\""), "{head}");
    open(&mut socket).await;
    assert_eq!(link(&mut rig).await.0, LinkState::Up);

    let jpeg = b"\xFF\xD8\xFFpicture\r\n--boundary\r\n";
    let mut bytes = part("application/xml; charset=\"UTF-8\"", hik("videoloss", "inactive", "t", 0).as_bytes(), true);
    bytes.extend(part(
        "application/xml",
        hik("linedetection", "active", "2026-11-22T08:00:00+08:00", 1).as_bytes(),
        true,
    ));
    bytes.extend(part("image/jpeg", jpeg, true));
    bytes.extend(part("application/json", b"{\"eventType\":\"fielddetection\",\"eventState\":\"inactive\"}", false));
    bytes.extend(part("application/xml", b"<broken>", true));
    bytes.extend(part("application/xml", hik("regionEntrance", "active", "x", 0).as_bytes(), true));
    pour(&mut socket, &bytes, 11).await;
    let first = rig.sighting(true).await;
    assert_eq!((first.kind, first.action), (SightKind::Perimeter, SightAction::Start));
    assert!(matches!(&first.footage[..], [Footage::Inline { bytes, .. }] if **bytes == *jpeg), "{:?}", first.footage);
    assert_eq!(rig.sighting(true).await.action, SightAction::Stop);
    let broken = rig.refused().await;
    assert!(broken.why == Why::Malformed && &*broken.head == b"<broken>".as_slice(), "{broken:?}");
    assert!(rig.sighting(true).await.footage.is_empty());
    let counts = rig.outlet.door("cam").unwrap().counts();
    assert_eq!((counts.stored, counts.ignored, counts.payloads), (3, 1, 5));
}

#[tokio::test]
async fn an_event_does_not_wait_for_the_next_part_nor_for_pictures_that_never_come() {
    let (server, at) = Server::new().await;
    let mut rig = Rig::streaming("hikvision", at, None, MINUTE);
    let (_, mut socket) = server.request().await;
    open(&mut socket).await;
    // Without a length and without a next boundary.
    let bare = part("application/xml", hik("linedetection", "active", "1", 0).as_bytes(), false);
    pour(&mut socket, &bare, 1000).await;
    rig.sighting(true).await;
    // Two pictures announced, none sent.
    let hungry = part("application/xml", hik("linedetection", "active", "2", 2).as_bytes(), true);
    pour(&mut socket, &hungry, 1000).await;
    assert!(rig.sighting(true).await.footage.is_empty());
}

#[tokio::test]
async fn a_dahua_stream_comes_back_after_a_break() {
    let (server, at) = Server::new().await;
    let mut rig = Rig::streaming("dahua", at, None, MINUTE);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=myboundary\r\n\r\n";
    for n in 1..=2 {
        let (request, mut socket) = server.request().await;
        assert!(
            request.starts_with("GET /cgi-bin/eventManager.cgi?action=attach&codes=[All]&heartbeat=5 "),
            "{request}"
        );
        let event = format!("Code=CrossLineDetection;action=Start;index=0;data={{\n \"UTC\" : {n}\n}}\n");
        let text = format!(
            "--myboundary\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nHeartbeat\r\n\r\n\
             --myboundary\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{event}\r\n\r\n",
            event.len()
        );
        socket.write_all(format!("{head}{text}").as_bytes()).await.unwrap();
        assert_eq!(link(&mut rig).await.0, LinkState::Up);
        assert_eq!(rig.sighting(true).await.camera_time.unwrap().0, n * 1000);
        drop(socket);
        let (state, why) = link(&mut rig).await;
        assert_eq!(state, LinkState::Down, "{why}");
    }
}

#[tokio::test]
async fn a_silent_stream_and_a_wrong_answer_are_told_and_tried_again() {
    let (server, at) = Server::new().await;
    let mut rig = Rig::streaming("hikvision", at, Some("admin:wrong"), Duration::from_millis(400));
    let (_, mut socket) = server.request().await;
    open(&mut socket).await;
    assert_eq!(link(&mut rig).await.0, LinkState::Up);
    let (state, why) = link(&mut rig).await;
    assert!(state == LinkState::Down && why.contains("nothing heard"), "{why}");
    let (_, other) = server.request().await;
    send(other, "200 OK", "Content-Type: text/html\r\n", b"<html>log in</html>").await;
    assert!(link(&mut rig).await.1.contains("no event stream"));
    let (_, other) = server.request().await;
    send(other, "302 Found", "Location: http://169.254.169.254/latest\r\n", b"").await;
    assert!(link(&mut rig).await.1.contains("302"), "no redirect is followed");
    for _ in 0..2 {
        let (_, other) = server.request().await;
        send(other, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n", b"").await;
    }
    assert!(link(&mut rig).await.1.contains("credential"));
}

#[tokio::test]
async fn an_event_that_the_desk_does_not_take_is_offered_again() {
    let (server, at) = Server::new().await;
    let mut rig = Rig::streaming("hikvision", at, None, MINUTE);
    let (_, mut socket) = server.request().await;
    open(&mut socket).await;
    pour(&mut socket, &part("application/xml", hik("linedetection", "active", "1", 0).as_bytes(), true), 1000).await;
    let first = rig.sighting(false).await;
    let second = rig.sighting(true).await;
    assert_eq!(first.event_id, second.event_id);
}

#[tokio::test]
async fn parts_beyond_all_caps_close_the_stream() {
    let (server, at) = Server::new().await;
    let mut rig = Rig::streaming("hikvision", at, None, MINUTE);
    let (_, mut socket) = server.request().await;
    open(&mut socket).await;
    pour(&mut socket, b"--boundary\r\nContent-Length: 99999999\r\n\r\n", 1000).await;
    assert_eq!(rig.refused().await.why, Why::TooLarge);
    let (state, _) = link(&mut rig).await;
    assert_eq!(state, LinkState::Down);
    // And is opened anew.
    let (_, mut socket) = server.request().await;
    open(&mut socket).await;
    assert_eq!(link(&mut rig).await.0, LinkState::Up);
}
