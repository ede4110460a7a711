//! mbpoll reads `gatehouse sim`: what the profiles' golden vectors say stands in its registers, and the gateway reads the
//! same values from it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use gatehouse::cli::judge::Cel;
use gatehouse::config::load::load_profile;
use gatehouse::config::shipped::SHIPPED;
use gatehouse::profile::decode::width;
use gatehouse::profile::{Area, Expected, PointSource, Profile, WireType};

use crate::need::peer;
use crate::rig::{Process, Site, free_port, printed, until};

/// All shipped profiles that are read by register.
fn register_profiles() -> Vec<Arc<Profile>> {
    let load = |id: &str| load_profile(id, &[], &SHIPPED, &Cel).profile.unwrap();
    let all = SHIPPED.0.iter().map(|(id, _)| load(id));
    all.filter(|p| p.points.iter().any(|p| matches!(p.source, PointSource::Register(_)))).collect()
}

fn table(area: Area) -> &'static str {
    match area {
        Area::Coil => "0",
        Area::Discrete => "1",
        Area::Input => "3:hex",
        Area::Holding => "4:hex",
    }
}

/// What mbpoll reads, as text per value.
fn mbpoll(line: &[String], unit: usize, table: &str, first: u16, count: usize, rest: &[&str]) -> Vec<String> {
    let mut command = Command::new("mbpoll");
    let (unit, first, count) = (unit.to_string(), first.to_string(), count.to_string());
    command.args(["-1", "-q", "-0", "-a", &unit, "-t", table, "-r", &first, "-c", &count]).args(rest).args(line);
    let out = printed(&mut command);
    out.lines().filter(|l| l.starts_with('[')).filter_map(|l| Some(l.split_once(':')?.1.trim().to_owned())).collect()
}

/// The bits of a register that points of the profile stand in; the others read as the simulator likes.
fn covered(profile: &Profile, area: Area, address: u16) -> u16 {
    profile.points.iter().fold(0, |mask, p| match &p.source {
        PointSource::Register(r) if r.area == area && (r.address..r.address + width(r.wire)).contains(&address) => {
            mask | match r.wire {
                WireType::BitOf(bit) => 1 << bit,
                WireType::Slice { lsb, width } => u16::MAX >> (16 - width) << lsb,
                _ => u16::MAX,
            }
        }
        _ => mask,
    })
}

/// Every register of the first golden vector, as mbpoll reads it; how many.
fn compare(profile: &Profile, line: &[String], unit: usize) -> usize {
    let mut compared = 0;
    for (area, first, words) in &profile.tests[0].registers {
        let seen = mbpoll(line, unit, table(*area), *first, words.len(), &[]);
        assert_eq!(seen.len(), words.len(), "{} {area:?} {first}", profile.id);
        for ((address, want), seen) in (*first..).zip(words).zip(seen) {
            let value = match seen.strip_prefix("0x") {
                Some(hex) => u16::from_str_radix(hex, 16).unwrap(),
                None => seen.parse().unwrap(),
            };
            let mask = covered(profile, *area, address);
            assert_eq!(value & mask, want & mask, "{} {area:?} {address}: {seen}", profile.id);
            compared += usize::from(mask != 0);
        }
    }
    compared
}

fn site(profiles: &[Arc<Profile>], line: &str) -> Site {
    let mut text = format!("[line.bus]\n{line}\nevery = \"500ms\"\n");
    for (unit, profile) in (1..).zip(profiles) {
        text += &format!(
            "[device.d{unit}]\nname = \"d\"\nat = \"lab\"\nprofile = \"{}\"\nline = \"bus\"\nunit = {unit}\n",
            profile.id
        );
    }
    let site = Site::new(&text);
    std::fs::write(site.path("still.toml"), "noise = 0.0\n").unwrap();
    site
}

/// The simulator of a site, and where its line is.
fn sim(site: &Site) -> (Process, String) {
    let mut command = site.command("sim");
    let (process, said) = Process::until_says(command.arg("--script").arg(site.path("still.toml")), "running");
    let place = said.iter().find_map(|l| l.strip_prefix("bus: ")).unwrap().to_owned();
    (process, place)
}

#[test]
fn mbpoll_and_gateway_read_the_simulator_over_tcp() {
    if !peer("mbpoll", &["-h"]) {
        return;
    }
    let profiles = register_profiles();
    let port = free_port();
    let site = site(&profiles, &format!("tcp = {{ host = \"127.0.0.1\", port = {port} }}"));
    let (_sim, _) = sim(&site);
    let line = ["-m", "tcp", "-p", &port.to_string(), "127.0.0.1"].map(str::to_owned);
    let mut registers = 0;
    for (unit, profile) in (1..).zip(&profiles) {
        registers += compare(profile, &line, unit);
    }
    println!("{} profiles, {registers} registers equal", profiles.len());
    let meter = 1 + profiles.iter().position(|p| p.id == "meter/eastron_sdm630").unwrap();
    assert_eq!(mbpoll(&line, meter, "3:float", 0, 2, &["-B"]), ["221.5", "220.25"]);

    let gateway = site.run();
    let mut points = 0;
    until(crate::rig::SOON, || {
        let seen = gateway.points();
        points = 0;
        for (unit, profile) in (1..).zip(&profiles) {
            for (point, expected) in &profile.tests[0].expect {
                let key = format!("d{unit}.{point}");
                let fits = match expected {
                    Expected::Number(n) => seen[&key].value.as_f64().is_some_and(|v| (v - n).abs() <= 1e-6 * n.abs()),
                    Expected::Text(t) => seen[&key].value == t.as_str(),
                    Expected::Bad(word) => seen[&key].quality == *word,
                };
                if !fits {
                    return Err(format!("{} {key}: {:?}, not {expected:?}", profile.id, seen[&key]));
                }
                points += 1;
            }
        }
        Ok(())
    });
    println!("{points} points equal");
    gateway.stop();
}

#[test]
fn mbpoll_reads_the_simulator_over_a_serial_port() {
    if !peer("mbpoll", &["-h"]) {
        return;
    }
    let wanted = ["pump/vfd_generic", "relay/waveshare", "env/xy_md02"];
    let profiles: Vec<_> = register_profiles().into_iter().filter(|p| wanted.contains(&p.id.as_str())).collect();
    let site = site(&profiles, "serial = { port = \"/dev/ttyS9\", baud = 9600, mode = \"8N1\" }");
    let (_sim, place) = sim(&site);
    let port = PathBuf::from(place.rsplit(' ').next().unwrap());
    let line = ["-m", "rtu", "-b", "9600", "-P", "none", port.to_str().unwrap()].map(str::to_owned);
    for (unit, profile) in (1..).zip(&profiles) {
        let registers = compare(profile, &line, unit);
        println!("{}: {registers} registers equal", profile.id);
    }
}
