//! One stream on its way to one upstream: find, pack, deliver, settle, one request at a time.
//!
//! Invariants: a parcel once made is sent unchanged until the far end has judged it; the cursor moves only by such a
//! judgement; a failure to keep the cursor is harmless (something is sent twice). Owns no loop: [`crate::northbound`]'s
//! `sync` calls [`StreamLane::step`] and does the waiting.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tracing::{error, warn};

use crate::clock::Clock;
use crate::model::journal::{Cursor, Gap, GapReason, Stream};
use crate::model::stored::ReadError;
use crate::model::text::Text;
use crate::northbound::Outbox;
use crate::northbound::backoff::{Backoff, Trouble};
use crate::northbound::find::{Found, find};
use crate::northbound::http::Link;
use crate::northbound::pack::{Packer, Parcel};
use crate::northbound::portion::{AfterRejection, Portion};
use crate::northbound::reply::{Through, Verdict, judge};
use crate::northbound::status::{Lane, LaneTrouble, SyncStatus};

/// Most journal rows in one request.
const ROWS_MAX: u64 = 100;
/// Single rows given up in a row before the far end itself is taken to be broken. A journal row is worth waiting for;
/// readings of one bad point come by the hundred.
const GIVE_UP_ROWS_MAX: u32 = 8;
const GIVE_UP_READINGS_MAX: u32 = 256;
/// Pause after the store could not be read.
const READ_RETRY: Duration = Duration::from_secs(1);

/// How long to wait before the next step, and whether good news may cut it short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pause {
    pub(crate) wait: Duration,
    /// A sign of life or a new alarm ends the wait (never one that the far end asked for).
    pub(crate) may_hurry: bool,
    /// The far end answered: it is there, it just does not take this.
    pub(crate) answered: bool,
}

/// What a step came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Everything is confirmed.
    Nothing,
    /// Something moved: look again at once, the most urgent first.
    Moved,
    /// Try again after a pause.
    Pause(Pause),
}

/// What both lanes of an upstream share.
#[derive(Debug)]
pub(crate) struct Shared<L> {
    pub(crate) upstream: String,
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) link: L,
    pub(crate) status: SyncStatus,
    /// Counts acceptances: the sign of life that ends the other lane's wait.
    pub(crate) life: watch::Sender<u64>,
}

/// What one lane keeps over its streams.
#[derive(Debug)]
pub(crate) struct Courier<L> {
    pub(crate) shared: Arc<Shared<L>>,
    pub(crate) lane: Lane,
    pub(crate) packer: Arc<Mutex<Packer>>,
    pub(crate) backoff: Backoff,
    pub(crate) dice: fastrand::Rng,
}

/// The far end's judgement of a parcel.
enum Judged {
    Through(u64),
    Rejected(Text),
    Pause(Pause),
}

impl<L: Link> Courier<L> {
    async fn deliver(&mut self, parcel: &Parcel) -> Judged {
        let shared = Arc::clone(&self.shared);
        let sent_at = shared.clock.anchor().wall;
        shared.status.sent(parcel.body.len());
        let answer = match shared.link.post(parcel, sent_at.0).await {
            Ok(answer) => answer,
            Err(broken) => {
                let pause = self.failed(Trouble::Offline { local: shared.link.is_local() }, broken.0);
                return Judged::Pause(pause);
            }
        };
        match judge(&answer) {
            Verdict::Accepted(said) => self.accepted(parcel, said),
            Verdict::Wait { after, why } => Judged::Pause(self.failed(Trouble::Busy { retry_after: after }, why)),
            Verdict::Refused { why } => Judged::Pause(self.failed(Trouble::Refused, why)),
            Verdict::Rejected { why } => Judged::Rejected(why),
        }
    }

    fn accepted(&mut self, parcel: &Parcel, said: Option<Through>) -> Judged {
        let through = match said {
            None => parcel.last,
            Some(t) if t.stream == parcel.stream && t.epoch == parcel.epoch && t.seq <= parcel.last => t.seq,
            Some(t) => {
                let (stream, Through { epoch, seq, .. }) = (t.stream.word(), t);
                let why = Text::new(
                    &format!("对端确认了并未发送的 {stream} {epoch} 至 {seq}，不予采信"),
                    &format!("the far end confirms {stream} {epoch} up to {seq}, which was not sent; ignored"),
                );
                warn!(upstream = %self.shared.upstream, sent = %parcel.idempotency_key, "{}", why.en);
                return Judged::Pause(self.failed(Trouble::Busy { retry_after: None }, why));
            }
        };
        if through < parcel.first {
            let key = &parcel.idempotency_key;
            let why = Text::new(
                &format!("对端没有接收 {key}，也未说明原因"),
                &format!("the far end took nothing of {key} and gives no reason"),
            );
            return Judged::Pause(self.failed(Trouble::Busy { retry_after: None }, why));
        }
        self.backoff.reset();
        self.shared.status.succeeded(self.lane, self.shared.clock.boot());
        self.shared.life.send_modify(|n| *n = n.wrapping_add(1));
        Judged::Through(through)
    }

    /// Takes note of a failure and says how long to wait.
    pub(crate) fn failed(&mut self, trouble: Trouble, why: Text) -> Pause {
        let wait = self.backoff.next(trouble, self.dice.f64());
        let at = self.shared.clock.boot();
        let retry_at = at.plus(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        let failures = self.backoff.failures();
        if failures == 1 {
            warn!(upstream = %self.shared.upstream, lane = ?self.lane, "{}; trying again", why.en);
        }
        let refused = trouble == Trouble::Refused;
        self.shared.status.failed(self.lane, LaneTrouble { refused, why, at, retry_at, failures });
        let asked = matches!(trouble, Trouble::Busy { retry_after: Some(_) } | Trouble::Refused);
        Pause { wait, may_hurry: !asked, answered: !matches!(trouble, Trouble::Offline { .. }) }
    }
}

/// One stream.
#[derive(Debug)]
pub(crate) struct StreamLane {
    pub(crate) stream: Stream,
    cursor: Option<Cursor>,
    portion: Portion,
    held: Option<Parcel>,
    /// The head at which nothing was left, to save looking again.
    clear_at: Option<u64>,
}

impl StreamLane {
    pub(crate) fn new(stream: Stream) -> Self {
        let portion = match stream {
            // One log row is one body.
            Stream::Telemetry => Portion::new(u64::MAX, GIVE_UP_READINGS_MAX),
            _ => Portion::new(ROWS_MAX, GIVE_UP_ROWS_MAX),
        };
        Self { stream, cursor: None, portion, held: None, clear_at: None }
    }

    /// Something may wait: a parcel in hand, or numbers that have not been looked at.
    pub(crate) fn has_news(&self, head: u64) -> bool {
        self.held.is_some() || self.clear_at != Some(head)
    }

    /// One request, if there is something to send. `head` is the last committed number of the stream.
    pub(crate) async fn step<L: Link>(&mut self, courier: &mut Courier<L>, head: u64) -> Step {
        if self.held.is_none() {
            if self.clear_at == Some(head) {
                return Step::Nothing;
            }
            match self.look(courier).await {
                Ok(parcel) => self.held = parcel,
                Err(e) => {
                    warn!(upstream = %courier.shared.upstream, stream = self.stream.word(), "{e}");
                    return Step::Pause(Pause { wait: READ_RETRY, may_hurry: false, answered: false });
                }
            }
        }
        let Some(parcel) = self.held.take() else {
            self.clear_at = Some(head);
            return Step::Nothing;
        };
        self.clear_at = None;
        self.held = Some(parcel.clone());
        match courier.deliver(&parcel).await {
            Judged::Through(seq) => self.settle(courier, &parcel, seq).await,
            Judged::Rejected(why) => self.rejected(courier, parcel, why).await,
            Judged::Pause(pause) => Step::Pause(pause),
        }
    }

    /// Finds and packs the next parcel, off the runtime.
    async fn look<L: Link>(&mut self, courier: &Courier<L>) -> Result<Option<Parcel>, ReadError> {
        let shared = Arc::clone(&courier.shared);
        let packer = Arc::clone(&courier.packer);
        let (stream, known, limit) = (self.stream, self.cursor, self.portion.size());
        let found = tokio::task::spawn_blocking(move || {
            let rows = usize::try_from(limit).unwrap_or(usize::MAX);
            let Found { cursor, work } = find(shared.outbox.as_ref(), &shared.upstream, stream, known, rows)?;
            let mut packer = packer.lock().unwrap_or_else(PoisonError::into_inner);
            let parcel = packer
                .pack(&work, limit, shared.clock.anchor().wall)
                .map_err(|e| ReadError::Retry(format!("a body cannot be packed: {e}")))?;
            Ok((cursor, parcel))
        });
        let (cursor, parcel) = unwind(found.await)?;
        self.cursor = Some(cursor);
        let oldest = parcel.as_ref().and_then(|p| p.oldest_wall_ms);
        courier.shared.status.looked(self.stream, cursor, oldest);
        Ok(parcel)
    }

    /// The far end has it up to `seq`.
    async fn settle<L: Link>(&mut self, courier: &Courier<L>, parcel: &Parcel, seq: u64) -> Step {
        if !parcel.is_gap {
            self.portion.accepted();
        }
        let rows = if parcel.is_gap { 0 } else { seq + 1 - parcel.first };
        self.advance(courier, Cursor { epoch: parcel.epoch, seq }, rows).await;
        Step::Moved
    }

    async fn advance<L: Link>(&mut self, courier: &Courier<L>, cursor: Cursor, rows: u64) {
        self.held = None;
        self.cursor = Some(cursor);
        courier.shared.status.confirmed(self.stream, cursor, rows);
        let shared = Arc::clone(&courier.shared);
        let stream = self.stream;
        let kept = tokio::task::spawn_blocking(move || shared.outbox.confirm(&shared.upstream, stream, cursor));
        if let Err(e) = unwind(kept.await) {
            warn!(upstream = %courier.shared.upstream, stream = self.stream.word(), "the cursor was not kept: {e}");
        }
    }

    /// The far end will never take this body: look for the row that is to blame.
    async fn rejected<L: Link>(&mut self, courier: &mut Courier<L>, parcel: Parcel, why: Text) -> Step {
        if parcel.is_gap {
            warn!(upstream = %courier.shared.upstream, gap = %parcel.idempotency_key, "a gap record is rejected: {}", why.en);
            self.advance(courier, Cursor { epoch: parcel.epoch, seq: parcel.last }, 0).await;
            return Step::Moved;
        }
        match self.portion.rejected(parcel.rows()) {
            AfterRejection::Smaller(_) => {
                self.held = None;
                Step::Moved
            }
            AfterRejection::Wait => {
                let why = Text::new(
                    &format!("对端拒收全部数据（{}），暂不再放弃任何数据", why.zh),
                    &format!("the far end rejects everything ({}); nothing more is given up for now", why.en),
                );
                Step::Pause(courier.failed(Trouble::Refused, why))
            }
            AfterRejection::DeadLetter => self.give_up(courier, &parcel, why).await,
        }
    }

    /// One row goes to the dead letters; a gap record takes its place.
    async fn give_up<L: Link>(&mut self, courier: &mut Courier<L>, parcel: &Parcel, why: Text) -> Step {
        error!(upstream = %courier.shared.upstream, row = %parcel.idempotency_key, "given up, the far end rejects it: {}", why.en);
        let gap = Gap {
            stream: parcel.stream,
            epoch: parcel.epoch,
            from: parcel.first,
            to: parcel.last,
            reason: GapReason::Rejected,
        };
        courier.shared.status.stream(self.stream, |s| s.dead_letters += 1);
        let shared = Arc::clone(&courier.shared);
        let packer = Arc::clone(&courier.packer);
        let packed = tokio::task::spawn_blocking(move || {
            if let Err(e) = shared.outbox.dead_letter(&shared.upstream, &gap, &why.en) {
                warn!(upstream = %shared.upstream, "the dead letter was not put on record: {e}");
            }
            packer.lock().unwrap_or_else(PoisonError::into_inner).pack_gap(&gap)
        });
        match unwind(packed.await) {
            Ok(parcel) => {
                self.held = Some(parcel);
                Step::Moved
            }
            Err(e) => Step::Pause(courier.failed(Trouble::Busy { retry_after: None }, Text::same(&e.to_string()))),
        }
    }
}

/// A panic in a blocking call goes on here, where the supervisor sees it.
fn unwind<T>(joined: Result<T, tokio::task::JoinError>) -> T {
    match joined {
        Ok(value) => value,
        Err(e) => match e.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(e) => std::panic::panic_any(format!("the runtime is ending: {e}")),
        },
    }
}
