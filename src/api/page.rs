//! page
use crate::api::App;
use crate::api::error::Code;
use crate::api::lang::Words;
use axum::Router;
use std::sync::Arc;

pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
}
pub(crate) fn failure(_app: &App, _words: Words, _code: Code, message: &str, _help: &str) -> String {
    message.to_owned()
}
