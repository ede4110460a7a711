//! The `gatehouse` binary: hands the command line to [`gatehouse::cli`] and turns its answer into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    gatehouse::cli::main()
}
