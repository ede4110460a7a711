//! One request body to documents and pictures, within caps of size, time and memory.
//!
//! A part is a picture when its type says `image/`; a document when it says JSON, XML or text, or nothing and opens like
//! one; other parts (form fields) are passed over.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_stream::StreamExt;

use super::Trouble;
use crate::model::intake::{HEAD_BYTES_MAX, Why};
use crate::model::sight::{Footage, PICTURES_MAX};
use crate::southbound::vision::fault::Fault;
use crate::southbound::vision::limits::{BODY_WITHIN, PARTS_MAX, PICTURE_BYTES_MAX, PIECE_WITHIN};
use crate::southbound::vision::multipart::{Multipart, Part};

/// A document with the pictures that follow it.
type Payload = (Bytes, Vec<Footage>);

/// What a body holds.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub(super) documents: Vec<Payload>,
    /// Pictures before the first document.
    early: Vec<Footage>,
    /// Pictures beyond [`PICTURES_MAX`] of a document.
    pub(super) dropped: u64,
}

/// How a body is written.
enum Shape {
    Plain(BytesMut),
    Parts(Box<Multipart>, usize, Form),
}

type Failed = (Trouble, Vec<u8>);

/// Memory that a body holds; given back when dropped.
#[derive(Debug)]
pub(super) struct Held(Option<OwnedSemaphorePermit>);

impl Held {
    /// Up to `total` bytes, in whole KiB.
    fn grow(&mut self, total: usize, memory: &Arc<Semaphore>) -> Result<(), Trouble> {
        let held = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = u32::try_from(total.div_ceil(1024).saturating_sub(held)).unwrap_or(u32::MAX);
        let permit = Arc::clone(memory).try_acquire_many_owned(more).map_err(|_| Trouble::Busy)?;
        match &mut self.0 {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }
}

fn fault(why: Why, detail: impl Into<String>) -> Trouble {
    Trouble::Fault(Fault::new(why, detail))
}

/// Reads it all. A failure comes with the first bytes that did come.
pub(super) async fn read(request: Request, bytes_max: usize, memory: &Arc<Semaphore>) -> Result<(Form, Held), Failed> {
    let mut shape = shape(request.headers(), bytes_max).map_err(|trouble| (trouble, Vec::new()))?;
    let mut head = Vec::new();
    let mut held = Held(None);
    match pour(request, bytes_max, memory, (&mut shape, &mut head, &mut held)).await {
        Ok(()) => {}
        Err(trouble) => return Err((trouble, head)),
    }
    match finish(shape) {
        Ok(form) => Ok((form, held)),
        Err(trouble) => Err((trouble, head)),
    }
}

fn shape(headers: &HeaderMap, bytes_max: usize) -> Result<Shape, Trouble> {
    let text = |name| headers.get(name).map(|v: &header::HeaderValue| v.to_str().unwrap_or("?"));
    let declared = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if declared.is_some_and(|length| length > bytes_max) {
        return Err(fault(Why::TooLarge, format!("a body of more than {bytes_max} bytes")));
    }
    if text(header::CONTENT_ENCODING).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(fault(Why::MediaType, "a compressed body is not taken"));
    }
    let kind = text(header::CONTENT_TYPE).unwrap_or_default();
    if kind.to_ascii_lowercase().starts_with("multipart/") {
        let multipart = Multipart::new(kind, PICTURE_BYTES_MAX.min(bytes_max));
        let multipart = multipart.ok_or_else(|| fault(Why::MediaType, "a multipart body without a usable boundary"))?;
        return Ok(Shape::Parts(Box::new(multipart), 0, Form::default()));
    }
    let plain = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if plain.is_empty() || is_document(&plain) || plain == "application/octet-stream" {
        return Ok(Shape::Plain(BytesMut::new()));
    }
    Err(fault(Why::MediaType, format!("a body of type `{}` is not taken: send JSON, XML or multipart", shown(&plain))))
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn is_document(kind: &str) -> bool {
    kind.ends_with("json") || kind.ends_with("xml") || kind == "text/plain"
}

async fn pour(
    request: Request,
    bytes_max: usize,
    memory: &Arc<Semaphore>,
    (shape, head, held): (&mut Shape, &mut Vec<u8>, &mut Held),
) -> Result<(), Trouble> {
    let by = Instant::now() + BODY_WITHIN;
    let mut pieces = request.into_body().into_data_stream();
    let mut total = 0_usize;
    loop {
        let piece_by = by.min(Instant::now() + PIECE_WITHIN);
        let piece = match timeout_at(piece_by, pieces.next()).await {
            Err(_) => return Err(fault(Why::Slow, "the body did not come in time")),
            Ok(None) => return Ok(()),
            Ok(Some(Err(_))) => return Err(fault(Why::Malformed, "the body broke off")),
            Ok(Some(Ok(piece))) => piece,
        };
        total += piece.len();
        if total > bytes_max {
            return Err(fault(Why::TooLarge, format!("a body of more than {bytes_max} bytes")));
        }
        held.grow(total, memory)?;
        let room = HEAD_BYTES_MAX.saturating_sub(head.len()).min(piece.len());
        head.extend_from_slice(piece.get(..room).unwrap_or_default());
        match shape {
            Shape::Plain(body) => body.extend_from_slice(&piece),
            Shape::Parts(multipart, count, form) => {
                multipart.feed(&piece);
                while let Some(part) = multipart.take_part().map_err(Trouble::Fault)? {
                    *count += 1;
                    if *count > PARTS_MAX {
                        return Err(fault(Why::TooLarge, format!("more than {PARTS_MAX} parts")));
                    }
                    form.add(part);
                }
            }
        }
    }
}

fn finish(shape: Shape) -> Result<Form, Trouble> {
    match shape {
        Shape::Plain(body) => Ok(Form { documents: vec![(body.freeze(), Vec::new())], ..Form::default() }),
        Shape::Parts(multipart, _, form) if multipart.is_over() => Ok(form.closed()),
        Shape::Parts(..) => Err(fault(Why::Malformed, "a multipart body without its last boundary")),
    }
}

impl Form {
    fn add(&mut self, part: Part) {
        let Part { media_type, body } = part;
        if media_type.starts_with("image/") {
            let pictures = self.documents.last_mut().map_or(&mut self.early, |(_, pictures)| pictures);
            if pictures.len() < PICTURES_MAX {
                pictures.push(Footage::Inline { media_type, bytes: Arc::from(body.as_ref()) });
            } else {
                self.dropped += 1;
            }
            return;
        }
        let opens = body.iter().find(|b| !b.is_ascii_whitespace());
        let unnamed = matches!(media_type.as_str(), "" | "application/octet-stream");
        if is_document(&media_type) || (unnamed && matches!(opens, Some(b'{' | b'[' | b'<'))) {
            self.documents.push((body, Vec::new()));
        }
    }

    /// Pictures before the first document belong to it.
    fn closed(mut self) -> Self {
        if let Some((_, pictures)) = self.documents.first_mut() {
            pictures.splice(0..0, std::mem::take(&mut self.early));
        }
        self
    }
}
