//! Where things are: the checkout, the cache, cargo's output.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// The directories that xtask works with.
pub struct Layout {
    /// The checkout.
    pub root: PathBuf,
    /// What outlives a checkout: tools and, by default, cargo's output. `MERIDIAN_CACHE`.
    pub cache: PathBuf,
    /// Cargo's output. `CARGO_TARGET_DIR`.
    pub target: PathBuf,
}

impl Layout {
    /// Reads the environment, and makes sure that cargo's output is this checkout's.
    pub fn discover() -> Result<Self> {
        // Read when it runs, not when it is compiled: checkouts share a target directory and with it this binary.
        let manifest = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
        let root = Path::new(&manifest).parent().context("the checkout is the parent of xtask's directory")?.to_owned();
        let cache = match env::var_os("MERIDIAN_CACHE") {
            Some(directory) => PathBuf::from(directory),
            None => env::home_dir()
                .context("there is no home directory: set MERIDIAN_CACHE to a directory for tools and builds")?
                .join(".cache/meridian"),
        };
        let cache = std::path::absolute(cache).context("the cache directory has no absolute path")?;
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| Ok(cache.join("target")), |directory| std::path::absolute(PathBuf::from(directory)));
        let layout = Self { root, cache, target: target.context("CARGO_TARGET_DIR has no absolute path")? };
        layout.claim_target()?;
        Ok(layout)
    }

    /// Cargo, at the root of the checkout, with the shared output directory.
    pub fn cargo(&self) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        // What cargo told xtask about its package would else reach build scripts of the cargo that xtask runs.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(&name);
            }
        }
        cargo
    }

    /// Builds `meridian` and every test.
    ///
    /// Always both: without the tests, whose dependencies have their say in the features, the SDKs would be built twice.
    pub fn build(&self) -> Result<()> {
        process::run(self.cargo().args(["build", "--workspace", "--bin=meridian", "--tests"]))
    }

    /// Where cargo puts binaries of a profile (`debug` or `release`).
    pub fn binary_directory(&self, profile: &str) -> PathBuf {
        self.target.join(profile)
    }

    /// A new, empty directory of this name below cargo's output.
    pub fn fresh_directory(&self, name: &str) -> Result<PathBuf> {
        let directory = self.target.join(name);
        if directory.exists() {
            fs::remove_dir_all(&directory).with_context(|| format!("{} can't be emptied", directory.display()))?;
        }
        fs::create_dir_all(&directory).with_context(|| format!("{} can't be made", directory.display()))?;
        Ok(directory)
    }

    /// Throws away our own crates' artifacts when another checkout built them.
    ///
    /// Cargo tells two checkouts of a workspace in one target directory apart by nothing but modification times, and
    /// would run the other's binaries. The dependencies are the same for both and stay.
    fn claim_target(&self) -> Result<()> {
        let stamp = self.target.join("meridian-checkout");
        let root = self.root.to_string_lossy();
        let owner = fs::read_to_string(&stamp).unwrap_or_default();
        if owner == root {
            return Ok(());
        }
        if !owner.is_empty() {
            process::run(self.cargo().args(["clean", "--workspace", "--quiet"]))?;
        }
        fs::create_dir_all(&self.target)
            .and_then(|()| fs::write(&stamp, root.as_bytes()))
            .with_context(|| format!("{} can't be written", stamp.display()))
    }
}
