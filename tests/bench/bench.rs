//! Benchmarks of the whole program against a limit measured in the same run. `tests/bench/run` builds and starts them.
//!
//! Nothing here judges by time alone: every figure stands beside what a bare loop, or plain inserts, cost on the same
//! machine in the same minute. Roles to be called: `whole` (the comparison), `latency` (from the wire to the event stream),
//! `idle` (memory), `rules` (a reading through the rules), `predict` (what learning costs), `falling` (an event of a falling
//! object). Roles that those start: `farm` (devices), `loop` (a bare tokio-modbus client that drops what it reads), `gateway`
//! (gatehouse with a scan period that no site file may have).

// Writing to a String cannot fail.
#![allow(clippy::let_underscore_must_use)]

mod bare;
mod falling;
mod farm;
mod latency;
mod predict;
mod proc;
mod rules;
mod scene;
mod whole;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let role = args.next().unwrap_or_else(|| "whole".to_owned());
    let rest: Vec<String> = args.collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let done = match role.as_str() {
        "farm" => runtime.block_on(farm::run(&rest)),
        "loop" => runtime.block_on(bare::run(&rest)),
        "whole" => runtime.block_on(whole::run(&rest)),
        "idle" => runtime.block_on(whole::idle(&rest)),
        "latency" => runtime.block_on(latency::run(&rest)),
        "rules" => rules::run(),
        "predict" => predict::run(),
        "falling" => falling::run(),
        "gateway" => scene::gateway(&rest),
        other => Err(format!("`{other}` is not a role; use whole, latency, idle, rules, predict or falling")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Value of `--name` among the arguments.
pub(crate) fn option<T: std::str::FromStr>(args: &[String], name: &str, usual: T) -> T {
    let at = args.iter().position(|a| a == name);
    at.and_then(|at| args.get(at + 1)).and_then(|text| text.parse().ok()).unwrap_or(usual)
}
