//! The rendered files as their readers see them: shells, YAML readers, cloud-init, shellcheck.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod convergence;
mod fixtures;
mod machine;
mod quoting;
mod refusals;
mod snapshots;
mod tools;
