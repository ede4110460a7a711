//! gatehouse as a service manager sees it: words on the notify socket, exit codes, orderly ends.

use std::collections::VecDeque;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use crate::cloud::Cloud;
use crate::farm::Farm;
use crate::rig::{Gateway, PATIENCE, Plan, REGISTERS, Site, finish, until};

/// The service manager's end of the notify socket.
struct Manager {
    socket: tokio::net::UnixDatagram,
    heard: VecDeque<String>,
}

impl Manager {
    fn new(dir: &std::path::Path) -> Self {
        let socket = UnixDatagram::bind(dir.join("notify")).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket: tokio::net::UnixDatagram::from_std(socket).unwrap(), heard: VecDeque::new() }
    }

    /// Waits for a datagram with this line in it; what came before is passed over.
    async fn hear(&mut self, word: &str) {
        let wait = async {
            let mut buffer = [0u8; 4096];
            loop {
                let n = self.socket.recv(&mut buffer).await.unwrap();
                let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
                let found = text.lines().any(|l| l == word);
                self.heard.push_back(text);
                if found {
                    return;
                }
            }
        };
        let heard = tokio::time::timeout(PATIENCE, wait).await;
        assert!(heard.is_ok(), "waited for {word}, heard {:?}", self.heard);
    }
}

#[tokio::test]
async fn the_service_manager_hears_ready_alive_and_stopping_and_nothing_is_lost_at_the_end() {
    let (farm, cloud) = (Farm::start(4).await, Cloud::start().await);
    let site = Site::new(&Plan {
        ports: &farm.ports,
        cloud: Some(cloud.url.clone()),
        every: "200ms",
        timeout: "60s",
        store: "",
    });
    let dir = tempfile::tempdir().unwrap();
    let mut manager = Manager::new(dir.path());
    let mut command = site.command("run");
    command.env("NOTIFY_SOCKET", dir.path().join("notify")).env("WATCHDOG_USEC", "400000");
    let gateway = Gateway::start(command).await;
    manager.hear("READY=1").await;
    for _ in 0..5 {
        manager.hear("WATCHDOG=1").await;
    }
    let most = farm.answers();
    let (status, took, said) = gateway.stop().await;
    manager.hear("STOPPING=1").await;
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(took < Duration::from_secs(5), "took {took:?}");
    // An answer that came while the line was being closed may be on either side of the end.
    let (low, high) = (most * u64::from(REGISTERS), farm.answers() * u64::from(REGISTERS));
    let again = site.run().await;
    let summary = cloud.until("the last readings", |s| s.readings >= low && s.holes.is_empty()).await;
    assert!(summary.readings <= farm.answers() * u64::from(REGISTERS), "{summary}; {high}");
    cloud.check();
    assert_eq!(again.stop().await.0.code(), Some(0));
}

#[tokio::test]
async fn the_end_takes_less_than_five_seconds_with_dead_devices_and_a_dead_cloud() {
    let farm = Farm::start(2).await;
    farm.hold();
    // A port that takes connections and never says anything, as a cloud that hangs does.
    let deaf = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", deaf.local_addr().unwrap());
    let site = Site::new(&Plan { ports: &farm.ports, cloud: Some(url), every: "1s", timeout: "1s", store: "" });
    let gateway = site.run().await;
    let (_connection, _) = deaf.accept().await.unwrap();
    let (status, took, said) = gateway.stop().await;
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(took < Duration::from_secs(5), "took {took:?}: {said}");
}

#[tokio::test]
async fn a_second_instance_on_the_same_data_is_refused_in_words() {
    let farm = Farm::start(1).await;
    let site = Site::new(&Plan { ports: &farm.ports, cloud: None, every: "1s", timeout: "60s", store: "" });
    let first = site.run().await;
    let (code, _, said) = finish(site.command("run").stdout(Stdio::null()).stderr(Stdio::piped())).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("in use by another gatehouse") && said.contains("--data"), "{said}");
    let health = until("the first one unharmed", || first.try_get("/api/v1/health")).await;
    assert_eq!(health["status"], "ok", "{health}");
}

#[tokio::test]
async fn a_bad_configuration_ends_run_with_78() {
    let farm = Farm::start(1).await;
    let site = Site::new(&Plan { ports: &farm.ports, cloud: None, every: "5ms", timeout: "60s", store: "" });
    let (code, _, said) = finish(&mut site.command("run")).await;
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("site.toml:") && said.contains("5ms"), "{said}");
    assert!(!site.data.exists(), "nothing is touched before the configuration is right");
}

#[tokio::test]
async fn a_taken_port_and_a_folder_that_cannot_be_used_are_told_in_words() {
    let farm = Farm::start(1).await;
    let site = Site::new(&Plan { ports: &farm.ports, cloud: None, every: "1s", timeout: "60s", store: "" });
    let taken = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let text = std::fs::read_to_string(site.file()).unwrap();
    std::fs::write(site.file(), text.replace("127.0.0.1:0", &at)).unwrap();
    let (code, _, said) = finish(&mut site.command("run")).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&at) && said.contains("api.bind"), "{said}");

    std::fs::write(site.file(), text).unwrap();
    std::fs::remove_dir_all(&site.data).unwrap();
    std::fs::write(&site.data, "a file where the folder should be").unwrap();
    let (code, _, said) = finish(&mut site.command("run")).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("data folder") && said.contains("cannot be used"), "{said}");
}
