//! What a sealed store takes, refuses and costs.

use super::*;
use crate::{Clusters, FileStore};

fn flaw(error: StoreError) -> Flaw {
    match envelope(error) {
        EnvelopeError::Object { flaw, .. } => flaw,
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn what_is_below_clusters_is_sealed_but_for_leases() {
    let (memory, store, secrets) = encrypted().await;
    let sealed = sealed(&store, &secrets);
    let places = [STATE, HISTORY, "clusters/lease.json", "clusters/demo/journal/lease.json", LEASE, "probe/1"];
    for key in places {
        write(&sealed, key, b"marker").await;
        assert_eq!(read(&sealed, key).await.unwrap().unwrap(), b"marker");
    }
    let all = memory.all();
    let is_plain = |key: &&str| all[*key] == b"marker";
    assert_eq!(places.iter().filter(|key| is_plain(key)).collect::<Vec<_>>(), [&LEASE, &"probe/1"]);
    assert!(all[SETTINGS_KEY].starts_with(b"{"));
    let without = SealedStore::open(store, Secrets::new());
    assert_eq!(read(&without, LEASE).await.unwrap().unwrap(), b"marker");
    assert!(without.put(STATE, b"x", Condition::Absent).await.is_err());
}

#[tokio::test]
async fn plain_objects_are_refused_and_swapped_ones_are() {
    let (memory, store, secrets) = encrypted().await;
    let sealed = sealed(&store, &secrets);
    for key in [STATE, HISTORY] {
        write(&sealed, key, key.as_bytes()).await;
    }
    memory.plant(STATE, b"{\"serial\": 9}");
    assert_eq!(flaw(read(&sealed, STATE).await.unwrap_err()), Flaw::Plain);
    memory.plant(STATE, &memory.all()[HISTORY]);
    assert_eq!(flaw(read(&sealed, STATE).await.unwrap_err()), Flaw::Changed);
    assert_eq!(read(&sealed, HISTORY).await.unwrap().unwrap(), HISTORY.as_bytes());

    // Nor from another store, though the same person can open both.
    let (other, other_store, other_secrets) = encrypted().await;
    write(&super::sealed(&other_store, &other_secrets), STATE, b"other").await;
    memory.plant(STATE, &other.all()[STATE]);
    assert!(matches!(flaw(read(&sealed, STATE).await.unwrap_err()), Flaw::UnknownKey(_)));
}

#[tokio::test]
async fn settings_that_went_missing_show() {
    let (memory, store, secrets) = encrypted().await;
    write(&sealed(&store, &secrets), STATE, b"x").await;
    memory.delete(SETTINGS_KEY).await.unwrap();
    // Who gave keys expects them to be used; nothing is written plain.
    let error = sealed(&store, &secrets).put(HISTORY, b"x", Condition::Absent).await.unwrap_err();
    assert!(matches!(envelope(error), EnvelopeError::Unencrypted));
    assert_eq!(flaw(read(&sealed(&store, &Secrets::new()), STATE).await.unwrap_err()), Flaw::NoKeys);
}

#[tokio::test]
async fn a_store_without_encryption_is_passed_through() {
    let memory = Arc::new(Memory::default());
    let store: Arc<dyn Store> = memory.clone();
    let sealed = sealed(&store, &services(true));
    write(&sealed, STATE, b"plain").await;
    assert_eq!(read(&sealed, STATE).await.unwrap().unwrap(), b"plain");
    assert_eq!(memory.all()[STATE], b"plain");
    assert!(!sealed.is_encrypted().await.unwrap());
    assert_eq!(sealed.retention().await.unwrap(), Retention::default());
}

#[tokio::test]
async fn keys_are_read_once_and_beside_the_first_object() {
    let (memory, store, secrets) = encrypted().await;
    write(&sealed(&store, &secrets), STATE, b"x").await;
    write(&sealed(&store, &secrets), HISTORY, b"x").await;
    let sealed = sealed(&store, &secrets);
    let _ = (memory.calls(), memory.at_once());
    read(&sealed, STATE).await.unwrap();
    assert_eq!(memory.calls().len(), 2);
    assert_eq!(memory.at_once(), 2);
    read(&sealed, STATE).await.unwrap();
    read(&sealed, HISTORY).await.unwrap();
    assert_eq!(memory.calls(), [format!("read {STATE}"), format!("read {HISTORY}")]);
}

#[tokio::test]
async fn many_first_readers_open_the_keys_once() {
    let (memory, store, secrets) = encrypted().await;
    write(&sealed(&store, &secrets), STATE, b"x").await;
    let sealed = sealed(&store, &secrets);
    let _ = memory.calls();
    let readers: Vec<_> =
        (0..16).map(|_| sealed.clone()).map(|store| async move { read(&store, STATE).await }).collect();
    for reader in readers.into_iter().map(tokio::spawn).collect::<Vec<_>>() {
        reader.await.unwrap().unwrap();
    }
    assert_eq!(memory.calls().iter().filter(|call| call.ends_with(SETTINGS_KEY)).count(), 1);
}

#[tokio::test]
async fn a_read_that_failed_is_tried_again() {
    let (memory, store, secrets) = encrypted().await;
    write(&sealed(&store, &secrets), STATE, b"x").await;
    let sealed = sealed(&store, &secrets);
    memory.die_at(0, memory::Death::Before);
    assert!(matches!(read(&sealed, STATE).await, Err(StoreError::Io { .. })));
    memory.revive();
    assert_eq!(read(&sealed, STATE).await.unwrap().unwrap(), b"x");
}

#[tokio::test]
async fn versions_and_conditions_are_those_of_the_store_below() {
    let (_, store, secrets) = encrypted().await;
    let sealed = sealed(&store, &secrets);
    let first = sealed.put(STATE, b"1", Condition::Absent).await.unwrap();
    assert!(matches!(sealed.put(STATE, b"2", Condition::Absent).await, Err(StoreError::Precondition { .. })));
    let second = sealed.put(STATE, b"2", Condition::Matches(first.clone())).await.unwrap();
    assert!(sealed.put(STATE, b"3", Condition::Matches(first)).await.is_err());
    assert_eq!(sealed.get(STATE).await.unwrap().unwrap().version, second);
    assert_eq!(sealed.list("clusters/").await.unwrap(), [STATE]);
    sealed.delete(STATE).await.unwrap();
    assert!(read(&sealed, STATE).await.unwrap().is_none());
}

/// The protocol does not notice.
#[tokio::test]
async fn clusters_live_in_a_sealed_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(FileStore::new(dir.path()));
    let (identity, recipients) = person();
    encrypt(&store, &Secrets::new(), &[NewWrap::age(recipients)]).await.unwrap();
    let clusters = Clusters::new(Arc::new(sealed(&store, &holding(&identity))));
    let lease = clusters.acquire("demo", ask()).await.unwrap();
    let state = meridian_engine::state::State::new("demo", "somewhere", "there", "lineage".into());
    let first = clusters.write(&lease, &owner(), None, state).await.unwrap();
    clusters.write(&lease, &owner(), Some(&first), first.state.clone()).await.unwrap();
    lease.release().await.unwrap();
    assert_eq!(clusters.list().await.unwrap(), ["demo"]);
    assert_eq!(clusters.load("demo").await.unwrap().unwrap().state.serial, 2);
    assert_eq!(clusters.history("demo").await.unwrap().len(), 2);
    assert!(std::fs::read(dir.path().join(STATE)).unwrap().starts_with(b"MERIDIAN-SEALED-1\n"));
}
