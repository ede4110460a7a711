//! Finding and reading values in a tree by pointers. Pure.

use serde_json::Value as Json;

use super::fault::Fault;
use super::limits::TEXT_BYTES_MAX;
use crate::model::intake::Why;

/// What a pointer leads to. A token that is no index passes through a list to its first element.
pub(super) fn find<'j>(tree: &'j Json, pointer: &str) -> Option<&'j Json> {
    let Some(tokens) = pointer.strip_prefix('/') else { return pointer.is_empty().then_some(tree) };
    tokens.split('/').try_fold(tree, |at, token| {
        let at = match at {
            Json::Array(list) => match token.parse::<usize>() {
                Ok(ix) => return list.get(ix),
                Err(_) => list.first()?,
            },
            other => other,
        };
        let map = at.as_object()?;
        // RFC 6901, 4: `~1` first, then `~0`.
        if token.contains('~') { map.get(&token.replace("~1", "/").replace("~0", "~")) } else { map.get(token) }
    })
}

/// The same, to be changed.
pub(super) fn find_mut<'j>(tree: &'j mut Json, pointer: &str) -> Option<&'j mut Json> {
    let Some(tokens) = pointer.strip_prefix('/') else { return pointer.is_empty().then_some(tree) };
    tokens.split('/').try_fold(tree, |at, token| {
        let at = match at {
            Json::Array(list) => match token.parse::<usize>() {
                Ok(ix) => return list.get_mut(ix),
                Err(_) => list.first_mut()?,
            },
            other => other,
        };
        let map = at.as_object_mut()?;
        if token.contains('~') { map.get_mut(&token.replace("~1", "/").replace("~0", "~")) } else { map.get_mut(token) }
    })
}

/// What the first pointer that leads to something other than null leads to.
pub(super) fn first<'j>(tree: &'j Json, pointers: &[String]) -> Option<&'j Json> {
    pointers.iter().find_map(|pointer| find(tree, pointer).filter(|found| !found.is_null()))
}

/// A scalar as text without control characters, at most [`TEXT_BYTES_MAX`] long; `None` if empty.
pub(super) fn text(json: &Json) -> Option<String> {
    let text = match scalar(json) {
        Json::String(text) => text.trim().to_owned(),
        Json::Number(number) => number.to_string(),
        Json::Bool(on) => on.to_string(),
        _ => return None,
    };
    let mut clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    while clean.len() > TEXT_BYTES_MAX {
        clean.pop();
    }
    (!clean.is_empty()).then_some(clean)
}

/// An XML element with attributes holds its text under `#text`.
fn scalar(json: &Json) -> &Json {
    json.get("#text").unwrap_or(json)
}

/// A finite number, also one written as text; `None` when absent or empty. Anything else is refused: a number that is
/// none must not become one.
pub(super) fn number(json: Option<&Json>, what: impl std::fmt::Display) -> Result<Option<f64>, Fault> {
    let Some(json) = json.map(scalar) else { return Ok(None) };
    let found = match json {
        Json::Null => return Ok(None),
        Json::Number(number) => number.as_f64(),
        Json::String(text) if text.trim().is_empty() => return Ok(None),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match found.filter(|number| number.is_finite()) {
        Some(number) => Ok(Some(number)),
        None => Err(Fault::new(Why::Number, format!("{what} is not a number: {}", excerpt(json)))),
    }
}

/// The beginning of a value, to be shown.
fn excerpt(json: &Json) -> String {
    let text: String = json.to_string().chars().take(40).collect();
    text.replace(char::is_control, " ")
}
