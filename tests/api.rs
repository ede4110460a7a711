//! The API and the page over real sockets: resume without loss or doubles, answers, limits, refusals, words.

// A test's helper fails the test by panicking.
#![allow(clippy::unwrap_used)]

#[path = "api/fixture.rs"]
mod fixture;

use std::sync::Arc;
use std::time::Duration;

use fixture::{Served, World, start};
use gatehouse::model::alarm::{AlarmChange, Level};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const WAIT: Duration = Duration::from_secs(10);

fn client() -> Client {
    // The library leaves the choice to the program; a second installation is refused, which is as well.
    let _already = rustls::crypto::ring::default_provider().install_default();
    Client::builder().timeout(WAIT).build().unwrap()
}

async fn json_of(request: RequestBuilder) -> (StatusCode, Value) {
    let reply = request.send().await.unwrap();
    let status = reply.status();
    (status, serde_json::from_str(&reply.text().await.unwrap()).unwrap())
}

/// An event stream being read.
struct Reader {
    reply: Response,
    /// Bytes, since a chunk may end inside a character.
    buffer: Vec<u8>,
}

impl Reader {
    async fn open(served: &Served, query: &str, last: Option<u64>) -> Self {
        let mut request = client().get(format!("{}/api/v1/events{query}", served.base));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::OK);
        Self { reply, buffer: Vec::new() }
    }

    /// The next event of one of these names: name, id, data.
    async fn next(&mut self, names: &[&str]) -> (String, Option<u64>, Value) {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let event = String::from_utf8(self.buffer.drain(..end + 2).collect()).unwrap();
                let field =
                    |name: &str| event.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap_or("");
                let (name, id) = (field("event").to_owned(), field("id").parse().ok());
                if names.contains(&name.as_str()) {
                    return (name, id, serde_json::from_str(field("data")).unwrap_or_default());
                }
            }
            let chunk = tokio::time::timeout(WAIT, self.reply.chunk()).await.expect("nothing came").unwrap();
            self.buffer.extend_from_slice(&chunk.expect("the stream ended"));
        }
    }

    async fn alarm_ids(&mut self, count: usize) -> Vec<u64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            ids.push(self.next(&["alarm"]).await.1.unwrap());
        }
        ids
    }
}

fn raise(world: &Arc<World>) -> gatehouse::model::alarm::AlarmRecord {
    world.raise("smoke_3_1201", "smoke", Level::Life, fixture::smoke(), None)
}

#[tokio::test]
async fn a_world_for_a_browser() {
    let world = fixture::busy();
    let port = std::env::var("GATEHOUSE_PAGE_PORT").ok().and_then(|p| p.parse().ok());
    let served = fixture::start_at(&world, port.unwrap_or(0)).await;
    if port.is_some() {
        play(&world).await;
    }
    assert!(client().get(&served.base).send().await.unwrap().status().is_success());
}

/// For `tests/browser`: something happens every few seconds, until the terminal is interrupted.
async fn play(world: &Arc<World>) {
    loop {
        tokio::time::sleep(Duration::from_secs(6)).await;
        let smoke = world.raise("smoke_3_1201", "smoke", Level::Life, fixture::smoke(), None);
        let acknowledged = async {
            while world.live.alarms().iter().any(|a| a.id == smoke.id && a.acknowledged.is_none()) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(45), acknowledged).await;
        tokio::time::sleep(Duration::from_secs(if waited.is_ok() { 4 } else { 0 })).await;
        let now = gatehouse::clock::Clock::anchor(&gatehouse::clock::SystemClock).wall.0;
        world.clear(&smoke.id, now);
        if waited.is_err() {
            world.answer(&smoke.id, "值班员", "", now).unwrap();
        }
    }
}

#[tokio::test]
async fn a_stream_resumes_from_the_journal_without_loss_or_doubles() {
    let world = fixture::quiet();
    let served = start(&world).await;
    for _ in 0..3 {
        raise(&world);
    }
    let mut reader = Reader::open(&served, "", Some(1)).await;
    let (_, id, hello) = reader.next(&["hello"]).await;
    assert_eq!((id, hello["seq"].as_u64()), (Some(1), Some(1)));
    raise(&world);
    assert_eq!(reader.alarm_ids(3).await, [2, 3, 4]);
    // One change is committed but its announcement is lost; the next one shows the hole, and the journal fills it.
    let alarm = raise(&world);
    assert_eq!(reader.alarm_ids(1).await, [5]);
    world.change(AlarmChange::Acknowledged, alarm.clone(), Some("李"), false);
    world.change(AlarmChange::Cleared, alarm, None, true);
    assert_eq!(reader.alarm_ids(2).await, [6, 7]);
}

#[tokio::test]
async fn a_lagging_reader_is_told_and_still_gets_every_alarm_once() {
    let world = fixture::quiet();
    let served = start(&world).await;
    let mut reader = Reader::open(&served, "", None).await;
    reader.next(&["hello"]).await;
    // More than the broadcast holds, without giving the stream a turn.
    for _ in 0..500 {
        raise(&world);
    }
    let (name, _, told) = reader.next(&["alarm", "reload"]).await;
    assert_eq!((name.as_str(), told["reason"].as_str()), ("reload", Some("lagged")));
    assert_eq!(reader.alarm_ids(500).await, (1..=500).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_reader_from_another_life_of_the_journal_is_told_to_reload() {
    let world = fixture::quiet();
    let served = start(&world).await;
    raise(&world);
    for (query, last) in [("", Some(900)), ("?after=0&epoch=0123456789abcdef", None)] {
        let mut reader = Reader::open(&served, query, last).await;
        assert_eq!(reader.next(&["reload", "alarm"]).await.0, "reload");
    }
}

#[tokio::test]
async fn values_links_and_upstreams_are_followed() {
    let world = fixture::quiet();
    let served = start(&world).await;
    let mut reader = Reader::open(&served, "?device=b3_pump_1&lang=en", None).await;
    let (_, _, values) = reader.next(&["values"]).await;
    assert_eq!(values["points"].as_array().unwrap().len(), 5);
    assert_eq!(values["points"][0]["shown"], "0.03 MPa");
    fixture::kill_pump(&world);
    let (_, _, link) = reader.next(&["link"]).await;
    assert_eq!((link["id"].as_str(), link["state"].as_str()), (Some("b3_pump_2"), Some("quarantined")));
    world.cloud_up.store(false, std::sync::atomic::Ordering::Relaxed);
    let (_, _, sync) = reader.next(&["sync"]).await;
    assert_eq!(sync[0]["id"], "cloud");
}

#[tokio::test]
async fn two_people_answer_and_the_second_is_told_who_was_first() {
    let world = fixture::quiet();
    let served = start(&world).await;
    let alarm = raise(&world);
    let path = format!("{}/api/v1/alarms/{}/acknowledge", served.base, alarm.id);
    for (by, already) in [("王工", false), ("李师傅", true), ("王工", true)] {
        let body = json!({ "by": by, "note": "我去现场" }).to_string();
        let (status, reply) = json_of(client().post(&path).header("Content-Type", "application/json").body(body)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(reply["already"], already);
        assert_eq!(reply["alarm"]["acknowledged"]["by"], "王工");
    }
    let (_, story) = json_of(client().get(format!("{}/api/v1/alarms/{}", served.base, alarm.id))).await;
    assert_eq!(story["timeline"].as_array().unwrap().len(), 2);
    let reset = path.replace("acknowledge", "reset");
    let (status, reply) =
        json_of(client().post(reset).header("Content-Type", "application/json").body(r#"{"by":"王工"}"#)).await;
    assert_eq!((status, reply["code"].as_str()), (StatusCode::CONFLICT, Some("not_resettable")));
}

#[tokio::test]
async fn what_is_foreign_malformed_or_too_large_is_refused_with_words() {
    let world = fixture::quiet();
    let served = start(&world).await;
    let alarm = raise(&world);
    let ack = format!("{}/api/v1/alarms/{}/acknowledge", served.base, alarm.id);
    let get = |path: &str| client().get(format!("{}{path}", served.base));
    let post = |body: &str| client().post(&ack).header("Content-Type", "application/json").body(body.to_owned());
    let good = r#"{"by":"王工","note":""}"#;
    let long = format!(r#"{{"by":"王工","note":"{}"}}"#, "啊".repeat(501));
    let deep = format!(r#"{{"by":{}1{}}}"#, "[".repeat(60_000), "]".repeat(60_000));
    let cases = [
        (421, "wrong_host", get("/api/v1/health").header("Host", "evil.example")),
        (421, "wrong_host", get("/api/v1/health").header("Host", "127.0.0.1.nip.io:80")),
        (403, "cross_site", post(good).header("Origin", "http://evil.example")),
        (403, "cross_site", post(good).header("Origin", "null")),
        (403, "cross_site", post(good).header("Sec-Fetch-Site", "cross-site")),
        (403, "cross_site", get("/api/v1/events").header("Sec-Fetch-Site", "cross-site")),
        (415, "media_type", client().post(&ack).header("Content-Type", "text/plain").body(good)),
        (415, "media_type", client().post(&ack).body(good)),
        (400, "bad_request", post("{")),
        (400, "bad_request", post(r#"{"by":"  "}"#)),
        (400, "bad_request", post(r#"{"by":"a","level":"info"}"#)),
        (400, "bad_request", post("{\"by\":\"a\\u0007\"}")),
        (400, "bad_request", post(&long)),
        (400, "bad_request", post(&deep)),
        (413, "too_large", post(&"x".repeat(300 * 1024))),
        (400, "bad_request", get("/api/v1/history?point=b3_pump_1.pressure&from=9&to=9")),
        (400, "bad_request", get("/api/v1/history")),
        (404, "not_found", get("/api/v1/devices/..%2f..%2fetc%2fpasswd")),
        (404, "not_found", get("/api/v1/points/b3_pump_1.nothing")),
        (404, "not_found", get("/api/v1/nothing")),
        (
            405,
            "method_not_allowed",
            client().post(format!("{}/api/v1/health", served.base)).header("Content-Type", "application/json"),
        ),
    ];
    for (status, code, request) in cases {
        let shown = format!("{request:?}");
        let (got, body) = json_of(request.header("Accept-Language", "en")).await;
        assert_eq!((got.as_u16(), body["code"].as_str()), (status, Some(code)), "{shown}");
        assert!(body["message"].as_str().is_some_and(|m| !m.is_empty() && !m.contains("error.")), "{body}");
        assert!(body["help"].as_str().is_some_and(|m| !m.is_empty()), "{body}");
    }
    assert!(world.live.alarms()[0].acknowledged.is_none(), "nothing of this has answered the alarm");
    let own = post(good).header("Origin", &served.base).header("Sec-Fetch-Site", "same-origin");
    assert_eq!(json_of(own).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_crowd_of_silent_connections_does_not_lock_anybody_out() {
    let world = fixture::quiet();
    let served = start(&world).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        let mut socket = TcpStream::connect(served.address).await.unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\nHost: local").await.unwrap();
        silent.push(socket);
    }
    let reply = client().get(&served.base).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    // The oldest has made room: it is closed, not forgotten.
    let closed = tokio::time::timeout(WAIT, silent[0].read(&mut [0; 64])).await.expect("still open");
    assert!(matches!(closed, Ok(0) | Err(_)));
}

#[tokio::test]
async fn an_address_open_to_the_network_is_refused() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let ports = fixture::ports(&fixture::quiet());
    let refused = gatehouse::api::serve(listener, ports, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(refused, gatehouse::api::ServeError::NotLoopback(_)));
}

#[tokio::test]
async fn stopping_ends_open_streams() {
    let world = fixture::quiet();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let serving = gatehouse::api::serve(listener, fixture::ports(&world), stop.clone());
    let read = async {
        let mut reply = client().get(format!("{base}/api/v1/events")).send().await.unwrap();
        reply.chunk().await.unwrap().expect("a hello");
        stop.cancel();
        while reply.chunk().await.unwrap().is_some() {}
    };
    let (served, ()) = tokio::time::timeout(WAIT, async { tokio::join!(serving, read) }).await.expect("did not stop");
    served.unwrap();
}

/// Every page there is.
fn pages(world: &World) -> Vec<String> {
    let mut pages: Vec<String> =
        ["/", "/alarms?before=1", "/devices", "/devices?q=nothing", "/sync", "/nothing", "/devices/nothing"]
            .map(str::to_owned)
            .to_vec();
    for device in ["b3_pump_1", "b3_pump_2", "smoke_3_1201"] {
        pages.extend(["", "?range=7d", "?point=running&range=1h"].map(|q| format!("/devices/{device}{q}")));
    }
    pages.extend(world.live.alarms().iter().map(|a| format!("/alarms/{}", a.id.replace('@', "%40"))));
    pages
}

#[tokio::test]
async fn every_page_has_words_in_both_languages_and_safe_headers() {
    let keys: std::collections::BTreeMap<String, String> =
        serde_json::from_str(include_str!("../src/api/page/en.json")).unwrap();
    for world in [fixture::busy(), fixture::quiet()] {
        world.cloud_up.store(false, std::sync::atomic::Ordering::Relaxed);
        let served = start(&world).await;
        let client = client();
        for page in pages(&world) {
            for (tag, other) in [("zh-CN", "en"), ("en", "zh-CN")] {
                let join = if page.contains('?') { '&' } else { '?' };
                let reply = client.get(format!("{}{page}{join}lang={tag}", served.base)).send().await.unwrap();
                let headers = reply.headers().clone();
                assert!(headers["content-security-policy"].to_str().unwrap().contains("default-src 'self'"));
                assert_eq!(headers["x-content-type-options"], "nosniff");
                assert!(headers["set-cookie"].to_str().unwrap().starts_with(&format!("gatehouse_lang={tag};")));
                let text = reply.text().await.unwrap();
                assert!(text.contains(&format!("<html lang=\"{tag}\">")) && text.contains(&format!("lang={other}")));
                assert!(!text.contains("style=") && !text.contains("onclick="), "{page}: inline style or script");
                let raw = keys.keys().find(|k| text.contains(&format!(">{k}<")) || text.contains(&format!("\"{k}\"")));
                assert_eq!(raw, None, "{page} {tag}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_driver_says_is_told_in_the_language_of_the_page() {
    let world = fixture::busy();
    fixture::kill_pump(&world);
    let served = start(&world).await;
    for (lang, told) in [("zh-CN", "从站 2 连续 3 次没有应答"), ("en", "unit 2 did not answer 3 times in a row")]
    {
        let url = format!("{}/devices/b3_pump_2?lang={lang}", served.base);
        let text = client().get(url).send().await.unwrap().text().await.unwrap();
        assert!(text.contains(told), "{lang}");
    }
}

#[tokio::test]
async fn tables_open_in_a_spreadsheet() {
    let world = fixture::busy();
    let served = start(&world).await;
    for (path, zh, en) in [
        ("/alarms.csv", "发生时间,ISO 时间,级别", "Raised,ISO time,Level"),
        ("/history.csv?point=b3_pump_1.pressure&range=1h", "时间,ISO 时间,平均 (MPa)", "Time,ISO time,Mean (MPa)"),
    ] {
        for (lang, head) in [("zh-CN", zh), ("en", en)] {
            let request = client().get(format!("{}{path}", served.base)).header("Accept-Language", lang);
            let bytes = request.send().await.unwrap().bytes().await.unwrap();
            let text = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").expect("no byte-order mark")).unwrap();
            assert!(text.starts_with(head), "{text}");
            assert!(text.lines().count() > 3);
        }
    }
}

#[tokio::test]
async fn figures_name_lines_and_devices_but_never_points() {
    let world = fixture::busy();
    let served = start(&world).await;
    let text = client().get(format!("{}/metrics", served.base)).send().await.unwrap().text().await.unwrap();
    for part in [
        "gatehouse_device_up{line=\"rs485_1\",device=\"b3_pump_2\"} 0.0",
        "gatehouse_line_polls_total{line=\"plant\"} 184203",
        "gatehouse_alarms_open{level=\"critical\"} 1.0",
        "gatehouse_upstream_backlog{upstream=\"cloud\",stream=\"telemetry\"}",
        "# EOF",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("pressure"));
}

#[tokio::test]
async fn the_api_tells_the_present_and_the_past() {
    let world = fixture::busy();
    let served = start(&world).await;
    let get = async |path: &str| json_of(client().get(format!("{}/api/v1{path}", served.base))).await.1;
    let open = get("/alarms?open=true").await;
    assert_eq!(open[0]["title"]["zh"], "水泵干转");
    assert_eq!(open.as_array().unwrap().len(), 3);
    assert_eq!(get("/alarms?limit=2").await.as_array().unwrap().len(), 2);
    assert_eq!(get("/alarms?device=plant_env").await.as_array().unwrap().len(), 1);
    assert_eq!(get("/points/b3_pump_2.pressure").await["quality"], "bad_quarantine");
    assert_eq!(get("/points/b3_pump_2.pressure").await["value"], Value::Null);
    assert_eq!(get("/points").await.as_array().unwrap().len(), world.site.points.len());
    assert_eq!(get("/lines").await[0]["devices"][0], "b3_pump_1");
    assert_eq!(get("/devices/b3_pump_1").await["alarms_open"], 1);
    assert_eq!(get("/history?point=b3_pump_1.pressure&max=100").await["buckets"].as_array().unwrap().len(), 100);
    assert_eq!(get("/sync").await[0]["streams"][2]["stream"], "telemetry");
    assert_eq!(get("/health").await["alarms_unacknowledged"], 2);
    assert_eq!(get("/openapi.json").await["openapi"].as_str().map(|v| v.starts_with("3.")), Some(true));
}

#[tokio::test]
async fn what_learns_tells_how_it_stands_and_learns_anew_when_asked() {
    let world = fixture::busy();
    let served = start(&world).await;
    let point = gatehouse::model::id::PointIx(0);
    let ahead = gatehouse::model::finding::Ahead { limit: 90.0, eta_s: 720.0, low_s: 500.0, high_s: None };
    world.live.set_outlooks(vec![gatehouse::model::finding::Outlook {
        key: "pump_1.bearing_ahead".into(),
        points: vec![point],
        progress: 1.0,
        ahead: Some(ahead),
    }]);
    let (status, told) = json_of(client().get(format!("{}/api/v1/outlooks", served.base))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(told[0]["rule"], "pump_1.bearing_ahead", "{told}");
    assert_eq!(told[0]["ahead"]["eta_s"], 720.0, "{told}");
    let relearn = |key: &str, body: &str| {
        let url = format!("{}/api/v1/rules/{key}/relearn", served.base);
        json_of(client().post(url).header("Content-Type", "application/json").body(body.to_owned()))
    };
    for (key, body, wanted) in [
        ("pump_1", r#"{"by":"李"}"#, StatusCode::OK),
        ("no_such", r#"{"by":"李"}"#, StatusCode::NOT_FOUND),
        ("pump_1", r#"{"by":"  "}"#, StatusCode::BAD_REQUEST),
        ("pump_1", "{", StatusCode::BAD_REQUEST),
    ] {
        let (status, told) = relearn(key, body).await;
        assert_eq!(status, wanted, "{key} {body}: {told}");
    }
}
