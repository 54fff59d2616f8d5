//! Whether a store keeps the promises that state depends on, found out by trying.
//!
//! Some stores that speak S3's language take a condition and ignore it. State kept there would be lost to the first two writers
//! that meet, so such a store is refused before anything is kept in it.

use std::fmt;

use futures::future::join_all;

use crate::store::{Condition, Store, StoreError, Version};

/// How many writers meet.
const WRITERS: usize = 8;

/// Why a store can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It could not be tried.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was tried, and does not do what it should.
    #[error("state can't be kept here: {promise}")]
    Broken { promise: Promise },
}

/// What a store must do; printed as what is wrong when it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// An object that is there is not created again.
    CreatesOnce,
    /// What was written is read, with the version that the write gave.
    ReadsWhatWasWritten,
    /// A write on the version that is there succeeds.
    TakesRightVersion,
    /// A write on a version that is not there any more fails.
    RefusesStaleVersion,
    /// Of several writes on one version exactly one succeeds.
    LetsOneWin { winners: usize },
    /// What was written is listed.
    ListsWhatWasWritten,
    /// What was deleted is neither read nor listed.
    ForgetsWhatWasDeleted,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreatesOnce => {
                f.write_str("the store wrote over an object that was to be created only if it is absent")
            }
            Self::ReadsWhatWasWritten => f.write_str("the store did not give back what had just been written"),
            Self::TakesRightVersion => f.write_str(
                "the store refused a write on the version that it had just given, or that no one had written",
            ),
            Self::RefusesStaleVersion => {
                f.write_str("the store ignores conditions: it took a write on a version that was no longer there")
            }
            Self::LetsOneWin { winners } => {
                write!(f, "of {WRITERS} writes at once on one version {winners} succeeded, and it must be exactly one")
            }
            Self::ListsWhatWasWritten => f.write_str("the store does not list what had just been written"),
            Self::ForgetsWhatWasDeleted => f.write_str("the store still has what had been deleted"),
        }
    }
}

/// Tries a store on an object of its own, `probe/<random>`, which is gone afterwards.
pub async fn probe(store: &dyn Store) -> Result<(), ProbeError> {
    let key = format!("probe/{}", uuid::Uuid::new_v4());
    let outcome = attempt(store, &key).await;
    let deleted = store.delete(&key).await;
    outcome?;
    deleted?;
    keep(store.get(&key).await?.is_none(), Promise::ForgetsWhatWasDeleted)?;
    keep(!store.list("probe/").await?.contains(&key), Promise::ForgetsWhatWasDeleted)
}

async fn attempt(store: &dyn Store, key: &str) -> Result<(), ProbeError> {
    let first = put(store, key, Condition::Absent).await?.ok_or_else(|| broken(Promise::TakesRightVersion))?;
    keep(put(store, key, Condition::Absent).await?.is_none(), Promise::CreatesOnce)?;
    is_there(store, key, &first).await?;
    let second = put(store, key, Condition::Matches(first.version.clone())).await?;
    let second = second.ok_or_else(|| broken(Promise::TakesRightVersion))?;
    keep(put(store, key, Condition::Matches(first.version)).await?.is_none(), Promise::RefusesStaleVersion)?;
    is_there(store, key, &second).await?;
    let writers = (0..WRITERS).map(|_| put(store, key, Condition::Matches(second.version.clone())));
    let mut winners = Vec::new();
    for outcome in join_all(writers).await {
        winners.extend(outcome?);
    }
    match winners.as_slice() {
        [winner] => is_there(store, key, winner).await?,
        _ => return Err(broken(Promise::LetsOneWin { winners: winners.len() })),
    }
    keep(store.list("probe/").await?.iter().any(|listed| listed == key), Promise::ListsWhatWasWritten)
}

/// A write that succeeded.
struct Written {
    body: String,
    version: Version,
}

/// Writes something that was never written before; `None` if the condition did not hold.
async fn put(store: &dyn Store, key: &str, condition: Condition) -> Result<Option<Written>, StoreError> {
    let body = format!("{{\"nonce\":\"{}\"}}", uuid::Uuid::new_v4());
    match store.put(key, body.as_bytes(), condition).await {
        Ok(version) => Ok(Some(Written { body, version })),
        Err(StoreError::Precondition { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn is_there(store: &dyn Store, key: &str, written: &Written) -> Result<(), ProbeError> {
    let is_ours = store
        .get(key)
        .await?
        .is_some_and(|object| object.bytes == written.body.as_bytes() && object.version == written.version);
    keep(is_ours, Promise::ReadsWhatWasWritten)
}

fn keep(holds: bool, promise: Promise) -> Result<(), ProbeError> {
    if holds { Ok(()) } else { Err(broken(promise)) }
}

fn broken(promise: Promise) -> ProbeError {
    ProbeError::Broken { promise }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::FileStore;
    use crate::store::Object;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Flaw {
        None,
        CreatesAgain,
        RefusesAll,
        TakesStale,
        TwoWin,
        NoneWins,
        ReadsOld,
        AnotherVersion,
        ListsNothing,
        DeletesNothing,
        ListsDeleted,
    }

    /// A store in memory that breaks one promise.
    struct Memory {
        flaw: Flaw,
        kept: Mutex<BTreeMap<String, Vec<Vec<u8>>>>,
        ever: Mutex<Vec<String>>,
    }

    impl Memory {
        fn new(flaw: Flaw) -> Self {
            Self { flaw, kept: Mutex::default(), ever: Mutex::default() }
        }
    }

    #[async_trait]
    impl Store for Memory {
        async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
            let kept = self.kept.lock().unwrap();
            let Some(writes) = kept.get(key) else { return Ok(None) };
            let bytes = if self.flaw == Flaw::ReadsOld { &writes[0] } else { writes.last().unwrap() };
            let number = if self.flaw == Flaw::AnotherVersion { 0 } else { writes.len() };
            Ok(Some(Object { bytes: bytes.clone(), version: Version(number.to_string()) }))
        }

        async fn put(&self, key: &str, bytes: &[u8], condition: Condition) -> Result<Version, StoreError> {
            // Lets the others of a race see the same version.
            let before = self.kept.lock().unwrap().get(key).map_or(0, Vec::len);
            tokio::task::yield_now().await;
            let mut kept = self.kept.lock().unwrap();
            let writes = kept.entry(key.to_owned()).or_default();
            let number = if self.flaw == Flaw::TwoWin { before } else { writes.len() };
            let holds = match condition {
                Condition::Absent => number == 0 || self.flaw == Flaw::CreatesAgain,
                Condition::Matches(version) => match self.flaw {
                    Flaw::TakesStale => true,
                    Flaw::RefusesAll => false,
                    Flaw::NoneWins if number == 2 => false,
                    _ => version.0 == number.to_string(),
                },
            };
            if !holds {
                return Err(StoreError::Precondition { key: key.to_owned() });
            }
            writes.push(bytes.to_vec());
            self.ever.lock().unwrap().push(key.to_owned());
            Ok(Version(writes.len().to_string()))
        }

        async fn delete(&self, key: &str) -> Result<(), StoreError> {
            if self.flaw != Flaw::DeletesNothing {
                self.kept.lock().unwrap().remove(key);
            }
            Ok(())
        }

        async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
            let kept: Vec<_> = self.kept.lock().unwrap().keys().cloned().collect();
            let keys = match self.flaw {
                Flaw::ListsNothing => Vec::new(),
                Flaw::ListsDeleted => self.ever.lock().unwrap().clone(),
                _ => kept,
            };
            Ok(keys.into_iter().filter(|key| key.starts_with(prefix)).collect())
        }
    }

    #[tokio::test]
    async fn each_broken_promise_is_found_and_named() {
        for (flaw, promise) in [
            (Flaw::CreatesAgain, Promise::CreatesOnce),
            (Flaw::RefusesAll, Promise::TakesRightVersion),
            (Flaw::TakesStale, Promise::RefusesStaleVersion),
            (Flaw::TwoWin, Promise::LetsOneWin { winners: WRITERS }),
            (Flaw::NoneWins, Promise::LetsOneWin { winners: 0 }),
            (Flaw::ReadsOld, Promise::ReadsWhatWasWritten),
            (Flaw::AnotherVersion, Promise::ReadsWhatWasWritten),
            (Flaw::ListsNothing, Promise::ListsWhatWasWritten),
            (Flaw::DeletesNothing, Promise::ForgetsWhatWasDeleted),
            (Flaw::ListsDeleted, Promise::ForgetsWhatWasDeleted),
        ] {
            match probe(&Memory::new(flaw)).await {
                Err(ProbeError::Broken { promise: found }) => assert_eq!(found, promise, "{flaw:?}"),
                other => panic!("{flaw:?}: {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_store_that_keeps_its_promises_is_left_as_it_was() {
        let memory = Memory::new(Flaw::None);
        probe(&memory).await.unwrap();
        assert!(memory.kept.lock().unwrap().is_empty());
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path());
        probe(&store).await.unwrap();
        assert_eq!(store.list("probe/").await.unwrap(), Vec::<String>::new());
    }
}
