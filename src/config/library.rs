//! Where profiles come from: the given folders first, then the ones compiled in. Each is read once a run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::context::Context;
use crate::config::fields::profile::PROFILE_FILE;
use crate::config::profile::build;
use crate::config::shipped::ShippedProfiles;
use crate::profile::Profile;
use crate::text::code;
use crate::text::diagnostic::{Diagnostic, say};
use crate::text::record::{Record, Value};
use crate::text::source::{FileIx, Span};
use crate::text::suggest::did_you_mean;
use crate::text::{file, reader};

/// A profile that was read.
pub(crate) struct Known {
    /// As it stands; `None` when it has faults, which have been told.
    pub(crate) profile: Option<Arc<Profile>>,
    record: Record,
}

/// All profiles in reach.
pub(crate) struct Library<'a> {
    dirs: &'a [PathBuf],
    shipped: &'a ShippedProfiles,
    read: BTreeMap<String, Known>,
}

impl<'a> Library<'a> {
    pub(crate) fn new(dirs: &'a [PathBuf], shipped: &'a ShippedProfiles) -> Self {
        Self { dirs, shipped, read: BTreeMap::new() }
    }

    /// The folders that are searched before the shipped profiles.
    pub(crate) fn dirs(&self) -> &'a [PathBuf] {
        self.dirs
    }

    /// The profile called `id`, read on first use; `None` (and a complaint at `from`) when there is none.
    pub(crate) fn get(&mut self, id: &str, from: Option<Span>, cx: &mut Context<'_>) -> Option<&Known> {
        if !self.read.contains_key(id) {
            let file = self.find(id, from, cx)?;
            let known = read(file, Some(id), cx);
            self.read.insert(id.to_owned(), known);
        }
        self.read.get(id)
    }

    /// The text of a profile; `None` for one that does not exist. One that cannot be read is remembered as faulty.
    fn find(&mut self, id: &str, from: Option<Span>, cx: &mut Context<'_>) -> Option<FileIx> {
        let path = self.dirs.iter().map(|dir| dir.join(format!("{id}.toml"))).find(|path| path.exists());
        if let Some(path) = path {
            let found = file::read(&path, None, &mut cx.sources, &mut cx.report);
            if found.is_none() {
                let nowhere = Span::new(cx.sources.add("", ""), 0..0);
                self.read.insert(id.to_owned(), Known { profile: None, record: Record::new(nowhere) });
            }
            return found;
        }
        if let Some(text) = self.shipped.get(id) {
            return Some(cx.sources.add(&format!("shipped:{id}.toml"), text));
        }
        if let Some(span) = from {
            let help = if cx.report.full() {
                None
            } else {
                let all = list(self.dirs, self.shipped);
                did_you_mean(id, all.iter().map(|p| p.id.as_str()))
            };
            let message = say(format!("there is no profile `{id}`"), format!("没有名为 `{id}` 的设备模板"));
            cx.report.add(Diagnostic::error(code::UNKNOWN_PROFILE, span, message).maybe_help(help));
        }
        None
    }
}

/// Reads a profile; `wanted` is the id under which it was looked for.
pub(crate) fn read(file: FileIx, wanted: Option<&str>, cx: &mut Context<'_>) -> Known {
    let before = cx.report.errors();
    let record = reader::read(&cx.sources, file, &PROFILE_FILE, &mut cx.report);
    let head = record.record("profile");
    if let (Some(wanted), Some((head, id))) = (wanted, head.and_then(|h| Some((h, h.text("id")?))))
        && id != wanted
    {
        let message =
            (format!("this is the profile `{wanted}`, not `{id}`"), format!("此模板应为 `{wanted}`，而不是 `{id}`"));
        let help =
            (format!("write `id = \"{wanted}\"`, or move the file"), format!("请写 `id = \"{wanted}\"`，或移动文件"));
        cx.error(code::PROFILE_ID, head.span_of("id"), (&message.0, &message.1), (&help.0, &help.1));
    }
    let profile = build(&record, None, cx).filter(|_| cx.report.errors() == before);
    Known { profile: profile.map(Arc::new), record }
}

impl Known {
    /// The profile with a site's changes; shared and unchanged when there are none.
    pub(crate) fn changed(&self, changes: &[crate::text::record::Entry], cx: &mut Context<'_>) -> Option<Arc<Profile>> {
        let base = self.profile.as_ref()?;
        if changes.is_empty() {
            return Some(Arc::clone(base));
        }
        let mut record = self.record.clone();
        let points = record.map_mut("point")?;
        for change in changes {
            let Some(point) = points.iter_mut().find(|e| e.key == change.key) else {
                let there = base.points.iter().map(|p| p.id.as_str());
                cx.unknown(code::UNKNOWN_POINT, change.key_span, ("point", "测点"), &change.key, there);
                continue;
            };
            if let (Value::Record(point), Some(change)) = (&mut point.item.value, change.item.value.record()) {
                point.overlay(change);
            }
        }
        build(&record, Some(base), cx).map(Arc::new)
    }
}

/// A profile that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// Its id.
    pub id: String,
    /// Its file; `None` when it is compiled in.
    pub path: Option<PathBuf>,
}

/// All profiles in reach, by id; one in a folder hides the shipped one of the same id.
#[must_use]
pub fn list(dirs: &[PathBuf], shipped: &ShippedProfiles) -> Vec<Available> {
    let mut all: BTreeMap<String, Option<PathBuf>> = shipped.0.iter().map(|(id, _)| ((*id).to_owned(), None)).collect();
    for dir in dirs.iter().rev() {
        for kind in folders(dir) {
            for path in files(&kind) {
                let name = |p: &std::path::Path| p.file_stem().and_then(|s| s.to_str()).map(str::to_owned);
                if let (Some(kind), Some(model)) = (name(&kind), name(&path)) {
                    all.insert(format!("{kind}/{model}"), Some(path));
                }
            }
        }
    }
    all.into_iter().map(|(id, path)| Available { id, path }).collect()
}

fn entries(dir: &std::path::Path) -> impl Iterator<Item = PathBuf> {
    // A folder that cannot be listed offers nothing; naming a profile in it still tells why.
    std::fs::read_dir(dir).into_iter().flatten().filter_map(|entry| entry.ok().map(|e| e.path()))
}

fn folders(dir: &std::path::Path) -> Vec<PathBuf> {
    // Vision profiles are of another form and have a list of their own.
    entries(dir).filter(|p| p.is_dir() && !p.ends_with("vision")).collect()
}

fn files(dir: &std::path::Path) -> Vec<PathBuf> {
    entries(dir).filter(|p| p.extension().is_some_and(|e| e == "toml")).collect()
}
