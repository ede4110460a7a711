//! Vision profiles: found in the given folders or among the shipped ones, read once a run, built from their record.
//!
//! To ship one: put the file below `config/vision/` and its line in [`SHIPPED`]; a test holds the two together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::context::Context;
use crate::config::expr::Unchecked;
use crate::config::fields::vision_profile::VISION_FILE;
use crate::model::sight::{SightAction, SightKind};
use crate::profile::vision::{
    EventMap, FootageKind, FootageMap, Meaning, Pointers, Shape, StreamMap, TrackMap, VisionProfile, VisionTest,
};
use crate::text::code;
use crate::text::diagnostic::{Diagnostic, Report};
use crate::text::record::{Item, Record, Value};
use crate::text::source::{FileIx, Sources, Span};
use crate::text::{file, reader};

/// Shipped vision profiles: `(id, text)`, by id.
pub const SHIPPED: &[(&str, &str)] = &[
    ("dahua", include_str!("../../../config/vision/dahua.toml")),
    ("generic_json", include_str!("../../../config/vision/generic_json.toml")),
    ("hikvision", include_str!("../../../config/vision/hikvision.toml")),
];

/// All vision profiles in reach.
pub(crate) struct VisionLibrary<'a> {
    dirs: &'a [PathBuf],
    /// `None` for one with faults, which have been told.
    read: BTreeMap<String, Option<Arc<VisionProfile>>>,
}

impl<'a> VisionLibrary<'a> {
    pub(crate) fn new(dirs: &'a [PathBuf]) -> Self {
        Self { dirs, read: BTreeMap::new() }
    }

    /// The profile called `id`; complains at `from` when there is none.
    pub(crate) fn get(&mut self, id: &str, from: Span, cx: &mut Context<'_>) -> Option<Arc<VisionProfile>> {
        if let Some(known) = self.read.get(id) {
            return known.clone();
        }
        let path = self.dirs.iter().map(|dir| dir.join("vision").join(format!("{id}.toml"))).find(|p| p.exists());
        let shipped = SHIPPED.iter().find(|(name, _)| *name == id);
        let found = match (path, shipped) {
            (Some(path), _) => file::read(&path, None, &mut cx.sources, &mut cx.report),
            (None, Some((_, text))) => Some(cx.sources.add(&format!("shipped:vision/{id}.toml"), text)),
            (None, None) => {
                let there = SHIPPED.iter().map(|(name, _)| *name);
                cx.unknown(code::UNKNOWN_PROFILE, from, ("vision profile", "视觉模板"), id, there);
                None
            }
        };
        let profile = found.and_then(|file| build(file, Some(id), cx)).map(Arc::new);
        self.read.insert(id.to_owned(), profile.clone());
        profile
    }
}

/// What came of reading one vision profile.
#[derive(Debug)]
pub struct LoadedVision {
    /// The profile, if there is no error.
    pub profile: Option<VisionProfile>,
    /// All complaints.
    pub diagnostics: Vec<Diagnostic>,
    /// The text they speak of.
    pub sources: Sources,
}

/// Reads a vision profile file.
#[must_use]
pub fn load_vision_file(path: &Path) -> LoadedVision {
    let mut cx = Context::new(&Unchecked);
    let file = file::read(path, None, &mut cx.sources, &mut cx.report);
    let profile = file.and_then(|file| build(file, None, &mut cx));
    let Context { sources, report, .. } = cx;
    finish(profile, report, sources)
}

/// Ids of all vision profiles in reach: those in the folders `<dir>/vision`, and the shipped ones.
#[must_use]
pub fn list(dirs: &[PathBuf]) -> Vec<String> {
    let files = dirs.iter().filter_map(|dir| std::fs::read_dir(dir.join("vision")).ok()).flatten().flatten();
    let own = files.filter_map(|file| {
        let path = file.path();
        let is_profile = path.extension().is_some_and(|ending| ending == "toml");
        path.file_stem().filter(|_| is_profile)?.to_str().map(str::to_owned)
    });
    let mut all: Vec<String> = own.chain(SHIPPED.iter().map(|(id, _)| (*id).to_owned())).collect();
    all.sort();
    all.dedup();
    all
}

/// The vision profile called `id`, from the folders first; `None` where there is none.
#[must_use]
pub fn load_vision(id: &str, dirs: &[PathBuf]) -> Option<LoadedVision> {
    if !list(dirs).iter().any(|known| known == id) {
        return None;
    }
    let mut cx = Context::new(&Unchecked);
    let nowhere = Span::new(cx.sources.add("", ""), 0..0);
    let profile = VisionLibrary::new(dirs).get(id, nowhere, &mut cx);
    let Context { sources, report, .. } = cx;
    Some(finish(profile.map(Arc::unwrap_or_clone), report, sources))
}

/// A shipped vision profile.
#[must_use]
pub fn shipped(id: &str) -> Option<VisionProfile> {
    let (_, text) = SHIPPED.iter().find(|(name, _)| *name == id)?;
    let mut cx = Context::new(&Unchecked);
    let file = cx.sources.add(id, text);
    build(file, Some(id), &mut cx)
}

fn finish(profile: Option<VisionProfile>, report: Report, sources: Sources) -> LoadedVision {
    let (diagnostics, _) = report.finish();
    LoadedVision { profile, diagnostics, sources }
}

/// Reads and builds; `wanted` is the id under which it was looked for.
fn build(file: FileIx, wanted: Option<&str>, cx: &mut Context<'_>) -> Option<VisionProfile> {
    let before = cx.report.errors();
    let record = reader::read(&cx.sources, file, &VISION_FILE, &mut cx.report);
    let head = record.record("profile")?;
    if let (Some(wanted), Some(id)) = (wanted, head.text("id"))
        && id != wanted
    {
        let message =
            (format!("this is the profile `{wanted}`, not `{id}`"), format!("此模板应为 `{wanted}`，而不是 `{id}`"));
        let help = ("correct the id, or rename the file", "请改正标识，或重命名文件");
        cx.error(code::PROFILE_ID, head.span_of("id"), (&message.0, &message.1), help);
    }
    if head.item("source").is_some() && head.list("source").is_empty() {
        let help = ("name manual and page, or a public description", "请写明手册与页码，或公开的说明");
        cx.error(code::MISSING, head.span_of("source"), ("a profile names its sources", "模板必须写明出处"), help);
    }
    let map = record.record("event")?;
    if map.item("kind").is_none() && map.item("kind_default").is_none() {
        let help = ("add `kind` or `kind_default`", "请填写 `kind` 或 `kind_default`");
        cx.error(code::MISSING, map.span, ("no event would ever have a kind", "事件将没有类型"), help);
    }
    let profile = VisionProfile {
        id: head.text("id")?.to_owned(),
        revision: head.small("revision")?,
        name: head.two("name"),
        source: texts(head.list("source")),
        evidence: head.text("evidence")?.to_owned(),
        note: head.two("note"),
        event: event(map)?,
        kinds: words(&record, "kind", meaning),
        actions: words(&record, "action", action),
        stream: record.record("stream").and_then(|stream| {
            Some(StreamMap { path: stream.text("path")?.to_owned(), heartbeats: texts(stream.list("heartbeats")) })
        }),
        tests: record.list("test").iter().filter_map(|item| vector(item.value.record()?)).collect(),
    };
    (cx.report.errors() == before && !record.faulty).then_some(profile)
}

fn texts(list: &[Item]) -> Vec<String> {
    list.iter().filter_map(|i| i.value.text().map(str::to_owned)).collect()
}

fn words<T>(record: &Record, key: &str, of: fn(&str) -> Option<T>) -> Vec<(String, T)> {
    record.map(key).iter().filter_map(|e| Some((e.key.clone(), of(e.item.value.text()?)?))).collect()
}

/// The kind of a word.
#[must_use]
pub fn sight_kind(word: &str) -> Option<SightKind> {
    Some(match word {
        "falling_object" => SightKind::FallingObject,
        "ebike_in_lift" => SightKind::EbikeInLift,
        "fire_lane_blocked" => SightKind::FireLaneBlocked,
        "perimeter" => SightKind::Perimeter,
        _ => return None,
    })
}

fn meaning(word: &str) -> Option<Meaning> {
    if word == "ignore" { Some(Meaning::Ignore) } else { sight_kind(word).map(Meaning::Kind) }
}

fn action(word: &str) -> Option<SightAction> {
    Some(match word {
        "start" => SightAction::Start,
        "stop" => SightAction::Stop,
        "pulse" => SightAction::Pulse,
        _ => return None,
    })
}

fn pointers(record: &Record, key: &str) -> Pointers {
    match record.item(key).map(|i| &i.value) {
        Some(Value::List(list)) => texts(list),
        Some(value) => value.text().map(str::to_owned).into_iter().collect(),
        None => Vec::new(),
    }
}

fn event(map: &Record) -> Option<EventMap> {
    let at = |key: &str| pointers(map, key);
    Some(EventMap {
        each: at("each"),
        id: at("id"),
        time: at("time"),
        kind: at("kind"),
        kind_default: map.text("kind_default").and_then(sight_kind),
        action: at("action"),
        source: at("source"),
        object: at("object"),
        confidence: at("confidence"),
        confidence_full: map.number("confidence_full")?,
        fps: at("fps"),
        width: at("width"),
        height: at("height"),
        floor: at("floor"),
        pictures_follow: at("pictures_follow"),
        track: map.record("track").and_then(track),
        boxes: map.record("box").and_then(track),
        footage: map.list("footage").iter().filter_map(|item| footage(item.value.record()?)).collect(),
    })
}

fn track(record: &Record) -> Option<TrackMap> {
    let own = |key: &str| record.text(key).map(str::to_owned);
    Some(TrackMap {
        at: pointers(record, "at"),
        t: own("t"),
        t_unit_s: record.number("t_unit")?,
        x: own("x")?,
        y: own("y")?,
        w: own("w"),
        h: own("h"),
        shape: match record.text("shape")? {
            "corner" => Shape::Corner,
            "corners" => Shape::Corners,
            _ => Shape::Centre,
        },
        full: record.number("full"),
        from_bottom: record.flag("from_bottom"),
    })
}

fn footage(record: &Record) -> Option<FootageMap> {
    let what = match record.text("what")? {
        "clip" => FootageKind::Clip,
        "inline" => FootageKind::Inline,
        _ => FootageKind::Picture,
    };
    Some(FootageMap { at: pointers(record, "at"), what })
}

fn vector(record: &Record) -> Option<VisionTest> {
    let sides: Vec<u32> = record.list("frame").iter().filter_map(|i| u32::try_from(i.value.int()?).ok()).collect();
    Some(VisionTest {
        payload: record.text("payload")?.to_owned(),
        frame: if let [width, height] = sides.as_slice() { Some((*width, *height)) } else { None },
        event: record.small("event")?,
        outcome: record.text("outcome")?.to_owned(),
        facts: record
            .map("expect")
            .iter()
            .filter_map(|e| Some((e.key.clone(), e.item.value.text()?.to_owned())))
            .collect(),
    })
}
