//! One connection: bytes in, bytes out, deadlines. One task, no queue of its own beyond one packet and its answers.
//!
//! While [`Session::is_full`] or a message is held back for its device's rate, the socket is not read: the client feels
//! it as a slow network and waits.

use bytes::{BufMut, BytesMut};
use std::sync::PoisonError;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::Shared;
use super::door::{Guest, Seated};
use super::frame;
use super::packet::{Fault, Hello, Message, Received, Refusal, Reply, Version, hello, read, write};
use super::session::{Session, Step, Told};
use crate::model::text::Text;
use crate::southbound::mqtt::limits::{
    CLIENTS_PER_LOGIN_BASE, CONNECT_BYTES_MAX, KEEP_ALIVE_S_MAX, PACKET_BYTES_MAX, WRITE_WAIT,
};
use crate::southbound::mqtt::route::Incoming;
use crate::southbound::mqtt::topic;

/// Bytes asked of the socket at once, after authentication.
const READ_BYTES: usize = 4096;

/// How an authenticated connection ended.
#[derive(Debug)]
enum End {
    /// DISCONNECT.
    Goodbye { will: bool },
    /// The socket closed or failed.
    Gone,
    /// We closed it.
    Fault(Fault),
}

/// Serves one accepted connection to its end. `by` is the deadline for CONNECT.
pub(super) async fn serve<S>(mut stream: S, guest: Guest, shared: &Shared, by: Instant)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut input = BytesMut::with_capacity(512);
    let mut out = BytesMut::new();
    let hello = match timeout_at(by, greet(&mut stream, &mut input)).await {
        Ok(Ok(hello)) => hello,
        Ok(Err(Some(Fault::Version))) => {
            // 3.1.2.2: the one fault before CONNECT is understood that has an answer.
            write(Version::V4, Reply::Refused(Refusal::Version), &mut out);
            return finish(&mut stream, &mut out).await;
        }
        Ok(Err(fault)) => return shared.count_stranger(&fault.map_or_else(|| "closed".to_owned(), |f| f.to_string())),
        Err(_) => return shared.count_stranger("no CONNECT in time"),
    };
    let version = hello.version;
    match admit(hello, guest, shared) {
        Ok((seat, will, welcome, keep_alive)) => {
            write(version, welcome, &mut out);
            let (session, told) = Session::new(version);
            let talk = Talk { stream, input, out, version, session, seat, keep_alive, held: None };
            talk.run(told, will, shared).await;
        }
        Err(refusal) => {
            shared.count_stranger(&refusal.to_string());
            write(version, Reply::Refused(refusal), &mut out);
            finish(&mut stream, &mut out).await;
        }
    }
}

/// Reads exactly one CONNECT; nothing beyond [`CONNECT_BYTES_MAX`] is ever kept. `None`: the socket closed.
async fn greet<S: AsyncRead + Unpin>(stream: &mut S, input: &mut BytesMut) -> Result<Hello, Option<Fault>> {
    loop {
        if let Some(length) = frame::measure(input, CONNECT_BYTES_MAX)? {
            if input.first() != Some(&0x10) {
                return Err(Some(Fault::Protocol));
            }
            if input.len() >= length {
                let connect = input.split_to(length);
                return Ok(hello(frame::version(&connect)?, &connect)?);
            }
        }
        let room = (CONNECT_BYTES_MAX + 5).saturating_sub(input.len());
        let got = stream.read_buf(&mut (&mut *input).limit(room)).await.map_err(|_| None)?;
        if got == 0 {
            return Err(None);
        }
    }
}

type Admitted = (Seated, Option<Message>, Reply, Duration);

fn admit(hello: Hello, guest: Guest, shared: &Shared) -> Result<Admitted, Refusal> {
    if hello.method {
        return Err(Refusal::Method);
    }
    let who = shared.access.admit(hello.login.as_ref()).ok_or(Refusal::NotAuthorised)?;
    if let Some(will) = &hello.will {
        if will.qos == 2 && hello.version == Version::V5 {
            return Err(Refusal::WillQos);
        }
        if !topic::is_name(&will.topic) || !shared.access.may_publish(who, &will.topic) {
            shared.count_foreign(&will.topic);
            return Err(Refusal::Will);
        }
    }
    // 3.1.3.1: a 3.1.1 client without an id must ask for a clean session.
    if hello.client_id.is_empty() && hello.version == Version::V4 && !hello.clean {
        return Err(Refusal::ClientId);
    }
    let assigned = hello.client_id.is_empty().then(|| format!("gatehouse-{:016x}", fastrand::u64(..)));
    let id = assigned.clone().unwrap_or(hello.client_id);
    let at_once_max = CLIENTS_PER_LOGIN_BASE + 2 * shared.access.devices(who);
    let seat = guest.sit(who, id, at_once_max, shared.outlet.clock.boot())?;
    let asked = hello.keep_alive_s;
    let cut = asked == 0 || asked > KEEP_ALIVE_S_MAX;
    let seconds = if cut { KEEP_ALIVE_S_MAX } else { asked };
    let keep_alive = Duration::from_millis(u64::from(seconds) * 1500);
    let welcome = Reply::Welcome { assigned, keep_alive_s: cut.then_some(seconds) };
    Ok((seat, hello.will, welcome, keep_alive))
}

async fn finish<S: AsyncWrite + Unpin>(stream: &mut S, out: &mut BytesMut) {
    if flush(stream, out).await.is_ok() && timeout(WRITE_WAIT, stream.shutdown()).await.is_err() {
        tracing::debug!("a client did not take the end of its connection");
    }
}

async fn flush<S: AsyncWrite + Unpin>(stream: &mut S, out: &mut BytesMut) -> Result<(), End> {
    if out.is_empty() {
        return Ok(());
    }
    let write = async {
        stream.write_all(out).await?;
        stream.flush().await
    };
    match timeout(WRITE_WAIT, write).await {
        Ok(Ok(())) => {
            out.clear();
            Ok(())
        }
        Ok(Err(_)) => Err(End::Gone),
        Err(_) => Err(End::Fault(Fault::Slow)),
    }
}

/// An authenticated connection.
struct Talk<S> {
    stream: S,
    input: BytesMut,
    out: BytesMut,
    version: Version,
    session: Session,
    seat: Seated,
    keep_alive: Duration,
    held: Option<(Message, Instant)>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Talk<S> {
    async fn run(mut self, mut told: mpsc::Receiver<Told>, will: Option<Message>, shared: &Shared) {
        let end = match self.converse(&mut told, shared).await {
            Ok(()) => End::Gone,
            Err(end) => end,
        };
        let said_bye = matches!(end, End::Goodbye { will: false });
        let reason = match end {
            End::Goodbye { .. } => Text::new("设备主动断开", "the device said good-bye"),
            End::Gone => Text::new("连接中断", "the connection broke"),
            End::Fault(fault) => {
                if !matches!(fault, Fault::Stopping | Fault::TakenOver) {
                    tracing::warn!(line = shared.outlet.line.0, "MQTT client disconnected: it {fault}");
                }
                write(self.version, Reply::Bye(fault), &mut self.out);
                finish(&mut self.stream, &mut self.out).await;
                Text::new(&format!("已断开：设备{}", fault.zh()), &format!("disconnected: it {fault}"))
            }
        };
        let stopping = matches!(end, End::Fault(Fault::Stopping));
        let here_again = self.seat.is_taken_over();
        self.session.abandon(&mut shared.router.lock().unwrap_or_else(PoisonError::into_inner));
        if !said_bye && !stopping && !here_again {
            self.gone(will, &reason, shared).await;
        }
    }

    /// The device is gone without a good-bye. Its will comes first: it may say more than we know.
    async fn gone(&self, will: Option<Message>, reason: &Text, shared: &Shared) {
        let now = shared.outlet.clock.boot();
        let (mut links, mut scans) = (Vec::new(), Vec::new());
        {
            let mut router = shared.router.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(will) = &will {
                let incoming = Incoming {
                    topic: &will.topic,
                    payload: &will.payload,
                    retained: false,
                    packet_id: None,
                    dup: false,
                    will: true,
                    source: self.seat.number,
                };
                let routed = router.route(&incoming, now);
                (links, scans) = (routed.links, routed.scans);
            }
            links.extend(router.lost(self.seat.number, reason, now));
        }
        shared.outlet.emit_all(links, scans).await;
    }

    async fn converse(&mut self, told: &mut mpsc::Receiver<Told>, shared: &Shared) -> Result<(), End> {
        let mut heard_at = Instant::now();
        loop {
            self.work(shared).await?;
            flush(&mut self.stream, &mut self.out).await?;
            let paused = self.session.is_full() || self.held.is_some();
            if paused {
                heard_at = Instant::now();
            }
            if self.input.capacity() - self.input.len() < READ_BYTES / 4 {
                self.input.reserve(READ_BYTES);
            }
            let again_at = self.held.as_ref().map_or(heard_at, |(_, at)| *at);
            tokio::select! {
                biased;
                () = shared.stop.cancelled() => return Err(End::Fault(Fault::Stopping)),
                () = self.seat.kick.cancelled() => {
                    let fault = if self.seat.is_taken_over() { Fault::TakenOver } else { Fault::Slow };
                    return Err(End::Fault(fault));
                }
                Some(receipt) = told.recv() => self.session.settle(receipt, &mut self.out).map_err(End::Fault)?,
                Some(command) = self.seat.commands.recv() => {
                    let reply = Reply::Command { topic: command.topic, payload: command.payload };
                    write(self.version, reply, &mut self.out);
                }
                () = sleep_until(again_at), if self.held.is_some() => {
                    if let Some((message, _)) = self.held.take() {
                        self.step(Received::Publish(message), shared).await?;
                    }
                }
                () = sleep_until(heard_at + self.keep_alive), if !paused => return Err(End::Fault(Fault::KeepAlive)),
                got = self.stream.read_buf(&mut self.input), if !paused => match got {
                    Ok(0) | Err(_) => return Err(End::Gone),
                    Ok(_) => heard_at = Instant::now(),
                },
            }
        }
    }

    /// Takes the packets that have arrived, as far as there is room for them.
    async fn work(&mut self, shared: &Shared) -> Result<(), End> {
        while !self.session.is_full() && self.held.is_none() {
            let Some(length) = frame::measure(&self.input, PACKET_BYTES_MAX).map_err(End::Fault)? else { break };
            if self.input.len() < length {
                break;
            }
            let packet = self.input.split_to(length);
            if packet.first() == Some(&0x10) {
                return Err(End::Fault(Fault::Protocol));
            }
            let received = read(self.version, &packet).map_err(End::Fault)?;
            drop(packet);
            self.step(received, shared).await?;
        }
        Ok(())
    }

    async fn step(&mut self, received: Received, shared: &Shared) -> Result<(), End> {
        match self.session.take(received, &self.seat, shared, &mut self.out).map_err(End::Fault)? {
            Step::On { links, scans } => shared.outlet.emit_all(links, scans).await,
            Step::Hold(message, pause) => self.held = Some((message, Instant::now() + pause)),
            Step::Goodbye { will } => return Err(End::Goodbye { will }),
        }
        Ok(())
    }
}
