//! The composed gateway: from a camera's post to the alarm, with everything in between real.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::clock::{Clock, SystemClock};
use gatehouse::config::credential::Credentials;
use gatehouse::config::expr::Unchecked;
use gatehouse::config::load;
use gatehouse::config::shipped::SHIPPED;
use gatehouse::gateway::{End, Gateway, Running};
use gatehouse::model::alarm::AlarmChange;
use gatehouse::model::live::LiveEvent;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::rig::{BASIC, LIMIT, Server, crypto, post};

pub(crate) fn credential(dir: &Path, name: &str, text: &str) {
    let folder = dir.join("credentials");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), text).unwrap();
    std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A gateway with this site, its data below `dir`, and the credential `cam` (`user:secret`).
pub(crate) fn open(dir: &Path, site: &str) -> Gateway {
    open_at(dir, site, Arc::new(SystemClock))
}

/// The same by another clock.
pub(crate) fn open_at(dir: &Path, site: &str, clock: Arc<dyn Clock>) -> Gateway {
    crypto();
    credential(dir, "cam", "user:secret\n");
    let site = format!(
        "version = 1\nsite = {{ id = 'test', name = '测试' }}\napi = {{ bind = '127.0.0.1:0' }}\n\
         vision = {{ bind = '127.0.0.1:0' }}\n{site}"
    );
    let file = dir.join("gatehouse.toml");
    std::fs::write(&file, site).unwrap();
    let loaded = load(&file, &[], &SHIPPED, &Unchecked);
    let mut config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    config.store.path = dir.join("data");
    Gateway::open(config, &Credentials::beside(&file), clock).unwrap()
}

/// One camera `cam` that looks at the facade `south` and knows its heights: 20 pixels a metre, the ground at row 1040.
pub(crate) fn camera(id: &str, pictures: &str) -> String {
    format!(
        r#"
[camera.{id}]
name = "南 {id}"
at = "3号楼/南"
serial = "SN-{id}"
profile = "generic_json"
push = {{ credential = "cam" }}
fetch = {{ url = "{pictures}" }}
facade = "south"
fps = 25
width = 1920
height = 1080
reference_rows = [{{ row = 1040, height_m = 0 }}, {{ row = 860, height_m = 9 }}, {{ row = 680, height_m = 18 }}, {{ row = 440, height_m = 30 }}, {{ row = 200, height_m = 42 }}]
"#
    )
}

pub(crate) const FACADE: &str = "[facade.south]\nname = '3号楼南'\nstoreys = 18\n";

/// A stone let go at 40 m, seen for 1.6 s, with a picture at `picture`.
pub(crate) fn stone(id: &str, picture: &str) -> String {
    stone_from(40.0, id, picture)
}

/// The same from this height.
pub(crate) fn stone_from(height_m: f64, id: &str, picture: &str) -> String {
    let at = |n: i32| {
        let t = f64::from(n) * 0.04;
        serde_json::json!({ "t": t, "x": 900.0, "y": 1040.0 - 20.0 * (height_m - 9.81 / 2.0 * t * t), "w": 4, "h": 4 })
    };
    serde_json::json!({ "id": id, "picture": picture, "fps": 25, "track": (0..40).map(at).collect::<Vec<_>>() })
        .to_string()
}

/// The picture server takes the request and says nothing.
#[test]
fn the_alarm_does_not_wait_for_a_picture_server_that_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let pictures = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    pictures.set_nonblocking(true).unwrap();
    let site = format!("{FACADE}{}", camera("cam", &format!("http://{}", pictures.local_addr().unwrap())));
    let gateway = open(dir.path(), &site);
    let (tell, told) = oneshot::channel();
    let ready = |running: &Running| tell.send((running.vision.unwrap(), running.events.subscribe())).unwrap();
    let end = gateway.run(ready, async move {
        let (at, mut events) = told.await.unwrap();
        let server = Server(tokio::net::TcpListener::from_std(pictures).unwrap());
        let begun = Instant::now();
        let body = br#"{"id":"e1","picture":"/e1.jpg","track":[{"t":0,"x":1,"y":2},{"t":0.04,"x":1,"y":3}]}"#;
        let headers = [("Authorization", BASIC), ("Content-Type", "application/json")];
        let posting = tokio::spawn(async move { post(at, "/vision/cam", &headers, body).await });
        let alarm = async {
            loop {
                if let LiveEvent::Alarm { event, .. } = events.recv().await.unwrap()
                    && event.change == AlarmChange::Raised
                {
                    break event.alarm.key.to_string();
                }
            }
        };
        let key = timeout(LIMIT, alarm).await.expect("an alarm");
        let took = begun.elapsed();
        println!("event to alarm `{key}`: {} ms", took.as_millis());
        assert!(took < Duration::from_secs(2), "{key} after {took:?}");
        let told = posting.await.unwrap();
        assert!(told.status == 200 && told.has("\"stored\""), "{told:?}");
        println!("event to 200: {} ms", begun.elapsed().as_millis());
        // The picture is asked for, at its own host, and hangs.
        let (head, held) = server.request().await;
        assert!(head.starts_with("GET /e1.jpg HTTP/1.1"), "{head}");
        drop(held);
    });
    assert_eq!(end.unwrap(), End::Asked);
}
