//! `meridian destroy`

use std::io::IsTerminal as _;

use anyhow::Result;

use super::carry_out::{Results, carry_out};
use super::{print, tell};
use crate::args::{Global, Output};
use crate::context::Context;
use crate::error::{Code, Failure};
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
    confirm(&args)?;
    let mut results = Results::default();
    let ended = carry_out(&context, &plan, global, args.output, &mut results).await;
    results.print(args.output)?;
    let code = ended?;
    if code == Code::Done && args.output == Output::Text {
        print(&format!("The cluster {} is gone. Its history stays in the state.\n", args.name))?;
    }
    Ok(code)
}

fn confirm(args: &Args) -> Result<()> {
    if args.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::wrong(
            "there is no terminal to type the name on",
            "say --yes to go on without a question",
        ));
    }
    let prompt = format!("This can't be undone. Type `{}` to destroy it", args.name);
    let typed: String = dialoguer::Input::new().with_prompt(prompt).allow_empty(true).interact_text()?;
    if typed.trim() == args.name {
        return Ok(());
    }
    Err(Failure::failed("nothing was done", "what was typed is not the cluster's name"))
}
