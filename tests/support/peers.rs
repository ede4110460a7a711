//! Programs that are not ours, and what a test does where one is missing.
//!
//! With `GATEHOUSE_PEERS=1` (set by `tests/run`) a missing one fails the test. Without the variable the test says on stderr
//! what it needs and returns: somebody who only builds is not asked to install a broker.

use std::process::{Command, Stdio};

fn missing(what: &str) {
    assert!(std::env::var_os("GATEHOUSE_PEERS").is_none(), "{what} is not installed; tests/run installs it");
    eprintln!("NOT RUN: this test needs {what}; tests/run installs it");
}

fn works(program: &str, arguments: &[&str]) -> std::io::Result<bool> {
    let mut run = Command::new(program);
    run.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    run.status().map(|status| status.success())
}

/// Whether a program is there at all, whatever it answers to `arguments`.
pub(crate) fn peer(program: &str, arguments: &[&str]) -> bool {
    let there = works(program, arguments).is_ok();
    if !there {
        missing(program);
    }
    there
}

/// A Python that has these modules; the one at `GATEHOUSE_PYTHON`, else the usual one.
pub(crate) fn python(modules: &[&str]) -> Option<String> {
    let python = std::env::var("GATEHOUSE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let import = format!("import {}", modules.join(", "));
    let there = works(&python, &["-c", &import]).unwrap_or(false);
    if !there {
        missing(&format!("{python} with {}", modules.join(", ")));
    }
    there.then_some(python)
}
