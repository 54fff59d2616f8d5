//! The phases of a test run: their headings, times and outcomes.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::suites::Totals;

struct Outcome {
    name: &'static str,
    took: Duration,
    well: bool,
}

/// The phases that have run.
#[derive(Default)]
pub struct Phases {
    outcomes: Vec<Outcome>,
}

impl Phases {
    /// Runs a phase; a failure is told at once and counted.
    pub fn run<T>(&mut self, name: &'static str, phase: impl FnOnce() -> Result<T>) -> Option<T> {
        match self.required(name, phase) {
            Ok(value) => Some(value),
            Err(error) => {
                println!("error: {error:#}");
                None
            }
        }
    }

    /// Runs a phase without which the others make no sense.
    pub fn required<T>(&mut self, name: &'static str, phase: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n=== {name}");
        let start = Instant::now();
        let result = phase();
        self.outcomes.push(Outcome { name, took: start.elapsed(), well: result.is_ok() });
        result
    }

    /// Prints what each phase took and the tests' totals, and fails when a phase failed.
    pub fn finish(&self, totals: Option<Totals>) -> Result<()> {
        println!();
        for outcome in &self.outcomes {
            let mark = if outcome.well { "ok" } else { "FAILED" };
            println!("{:>7.1} s  {mark:6}  {}", outcome.took.as_secs_f64(), outcome.name);
        }
        if let Some(totals) = totals {
            println!("{totals}");
        }
        let failed: Vec<_> = self.outcomes.iter().filter(|outcome| !outcome.well).collect();
        if !failed.is_empty() {
            let names: Vec<_> = failed.iter().map(|outcome| outcome.name).collect();
            bail!("failed: {}", names.join(", "));
        }
        Ok(())
    }
}
