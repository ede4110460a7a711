//! `gatehouse case`: cases on the command line, straight from the data folder, also beside a running gateway and without it.
//!
//! Exports are noted in `evidence/exports.jsonl`, since no gateway may be there to enter the step.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::cases::bundle::Bundle;
use crate::cases::evidence::{Evidence, Limits};
use crate::cases::seal::{SealKey, sha256};
use crate::clock::{Clock, SystemClock};
use crate::model::case::{Case, CaseFilter, CaseNo, CaseStory};
use crate::model::casewords;
use crate::model::facade::Watched;
use crate::model::text::Lang;
use crate::store::CaseReader;

/// Arguments of `case`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gatehouse case list --open
  gatehouse case show 17
  gatehouse case export 17 --out case-17.tar --by \"Wang Gong\"
  gatehouse case key > public_key.pem
The bundle is checked with openssl and sha256sum alone; its README says how.")]
pub(crate) struct CaseArgs {
    #[command(subcommand)]
    what: What,
    /// Data folder of the gateway.
    #[arg(long, global = true, value_name = "DIR", default_value = "/var/lib/gatehouse")]
    data: PathBuf,
    /// Language: en or zh-CN.
    #[arg(long, global = true, value_name = "LANG", default_value = "en")]
    lang: String,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List cases, newest first.
    List {
        /// Only those not closed, in order of the review.
        #[arg(long)]
        open: bool,
        /// At most so many.
        #[arg(short = 'n', long, default_value_t = 50)]
        count: usize,
    },
    /// One case with every step, as JSON.
    Show {
        /// Number.
        case: CaseNo,
    },
    /// Write the sealed bundle of a case.
    Export {
        /// Number.
        case: CaseNo,
        /// The file to make; it must not exist.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Who exports it; stands in the bundle.
        #[arg(long, default_value = "-")]
        by: String,
        /// With unmasked pictures and clips; wants --by and --reason.
        #[arg(long, requires = "reason")]
        full: bool,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Print the public key with which bundles are sealed.
    Key,
}

/// Runs one of them.
pub(crate) fn main(args: &CaseArgs) -> Result<ExitCode> {
    if !args.data.join("state.db").exists() {
        bail!("{} is not a data folder of gatehouse; name it with --data", args.data.display());
    }
    let reader = CaseReader::at(&args.data);
    match &args.what {
        What::List { open, count } => list(&reader, *open, *count, Lang::from_tag(&args.lang).unwrap_or(Lang::En))?,
        What::Show { case } => show(&reader, &args.data, *case)?,
        What::Export { case, out, by, full, reason } => {
            if *full && by == "-" {
                bail!("--full wants --by as well: the name goes into the record");
            }
            export(&reader, &args.data, *case, out, by, full.then(|| reason.as_deref().unwrap_or_default()))?;
        }
        What::Key => print!("{}", SealKey::open(&args.data)?.public_pem()),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(reader: &CaseReader, open: bool, count: usize, lang: Lang) -> Result<()> {
    let mut found = reader.cases(&CaseFilter { open_only: open, before: None, limit: count })?;
    if open {
        found.sort_by(Case::review_order);
    }
    for case in &found {
        let floors = casewords::floors(&case.judgement).map(|t| t.get(lang).to_owned()).unwrap_or_default();
        let at = jiff::Timestamp::from_millisecond(case.happened_wall_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        println!(
            "{:>6}  {at:.0}  {:<10} {:<18} {}  {floors}",
            case.no.0,
            case.stage.word(),
            casewords::kind_word(case.kind),
            case.place
        );
    }
    Ok(())
}

fn story(reader: &CaseReader, no: CaseNo) -> Result<CaseStory> {
    reader.case(no)?.with_context(|| format!("there is no case {no}; see `gatehouse case list`"))
}

fn show(reader: &CaseReader, data: &Path, no: CaseNo) -> Result<()> {
    let story = story(reader, no)?;
    let files = Evidence::new(data, Limits::default()).entries(no)?;
    let all = serde_json::json!({
        "case": story.case, "steps": story.steps, "sightings": story.sightings, "evidence": files,
    });
    println!("{all:#}");
    Ok(())
}

fn export(reader: &CaseReader, data: &Path, no: CaseNo, out: &Path, by: &str, full: Option<&str>) -> Result<()> {
    let story = story(reader, no)?;
    let evidence = Evidence::new(data, Limits::default());
    let wall_ms = SystemClock.anchor().wall.0;
    let bundle = Bundle { story: &story, watched: &Watched::default(), by, wall_ms, gateway: "", full: full.is_some() };
    let made = bundle.make(&evidence, &SealKey::open(data)?)?;
    note(
        data,
        &serde_json::json!({
            "case": no, "by": by, "wall_ms": wall_ms, "full": full, "sha256": sha256(&made),
        }),
    )?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(out);
    let file = file.as_mut().map_err(|e| anyhow::anyhow!("{}: {e}", out.display()))?;
    file.write_all(&made)?;
    file.sync_all()?;
    println!("{}  {}", sha256(&made), out.display());
    Ok(())
}

/// Before the bundle leaves: who took what.
fn note(data: &Path, facts: &serde_json::Value) -> Result<()> {
    let path = data.join("evidence").join("exports.jsonl");
    let mut log = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("{}: the export cannot be noted, so it is not made", path.display()))?;
    log.write_all(format!("{facts}\n").as_bytes())?;
    log.sync_all().map_err(Into::into)
}
