//! `cargo xtask`: the one entry point for formatting, lints, tests and generated files.
//!
//! It needs no tool beside Rust, Python, Node and (for cloud-init's package) `apt-get`: what else the tests call is
//! installed at pinned versions below the cache directory, never in the checkout.
#![expect(clippy::print_stdout, reason = "a developer's tool talks to its terminal")]

mod fuzz;
mod layout;
mod phases;
mod process;
mod suites;
mod tools;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::layout::Layout;
use crate::phases::Phases;
use crate::tools::Tools;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Build, check and test Meridian")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Format every crate
    Fmt,
    /// Run clippy on every target; warnings are errors
    Lint,
    /// Run everything that CI runs; with FILTERS only the tests whose names contain one of them
    Test {
        /// Parts of test names
        filters: Vec<String>,
    },
    /// Install the pinned tools that the tests call
    Tools,
    /// Write the golden files anew; review the difference before you commit it
    Golden,
    /// Check licences, banned crates and sources; `advisories` is a further check, which needs its database
    Deny {
        /// The checks of cargo-deny to run
        #[arg(default_values = ["bans", "licenses", "sources"])]
        checks: Vec<String>,
    },
    /// Run the commands that the documentation, the help and the examples show
    Docs,
    /// Feed the readers of files with what nobody would write, for longer than `test` does
    Fuzz {
        /// One of the targets in `fuzz/fuzz_targets`; all of them unless it is named
        target: Option<String>,
        /// How long each is fed
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// The very inputs that `test` feeds them, all targets
        #[arg(long, conflicts_with_all = ["target", "seconds"])]
        bounded: bool,
    },
    /// Measure what the project promises: calls, round trips, time, memory
    Bench,
}

fn main() -> Result<()> {
    let task = Arguments::parse().command;
    let layout = Layout::discover()?;
    match task {
        Task::Fmt => fmt(&layout, &[]),
        Task::Lint => lint(&layout),
        Task::Test { filters } if filters.is_empty() => test(&layout),
        Task::Test { filters } => suites::run(&layout, &Tools::install(&layout)?, &filters).map(|_| ()),
        Task::Tools => {
            Tools::install(&layout)?.describe();
            Ok(())
        }
        Task::Golden => suites::golden(&layout, &Tools::install(&layout)?),
        Task::Deny { checks } => deny(&layout, &Tools::install(&layout)?, &checks),
        Task::Docs => suites::run(&layout, &Tools::install(&layout)?, &["docs::".to_owned()]).map(|_| ()),
        Task::Fuzz { bounded: true, .. } => fuzz::bounded(&layout, &Tools::install(&layout)?),
        Task::Fuzz { target, seconds, .. } => {
            fuzz::explore(&layout, &Tools::install(&layout)?, target.as_deref(), seconds)
        }
        Task::Bench => bench(&layout),
    }
}

/// Everything that CI needs. A phase that fails does not keep the others from telling what they find.
fn test(layout: &Layout) -> Result<()> {
    let mut phases = Phases::default();
    let tools = phases.required("tools", || Tools::install(layout))?;
    phases.run("format", || fmt(layout, &["--check"]));
    phases.run("scripts", || process::run(tools.shellcheck(layout).arg(".ci/run")));
    phases.run("wire checker's own tests", || suites::wire_self_test(layout, &tools));
    phases.run("deny", || deny(layout, &tools, &["bans", "licenses", "sources"].map(str::to_owned)));
    phases.run("clippy", || lint(layout));
    let totals = phases.run("tests", || suites::run(layout, &tools, &[]));
    phases.run("wire check", || suites::wire_check(layout, &tools));
    phases.run("fuzz", || fuzz::bounded(layout, &tools));
    phases.finish(totals)
}

/// Both workspaces: the fuzz targets are in one of their own.
fn fmt(layout: &Layout, arguments: &[&str]) -> Result<()> {
    process::run(layout.cargo().args(["fmt", "--all"]).args(arguments))?;
    process::run(layout.cargo().args(["fmt", "--manifest-path=fuzz/Cargo.toml"]).args(arguments))
}

fn lint(layout: &Layout) -> Result<()> {
    process::run(layout.cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny=warnings"]))
}

fn deny(layout: &Layout, tools: &Tools, checks: &[String]) -> Result<()> {
    process::run(tools.cargo_deny(layout).arg("check").args(checks))
}

/// Builds the program as it is shipped and the benchmarks beside it, and hands them the program's path.
fn bench(layout: &Layout) -> Result<()> {
    let benches = ["--bench=speed", "--bench=large_state"];
    process::run(layout.cargo().args(["build", "--workspace", "--release", "--bin=meridian"]).args(benches))?;
    process::run(
        layout
            .cargo()
            .args(["bench", "--workspace", "--no-fail-fast"])
            .args(benches)
            .env("MERIDIAN_BIN", layout.binary_directory("release").join("meridian")),
    )
}
