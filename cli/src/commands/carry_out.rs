//! What `create`, `apply` and `destroy` have in common: show, ask, apply, sum up.

use std::io::IsTerminal as _;

use anyhow::Result;
use meridian_engine::Plan;
use tokio::sync::watch;

use super::{print, print_json, tell};
use crate::args::{Global, Output};
use crate::context::Context;
use crate::error::{Code, Failure};
use crate::progress::Progress;
use crate::session::Applied;
use crate::views;

/// Asks whether to go on. Without a terminal the answer must have been given as `--yes`.
pub fn confirm(yes: bool, question: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::wrong("there is no terminal to ask on", "say --yes to go on without a question"));
    }
    if dialoguer::Confirm::new().with_prompt(question).default(false).interact()? {
        return Ok(());
    }
    Err(Failure::failed("nothing was done", "the question was not answered with yes"))
}

/// Applies a plan that was agreed to, with progress, and tells what came of it.
pub async fn carry_out(context: &Context, plan: &Plan, global: &Global, output: Output) -> Result<Code> {
    let progress = Progress::new();
    let stop = stop_on_interrupt();
    let applied = context.session.apply(plan, &progress, stop).await;
    progress.finish();
    let applied = applied?;
    let stats = context.session.stats();
    match output {
        Output::Json => print_json(&serde_json::json!({
            "cluster": plan.cluster,
            "complete": applied.report.is_complete(),
            "outputs": applied.report.outputs,
            "failed": applied.report.failed.iter().map(|failure| serde_json::json!({
                "address": failure.address, "error": failure.error,
            })).collect::<Vec<_>>(),
            "critical_path_ms": applied.report.critical_path.as_millis(),
            "apply_ms": applied.report.wall.as_millis(),
            "stats": stats,
        }))?,
        Output::Text => {
            if let (true, Some(state)) = (applied.report.is_complete(), &applied.state) {
                print(&views::text::summary(state, &applied.report, &stats))?;
            }
        }
    }
    if global.verbose > 0 {
        tell(&views::text::statistics(&stats));
    }
    end(plan, &applied)
}

fn end(plan: &Plan, applied: &Applied) -> Result<Code> {
    let report = &applied.report;
    if report.is_complete() {
        return Ok(Code::Done);
    }
    let again = if plan.destroy { format!("meridian destroy {}", plan.cluster) } else { "meridian apply -f FILE".to_owned() };
    let hint = format!("run `{again}` to go on from here: what was done is written down and is not done again");
    if report.not_begun > 0 && report.failed.is_empty() {
        tell(&format!("\ninterrupted: {} steps were not begun, the state is safe\nhint: {hint}\n", report.not_begun));
        return Ok(Code::Interrupted);
    }
    let failed = report.failed.len();
    let plural = if failed == 1 { "step" } else { "steps" };
    let waiting = report.skipped.len() + report.not_begun;
    Err(Failure::failed(format!("{failed} {plural} failed, {waiting} were not tried because of that"), hint))
}

/// Turns true with the first Ctrl-C or SIGTERM; the second leaves at once.
fn stop_on_interrupt() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        interrupted().await;
        // Nobody listens any more when apply has ended.
        let _ = sender.send(true);
        interrupted().await;
        std::process::exit(i32::from(Code::Interrupted as u8));
    });
    receiver
}

async fn interrupted() {
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
