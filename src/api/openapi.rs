//! `GET /api/v1/openapi.json`: the description of the API, generated from the handlers and shapes themselves.

use axum::Json;
use utoipa::OpenApi;

use crate::api::{cameras, cases, events, health, learning, page, routes};

/// The document; every handler of [`routes::routes`] stands here (a test holds it).
#[derive(OpenApi)]
#[openapi(
    info(
        title = "gatehouse",
        description = "Local interface of the edge gateway. Loopback only. Times are UTC milliseconds."
    ),
    paths(
        routes::health,
        routes::lines,
        routes::devices,
        routes::device,
        health::one,
        health::all,
        health::enter,
        page::records::health_csv,
        routes::points,
        routes::point,
        routes::history,
        routes::alarms,
        routes::alarm,
        routes::acknowledge,
        routes::reset,
        routes::sync,
        learning::outlooks,
        learning::relearn,
        cameras::cameras,
        cases::cases,
        cases::statistics,
        cases::notice,
        cases::key,
        cases::case,
        cases::step,
        cases::picture,
        cases::export,
        events::events,
        document
    )
)]
pub(crate) struct ApiDoc;

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses((status = 200, body = Object)))]
pub(crate) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(ApiDoc::openapi())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let json = serde_json::to_value(ApiDoc::openapi()).unwrap();
        let mut described: Vec<(String, String)> = Vec::new();
        for (path, methods) in json["paths"].as_object().unwrap() {
            described.extend(methods.as_object().unwrap().keys().map(|m| (m.clone(), path.clone())));
        }
        let mut served: Vec<_> =
            routes::routes().into_iter().map(|(method, path, _)| (method.to_owned(), path.to_owned())).collect();
        described.sort();
        served.sort();
        assert_eq!(described, served);
    }
}
