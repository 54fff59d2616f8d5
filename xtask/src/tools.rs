//! The pinned tools that tests and checks call, installed below the cache directory and reused by every checkout.

mod cloud_init;
mod node;
mod python;
mod store;

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::layout::Layout;
use crate::process;
use crate::tools::python::Python;
use crate::tools::store::Store;

/// Names the directory with the `cloudinit` Python package: read by the tests, and by us where it is set already.
const CLOUD_INIT: &str = "MERIDIAN_CLOUD_INIT";

/// Where the tools are.
pub struct Tools {
    /// The environment with the emulators, their client and shellcheck.
    emulators: PathBuf,
    /// The environment with botocore's newest models.
    models: PathBuf,
    /// The environment with Azure's packages of the newer generation, which can't stand beside the others.
    typed_models: PathBuf,
    /// The script that starts azurite, for Node.
    azurite: PathBuf,
    /// The directory with the `cloudinit` package.
    cloud_init: PathBuf,
    /// The directory whose `bin` holds cargo-deny and cargo-fuzz.
    cargo: PathBuf,
}

impl Tools {
    /// Installs what is not there yet.
    pub fn install(layout: &Layout) -> Result<Self> {
        let store = Store::open(layout.cache.join("tools"))?;
        let pins = layout.root.join("tests/tools");
        let python = Python::find()?;
        let emulators = python.environment(&store, "emulators", &pins.join("emulators.txt"))?;
        let models = python.environment(&store, "models", &pins.join("models.txt"))?;
        let typed_models = python.environment(&store, "typed-models", &pins.join("typed-models.txt"))?;
        let azurite = node::azurite(&store, &pins.join("npm"))?;
        let cloud_init = match env::var_os(CLOUD_INIT) {
            Some(directory) => PathBuf::from(directory),
            None => cloud_init::install(&store, &emulators)?,
        };
        let list = pins.join("cargo.txt");
        let list = fs::read_to_string(&list).with_context(|| format!("{} can't be read", list.display()))?;
        Ok(Self { emulators, models, typed_models, azurite, cloud_init, cargo: cargo_tools(layout, &store, &list)? })
    }

    /// The variables by which the tests find the tools.
    pub fn variables(&self) -> [(&'static str, PathBuf); 5] {
        [
            ("MERIDIAN_PYTHON", python::interpreter(&self.emulators)),
            // moto holds botocore back; what is judged by the newest models takes this one.
            ("MERIDIAN_MODELS_PYTHON", python::interpreter(&self.models)),
            ("MERIDIAN_TYPED_MODELS", python::interpreter(&self.typed_models)),
            ("MERIDIAN_AZURITE", self.azurite.clone()),
            (CLOUD_INIT, self.cloud_init.clone()),
        ]
    }

    /// Prints the variables in a form that a shell can take, for running a test by hand or from an editor.
    pub fn describe(&self) {
        for (name, value) in self.variables() {
            println!("export {name}='{}'", value.display());
        }
    }

    /// Python with botocore's newest models.
    pub fn models_python(&self) -> Command {
        let mut command = Command::new(python::interpreter(&self.models));
        command.env("MERIDIAN_TYPED_MODELS", python::interpreter(&self.typed_models));
        // Without -B, bytecode would be written into the checkout.
        command.arg("-B");
        command
    }

    /// shellcheck, at the root of the checkout.
    pub fn shellcheck(&self, layout: &Layout) -> Command {
        let mut command = Command::new(self.emulators.join("bin/shellcheck"));
        command.current_dir(&layout.root);
        command
    }

    /// cargo-deny, at the root of the checkout.
    pub fn cargo_deny(&self, layout: &Layout) -> Command {
        let mut command = Command::new(self.cargo.join("bin/cargo-deny"));
        command.current_dir(&layout.root);
        command
    }

    /// cargo-fuzz, at the root of the checkout, with a room of its own in cargo's output: it builds with other flags.
    pub fn cargo_fuzz(&self, layout: &Layout) -> Command {
        let mut command = Command::new(self.cargo.join("bin/cargo-fuzz"));
        command.current_dir(&layout.root).env("CARGO_TARGET_DIR", layout.target.join("fuzz"));
        command
    }
}

/// Installs the cargo tools of a list with one `name=version` a line.
fn cargo_tools(layout: &Layout, store: &Store, list: &str) -> Result<PathBuf> {
    store.ensure("cargo", &[list], |directory| {
        for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let Some((name, version)) = line.split_once('=') else {
                bail!("tests/tools/cargo.txt: {line:?} is not of the form name=version");
            };
            println!("compiling {name} {version}, once; this takes some minutes");
            process::run(
                layout
                    .cargo()
                    // Its intermediate files go to a temporary directory and not among ours.
                    .env_remove("CARGO_TARGET_DIR")
                    .args(["install", "--locked", "--quiet", "--root"])
                    .arg(directory)
                    .arg(format!("{name}@={version}")),
            )?;
        }
        Ok(())
    })
}
