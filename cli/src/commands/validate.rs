//! `meridian validate`

use anyhow::Result;
use meridian_spec::{Catalogue, Faults};

use super::{files, print, print_json};
use crate::args::{Files, Global, Output};
use crate::error::{Code, Failure};
use crate::registry::Registry;
use crate::session::unfit;

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
    let result = meridian_spec::clusters(&files, Catalogue::builtin()?);
    if args.output == Output::Json {
        let none = Faults::default();
        // What the cloud of a spec without faults can't do makes it no less unusable.
        let unfit = result.as_ref().ok().and_then(|clusters| unfit(&Registry::default(), clusters).err());
        let valid = result.is_ok() && unfit.is_none();
        print_json(&serde_json::json!({
            "valid": valid,
            "faults": result.as_ref().err().unwrap_or(&none),
            "unfit": unfit.iter().flat_map(|error| error.to_string().lines().map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>(),
        }))?;
        return if valid { Ok(Code::Done) } else { Err(Failure::silent(Code::Wrong)) };
    }
    let clusters = result?;
    unfit(&Registry::default(), &clusters)?;
    let names: Vec<_> = clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    print(&format!("Valid: {}.\n", names.join(", ")))?;
    Ok(Code::Done)
}
