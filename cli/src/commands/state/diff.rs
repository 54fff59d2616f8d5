//! `meridian state diff`

use anyhow::Result;
use meridian_state::Difference;

use super::Look;
use crate::args::Output;
use crate::commands::{print, print_json};
use crate::session::Session;
use crate::views;

/// How two states of a cluster differ.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian state diff prod-eu 1 2\n  meridian state diff prod-eu 1 2 -o json")]
pub struct Args {
    /// Name of the cluster.
    name: String,
    /// Serial of the earlier state.
    before: u64,
    /// Serial of the later one.
    after: u64,
    #[command(flatten)]
    look: Look,
}

pub async fn run(session: &Session, args: &Args) -> Result<()> {
    let clusters = &session.clusters;
    let (before, after) = tokio::try_join!(clusters.at(&args.name, args.before), clusters.at(&args.name, args.after))?;
    match args.look.output {
        Output::Json => print_json(&Difference::between(&before, &after)),
        Output::Text => print(&views::state::difference(&before, &after)),
    }
}
