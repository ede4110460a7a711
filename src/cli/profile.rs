//! `gatehouse profile`: list, show and test device profiles.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

/// Arguments of `profile`.
#[derive(Debug, clap::Args)]
pub(crate) struct ProfileArgs {
    /// Folder.
    #[arg(long)]
    profiles: Vec<PathBuf>,
}

pub(crate) fn main(_args: &ProfileArgs) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
