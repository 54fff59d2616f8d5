//! `meridian plan`

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use meridian_spec::Cluster;
use serde_json::Value as Json;

use super::{files, print, print_json, tell};
use crate::args::{Files, Global};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::views;

/// Show what would change; exits 2 if something would. Writes nothing, anywhere
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian plan -f cluster.yaml\n  meridian plan -f cluster.yaml -o json\n  \
                        meridian plan -f cluster.yaml -o markdown > comment.md\n  \
                        meridian plan -f cluster.yaml --save cluster.plan\n  meridian apply cluster.plan")]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// How the plan looks.
    #[arg(short, long, default_value = "text")]
    output: Look,
    /// Save the plan, for `meridian apply FILE`. One cluster only.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Plan to take everything away.
    #[arg(long)]
    destroy: bool,
}

impl Args {
    /// The files that were given.
    pub fn files(&self) -> &[PathBuf] {
        &self.files.file
    }
}

/// How a plan looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Look {
    Text,
    /// In the envelope of OpenTofu's plan JSON.
    Json,
    /// A comment for a pull request.
    Markdown,
}

pub async fn run(global: &Global, args: Args) -> Result<Code> {
    let mut documents = Vec::new();
    let ended = plan(global, &args, &mut documents).await;
    // One cluster gives one document, as other tools expect it; several give a list.
    match documents.as_slice() {
        [] => {}
        [document] => print_json(document)?,
        documents => print_json(&documents)?,
    }
    ended
}

/// Plans one cluster after the other; as JSON each gives a document, and so does the failure that ends the run.
async fn plan(global: &Global, args: &Args, documents: &mut Vec<Json>) -> Result<Code> {
    let mut at = None;
    let ended = plan_all(global, args, documents, &mut at).await;
    if let (Err(error), Look::Json) = (&ended, args.output) {
        documents.push(views::json::failed_plan(at.as_ref(), error));
    }
    ended
}

async fn plan_all(global: &Global, args: &Args, documents: &mut Vec<Json>, at: &mut Option<Cluster>) -> Result<Code> {
    let context = Context::new(global, "plan").await?;
    let clusters = context.session.clusters_in(&files::read(&args.files)?)?;
    if clusters.len() != 1 && args.save.is_some() {
        return Err(Failure::wrong("--save takes the plan of one cluster", "plan the clusters one by one"));
    }
    let mut code = Code::Done;
    let mut plans = Vec::new();
    for cluster in &clusters {
        *at = Some(cluster.clone());
        let plan = if args.destroy {
            context.session.plan_destroy_of(cluster).await?
        } else {
            context.session.plan(cluster).await?
        };
        if !plan.is_empty() {
            code = Code::Changes;
        }
        if let Some(path) = &args.save {
            let text = serde_json::to_vec_pretty(&plan)?;
            std::fs::write(path, text).with_context(|| format!("could not save the plan to {}", path.display()))?;
        }
        match args.output {
            Look::Text => print(&views::text::plan(&plan))?,
            Look::Json => documents.push(views::json::plan(&plan, &context.session.stats_of(&plan.cluster))),
            Look::Markdown => {}
        }
        plans.push(plan);
    }
    if args.output == Look::Markdown {
        print(&views::markdown::plans(&plans))?;
    }
    if global.verbose > 0 {
        tell(&views::text::statistics(&context.session.stats()));
    }
    Ok(code)
}
