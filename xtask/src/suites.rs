//! The test suites, and the check of the exchanges that they recorded.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::layout::Layout;
use crate::process;
use crate::tools::Tools;

/// Where the suites write what they sent and what they were answered, below cargo's output.
const WIRE: &str = "wire";

/// What the closing lines of all test binaries come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Totals {
    passed: u64,
    failed: u64,
}

impl fmt::Display for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Totals {
    /// Adds one line of output: `test result: ok. 3 passed; 0 failed; …`, or any other, which counts nothing.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for part in counts.split("; ") {
            match part.split_once(' ') {
                Some((count, "passed")) => self.passed += count.parse::<u64>().unwrap_or(0),
                Some((count, "failed")) => self.failed += count.parse::<u64>().unwrap_or(0),
                _ => {}
            }
        }
    }
}

/// Runs the tests of every crate whose names contain one of `filters` (all, when there is none).
pub fn run(layout: &Layout, tools: &Tools, filters: &[String]) -> Result<Totals> {
    let mut command = with_tools(layout, tools)?;
    command.args(["test", "--workspace", "--no-fail-fast", "--"]).args(filters);
    println!("$ cargo test --workspace --no-fail-fast");
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| process::not_started(&command))?;
    let mut totals = Totals::default();
    let output = child.stdout.take().context("cargo's output is not to be had")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("cargo's output can't be read")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        totals.add(&line);
    }
    let status = child.wait().context("cargo can't be waited for")?;
    if !status.success() {
        bail!("the tests ended with {status}; {totals}");
    }
    if totals.passed == 0 {
        bail!("no test ran");
    }
    Ok(totals)
}

/// Writes the golden files anew.
pub fn golden(layout: &Layout, tools: &Tools) -> Result<()> {
    process::run(
        with_tools(layout, tools)?
            .args(["test", "--workspace", "--test=suites", "--", "golden::", "conformance::on_our_sandbox"])
            .env("UPDATE_GOLDEN", "1"),
    )
}

/// Runs the wire checker's own tests.
pub fn wire_self_test(layout: &Layout, tools: &Tools) -> Result<()> {
    let mut command = tools.models_python();
    process::run(command.current_dir(layout.root.join("tests/wire")).args(["-m", "unittest", "discover"]))
}

/// Checks the exchanges that the last run of all tests recorded.
pub fn wire_check(layout: &Layout, tools: &Tools) -> Result<()> {
    let mut command = tools.models_python();
    let script = layout.root.join("tests/wire/check.py");
    process::run(command.arg(script).arg(layout.target.join(WIRE)))
}

/// Cargo, with what tests find beside them: the built program, the tools' variables, an empty directory for requests.
fn with_tools(layout: &Layout, tools: &Tools) -> Result<Command> {
    layout.build()?;
    let mut command = layout.cargo();
    command.envs(tools.variables()).env("MERIDIAN_WIRE_DIR", layout.fresh_directory(WIRE)?);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::Totals;

    #[test]
    fn totals_add_the_closing_lines_up() {
        let mut totals = Totals::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.00s",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test suites::result: ok. ok",
        ] {
            totals.add(line);
        }
        assert_eq!(totals, Totals { passed: 5, failed: 1 });
        assert_eq!(totals.to_string(), "5 passed, 1 failed");
    }
}
