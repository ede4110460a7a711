//! The routes: unpack, check, enter, answer according to the mood.

use std::io::Read;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use crate::sim::cloud::check::{self, Delivery};
use crate::sim::cloud::ledger::Arrival;
use crate::sim::cloud::{CloudHandle, Mood};

/// Most bytes of a body as sent.
const PACKED_MAX: usize = 16 << 20;
/// Most bytes of a body unpacked.
const PLAIN_MAX: u64 = 64 << 20;

type Check = fn(&[u8]) -> Result<Delivery, String>;

pub(crate) fn routes(cloud: CloudHandle) -> Router {
    Router::new()
        .route("/", get(|State(cloud): State<CloudHandle>| async move { Json(cloud.summary()) }))
        .route("/v1/telemetry", post(telemetry))
        .route("/v1/events", post(events))
        .layer(DefaultBodyLimit::max(PACKED_MAX))
        .with_state(cloud)
}

async fn telemetry(State(cloud): State<CloudHandle>, headers: HeaderMap, body: Bytes) -> Response {
    take(&cloud, &headers, &body, "application/json", check::telemetry).await
}

async fn events(State(cloud): State<CloudHandle>, headers: HeaderMap, body: Bytes) -> Response {
    take(&cloud, &headers, &body, "application/cloudevents-batch+json", check::events).await
}

async fn take(cloud: &CloudHandle, headers: &HeaderMap, body: &[u8], content_type: &str, check: Check) -> Response {
    let mood = cloud.next_mood();
    if let Mood::Slow(wait) = mood {
        tokio::time::sleep(wait).await;
    }
    let response = if let Some(refusal) = cloud.refuse(headers) {
        refusal
    } else {
        match examine(headers, body, content_type, check) {
            Ok(delivery) => cloud.answer(headers, body, &delivery, &mood),
            Err(why) => {
                cloud.lock().ledger.fault(why.clone());
                (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response()
            }
        }
    };
    cloud.changes.send_modify(|n| *n += 1);
    response
}

/// Headers and body against the contract.
fn examine(headers: &HeaderMap, body: &[u8], content_type: &str, check: Check) -> Result<Delivery, String> {
    if text(headers, header::CONTENT_TYPE.as_str()) != content_type {
        return Err(format!("Content-Type must be {content_type}"));
    }
    let sent_at = text(headers, "gatehouse-sent-at");
    if sent_at.parse::<jiff::Timestamp>().is_err() {
        return Err(format!("Gatehouse-Sent-At `{sent_at}` is not RFC 3339"));
    }
    let lane = text(headers, "gatehouse-lane");
    if !matches!(lane, "live" | "backfill") {
        return Err(format!("Gatehouse-Lane `{lane}` is neither live nor backfill"));
    }
    let plain = unpack(text(headers, header::CONTENT_ENCODING.as_str()), body)?;
    let delivery = check(&plain)?;
    let d = &delivery;
    let expected = format!("{}/{}/{}/{}-{}", d.gateway, d.stream.word(), d.epoch, d.first, d.last);
    let key = text(headers, "idempotency-key");
    if key != expected {
        return Err(format!("Idempotency-Key is `{key}`, the body says `{expected}`"));
    }
    Ok(delivery)
}

fn unpack(encoding: &str, body: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let read = match encoding {
        "" => return Ok(body.to_vec()),
        "gzip" => flate2::read::GzDecoder::new(body).take(PLAIN_MAX).read_to_end(&mut plain),
        "zstd" => zstd::Decoder::new(body).and_then(|d| d.take(PLAIN_MAX).read_to_end(&mut plain)),
        other => return Err(format!("Content-Encoding `{other}` is not taken")),
    };
    read.map_err(|e| format!("the body does not unpack as {encoding}: {e}"))?;
    Ok(plain)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

impl CloudHandle {
    fn next_mood(&self) -> Mood {
        let mut state = self.lock();
        state.ledger.requests += 1;
        match state.mood_left {
            None => state.mood.clone(),
            Some(0) => {
                state.mood = Mood::Normal;
                state.mood_left = None;
                Mood::Normal
            }
            Some(left) => {
                state.mood_left = Some(left - 1);
                state.mood.clone()
            }
        }
    }

    fn refuse(&self, headers: &HeaderMap) -> Option<Response> {
        let state = self.lock();
        let token = state.token.as_ref()?;
        let given = text(headers, header::AUTHORIZATION.as_str()).strip_prefix("Bearer ");
        (given != Some(token)).then(|| (StatusCode::UNAUTHORIZED, "who are you?").into_response())
    }

    fn answer(&self, headers: &HeaderMap, body: &[u8], delivery: &Delivery, mood: &Mood) -> Response {
        let mut state = self.lock();
        let is_poisoned = delivery.gap.is_none()
            && state
                .poison
                .range((delivery.stream, delivery.first)..=(delivery.stream, delivery.last))
                .next()
                .is_some();
        let rows = match mood {
            Mood::Status { .. } => 0,
            _ if is_poisoned => 0,
            Mood::Partial(rows) => *rows,
            _ => u64::MAX,
        };
        let rows = rows.min(delivery.last - delivery.first + 1);
        if rows > 0 {
            state.ledger.enter(delivery, rows);
        }
        let response = if is_poisoned {
            (StatusCode::BAD_REQUEST, Json(json!({ "error": "a row in here does not please" }))).into_response()
        } else {
            confirm(delivery, rows, mood)
        };
        state.ledger.arrived(Arrival {
            key: text(headers, "idempotency-key").to_owned(),
            stream: delivery.stream,
            first: delivery.first,
            last: delivery.last,
            status: response.status().as_u16(),
            crc: crc32c::crc32c(body),
            lane: text(headers, "gatehouse-lane").to_owned(),
        });
        drop(state);
        if *mood == Mood::DropReply {
            self.cut_connections();
        }
        response
    }
}

fn confirm(delivery: &Delivery, rows: u64, mood: &Mood) -> Response {
    let through = if delivery.gap.is_some() { delivery.last } else { (delivery.first + rows).saturating_sub(1) };
    let epoch = if *mood == Mood::WrongEpoch { "0123456789abcdef".to_owned() } else { delivery.epoch.to_string() };
    let said = json!({
        "accepted_through": { "stream": delivery.stream.word(), "epoch": epoch, "seq": through }
    });
    match mood {
        Mood::Status { code, retry_after } => {
            let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            match retry_after {
                Some(seconds) => (status, [(header::RETRY_AFTER, seconds.to_string())]).into_response(),
                None => status.into_response(),
            }
        }
        Mood::Terse => StatusCode::NO_CONTENT.into_response(),
        Mood::HugeReply(bytes) => (StatusCode::OK, "x".repeat(*bytes)).into_response(),
        _ => (StatusCode::OK, Json(said)).into_response(),
    }
}
