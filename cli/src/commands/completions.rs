//! `meridian completions`

use anyhow::Result;
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;
use crate::error::Code;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  meridian completions bash > ~/.local/share/bash-completion/completions/meridian\n  \
                        meridian completions fish > ~/.config/fish/completions/meridian.fish"
)]
pub struct Args {
    /// The shell.
    shell: Shell,
}

pub fn run(args: &Args) -> Result<Code> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "meridian", &mut text);
    super::print(&String::from_utf8_lossy(&text))?;
    Ok(Code::Done)
}
