//! How an object looks once it is sealed.
//!
//! ```text
//! MERIDIAN-SEALED-1\n   18 bytes
//! id of the data key    16 bytes
//! nonce                 24 bytes, random
//! ciphertext            as long as what was sealed
//! tag                   16 bytes
//! ```
//!
//! Authenticated with it: the first line, the store's id, the key's id and the object's own key, so that an object opens
//! only where it was put. The nonces of `XChaCha20` are long enough to be drawn at random for any number of objects
//! (draft-irtf-cfrg-xchacha-03, section 1).

use chacha20poly1305::aead::{AeadInPlace as _, OsRng};
use chacha20poly1305::{AeadCore as _, Tag, XChaCha20Poly1305, XNonce};
use uuid::Uuid;

use super::error::{EnvelopeError, Flaw};
use super::key::{DataKey, KeyId};

const FAMILY: &[u8] = b"MERIDIAN-SEALED-";
const MAGIC: &[u8] = b"MERIDIAN-SEALED-1\n";
const KEY_ID_AT: usize = MAGIC.len();
const NONCE_AT: usize = KEY_ID_AT + 16;
const BODY_AT: usize = NONCE_AT + 24;
const TAG_LENGTH: usize = 16;

/// How an object looks from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Never sealed, or its first bytes were changed.
    Plain,
    /// Sealed under this key.
    Sealed(KeyId),
}

/// Whose object it is: what it is bound to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub store_id: Uuid,
    pub key: &'a str,
}

impl Place<'_> {
    /// The parts before the object's key have fixed lengths, so no two places look the same.
    fn associated(&self, id: KeyId) -> Vec<u8> {
        [MAGIC, self.store_id.as_bytes(), id.as_bytes(), self.key.as_bytes()].concat()
    }

    fn damaged(&self, flaw: Flaw) -> EnvelopeError {
        damaged(self.key, flaw)
    }
}

pub(super) fn damaged(key: &str, flaw: Flaw) -> EnvelopeError {
    EnvelopeError::Object { key: key.to_owned(), flaw }
}

/// Tells what an object is, by its first bytes.
pub(super) fn look(key: &str, bytes: &[u8]) -> Result<Look, EnvelopeError> {
    if !bytes.starts_with(MAGIC) {
        return if bytes.starts_with(FAMILY) { Err(damaged(key, Flaw::Format)) } else { Ok(Look::Plain) };
    }
    let id = bytes.get(KEY_ID_AT..NONCE_AT).and_then(|id| id.try_into().ok());
    let id = id.filter(|_| bytes.len() >= BODY_AT + TAG_LENGTH).ok_or_else(|| damaged(key, Flaw::Short))?;
    Ok(Look::Sealed(KeyId::from_bytes(id)))
}

/// Seals `plain` for `place`.
pub(super) fn seal(place: Place<'_>, id: KeyId, key: &DataKey, plain: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
    let mut sealed = Vec::with_capacity(BODY_AT + plain.len() + TAG_LENGTH);
    sealed.extend_from_slice(MAGIC);
    sealed.extend_from_slice(id.as_bytes());
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    // Fails only for what is longer than the cipher's counter reaches: 256 GiB.
    let tag = key
        .cipher()
        .encrypt_in_place_detached(&nonce, &place.associated(id), &mut sealed[BODY_AT..])
        .map_err(|_| place.damaged(Flaw::Long))?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// Opens what [`look`] found to be sealed under `id`. Works in place: a large state is in memory once.
pub(super) fn open(place: Place<'_>, id: KeyId, key: &DataKey, mut sealed: Vec<u8>) -> Result<Vec<u8>, EnvelopeError> {
    let tag_at = sealed.len().checked_sub(TAG_LENGTH).filter(|at| *at >= BODY_AT);
    let tag_at = tag_at.ok_or_else(|| place.damaged(Flaw::Short))?;
    let tag = *Tag::from_slice(&sealed[tag_at..]);
    let nonce = *XNonce::from_slice(&sealed[NONCE_AT..BODY_AT]);
    key.cipher()
        .decrypt_in_place_detached(&nonce, &place.associated(id), &mut sealed[BODY_AT..tag_at], &tag)
        .map_err(|_| place.damaged(Flaw::Changed))?;
    sealed.truncate(tag_at);
    sealed.drain(..BODY_AT);
    Ok(sealed)
}
