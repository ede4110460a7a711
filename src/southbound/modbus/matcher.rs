//! Finds the one answer in what comes in. Pure: bytes in, verdicts out.
//!
//! TCP is a stream with lengths: whole frames are taken one after another and those that do not fit the request are
//! dropped with a reason. A length that no frame can have means that the place in the stream is lost: the connection must
//! go ([`Verdict::Lost`]). RTU has neither lengths nor transaction ids: a frame is what has the right unit, function and byte
//! count and a right CRC, wherever in the noise it begins; so the search slides byte by byte, and one stray byte costs nothing.
//!
//! Limits: at most [`INBOX_MAX`] bytes are kept; on RTU older bytes give way.

use crate::southbound::modbus::pdu::{Body, Exception, Expect, Framing, crc};

/// Room for two of the longest frames.
pub const INBOX_MAX: usize = 520;

/// Least and greatest value of the MBAP length field: unit and function; unit and a PDU of 253.
const MBAP_LEN: std::ops::RangeInclusive<usize> = 2..=254;

/// Why bytes were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// An answer to another request: of this unit, but with another transaction id, function or byte count.
    Late {
        /// Whose: it is alive.
        unit: u8,
    },
    /// An answer of another unit than the one asked.
    Foreign {
        /// Whose.
        unit: u8,
    },
    /// A frame whose inside contradicts itself, or whose checksum is wrong.
    Damaged,
    /// Bytes that belong to no frame.
    Noise,
}

/// What the inbox holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The fitting answer. Its data are `data` of the inbox, until the next call.
    Answer(Answer),
    /// Something was dropped; ask again.
    Drop(Reason),
    /// Nothing yet.
    NeedMore,
    /// The place in the stream is lost; close the connection.
    Lost,
}

/// A fitting answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Data bytes at this place of [`Inbox::data`].
    Data {
        /// First byte.
        start: usize,
        /// Past the last byte.
        end: usize,
    },
    /// A write was confirmed.
    Written,
    /// The device refused.
    Refused(Exception),
}

/// Bytes that have come in and not been used.
pub struct Inbox {
    bytes: [u8; INBOX_MAX],
    start: usize,
    end: usize,
    framing: Framing,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inbox({:?}, {:02x?})", self.framing, self.unused())
    }
}

impl Inbox {
    /// Empty.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        Self { bytes: [0; INBOX_MAX], start: 0, end: 0, framing }
    }

    /// Nothing is waiting: on TCP, the place between two frames.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets everything (RTU, before a request: what came before it cannot answer it).
    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Where the next bytes are to be read to; never empty. Tell with [`Inbox::filled`] how many came.
    pub fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == INBOX_MAX {
            // Only on RTU: on TCP `next` takes or refuses a frame long before.
            self.bytes.copy_within(INBOX_MAX / 2.., 0);
            self.end = INBOX_MAX / 2;
        }
        &mut self.bytes[self.end..]
    }

    /// `n` bytes were read into [`Inbox::room`].
    pub fn filled(&mut self, n: usize) {
        self.end = (self.end + n).min(INBOX_MAX);
    }

    /// Data of an [`Answer::Data`].
    #[must_use]
    pub fn data(&self, start: usize, end: usize) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Judges what has come in.
    pub fn next(&mut self, expect: &Expect) -> Verdict {
        match self.framing {
            Framing::Tcp => self.next_tcp(expect),
            Framing::Rtu => self.next_rtu(expect),
        }
    }

    fn unused(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn next_tcp(&mut self, expect: &Expect) -> Verdict {
        let &[t0, t1, p0, p1, l0, l1, ref rest @ ..] = self.unused() else { return Verdict::NeedMore };
        let follow = usize::from(u16::from_be_bytes([l0, l1]));
        if (p0, p1) != (0, 0) || !MBAP_LEN.contains(&follow) {
            return Verdict::Lost;
        }
        let Some([unit, pdu @ ..]) = rest.get(..follow) else { return Verdict::NeedMore };
        let (tid, unit) = (u16::from_be_bytes([t0, t1]), *unit);
        let judged = judge(pdu, expect);
        let data = self.start + 9;
        self.start += 6 + follow;
        if unit != expect.unit {
            return Verdict::Drop(Reason::Foreign { unit });
        }
        if tid != expect.tid {
            return Verdict::Drop(Reason::Late { unit });
        }
        match judged {
            // Right id, wrong shape: not late but wrong. The device is alive; the value must not be used.
            Judged::Other => Verdict::Drop(Reason::Damaged),
            Judged::Data(len) => Verdict::Answer(Answer::Data { start: data, end: data + len }),
            Judged::Written => Verdict::Answer(Answer::Written),
            Judged::Refused(exception) => Verdict::Answer(Answer::Refused(exception)),
        }
    }

    fn next_rtu(&mut self, expect: &Expect) -> Verdict {
        let mut damaged = false;
        for at in self.start..self.end {
            let window = &self.bytes[at..self.end];
            let Some(len) = fitting_len(window, expect) else { continue };
            let Some(frame) = window.get(..len) else { continue };
            if !crc_fits(frame) {
                damaged = true;
                continue;
            }
            if at > self.start {
                // Say first what stood before it; the frame is found again by the next call.
                let reason = reason_of(&self.bytes[self.start..at], expect);
                self.start = at;
                return Verdict::Drop(reason);
            }
            self.start += len;
            return match judge(&frame[1..len - 2], expect) {
                Judged::Data(count) => Verdict::Answer(Answer::Data { start: at + 3, end: at + 3 + count }),
                Judged::Written => Verdict::Answer(Answer::Written),
                Judged::Refused(exception) => Verdict::Answer(Answer::Refused(exception)),
                Judged::Other => Verdict::Drop(Reason::Damaged),
            };
        }
        self.drop_front(expect, damaged)
    }

    /// No fitting frame anywhere: drops a whole foreign frame, or one byte that cannot begin the answer.
    fn drop_front(&mut self, expect: &Expect, damaged: bool) -> Verdict {
        let front = self.unused();
        if let Some(len) = whole_len(front) {
            let reason = reason_of(&front[..len], expect);
            self.start += len;
            return Verdict::Drop(reason);
        }
        if damaged {
            // A frame of the right shape with a wrong checksum: go on behind its first byte.
            self.start += 1;
            return Verdict::Drop(Reason::Damaged);
        }
        Verdict::NeedMore
    }
}

/// What a PDU is to a request.
enum Judged {
    Data(usize),
    Written,
    Refused(Exception),
    Other,
}

fn judge(pdu: &[u8], expect: &Expect) -> Judged {
    match (pdu, expect.body) {
        (&[function, code], _) if function == expect.function | 0x80 => Judged::Refused(Exception(code)),
        (&[function, count, ref data @ ..], Body::Data(want))
            if function == expect.function && count == want && data.len() == usize::from(want) =>
        {
            Judged::Data(data.len())
        }
        (&[function, ref echo @ ..], Body::Echo(want)) if function == expect.function && *echo == want => {
            Judged::Written
        }
        _ => Judged::Other,
    }
}

/// Length of the fitting RTU frame that could begin with `window`; `None` if it cannot be one.
fn fitting_len(window: &[u8], expect: &Expect) -> Option<usize> {
    let [unit, function, rest @ ..] = window else { return None };
    if *unit != expect.unit {
        return None;
    }
    if *function == expect.function | 0x80 {
        return Some(5);
    }
    if *function != expect.function {
        return None;
    }
    match expect.body {
        Body::Data(want) => (rest.first() == Some(&want)).then_some(5 + usize::from(want)),
        Body::Echo(_) => Some(8),
    }
}

/// Length of the whole frame of any unit with a right CRC that begins with `window`, if there is one.
fn whole_len(window: &[u8]) -> Option<usize> {
    let [_, function, third, ..] = window else { return None };
    let len = match function {
        0x81.. => 5,
        1..=4 => 5 + usize::from(*third),
        5 | 6 | 15 | 16 => 8,
        _ => return None,
    };
    window.get(..len).filter(|frame| crc_fits(frame)).map(<[u8]>::len)
}

fn crc_fits(frame: &[u8]) -> bool {
    match frame {
        [body @ .., lo, hi] => crc(body) == u16::from_le_bytes([*lo, *hi]),
        _ => false,
    }
}

/// What dropped bytes were.
fn reason_of(bytes: &[u8], expect: &Expect) -> Reason {
    match (whole_len(bytes), bytes) {
        (Some(_), [unit, ..]) if *unit == expect.unit => Reason::Late { unit: *unit },
        (Some(_), [unit, ..]) => Reason::Foreign { unit: *unit },
        _ if bytes.len() > 4 && fitting_len(bytes, expect).is_some() => Reason::Damaged,
        _ => Reason::Noise,
    }
}

#[cfg(test)]
mod tests;
