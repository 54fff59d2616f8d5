//! `meridian apply`

use std::path::{Path, PathBuf};

use anyhow::Result;
use meridian_engine::plan::FORMAT_VERSION;
use meridian_engine::{Plan, State};

use super::carry_out::{Results, Run, carry_out, confirm};
use super::{files, print, tell};
use crate::again::Again;
use crate::args::{Files, Global, Output};
use crate::bounded;
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::views;

/// The largest saved plan that is read, in bytes: a hundred times what a large cluster's takes.
const MAX_PLAN: u64 = 64 * bounded::MIB;

/// Bring clusters to what their specs say, or carry out a saved plan
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian apply -f cluster.yaml\n  \
                        meridian plan -f cluster.yaml --save cluster.plan\n  meridian apply cluster.plan --yes")]
pub struct Args {
    /// Files of specs; several documents in one and several files are taken together. `-` is standard input.
    #[arg(
        short,
        long = "file",
        value_name = "FILE",
        required_unless_present = "plan",
        conflicts_with = "plan",
        num_args = 1..
    )]
    file: Vec<PathBuf>,
    /// A plan that `meridian plan --save` wrote.
    #[arg(value_name = "PLANFILE")]
    plan: Option<PathBuf>,
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
        &self.file
    }
}

pub async fn run(global: &Global, args: Args) -> Result<Code> {
    let context = Context::new(global, "apply").await?;
    let mut plans = Vec::new();
    if let Some(path) = &args.plan {
        plans.push(read_plan(path)?);
    } else {
        let clusters = context.session.clusters_in(&files::read(&Files { file: args.file.clone() })?)?;
        for cluster in &clusters {
            plans.push(context.session.plan(cluster).await?);
        }
    }
    let mut results = Results::default();
    let ended = apply(&context, global, &args, &plans, &mut results).await;
    results.print(args.output)?;
    ended
}

async fn apply(context: &Context, global: &Global, args: &Args, plans: &[Plan], results: &mut Results) -> Result<Code> {
    for plan in plans {
        if args.output == Output::Text {
            print(&views::text::plan(plan))?;
        } else {
            tell(&views::text::plan(plan));
        }
        if plan.is_empty()
            && args.plan.is_none()
            && let Some(state) = recorded(context, plan).await?
        {
            results.unchanged(context, &state);
            continue;
        }
        confirm(args.yes || plan.is_empty(), &format!("Apply this to {}?", plan.cluster)).await?;
        let run = Run { global, again: Again::new(global, &args.file), output: args.output };
        let code = carry_out(context, plan, &run, results).await?;
        if code != Code::Done {
            return Ok(code);
        }
    }
    Ok(Code::Done)
}

/// The state, if it says already what the plan would write down.
async fn recorded(context: &Context, plan: &Plan) -> Result<Option<State>> {
    let Some(loaded) = context.session.clusters.load(&plan.cluster).await? else { return Ok(None) };
    let state = loaded.state;
    let says_so = !loaded.interrupted
        && state.phase == meridian_engine::state::Phase::Ready
        && state.intents.is_empty()
        && state.discards.is_empty()
        && state.pins == plan.pins
        && state.deletion_protection == plan.deletion_protection
        && plan.drift.is_empty()
        && plan.changes.iter().all(|change| state.resources.contains_key(&change.address));
    Ok(says_so.then_some(state))
}

fn read_plan(path: &Path) -> Result<Plan> {
    let text = bounded::read(path, "saved plan", MAX_PLAN)?;
    let no_plan = |error| {
        Failure::wrong(
            format!("{} is not a saved plan: {error}", path.display()),
            "save one with `meridian plan -f FILE --save PLANFILE`; a spec is given with -f",
        )
    };
    // Another format may have other fields, so its version is read by itself.
    let Head { format_version } = serde_json::from_slice(&text).map_err(no_plan)?;
    if format_version > u64::from(FORMAT_VERSION) {
        return Err(Failure::wrong(
            format!(
                "{} was written by a newer version of Meridian: its format is {format_version}, this one reads \
                 {FORMAT_VERSION}",
                path.display()
            ),
            "apply it with the version that wrote it, or make a new plan with this one",
        ));
    }
    serde_json::from_slice(&text).map_err(no_plan)
}

/// What every saved plan has, whatever its format.
#[derive(serde::Deserialize)]
struct Head {
    format_version: u64,
}
