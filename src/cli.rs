//! The commands. Each lives in a file of its own below `cli/`; this one owns the command line and the exit codes.
//!
//! Exit codes: 0 done, 1 failed (what, where and what to do stands on stderr), 64 wrong usage, 70 the running gateway lost a
//! vital part and wants to be started anew, 78 a bad configuration (the service manager is told not to restart on it).

mod backtest;
mod camera;
mod case;
mod check;
mod demo;
pub mod judge;
mod logging;
mod mock_cloud;
mod profile;
mod read;
mod rule;
mod run;
mod schema;
mod sim;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// A bad configuration (`EX_CONFIG` of sysexits.h).
pub const EXIT_CONFIG: u8 = 78;
/// A vital part was lost (`EX_SOFTWARE`).
pub const EXIT_ANEW: u8 = 70;
/// Wrong usage (`EX_USAGE`).
pub const EXIT_USAGE: u8 = 64;

/// Edge gateway of a residential community: Modbus and MQTT in, every reading on disk, alarms on the spot, the cloud fed.
#[derive(Debug, Parser)]
#[command(name = "gatehouse", version, max_term_width = 110, after_help = EXAMPLES)]
struct Cli {
    /// How much to say on stderr: error, warn, info, debug, trace; or per module, `warn,gatehouse::southbound=debug`.
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  gatehouse demo                                  a whole simulated community; prints one URL
  gatehouse check --config site.toml              all faults of all files, each with its place
  gatehouse run --config site.toml --data /var/lib/gatehouse
  gatehouse read tcp://10.0.8.21:502 3 holding:16 -n 4
  gatehouse profile show pump/vfd_generic";

/// Where the site's files are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SiteArgs {
    /// The site file.
    #[arg(long, value_name = "FILE", default_value = "/etc/gatehouse/site.toml")]
    config: PathBuf,
    /// Data folder; wins over `store.path`.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder with own profiles, searched before the shipped ones. May be given more than once.
    #[arg(long, value_name = "DIR")]
    profiles: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    #[command(after_help = "Example:\n  gatehouse run --config /etc/gatehouse/site.toml --data /var/lib/gatehouse")]
    Run(SiteArgs),
    /// Show the whole product with simulated devices and a mock cloud, on throw-away data.
    Demo(demo::DemoArgs),
    /// Check the site file and everything it names; prints all faults. Exit 0 or 78.
    Check(check::CheckArgs),

    /// Cases of falling objects and their like: list, show, export under seal.
    Case(case::CaseArgs),
    /// Check the calibration of cameras and judge recorded events of falling objects.
    Camera(camera::CameraArgs),
    /// Print the JSON Schema of the site file, for completion in an editor.
    Schema(schema::SchemaArgs),
    /// List, show and test device profiles.
    Profile(profile::ProfileArgs),
    /// Try rules and alarms on the history of this gateway.
    Rule(rule::RuleArgs),
    /// Run recorded readings through the detectors that learn, as they run live.
    Backtest(backtest::BacktestArgs),
    /// Read registers of one device once and show every decoding of them.
    Read(read::ReadArgs),
    /// Simulate a site's devices over real Modbus TCP, RTU (pseudo-terminal) and MQTT.
    Sim(sim::SimArgs),
    /// A cloud to develop against: validates, de-duplicates, reports gaps.
    MockCloud(mock_cloud::MockCloudArgs),
    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  gatehouse completions bash > /etc/bash_completion.d/gatehouse")]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let usage = error.use_stderr();
            // Nothing sensible can be done when even the message cannot be printed.
            drop(error.print());
            return if usage { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    logging::start(cli.log.as_deref(), matches!(cli.command, Command::Run(_)));
    // One crypto provider for the whole process, chosen once; a second call only says that it is already there.
    drop(rustls::crypto::ring::default_provider().install_default());
    let done = match cli.command {
        Command::Run(args) => run::main(&args),
        Command::Demo(args) => demo::main(&args),
        Command::Check(args) => check::main(&args),
        Command::Case(args) => case::main(&args),
        Command::Camera(args) => camera::main(&args),
        Command::Schema(args) => schema::main(&args),

        Command::Profile(args) => profile::main(&args),
        Command::Rule(args) => rule::main(&args),
        Command::Backtest(args) => backtest::main(&args),
        Command::Read(args) => read::main(&args),
        Command::Sim(args) => sim::main(&args),
        Command::MockCloud(args) => mock_cloud::main(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "gatehouse", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("gatehouse: {error:#}");
        ExitCode::FAILURE
    })
}
