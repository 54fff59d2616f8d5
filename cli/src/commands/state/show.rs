//! `meridian state show`

use anyhow::Result;

use super::present;
use crate::commands::print_json;
use crate::session::Session;

/// A state as JSON.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian state show prod-eu\n  meridian state show prod-eu --serial 1")]
pub struct Args {
    /// Name of the cluster.
    name: String,
    /// As it was at this serial.
    #[arg(long)]
    serial: Option<u64>,
}

pub async fn run(session: &Session, args: &Args) -> Result<()> {
    let state = match args.serial {
        Some(serial) => session.clusters.at(&args.name, serial).await?,
        None => present(session, &args.name).await?.state,
    };
    print_json(&state)
}
