//! `meridian schema`

use anyhow::Result;
use meridian_spec::{Catalogue, Kind};

use super::print_json;
use crate::error::{Code, Failure};

/// Print the JSON Schema of a kind of spec, for editors
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian schema Cluster > cluster.schema.json")]
pub struct Args {
    /// The kind.
    #[arg(default_value = "Cluster")]
    kind: String,
}

pub fn run(args: &Args) -> Result<Code> {
    print_json(&meridian_spec::schema(kind(&args.kind)?, Catalogue::builtin()?))?;
    Ok(Code::Done)
}

/// The kind called `name`.
pub fn kind(name: &str) -> Result<Kind> {
    Kind::named(name).ok_or_else(|| {
        let known: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        Failure::wrong(format!("there is no kind `{name}`"), format!("kinds: {}", known.join(", ")))
    })
}
