//! Any change of a sealed object shows.

use proptest::prelude::*;
use uuid::Uuid;

use super::super::key::DataKey;
use super::super::object::{Look, Place, look, open, seal};
use super::*;

const STORE: Uuid = Uuid::from_bytes([7; 16]);

fn place(key: &str) -> Place<'_> {
    Place { store_id: STORE, key }
}

/// As a reader does it, with one key.
fn unseal(key: &str, id: KeyId, data_key: &DataKey, bytes: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    match look(key, bytes)? {
        Look::Sealed(found) if found == id => open(place(key), found, data_key, bytes.to_vec()),
        Look::Sealed(found) => Err(EnvelopeError::Object { key: key.into(), flaw: Flaw::UnknownKey(found) }),
        Look::Plain => Err(EnvelopeError::Object { key: key.into(), flaw: Flaw::Plain }),
    }
}

#[test]
fn every_byte_that_is_changed_and_every_cut_shows() {
    let (id, key) = (KeyId::random(), DataKey::random());
    let sealed = seal(place(STATE), id, &key, b"{\"serial\": 1}").unwrap();
    assert_eq!(unseal(STATE, id, &key, &sealed).unwrap(), b"{\"serial\": 1}");
    let refused = |bytes: &[u8], what: &str| {
        let error = unseal(STATE, id, &key, bytes).unwrap_err();
        assert!(matches!(&error, EnvelopeError::Object { key, .. } if key == STATE), "{what}: {error:?}");
        let text = error.to_string();
        assert!(text.contains(STATE) && text.contains("nothing was written"), "{what}: {text}");
    };
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut bytes = sealed.clone();
            bytes[at] ^= 1 << bit;
            refused(&bytes, &format!("bit {bit} of byte {at}"));
        }
        refused(&sealed[..at], &format!("cut at {at}"));
        let mut bytes = sealed.clone();
        bytes.remove(at);
        refused(&bytes, &format!("without byte {at}"));
        bytes.insert(at, sealed[at]);
        bytes.insert(at, 0);
        refused(&bytes, &format!("one more at {at}"));
    }
    refused(&[sealed.as_slice(), b"\0"].concat(), "one more at the end");
    refused(&[sealed.as_slice(), &sealed].concat(), "twice");
}

#[test]
fn an_object_opens_only_where_it_was_put() {
    let (id, key) = (KeyId::random(), DataKey::random());
    let sealed = seal(place(STATE), id, &key, b"x").unwrap();
    for other in [HISTORY, "clusters/other/state.json", "clusters/demo/state.jso", ""] {
        let error = unseal(other, id, &key, &sealed).unwrap_err();
        assert!(matches!(error, EnvelopeError::Object { flaw: Flaw::Changed, .. }), "{other}");
    }
    let elsewhere = Place { store_id: Uuid::from_bytes([8; 16]), key: STATE };
    assert!(open(elsewhere, id, &key, sealed.clone()).is_err());
    assert!(open(place(STATE), id, &DataKey::random(), sealed.clone()).is_err());
    assert!(open(place(STATE), KeyId::random(), &key, sealed).is_err());
}

#[test]
fn nothing_is_sealed_alike_twice() {
    let (id, key) = (KeyId::random(), DataKey::random());
    assert_ne!(seal(place(STATE), id, &key, b"x").unwrap(), seal(place(STATE), id, &key, b"x").unwrap());
}

proptest! {
    #[test]
    fn what_is_sealed_opens(
        plain in proptest::collection::vec(any::<u8>(), 0..2000),
        key in any::<[u8; 32]>(),
        id in any::<[u8; 16]>(),
        at in ".{0,80}",
    ) {
        let (id, key) = (KeyId::from_bytes(id), DataKey::from_slice(&key).unwrap());
        let sealed = seal(place(&at), id, &key, &plain).unwrap();
        prop_assert_eq!(look(&at, &sealed).unwrap(), Look::Sealed(id));
        prop_assert_eq!(open(place(&at), id, &key, sealed).unwrap(), plain);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..100) {
        let (id, key) = (KeyId::random(), DataKey::random());
        let mut forged = seal(place(STATE), id, &key, b"x").unwrap();
        forged.truncate(cut);
        forged.extend(&bytes);
        let _ = unseal(STATE, id, &key, &forged);
        let _ = open(place(STATE), id, &key, bytes);
    }
}
