//! Real encryption for the key services: what was sealed opens with the same key and the same context, and no others.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};

/// The length of a nonce, in bytes; it stands in front of what is sealed with it.
const NONCE: usize = 24;

/// A key that never leaves the world it is kept in.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealingKey(String);

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey")
    }
}

impl SealingKey {
    /// A new key.
    pub fn new() -> Self {
        Self(BASE64_STANDARD.encode(rand::random::<[u8; 32]>()))
    }

    fn cipher(&self) -> Option<XChaCha20Poly1305> {
        XChaCha20Poly1305::new_from_slice(&BASE64_STANDARD.decode(&self.0).ok()?).ok()
    }

    /// Seals a text; nothing where the key is broken.
    pub fn seal(&self, context: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE] = rand::random();
        let sealed = self.cipher()?.encrypt(XNonce::from_slice(&nonce), Payload { msg: text, aad: context }).ok()?;
        Some([&nonce[..], &sealed].concat())
    }

    /// Opens what was sealed; nothing where it was sealed otherwise.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
        self.cipher()?.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: context }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_and_context_open() {
        let key = SealingKey::new();
        let sealed = key.seal(b"here", b"secret").unwrap();
        assert_eq!(key.open(b"here", &sealed).unwrap(), b"secret");
        assert!(key.open(b"there", &sealed).is_none());
        assert!(SealingKey::new().open(b"here", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(b"here", &changed).is_none(), "byte {at}");
            assert!(key.open(b"here", &sealed[..at]).is_none(), "{at} bytes");
        }
    }
}
