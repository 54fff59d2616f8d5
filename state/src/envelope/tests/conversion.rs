//! Encryption is turned on whole, whatever dies when.

use super::memory::Death;
use super::*;
use crate::{Clusters, StateError};

const JOURNAL: &str = "clusters/other/journal/00000000000000000001-0000000001-0000000000.json";

fn with_clusters() -> (Arc<Memory>, Arc<dyn Store>) {
    let memory = Arc::new(Memory::default());
    for key in [STATE, HISTORY, "clusters/other/state.json", JOURNAL, "clusters/stray"] {
        memory.plant(key, key.as_bytes());
    }
    (memory.clone(), memory)
}

async fn check(memory: &Memory, store: &Arc<dyn Store>, secrets: &Secrets) {
    let settings = Settings::load(store.as_ref()).await.unwrap().unwrap().settings;
    assert!(!settings.encryption.unwrap().converting);
    let opened = sealed(store, secrets);
    for (key, bytes) in memory.all().iter().filter(|(key, _)| key.starts_with("clusters/")) {
        let is_lease = key.ends_with("/lease.json");
        assert_eq!(bytes.starts_with(b"MERIDIAN-SEALED-1\n"), !is_lease, "{key}");
        if !is_lease {
            assert_eq!(read(&opened, key).await.unwrap().unwrap(), key.as_bytes());
        }
    }
}

#[tokio::test]
async fn all_that_is_there_is_sealed() {
    let (memory, store) = with_clusters();
    let (identity, recipients) = person();
    let ways = [NewWrap::age(recipients)];
    let converted = encrypt(&store, &Secrets::new(), &ways).await.unwrap();
    assert_eq!(converted, Converted { sealed: 5, found_sealed: 0 });
    check(&memory, &store, &holding(&identity)).await;
    let before = memory.all();
    assert!(matches!(encrypt(&store, &Secrets::new(), &ways).await, Err(EnvelopeError::AlreadyEncrypted)));
    assert_eq!(memory.all(), before);
}

#[tokio::test]
async fn killed_at_any_call_it_can_be_read_and_finished() {
    let mut points = 0;
    for death in [Death::Before, Death::After] {
        for call in 0.. {
            let (memory, store) = with_clusters();
            let (identity, recipients) = person();
            let (secrets, ways) = (holding(&identity), [NewWrap::age(recipients)]);
            memory.die_at(call, death);
            let result = encrypt(&store, &secrets, &ways).await;
            if !memory.revive() {
                result.unwrap();
                break;
            }
            points += 1;
            assert!(result.is_err(), "{death:?} at {call}");
            // Whoever has the keys reads everything; if nothing was begun, so does whoever has none.
            let begun =
                Settings::load(store.as_ref()).await.unwrap().is_some_and(|it| it.settings.encryption.is_some());
            let opened = if begun { sealed(&store, &secrets) } else { sealed(&store, &Secrets::new()) };
            for key in [STATE, HISTORY, "clusters/other/state.json", JOURNAL] {
                assert_eq!(read(&opened, key).await.unwrap().unwrap(), key.as_bytes(), "{death:?} at {call}");
            }
            match encrypt(&store, &secrets, &ways).await {
                // The very last answer was lost.
                Ok(_) | Err(EnvelopeError::AlreadyEncrypted) => {}
                Err(error) => panic!("{death:?} at {call}: {}", whole(&error)),
            }
            check(&memory, &store, &secrets).await;
        }
    }
    assert!(points > 40, "{points}");
}

#[tokio::test]
async fn a_cluster_that_is_worked_on_is_left_alone() {
    let (memory, store) = with_clusters();
    let clusters = Clusters::new(Arc::clone(&store));
    let lease = clusters.acquire("other", ask()).await.unwrap();
    let (identity, recipients) = person();
    let (secrets, ways) = (holding(&identity), [NewWrap::age(recipients)]);
    let conversion = Conversion { secrets: &secrets, ways: &ways, owner: &owner(), is_dead: &|_| false };
    let error = convert(&store, &conversion).await.unwrap_err();
    assert!(matches!(&error, EnvelopeError::Lease { cluster, source }
        if cluster == "other" && matches!(**source, StateError::Held { .. })));
    assert_eq!(memory.all()[JOURNAL], JOURNAL.as_bytes());
    lease.release().await.unwrap();
    let converted = convert(&store, &conversion).await.unwrap();
    assert!(converted.sealed > 0 && converted.found_sealed > 0);
    check(&memory, &store, &secrets).await;
}

/// One who read that there is no encryption, and got his lease only after it was turned on.
#[tokio::test]
async fn who_takes_a_lease_after_it_seals() {
    let (memory, store) = with_clusters();
    // A key service is no sign of what the user expects.
    let early = sealed(&store, &services(false));
    assert!(read(&early, STATE).await.unwrap().is_some());
    encrypt(&store, &services(false), &[NewWrap::kms("fakekms", "k")]).await.unwrap();
    write(&early, "clusters/new/lease.json", b"lease").await;
    write(&early, "clusters/new/state.json", b"clusters/new/state.json").await;
    check(&memory, &store, &services(false)).await;

    // One who only reads finds the keys, too.
    let (memory, store) = with_clusters();
    let early = sealed(&store, &services(false));
    assert!(read(&early, STATE).await.unwrap().is_some());
    encrypt(&store, &services(false), &[NewWrap::kms("fakekms", "k")]).await.unwrap();
    assert_eq!(read(&early, STATE).await.unwrap().unwrap(), STATE.as_bytes());
    check(&memory, &store, &services(false)).await;
}

#[tokio::test]
async fn plain_objects_are_taken_while_it_is_going_on_and_new_ones_are_sealed() {
    let (memory, store) = with_clusters();
    let (identity, recipients) = person();
    let (secrets, ways) = (holding(&identity), [NewWrap::age(recipients)]);
    memory.die_at(3, Death::Before);
    encrypt(&store, &secrets, &ways).await.unwrap_err();
    memory.revive();
    let opened = sealed(&store, &secrets);
    assert_eq!(read(&opened, STATE).await.unwrap().unwrap(), STATE.as_bytes());
    write(&opened, "clusters/new/state.json", b"clusters/new/state.json").await;
    assert!(memory.all()["clusters/new/state.json"].starts_with(b"MERIDIAN-SEALED"));
}
