//! `meridian state forget`

use anyhow::Result;
use meridian_engine::Address;

use super::{confirm, present, waiting};
use crate::again::Again;
use crate::commands::print;
use crate::error::Failure;
use crate::session::Session;
use crate::views::clean;

/// Give a resource up without touching it: it stays where it is, and no plan sees it any more.
///
/// If the spec still asks for it, the next plan makes another one; `destroy` leaves it, and fails where something that
/// goes holds it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian state forget prod-eu aws_dhcp_options.main --yes")]
pub struct Args {
    /// Name of the cluster.
    name: String,
    /// Address of the resource, as `meridian get resources NAME` lists it.
    address: Address,
    /// Go on without a question.
    #[arg(long, short)]
    yes: bool,
}

pub async fn run(session: &Session, args: &Args, again: &Again) -> Result<()> {
    let Args { name, address, yes } = args;
    let seen = present(session, name).await?;
    let id = recorded(&seen.state, name, address)?;
    confirm(*yes, &format!("Forget {address} ({}), and leave it where it is?", clean(&id))).await?;
    let lease = session.lease(name, &waiting).await?;
    let written = async {
        let now = present(session, name).await?;
        let mut state = now.state.clone();
        let id = recorded(&state, name, address)?;
        state.resources.remove(address);
        state.forgotten.insert(address.clone(), id);
        session.clusters.write(&lease, session.owner(), Some(&now), state).await?;
        anyhow::Ok(())
    }
    .await;
    lease.release().await?;
    written?;
    let back = again.text(&format!("`meridian state adopt -f FILE {address}` takes it back"));
    print(&format!("{address} ({}) is forgotten. {back}.\n", clean(&id)))
}

fn recorded(state: &meridian_engine::State, name: &str, address: &Address) -> Result<String> {
    state.resources.get(address).map(|record| record.id.clone()).ok_or_else(|| {
        Failure::failed(
            format!("the state of {name} has no resource {address}"),
            format!("`meridian get resources {name}` lists them"),
        )
    })
}
