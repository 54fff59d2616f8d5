//! A data key behind a passphrase.
//!
//! Argon2id with 64 MiB, three passes and one lane: RFC 9106's second recommendation, but for its four lanes, which only
//! slow down who has no threads for them. OWASP's floor is 19 MiB and two passes. One who has the bucket can guess as long
//! as he likes, so this is above it; it costs about a tenth of a second, once a command, while the state is being read.

use std::fmt;
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::rand_core::RngCore as _;
use chacha20poly1305::aead::{Aead as _, OsRng, Payload};
use chacha20poly1305::{AeadCore as _, XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::error::{BoxError, EnvelopeError, UnwrapError};
use super::key::{DataKey, KeyContext, LENGTH};

const NONCE_LENGTH: usize = 24;

/// What it costs to try a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

/// What new wraps cost.
const COST: Cost = Cost { memory_kib: 64 * 1024, passes: 3, lanes: 1 };

/// The most that a file may ask for: one that asks for more was not written by us, and would only keep the machine busy.
const MOST: Cost = Cost { memory_kib: 256 * 1024, passes: 8, lanes: 4 };

impl Cost {
    fn params(self) -> Result<Params, BoxError> {
        if self.memory_kib > MOST.memory_kib || self.passes > MOST.passes || self.lanes > MOST.lanes {
            return Err(format!(
                "it asks for {} KiB, {} passes and {} lanes; at most {} KiB, {} passes and {} lanes are allowed",
                self.memory_kib, self.passes, self.lanes, MOST.memory_kib, MOST.passes, MOST.lanes
            )
            .into());
        }
        Params::new(self.memory_kib, self.passes, self.lanes, Some(LENGTH)).map_err(|error| error.to_string().into())
    }
}

/// Of every passphrase that is set anew another one, so that guesses are good for one store only. Kept as base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Salt([u8; 16]);

impl Salt {
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        OsRng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

impl TryFrom<String> for Salt {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("a salt is 16 bytes in base64")
    }
}

impl From<Salt> for String {
    fn from(salt: Salt) -> Self {
        STANDARD.encode(salt.0)
    }
}

/// A wrapped key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassphraseWrap {
    cost: Cost,
    salt: Salt,
    /// Nonce and ciphertext of XChaCha20-Poly1305.
    ciphertext: String,
}

/// A passphrase, with the keys that were derived from it: all of a store's keys share a salt unless they were wrapped at
/// different times, so that most stores cost one derivation.
pub(super) struct Passphrase {
    secret: SecretString,
    derived: Mutex<Vec<(Salt, Cost, Arc<DataKey>)>>,
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

impl Passphrase {
    pub fn new(secret: SecretString) -> Self {
        Self { secret, derived: Mutex::new(Vec::new()) }
    }

    pub fn is_empty(&self) -> bool {
        self.secret.expose_secret().is_empty()
    }

    /// Wraps `key`. Keys that are wrapped together share `salt`.
    pub async fn wrap(&self, salt: Salt, context: KeyContext, key: &DataKey) -> Result<PassphraseWrap, EnvelopeError> {
        let derived = self.derive(salt, COST).await.map_err(|source| EnvelopeError::Derive { source })?;
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let context = context.to_string();
        let payload = Payload { msg: key.expose(), aad: context.as_bytes() };
        let ciphertext = derived
            .cipher()
            .encrypt(&nonce, payload)
            .map_err(|error| EnvelopeError::Derive { source: error.to_string().into() })?;
        Ok(PassphraseWrap { cost: COST, salt, ciphertext: STANDARD.encode([nonce.as_slice(), &ciphertext].concat()) })
    }

    /// Opens `wrap`.
    pub async fn unwrap(&self, wrap: &PassphraseWrap, context: KeyContext) -> Result<DataKey, UnwrapError> {
        let damaged = || UnwrapError::Damaged { way: "the passphrase".to_owned() };
        let bytes = STANDARD.decode(&wrap.ciphertext).map_err(|_| damaged())?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_LENGTH).ok_or_else(damaged)?;
        let derived = self.derive(wrap.salt, wrap.cost).await.map_err(|source| UnwrapError::Derive { source })?;
        let context = context.to_string();
        let payload = Payload { msg: ciphertext, aad: context.as_bytes() };
        let plain =
            derived.cipher().decrypt(XNonce::from_slice(nonce), payload).map_err(|_| UnwrapError::WrongPassphrase)?;
        DataKey::from_slice(&Zeroizing::new(plain)).ok_or_else(damaged)
    }

    /// The key for `salt` and `cost`; derived once, where it blocks nobody.
    async fn derive(&self, salt: Salt, cost: Cost) -> Result<Arc<DataKey>, BoxError> {
        let mut derived = self.derived.lock().await;
        if let Some((_, _, key)) = derived.iter().find(|known| known.0 == salt && known.1 == cost) {
            return Ok(Arc::clone(key));
        }
        let params = cost.params()?;
        let secret = self.secret.clone();
        let key = tokio::task::spawn_blocking(move || -> Result<_, BoxError> {
            let mut blocks = Zeroizing::new(vec![Block::new(); params.block_count()]);
            let mut key = Zeroizing::new([0; LENGTH]);
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_into_with_memory(
                    secret.expose_secret().as_bytes(),
                    &salt.0,
                    key.as_mut(),
                    blocks.as_mut_slice(),
                )
                .map_err(|error| error.to_string())?;
            DataKey::from_slice(key.as_ref()).ok_or_else(|| "a derived key is too short".into())
        })
        .await??;
        let key = Arc::new(key);
        derived.push((salt, cost, Arc::clone(&key)));
        Ok(key)
    }
}
