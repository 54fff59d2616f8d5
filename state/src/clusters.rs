//! The clusters of a store: reading, writing, history, lease.

use std::sync::Arc;

use jiff::Timestamp;
use meridian_engine::journal::Entry;
use meridian_engine::state::{FORMAT_VERSION, State};
use serde::{Deserialize, Serialize};

use crate::lease::{self, Lease, Owner};
use crate::store::{Condition, Store, StoreError, Version};

/// The clusters whose state is kept in one store.
#[derive(Clone)]
pub struct Clusters {
    store: Arc<dyn Store>,
}

/// Why a state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("`{key}` is not what it should be")]
    Damaged {
        key: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("`{key}` is of format version {found}; this build knows {FORMAT_VERSION}")]
    Format { key: String, found: u64 },
    #[error("the lease is held by {owner} until {expires_at}")]
    Held { owner: Owner, expires_at: Timestamp },
    #[error("the lease ran out or was taken over; nothing was written")]
    LeaseLost,
    #[error("`{name}` can't be the name of a cluster in a store")]
    Name { name: String },
}

/// A state as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    format_version: u32,
    /// Fencing number of the lease it was written under.
    fence: u64,
    /// Makes every body another, for stores whose versions are digests.
    nonce: String,
    written_at: Timestamp,
    written_by: Owner,
    state: State,
}

/// A state, with what is needed to write its successor.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// With the journal of an unfinished apply taken in.
    pub state: State,
    /// Whether there was such a journal.
    pub interrupted: bool,
    version: Version,
}

/// One line of a history.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryEntry {
    pub serial: u64,
    pub written_at: Timestamp,
    pub written_by: Owner,
    /// Resources at the time.
    pub resources: usize,
}

impl Clusters {
    /// The clusters of `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The names of all clusters that exist, sorted.
    pub async fn list(&self) -> Result<Vec<String>, StateError> {
        let keys = self.store.list("clusters/").await?;
        Ok(keys
            .iter()
            .filter_map(|key| key.strip_prefix("clusters/")?.strip_suffix("/state.json"))
            .map(str::to_owned)
            .collect())
    }

    /// The state of a cluster; `None` when there is none.
    pub async fn load(&self, name: &str) -> Result<Option<Loaded>, StateError> {
        let key = Self::key(name, "state.json")?;
        let Some(object) = self.store.get(&key).await? else { return Ok(None) };
        let mut state = parse(&key, &object.bytes)?.state;
        let mut interrupted = false;
        for key in self.journal_keys(name, state.serial).await? {
            let Some(segment) = self.store.get(&key).await? else { continue };
            let entries: Vec<Entry> = serde_json::from_slice(&segment.bytes)
                .map_err(|source| StateError::Damaged { key: key.clone(), source })?;
            state.fold(entries);
            interrupted = true;
        }
        Ok(Some(Loaded { state, interrupted, version: object.version }))
    }

    /// Takes the lease of a cluster, which need not exist yet. A holder that `is_dead` knows to have died is not waited
    /// for; it must be sure, and say no where it is not.
    pub async fn acquire(
        &self,
        name: &str,
        owner: Owner,
        is_dead: &(dyn Fn(&Owner) -> bool + Send + Sync),
    ) -> Result<Lease, StateError> {
        Lease::acquire(Arc::clone(&self.store), &Self::key(name, "lease.json")?, owner, is_dead).await
    }

    /// Who holds the lease of a cluster, if someone does.
    pub async fn holder(&self, name: &str) -> Result<Option<Owner>, StateError> {
        let present = lease::read(self.store.as_ref(), &Self::key(name, "lease.json")?).await?;
        Ok(present.filter(|(file, _)| file.is_held()).map(|(file, _)| file.owner))
    }

    /// Takes the lease away from whoever holds it.
    pub async fn unlock(&self, name: &str) -> Result<(), StateError> {
        let key = Self::key(name, "lease.json")?;
        if let Some((mut file, version)) = lease::read(self.store.as_ref(), &key).await? {
            file.released = true;
            file.nonce = uuid::Uuid::new_v4().to_string();
            lease::put(self.store.as_ref(), &key, &file, Condition::Matches(version)).await?;
        }
        Ok(())
    }

    /// Writes `state` as the successor of `previous`, with the next serial; `None` makes the first one. The journal of
    /// the predecessor, which the state must have taken in, is dropped.
    pub async fn write(
        &self,
        lease: &Lease,
        owner: &Owner,
        previous: Option<&Loaded>,
        mut state: State,
    ) -> Result<Loaded, StateError> {
        lease.check().await?;
        let name = state.cluster.clone();
        let key = Self::key(&name, "state.json")?;
        let before = previous.map_or(0, |loaded| loaded.state.serial);
        state.serial = match previous {
            Some(_) => before + 1,
            // A cluster of this name may have been before: its history stays, and serials go on.
            None => self.serials(&name).await?.last().map_or(1, |serial| serial + 1),
        };
        // A crash between the two puts below leaves a state without its history entry: it is made good here.
        if let Some(loaded) = previous
            && let Some(object) = self.store.get(&key).await?
            && object.version == loaded.version
        {
            self.keep(&name, before, &object.bytes).await?;
        }
        let file = StateFile {
            format_version: FORMAT_VERSION,
            fence: lease.fence,
            nonce: uuid::Uuid::new_v4().to_string(),
            written_at: Timestamp::now(),
            written_by: owner.clone(),
            state,
        };
        let bytes =
            serde_json::to_vec_pretty(&file).map_err(|source| StateError::Damaged { key: key.clone(), source })?;
        let condition = previous.map_or(Condition::Absent, |loaded| Condition::Matches(loaded.version.clone()));
        let version = self.store.put(&key, &bytes, condition).await?;
        // The history entry comes second: one that is missing after a crash is made good by the next write.
        self.keep(&name, file.state.serial, &bytes).await?;
        if previous.is_some() {
            for key in self.journal_keys(&name, before).await? {
                self.store.delete(&key).await?;
            }
        }
        Ok(Loaded { state: file.state, interrupted: false, version })
    }

    /// Removes the state of a cluster that is gone. Its history stays.
    pub async fn remove(&self, lease: &Lease, loaded: &Loaded) -> Result<(), StateError> {
        lease.check().await?;
        let name = &loaded.state.cluster;
        for key in self.store.list(&Self::key(name, "journal/")?).await? {
            self.store.delete(&key).await?;
        }
        Ok(self.store.delete(&Self::key(name, "state.json")?).await?)
    }

    /// Every state that ever was, oldest first.
    pub async fn history(&self, name: &str) -> Result<Vec<HistoryEntry>, StateError> {
        let mut entries = Vec::new();
        for serial in self.serials(name).await? {
            if let Some(file) = self.past(name, serial).await? {
                entries.push(HistoryEntry {
                    serial,
                    written_at: file.written_at,
                    written_by: file.written_by,
                    resources: file.state.resources.len(),
                });
            }
        }
        Ok(entries)
    }

    /// The state of a cluster as it was at `serial`.
    pub async fn at(&self, name: &str, serial: u64) -> Result<Option<State>, StateError> {
        Ok(self.past(name, serial).await?.map(|file| file.state))
    }

    async fn past(&self, name: &str, serial: u64) -> Result<Option<StateFile>, StateError> {
        let key = Self::history_key(name, serial)?;
        let Some(object) = self.store.get(&key).await? else { return Ok(None) };
        parse(&key, &object.bytes).map(Some)
    }

    async fn keep(&self, name: &str, serial: u64, bytes: &[u8]) -> Result<(), StateError> {
        match self.store.put(&Self::history_key(name, serial)?, bytes, Condition::Absent).await {
            Ok(_) | Err(StoreError::Precondition { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn serials(&self, name: &str) -> Result<Vec<u64>, StateError> {
        let prefix = Self::key(name, "history/")?;
        let keys = self.store.list(&prefix).await?;
        Ok(keys.iter().filter_map(|key| key.strip_prefix(&prefix)?.strip_suffix(".json")?.parse().ok()).collect())
    }

    async fn journal_keys(&self, name: &str, serial: u64) -> Result<Vec<String>, StateError> {
        let prefix = Self::journal_prefix(name, serial)?;
        let mut keys = self.store.list(&Self::key(name, "journal/")?).await?;
        keys.retain(|key| key.starts_with(&prefix));
        Ok(keys)
    }

    /// Where the segments of an apply on top of `serial` are kept.
    pub(crate) fn journal_prefix(name: &str, serial: u64) -> Result<String, StateError> {
        Self::key(name, &format!("journal/{serial:020}-"))
    }

    fn history_key(name: &str, serial: u64) -> Result<String, StateError> {
        Self::key(name, &format!("history/{serial:020}.json"))
    }

    fn key(name: &str, rest: &str) -> Result<String, StateError> {
        let is_name =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if is_name { Ok(format!("clusters/{name}/{rest}")) } else { Err(StateError::Name { name: name.to_owned() }) }
    }
}

/// Reads a state; a version that this build does not know is refused before anything else is looked at.
fn parse(key: &str, bytes: &[u8]) -> Result<StateFile, StateError> {
    #[derive(Deserialize)]
    struct Format {
        format_version: u64,
    }
    let damaged = |source| StateError::Damaged { key: key.to_owned(), source };
    let format: Format = serde_json::from_slice(bytes).map_err(damaged)?;
    if format.format_version != u64::from(FORMAT_VERSION) {
        return Err(StateError::Format { key: key.to_owned(), found: format.format_version });
    }
    serde_json::from_slice(bytes).map_err(damaged)
}
