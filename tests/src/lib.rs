//! What the suites share: a session on a sandbox of its own, emulators that others wrote, the record of every request.
//!
//! Tools come from `cargo xtask test`, which installs them and names them in the environment.

use std::io::Write as _;

pub mod binary;
pub mod buckets;
pub mod clouds;
pub mod emulator;
pub mod harness;
pub mod hosts;
pub mod imagined;
pub mod inventory;
pub mod kubernetes;
pub mod parity;
pub mod proxy;
pub mod rest;
pub mod rig;
pub mod wire;

/// A variable that `cargo xtask test` sets.
///
/// # Panics
/// When it is not set: a suite never skips in silence.
#[must_use]
pub fn tool(variable: &str) -> std::path::PathBuf {
    match std::env::var_os(variable) {
        Some(value) => value.into(),
        None => panic!("{variable} is not set; run the suites with `cargo xtask test`"),
    }
}

/// Says what a suite has measured, also where it passes: what tests print is shown of those that fail only.
///
/// # Panics
/// When nobody reads what the suites say.
pub fn report(numbers: &str) {
    let written = writeln!(std::io::stdout().lock(), "{numbers}");
    assert!(written.is_ok(), "{written:?}");
}
