//! The composed gateway: from a camera's post to the alarm, with everything in between real.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gatehouse::clock::SystemClock;
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

fn credential(dir: &Path, name: &str, text: &str) {
    let folder = dir.join("credentials");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), text).unwrap();
    std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn gateway(dir: &Path, pictures: &str) -> Gateway {
    crypto();
    credential(dir, "cam", "user:secret\n");
    let site = format!(
        r#"
version = 1
site = {{ id = "test", name = "测试" }}
[api]
bind = "127.0.0.1:0"
[vision]
bind = "127.0.0.1:0"
[facade.south]
name = "3号楼南"
storeys = 18
[camera.cam]
name = "南1"
at = "3号楼/南"
profile = "generic_json"
push = {{ credential = "cam" }}
fetch = {{ url = "{pictures}" }}
facade = "south"
"#
    );
    let file = dir.join("gatehouse.toml");
    std::fs::write(&file, site).unwrap();
    let loaded = load(&file, &[], &SHIPPED, &Unchecked);
    let mut config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    config.store.path = dir.join("data");
    Gateway::open(config, &Credentials::beside(&file), Arc::new(SystemClock)).unwrap()
}

/// The picture server takes the request and says nothing.
#[test]
fn the_alarm_does_not_wait_for_a_picture_server_that_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let pictures = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    pictures.set_nonblocking(true).unwrap();
    let gateway = gateway(dir.path(), &format!("http://{}", pictures.local_addr().unwrap()));
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
