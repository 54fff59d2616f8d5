//! Sealing is not what anybody waits for.

use std::time::{Duration, Instant};

use super::super::key::DataKey;
use super::super::object::{Place, open, seal};
use super::*;

#[test]
fn ten_megabytes_are_sealed_and_opened_at_once() {
    let (id, key) = (KeyId::random(), DataKey::random());
    let place = Place { store_id: uuid::Uuid::nil(), key: STATE };
    let plain = vec![b'x'; 10_000_000];
    let times = (0..3).map(|_| {
        let begun = Instant::now();
        let sealed = seal(place, id, &key, &plain).unwrap();
        assert_eq!(open(place, id, &key, sealed).unwrap().len(), plain.len());
        begun.elapsed()
    });
    let best = times.min().unwrap();
    // An unoptimised build is held to less: our part of the ciphers' generic code is slow in it.
    let limit = if cfg!(debug_assertions) { Duration::from_secs(10) } else { Duration::from_millis(100) };
    assert!(best < limit, "{best:?}");
}
