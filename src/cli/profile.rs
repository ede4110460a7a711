//! `gatehouse profile`: list, show and test device profiles and vision profiles, the shipped ones and a site's own.

mod show;
mod vision;

use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, anyhow};

use crate::cli::judge::Cel;
use crate::conditioning::golden;
use crate::config::library::list;
use crate::config::load::{LoadedProfile, load_profile, load_profile_file};
use crate::config::shipped::SHIPPED;
use crate::config::vision::profile::LoadedVision;
use crate::model::text::{Lang, Text};
use crate::profile::Profile;
use crate::profile::vision::VisionProfile;
use crate::text::diagnostic::Diagnostic;
use crate::text::render;
use crate::text::source::Sources;

/// Arguments of `profile`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gatehouse profile list
  gatehouse profile list --profiles ./profiles --lang zh-CN
  gatehouse profile show pump/vfd_generic         sources, wiring, registers, alarms
  gatehouse profile show vision/hikvision         how a camera's events are read
  gatehouse profile test                          the golden vectors of all profiles
  gatehouse profile test meter/eastron_sdm630 ./my_pump.toml")]
pub(crate) struct ProfileArgs {
    #[command(subcommand)]
    command: ProfileCommand,
    /// Folder with own profiles, searched before the shipped ones. May be given more than once.
    #[arg(long, global = true, value_name = "DIR")]
    profiles: Vec<PathBuf>,
    /// Language: en or zh-CN.
    #[arg(long, global = true, value_name = "LANG", default_value = "en")]
    lang: String,
}

#[derive(Debug, clap::Subcommand)]
enum ProfileCommand {
    /// All profiles in reach: id, kind, whether anybody tried it on hardware, name.
    List,
    /// One profile whole: sources, wiring, parameters, register table, alarms.
    #[command(after_help = "\
Examples:
  gatehouse profile show lift/terminal_modbus
  gatehouse profile show ./my_pump.toml --lang zh-CN")]
    Show {
        /// Its id, or the path of a profile file.
        profile: String,
    },
    /// Run the golden vectors. Exit 1 when one does not hold or a profile has faults.
    #[command(after_help = "\
Examples:
  gatehouse profile test
  gatehouse profile test pump/vfd_generic
  gatehouse profile test ./my_pump.toml")]
    Test {
        /// Ids, or paths of profile files; all profiles in reach when left out.
        which: Vec<String>,
    },
}

pub(crate) fn main(args: &ProfileArgs) -> Result<ExitCode> {
    let lang = Lang::from_tag(&args.lang).ok_or_else(|| anyhow!("--lang is en or zh-CN, not `{}`", args.lang))?;
    let reader = Reader { dirs: &args.profiles, lang };
    let mut text = String::new();
    let ok = match &args.command {
        ProfileCommand::List => reader.list(&mut text),
        ProfileCommand::Show { profile } => {
            let found = reader.read(profile).map(|found| match found {
                Found::Device(profile) => show::show(&profile, lang),
                Found::Vision(profile) => vision::show(&profile, lang),
            });
            found.map(|shown| text = shown).is_some()
        }
        ProfileCommand::Test { which } => reader.test(which, &mut text),
    };
    print(&text)?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints; a reader that has seen enough (`| head`) is no fault.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A profile of either sort.
enum Found {
    Device(Arc<Profile>),
    Vision(Box<VisionProfile>),
}

struct Reader<'a> {
    dirs: &'a [PathBuf],
    lang: Lang,
}

impl Reader<'_> {
    /// Reads a profile by id or path; complaints go to stderr.
    fn read(&self, which: &str) -> Option<Found> {
        let as_file = Path::new(which).extension().is_some_and(|e| e == "toml") || which.starts_with(['.', '/']);
        if let Some(LoadedVision { profile, diagnostics, sources }) = vision::read(which, as_file, self.dirs) {
            self.complain(&diagnostics, 0, &sources);
            return profile.map(|profile| Found::Vision(Box::new(profile)));
        }
        let LoadedProfile { profile, diagnostics, more, sources } = if as_file {
            load_profile_file(Path::new(which), &Cel)
        } else {
            load_profile(which, self.dirs, &SHIPPED, &Cel)
        };
        self.complain(&diagnostics, more, &sources);
        profile.map(Found::Device)
    }

    fn complain(&self, diagnostics: &[Diagnostic], more: usize, sources: &Sources) {
        if !diagnostics.is_empty() {
            let color = std::io::stderr().is_terminal();
            eprint!("{}", render::human(diagnostics, more, sources, self.lang, color));
        }
    }

    fn ids(&self) -> Vec<String> {
        list(self.dirs, &SHIPPED).into_iter().map(|p| p.id).chain(vision::ids(self.dirs)).collect()
    }

    fn list(&self, text: &mut String) -> bool {
        let mut ok = true;
        let rows = self.ids().into_iter().map(|id| {
            let name = |name: &Text| name.get(self.lang).to_owned();
            match self.read(&id) {
                Some(Found::Device(p)) => vec![id, p.kind.clone(), p.evidence.clone(), name(&p.name)],
                Some(Found::Vision(p)) => vec![id, "vision".into(), p.evidence.clone(), name(&p.name)],
                None => {
                    ok = false;
                    vec![id, "-".into(), "-".into(), "(has faults, see above)".into()]
                }
            }
        });
        let rows: Vec<_> = rows.collect();
        text.push_str(&show::table(&["ID", "KIND", "EVIDENCE", "NAME"], &rows));
        ok
    }

    fn test(&self, which: &[String], text: &mut String) -> bool {
        let all = if which.is_empty() { self.ids() } else { which.to_vec() };
        let (mut vectors, mut bad) = (0, 0);
        for id in &all {
            let (tests, holds) = match self.read(id) {
                Some(Found::Device(profile)) => (profile.tests.len(), self.test_one(id, &profile, text)),
                Some(Found::Vision(profile)) => (profile.tests.len(), vision::test(id, &profile, text)),
                None => {
                    line(text, format_args!("FAIL  {id}: the profile has faults, or there is none"));
                    (0, false)
                }
            };
            vectors += tests;
            bad += usize::from(!holds);
        }
        line(text, format_args!("{} profiles, {vectors} vectors, {bad} profiles failed", all.len()));
        bad == 0
    }

    fn test_one(&self, id: &str, profile: &Profile, text: &mut String) -> bool {
        if profile.tests.is_empty() {
            line(text, format_args!("FAIL  {id}: no [[test]] vector; add one from a reading you trust"));
            return false;
        }
        let results = golden::run(profile, &Cel);
        let failed = results.iter().filter(|r| !r.faults.is_empty()).count();
        if failed == 0 {
            line(text, format_args!("ok    {id}: {} vectors", results.len()));
            return true;
        }
        line(text, format_args!("FAIL  {id}: {failed} of {} vectors", results.len()));
        for result in results {
            for fault in result.faults {
                line(text, format_args!("      [[test]] {}: {}", result.vector + 1, fault.get(self.lang)));
            }
        }
        false
    }
}

/// Adds a line.
fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    writeln!(text, "{what}").expect("writing to a String never fails");
}
