//! Parts of a multipart body (RFC 2046), whole or endless, in whatever pieces it arrives. Pure.
//!
//! Knows what cameras do: bare `\n` for line ends, a boundary declared with its leading dashes, no line end before the
//! first boundary, no `Content-Length`. With a `Content-Length` a part is ready with its last byte; without one, with the
//! next boundary, or when the peer pauses and [`Multipart::ripe`] is asked.
//!
//! Bounds: a part's head [`PART_HEAD_BYTES_MAX`], its body the given cap; what stands between parts is thrown away as it
//! comes. Nothing else is kept.

use bytes::{Buf, Bytes, BytesMut};

use super::fault::Fault;
use super::limits::PART_HEAD_BYTES_MAX;
use crate::model::intake::Why;

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// In lower case, without parameters; empty if none was declared.
    pub media_type: String,
    /// The bytes.
    pub body: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    media_type: String,
    length: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Before a boundary line.
    Between,
    /// In the head of a part.
    Head,
    /// In its body.
    Body(Head),
    /// After the last boundary.
    End,
}

/// A multipart body as it arrives.
#[derive(Debug)]
pub struct Multipart {
    /// `--boundary`; some declare it with the dashes already.
    delimiter: Vec<u8>,
    short: Option<Vec<u8>>,
    body_bytes_max: usize,
    input: BytesMut,
    /// Bytes of a body without length that hold no boundary.
    searched: usize,
    /// What stood before the input was thrown away: its first byte need not begin a line.
    was_cut: bool,
    state: State,
}

impl Multipart {
    /// Of the `Content-Type` line; `None` if it is no multipart or names no usable boundary.
    #[must_use]
    pub fn new(content_type: &str, body_bytes_max: usize) -> Option<Self> {
        let mut pieces = content_type.split(';');
        let kind = pieces.next()?.trim().to_ascii_lowercase();
        if !kind.starts_with("multipart/") {
            return None;
        }
        let boundary = pieces.find_map(|piece| {
            let (key, value) = piece.split_once('=')?;
            key.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
        })?;
        // RFC 2046, 5.1.1: 1 to 70 characters; a few more for those who count the dashes in.
        if boundary.is_empty() || boundary.len() > 74 || !boundary.bytes().all(|b| (0x20..0x7F).contains(&b)) {
            return None;
        }
        let short = boundary.starts_with("--").then(|| boundary.clone().into_bytes());
        Some(Self {
            delimiter: format!("--{boundary}").into_bytes(),
            short,
            body_bytes_max,
            input: BytesMut::new(),
            searched: 0,
            was_cut: false,
            state: State::Between,
        })
    }

    /// More bytes came. Call [`Multipart::take_part`] until it gives nothing before calling again.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.state != State::End {
            self.input.extend_from_slice(bytes);
        }
    }

    /// The last boundary has been seen.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::End
    }

    /// The next part, if it is complete.
    ///
    /// # Errors
    /// A head or body beyond its cap. The body cannot be read any further then.
    pub fn take_part(&mut self) -> Result<Option<Part>, Fault> {
        loop {
            let went_on = match &self.state {
                State::Between => self.between(),
                State::Head => self.head()?,
                State::Body(_) => match self.body()? {
                    Some(part) => return Ok(Some(part)),
                    None => false,
                },
                State::End => false,
            };
            if !went_on {
                return Ok(None);
            }
        }
    }

    /// A body without length has begun: worth asking [`Multipart::ripe`] after a pause.
    #[must_use]
    pub fn may_ripen(&self) -> bool {
        matches!(self.state, State::Body(Head { length: None, .. }))
    }

    /// The peer has paused: a body without length that looks complete (`..>` or `..}`) is taken for one. Otherwise a
    /// camera that declares no length would be heard only with its next message.
    pub fn ripe(&mut self) -> Option<Part> {
        let State::Body(Head { length: None, .. }) = &self.state else { return None };
        let end = self.input.iter().rposition(|b| !b.is_ascii_whitespace())?;
        if !matches!(self.input.get(end), Some(b'>' | b'}')) {
            return None;
        }
        Some(self.finish(end + 1))
    }

    /// Looks for a boundary line; throws away what stands before it.
    fn between(&mut self) -> bool {
        let Some((start, length)) = self.find_delimiter(usize::from(self.was_cut)) else {
            // A boundary may just be arriving, with the line end before it.
            let cut = self.input.len().saturating_sub(self.delimiter.len() + 3);
            self.was_cut |= cut > 0;
            self.input.advance(cut);
            return false;
        };
        let after = start + length;
        if self.input.get(after..after + 2) == Some(b"--") {
            self.input.clear();
            self.state = State::End;
            return false;
        }
        self.input.advance(after);
        self.state = State::Head;
        true
    }

    /// Where the first complete boundary line begins, from `from` on, and the length of the boundary in it.
    fn find_delimiter(&self, from: usize) -> Option<(usize, usize)> {
        let mut at = if from == 0 { 0 } else { self.next_line(from - 1)? };
        loop {
            let line = self.input.get(at..)?;
            let fits =
                |delimiter: &Vec<u8>| line.starts_with(delimiter) && is_boundary_end(line.get(delimiter.len()..));
            if let Some(delimiter) =
                [Some(&self.delimiter), self.short.as_ref()].into_iter().flatten().find(|d| fits(d))
            {
                return Some((at, delimiter.len()));
            }
            at = self.next_line(at)?;
        }
    }

    /// Start of the line after the first line end from `from` on.
    fn next_line(&self, from: usize) -> Option<usize> {
        Some(from + self.input.get(from..)?.iter().position(|b| *b == b'\n')? + 1)
    }

    fn head(&mut self) -> Result<bool, Fault> {
        let Some((end, body)) = head_end(&self.input) else {
            if self.input.len() > PART_HEAD_BYTES_MAX {
                return Err(Fault::new(
                    Why::TooLarge,
                    format!("the head of a part has more than {PART_HEAD_BYTES_MAX} bytes"),
                ));
            }
            return Ok(false);
        };
        if end > PART_HEAD_BYTES_MAX {
            return Err(Fault::new(
                Why::TooLarge,
                format!("the head of a part has more than {PART_HEAD_BYTES_MAX} bytes"),
            ));
        }
        let text = String::from_utf8_lossy(self.input.get(..end).unwrap_or_default()).into_owned();
        let mut head = Head { media_type: String::new(), length: None };
        for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
            match key.trim().to_ascii_lowercase().as_str() {
                "content-type" => {
                    value
                        .split(';')
                        .next()
                        .unwrap_or_default()
                        .trim()
                        .to_ascii_lowercase()
                        .clone_into(&mut head.media_type);
                }
                "content-length" => head.length = value.trim().parse().ok(),
                _ => {}
            }
        }
        if head.length.is_some_and(|length| length > self.body_bytes_max) {
            return Err(self.too_large());
        }
        self.input.advance(body);
        self.searched = 0;
        self.state = State::Body(head);
        Ok(true)
    }

    fn too_large(&self) -> Fault {
        Fault::new(Why::TooLarge, format!("a part of more than {} bytes", self.body_bytes_max))
    }

    fn body(&mut self) -> Result<Option<Part>, Fault> {
        let State::Body(head) = &self.state else { return Ok(None) };
        if let Some(length) = head.length {
            return Ok((self.input.len() >= length).then(|| self.finish(length)));
        }
        if let Some((at, _)) = self.find_delimiter(self.searched) {
            if at > self.body_bytes_max + 2 {
                return Err(self.too_large());
            }
            let before = self.input.get(..at).unwrap_or_default();
            let end =
                [b"\r\n".as_slice(), b"\n"].iter().find_map(|nl| before.strip_suffix(*nl)).unwrap_or(before).len();
            return Ok(Some(self.finish(end)));
        }
        if self.input.len() > self.body_bytes_max + self.delimiter.len() + 4 {
            return Err(self.too_large());
        }
        self.searched = self.input.len().saturating_sub(self.delimiter.len() + 2);
        Ok(None)
    }

    fn finish(&mut self, length: usize) -> Part {
        let body = self.input.split_to(length).freeze();
        self.was_cut = false;
        match std::mem::replace(&mut self.state, State::Between) {
            State::Body(head) => Part { media_type: head.media_type, body },
            _ => Part { media_type: String::new(), body },
        }
    }
}

/// What may stand after a boundary: the line's end, blanks, or the two dashes of the last one. Not known yet counts as no.
fn is_boundary_end(rest: Option<&[u8]>) -> bool {
    matches!(rest, Some([b'\r' | b'\n' | b' ' | b'\t', _, ..] | [b'-', b'-', ..]))
}

/// End of a head's lines, and start of the body; the rest of the boundary line counts as the first, empty one.
fn head_end(input: &[u8]) -> Option<(usize, usize)> {
    let mut line_start = 0;
    let mut is_first = true;
    while let Some(length) = input.get(line_start..)?.iter().position(|b| *b == b'\n') {
        let line = input.get(line_start..line_start + length)?;
        let next = line_start + length + 1;
        if !is_first && (line.is_empty() || line == b"\r") {
            return Some((line_start, next));
        }
        (line_start, is_first) = (next, false);
    }
    None
}

#[cfg(test)]
mod tests;
