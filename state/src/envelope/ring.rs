//! The keys of a store, opened.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, OsRng, Payload};
use chacha20poly1305::{AeadCore as _, XChaCha20Poly1305, XNonce};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::error::EnvelopeError;
use super::key::{DataKey, KeyContext, KeyId};
use super::secrets::Secrets;
use super::settings::{Encryption, Settings};
use super::wrap;

const PROOF: &[u8] = b"MERIDIAN-SETTINGS-1\n";
const NONCE_LENGTH: usize = 24;

/// The keys of a store. The active one is open; the others open when something that is sealed with them is read.
pub(super) struct Ring {
    pub store_id: Uuid,
    encryption: Encryption,
    secrets: Secrets,
    active: Arc<DataKey>,
    open: Mutex<HashMap<KeyId, Arc<DataKey>>>,
}

impl Ring {
    /// Opens the active key, and makes sure that `settings` are by someone who has it.
    pub async fn open(settings: &Settings, secrets: &Secrets) -> Result<Self, EnvelopeError> {
        let encryption = settings.encryption.as_ref().ok_or(EnvelopeError::NotEncrypted)?;
        let context = KeyContext { store_id: settings.store_id, key_id: encryption.active };
        let wrapped = encryption.key(encryption.active).ok_or(EnvelopeError::SettingsForged)?;
        let active = wrap::open(wrapped, secrets, context).await?;
        Self::with_active(settings, secrets, Arc::new(active))
    }

    /// The same, when the active key is known already.
    pub fn with_active(settings: &Settings, secrets: &Secrets, active: Arc<DataKey>) -> Result<Self, EnvelopeError> {
        let encryption = settings.encryption.clone().ok_or(EnvelopeError::NotEncrypted)?;
        verify(settings.store_id, &encryption, &active)?;
        let open = Mutex::new(HashMap::from([(encryption.active, Arc::clone(&active))]));
        Ok(Self { store_id: settings.store_id, encryption, secrets: secrets.clone(), active, open })
    }

    /// Whether plain objects are taken.
    pub fn is_converting(&self) -> bool {
        self.encryption.converting
    }

    /// What new objects are sealed with.
    pub fn active(&self) -> (KeyId, &Arc<DataKey>) {
        (self.encryption.active, &self.active)
    }

    /// The key of this id; `None` when the store does not have it.
    pub async fn key(&self, id: KeyId) -> Result<Option<Arc<DataKey>>, EnvelopeError> {
        let Some(wrapped) = self.encryption.key(id) else { return Ok(None) };
        let mut open = self.open.lock().await;
        if let Some(key) = open.get(&id) {
            return Ok(Some(Arc::clone(key)));
        }
        let key = Arc::new(wrap::open(wrapped, &self.secrets, self.context(id)).await?);
        open.insert(id, Arc::clone(&key));
        Ok(Some(key))
    }

    /// What a wrap of this key is bound to.
    pub fn context(&self, id: KeyId) -> KeyContext {
        KeyContext { store_id: self.store_id, key_id: id }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ring(…)")
    }
}

/// Writes the proof that `encryption` is by someone who has its active key, `key`.
///
/// Without it whoever may write to the bucket could let plain objects in again, or slip in a recipient who gets the next
/// key. It can't tell an old `store.json` from the present one, nor one whose keys are all another's: such a one opens no
/// object that was there before.
pub(super) fn prove(store_id: Uuid, encryption: &mut Encryption, key: &DataKey) -> Result<(), EnvelopeError> {
    let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
    let aad = proven(store_id, encryption)?;
    let tag = key.cipher().encrypt(&nonce, Payload { msg: &[], aad: &aad }).map_err(|_| EnvelopeError::SettingsSize)?;
    encryption.proof = STANDARD.encode([nonce.as_slice(), &tag].concat());
    Ok(())
}

fn verify(store_id: Uuid, encryption: &Encryption, key: &DataKey) -> Result<(), EnvelopeError> {
    let forged = || EnvelopeError::SettingsForged;
    let bytes = STANDARD.decode(&encryption.proof).map_err(|_| forged())?;
    let (nonce, tag) = bytes.split_at_checked(NONCE_LENGTH).ok_or_else(forged)?;
    let aad = proven(store_id, encryption)?;
    let payload = Payload { msg: tag, aad: &aad };
    match key.cipher().decrypt(XNonce::from_slice(nonce), payload) {
        Ok(nothing) if nothing.is_empty() => Ok(()),
        _ => Err(forged()),
    }
}

fn proven(store_id: Uuid, encryption: &Encryption) -> Result<Vec<u8>, EnvelopeError> {
    let mut bytes = [PROOF, store_id.as_bytes()].concat();
    serde_json::to_writer(&mut bytes, &(encryption.active, encryption.converting, &encryption.keys))
        .map_err(|source| EnvelopeError::SettingsDamaged { source })?;
    Ok(bytes)
}
