//! `meridian state unlock`

use anyhow::Result;

use super::confirm;
use crate::commands::print;
use crate::session::Session;
use crate::views::clean;

/// Take the lease away from a holder that is gone for good.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian state unlock prod-eu")]
pub struct Args {
    /// Name of the cluster.
    name: String,
    /// Go on without a question.
    #[arg(long, short)]
    yes: bool,
}

pub async fn run(session: &Session, args: &Args) -> Result<()> {
    let Some((holder, until)) = session.clusters.holder(&args.name).await? else {
        return print(&format!("Nobody holds the lease of {}.\n", args.name));
    };
    let holder = clean(&holder.to_string());
    let question = format!(
        "The lease of {} is held by {holder} until {until}, and put off while that one lives. Take it away?",
        args.name
    );
    confirm(args.yes, &question).await?;
    session.clusters.unlock(&args.name).await?;
    print(&format!("The lease of {} was taken away from {holder}.\n", args.name))
}
