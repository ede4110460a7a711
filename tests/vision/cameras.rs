//! What the page, the API and the metrics say of a camera, and the one alarm of a camera that falls silent, or of several
//! that do so together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use gatehouse::clock::{Clock, SystemClock};
use gatehouse::gateway::{End, Running};
use gatehouse::model::alarm::{AlarmChange, AlarmEvent, Level};
use gatehouse::model::live::LiveEvent;
use gatehouse::model::time::{Anchor, BootMs, WallMs};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{broadcast, oneshot};
use tokio::time::timeout;

use crate::rig::{BASIC, LIMIT, answer, post};
use crate::whole::{FACADE, camera, open_at, stone};

/// The system's clock, a leap ahead.
#[derive(Debug, Default)]
struct Leaping(AtomicI64);

impl Clock for Leaping {
    fn boot(&self) -> BootMs {
        BootMs(SystemClock.boot().0 + self.0.load(Ordering::Relaxed))
    }

    fn anchor(&self) -> Anchor {
        let Anchor { boot, wall, trust } = SystemClock.anchor();
        let leap = self.0.load(Ordering::Relaxed);
        Anchor { boot: BootMs(boot.0 + leap), wall: WallMs(wall.0 + leap), trust }
    }
}

async fn get(at: SocketAddr, path: &str) -> String {
    let mut socket = TcpStream::connect(at).await.unwrap();
    let ask = format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    socket.write_all(ask.as_bytes()).await.unwrap();
    let answer = answer(socket).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.text
}

/// The next change of the camera's alarm.
async fn change(events: &mut broadcast::Receiver<LiveEvent>) -> AlarmChange {
    let wait = async {
        loop {
            if let LiveEvent::Alarm { event, .. } = events.recv().await.unwrap()
                && *event.alarm.key == *"camera_silent.cam"
            {
                return event.change;
            }
        }
    };
    timeout(LIMIT, wait).await.expect("the alarm of the silent camera")
}

async fn campaign(running: &Running, clock: &Leaping) {
    let (vision, api) = (running.vision.unwrap(), running.api);
    let mut events = running.events.subscribe();
    let json = ("Content-Type", "application/json");
    let send = async |body: String, credential| {
        post(vision, "/vision/cam", &[("Authorization", credential), json], body.as_bytes()).await.status
    };
    assert_eq!(send(stone("e1", "/1.jpg"), BASIC).await, 200);
    assert_eq!(send(stone("e1", "/1.jpg"), BASIC).await, 200);
    assert_eq!(send("{\"id\":".into(), BASIC).await, 400);
    assert_eq!(send("{}".into(), "Basic bm86bm8=").await, 401);
    assert_eq!(send("{\"id\":\"x\",\"kind\":\"parcel\"}".into(), BASIC).await, 200);

    let told = get(api, "/api/v1/cameras").await;
    for fact in [
        "\"accepted\":1",
        "\"duplicates\":1",
        "\"unknown\":1",
        "\"refused\":{\"credential\":1,\"malformed\":1}",
        "\"presence\":\"heard\"",
    ] {
        assert!(told.contains(fact), "{fact}: {told}");
    }
    assert!(!told.contains("\"last_event_ms\":null") && !told.contains("\"last_contact_ms\":null"), "{told}");
    let metrics = get(api, "/metrics").await;
    for line in [
        "gatehouse_camera_events_total{camera=\"cam\"} 1",
        "gatehouse_camera_refused_total{camera=\"cam\",reason=\"malformed\"} 1",
        "gatehouse_camera_refused_total{camera=\"cam\",reason=\"unknown_kind\"} 1",
        "gatehouse_camera_heard{camera=\"cam\"} 1",
        "gatehouse_camera_contact_age_seconds{camera=\"cam\"}",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let zh = get(api, "/cameras?lang=zh-CN").await;
    assert!(
        zh.contains("最近联系") && zh.contains("格式无法识别: 1") && zh.contains("用户名、密码或令牌不对: 1"),
        "{zh}"
    );
    let en = get(api, "/cameras?lang=en").await;
    assert!(en.contains("Last heard") && en.contains("Not readable as what it claims to be: 1"), "{en}");

    // Why it rang stands in the case's story, level and all.
    assert!(get(api, "/cases/1?lang=zh-CN").await.contains("发出告警 · 紧急"));
    assert!(get(api, "/cases/1?lang=en").await.contains("Alarm raised · Critical"));
    // One case is no figure for a notice board, and "0" would be no truth.
    let notice = get(api, "/cases/notice?lang=zh-CN").await;
    assert!(notice.contains("<dd>少于 5 起</dd>") && !notice.contains("<dd>0</dd>"), "{notice}");
    assert!(get(api, "/cases/notice?lang=en").await.contains("<dd>fewer than 5</dd>"));
    let story = get(api, "/api/v1/cases/1").await;
    let raised = story.split_once("\"step\":\"raised\"").and_then(|(_, rest)| rest.split('}').next()).unwrap();
    assert!(raised.contains("\"level\":\"critical\"") && raised.contains("\"note\":\"\""), "{story}");

    // Nothing for longer than the site allows: one alarm, and no second one however long it lasts.
    clock.0.store(61_000, Ordering::Relaxed);
    assert_eq!(change(&mut events).await, AlarmChange::Raised);
    assert!(get(api, "/cameras?lang=en").await.contains("nothing heard for 1 min"));
    let told = get(api, "/api/v1/cameras").await;
    let reason = "\"reason\":{\"zh\":\"1 分钟没有任何消息\",\"en\":\"nothing heard for 1 min\"}";
    assert!(told.contains(reason), "{told}");
    clock.0.store(7_200_000, Ordering::Relaxed);
    assert_eq!(send(stone("e2", "/2.jpg"), BASIC).await, 200);
    assert_eq!(change(&mut events).await, AlarmChange::Cleared);
}

#[test]
fn a_camera_is_counted_and_one_that_falls_silent_is_one_alarm() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Leaping::default());
    let site = format!("{FACADE}{}silent_after = \"1m\"\n", camera("cam", "http://127.0.0.1:9"));
    let gateway = open_at(dir.path(), &site, Arc::clone(&clock) as Arc<dyn Clock>);
    let (tell, told) = oneshot::channel();
    let end = gateway.run(|running| assert!(tell.send(running.clone()).is_ok()), async move {
        let running = told.await.unwrap();
        campaign(&running, &clock).await;
    });
    assert_eq!(end.unwrap(), End::Asked);
}

/// The next change of the alarm of cameras that are silent together; no camera rings by itself meanwhile.
async fn together(events: &mut broadcast::Receiver<LiveEvent>, clock: &Leaping, is: AlarmChange) -> Arc<AlarmEvent> {
    let wait = async {
        loop {
            match timeout(Duration::from_millis(2_500), events.recv()).await.map(Result::unwrap) {
                Ok(LiveEvent::Alarm { event, .. }) => {
                    assert_eq!(&*event.alarm.key, "camera_silent.network.127_0_0", "{event:?}");
                    if event.change == is {
                        return event;
                    }
                }
                Ok(LiveEvent::Link(_)) => {}
                // A group is judged when it has come to rest.
                Err(_) => drop(clock.0.fetch_add(11_000, Ordering::Relaxed)),
            }
        }
    };
    timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{is:?}"))
}

#[test]
fn cameras_behind_a_dead_switch_are_one_alarm() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Leaping::default());
    let all = ["a", "b", "c", "d"];
    let one = |id: &&str| format!("{}silent_after = \"1m\"\n", camera(id, "http://127.0.0.1:9"));
    let site = format!("{FACADE}{}", all.iter().map(one).collect::<String>());
    let gateway = open_at(dir.path(), &site, Arc::clone(&clock) as Arc<dyn Clock>);
    let (tell, told) = oneshot::channel();
    let end = gateway.run(|running| assert!(tell.send(running.clone()).is_ok()), async move {
        let running: Running = told.await.unwrap();
        let mut events = running.events.subscribe();
        clock.0.store(61_000, Ordering::Relaxed);
        let raised = together(&mut events, &clock, AlarmChange::Raised).await;
        let title = &raised.alarm.text.title;
        assert_eq!(&*title.en, "4 of 4 cameras in network 127.0.0 silent: 南 a, 南 b, 南 c, 南 d");
        assert_eq!(&*title.zh, "网段 127.0.0 的 4 台摄像机中有 4 台没有消息：南 a、南 b、南 c、南 d");
        assert_eq!((raised.alarm.level, &*raised.alarm.at), (Level::Major, "3号楼/南"));
        let headers = [("Authorization", BASIC), ("Content-Type", "application/json")];
        for id in all {
            let body = br#"{"id":"e","kind":"ebike_in_lift_heartbeat"}"#;
            assert_eq!(post(running.vision.unwrap(), &format!("/vision/{id}"), &headers, body).await.status, 200);
        }
        together(&mut events, &clock, AlarmChange::Cleared).await;
    });
    assert_eq!(end.unwrap(), End::Asked);
}

#[test]
fn why_a_camera_is_lost_is_told_in_the_readers_language() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(Leaping::default());
    // Nobody listens there.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let site = format!(
        "[camera.cam]\nname = 'cam'\nat = 'x'\nprofile = 'generic_json'\nstream = {{ url = 'http://{closed}/events' }}\n"
    );
    let gateway = open_at(dir.path(), &site, Arc::clone(&clock) as Arc<dyn Clock>);
    let (tell, told) = oneshot::channel();
    let end = gateway.run(|running| assert!(tell.send(running.clone()).is_ok()), async move {
        let running: Running = told.await.unwrap();
        let mut events = running.events.subscribe();
        let raised = async {
            loop {
                if let Ok(Ok(LiveEvent::Alarm { event, .. })) = timeout(Duration::from_millis(500), events.recv()).await
                {
                    return event;
                }
                clock.0.fetch_add(61_000, Ordering::Relaxed);
            }
        };
        let raised = timeout(LIMIT, raised).await.expect("the alarm");
        let title = &raised.alarm.text.title;
        assert_eq!(&*title.zh, "摄像机 cam 没有消息：连接不上：对端拒绝连接");
        assert!(title.en.starts_with("Camera cam is silent: no connection: Connection refused"), "{title:?}");
        assert!(get(running.api, "/cameras?lang=zh-CN").await.contains("连接不上：对端拒绝连接"));
        assert!(get(running.api, "/cameras?lang=en").await.contains("no connection: Connection refused"));
    });
    assert_eq!(end.unwrap(), End::Asked);
}
