//! Simulated cameras for the demo: an endless stream of events, and the pictures that belong to them, over real HTTP.
//!
//! One camera looks at a facade and sees, round and round, a flower pot fall from the 13th floor, a bird fly by and a paper
//! bag sink; the other sits in a lift, into which somebody pushes an e-bike. Knows nothing of how falls are judged.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock::{Clock, SystemClock};

const FACADE: &[u8] = include_bytes!("../../config/demo_facade.jpg");
/// Longest head of a request.
const HEAD_BYTES_MAX: usize = 8 * 1024;
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Events of a round, and its length.
const ROUND_S: u64 = 240;
const FRAME_S: f64 = 0.04;

/// The camera's view, the same as in `config/demo.toml`: pixels of focal length, pitch, distance, height of the lens.
const FOCAL_PX: f64 = 1032.0;
const PITCH_RAD: f64 = 0.436_332;
const DISTANCE_M: f64 = 40.0;
const LENS_M: f64 = 1.6;

/// Which camera a stream belongs to, with its events: seconds into the round, and what.
const AT_FACADE: &[(u64, What)] = &[(10, What::Pot), (45, What::Bird), (80, What::Bag)];
const IN_LIFT: &[(u64, What)] = &[(25, What::Bike)];

#[derive(Debug, Clone, Copy)]
enum What {
    Pot,
    Bag,
    Bird,
    Bike,
}

/// The cameras, listening.
#[derive(Debug)]
pub struct Cameras(TcpListener);

impl Cameras {
    /// On a free port of this machine.
    pub async fn open() -> std::io::Result<Self> {
        TcpListener::bind(("127.0.0.1", 0)).await.map(Self)
    }

    /// Where.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Serves until dropped.
    pub async fn run(self) {
        let mut guests = JoinSet::new();
        let begun = Instant::now();
        loop {
            tokio::select! {
                Ok((socket, _)) = self.0.accept() => {
                    guests.spawn(async move {
                        // A gateway that goes away is no fault.
                        drop(serve(socket, begun).await);
                    });
                }
                Some(_) = guests.join_next() => {}
            }
        }
    }
}

async fn serve(mut socket: TcpStream, begun: Instant) -> std::io::Result<()> {
    let mut head = Vec::new();
    let read = async {
        while !head.windows(4).any(|w| w == b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
            if socket.read_buf(&mut head).await? == 0 {
                break;
            }
        }
        Ok::<_, std::io::Error>(())
    };
    tokio::time::timeout(HEAD_WITHIN, read).await??;
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    match path {
        "/events" => stream(socket, AT_FACADE, begun).await,
        "/events/lift" => stream(socket, IN_LIFT, begun).await,
        _ if path.starts_with("/pictures/") => {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                FACADE.len()
            );
            socket.write_all(head.as_bytes()).await?;
            socket.write_all(FACADE).await?;
            socket.shutdown().await
        }
        _ => socket.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await,
    }
}

async fn stream(mut socket: TcpStream, events: &[(u64, What)], begun: Instant) -> std::io::Result<()> {
    socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=part\r\n\r\n").await?;
    let mut second = begun.elapsed().as_secs();
    loop {
        tokio::time::sleep_until(begun + Duration::from_secs(second + 1)).await;
        second += 1;
        let due = events.iter().find(|(at, _)| second % ROUND_S == *at);
        let body = due.map_or_else(|| heartbeat(second), |(_, what)| event(*what, second));
        if due.is_some() || second.is_multiple_of(5) {
            let part =
                format!("--part\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}\r\n", body.len());
            socket.write_all(part.as_bytes()).await?;
        }
    }
}

fn heartbeat(second: u64) -> String {
    serde_json::json!({ "id": format!("beat-{second}"), "kind": "heartbeat" }).to_string()
}

fn event(what: What, second: u64) -> String {
    let now_ms = SystemClock.anchor().wall.0;
    let id = format!("demo-{now_ms}-{second}");
    let time = jiff::Timestamp::from_millisecond(now_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string();
    let (kind, track) = match what {
        What::Pot => ("falling_object", fall(38.0, 55.0)),
        What::Bag => ("falling_object", sink(30.0, 2.2)),
        What::Bird => ("falling_object", fly()),
        What::Bike => ("ebike_in_lift", Vec::new()),
    };
    let mut event = serde_json::json!({
        "id": id, "time": time, "kind": kind, "rule": "demo", "width": 1920, "height": 1080, "fps": 25,
        "confidence": 0.8, "track": track,
    });
    if !track.is_empty() {
        event["picture"] = format!("/pictures/{id}.jpg").into();
    }
    event.to_string()
}

/// Pixel of a place on the facade: metres to the right of the middle, metres above the ground.
fn pixel(right_m: f64, height_m: f64) -> (f64, f64) {
    let angle = ((height_m - LENS_M) / DISTANCE_M).atan() - PITCH_RAD;
    let depth = DISTANCE_M * PITCH_RAD.cos() + (height_m - LENS_M) * PITCH_RAD.sin();
    (960.0 + right_m / depth * FOCAL_PX, 540.0 - FOCAL_PX * angle.tan())
}

fn points(places: impl Iterator<Item = (f64, f64, f64)>) -> Vec<serde_json::Value> {
    let point = |(t, right, height): (f64, f64, f64)| {
        let (x, y) = pixel(right, height);
        let round = |v: f64| (v * 10.0).round() / 10.0;
        serde_json::json!({ "t": t, "x": round(x), "y": round(y), "w": 8, "h": 9 })
    };
    points_seen(places).map(point).collect()
}

/// Only what lies within the picture and above the ground.
fn points_seen(places: impl Iterator<Item = (f64, f64, f64)>) -> impl Iterator<Item = (f64, f64, f64)> {
    places.take_while(|(_, _, height)| *height > 0.5).filter(|(_, right, height)| {
        let (x, y) = pixel(*right, *height);
        (0.0..1920.0).contains(&x) && (0.0..1080.0).contains(&y)
    })
}

fn moments() -> impl Iterator<Item = f64> {
    (0..75u32).map(|n| f64::from(n) * FRAME_S)
}

/// A dense thing falls from rest; the air holds it back a little: it would never be faster than `terminal`, m/s.
fn fall(from_m: f64, terminal: f64) -> Vec<serde_json::Value> {
    let fallen = move |t: f64| terminal * terminal / 9.81 * (9.81 * t / terminal).cosh().ln();
    points(moments().map(move |t| (t, 4.0 + 0.3 * t, from_m - fallen(t))))
}

/// A light thing sinks at a steady speed and sways.
fn sink(from_m: f64, speed: f64) -> Vec<serde_json::Value> {
    points(moments().map(|t| (t, -5.0 + (t * 3.0).sin() * 0.5, from_m - speed * t)))
}

/// A bird crosses the picture.
fn fly() -> Vec<serde_json::Value> {
    points(moments().map(|t| (t, -12.0 + 9.0 * t, 25.0 + (t * 4.0).sin() * 0.6 + 1.2 * t)))
}
