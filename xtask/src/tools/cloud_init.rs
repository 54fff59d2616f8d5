//! cloud-init, whose schema command judges the rendered user-data.
//!
//! It is on no package index of Python's. Debian's package is plain Python, so it is fetched and unpacked, which needs
//! no root; what it imports is in the emulators' environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::tools::python;
use crate::tools::store::Store;

const HINT: &str = "cloud-init's package can't be fetched: where there is no `apt-get`, unpack the Debian package of \
    cloud-init (22.4 or newer) and set MERIDIAN_CLOUD_INIT to its directory `usr/lib/python3/dist-packages`";

/// The directory that holds the `cloudinit` package.
pub fn install(store: &Store, environment: &Path) -> Result<PathBuf> {
    // The environment's name carries the hash of what cloud-init imports and is checked against.
    let key = environment.to_string_lossy();
    let directory = store.ensure("cloud-init", &[&key], |directory| {
        let package = fetch(directory).context(HINT)?;
        process::run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(directory))?;
        verify(directory, environment)
    })?;
    Ok(modules(&directory))
}

fn modules(directory: &Path) -> PathBuf {
    directory.join("usr/lib/python3/dist-packages")
}

/// Downloads the package into `directory`; the list of packages is brought up to date when that is what is missing.
fn fetch(directory: &Path) -> Result<PathBuf> {
    let download = || process::capture(Command::new("apt-get").args(["download", "cloud-init"]).current_dir(directory));
    if download().is_err() {
        if process::run(Command::new("apt-get").args(["update", "--quiet=2"])).is_err() {
            process::run(Command::new("sudo").args(["-n", "apt-get", "update", "--quiet=2"]))?;
        }
        download()?;
    }
    for entry in fs::read_dir(directory).context("the download can't be read")? {
        let path = entry.context("the download can't be read")?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            return Ok(path);
        }
    }
    bail!("apt-get downloaded no package")
}

/// Makes sure that the schema command accepts what is right and refuses what is wrong.
fn verify(directory: &Path, environment: &Path) -> Result<()> {
    for (text, right) in [("packages: [jq]", true), ("packages: 5", false)] {
        let file = directory.join("sample.yaml");
        fs::write(&file, format!("#cloud-config\n{text}\n"))
            .with_context(|| format!("{} can't be written", file.display()))?;
        let answer = process::capture(
            Command::new(python::interpreter(environment))
                .args(["-m", "cloudinit.cmd.main", "schema", "--config-file"])
                .arg(&file)
                .env("PYTHONPATH", modules(directory)),
        );
        match answer {
            Err(error) if right => return Err(error).context("cloud-init's schema command does not work"),
            Ok(_) if !right => bail!("cloud-init's schema command accepts {text:?}"),
            _ => {}
        }
    }
    Ok(())
}
