//! Running programs.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Shows a command, runs it with our own output, and fails when it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let line = shown(command);
    println!("$ {line}");
    let status = command.status().with_context(|| not_started(command))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// Runs a command quietly and returns its standard output; on failure its output is in the error.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| not_started(command))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}\n{text}{errors}", shown(command), output.status);
    }
    Ok(text)
}

/// The context of a program that could not be started at all.
pub fn not_started(command: &Command) -> String {
    format!("{} can't be started", command.get_program().display())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
