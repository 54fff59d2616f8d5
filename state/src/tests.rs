//! The protocol, on a directory.

use std::sync::Arc;

use meridian_engine::Address;
use meridian_engine::journal::{Entry, Journal as _};
use meridian_engine::state::{Intent, Record, State, Verb};

use crate::{Clusters, FileStore, Owner, StateError, StoreJournal};

fn owner(user: &str) -> Owner {
    Owner {
        user: user.into(),
        host: "h".into(),
        process: 1,
        process_space: String::new(),
        run_url: None,
        command: "create".into(),
    }
}

fn address(name: &str) -> Address {
    Address::new("demo_thing", name).unwrap()
}

fn made(name: &str) -> Entry {
    let record = Record { id: format!("id-{name}"), fields: [].into(), computed: [].into(), depends_on: [].into() };
    Entry::Made { address: address(name), record }
}

fn clusters(dir: &tempfile::TempDir) -> Clusters {
    Clusters::new(Arc::new(FileStore::new(dir.path())))
}

fn new_state() -> State {
    State::new("demo", "aws", "eu-west-1", "lineage".into())
}

#[tokio::test]
async fn a_journal_is_taken_in_and_dropped_with_the_next_write() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let lease = clusters.acquire("demo", owner("a"), &|_| false).await.unwrap();
    let first = clusters.write(&lease, &owner("a"), None, new_state()).await.unwrap();
    let journal = StoreJournal::new(&clusters, &first, &lease).unwrap();
    let intent = Intent { verb: Verb::Create, seed: "s".into() };
    journal.record(Entry::Intent { address: address("a"), intent: intent.clone() }).await.unwrap();
    journal.note(made("a"));
    journal.record(Entry::Intent { address: address("b"), intent }).await.unwrap();
    journal.flush().await.unwrap();

    let loaded = clusters.load("demo").await.unwrap().unwrap();
    assert!(loaded.interrupted);
    assert_eq!(loaded.state.resources.keys().collect::<Vec<_>>(), [&address("a")]);
    assert_eq!(loaded.state.intents.keys().collect::<Vec<_>>(), [&address("b")]);

    let written = clusters.write(&lease, &owner("a"), Some(&loaded), loaded.state.clone()).await.unwrap();
    assert_eq!(written.state.serial, 2);
    let again = clusters.load("demo").await.unwrap().unwrap();
    assert!(!again.interrupted);
    assert_eq!(again.state, written.state);
    assert_eq!(clusters.history("demo").await.unwrap().len(), 2);
    assert_eq!(clusters.at("demo", 1).await.unwrap().unwrap().resources.len(), 0);
}

#[tokio::test]
async fn a_lease_keeps_others_out_until_it_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let lease = clusters.acquire("demo", owner("a"), &|_| false).await.unwrap();
    let refused = clusters.acquire("demo", owner("b"), &|_| false).await.unwrap_err();
    assert!(matches!(refused, StateError::Held { owner, .. } if owner.user == "a"));
    assert_eq!(clusters.holder("demo").await.unwrap().unwrap().user, "a");
    lease.release().await.unwrap();
    let second = clusters.acquire("demo", owner("b"), &|_| false).await.unwrap();
    assert_eq!(second.fence, 2);
    let third = clusters.acquire("demo", owner("c"), &|holder| holder.user == "b").await.unwrap();
    assert_eq!(third.fence, 3);
}

#[tokio::test]
async fn who_lost_the_lease_cannot_write_over_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let slow = clusters.acquire("demo", owner("slow"), &|_| false).await.unwrap();
    let first = clusters.write(&slow, &owner("slow"), None, new_state()).await.unwrap();
    clusters.unlock("demo").await.unwrap();
    let quick = clusters.acquire("demo", owner("quick"), &|_| false).await.unwrap();
    clusters.write(&quick, &owner("quick"), Some(&first), first.state.clone()).await.unwrap();
    let late = clusters.write(&slow, &owner("slow"), Some(&first), first.state.clone()).await;
    assert!(late.is_err());
    assert_eq!(clusters.history("demo").await.unwrap().last().unwrap().written_by.user, "quick");
}

#[tokio::test]
async fn what_is_damaged_or_newer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let lease = clusters.acquire("demo", owner("a"), &|_| false).await.unwrap();
    clusters.write(&lease, &owner("a"), None, new_state()).await.unwrap();
    let path = dir.path().join("clusters/demo/state.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"format_version\": 1", "\"format_version\": 99", 1)).unwrap();
    assert!(matches!(clusters.load("demo").await, Err(StateError::Format { found: 99, .. })));
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(matches!(clusters.load("demo").await, Err(StateError::Damaged { .. })));
    assert!(matches!(clusters.load("../demo").await, Err(StateError::Name { .. })));
}

#[tokio::test]
async fn a_history_entry_that_a_crash_swallowed_is_made_good() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let lease = clusters.acquire("demo", owner("a"), &|_| false).await.unwrap();
    let first = clusters.write(&lease, &owner("a"), None, new_state()).await.unwrap();
    for entry in std::fs::read_dir(dir.path().join("clusters/demo/history")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    clusters.write(&lease, &owner("a"), Some(&first), first.state.clone()).await.unwrap();
    let serials: Vec<_> = clusters.history("demo").await.unwrap().iter().map(|entry| entry.serial).collect();
    assert_eq!(serials, [1, 2]);
}

#[tokio::test]
async fn who_lost_the_lease_begins_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let clusters = clusters(&dir);
    let lease = clusters.acquire("demo", owner("slow"), &|_| false).await.unwrap();
    let first = clusters.write(&lease, &owner("slow"), None, new_state()).await.unwrap();
    let journal = StoreJournal::new(&clusters, &first, &lease).unwrap();
    let intent = || Entry::Intent { address: address("a"), intent: Intent { verb: Verb::Create, seed: "s".into() } };
    journal.record(intent()).await.unwrap();
    lease.expire().await;
    assert!(journal.record(intent()).await.is_err());
    // What was in flight may still be written down.
    journal.note(made("a"));
    journal.flush().await.unwrap();
}
