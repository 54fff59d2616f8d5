//! The clusters of a store: reading and writing their states, and who may.

use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use meridian_engine::state::{FORMAT_VERSION, Phase, State};

use crate::format::{self, Segment, StateFile, damaged, nonce};
use crate::lease::{self, Ask, Lease, Owner};
use crate::store::{Condition, Store, StoreError, Version};

/// How many objects are read or deleted at once.
const AT_ONCE: usize = 16;

/// How many segments of one journal are read at once: most journals in one round trip.
const SEGMENTS_AT_ONCE: usize = 128;

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
    #[error("the cluster `{name}` has no serial {serial} in its history")]
    NoSerial { name: String, serial: u64 },
}

/// A state, with what is needed to write its successor.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// With the journal of an unfinished apply taken in.
    pub state: State,
    /// Who wrote it, and when.
    pub written_by: Owner,
    pub written_at: Timestamp,
    /// Whether there was such a journal.
    pub interrupted: bool,
    /// Who holds the lease, if someone does: whoever has a journal and the lease is at work still.
    pub holder: Option<Owner>,
    /// Fencing number of the lease it was written under.
    pub(crate) fence: u64,
    /// How many segments it has; where the next one, or its seal, goes.
    pub(crate) segments: u64,
    /// As it stands in the store, for the history.
    bytes: Vec<u8>,
    version: Version,
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
        Ok(self.load_all().await?.into_iter().map(|loaded| loaded.state.cluster).collect())
    }

    /// The states of all clusters that exist, sorted by name.
    pub async fn load_all(&self) -> Result<Vec<Loaded>, StateError> {
        let keys = self.store.list("clusters/").await?;
        let names = keys.iter().filter_map(|key| key.strip_prefix("clusters/")?.strip_suffix("/state.json"));
        let loads = names.map(|name| self.load(name)).collect::<Vec<_>>();
        stream::iter(loads).buffered(AT_ONCE).try_filter_map(async |loaded| Ok(loaded)).try_collect().await
    }

    /// The state of a cluster; `None` when there is none, or no more.
    ///
    /// Costs one round trip, and another one where an apply is under way or was interrupted.
    pub async fn load(&self, name: &str) -> Result<Option<Loaded>, StateError> {
        Ok(self.read(name).await?.filter(|loaded| loaded.state.phase != Phase::Gone))
    }

    /// The same, or what was left in the place of a state that was removed.
    async fn read(&self, name: &str) -> Result<Option<Loaded>, StateError> {
        let key = Self::key(name, "state.json")?;
        let journal = Self::key(name, "journal/")?;
        let (object, mut keys, holder) =
            tokio::try_join!(self.store.get(&key), self.store.list(&journal), async { Ok(self.holder(name).await) })?;
        let Some(object) = object else { return Ok(None) };
        let StateFile { written_at, written_by, fence, mut state, .. } = format::state(&key, &object.bytes)?;
        let prefix = Self::journal_prefix(name, state.serial)?;
        keys.retain(|key| key.starts_with(&prefix));
        let (mut interrupted, mut segments) = (false, 0);
        for segment in self.segments(&keys).await? {
            segments += 1;
            interrupted |= !segment.entries.is_empty();
            state.fold(segment.entries);
        }
        Ok(Some(Loaded {
            state,
            written_by,
            written_at,
            interrupted,
            // Who reads does not need the lease: one that can't be read keeps nobody from reading.
            holder: holder.ok().flatten().map(|(owner, _)| owner),
            fence,
            segments,
            bytes: object.bytes,
            version: object.version,
        }))
    }

    /// The segments at `keys`, in this order.
    async fn segments(&self, keys: &[String]) -> Result<Vec<Segment>, StateError> {
        let reads = keys.iter().map(async |key| match self.store.get(key).await? {
            Some(object) => format::segment(key, &object.bytes).map(Some),
            None => Ok(None),
        });
        stream::iter(reads.collect::<Vec<_>>())
            .buffered(SEGMENTS_AT_ONCE)
            .try_filter_map(async |segment| Ok(segment))
            .try_collect()
            .await
    }

    /// Takes the lease of a cluster, which need not exist yet.
    pub async fn acquire(&self, name: &str, ask: Ask<'_>) -> Result<Lease, StateError> {
        Lease::acquire(Arc::clone(&self.store), &Self::key(name, "lease.json")?, ask).await
    }

    /// Who holds the lease of a cluster, if someone does, and until when.
    pub async fn holder(&self, name: &str) -> Result<Option<(Owner, Timestamp)>, StateError> {
        let present = lease::read(self.store.as_ref(), &Self::key(name, "lease.json")?).await?;
        Ok(present.filter(|(file, _)| file.is_held()).map(|(file, _)| (file.owner, file.expires_at)))
    }

    /// Takes the lease away from whoever holds it. What that one still writes is refused as soon as the next holder begins.
    pub async fn unlock(&self, name: &str) -> Result<(), StateError> {
        lease::end(self.store.as_ref(), &Self::key(name, "lease.json")?).await
    }

    /// Writes `state` as the successor of `previous`, with the next serial; `None` makes the first one, and fails when
    /// there is one already. The journal of the predecessor, which the state must have taken in, is dropped.
    ///
    /// # Guarantees
    /// - Of two writers on one predecessor one wins; the other gets [`StoreError::Precondition`] and has changed nothing.
    /// - The predecessor is in the history before it is replaced.
    /// - What a later holder of the lease wrote is never written over.
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
        let removed = match previous {
            Some(_) => None,
            None => self.read(&name).await?,
        };
        if removed.as_ref().is_some_and(|there| there.state.phase != Phase::Gone) {
            return Err(StoreError::Precondition { key }.into());
        }
        // A cluster of this name may have been before: serials go on, so that no key of its journal is used again.
        let before = previous.or(removed.as_ref());
        if let Some(loaded) = before {
            // Someone took the lease and has written since, whatever this holder still believes.
            if loaded.fence > lease.fence {
                return Err(StateError::LeaseLost);
            }
            if lease.took_over {
                self.seal(lease, loaded).await?;
            }
            // A crash between the two puts below leaves a state without its history entry: it is made good here.
            self.keep(&name, loaded.state.serial, &loaded.bytes).await?;
        }
        state.serial = before.map_or(1, |loaded| loaded.state.serial + 1);
        let file = StateFile {
            format_version: FORMAT_VERSION,
            fence: lease.fence,
            nonce: nonce(),
            written_at: Timestamp::now(),
            written_by: owner.clone(),
            state,
        };
        let bytes = serde_json::to_vec(&file).map_err(|source| damaged(&key, source))?;
        let condition = before.map_or(Condition::Absent, |loaded| Condition::Matches(loaded.version.clone()));
        let version = self.store.put(&key, &bytes, condition).await?;
        // The history entry comes second: one that is missing after a crash is made good by the next write.
        self.keep(&name, file.state.serial, &bytes).await?;
        if let Some(loaded) = before.filter(|loaded| loaded.segments > 0) {
            self.drop_journal(&name, loaded.state.serial, lease.took_over).await?;
        }
        Ok(Loaded {
            state: file.state,
            written_by: file.written_by,
            written_at: file.written_at,
            interrupted: false,
            holder: Some(owner.clone()),
            fence: lease.fence,
            segments: 0,
            bytes,
            version,
        })
    }

    /// Removes the state of a cluster that is gone. Its history stays, and a note in the place of the state, on which whoever
    /// makes a cluster of this name again has to write: the object itself can't be deleted under a condition.
    pub async fn remove(&self, lease: &Lease, owner: &Owner, loaded: &Loaded) -> Result<(), StateError> {
        let mut state = loaded.state.clone();
        state.phase = Phase::Gone;
        state.resources.clear();
        self.write(lease, owner, Some(loaded), state).await.map(drop)
    }

    /// Ends the journal of a predecessor that may be alive still: its next segment finds its place taken.
    async fn seal(&self, lease: &Lease, loaded: &Loaded) -> Result<(), StateError> {
        let (name, serial) = (&loaded.state.cluster, loaded.state.serial);
        let key = Self::segment_key(&Self::journal_prefix(name, serial)?, loaded.segments);
        let segment = Segment {
            format_version: FORMAT_VERSION,
            fence: lease.fence,
            nonce: nonce(),
            seal: true,
            sealed_at: Some(Timestamp::now()),
            entries: Vec::new(),
        };
        let bytes = serde_json::to_vec(&segment).map_err(|source| damaged(&key, source))?;
        self.store.put(&key, &bytes, Condition::Absent).await?;
        Ok(())
    }

    /// Drops the segments that a state has taken in; a seal stays where it stands, for whoever might still come.
    async fn drop_journal(&self, name: &str, serial: u64, sealed: bool) -> Result<(), StateError> {
        let prefix = Self::journal_prefix(name, serial)?;
        let mut keys = self.store.list(&Self::key(name, "journal/")?).await?;
        keys.retain(|key| key.starts_with(&prefix));
        if sealed {
            keys.pop();
        }
        let deletes = keys.iter().map(|key| self.store.delete(key)).collect::<Vec<_>>();
        Ok(stream::iter(deletes).buffer_unordered(AT_ONCE).try_collect().await?)
    }

    /// Puts a state into the history, where it may be already.
    async fn keep(&self, name: &str, serial: u64, bytes: &[u8]) -> Result<(), StateError> {
        match self.store.put(&Self::history_key(name, serial)?, bytes, Condition::Absent).await {
            Ok(_) | Err(StoreError::Precondition { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What the keys of the segments of an apply on top of `serial` begin with.
    pub(crate) fn journal_prefix(name: &str, serial: u64) -> Result<String, StateError> {
        Self::key(name, &format!("journal/{serial:020}-"))
    }

    /// The key of a segment. One number has one segment, whoever writes it.
    pub(crate) fn segment_key(prefix: &str, number: u64) -> String {
        format!("{prefix}{number:010}.json")
    }

    pub(crate) fn history_key(name: &str, serial: u64) -> Result<String, StateError> {
        Self::key(name, &format!("history/{serial:020}.json"))
    }

    pub(crate) fn key(name: &str, rest: &str) -> Result<String, StateError> {
        let is_name =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if is_name { Ok(format!("clusters/{name}/{rest}")) } else { Err(StateError::Name { name: name.to_owned() }) }
    }
}
