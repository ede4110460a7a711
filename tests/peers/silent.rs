//! Units that never answer, on real sockets and a real pseudo-terminal: what they cost their siblings, measured at the
//! devices.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::need::peer;
use crate::rig::{SerialPair, Site, until};

/// What happens while the silent units are found out is not counted; that takes three time-outs.
const FOUND_OUT: Duration = Duration::from_secs(6);
const MEASURED: Duration = Duration::from_secs(11);
const PROFILE: &str = "meter/one_register";

/// Who was asked, when.
type Asked = Arc<Mutex<Vec<(u8, Instant)>>>;

/// Answers for all units of a Modbus TCP line but `silent`.
fn serve_tcp(listener: TcpListener, silent: u8, asked: Asked) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, asked) = (stream.unwrap(), asked.clone());
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || {
                let mut request = [0; 12];
                while stream.read_exact(&mut request).is_ok() {
                    asked.lock().unwrap().push((request[6], Instant::now()));
                    if request[6] != silent {
                        let answer = [request[0], request[1], 0, 0, 0, 5, request[6], request[7], 2, 0, 42];
                        if stream.write_all(&answer).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
}

/// The same on a serial port.
fn serve_rtu(port: &Path, silent: u8, asked: Asked) {
    let mut port: File = OpenOptions::new().read(true).write(true).open(port).unwrap();
    std::thread::spawn(move || {
        let mut request = [0; 8];
        while port.read_exact(&mut request).is_ok() {
            asked.lock().unwrap().push((request[0], Instant::now()));
            if request[0] != silent {
                let mut answer = vec![request[0], request[1], 2, 0, 42];
                let crc = crc16(&answer);
                answer.extend(crc.to_le_bytes());
                if port.write_all(&answer).is_err() {
                    return;
                }
            }
        }
    });
}

/// Serial Line V1.02, 6.2.2.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 })
    })
}

/// A site of `lines`, each with units 1 to `units` of one register.
fn site(lines: &[String], units: u8) -> Site {
    let mut text = String::new();
    for (ix, line) in lines.iter().enumerate() {
        text += &format!("[line.l{ix}]\n{line}\n");
        for unit in 1..=units {
            text += &format!(
                "[device.l{ix}_u{unit}]\nname = \"d\"\nat = \"lab\"\nprofile = \"{PROFILE}\"\nline = \"l{ix}\"\nunit = {unit}\n"
            );
        }
    }
    let site = Site::new(&text);
    site.profile(
        PROFILE,
        "[profile]\nid = \"meter/one_register\"\nrevision = 1\nkind = \"meter\"\nname = { zh = \"一\", en = \"one\" }\n\
         source = [\"none\"]\n[point.v]\nname = { zh = \"值\", en = \"value\" }\nread = \"holding:0\"\n",
    );
    site
}

/// Runs the gateway through both phases; when the second began.
fn observe(site: &Site) -> Instant {
    let gateway = site.run();
    let begun = Instant::now();
    let total = FOUND_OUT + MEASURED;
    until(total + FOUND_OUT, || if begun.elapsed() > total { Ok(()) } else { Err(String::new()) });
    gateway.stop();
    begun + FOUND_OUT
}

/// How far the periods of units 1 to 3 of these lines are off, in ms, sorted; only what was asked after `from`.
fn off_ms(lines: &[Asked], from: Instant) -> Vec<f64> {
    let mut off_ms = Vec::new();
    for asked in lines {
        let asked = asked.lock().unwrap();
        for unit in 1..=3 {
            let times: Vec<_> = asked.iter().filter(|(u, at)| *u == unit && *at >= from).map(|(_, at)| *at).collect();
            assert!(times.len() >= 9, "unit {unit} was asked {} times in {MEASURED:?}", times.len());
            off_ms.extend(times.windows(2).map(|w| (w[1] - w[0]).as_secs_f64().mul_add(1000.0, -1000.0).abs()));
        }
    }
    off_ms.sort_by(f64::total_cmp);
    off_ms
}

#[test]
fn silent_units_do_not_move_their_siblings() {
    // Five lines with one silent unit of four, and five without, which tell what the machine itself is late.
    let asked: Vec<Asked> = (0..10).map(|_| Asked::default()).collect();
    let line = |(ix, asked): (usize, &Asked)| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        serve_tcp(listener, if ix < 5 { 4 } else { 0 }, asked.clone());
        format!("tcp = {{ host = \"127.0.0.1\", port = {port} }}\ntimeout = \"1s\"\nevery = \"1s\"")
    };
    let from = observe(&site(&asked.iter().enumerate().map(line).collect::<Vec<_>>(), 4));
    let (beside, control) = (off_ms(&asked[..5], from), off_ms(&asked[5..], from));
    let p99 = |sorted: &[f64]| sorted[(sorted.len() * 99).div_ceil(100) - 1];
    let probes: usize =
        asked[..5].iter().map(|a| a.lock().unwrap().iter().filter(|(unit, _)| *unit == 4).count()).sum();
    println!(
        "{} periods beside silent units: median {:.1} ms off, p99 {:.1}, worst {:.1}; without: p99 {:.1}; silent ones asked {probes} times",
        beside.len(),
        beside[beside.len() / 2],
        p99(&beside),
        beside[beside.len() - 1],
        p99(&control)
    );
    assert!(probes >= 15);
    assert!(p99(&beside) < 100.0 + p99(&control), "more than a tenth of the period of 1000 ms");
}

#[test]
fn a_silent_unit_costs_a_serial_line_little() {
    if !peer("socat", &["-V"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pair = SerialPair::new(folder.path());
    let asked = Asked::default();
    serve_rtu(&pair.far, 5, asked.clone());
    let timeout = Duration::from_millis(300);
    let line = format!(
        "serial = {{ port = \"{}\", baud = 115200, mode = \"8N1\" }}\ntimeout = \"300ms\"\nevery = \"250ms\"",
        pair.near.display()
    );
    let from = observe(&site(&[line], 5));
    let asked = asked.lock().unwrap();
    let asked: Vec<_> = asked.iter().filter(|(_, at)| *at >= from).collect();
    // Until somebody else is asked, which is soon on a busy line, and no longer than the longest wait with listening out.
    let lost = asked.windows(2).filter(|w| w[0].0 == 5).map(|w| (w[1].1 - w[0].1).min(2 * timeout));
    let lost: Duration = lost.sum();
    let share = lost.as_secs_f64() / MEASURED.as_secs_f64();
    let (polls, probes) = (asked.len(), asked.iter().filter(|a| a.0 == 5).count());
    println!("{polls} requests, {probes} to the silent unit; {:.1} % of the time lost", share * 100.0);
    assert!(polls - probes >= 140, "the others were asked only {} times", polls - probes);
    assert!(share < 0.10, "{share}");
}
