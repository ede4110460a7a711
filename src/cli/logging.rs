//! Logs to stderr; the service manager adds time and keeps them. No log file of its own: logs must not fill the disk.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Starts logging. The daemon says `info`, other commands only what went wrong. `GATEHOUSE_LOG` serves where no flag can
/// be given.
pub(crate) fn start(wanted: Option<&str>, daemon: bool) {
    let wanted = wanted.map(str::to_owned).or_else(|| std::env::var("GATEHOUSE_LOG").ok());
    let usual = if daemon { LevelFilter::INFO } else { LevelFilter::WARN };
    let filter = wanted.as_deref().and_then(|text| text.parse::<Targets>().ok());
    // Libraries say at `debug` what matters to their authors only.
    let filter =
        filter.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN).with_target("gatehouse", usual));
    let ansi = std::io::stderr().is_terminal();
    let under_manager = std::env::var_os("JOURNAL_STREAM").is_some();
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(ansi).with_target(false);
    if under_manager {
        tracing_subscriber::registry().with(layer.without_time().with_filter(filter)).init();
    } else {
        tracing_subscriber::registry().with(layer.with_filter(filter)).init();
    }
}
