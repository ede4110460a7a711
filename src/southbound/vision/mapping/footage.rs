//! Pictures and clips of an event: references kept as given, inline pictures cut out of the tree. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use crate::model::intake::Why;
use crate::model::sight::{Footage, PICTURES_MAX};
use crate::profile::vision::{EventMap, FootageKind};
use crate::southbound::vision::fault::Fault;
use crate::southbound::vision::limits::PICTURE_BYTES_MAX;
use crate::southbound::vision::reference::tricks;
use crate::southbound::vision::tree::find_mut;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) footage: Vec<Footage>,
    /// Beyond [`PICTURES_MAX`].
    pub(super) dropped: usize,
    /// A picture was cut out of the tree.
    pub(super) cut: bool,
}

/// Takes all footage; an inline picture leaves `<picture: 12345 bytes>` behind.
pub(super) fn take(map: &EventMap, tree: &mut Json) -> Result<Taken, Fault> {
    let mut taken = Taken::default();
    for entry in &map.footage {
        let Some(pointer) = entry.at.iter().find(|p| find_mut(tree, p).is_some_and(|found| !found.is_null())) else {
            continue;
        };
        let Some(found) = find_mut(tree, pointer) else { continue };
        let list = match found {
            Json::Array(list) => list.as_mut_slice(),
            single => std::slice::from_mut(single),
        };
        for one in list {
            let Json::String(text) = one else { continue };
            if text.trim().is_empty() {
                continue;
            }
            let footage = match entry.what {
                FootageKind::Inline => {
                    let footage = inline(text)?;
                    taken.cut = true;
                    *one = Json::String(format!("<picture: {} characters>", text.len()));
                    footage
                }
                FootageKind::Picture => remote(text, false)?,
                FootageKind::Clip => remote(text, true)?,
            };
            if taken.footage.len() < PICTURES_MAX {
                taken.footage.push(footage);
            } else {
                taken.dropped += 1;
            }
        }
    }
    Ok(taken)
}

fn remote(text: &str, clip: bool) -> Result<Footage, Fault> {
    let reference = text.trim();
    tricks(reference).map_err(|fault| Fault::new(Why::Reference, fault.to_string()))?;
    Ok(Footage::Remote { reference: reference.to_owned(), clip })
}

/// Base64, also as a `data:` address.
fn inline(text: &str) -> Result<Footage, Fault> {
    let body = match text.trim().strip_prefix("data:") {
        Some(data) => data.split_once("base64,").map_or("", |(_, body)| body),
        None => text.trim(),
    };
    if body.len() / 4 * 3 > PICTURE_BYTES_MAX {
        return Err(Fault::new(Why::TooLarge, format!("a picture of more than {PICTURE_BYTES_MAX} bytes")));
    }
    let body: Vec<u8> = body.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(body).map_err(|_| Fault::new(Why::Malformed, "a picture that is not base64"))?;
    Ok(Footage::Inline { media_type: media_type(&bytes).to_owned(), bytes: bytes.into() })
}

/// By its first bytes.
fn media_type(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        _ => "application/octet-stream",
    }
}
