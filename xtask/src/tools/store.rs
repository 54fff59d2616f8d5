//! The directory of installed tools.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Installed tools, one directory each, locked while this value lives.
pub struct Store {
    root: PathBuf,
    _lock: File,
}

impl Store {
    /// Opens the directory and waits until no other run installs something there.
    pub fn open(root: PathBuf) -> Result<Self> {
        let lock = root.join("lock");
        let file = fs::create_dir_all(&root)
            .and_then(|()| File::create(&lock))
            .and_then(|file| file.lock().map(|()| file))
            .with_context(|| format!("{} can't be locked", lock.display()))?;
        Ok(Self { root, _lock: file })
    }

    /// The directory of a tool, filled by `install` unless it was filled for the same `pins` before.
    ///
    /// The directory's name carries the pins' hash, so that checkouts with different pins don't disturb each other. It
    /// is filled in place, because a Python environment can't be moved, and marked only when all went well.
    pub fn ensure(&self, name: &str, pins: &[&str], install: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let directory = self.root.join(format!("{name}-{:016x}", hash(pins)));
        let mark = directory.join("complete");
        if mark.exists() {
            return Ok(directory);
        }
        if directory.exists() {
            fs::remove_dir_all(&directory)
                .with_context(|| format!("{} is incomplete and can't be removed", directory.display()))?;
        }
        fs::create_dir_all(&directory).with_context(|| format!("{} can't be made", directory.display()))?;
        install(&directory).with_context(|| format!("installing {name} failed"))?;
        File::create(&mark).with_context(|| format!("{} can't be written", mark.display()))?;
        Ok(directory)
    }
}

/// FNV-1a, which unlike the standard library's hash is the same in every release of Rust.
fn hash(pins: &[&str]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for pin in pins {
        for byte in pin.bytes().chain([0xff]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use std::fs;

    use anyhow::bail;

    use super::{Store, hash};

    #[test]
    fn pins_are_told_apart() {
        assert_ne!(hash(&["a", "b"]), hash(&["ab"]));
        assert_ne!(hash(&["a", "b"]), hash(&["b", "a"]));
        assert_eq!(hash(&["a", "b"]), hash(&["a", "b"]));
    }

    #[test]
    fn a_tool_is_installed_once_and_again_after_a_failure_or_a_new_pin() {
        let root = std::env::temp_dir().join(format!("meridian-xtask-store-{}", std::process::id()));
        let store = Store::open(root.clone()).unwrap();
        let failed = store.ensure("tool", &["1"], |directory| {
            fs::write(directory.join("half"), "")?;
            bail!("the network is away")
        });
        assert!(failed.is_err());
        let mut installs = 0;
        for pin in ["1", "1", "2"] {
            let directory = store
                .ensure("tool", &[pin], |directory| {
                    assert!(!directory.join("half").exists());
                    installs += 1;
                    Ok(())
                })
                .unwrap();
            assert!(directory.join("complete").exists());
        }
        assert_eq!(installs, 2);
        fs::remove_dir_all(root).unwrap();
    }
}
