//! Where siblings meet: the store as northbound's outbox and as the API's archive, the pipeline as the API's desk.
//!
//! Nothing is decided here; each method hands a question on in the other part's words.

use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use crate::api::ports::{Archive, Desk, DeskFuture, Refusal, RelearnFuture, StreamStatus, SyncView, UpstreamStatus};
use crate::clock::Clock;
use crate::gateway::office::Figures;
use crate::model::alarm::{AlarmEvent, AlarmRecord};
use crate::model::desk::{DeskCommand, DeskError, Reply};
use crate::model::health::HealthEntry;
use crate::model::id::{DeviceIx, PointIx};
use crate::model::journal::{Cursor, Epoch, Gap, GapReason, Note, Stream};
use crate::model::reading::{Reading, Receipt};
use crate::model::site::Site;
use crate::model::stored::{
    AlarmFilter, Heads, History, JournalRow, ReadError, StoreError, StoreStatus, TelemetryBatch,
};
use crate::model::time::{BootMs, WallMs};
use crate::northbound::{Outbox, SyncReport, UpstreamState};
use crate::pipeline::{Models, Sink, SinkError};
use crate::store::{StoreHandle, StoreReader};

/// The store as northbound sees it. Called on the blocking pool of the office runtime only.
#[derive(Debug)]
pub(super) struct StoreOutbox {
    pub(super) reader: StoreReader,
    pub(super) handle: StoreHandle,
    /// To wait for the writer from a blocking thread.
    pub(super) office: Handle,
}

impl Outbox for StoreOutbox {
    fn epochs(&self, stream: Stream) -> Result<Vec<Epoch>, ReadError> {
        // A new life of the files begins only when the old ones were damaged and put aside: nothing of them is left to
        // send but the gap that the store declares.
        Ok(vec![self.reader.epoch(stream)])
    }

    fn cursor(&self, upstream: &str, stream: Stream) -> Result<Option<Cursor>, ReadError> {
        Ok(self.reader.cursor(upstream, stream))
    }

    fn telemetry_after(&self, epoch: Epoch, seq: u64) -> Result<Option<TelemetryBatch>, ReadError> {
        if epoch != self.reader.epoch(Stream::Telemetry) {
            return Ok(None);
        }
        self.reader.telemetry_after(seq)
    }

    fn journal_after(
        &self,
        stream: Stream,
        epoch: Epoch,
        seq: u64,
        limit: usize,
    ) -> Result<Vec<JournalRow>, ReadError> {
        if epoch != self.reader.epoch(stream) {
            return Ok(Vec::new());
        }
        self.reader.journal_after(stream, seq, limit)
    }

    fn gaps(&self, stream: Stream, epoch: Epoch, seq: u64) -> Result<Vec<Gap>, ReadError> {
        Ok(self.reader.gaps_after(stream, seq)?.into_iter().filter(|gap| gap.epoch == epoch).collect())
    }

    fn confirm(&self, upstream: &str, stream: Stream, cursor: Cursor) -> Result<(), StoreError> {
        self.office.block_on(self.handle.confirm(upstream, stream, cursor))
    }

    fn dead_letter(&self, upstream: &str, gap: &Gap, why: &str) -> Result<(), StoreError> {
        debug_assert_eq!(gap.reason, GapReason::Rejected, "only rejected rows are dead letters");
        let facts = serde_json::json!({ "upstream": upstream, "gap": gap, "why": why });
        let note = Note { stream: Stream::Event, kind: "dead_letter".into(), subject: upstream.to_owned(), facts };
        self.office.block_on(self.handle.note(note)).map(drop)
    }

    fn watch(&self) -> watch::Receiver<Heads> {
        self.handle.committed()
    }
}

/// The store as the page sees it.
#[derive(Debug)]
pub(super) struct StoreArchive(pub(super) StoreReader);

impl Archive for StoreArchive {
    fn head(&self) -> Result<Cursor, ReadError> {
        Ok(Cursor { epoch: self.0.epoch(Stream::Alarm), seq: self.0.heads().alarm })
    }

    fn alarms(&self, filter: &AlarmFilter) -> Result<Vec<AlarmRecord>, ReadError> {
        self.0.alarms(filter)
    }

    fn alarm(&self, id: &str) -> Result<Option<(AlarmRecord, Vec<AlarmEvent>)>, ReadError> {
        self.0.alarm(id)
    }

    fn alarm_rows(&self, after: u64, max: usize) -> Result<Vec<JournalRow>, ReadError> {
        self.0.journal_after(Stream::Alarm, after, max)
    }

    fn history(&self, key: &str, from: WallMs, to: WallMs, max: usize) -> Result<History, ReadError> {
        self.0.history(key, from.0, to.0, max)
    }

    fn health_entries(&self, device: &str, max: usize) -> Result<Vec<HealthEntry>, ReadError> {
        self.0.health_entries(device, max)
    }

    fn status(&self) -> StoreStatus {
        self.0.status()
    }
}

/// Longest wait of a person's request for the pipeline, which answers within half a second even when the disk stalls.
const DESK_WAIT: Duration = Duration::from_secs(5);

/// The pipeline as the page sees it.
#[derive(Debug, Clone)]
pub(super) struct PipelineDesk(pub(super) mpsc::Sender<DeskCommand>);

impl PipelineDesk {
    fn ask<T: Send + 'static>(
        &self,
        make: impl FnOnce(Reply<Result<T, DeskError>>) -> DeskCommand + Send + 'static,
    ) -> Pin<Box<dyn Future<Output = Result<T, Refusal>> + Send + '_>> {
        Box::pin(async move {
            let (tell, told) = oneshot::channel();
            // The asker may have gone away; then nobody waits for the answer.
            let reply = Reply::new(move |answer| drop(tell.send(answer)));
            let no = |why: &str| Refusal::Unavailable(why.to_owned());
            let asked = async {
                self.0.send(make(reply)).await.map_err(|_| no("the pipeline has ended"))?;
                told.await.map_err(|_| no("the pipeline is stopping"))
            };
            let answer = tokio::time::timeout(DESK_WAIT, asked).await;
            Ok(answer.map_err(|_| no("no answer within 5 s; look at the list before trying again"))???)
        })
    }
}

impl Desk for PipelineDesk {
    fn acknowledge(&self, id: String, by: String, note: String) -> DeskFuture<'_> {
        self.ask(move |reply| DeskCommand::Acknowledge { id, by, note, reply })
    }

    fn reset(&self, id: String, by: String, note: String) -> DeskFuture<'_> {
        self.ask(move |reply| DeskCommand::Reset { id, by, note, reply })
    }

    fn relearn(&self, key: String, by: String) -> RelearnFuture<'_> {
        self.ask(move |reply| DeskCommand::Relearn { key, by, reply })
    }
}

/// Upstreams, webhooks and publishers as the page sees them.
#[derive(Debug)]
pub(super) struct Upstreams {
    pub(super) all: Vec<Figures>,
    pub(super) clock: Arc<dyn Clock>,
    /// Start of the process, for rates.
    pub(super) started: BootMs,
}

impl SyncView for Upstreams {
    fn upstreams(&self) -> Vec<UpstreamStatus> {
        let now = self.clock.anchor();
        let wall = |at: BootMs| now.wall_at(at).0;
        let running_s = (now.boot.since(self.started) as f64 / 1000.0).max(1.0);
        let read = |figures: &Figures| figures.lock().unwrap_or_else(PoisonError::into_inner).read();
        self.all.iter().map(|figures| upstream_status(read(figures), now.wall.0, running_s, &wall)).collect()
    }
}

fn upstream_status(report: SyncReport, now_ms: i64, running_s: f64, wall: &dyn Fn(BootMs) -> i64) -> UpstreamStatus {
    let up = matches!(report.state, UpstreamState::Up | UpstreamState::Connecting);
    UpstreamStatus {
        kind: report.kind,
        id: report.upstream,
        url: report.url,
        up,
        since_wall_ms: (report.since.0 > 0).then(|| wall(report.since)),
        last_ok_wall_ms: report.last_success_at.map(wall),
        last_error: report.last_error.filter(|_| !up),
        retry_wall_ms: report.retry_at.map(wall),
        streams: report
            .streams
            .into_iter()
            .map(|s| StreamStatus {
                stream: s.stream,
                backlog: s.backlog,
                oldest_age_ms: s.oldest_wall_ms.map(|at| (now_ms - at).max(0)),
                sent: s.confirmed,
                per_second: s.confirmed as f64 / running_s,
                rejected: s.dead_letters,
            })
            .collect(),
    }
}

/// The store as the pipeline sees it.
#[derive(Debug)]
pub(super) struct StoreSink {
    pub(super) handle: StoreHandle,
    pub(super) site: Arc<Site>,
}

impl Sink for StoreSink {
    fn append(&self, readings: Vec<Reading>, receipts: Vec<Receipt>) -> impl Future<Output = ()> + Send + 'static {
        let handle = self.handle.clone();
        async move { handle.append(readings, receipts).await }
    }

    fn alarm(&self, event: AlarmEvent) -> impl Future<Output = Result<u64, SinkError>> + Send + 'static {
        let handle = self.handle.clone();
        async move { handle.alarm(event).await.map_err(|e| SinkError(e.to_string())) }
    }

    fn note(&self, note: Note) -> impl Future<Output = Result<(), SinkError>> + Send + 'static {
        let handle = self.handle.clone();
        async move { handle.note(note).await.map(drop).map_err(|e| SinkError(e.to_string())) }
    }

    fn models(&self, models: Models) -> impl Future<Output = Result<(), SinkError>> + Send + 'static {
        let handle = self.handle.clone();
        async move { handle.keep_learned(models).await.map_err(|e| SinkError(e.to_string())) }
    }

    fn learn(
        &self,
        device: DeviceIx,
        points: Vec<PointIx>,
    ) -> impl Future<Output = Result<(), SinkError>> + Send + 'static {
        let handle = self.handle.clone();
        let site = Arc::clone(&self.site);
        async move {
            let Some(device) = site.devices.get(device.ix()) else { return Ok(()) };
            let ids: Vec<String> =
                points.iter().filter_map(|p| site.points.get(p.ix())).map(|p| p.id.as_str().to_owned()).collect();
            handle.learn(device.id.as_str(), &ids).await.map_err(|e| SinkError(e.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pipeline_that_hangs_gives_people_an_answer_all_the_same() {
        // A queue with room that nobody works off, then a full one.
        let (sender, _queue) = mpsc::channel(1);
        let desk = PipelineDesk(sender);
        for _ in 0..2 {
            let begun = tokio::time::Instant::now();
            let answer = desk.acknowledge("a".into(), "b".into(), String::new()).await;
            assert!(matches!(answer, Err(Refusal::Unavailable(_))), "{answer:?}");
            assert_eq!(begun.elapsed(), DESK_WAIT);
        }
    }
}
