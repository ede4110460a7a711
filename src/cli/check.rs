//! `gatehouse check`: all faults of all files, in one run. Also the loading that every command with a site shares.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::cli::judge::Cel;
use crate::cli::{EXIT_CONFIG, SiteArgs};
use crate::config::Config;
use crate::config::load::{Loaded, load};
use crate::config::shipped::SHIPPED;
use crate::model::text::Lang;
use crate::text::render;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gatehouse check --config site.toml
  gatehouse check --config site.toml --format json | jq .
The service unit runs this before every start; exit code 78 means that starting would be refused.")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Language of the messages: en or zh-CN. The site's own by default.
    #[arg(long, value_name = "LANG")]
    lang: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For editors and scripts: an array of objects.
    Json,
}

/// Prints all faults; exit 0 or 78.
pub(crate) fn main(args: &CheckArgs) -> Result<ExitCode> {
    let loaded = load_site(&args.site.config, &args.site);
    let lang = args.lang.as_deref().and_then(Lang::from_tag).unwrap_or_else(|| language(&loaded));
    match args.format {
        Format::Json => {
            println!("{:#}", render::json(&loaded.diagnostics, loaded.more, &loaded.sources, lang));
        }
        Format::Text => {
            complain(&loaded, lang);
            if let Some(config) = &loaded.config {
                println!("{}", summary(config, &args.site.config));
            }
        }
    }
    Ok(if loaded.config.is_some() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_CONFIG) })
}

/// Loads a site with the expression checker wired in.
pub(crate) fn load_site(path: &Path, args: &SiteArgs) -> Loaded {
    let mut loaded = load(path, &args.profiles, &SHIPPED, &Cel);
    if let (Some(config), Some(data)) = (&mut loaded.config, &args.data) {
        config.store.path.clone_from(data);
    }
    loaded
}

/// Loads a site or prints why it cannot be used; `Err` holds the exit code.
pub(crate) fn site_or_complaints(args: &SiteArgs) -> Result<Config, ExitCode> {
    let loaded = load_site(&args.config, args);
    let lang = language(&loaded);
    complain(&loaded, lang);
    loaded.config.ok_or(ExitCode::from(EXIT_CONFIG))
}

/// Prints complaints to stderr.
fn complain(loaded: &Loaded, lang: Lang) {
    if !loaded.diagnostics.is_empty() {
        let color = std::io::stderr().is_terminal();
        eprint!("{}", render::human(&loaded.diagnostics, loaded.more, &loaded.sources, lang, color));
    }
}

fn language(loaded: &Loaded) -> Lang {
    loaded.config.as_ref().map_or(Lang::En, |c| c.lang)
}

fn summary(config: &Config, path: &Path) -> String {
    let points: usize = config.devices.iter().map(|d| d.profile.points.len()).sum();
    let alarms: usize = config.devices.iter().map(|d| d.profile.alarms.len()).sum();
    format!(
        "{}: ok: {} lines, {} devices, {points} points, {} alarms, {} upstreams",
        path.display(),
        config.lines.len(),
        config.devices.len(),
        alarms + config.rules.len(),
        config.upstreams.len()
    )
}
