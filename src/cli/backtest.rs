//! `gatehouse backtest`: recorded readings through the detectors that learn, as they run live.
//!
//! Owns the command line and the files; what is found is `predict`'s. Streams: memory does not grow with the record.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use tokio::time::Instant;

use crate::cli::EXIT_CONFIG;
use crate::predict::backtest::{self, Rules};

/// A rules file beyond this is a mistake.
const RULES_BYTES_MAX: u64 = 64 << 20;
/// Bytes read and written at once.
const BUFFER_BYTES: usize = 1 << 20;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  gatehouse backtest --rules rules.toml --input readings.csv --output events.csv

rules.toml:
  [[device]]
  id = \"pump 1\"
  commissioning_until = \"2026-01-15T00:00:00Z\"   # readings before it are learnt from as normal
  detect = \"device\"                              # or \"univariate\": each point by itself
  [[device.point]]
  id = \"bearing\"
  limit_high = 90.0                              # where there is one
readings.csv:  timestamp (RFC 3339), device, point, value; rising time
events.csv:    timestamp, device, point, score (0..1), alarm (0/1), eta_s; an empty point is the whole device")]
pub(super) struct BacktestArgs {
    /// Devices, points, limits and the end of commissioning (TOML).
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,
    /// The record (CSV).
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Where to write what was found (CSV).
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn main(args: &BacktestArgs) -> anyhow::Result<ExitCode> {
    let rules_file = || args.rules.display().to_string();
    let size = std::fs::metadata(&args.rules).with_context(rules_file)?.len();
    anyhow::ensure!(size <= RULES_BYTES_MAX, "{}: {size} bytes are too many for a rules file", rules_file());
    let text = std::fs::read_to_string(&args.rules).with_context(rules_file)?;
    let rules: Rules = match toml::from_str(&text) {
        Ok(rules) => rules,
        Err(error) => {
            eprintln!("gatehouse: {}: {error}", rules_file());
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
    };
    let input = File::open(&args.input).with_context(|| args.input.display().to_string())?;
    let output = File::create(&args.output).with_context(|| args.output.display().to_string())?;
    let begun = Instant::now();
    let clock = move || u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let (input, output) =
        (BufReader::with_capacity(BUFFER_BYTES, input), BufWriter::with_capacity(BUFFER_BYTES, output));
    let summary = backtest::run(&rules, input, output, &clock)?;
    let us_per_reading = summary.nanoseconds as f64 / 1000.0 / summary.readings.max(1) as f64;
    let line = serde_json::json!({ "readings": summary.readings, "us_per_reading": us_per_reading });
    println!("{line}");
    Ok(ExitCode::SUCCESS)
}
