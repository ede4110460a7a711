//! The composed gateway under load, from a camera's post to the page's event stream and the webhook, all over real sockets,
//! while the cameras' picture server takes every request and answers none.

use std::net::SocketAddr;
use std::time::Duration;

use gatehouse::gateway::{End, Running};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::rig::{BASIC, post};
use crate::whole::{FACADE, camera, open, stone, stone_from};

/// From the camera's post to every channel.
const ALARM_WITHIN: Duration = Duration::from_secs(2);
const CAMERAS: usize = 5;
const EVENTS: usize = 500;
/// Budget of the site: new cases of dense objects a minute.
const DENSE_PER_MINUTE: usize = 8;
/// All of a storm's events must be taken within this.
const STORM_WITHIN: Duration = Duration::from_mins(1);

/// Takes connections and says nothing.
async fn hang(listener: TcpListener) {
    let mut held = Vec::new();
    while let Ok((socket, _)) = listener.accept().await {
        held.push(socket);
    }
}

/// A webhook's far end: every event with its moment.
async fn receiver(listener: TcpListener, out: mpsc::Sender<(Instant, Value)>) {
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut text = Vec::new();
        while let Ok(1..) = socket.read_buf(&mut text).await {
            let Some(at) = text.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&text[..at]).to_lowercase();
            let length: usize =
                head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
            if text.len() < at + 4 + length {
                continue;
            }
            let event = serde_json::from_slice(&text[at + 4..at + 4 + length]).unwrap();
            text.clear();
            socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            if out.send((Instant::now(), event)).await.is_err() {
                return;
            }
        }
    }
}

/// The page's own event stream: every alarm with its moment.
async fn page(at: SocketAddr, out: mpsc::Sender<(Instant, Value)>, open: oneshot::Sender<()>) {
    let mut socket = TcpStream::connect(at).await.unwrap();
    let ask = format!("GET /api/v1/events HTTP/1.1\r\nHost: {at}\r\nAccept: text/event-stream\r\n\r\n");
    socket.write_all(ask.as_bytes()).await.unwrap();
    let (mut text, mut open) = (Vec::new(), Some(open));
    while let Ok(1..) = socket.read_buf(&mut text).await {
        while let Some(end) = text.windows(2).position(|w| w == b"\n\n") {
            let block = String::from_utf8_lossy(&text[..end]).into_owned();
            text.drain(..end + 2);
            if block.contains("event: hello") {
                open.take().unwrap().send(()).unwrap();
            }
            let data = block.lines().find_map(|line| line.strip_prefix("data: "));
            let alarm = block.contains("event: alarm").then(|| data.unwrap_or_default());
            if let Some(event) = alarm.map(|data| serde_json::from_str(data).unwrap())
                && out.send((Instant::now(), event)).await.is_err()
            {
                return;
            }
        }
    }
}

/// The moment at which a channel brings the first alarm whose text holds all the words.
async fn hears(channel: &mut mpsc::Receiver<(Instant, Value)>, words: &[&str]) -> Instant {
    let wait = async {
        loop {
            let (at, event) = channel.recv().await.expect("the channel lives");
            let text = event.to_string();
            if words.iter().all(|word| text.contains(word)) {
                return at;
            }
        }
    };
    timeout(ALARM_WITHIN, wait).await.unwrap_or_else(|_| panic!("no {words:?} within {ALARM_WITHIN:?}"))
}

/// One camera's share of a storm; sends again what it is told to. How often it was told so.
async fn shout(at: SocketAddr, camera: String, events: usize) -> usize {
    let path = format!("/vision/{camera}");
    let headers = [("Authorization", BASIC), ("Content-Type", "application/json")];
    let mut again = 0;
    for n in 0..events {
        // From floor to floor, so that they are not all one thing.
        let height_m = 14.0 + 3.0 * (n % 9) as f64;
        let body = stone_from(height_m, &format!("storm-{camera}-{n}"), &format!("/{n}.jpg"));
        loop {
            let told = post(at, &path, &headers, body.as_bytes()).await;
            match told.status {
                200 => break assert!(told.has("\"stored\""), "{told:?}"),
                429 | 503 => again += 1,
                _ => panic!("{told:?}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    again
}

async fn get(at: SocketAddr, path: &str) -> Value {
    let mut socket = TcpStream::connect(at).await.unwrap();
    let ask = format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    socket.write_all(ask.as_bytes()).await.unwrap();
    let answer = crate::rig::answer(socket).await;
    let body = answer.text.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str(&body[body.find(['[', '{']).unwrap()..=body.rfind([']', '}']).unwrap()]).unwrap()
}

async fn campaign(running: &Running, hooks: TcpListener, pictures: TcpListener) {
    let (vision, api) = (running.vision.unwrap(), running.api);
    let mut tasks = JoinSet::new();
    tasks.spawn(hang(pictures));
    let (hook, mut hooked) = mpsc::channel(4_096);
    tasks.spawn(receiver(hooks, hook));
    let (shown, mut on_page) = mpsc::channel(4_096);
    let (tell, opened) = oneshot::channel();
    tasks.spawn(page(api, shown, tell));
    timeout(ALARM_WITHIN, opened).await.expect("the page's stream opens").unwrap();

    // One event: both channels have it in time, though its picture hangs.
    let headers = [("Authorization", BASIC), ("Content-Type", "application/json")];
    let begun = Instant::now();
    let body = stone("first", "/first.jpg");
    let (told, page_at, hook_at) = tokio::join!(
        post(vision, "/vision/cam0", &headers, body.as_bytes()),
        hears(&mut on_page, &["case.1", "raised"]),
        hears(&mut hooked, &["case.1", "raised"]),
    );
    assert!(told.status == 200 && told.has("\"stored\""), "{told:?}");
    let ms = |at: Instant| at.duration_since(begun).as_millis();
    println!("one event: on the page's stream after {} ms, at the webhook after {} ms", ms(page_at), ms(hook_at));
    let story = get(api, "/api/v1/cases/1").await;
    let case = &story["case"];
    assert_eq!((&case["judgement"]["class"], &case["level"]), (&"dense".into(), &"critical".into()), "{case}");

    // A storm of them: all kept, few cases, few alarms, and the next thing is still heard at once.
    let begun = Instant::now();
    let mut storm = JoinSet::new();
    for n in 0..CAMERAS {
        storm.spawn(shout(vision, format!("cam{n}"), EVENTS / CAMERAS));
    }
    let again: usize = timeout(STORM_WITHIN, storm.join_all()).await.expect("taken in a minute").into_iter().sum();
    println!("{EVENTS} events taken in {} ms, {again} sent again", begun.elapsed().as_millis());
    let cases = get(api, "/api/v1/cases?limit=500").await;
    let cases = cases.as_array().unwrap();
    let sightings: u64 = cases.iter().map(|c| c["sightings"].as_u64().unwrap()).sum();
    assert_eq!(sightings, EVENTS as u64 + 1);
    // More than one, and no more than the budget of a place for each minute that was begun.
    let minutes = usize::try_from(begun.elapsed().as_secs() / 60 + 2).unwrap();
    assert!((2..=DENSE_PER_MINUTE * minutes).contains(&cases.len()), "{} cases", cases.len());
    let alarms = get(api, "/api/v1/alarms?open=true").await;
    assert!(alarms.as_array().unwrap().len() <= cases.len(), "{alarms}");
    let begun = Instant::now();
    let lane = br#"{"id":"last","kind":"ebike_in_lift"}"#;
    let (told, page_at, hook_at) = tokio::join!(
        post(vision, "/vision/cam1", &headers, lane),
        hears(&mut on_page, &["E-bike", "raised"]),
        hears(&mut hooked, &["E-bike", "raised"]),
    );
    assert_eq!(told.status, 200, "{told:?}");
    let ms = |at: Instant| at.duration_since(begun).as_millis();
    println!(
        "{} cases; the next alarm: on the page's stream after {} ms, at the webhook after {} ms",
        cases.len(),
        ms(page_at),
        ms(hook_at)
    );
}

#[test]
fn alarms_reach_page_and_webhook_in_two_seconds_also_behind_a_storm_of_events() {
    let dir = tempfile::tempdir().unwrap();
    let listen = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, url)
    };
    let ((pictures, pictures_url), (hooks, hooks_url)) = (listen(), listen());
    let cameras: String = (0..CAMERAS).map(|n| camera(&format!("cam{n}"), &pictures_url)).collect();
    let gateway = open(
        dir.path(),
        &format!(
            "[webhook.duty]\nurl = '{hooks_url}/hook'\n\
         [cases]\nmerge_window = '1s'\ncases_per_minute = 4\ndense_per_minute = {DENSE_PER_MINUTE}\n{FACADE}{cameras}"
        ),
    );
    let (tell, told) = oneshot::channel();
    let end = gateway.run(|running| assert!(tell.send(running.clone()).is_ok()), async move {
        let running = told.await.unwrap();
        let listener = |l| TcpListener::from_std(l).unwrap();
        // The webhook begins with what happens after its first look at the journal.
        campaign(&running, listener(hooks), listener(pictures)).await;
    });
    assert_eq!(end.unwrap(), End::Asked);
}
