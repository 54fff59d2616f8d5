//! The keys that objects are sealed with.

use std::fmt;

use chacha20poly1305::aead::OsRng;
use chacha20poly1305::aead::rand_core::RngCore as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use secrecy::{ExposeSecret as _, ExposeSecretMut as _, SecretBox};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Length of a data key in bytes.
pub(super) const LENGTH: usize = 32;

/// Names a data key. It is random and tells nothing about the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(Uuid);

impl KeyId {
    /// A new one.
    pub(super) fn random() -> Self {
        Self(Uuid::new_v4())
    }

    pub(super) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    pub(super) fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a wrapped data key belongs to. A wrapped key that is carried to another store or to another id does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyContext {
    pub store_id: Uuid,
    pub key_id: KeyId,
}

impl KeyContext {
    /// As names and values, for services that take such (an encryption context).
    #[must_use]
    pub fn pairs(&self) -> [(&'static str, String); 2] {
        [("meridian-store", self.store_id.to_string()), ("meridian-key", self.key_id.to_string())]
    }
}

/// As one line, for services that take bytes (associated data).
impl fmt::Display for KeyContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "meridian-key store={} key={}", self.store_id, self.key_id)
    }
}

/// What objects are sealed with; wiped when it is dropped.
pub(super) struct DataKey(SecretBox<[u8; LENGTH]>);

impl DataKey {
    /// A new one, from the system's random numbers.
    pub fn random() -> Self {
        Self(SecretBox::init_with_mut(|bytes: &mut [u8; LENGTH]| OsRng.fill_bytes(bytes)))
    }

    /// `None` when `bytes` are not as many as a key has.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = SecretBox::<[u8; LENGTH]>::default();
        (bytes.len() == LENGTH).then(|| {
            key.expose_secret_mut().copy_from_slice(bytes);
            Self(key)
        })
    }

    pub fn expose(&self) -> &[u8; LENGTH] {
        self.0.expose_secret()
    }

    /// The cipher of this key; it wipes its own copy.
    pub fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.expose().into())
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}
