//! The task of the case desk: sightings and people's requests in, alarms out at once, everything on disk, pictures behind.
//!
//! `next` awaits many sources and returns one value of a closed enum (`Turn`); `apply` handles it without waiting. At most
//! one write is on its way ([`Flight`]); what comes meanwhile goes together into the next, so a flood costs few syncs.
//!
//! Queues and what happens when they are full:
//! - what waits for the disk: past the bounds of [`Pending::has_room`] none is taken from the channel; the intake then
//!   refuses, and cameras send again. Alarms go out all the same.
//! - footage to fetch and notes for the journal: see `pictures` and `notes`.
//! - reports to the alarm desk: kept until it takes them; bounded by the cases.

mod flight;
mod notes;
mod pictures;
mod recall;
mod upkeep;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cases::desk::{Desk, Effects, Restored, Settings};
use crate::cases::evidence::{Evidence, FileKind, Origin};
use crate::cases::ports::{Hands, Request};
use crate::cases::retention::Retention;
use crate::cases::runner::flight::{Flight, Landed, Paper, Pending, Waiter, flown, fly, media_type};
use crate::cases::runner::notes::Notes;
use crate::cases::runner::pictures::{Fetch, Pictures, obtain};
use crate::cases::runner::recall::LOOKS_MAX;
use crate::cases::runner::upkeep::{Swept, Upkeep, sweep};
use crate::cases::seal::sha256;
use crate::clock::Clock;
use crate::model::alarm::AlarmChange;
use crate::model::case::{Case, CaseNo, CaseWrite, Judgement, StepKind};
use crate::model::desk::{DeskCommand, Report};
use crate::model::facade::Watched;
use crate::model::intake::Intake;
use crate::model::live::LiveEvent;
use crate::model::reading::Receipt;
use crate::model::sight::{Footage, Sighting};
use crate::model::text::Text;
use crate::model::time::Anchor;

/// Pause after a write that failed.
const RETRY: Duration = Duration::from_secs(1);
/// The desk looks at its clocks at least this often.
const BEAT: Duration = Duration::from_secs(5);

/// A queue that outlives the task: built anew after a panic, it goes on with the next item.
pub type Inbox<T> = Arc<tokio::sync::Mutex<mpsc::Receiver<T>>>;

/// What the task is built from.
#[derive(Debug)]
pub struct Parts {
    /// Figures.
    pub settings: Settings,
    /// Cameras and facades.
    pub watched: Arc<Watched>,
    /// What others do.
    pub hands: Hands,
    /// Where files go.
    pub evidence: Evidence,
    /// How long closed cases are kept.
    pub retention: Retention,
    /// Both clocks.
    pub clock: Arc<dyn Clock>,
    /// What was kept.
    pub restored: Restored,
    /// Keys of alarms on the list that cases raised, from the journal: those of unknown cases are ended.
    pub standing: Vec<Arc<str>>,
    /// To the alarm desk.
    pub alarms: mpsc::Sender<DeskCommand>,
    /// What happens to alarms.
    pub events: broadcast::Receiver<LiveEvent>,
    /// From the cameras.
    pub sightings: Inbox<Intake>,
    /// From people.
    pub requests: Inbox<Request>,
    /// Told when to finish.
    pub stop: CancellationToken,
}

#[derive(Debug)]
enum Job {
    Fetched(CaseNo, String, Result<String, Text>),
    Noted(Result<(), String>),
    Swept(Swept),
    Recalled(Box<Sighting>, Receipt, Option<CaseNo>),
    /// It panicked; the runtime has logged it. A picture is asked for again after the next start, a note is not.
    Lost(tokio::task::Id),
}

enum Turn {
    Sent(Intake),
    SightingsEnded,
    Asked(Request),
    RequestsEnded,
    Landed(Landed),
    Job(Job),
    Alarm(LiveEvent),
    Reported,
    Time,
    Stop,
}

/// The task.
pub struct Runner {
    desk: Desk,
    hands: Hands,
    evidence: Evidence,
    retention: Retention,
    watched: Arc<Watched>,
    clock: Arc<dyn Clock>,
    alarms: mpsc::Sender<DeskCommand>,
    events: broadcast::Receiver<LiveEvent>,
    sightings: Inbox<Intake>,
    requests: Inbox<Request>,
    stop: CancellationToken,
    reports: VecDeque<Report>,
    pending: Pending,
    flight: Option<Flight>,
    retry_at: Option<Instant>,
    pictures: Pictures,
    notes: Notes,
    upkeep: Upkeep,
    jobs: JoinSet<Job>,
    /// The job that enters a note.
    noting: Option<tokio::task::Id>,
    sightings_open: bool,
    requests_open: bool,
    /// Events that are looked up on disk.
    looks: usize,
    stopping: bool,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("desk", &self.desk).finish_non_exhaustive()
    }
}

impl Runner {
    /// Builds the desk anew from what was kept. To be called inside a runtime.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { settings, watched, hands, evidence, retention, clock, mut restored, standing, .. } = parts;
        let promised = std::mem::take(&mut restored.promised);
        let now = clock.anchor();
        let (desk, reports) = Desk::new(settings, Arc::clone(&watched), restored, &now);
        let orphans = standing.iter().filter(|key| reports.iter().all(|r| r.key != **key)).map(orphan);
        let reports = orphans.chain(reports.iter().cloned()).collect();
        let mut runner = Self {
            desk,
            hands,
            evidence,
            retention,
            watched,
            clock,
            alarms: parts.alarms,
            events: parts.events,
            sightings: parts.sightings,
            requests: parts.requests,
            stop: parts.stop,
            reports,
            pending: Pending::default(),
            flight: None,
            retry_at: None,
            pictures: Pictures::default(),
            notes: Notes::default(),
            upkeep: Upkeep::new(),
            jobs: JoinSet::new(),
            noting: None,
            sightings_open: true,
            requests_open: true,
            looks: 0,
            stopping: false,
        };
        for one in &promised {
            match Fetch::again(one, &now) {
                Ok(fetch) => runner.queue(fetch, &now),
                Err(why) => runner.give_up(one.case, one.reference.clone(), why, &now),
            }
        }
        runner
    }

    /// Runs until told to stop and everything taken is on disk; the caller sets the deadline.
    pub async fn run(mut self) {
        while !(self.stopping && self.flight.is_none() && self.pending.is_empty() && self.notes.is_empty()) {
            let turn = self.next().await;
            self.apply(turn);
        }
    }

    async fn next(&mut self) -> Turn {
        let wake = self.wake();
        let room = self.pending.has_room();
        let takes = self.sightings_open && !self.stopping && room && self.looks < LOOKS_MAX;
        tokio::select! {
            biased;
            () = self.stop.cancelled(), if !self.stopping => Turn::Stop,
            Ok(permit) = self.alarms.reserve(), if !self.reports.is_empty() => {
                if let Some(report) = self.reports.pop_front() {
                    permit.send(DeskCommand::Report(Box::new(report)));
                }
                Turn::Reported
            }
            landed = flown(&mut self.flight) => Turn::Landed(landed),
            request = take(&self.requests), if self.requests_open && room => request.map_or(Turn::RequestsEnded, Turn::Asked),
            sent = take(&self.sightings), if takes => sent.map_or(Turn::SightingsEnded, Turn::Sent),
            Ok(event) = self.events.recv() => Turn::Alarm(event),
            Some(job) = self.jobs.join_next() => Turn::Job(job.unwrap_or_else(|lost| Job::Lost(lost.id()))),
            () = tokio::time::sleep_until(wake) => Turn::Time,
        }
    }

    fn wake(&self) -> Instant {
        let now = Instant::now();
        let boot = self.clock.boot();
        let due = self.desk.next_wake(boot).map(|at| u64::try_from(at.since(boot)).unwrap_or(0).max(1));
        let desk = now + due.map_or(BEAT, Duration::from_millis).min(BEAT);
        let retry = self.retry_at.filter(|_| self.flight.is_none());
        // What is overdue is done in the turn that follows at once.
        let soon = now + Duration::from_millis(1);
        let sweep = self.upkeep.due_at(&self.evidence, now).max(soon);
        let note = self.notes.retry_at().map(|at| at.max(soon));
        [Some(desk), retry, Some(sweep), note].into_iter().flatten().min().unwrap_or(desk)
    }

    fn apply(&mut self, turn: Turn) {
        let now = self.clock.anchor();
        match turn {
            Turn::Sent(Intake::Sighting { sighting, receipt, .. }) => self.came(sighting, receipt, &now),
            Turn::Sent(Intake::Refused(refused)) => self.notes.refused(&refused, &now),
            Turn::Sent(Intake::Link(link)) => self.notes.link(&link),
            Turn::SightingsEnded => self.sightings_open = false,
            Turn::Asked(request) => self.asked(request, &now),
            Turn::RequestsEnded => self.requests_open = false,
            Turn::Landed(landed) => self.landed(landed, &now),
            Turn::Job(job) => self.job(job, &now),
            Turn::Alarm(event) => self.alarm(&event, &now),
            Turn::Reported | Turn::Time => {}
            Turn::Stop => self.stopping = true,
        }
        let effects = self.desk.tick(&now);
        self.take(effects);
        self.launch();
        self.start_jobs(&now);
    }

    fn take(&mut self, effects: Effects) {
        self.pending.write.absorb(effects.write);
        self.reports.extend(effects.reports);
    }

    fn sent(&mut self, sighting: &Sighting, receipt: Receipt, now: &Anchor) {
        let judged = self.hands.judge.judge(sighting);
        let sum = sha256(&sighting.raw);
        let taken = self.desk.sight(sighting, &judged, sum, now);
        if taken.is_known {
            // On disk or on its way there: the answer waits for the next commit either way.
            self.answer_known(receipt);
            return;
        }
        let kept = taken.effects.write.sightings.first().cloned();
        self.take(taken.effects);
        if let Some(kept) = kept.filter(|_| !taken.brief) {
            let watched = Arc::clone(&self.watched);
            let camera = watched.camera(&sighting.camera);
            let origin = |kind, media_type: &str| Origin {
                kind,
                media_type: media_type.to_owned(),
                camera: kept.camera.clone(),
                camera_serial: camera.map(|c| c.serial.clone()).unwrap_or_default(),
                event_id: kept.event_id.clone(),
                camera_wall_ms: kept.camera_wall_ms,
                camera_offset_ms: kept.offset_ms,
                kept_wall_ms: now.wall.0,
                clock: now.trust,
                rule: judged.rule.clone(),
                gatehouse: env!("CARGO_PKG_VERSION").to_owned(),
            };
            self.papers(taken.case, sighting, &judged, &origin);
        }
        self.pending.waiters.push(Waiter::Camera(receipt));
    }

    fn papers(&mut self, case: CaseNo, seen: &Sighting, judged: &Judgement, origin: &dyn Fn(FileKind, &str) -> Origin) {
        let paper = |bytes: Arc<[u8]>, origin| Paper { case, bytes, origin };
        self.pending.papers.push(paper(Arc::clone(&seen.raw), origin(FileKind::Event, media_type(&seen.raw))));
        let verdict =
            serde_json::json!({ "case": case, "judgement": judged, "track": seen.track, "frame": seen.frame });
        let verdict = serde_json::to_vec_pretty(&verdict).unwrap_or_default();
        self.pending.papers.push(paper(verdict.into(), origin(FileKind::Verdict, "application/json")));
        for footage in &seen.footage {
            match footage {
                Footage::Inline { media_type, bytes } => {
                    let kind = if media_type.starts_with("video/") { FileKind::Clip } else { FileKind::Picture };
                    self.pending.papers.push(paper(Arc::clone(bytes), origin(kind, media_type)));
                }
                Footage::Remote { reference, clip } => {
                    let kind = if *clip { FileKind::Clip } else { FileKind::Picture };
                    let fetch = Fetch { case, reference: reference.clone(), clip: *clip, origin: origin(kind, "") };
                    self.pending.write.promised.push(fetch.promise());
                    self.pending.fetches.push(fetch);
                }
            }
        }
    }

    fn answer_known(&mut self, receipt: Receipt) {
        if self.flight.is_none() && self.pending.is_empty() {
            receipt.committed();
        } else {
            self.pending.waiters.push(Waiter::Camera(receipt));
        }
    }

    fn asked(&mut self, request: Request, now: &Anchor) {
        let Request { case, stored, act, by, note, reply } = request;
        match self.desk.act(case, stored, &act, &by, &note, now) {
            Ok((acted, effects)) if acted.already => {
                drop(effects);
                reply.send(Ok(acted));
            }
            Ok((acted, effects)) => {
                self.take(effects);
                self.pending.waiters.push(Waiter::Person(reply, Box::new(acted)));
            }
            Err(error) => reply.send(Err(error)),
        }
    }

    fn alarm(&mut self, event: &LiveEvent, now: &Anchor) {
        let LiveEvent::Alarm { event, .. } = event else { return };
        let Some(no) = CaseNo::of_key(&event.alarm.key) else { return };
        let answered = match event.change {
            AlarmChange::Raised => None,
            AlarmChange::Acknowledged => Some((event.by.as_deref().unwrap_or(""), event.note.as_deref().unwrap_or(""))),
            AlarmChange::Cleared | AlarmChange::Reset | AlarmChange::Closed => return,
        };
        let effects = self.desk.heard(no, answered, now);
        self.take(effects);
    }

    /// Sends off what waits, unless a write is on its way or has just failed.
    fn launch(&mut self) {
        let rests = self.retry_at.is_some_and(|at| at > Instant::now());
        if self.flight.is_some() || rests || self.pending.is_empty() {
            return;
        }
        self.retry_at = None;
        let pending = std::mem::take(&mut self.pending);
        let (evidence, keeper) = (self.evidence.clone(), Arc::clone(&self.hands.keeper));
        self.flight = Some(Box::pin(fly(pending, evidence, keeper)));
    }

    fn landed(&mut self, landed: Landed, now: &Anchor) {
        self.flight = None;
        let Landed { mut pending, done, lost } = landed;
        match done {
            Ok(()) => {
                pending.waiters.into_iter().for_each(Waiter::tell);
                self.notes.changes(&pending.write);
                for fetch in pending.fetches {
                    self.queue(fetch, now);
                }
            }
            Err(why) => {
                tracing::error!(why, "cases cannot be kept at present; trying again");
                self.retry_at = Some(Instant::now() + RETRY);
                pending.write.absorb(std::mem::take(&mut self.pending.write));
                pending.papers.append(&mut self.pending.papers);
                pending.waiters.append(&mut self.pending.waiters);
                pending.fetches.append(&mut self.pending.fetches);
                self.pending = pending;
            }
        }
        for (case, why) in lost {
            let effects = self.desk.tell(case, StepKind::EvidenceFailed, why, now);
            self.take(effects);
        }
    }

    /// A picture of an event that is on disk now.
    fn queue(&mut self, fetch: Fetch, now: &Anchor) {
        if let Some(fetch) = self.pictures.push(fetch) {
            let why = Text::new("等待取图过多", "too many pictures wait already");
            self.give_up(fetch.case, fetch.reference, why, now);
        }
    }

    /// A picture that will not come: its case is told why.
    fn give_up(&mut self, case: CaseNo, reference: String, why: Text, now: &Anchor) {
        let effects = self.desk.tell(case, StepKind::EvidenceFailed, why, now);
        self.take(effects);
        self.pending.write.settled.push((case, reference));
    }

    /// Pictures, the next note, the look for old evidence: all off this thread.
    fn start_jobs(&mut self, now: &Anchor) {
        if let Some(noting) = self.notes.launch(&self.hands.keeper) {
            let task = self.jobs.spawn(async move { Job::Noted(noting.await) });
            self.noting = Some(task.id());
        }
        if self.stopping {
            return;
        }
        while let Some(fetch) = self.pictures.launch() {
            let (footage, evidence, clock) =
                (Arc::clone(&self.hands.footage), self.evidence.clone(), self.clock.clone());
            let (case, reference) = (fetch.case, fetch.reference.clone());
            self.jobs
                .spawn(async move { Job::Fetched(case, reference, obtain(fetch, footage, evidence, clock).await) });
        }
        if self.upkeep.begin(&self.evidence) {
            let (evidence, keeper, now) = (self.evidence.clone(), Arc::clone(&self.hands.keeper), *now);
            let (retention, open) = (self.retention, self.desk.open_numbers());
            self.jobs.spawn(async move {
                let swept = tokio::task::spawn_blocking(move || sweep(&evidence, &keeper, (retention, &open), &now));
                Job::Swept(swept.await.unwrap_or_default())
            });
        }
    }

    fn job(&mut self, job: Job, now: &Anchor) {
        match job {
            Job::Fetched(case, reference, kept) => {
                self.pictures.landed();
                match kept {
                    Ok(file) => {
                        let effects = self.desk.note(case, StepKind::Evidence, &file, now);
                        self.take(effects);
                        self.pending.write.settled.push((case, reference));
                    }
                    Err(why) => self.give_up(case, reference, why, now),
                }
            }
            Job::Noted(done) => self.notes.landed(done),
            Job::Recalled(sighting, receipt, found) => self.recalled(&sighting, receipt, found, now),
            Job::Swept(swept) => {
                self.upkeep.ended(&swept);
                for case in swept.missing.iter().filter_map(|no| self.desk.case(*no)) {
                    tracing::error!(case = case.no.0, "an open case is not on disk any more; it is written again");
                    self.pending.write.absorb(CaseWrite { cases: vec![case.clone()], ..CaseWrite::default() });
                }
                for (evicted, case) in swept.evicted {
                    let effects = self.desk.tell(evicted.case, StepKind::Evicted, evicted.text(), now);
                    for step in &effects.write.steps {
                        self.notes.change(&Case { evicted: true, ..case.clone() }, step);
                    }
                    self.take(effects);
                    self.pending.write.evicted.push(evicted.case);
                }
                if !swept.spent.is_empty() {
                    tracing::info!(cases = swept.spent.len(), "cases closed long ago are deleted");
                    self.desk.forget(&swept.spent);
                    self.pending.write.spent.extend(swept.spent);
                }
            }
            Job::Lost(id) if self.noting == Some(id) => self.notes.landed(Ok(())),
            // A look for old evidence panics nowhere: its work has a thread of its own.
            Job::Lost(_) => self.pictures.landed(),
        }
    }
}

/// The next item of an inbox; dropping the future loses none.
async fn take<T>(inbox: &Inbox<T>) -> Option<T> {
    inbox.lock().await.recv().await
}

/// Ends an alarm of a case that nobody knows any more.
fn orphan(key: &Arc<str>) -> Report {
    Report {
        key: Arc::clone(key),
        name: String::new(),
        at: String::new(),
        level: crate::model::alarm::Level::Info,
        text: crate::model::alarm::AlarmText::default(),
        what: String::new(),
        holds: false,
        answered: None,
    }
}
