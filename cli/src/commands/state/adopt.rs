//! `meridian state adopt`

use std::path::PathBuf;

use anyhow::Result;
use meridian_engine::Address;

use super::{confirm, waiting};
use crate::again::Again;
use crate::args::{Files, Global};
use crate::commands::{files, print};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::views;

/// Bring a resource that exists under management, after showing how it differs from what its spec says.
///
/// With an ID it is the resource with that id, whoever made it; without one it is what was forgotten under the address. It is
/// not changed now: the next apply brings it to what was shown, and `meridian destroy` removes it with all the rest. What the
/// plan would replace is not adopted, since nothing of it would stay.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian state forget prod-eu aws_dhcp_options.main --yes\n  \
                        meridian state adopt -f cluster.yaml aws_dhcp_options.main --yes\n  \
                        meridian state forget prod-eu aws_iam_role.workers --yes\n  \
                        meridian state adopt -f cluster.yaml aws_iam_role.workers prod-eu-eu-west-1-workers --yes")]
pub struct Args {
    /// The spec that asks for it.
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    file: Vec<PathBuf>,
    /// The address that the spec gives it, as `meridian plan` shows it.
    address: Address,
    /// The cloud's id, written as `meridian state show` writes ids: vpc-…, an ARN, projects/…, /subscriptions/….
    id: Option<String>,
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
    let adoption = session.plan_adoption(cluster, &args.address, args.id.as_deref()).await?;
    print(&views::text::change(&adoption.change))?;
    let question = format!(
        "Take {} ({}) into {}? From then on `meridian destroy {}` removes it with all the rest.",
        args.address,
        views::clean(&adoption.id),
        cluster.name,
        cluster.name
    );
    confirm(args.yes, &question).await?;
    let lease = session.lease(&cluster.name, &waiting).await?;
    let adopted = session.adopt(&lease, cluster, adoption).await;
    lease.release().await?;
    adopted?;
    let apply = Again::new(global, &args.file).text("`meridian apply -f FILE` makes the changes shown");
    print(&format!("{} is under management. {apply}.\n", args.address))?;
    Ok(Code::Done)
}
