//! A directory as a store. Conditions hold among processes of one machine: a lock file serialises writes, and each write
//! is a rename of a file that was flushed to disk.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::store::{Condition, MAX_OBJECT_BYTES, Object, Store, StoreError, Verb, Version, check_key};

/// How long a write waits for that of another process. One that is stopped in the middle of it can't be overtaken: it would
/// go on by replacing what was written since.
const LOCK_PATIENCE: Duration = Duration::from_mins(1);

/// How often one looks whether it is over.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// A store in a directory, which is made when something is first written.
#[derive(Debug, Clone)]
pub struct FileStore {
    root: PathBuf,
}

impl FileStore {
    /// The store in `root`; nothing is touched yet.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where `key` is kept. Keys are data: they can't lead out of the directory.
    fn path(&self, key: &str) -> Result<PathBuf, StoreError> {
        check_key(key)?;
        // What is hidden is ours: the lock, and files that are being written.
        if key.split('/').any(|part| part.starts_with('.')) {
            return Err(StoreError::Key { key: key.to_owned() });
        }
        Ok(self.root.join(key))
    }

    fn error(&self, verb: Verb, key: &str, source: io::Error) -> StoreError {
        StoreError::Io { verb, key: key.to_owned(), store: self.name(), source: Box::new(source) }
    }

    fn name(&self) -> String {
        format!("file://{}", self.root.display())
    }

    /// Held while it lives.
    fn lock(&self) -> io::Result<File> {
        make_folder(&self.root)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(self.root.join(".lock"))?;
        let give_up = Instant::now() + LOCK_PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if Instant::now() < give_up => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "another process has been writing there for a minute; is it stopped?",
                    ));
                }
            }
        }
    }

    /// Runs a blocking piece of work where it blocks nobody.
    async fn blocking<T, F>(&self, verb: Verb, key: &str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    {
        let store = self.clone();
        tokio::task::spawn_blocking(move || work(&store))
            .await
            .map_err(|error| self.error(verb, key, io::Error::other(error)))?
    }

    fn put_now(&self, key: &str, bytes: &[u8], condition: &Condition) -> Result<Version, StoreError> {
        let path = self.path(key)?;
        let write = |error| self.error(Verb::Write, key, error);
        let _lock = self.lock().map_err(write)?;
        let present = read(&path).map_err(write)?.map(|bytes| version(&bytes));
        let holds = match condition {
            Condition::Absent => present.is_none(),
            Condition::Matches(expected) => present.as_ref() == Some(expected),
        };
        if !holds {
            return Err(StoreError::Precondition { key: key.to_owned() });
        }
        replace(&path, bytes).map_err(write)?;
        Ok(version(bytes))
    }
}

#[async_trait]
impl Store for FileStore {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        let path = self.path(key)?;
        if tokio::fs::metadata(&path).await.is_ok_and(|metadata| metadata.len() > MAX_OBJECT_BYTES) {
            return Err(StoreError::TooLarge { key: key.to_owned(), store: self.name() });
        }
        let bytes = match tokio::fs::read(&path).await {
            Ok(bytes) => bytes,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(self.error(Verb::Read, key, error)),
        };
        Ok(Some(Object { version: version(&bytes), bytes }))
    }

    async fn put(&self, key: &str, bytes: &[u8], condition: Condition) -> Result<Version, StoreError> {
        let (own_key, bytes) = (key.to_owned(), bytes.to_vec());
        self.blocking(Verb::Write, key, move |store| store.put_now(&own_key, &bytes, &condition)).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let path = self.path(key)?;
        match tokio::fs::remove_file(&path).await {
            Ok(()) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(self.error(Verb::Delete, key, error)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let folder = self.path(prefix.trim_end_matches('/'))?;
        let own_prefix = prefix.to_owned();
        self.blocking(Verb::List, prefix, move |store| {
            let mut keys = Vec::new();
            collect(&folder, &own_prefix, &mut keys).map_err(|error| store.error(Verb::List, &own_prefix, error))?;
            keys.sort();
            Ok(keys)
        })
        .await
    }
}

/// The version of a body is its digest; every body carries a nonce, so no two writes look the same.
fn version(bytes: &[u8]) -> Version {
    Version(URL_SAFE_NO_PAD.encode(Sha256::digest(bytes)))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes beside, flushes, renames, and flushes the folder: a power cut leaves the old file or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("a file has a folder"))?;
    make_folder(folder)?;
    let mut file = tempfile::Builder::new().prefix(".tmp").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// Makes a folder and those above it, and flushes the entry of each new one: a file whose folder a power cut takes away
/// is lost, however well it was flushed itself.
fn make_folder(folder: &Path) -> io::Result<()> {
    let new = missing(folder);
    fs::create_dir_all(folder)?;
    for folder in new {
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(above)?.sync_all()?;
    }
    Ok(())
}

/// The folder and those above it that are not there, the deepest first.
fn missing(folder: &Path) -> Vec<&Path> {
    folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect()
}

fn collect(folder: &Path, prefix: &str, keys: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        if name.starts_with('.') {
            continue;
        }
        let key = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{key}/"), keys)?;
        } else {
            keys.push(key);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_many_writers_one_wins() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path());
        let first = store.put("clusters/a/state.json", b"0", Condition::Absent).await.unwrap();
        let writers = (0..16).map(|n: u8| {
            let (store, first) = (store.clone(), first.clone());
            tokio::spawn(async move {
                store.put("clusters/a/state.json", &[b'a' + n], Condition::Matches(first)).await.is_ok()
            })
        });
        let mut won = 0;
        for writer in writers.collect::<Vec<_>>() {
            won += usize::from(writer.await.unwrap());
        }
        assert_eq!(won, 1);
    }

    #[test]
    fn every_new_folder_is_known_so_that_its_entry_is_flushed() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        assert_eq!(missing(&deep), [deep.as_path(), &dir.path().join("a/b"), &dir.path().join("a")]);
        make_folder(&deep).unwrap();
        assert!(deep.is_dir());
        assert_eq!(missing(&deep), Vec::<&Path>::new());
        make_folder(&deep).unwrap();
    }

    #[tokio::test]
    async fn keys_are_data() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path().join("inside"));
        for key in ["../outside", "a/../../outside", "/etc/passwd", "a//b", "", "a/\0"] {
            let result = store.put(key, b"x", Condition::Absent).await;
            assert!(matches!(result, Err(StoreError::Key { .. })), "{key}");
        }
        assert!(!dir.path().join("outside").exists());
    }

    #[tokio::test]
    async fn what_is_put_is_listed_and_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path());
        assert_eq!(store.list("clusters/").await.unwrap(), Vec::<String>::new());
        for key in ["clusters/b/state.json", "clusters/a/history/1.json"] {
            store.put(key, key.as_bytes(), Condition::Absent).await.unwrap();
        }
        let listed = store.list("clusters/").await.unwrap();
        assert_eq!(listed, ["clusters/a/history/1.json", "clusters/b/state.json"]);
        store.delete("clusters/b/state.json").await.unwrap();
        store.delete("clusters/b/state.json").await.unwrap();
        assert!(store.get("clusters/b/state.json").await.unwrap().is_none());
    }
}
