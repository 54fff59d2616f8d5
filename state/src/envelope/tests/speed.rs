//! Sealing is not what anybody waits for.

use std::time::{Duration, Instant};

use super::super::key::DataKey;
use super::super::object::{Place, open, seal};
use super::*;

/// Without optimisation the ciphers' generic code is slow, and says nothing about what users see.
const SIZE: usize = if cfg!(debug_assertions) { 200_000 } else { 10_000_000 };

#[test]
fn ten_megabytes_are_sealed_and_opened_in_a_tenth_of_a_second() {
    let (id, key) = (KeyId::random(), DataKey::random());
    let place = Place { store_id: uuid::Uuid::nil(), key: STATE };
    let plain = vec![b'x'; SIZE];
    let times = (0..5).map(|_| {
        let begun = Instant::now();
        let sealed = seal(place, id, &key, &plain).unwrap();
        assert_eq!(open(place, id, &key, sealed).unwrap().len(), plain.len());
        begun.elapsed()
    });
    let best = times.min().unwrap();
    assert!(cfg!(debug_assertions) || best < Duration::from_millis(100), "{best:?}");
}
