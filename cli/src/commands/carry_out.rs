//! What `create`, `apply` and `destroy` have in common: show, ask, apply, sum up.

use std::fmt::Write as _;

use anyhow::Result;
use meridian_engine::{Plan, State};
use serde_json::Value as Json;

use super::{print, print_json, tell};
use crate::again::Again;
use crate::args::{Global, Output};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::progress::Progress;
use crate::prompt;
use crate::session::Applied;
use crate::views;

/// Asks whether to go on. Without a terminal the answer must have been given as `--yes`.
pub async fn confirm(yes: bool, question: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !prompt::is_possible() {
        return Err(Failure::wrong("there is no terminal to ask on", "say --yes to go on without a question"));
    }
    let answer = prompt::ask(&format!("{question} [y/N] ")).await?.unwrap_or_default();
    if ["y", "yes"].contains(&answer.to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Failure::failed("nothing was done", "the question was not answered with yes"))
}

/// How a plan is carried out.
pub struct Run<'a> {
    pub global: &'a Global,
    pub again: Again,
    pub output: Output,
}

/// What came of each cluster, for `-o json`.
#[derive(Default)]
pub struct Results(Vec<Json>);

impl Results {
    /// A cluster that was as desired already.
    pub fn unchanged(&mut self, context: &Context, state: &State) {
        self.0.push(serde_json::json!({
            "cluster": state.cluster,
            "complete": true,
            "outputs": state.outputs,
            "failed": [],
            "critical_path_ms": 0,
            "apply_ms": 0,
            "stats": context.session.stats_of(&state.cluster),
        }));
    }

    /// Prints them, whatever came of the last one: one cluster gives one document, several give a list, as for `plan`.
    pub fn print(&self, output: Output) -> Result<()> {
        match (output, self.0.as_slice()) {
            (Output::Text, _) | (Output::Json, []) => Ok(()),
            (Output::Json, [one]) => print_json(one),
            (Output::Json, several) => print_json(&several),
        }
    }
}

/// Applies a plan that was agreed to, with progress, and tells what came of it.
pub async fn carry_out(context: &Context, plan: &Plan, run: &Run<'_>, results: &mut Results) -> Result<Code> {
    let progress = Progress::new();
    let stop = context.stop()?;
    let applied = context.session.apply(plan, &progress, stop).await;
    progress.finish();
    let applied = applied?;
    let stats = context.session.stats_of(&plan.cluster);
    match run.output {
        Output::Json => results.0.push(serde_json::json!({
            "cluster": plan.cluster,
            "complete": applied.report.is_complete(),
            "outputs": applied.report.outputs,
            "failed": applied.report.failed.iter().map(|failure| serde_json::json!({
                "address": failure.address, "error": failure.error,
            })).collect::<Vec<_>>(),
            "critical_path_ms": applied.report.critical_path.as_millis(),
            "apply_ms": applied.report.wall.as_millis(),
            "stats": stats,
        })),
        Output::Text => {
            if let (true, Some(state)) = (applied.report.is_complete(), &applied.state) {
                print(&views::text::summary(state, &applied.report, &stats))?;
            }
        }
    }
    if run.global.verbose > 0 {
        tell(&views::text::statistics(&stats));
    }
    end(plan, &applied, &run.again)
}

fn end(plan: &Plan, applied: &Applied, again: &Again) -> Result<Code> {
    let report = &applied.report;
    if report.is_complete() {
        return Ok(Code::Done);
    }
    let command =
        if plan.destroy { format!("meridian destroy {}", plan.cluster) } else { "meridian apply -f FILE".to_owned() };
    let hint = format!("run `{command}` to go on from here: what was done is written down and is not done again");
    let (failed, waiting) = (report.failed.len(), report.skipped.len());
    let steps = if failed == 1 { "step" } else { "steps" };
    let failures = format!("{failed} {steps} failed, {waiting} were not tried because of that");
    // Without an interrupt every step is begun, or skipped since another one failed.
    if report.not_begun == 0 {
        return Err(Failure::failed(failures, hint));
    }
    // Writing to a string can't fail.
    let mut text = format!("\ninterrupted: {} steps were not begun, the state is safe\n", report.not_begun);
    if failed > 0 {
        let _ = writeln!(text, "{failures}:");
        for failure in &report.failed {
            let _ = writeln!(text, "  {}: {}", failure.address, crate::views::clean(&failure.error));
        }
    }
    let _ = writeln!(text, "hint: {}", again.text(&hint));
    tell(&text);
    Ok(Code::Interrupted)
}
