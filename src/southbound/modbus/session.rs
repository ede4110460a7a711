//! One open connection: sends a request, waits for the answer that fits it, listens out the line after silence.
//!
//! Knows no points, no schedule and no reconnecting: it says [`Broken`] and is thrown away. Late, foreign and damaged
//! frames are counted and the wait goes on until the deadline. Dropping a call half-way is safe: on TCP the transaction id
//! makes the answer a late one, on RTU the caller owes a [`Session::listen_out`]. No allocation per exchange.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Instant, timeout_at};

use crate::model::text::{Text, io_zh};
use crate::southbound::modbus::matcher::{Answer, Inbox, Reason, Verdict};
use crate::southbound::modbus::pdu::{ADU_LEN_MAX, Ask, Body, Exception, Expect, Framing};

/// Anything that carries bytes both ways.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Wire for T {}

/// An open path.
pub type Port = Box<dyn Wire>;

/// What an exchange brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    /// Data bytes of a read: registers big-endian, or bits from the lowest upward.
    Data(&'a [u8]),
    /// A write was confirmed.
    Written,
    /// The device refused.
    Refused(Exception),
    /// Nothing that fits, until the deadline.
    Silence,
}

/// Why the connection is of no more use. The line opens a new one.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The far end closed it.
    #[error("the far end closed the connection")]
    Closed,
    /// The system says so.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A length that cannot be: the place in the stream is lost.
    #[error("the answers are out of step")]
    Lost,
    /// The far end takes no bytes.
    #[error("the far end takes no requests")]
    Stuck,
}

impl Broken {
    /// For people.
    pub(crate) fn words(&self) -> Text {
        let zh = match self {
            Self::Closed => "对端关闭了连接".to_owned(),
            Self::Io(error) => io_zh(error),
            Self::Lost => "应答帧错位".to_owned(),
            Self::Stuck => "对端不接收请求".to_owned(),
        };
        Text::new(&zh, &self.to_string())
    }
}

/// Frames that were dropped since last asked.
#[derive(Debug, Default, Clone, Copy)]
pub struct Rejects {
    /// How many.
    pub count: u64,
    /// Units whose late or foreign frames were among them, one bit each.
    units: [u64; 4],
}

impl Rejects {
    pub(crate) fn enter(&mut self, reason: Reason) {
        self.count += 1;
        if let Reason::Late { unit } | Reason::Foreign { unit } = reason {
            self.units[usize::from(unit >> 6)] |= 1 << (unit & 63);
        }
    }

    /// Whether a late or foreign frame of `unit` was among them: it is alive.
    #[must_use]
    pub fn has(&self, unit: u8) -> bool {
        self.units[usize::from(unit >> 6)] >> (unit & 63) & 1 == 1
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Session {
    port: Port,
    framing: Framing,
    inbox: Inbox,
    tid: u16,
    out: [u8; ADU_LEN_MAX],
    last: Expect,
    rejects: Rejects,
}

impl Session {
    /// Around an open path. Transaction ids begin at random, so that an answer to a former connection's request that
    /// a gateway delivers to this one does not fit.
    #[must_use]
    pub fn new(port: Port, framing: Framing) -> Self {
        let last = Expect { tid: 0, unit: 0, function: 0, body: Body::Data(0) };
        let (tid, out, rejects) = (fastrand::u16(..), [0; ADU_LEN_MAX], Rejects::default());
        Self { port, framing, inbox: Inbox::new(framing), tid, out, last, rejects }
    }

    /// Dropped frames since the last call.
    pub fn take_rejects(&mut self) -> Rejects {
        std::mem::take(&mut self.rejects)
    }

    /// Sends `ask`, which has passed [`Ask::check`], and waits for its answer.
    pub async fn ask(&mut self, unit: u8, ask: &Ask<'_>, timeout: Duration) -> Result<Heard<'_>, Broken> {
        let deadline = Instant::now() + timeout;
        if self.framing == Framing::Rtu {
            self.discard().await?;
        }
        self.tid = self.tid.wrapping_add(1);
        let (len, expect) = ask.encode(self.framing, self.tid, unit, &mut self.out);
        self.last = expect;
        match timeout_at(deadline, write(&mut self.port, &self.out[..len])).await {
            Ok(done) => done?,
            Err(_) => return Err(Broken::Stuck),
        }
        match timeout_at(deadline, self.answer()).await {
            Ok(Ok(Answer::Data { start, end })) => Ok(Heard::Data(self.inbox.data(start, end))),
            Ok(Ok(Answer::Written)) => Ok(Heard::Written),
            Ok(Ok(Answer::Refused(exception))) => Ok(Heard::Refused(exception)),
            Ok(Err(broken)) => Err(broken),
            Err(_) => Ok(Heard::Silence),
        }
    }

    /// After silence on TCP: half a frame is waiting and would swallow the beginning of the next answer. The connection is of
    /// no more use.
    #[must_use]
    pub fn is_out_of_step(&self) -> bool {
        self.framing == Framing::Tcp && !self.inbox.is_empty()
    }

    /// After silence on RTU: keeps the line free for a late answer. Ends early when it comes, and says whether it did.
    pub async fn listen_out(&mut self, time: Duration) -> Result<bool, Broken> {
        match timeout_at(Instant::now() + time, self.answer()).await {
            Ok(answer) => {
                answer?;
                self.rejects.enter(Reason::Late { unit: self.last.unit });
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }

    /// Reads until the fitting answer is in the inbox.
    async fn answer(&mut self) -> Result<Answer, Broken> {
        loop {
            match self.inbox.next(&self.last) {
                Verdict::Answer(answer) => return Ok(answer),
                Verdict::Drop(reason) => self.rejects.enter(reason),
                Verdict::Lost => return Err(Broken::Lost),
                Verdict::NeedMore => match self.port.read(self.inbox.room()).await? {
                    0 => return Err(Broken::Closed),
                    n => self.inbox.filled(n),
                },
            }
        }
    }

    /// Throws away what has come in so far without waiting for more: it cannot answer a request not yet sent.
    async fn discard(&mut self) -> Result<(), Broken> {
        self.inbox.clear();
        // Bounded: a line that never falls silent is a babbling device, and the matcher copes with that.
        for _ in 0..8 {
            let (port, room) = (&mut self.port, self.inbox.room());
            let got = poll_fn(|cx| {
                let mut buf = ReadBuf::new(room);
                match Pin::new(&mut *port).poll_read(cx, &mut buf) {
                    Poll::Ready(Ok(())) => Poll::Ready(Ok(Some(buf.filled().len()))),
                    Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
                    Poll::Pending => Poll::Ready(Ok(None)),
                }
            });
            match got.await? {
                None => return Ok(()),
                Some(0) => return Err(Broken::Closed),
                Some(_) => self.rejects.count += 1,
            }
        }
        Ok(())
    }
}

/// No flush: nothing buffers above the kernel, and on a serial port it would block the thread until the last bit is out.
async fn write(port: &mut Port, bytes: &[u8]) -> Result<(), Broken> {
    port.write_all(bytes).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
