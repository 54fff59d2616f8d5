//! What is said about a store as a whole: one object at its root, `store.json`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::history::Retention;
use crate::store::{Condition, Store, StoreError, Version};

use super::error::EnvelopeError;
use super::key::KeyId;
use super::wrap::{WAYS_LIMIT, Wrap};

/// Where it is kept.
pub const KEY: &str = "store.json";

/// What this build reads and writes.
pub const FORMAT_VERSION: u64 = 1;

/// Larger ones are refused unread, in bytes.
pub const SIZE_LIMIT: usize = 1 << 20;

/// The settings of a store. Every change is a conditional put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub format_version: u64,
    /// Never changes; sealed objects are bound to it.
    pub store_id: Uuid,
    pub created_at: Timestamp,
    pub retention: Retention,
    /// `None` when the store is not encrypted.
    pub encryption: Option<Encryption>,
    /// Makes every body another, for stores whose versions are digests.
    nonce: String,
}

/// How a store is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// What new objects are sealed with.
    pub active: KeyId,
    /// Whether there may still be plain objects, as encryption is being turned on.
    pub converting: bool,
    /// All keys that objects are sealed with, the oldest first.
    pub keys: Vec<WrappedKey>,
    /// Proves that all this was written by someone who has the active key.
    pub(super) proof: String,
}

/// A data key as it is kept: it opens by any one of its wraps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrappedKey {
    pub id: KeyId,
    pub created_at: Timestamp,
    pub wraps: Vec<Wrap>,
}

impl Encryption {
    /// That of a store which is about to be encrypted. It proves nothing yet.
    pub(super) fn new(key: WrappedKey) -> Self {
        Self { active: key.id, converting: true, keys: vec![key], proof: String::new() }
    }

    /// The key of this id, if the store has it.
    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<&WrappedKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    fn check(&self) -> Result<(), EnvelopeError> {
        let invalid = |why| Err(EnvelopeError::SettingsInvalid { why });
        let mut ids: Vec<_> = self.keys.iter().map(|key| key.id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() != self.keys.len() {
            return invalid("two keys have one id");
        }
        if self.key(self.active).is_none() {
            return invalid("the active key is not among the keys");
        }
        if self.keys.iter().any(|key| key.wraps.is_empty() || key.wraps.len() > WAYS_LIMIT) {
            return invalid("a key has no way to be opened, or too many");
        }
        // Each passphrase that is tried costs a good part of a second, by design.
        let passphrases =
            |key: &WrappedKey| key.wraps.iter().filter(|wrap| matches!(wrap, Wrap::Passphrase(_))).count();
        if self.keys.iter().any(|key| passphrases(key) > 1) {
            return invalid("a key has more than one passphrase");
        }
        Ok(())
    }
}

/// Settings as they were read, with what their successor's condition needs.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub settings: Settings,
    version: Version,
}

impl Settings {
    /// Those of a new store that is not encrypted.
    #[must_use]
    pub fn new(retention: Retention) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            store_id: Uuid::new_v4(),
            created_at: Timestamp::now(),
            retention,
            encryption: None,
            nonce: String::new(),
        }
    }

    /// Reads them; `None` when the store has none.
    pub async fn load(store: &dyn Store) -> Result<Option<Loaded>, EnvelopeError> {
        let Some(object) = store.get(KEY).await? else { return Ok(None) };
        Ok(Some(Loaded { settings: parse(&object.bytes)?, version: object.version }))
    }

    /// Writes the first ones.
    ///
    /// # Errors
    /// [`EnvelopeError::SettingsExist`] when there are some.
    pub async fn create(self, store: &dyn Store) -> Result<Loaded, EnvelopeError> {
        match self.put(store, Condition::Absent).await {
            Err(EnvelopeError::Store(StoreError::Precondition { .. })) => Err(EnvelopeError::SettingsExist),
            result => result,
        }
    }

    async fn put(mut self, store: &dyn Store, condition: Condition) -> Result<Loaded, EnvelopeError> {
        self.nonce = Uuid::new_v4().to_string();
        let mut bytes = serde_json::to_vec_pretty(&self).map_err(|source| EnvelopeError::SettingsDamaged { source })?;
        bytes.push(b'\n');
        if bytes.len() > SIZE_LIMIT {
            return Err(EnvelopeError::SettingsSize);
        }
        let version = store.put(KEY, &bytes, condition).await?;
        Ok(Loaded { settings: self, version })
    }
}

impl Loaded {
    /// Replaces them by `settings`.
    ///
    /// # Errors
    /// [`StoreError::Precondition`] when someone else did in the meantime; nothing is written then.
    pub async fn update(&self, store: &dyn Store, settings: Settings) -> Result<Self, EnvelopeError> {
        settings.put(store, Condition::Matches(self.version.clone())).await
    }
}

/// The version comes first: a newer file is not misread, however it looks otherwise. Depth is bounded by the parser.
fn parse(bytes: &[u8]) -> Result<Settings, EnvelopeError> {
    #[derive(Deserialize)]
    struct Format {
        format_version: u64,
    }
    if bytes.len() > SIZE_LIMIT {
        return Err(EnvelopeError::SettingsSize);
    }
    let damaged = |source| EnvelopeError::SettingsDamaged { source };
    let format: Format = serde_json::from_slice(bytes).map_err(damaged)?;
    if format.format_version != FORMAT_VERSION {
        return Err(EnvelopeError::SettingsFormat { found: format.format_version });
    }
    let settings: Settings = serde_json::from_slice(bytes).map_err(damaged)?;
    settings.encryption.as_ref().map_or(Ok(()), Encryption::check)?;
    Ok(settings)
}
