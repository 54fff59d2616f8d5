//! `meridian validate`

use anyhow::Result;
use meridian_spec::{Catalogue, Faults};

use super::{files, print, print_json};
use crate::args::{Files, Global, Output};
use crate::error::{Code, Failure};
use crate::registry::Registry;
use crate::session::clusters_that_fit;

/// Check specs offline; every fault at once, with its place and how to mend it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  meridian validate -f cluster.yaml\n  meridian validate -f clusters/*.yaml -o json"
)]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// How the result looks.
    #[arg(short, long, default_value = "text")]
    output: Output,
}

pub fn run(_: &Global, args: &Args) -> Result<Code> {
    let files = files::read(&args.files)?;
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let result = clusters_that_fit(&Registry::default(), Catalogue::builtin()?, &files);
    if args.output == Output::Json {
        let none = Faults::default();
        print_json(&serde_json::json!({
            "valid": result.is_ok(),
            "faults": result.as_ref().err().unwrap_or(&none),
        }))?;
        return if result.is_ok() { Ok(Code::Done) } else { Err(Failure::silent(Code::Wrong)) };
    }
    let clusters = result?;
    let names: Vec<_> = clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    print(&format!("Valid: {}.\n", names.join(", ")))?;
    Ok(Code::Done)
}
