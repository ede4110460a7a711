//! Notes for the journal: links up and down, learned registers, counters that started again. One at a time, behind the
//! alarms; what fails is tried again a second later.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::model::id::{DeviceIx, PointIx};
use crate::model::journal::Note;
use crate::pipeline::sink::{Models, Sink, SinkError};

/// Notes that may wait; past it the oldest is dropped and counted.
pub const NOTES_MAX: usize = 512;
/// Tries before a note is given up: the journal has been failing for a minute, which is an alarm of its own.
const TRIES_MAX: u32 = 60;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Something to keep.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    Note(Note),
    Learned(DeviceIx, Vec<PointIx>),
    Models(Models),
}

type Keeping = Pin<Box<dyn Future<Output = bool> + Send>>;

/// The queue and the note under way.
pub struct Notes<S> {
    sink: Arc<S>,
    waiting: VecDeque<Kept>,
    keeping: Option<Keeping>,
    dropped: u64,
}

impl<S> fmt::Debug for Notes<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notes").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl<S: Sink> Notes<S> {
    pub(super) fn new(sink: Arc<S>) -> Self {
        Self { sink, waiting: VecDeque::new(), keeping: None, dropped: 0 }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.keeping.is_none()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn push(&mut self, kept: Kept) {
        if self.waiting.len() == NOTES_MAX {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back(kept);
        if self.keeping.is_none() {
            self.start();
        }
    }

    fn start(&mut self) {
        let next = self.waiting.pop_front();
        let sink = Arc::clone(&self.sink);
        self.keeping = next.map(|kept| -> Keeping { Box::pin(keep(sink, kept)) });
    }

    pub(super) async fn taken(&mut self) {
        if let Some(keeping) = &mut self.keeping {
            let kept = keeping.await;
            self.dropped += u64::from(!kept);
        }
        self.start();
    }
}

async fn keep<S: Sink>(sink: Arc<S>, kept: Kept) -> bool {
    for _ in 0..TRIES_MAX {
        let answer: Result<(), SinkError> = match &kept {
            Kept::Note(note) => sink.note(note.clone()).await,
            Kept::Models(models) => sink.models(Arc::clone(models)).await,
            Kept::Learned(device, points) => sink.learn(*device, points.clone()).await,
        };
        match answer {
            Ok(()) => return true,
            Err(_) => tokio::time::sleep(RETRY_AFTER).await,
        }
    }
    false
}
