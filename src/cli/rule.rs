//! `gatehouse rule test`: how often a rule would have fired over this gateway's own history, now and with other settings.
//!
//! Reads the data folder beside the running gateway, without its lock. The rules are built and run by the gateway's own code;
//! [`replay`] feeds them, [`setting`] changes them, [`show`] prints.

mod replay;
mod setting;
mod show;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::cli::check::site_or_complaints;
use crate::cli::rule::replay::{Coverage, Replay, Span, Tally, Watched};
use crate::cli::rule::setting::SettingFault;
use crate::cli::{EXIT_USAGE, SiteArgs};
use crate::clock::{Clock, SystemClock};
use crate::conditioning::PointRule;
use crate::config::Config;
use crate::gateway::{SiteRules, site_rules};
use crate::model::id::PointIx;
use crate::model::stored::PastGaps;
use crate::model::text::Lang;
use crate::profile::{Deadband, PointSource};
use crate::rules::{RuleDef, Test};

/// A rule needs some record before the range to be in the state that it would have been in.
const LEAD_MS: i64 = 3_600_000;
/// Baselines compare with the same weekday of four weeks.
const BASELINE_LEAD_MS: i64 = 29 * 86_400_000;

/// Arguments of `rule`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  gatehouse rule test night_flow --from 30d --set above=6")]
pub(crate) struct RuleArgs {
    #[command(subcommand)]
    command: RuleCommand,
}

#[derive(Debug, clap::Subcommand)]
enum RuleCommand {
    /// How often a rule would have fired over the history of this gateway.
    #[command(after_help = "\
Examples:
  gatehouse rule test night_flow --config site.toml --from 30d
  gatehouse rule test b3_pump_1.bearing_hot --from 7d --set above=85 --set for=5m
  gatehouse rule test b3_pump_1.dry_run --set dry_pressure=0.08 --format json
Settings are called as in the site file and the profile: above, below, hysteresis, for, off_delay, window, count, within,
learn, deviation, is, after, when, and the parameters of the device. The gateway may run meanwhile; nothing is changed.")]
    Test(TestArgs),
}

#[derive(Debug, clap::Args)]
struct TestArgs {
    /// `rule.night_flow`, `night_flow` or `device.alarm`.
    name: String,
    #[command(flatten)]
    site: SiteArgs,
    /// How far back to begin.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    from: String,
    /// Try the rule with this setting besides. May be given more than once.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Language: en or zh-CN. The site's own by default.
    #[arg(long, value_name = "LANG")]
    lang: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For scripts: one object; times in UTC milliseconds.
    Json,
}

/// Everything that is printed.
#[derive(Debug)]
struct Outcome {
    key: String,
    title: String,
    points: Vec<String>,
    unit: Option<String>,
    span: Span,
    coverage: Coverage,
    damaged: PastGaps,
    thinned: Vec<String>,
    uses_hour: bool,
    sets: Vec<String>,
    present: Tally,
    changed: Option<Tally>,
}

/// Runs the command: 0, or 1 without a history, 64 for an unknown rule or setting, 78 for a bad configuration.
pub(crate) fn main(args: &RuleArgs) -> Result<ExitCode> {
    let RuleCommand::Test(args) = &args.command;
    let config = match site_or_complaints(&args.site) {
        Ok(config) => config,
        Err(code) => return Ok(code),
    };
    let lang = args.lang.as_deref().and_then(Lang::from_tag).unwrap_or(config.lang);
    let trial = match Trial::new(&config, args, lang) {
        Ok(trial) => trial,
        Err(SettingFault(text)) => {
            eprintln!("gatehouse: {}", text.get(lang));
            return Ok(ExitCode::from(EXIT_USAGE));
        }
    };
    let outcome = trial.run(&config)?;
    match args.format {
        Format::Text => print!("{}", show::text(&outcome, lang)),
        Format::Json => println!("{:#}", show::json(&outcome)),
    }
    Ok(ExitCode::SUCCESS)
}

/// One rule, ready to be tried.
struct Trial {
    key: String,
    title: String,
    site: SiteRules,
    present: RuleDef,
    changed: Option<RuleDef>,
    from_ms: i64,
    sets: Vec<String>,
}

impl Trial {
    fn new(config: &Config, args: &TestArgs, lang: Lang) -> Result<Self, SettingFault> {
        let key = setting::resolve(config, &args.name)?;
        let from_ms = i64::try_from(setting::duration("--from", &args.from)?.as_millis()).unwrap_or(i64::MAX);
        let site = site_rules(config).map_err(|e| setting::refused(&e))?;
        let present = rule(&site, &key).ok_or_else(|| setting::refused(&key))?;
        let changed = if args.sets.is_empty() {
            None
        } else {
            let changed = setting::changed(config, &key, &args.sets)?;
            // Whatever a setting cannot be, the builder of the rules says.
            rule(&site_rules(&changed).map_err(|e| setting::refused(&e))?, &key)
        };
        let title = title(config, &key, lang);
        Ok(Self { key, title, site, present, changed, from_ms, sets: args.sets.clone() })
    }

    fn run(self, config: &Config) -> Result<Outcome> {
        let clock = Arc::new(SystemClock);
        let to_ms = clock.anchor().wall.0;
        let (zone, calendar) = (config.time_zone.clone(), config.calendar.clone());
        let span = Span { from_ms: to_ms.saturating_sub(self.from_ms), to_ms, zone, calendar };
        let mut points = self.present.test.points();
        points.extend(self.changed.iter().flat_map(|def| def.test.points()));
        points.sort_unstable();
        points.dedup();
        let watched: Vec<Watched> = points.iter().filter_map(|p| watched(config, &self.site, *p)).collect();
        let key = |p: PointIx| self.site.site.points.get(p.ix()).map(|i| i.key.to_string());
        let keys: Vec<String> = watched.iter().filter_map(|w| key(w.point)).collect();
        let thinned = watched.iter().filter(|w| w.thinned).filter_map(|w| key(w.point)).collect();
        let defs: Vec<RuleDef> = [Some(self.present.clone()), self.changed.clone()].into_iter().flatten().collect();
        let lead_ms = defs.iter().map(lead_ms).max().unwrap_or(0);
        let uses_hour = defs.iter().any(|def| matches!(&def.test, Test::When(program) if program.uses_hour()));

        let dir = &config.store.path;
        let reader = crate::store::visit(dir, clock)?;
        let mut replay = Replay::new(defs, watched, self.site.site.points.len(), span.clone());
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        let range = (span.from_ms.saturating_sub(lead_ms), span.to_ms);
        let read = reader.past(&names, range, &mut |readings| readings.iter().for_each(|r| replay.reading(r)));
        let damaged = read.with_context(|| format!("cannot read the history in {}", dir.display()))?;
        let (coverage, tallies) = replay.finish();
        anyhow::ensure!(
            coverage.readings > 0,
            "there is no reading of {} in {} for this time; is this the data folder of the running gateway, and has it \
             run since then?",
            keys.join(", "),
            dir.display()
        );
        let mut tallies = tallies.into_iter();
        let present = tallies.next().context("the rule was not run")?;
        let unit = points.first().and_then(|p| self.site.site.points.get(p.ix())).and_then(|p| p.unit);
        Ok(Outcome {
            key: self.key,
            title: self.title,
            unit: unit.map(|u| u.code().to_owned()).filter(|_| points.len() == 1),
            points: keys,
            span,
            coverage,
            damaged,
            thinned,
            uses_hour,
            sets: self.sets,
            present,
            changed: tallies.next(),
        })
    }
}

fn rule(site: &SiteRules, key: &str) -> Option<RuleDef> {
    site.rules.iter().find(|def| *def.key == *key).cloned()
}

fn title(config: &Config, key: &str, lang: Lang) -> String {
    let (device, id) = key.split_once('.').unwrap_or_default();
    let alarm = config.devices.iter().find(|d| d.id.as_str() == device).and_then(|d| {
        let alarm = d.profile.alarms.iter().find(|a| a.id.as_str() == id)?;
        Some(format!("{} {}", d.name, alarm.text.title.get(lang)))
    });
    let own = || config.rules.iter().find(|r| r.id.as_str() == id).map(|r| r.text.title.get(lang).to_owned());
    alarm.or_else(own).unwrap_or_default()
}

/// How a point is polled and stored.
fn watched(config: &Config, site: &SiteRules, point: PointIx) -> Option<Watched> {
    let rule: &PointRule = site.points.get(point.ix())?;
    let info = site.site.points.get(point.ix())?;
    let device = config.devices.get(info.device.ix())?;
    let spec = device.profile.points.iter().find(|p| p.id == info.id)?;
    let derived = matches!(spec.source, PointSource::Derived(_));
    Some(Watched {
        point,
        every_ms: i64::from(info.every_ms),
        repeat_ms: rule.repeat_ms,
        // A computed point speaks as often as its inputs, which are polled or expected.
        speaks: rule.stale_ms.is_some() || derived,
        thinned: rule.deadband != Deadband::None,
    })
}

/// How much record a rule needs before the range.
fn lead_ms(def: &RuleDef) -> i64 {
    let own = match &def.test {
        Test::Rate { window_ms, .. } | Test::Count { window_ms, .. } => *window_ms,
        Test::Absence { after_ms, .. } => *after_ms,
        // Commissioning, and as much again as half of it may be missing.
        Test::Trend { learn_ms, .. }
        | Test::Anomaly { learn_ms, .. }
        | Test::DeviceAnomaly { learn_ms, .. }
        | Test::Change { learn_ms, .. } => learn_ms.saturating_mul(2),
        Test::Baseline { .. } => BASELINE_LEAD_MS,
        Test::Limit { .. } | Test::State { .. } | Test::Peer { .. } | Test::When(_) => 0,
    };
    own.saturating_add(def.on_delay_ms).saturating_add(def.off_delay_ms).saturating_add(LEAD_MS)
}
