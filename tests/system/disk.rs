//! The disk fills up, refuses to write, refuses to sync, and comes back: people are told, polling and page live on, nothing
//! acknowledged is lost, and what could not be kept is declared.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::cloud::Cloud;
use crate::events::Stream;
use crate::farm::Farm;
use crate::rig::{BINARY, Gateway, Plan, Said, Site, load_for, signal, until};

const DEGRADED: &str = "gateway.store_degraded";
/// Little waits in memory, so that a short trouble shows what happens when that is full.
const STORE: &str = "commit_every = \"200ms\"\ncommit_count = 500\nmax_size = \"64MiB\"";

/// A small file system of its own for the data folder, for who may mount one.
struct Partition(PathBuf);

impl Partition {
    fn mount(at: &Path) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=48m", "gatehouse-test"]).arg(at);
        assert!(mount.status().unwrap().success(), "who has the right can mount a tmpfs");
        Self(at.to_owned())
    }

    /// Takes all room that is left.
    fn fill(&self, name: &str) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.0.join(name)).unwrap();
        let block = vec![0u8; 64 << 10];
        while file.write_all(&block).is_ok() {}
    }

    fn free(&self, name: &str) {
        std::fs::remove_file(self.0.join(name)).unwrap();
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        // Lazily: a gateway that a failed test leaves behind may still hold a file.
        drop(std::process::Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// Root in a container has often lost this right.
fn may_mount() -> bool {
    const CAP_SYS_ADMIN: u32 = 21;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    (u64::from_str_radix(rights.trim(), 16).unwrap() >> CAP_SYS_ADMIN) & 1 == 1
}

/// Devices, cloud and a gateway under load, with the disk in the test's hand.
struct Rig {
    farm: Farm,
    cloud: Cloud,
    site: Site,
}

impl Rig {
    async fn new() -> Self {
        let (farm, cloud) = (Farm::start(4).await, Cloud::start().await);
        let site = Site::new(&Plan {
            ports: &farm.ports,
            cloud: Some(cloud.url.clone()),
            every: "100ms",
            timeout: "60s",
            store: STORE,
        });
        Self { farm, cloud, site }
    }

    async fn run(&self, command: Command) -> Gateway {
        let gateway = Gateway::start(command).await;
        self.cloud.until("the first readings", |s| s.readings > 500).await;
        gateway
    }

    /// While the disk is in trouble: an alarm is shown, devices are polled, the page answers.
    async fn in_trouble(&self, gateway: &Gateway, stream: &Stream) {
        gateway.alarm(DEGRADED, true).await;
        let polls = self.farm.answers();
        self.farm.turn(1, 1);
        gateway.alarm("d1.on", true).await;
        until("the devices polled", || async {
            let now = self.farm.answers();
            if now > polls + 20 { Ok(()) } else { Err(format!("{now} after {polls}")) }
        })
        .await;
        let page = gateway.http.get(format!("{}/", gateway.page)).send().await.unwrap();
        assert_eq!(page.status().as_u16(), 200);
        let shown = stream.seen().iter().any(|c| c.key == "d1.on" && c.change == "raised");
        assert!(shown, "the alarm went out although the disk is in trouble");
        let health = gateway.get("/api/v1/health").await;
        assert_eq!(health["status"], "degraded", "{health}");
    }

    /// After the trouble: everything by itself.
    async fn recovered(&self, gateway: &Gateway, stream: &Stream) {
        until("the store well again", || async {
            let health = gateway.try_get("/api/v1/health").await?;
            if health["store"]["degraded"].is_null() { Ok(()) } else { Err(health.to_string()) }
        })
        .await;
        until("the alarm that the list no longer holds or holds as gone", || async {
            let open = gateway.try_get("/api/v1/alarms?open=true").await?;
            let still = open.as_array().into_iter().flatten().any(|a| a["key"] == DEGRADED && a["condition"] == true);
            if still { Err(open.to_string()) } else { Ok(()) }
        })
        .await;
        until("the alarm kept", || async {
            let kept = stream.durable().iter().any(|c| c.key == "d1.on" && c.change == "raised");
            if kept { Ok(()) } else { Err(format!("{:?}", stream.seen())) }
        })
        .await;
        let before = self.cloud.handle.summary().readings;
        let now = self.cloud.until("readings at the cloud", |s| s.readings > before + 500 && s.holes.is_empty()).await;
        println!("{now}");
        self.cloud.check();
    }

    /// A restart finds what was promised.
    async fn restarted(self, gateway: Gateway, stream: Stream) {
        let promised = stream.durable();
        assert_eq!(gateway.stop().await.0.code(), Some(0));
        let again = self.site.run().await;
        let journal = Stream::open(&again, Some(0)).await;
        until("everything promised", || async {
            let kept = journal.durable();
            let lost: Vec<_> = promised.iter().filter(|c| !kept.contains(c)).collect();
            if lost.is_empty() { Ok(()) } else { Err(format!("{lost:?}")) }
        })
        .await;
        let before = self.cloud.handle.summary().readings;
        self.cloud.until("readings after the restart", |s| s.readings > before && s.holes.is_empty()).await;
        self.cloud.check();
    }
}

/// A real full partition. Not every user can mount one; `the_disk_refuses_to_write` runs everywhere.
#[tokio::test]
async fn the_disk_is_full() {
    if !may_mount() {
        println!("nothing can be mounted: the file size limit of the next test stands for the full disk");
        return;
    }
    let rig = Rig::new().await;
    let partition = Partition::mount(&rig.site.data);
    let gateway = rig.run(rig.site.command("run")).await;
    let stream = Stream::open(&gateway, None).await;
    let reserve = rig.site.data.join("reserve");
    assert!(reserve.exists(), "the reserve was taken at start");

    partition.fill("foreign_1");
    until("the reserve given back", || async {
        if reserve.exists() { Err("there") } else { Ok(()) }.map_err(str::to_owned)
    })
    .await;
    gateway.alarm(DEGRADED, true).await;
    rig.farm.turn(2, 1);
    until("an alarm kept thanks to the reserve", || async {
        let kept = stream.durable().iter().any(|c| c.key == "d2.on");
        if kept { Ok(()) } else { Err(format!("{:?}", stream.seen())) }
    })
    .await;

    partition.fill("foreign_2");
    until("readings given up", || async {
        let health = gateway.try_get("/api/v1/health").await?;
        if health["store"]["readings_dropped"].as_u64() > Some(0) { Ok(()) } else { Err(health.to_string()) }
    })
    .await;
    rig.in_trouble(&gateway, &stream).await;

    partition.free("foreign_1");
    partition.free("foreign_2");
    rig.recovered(&gateway, &stream).await;
    until("the reserve taken again", || async { if reserve.exists() { Ok(()) } else { Err("no reserve".to_owned()) } })
        .await;
    declared(&rig.cloud);
    rig.restarted(gateway, stream).await;
    drop(partition);
}

/// The box comes up and the disk is full: it watches all the same.
#[tokio::test]
async fn the_disk_is_full_at_start() {
    if !may_mount() {
        println!("nothing can be mounted: no partition of its own");
        return;
    }
    let rig = Rig::new().await;
    let partition = Partition::mount(&rig.site.data);
    let gateway = rig.run(rig.site.command("run")).await;
    assert_eq!(gateway.stop().await.0.code(), Some(0));
    partition.fill("foreign");
    let gateway = rig.site.run().await;
    let stream = Stream::open(&gateway, None).await;
    gateway.alarm(DEGRADED, true).await;
    rig.farm.turn(1, 1);
    gateway.alarm("d1.on", true).await;
    partition.free("foreign");
    rig.recovered(&gateway, &stream).await;
    rig.restarted(gateway, stream).await;
    drop(partition);
}

/// Readings were given up and the cloud was told which.
fn declared(cloud: &Cloud) {
    let missing: u64 = cloud.handle.summary().streams.iter().map(|s| s.declared_missing).sum();
    assert!(missing > 0, "{}", cloud.handle.summary());
}

/// Every write fails (to SQLite an input/output error): the file size limit of the process, which needs no rights.
#[tokio::test]
async fn the_disk_refuses_to_write() {
    let rig = Rig::new().await;
    // The signal that comes with the limit would end the process; a disk sends none.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", BINARY]);
    rig.site.arguments(&mut command, "run");
    let gateway = rig.run(command).await;
    let stream = Stream::open(&gateway, None).await;
    limit(&gateway, "--fsize=1024:");
    until("readings given up", || async {
        let health = gateway.try_get("/api/v1/health").await?;
        if health["store"]["readings_dropped"].as_u64() > Some(0) { Ok(()) } else { Err(health.to_string()) }
    })
    .await;
    rig.in_trouble(&gateway, &stream).await;
    limit(&gateway, "--fsize=unlimited:");
    rig.recovered(&gateway, &stream).await;
    declared(&rig.cloud);
    rig.restarted(gateway, stream).await;
}

fn limit(gateway: &Gateway, what: &str) {
    let done = std::process::Command::new("prlimit").args(["--pid", &gateway.pid.to_string(), what]).status();
    assert!(done.unwrap().success(), "prlimit {what}");
}

/// System calls of the gateway fail as told, until [`Injection::end`].
struct Injection(Child);

impl Injection {
    async fn start(gateway: &Gateway, calls: &str, error: &str) -> Self {
        let mut child = Command::new("strace")
            .args(["-f", "-p", &gateway.pid.to_string(), "-o", "/dev/null", "-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:error={error}")])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("strace is installed (tests/run does it)");
        let mut said = Said::of(&mut child);
        let attached = tokio::time::timeout(Duration::from_secs(10), said.line("attached")).await;
        assert!(attached.is_ok_and(|l| l.is_some()), "strace: {}", said.text());
        Self(child)
    }

    async fn end(mut self) {
        signal(self.0.id().unwrap(), "INT");
        self.0.wait().await.unwrap();
    }
}

/// Syncs fail, or the file system has become read-only: written may not be durable, so nothing is promised.
async fn calls_fail(calls: &str, error: &str) {
    let rig = Rig::new().await;
    let gateway = rig.run(rig.site.command("run")).await;
    let stream = Stream::open(&gateway, None).await;
    let injection = Injection::start(&gateway, calls, error).await;
    rig.in_trouble(&gateway, &stream).await;
    load_for(Duration::from_secs(1)).await;
    injection.end().await;
    rig.recovered(&gateway, &stream).await;
    rig.restarted(gateway, stream).await;
}

#[tokio::test]
async fn the_disk_refuses_to_sync() {
    calls_fail("fsync,fdatasync", "EIO").await;
}

#[tokio::test]
async fn the_disk_becomes_read_only() {
    calls_fail("pwrite64,ftruncate,unlink,fsync,fdatasync,fallocate", "EROFS").await;
}
