//! A store whose objects are sealed on their way in and opened on their way out.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::history::Retention;
use crate::store::{Condition, Object, Store, StoreError, Version};

use super::error::{EnvelopeError, Flaw};
use super::key::{DataKey, KeyId};
use super::object::{self, Look, Place};
use super::ring::Ring;
use super::secrets::Secrets;
use super::settings::Settings;

/// A store that may be encrypted: what is below `clusters/` is sealed, except who holds a lease.
///
/// # Expected flow
/// `store.json` is read, and the active key opened, with the first object that needs it, at the same time as that object;
/// after that neither is asked for again. So reading a state costs no round trip more than without encryption, unless a
/// key service is asked, which is one to that service.
///
/// # Guarantees
/// - An object opens at the place it was put to, whole, or not at all; versions are those of the store below.
/// - In an encrypted store a plain object is refused, except while encryption is being turned on.
/// - Each put seals once: a store below that compares bodies when it tries again sees the same bytes.
/// - A key that another process added is found, without opening the store anew.
/// - Whoever takes a lease after encryption was turned on seals what is written under it.
///
/// # Caveats
/// An object can be replaced by what was once put to the same place. Serials and fencing make that show in a state.
#[derive(Clone)]
pub struct SealedStore {
    inner: Arc<dyn Store>,
    secrets: Secrets,
    /// Whether nothing is written before the store has settings: whoever made them has tried it.
    made_only: bool,
    /// `None` until something needs it.
    mode: Arc<Mutex<Option<Mode>>>,
}

#[derive(Clone)]
struct Mode {
    /// Whether there are settings.
    made: bool,
    retention: Retention,
    /// `None` in a store that is not encrypted.
    ring: Option<Arc<Ring>>,
}

impl SealedStore {
    /// The store `inner`, opened by `secrets`. Nothing is read yet.
    #[must_use]
    pub fn open(inner: Arc<dyn Store>, secrets: Secrets) -> Self {
        Self { inner, secrets, made_only: false, mode: Arc::default() }
    }

    /// The same, for a store that is not written to before it has its settings.
    #[must_use]
    pub fn open_made(inner: Arc<dyn Store>, secrets: Secrets) -> Self {
        Self { made_only: true, ..Self::open(inner, secrets) }
    }

    /// Which past states the store keeps.
    pub async fn retention(&self) -> Result<Retention, EnvelopeError> {
        Ok(self.mode().await?.retention)
    }

    /// Whether the store is encrypted. Opens its key, and so fails where reading would.
    pub async fn is_encrypted(&self) -> Result<bool, EnvelopeError> {
        Ok(self.mode().await?.ring.is_some())
    }

    async fn mode(&self) -> Result<Mode, EnvelopeError> {
        let mut mode = self.mode.lock().await;
        if let Some(mode) = mode.as_ref() {
            return Ok(mode.clone());
        }
        let read = self.read_mode().await?;
        Ok(mode.insert(read).clone())
    }

    /// Reads `store.json` again, unless someone did since `known`.
    async fn newer(&self, known: &Mode) -> Result<Mode, EnvelopeError> {
        let mut mode = self.mode.lock().await;
        if let Some(mode) = mode.as_ref().filter(|mode| !mode.is(known)) {
            return Ok(mode.clone());
        }
        let read = self.read_mode().await?;
        Ok(mode.insert(read).clone())
    }

    async fn read_mode(&self) -> Result<Mode, EnvelopeError> {
        let settings = Settings::load(self.inner.as_ref()).await?.map(|loaded| loaded.settings);
        let made = settings.is_some();
        let retention = settings.as_ref().map(|settings| settings.retention).unwrap_or_default();
        let ring = match settings.filter(|settings| settings.encryption.is_some()) {
            Some(settings) => Some(Arc::new(Ring::open(&settings, &self.secrets).await?)),
            None if self.secrets.is_given() => return Err(EnvelopeError::Unencrypted),
            None => None,
        };
        Ok(Mode { made, retention, ring })
    }

    /// That a store is not encrypted is believed until the next lease is taken: conversion takes the leases, too, so one of
    /// the two sees the other.
    async fn doubt(&self) {
        let mut mode = self.mode.lock().await;
        if mode.as_ref().is_some_and(|mode| mode.ring.is_none()) {
            *mode = None;
        }
    }

    async fn unseal(&self, key: &str, mode: Mode, bytes: Vec<u8>) -> Result<Vec<u8>, EnvelopeError> {
        let id = match object::look(key, &bytes)? {
            Look::Sealed(id) => id,
            Look::Plain if mode.ring.as_ref().is_none_or(|ring| ring.is_converting()) => return Ok(bytes),
            Look::Plain => return Err(object::damaged(key, Flaw::Plain)),
        };
        let found = match mode.key(id).await? {
            Some(found) => Some(found),
            // Another process may have turned encryption on, or added a key, since `store.json` was read.
            None => self.newer(&mode).await?.key(id).await?,
        };
        let Some((ring, data_key)) = found else {
            let flaw = if mode.ring.is_some() { Flaw::UnknownKey(id) } else { Flaw::NoKeys };
            return Err(object::damaged(key, flaw));
        };
        object::open(Place { store_id: ring.store_id, key }, id, &data_key, bytes)
    }
}

impl Mode {
    async fn key(&self, id: KeyId) -> Result<Option<(Arc<Ring>, Arc<DataKey>)>, EnvelopeError> {
        let Some(ring) = &self.ring else { return Ok(None) };
        Ok(ring.key(id).await?.map(|key| (Arc::clone(ring), key)))
    }

    /// Whether both were read at the same time, as far as it matters.
    fn is(&self, other: &Self) -> bool {
        match (&self.ring, &other.ring) {
            (Some(ring), Some(other)) => Arc::ptr_eq(ring, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl fmt::Debug for SealedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedStore(…)")
    }
}

/// What a key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Sealed in an encrypted store.
    Sealed,
    /// Who may write a cluster: read by whoever waits, whatever he was given.
    Lease,
    /// What is said about the store itself.
    Open,
}

pub(super) fn part(key: &str) -> Part {
    let Some(below) = key.strip_prefix("clusters/") else { return Part::Open };
    match below.split_once('/') {
        Some((_, "lease.json")) => Part::Lease,
        _ => Part::Sealed,
    }
}

#[async_trait]
impl Store for SealedStore {
    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        if part(key) != Part::Sealed {
            return self.inner.get(key).await;
        }
        let (object, mode) = tokio::join!(self.inner.get(key), self.mode());
        let (object, mode) = (object?, mode?);
        let Some(Object { bytes, version }) = object else { return Ok(None) };
        Ok(Some(Object { bytes: self.unseal(key, mode, bytes).await?, version }))
    }

    async fn put(&self, key: &str, bytes: &[u8], condition: Condition) -> Result<Version, StoreError> {
        if self.made_only && part(key) != Part::Open && !self.mode().await?.made {
            return Err(EnvelopeError::NotMade.into());
        }
        match part(key) {
            Part::Open => self.inner.put(key, bytes, condition).await,
            Part::Lease => {
                let result = self.inner.put(key, bytes, condition).await;
                self.doubt().await;
                result
            }
            Part::Sealed => {
                let Some(ring) = self.mode().await?.ring else { return self.inner.put(key, bytes, condition).await };
                let (id, data_key) = ring.active();
                let sealed = object::seal(Place { store_id: ring.store_id, key }, id, data_key, bytes)?;
                self.inner.put(key, &sealed, condition).await
            }
        }
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.inner.list(prefix).await
    }
}
