//! `meridian destroy`

use anyhow::Result;

use super::carry_out::{Results, Run, carry_out};
use super::{print, tell};
use crate::again::Again;
use crate::args::{Global, Output};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::prompt;
use crate::views;

/// Take a cluster away, with everything that was made for it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  meridian destroy prod-eu          asks for the name to be typed\n  \
                        meridian destroy prod-us --yes")]
pub struct Args {
    /// Name of the cluster.
    name: String,
    /// Go on without a question.
    #[arg(long, short)]
    yes: bool,
    /// How the result looks.
    #[arg(short, long, default_value = "text")]
    output: Output,
}

pub async fn run(global: &Global, args: Args) -> Result<Code> {
    let context = Context::new(global, "destroy").await?;
    let plan = context.session.plan_destroy(&args.name).await?;
    tell(&views::text::plan(&plan));
    confirm(&args).await?;
    let mut results = Results::default();
    let run = Run { global, again: Again::new(global, &[]), output: args.output };
    let ended = carry_out(&context, &plan, &run, &mut results).await;
    results.print(args.output)?;
    let code = ended?;
    if code == Code::Done && args.output == Output::Text {
        print(&format!("The cluster {} is gone. Its history stays in the state.\n", args.name))?;
    }
    Ok(code)
}

async fn confirm(args: &Args) -> Result<()> {
    if args.yes {
        return Ok(());
    }
    if !prompt::is_possible() {
        return Err(Failure::wrong(
            "there is no terminal to type the name on",
            "say --yes to go on without a question",
        ));
    }
    let question = format!("This can't be undone. Type `{}` to destroy it: ", args.name);
    if prompt::ask(&question).await?.is_some_and(|typed| typed == args.name) {
        return Ok(());
    }
    Err(Failure::failed("nothing was done", "what was typed is not the cluster's name"))
}
