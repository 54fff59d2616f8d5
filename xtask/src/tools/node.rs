//! Node, and packages of npm at pinned versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::tools::store::Store;

/// The oldest Node that the pinned packages were seen to run on.
const OLDEST: u32 = 20;

/// What npm reads: the packages that we name, and all that they need.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// The script of azurite's Blob service, from the list of packages in the directory `pins`.
pub fn azurite(store: &Store, pins: &Path) -> Result<PathBuf> {
    let version = find()?;
    let mut lists = Vec::new();
    for name in FILES {
        let path = pins.join(name);
        lists.push(fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))?);
    }
    let key: Vec<&str> = lists.iter().map(String::as_str).chain([version.as_str()]).collect();
    let directory = store.ensure("npm", &key, |directory| {
        for (name, list) in FILES.iter().zip(&lists) {
            let path = directory.join(name);
            fs::write(&path, list).with_context(|| format!("{} can't be written", path.display()))?;
        }
        // The packages' own scripts are not needed, and not run.
        let options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        process::run(Command::new("npm").args(options).current_dir(directory))?;
        if script(directory).exists() { Ok(()) } else { bail!("azurite has no {}", script(directory).display()) }
    })?;
    Ok(script(&directory))
}

fn script(directory: &Path) -> PathBuf {
    directory.join("node_modules/azurite/dist/src/blob/main.js")
}

/// Node's version, if it is new enough and npm is beside it.
fn find() -> Result<String> {
    let answer = |program: &str| process::capture(Command::new(program).arg("--version"));
    let found = answer("node").and_then(|version| answer("npm").map(|_| version.trim().to_owned()));
    match &found {
        Ok(version) if major(version).is_some_and(|major| major >= OLDEST) => Ok(version.clone()),
        other => bail!(
            "the tests need Node {OLDEST} or newer with npm (found: {}): install it, on Debian and Ubuntu with `apt-get install \
             nodejs npm`, and put `node` and `npm` on the PATH",
            other.as_ref().map_or("none", String::as_str)
        ),
    }
}

/// The first number of `v20.1.2`.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("v9.1.0"), Some(9));
        assert_eq!(major("none"), None);
    }
}
