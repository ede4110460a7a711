//! One run over all files of a site: read, check, look up, build.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Config;
use crate::config::context::Context;
use crate::config::credential::Credentials;
use crate::config::expr::ExprCheck;
use crate::config::fields::site::SITE_FILE;
use crate::config::library::{self, Library};
use crate::config::shipped::ShippedProfiles;
use crate::config::site;
use crate::profile::Profile;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::{FileIx, Sources, Span};
use crate::text::{file, reader};

/// What came of loading a site.
pub type Loaded = Outcome<Config>;
/// What came of loading a profile.
pub type LoadedProfile = Outcome<Arc<Profile>>;

/// What came of loading something.
#[derive(Debug)]
pub struct Outcome<T> {
    /// The thing itself, if there is no error.
    pub config: Option<T>,
    /// All complaints, by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// Complaints beyond [`crate::text::diagnostic::FAULTS_MAX`].
    pub more: usize,
    /// The texts the complaints speak of.
    pub sources: Sources,
}

/// Loads the site file at `path`. Profiles are looked for in `profile_dirs` (first wins), then among the shipped ones;
/// credentials where [`Credentials::beside`] says.
#[must_use]
pub fn load(path: &Path, profile_dirs: &[PathBuf], shipped: &ShippedProfiles, checker: &dyn ExprCheck) -> Loaded {
    let mut cx = Context::new(checker);
    let mut library = Library::new(profile_dirs, shipped);
    let secrets = Credentials::beside(path);
    let config = file::read(path, None, &mut cx.sources, &mut cx.report).and_then(|file| {
        let record = reader::read(&cx.sources, file, &SITE_FILE, &mut cx.report);
        cx.heads_broken = heads_broken(&cx, file);
        site::build(&record, path, &mut library, &secrets, &mut cx)
    });
    finish(config, cx)
}

/// Whether a syntax fault stands in a table head: what that table declares is then missing through no fault of others.
fn heads_broken(cx: &Context<'_>, file: FileIx) -> bool {
    let Some(source) = cx.sources.file(file) else { return false };
    let in_head = |span: Span| {
        let line = source.line(source.position(span.start).line);
        source.text().get(line).is_some_and(|line| line.trim_start().starts_with('['))
    };
    cx.report.kept().iter().any(|d| d.code == crate::text::code::SYNTAX && in_head(d.span))
}

/// Loads one profile by its id.
#[must_use]
pub fn load_profile(
    id: &str,
    profile_dirs: &[PathBuf],
    shipped: &ShippedProfiles,
    checker: &dyn ExprCheck,
) -> LoadedProfile {
    let mut cx = Context::new(checker);
    let mut library = Library::new(profile_dirs, shipped);
    // A place for "there is no such profile": the name as it was asked for.
    let asked = cx.sources.add("", id);
    let profile = library.get(id, Some(Span::new(asked, 0..id.len())), &mut cx).and_then(|k| k.profile.clone());
    finish(profile, cx)
}

/// Loads one profile file, wherever it stands; its id is not compared with its path.
#[must_use]
pub fn load_profile_file(path: &Path, checker: &dyn ExprCheck) -> LoadedProfile {
    let mut cx = Context::new(checker);
    let file = file::read(path, None, &mut cx.sources, &mut cx.report);
    let profile = file.and_then(|file| library::read(file, None, &mut cx).profile);
    finish(profile, cx)
}

fn finish<T>(config: Option<T>, cx: Context<'_>) -> Outcome<T> {
    let config = config.filter(|_| cx.report.errors() == 0);
    let (diagnostics, more) = cx.report.finish();
    Outcome { config, diagnostics, more, sources: cx.sources }
}
