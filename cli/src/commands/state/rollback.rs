//! `meridian state rollback`

use anyhow::Result;

use super::{confirm, present, waiting};
use crate::commands::print;
use crate::error::Failure;
use crate::session::Session;
use crate::views;

/// Make an earlier state the present one again, as a new serial. No resource is touched: the next plan shows what differs
/// from what is there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian state rollback prod-eu --to 2 --yes")]
pub struct Args {
    /// Name of the cluster.
    name: String,
    /// Serial of the state to go back to.
    #[arg(long, value_name = "SERIAL")]
    to: u64,
    /// Go on without a question.
    #[arg(long, short)]
    yes: bool,
}

pub async fn run(session: &Session, args: &Args) -> Result<()> {
    let seen = present(session, &args.name).await?;
    let target = session.clusters.at(&args.name, args.to).await?;
    print(&views::state::difference(&seen.state, &target))?;
    confirm(args.yes, &format!("Make serial {} the state of {} again?", args.to, args.name)).await?;
    let lease = session.lease(&args.name, &waiting).await?;
    let written = async {
        let now = present(session, &args.name).await?;
        if now.state != seen.state {
            return Err(Failure::failed(
                format!("the state of {} changed in the meantime, so nothing was done", args.name),
                "run the command again, and look at what it shows",
            ));
        }
        Ok(session.clusters.roll_back(&lease, session.owner(), &now, args.to).await?)
    }
    .await;
    lease.release().await?;
    print(&format!(
        "Serial {} is as {} was. `meridian plan` shows what differs from it.\n",
        written?.state.serial, args.to
    ))
}
