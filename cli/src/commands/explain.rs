//! `meridian explain`

use anyhow::Result;
use meridian_spec::{Catalogue, Kind};

use super::print;
use crate::error::{Code, Failure};

/// Say what a field of a spec means
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian explain spec.network\n  meridian explain spec.pools.min")]
pub struct Args {
    /// Path of the field.
    #[arg(default_value = "")]
    path: String,
    /// The kind of spec.
    #[arg(long, default_value = "Cluster")]
    kind: String,
}

pub fn run(args: &Args) -> Result<Code> {
    let kind: Kind = super::schema::kind(&args.kind)?;
    let text = meridian_spec::explain(kind, &args.path, Catalogue::builtin()?).ok_or_else(|| {
        Failure::wrong(
            format!("a {} has no field `{}`", kind.name(), args.path),
            "`meridian explain` without a path lists the fields at the top",
        )
    })?;
    print(&format!("{}\n", text.trim_end()))?;
    Ok(Code::Done)
}
