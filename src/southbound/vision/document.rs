//! A payload of any form to one tree: JSON, XML, or lines of `key=value;..` (event streams). Pure.
//!
//! Owns the caps on size, nesting and number of values, which hold *before* anything is built, and the refusal of every
//! document type: no entity is ever expanded, no file or address is ever opened. Knows no vendor.
//!
//! The tree is JSON. An XML element with neither attributes nor children is its text; else an object with `@name` for
//! attributes, its children by local name (lists where a name repeats) and `#text`. Lines become objects of texts; a
//! value that opens with `{` or `[` is JSON.

use serde_json::{Map, Value as Json};

use super::fault::Fault;
use super::limits::{DEPTH_MAX, DOCUMENT_BYTES_MAX, EVENTS_MAX, NODES_MAX};
use crate::model::intake::Why;

#[cfg(test)]
mod tests;

/// Reads a payload; its first character tells the form.
pub fn read(payload: &[u8]) -> Result<Json, Fault> {
    let text = std::str::from_utf8(payload).map_err(|_| malformed("not UTF-8 text (is it GBK, or a picture?)"))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text).trim_matches(['\0', ' ', '\t', '\r', '\n']);
    match text.chars().next() {
        Some('{' | '[') => json(text),
        Some('<') => xml(text),
        Some(_) => lines(text),
        None => Err(malformed("empty")),
    }
}

fn malformed(detail: impl Into<String>) -> Fault {
    Fault::new(Why::Malformed, detail)
}

fn json(text: &str) -> Result<Json, Fault> {
    measure_json(text)?;
    serde_json::from_str(text).map_err(|error| malformed(format!("not JSON: {error}")))
}

/// Nesting and number of values, counted without building anything.
fn measure_json(text: &str) -> Result<(), Fault> {
    let (mut depth, mut nodes, mut in_text, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => {
                (depth, nodes) = (depth + 1, nodes + 1);
                if depth > DEPTH_MAX {
                    return Err(too_deep());
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => nodes += 1,
            _ => {}
        }
        if nodes > NODES_MAX {
            return Err(too_many());
        }
    }
    Ok(())
}

fn too_deep() -> Fault {
    malformed(format!("nested more than {DEPTH_MAX} levels deep"))
}

fn too_many() -> Fault {
    Fault::new(Why::TooLarge, format!("more than {NODES_MAX} values"))
}

fn small(text: &str) -> Result<(), Fault> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(Fault::new(Why::TooLarge, format!("a document of more than {DOCUMENT_BYTES_MAX} bytes")));
    }
    Ok(())
}

fn xml(text: &str) -> Result<Json, Fault> {
    small(text)?;
    if text.contains("<!DOCTYPE") || text.contains("<!ENTITY") {
        return Err(Fault::new(Why::Doctype, "XML with a document type or entities of its own is not read"));
    }
    let nodes_limit = u32::try_from(NODES_MAX).unwrap_or(u32::MAX);
    let options = roxmltree::ParsingOptions { allow_dtd: false, nodes_limit, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => Fault::new(Why::Doctype, "XML with a document type is not read"),
        roxmltree::Error::NodesLimitReached => too_many(),
        error => malformed(format!("not XML: {error}")),
    })?;
    let root = document.root_element();
    let mut map = Map::new();
    map.insert(root.tag_name().name().to_owned(), element(root, 1)?);
    Ok(Json::Object(map))
}

/// The parser does not recurse; this does, and so bounds the depth. How a document is written says nothing of it: a tag in a
/// comment closes nothing.
fn element(node: roxmltree::Node<'_, '_>, depth: usize) -> Result<Json, Fault> {
    if depth > DEPTH_MAX {
        return Err(too_deep());
    }
    let text: String = node.children().filter(roxmltree::Node::is_text).filter_map(|t| t.text()).collect();
    let text = text.trim();
    let mut map = Map::new();
    for attribute in node.attributes() {
        map.insert(format!("@{}", attribute.name()), Json::String(attribute.value().to_owned()));
    }
    for child in node.children().filter(roxmltree::Node::is_element) {
        let value = element(child, depth + 1)?;
        match map.entry(child.tag_name().name()) {
            serde_json::map::Entry::Vacant(free) => {
                free.insert(value);
            }
            serde_json::map::Entry::Occupied(mut taken) => match taken.get_mut() {
                // A list made here, not one of the document: XML has none.
                Json::Array(list) => list.push(value),
                first => *first = Json::Array(vec![first.take(), value]),
            },
        }
    }
    if map.is_empty() {
        return Ok(Json::String(text.to_owned()));
    }
    if !text.is_empty() {
        map.insert("#text".to_owned(), Json::String(text.to_owned()));
    }
    Ok(Json::Object(map))
}

/// `Code=X;action=Start;index=0;data={..}`, one event after the other.
fn lines(text: &str) -> Result<Json, Fault> {
    small(text)?;
    measure_json(text)?;
    let mut events = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if events.len() >= EVENTS_MAX {
            return Err(Fault::new(Why::TooLarge, format!("more than {EVENTS_MAX} events at once")));
        }
        let (event, after) = line(rest)?;
        events.push(Json::Object(event));
        rest = after.trim_start();
    }
    Ok(if events.len() == 1 { events.remove(0) } else { Json::Array(events) })
}

/// One event, and what stands after it.
fn line(text: &str) -> Result<(Map<String, Json>, &str), Fault> {
    let mut event = Map::new();
    let mut rest = text;
    loop {
        let (key, value) =
            rest.split_once('=').ok_or_else(|| malformed("neither JSON nor XML nor `key=value` lines"))?;
        let key = key.trim();
        if key.is_empty() || key.len() > 64 || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-[]".contains(&b))
        {
            return Err(malformed("neither JSON nor XML nor `key=value` lines"));
        }
        let value = value.trim_start_matches([' ', '\t']);
        let (value, after) = if value.starts_with(['{', '[']) { json_value(value)? } else { plain_value(value) };
        event.insert(key.to_owned(), value);
        match after.strip_prefix(';') {
            Some(more)
                if !more.trim_start_matches([' ', '\t']).starts_with(['\r', '\n']) && !more.trim().is_empty() =>
            {
                rest = more;
            }
            Some(end) => return Ok((event, end)),
            None => return Ok((event, after)),
        }
    }
}

fn json_value(text: &str) -> Result<(Json, &str), Fault> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Json>();
    match values.next() {
        Some(Ok(value)) => Ok((value, text.get(values.byte_offset()..).unwrap_or_default())),
        Some(Err(error)) => Err(malformed(format!("the JSON in it is faulty: {error}"))),
        None => Err(malformed("the JSON in it is missing")),
    }
}

fn plain_value(text: &str) -> (Json, &str) {
    let end = text.find([';', '\r', '\n']).unwrap_or(text.len());
    let (value, after) = text.split_at_checked(end).unwrap_or((text, ""));
    (Json::String(value.trim().to_owned()), after)
}
