//! `gatehouse run`: the daemon. Also the runtimes and the stop signal that other commands share.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

use crate::cli::{EXIT_ANEW, SiteArgs};
use crate::clock::SystemClock;
use crate::config::credential::Credentials;
use crate::gateway::{End, Gateway, Running};
use crate::supervise::watchdog;

/// Checks the configuration, then runs until told to stop.
pub(crate) fn main(args: &SiteArgs) -> Result<ExitCode> {
    let config = match super::check::site_or_complaints(args) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let credentials = Credentials::beside(&args.config);
    let gateway = Gateway::open(config, &credentials, Arc::new(SystemClock)).context("cannot start")?;
    let ready = |running: &Running| {
        tracing::info!(page = %format!("http://{}/", running.api), "ready");
        watchdog::ready("running");
    };
    let end = gateway.run(ready, asked_to_stop())?;
    Ok(match end {
        End::Asked => ExitCode::SUCCESS,
        End::PartLost => ExitCode::from(EXIT_ANEW),
    })
}

/// A small runtime on the calling thread.
pub(crate) fn office_runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start a runtime")
}

/// Waits for Ctrl-C or the service manager's TERM.
pub(crate) async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        // Without handlers the default action ends the process, which is what was asked.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
