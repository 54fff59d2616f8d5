//! Fuzzing what reads files that anybody may have written. The targets are in `fuzz/`.
//!
//! cargo-fuzz builds them on stable Rust: coverage needs flags of the code generator only. Sanitizers would need a nightly
//! compiler, and our code has no `unsafe`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::layout::Layout;
use crate::process;
use crate::tools::Tools;

/// The targets, each with how many inputs it is given in a bounded run, some seconds of them, and the dictionary that fits.
const TARGETS: [(&str, u32, &str); 7] = [
    ("state_file", 40_000, "json"),
    ("lease_body", 100_000, "json"),
    ("store_settings", 100_000, "json"),
    ("sealed_object", 40_000, "json"),
    ("plan_file", 200_000, "json"),
    ("spec", 40_000, "spec"),
    ("location", 200_000, "location"),
];

/// What one input may take: memory in MiB, time in seconds, and its own size in bytes.
const LIMITS: [&str; 3] = ["-rss_limit_mb=512", "-timeout=10", "-max_len=32768"];

/// Every target with a fixed number of inputs, from the seeds alone and by the same dice: what fails for one fails for all.
pub fn bounded(layout: &Layout, tools: &Tools) -> Result<()> {
    for (target, runs, _) in TARGETS {
        let learned = layout.fresh_directory(&format!("fuzz/bounded/{target}"))?;
        run(
            layout,
            tools,
            target,
            learned,
            &[format!("-runs={runs}"), "-seed=1".to_owned(), "-verbosity=0".to_owned()],
        )?;
    }
    Ok(())
}

/// One target, or all one after another, for so many seconds each. What it learns is kept below cargo's output, and is
/// where the next run begins.
pub fn explore(layout: &Layout, tools: &Tools, target: Option<&str>, seconds: u32) -> Result<()> {
    let chosen: Vec<_> =
        TARGETS.iter().map(|(name, ..)| *name).filter(|name| target.is_none_or(|target| target == *name)).collect();
    if chosen.is_empty() {
        bail!("the targets are {}", TARGETS.map(|(name, ..)| name).join(", "));
    }
    for target in chosen {
        let learned = layout.target.join("fuzz/corpus").join(target);
        fs::create_dir_all(&learned).with_context(|| format!("{} can't be made", learned.display()))?;
        run(layout, tools, target, learned, &[format!("-max_total_time={seconds}")])?;
    }
    Ok(())
}

/// What a target learns goes to `learned`; the seeds in the checkout are only read.
fn run(layout: &Layout, tools: &Tools, target: &str, learned: PathBuf, arguments: &[String]) -> Result<()> {
    let dictionary = TARGETS.iter().find(|(name, ..)| *name == target).map_or("json", |(_, _, dictionary)| dictionary);
    let seeds = layout.root.join("fuzz/corpus").join(target);
    process::run(
        tools
            .cargo_fuzz(layout)
            .args(["run", "--sanitizer=none", target])
            .args([learned, seeds])
            .arg("--")
            .args(LIMITS)
            .arg(format!("-dict={}", layout.root.join(format!("fuzz/dictionaries/{dictionary}.txt")).display()))
            .args(arguments),
    )
}
