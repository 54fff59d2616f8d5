//! The built `meridian`, run as a user would run it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The binary, which `cargo xtask test` builds before the suites.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn path() -> PathBuf {
    let mut folder = std::env::current_exe().unwrap_or_else(|error| panic!("no path of the test: {error}"));
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let binary = folder.join(format!("meridian{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.exists(), "{} is not built; run the suites with `cargo xtask test`", binary.display());
    binary
}

/// A command that keeps its state and its sandbox in `dir`.
#[must_use]
pub fn meridian(dir: &Path) -> Command {
    let mut command = Command::new(path());
    command
        .env("MERIDIAN_STATE", format!("file://{}", dir.display()))
        .env_remove("MERIDIAN_ENDPOINT_AWS")
        // No suite finds credentials, whatever it does wrong: a real cloud is never asked.
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_PROFILE")
        .current_dir(root())
        .stdin(std::process::Stdio::null());
    command
}

/// The checkout.
///
/// # Panics
/// Never: the package stands in it.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| panic!("the package has a parent"))
}

/// Runs a command and checks its exit code.
///
/// # Panics
/// When it is another.
pub fn expect(command: &mut Command, code: i32) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert_eq!(
        output.status.code(),
        Some(code),
        "{command:?}\n--- stdout\n{}\n--- stderr\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
