//! `meridian state adopt`

use std::path::PathBuf;

use anyhow::Result;
use meridian_engine::Address;
use meridian_engine::plan::Action;

use super::{confirm, waiting};
use crate::again::Again;
use crate::args::{Files, Global};
use crate::commands::{files, print};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::views;

/// Take a resource back that was forgotten, after showing how it differs from what its spec says.
///
/// It is not changed: the next apply brings it to what was shown. What the plan would replace is not adopted, since nothing of
/// it would stay.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian state forget prod-eu aws_dhcp_options.main --yes\n  \
                        meridian state adopt -f cluster.yaml aws_dhcp_options.main --yes")]
pub struct Args {
    /// The spec that asks for it.
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    file: Vec<PathBuf>,
    /// The address under which it was forgotten.
    address: Address,
    /// Go on without a question.
    #[arg(long, short)]
    yes: bool,
}

pub async fn run(global: &Global, args: &Args) -> Result<Code> {
    let context = Context::new(global, "state adopt").await?;
    let session = &context.session;
    let clusters = session.clusters_in(&files::read(&Files { file: args.file.clone() })?)?;
    let [cluster] = clusters.as_slice() else {
        return Err(Failure::wrong("adopt takes the spec of one cluster", "name the file of that cluster alone"));
    };
    let adoption = session.plan_adoption(cluster, &args.address).await?;
    print(&views::text::change(&adoption.change))?;
    if adoption.change.action == Action::Replace {
        return Err(Failure::failed(
            format!("{} would be replaced by the next apply, so that nothing of it would stay", args.address),
            "change the spec to what the resource is, or leave it alone",
        ));
    }
    let question = format!("Take {} ({}) into {}?", args.address, views::clean(&adoption.id), cluster.name);
    confirm(args.yes, &question).await?;
    let lease = session.lease(&cluster.name, &waiting).await?;
    let adopted = session.adopt(&lease, cluster, adoption).await;
    lease.release().await?;
    adopted?;
    let apply = Again::new(global, &args.file).text("`meridian apply -f FILE` makes the changes shown");
    print(&format!("{} is under management. {apply}.\n", args.address))?;
    Ok(Code::Done)
}
