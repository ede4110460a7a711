//! pymodbus as device: every type in every order, over TCP and over a serial pair; `gatehouse read`; unplugging.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::need::{peer, python};
use crate::rig::{Gateway, Process, SerialPair, Site, free_port, gatehouse, printed, same, until};

/// A serial adapter that is plugged in again must be back within this.
const BACK: Duration = Duration::from_secs(10);
const PROFILE: &str = "meter/every_type";

/// The device: how to start it, and what it says of itself.
struct Device {
    python: String,
    unit: u64,
    profile: String,
    expect: BTreeMap<String, Json>,
}

impl Device {
    /// `None` where pymodbus is missing.
    fn find() -> Option<Self> {
        let python = python(&["pymodbus", "serial"])?;
        let told: Json = serde_json::from_str(&printed(script(&python).arg("describe"))).unwrap();
        let profile = told["profile"].as_str().unwrap().to_owned();
        let expect = serde_json::from_value(told["expect"].clone()).unwrap();
        Some(Self { python, unit: told["unit"].as_u64().unwrap(), profile, expect })
    }

    fn tcp(&self, port: u16) -> Process {
        Process::until_says(script(&self.python).args(["tcp", &port.to_string()]), "ready").0
    }

    fn serial(&self, port: &Path) -> Process {
        Process::until_says(script(&self.python).arg("serial").arg(port).arg("115200"), "ready").0
    }

    /// A site with this device on `line`.
    fn site(&self, line: &str) -> Site {
        let site = Site::new(&format!(
            "[line.bus]\n{line}\nevery = \"200ms\"\ntimeout = \"500ms\"\n[device.d]\nname = \"d\"\nat = \"lab\"\n\
             profile = \"{PROFILE}\"\nline = \"bus\"\nunit = {}\n",
            self.unit
        ));
        site.profile(PROFILE, &self.profile);
        site
    }

    /// Complaints about points that are not as they must be.
    fn wrong(&self, gateway: &Gateway) -> Vec<String> {
        let points = gateway.points();
        let mut wrong = Vec::new();
        for (id, want) in &self.expect {
            let seen = &points[&format!("d.{id}")];
            let fits = match want["bad"].as_str() {
                Some(quality) => seen.quality == quality && seen.value.is_null(),
                None => seen.quality == "good" && same(&seen.value, want),
            };
            if !fits {
                wrong.push(format!("{id}: {seen:?}, not {want}"));
            }
        }
        wrong
    }

    fn all_right(&self, gateway: &Gateway, within: Duration) {
        until(within, || match self.wrong(gateway) {
            none if none.is_empty() => Ok(()),
            some => Err(some.join("\n")),
        });
    }
}

fn script(python: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/device.py")).stderr(std::process::Stdio::null());
    command
}

fn serial_line(path: &Path) -> String {
    format!("serial = {{ port = \"{}\", baud = 115200, mode = \"8N1\" }}", path.display())
}

#[test]
fn pymodbus_over_tcp_every_type_in_every_order() {
    let Some(device) = Device::find() else { return };
    let port = free_port();
    let _serves = device.tcp(port);
    let site = device.site(&format!("tcp = {{ host = \"127.0.0.1\", port = {port} }}"));
    let gateway = site.run();
    device.all_right(&gateway, Duration::from_secs(20));
    println!("{} points equal", device.expect.len());
    gateway.stop();
}

#[test]
fn pymodbus_over_a_serial_pair_every_type_and_a_pulled_adapter() {
    let Some(device) = Device::find() else { return };
    if !peer("socat", &["-V"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut pair = SerialPair::new(folder.path());
    let serves = device.serial(&pair.far);
    let site = device.site(&serial_line(&pair.near));
    let gateway = site.run();
    device.all_right(&gateway, Duration::from_secs(20));
    println!("{} points equal", device.expect.len());

    pair.unplug();
    serves.kill();
    let down = until(BACK, || match gateway.line("bus") {
        (state, reason) if state == "down" => Ok(reason),
        (state, _) => Err(format!("the line is {state}")),
    });
    println!("unplugged: {down}");
    let quality = || gateway.points()["d.u16_ab"].quality.clone();
    until(BACK, || if quality() == "bad_link" { Ok(()) } else { Err(quality()) });
    // Long enough that the pauses between attempts have grown to their longest.
    let gone = Instant::now();
    until(BACK, || if gone.elapsed() > Duration::from_secs(5) { Ok(()) } else { Err(String::new()) });
    pair.plug();
    let _serves = device.serial(&pair.far);
    let plugged = Instant::now();
    until(BACK, || if quality() == "good" { Ok(()) } else { Err(quality()) });
    println!("back after {:?}", plugged.elapsed());
    gateway.stop();
}

/// Points of numeric types with their place, type, order and value.
fn numbers(device: &Device) -> Vec<(String, String, String, Json)> {
    let profile: toml::Table = device.profile.parse().unwrap();
    let word = |p: &toml::Value, key: &str| Some(p.get(key)?.as_str()?.to_owned());
    let number = |(id, p): (&String, &toml::Value)| {
        let (wire, order) = (word(p, "type")?, word(p, "order")?);
        let plain = ["u", "i", "f", "bcd"].iter().any(|start| wire.starts_with(start));
        (plain && p.get("scale").is_none())
            .then(|| Some((word(p, "read")?, wire, order, device.expect[id].clone())))
            .flatten()
    };
    profile["point"].as_table().unwrap().iter().filter_map(number).collect()
}

/// `gatehouse read` shows the value among its decodings.
fn read_shows(line: &str, unit: u64, (address, wire, order, want): &(String, String, String, Json)) {
    let registers = (order.len() / 2).to_string();
    let unit = unit.to_string();
    let out = printed(gatehouse().args(["read", line, &unit, address, "-n", &registers]));
    let order = match order.as_str() {
        "AB" | "ABCDEFGH" => "ABCD",
        "BA" | "BADCFEHG" => "BADC",
        "GHEFCDAB" => "CDAB",
        "HGFEDCBA" => "DCBA",
        other => other,
    };
    let name = match (wire.as_str(), registers.as_str()) {
        ("bcd16", _) => "bcd",
        (other, _) => other,
    };
    let found = out.lines().find_map(|l| l.strip_prefix(&format!("{name} {order}"))).map(str::trim);
    let found: Json = serde_json::from_str(found.unwrap_or_else(|| panic!("no {name} {order} in\n{out}"))).unwrap();
    assert!(same(&found, want), "{address} {wire} {order}: {found}, not {want}\n{out}");
}

#[test]
fn read_shows_every_decoding_over_tcp_and_a_serial_pair() {
    let Some(device) = Device::find() else { return };
    if !peer("socat", &["-V"]) {
        return;
    }
    let numbers = numbers(&device);
    assert_eq!(numbers.len(), 38, "eleven types, each in all its orders");
    let port = free_port();
    let _tcp = device.tcp(port);
    for number in &numbers {
        read_shows(&format!("tcp://127.0.0.1:{port}"), device.unit, number);
    }
    let folder = tempfile::tempdir().unwrap();
    let pair = SerialPair::new(folder.path());
    let _serial = device.serial(&pair.far);
    let line = format!("serial://{}?baud=115200&mode=8N1", pair.near.display());
    for number in numbers.iter().filter(|n| n.1.starts_with('f') || n.1 == "u16") {
        read_shows(&line, device.unit, number);
    }
    println!("{} values shown", numbers.len());
}
