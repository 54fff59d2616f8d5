//! Who may write: one lease a cluster, with an expiry, a heartbeat and a fencing number.
//!
//! The fencing number grows with each holder and stands in everything a holder writes. A holder first writes the state
//! anew; from then on the condition of its predecessor's next write can't hold, even if that one wakes up late.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::clusters::StateError;
use crate::store::{Condition, Store, StoreError, Version};

/// How long a lease holds without a heartbeat.
pub const TERM: Duration = Duration::from_mins(1);

/// Who holds a lease, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub user: String,
    pub host: String,
    pub process: u32,
    /// What tells process numbers of this boot and container from those of others; empty when it is not known.
    pub process_space: String,
    /// The page of the pipeline's run, if one runs it.
    pub run_url: Option<String>,
    /// What is being done (`create`).
    pub command: String,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{} (process {}, `{}`)", self.user, self.host, self.process, self.command)?;
        match &self.run_url {
            Some(url) => write!(f, ", {url}"),
            None => Ok(()),
        }
    }
}

/// The stored form.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaseFile {
    pub owner: Owner,
    pub fence: u64,
    pub acquired_at: Timestamp,
    pub expires_at: Timestamp,
    pub released: bool,
    /// Makes every body another, for stores whose versions are digests.
    pub nonce: String,
}

impl LeaseFile {
    /// Whether it keeps others out.
    pub fn is_held(&self) -> bool {
        !self.released && self.expires_at > Timestamp::now()
    }
}

/// A lease that is held. Its heartbeat runs until it is released or dropped; dropped unreleased, it expires.
#[derive(Debug)]
pub struct Lease {
    pub fence: u64,
    store: SharedStore,
    key: String,
    current: Arc<Mutex<(LeaseFile, Version)>>,
    heartbeat: JoinHandle<()>,
}

/// Tells whether a lease is still held, without holding it.
#[derive(Debug, Clone)]
pub(crate) struct Held(Arc<Mutex<(LeaseFile, Version)>>);

impl Held {
    /// An error once the lease ran out or was taken over.
    pub async fn check(&self) -> Result<(), StateError> {
        if self.0.lock().await.0.is_held() { Ok(()) } else { Err(StateError::LeaseLost) }
    }
}

#[derive(Clone)]
struct SharedStore(Arc<dyn Store>);

impl std::fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Lease {
    /// Takes the lease at `key`, or says who holds it. A holder that `is_dead` knows to have died is not waited for.
    pub(crate) async fn acquire(
        store: Arc<dyn Store>,
        key: &str,
        owner: Owner,
        is_dead: &(dyn Fn(&Owner) -> bool + Send + Sync),
    ) -> Result<Self, StateError> {
        let present = read(store.as_ref(), key).await?;
        let (fence, condition) = match present {
            None => (1, Condition::Absent),
            Some((file, _)) if file.is_held() && !is_dead(&file.owner) => {
                return Err(StateError::Held { owner: file.owner, expires_at: file.expires_at });
            }
            Some((file, version)) => (file.fence + 1, Condition::Matches(version)),
        };
        let now = Timestamp::now();
        let file = LeaseFile {
            owner,
            fence,
            acquired_at: now,
            expires_at: expiry(now),
            released: false,
            nonce: uuid::Uuid::new_v4().to_string(),
        };
        let version = match put(store.as_ref(), key, &file, condition).await {
            Ok(version) => version,
            Err(StateError::Store(StoreError::Precondition { .. })) => {
                let winner = read(store.as_ref(), key).await?.map(|(file, _)| file);
                return Err(winner.map_or(StateError::LeaseLost, |file| StateError::Held {
                    owner: file.owner,
                    expires_at: file.expires_at,
                }));
            }
            Err(error) => return Err(error),
        };
        let current = Arc::new(Mutex::new((file, version)));
        let heartbeat = tokio::spawn(beat(Arc::clone(&store), key.to_owned(), Arc::clone(&current)));
        Ok(Self { fence, store: SharedStore(store), key: key.to_owned(), current, heartbeat })
    }

    /// Makes sure that it is still held; every write asks.
    pub(crate) async fn check(&self) -> Result<(), StateError> {
        self.held().check().await
    }

    /// As if the heartbeat had failed for longer than a term.
    #[cfg(test)]
    pub(crate) async fn expire(&self) {
        self.current.lock().await.0.expires_at = Timestamp::UNIX_EPOCH;
    }

    /// What others ask whether it is still held.
    pub(crate) fn held(&self) -> Held {
        Held(Arc::clone(&self.current))
    }

    /// Gives it back. Someone who took it over in the meantime keeps it.
    pub async fn release(self) -> Result<(), StateError> {
        self.heartbeat.abort();
        let current = self.current.lock().await;
        let mut file = current.0.clone();
        file.released = true;
        file.nonce = uuid::Uuid::new_v4().to_string();
        match put(self.store.0.as_ref(), &self.key, &file, Condition::Matches(current.1.clone())).await {
            Ok(_) | Err(StateError::Store(StoreError::Precondition { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

fn expiry(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::try_from(TERM).unwrap_or(SignedDuration::ZERO)).unwrap_or(now)
}

/// Puts the expiry off, three times a term. When that fails the lease runs out by itself and writes are refused.
async fn beat(store: Arc<dyn Store>, key: String, current: Arc<Mutex<(LeaseFile, Version)>>) {
    loop {
        tokio::time::sleep(TERM / 3).await;
        let mut held = current.lock().await;
        let mut file = held.0.clone();
        file.expires_at = expiry(Timestamp::now());
        file.nonce = uuid::Uuid::new_v4().to_string();
        match put(store.as_ref(), &key, &file, Condition::Matches(held.1.clone())).await {
            Ok(version) => *held = (file, version),
            Err(StateError::Store(StoreError::Precondition { .. })) => {
                held.0.released = true;
                tracing::error!("the lease was taken over by someone else");
                return;
            }
            Err(error) => tracing::warn!(%error, "the lease could not be renewed; trying again"),
        }
    }
}

pub(crate) async fn read(store: &dyn Store, key: &str) -> Result<Option<(LeaseFile, Version)>, StateError> {
    let Some(object) = store.get(key).await? else { return Ok(None) };
    let file =
        serde_json::from_slice(&object.bytes).map_err(|source| StateError::Damaged { key: key.to_owned(), source })?;
    Ok(Some((file, object.version)))
}

pub(crate) async fn put(
    store: &dyn Store,
    key: &str,
    file: &LeaseFile,
    condition: Condition,
) -> Result<Version, StateError> {
    let bytes =
        serde_json::to_vec_pretty(file).map_err(|source| StateError::Damaged { key: key.to_owned(), source })?;
    Ok(store.put(key, &bytes, condition).await?)
}
