//! A real mosquitto on a free loopback port, with its own folder.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::need::peer;

/// Whether broker, publisher and password tool are there.
pub(crate) fn broker_is_there() -> bool {
    peer(program(), &["-h"]) && peer("mosquitto_pub", &["--help"]) && peer("mosquitto_passwd", &[])
}

/// Where Debian puts the broker, or wherever the path leads.
fn program() -> &'static str {
    if Path::new("/usr/sbin/mosquitto").exists() { "/usr/sbin/mosquitto" } else { "mosquitto" }
}

/// The broker. Users `gatehouse` and `device`, password `secret`; keeps sessions across [`Mosquitto::stop`].
pub(crate) struct Mosquitto {
    folder: TempDir,
    pub(crate) port: u16,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts it; with `tls`, a certificate and key in PEM.
    pub(crate) async fn start(tls: Option<(&str, &str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let file = |name: &str| folder.path().join(name);
        let mut config = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\npersistence true\n\
             persistence_location {}/\nmax_queued_messages 100000\nlog_dest none\nacl_file {}\n",
            file("passwords").display(),
            folder.path().display(),
            file("acl").display(),
        );
        if let Some((certificate, key)) = tls {
            std::fs::write(file("cert.pem"), certificate).unwrap();
            std::fs::write(file("key.pem"), key).unwrap();
            let (certificate, key) = (file("cert.pem"), file("key.pem"));
            config = format!("{config}certfile {}\nkeyfile {}\n", certificate.display(), key.display());
        }
        std::fs::write(file("mosquitto.conf"), config).unwrap();
        std::fs::write(file("acl"), "user gatehouse\ntopic readwrite #\nuser device\ntopic readwrite site/#\n")
            .unwrap();
        for (ix, user) in ["gatehouse", "device"].iter().enumerate() {
            let mut add = Command::new("mosquitto_passwd");
            add.arg("-b").args((ix == 0).then_some("-c")).arg(file("passwords")).args([user, "secret"]);
            assert!(add.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
        }
        let mut mosquitto = Self { folder, port, child: None };
        mosquitto.run().await;
        mosquitto
    }

    /// Starts the program again, on the same port.
    pub(crate) async fn run(&mut self) {
        let config: PathBuf = self.folder.path().join("mosquitto.conf");
        let child = Command::new(program()).arg("-c").arg(config).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child = Some(child.unwrap());
        let up = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), up).await.expect("mosquitto does not listen");
    }

    /// Stops it in good order, so that it writes its sessions.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
            child.wait().unwrap();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Publishes lines at QoS 1 as `device` and waits until the broker has them all.
    pub(crate) async fn publish(&self, topic: &str, payloads: impl Iterator<Item = String>) {
        let mut lines: String = payloads.map(|p| p + "\n").collect();
        lines.shrink_to_fit();
        let port = self.port.to_string();
        let (topic, file) = (topic.to_owned(), self.folder.path().join("lines"));
        std::fs::write(&file, lines).unwrap();
        let publish = move || {
            let input = std::fs::File::open(file).unwrap();
            Command::new("mosquitto_pub")
                .args(["-h", "127.0.0.1", "-p", &port, "-u", "device", "-P", "secret", "-q", "1", "-t", &topic, "-l"])
                .stdin(input)
                .status()
                .unwrap()
        };
        assert!(tokio::task::spawn_blocking(publish).await.unwrap().success());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child
            && (child.kill().is_err() || child.wait().is_err())
        {
            println!("mosquitto had ended already");
        }
    }
}
