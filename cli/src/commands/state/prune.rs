//! `meridian state prune`

use anyhow::Result;
use meridian_state::Retention;

use super::{present, waiting};
use crate::commands::print;
use crate::error::Failure;
use crate::session::Session;

/// Drop old states from the history. What any of the two options keeps stays, and the present state always.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian state prune prod-eu --keep-last 50\n  \
                        meridian state prune prod-eu --keep-last 10 --keep-days 90")]
pub struct Args {
    /// Name of the cluster.
    name: String,
    /// Keep the newest so many states.
    #[arg(long, value_name = "COUNT")]
    keep_last: Option<u64>,
    /// Keep states that were written within so many days.
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u32>,
}

pub async fn run(session: &Session, args: &Args) -> Result<()> {
    let retention = Retention { keep_last: args.keep_last, keep_days: args.keep_days };
    if retention.keeps_all() {
        return Err(Failure::wrong(
            "prune was not told what to keep",
            "say --keep-last COUNT, --keep-days DAYS or both",
        ));
    }
    let lease = session.lease(&args.name, &waiting).await?;
    let gone = async {
        let present = present(session, &args.name).await?;
        anyhow::Ok(session.clusters.prune(&args.name, &present, retention).await?)
    }
    .await;
    lease.release().await?;
    let count = gone?.len();
    print(&format!(
        "{count} {} dropped from the history of {}.\n",
        if count == 1 { "state was" } else { "states were" },
        args.name
    ))
}
