//! Keeping a world on disk, so that it outlives any process.
//!
//! Each cloud has a directory of its own, and each part of its world is one file there: a region, or what is global. A
//! file is written beside the old one and renamed over it, so a reader finds the one or the other. The directory belongs
//! to one process at a time, by a lock on `lock`.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a start waits for another process to let go of the directory.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// A world's place on disk could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory cannot be made.
    #[error("cannot create {}", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The lock file cannot be opened or locked.
    #[error("cannot lock {}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has the directory.
    #[error("the sandbox in {} is in use by another process", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what this version writes.
    #[error("cannot understand {}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A part of the world cannot be put into JSON.
    #[error("cannot serialise the world for {}", path.display())]
    Serialise {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// The disk behind a world, or nothing.
#[derive(Debug)]
pub struct Store {
    place: Option<(PathBuf, File)>,
}

impl Store {
    /// Takes the cloud's part of the directory for this process. Waits up to five seconds for another process.
    pub fn open(dir: Option<&Path>, cloud: &str) -> Result<Self, StoreError> {
        let Some(dir) = dir else {
            return Ok(Self { place: None });
        };
        let dir = dir.join(cloud);
        fs::create_dir_all(&dir).map_err(|source| StoreError::Create { path: dir.clone(), source })?;
        let lock = lock(&dir)?;
        Ok(Self { place: Some((dir, lock)) })
    }

    /// Reads a part of the world; `None` where it was never written.
    pub fn read<T: DeserializeOwned>(&self, part: &str) -> Result<Option<T>, StoreError> {
        match &self.place {
            Some((dir, _)) => read(&dir.join(format!("{part}.json"))),
            None => Ok(None),
        }
    }

    /// The names of all parts that were written.
    pub fn parts(&self) -> Result<Vec<String>, StoreError> {
        let Some((dir, _)) = &self.place else { return Ok(Vec::new()) };
        let failed = |source| StoreError::Read { path: dir.clone(), source };
        let mut parts = Vec::new();
        for entry in fs::read_dir(dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            parts.extend(name.to_str().and_then(|name| name.strip_suffix(".json")).map(str::to_owned));
        }
        Ok(parts)
    }

    /// Where the bodies of objects go.
    pub fn objects_dir(&self) -> Option<PathBuf> {
        self.place.as_ref().map(|(dir, _)| dir.join("objects"))
    }

    /// Writes a part of the world.
    pub fn save(&self, part: &str, what: &impl Serialize) -> Result<(), StoreError> {
        let Some((dir, _)) = &self.place else {
            return Ok(());
        };
        let path = dir.join(format!("{part}.json"));
        let body = serde_json::to_vec(what).map_err(|source| StoreError::Serialise { path: path.clone(), source })?;
        write_whole(&path, &body).map_err(|source| StoreError::Write { path, source })
    }
}

/// Writes a file so that whoever reads it finds all of it or what was there before.
fn write_whole(path: &Path, body: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, body)?;
    fs::rename(&temporary, path)
}

fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| StoreError::Lock { path: path.clone(), source })?;
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse { path: dir.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(StoreError::Lock { path, source }),
        }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let body = match fs::read(path) {
        Ok(body) => body,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(StoreError::Read { path: path.to_owned(), source });
        }
    };
    serde_json::from_slice(&body).map(Some).map_err(|source| StoreError::Parse { path: path.to_owned(), source })
}

/// The bodies of objects: files, or memory. A deletion waits until the world that no longer names the body is safe.
#[derive(Debug, Default)]
pub struct Blobs {
    dir: Option<PathBuf>,
    memory: BTreeMap<String, Vec<u8>>,
    doomed: Vec<String>,
}

impl Blobs {
    /// Bodies in a directory, which is made when the first comes, or in memory.
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self { dir, ..Self::default() }
    }

    /// Keeps a body under an id of the caller's, which must not be in use.
    pub fn put(&mut self, id: &str, body: &[u8]) -> io::Result<()> {
        let Some(dir) = &self.dir else {
            self.memory.insert(id.to_owned(), body.to_vec());
            return Ok(());
        };
        fs::create_dir_all(dir)?;
        write_whole(&dir.join(id), body)
    }

    /// A body.
    pub fn get(&self, id: &str) -> io::Result<Vec<u8>> {
        match &self.dir {
            Some(dir) => fs::read(dir.join(id)),
            None => self.memory.get(id).cloned().ok_or_else(|| io::ErrorKind::NotFound.into()),
        }
    }

    /// Deletes a body once the request has succeeded.
    pub fn delete(&mut self, id: &str) {
        self.doomed.push(id.to_owned());
    }

    /// Carries out the deletions. A file that stays behind is named by nobody and does no harm.
    pub fn commit(&mut self) {
        for id in self.doomed.drain(..) {
            self.memory.remove(&id);
            if let Some(dir) = &self.dir {
                drop(fs::remove_file(dir.join(id)));
            }
        }
    }

    /// Forgets the deletions, since the request has failed.
    pub fn rollback(&mut self) {
        self.doomed.clear();
    }
}
