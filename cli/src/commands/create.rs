//! `meridian create`

use anyhow::Result;
use meridian_spec::Cluster;

use super::carry_out::{Results, carry_out, confirm};
use super::{files, print, tell};
use crate::args::{Files, Global, Output};
use crate::context::Context;
use crate::error::Code;
use crate::views;

/// Make clusters that do not exist yet: plan, ask, apply
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  meridian create -f examples/aws.yaml --sandbox\n  meridian create -f clusters/prod-us.yaml --yes"
)]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// Go on without a question.
    #[arg(long, short)]
    yes: bool,
    /// How the result looks.
    #[arg(short, long, default_value = "text")]
    output: Output,
}

pub async fn run(global: &Global, args: Args) -> Result<Code> {
    let context = Context::new(global, "create").await?;
    let clusters = context.session.clusters_in(&files::read(&args.files)?)?;
    for cluster in &clusters {
        context.session.refuse_existing(&cluster.name).await?;
    }
    let mut results = Results::default();
    let ended = create(&context, global, &args, &clusters, &mut results).await;
    results.print(args.output)?;
    ended
}

async fn create(
    context: &Context,
    global: &Global,
    args: &Args,
    clusters: &[Cluster],
    results: &mut Results,
) -> Result<Code> {
    for cluster in clusters {
        let plan = context.session.plan(cluster).await?;
        tell(&views::text::plan(&plan));
        confirm(args.yes, &format!("Create the cluster {}?", cluster.name))?;
        let code = carry_out(context, &plan, global, args.output, results).await?;
        if code != Code::Done {
            return Ok(code);
        }
        if args.output == Output::Text {
            print(&next(global, cluster.name.as_str(), &args.files))?;
        }
    }
    Ok(Code::Done)
}

/// The commands to try next, with the flags that led here.
fn next(global: &Global, name: &str, files: &Files) -> String {
    let sandbox = if global.sandbox { " --sandbox" } else { "" };
    let files: Vec<String> = files.file.iter().map(|file| format!("-f {}", file.display())).collect();
    let files = files.join(" ");
    format!(
        "  Next           meridian plan {files}{sandbox}\n                 meridian get resources {name}\n                 \
         meridian destroy {name}{sandbox}\n"
    )
}
