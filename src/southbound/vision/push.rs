//! The listener to which cameras post: `POST /vision/<camera>`. Connections, deadlines, credentials, answers.
//!
//! Order of checks, each before anything dearer: connection caps, head in time, credential, rate, media type, declared length,
//! body piece by piece (its own cap, a time for all of it and for each piece, the memory of all bodies together), parts.
//! Answers are JSON: `{"result": "stored" | "duplicate" | "ignored" | "unknown_kind" | "refused" | "busy", ..}`.
//! 200 means that every event in the body is on disk (or was before, is none of ours, or is counted under `refused`); 503 means "send it again".

mod body;
mod credential;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub use credential::Secret;

use super::fault::Fault;
use super::limits::{BODIES_BYTES_MAX, CONNECTIONS_MAX, HEAD_BYTES_MAX, HEADER_WITHIN, PER_ADDRESS_MAX, RETRY_AFTER_S};
use super::outlet::{Door, Outlet, Taken, Verdict};
use crate::guests::accept::{self, Head, House};
use crate::guests::{Limits, Pass};
use crate::model::intake::Why;
use crate::southbound::mqtt::TlsPem;
use crate::southbound::mqtt::listener::tls_acceptor;
use crate::southbound::vision::push::credential::Access;

/// How long open requests may go on after `stop`; who is cut off was not told "taken" and sends again.
const DRAIN_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

/// What the listener needs.
#[derive(Debug)]
pub struct PushParts {
    /// The way to the desk.
    pub outlet: Arc<Outlet>,
    /// Credential of each camera that posts.
    pub secrets: Vec<(Arc<str>, Secret)>,
    /// TLS, if asked for.
    pub tls: Option<Tls>,
    /// Largest body, bytes.
    pub body_bytes_max: usize,
    /// Ends the listener.
    pub stop: CancellationToken,
}

/// The server side of TLS.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// From certificate chain and key; the error is in words.
    pub fn new(pem: &TlsPem) -> Result<Self, String> {
        tls_acceptor(pem).map(Self).map_err(|error| error.to_string())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// What all requests share.
#[derive(Debug)]
struct Shared {
    outlet: Arc<Outlet>,
    access: Access,
    body_bytes_max: usize,
    /// In KiB: what all bodies together may still hold.
    memory: Arc<Semaphore>,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
struct Peer(IpAddr);

/// Serves until told to stop.
pub async fn run(listener: TcpListener, parts: PushParts) {
    let PushParts { outlet, secrets, tls, body_bytes_max, stop } = parts;
    let memory = Arc::new(Semaphore::new(BODIES_BYTES_MAX / 1024));
    let shared = Arc::new(Shared { outlet, access: Access::new(secrets), body_bytes_max, memory });
    let router = Router::new().route("/vision/{camera}", post(receive)).with_state(shared);
    let limits = Limits { all: CONNECTIONS_MAX, per_address: PER_ADDRESS_MAX };
    let house = House { guests: "cameras", limits, drain_within: DRAIN_WITHIN, stop: stop.clone() };
    let one = |socket, peer, pass| connection(socket, peer, pass, tls.clone(), router.clone(), stop.clone());
    accept::run(listener, house, one).await;
}

async fn connection(
    socket: TcpStream,
    peer: SocketAddr,
    pass: Pass,
    tls: Option<Tls>,
    router: Router,
    stop: CancellationToken,
) {
    let head = Head { within: HEADER_WITHIN, bytes_max: HEAD_BYTES_MAX };
    let Pass { known, leave } = pass;
    let from = Peer(peer.ip());
    let router = router.layer(axum::middleware::from_fn(move |mut request: Request, next: axum::middleware::Next| {
        request.extensions_mut().insert(from);
        request.extensions_mut().insert(Arc::clone(&known));
        next.run(request)
    }));
    match tls {
        None => accept::http(socket, router, head, leave, stop).await,
        Some(tls) => match timeout(HEADER_WITHIN, tls.0.accept(socket)).await {
            Ok(Ok(stream)) => accept::http(stream, router, head, leave, stop).await,
            Ok(Err(error)) => tracing::debug!(%error, %peer, "no TLS with a camera"),
            Err(_) => tracing::debug!(%peer, "no TLS handshake in time"),
        },
    }
}

/// The one handler.
async fn receive(State(shared): State<Arc<Shared>>, Path(camera): Path<String>, request: Request) -> Response {
    let from = request.extensions().get::<Peer>().map_or_else(String::new, |peer| peer.0.to_string());
    let Some(name) = shared.access.admit(&camera, request.headers()) else {
        return stranger(&shared, &camera, &from);
    };
    if let Some(known) = request.extensions().get::<Arc<AtomicBool>>() {
        known.store(true, Ordering::Relaxed);
    }
    let Some(door) = shared.outlet.door(name) else { return stranger(&shared, &camera, &from) };
    let door = Arc::clone(door);
    let now = shared.outlet.now();
    door.gate().hear(now);
    let may = door.gate().may_ask(now);
    if !may {
        let fault = Fault::new(Why::Rate, "too many events at once; wait and send again");
        shared.outlet.refuse(&door, &fault, b"", &from);
        return refused(StatusCode::TOO_MANY_REQUESTS, &fault);
    }
    match take(&shared, &door, request, &from).await {
        Ok(Verdict::Taken(taken)) => answer(&taken),
        Ok(Verdict::Refused(fault)) | Err(Trouble::Fault(fault)) => refused(status(fault.why), &fault),
        Ok(Verdict::Busy) | Err(Trouble::Busy) => reply(
            StatusCode::SERVICE_UNAVAILABLE,
            &json!({"result": "busy", "detail": "not stored yet; send it again"}),
        ),
    }
}

/// Why a body did not become a payload.
#[derive(Debug)]
enum Trouble {
    /// It is refused, and told.
    Fault(Fault),
    /// Too much is being read at once.
    Busy,
}

/// Reads the body, and hands over what is in it.
async fn take(shared: &Shared, door: &Arc<Door>, request: Request, from: &str) -> Result<Verdict, Trouble> {
    let outlet = &shared.outlet;
    let tell = |(trouble, head): (Trouble, Vec<u8>)| {
        match &trouble {
            Trouble::Fault(fault) => outlet.refuse(door, fault, &head, from),
            Trouble::Busy => door.gate().counts_mut().busy += 1,
        }
        trouble
    };
    // Held until the events are on disk: then the bytes are gone.
    let (form, _memory) = body::read(request, shared.body_bytes_max, &shared.memory).await.map_err(tell)?;
    door.gate().counts_mut().pictures_dropped += form.dropped;
    let mut payloads = form.documents.into_iter();
    let Some(first) = payloads.next() else {
        let fault = Fault::new(Why::Malformed, "a multipart body without an event");
        return Err(tell((Trouble::Fault(fault), Vec::new())));
    };
    let (mut verdict, mut fault) = (Taken::default(), None);
    for (document, pictures) in std::iter::once(first).chain(payloads) {
        // A refusal has been told by the outlet; the other documents of the body stand.
        let mut draft = match outlet.draft(door, &document, from) {
            Ok(draft) => draft,
            Err(refused) => {
                verdict.refused += 1;
                fault.get_or_insert(refused);
                continue;
            }
        };
        for picture in pictures {
            if !draft.add(picture) {
                door.gate().counts_mut().pictures_dropped += 1;
            }
        }
        match outlet.deliver(door, draft).await {
            Verdict::Taken(taken) => {
                verdict.stored += taken.stored;
                verdict.duplicates += taken.duplicates;
                verdict.ignored += taken.ignored;
                verdict.unknown.extend(taken.unknown);
                verdict.refused += taken.refused;
            }
            other => return Ok(other),
        }
    }
    match fault.filter(|_| verdict.stored + verdict.duplicates == 0) {
        Some(fault) => Ok(Verdict::Refused(fault)),
        None => Ok(Verdict::Taken(verdict)),
    }
}

/// No such camera, or a wrong credential: nobody is told which.
fn stranger(shared: &Shared, camera: &str, from: &str) -> Response {
    let fault = Fault::new(Why::Credential, "no camera of this name with this credential");
    if let Some(door) = shared.outlet.door(camera) {
        shared.outlet.refuse(door, &fault, b"", from);
    } else {
        shared.outlet.stranger(camera, from);
    }
    let mut response = refused(StatusCode::UNAUTHORIZED, &fault);
    response.headers_mut().insert(
        header::WWW_AUTHENTICATE,
        header::HeaderValue::from_static("Basic realm=\"gatehouse\", charset=\"UTF-8\""),
    );
    response
}

fn status(why: Why) -> StatusCode {
    match why {
        Why::Credential => StatusCode::UNAUTHORIZED,
        Why::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Why::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Why::Rate => StatusCode::TOO_MANY_REQUESTS,
        Why::Slow => StatusCode::REQUEST_TIMEOUT,
        Why::Malformed | Why::Doctype => StatusCode::BAD_REQUEST,
        Why::Number | Why::Reference | Why::UnknownKind => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// 200, with what was in the body.
fn answer(taken: &Taken) -> Response {
    let result = if taken.stored > 0 {
        "stored"
    } else if taken.duplicates > 0 {
        "duplicate"
    } else if taken.unknown.is_empty() {
        "ignored"
    } else {
        "unknown_kind"
    };
    let Taken { stored, duplicates, ignored, unknown, refused } = taken;
    reply(
        StatusCode::OK,
        &json!({
            "result": result, "stored": stored, "duplicates": duplicates, "ignored": ignored, "unknown": unknown,
            "refused": refused,
        }),
    )
}

fn refused(status: StatusCode, fault: &Fault) -> Response {
    reply(status, &json!({"result": "refused", "reason": fault.why.word(), "detail": fault.detail}))
}

fn reply(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from(RETRY_AFTER_S));
    }
    (status, headers, body.to_string()).into_response()
}
