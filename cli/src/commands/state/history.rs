//! `meridian state history`

use anyhow::Result;
use comfy_table::{Table, presets};

use super::Look;
use crate::args::Output;
use crate::commands::{print, print_json};
use crate::session::{Session, no_such_cluster};
use crate::views::clean;

/// Every write that is kept, oldest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian state history prod-eu\n  meridian state history prod-eu -o json")]
pub struct Args {
    /// Name of the cluster.
    name: String,
    #[command(flatten)]
    look: Look,
}

pub async fn run(session: &Session, args: &Args) -> Result<()> {
    let history = session.clusters.history(&args.name).await?;
    if history.is_empty() {
        return Err(no_such_cluster(&args.name));
    }
    if args.look.output == Output::Json {
        return print_json(&history);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["SERIAL", "WRITTEN", "PHASE", "RESOURCES", "BY"]);
    for entry in history {
        table.add_row([
            entry.serial.to_string(),
            entry.written_at.to_string(),
            entry.phase.to_string(),
            entry.resources.to_string(),
            clean(&entry.written_by.to_string()),
        ]);
    }
    print(&format!("{}\n", table.trim_fmt()))
}
