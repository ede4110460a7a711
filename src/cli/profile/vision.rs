//! Vision profiles (how a camera's events are read) beside device profiles: as `vision/<id>`, or by the path of a file.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use crate::cli::profile::line;
use crate::cli::profile::show::table;
use crate::config::vision::profile::{LoadedVision, list, load_vision, load_vision_file};
use crate::model::text::Lang;
use crate::profile::vision::{Meaning, Pointers, VisionProfile};
use crate::southbound::vision::golden;

/// Where a vision profile is by its name here.
const PREFIX: &str = "vision/";
/// Times without a zone in the vectors are meant in the default zone of a site.
const ZONE: &str = "Asia/Shanghai";

/// Names of all vision profiles in reach.
pub(super) fn ids(dirs: &[PathBuf]) -> Vec<String> {
    list(dirs).into_iter().map(|id| format!("{PREFIX}{id}")).collect()
}

/// Reads one by its name or path; `None` where neither means a vision profile.
pub(super) fn read(which: &str, is_file: bool, dirs: &[PathBuf]) -> Option<LoadedVision> {
    if is_file {
        let text = std::fs::read_to_string(which).ok()?;
        // The table that a vision profile must have and a device profile cannot.
        return text.lines().any(|line| line.trim() == "[event]").then(|| load_vision_file(Path::new(which)));
    }
    load_vision(which.strip_prefix(PREFIX)?, dirs)
}

/// Runs the golden vectors; whether all hold.
pub(super) fn test(id: &str, profile: &VisionProfile, text: &mut String) -> bool {
    if profile.tests.is_empty() {
        line(text, format_args!("FAIL  {id}: no [[test]] vector; add an event that you recorded"));
        return false;
    }
    let results = golden::run(profile, &TimeZone::get(ZONE).unwrap_or(TimeZone::UTC));
    let failed = results.iter().filter(|faults| !faults.is_empty()).count();
    if failed == 0 {
        line(text, format_args!("ok    {id}: {} vectors", results.len()));
        return true;
    }
    line(text, format_args!("FAIL  {id}: {failed} of {} vectors", results.len()));
    for (number, fault) in (1..).zip(&results).flat_map(|(n, faults)| faults.iter().map(move |fault| (n, fault))) {
        line(text, format_args!("      [[test]] {number}: {fault}"));
    }
    false
}

/// Sources, settings of the camera, and where each field is.
pub(super) fn show(profile: &VisionProfile, lang: Lang) -> String {
    let say = |zh: &'static str, en: &'static str| if lang == Lang::Zh { zh } else { en };
    let mut text = String::new();
    line(&mut text, format_args!("{PREFIX}{}  {}", profile.id, profile.name.get(lang)));
    let tried = match profile.evidence.as_str() {
        "tested" => say("已在实物上验证", "tried on hardware"),
        _ => say("依据文档，未在实物上验证", "made from documents, not yet tried on hardware"),
    };
    line(&mut text, format_args!("vision, {} {}, {tried}", say("版本", "revision"), profile.revision));
    line(&mut text, format_args!("\n{}", say("出处", "Sources")));
    for source in &profile.source {
        line(&mut text, format_args!("  {source}"));
    }
    line(&mut text, format_args!("\n{}\n  {}", say("设置与注意", "Settings and traps"), profile.note.get(lang)));
    if let Some(stream) = &profile.stream {
        line(&mut text, format_args!("\n{}\n  {}", say("事件流", "Event stream"), stream.path));
    }
    line(&mut text, format_args!("\n{}", say("字段", "Fields")));
    let event = &profile.event;
    let fields: [(&str, &Pointers); 11] = [
        ("each", &event.each),
        ("id", &event.id),
        ("time", &event.time),
        ("kind", &event.kind),
        ("action", &event.action),
        ("source", &event.source),
        ("object", &event.object),
        ("confidence", &event.confidence),
        ("fps", &event.fps),
        ("width", &event.width),
        ("floor", &event.floor),
    ];
    let mut rows: Vec<Vec<String>> = fields
        .into_iter()
        .filter(|(_, at)| !at.is_empty())
        .map(|(name, at)| vec![name.into(), at.join(", ")])
        .collect();
    for (name, map) in [("track", &event.track), ("box", &event.boxes)] {
        rows.extend(map.as_ref().map(|map| vec![name.into(), map.at.join(", ")]));
    }
    rows.extend(event.footage.iter().map(|f| vec![format!("{:?}", f.what).to_lowercase(), f.at.join(", ")]));
    text.push_str(&indented(&rows));
    line(&mut text, format_args!("\n{}", say("事件类型", "Kinds")));
    let meaning = |of: &Meaning| match of {
        Meaning::Kind(kind) => crate::model::casewords::kind(*kind).get(lang).to_owned(),
        Meaning::Ignore => say("忽略", "ignored").to_owned(),
    };
    let rows: Vec<Vec<String>> = profile.kinds.iter().map(|(word, of)| vec![word.clone(), meaning(of)]).collect();
    text.push_str(&indented(&rows));
    text
}

fn indented(rows: &[Vec<String>]) -> String {
    table(&[], rows).lines().map(|line| format!("  {line}\n")).collect()
}
