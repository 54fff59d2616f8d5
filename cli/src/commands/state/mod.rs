//! `meridian state`: one of its commands a file.

mod adopt;
mod diff;
mod forget;
mod history;
mod init;
mod list;
mod prune;
mod rekey;
mod rollback;
mod show;
mod unlock;

use anyhow::Result;
use meridian_state::clusters::Loaded;

use crate::again::Again;
use crate::args::{Global, Output};
use crate::commands::carry_out;
use crate::context::Context;
use crate::error::Code;
use crate::interrupts::Interrupts;
use crate::session::{Session, no_such_cluster};

/// Look at what is remembered of clusters, and mend it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian state list\n  meridian state history prod-eu\n  \
                        meridian state show prod-eu --serial 1\n  meridian state diff prod-eu 1 2\n  \
                        meridian state rollback prod-eu --to 2 --yes\n  meridian state prune prod-eu --keep-last 50")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Init(init::Args),
    Rekey(rekey::Args),
    /// The clusters of the state, a name a line.
    List,
    Show(show::Args),
    History(history::Args),
    Diff(diff::Args),
    Rollback(rollback::Args),
    Prune(prune::Args),
    Forget(forget::Args),
    Adopt(adopt::Args),
    Unlock(unlock::Args),
}

pub async fn run(global: &Global, args: Args) -> Result<Code> {
    match &args.command {
        Command::Init(args) => return init::run(global, args).await,
        Command::Rekey(args) => return rekey::run(global, args).await,
        Command::Adopt(args) => return adopt::run(global, args).await,
        _ => {}
    }
    let context = Context::new(global, "state").await?;
    let session = &context.session;
    match args.command {
        // These need the store itself, or a cloud.
        Command::Init(_) | Command::Rekey(_) | Command::Adopt(_) => {}
        Command::List => list::run(session).await?,
        Command::Show(args) => show::run(session, &args).await?,
        Command::History(args) => history::run(session, &args).await?,
        Command::Diff(args) => diff::run(session, &args).await?,
        Command::Rollback(args) => rollback::run(session, &args).await?,
        Command::Prune(args) => prune::run(session, &args).await?,
        Command::Forget(args) => forget::run(session, &args, &Again::new(global, &[])).await?,
        Command::Unlock(args) => unlock::run(session, &args).await?,
    }
    Ok(Code::Done)
}

/// The present state of a cluster that must exist.
async fn present(session: &Session, name: &str) -> Result<Loaded> {
    session.clusters.load(name).await?.ok_or_else(|| no_such_cluster(name))
}

/// Asks whether to go on. From then on Ctrl-C leaves at once, as it does where nothing was asked: what is written here is written
/// at one stroke.
async fn confirm(yes: bool, question: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    let mut interrupts = Interrupts::listen()?;
    carry_out::confirm(yes, question).await?;
    tokio::spawn(async move {
        interrupts.next().await;
        std::process::exit(i32::from(Code::Interrupted as u8));
    });
    Ok(())
}

/// Says on stderr whom one waits for.
fn waiting(owner: &meridian_state::Owner) {
    let owner = crate::views::clean(&owner.to_string());
    super::tell(&format!("waiting for the lease, which {owner} holds\n"));
}

/// How a list or a comparison looks.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Look {
    /// How the result looks.
    #[arg(short, long, default_value = "text")]
    output: Output,
}
