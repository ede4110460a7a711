//! `gatehouse mock-cloud`: a cloud on the desk for whoever builds the real one.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::sim::cloud::MockCloud;

/// Arguments of `mock-cloud`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  gatehouse mock-cloud --bind 127.0.0.1:9000
then in site.toml
  [upstream.cloud]
  http = { url = \"http://127.0.0.1:9000\" }
and look at http://127.0.0.1:9000/ for what came, what was missing and what did not fit the schemas.")]
pub(crate) struct MockCloudArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9000")]
    bind: SocketAddr,
}

pub(crate) fn main(args: &MockCloudArgs) -> Result<ExitCode> {
    let runtime = super::run::office_runtime()?;
    runtime.block_on(async {
        let cloud = MockCloud::bind(args.bind).await.with_context(|| format!("cannot listen on {}", args.bind))?;
        let handle = cloud.handle();
        println!("mock cloud on http://{}/  (Ctrl-C ends it)", cloud.addr());
        tokio::select! {
            end = cloud.run() => end.context("the mock cloud ended")?,
            () = super::run::asked_to_stop() => {}
        }
        println!("{}", serde_json::to_string_pretty(&handle.summary())?);
        Ok(ExitCode::SUCCESS)
    })
}
