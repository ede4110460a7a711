//! A site on disk, the program that runs it, and other processes; all end with the test.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tempfile::TempDir;

/// Most time for anything that must happen at all.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Looks again and again until `look` is satisfied; says what it last complained about when `within` is over.
pub(crate) fn until<T>(within: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + within;
    loop {
        match look() {
            Ok(found) => return found,
            Err(complaint) => assert!(Instant::now() < end, "not within {within:?}: {complaint}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process that ends with its owner.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it; its output goes to the test's.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    /// Starts it and waits until it prints a line that begins with `word`; what it printed until then.
    pub(crate) fn until_says(command: &mut Command, word: &str) -> (Self, Vec<String>) {
        let mut process = Self(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
        let mut said = Vec::new();
        for line in BufReader::new(process.0.stdout.take().unwrap()).lines() {
            said.push(line.unwrap());
            if said.last().unwrap().starts_with(word) {
                return (process, said);
            }
        }
        panic!("{command:?} ended without saying `{word}`: {said:?}");
    }

    /// Asks it to end, and waits for it.
    pub(crate) fn terminate(mut self) -> bool {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
        self.0.wait().unwrap().success()
    }

    /// Ends it at once (signal 9).
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for it; whether it was content.
    pub(crate) fn wait(mut self) -> bool {
        self.0.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already when these fail.
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

/// A folder with a site file, profiles, credentials and data.
pub(crate) struct Site {
    folder: TempDir,
    api: u16,
}

impl Site {
    /// `rest` is everything of the site file but the heads.
    pub(crate) fn new(rest: &str) -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap(), api: free_port() };
        let text = format!(
            "version = 1\n[site]\nid = \"peers\"\nname = \"peers\"\nlang = \"en\"\n[api]\nbind = \"127.0.0.1:{}\"\n{rest}",
            site.api
        );
        fs::write(site.path("site.toml"), text).unwrap();
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn profile(&self, id: &str, text: &str) {
        let path = self.path(&format!("profiles/{id}.toml"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn credential(&self, name: &str, secret: &str) {
        let path = self.path(&format!("credentials/{name}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, secret).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A command of the program about this site.
    pub(crate) fn command(&self, command: &str) -> Command {
        let mut run = gatehouse();
        run.arg(command).arg("--config").arg(self.path("site.toml")).arg("--data").arg(self.path("data"));
        run.arg("--profiles").arg(self.path("profiles"));
        run
    }

    /// Starts the gateway and waits until its interface answers.
    pub(crate) fn run(&self) -> Gateway {
        let log = fs::File::options().create(true).append(true).open(self.path("gateway.log")).unwrap();
        let mut gateway = Gateway {
            process: Some(Process::start(self.command("run").stderr(log))),
            api: self.api,
            log: self.path("gateway.log"),
        };
        until(SOON, || gateway.ended().map_or_else(|| gateway.try_get("/api/v1/health"), |log| panic!("{log}")));
        gateway
    }
}

pub(crate) fn gatehouse() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gatehouse"))
}

/// What a command of the program printed; it must have been content.
pub(crate) fn printed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8_lossy(&stderr).into_owned());
    assert!(status.success(), "{command:?}: {out}{err}");
    out
}

/// A running gateway.
pub(crate) struct Gateway {
    process: Option<Process>,
    api: u16,
    log: PathBuf,
}

/// A point as the interface tells it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) value: Json,
    pub(crate) quality: String,
}

impl Gateway {
    fn ended(&mut self) -> Option<String> {
        let process = self.process.as_mut()?;
        process.0.try_wait().unwrap().map(|status| format!("{status}: {}", fs::read_to_string(&self.log).unwrap()))
    }

    fn try_get(&self, path: &str) -> Result<Json, String> {
        let text = |e: std::io::Error| e.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.api)).map_err(text)?;
        stream.set_read_timeout(Some(SOON)).map_err(text)?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n\r\n", self.api).map_err(text)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(text)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no head")?;
        if !head.contains(" 200 ") {
            return Err(answer);
        }
        serde_json::from_str(body).map_err(|e| format!("{e}: {body}"))
    }

    pub(crate) fn get(&self, path: &str) -> Json {
        self.try_get(path).unwrap()
    }

    /// All points by `device.point`.
    pub(crate) fn points(&self) -> BTreeMap<String, Seen> {
        let text = |v: &Json| v.as_str().unwrap().to_owned();
        let point = |p: &Json| (text(&p["key"]), Seen { value: p["value"].clone(), quality: text(&p["quality"]) });
        self.get("/api/v1/points").as_array().unwrap().iter().map(point).collect()
    }

    /// State and reason of a line.
    pub(crate) fn line(&self, id: &str) -> (String, String) {
        let lines = self.get("/api/v1/lines");
        let link = &lines.as_array().unwrap().iter().find(|l| l["id"] == id).unwrap()["link"];
        (link["state"].as_str().unwrap().to_owned(), link["reason"]["en"].as_str().unwrap().to_owned())
    }

    /// Waits until a point is as wanted.
    pub(crate) fn until_point(&self, key: &str, value: &Json, quality: &str) {
        until(SOON, || match &self.points()[key] {
            seen if same(&seen.value, value) && seen.quality == quality => Ok(()),
            seen => Err(format!("{key} is {seen:?}, not {value} {quality}")),
        });
    }

    /// Stops it in good order.
    pub(crate) fn stop(mut self) {
        assert!(self.process.take().unwrap().terminate(), "{}", fs::read_to_string(&self.log).unwrap());
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.process.take().unwrap().kill();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

/// Equal values; numbers to nine digits, whatever their JSON form.
pub(crate) fn same(a: &Json, b: &Json) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
        _ => a == b,
    }
}

/// Two pseudo-terminals joined by socat, reached through links that keep their names.
pub(crate) struct SerialPair {
    pub(crate) near: PathBuf,
    pub(crate) far: PathBuf,
    socat: Option<Process>,
}

impl SerialPair {
    pub(crate) fn new(folder: &Path) -> Self {
        let mut pair = Self { near: folder.join("near"), far: folder.join("far"), socat: None };
        pair.plug();
        pair
    }

    /// Joins them (again).
    pub(crate) fn plug(&mut self) {
        let end = |path: &Path| format!("pty,rawer,link={}", path.display());
        self.socat = Some(Process::start(Command::new("socat").args([end(&self.near), end(&self.far)])));
        until(SOON, || if self.near.exists() && self.far.exists() { Ok(()) } else { Err("no links".to_owned()) });
    }

    /// Both ends vanish, as an adapter that is pulled out does.
    pub(crate) fn unplug(&mut self) {
        self.socat.take().unwrap().terminate();
        assert!(!self.near.exists());
    }
}
