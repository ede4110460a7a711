//! Alarms on their way: into the journal, then to the listeners; to the listeners without the journal when the disk
//! stalls for longer than [`JOURNAL_PATIENCE`].
//!
//! Changes of one alarm key are committed one after another, so that a failed write tried again can never put an older
//! state over a newer one. Different keys go to the store together.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::{Instant, Sleep};

use crate::model::alarm::AlarmEvent;
use crate::model::desk::{DeskError, Handled, Reply};
use crate::model::live::{Live, LiveEvent};
use crate::pipeline::Gauges;
use crate::pipeline::sink::{Sink, SinkError};

/// Longest wait for the journal before people are told without it.
pub const JOURNAL_PATIENCE: Duration = Duration::from_millis(500);
/// Changes that may wait for the journal.
pub const PENDING_MAX: usize = 4_096;
/// Changes handed to the store at once.
const FLIGHT_MAX: usize = 32;
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An alarm's change, and who waits for it.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) event: AlarmEvent,
    pub(super) answer: Option<(Reply<Result<Handled, DeskError>>, Handled)>,
}

type Commit = Pin<Box<dyn Future<Output = Result<u64, SinkError>> + Send>>;

enum Stage {
    Waiting,
    Flying(Commit),
    /// Failed; to be tried again then.
    Resting(Instant),
}

struct Pending {
    no: u64,
    event: Arc<AlarmEvent>,
    answer: Option<(Reply<Result<Handled, DeskError>>, Handled)>,
    impatient_at: Instant,
    published: bool,
    stage: Stage,
}

/// What happened to a pending change.
#[derive(Debug)]
pub(super) enum Rung {
    /// Committed under this number.
    Committed(u64, u64),
    /// Not committed; tried again later.
    Failed(u64, SinkError),
    /// Some have waited long enough, or may be tried again.
    Time,
}

/// Changes on their way.
pub struct Bell<S> {
    sink: Arc<S>,
    events: broadcast::Sender<LiveEvent>,
    gauges: Arc<Gauges>,
    pending: VecDeque<Pending>,
    next_no: u64,
    /// Made on first use, inside the runtime.
    alarm_clock: Option<Pin<Box<Sleep>>>,
}

impl<S> fmt::Debug for Bell<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}

impl<S: Sink> Bell<S> {
    pub(super) fn new(sink: Arc<S>, events: broadcast::Sender<LiveEvent>, gauges: Arc<Gauges>) -> Self {
        Self { sink, events, gauges, pending: VecDeque::new(), next_no: 0, alarm_clock: None }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// Takes a change on its way.
    pub(super) fn ring(&mut self, ring: Ring, live: &Live) {
        if self.pending.len() == PENDING_MAX {
            self.give_up_oldest(live);
        }
        self.pending.push_back(Pending {
            no: self.next_no,
            event: Arc::new(ring.event),
            answer: ring.answer,
            impatient_at: Instant::now() + JOURNAL_PATIENCE,
            published: false,
            stage: Stage::Waiting,
        });
        self.next_no += 1;
        self.gauges.alarms_waiting.store(self.pending.len() as u64, Ordering::Relaxed);
    }

    /// Tells the listeners at once. That nobody listens is no fault.
    pub(super) fn tell(&self, event: LiveEvent) {
        drop(self.events.send(event));
    }

    /// Given up for the journal, never for people: one that nobody has been told of is published first.
    fn give_up_oldest(&mut self, live: &Live) {
        let at = self.pending.iter().position(|p| p.published).unwrap_or(0);
        if let Some(mut lost) = self.pending.remove(at) {
            if !lost.published {
                self.gauges.alarms_early.fetch_add(1, Ordering::Relaxed);
                self.publish(&mut lost, None, live);
            }
            tracing::error!(alarm = %lost.event.alarm.id, change = lost.event.change.word(), "the journal takes no alarms: this change is not kept");
            self.gauges.alarms_unjournalled.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until something happens to a pending change. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Rung {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Rung> {
        let now = Instant::now();
        self.launch(now);
        for pending in &mut self.pending {
            let Stage::Flying(commit) = &mut pending.stage else { continue };
            match commit.as_mut().poll(cx) {
                Poll::Ready(Ok(seq)) => return Poll::Ready(Rung::Committed(pending.no, seq)),
                Poll::Ready(Err(fault)) => {
                    pending.stage = Stage::Resting(now + RETRY_AFTER);
                    return Poll::Ready(Rung::Failed(pending.no, fault));
                }
                Poll::Pending => {}
            }
        }
        let Some(due) = self.due() else { return Poll::Pending };
        let clock = self.alarm_clock.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if clock.deadline() != due {
            clock.as_mut().reset(due);
        }
        clock.as_mut().poll(cx).map(|()| Rung::Time)
    }

    /// Hands waiting changes to the store: in order, one per key, so many at once.
    fn launch(&mut self, now: Instant) {
        let mut flying = self.pending.iter().filter(|p| matches!(p.stage, Stage::Flying(_))).count();
        for at in 0..self.pending.len() {
            if flying >= FLIGHT_MAX {
                return;
            }
            let Some(candidate) = self.pending.get(at) else { return };
            let ready = match &candidate.stage {
                Stage::Waiting => true,
                Stage::Resting(until) => *until <= now,
                Stage::Flying(_) => false,
            };
            let key = &candidate.event.alarm.key;
            if !ready || self.pending.iter().take(at).any(|earlier| earlier.event.alarm.key == *key) {
                continue;
            }
            let commit = self.sink.alarm(AlarmEvent::clone(&candidate.event));
            if let Some(pending) = self.pending.get_mut(at) {
                pending.stage = Stage::Flying(Box::pin(commit));
                flying += 1;
            }
        }
    }

    /// The next moment at which time alone changes something.
    fn due(&self) -> Option<Instant> {
        // While the store has its hands full, a rest that is over changes nothing: the next answer does.
        let full = self.pending.iter().filter(|p| matches!(p.stage, Stage::Flying(_))).count() >= FLIGHT_MAX;
        let moments = self.pending.iter().filter_map(|p| match &p.stage {
            _ if !p.published => Some(p.impatient_at),
            Stage::Resting(until) if !full => Some(*until),
            _ => None,
        });
        moments.min()
    }

    /// Publishes what may be published and forgets what is done.
    pub(super) fn settle(&mut self, rung: Rung, live: &Live) {
        match rung {
            Rung::Committed(no, seq) => {
                if let Some(at) = self.pending.iter().position(|p| p.no == no)
                    && let Some(mut done) = self.pending.remove(at)
                {
                    self.publish(&mut done, Some(seq), live);
                }
            }
            Rung::Failed(no, fault) => {
                tracing::error!(%fault, "the journal did not take an alarm; trying again");
                self.publish_early(live, |p, _| p.no == no);
            }
            Rung::Time => self.publish_early(live, |p, now| p.impatient_at <= now),
        }
        self.gauges.alarms_waiting.store(self.pending.len() as u64, Ordering::Relaxed);
    }

    fn publish_early(&mut self, live: &Live, which: impl Fn(&Pending, Instant) -> bool) {
        let now = Instant::now();
        let mut early = std::mem::take(&mut self.pending);
        for pending in early.iter_mut().filter(|p| !p.published && which(p, now)) {
            self.gauges.alarms_early.fetch_add(1, Ordering::Relaxed);
            self.publish(pending, None, live);
        }
        self.pending = early;
    }

    fn publish(&self, pending: &mut Pending, seq: Option<u64>, live: &Live) {
        if !pending.published {
            live.alarm(&pending.event.alarm);
        }
        pending.published = true;
        self.tell(LiveEvent::Alarm { seq, durable: seq.is_some(), event: Arc::clone(&pending.event) });
        if let Some((reply, handled)) = pending.answer.take() {
            reply.send(Ok(handled));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alarm::{AlarmChange, AlarmRecord, AlarmState, AlarmText, Level};
    use crate::model::id::{DeviceIx, PointIx};
    use crate::model::journal::Note;
    use crate::model::reading::{Reading, Receipt};
    use crate::model::time::BootMs;
    use crate::pipeline::sink::Models;

    /// A store that never answers.
    struct Stalled;

    impl Sink for Stalled {
        fn append(&self, _: Vec<Reading>, _: Vec<Receipt>) -> impl Future<Output = ()> + Send + 'static {
            std::future::pending()
        }

        fn alarm(&self, _: AlarmEvent) -> impl Future<Output = Result<u64, SinkError>> + Send + 'static {
            std::future::pending()
        }

        fn note(&self, _: Note) -> impl Future<Output = Result<(), SinkError>> + Send + 'static {
            std::future::pending()
        }

        fn models(&self, _: Models) -> impl Future<Output = Result<(), SinkError>> + Send + 'static {
            std::future::pending()
        }

        fn learn(&self, _: DeviceIx, _: Vec<PointIx>) -> impl Future<Output = Result<(), SinkError>> + Send + 'static {
            std::future::pending()
        }
    }

    fn ring(n: usize) -> Ring {
        let alarm = AlarmRecord {
            id: format!("smoke_{n}.smoke@1-1").into(),
            key: format!("smoke_{n}.smoke").into(),
            device: String::new(),
            device_name: String::new(),
            at: String::new(),
            level: Level::Life,
            text: AlarmText::default(),
            state: AlarmState::Unacknowledged,
            condition: true,
            latched: true,
            boot: 1,
            raised_at: BootMs(1),
            raised_wall_ms: 1,
            changed_wall_ms: 1,
            cleared_wall_ms: None,
            acknowledged: None,
            trigger: None,
            explanation: None,
            snapshot: vec![],
            children: 0,
        };
        let event = AlarmEvent { change: AlarmChange::Raised, at: BootMs(1), wall_ms: 1, by: None, note: None, alarm };
        Ring { event, answer: None }
    }

    fn bell() -> (Bell<Stalled>, broadcast::Receiver<LiveEvent>) {
        let (events, heard) = broadcast::channel(16);
        (Bell::new(Arc::new(Stalled), events, Arc::default()), heard)
    }

    #[tokio::test(start_paused = true)]
    async fn more_alarms_at_once_than_the_bell_holds_are_all_told_to_people() {
        let (mut bell, mut heard) = bell();
        let live = Live::new(0, 0, 0, BootMs(0));
        for n in 0..PENDING_MAX + 2 {
            bell.ring(ring(n), &live);
        }
        for n in 0..2 {
            let Ok(LiveEvent::Alarm { event, durable, .. }) = heard.try_recv() else { panic!("nothing told") };
            assert_eq!((&*event.alarm.key, durable), (format!("smoke_{n}.smoke").as_str(), false));
        }
        assert_eq!(live.alarms().len(), 2);
        assert_eq!(bell.gauges.alarms_unjournalled.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_that_is_over_does_not_spin_while_the_store_has_its_hands_full() {
        let (mut bell, _heard) = bell();
        let live = Live::new(0, 0, 0, BootMs(0));
        for n in 0..=FLIGHT_MAX {
            bell.ring(ring(n), &live);
        }
        let now = Instant::now();
        bell.launch(now);
        bell.settle(Rung::Time, &live);
        for pending in &mut bell.pending {
            pending.published = true;
        }
        bell.pending[FLIGHT_MAX].stage = Stage::Resting(now);
        assert_eq!(bell.due(), None);
    }
}
