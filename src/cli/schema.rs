//! `gatehouse schema`: the JSON Schema of the site file or of profiles, and the reference, from the reader's own field table.

use std::process::ExitCode;

use anyhow::Result;

use crate::config;
use crate::model::text::Lang;

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gatehouse schema > site.schema.json           then write `#:schema ./site.schema.json` on top of site.toml
  gatehouse schema --of profile > profile.schema.json
  gatehouse schema --of reference --lang zh-CN  the same table as a document")]
pub(crate) struct SchemaArgs {
    /// Of what.
    #[arg(long, value_enum, default_value_t = Of::Site)]
    of: Of,
    /// Language of the reference: en or zh-CN.
    #[arg(long, default_value = "en")]
    lang: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Of {
    /// The site file.
    Site,
    /// A device profile.
    Profile,
    /// A vision profile.
    Vision,
    /// A document for people about both.
    Reference,
}

pub(crate) fn main(args: &SchemaArgs) -> Result<ExitCode> {
    let schema = match args.of {
        Of::Site => config::schema(),
        Of::Profile => config::profile_schema(),
        Of::Vision => config::vision_schema(),
        Of::Reference => {
            print!("{}", config::reference(Lang::from_tag(&args.lang).unwrap_or(Lang::En)));
            return Ok(ExitCode::SUCCESS);
        }
    };
    println!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(ExitCode::SUCCESS)
}
