//! The command line of Meridian: the only room that knows every cloud, reads the environment, prints and exits.
//!
//! [`session`] holds the ways through the house that commands share (plan, apply, destroy); it prints nothing, so that
//! suites can drive it too.

mod again;
pub mod args;
mod bounded;
mod commands;
mod context;
mod env;
mod error;
mod interrupts;
mod progress;
mod prompt;
pub mod registry;
pub mod session;
mod store;
pub mod views;

use std::process::ExitCode;

use again::Again;
use clap::Parser as _;

/// Parses the arguments, runs the command and gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    // Arguments come before the runtime: `--help` starts nothing.
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return error::usage(&error),
    };
    cli.global.color.apply();
    context::start_logging(&cli.global);
    let again = Again::new(&cli.global, cli.command.files());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return error::report(&anyhow::Error::new(error).context("the async runtime could not start"), &again);
        }
    };
    let result = runtime.block_on(commands::run(cli));
    // A blocked read of a prompt must not keep the process alive.
    runtime.shutdown_background();
    match result {
        Ok(code) => code.into(),
        Err(error) => error::report(&error, &again),
    }
}
