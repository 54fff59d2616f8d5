//! One command a file.

pub mod apply;
pub mod completions;
pub mod create;
pub mod destroy;
pub mod explain;
pub mod get;
pub mod plan;
pub mod render;
pub mod sandbox;
pub mod schema;
pub mod state;
pub mod validate;

mod carry_out;
mod files;

use anyhow::Result;

use crate::args::{Cli, Command};
use crate::error::Code;

/// Runs what was asked for.
pub async fn run(cli: Cli) -> Result<Code> {
    let global = cli.global;
    match cli.command {
        Command::Create(args) => create::run(&global, args).await,
        Command::Plan(args) => plan::run(&global, args).await,
        Command::Apply(args) => apply::run(&global, args).await,
        Command::Destroy(args) => destroy::run(&global, args).await,
        Command::Validate(args) => validate::run(&global, &args),
        Command::Render(args) => render::run(&args),
        Command::Get(args) => get::run(&global, args).await,
        Command::State(args) => state::run(&global, args).await,
        Command::Schema(args) => schema::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Sandbox(args) => sandbox::run(&global, args).await,
    }
}

/// Prints a result to stdout. A reader that has gone away (`| head`) is no failure.
fn print(text: &str) -> Result<()> {
    use std::io::Write as _;
    let mut stdout = anstream::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints a result as JSON.
fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Tells something on stderr that is no result.
fn tell(text: &str) {
    anstream::eprint!("{text}");
}
