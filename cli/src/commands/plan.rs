//! `meridian plan`

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{files, print, print_json, tell};
use crate::args::{Files, Global, Output};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::views;

/// Show what would change; exits 2 if something would. Writes nothing, anywhere
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian plan -f cluster.yaml\n  meridian plan -f cluster.yaml -o json\n  \
                        meridian plan -f cluster.yaml --save cluster.plan && meridian apply cluster.plan")]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// How the plan looks.
    #[arg(short, long, default_value = "text")]
    output: Output,
    /// Save the plan, for `meridian apply FILE`. One cluster only.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Plan to take everything away.
    #[arg(long)]
    destroy: bool,
}

pub async fn run(global: &Global, args: Args) -> Result<Code> {
    let context = Context::new(global, "plan").await?;
    let clusters = context.session.clusters_in(&files::read(&args.files)?)?;
    if clusters.len() != 1 && args.save.is_some() {
        return Err(Failure::wrong("--save takes the plan of one cluster", "plan the clusters one by one"));
    }
    let mut code = Code::Done;
    let mut plans = Vec::new();
    for cluster in &clusters {
        let plan = if args.destroy {
            context.session.plan_destroy_of(cluster).await?
        } else {
            context.session.plan(cluster).await?
        };
        if !plan.is_empty() {
            code = Code::Changes;
        }
        match args.output {
            Output::Text => print(&views::text::plan(&plan))?,
            Output::Json => plans.push(views::json::plan(&plan, &context.session.stats())),
        }
        if let Some(path) = &args.save {
            let text = serde_json::to_vec_pretty(&plan)?;
            std::fs::write(path, text).with_context(|| format!("could not save the plan to {}", path.display()))?;
        }
    }
    // One cluster gives one document, as other tools expect it; several give a list.
    match plans.as_slice() {
        [] => {}
        [plan] => print_json(plan)?,
        plans => print_json(&plans)?,
    }
    if global.verbose > 0 {
        tell(&views::text::statistics(&context.session.stats()));
    }
    Ok(code)
}
