//! `meridian create`

use std::path::PathBuf;

use anyhow::Result;
use meridian_spec::Cluster;

use super::carry_out::{Results, Run, carry_out, confirm};
use super::{files, print, tell};
use crate::again::Again;
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

impl Args {
    /// The files that were given.
    pub fn files(&self) -> &[PathBuf] {
        &self.files.file
    }
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
        confirm(args.yes, &format!("Create the cluster {}?", cluster.name)).await?;
        let run = Run { global, again: Again::new(global, args.files()), output: args.output };
        let code = carry_out(context, &plan, &run, results).await?;
        if code != Code::Done {
            return Ok(code);
        }
        if args.output == Output::Text {
            print(&next(&run.again, &cluster.name))?;
        }
    }
    Ok(Code::Done)
}

/// The commands to try next.
fn next(again: &Again, name: &str) -> String {
    let commands = [
        "meridian plan -f FILE".to_owned(),
        format!("meridian get resources {name}"),
        format!("meridian destroy {name}"),
    ];
    let commands = commands.map(|command| again.command(&command));
    format!("  Next           {}\n", commands.join("\n                 "))
}
