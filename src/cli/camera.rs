//! `gatehouse camera check` and `gatehouse camera judge`: a user's way to try a camera's calibration and settings on recorded
//! events, with the code that judges them live.
//!
//! Owns reading and writing the files. Refuses to know physics. A line that cannot be judged yields a result line with the
//! reason; it never ends the run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::cli::EXIT_CONFIG;
use crate::falling::recorded::{self, EPOCH_FROM_S, LINE_BYTES_MAX, Recorded, Refused};
use crate::falling::site::CamerasFile;
use crate::falling::{Calibration, judge};

/// A cameras file is a few kilobytes; more than this is something else.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// So many refused lines are named on stderr; the rest is counted.
const NAMED_MAX: usize = 20;

/// Arguments of `camera`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gatehouse camera check cameras.json
  gatehouse camera judge --cameras cameras.json --input events.jsonl --output result.jsonl")]
pub(crate) struct CameraArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Fit every camera to its reference points and report the residuals in centimetres. Exit 0 or 78.
    #[command(after_help = "Example:\n  gatehouse camera check cameras.json")]
    Check {
        /// The cameras file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Judge recorded events, one JSON object a line.
    #[command(
        after_help = "Example:\n  gatehouse camera judge --cameras cameras.json --input events.jsonl --output result.jsonl"
    )]
    Judge {
        /// The cameras file.
        #[arg(long, value_name = "FILE")]
        cameras: PathBuf,
        /// Events, one JSON object a line.
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
        /// Verdicts, one JSON object a line, in the order of the events.
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
}

/// Runs one of the two.
pub(crate) fn main(args: &CameraArgs) -> Result<ExitCode> {
    match &args.what {
        What::Check { file } => check(file),
        What::Judge { cameras, input, output } => judge_file(cameras, input, output),
    }
}

/// The calibrated cameras, or the complaints on stderr.
fn cameras(path: &Path) -> Result<Option<(CamerasFile, BTreeMap<String, Calibration>)>> {
    let mut text = String::new();
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
    let (file, mut faults) = match CamerasFile::read(&text) {
        Ok(file) => (file, Vec::new()),
        Err(faults) => return Ok(complain(path, &faults)),
    };
    let mut fitted = BTreeMap::new();
    for camera in &file.cameras {
        let Some(facade) = file.facade(&camera.facade) else { continue };
        match Calibration::fit(camera, facade) {
            Ok(calibration) => drop(fitted.insert(camera.id.clone(), calibration)),
            Err(fault) => faults.push(fault.to_string()),
        }
    }
    if faults.is_empty() { Ok(Some((file, fitted))) } else { Ok(complain(path, &faults)) }
}

fn complain<T>(path: &Path, faults: &[String]) -> Option<T> {
    for fault in faults {
        eprintln!("{}: {fault}", path.display());
    }
    eprintln!("{}: {} faults; nothing was judged", path.display(), faults.len());
    None
}

fn check(path: &Path) -> Result<ExitCode> {
    let Some((file, fitted)) = cameras(path)? else { return Ok(ExitCode::from(EXIT_CONFIG)) };
    let mut usable = true;
    for camera in &file.cameras {
        let Some(calibration) = fitted.get(&camera.id) else { continue };
        usable &= report(&camera.id, calibration);
    }
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::from(EXIT_CONFIG) })
}

/// Prints one camera; false where its heights cannot be trusted to a storey.
fn report(id: &str, calibration: &Calibration) -> bool {
    let (width, height) = calibration.frame();
    let facade = calibration.facade();
    println!(
        "camera {id}: lens {:.1} m above the ground, {:.1} m from facade {}",
        calibration.lens_height_m(),
        calibration.distance_m(),
        facade.id
    );
    println!("      row   floor  height m  residual cm  sigmas  leverage");
    for residual in calibration.residuals() {
        let note = match (residual.sigmas.abs() > 3.5, residual.leverage > 0.95) {
            (true, _) => "  does not fit: check row and height",
            (false, true) => "  nothing checks this one: add a neighbour",
            _ => "",
        };
        let floor = residual.point.floor.map_or_else(|| "-".to_owned(), |floor| floor.to_string());
        println!(
            "{:9.1} {floor:>7} {:9.2} {:12.1} {:7.1} {:9.2}{note}",
            residual.point.row,
            residual.point.height_m,
            100.0 * residual.height_m,
            residual.sigmas,
            residual.leverage
        );
    }
    for (name, row) in [("bottom", height - 1.0), ("middle", height / 2.0), ("top", 0.0)] {
        match calibration.place(width / 2.0, row) {
            Some(place) => println!(
                "  {name:6} row {row:6.0}: {:7.2} m +/- {:.2} m, {:.3} m per pixel",
                place.height_m,
                calibration.height_error_m(width / 2.0, row),
                place.metres_per_row
            ),
            None => println!("  {name:6} row {row:6.0}: above the horizon of the facade, cannot be measured"),
        }
    }
    verdict(calibration)
}

/// The worst storey in sight and what that means.
fn verdict(calibration: &Calibration) -> bool {
    let (width, height) = calibration.frame();
    let storey_m = calibration.facade().storey_m;
    let worst = (0..=32)
        .filter_map(|step| {
            let row = (height - 1.0) * f64::from(step) / 32.0;
            let place = calibration.place(width / 2.0, row)?;
            let seen = (0.0..=calibration.facade().roof_m()).contains(&place.height_m);
            seen.then(|| (calibration.height_error_m(width / 2.0, row), place.height_m))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0));
    println!(
        "  residual {:.1} cm rms, misfit {:.1} times the stated error",
        100.0 * calibration.rms_residual_m(),
        calibration.misfit().sqrt()
    );
    let Some((error_m, at_m)) = worst else {
        println!("  verdict: bad: the camera does not see the facade");
        return false;
    };
    let floor = calibration.facade().floor_at(at_m);
    println!("  worst storey: floor {floor}, height known to +/- {:.0} cm", 100.0 * error_m);
    let word = if error_m < storey_m / 6.0 {
        "good"
    } else if error_m < storey_m / 2.0 {
        "usable; more reference rows near the worst storey would help"
    } else {
        "bad: heights are uncertain by more than half a storey; add reference rows"
    };
    println!("  verdict: {word}");
    error_m < storey_m / 2.0
}

fn judge_file(cameras_path: &Path, input: &Path, output: &Path) -> Result<ExitCode> {
    let Some((_, fitted)) = cameras(cameras_path)? else { return Ok(ExitCode::from(EXIT_CONFIG)) };
    let events = File::open(input).with_context(|| format!("cannot open {}", input.display()))?;
    let mut events = BufReader::new(events);
    let results = File::create(output).with_context(|| format!("cannot write {}", output.display()))?;
    let mut results = BufWriter::new(results);
    let (mut number, mut refused) = (0_usize, 0_usize);
    while let Some(line) = next_line(&mut events).with_context(|| format!("cannot read {}", input.display()))? {
        number += 1;
        if line.trim().is_empty() {
            continue;
        }
        let answer = match judge_line(&fitted, &line) {
            Ok(answer) => answer,
            Err(fault) => {
                refused += 1;
                if refused <= NAMED_MAX {
                    eprintln!("{}:{number}: {}", input.display(), fault.reason);
                }
                recorded::write_refused(&fault.id, &fault.reason)
            }
        };
        writeln!(results, "{answer}").with_context(|| format!("cannot write {}", output.display()))?;
    }
    results.flush().with_context(|| format!("cannot write {}", output.display()))?;
    if refused > 0 {
        eprintln!("{}: {refused} of {number} lines could not be judged; their results say why", input.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// The next line as text, at most a little longer than allowed; the rest of a longer one is skipped unread.
fn next_line(from: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let cap = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    let mut bytes = Vec::new();
    if from.by_ref().take(cap).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.last() != Some(&b'\n') {
        skip_line(from)?;
    }
    Ok(Some(String::from_utf8_lossy(&bytes).trim_end().to_owned()))
}

fn skip_line(from: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let chunk = from.fill_buf()?;
        if chunk.is_empty() {
            return Ok(());
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(chunk.len(), |end| end + 1);
        from.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

fn judge_line(fitted: &BTreeMap<String, Calibration>, line: &str) -> Result<Value, Refused> {
    let event = recorded::read(line)?;
    let Some(calibration) = fitted.get(&event.camera) else {
        let reason = format!("camera `{}` is not in the cameras file", event.camera.escape_debug());
        return Err(Refused { id: event.id, reason });
    };
    if event.frame.is_some_and(|frame| !same_shape(frame, calibration.frame())) {
        let reason = "width and height of the event differ in shape from the camera's".to_owned();
        return Err(Refused { id: event.id, reason });
    }
    let scaled = event.scaled_to(calibration.frame());
    let verdict = judge(calibration, &scaled);
    Ok(recorded::write(&event.id, &verdict, &impact_time(&event, verdict.impact_t)))
}

/// Sub-streams are smaller pictures of the same shape.
fn same_shape(one: (f64, f64), other: (f64, f64)) -> bool {
    (one.0 * other.1 / (one.1 * other.0) - 1.0).abs() < 0.05
}

/// The time of impact in the form of the event's time; null where either is not known.
fn impact_time(event: &Recorded, impact_t: Option<f64>) -> Value {
    let Some(impact_t) = impact_t else { return Value::Null };
    match &event.time {
        Value::Number(base) => match base.as_f64() {
            Some(base) if impact_t < EPOCH_FROM_S && base >= EPOCH_FROM_S => milliseconds(base + impact_t).into(),
            _ => milliseconds(impact_t).into(),
        },
        Value::String(text) => {
            let base: Option<Timestamp> = text.parse().ok();
            let offset = text.get(19..).and_then(|tail| tail.rfind(['+', '-']).and_then(|at| tail.get(at..)));
            let at = if impact_t >= EPOCH_FROM_S { Some(Timestamp::UNIX_EPOCH) } else { base };
            let moved = SignedDuration::try_from_secs_f64(impact_t).ok().zip(at);
            moved.and_then(|(wait, at)| at.checked_add(wait).ok()).map_or(Value::Null, |at| rfc3339(at, offset))
        }
        _ if impact_t.is_finite() => milliseconds(impact_t).into(),
        _ => Value::Null,
    }
}

fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// RFC 3339 with milliseconds, in the offset that the event's own time had.
fn rfc3339(at: Timestamp, offset: Option<&str>) -> Value {
    let zone = offset.and_then(|offset| {
        let (hours, minutes) = offset.get(1..)?.split_once(':')?;
        let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
        jiff::tz::Offset::from_seconds(if offset.starts_with('-') { -seconds } else { seconds }).ok()
    });
    match zone {
        Some(zone) => Value::from(format!("{:.3}", at.display_with_offset(zone))),
        None => Value::from(format!("{at:.3}")),
    }
}
