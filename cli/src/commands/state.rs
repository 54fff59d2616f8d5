//! `meridian state`

use anyhow::Result;
use comfy_table::{Table, presets};

use super::carry_out::confirm;
use super::{print, print_json};
use crate::args::Global;
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::session::no_such_cluster;

/// Look at what is remembered of clusters
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian state list\n  meridian state history prod-eu\n  \
                        meridian state show prod-eu --serial 1")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// The clusters of the state, a name a line.
    List,
    /// A state as JSON.
    Show {
        /// Name of the cluster.
        name: String,
        /// As it was at this serial.
        #[arg(long)]
        serial: Option<u64>,
    },
    /// Every write, oldest first.
    History {
        /// Name of the cluster.
        name: String,
    },
    /// Take the lease away from a holder that is gone for good.
    Unlock {
        /// Name of the cluster.
        name: String,
        /// Go on without a question.
        #[arg(long, short)]
        yes: bool,
    },
}

pub async fn run(global: &Global, args: Args) -> Result<Code> {
    let session = Context::offline(global)?;
    let clusters = &session.clusters;
    match args.command {
        Command::List => {
            for name in clusters.list().await? {
                print(&format!("{name}\n"))?;
            }
        }
        Command::Show { name, serial: None } => {
            print_json(&clusters.load(&name).await?.ok_or_else(|| no_such_cluster(&name))?.state)?;
        }
        Command::Show { name, serial: Some(serial) } => {
            let state = clusters.at(&name, serial).await?.ok_or_else(|| {
                Failure::failed(
                    format!("the cluster `{name}` has no serial {serial}"),
                    format!("`meridian state history {name}` lists them"),
                )
            })?;
            print_json(&state)?;
        }
        Command::History { name } => {
            let mut table = Table::new();
            table.load_style(presets::NOTHING).set_header(["SERIAL", "WRITTEN", "RESOURCES", "BY"]);
            let history = clusters.history(&name).await?;
            if history.is_empty() {
                return Err(no_such_cluster(&name));
            }
            for entry in history {
                table.add_row([
                    entry.serial.to_string(),
                    entry.written_at.to_string(),
                    entry.resources.to_string(),
                    crate::views::clean(&entry.written_by.to_string()),
                ]);
            }
            print(&format!("{}\n", table.trim_fmt()))?;
        }
        Command::Unlock { name, yes } => {
            let Some(holder) = clusters.holder(&name).await? else {
                print(&format!("Nobody holds the lease of {name}.\n"))?;
                return Ok(Code::Done);
            };
            confirm(
                yes,
                &format!("The lease of {name} is held by {}. Take it away?", crate::views::clean(&holder.to_string())),
            )?;
            clusters.unlock(&name).await?;
        }
    }
    Ok(Code::Done)
}
