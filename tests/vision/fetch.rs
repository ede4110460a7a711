//! The fetcher: it reaches the camera's own hosts, in time, within caps, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use gatehouse::model::intake::{FetchError, Wanted};
use gatehouse::southbound::mqtt::Login;
use gatehouse::southbound::vision::fetch::Fetcher;
use gatehouse::southbound::vision::host::HostParts;
use tokio::io::AsyncWriteExt;

use crate::rig::{LIMIT, Server, send};

fn wanted(reference: &str) -> Wanted {
    Wanted { camera: Arc::from("cam"), reference: reference.into(), clip: false, within: LIMIT }
}

fn fetcher(urls: &[String], login: Option<&str>) -> Fetcher {
    crate::rig::crypto();
    let login = login.map(|text| Login::parse(text).unwrap());
    let parts = HostParts { urls, login: login.as_ref(), ca: None };
    Fetcher::new([(Arc::from("cam"), parts)]).unwrap()
}

#[tokio::test]
async fn a_picture_behind_digest_is_fetched_and_the_nonce_used_again() {
    let (server, at) = Server::new().await;
    let fetcher = fetcher(&[format!("http://{at}")], Some("admin:p"));
    let one = tokio::spawn({
        let fetcher = fetcher.clone();
        async move { fetcher.fetch(&wanted("/pic/1.jpg?x=a b".replace(' ', "%20").as_str())).await }
    });
    let (head, socket) = server.request().await;
    assert!(head.starts_with("GET /pic/1.jpg?x=a%20b HTTP/1.1\r\n") && !head.to_lowercase().contains("authorization"));
    send(socket, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n", b"").await;
    let (head, socket) = server.request().await;
    assert!(head.contains("uri=\"/pic/1.jpg?x=a%20b\"") && head.contains("nc=00000001"), "{head}");
    send(socket, "200 OK", "Content-Type: Image/JPEG; x=y\r\n", b"\xFF\xD8\xFF").await;
    let fetched = one.await.unwrap().unwrap();
    assert_eq!((fetched.media_type.as_str(), fetched.bytes.as_slice()), ("image/jpeg", b"\xFF\xD8\xFF".as_slice()));
    let two = tokio::spawn(async move { fetcher.fetch(&wanted(&format!("http://{at}/2.jpg"))).await });
    let (head, socket) = server.request().await;
    assert!(head.contains("nc=00000002"), "{head}");
    send(socket, "200 OK", "", b"x").await;
    assert_eq!(two.await.unwrap().unwrap().media_type, "application/octet-stream");
}

#[tokio::test]
async fn nothing_else_is_ever_asked() {
    let (server, at) = Server::new().await;
    let (other, elsewhere) = Server::new().await;
    let fetcher = fetcher(&[format!("http://{at}")], Some("admin:p"));
    for reference in [
        format!("http://{elsewhere}/x"),
        format!("//{elsewhere}/x"),
        format!("http://{at}@{elsewhere}/x"),
        format!("http://u:p@{at}/x"),
        format!("https://{at}/x"),
        format!("http://localhost:{}/x", at.port()),
        format!("http://127.1.1.1:{}/x", at.port()),
        format!("http://[::ffff:127.0.0.1]:{}/x", at.port()),
        "http://127.0.0.1/x".into(),
        "http://169.254.169.254/latest/meta-data/".into(),
        "file:///etc/passwd".into(),
        "ftp://127.0.0.1/x".into(),
        "/a/../../etc/passwd".into(),
        "/a/%2e%2e/b".into(),
        "/a%2f..%2fb".into(),
        "\\\\127.0.0.1\\x".into(),
        "/a b".into(),
        String::new(),
    ] {
        let told = fetcher.fetch(&wanted(&reference)).await;
        assert!(matches!(told, Err(FetchError::Refused(_))), "{reference}: {told:?}");
        let why = told.unwrap_err().text();
        assert!(why.zh.starts_with("未发请求即拒绝：") && why.en.starts_with("refused without asking: "), "{why:?}");
    }
    let stranger = Wanted { camera: Arc::from("else"), ..wanted("/x") };
    assert!(matches!(fetcher.fetch(&stranger).await, Err(FetchError::NoAddress(_))));
    // A camera that points elsewhere is not followed.
    let one = tokio::spawn(async move { fetcher.fetch(&wanted("/x")).await });
    let (_, socket) = server.request().await;
    send(socket, "302 Found", &format!("Location: http://{elsewhere}/internal\r\n"), b"").await;
    assert_eq!(one.await.unwrap(), Err(FetchError::Status(302)));
    let quiet = tokio::time::timeout(Duration::from_millis(50), other.0.accept()).await;
    assert!(quiet.is_err(), "somebody asked the other host");
    let quiet = tokio::time::timeout(Duration::from_millis(50), server.0.accept()).await;
    assert!(quiet.is_err(), "a refused reference caused a request");
}

#[tokio::test]
async fn caps_and_deadlines_hold_while_the_body_arrives() {
    let (server, at) = Server::new().await;
    let fetcher = fetcher(&[format!("http://{at}")], None);
    let start = |want: Wanted| {
        let fetcher = fetcher.clone();
        tokio::spawn(async move { fetcher.fetch(&want).await })
    };
    // Declared too large.
    let one = start(wanted("/1"));
    let (_, mut socket) = server.request().await;
    socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n").await.unwrap();
    assert_eq!(one.await.unwrap(), Err(FetchError::TooLarge(8 << 20)));
    // Endless.
    let one = start(wanted("/2"));
    let (_, mut socket) = server.request().await;
    socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let piece = vec![0; 1 << 20];
    while !one.is_finished() {
        if socket.write_all(&piece).await.is_err() {
            break;
        }
    }
    assert_eq!(one.await.unwrap(), Err(FetchError::TooLarge(8 << 20)));
    // Hanging; the next one waits for its turn within its own deadline, and then there is room again.
    let short = Wanted { within: Duration::from_millis(300), ..wanted("/3") };
    let (one, two) = (start(short.clone()), start(short));
    let (_, held) = server.request().await;
    assert_eq!(one.await.unwrap(), Err(FetchError::Late(300)));
    assert_eq!(two.await.unwrap(), Err(FetchError::Late(300)));
    drop(held);
    let one = start(wanted("/4"));
    loop {
        let (head, socket) = server.request().await;
        if head.starts_with("GET /4") {
            send(socket, "200 OK", "", b"ok").await;
            break;
        }
    }
    assert_eq!(one.await.unwrap().unwrap().bytes, b"ok");
    let one = start(wanted("/5"));
    let (_, socket) = server.request().await;
    send(socket, "404 Not Found", "", b"").await;
    assert_eq!(one.await.unwrap(), Err(FetchError::Status(404)));
    let one = start(wanted("/6"));
    let (_, socket) = server.request().await;
    send(socket, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", b"").await;
    assert_eq!(one.await.unwrap(), Err(FetchError::Credential(401)), "nothing to show");
    drop(server);
    assert!(matches!(start(wanted("/7")).await.unwrap(), Err(FetchError::Link(_))));
}
