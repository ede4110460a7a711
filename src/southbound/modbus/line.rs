//! The task of one line: connect, ask, report, wait, for ever.
//!
//! Owns the connection and the order of things on it; what to ask and what it means is [`Poller`]'s. One exchange at a
//! time: gateways that take several at once are rare and none says so. One-shot requests go before polls.
//!
//! When the pipeline's channel is full the line waits in it (counted as missed scans afterwards). A connection that breaks
//! after it has served is made anew once without a word, since many devices close what was idle; only if that fails,
//! too, is the line down. Stopping takes at most one time-out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::dial::{Dialer, silence};
use super::pdu::{Ask, Framing};
use super::poller::{Job, Outcome, Poller, Span, Step};
use super::session::{Broken, Heard, Port, Session};
use super::{Action, AskError, LineError, LineRequest, ModbusLine};
use crate::clock::Clock;
use crate::model::link::{FieldEvent, LinkOf, LinkStats};
use crate::model::live::Live;
use crate::model::text::Text;
use crate::model::time::BootMs;
use crate::profile::Area;
use crate::southbound::{LineConfig, LinePath};

/// How long a connect may take; name look-up included.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// First and longest pause between attempts to connect; a serial port is looked for more often, since opening costs nothing.
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
const RETRY_SERIAL_MAX: Duration = Duration::from_secs(5);

/// Longest sleep, so that the heartbeat goes on.
const NAP_MS_MAX: i64 = 5000;

/// How often the counters are published.
const STATS_EVERY_MS: i64 = 1000;

/// How long `read_once` waits for a modem to dial in.
const ONCE_DIAL_TIME: Duration = Duration::from_mins(1);

/// Why serving a connection ended.
#[derive(Debug)]
enum End {
    Stopped,
    /// The modem has dialled in anew.
    Newer(Port),
    /// Nobody answers: worth a new connection.
    Doubted,
    Broken(Text),
}

struct Task {
    config: LineConfig,
    clock: Arc<dyn Clock>,
    out: mpsc::Sender<FieldEvent>,
    live: Arc<Live>,
    requests: mpsc::Receiver<LineRequest>,
    requests_open: bool,
    stop: CancellationToken,
    heartbeat: Arc<AtomicU64>,
    poller: Poller,
    events: Vec<FieldEvent>,
    /// What the world was told about the line: nothing yet, up, down.
    told: Option<bool>,
    failures: u32,
    ready_at: Instant,
    stats_at: BootMs,
    stats: Vec<(LinkOf, LinkStats)>,
}

pub(super) async fn run(line: ModbusLine) -> Result<(), LineError> {
    let mut dialer = match line.dialer {
        Some(dialer) => dialer,
        None => Dialer::new(&line.config.path).await?,
    };
    let now = line.clock.boot();
    let timeout_ms = i64::try_from(line.config.timeout.as_millis()).unwrap_or(i64::MAX / 4).max(1);
    let poller = Poller::new(line.line, &line.devices, timeout_ms, dialer.framing() == Framing::Rtu, now);
    let mut task = Task {
        config: line.config,
        clock: line.clock,
        out: line.out,
        live: line.live,
        requests: line.requests,
        requests_open: true,
        stop: line.stop,
        heartbeat: line.heartbeat,
        poller,
        events: Vec::new(),
        told: None,
        failures: 0,
        ready_at: Instant::now(),
        stats_at: now,
        stats: Vec::new(),
    };
    let mut given = None;
    loop {
        let port = match given.take() {
            Some(port) => port,
            None => match task.connect(&mut dialer).await {
                Some(port) => port,
                None => return Ok(()),
            },
        };
        match task.serve(port, &mut dialer).await {
            End::Stopped => return Ok(()),
            End::Newer(port) => given = Some(port),
            End::Doubted => {}
            End::Broken(reason) => task.tell(false, reason).await,
        }
        if task.stop.is_cancelled() {
            return Ok(());
        }
    }
}

impl Task {
    /// Opens the path, however long it takes; `None` when stopped. One-shot requests are refused meanwhile.
    async fn connect(&mut self, dialer: &mut Dialer) -> Option<Port> {
        loop {
            if self.failures > 0 {
                let pause = self.pause();
                let reason = "the line is down and being re-opened";
                self.refuse_requests(sleep(pause), reason).await?;
            }
            let target = dialer.target();
            match self.refuse_requests(dialer.open(CONNECT_TIME), "the line is being opened").await? {
                Ok(port) => {
                    tracing::debug!(line = %self.config.id, %target, "connected");
                    return Some(port);
                }
                Err(reason) => {
                    self.failures = self.failures.saturating_add(1);
                    self.tell(false, reason).await;
                }
            }
        }
    }

    /// Awaits `what`, answering one-shot requests with `reason` and keeping the heartbeat; `None` when stopped.
    async fn refuse_requests<T>(&mut self, what: impl Future<Output = T>, reason: &str) -> Option<T> {
        let mut what = std::pin::pin!(what);
        loop {
            self.heartbeat.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                done = &mut what => return Some(done),
                request = self.requests.recv(), if self.requests_open => match request {
                    Some(request) => {
                        let _gone = request.reply.send(Err(AskError::Link(reason.into()))).is_err();
                    }
                    None => self.requests_open = false,
                },
                () = sleep(Duration::from_secs(5)) => {}
            }
        }
    }

    /// 0.5 s, doubling, with a fifth of jitter.
    fn pause(&self) -> Duration {
        let max = match self.config.path {
            LinePath::Serial(_) => RETRY_SERIAL_MAX,
            // Opening waits for the modem anyway.
            LinePath::RtuListen { .. } => RETRY,
            _ => RETRY_MAX,
        };
        let pause = RETRY.saturating_mul(1 << (self.failures - 1).min(10)).min(max);
        pause.mul_f64(0.9 + 0.2 * fastrand::f64())
    }

    /// Uses a connection until it ends.
    async fn serve(&mut self, port: Port, dialer: &mut Dialer) -> End {
        let mut session = Session::new(port, dialer.framing());
        self.poller.line_up(self.clock.boot(), &mut self.events);
        let mut served = false;
        loop {
            self.heartbeat.fetch_add(1, Ordering::Relaxed);
            if self.stop.is_cancelled() {
                return End::Stopped;
            }
            if let Some(newer) = dialer.newer() {
                return End::Newer(newer);
            }
            let turn = self.turn(&mut session, served).await;
            self.publish_stats();
            match turn {
                Ok(true) if !served => {
                    served = true;
                    self.failures = 0;
                    let target = dialer.target();
                    let reason = Text::new(&format!("已连接 {target}"), &format!("connected to {target}"));
                    self.tell(true, reason).await;
                }
                Ok(_) => {}
                Err(broken) => {
                    // Once without a word, if this connection has been of use.
                    self.failures = self.failures.saturating_add(u32::from(!served));
                    tracing::debug!(line = %self.config.id, %broken, served, "connection ended");
                    return if served { End::Doubted } else { End::Broken(broken.words()) };
                }
            }
            if self.flush().await.is_err() {
                return End::Stopped;
            }
            if session.is_out_of_step() || self.poller.silent_run() >= dialer.silent_max() {
                return End::Doubted;
            }
        }
    }

    /// One thing: a one-shot request, a job, or a wait. True when an exchange came to an end.
    async fn turn(&mut self, session: &mut Session, served: bool) -> Result<bool, Broken> {
        if let Ok(request) = self.requests.try_recv() {
            return self.one_shot(session, request).await.map(|()| true);
        }
        let now = self.clock.boot();
        let until = match self.poller.next(now) {
            Step::Ask(job) => return self.ask(session, &job, served).await.map(|()| true),
            Step::Wait(at) => at.since(now).min(NAP_MS_MAX),
            Step::Idle => NAP_MS_MAX,
        };
        let nap = Duration::from_millis(u64::try_from(until).unwrap_or(0));
        let request = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Ok(false),
            request = self.requests.recv(), if self.requests_open => request,
            () = sleep(nap) => return Ok(false),
        };
        let Some(request) = request else {
            self.requests_open = false;
            return Ok(false);
        };
        self.one_shot(session, request).await.map(|()| true)
    }

    /// Asks a job of the poller and enters the outcome.
    async fn ask(&mut self, session: &mut Session, job: &Job, served: bool) -> Result<(), Broken> {
        if self.ready_at > Instant::now() {
            sleep_until(self.ready_at).await;
        }
        let timeout = Duration::from_millis(u64::try_from(job.timeout_ms).unwrap_or(0));
        let (begun, sent) = (self.clock.boot(), Instant::now());
        let heard = session.ask(job.unit, &job.ask, timeout).await;
        let took_us = u64::try_from((Instant::now() - sent).as_micros()).unwrap_or(u64::MAX);
        let ended = begun.plus(i64::try_from(took_us / 1000).unwrap_or(0));
        let mut span = Span { begun, ended, took_us };
        let outcome = match heard {
            Ok(Heard::Data(data)) => Outcome::Data(data),
            Ok(Heard::Refused(exception)) => Outcome::Refused(exception),
            Ok(Heard::Silence | Heard::Written) => {
                self.listen_out(session, timeout).await?;
                span.ended = self.clock.boot();
                Outcome::Silence
            }
            Err(broken) if served => {
                self.poller.abandoned(job, ended);
                return Err(broken);
            }
            Err(broken) => {
                // Not even the first exchange: this unit may be what breaks it. It rests; others come first next time.
                self.poller.done(job, Outcome::Silence, span, &mut self.events);
                return Err(broken);
            }
        };
        self.poller.done(job, outcome, span, &mut self.events);
        self.poller.rejected(job, session.take_rejects(), span.ended);
        self.ready_after(job.pause);
        Ok(())
    }

    /// On RTU a late answer may still come, and would collide with the next request.
    async fn listen_out(&mut self, session: &mut Session, time: Duration) -> Result<(), Broken> {
        if self.poller.listens_out() {
            session.listen_out(time).await?;
        }
        Ok(())
    }

    fn ready_after(&mut self, pause: Duration) {
        let pause = pause.max(self.config.gap).max(silence(&self.config.path));
        if !pause.is_zero() {
            self.ready_at = Instant::now() + pause;
        }
    }

    /// Serves a request from outside the schedule. Its outcome says nothing about the unit's health, except that a late
    /// answer must not stand for another request's.
    async fn one_shot(&mut self, session: &mut Session, request: LineRequest) -> Result<(), Broken> {
        let LineRequest { unit, action, reply } = request;
        let ask = ask_of(&action);
        sleep_until(self.ready_at).await;
        let (result, broken) = match exchange(session, unit, &ask, self.config.timeout).await {
            Ok(result) => (result, None),
            Err(broken) => (Err(AskError::Link(broken.to_string())), Some(broken)),
        };
        let silent = matches!(result, Err(AskError::Timeout { .. }));
        // The asker may have gone away; that is its own affair.
        let _gone = reply.send(result).is_err();
        if let Some(broken) = broken {
            return Err(broken);
        }
        if silent && self.poller.listens_out() {
            session.listen_out(self.config.timeout).await?;
            self.poller.one_shot_silent(unit, &ask, self.clock.boot());
        }
        self.ready_after(Duration::ZERO);
        Ok(())
    }

    /// Tells the world about the line, if it does not know yet.
    async fn tell(&mut self, up: bool, reason: Text) {
        if self.told != Some(up) {
            self.told = Some(up);
            let event = self.poller.line_change(up, reason, self.clock.boot());
            // Before the readings that came with it.
            self.events.insert(0, event);
            // A closed channel shows again at the next turn.
            let _closed = self.flush().await.is_err();
        }
    }

    /// Hands events over; waits when the pipeline is behind. Err when it is gone, or while stopping.
    async fn flush(&mut self) -> Result<(), ()> {
        for event in self.events.drain(..) {
            match self.out.try_send(event) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(()),
                Err(mpsc::error::TrySendError::Full(event)) => tokio::select! {
                    sent = self.out.send(event) => sent.map_err(|_| ())?,
                    () = self.stop.cancelled() => return Err(()),
                },
            }
        }
        Ok(())
    }

    fn publish_stats(&mut self) {
        let now = self.clock.boot();
        if now.since(self.stats_at) < STATS_EVERY_MS {
            return;
        }
        self.stats_at = now;
        let known = std::mem::take(&mut self.stats);
        self.stats = self.poller.stats().collect();
        for (i, (of, stats)) in self.stats.iter().enumerate() {
            if known.get(i).is_none_or(|(_, old)| old != stats) {
                self.live.stats(*of, *stats);
            }
        }
    }
}

fn ask_of(action: &Action) -> Ask<'_> {
    match action {
        Action::Read { area, address, count } => Ask::Read { area: *area, address: *address, count: *count },
        Action::WriteCoil { address, on } => Ask::WriteCoil { address: *address, on: *on },
        Action::WriteRegister { address, value } => Ask::WriteRegister { address: *address, value: *value },
        Action::WriteRegisters { address, values } => Ask::WriteRegisters { address: *address, values },
    }
}

/// One exchange, with the values as words. The outer error ends the connection.
async fn exchange(
    session: &mut Session,
    unit: u8,
    ask: &Ask<'_>,
    timeout: Duration,
) -> Result<Result<Vec<u16>, AskError>, Broken> {
    if let Err(why) = ask.check() {
        return Ok(Err(AskError::Invalid(why)));
    }
    let waited_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    Ok(match session.ask(unit, ask, timeout).await? {
        Heard::Data(data) => Ok(words(ask, data)),
        Heard::Written => Ok(Vec::new()),
        Heard::Refused(exception) => Err(AskError::Refused { unit, exception }),
        Heard::Silence => Err(AskError::Timeout { unit, waited_ms }),
    })
}

fn words(ask: &Ask<'_>, data: &[u8]) -> Vec<u16> {
    match ask {
        Ask::Read { area: Area::Coil | Area::Discrete, count, .. } => (0..usize::from(*count))
            .map(|i| u16::from(data.get(i / 8).is_some_and(|b| b >> (i % 8) & 1 == 1)))
            .collect(),
        _ => data.chunks_exact(2).map(|w| u16::from_be_bytes([w[0], w[1]])).collect(),
    }
}

pub(super) async fn read_once(
    path: &LinePath,
    unit: u8,
    area: Area,
    address: u16,
    count: u16,
    timeout: Duration,
) -> Result<Vec<u16>, AskError> {
    let mut dialer = Dialer::new(path).await.map_err(|e| AskError::Link(e.to_string()))?;
    let time = if matches!(path, LinePath::RtuListen { .. }) { ONCE_DIAL_TIME } else { CONNECT_TIME };
    let port = dialer.open(time).await.map_err(|why| AskError::Link(why.en.to_string()))?;
    let mut session = Session::new(port, dialer.framing());
    let ask = Ask::Read { area, address, count };
    let read = exchange(&mut session, unit, &ask, timeout).await;
    read.unwrap_or_else(|broken| Err(AskError::Link(broken.to_string())))
}

#[cfg(test)]
mod tests;
