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

/// The targets, each with the dictionary that fits.
const TARGETS: [(&str, &str); 7] = [
    ("state_file", "json"),
    ("lease_body", "json"),
    ("store_settings", "json"),
    ("sealed_object", "json"),
    ("plan_file", "json"),
    ("spec", "spec"),
    ("location", "location"),
];

/// What one input may take: memory in MiB, time in seconds, and its own size in bytes.
const LIMITS: [&str; 3] = ["-rss_limit_mb=512", "-timeout=10", "-max_len=32768"];

/// One target, or all one after another, for so many seconds each. What it learns is kept below cargo's output, and is
/// where the next run begins.
pub fn explore(layout: &Layout, tools: &Tools, target: Option<&str>, seconds: u32) -> Result<()> {
    let chosen: Vec<_> =
        TARGETS.iter().map(|(name, ..)| *name).filter(|name| target.is_none_or(|target| target == *name)).collect();
    if chosen.is_empty() {
        bail!("the targets are {}", TARGETS.map(|(name, ..)| name).join(", "));
    }
    for target in chosen {
        run(layout, tools, target, &[format!("-max_total_time={seconds}")])?;
    }
    Ok(())
}

fn run(layout: &Layout, tools: &Tools, target: &str, arguments: &[String]) -> Result<()> {
    let dictionary = TARGETS.iter().find(|(name, _)| *name == target).map_or("json", |(_, dictionary)| dictionary);
    let seeds = layout.root.join("fuzz/corpus").join(target);
    // The first directory is written to; the seeds in the checkout are only read.
    let learned = kept(layout.target.join("fuzz/corpus").join(target))?;
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

fn kept(directory: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&directory).with_context(|| format!("{} can't be made", directory.display()))?;
    Ok(directory)
}
