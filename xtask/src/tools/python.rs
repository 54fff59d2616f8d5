//! Python, and environments with pinned packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::tools::store::Store;

/// The oldest Python for which every pinned package has a release.
const OLDEST: (u32, u32) = (3, 11);

/// The names under which Python is looked for, in this order.
const NAMES: [&str; 5] = ["python3", "python3.13", "python3.12", "python3.11", "python"];

/// A Python that is new enough.
pub struct Python {
    executable: String,
    /// Version and place, so that another Python makes other environments.
    identity: String,
}

impl Python {
    /// Finds Python on the path.
    pub fn find() -> Result<Self> {
        let mut seen = Vec::new();
        for name in NAMES {
            let script = "import sys; v = sys.version_info; print(v[0], v[1], v[2], sys.executable)";
            let Ok(answer) = process::capture(Command::new(name).args(["-c", script])) else {
                continue;
            };
            let identity = answer.trim().to_owned();
            match version(&identity) {
                Some(found) if found >= OLDEST => {
                    return Ok(Self { executable: name.to_owned(), identity });
                }
                _ => seen.push(identity),
            }
        }
        let (major, minor) = OLDEST;
        let seen = if seen.is_empty() { "none".to_owned() } else { seen.join("; ") };
        bail!(
            "the tests need Python {major}.{minor} or newer (found: {seen}): install it, on Debian and Ubuntu with \
             `apt-get install python3 python3-venv`, and put it on the PATH as `python3`"
        )
    }

    /// An environment with exactly the packages of a list.
    pub fn environment(&self, store: &Store, name: &str, list: &Path) -> Result<PathBuf> {
        let pins = fs::read_to_string(list).with_context(|| format!("{} can't be read", list.display()))?;
        store.ensure(name, &[&pins, &self.identity], |directory| {
            process::run(Command::new(&self.executable).args(["-m", "venv"]).arg(directory))
                .context("Python can't make environments: on Debian and Ubuntu, `apt-get install python3-venv`")?;
            let pip = || {
                let mut command = Command::new(interpreter(directory));
                command.args(["-m", "pip", "--disable-pip-version-check"]);
                command
            };
            process::run(pip().args(["install", "--quiet", "--requirement"]).arg(list))?;
            process::run(pip().arg("check"))
        })
    }
}

/// The Python of an environment.
pub fn interpreter(environment: &Path) -> PathBuf {
    environment.join("bin/python")
}

fn version(identity: &str) -> Option<(u32, u32)> {
    let mut numbers = identity.split(' ').map(str::parse);
    match (numbers.next()?, numbers.next()?) {
        (Ok(major), Ok(minor)) => Some((major, minor)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{OLDEST, version};

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version("3 9 2 /usr/bin/python3").unwrap() < OLDEST);
        assert!(version("3 13 0 /usr/bin/python3").unwrap() > OLDEST);
        assert_eq!(version("no python"), None);
    }
}
